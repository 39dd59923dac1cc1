/* The kernels of emulate_kernels.cu. */
#ifndef TRM_TESTS_CUDA_EMULATOR_EMULATE_KERNELS_H
#define TRM_TESTS_CUDA_EMULATOR_EMULATE_KERNELS_H

#include "kernels/cuda/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

void launch_reverse(trm__cuda_queue *q, int *out, const int *in, int blocks, int threads, int with_barrier);
/* out [threads][8] */
void launch_shuffles(trm__cuda_queue *q, int *out, double *doubles, unsigned long long *words, int threads);
void launch_product(trm__cuda_queue *q, float *c, const void *a, const void *bt, const void *b, int transposed,
                    int wait);
void launch_named(trm__cuda_queue *q, int *out); /* [64] */
void launch_across(trm__cuda_queue *q, int *out, int *words, unsigned *count, int blocks);
void launch_add(trm__cuda_queue *q, int *x, int by, int n);
void launch_ticket(trm__cuda_queue *q, unsigned *counter, int *place, int blocks, int threads);
/* Writes x[at] unless shared_at > 0: then shared memory at shared_at. */
void launch_stray(trm__cuda_queue *q, void *x, long at, int shared_bytes, int shared_at);
void launch_lonely(trm__cuda_queue *q, int kind);
void launch_beyond(trm__cuda_queue *q, float *out, const float *x, int n);      /* out [5] */
void launch_late(trm__cuda_queue *q, int *seen, const void *from, int threads); /* seen [threads][6] */

#ifdef __cplusplus
}
#endif
#endif
