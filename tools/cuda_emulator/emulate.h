/* The host's side of kernels/cuda/device.cuh: what kernels use of CUDA, for a host compiler. Each thread of a block is
 * a coroutine; all of them run in one thread of the host, in an order that a seed shuffles (TRM_EMULATE_SEED), and
 * change only where they meet: at barriers, and at operations that a warp does together. In between a thread runs
 * alone, so that anything it should have waited for is missing, and a barrier too few shows in the numbers for most
 * seeds.
 *
 * Operations of a warp, or of an aligned group of 128 threads, are made from one mechanism:
 *
 *   trm::collect(32, &payload, function)
 *
 * stops each thread of the group until all have come, then calls function(payloads, count) once: payloads[i] is what
 * thread i of the group gave (usually a struct on its stack, with its arguments and room for its results), count is 32
 * or 128, or fewer in the last group of a block. All must come with the same function; a group that never gathers, or
 * gathers for two different operations, ends the process with the kernel's name. Nobody may leave out lanes.
 *
 * Made as unfriendly as the rules allow: trm_copy16 fills its target with 0xff at once and copies only in the
 * trm_copy_wait that covers it; shared memory starts as 0xff and is exactly as long as the launch asked, with guards
 * around it; so is what cudaMalloc gives (cuda_runtime_api.h here). Streams run late as well, see there. */
#ifndef TRM_CUDA_EMULATOR_EMULATE_H
#define TRM_CUDA_EMULATOR_EMULATE_H

#include <functional>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <type_traits>

#include "cuda_runtime_api.h"

#define TRM_KERNEL static void
#define TRM_DEVICE static inline
#define TRM_METHOD inline         /* member functions */
#define TRM_DEVICE_SPECIAL inline /* specialized templates */
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

