// The tensor-core path: a block finds a tile of kRows output pixels by kColumns output channels.
//
//   1. Every place of the tile, tap and offset group, once, into shared memory: all channels share them.
//   2. Steps over taps, and over the channels in chunks. A thread fetches 8 channels of one pixel's four corners (four
//      loads of 16 bytes), blends them in FP32 and puts the halves into tile A, which is double-buffered: the loads of
//      the next step are under way while tensor cores multiply this one.
//   3. B comes straight from the packed weights, two channels to a register; blocks share them through the caches.
//   4. Bias and ReLU on the FP32 sums, and halves out, two channels to a store.
//
// Where there are too few pixels for the GPU, a block's taps are shared out among `splits` gangs of warps, each with tiles
// A of its own; their sums meet in shared memory, in the gangs' order.
//
// No im2col: a gathered value lives in shared memory for one step. Tile A's rows are 8 halves apart from a multiple of
// 16, so that the 32 lanes of a fragment's load meet 32 banks.
//
// Each function is what one thread does, given its number, so that the host can run the same code thread by thread.
#pragma once

#include "mma.h"
#include "sampling.h"

namespace lpsr {

// `splits` gangs of warps_m x warps_n warps, each warp with 16 pixels and `tiles` times 8 output channels. Functions that
// take a number `thread` but for locate_all mean the number within its gang.
template <int warps_m, int warps_n, int tiles, int splits = 1>
struct Tile {
    static constexpr int kSplits = splits;
    static constexpr int kWarpsN = warps_n;
    static constexpr int kTiles = tiles;
    static constexpr int kGang = 32 * warps_m * warps_n;
    static constexpr int kThreads = kGang * splits;
    static constexpr int kRows = 16 * warps_m;
    static constexpr int kColumns = 8 * tiles * warps_n;
    static constexpr int kChunk = 16 * warps_n;  // channels a step: eight for each thread
    static constexpr int kPitch = kChunk + 8;

    // What a thread carries from one phase to the next.
    struct Fetched {
        Half8 corner[4];
        Place place;
    };
    struct Sums {
        FragmentD part[tiles];
    };

    struct Step {
        int32_t gang, tap, base, parity;
        LPSR_HD void next(const LpsrShape& shape) {
            base += kChunk;
            parity ^= 1;
            if (base >= shape.channels) { base = 0; tap += splits; }
        }
        // Gangs take as many steps as the one with the most taps, and do nothing in those that they do not have.
        LPSR_HD bool real(const LpsrShape& shape) const { return splits == 1 || tap < taps(shape); }
    };
    static LPSR_HD Step first_step(int32_t gang) { return Step{gang, gang, 0, 0}; }

    // Bytes of shared memory: two tiles A a gang and the places; and when those are done with, the gangs' sums.
    static LPSR_HD size_t shared_bytes(const LpsrShape& shape) {
        const size_t work = splits * 2 * sizeof(Half) * kRows * kPitch + sizeof(Place) * kRows * taps(shape) * shape.offset_groups;
        const size_t sums = (splits - 1) * kGang * sizeof(Sums);
        return work > sums ? work : sums;
    }
    static LPSR_HD Half* tile_a(void* shared, Step step) {
        return static_cast<Half*>(shared) + (2 * step.gang + step.parity) * kRows * kPitch;
    }
    static LPSR_HD Place* places(void* shared) {
        return reinterpret_cast<Place*>(static_cast<Half*>(shared) + 2 * splits * kRows * kPitch);
    }

    static LPSR_HD int32_t chunks(const LpsrShape& shape) { return (shape.channels + kChunk - 1) / kChunk; }
    static LPSR_HD int32_t steps(const LpsrShape& shape) { return (taps(shape) + splits - 1) / splits * chunks(shape); }
    static LPSR_HD int32_t blocks_x(const LpsrShape& shape) { return (pixels(shape) + kRows - 1) / kRows; }
    static LPSR_HD int32_t blocks_y(const LpsrShape& shape) { return (packed_outputs(shape) + kColumns - 1) / kColumns; }

