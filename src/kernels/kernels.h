/* The contract of each kernel. ref/ holds plain C and is the specification; SIMD variants are compared with it.
 *
 * All kernels are single-threaded, allocate nothing and touch only the buffers they are given. The backend splits
 * work over threads along output elements, never along a sum, so results do not depend on the thread count.
 *
 * trm__real is float. The gradient tests compile kernels/ref, backend and model a second time with
 * TRM_DOUBLE defined, where it is double.
 *
 * `round` (0 or 1): values that are stored are first rounded to the nearest bf16 (ties to even); they stay in
 * trm__real containers. That is the forward type bfloat16 on a CPU: sums in fp32, every tensor rounded once. */
#ifndef TRM_KERNELS_H
#define TRM_KERNELS_H

#include <stddef.h>
#include <stdint.h>
#include <trm/model.h>

#ifdef TRM_DOUBLE
typedef double trm__real;
#else
typedef float trm__real;
#endif

/* A product is made for one trm_dtype of its operands; sums are fp32 (TRM_INT8: int32), results trm__real.
 *   TRM_FLOAT32    operands are trm__real (double in the double build)
 *   TRM_BFLOAT16   operands are rounded to bf16 when they are packed
 *   TRM_INT8       inference alone: q = nearest(x / scale) in -127..127, scale = max|x| / 127 of a row of A or a column
 *                  of B */
#define TRM__DTYPES 3

/* INT8: a row or column whose largest |x| is not above this is quantized to zeros (127 / max would overflow). */
#define TRM__INT8_LEAST 1e-30F

/* What a matrix product does to a tile of sums before storing it. */
typedef enum trm__epilogue {
  TRM__EPI_STORE,    /* C = AB */
  TRM__EPI_ADD,      /* C += AB */
  TRM__EPI_RESIDUAL, /* C = residual + round(AB), AB scaled as asked (then rounded) */
  TRM__EPI_GATE_N,   /* columns are gate and up (packed so by pack_b with gate = 1):
                        C [m][n] = AB (skipped when c is NULL) with gates in columns 0..n/2-1 and ups in n/2..n-1,
                        act [m][n/2] = silu(gate) * up, silu rounded, product rounded */
  TRM__EPI_GATE_M    /* rows i and i + m/2 are gate and up: C [m][n] = AB (skipped when NULL),
                        act [m/2][n] = silu(row i) * row i+m/2 */
} trm__epilogue;

/* C[i][j] = sum over p of A(i,p) * B(p,j), i < m, j < n, p < k, for operands made of words: a word holds `unit`
 * neighbours of the sum (one fp32 number, two bf16, four int8), is as large as a trm__real and is kept in trm__real
 * arrays whatever it holds. k counts words.
 * A(i,p) = a[i*a_rs + p*a_cs]: TRM_FLOAT32 numbers where they lie, otherwise written by pack_a or spread.
 * B packed by pack_b. C rows contiguous: c[i*c_rs + j].
 * Each sum runs over p ascending, in blocks whose size is a constant of the variant, so a result does not depend on
 * the ranges below. Only rows [m0, m1) and columns [n0, n1) are computed. n0 is a multiple of nr (of nr/2 with
 * GATE_N, where n0, n1 count gate columns, 0..n/2); with GATE_M m0, m1 count gate rows, 0..m/2. */
typedef struct trm__gemm {
  int m, n, k;
  const trm__real *a;
  ptrdiff_t a_rs, a_cs;
  const trm__real *a_scale; /* INT8: [m] */
  const trm__real *b;
  trm__real *c;
  ptrdiff_t c_rs;
  trm__epilogue epilogue;
  int round;
  const trm__real *residual; /* EPI_RESIDUAL: residual[i*residual_rs + j]; may be c itself */
  ptrdiff_t residual_rs;
  const trm__real *row_scale, *col_scale; /* EPI_RESIDUAL: [m], [n] factors of AB before it is rounded; NULL: none */
  trm__real *act;                         /* EPI_GATE_*: act[i*act_rs + j] */
  ptrdiff_t act_rs;
  int m0, m1, n0, n1;
  trm__real *scratch; /* the product's scratch, best aligned to 64 bytes, which no other thread uses meanwhile */
} trm__gemm;

