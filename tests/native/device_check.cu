// The kernels on a GPU against the reference in double precision, without Python: small enough for compute-sanitizer.
//
//   device_check [PROBLEMS] [SEED]
//
// Random problems of every type, layout and tactic. Each tensor is an allocation of its own and exactly as large as the
// interface says, so that memcheck sees one byte too far; what is written must replace a NaN everywhere.
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "deform_conv.h"
#include "number.h"
#include "reference.h"

namespace {

void must(cudaError_t status, const char* what) {
    if (status == cudaSuccess) return;
    std::printf("error: %s: %s\n", what, cudaGetErrorString(status));
    std::exit(1);
}

// A tensor of halves or floats on the device.
struct Tensor {
    Tensor(const std::vector<float>& values, LpsrType type) : half(type == LPSR_FLOAT16), count(values.size()) {
        std::vector<lpsr::Half> halves(half ? count : 0);
        for (size_t each = 0; each < halves.size(); ++each) lpsr::from_float(values[each], halves[each]);
        must(cudaMalloc(&device, bytes()), "cudaMalloc");
        const void* from = half ? static_cast<const void*>(halves.data()) : values.data();
        must(cudaMemcpy(device, from, bytes(), cudaMemcpyHostToDevice), "copy to the device");
    }
    Tensor(const Tensor&) = delete;
    Tensor& operator=(const Tensor&) = delete;
    ~Tensor() { cudaFree(device); }
    size_t bytes() const { return count * (half ? 2 : 4); }
    void poison() { must(cudaMemset(device, 0xff, bytes()), "cudaMemset"); }  // NaN in either type
    std::vector<float> fetch() const {
        std::vector<float> values(count);
        std::vector<lpsr::Half> halves(half ? count : 0);
        void* to = half ? static_cast<void*>(halves.data()) : values.data();
        must(cudaMemcpy(to, device, bytes(), cudaMemcpyDeviceToHost), "copy to the host");
        for (size_t each = 0; each < halves.size(); ++each) values[each] = lpsr::to_float(halves[each]);
        return values;
    }
    bool half;
    size_t count;
    void* device = nullptr;
};

struct Random {
    explicit Random(unsigned seed) : engine(seed) {}
    int below(int count) { return static_cast<int>(engine() % static_cast<unsigned>(count)); }
    std::vector<float> normal(size_t count, float scale) {
        std::normal_distribution<float> draw(0.0f, scale);
        std::vector<float> values(count);
        for (float& value : values) {
            lpsr::Half rounded;
            lpsr::from_float(draw(engine), rounded);  // what both types hold
            value = lpsr::to_float(rounded);
        }
        return values;
    }
    std::mt19937 engine;
};

LpsrShape random_shape(Random& random) {
    for (;;) {
        const int some[] = {1, 1, 2, 4};
        LpsrShape s{};
        s.groups = some[random.below(4)];
        s.offset_groups = some[random.below(4)];
        s.batch = 1 + random.below(3);
        s.channels = 4 * (1 + random.below(18));
        s.out_channels = 4 * (1 + random.below(18));
        s.height = 3 + random.below(7);
        s.width = 3 + random.below(11);
        s.kernel_height = 1 + random.below(3);
        s.kernel_width = 1 + random.below(3);
        s.stride_y = 1 + random.below(2);
        s.stride_x = 1 + random.below(2);
        s.dilation_y = 1 + random.below(2);
        s.dilation_x = 1 + random.below(2);
        s.pad_top = random.below(3);
        s.pad_left = random.below(3);
        s.relu = random.below(3) == 0;
        s.out_height = (s.height + 2 * s.pad_top - s.dilation_y * (s.kernel_height - 1) - 1) / s.stride_y + 1;
        s.out_width = (s.width + 2 * s.pad_left - s.dilation_x * (s.kernel_width - 1) - 1) / s.stride_x + 1;
        if (lpsrCheckShape(&s) == LPSR_OK) return s;
    }
}

// [N, C, plane] to [N, plane, C rounded up to 8]; the padding holds NaN.
std::vector<float> packed(const std::vector<float>& values, int batch, int channels, int plane) {
    const int padded = (channels + 7) / 8 * 8;
    std::vector<float> made(static_cast<size_t>(batch) * plane * padded, NAN);
    for (int n = 0; n < batch; ++n) {
        for (int c = 0; c < channels; ++c) {
            for (int at = 0; at < plane; ++at) {
                made[(static_cast<size_t>(n) * plane + at) * padded + c] = values[(static_cast<size_t>(n) * channels + c) * plane + at];
            }
        }
    }
    return made;
}

std::vector<double> doubles(const std::vector<float>& values) { return {values.begin(), values.end()}; }

struct Case {
    LpsrShape shape;
    std::vector<float> x, weight, offset, mask, bias;
    std::vector<double> wanted;
};

// With the mask behind the offsets in their tensor.
Case together(Case c) {
    const size_t each = c.mask.size() / c.shape.batch;
    std::vector<float> both;
    for (int n = 0; n < c.shape.batch; ++n) {
        both.insert(both.end(), c.offset.begin() + 2 * n * each, c.offset.begin() + 2 * (n + 1) * each);
        both.insert(both.end(), c.mask.begin() + n * each, c.mask.begin() + (n + 1) * each);
    }
    c.offset = both;
    c.mask.clear();
    return c;
}

Case random_case(Random& random) {
    Case c;
    c.shape = random_shape(random);
    const LpsrShape& s = c.shape;
    const size_t taps = static_cast<size_t>(s.kernel_height) * s.kernel_width, out = static_cast<size_t>(s.out_height) * s.out_width;
    const size_t fan = static_cast<size_t>(s.channels / s.groups) * taps, samples = s.batch * s.offset_groups * taps * out;
    c.x = random.normal(static_cast<size_t>(s.batch) * s.channels * s.height * s.width, 1.0f);
    c.weight = random.normal(s.out_channels * fan, 1.0f / std::sqrt(static_cast<float>(fan)));
    c.offset = random.normal(2 * samples, 2.0f);
    if (random.below(5)) c.mask = random.normal(samples, 1.0f);
    c.shape.raw = !c.mask.empty() && random.below(2);
    if (random.below(5)) c.bias = random.normal(s.out_channels, 1.0f);
    c.wanted.resize(static_cast<size_t>(s.batch) * s.out_channels * out);
    std::vector<double> mask = doubles(c.mask);
    const std::vector<double> bias = doubles(c.bias);
    if (s.raw) {
        for (double& value : mask) value = 1 / (1 + std::exp(-value));
    }
    lpsrReference(&s, doubles(c.x).data(), doubles(c.weight).data(), doubles(c.offset).data(), mask.empty() ? nullptr : mask.data(),
                  bias.empty() ? nullptr : bias.data(), c.wanted.data());
    if (s.raw) c = together(c);
    return c;
}

// Largest difference from the reference, relative to its largest value; infinite where a value is missing.
double apart(const Case& c, const std::vector<float>& y, LpsrLayout layout) {
    const LpsrShape& s = c.shape;
    const int plane = s.out_height * s.out_width, padded = (s.out_channels + 7) / 8 * 8;
    double largest = 1.0, worst = 0.0;
    for (const double value : c.wanted) largest = std::max(largest, std::fabs(value));
    for (int n = 0; n < s.batch; ++n) {
        for (int o = 0; o < s.out_channels; ++o) {
            for (int at = 0; at < plane; ++at) {
                const size_t linear = (static_cast<size_t>(n) * s.out_channels + o) * plane + at;
                const size_t place = layout == LPSR_LINEAR ? linear : (static_cast<size_t>(n) * plane + at) * padded + o;
                const double difference = std::fabs(y[place] - c.wanted[linear]);
                worst = difference <= worst ? worst : std::isnan(difference) ? INFINITY : difference;
            }
        }
    }
    return worst / largest;
}

struct Kind {
    LpsrType type, offset_type;
    LpsrLayout layout;
    double tolerance;
};

}  // namespace