namespace trm {

struct block;

/* What a kernel can see of the thread that runs. */
struct thread {
  dim3 index;  /* threadIdx */
  int number;  /* within the block */
  block *home; /* its block: opaque here */
  dim3 block_index, block_size, grid_size;
  unsigned char *shared; /* the block's dynamic shared memory */
  size_t shared_bytes;
};
extern thread *self;

/* Ends the process with the kernel's name, block and thread in front of the message. */
[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* See the top of this file. name: of the operation, for messages. */
void collect_any(int threads, void *payload, void (*function)(void **, int), const char *name);
template <class P>
static inline void collect(int threads, P *payload, void (*function)(P **, int), const char *name = "an operation") {
  collect_any(threads, (void *)payload, (void (*)(void **, int))function, name);
}
/* `threads` threads of the block meet at barrier 0..15. */
void barrier(int id, int threads);
/* arrive adds one to *count, lets those go who waited for it, and returns what its block has to wait for. */
unsigned grid_arrive(unsigned *count);
void grid_wait(unsigned *count, unsigned target);
/* Lets others run. */
void yield();

void copy16(void *shared, const void *from, int bytes); /* the rest zeros */
void copy_commit();
void copy_wait(int groups);

void ldmatrix(uint32_t r[4], const void *row, bool transposed);
void mma(float c[4], const uint32_t a[4], const uint32_t b[2]);
uint64_t shuffle(uint64_t value, int source, unsigned mask); /* of lane source; own where there is none */
uint32_t ballot(unsigned mask, int predicate);

/* Checks [at, at + bytes) to lie in the block's shared memory. */
void check_shared(const void *at, size_t bytes, size_t alignment, const char *what);

cudaError_t launch(void *stream, const char *name, dim3 grid, int threads, size_t shared, bool cooperative,
                   std::function<void()> body);

} /* namespace trm */

#define threadIdx (trm::self->index)
#define blockIdx (trm::self->block_index)
#define blockDim (trm::self->block_size)
#define gridDim (trm::self->grid_size)
static const int warpSize = 32;

/* -- bf16 ---------------------------------------------------------------------------------------------------------- */

struct alignas(2) trm_bf16 {
  uint16_t bits;
};

TRM_DEVICE uint32_t __float_as_uint(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  return u;
}
TRM_DEVICE float __uint_as_float(uint32_t u) {
  float x;
  memcpy(&x, &u, 4);
  return x;
}
TRM_DEVICE int __float_as_int(float x) {
  return (int)__float_as_uint(x);
}
TRM_DEVICE float __int_as_float(int i) {
  return __uint_as_float((uint32_t)i);
}
TRM_DEVICE long long __double_as_longlong(double x) {
  long long i;
  memcpy(&i, &x, 8);
  return i;
}
TRM_DEVICE double __longlong_as_double(long long i) {
  double x;
  memcpy(&x, &i, 8);
  return x;
}

TRM_DEVICE float trm_to_float(float x) {
  return x;
}
TRM_DEVICE float trm_to_float(trm_bf16 x) {
  return __uint_as_float((uint32_t)x.bits << 16);
}
template <class T> TRM_DEVICE T trm_from_float(float x);
template <> inline float trm_from_float<float>(float x) {
  return x;
}
template <> inline trm_bf16 trm_from_float<trm_bf16>(float x) {
  uint32_t u = __float_as_uint(x);
  if (x != x) return trm_bf16{0x7fff};
  return trm_bf16{(uint16_t)((u + 0x7fffu + (u >> 16 & 1u)) >> 16)};
}
TRM_DEVICE uint32_t trm_pack_bf16(float low, float high) {
  return trm_from_float<trm_bf16>(low).bits | (uint32_t)trm_from_float<trm_bf16>(high).bits << 16;
}
TRM_DEVICE float trm_low_float(uint32_t word) {
  return __uint_as_float(word << 16);
}
TRM_DEVICE float trm_high_float(uint32_t word) {
  return __uint_as_float(word & 0xffff0000u);
}

/* -- shared memory, copies, tensor cores, barriers ----------------------------------------------------------------- */

TRM_DEVICE unsigned char *trm_shared(void) {
  return trm::self->shared;
}
TRM_DEVICE void trm_copy16(void *shared, const void *from, bool valid) {
  trm::copy16(shared, from, valid ? 16 : 0);
}
TRM_DEVICE void trm_copy16_first(void *shared, const void *from, int bytes) {
  trm::copy16(shared, from, bytes);
}
TRM_DEVICE void trm_copy_commit(void) {
  trm::copy_commit();
}
template <int N> TRM_DEVICE void trm_copy_wait(void) {
  trm::copy_wait(N);
}
TRM_DEVICE void trm_ldmatrix(uint32_t r[4], const void *row) {
  trm::ldmatrix(r, row, false);
}
TRM_DEVICE void trm_ldmatrix_t(uint32_t r[4], const void *row) {
  trm::ldmatrix(r, row, true);
}
TRM_DEVICE void trm_mma(float c[4], const uint32_t a[4], const uint32_t b[2]) {
  trm::mma(c, a, b);
}
TRM_DEVICE void trm_barrier(int id, int threads) {
  if (id < 1 || id > 15) trm::fail("barrier %d: named barriers are 1 to 15", id);
  trm::barrier(id, threads);
}
TRM_DEVICE void __syncthreads(void) {
  trm::barrier(0, (int)blockDim.x);
}
TRM_DEVICE unsigned trm_grid_arrive(unsigned *count) {
  __syncthreads();
  return threadIdx.x == 0 ? trm::grid_arrive(count) : 0;
}
TRM_DEVICE void trm_grid_wait(unsigned *count, unsigned target) {
  if (threadIdx.x == 0) trm::grid_wait(count, target);
  __syncthreads();
}
TRM_DEVICE void trm_grid_barrier(unsigned *count) {
  trm_grid_wait(count, trm_grid_arrive(count));
}
TRM_DEVICE void __threadfence(void) {}
TRM_DEVICE void __threadfence_block(void) {}

/* -- shuffles and votes, over whole warps -------------------------------------------------------------------------- */

namespace trm {
template <class T> static inline T shuffle_as(T value, int source, unsigned mask) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable<T>::value, "words only");
  uint64_t word = 0;
  memcpy(&word, &value, sizeof value);
  word = shuffle(word, source, mask);
  memcpy(&value, &word, sizeof value);
  return value;
}
static inline int lane() {
  return self->number & 31;
}
} /* namespace trm */