/* The matrix product of one data type. */
typedef struct trm__product {
  trm_dtype type;
  int unit;       /* elements in a word */
  int mr, nr;     /* tile of sums: mr is even, pack_b pads columns to nr */
  size_t scratch; /* elements that gemm works in: too many for the stack of a caller's thread */

  /* Words that pack_b writes: panels of nr columns, each [ceil(k / unit)][nr] (INT8: followed by [nr] scales and [nr]
   * whole numbers that the variant subtracts from its sums). With gate the panels are ceil(n/2 / (nr/2)). */
  size_t (*packed_size)(int k, int n, int gate);
  /* B(p,j) = b[p*b_rs + j*b_cs], k elements by n, into panels, zero-padded. gate: panel q holds gate columns
   * q*nr/2.. and then up columns n/2 + q*nr/2.. . Only panels [p0, p1) are written. */
  void (*pack_b)(trm__real *packed, const trm__real *b, ptrdiff_t b_rs, ptrdiff_t b_cs, int k, int n, int gate, int p0,
                 int p1);
  /* Rows of k elements, ld apart -> rows of ceil(k / unit) words, pitch apart; INT8 also scale [rows] (a row with an
   * infinity or NaN: NaN). NULL for TRM_FLOAT32. */
  void (*pack_a)(trm__real *words, ptrdiff_t pitch, trm__real *scale, const trm__real *a, ptrdiff_t ld, int rows,
                 int k);
  /* Sums over rows (gradients of weights): x [rows][cols], ld apart -> [ceil(rows / unit)][width] words whose elements
   * are neighbours down a column; what is beyond rows or cols is zero. With width nr this is one panel of pack_b;
   * any width serves as A with a_rs = 1, a_cs = width. NULL for TRM_INT8. */
  void (*spread)(trm__real *words, int width, const trm__real *x, ptrdiff_t ld, int rows, int cols);
  void (*gemm)(const trm__gemm *g);
} trm__product;

static inline int trm__words(const trm__product *product, int k) {
  return (k + product->unit - 1) / product->unit;
}

/* One attention head of one example. q, k, v: [rows][head_dim], row stride ld (they lie inside [L][3D] qkv); out and
 * the gradients likewise with their own strides. Not causal; softmax in fp32 (double in the double build). */
typedef struct trm__attention {
  trm_dtype type; /* of the forward products: TRM_FLOAT32, or TRM_BFLOAT16 where the table has it */
  int rows, head_dim;
  trm__real scale; /* 1/sqrt(head_dim) */
  const trm__real *q, *k, *v;
  ptrdiff_t ld;
  trm__real *out;
  ptrdiff_t out_ld;
  int round;
  /* backward only: from dout (stride out_ld) to dq, dk, dv (stride ld), overwritten */
  const trm__real *dout;
  trm__real *dq, *dk, *dv;
  trm__real *scratch; /* attention_scratch(rows, head_dim) elements */
} trm__attention;

typedef struct trm__adam {
  double lr, beta1, beta2, weight_decay, eps; /* eps: AdamW only */
  int64_t t;                                  /* update, counted from 1 */
} trm__adam;

#define TRM__ISA_NAME 64

