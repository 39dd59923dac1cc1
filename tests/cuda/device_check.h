/* What the tests of CUDA kernels share: buffers of which one copy is here and one on the device, between guards that
 * are NaN for who reads them and noticed when they are written; numbers in either type; a second run that must give the
 * same bits. The same programs run on a card and in emulation, where the device's copy also ends at an unreadable page,
 * what the host reads of it stops the test, and a second run has another order of threads. */
#ifndef TRM_TESTS_CUDA_DEVICE_CHECK_H
#define TRM_TESTS_CUDA_DEVICE_CHECK_H

#include "kernels/check.h"
#include "support/check.h"

#include <cuda_runtime_api.h>

#include "base/rng.h"
#include "kernels/cuda/cuda.h"

#if __has_include("emulate_control.h")
#include "emulate_control.h"
enum { EMULATED = 1 };
static inline void device_multiprocessors(int count) {
  emulate_multiprocessors(count);
}
#else
enum { EMULATED = 0 };
static inline void emulate_seed(uint64_t seed) {
  (void)seed;
}
static inline void emulate_fence(int on) {
  (void)on;
}
static inline void device_multiprocessors(int count) { /* a card has as many as it has */
  (void)count;
}
#endif

static const trm_dtype both_types[] = {TRM_FLOAT32, TRM_BFLOAT16};
enum { TYPES = 2 };

/* -- the device ---------------------------------------------------------------------------------------------------- */

static inline void cuda_ok(cudaError_t error, const char *what) {
  if (error != cudaSuccess) fail_msg("%s: CUDA error %d", what, (int)error);
}

/* The default stream of the first device, waiting after each launch. In emulation: 9.0 with four multiprocessors. */
static inline trm__cuda_queue device_queue(void) {
  trm__cuda_queue q = {0};
  int major = 0, minor = 0;
#ifndef TRM_EMULATE
  int cards = 0;
  if (cudaGetDeviceCount(&cards) != cudaSuccess || cards == 0) exit(77); /* nothing to test on: skipped */
#endif
  cuda_ok(cudaDeviceGetAttribute(&q.sms, cudaDevAttrMultiProcessorCount, 0), "device");
  cuda_ok(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0), "device");
  cuda_ok(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0), "device");
  cuda_ok(cudaDeviceGetAttribute(&q.shared_per_block, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0), "device");
  q.capability = 10 * major + minor;
  q.wgmma = q.capability == 90;
  q.check = 1;
  return q;
}

static inline void device_finish(const trm__cuda_queue *q) {
  if (q->fault) fail_msg("%s: CUDA error %d", q->kernel, q->fault);
  cuda_ok(cudaDeviceSynchronize(), "waiting");
}

/* -- numbers ------------------------------------------------------------------------------------------------------- */

static inline size_t type_bytes(trm_dtype type) {
  return type == TRM_BFLOAT16 ? 2 : 4;
}

static inline float rounded(float x, trm_dtype type) {
  return type == TRM_BFLOAT16 ? to_bf16(x) : x;
}

static inline void put_number(void *to, trm_dtype type, size_t i, float x) {
  if (type == TRM_FLOAT32) {
    ((float *)to)[i] = x;
    return;
  }
  uint32_t bits;
  x = to_bf16(x);
  memcpy(&bits, &x, sizeof bits);
  ((uint16_t *)to)[i] = (uint16_t)(bits >> 16);
}

