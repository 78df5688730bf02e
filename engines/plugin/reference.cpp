// Written from the definition, and shares nothing with the kernels.
#include "reference.h"

#include <cmath>

namespace {

// The picture at (y, x), bilinear, and zero outside. A corner that counts nothing is not looked at.
double at(const double* plane, int height, int width, double y, double x) {
    if (!(y > -1 && y < height && x > -1 && x < width)) return 0;
    const double top = std::floor(y), left = std::floor(x);
    double value = 0;
    for (int down = 0; down < 2; ++down) {
        for (int right = 0; right < 2; ++right) {
            const int row = static_cast<int>(top) + down, column = static_cast<int>(left) + right;
            if (row < 0 || row >= height || column < 0 || column >= width) continue;
            const double share = (down ? y - top : 1 - (y - top)) * (right ? x - left : 1 - (x - left));
            value += share * plane[row * width + column];
        }
    }
    return value;
}

}  // namespace

LpsrStatus lpsrReference(const LpsrShape* shape, const double* x, const double* weight, const double* offset,
                         const double* mask, const double* bias, double* y) {
    if (lpsrCheckShape(shape) != LPSR_OK) return LPSR_BAD_SHAPE;
    const LpsrShape& s = *shape;
    const int taps = s.kernel_height * s.kernel_width, plane = s.out_height * s.out_width;
    const int inner = s.channels / s.groups, outputs = s.out_channels / s.groups, each = s.channels / s.offset_groups;
    for (int n = 0; n < s.batch; ++n) {
        for (int o = 0; o < s.out_channels; ++o) {
            for (int oy = 0; oy < s.out_height; ++oy) {
                for (int ox = 0; ox < s.out_width; ++ox) {
                    double sum = bias ? bias[o] : 0;
                    for (int i = 0; i < inner; ++i) {
                        const int c = o / outputs * inner + i, place = oy * s.out_width + ox;
                        for (int tap = 0; tap < taps; ++tap) {
                            const long group = static_cast<long>(n) * s.offset_groups + c / each;
                            const double* shift = offset + (group * taps + tap) * 2 * plane + place;
                            const double py = oy * s.stride_y - s.pad_top + tap / s.kernel_width * s.dilation_y + shift[0];
                            const double px = ox * s.stride_x - s.pad_left + tap % s.kernel_width * s.dilation_x + shift[plane];
                            const double* picture = x + (static_cast<long>(n) * s.channels + c) * s.height * s.width;
                            const double gate = mask ? mask[(group * taps + tap) * plane + place] : 1;
                            const double w = weight[(static_cast<long>(o) * inner + i) * taps + tap];
                            const double found = at(picture, s.height, s.width, py, px);
                            if (found != 0) sum += w * gate * found;
                        }
                    }
                    if (s.relu && sum < 0) sum = 0;
                    y[((static_cast<long>(n) * s.out_channels + o) * s.out_height + oy) * s.out_width + ox] = sum;
                }
            }
        }
    }
    return LPSR_OK;
}
