// Where a deformable convolution looks: one place for each output pixel, tap and offset group.
//
// Coordinates are FP32 whatever the data is. Half-precision coordinates, as TensorRT's stock plugin computes them, are
// exact to 1/32 of a pixel at 32 and cost a relative error of 1e-2 in the result.
#pragma once

#include <math.h>

#include "deform_conv.h"
#include "number.h"

namespace lpsr {

// Four neighbours and what each counts. A corner outside the picture has index -1: it is not read, since nothing that
// lies in memory may turn a weight of zero into NaN.
struct Place {
    int32_t index[4];  // pixel in [N, H, W]
    float weight[4];   // bilinear, times the mask
};

LPSR_HD Place locate(const LpsrShape& shape, int32_t image, float y, float x, float mask) {
    Place place;
    // False for NaN as well.
    const bool inside = y > -1.0f && y < static_cast<float>(shape.height) && x > -1.0f && x < static_cast<float>(shape.width);
    if (!inside) {
        for (int corner = 0; corner < 4; ++corner) {
            place.index[corner] = -1;
            place.weight[corner] = 0.0f;
        }
        return place;
    }
    const float top = floorf(y), left = floorf(x);
    const float down = y - top, right = x - left;
    const int32_t row = static_cast<int32_t>(top), column = static_cast<int32_t>(left);
    for (int corner = 0; corner < 4; ++corner) {
        const int32_t at_row = row + (corner >> 1), at_column = column + (corner & 1);
        const bool there = at_row >= 0 && at_row < shape.height && at_column >= 0 && at_column < shape.width;
        const float share_y = (corner >> 1) ? down : 1.0f - down, share_x = (corner & 1) ? right : 1.0f - right;
        place.index[corner] = there ? (image * shape.height + at_row) * shape.width + at_column : -1;
        place.weight[corner] = there ? share_y * share_x * mask : 0.0f;
    }
    return place;
}

LPSR_HD int32_t taps(const LpsrShape& shape) { return shape.kernel_height * shape.kernel_width; }

// Channels of the tensor that holds the offsets.
LPSR_HD int32_t offset_channels(const LpsrShape& shape) { return (shape.raw ? 3 : 2) * shape.offset_groups * taps(shape); }

LPSR_HD int32_t pixels(const LpsrShape& shape) { return shape.batch * shape.out_height * shape.out_width; }

// The place of output pixel `pixel` (in [N, OH, OW]) for one tap and offset group.
template <class Offset>
LPSR_HD Place locate(const LpsrProblem& problem, int32_t pixel, int32_t tap, int32_t offset_group) {
    const LpsrShape& shape = problem.shape;
    const int32_t plane = shape.out_height * shape.out_width;
    const int32_t image = pixel / plane, at = pixel - image * plane;
    const int32_t out_y = at / shape.out_width, out_x = at - out_y * shape.out_width;
    const int32_t tap_y = tap / shape.kernel_width, tap_x = tap - tap_y * shape.kernel_width;
    const int32_t samples = shape.offset_groups * taps(shape), sample = offset_group * taps(shape) + tap;
    const Offset* predicted = static_cast<const Offset*>(problem.offset) + static_cast<size_t>(image) * offset_channels(shape) * plane + at;
    const Offset* offset = predicted + static_cast<size_t>(2 * sample) * plane;
    const Offset* mask = static_cast<const Offset*>(problem.mask);
    float gate = 1.0f;
    if (shape.raw) {
        gate = 1.0f / (1.0f + expf(-to_float(predicted[static_cast<size_t>(2 * samples + sample) * plane])));
    } else if (mask) {
        gate = to_float(mask[(static_cast<size_t>(image) * samples + sample) * plane + at]);
    }
    const float y = static_cast<float>(out_y * shape.stride_y - shape.pad_top + tap_y * shape.dilation_y) + to_float(offset[0]);
    const float x = static_cast<float>(out_x * shape.stride_x - shape.pad_left + tap_x * shape.dilation_x) + to_float(offset[plane]);
    return locate(shape, image, y, x, gate);
}

// NaN stays NaN, as in ONNX.
LPSR_HD float rectified(const LpsrShape& shape, float value) { return shape.relu && value < 0.0f ? 0.0f : value; }

LPSR_HD int32_t rounded_up(int32_t value, int32_t to) { return (value + to - 1) / to * to; }

// Channels of a group, and of its output, in the packed weights.
LPSR_HD int32_t packed_channels(const LpsrShape& shape) { return rounded_up(shape.channels / shape.groups, 16); }
LPSR_HD int32_t packed_outputs(const LpsrShape& shape) { return rounded_up(shape.out_channels / shape.groups, 8); }

// Where the packed weights of a tap, a pair of channels and the output channel 0 of a group begin.
LPSR_HD size_t weight_row(const LpsrShape& shape, int32_t group, int32_t tap, int32_t pair) {
    const size_t row = (static_cast<size_t>(group) * taps(shape) + tap) * (packed_channels(shape) / 2) + pair;
    return row * packed_outputs(shape) * 2;
}

}  // namespace lpsr
