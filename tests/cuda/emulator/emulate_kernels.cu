/* Small kernels that prove the emulated device, used by emulate.c; some are wrong on purpose. */
#include "kernels/cuda/device.cuh"

#include "emulate_kernels.h"

/* out[i] = in[n - 1 - i] for one block of n threads, by way of shared memory. */
TRM_KERNEL __launch_bounds__(1024) reverse(int *out, const int *in, bool with_barrier) {
  int *x = (int *)trm_shared(), n = (int)blockDim.x, i = (int)threadIdx.x;
  x[i] = in[(int)blockIdx.x * n + i];
  if (with_barrier) __syncthreads();
  out[(int)blockIdx.x * n + i] = x[n - 1 - i];
}

TRM_KERNEL shuffles(int *out, double *doubles, unsigned long long *words) {
  int lane = (int)threadIdx.x % 32, i = (int)threadIdx.x, value = 1000 + i;
  int *o = out + 8 * i;
  o[0] = __shfl_sync(0xffffffffu, value, 5);
  o[1] = __shfl_xor_sync(0xffffffffu, value, 6);
  o[2] = __shfl_down_sync(0xffffffffu, value, 3);
  o[3] = __shfl_up_sync(0xffffffffu, value, 3);
  o[4] = (int)__ballot_sync(0xffffffffu, lane % 3 == 0);
  o[5] = __any_sync(0xffffffffu, lane == 31);
  o[6] = __all_sync(0xffffffffu, lane < 31);
  o[7] = __shfl_xor_sync(0xffffffffu, value, 9, 8);
  double sum = i * 0.25;
  for (int bits = 16; bits; bits /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, bits);
  doubles[i] = sum;
  words[i] = __shfl_sync(0xffffffffu, (unsigned long long)i << 40 | 7u, 31 - lane);
}

/* One warp; a [16][16], bt [8][16] bf16 in shared memory by trm_copy16, c [16][8]; b comes once by plain ldmatrix of bt
 * and once transposed from b [16][8]. */
TRM_KERNEL product(float *c, const trm_bf16 *a, const trm_bf16 *bt, const trm_bf16 *b, bool transposed, bool wait) {
  trm_bf16 *as = (trm_bf16 *)trm_shared(), *bs = as + 256;
  int lane = (int)threadIdx.x;
  trm_copy16(as + 8 * lane, a + 8 * lane, true);
  trm_copy_commit();
  if (lane < 16) trm_copy16(bs + 8 * lane, (transposed ? b : bt) + 8 * lane, true);
  trm_copy_commit();
  if (wait) trm_copy_wait<0>();
  else trm_copy_wait<1>();
  __syncwarp();
  uint32_t fa[4], fb[4];
  float fc[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  trm_ldmatrix(fa, as + (lane % 16) * 16 + lane / 16 * 8);
  if (transposed) trm_ldmatrix_t(fb, bs + lane % 16 * 8);
  else trm_ldmatrix(fb, bs + lane % 8 * 16 + lane / 8 % 2 * 8);
  trm_mma(fc, fa, fb);
  for (int r = 0; r < 4; r++) c[(lane / 4 + r / 2 * 8) * 8 + lane % 4 * 2 + r % 2] = fc[r];
}

/* Warps 0 and 1 hand numbers to 2 and 3 through named barriers. */
TRM_KERNEL named(int *out) {
  int *x = (int *)trm_shared(), i = (int)threadIdx.x;
  if (i < 64) {
    x[i] = 3 * i;
    trm_barrier(1, 128);
  } else {
    trm_barrier(1, 128);
    out[i - 64] = x[127 - i];
  }
}

/* Every block adds up what all blocks wrote before the barrier. */
TRM_KERNEL across(int *out, int *words, unsigned *count) {
  if (threadIdx.x == 0) words[blockIdx.x] = (int)blockIdx.x + 1;
  trm_grid_barrier(count);
  int sum = 0;
  for (int i = 0; i < (int)gridDim.x; i++) sum += words[i];
  trm_grid_barrier(count);
  if (threadIdx.x == 0) words[blockIdx.x] = -1;
  if (threadIdx.x == 40) out[blockIdx.x] = sum;
}

TRM_KERNEL add(int *x, int by, int n) {
  int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) x[i] += by;
}