int main(int count, char** arguments) {
    const int problems = count > 1 ? std::atoi(arguments[1]) : 40;
    Random random(count > 2 ? static_cast<unsigned>(std::atoi(arguments[2])) : 1u);
    cudaDeviceProp gpu;
    must(cudaGetDeviceProperties(&gpu, 0), "no GPU");
    const int sm = 10 * gpu.major + gpu.minor;
    const Kind kinds[] = {{LPSR_FLOAT32, LPSR_FLOAT32, LPSR_LINEAR, 1e-5},  {LPSR_FLOAT16, LPSR_FLOAT16, LPSR_LINEAR, 1.5e-3},
                          {LPSR_FLOAT16, LPSR_FLOAT32, LPSR_LINEAR, 1.5e-3}, {LPSR_FLOAT16, LPSR_FLOAT16, LPSR_PACKED8, 1.5e-3},
                          {LPSR_FLOAT16, LPSR_FLOAT32, LPSR_PACKED8, 1.5e-3}};
    int launches = 0, wrong = 0;
    double worst = 0.0;
    for (int each = 0; each < problems; ++each) {
        const Case c = random_case(random);
        const LpsrShape& s = c.shape;
        std::vector<float> weight(lpsrPackedWeights(&s));
        lpsrPackWeights(&s, c.weight.data(), weight.data());
        for (const Kind& kind : kinds) {
            const bool linear = kind.layout == LPSR_LINEAR;
            const int padded = (s.out_channels + 7) / 8 * 8, plane = s.out_height * s.out_width;
            const Tensor x(linear ? c.x : packed(c.x, s.batch, s.channels, s.height * s.width), kind.type), w(weight, kind.type);
            const Tensor offset(c.offset, kind.offset_type), mask(c.mask, kind.offset_type), bias(c.bias, LPSR_FLOAT32);
            Tensor y(std::vector<float>(static_cast<size_t>(s.batch) * plane * (linear ? s.out_channels : padded)), kind.type);
            const LpsrProblem problem{s,        kind.type,     kind.offset_type, kind.layout, x.device,
                                      w.device, offset.device, c.mask.empty() ? nullptr : mask.device,
                                      c.bias.empty() ? nullptr : static_cast<const float*>(bias.device), y.device};
            std::vector<int32_t> tactics(static_cast<size_t>(lpsrTacticCount()));
            tactics.resize(static_cast<size_t>(lpsrTactics(&problem, sm, tactics.data(), lpsrTacticCount())));
            for (const int32_t tactic : tactics) {
                y.poison();
                const LpsrStatus status = lpsrDeformConv(&problem, tactic, sm, nullptr);
                must(cudaDeviceSynchronize(), "the kernel");
                const double found = status == LPSR_OK ? apart(c, y.fetch(), kind.layout) : INFINITY;
                ++launches;
                worst = std::max(worst, found);
                if (found <= kind.tolerance) continue;
                ++wrong;
                std::printf("problem %d, tactic %d, type %d, offsets %d, layout %d: status %d, %.3g from the reference (N %d, C %d, "
                            "%dx%d, Co %d, kernel %dx%d, groups %d, offset groups %d)\n",
                            each, tactic, kind.type, kind.offset_type, kind.layout, status, found, s.batch, s.channels, s.height,
                            s.width, s.out_channels, s.kernel_height, s.kernel_width, s.groups, s.offset_groups);
            }
        }
    }
    std::printf("%s (sm_%d): %d problems, %d launches, %d wrong, largest difference %.3g\n", gpu.name, sm, problems, launches, wrong,
                worst);
    return wrong ? 1 : 0;
}
