/* Rotary positions and softmax attention of one head, over a vector layer and the matrix product of the same variant.
 *
 * ROWS query rows at a time: their scores against all keys (a product), softmax along each row, the weighted values (a
 * product). The scratch then grows with rows, not with its square. The backward pass computes the weights again, and
 * adds each block's part to the gradients of keys and values in the order of the blocks. */

#include <math.h>

enum { ROWS = 4 * MR, PANEL = 2 * VW };

static size_t padded(int n) {
  return ((size_t)n + PANEL - 1) / PANEL * PANEL;
}

/* An odd last number of a head is left as it is. */
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

/* Where the parts of the scratch begin. The forward pass uses the first three. */
typedef struct parts {
  size_t weights;       /* [ROWS][padded rows] */
  size_t keys;          /* k as right operand of q k^T */
  size_t values;        /* v as right operand of (weights v) or, backward, of dout v^T */
  size_t dweights;      /* [ROWS][padded rows] */
  size_t keys_back;     /* k as right operand of (dscores k) */
  size_t queries, outs; /* a block's q and dout as right operands */
  size_t end;
} parts;

static parts split_scratch(int rows, int head_dim) {
  size_t wide = padded(rows), narrow = padded(head_dim), d = (size_t)head_dim, l = (size_t)rows;
  parts s = {.weights = 0, .keys = ROWS * wide};
  s.values = s.keys + wide * d;
  s.dweights = s.values + (wide * d > l * narrow ? wide * d : l * narrow);
  s.keys_back = s.dweights + ROWS * wide;
  s.queries = s.keys_back + l * narrow;
  s.outs = s.queries + ROWS * narrow;
  s.end = s.outs + ROWS * narrow;
  return s;
}

size_t NAME(attention_scratch)(int rows, int head_dim) {
  return split_scratch(rows, head_dim).end;
}

/* B(p, j) = x[p * ld + j], k x n. */
static void pack_plain(float *packed, const float *x, ptrdiff_t ld, int k, int n) {
  NAME(f32).pack_b(packed, x, ld, 1, k, n, 0, 0, (int)(padded(n) / PANEL));
}

/* B(p, j) = x[j * ld + p], k x n. */
static void pack_transposed(float *packed, const float *x, ptrdiff_t ld, int k, int n) {
  NAME(f32).pack_b(packed, x, 1, ld, k, n, 0, 0, (int)(padded(n) / PANEL));
}

static void product(float *c, ptrdiff_t c_rs, const float *a, ptrdiff_t a_rs, ptrdiff_t a_cs, const float *b, int m,
                    int n, int k, int add, int round) {
  trm__gemm g = {.m = m, .n = n, .k = k, .a = a, .a_rs = a_rs, .a_cs = a_cs, .b = b, .c = c, .c_rs = c_rs};
  g.epilogue = add ? TRM__EPI_ADD : TRM__EPI_STORE;
  g.round = round;
  g.m1 = m;
  g.n1 = n;
  NAME(f32).gemm(&g);
}

/* softmax of scale * row [n], in place; the row has room up to the next full vector, which becomes 0. */
static void softmax(float *row, int n, float scale) {
  int full = (n + VW - 1) / VW * VW;
  vf max = v_set(-INFINITY), sum = v_zero(), factor = v_set(scale);
  for (int j = 0; j < n; j += VW) v_store(row + j, v_mul(v_get(row + j, n - j), factor));
  for (int j = n; j < full; j++) row[j] = -INFINITY;
  for (int j = 0; j < full; j += VW) max = v_max(v_load(row + j), max);
  max = v_set(v_max_lane(max));
  for (int j = 0; j < full; j += VW) {
    vf e = v_exp(v_sub(v_load(row + j), max));
    sum = v_add(sum, e);
    v_store(row + j, e);
  }
  vf inverse = v_set(1 / v_sum(sum));
  for (int j = 0; j < full; j += VW) v_store(row + j, v_mul(v_load(row + j), inverse));
}

/* Weights of rows [i, i + count). */
static void block_weights(const trm__attention *a, float *weights, const float *keys, int i, int count) {
  size_t wide = padded(a->rows);
  product(weights, (ptrdiff_t)wide, a->q + i * a->ld, a->ld, 1, keys, count, a->rows, a->head_dim, 0, 0);
  for (int r = 0; r < count; r++) softmax(weights + (size_t)r * wide, a->rows, a->scale);
}

void NAME(attention)(const trm__attention *a) {
  parts s = split_scratch(a->rows, a->head_dim);
  float *weights = a->scratch + s.weights, *keys = a->scratch + s.keys, *values = a->scratch + s.values;
  ptrdiff_t wide = (ptrdiff_t)padded(a->rows);
  pack_transposed(keys, a->k, a->ld, a->head_dim, a->rows);
  pack_plain(values, a->v, a->ld, a->rows, a->head_dim);
  for (int i = 0; i < a->rows; i += ROWS) {
    int count = a->rows - i < ROWS ? a->rows - i : ROWS;
    block_weights(a, weights, keys, i, count);
    product(a->out + i * a->out_ld, a->out_ld, weights, wide, 1, values, count, a->head_dim, a->rows, 0, a->round);
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

void NAME(attention_backward)(const trm__attention *a) {
  int d = a->head_dim, rows = a->rows;
  parts s = split_scratch(rows, d);
  float *weights = a->scratch + s.weights, *dweights = a->scratch + s.dweights, *keys = a->scratch + s.keys;
  float *values = a->scratch + s.values, *keys_back = a->scratch + s.keys_back;
  float *queries = a->scratch + s.queries, *outs = a->scratch + s.outs;
  ptrdiff_t wide = (ptrdiff_t)padded(rows);
  pack_transposed(keys, a->k, a->ld, d, rows);
  pack_transposed(values, a->v, a->ld, d, rows);
  pack_plain(keys_back, a->k, a->ld, rows, d);
  for (int i = 0; i < rows; i += ROWS) {
    int count = rows - i < ROWS ? rows - i : ROWS;
    const float *dout = a->dout + i * a->out_ld;
    block_weights(a, weights, keys, i, count);
    product(dweights, wide, dout, a->out_ld, 1, values, count, rows, d, 0, 0);
    pack_plain(outs, dout, a->out_ld, count, d);
    product(a->dv, a->ld, weights, 1, wide, outs, rows, d, count, i > 0, 0);
    for (int r = 0; r < count; r++) softmax_backward(dweights + r * wide, weights + r * wide, rows, a->scale);
    product(a->dq + i * a->ld, a->ld, dweights, wide, 1, keys_back, count, d, rows, 0, 0);
    pack_plain(queries, a->q + i * a->ld, a->ld, count, d);
    product(a->dk, a->ld, dweights, 1, wide, queries, rows, d, count, i > 0, 0);
  }
}
