// One product of tensor cores: D[16][8] += A[16][16] * B[16][8], halves in, floats out, by the 32 lanes of a warp.
//
// What each lane holds (PTX ISA, mma.m16n8k16; g = lane / 4, t = lane % 4), two halves to a register:
//   A: rows g, g + 8, g, g + 8 at columns 2t, 2t, 2t + 8, 2t + 8
//   B: column g at rows 2t, 2t + 8
//   D: row g at columns 2t and 2t + 1, row g + 8 at columns 2t and 2t + 1
#pragma once

#include "number.h"

namespace lpsr {

struct FragmentA {
    uint32_t pair[4];
};

struct FragmentB {
    uint32_t pair[2];
};

struct FragmentD {
    float value[4];
};

#if defined(__CUDACC__)
__device__ __forceinline__ void multiply(FragmentD& d, const FragmentA& a, const FragmentB& b) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d.value[0]), "+f"(d.value[1]), "+f"(d.value[2]), "+f"(d.value[3])
        : "r"(a.pair[0]), "r"(a.pair[1]), "r"(a.pair[2]), "r"(a.pair[3]), "r"(b.pair[0]), "r"(b.pair[1]));
#endif
}
#endif

// The same on the host, for the 32 lanes at once.
inline void multiply_on_host(FragmentD* d, const FragmentA* a, const FragmentB* b) {
    float left[16][16], right[16][8];
    auto half_of = [](uint32_t pair, int upper) { return to_float(Half{static_cast<uint16_t>(pair >> (16 * upper))}); };
    for (int lane = 0; lane < 32; ++lane) {
        const int g = lane / 4, t = lane % 4;
        for (int part = 0; part < 4; ++part) {
            for (int upper = 0; upper < 2; ++upper) {
                left[g + 8 * (part % 2)][2 * t + 8 * (part / 2) + upper] = half_of(a[lane].pair[part], upper);
            }
        }
        for (int part = 0; part < 2; ++part) {
            for (int upper = 0; upper < 2; ++upper) right[2 * t + 8 * part + upper][g] = half_of(b[lane].pair[part], upper);
        }
    }
    for (int lane = 0; lane < 32; ++lane) {
        const int g = lane / 4, t = lane % 4;
        for (int part = 0; part < 4; ++part) {
            const int row = g + 8 * (part / 2), column = 2 * t + part % 2;
            for (int k = 0; k < 16; ++k) d[lane].value[part] += left[row][k] * right[k][column];
        }
    }
}

}  // namespace lpsr
