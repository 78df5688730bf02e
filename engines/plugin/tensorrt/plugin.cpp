#include "plugin.h"

#include <cuda_runtime_api.h>

#include <exception>

#include "log.h"

namespace lpsr {

using namespace nvinfer1;

namespace {

constexpr int32_t kFailed = -1;

// Nothing may be thrown through TensorRT.
template <class Run, class Result>
Result guarded(Run run, Result failed) noexcept {
    try {
        return run();
    } catch (const std::exception& error) {
        log_error(error.what());
        return failed;
    }
}

int32_t failed(const std::string& why) {
    log_error(why);
    return kFailed;
}

std::string sizes(const Dims& dims) {
    std::string text = "[";
    for (int32_t each = 0; each < dims.nbDims; ++each) text += (each ? ", " : "") + std::to_string(dims.d[each]);
    return text + "]";
}

// Compute capability of the current GPU, as 86 for 8.6; 0 without one.
int32_t current_sm() {
    int device = 0, major = 0, minor = 0;
    if (cudaGetDevice(&device) != cudaSuccess) return 0;
    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
    cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
    return 10 * major + minor;
}

}  // namespace

DeformConvPlugin::DeformConvPlugin(const Attributes& attributes) : attributes_(attributes), text_(attributes.text()) {}

IPluginCapability* DeformConvPlugin::getCapabilityInterface(PluginCapabilityType type) noexcept {
    switch (type) {
        case PluginCapabilityType::kCORE: return static_cast<IPluginV3OneCore*>(this);
        case PluginCapabilityType::kBUILD: return static_cast<IPluginV3OneBuild*>(this);
        case PluginCapabilityType::kRUNTIME: return static_cast<IPluginV3OneRuntime*>(this);
    }
    return nullptr;
}

IPluginV3* DeformConvPlugin::clone() noexcept {
    return guarded(
        [&]() -> IPluginV3* {
            auto copy = new DeformConvPlugin(attributes_);
            copy->configured_ = configured_;
            copy->tactic_ = tactic_;
            copy->sm_ = sm_;
            return copy;
        },
        static_cast<IPluginV3*>(nullptr));
}

IPluginV3* DeformConvPlugin::attachToContext(IPluginResourceContext*) noexcept { return clone(); }

LpsrProblem DeformConvPlugin::problem(PluginTensorDesc const* in) const {
    LpsrProblem problem{};
    problem.shape = attributes_.shape(in[0].dims, in[2].dims);
    problem.type = in[0].type == DataType::kHALF ? LPSR_FLOAT16 : LPSR_FLOAT32;
    problem.offset_type = in[2].type == DataType::kHALF ? LPSR_FLOAT16 : LPSR_FLOAT32;
    problem.layout = in[0].format == TensorFormat::kHWC8 ? LPSR_PACKED8 : LPSR_LINEAR;
    return problem;
}

int32_t DeformConvPlugin::configurePlugin(DynamicPluginTensorDesc const* in, int32_t inputs,
                                          DynamicPluginTensorDesc const*, int32_t) noexcept {
    return guarded(
        [&] {
            if (inputs != attributes_.inputs()) {
                return failed("takes " + std::to_string(attributes_.inputs()) + " inputs here, not " + std::to_string(inputs));
            }
            // The sizes of the optimum: tactics are timed for them.
            PluginTensorDesc wanted[3];
            for (int32_t each = 0; each < 3; ++each) {
                wanted[each] = in[each].desc;
                wanted[each].dims = in[each].opt;
            }
            configured_ = problem(wanted);
            sm_ = current_sm();
            return 0;
        },
        kFailed);
}

int32_t DeformConvPlugin::getOutputDataTypes(DataType* types, int32_t outputs, DataType const* in,
                                             int32_t inputs) const noexcept {
    if (outputs != 1 || inputs != attributes_.inputs()) return kFailed;
    types[0] = in[0];
    return 0;
}

int32_t DeformConvPlugin::getOutputShapes(DimsExprs const* in, int32_t inputs, DimsExprs const*, int32_t,
                                          DimsExprs* out, int32_t outputs, IExprBuilder& builder) noexcept {
    if (outputs != 1 || inputs != attributes_.inputs()) return kFailed;
    if (in[0].nbDims != 4 || in[2].nbDims != 4) return failed("x and offset have four dimensions");
    out[0].nbDims = 4;
    out[0].d[0] = in[0].d[0];
    out[0].d[1] = builder.constant(attributes_.out_channels);
    out[0].d[2] = in[2].d[2];
    out[0].d[3] = in[2].d[3];
    return 0;
}

bool DeformConvPlugin::supportsFormatCombination(int32_t position, DynamicPluginTensorDesc const* tensors,
                                                 int32_t inputs, int32_t outputs) noexcept {
    if (inputs != attributes_.inputs() || outputs != 1 || position < 0 || position > inputs) return false;
    const PluginTensorDesc& asked = tensors[position].desc;
    const PluginTensorDesc& x = tensors[0].desc;
    const bool linear = asked.format == TensorFormat::kLINEAR;
    const bool half = asked.type == DataType::kHALF, single = asked.type == DataType::kFLOAT;
    if (position == 0) return (linear && (single || half)) || (half && asked.format == TensorFormat::kHWC8);
    if (position == inputs) return asked.type == x.type && asked.format == x.format;
    if (!linear) return false;
    if (position == 1) return asked.type == x.type;
    if (position == 2) return single || asked.type == x.type;
    if (attributes_.has_mask && position == attributes_.mask_input()) return asked.type == tensors[2].desc.type;
    return single;  // bias
}

std::vector<int32_t> DeformConvPlugin::tactics() const {
    int32_t found[16];
    const int32_t count = lpsrTactics(&configured_, sm_, found, 16);
    if (count < 2) return {};  // one way only: nothing to time
    std::vector<int32_t> made;
    for (int32_t each = 0; each < count; ++each) made.push_back(found[each] == 0 ? kPlainTactic : found[each]);
    return made;
}

int32_t DeformConvPlugin::getNbTactics() noexcept {
    return guarded([&] { return static_cast<int32_t>(tactics().size()); }, 0);
}

int32_t DeformConvPlugin::getValidTactics(int32_t* wanted, int32_t count) noexcept {
    return guarded(
        [&] {
            const std::vector<int32_t> found = tactics();
            if (count != static_cast<int32_t>(found.size())) return kFailed;
            for (int32_t each = 0; each < count; ++each) wanted[each] = found[each];
            return 0;
        },
        kFailed);
}

int32_t DeformConvPlugin::setTactic(int32_t tactic) noexcept {
    return guarded(
        [&] {
            if (tactic != kPlainTactic && (tactic < 0 || tactic >= lpsrTacticCount())) {
                return failed("has no tactic " + std::to_string(tactic));
            }
            tactic_ = tactic;
            return 0;
        },
        kFailed);
}

int32_t DeformConvPlugin::onShapeChange(PluginTensorDesc const* in, int32_t inputs, PluginTensorDesc const*,
                                        int32_t) noexcept {
    return guarded(
        [&] {
            if (inputs != attributes_.inputs()) return kFailed;
            const LpsrProblem found = problem(in);
            const LpsrShape& shape = found.shape;
            if (lpsrCheckProblem(&found) != LPSR_OK) {
                return failed("cannot run x " + sizes(in[0].dims) + " with offset " + sizes(in[2].dims) + " and " + text_);
            }
            const int32_t samples = shape.offset_groups * shape.kernel_height * shape.kernel_width;
            const int32_t wanted = (shape.raw ? 3 : 2) * samples;
            const bool offset_fits = in[2].dims.d[0] == shape.batch && in[2].dims.d[1] == wanted;
            if (!offset_fits) return failed("offset " + sizes(in[2].dims) + " must have " + std::to_string(wanted) + " channels");
            if (attributes_.has_mask) {
                const Dims& mask = in[attributes_.mask_input()].dims;
                const bool fits = mask.nbDims == 4 && mask.d[0] == shape.batch && mask.d[1] == samples &&
                                  mask.d[2] == shape.out_height && mask.d[3] == shape.out_width;
                if (!fits) return failed("mask " + sizes(mask) + " must be of offset's size with " + std::to_string(samples) + " channels");
            }
            size_t weights = 1;
            for (int32_t each = 0; each < in[1].dims.nbDims; ++each) weights *= static_cast<size_t>(in[1].dims.d[each]);
            if (weights != lpsrPackedWeights(&shape)) {
                return failed("packed weights " + sizes(in[1].dims) + " must hold " + std::to_string(lpsrPackedWeights(&shape)) + " values");
            }
            if (attributes_.has_bias && in[attributes_.bias_input()].dims.d[0] != attributes_.out_channels) {
                return failed("bias must have out_channels values");
            }
            sm_ = current_sm();
            return 0;
        },
        kFailed);
}

int32_t DeformConvPlugin::enqueue(PluginTensorDesc const* in, PluginTensorDesc const*, void const* const* inputs,
                                  void* const* outputs, void*, cudaStream_t stream) noexcept {
    return guarded(
        [&] {
            LpsrProblem found = problem(in);
            found.x = inputs[0];
            found.weight = inputs[1];
            found.offset = inputs[2];
            found.mask = attributes_.has_mask ? inputs[attributes_.mask_input()] : nullptr;
            found.bias = attributes_.has_bias ? static_cast<const float*>(inputs[attributes_.bias_input()]) : nullptr;
            found.y = outputs[0];
            if (sm_ == 0) sm_ = current_sm();
            int32_t tactic = tactic_ == kPlainTactic ? 0 : tactic_;
            if (tactic_ == kChosenTactic) tactic = lpsrChooseTactic(&found, sm_);
            const LpsrStatus status = lpsrDeformConv(&found, tactic, sm_, stream);
            if (status == LPSR_OK) return 0;
            if (status == LPSR_LAUNCH_FAILED) return failed(cudaGetErrorString(cudaGetLastError()));
            return failed("tactic " + std::to_string(tactic_) + " cannot run x " + sizes(in[0].dims) + " with " + text_);
        },
        kFailed);
}

PluginFieldCollection const* DeformConvPlugin::getFieldsToSerialize() noexcept {
    return guarded(
        [&]() -> PluginFieldCollection const* {
            fields_ = attributes_.fields();
            collection_ = {static_cast<int32_t>(fields_.size()), fields_.data()};
            return &collection_;
        },
        static_cast<PluginFieldCollection const*>(nullptr));
}

DeformConvCreator::DeformConvCreator() {
    for (const PluginField& field : Attributes().fields()) fields_.emplace_back(field.name, nullptr, field.type, field.length);
    collection_ = {static_cast<int32_t>(fields_.size()), fields_.data()};
}

IPluginV3* DeformConvCreator::createPlugin(char const*, PluginFieldCollection const* fields, TensorRTPhase) noexcept {
    return guarded(
        [&]() -> IPluginV3* {
            Attributes attributes;
            std::string why;
            if (!fields || !Attributes::read(*fields, attributes, why)) {
                log_error("not created: " + (fields ? why : std::string("no fields")));
                return nullptr;
            }
            return new DeformConvPlugin(attributes);
        },
        static_cast<IPluginV3*>(nullptr));
}

}  // namespace lpsr
