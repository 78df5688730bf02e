/* Deformable convolution in double precision, straight from the operator's definition: what the kernels are held to. */
#ifndef LPSR_REFERENCE_H
#define LPSR_REFERENCE_H

#include "deform_conv.h"

#ifdef __cplusplus
extern "C" {
#endif

/* All tensors linear, weights as in ONNX [out_channels, channels / groups, kernel_height, kernel_width]; mask and bias
 * may be NULL. */
LpsrStatus lpsrReference(const LpsrShape* shape, const double* x, const double* weight, const double* offset,
                         const double* mask, const double* bias, double* y);

/* Runs a problem on the host with the device's own functions, thread by thread and phase by phase, tensor cores
 * included. Pointers are the host's. */
LpsrStatus lpsrDeformConvOnHost(const LpsrProblem* problem, int32_t tactic);

#ifdef __cplusplus
}
#endif

#endif
