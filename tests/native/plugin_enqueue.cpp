// The plugin's own enqueue on a GPU, without TensorRT's library: what TensorRT would hand it, in every tactic, against the
// reference in double precision. Built on request, where TensorRT's headers are.
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "number.h"
#include "reference.h"
#include "tensorrt/plugin.h"

using namespace nvinfer1;
using namespace lpsr;

namespace {

constexpr double kTolerance = 1.5e-3;

void must(cudaError_t status, const char* what) {
    if (status == cudaSuccess) return;
    std::printf("error: %s: %s\n", what, cudaGetErrorString(status));
    std::exit(1);
}

std::mt19937 engine(7);

std::vector<float> normal(size_t count, float scale) {
    std::normal_distribution<float> draw(0.0f, scale);
    std::vector<float> values(count);
    for (float& value : values) {
        Half rounded;
        from_float(draw(engine), rounded);
        value = to_float(rounded);
    }
    return values;
}

void* halves_on_device(const std::vector<float>& values) {
    std::vector<Half> halves(values.size());
    for (size_t each = 0; each < values.size(); ++each) from_float(values[each], halves[each]);
    void* there = nullptr;
    must(cudaMalloc(&there, halves.size() * sizeof(Half)), "cudaMalloc");
    must(cudaMemcpy(there, halves.data(), halves.size() * sizeof(Half), cudaMemcpyHostToDevice), "copy to the device");
    return there;
}

PluginTensorDesc tensor(std::vector<int32_t> sizes, TensorFormat format = TensorFormat::kLINEAR, DataType type = DataType::kHALF) {
    PluginTensorDesc made{};
    made.dims.nbDims = static_cast<int32_t>(sizes.size());
    for (size_t each = 0; each < sizes.size(); ++each) made.dims.d[each] = sizes[each];
    made.type = type;
    made.format = format;
    made.scale = 1;
    return made;
}

// [N, C, plane] to [N, plane, C]; C is a multiple of eight here.
std::vector<float> packed(const std::vector<float>& values, int batch, int channels, int plane) {
    std::vector<float> made(values.size());
    for (int n = 0; n < batch; ++n) {
        for (int c = 0; c < channels; ++c) {
            for (int at = 0; at < plane; ++at) {
                made[(static_cast<size_t>(n) * plane + at) * channels + c] = values[(static_cast<size_t>(n) * channels + c) * plane + at];
            }
        }
    }
    return made;
}

// A layer of the lite generator, as many plates as `batch`; how many tactics were wrong.
int check(int batch, bool raw, TensorFormat format) {
    constexpr int kChannels = 32, kOutputs = 32, kHeight = 4, kWidth = 12, kTaps = 9, kPlane = kHeight * kWidth;
    Attributes a;
    a.kernel_shape = {3, 3};
    a.strides = a.dilations = {1, 1};
    a.pads = {1, 1, 1, 1};
    a.group = a.offset_group = a.relu = 1;
    a.out_channels = kOutputs;
    a.has_mask = raw ? 0 : 1;
    a.raw = raw;
    const auto x = normal(static_cast<size_t>(batch) * kChannels * kPlane, 1.0f);
    const auto weight = normal(kOutputs * kChannels * kTaps, 0.06f);
    const auto predicted = normal(static_cast<size_t>(batch) * 3 * kTaps * kPlane, 1.0f);
    std::vector<float> offset, mask;
    for (int n = 0; n < batch; ++n) {
        const auto begin = predicted.begin() + n * 3 * kTaps * kPlane;
        offset.insert(offset.end(), begin, begin + 2 * kTaps * kPlane);
        mask.insert(mask.end(), begin + 2 * kTaps * kPlane, begin + 3 * kTaps * kPlane);
    }
    const PluginTensorDesc desc_x = tensor({batch, kChannels, kHeight, kWidth}, format);
    const PluginTensorDesc desc_offset = tensor({batch, (raw ? 3 : 2) * kTaps, kHeight, kWidth});
    const LpsrShape shape = a.shape(desc_x.dims, desc_offset.dims);
    std::vector<float> weights(lpsrPackedWeights(&shape));
    lpsrPackWeights(&shape, weight.data(), weights.data());
    const auto doubles = [](const std::vector<float>& values) { return std::vector<double>(values.begin(), values.end()); };
    std::vector<double> wanted(static_cast<size_t>(batch) * kOutputs * kPlane), gate = doubles(mask);
    if (raw) {
        for (double& value : gate) value = 1 / (1 + std::exp(-value));
    }
    lpsrReference(&shape, doubles(x).data(), doubles(weight).data(), doubles(offset).data(), gate.data(), nullptr, wanted.data());

    const bool linear = format == TensorFormat::kLINEAR;
    std::vector<PluginTensorDesc> in = {desc_x, tensor({kTaps, kChannels / 2, kOutputs, 2}), desc_offset};
    std::vector<void*> given = {halves_on_device(linear ? x : packed(x, batch, kChannels, kPlane)), halves_on_device(weights),
                                halves_on_device(raw ? predicted : offset)};
    if (!raw) {
        in.push_back(tensor({batch, kTaps, kHeight, kWidth}));
        given.push_back(halves_on_device(mask));
    }
    const int32_t inputs = static_cast<int32_t>(in.size());
    const PluginTensorDesc out = tensor({batch, kOutputs, kHeight, kWidth}, format);
    void* y = halves_on_device(std::vector<float>(wanted.size()));
    std::vector<DynamicPluginTensorDesc> dynamic(in.size());
    for (size_t each = 0; each < in.size(); ++each) {
        dynamic[each].desc = in[each];
        dynamic[each].min = dynamic[each].opt = dynamic[each].max = in[each].dims;
    }
    DeformConvPlugin plugin(a);
    int wrong = plugin.configurePlugin(dynamic.data(), inputs, nullptr, 1) != 0;
    wrong += plugin.onShapeChange(in.data(), inputs, &out, 1) != 0;
    std::vector<int32_t> tactics(static_cast<size_t>(plugin.getNbTactics()));
    wrong += plugin.getValidTactics(tactics.data(), static_cast<int32_t>(tactics.size())) != 0;
    tactics.push_back(kChosenTactic);
    cudaStream_t stream;
    must(cudaStreamCreate(&stream), "cudaStreamCreate");
    for (const int32_t tactic : tactics) {
        must(cudaMemset(y, 0xff, wanted.size() * sizeof(Half)), "cudaMemset");  // NaN
        // As an execution context does: a clone, its tactic, its shapes, then passes.
        std::unique_ptr<IPluginV3> clone(plugin.attachToContext(nullptr));
        auto& mine = static_cast<DeformConvPlugin&>(*clone);
        wrong += mine.setTactic(tactic) != 0 || mine.onShapeChange(in.data(), inputs, &out, 1) != 0;
        const int32_t status = mine.enqueue(in.data(), &out, given.data(), &y, nullptr, stream);
        must(cudaStreamSynchronize(stream), "enqueue");
        std::vector<Half> found(wanted.size());
        must(cudaMemcpy(found.data(), y, found.size() * sizeof(Half), cudaMemcpyDeviceToHost), "copy to the host");
        double worst = 0.0, largest = 1.0;
        for (int n = 0; n < batch; ++n) {
            for (int o = 0; o < kOutputs; ++o) {
                for (int at = 0; at < kPlane; ++at) {
                    const size_t place = (static_cast<size_t>(n) * kOutputs + o) * kPlane + at;
                    const size_t there = linear ? place : (static_cast<size_t>(n) * kPlane + at) * kOutputs + o;
                    const double apart = std::fabs(to_float(found[there]) - wanted[place]);
                    worst = apart <= worst ? worst : std::isnan(apart) ? INFINITY : apart;
                    largest = std::max(largest, std::fabs(wanted[place]));
                }
            }
        }
        const bool good = status == 0 && worst / largest <= kTolerance;
        if (!good) std::printf("batch %d, raw %d, tactic %d: status %d, %.3g from the reference\n", batch, raw, tactic, status, worst / largest);
        wrong += !good;
    }
    std::printf("batch %d, %s, %s: %zu tactics\n", batch, raw ? "raw" : "mask apart", linear ? "linear" : "packed", tactics.size());
    for (void* each : given) cudaFree(each);
    cudaFree(y);
    cudaStreamDestroy(stream);
    return wrong;
}

}  // namespace

int main() {
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
        std::printf("error: no GPU\n");
        return 2;
    }
    int wrong = 0;
    for (const int batch : {1, 16, 64}) {
        for (const bool raw : {false, true}) {
            for (const TensorFormat format : {TensorFormat::kLINEAR, TensorFormat::kHWC8}) wrong += check(batch, raw, format);
        }
    }
    std::printf("%d wrong\n", wrong);
    return wrong != 0;
}