static inline float get_number(const void *from, trm_dtype type, size_t i) {
  if (type == TRM_FLOAT32) return ((const float *)from)[i];
  uint32_t bits = (uint32_t)((const uint16_t *)from)[i] << 16;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline float *floats(size_t n) {
  float *x = calloc(n + 1, sizeof *x);
  assert_non_null(x);
  return x;
}

/* -- buffers ------------------------------------------------------------------------------------------------------- */

enum { GUARD = 256, BUFFERS = 256 };

/* `bytes` bytes, `at` here and `device` there. */
typedef struct buffer {
  unsigned char *at, *device;
  size_t bytes, n; /* n: numbers of the type, for get_at and set_at */
  trm_dtype type;
  size_t before, behind; /* bytes of the guards on both copies */
} buffer;

/* Those that there are, for `there` and run_twice. */
static buffer live[BUFFERS];
static int live_count;

/* NaN in all types, and not what buffers are filled with: a copy of that is noticed as well. */
static inline unsigned char guard_byte(const buffer *b, const unsigned char *p) {
  return (p - (b->at - b->before)) % 2 ? 0xff : 0xc1;
}

static inline void buffer_check(const buffer *b) {
  for (size_t i = 0; i < b->before + b->behind; i++) {
    const unsigned char *p = b->at - b->before + i + (i < b->before ? 0 : b->bytes);
    if (*p != guard_byte(b, p)) fail_msg("byte %td of a buffer of %zu was written", p - b->at, b->bytes);
  }
}

static inline void buffer_push(const buffer *b) {
  if (!b->at) return;
  cuda_ok(
      cudaMemcpy(b->device - b->before, b->at - b->before, b->before + b->bytes + b->behind, cudaMemcpyHostToDevice),
      "to the device");
}

static inline void buffer_pull(const buffer *b) {
  if (!b->at) return;
  cuda_ok(
      cudaMemcpy(b->at - b->before, b->device - b->before, b->before + b->bytes + b->behind, cudaMemcpyDeviceToHost),
      "from the device");
  buffer_check(b);
}

/* All ones (NaN in either type), on both sides; its first byte is `offset` bytes from an address that is a multiple
 * of 16. */
static inline buffer buffer_at(size_t bytes, size_t offset) {
  buffer b = {.bytes = bytes, .n = bytes, .before = GUARD + offset};
  b.behind = EMULATED ? (16 - (offset + bytes) % 16) % 16 : GUARD; /* there the page follows */
  size_t all = b.before + bytes + b.behind;
  unsigned char *here = malloc(all);
  assert_non_null(here);
  b.at = here + b.before;
  for (size_t i = 0; i < all; i++) here[i] = guard_byte(&b, here + i);
  memset(b.at, 0xff, bytes);
  emulate_fence(1);
  cuda_ok(cudaMalloc((void **)&b.device, all), "cudaMalloc");
  b.device += b.before;
  buffer_push(&b);
  assert_true(live_count < BUFFERS);
  live[live_count++] = b;
  return b;
}

static inline buffer buffer_new(size_t bytes) {
  return buffer_at(bytes, 0);
}

/* Looks at the guards on the device as well. What is here afterwards is what was there. */
static inline void buffer_free(buffer *b) {
  int i = 0;
  if (!b->at) return;
  buffer_check(b);
  buffer_pull(b);
  while (i < live_count && live[i].at != b->at) i++;
  assert_true(i < live_count);
  live[i] = live[--live_count];
  cuda_ok(cudaFree(b->device - b->before), "cudaFree");
  free(b->at - b->before);
  *b = (buffer){0};
}

/* The device's address for one here, of whatever type; NULL stays NULL. */
static inline void *device_of(const void *here) {
  if (!here) return NULL;
  for (int i = 0; i < live_count; i++) {
    ptrdiff_t offset = (const unsigned char *)here - live[i].at;
    if (offset >= 0 && (size_t)offset <= live[i].bytes) return live[i].device + offset;
  }
  fail_msg("an address that is in no buffer");
  return NULL;
}
#define THERE(here) ((__typeof__(here))device_of(here))

/* n numbers of a type, all NaN. */
static inline buffer buffer_numbers(trm_dtype type, size_t n) {
  buffer b = buffer_new(n * type_bytes(type));
  b.type = type;
  b.n = n;
  return b;
}

static inline void set_at(buffer *b, size_t i, float x) {
  put_number(b->at, b->type, i, x);
}
static inline float get_at(const buffer *b, size_t i) {
  return get_number(b->at, b->type, i);
}

/* Still as at first. */
static inline int untouched_at(const buffer *b, size_t i) {
  size_t size = type_bytes(b->type);
  for (size_t k = 0; k < size; k++)
    if (b->at[i * size + k] != 0xff) return 0;
  return 1;
}

/* n numbers, rounded to the type, on both sides. */
static inline buffer buffer_of(trm_dtype type, const float *x, size_t n) {
  buffer b = buffer_numbers(type, n);
  for (size_t i = 0; i < n; i++) set_at(&b, i, x[i]);
  buffer_push(&b);
  return b;
}

/* All numbers that are on the device. */
static inline void buffer_read(const buffer *b, float *to) {
  buffer_pull(b);
  for (size_t i = 0; i < b->n; i++) to[i] = get_at(b, i);
}

/* n random numbers that the type can hold: in the buffer, and as floats in `same` unless NULL. */
static inline buffer buffer_filled(trm_dtype type, size_t n, float *same, size_t offset) {
  buffer b = buffer_at(n * type_bytes(type), offset);
  for (size_t i = 0; i < n; i++) {
    put_number(b.at, type, i, random_real());
    if (same) same[i] = get_number(b.at, type, i);
  }
  return b;
}

static inline buffer buffer_copy(const void *from, size_t bytes) {
  buffer b = buffer_new(bytes);
  memcpy(b.at, from, bytes);
  return b;
}

/* n floats from `from`. */
static inline buffer buffer_floats(const float *from, size_t n) {
  return buffer_copy(from, n * sizeof *from);
}

/* n normal numbers times `deviation`, rounded to the type. */
static inline float *random_normals(trm_dtype type, size_t n, float deviation, uint64_t seed) {
  float *x = floats(n);
  trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, 0);
  for (size_t i = 0; i < n; i++) x[i] = rounded(deviation * (float)trm__rng_normal(&rng), type);
  return x;
}

