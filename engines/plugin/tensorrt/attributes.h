// What a LpsrDeformConv node says of itself: fields in, fields out.
#pragma once

#include <NvInferRuntime.h>

#include <array>
#include <string>
#include <vector>

#include "../deform_conv.h"

namespace lpsr {

constexpr char kPluginName[] = "LpsrDeformConv";
constexpr char kPluginVersion[] = "1";
constexpr char kPluginNamespace[] = "lpsr";

struct Attributes {
    std::array<int32_t, 2> kernel_shape{}, strides{}, dilations{};
    std::array<int32_t, 4> pads{};  // top, left, bottom, right
    int32_t group{}, offset_group{}, out_channels{}, relu{}, has_mask{}, has_bias{}, raw{};

    // Reads fields; every one must be there, of INT32 and of its length. On failure `why` says which is wrong.
    static bool read(const nvinfer1::PluginFieldCollection& fields, Attributes& attributes, std::string& why);

    // Fields that point into these attributes, which must outlive them.
    std::vector<nvinfer1::PluginField> fields() const;

    // Everything in one line: the identity of two plugins that behave alike.
    std::string text() const;

    int32_t inputs() const { return 3 + (has_mask ? 1 : 0) + (has_bias ? 1 : 0); }
    int32_t mask_input() const { return 3; }
    int32_t bias_input() const { return 3 + (has_mask ? 1 : 0); }

    // The kernel's shape for tensors of these sizes.
    LpsrShape shape(const nvinfer1::Dims& x, const nvinfer1::Dims& offset) const;
};

}  // namespace lpsr
