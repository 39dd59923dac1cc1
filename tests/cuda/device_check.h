/* What the tests of CUDA kernels share: buffers between canaries and an unreadable page, numbers in either type, and a
 * second run in another order of threads that must give the same bits. */
#ifndef TRM_TESTS_CUDA_DEVICE_CHECK_H
#define TRM_TESTS_CUDA_DEVICE_CHECK_H

#include "kernels/check.h"

#include "emulate_control.h"
#include "kernels/cuda/cuda.h"

static const trm__cuda_type both_types[] = {TRM__CUDA_F32, TRM__CUDA_BF16};
enum { TYPES = 2 };

static inline trm__cuda_queue test_queue(void) {
  return (trm__cuda_queue){.sms = 4, .capability = 90, .shared_per_block = 227 * 1024};
}

/* `bytes` bytes of 0xff (NaN in either type) with canaries around them and an unreadable page soon behind. */
typedef struct buffer {
  unsigned char *at;
  size_t bytes;
  guarded memory;
} buffer;

static inline size_t buffer_room(size_t bytes, size_t offset) {
  return (offset + bytes + 15) / 16 * 16 / sizeof(float);
}

/* offset: of the first byte from an address that is a multiple of 16. */
static inline buffer buffer_at(size_t bytes, size_t offset) {
  buffer b = {.bytes = bytes, .memory = guarded_new(buffer_room(bytes, offset))};
  b.at = (unsigned char *)b.memory.x + offset;
  memset(b.at, 0xff, bytes);
  return b;
}

static inline buffer buffer_new(size_t bytes) {
  return buffer_at(bytes, 0);
}

static inline void buffer_check(const buffer *b) {
  const unsigned char *first = (const unsigned char *)b->memory.x, *end = first + b->memory.n * sizeof(float);
  for (const unsigned char *p = first; p < end; p++)
    if ((p < b->at || p >= b->at + b->bytes) && *p != CANARY) fail_msg("byte %td written", p - b->at);
}

static inline void buffer_free(buffer *b) {
  buffer_check(b);
  guarded_free(&b->memory);
}

static inline size_t type_bytes(trm__cuda_type type) {
  return type == TRM__CUDA_BF16 ? 2 : 4;
}

static inline void put_number(void *to, trm__cuda_type type, size_t i, float x) {
  if (type == TRM__CUDA_F32) {
    ((float *)to)[i] = x;
    return;
  }
  float rounded = to_bf16(x);
  uint32_t bits;
  memcpy(&bits, &rounded, sizeof bits);
  ((uint16_t *)to)[i] = (uint16_t)(bits >> 16);
}

static inline float get_number(const void *from, trm__cuda_type type, size_t i) {
  if (type == TRM__CUDA_F32) return ((const float *)from)[i];
  uint32_t bits = (uint32_t)((const uint16_t *)from)[i] << 16;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* n random numbers that the type can hold: in the buffer, and as floats in `same` unless NULL. */
static inline buffer buffer_filled(trm__cuda_type type, size_t n, float *same, size_t offset) {
  buffer b = buffer_at(n * type_bytes(type), offset);
  for (size_t i = 0; i < n; i++) {
    put_number(b.at, type, i, random_real());
    if (same) same[i] = get_number(b.at, type, i);
  }
  return b;
}

/* n floats from `from`. */
static inline buffer buffer_floats(const float *from, size_t n) {
  buffer b = buffer_new(n * sizeof *from);
  memcpy(b.at, from, b.bytes);
  return b;
}

static inline buffer buffer_copy(const void *from, size_t bytes) {
  buffer b = buffer_new(bytes);
  memcpy(b.at, from, bytes);
  return b;
}

/* Compares with numbers that were not rounded yet: within `relative` of the value and `absolute`, and half a unit in
 * the last place of bf16 more. */
static inline void check_numbers(const buffer *b, trm__cuda_type type, const float *want, size_t n, double relative,
                                 double absolute, const char *what) {
  double unit = type == TRM__CUDA_BF16 ? 0x1p-8 : 0;
  for (size_t i = 0; i < n; i++) {
    double size = fabs((double)want[i]);
    CHECK_CLOSE((double)get_number(b->at, type, i), (double)want[i], size * (relative + unit) + absolute, "%s [%zu]",
                what, i);
  }
}

/* Carries launch(context) out twice from the same bytes of the outputs, in two orders of threads and on cards
 * of two sizes. */
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
    trm__cuda_queue q = test_queue();
    emulate_seed(seed);
    if (seed == 2) q.sms = 9;
    for (int i = 0; i < count; i++) memcpy(out[i]->at, before[i], out[i]->bytes);
    launch(&q, context);
    if (q.fault) fail_msg("%s: fault %d", q.kernel, q.fault);
    for (int i = 0; i < count; i++) {
      buffer_check(out[i]);
      if (seed == 1) memcpy(after[i], out[i]->at, out[i]->bytes);
      else assert_memory_equal(after[i], out[i]->at, out[i]->bytes);
    }
  }
  for (int i = 0; i < count; i++) {
    free(before[i]);
    free(after[i]);
  }
}

static inline float *floats(size_t n) {
  float *x = calloc(n + 1, sizeof *x);
  assert_non_null(x);
  return x;
}

#endif
