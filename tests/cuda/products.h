/* What the tests of matrix products share: numbers of either type between guards, and a product with all its operands
 * whose results plain C computes in double from the same rounded numbers. */
#ifndef TRM_TESTS_CUDA_PRODUCTS_H
#define TRM_TESTS_CUDA_PRODUCTS_H

#include "check.h"

#include <cuda_runtime_api.h>

#include "kernels/cuda/product.h"

#if __has_include("emulate_control.h")
#include "emulate_control.h"
#else
static inline void emulate_seed(uint64_t seed) {
  (void)seed;
}
#endif

enum { GUARD = 64 };

static inline float bf16_of(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  u = (u + 0x7fffU + (u >> 16 & 1)) & 0xffff0000U;
  memcpy(&x, &u, 4);
  return x;
}

static inline void cuda_ok(cudaError_t error) {
  if (error != cudaSuccess) fail_msg("CUDA error %d", (int)error);
}

/* n numbers of a type, 16-byte aligned, all NaN at first, and so are guards on both sides: x here, device there. */
typedef struct numbers {
  trm__cuda_type type;
  size_t n, bytes;
  unsigned char *base, *x, *device;
} numbers;

static inline numbers numbers_new(trm__cuda_type type, size_t n) {
  numbers v = {.type = type, .n = n, .bytes = n * (type == TRM__CUDA_BF16 ? 2 : 4)};
  v.base = malloc(v.bytes + 2 * GUARD);
  assert_non_null(v.base);
  v.x = v.base + GUARD;
  memset(v.base, 0xff, v.bytes + 2 * GUARD);
  cuda_ok(cudaMalloc((void **)&v.device, v.bytes + 2 * GUARD));
  v.device += GUARD;
  return v;
}

static inline void numbers_push(const numbers *v) {
  if (v->base) cuda_ok(cudaMemcpy(v->device - GUARD, v->base, v->bytes + 2 * GUARD, cudaMemcpyHostToDevice));
}
static inline void numbers_pull(const numbers *v) {
  if (v->base) cuda_ok(cudaMemcpy(v->base, v->device - GUARD, v->bytes + 2 * GUARD, cudaMemcpyDeviceToHost));
}

static inline void numbers_free(numbers *v) {
  if (!v->base) return;
  for (int i = 0; i < GUARD; i++) {
    assert_int_equal(v->base[i], 0xff);
    assert_int_equal(v->x[v->bytes + (size_t)i], 0xff);
  }
  cuda_ok(cudaFree(v->device - GUARD));
  free(v->base);
  *v = (numbers){0};
}

static inline void numbers_set(numbers *v, size_t at, float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  uint16_t half = (uint16_t)(u >> 16);
  if (v->type == TRM__CUDA_BF16) memcpy(v->x + 2 * at, &half, 2);
  else memcpy(v->x + 4 * at, &x, 4);
}

static inline float numbers_get(const numbers *v, size_t at) {
  uint16_t half;
  uint32_t u;
  float x;
  if (v->type == TRM__CUDA_F32) {
    memcpy(&x, v->x + 4 * at, 4);
    return x;
  }
  memcpy(&half, v->x + 2 * at, 2);
  u = (uint32_t)half << 16;
  memcpy(&x, &u, 4);
  return x;
}

/* Still as numbers_new left it. */
static inline int numbers_untouched(const numbers *v, size_t at) {
  size_t size = v->type == TRM__CUDA_BF16 ? 2 : 4;
  for (size_t i = 0; i < size; i++)
    if (v->x[at * size + i] != 0xff) return 0;
  return 1;
}

static uint64_t products_state = 1;
static inline float random_number(trm__cuda_type type) { /* -1..1 */
  products_state = products_state * 6364136223846793005U + 1442695040888963407U;
  float x = (float)((double)(products_state >> 11) / 4503599627370496.0 - 1);
  return type == TRM__CUDA_BF16 ? bf16_of(x) : x;
}

static inline size_t up8(size_t n) {
  return (n + 7) / 8 * 8;
}

/* Logical operands a [batches][m][k], b [batches][n][k], and acc, the products, with absolute: sums of |a||b|. */
typedef struct problem {
  trm__cuda_type type;
  int m, n, k, batches;
  float *a, *b;
  double *acc, *absolute;
} problem;

static inline void *problem_memory(size_t n, size_t size) {
  void *x = calloc(n ? n : 1, size);
  assert_non_null(x);
  return x;
}

/* same_b: one b for all batches. */
static inline problem problem_new(trm__cuda_type type, int m, int n, int k, int batches, int same_b) {
  problem p = {.type = type, .m = m, .n = n, .k = k, .batches = batches};
  size_t rows = (size_t)batches * (size_t)m, cols = (size_t)batches * (size_t)n, depth = (size_t)k;
  p.a = problem_memory(rows * depth, sizeof *p.a);
  p.b = problem_memory(cols * depth, sizeof *p.b);
  p.acc = problem_memory(rows * (size_t)n, sizeof *p.acc);
  p.absolute = problem_memory(rows * (size_t)n, sizeof *p.absolute);
  for (size_t i = 0; i < rows * depth; i++) p.a[i] = random_number(type);
  for (size_t i = 0; i < cols * depth; i++)
    p.b[i] = same_b && i >= (size_t)n * depth ? p.b[i - (size_t)n * depth] : random_number(type);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < (size_t)n; j++) {
      const float *a = p.a + i * depth, *b = p.b + (i / (size_t)m * (size_t)n + j) * depth;
      double sum = 0, absolute = 0;
      for (size_t e = 0; e < depth; e++) {
        sum += (double)a[e] * (double)b[e];
        absolute += fabs((double)a[e] * (double)b[e]);
      }
      p.acc[i * (size_t)n + j] = sum;
      p.absolute[i * (size_t)n + j] = absolute;
    }
  return p;
}

