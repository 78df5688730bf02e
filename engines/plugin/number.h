// Half precision on the device and, bit for bit the same, on the host.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__CUDACC__)
#include <cuda_fp16.h>
#define LPSR_HD __host__ __device__ __forceinline__
#else
#define LPSR_HD inline
#endif

namespace lpsr {

struct Half {
    uint16_t bits;
};

// Eight channels of one pixel: what a thread loads at once.
struct alignas(16) Half8 {
    Half value[8];
};

LPSR_HD uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

LPSR_HD float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

LPSR_HD float to_float(float value) { return value; }

LPSR_HD float to_float(Half half) {
#if defined(__CUDA_ARCH__)
    return __half2float(__ushort_as_half(half.bits));
#else
    const uint32_t sign = static_cast<uint32_t>(half.bits & 0x8000u) << 16;
    const uint32_t exponent = (half.bits >> 10) & 31u, fraction = half.bits & 1023u;
    if (exponent == 31) return float_of(sign | 0x7f800000u | (fraction << 13));
    if (exponent == 0) {  // a subnormal: its fraction counts units of 2^-24
        const float small = static_cast<float>(fraction) * (1.0f / 16777216.0f);
        return sign ? -small : small;
    }
    return float_of(sign | ((exponent + 112u) << 23) | (fraction << 13));
#endif
}

LPSR_HD void from_float(float value, float& result) { result = value; }

LPSR_HD void from_float(float value, Half& result) {
#if defined(__CUDA_ARCH__)
    result.bits = __half_as_ushort(__float2half_rn(value));
#else
    const uint32_t bits = bits_of(value);
    const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
    const uint32_t size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) {
        result.bits = 0x7fffu;  // what the device makes of any NaN
    } else if (size >= 0x477ff000u) {
        result.bits = sign | 0x7c00u;  // 65520 and more round to infinity
    } else if (size < 0x38800000u) {
        // Below 2^-14: adding 0.5 leaves units of 2^-24 in the lowest bits, rounded half to even.
        result.bits = sign | static_cast<uint16_t>(bits_of(float_of(size) + 0.5f) - bits_of(0.5f));
    } else {
        const uint32_t even = size + 0xfffu + ((size >> 13) & 1u);
        result.bits = sign | static_cast<uint16_t>((even >> 13) - (112u << 10));
    }
#endif
}

}  // namespace lpsr