/* -- comparing ----------------------------------------------------------------------------------------------------- */

/* Compares with numbers that were not rounded yet: within `relative` of the value and `absolute`, and half a unit in
 * the last place of bf16 more. */
static inline void check_numbers(const buffer *b, trm_dtype type, const float *want, size_t n, double relative,
                                 double absolute, const char *what) {
  double unit = type == TRM_BFLOAT16 ? 0x1p-8 : 0;
  for (size_t i = 0; i < n; i++) {
    double size = fabs((double)want[i]);
    CHECK_CLOSE((double)get_number(b->at, type, i), (double)want[i], size * (relative + unit) + absolute, "%s [%zu]",
                what, i);
  }
}

/* The distance of x from the reference over the reference's length; NaN when there is one. */
static inline void check_distance(const float *x, const double *reference, size_t n, double tolerance,
                                  const char *what) {
  double off = 0, all = 0;
  for (size_t i = 0; i < n; i++) {
    off += ((double)x[i] - reference[i]) * ((double)x[i] - reference[i]);
    all += reference[i] * reference[i];
  }
  double distance = sqrt(off) / (sqrt(all) + 1e-30);
  if (!(distance <= tolerance)) fail_msg("%s: distance %.3g, allowed %.3g", what, distance, tolerance);
}

/* A number of the type whose formula has no room for another order: in emulation the same bits (any NaN for NaN); a
 * card may fuse a product and a sum, or round a double function another way in its last place: `size`, of the largest
 * term, says how much that is. */
static inline int same_number(float got, float want, trm_dtype type, double size) {
  if (isnan(want)) return isnan(got);
  if (got == want) return 1;
  return !EMULATED && fabs((double)got - (double)want) <= size * (type == TRM_BFLOAT16 ? 0x1p-7 : 0x1p-22);
}

/* Carries launch(context) out twice from the same bytes of the outputs, as on cards of two sizes; in emulation in two
 * orders of threads. Before, all buffers are copied to the device as they are here, and back afterwards: `launch` hands
 * THERE(...) of what it finds in the context to the kernels, and all else looks at what is here. */
static inline void run_twice(void (*launch)(trm__cuda_queue *q, void *context), void *context, buffer **out,
                             int count) {
  unsigned char *before[8], *after[8];
  assert_true(count <= 8);
  for (int i = 0; i < count; i++) {
    before[i] = malloc(out[i]->bytes + 1);
    after[i] = malloc(out[i]->bytes + 1);
    memcpy(before[i], out[i]->at, out[i]->bytes);
  }
  for (uint64_t seed = 1; seed <= 2; seed++) {
    trm__cuda_queue q = device_queue();
    emulate_seed(seed);
    if (seed == 2) q.sms = q.sms / 2 + 7;
    for (int i = 0; i < count; i++) memcpy(out[i]->at, before[i], out[i]->bytes);
    for (int i = 0; i < live_count; i++) buffer_push(&live[i]);
    launch(&q, context);
    device_finish(&q);
    for (int i = 0; i < live_count; i++) buffer_pull(&live[i]);
    for (int i = 0; i < count; i++) {
      if (seed == 1) memcpy(after[i], out[i]->at, out[i]->bytes);
      else assert_memory_equal(after[i], out[i]->at, out[i]->bytes);
    }
  }
  for (int i = 0; i < count; i++) {
    free(before[i]);
    free(after[i]);
  }
}

#endif