/* width: of the parts within which lanes are counted, a power of two; as on the card. */
template <class T> static inline T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {
  return trm::shuffle_as(value, (trm::lane() & ~(width - 1)) | (lane & (width - 1)), mask);
}
template <class T> static inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
  int to = trm::lane() ^ bits;
  return trm::shuffle_as(value, to / width > trm::lane() / width ? trm::lane() : to, mask);
}
template <class T> static inline T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32) {
  int to = trm::lane() + (int)by;
  return trm::shuffle_as(value, to / width != trm::lane() / width ? trm::lane() : to, mask);
}
template <class T> static inline T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32) {
  int to = trm::lane() - (int)by;
  return trm::shuffle_as(value, to < (trm::lane() & ~(width - 1)) ? trm::lane() : to, mask);
}
TRM_DEVICE unsigned __ballot_sync(unsigned mask, int predicate) {
  return trm::ballot(mask, predicate);
}
TRM_DEVICE int __any_sync(unsigned mask, int predicate) {
  return trm::ballot(mask, predicate) != 0;
}
TRM_DEVICE int __all_sync(unsigned mask, int predicate) {
  return trm::ballot(mask, !predicate) == 0;
}
TRM_DEVICE void __syncwarp(unsigned mask = 0xffffffffu) {
  trm::ballot(mask, 0);
}

/* -- atomics: threads change nowhere else, so these are plain; one that adds nothing is a poll and lets others run - */

template <class T, class V> static inline T atomicAdd(T *at, V value) {
  static_assert(std::is_integral<T>::value, "sums of floats have no order");
  T old = *at;
  *at = (T)(old + (T)value);
  if (value == 0) trm::yield();
  return old;
}
template <class T, class V> static inline T atomicExch(T *at, V value) {
  T old = *at;
  *at = (T)value;
  return old;
}
template <class T, class V> static inline T atomicMax(T *at, V value) {
  T old = *at;
  if ((T)value > old) *at = (T)value;
  return old;
}
template <class T, class V> static inline T atomicMin(T *at, V value) {
  T old = *at;
  if ((T)value < old) *at = (T)value;
  return old;
}
template <class T, class V> static inline T atomicOr(T *at, V value) {
  T old = *at;
  *at = (T)(old | (T)value);
  return old;
}
template <class T, class V, class W> static inline T atomicCAS(T *at, V expected, W value) {
  T old = *at;
  if (old == (T)expected) *at = (T)value;
  else trm::yield();
  return old;
}

/* -- arithmetic ---------------------------------------------------------------------------------------------------- */

