/* Sums of squares in double. The numbers are dealt out to blocks by n alone, four neighbours at a time, and every block
 * leaves one part. Bound by reading. */
#ifndef TRM_KERNELS_CUDA_BLOCK_SQUARES_CUH
#define TRM_KERNELS_CUDA_BLOCK_SQUARES_CUH

#include "kernels/cuda/block/sums.cuh"

enum { TRM_SQUARE_THREADS = 256, TRM_SQUARE_PARTS = 512 };

static inline int trm_square_parts(size_t n) {
  size_t parts = (n + 4 * TRM_SQUARE_THREADS - 1) / (4 * TRM_SQUARE_THREADS);
  return parts < 1 ? 1 : parts < TRM_SQUARE_PARTS ? (int)parts : TRM_SQUARE_PARTS;
}

TRM_KERNEL __launch_bounds__(TRM_SQUARE_THREADS) trm_squares(const float *x, size_t n, double *partial, bool aligned) {
  size_t step = (size_t)gridDim.x * TRM_SQUARE_THREADS * 4;
  double sum = 0;
#pragma unroll 4
  for (size_t at = ((size_t)blockIdx.x * TRM_SQUARE_THREADS + threadIdx.x) * 4; at < n; at += step) {
    float v[4] = {};
    if (aligned && at + 4 <= n) trm_read(v, x + at);
    else
#pragma unroll
      for (int j = 0; j < 4; j++)
        if (at + (size_t)j < n) v[j] = x[at + (size_t)j];
#pragma unroll
    for (int j = 0; j < 4; j++) sum += (double)v[j] * (double)v[j];
  }
  sum = trm_block_sum(sum, (double *)trm_shared());
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

static inline void trm_squares_of(trm__cuda_queue *q, const float *x, size_t n, double *partial) {
  trm_launch(q, trm_squares, dim3((unsigned)trm_square_parts(n)), TRM_SQUARE_THREADS,
             TRM_SQUARE_THREADS / 32 * sizeof(double), x, n, partial, trm_aligned(x));
}

/* The sum of the parts; every thread of a block of TRM_SQUARE_THREADS gets it. */
TRM_DEVICE double trm_add_squares(const double *partial, int parts, double *room) {
  double sum = 0;
  for (int i = (int)threadIdx.x; i < parts; i += TRM_SQUARE_THREADS) sum += partial[i];
  return trm_block_sum(sum, room);
}

#endif
