/* The language of the kernels: what they use of CUDA beyond plain C++, in one place, so that the same sources compile
 * twice - with nvcc for GPUs, and with a host compiler for tests, where TRM_EMULATE is defined and each thread of a
 * block is a coroutine (tools/cuda_emulator). A kernel may use threadIdx, blockIdx, blockDim, gridDim, __syncthreads,
 * __syncwarp, the shuffles and votes with _sync over whole warps, and what is below; shared memory only through
 * trm_shared().
 *
 * Fragments of mma and ldmatrix are laid out as in the PTX manual, "Matrix fragments for mma.m16n8k16". */
#ifndef TRM_KERNELS_CUDA_DEVICE_CUH
#define TRM_KERNELS_CUDA_DEVICE_CUH

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/cuda/cuda.h"

#ifdef TRM_EMULATE
#include "emulate.h" /* everything that the other branch defines */
#else

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#define TRM_KERNEL static __global__ void /* TRM_KERNEL __launch_bounds__(256, 2) name(...) */
#define TRM_DEVICE static __device__ __forceinline__
#define TRM_METHOD __device__ __forceinline__         /* member functions */
#define TRM_DEVICE_SPECIAL __device__ __forceinline__ /* specialized templates */

typedef __nv_bfloat16 trm_bf16;

TRM_DEVICE float trm_to_float(float x) {
  return x;
}
TRM_DEVICE float trm_to_float(trm_bf16 x) {
  return __bfloat162float(x);
}
/* To the nearest, ties to even; NaN stays NaN. */
template <class T> TRM_DEVICE T trm_from_float(float x);
template <> __device__ __forceinline__ float trm_from_float<float>(float x) {
  return x;
}
template <> __device__ __forceinline__ trm_bf16 trm_from_float<trm_bf16>(float x) {
  return __float2bfloat16_rn(x);
}
/* Two neighbours in a word, low first. */
TRM_DEVICE uint32_t trm_pack_bf16(float low, float high) {
  __nv_bfloat162 x = __floats2bfloat162_rn(low, high);
  return *(uint32_t *)&x;
}
TRM_DEVICE float trm_low_float(uint32_t word) {
  return __uint_as_float(word << 16);
}
TRM_DEVICE float trm_high_float(uint32_t word) {
  return __uint_as_float(word & 0xffff0000u);
}

/* 2^x, to about two units in the last place; results below the smallest normal number are 0. */
TRM_DEVICE float trm_exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/* The block's dynamic shared memory, aligned to 1024 bytes. */
TRM_DEVICE unsigned char *trm_shared(void) {
  extern __shared__ __align__(1024) unsigned char trm__shared_memory[];
  return trm__shared_memory;
}

/* -- asynchronous copies to shared memory -------------------------------------------------------------------------- */