/* Put together by trm__isa_kernels (isa.h), which fills every slot. */
typedef struct trm__kernels {
  char isa[TRM__ISA_NAME]; /* the instruction sets in use: "ref", "avx2", "avx512bf16", ... */
  uint32_t sets;           /* the same as bits of their table's lines, with what they need */
  const struct trm__isa_table *table;
  /* By trm_dtype. TRM_FLOAT32 is always there, the others where they are asked for and faster (the double build has
   * only TRM_FLOAT32). */
  const trm__product *product[TRM__DTYPES];

  /* Gate activation backward. gu [rows][2*cols] (gates then ups along the row, row stride 2*cols) and da [rows][cols]
   * -> dgu [rows][2*cols] (may be gu itself), and act [rows][cols] = silu(g)*u when act is not NULL (may be da). */
  void (*swiglu_backward)(trm__real *dgu, trm__real *act, const trm__real *gu, const trm__real *da, int rows, int cols);
  /* With gates above ups ([2*I][D], the mixer) the same call serves as one row of I*D. */

  /* RMS_GATE, a = silu(g) u r with r = 1/sqrt(mean((g u)^2) + eps), one r a row of gu [rows][2*cols] or, in _cols, a
   * column of gu [2*rows][cols] (gates above ups). The epilogues GATE_* give silu(g) u; these give scale = r, for the
   * next product's row_scale or col_scale. Sums and r in fp32 (double build: double). */
  void (*rms_gate_rows)(trm__real *scale, const trm__real *gu, int rows, int cols, double eps);
  void (*rms_gate_cols)(trm__real *scale, const trm__real *gu, int rows, int cols, double eps);
  /* From da to dgu (may be gu itself) and act = a (may be da); r is computed again. With s = sigmoid(g), p = g u and
   * m = mean(da s p): dp = r (da s - r^2 p m), dg = dp u + da p r s (1 - s), du = dp g. */
  void (*rms_gate_rows_backward)(trm__real *dgu, trm__real *act, const trm__real *gu, const trm__real *da, int rows,
                                 int cols, double eps);
  void (*rms_gate_cols_backward)(trm__real *dgu, trm__real *act, const trm__real *gu, const trm__real *da, int rows,
                                 int cols, double eps);

  /* Row norm: x [rows][cols] -> y (may be x) = x * r, r = 1/sqrt(mean(x^2) + eps), inv_rms[row] = r (NULL: not kept).
   * The sum of squares and r in fp32 (double build: double). */
  void (*rms_rows)(trm__real *y, trm__real *inv_rms, const trm__real *x, int rows, int cols, double eps, int round);
  /* dx = r * (dy - y * mean(dy * y)) from the stored output y and r; dx may be dy. */
  void (*rms_rows_backward)(trm__real *dx, const trm__real *dy, const trm__real *y, const trm__real *inv_rms, int rows,
                            int cols);
  /* Column norm of [rows][cols], over the rows of each column in [c0, c1) (the mixer's norm runs over positions). */
  void (*rms_cols)(trm__real *y, trm__real *inv_rms, const trm__real *x, int rows, int cols, double eps, int round,
                   int c0, int c1);
  void (*rms_cols_backward)(trm__real *dx, const trm__real *dy, const trm__real *y, const trm__real *inv_rms, int rows,
                            int cols, int c0, int c1);

  /* h = round(h + round(a + b)); b NULL: h = round(h + a). */
  void (*inject)(trm__real *h, const trm__real *a, const trm__real *b, size_t n, int round);
  void (*add)(trm__real *y, const trm__real *x, size_t n);        /* y += x */
  void (*scale)(trm__real *y, double s, size_t n);                /* y *= s */
  double (*sum_squares)(const trm__real *x, size_t n);            /* in double, fixed order */
  void (*round_bf16)(trm__real *y, const trm__real *x, size_t n); /* y = bf16(x) */

  /* Rotary positions, half-split: x [rows][heads*head_dim] with row stride ld, in place; cos, sin [rows][head_dim/2];
   * inverse = 1 rotates back (the backward pass). */
  void (*rope)(trm__real *x, ptrdiff_t ld, const trm__real *cosines, const trm__real *sines, int rows, int heads,
               int head_dim, int inverse, int round);
  size_t (*attention_scratch)(int rows, int head_dim); /* elements, forward and backward */
  void (*attention)(const trm__attention *a);
  void (*attention_backward)(const trm__attention *a);

  /* Optimizers on n elements, in place; g is not changed. Formulas: docs/spec.md, Optimizers; arithmetic in fp32. */
  void (*adam_atan2)(trm__real *p, trm__real *m, trm__real *v, const trm__real *g, size_t n, const trm__adam *c);
  void (*adamw)(trm__real *p, trm__real *m, trm__real *v, const trm__real *g, size_t n, const trm__adam *c);
  void (*sign_sgd)(trm__real *p, const trm__real *g, size_t n, double lr, double weight_decay);
  void (*ema)(trm__real *shadow, const trm__real *p, size_t n, double decay); /* s = decay s + (1-decay) p */
} trm__kernels;

#endif
