/* What the plain C kernels share: the table's functions and scalar helpers for float and double.
 *
 * These kernels say what each operation means: one loop a formula, sums in one written order. They are compiled
 * without any instruction set option, as float and, under TRM_DOUBLE, as double. */
#ifndef TRM_KERNELS_REF_H
#define TRM_KERNELS_REF_H

#include <math.h>
#include <string.h>

#include "kernels/isa.h"

#define TRM__REF_MR 4
#define TRM__REF_NR 8
#define TRM__REF_LANES 8 /* independent partial sums of a dot product, so that plain C can use vector registers */

static inline trm__real trm__exp(trm__real x) {
#ifdef TRM_DOUBLE
  return exp(x);
#else
  return expf(x);
#endif
}

static inline trm__real trm__sqrt(trm__real x) {
#ifdef TRM_DOUBLE
  return sqrt(x);
#else
  return sqrtf(x);
#endif
}

static inline trm__real trm__atan2(trm__real y, trm__real x) {
#ifdef TRM_DOUBLE
  return atan2(y, x);
#else
  return atan2f(y, x);
#endif
}

/* The nearest bf16, ties to even; too large becomes infinite, NaN stays NaN. In the double build the value is first
 * rounded to float. */
static inline trm__real trm__bf16(trm__real x) {
  float f = (float)x;
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  if ((bits & 0x7fffffffU) > 0x7f800000U) bits |= 0x00400000U; /* a NaN whose payload would be cut off */
  else bits += 0x7fffU + ((bits >> 16) & 1U);
  bits &= 0xffff0000U;
  memcpy(&f, &bits, sizeof f);
  return (trm__real)f;
}

static inline trm__real trm__rounded(trm__real x, int round) {
  return round ? trm__bf16(x) : x;
}

/* 1 / (1 + e^-x): 0 at -infinity, 1 at +infinity. */
static inline trm__real trm__sigmoid(trm__real x) {
  return 1 / (1 + trm__exp(-x));
}

/* sum of a[i] * b[i], i < n, in TRM__REF_LANES interleaved partial sums that are then added in order. */
trm__real trm__ref_dot(const trm__real *a, const trm__real *b, size_t n);
/* y[i] += s * x[i] */
void trm__ref_axpy(trm__real *y, trm__real s, const trm__real *x, size_t n);

/* Rows of a panel of INT8 after its words: scales, and sums to subtract (here zero). */
#define TRM__REF_INT8_TAIL 2

/* A word of two bf16 as numbers; the first is in the low half. */
typedef struct trm__ref_pair {
  trm__real low, high;
} trm__ref_pair;
#ifndef TRM_DOUBLE
static inline trm__ref_pair trm__ref_pair_of(const trm__real *word) {
  uint32_t bits, part;
  trm__ref_pair pair;
  memcpy(&bits, word, sizeof bits);
  part = bits << 16;
  memcpy(&pair.low, &part, sizeof part);
  part = bits & 0xffff0000U;
  memcpy(&pair.high, &part, sizeof part);
  return pair;
}
#endif

void trm__ref_gemm(const trm__gemm *g);
void trm__ref_gemm_bf16(const trm__gemm *g);
void trm__ref_gemm_int8(const trm__gemm *g);
extern const trm__product trm__ref_f32, trm__ref_bf16, trm__ref_int8;

void trm__ref_swiglu_backward(trm__real *dgu, trm__real *act, const trm__real *gu, const trm__real *da, int rows,
                              int cols);
void trm__ref_inject(trm__real *h, const trm__real *a, const trm__real *b, size_t n, int round);
void trm__ref_add(trm__real *y, const trm__real *x, size_t n);
void trm__ref_scale(trm__real *y, double s, size_t n);
double trm__ref_sum_squares(const trm__real *x, size_t n);
void trm__ref_round_bf16(trm__real *y, const trm__real *x, size_t n);

void trm__ref_rms_rows(trm__real *y, trm__real *inv_rms, const trm__real *x, int rows, int cols, double eps, int round);
void trm__ref_rms_rows_backward(trm__real *dx, const trm__real *dy, const trm__real *y, const trm__real *inv_rms,
                                int rows, int cols);
void trm__ref_rms_cols(trm__real *y, trm__real *inv_rms, const trm__real *x, int rows, int cols, double eps, int round,
                       int c0, int c1);
void trm__ref_rms_cols_backward(trm__real *dx, const trm__real *dy, const trm__real *y, const trm__real *inv_rms,
                                int rows, int cols, int c0, int c1);

void trm__ref_rms_gate_rows(trm__real *scale, const trm__real *gu, int rows, int cols, double eps);
void trm__ref_rms_gate_cols(trm__real *scale, const trm__real *gu, int rows, int cols, double eps);
void trm__ref_rms_gate_rows_backward(trm__real *dgu, trm__real *act, const trm__real *gu, const trm__real *da, int rows,
                                     int cols, double eps);
void trm__ref_rms_gate_cols_backward(trm__real *dgu, trm__real *act, const trm__real *gu, const trm__real *da, int rows,
                                     int cols, double eps);

void trm__ref_rope(trm__real *x, ptrdiff_t ld, const trm__real *cosines, const trm__real *sines, int rows, int heads,
                   int head_dim, int inverse, int round);
size_t trm__ref_attention_scratch(int rows, int head_dim);
void trm__ref_attention(const trm__attention *a);
void trm__ref_attention_backward(const trm__attention *a);

void trm__ref_adam_atan2(trm__real *p, trm__real *m, trm__real *v, const trm__real *g, size_t n, const trm__adam *c);
void trm__ref_adamw(trm__real *p, trm__real *m, trm__real *v, const trm__real *g, size_t n, const trm__adam *c);
void trm__ref_sign_sgd(trm__real *p, const trm__real *g, size_t n, double lr, double weight_decay);
void trm__ref_ema(trm__real *shadow, const trm__real *p, size_t n, double decay);

#endif
