/* Kernels that show what the emulated device promises, used by promises.c; some are wrong on purpose. */
#include "kernels/cuda/device.cuh"

#include "promises_kernels.h"

TRM_KERNEL place_taken(int *counter, int *place) {
  place[blockIdx.x * blockDim.x + threadIdx.x] = atomicAdd(counter, 1);
}

TRM_KERNEL untouched(unsigned char *shared, int bytes) {
  unsigned char *x = trm_shared(), *to = shared + (size_t)blockIdx.x * (size_t)bytes;
  for (int i = (int)threadIdx.x; i < bytes; i += (int)blockDim.x) to[i] = x[i];
  __syncthreads();
  for (int i = (int)threadIdx.x; i < bytes; i += (int)blockDim.x) x[i] = 0;
}

TRM_KERNEL copied(unsigned char *to, const unsigned char *from, int bytes) {
  for (int i = (int)threadIdx.x; i < bytes; i += (int)blockDim.x) to[i] = from[i];
}

TRM_KERNEL chain(int *sums) {
  sums[blockIdx.x + 1] = sums[blockIdx.x] + 1;
}

TRM_KERNEL affine(int *x, int factor, int add) {
  *x = *x * factor + add;
}

TRM_KERNEL wrong(int kind, const unsigned char *from) {
  int lane = (int)threadIdx.x & 31;
  if (kind == MIXED_OPERATIONS) {
    if (lane == 7) (void)__shfl_xor_sync(0xffffffffu, lane, 1);
    else (void)__ballot_sync(0xffffffffu, 1);
  }
  if (kind == PARTIAL_MASK && lane < 16) (void)__shfl_xor_sync(0x0000ffffu, lane, 1);
  if (kind == MIXED_BARRIERS) trm_barrier(3, lane < 16 ? 64 : 32);
  if (kind == MISALIGNED_COPY) trm_copy16(trm_shared() + 4, from, true);
  if (kind == UNALIGNED_SOURCE) trm_copy16(trm_shared(), from + 4, true);
}

TRM_KERNEL whole_grid(unsigned *count) {
  trm_grid_barrier(count);
}

void launch_place(trm__cuda_queue *q, int *counter, int *place, int blocks, int threads) {
  trm_launch(q, place_taken, dim3((unsigned)blocks), threads, 0, counter, place);
}
void launch_untouched(trm__cuda_queue *q, unsigned char *shared, int blocks, int bytes) {
  trm_launch(q, untouched, dim3((unsigned)blocks), 32, (size_t)bytes, shared, bytes);
}
void launch_copy(trm__cuda_queue *q, unsigned char *to, const unsigned char *from, int bytes) {
  trm_launch(q, copied, dim3(1), 64, 0, to, from, bytes);
}
void launch_chain(trm__cuda_queue *q, int *sums, int blocks) {
  trm_launch(q, chain, dim3((unsigned)blocks), 1, 0, sums);
}
void launch_affine(trm__cuda_queue *q, int *x, int factor, int add) {
  trm_launch(q, affine, dim3(1), 1, 0, x, factor, add);
}
void launch_wrong(trm__cuda_queue *q, int kind, const void *from) {
  trm_launch(q, wrong, dim3(1), 64, 64, kind, (const unsigned char *)from);
}
void launch_grid(trm__cuda_queue *q, unsigned *count, int blocks, int threads, int shared) {
  trm_launch_cooperative(q, whole_grid, dim3((unsigned)blocks), threads, (size_t)shared, count);
}