    template <class Offset>
    static LPSR_HD void locate_all(const LpsrProblem& problem, void* shared, int32_t block_x, int thread) {
        const LpsrShape& shape = problem.shape;
        const int32_t count = kRows * taps(shape) * shape.offset_groups;
        for (int32_t each = thread; each < count; each += kThreads) {
            const int32_t row = each % kRows, tap = each / kRows % taps(shape), group = each / kRows / taps(shape);
            // Rows beyond the last pixel repeat it; what they find is not stored.
            const int32_t pixel = block_x * kRows + row, last = pixels(shape) - 1;
            places(shared)[each] = locate<Offset>(problem, pixel < last ? pixel : last, tap, group);
        }
    }

    static LPSR_HD void fetch(const LpsrProblem& problem, void* shared, Step step, int thread, int32_t group, Fetched& fetched) {
        const LpsrShape& shape = problem.shape;
        const int row = thread / (kChunk / 8);
        const int32_t channel = step.base + thread % (kChunk / 8) * 8;
        const bool there = channel < shape.channels;
        if (shape.offset_groups > 1 && there) group = channel / (shape.channels / shape.offset_groups);
        fetched.place = places(shared)[(group * taps(shape) + step.tap) * kRows + row];
        const Half* x = static_cast<const Half*>(problem.x);
        const int32_t padded = rounded_up(shape.channels, 8);
        for (int corner = 0; corner < 4; ++corner) {
            const int32_t index = there ? fetched.place.index[corner] : -1;
            if (index >= 0) {
                fetched.corner[corner] = *reinterpret_cast<const Half8*>(x + static_cast<size_t>(index) * padded + channel);
            } else {
                for (int each = 0; each < 8; ++each) fetched.corner[corner].value[each].bits = 0;
            }
        }
    }

    static LPSR_HD void put(const LpsrProblem& problem, void* shared, Step step, int thread, const Fetched& fetched) {
        const LpsrShape& shape = problem.shape;
        const int row = thread / (kChunk / 8), first = thread % (kChunk / 8) * 8;
        const int32_t channel = step.base + first;
        Half8 blended;
        for (int each = 0; each < 8; ++each) {
            float value = 0.0f;
            for (int corner = 0; corner < 4; ++corner) {
                value += fetched.place.weight[corner] * to_float(fetched.corner[corner].value[each]);
            }
            // Padding between the last channel and a multiple of 8 may hold anything.
            from_float(channel + each < shape.channels ? value : 0.0f, blended.value[each]);
        }
        *reinterpret_cast<Half8*>(tile_a(shared, step) + row * kPitch + first) = blended;
    }

    // Products of 16 channels that a step has; the last chunk may be short.
    static LPSR_HD int products(const LpsrShape& shape, Step step) {
        const int32_t left = rounded_up(shape.channels, 16) - step.base;
        return (left < kChunk ? left : kChunk) / 16;
    }

    static LPSR_HD FragmentA load_a(void* shared, Step step, int product, int thread) {
        const int lane = thread % 32, warp_m = thread / 32 / warps_n;
        const Half* corner = tile_a(shared, step) + (16 * warp_m + lane / 4) * kPitch + 16 * product + 2 * (lane % 4);
        FragmentA a;
        for (int part = 0; part < 4; ++part) {
            memcpy(&a.pair[part], corner + 8 * (part % 2) * kPitch + 8 * (part / 2), sizeof a.pair[part]);
        }
        return a;
    }

    // The thread's own column and row of the packed weights: what of load_b does not change.
    static LPSR_HD const uint32_t* weights(const LpsrProblem& problem, int32_t block_y, int thread) {
        const int lane = thread % 32, warp_n = thread / 32 % warps_n;
        return static_cast<const uint32_t*>(problem.weight) + block_y * kColumns + 8 * tiles * warp_n + lane / 4 +
               static_cast<size_t>(lane % 4) * rounded_up(shape_out(problem), 8);
    }
    static LPSR_HD int32_t shape_out(const LpsrProblem& problem) { return problem.shape.out_channels; }

    static LPSR_HD FragmentB load_b(const uint32_t* weights, int32_t row, int32_t outputs, int32_t first, int tile) {
        FragmentB b = {};
        if (first + 8 * tile >= outputs) return b;
        b.pair[0] = weights[row * outputs + 8 * tile];
        b.pair[1] = weights[(row + 4) * outputs + 8 * tile];
        return b;
    }

