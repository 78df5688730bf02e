// The kernels and their launch. What a thread does is in plain.h and tile.h.
#include <cuda_runtime.h>

#include "deform_conv.h"
#include "plain.h"
#include "tile.h"

namespace lpsr {
namespace {

constexpr int kPlainThreads = 128;

template <class Number, class Offset>
__global__ void __launch_bounds__(kPlainThreads) plain_kernel(const LpsrProblem problem) {
    const int64_t thread = static_cast<int64_t>(blockIdx.x) * kPlainThreads + threadIdx.x;
    if (thread < plain_threads(problem.shape)) plain_outputs<Number, Offset>(problem, thread);
}

template <class T, class Offset>
__global__ void __launch_bounds__(T::kThreads) tile_kernel(const LpsrProblem problem) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    extern __shared__ uint4 shared[];
    const int thread = static_cast<int>(threadIdx.x);
    const int32_t block_x = static_cast<int32_t>(blockIdx.x), block_y = static_cast<int32_t>(blockIdx.y);
    T::template locate_all<Offset>(problem, shared, block_x, thread);
    __syncthreads();
    const int32_t gang = T::kSplits == 1 ? 0 : thread / T::kGang;
    const int own = T::kSplits == 1 ? thread : thread % T::kGang;
    typename T::Fetched fetched;
    typename T::Step step = T::first_step(gang), ahead = step;
    if (step.real(problem.shape)) {
        T::fetch(problem, shared, step, own, 0, fetched);
        T::put(problem, shared, step, own, fetched);
    }
    ahead.next(problem.shape);
    __syncthreads();
    typename T::Sums sums = {};
    const int32_t steps = T::steps(problem.shape), outputs = rounded_up(problem.shape.out_channels, 8);
    const int32_t rows = rounded_up(problem.shape.channels, 16) / 2;
    const uint32_t* weights = T::weights(problem, block_y, own);
    const int32_t first = block_y * T::kColumns + 8 * T::kTiles * (own / 32 % T::kWarpsN);
    for (int32_t left = steps; left > 0; --left) {
        const bool more = left > 1 && ahead.real(problem.shape);
        if (more) T::fetch(problem, shared, ahead, own, 0, fetched);
        const int products = step.real(problem.shape) ? T::products(problem.shape, step) : 0;
        const int32_t row = step.tap * rows + step.base / 2;
        for (int product = 0; product < products; ++product) {
            const FragmentA a = T::load_a(shared, step, product, own);
#pragma unroll
            for (int tile = 0; tile < T::kTiles; ++tile) {
                multiply(sums.part[tile], a, T::load_b(weights, row + 8 * product, outputs, first, tile));
            }
        }
        if (more) T::put(problem, shared, ahead, own, fetched);
        step = ahead;
        ahead.next(problem.shape);
        __syncthreads();
    }
    if constexpr (T::kSplits > 1) {
        if (gang > 0) T::leave(shared, gang, own, sums);
        __syncthreads();
        if (gang > 0) return;
        T::collect(shared, own, sums);
    }
    T::store(problem, block_x, block_y, own, sums);
#endif
}

template <class Number, class Offset>
void launch_plain(const LpsrProblem& problem, cudaStream_t stream) {
    const int64_t blocks = (plain_threads(problem.shape) + kPlainThreads - 1) / kPlainThreads;
    plain_kernel<Number, Offset><<<static_cast<unsigned>(blocks), kPlainThreads, 0, stream>>>(problem);
}

template <class Offset>
void launch_tile(const LpsrProblem& problem, int32_t tactic, cudaStream_t stream) {
    with_tile(tactic, [&](auto tile) {
        using T = decltype(tile);
        const dim3 blocks(static_cast<unsigned>(T::blocks_x(problem.shape)), static_cast<unsigned>(T::blocks_y(problem.shape)));
        tile_kernel<T, Offset><<<blocks, T::kThreads, T::shared_bytes(problem.shape), stream>>>(problem);
    });
}

}  // namespace
}  // namespace lpsr

LpsrStatus lpsrDeformConv(const LpsrProblem* problem, int32_t tactic, int32_t sm, void* stream) {
    using namespace lpsr;
    if (lpsrCheckProblem(problem) != LPSR_OK) return LPSR_BAD_SHAPE;
    if (!fits(*problem, tactic) || (tactic > 0 && sm < 80)) return LPSR_BAD_TACTIC;
    const cudaStream_t on = static_cast<cudaStream_t>(stream);
    const bool half = problem->type == LPSR_FLOAT16, half_offset = problem->offset_type == LPSR_FLOAT16;
    if (tactic > 0) {
        half_offset ? launch_tile<Half>(*problem, tactic, on) : launch_tile<float>(*problem, tactic, on);
    } else if (half) {
        half_offset ? launch_plain<Half, Half>(*problem, on) : launch_plain<Half, float>(*problem, on);
    } else {
        launch_plain<float, float>(*problem, on);
    }
    return cudaPeekAtLastError() == cudaSuccess ? LPSR_OK : LPSR_LAUNCH_FAILED;
}
