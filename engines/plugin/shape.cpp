// Checks of a problem, and the packing of weights: plain C++ for kernels, plugin and tests alike.
#include "deform_conv.h"
#include "sampling.h"
#include "tile.h"

using namespace lpsr;

namespace {

// The size that a convolution leaves of `size` must be at least one; its far padding is the caller's, in the offsets.
bool positive(const LpsrShape& shape) {
    const int32_t least_one[] = {shape.batch,         shape.channels,     shape.height,      shape.width,
                                 shape.out_channels,  shape.out_height,   shape.out_width,   shape.kernel_height,
                                 shape.kernel_width,  shape.stride_y,     shape.stride_x,    shape.dilation_y,
                                 shape.dilation_x,    shape.groups,       shape.offset_groups};
    for (const int32_t value : least_one) {
        if (value < 1) return false;
    }
    return shape.pad_top >= 0 && shape.pad_left >= 0;
}

bool below(double value) { return value < 2147483648.0; }

}  // namespace

LpsrStatus lpsrCheckShape(const LpsrShape* shape) {
    if (!positive(*shape)) return LPSR_BAD_SHAPE;
    if (shape->channels % shape->groups || shape->out_channels % shape->groups) return LPSR_BAD_SHAPE;
    if (shape->channels % shape->offset_groups) return LPSR_BAD_SHAPE;
    const double in = static_cast<double>(shape->batch) * shape->height * shape->width;
    const double out = static_cast<double>(shape->batch) * shape->out_height * shape->out_width;
    const double taps = static_cast<double>(shape->kernel_height) * shape->kernel_width;
    const double weights = static_cast<double>(shape->channels + 16) * (shape->out_channels + 8.0 * shape->groups) * taps;
    const bool countable = below(in) && below(out * taps * 3 * shape->offset_groups) && below(weights);
    return countable ? LPSR_OK : LPSR_BAD_SHAPE;
}

LpsrStatus lpsrCheckProblem(const LpsrProblem* problem) {
    const bool half = problem->type == LPSR_FLOAT16;
    if (problem->layout == LPSR_PACKED8 && !half) return LPSR_BAD_SHAPE;
    if (problem->offset_type != LPSR_FLOAT32 && problem->offset_type != problem->type) return LPSR_BAD_SHAPE;
    if (problem->shape.raw && problem->mask) return LPSR_BAD_SHAPE;
    return lpsrCheckShape(&problem->shape);
}

size_t lpsrPackedWeights(const LpsrShape* shape) { return weight_row(*shape, shape->groups, 0, 0); }

void lpsrPackWeights(const LpsrShape* shape, const float* weight, float* packed) {
    memset(packed, 0, lpsrPackedWeights(shape) * sizeof(float));
    const int32_t channels = shape->channels / shape->groups, outputs = shape->out_channels / shape->groups;
    for (int32_t output = 0; output < shape->out_channels; ++output) {
        const int32_t group = output / outputs;
        for (int32_t channel = 0; channel < channels; ++channel) {
            for (int32_t tap = 0; tap < taps(*shape); ++tap) {
                const size_t at = weight_row(*shape, group, tap, channel / 2) + 2 * (output % outputs) + channel % 2;
                packed[at] = weight[(static_cast<size_t>(output) * channels + channel) * taps(*shape) + tap];
            }
        }
    }
}

int32_t lpsrTactics(const LpsrProblem* problem, int32_t sm, int32_t* tactics, int32_t capacity) {
    int32_t found = 0;
    for (int32_t tactic = 0; tactic < kTactics; ++tactic) {
        if ((tactic > 0 && sm < 80) || !fits(*problem, tactic)) continue;
        if (found < capacity) tactics[found] = tactic;
        ++found;
    }
    return found;
}

int32_t lpsrTacticCount(void) { return kTactics; }

int32_t lpsrChooseTactic(const LpsrProblem* problem, int32_t sm) {
    constexpr int32_t kBlocks = 64;
    if (sm < 80) return 0;
    int32_t chosen = 0;
    const int32_t from_large[] = {7, 6, 4, 5, 3, 1};
    for (const int32_t tactic : from_large) {
        if (!fits(*problem, tactic)) continue;
        chosen = tactic;
        const bool enough = with_tile(tactic, [&](auto tile) {
            // A tile wider than the output multiplies by padding.
            const bool narrow = tile.kColumns <= rounded_up(packed_outputs(problem->shape), 32);
            return narrow && tile.blocks_x(problem->shape) * tile.blocks_y(problem->shape) >= kBlocks;
        });
        if (enough) return chosen;
    }
    // Too few blocks whatever the tile: a few plates, whose taps are shared out among warps.
    const int32_t by_taps[] = {9, 8};
    for (const int32_t tactic : by_taps) {
        const int32_t splits = with_tile(tactic, [](auto tile) { return tile.kSplits; });
        if (taps(problem->shape) >= splits && fits(*problem, tactic)) return tactic;
    }
    return chosen;
}
