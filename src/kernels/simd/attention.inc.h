/* Rotary positions and softmax attention of one head, over a vector layer and the matrix products of the same variant
 * (F32, and BF16: the address of the bf16 product, where there is one).
 *
 * Up to ROWS query rows at a time: their scores against all keys (a product), softmax along each row, the weighted
 * values (a product). The scratch then grows with rows, not with its square. The backward pass computes the weights
 * again, and adds each block's part to the gradients of keys and values in the order of the blocks. */

#include <math.h>

#ifndef F32
#define F32 NAME(f32)
#endif
#ifndef BF16
#define BF16 NULL
#endif

static const trm__product *const bf16 = BF16;

enum { ROWS = 48 / MR * MR, PANEL = 2 * VW };

static size_t padded(int n) {
  return ((size_t)n + PANEL - 1) / PANEL * PANEL;
}

/* An odd last element of a head is left as it is. */
void NAME(rope)(float *x, ptrdiff_t ld, const float *cosines, const float *sines, int rows, int heads, int head_dim,
                int inverse, int round) {
  int half = head_dim / 2;
  vf flip = v_set(inverse ? -0.0F : 0.0F);
  for (int i = 0; i < rows; i++, cosines += half, sines += half) {
    for (int h = 0; h < heads; h++) {
      float *left = x + i * ld + (ptrdiff_t)h * head_dim, *right = left + half;
      for (int j = 0; j < half; j += VW) {
        vf c = v_get(cosines + j, half - j), s = v_xor(v_get(sines + j, half - j), flip);
        vf a = v_get(left + j, half - j), b = v_get(right + j, half - j);
        v_put(left + j, v_rounded(v_sub(v_mul(a, c), v_mul(b, s)), round), half - j);
        v_put(right + j, v_rounded(v_add(v_mul(b, c), v_mul(a, s)), round), half - j);
      }
    }
  }
}

/* The buffers of one head, and its product. Packed operands of bf16 need less room than those of fp32. */
typedef struct head {
  const trm__attention *a;
  const trm__product *product;
  float *products;   /* what the products work in */
  ptrdiff_t wide;    /* rows, padded */
  float *weights;    /* [ROWS][wide] */
  float *keys;       /* k as right operand of q k^T */
  float *values;     /* v as right operand of (weights v) or, backward, of dout v^T */
  float *words;      /* a block's left operand */
  float *dweights;   /* [ROWS][wide], and the rest: backward only */
  float *keys_back;  /* k as right operand of (dscores k) */
  float *block_rows; /* a block's q or dout as right operand */
} head;

/* Lays the buffers out from scratch; returns how many elements they take. */
static size_t set_buffers(head *h, float *scratch, int rows, int head_dim) {
  size_t wide = padded(rows), narrow = padded(head_dim), d = (size_t)head_dim, l = (size_t)rows;
  size_t at = bf16 && bf16->scratch > F32.scratch ? bf16->scratch : F32.scratch;
  float **part[] = {&h->weights, &h->keys, &h->values, &h->words, &h->dweights, &h->keys_back, &h->block_rows};
  size_t values = wide * d > l * narrow ? wide * d : l * narrow, words = ROWS * (wide > narrow ? wide : narrow);
  size_t size[] = {ROWS * wide, wide * d, values, bf16 ? words : 0, ROWS * wide, l * narrow, ROWS * narrow};
  for (int i = 0; i < 7; i++, at += size[i - 1])
    if (scratch) *part[i] = scratch + at;
  h->products = scratch;
  h->wide = (ptrdiff_t)wide;
  return at;
}

size_t NAME(attention_scratch)(int rows, int head_dim) {
  head h;
  return set_buffers(&h, NULL, rows, head_dim);
}

static head head_of(const trm__attention *a) {
  head h = {.a = a, .product = a->type == TRM_BFLOAT16 && bf16 ? bf16 : &F32};
  set_buffers(&h, a->scratch, a->rows, a->head_dim);
  return h;
}

/* B(p, j) = x[p * rs + j * cs], k x n. */
static void pack(const head *h, float *packed, const float *x, ptrdiff_t rs, ptrdiff_t cs, int k, int n) {
  h->product->pack_b(packed, x, rs, cs, k, n, 0, 0, (int)(padded(n) / PANEL));
}

typedef struct result {
  float *c;
  ptrdiff_t rs;
  int add;
} result;

static void multiply(const head *h, result to, const trm__gemm *left, const float *right, int m, int n, int k) {
  trm__gemm g = *left;
  g.m = g.m1 = m;
  g.n = g.n1 = n;
  g.k = trm__words(h->product, k);
  g.b = right;
  g.c = to.c;
  g.c_rs = to.rs;
  g.scratch = h->products;
  g.epilogue = to.add ? TRM__EPI_ADD : TRM__EPI_STORE;
  h->product->gemm(&g);
}

/* to = x right, x [m][k]. */
static void rows_times(const head *h, result to, const float *x, ptrdiff_t ld, const float *right, int m, int n,
                       int k) {
  trm__gemm left = {.a = x, .a_rs = ld, .a_cs = 1};
  if (h->product->pack_a) {
    left.a = h->words;
    left.a_rs = trm__words(h->product, k);
    h->product->pack_a(h->words, left.a_rs, NULL, x, ld, m, k);
  }
  multiply(h, to, &left, right, m, n, k);
}