template <class T> static inline T __ldg(const T *at) {
  return *at;
}
template <class A, class B> static inline typename std::common_type<A, B>::type min(A a, B b) {
  typedef typename std::common_type<A, B>::type T;
  if (std::is_floating_point<T>::value) return (T)fmin((double)a, (double)b); /* the number, not the NaN */
  return (T)b < (T)a ? (T)b : (T)a;
}
template <class A, class B> static inline typename std::common_type<A, B>::type max(A a, B b) {
  typedef typename std::common_type<A, B>::type T;
  if (std::is_floating_point<T>::value) return (T)fmax((double)a, (double)b);
  return (T)a < (T)b ? (T)b : (T)a;
}
TRM_DEVICE float trm_exp2(float x) { /* flushed to 0 where the result is subnormal */
  float y = exp2f(x);
  return y < 1.17549435e-38f ? 0.0f : y;
}
/* The C library has functions of some of these names, for itself. */
#define __expf trm_emulated_expf
#define __exp10f trm_emulated_exp10f
#define __logf trm_emulated_logf
#define __log2f trm_emulated_log2f
#define __powf trm_emulated_powf
#define __sinf trm_emulated_sinf
#define __cosf trm_emulated_cosf
TRM_DEVICE float __expf(float x) {
  return expf(x);
}
TRM_DEVICE float __exp10f(float x) {
  return powf(10.0f, x);
}
TRM_DEVICE float __logf(float x) {
  return logf(x);
}
TRM_DEVICE float __log2f(float x) {
  return log2f(x);
}
TRM_DEVICE float __powf(float x, float y) {
  return powf(x, y);
}
TRM_DEVICE float __sinf(float x) {
  return sinf(x);
}
TRM_DEVICE float __cosf(float x) {
  return cosf(x);
}
#define cospi trm_emulated_cospi
TRM_DEVICE double cospi(double x) { /* cos(pi x) */
  return cos(3.14159265358979323846 * x);
}
TRM_DEVICE float __fdividef(float x, float y) {
  return x / y;
}
TRM_DEVICE float __frcp_rn(float x) {
  return 1.0f / x;
}
TRM_DEVICE float __fsqrt_rn(float x) {
  return sqrtf(x);
}
TRM_DEVICE float __fdiv_rn(float x, float y) {
  return x / y;
}
TRM_DEVICE float __fadd_rn(float x, float y) {
  return x + y;
}
TRM_DEVICE float __fsub_rn(float x, float y) {
  return x - y;
}
TRM_DEVICE float __fmul_rn(float x, float y) {
  return x * y;
}
TRM_DEVICE float __fmaf_rn(float x, float y, float z) {
  return fmaf(x, y, z);
}
TRM_DEVICE double __dadd_rn(double x, double y) {
  return x + y;
}
TRM_DEVICE double __dmul_rn(double x, double y) {
  return x * y;
}
TRM_DEVICE double __dsub_rn(double x, double y) {
  return x - y;
}
TRM_DEVICE double __ddiv_rn(double x, double y) {
  return x / y;
}
TRM_DEVICE double __fma_rn(double x, double y, double z) {
  return fma(x, y, z);
}
#define rsqrtf trm_emulated_rsqrtf /* some C libraries declare one of their own */
#define rsqrt trm_emulated_rsqrt
TRM_DEVICE float rsqrtf(float x) {
  return 1.0f / sqrtf(x);
}
TRM_DEVICE double rsqrt(double x) {
  return 1.0 / sqrt(x);
}
TRM_DEVICE float __saturatef(float x) {
  return x > 0 ? x < 1 ? x : 1.0f : 0.0f;
}
TRM_DEVICE int __float2int_rn(float x) {
  return (int)rintf(x);
}
TRM_DEVICE int __popc(unsigned x) {
  return __builtin_popcount(x);
}
TRM_DEVICE int __clz(int x) {
  return x ? __builtin_clz((unsigned)x) : 32;
}
TRM_DEVICE int __ffs(int x) {
  return __builtin_ffs(x);
}
TRM_DEVICE unsigned __umulhi(unsigned a, unsigned b) {
  return (unsigned)((uint64_t)a * b >> 32);
}
TRM_DEVICE unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((unsigned __int128)a * b >> 64);
}

struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(16) double2 {
  double x, y;
};
TRM_DEVICE float2 make_float2(float x, float y) {
  return float2{x, y};
}
TRM_DEVICE float4 make_float4(float x, float y, float z, float w) {
  return float4{x, y, z, w};
}
TRM_DEVICE uint2 make_uint2(unsigned x, unsigned y) {
  return uint2{x, y};
}
TRM_DEVICE uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) {
  return uint4{x, y, z, w};
}
TRM_DEVICE int2 make_int2(int x, int y) {
  return int2{x, y};
}
TRM_DEVICE int4 make_int4(int x, int y, int z, int w) {
  return int4{x, y, z, w};
}
TRM_DEVICE double2 make_double2(double x, double y) {
  return double2{x, y};
}

/* -- launching ----------------------------------------------------------------------------------------------------- */

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

template <class... P, class... A>
static inline void trm_launch_as(bool cooperative, trm__cuda_queue *q, const char *name, void (*kernel)(P...),
                                 dim3 grid, int threads, size_t shared, A... args) {
  static_assert((sizeof(P) + ... + 0) <= 4000, "a kernel's parameters are at most 4 KiB");
  static_assert((std::is_trivially_copyable<P>::value && ...), "parameters travel as bytes");
  if (q->fault) return;
  cudaError_t error = trm::launch(q->stream, name, grid, threads, shared, cooperative, [=]() { kernel(P(args)...); });
  trm__cuda_note(q, name, error, grid, threads);
}
#define trm_launch(q, kernel, grid, threads, shared, ...)                                                              \
  trm_launch_as(false, q, #kernel, kernel, grid, threads, shared, __VA_ARGS__)
#define trm_launch_cooperative(q, kernel, grid, threads, shared, ...)                                                  \
  trm_launch_as(true, q, #kernel, kernel, grid, threads, shared, __VA_ARGS__)

#endif
