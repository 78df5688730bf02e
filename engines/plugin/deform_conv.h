/* Modulated deformable convolution (v2), as the ONNX operator DeformConv defines it: the C interface of the kernels.
 *
 * Needs no TensorRT. Nothing is allocated, nothing synchronises and no library is called, so that a launch may be
 * captured in a CUDA graph.
 */
#ifndef LPSR_DEFORM_CONV_H
#define LPSR_DEFORM_CONV_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum LpsrType { LPSR_FLOAT32 = 0, LPSR_FLOAT16 = 1 } LpsrType;

/* LPSR_LINEAR is [N, C, H, W]. LPSR_PACKED8 is [N, H, W, C rounded up to 8], TensorRT's kHWC8. */
typedef enum LpsrLayout { LPSR_LINEAR = 0, LPSR_PACKED8 = 1 } LpsrLayout;

typedef enum LpsrStatus {
    LPSR_OK = 0,
    LPSR_BAD_SHAPE = 1,      /* sizes that do not fit together */
    LPSR_BAD_TACTIC = 2,     /* a tactic that this problem or this GPU does not have */
    LPSR_LAUNCH_FAILED = 3   /* CUDA refused; cudaGetLastError says why */
} LpsrStatus;

typedef struct LpsrShape {
    int32_t batch, channels, height, width;       /* of x */
    int32_t out_channels, out_height, out_width;  /* of y; offset and mask have its height and width */
    int32_t kernel_height, kernel_width;
    int32_t stride_y, stride_x, pad_top, pad_left, dilation_y, dilation_x;
    int32_t groups, offset_groups;
    int32_t relu;  /* not 0: max(y, 0) */
    int32_t raw;   /* not 0: the mask is the sigmoid of what stands behind the offsets in their tensor */
} LpsrShape;

typedef struct LpsrProblem {
    LpsrShape shape;
    LpsrType type;         /* of x, weight and y */
    LpsrType offset_type;  /* of offset and mask: `type`, or FP32 */
    LpsrLayout layout;     /* of x and y; packed ones are FP16 */
    const void* x;
    const void* weight;  /* packed: see lpsrPackWeights */
    const void* offset;  /* [N, offset_groups * taps * 2, out_height, out_width], y before x; when raw, followed by
                          * offset_groups * taps channels before the sigmoid, as the layer that predicts both gives them */
    const void* mask;    /* [N, offset_groups * taps, out_height, out_width], or NULL for ones; NULL when raw */
    const float* bias;   /* [out_channels], or NULL for zeros */
    void* y;
} LpsrProblem;

/* LPSR_OK when the sizes of a problem fit together and no index overflows 31 bits. */
LpsrStatus lpsrCheckShape(const LpsrShape* shape);

/* The same of a problem, its types and layout. */
LpsrStatus lpsrCheckProblem(const LpsrProblem* problem);

/* Values in the packed weights of a shape. They lie as [groups][taps][Cp / 2][Op][2], Cp being the channels of a
 * group rounded up to 16 and Op its output channels rounded up to 8: pairs of channels side by side, as a tensor core
 * takes them, and padded with zeros. */
size_t lpsrPackedWeights(const LpsrShape* shape);

/* Packs ONNX weights [out_channels, channels / groups, kernel_height, kernel_width]. */
void lpsrPackWeights(const LpsrShape* shape, const float* weight, float* packed);

/* Tactics that can run a problem on a GPU of compute capability `sm` (86 for 8.6). Tactic 0 is the plain kernel, which
 * runs everything; the others are tiles for tensor cores. At most `capacity` are written.
 *
 * Returns how many there are. */
int32_t lpsrTactics(const LpsrProblem* problem, int32_t sm, int32_t* tactics, int32_t capacity);

/* How many tactics there are in all: they are 0 .. count - 1. */
int32_t lpsrTacticCount(void);

/* The tactic to take when none was timed: tiles for packed pictures on tensor cores, as large as leaves two blocks to
 * a multiprocessor of a middling GPU. */
int32_t lpsrChooseTactic(const LpsrProblem* problem, int32_t sm);

/* Runs a problem on a stream (a cudaStream_t). Pointers are the device's. */
LpsrStatus lpsrDeformConv(const LpsrProblem* problem, int32_t tactic, int32_t sm, void* stream);

#ifdef __cplusplus
}
#endif

#endif