    // The sums of a gang but the first, for `collect`; lanes side by side.
    static LPSR_HD void leave(void* shared, int32_t gang, int thread, const Sums& sums) {
        float* there = static_cast<float*>(shared) + (gang - 1) * kGang * tiles * 4 + thread;
        for (int each = 0; each < tiles * 4; ++each) there[each * kGang] = sums.part[each / 4].value[each % 4];
    }
    static LPSR_HD void collect(const void* shared, int thread, Sums& sums) {
        const float* there = static_cast<const float*>(shared) + thread;
        for (int each = 0; each < (splits - 1) * tiles * 4; ++each) {
            sums.part[each / 4 % tiles].value[each % 4] += there[each * kGang];
        }
    }

    static LPSR_HD void store(const LpsrProblem& problem, int32_t block_x, int32_t block_y, int thread, const Sums& sums) {
        const LpsrShape& shape = problem.shape;
        const int lane = thread % 32, warp_m = thread / 32 / warps_n, warp_n = thread / 32 % warps_n;
        Half* y = static_cast<Half*>(problem.y);
        for (int tile = 0; tile < tiles; ++tile) {
            const int32_t column = block_y * kColumns + 8 * (tiles * warp_n + tile) + 2 * (lane % 4);
            if (column >= packed_outputs(shape)) break;
            for (int lower = 0; lower < 2; ++lower) {
                const int32_t pixel = block_x * kRows + 16 * warp_m + lane / 4 + 8 * lower;
                if (pixel >= pixels(shape)) break;
                Half pair[2];
                for (int each = 0; each < 2; ++each) {
                    // Padding of the output becomes zero: its weights are.
                    const bool real = column + each < shape.out_channels;
                    const float bias = problem.bias && real ? problem.bias[column + each] : 0.0f;
                    from_float(rectified(shape, sums.part[tile].value[2 * lower + each] + bias), pair[each]);
                }
                *reinterpret_cast<uint32_t*>(y + static_cast<size_t>(pixel) * packed_outputs(shape) + column) = pair[0].bits | (static_cast<uint32_t>(pair[1].bits) << 16);
            }
        }
    }
};

// Tactics by number; 0 is the plain path. More pixels and channels a tile reuse more, fewer leave more blocks to share.
using Tile1 = Tile<1, 1, 4>;  // 16 x 32
using Tile2 = Tile<1, 4, 1>;  // 16 x 32, four warps
using Tile3 = Tile<2, 2, 2>;  // 32 x 32
using Tile4 = Tile<2, 2, 4>;  // 32 x 64
using Tile5 = Tile<4, 1, 4>;  // 64 x 32
using Tile6 = Tile<4, 1, 8>;  // 64 x 64
using Tile7 = Tile<4, 2, 8>;  // 64 x 128
using Tile8 = Tile<1, 1, 4, 3>;  // 16 x 32, three gangs of a warp: three taps each of 3x3
using Tile9 = Tile<1, 1, 4, 9>;  // 16 x 32, nine gangs of a warp: a tap each
constexpr int32_t kTactics = 10;

// Calls `run` with the tile of a tactic of 1 .. 9, and returns what it returns.
template <class Run>
auto with_tile(int32_t tactic, Run run) {
    switch (tactic) {
        case 1: return run(Tile1());
        case 2: return run(Tile2());
        case 3: return run(Tile3());
        case 4: return run(Tile4());
        case 5: return run(Tile5());
        case 6: return run(Tile6());
        case 7: return run(Tile7());
        case 8: return run(Tile8());
        default: return run(Tile9());
    }
}

// Shared memory that every GPU gives a block without being asked.
constexpr size_t kSharedBytes = 48 * 1024;

// Whether a problem can be tiled at all, and by this tactic.
inline bool fits(const LpsrProblem& problem, int32_t tactic) {
    const LpsrShape& shape = problem.shape;
    if (tactic == 0) return true;
    if (tactic < 0 || tactic >= kTactics) return false;
    if (problem.layout != LPSR_PACKED8 || problem.type != LPSR_FLOAT16 || shape.groups != 1) return false;
    // Eight channels must lie in one offset group.
    if (shape.offset_groups > 1 && shape.channels / shape.offset_groups % 8 != 0) return false;
    return with_tile(tactic, [&](auto tile) { return tile.shared_bytes(shape) <= kSharedBytes; });
}

}  // namespace lpsr
