// The kernels' own functions on the host. Each phase that the device ends with __syncthreads is a loop over threads.
#include <vector>

#include "plain.h"
#include "reference.h"
#include "tile.h"

namespace lpsr {
namespace {

template <class Number, class Offset>
void run_plain(const LpsrProblem& problem) {
    for (int64_t thread = 0; thread < plain_threads(problem.shape); ++thread) plain_outputs<Number, Offset>(problem, thread);
}

// Shared memory begins as NaN: what a block reads without having written shows.
std::vector<Half8> poisoned(size_t bytes) {
    Half8 nan;
    for (Half& value : nan.value) value.bits = 0x7fff;
    return std::vector<Half8>(bytes / sizeof(Half8) + 1, nan);
}

// The products of a gang's step; `sums` are its threads'.
template <class T>
void multiply_step(const LpsrProblem& problem, void* shared, typename T::Step step, int32_t block_y, typename T::Sums* sums) {
    const int32_t rows = rounded_up(problem.shape.channels, 16) / 2, outputs = rounded_up(problem.shape.out_channels, 8);
    for (int product = 0; product < T::products(problem.shape, step); ++product) {
        for (int warp = 0; warp < T::kGang / 32; ++warp) {
            for (int tile = 0; tile < T::kTiles; ++tile) {
                FragmentA a[32];
                FragmentB b[32];
                FragmentD d[32];
                const int32_t first = block_y * T::kColumns + 8 * T::kTiles * (warp % T::kWarpsN);
                for (int lane = 0; lane < 32; ++lane) {
                    a[lane] = T::load_a(shared, step, product, 32 * warp + lane);
                    b[lane] = T::load_b(T::weights(problem, block_y, 32 * warp + lane),
                                        step.tap * rows + step.base / 2 + 8 * product, outputs, first, tile);
                    d[lane] = sums[32 * warp + lane].part[tile];
                }
                multiply_on_host(d, a, b);
                for (int lane = 0; lane < 32; ++lane) sums[32 * warp + lane].part[tile] = d[lane];
            }
        }
    }
}

template <class T, class Offset>
void run_block(const LpsrProblem& problem, int32_t block_x, int32_t block_y) {
    std::vector<Half8> memory = poisoned(T::shared_bytes(problem.shape));
    void* shared = memory.data();
    std::vector<typename T::Fetched> fetched(T::kThreads);
    std::vector<typename T::Sums> sums(T::kThreads, typename T::Sums{});
    auto each_thread = [](auto phase) {
        for (int thread = 0; thread < T::kThreads; ++thread) phase(thread);
    };
    std::vector<typename T::Step> step, ahead;
    for (int32_t gang = 0; gang < T::kSplits; ++gang) step.push_back(T::first_step(gang));
    ahead = step;
    auto prepare = [&] {
        each_thread([&](int thread) {
            const typename T::Step& at = ahead[thread / T::kGang];
            if (at.real(problem.shape)) T::fetch(problem, shared, at, thread % T::kGang, 0, fetched[thread]);
        });
        each_thread([&](int thread) {
            const typename T::Step& at = ahead[thread / T::kGang];
            if (at.real(problem.shape)) T::put(problem, shared, at, thread % T::kGang, fetched[thread]);
        });
    };
    each_thread([&](int thread) { T::template locate_all<Offset>(problem, shared, block_x, thread); });
    prepare();
    for (auto& each : ahead) each.next(problem.shape);
    for (int32_t left = T::steps(problem.shape); left > 0; --left) {
        if (left > 1) prepare();
        for (int32_t gang = 0; gang < T::kSplits; ++gang) {
            if (step[gang].real(problem.shape)) multiply_step<T>(problem, shared, step[gang], block_y, sums.data() + gang * T::kGang);
        }
        step = ahead;
        for (auto& each : ahead) each.next(problem.shape);
    }
    each_thread([&](int thread) {
        if (thread >= T::kGang) T::leave(shared, thread / T::kGang, thread % T::kGang, sums[thread]);
    });
    for (int thread = 0; thread < T::kGang; ++thread) {
        T::collect(shared, thread, sums[thread]);
        T::store(problem, block_x, block_y, thread, sums[thread]);
    }
}

template <class Offset>
void run_tiles(const LpsrProblem& problem, int32_t tactic) {
    with_tile(tactic, [&](auto tile) {
        using T = decltype(tile);
        for (int32_t y = 0; y < T::blocks_y(problem.shape); ++y) {
            for (int32_t x = 0; x < T::blocks_x(problem.shape); ++x) run_block<T, Offset>(problem, x, y);
        }
    });
}

}  // namespace
}  // namespace lpsr

LpsrStatus lpsrDeformConvOnHost(const LpsrProblem* problem, int32_t tactic) {
    using namespace lpsr;
    if (lpsrCheckProblem(problem) != LPSR_OK) return LPSR_BAD_SHAPE;
    if (!fits(*problem, tactic)) return LPSR_BAD_TACTIC;
    const bool half = problem->type == LPSR_FLOAT16, half_offset = problem->offset_type == LPSR_FLOAT16;
    if (tactic > 0) {
        half_offset ? run_tiles<Half>(*problem, tactic) : run_tiles<float>(*problem, tactic);
    } else if (half) {
        half_offset ? run_plain<Half, Half>(*problem) : run_plain<Half, float>(*problem);
    } else {
        run_plain<float, float>(*problem);
    }
    return LPSR_OK;
}
