// LpsrDeformConv as TensorRT sees it. One source from TensorRT 10.3 to 11; one binary for each major version.
//
// Inputs: x [N, C, H, W]; packed weights (see lpsrPackWeights), of x's type; offset; mask, when has_mask; bias of FP32,
// when has_bias. Offset and mask are of x's type, or FP32. When raw, offset holds the mask before its sigmoid, too.
#pragma once

#include <NvInferRuntime.h>

#include "attributes.h"

namespace lpsr {

// TensorRT keeps number 0 for a tactic of its own naming; here it means that the plugin chooses.
constexpr int32_t kChosenTactic = 0;
constexpr int32_t kPlainTactic = 100;

class DeformConvPlugin final : public nvinfer1::IPluginV3,
                               public nvinfer1::IPluginV3OneCore,
                               public nvinfer1::IPluginV3OneBuild,
                               public nvinfer1::IPluginV3OneRuntime {
public:
    explicit DeformConvPlugin(const Attributes& attributes);

    // IPluginV3
    nvinfer1::IPluginCapability* getCapabilityInterface(nvinfer1::PluginCapabilityType type) noexcept override;
    nvinfer1::IPluginV3* clone() noexcept override;

    // IPluginV3OneCore
    char const* getPluginName() const noexcept override { return kPluginName; }
    char const* getPluginVersion() const noexcept override { return kPluginVersion; }
    char const* getPluginNamespace() const noexcept override { return kPluginNamespace; }

    // IPluginV3OneBuild
    int32_t configurePlugin(nvinfer1::DynamicPluginTensorDesc const* in, int32_t inputs,
                            nvinfer1::DynamicPluginTensorDesc const* out, int32_t outputs) noexcept override;
    int32_t getOutputDataTypes(nvinfer1::DataType* types, int32_t outputs, nvinfer1::DataType const* in,
                               int32_t inputs) const noexcept override;
    int32_t getOutputShapes(nvinfer1::DimsExprs const* in, int32_t inputs, nvinfer1::DimsExprs const* shape_inputs,
                            int32_t shapes, nvinfer1::DimsExprs* out, int32_t outputs,
                            nvinfer1::IExprBuilder& builder) noexcept override;
    bool supportsFormatCombination(int32_t position, nvinfer1::DynamicPluginTensorDesc const* tensors, int32_t inputs,
                                   int32_t outputs) noexcept override;
    int32_t getNbOutputs() const noexcept override { return 1; }
    int32_t getNbTactics() noexcept override;
    int32_t getValidTactics(int32_t* tactics, int32_t count) noexcept override;
    char const* getTimingCacheID() noexcept override { return text_.c_str(); }
    char const* getMetadataString() noexcept override { return text_.c_str(); }

    // IPluginV3OneRuntime
    int32_t setTactic(int32_t tactic) noexcept override;
    int32_t onShapeChange(nvinfer1::PluginTensorDesc const* in, int32_t inputs, nvinfer1::PluginTensorDesc const* out,
                          int32_t outputs) noexcept override;
    int32_t enqueue(nvinfer1::PluginTensorDesc const* in, nvinfer1::PluginTensorDesc const* out,
                    void const* const* inputs, void* const* outputs, void* workspace,
                    cudaStream_t stream) noexcept override;
    nvinfer1::IPluginV3* attachToContext(nvinfer1::IPluginResourceContext* context) noexcept override;
    nvinfer1::PluginFieldCollection const* getFieldsToSerialize() noexcept override;

private:
    LpsrProblem problem(nvinfer1::PluginTensorDesc const* in) const;
    std::vector<int32_t> tactics() const;

    Attributes attributes_;
    std::string text_;
    std::vector<nvinfer1::PluginField> fields_;
    nvinfer1::PluginFieldCollection collection_{};
    LpsrProblem configured_{};  // sizes, types and layout that the builder last asked about
    int32_t tactic_ = kChosenTactic;
    int32_t sm_ = 0;  // of the GPU; 0 until one is asked for
};

class DeformConvCreator final : public nvinfer1::IPluginCreatorV3One {
public:
    DeformConvCreator();
    nvinfer1::IPluginV3* createPlugin(char const* name, nvinfer1::PluginFieldCollection const* fields,
                                      nvinfer1::TensorRTPhase phase) noexcept override;
    nvinfer1::PluginFieldCollection const* getFieldNames() noexcept override { return &collection_; }
    char const* getPluginName() const noexcept override { return kPluginName; }
    char const* getPluginVersion() const noexcept override { return kPluginVersion; }
    char const* getPluginNamespace() const noexcept override { return kPluginNamespace; }

private:
    std::vector<nvinfer1::PluginField> fields_;
    nvinfer1::PluginFieldCollection collection_{};
};

}  // namespace lpsr
