// The plain path: each thread finds a few output channels of one pixel. Runs every shape, type and layout.
#pragma once

#include "sampling.h"

namespace lpsr {

// Output channels of one thread; they share what it gathers.
constexpr int32_t kPlainOutputs = 8;

LPSR_HD int32_t plain_parts(const LpsrShape& shape) { return packed_outputs(shape) / kPlainOutputs; }

// Threads that a problem takes.
LPSR_HD int64_t plain_threads(const LpsrShape& shape) {
    return static_cast<int64_t>(pixels(shape)) * shape.groups * plain_parts(shape);
}

template <class Number>
LPSR_HD float blend(const LpsrProblem& problem, const Place& place, int32_t channel) {
    const LpsrShape& shape = problem.shape;
    const Number* x = static_cast<const Number*>(problem.x);
    const int32_t plane = shape.height * shape.width, padded = rounded_up(shape.channels, 8);
    float value = 0.0f;
    for (int corner = 0; corner < 4; ++corner) {
        const int32_t index = place.index[corner];
        if (index < 0) continue;
        size_t at = static_cast<size_t>(index) * padded + channel;
        if (problem.layout == LPSR_LINEAR) {
            const int32_t image = index / plane;
            at = (static_cast<size_t>(image) * shape.channels + channel) * plane + (index - image * plane);
        }
        value += place.weight[corner] * to_float(x[at]);
    }
    return value;
}

template <class Number>
LPSR_HD void plain_store(const LpsrProblem& problem, int32_t pixel, int32_t channel, float value) {
    const LpsrShape& shape = problem.shape;
    const int32_t plane = shape.out_height * shape.out_width;
    size_t at = static_cast<size_t>(pixel) * rounded_up(shape.out_channels, 8) + channel;
    if (problem.layout == LPSR_LINEAR) {
        const int32_t image = pixel / plane;
        at = (static_cast<size_t>(image) * shape.out_channels + channel) * plane + (pixel - image * plane);
    }
    from_float(rectified(shape, value), static_cast<Number*>(problem.y)[at]);
}

// What thread `thread` of `plain_threads` does.
template <class Number, class Offset>
LPSR_HD void plain_outputs(const LpsrProblem& problem, int64_t thread) {
    const LpsrShape& shape = problem.shape;
    // Neighbouring threads take neighbouring pixels, so that linear pictures are read and written in runs.
    const int32_t pixel = static_cast<int32_t>(thread % pixels(shape));
    const int32_t part = static_cast<int32_t>(thread / pixels(shape));
    const int32_t group = part / plain_parts(shape), first = part % plain_parts(shape) * kPlainOutputs;
    const int32_t outputs = shape.out_channels / shape.groups, channels = shape.channels / shape.groups;
    const int32_t each = shape.channels / shape.offset_groups;
    const Number* weight = static_cast<const Number*>(problem.weight);
    float sums[kPlainOutputs] = {};
    for (int32_t tap = 0; tap < taps(shape); ++tap) {
        int32_t channel = group * channels;
        const int32_t end = channel + channels;
        while (channel < end) {  // one offset group after the other
            const int32_t offset_group = channel / each;
            const int32_t stop = end < (offset_group + 1) * each ? end : (offset_group + 1) * each;
            const Place place = locate<Offset>(problem, pixel, tap, offset_group);
            for (; channel < stop; ++channel) {
                const float value = blend<Number>(problem, place, channel);
                const int32_t inner = channel - group * channels;
                const Number* row = weight + weight_row(shape, group, tap, inner / 2) + 2 * first + inner % 2;
                for (int output = 0; output < kPlainOutputs; ++output) sums[output] += value * to_float(row[2 * output]);
            }
        }
    }
    for (int output = 0; output < kPlainOutputs; ++output) {
        if (first + output >= outputs) break;
        const int32_t channel = group * outputs + first + output;
        plain_store<Number>(problem, pixel, channel, sums[output] + (problem.bias ? problem.bias[channel] : 0.0f));
    }
    if (problem.layout == LPSR_PACKED8 && group == shape.groups - 1 && first + kPlainOutputs >= outputs) {
        for (int32_t channel = shape.out_channels; channel < rounded_up(shape.out_channels, 8); ++channel) {
            plain_store<Number>(problem, pixel, channel, 0.0f);
        }
    }
}

}  // namespace lpsr
