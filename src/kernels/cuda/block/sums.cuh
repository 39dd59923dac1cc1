/* Sums in an order that depends on shapes alone: over a warp, over a block, and over the parts that blocks left in
 * memory. */
#ifndef TRM_KERNELS_CUDA_BLOCK_SUMS_CUH
#define TRM_KERNELS_CUDA_BLOCK_SUMS_CUH

#include "kernels/cuda/block/vec.cuh"

/* Over `lanes` (a power of two) neighbours; all of them get it. */
template <int lanes = 32, class X> TRM_DEVICE X trm_warp_sum(X x) {
#pragma unroll
  for (int step = lanes / 2; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
  return x;
}

/* Over the block, a multiple of 32 threads; all of them get it. `room` is shared memory of one X a warp; no one else
 * may use it between this and the next barrier. */
template <class X> TRM_DEVICE X trm_block_sum(X x, X *room) {
  x = trm_warp_sum(x);
  if (threadIdx.x % 32 == 0) room[threadIdx.x / 32] = x;
  __syncthreads();
  X sum = room[0];
  for (unsigned i = 1; i < blockDim.x / 32; i++) sum += room[i];
  __syncthreads();
  return sum;
}

/* to [n] += scale * the sum over i of part [parts][n]. Bound by reading the parts. */
struct trm_parts {
  float *to;
  const float *part;
  int parts;
  size_t n;
  float scale;
};
struct trm_parts_list {
  trm_parts item[3];
};

enum { TRM_PARTS_COLS = 32, TRM_PARTS_ROWS = 8 };

/* Block y adds item y up: thread (row, column) takes every eighth part, then the first row adds the eight. */
TRM_KERNEL __launch_bounds__(TRM_PARTS_COLS *TRM_PARTS_ROWS) trm_add_parts(trm_parts_list list) {
  trm_parts job = blockIdx.y == 0 ? list.item[0] : blockIdx.y == 1 ? list.item[1] : list.item[2];
  float *room = (float *)trm_shared();
  size_t first = (size_t)blockIdx.x * TRM_PARTS_COLS, at = first + threadIdx.x % TRM_PARTS_COLS;
  int row = (int)threadIdx.x / TRM_PARTS_COLS;
  if (first >= job.n) return;
  float sum = 0;
  if (at < job.n) {
#pragma unroll 8
    for (int i = row; i < job.parts; i += TRM_PARTS_ROWS) sum += job.part[(size_t)i * job.n + at];
  }
  room[threadIdx.x] = sum;
  __syncthreads();
  if (row || at >= job.n) return;
  for (int i = 1; i < TRM_PARTS_ROWS; i++) sum += room[threadIdx.x + (unsigned)(i * TRM_PARTS_COLS)];
  job.to[at] += job.scale * sum;
}

/* Up to three; those with n = 0 are left out. */
static inline void trm_add_parts_of(trm__cuda_queue *q, const trm_parts_list &list) {
  size_t most = 0;
  for (int i = 0; i < 3; i++) most = list.item[i].n > most ? list.item[i].n : most;
  if (most)
    trm_launch(q, trm_add_parts, dim3(trm_blocks(most, TRM_PARTS_COLS), 3), TRM_PARTS_COLS * TRM_PARTS_ROWS,
               TRM_PARTS_COLS * TRM_PARTS_ROWS * sizeof(float), list);
}

#endif