static inline void problem_free(problem *p) {
  free(p->a);
  free(p->b);
  free(p->acc);
  free(p->absolute);
}

/* x [batches][rows][k] laid out; lines are `extra` longer than they must be and batches 16 numbers apart. What is
 * between stays NaN. */
static inline trm__cuda_operand lay_out(numbers *v, trm__cuda_type type, const float *x, int batches, int rows, int k,
                                        trm__cuda_layout layout, size_t extra, int same) {
  size_t lines = (size_t)(layout == TRM__CUDA_INNER ? rows : k),
         length = (size_t)(layout == TRM__CUDA_INNER ? k : rows);
  size_t ld = up8(length) + extra, stored = same ? 1 : (size_t)batches, batch = lines * ld + 16;
  *v = numbers_new(type, stored * batch - 16 - (ld - length)); /* nothing follows the last number */
  for (size_t b = 0; b < stored; b++)
    for (size_t r = 0; r < (size_t)rows; r++)
      for (size_t p = 0; p < (size_t)k; p++)
        numbers_set(v, b * batch + (layout == TRM__CUDA_INNER ? r * ld + p : p * ld + r),
                    x[(b * (size_t)rows + r) * (size_t)k + p]);
  return (trm__cuda_operand){
      .x = v->device, .ld = (ptrdiff_t)ld, .batch = same ? 0 : (ptrdiff_t)batch, .layout = layout};
}

/* The variants: how a product may be made. */
typedef struct variant {
  const char *name;
  trm__cuda_type type;
  int kind;  /* 0 plain, 1 mma, 2 wgmma, 3: what trm__cuda_multiply takes */
  int shape; /* of its kind; 3: multiprocessors of a card without wgmma, 0: four and wgmma */
  int wide;  /* tiles of at least 128 columns */
} variant;

static const variant variants[] = {
    {"f32", TRM__CUDA_F32, 0, 0, 1},
    {"plain bf16", TRM__CUDA_BF16, 0, 0, 1},
    {"mma large", TRM__CUDA_BF16, 1, TRM__MMA_LARGE, 1},
    {"mma small", TRM__CUDA_BF16, 1, TRM__MMA_SMALL, 0},
    {"mma flat", TRM__CUDA_BF16, 1, TRM__MMA_FLAT, 1},
    {"mma tiny", TRM__CUDA_BF16, 1, TRM__MMA_TINY, 0},
    {"wgmma 128", TRM__CUDA_BF16, 2, TRM__WGMMA_128, 1},
    {"wgmma 256", TRM__CUDA_BF16, 2, TRM__WGMMA_256, 1},
    {"wgmma stream", TRM__CUDA_BF16, 2, TRM__WGMMA_STREAM, 1},
    {"multiply", TRM__CUDA_BF16, 3, 0, 1},
    {"multiply on sm_80", TRM__CUDA_BF16, 3, 132, 1},
};
enum { VARIANTS = (int)(sizeof variants / sizeof *variants) };

/* The first device; in emulation one with four multiprocessors. */
static inline trm__cuda_queue products_queue(void) {
  trm__cuda_queue q = {0};
  int major = 0, minor = 0;
  cuda_ok(cudaDeviceGetAttribute(&q.sms, cudaDevAttrMultiProcessorCount, 0));
  cuda_ok(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
  cuda_ok(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0));
  cuda_ok(cudaDeviceGetAttribute(&q.shared_per_block, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0));
  q.capability = 10 * major + minor;
  q.wgmma = q.capability == 90;
  q.check = 1;
  return q;
}

/* Whether the device has what the variant needs. */
static inline int variant_there(const variant *v) {
  return v->kind != 2 || products_queue().wgmma;
}

static inline void queue_done(const trm__cuda_queue *q) {
  if (q->fault) fail_msg("%s: CUDA error %d", q->kernel, q->fault);
  cuda_ok(cudaDeviceSynchronize());
}

static inline void multiply_with(const variant *v, const trm__cuda_product *p, int splits, float *partial) {
  trm__cuda_queue q = products_queue();
  switch (v->kind) {
  case 0:
    trm__cuda_product_plain(&q, p, splits, partial);
    break;
  case 1:
    trm__cuda_product_mma(&q, p, splits, partial, v->shape);
    break;
  case 2:
    q.sms = 1 + p->k % 2; /* several tiles a block */
    trm__cuda_product_wgmma(&q, p, splits, partial, v->shape);
    break;
  default:
    if (v->shape) q.sms = v->shape, q.wgmma = 0;
    trm__cuda_product_any(&q, p, splits, partial);
    break;
  }
  queue_done(&q);
}

#endif
