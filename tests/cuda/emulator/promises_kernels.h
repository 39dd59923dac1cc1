/* The kernels of promises_kernels.cu. */
#ifndef TRM_TESTS_CUDA_EMULATOR_PROMISES_KERNELS_H
#define TRM_TESTS_CUDA_EMULATOR_PROMISES_KERNELS_H

#include "kernels/cuda/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

void launch_place(trm__cuda_queue *q, int *counter, int *place, int blocks, int threads); /* place [blocks][threads] */
/* What shared memory holds before anybody writes to it, shared [blocks][bytes]; each block leaves zeros behind. */
void launch_untouched(trm__cuda_queue *q, unsigned char *shared, int blocks, int bytes);
void launch_copy(trm__cuda_queue *q, unsigned char *to, const unsigned char *from, int bytes);
/* Block i adds 1 to what block i - 1 left, without waiting for it: sums [blocks + 1]. */
void launch_chain(trm__cuda_queue *q, int *sums, int blocks);
/* x = factor x + add, which does not commute. */
void launch_affine(trm__cuda_queue *q, int *x, int factor, int add);
enum { MIXED_OPERATIONS, PARTIAL_MASK, MIXED_BARRIERS, MISALIGNED_COPY, UNALIGNED_SOURCE };
void launch_wrong(trm__cuda_queue *q, int kind, const void *from);
void launch_grid(trm__cuda_queue *q, unsigned *count, int blocks, int threads, int shared); /* cooperative */

#ifdef __cplusplus
}
#endif
#endif