TRM_KERNEL ticket(unsigned *counter, int *place) {
  place[blockIdx.x * blockDim.x + threadIdx.x] = (int)atomicAdd(counter, 1u);
}

TRM_KERNEL stray(unsigned char *x, long at, int shared_at) {
  if (at >= 0 || shared_at == 0) x[at] = 1;
  if (shared_at) trm_shared()[shared_at] = 1;
}

TRM_KERNEL lonely(int kind) {
  if (kind == 0 && threadIdx.x != 3) __syncthreads();
  if (kind == 1 && threadIdx.x != 3) __syncwarp();
  if (kind == 2) {
    if (threadIdx.x == 3) __syncwarp();
    else trm_barrier(2, 32);
  }
  if (kind == 3) trm_copy16(trm_shared() + 8, trm_shared(), true);
}

/* Numbers next to device and shared memory, which a kernel should never read. */
TRM_KERNEL beyond(float *out, const float *x, int n) {
  const float *s = (const float *)trm_shared();
  out[0] = x[-1];
  out[1] = x[n];
  out[2] = s[-1];
  out[3] = s[4];
  out[4] = trm_to_float(((const trm_bf16 *)s)[9]);
}

/* What trm_copy16 leaves before and after its wait: the first byte of the target. */
TRM_KERNEL late(int *seen, const unsigned char *from) {
  unsigned char *x = trm_shared() + 48 * (int)threadIdx.x;
  int *s = seen + 6 * (int)threadIdx.x;
  for (int k = 0; k < 3; k++) {
    trm_copy16(x + 16 * k, from, k < 2);
    trm_copy_commit();
  }
  s[0] = x[0];
  trm_copy_wait<2>();
  s[1] = x[0];
  s[2] = x[16];
  trm_copy_wait<1>();
  s[3] = x[16];
  s[4] = x[32];
  trm_copy_wait<0>();
  s[5] = x[32];
}

void launch_reverse(trm__cuda_queue *q, int *out, const int *in, int blocks, int threads, int with_barrier) {
  trm_launch(q, reverse, dim3((unsigned)blocks), threads, sizeof(int) * (size_t)threads, out, in, with_barrier != 0);
}
void launch_shuffles(trm__cuda_queue *q, int *out, double *doubles, unsigned long long *words, int threads) {
  trm_launch(q, shuffles, dim3(1), threads, 0, out, doubles, words);
}
void launch_product(trm__cuda_queue *q, float *c, const void *a, const void *bt, const void *b, int transposed,
                    int wait) {
  trm_launch(q, product, dim3(1), 32, 768, c, (const trm_bf16 *)a, (const trm_bf16 *)bt, (const trm_bf16 *)b,
             transposed != 0, wait != 0);
}
void launch_named(trm__cuda_queue *q, int *out) {
  trm_launch(q, named, dim3(1), 128, 256, out);
}
void launch_across(trm__cuda_queue *q, int *out, int *words, unsigned *count, int blocks) {
  trm_launch_cooperative(q, across, dim3((unsigned)blocks), 64, 0, out, words, count);
}
void launch_add(trm__cuda_queue *q, int *x, int by, int n) {
  trm_launch(q, add, dim3((unsigned)(n + 63) / 64), 64, 0, x, by, n);
}
void launch_ticket(trm__cuda_queue *q, unsigned *counter, int *place, int blocks, int threads) {
  trm_launch(q, ticket, dim3((unsigned)blocks), threads, 0, counter, place);
}
void launch_stray(trm__cuda_queue *q, void *x, long at, int shared_bytes, int shared_at) {
  trm_launch(q, stray, dim3(1), 1, (size_t)shared_bytes, (unsigned char *)x, at, shared_at);
}
void launch_lonely(trm__cuda_queue *q, int kind) {
  trm_launch(q, lonely, dim3(1), 64, 64, kind);
}
void launch_beyond(trm__cuda_queue *q, float *out, const float *x, int n) {
  trm_launch(q, beyond, dim3(1), 1, 16, out, x, n);
}
void launch_late(trm__cuda_queue *q, int *seen, const void *from, int threads) {
  trm_launch(q, late, dim3(1), threads, 48 * (size_t)threads, seen, (const unsigned char *)from);
}