/* 16 bytes, both sides aligned; zeros when not valid (from is then not read, but must be a pointer into the array). */
TRM_DEVICE void trm_copy16(void *shared, const void *from, bool valid) {
  uint32_t to = (uint32_t)__cvta_generic_to_shared(shared);
  int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
/* The first `bytes` (0..16, even) of 16, the rest zeros; no more than these are read. */
TRM_DEVICE void trm_copy16_first(void *shared, const void *from, int bytes) {
  uint32_t to = (uint32_t)__cvta_generic_to_shared(shared);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
TRM_DEVICE void trm_copy_commit(void) {
  asm volatile("cp.async.commit_group;\n" ::: "memory");
}
/* Waits until at most N of this thread's groups are under way. Others' copies need a barrier afterwards. */
template <int N> TRM_DEVICE void trm_copy_wait(void) {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(N) : "memory");
}

/* -- tensor cores, by warps (sm_80) -------------------------------------------------------------------------------- */

/* Four 8x8 matrices of bf16; lanes 8i..8i+7 give the addresses (16-byte aligned) of the rows of matrix i. */
TRM_DEVICE void trm_ldmatrix(uint32_t r[4], const void *row) {
  uint32_t at = (uint32_t)__cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at)
               : "memory");
}
TRM_DEVICE void trm_ldmatrix_t(uint32_t r[4], const void *row) { /* each transposed */
  uint32_t at = (uint32_t)__cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at)
               : "memory");
}
/* c [16][8] fp32 += a [16][16] b [16][8], bf16. */
TRM_DEVICE void trm_mma(float c[4], const uint32_t a[4], const uint32_t b[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
               "{%0,%1,%2,%3};\n"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* -- named barriers: `threads` (a multiple of 32) meet at barrier id 1..15 ----------------------------------------- */

TRM_DEVICE void trm_barrier(int id, int threads) {
  asm volatile("bar.sync %0, %1;\n" ::"r"(id), "r"(threads) : "memory");
}

/* -- tensor cores, by warpgroups (sm_90a): kernels/cuda/product/wgmma.cuh
 * -------------------------------------------------- */

/* -- the whole grid (cooperative launches) ------------------------------------------------------------------------- */

/* All blocks of the grid meet; count is a word of device memory, 0 before the launch and left to itself after it. Needs
 * trm_launch_cooperative. Writes before it are seen by all after it. Between arriving and waiting (for what arriving
 * gave) a block may do what needs nothing of the others. */
TRM_DEVICE unsigned trm_grid_arrive(unsigned *count) {
  unsigned target = 0;
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    unsigned blocks = gridDim.x * gridDim.y * gridDim.z, ticket = atomicAdd(count, 1u);
    target = (ticket / blocks + 1) * blocks;
  }
  return target;
}
TRM_DEVICE void trm_grid_wait(unsigned *count, unsigned target) {
  if (threadIdx.x == 0) {
    while (*(volatile unsigned *)count < target) {
    }
    __threadfence();
  }
  __syncthreads();
}
TRM_DEVICE void trm_grid_barrier(unsigned *count) {
  trm_grid_wait(count, trm_grid_arrive(count));
}

/* -- launching, on the host ---------------------------------------------------------------------------------------- */

static inline void trm__cuda_note(trm__cuda_queue *q, const char *name, cudaError_t error, dim3 grid, int threads) {
  if (error == cudaSuccess && q->check) error = cudaStreamSynchronize((cudaStream_t)q->stream);
  if (error == cudaSuccess || q->fault) return;
  q->fault = (int)error;
  q->kernel = name;
  q->launch[0] = (int)grid.x;
  q->launch[1] = (int)grid.y;
  q->launch[2] = (int)grid.z;
  q->launch[3] = threads;
}

/* name: of the kernel, for messages. shared: bytes of dynamic shared memory. Kernels that need an opt-in for it get the
 * device's most: the attribute is the kernel's, not the launch's, and must not shrink under a launch in a graph. */
template <class... P, class... A>
static inline void trm_launch_as(bool cooperative, trm__cuda_queue *q, const char *name, void (*kernel)(P...),
                                 dim3 grid, int threads, size_t shared, A... args) {
  if (q->fault) return;
  cudaError_t error = cudaSuccess;
  size_t most = (size_t)q->shared_per_block > shared ? (size_t)q->shared_per_block : shared;
  if (shared > 48 * 1024)
    error = cudaFuncSetAttribute((const void *)kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)most);
  cudaLaunchAttribute attribute[1];
  attribute[0].id = cudaLaunchAttributeCooperative;
  attribute[0].val.cooperative = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = dim3((unsigned)threads);
  config.dynamicSmemBytes = shared;
  config.stream = (cudaStream_t)q->stream;
  config.attrs = attribute;
  config.numAttrs = cooperative ? 1u : 0u;
  if (error == cudaSuccess) error = cudaLaunchKernelEx(&config, kernel, P(args)...);
  trm__cuda_note(q, name, error, grid, threads);
}
#define trm_launch(q, kernel, grid, threads, shared, ...)                                                              \
  trm_launch_as(false, q, #kernel, kernel, grid, threads, shared, __VA_ARGS__)
#define trm_launch_cooperative(q, kernel, grid, threads, shared, ...)                                                  \
  trm_launch_as(true, q, #kernel, kernel, grid, threads, shared, __VA_ARGS__)

#endif

/* Whether the calling thread's card has room for all blocks of a cooperative launch at once; it refuses the launch
 * otherwise. */
template <class... P>
static inline bool trm_cooperative_fits(void (*kernel)(P...), dim3 grid, int threads, size_t shared) {
  int device = 0, can = 0, sms = 0, blocks = 0;
  cudaError_t error = cudaGetDevice(&device);
  if (error == cudaSuccess) error = cudaDeviceGetAttribute(&can, cudaDevAttrCooperativeLaunch, device);
  if (error == cudaSuccess) error = cudaDeviceGetAttribute(&sms, cudaDevAttrMultiProcessorCount, device);
  if (error == cudaSuccess && shared > 48 * 1024)
    error = cudaFuncSetAttribute((const void *)kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)shared);
  if (error == cudaSuccess)
    error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, (const void *)kernel, threads, shared);
  if (error != cudaSuccess) (void)cudaGetLastError();
  return error == cudaSuccess && can && (size_t)grid.x * grid.y * grid.z <= (size_t)blocks * (size_t)sms;
}

#endif