/* to = x^T right, x [k][m]. */
static void columns_times(const head *h, result to, const float *x, ptrdiff_t ld, const float *right, int m, int n,
                          int k) {
  trm__gemm left = {.a = x, .a_rs = 1, .a_cs = ld};
  if (h->product->pack_a) {
    left.a = h->words;
    left.a_cs = m;
    h->product->spread(h->words, m, x, ld, k, m);
  }
  multiply(h, to, &left, right, m, n, k);
}

/* row = exp(scale (row - max)) [n]; the inverse of its sum. scale > 0. */
static float exponentials(float *row, int n, float scale) {
  vf max = v_set(-INFINITY), sum = v_zero(), factor = v_set(scale);
  int j = 0, whole = n / VW * VW;
  for (; j < whole; j += VW) max = v_max(v_load(row + j), max);
  float most = v_max_lane(max);
  for (; j < n; j++) most = row[j] > most ? row[j] : most;
  max = v_set(most);
  for (j = 0; j < whole; j += VW) {
    vf e = v_exp_negative(v_mul(v_sub(v_load(row + j), max), factor));
    sum = v_add(sum, e);
    v_store(row + j, e);
  }
  if (j < n) {
    v_store_n(row + j, v_exp_negative(v_mul(v_sub(v_load_n(row + j, n - j), max), factor)), n - j);
    sum = v_add(sum, v_load_n(row + j, n - j)); /* zeros past the end */
  }
  return 1 / v_sum(sum);
}

/* Scales of queries [i, i + count) against all keys, as exponentials; each row's factor to make them weights. */
static void block_weights(const head *h, float *inverse, int i, int count) {
  const trm__attention *a = h->a;
  result to = {h->weights, h->wide, 0};
  rows_times(h, to, a->q + i * a->ld, a->ld, h->keys, count, a->rows, a->head_dim);
  for (int r = 0; r < count; r++) inverse[r] = exponentials(h->weights + r * h->wide, a->rows, a->scale);
}

static void scale_row(float *row, int n, float factor, int round) {
  vf f = v_set(factor);
  for (int j = 0; j < n; j += VW) v_put(row + j, v_rounded(v_mul(v_get(row + j, n - j), f), round), n - j);
}

/* First row of a block: rows are shared out evenly. */
static int block_start(int rows, int block) {
  int blocks = (rows + ROWS - 1) / ROWS;
  return (int)((int64_t)rows * block / blocks);
}

void NAME(attention)(const trm__attention *a) {
  head h = head_of(a);
  float inverse[ROWS];
  pack(&h, h.keys, a->k, 1, a->ld, a->head_dim, a->rows);
  pack(&h, h.values, a->v, a->ld, 1, a->rows, a->head_dim);
  for (int i = 0, next, b = 1; i < a->rows; i = next, b++) {
    next = block_start(a->rows, b);
    block_weights(&h, inverse, i, next - i);
    result to = {a->out + i * a->out_ld, a->out_ld, 0};
    rows_times(&h, to, h.weights, h.wide, h.values, next - i, a->head_dim, a->rows);
    for (int r = 0; r < next - i; r++) scale_row(to.c + r * a->out_ld, a->head_dim, inverse[r], a->round);
  }
}

/* dscores = weights (dweights - sum weights dweights) scale, over dweights. */
static void softmax_backward(float *dweights, const float *weights, int n, float scale) {
  vf mean = v_set(v_dot(weights, dweights, (size_t)n)), factor = v_set(scale);
  for (int j = 0; j < n; j += VW) {
    vf d = v_sub(v_get(dweights + j, n - j), mean);
    v_put(dweights + j, v_mul(v_mul(v_get(weights + j, n - j), d), factor), n - j);
  }
}

/* The part of rows [i, i + count) in all gradients. */
static void block_backward(const head *h, int i, int count) {
  const trm__attention *a = h->a;
  int d = a->head_dim, rows = a->rows, add = i > 0;
  const float *dout = a->dout + i * a->out_ld, *q = a->q + i * a->ld;
  float inverse[ROWS];
  block_weights(h, inverse, i, count);
  for (int r = 0; r < count; r++) scale_row(h->weights + r * h->wide, rows, inverse[r], 0);
  rows_times(h, (result){h->dweights, h->wide, 0}, dout, a->out_ld, h->values, count, rows, d);
  pack(h, h->block_rows, dout, a->out_ld, 1, count, d);
  columns_times(h, (result){a->dv, a->ld, add}, h->weights, h->wide, h->block_rows, rows, d, count);
  for (int r = 0; r < count; r++) softmax_backward(h->dweights + r * h->wide, h->weights + r * h->wide, rows, a->scale);
  rows_times(h, (result){a->dq + i * a->ld, a->ld, 0}, h->dweights, h->wide, h->keys_back, count, d, rows);
  pack(h, h->block_rows, q, a->ld, 1, count, d);
  columns_times(h, (result){a->dk, a->ld, add}, h->dweights, h->wide, h->block_rows, rows, d, count);
}

void NAME(attention_backward)(const trm__attention *a) {
  head h = head_of(a);
  pack(&h, h.keys, a->k, 1, a->ld, a->head_dim, a->rows);
  pack(&h, h.values, a->v, 1, a->ld, a->head_dim, a->rows);
  pack(&h, h.keys_back, a->k, a->ld, 1, a->rows, a->head_dim);
  for (int i = 0, next, b = 1; i < a->rows; i = next, b++) {
    next = block_start(a->rows, b);
    block_backward(&h, i, next - i);
  }
}
