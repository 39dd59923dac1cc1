/* What the tests of matrix products share: a product with all its operands, whose results plain C computes in double
 * from the same rounded numbers, and the kernels that can make it. */
#ifndef TRM_TESTS_CUDA_KERNELS_PRODUCTS_H
#define TRM_TESTS_CUDA_KERNELS_PRODUCTS_H

#include "cuda/device_check.h"

#include "kernels/cuda/product/product.h"

static inline float random_number(trm_dtype type) { /* -1..1 */
  return rounded(random_real(), type);
}

static inline size_t up8(size_t n) {
  return (n + 7) / 8 * 8;
}

/* Logical operands a [batches][m][k], b [batches][n][k], and acc, the products, with absolute: sums of |a||b|. */
typedef struct problem {
  trm_dtype type;
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
static inline problem problem_new(trm_dtype type, int m, int n, int k, int batches, int same_b) {
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
static inline trm__cuda_operand lay_out(buffer *v, trm_dtype type, const float *x, int batches, int rows, int k,
                                        trm__cuda_layout layout, size_t extra, int same) {
  size_t lines = (size_t)(layout == TRM__CUDA_INNER ? rows : k),
         length = (size_t)(layout == TRM__CUDA_INNER ? k : rows);
  size_t ld = up8(length) + extra, stored = same ? 1 : (size_t)batches, batch = lines * ld + 16;
  *v = buffer_numbers(type, stored * batch - 16 - (ld - length)); /* nothing follows the last number */
  for (size_t b = 0; b < stored; b++)
    for (size_t r = 0; r < (size_t)rows; r++)
      for (size_t p = 0; p < (size_t)k; p++)
        set_at(v, b * batch + (layout == TRM__CUDA_INNER ? r * ld + p : p * ld + r),
               x[(b * (size_t)rows + r) * (size_t)k + p]);
  return (trm__cuda_operand){
      .x = v->device, .ld = (ptrdiff_t)ld, .batch = same ? 0 : (ptrdiff_t)batch, .layout = layout};
}

/* The methods: how a product may be made. */
typedef struct method {
  const char *name;
  trm_dtype type;
  int kind;  /* 0 plain, 1 mma, 2 wgmma, 3: what trm__cuda_multiply takes */
  int shape; /* of its kind; 3: multiprocessors of a card without wgmma, 0: four and wgmma */
  int wide;  /* tiles of at least 128 columns */
} method;

static const method methods[] = {
    {"f32", TRM_FLOAT32, 0, 0, 1},
    {"plain bf16", TRM_BFLOAT16, 0, 0, 1},
    {"mma large", TRM_BFLOAT16, 1, TRM__MMA_LARGE, 1},
    {"mma small", TRM_BFLOAT16, 1, TRM__MMA_SMALL, 0},
    {"mma flat", TRM_BFLOAT16, 1, TRM__MMA_FLAT, 1},
    {"mma tiny", TRM_BFLOAT16, 1, TRM__MMA_TINY, 0},
    {"wgmma 128", TRM_BFLOAT16, 2, TRM__WGMMA_128, 1},
    {"wgmma 256", TRM_BFLOAT16, 2, TRM__WGMMA_256, 1},
    {"wgmma stream", TRM_BFLOAT16, 2, TRM__WGMMA_STREAM, 1},
    {"multiply", TRM_BFLOAT16, 3, 0, 1},
    {"multiply on sm_80", TRM_BFLOAT16, 3, 132, 1},
};
enum { METHODS = (int)(sizeof methods / sizeof *methods) };

/* Whether the device has what the method needs. */
static inline int method_there(const method *v) {
  return v->kind != 2 || device_queue().wgmma;
}

static inline void multiply_with(const method *v, const trm__cuda_product *p, int splits, float *partial) {
  trm__cuda_queue q = device_queue();
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
  device_finish(&q);
}

#endif
