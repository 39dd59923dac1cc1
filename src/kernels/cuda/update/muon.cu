/* Muon's step (backend/cpu/muon.c has the formulas): five Newton-Schulz steps whose products run in bf16, as in the
 * original, while X, X X^T and every combination stay fp32. X is kept as the weights are, [rows][cols]: with
 * more rows than columns the small square is X^T X, and X is multiplied from the right; the squares are symmetric, so
 * that no transposes are made. Each product leaves partial sums, and the kernel that adds them up makes the next
 * operand. Bound by launches and by a few passes over X. */
#include "kernels/cuda/device.cuh"
#include "kernels/cuda/product/product.h"
#include "kernels/update.h"

namespace {

const float NS_A = 3.4445f, NS_B = -4.7750f, NS_C = 2.0315f;
const double NS_EPS = 1e-7; /* added to the norm, so that a zero gradient gives a zero step */
enum { NS_STEPS = 5, THREADS = 256, MOST_BLOCKS = 256, EACH = 8 };

/* Where things lie in scratch, in floats. */
struct layout {
  int rows, cols, small;         /* small: the square's side */
  size_t ld_x, ld_square;        /* of bf16 copies, a multiple of 8 */
  size_t squares;                /* double [MOST_BLOCKS]: parts of |X|^2 */
  size_t x, square;              /* fp32 [rows][cols], [small][small] */
  size_t x_bf16, a_bf16, b_bf16; /* [rows][ld_x], [small][ld_square] twice */
  size_t partial, total;
};

size_t most(size_t a, size_t b) {
  return a > b ? a : b;
}

size_t take(size_t *at, size_t floats) {
  size_t from = *at;
  *at += (floats + 3) / 4 * 4;
  return from;
}

int splits_of(int m, int n, int k) {
  return trm__cuda_splits(TRM_BFLOAT16, m, n, k, 1);
}

layout plan(int rows, int cols) {
  layout l = {};
  int small = rows < cols ? rows : cols, large = rows < cols ? cols : rows;
  size_t numbers = (size_t)rows * cols, square = (size_t)small * small, at = 0;
  l.rows = rows, l.cols = cols, l.small = small;
  l.ld_x = ((size_t)cols + 7) / 8 * 8;
  l.ld_square = ((size_t)small + 7) / 8 * 8;
  l.squares = take(&at, 2 * MOST_BLOCKS);
  l.x = take(&at, numbers);
  l.square = take(&at, square);
  l.x_bf16 = take(&at, (rows * l.ld_x + 1) / 2);
  l.a_bf16 = take(&at, (small * l.ld_square + 1) / 2);
  l.b_bf16 = take(&at, (small * l.ld_square + 1) / 2);
  size_t partial = most(splits_of(small, small, large) * square, splits_of(small, small, small) * square);
  l.partial = take(&at, most(partial, splits_of(rows, cols, small) * numbers));
  l.total = at;
  return l;
}

unsigned blocks_for(size_t n) {
  return (unsigned)((n + THREADS * EACH - 1) / (THREADS * EACH));
}

/* Momentum, its look-ahead into x, and parts of the sum of x's squares: a block takes every MOST_BLOCKS'th run. */
TRM_KERNEL __launch_bounds__(THREADS) muon_momentum(const trm__update_state *state, float *x, double *squares, float *m,
                                                    const float *g, size_t n, float mu) {
  if (state->diverged) return;
  float scale = (float)state->grad_scale, take = 1 - mu;
  double sum = 0;
  for (size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x; i < n; i += (size_t)gridDim.x * THREADS) {
    float gradient = g[i] * scale, momentum = mu * m[i] + take * gradient;
    float ahead = mu * momentum + take * gradient;
    m[i] = momentum;
    x[i] = ahead;
    sum += (double)ahead * (double)ahead;
  }
  for (int bit = 16; bit; bit /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, bit);
  double *warps = (double *)trm_shared();
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x) return;
  sum = 0;
  for (int w = 0; w < THREADS / 32; w++) sum += warps[w];
  squares[blockIdx.x] = sum;
}

/* x and its bf16 copy (with zeros up to ld) = x / |x|. */
TRM_KERNEL __launch_bounds__(THREADS)
    muon_scale(float *x, trm_bf16 *copy, size_t ld, int rows, int cols, const double *squares, int parts) {
  double sum = 0;
  for (int i = (int)threadIdx.x % 32; i < parts; i += 32) sum += squares[i];
  for (int bit = 16; bit; bit /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, bit);
  float scale = (float)(1 / (sqrt(sum) + NS_EPS));
  for (int e = 0; e < EACH; e++) {
    size_t q = ((size_t)blockIdx.x * EACH + e) * THREADS + threadIdx.x, i = q / ld, j = q % ld;
    if (i >= (size_t)rows) return;
    float value = 0;
    if (j < (size_t)cols) x[i * cols + j] = value = x[i * cols + j] * scale;
    copy[q] = trm_from_float<trm_bf16>(value);
  }
}

TRM_DEVICE float sum_of(const float *partial, size_t at, size_t n, int splits) {
  float sum = 0;
  for (int s = 0; s < splits; s++) sum += partial[s * n + at];
  return sum;
}

/* alpha base + beta sum of partial [splits][rows][cols], to fp32 (unless NULL; may be base) and to bf16 with zeros up
 * to ld. base NULL: zeros. */
struct combination {
  float *to;
  trm_bf16 *copy;
  size_t ld;
  const float *base;
  float alpha, beta;
  const float *partial;
  int rows, cols, splits;
};
TRM_KERNEL __launch_bounds__(THREADS) muon_combine(combination c) {
  for (int e = 0; e < EACH; e++) {
    size_t q = ((size_t)blockIdx.x * EACH + e) * THREADS + threadIdx.x, i = q / c.ld, j = q % c.ld;
    if (i >= (size_t)c.rows) return;
    float value = 0;
    if (j < (size_t)c.cols) {
      size_t at = i * c.cols + j;
      value = c.beta * sum_of(c.partial, at, (size_t)c.rows * c.cols, c.splits);
      if (c.base) value = c.alpha * c.base[at] + value;
      if (c.to) c.to[at] = value;
    }
    c.copy[q] = trm_from_float<trm_bf16>(value);
  }
}

/* The last step's X, the weights' step and their average. */
struct last_step {
  float *p, *ema;
  const float *x, *partial;
  size_t n;
  int splits;
  double lr, ratio, weight_decay; /* ratio: sqrt(max(1, rows / cols)) */
};
TRM_KERNEL __launch_bounds__(THREADS) muon_update(const trm__update_state *state, last_step l) {
  if (state->diverged) return;
  double lr = l.lr * state->factor;
  float keep = (float)(1 - lr * l.weight_decay), step = (float)(lr * l.ratio);
  float shadow = (float)state->ema_decay, fresh = (float)(1 - state->ema_decay);
  for (int e = 0; e < EACH; e++) {
    size_t i = ((size_t)blockIdx.x * EACH + e) * THREADS + threadIdx.x;
    if (i >= l.n) return;
    float x = NS_A * l.x[i] + sum_of(l.partial, i, l.n, l.splits), p = keep * l.p[i] - step * x;
    l.p[i] = p;
    if (l.ema) l.ema[i] = shadow * l.ema[i] + fresh * p;
  }
}

struct job {
  trm__cuda_queue *q;
  layout l;
  float *scratch;
  float *at(size_t place) const { return scratch + place; }
  trm_bf16 *half(size_t place) const { return (trm_bf16 *)(scratch + place); }
};

trm__cuda_operand operand(const trm_bf16 *x, size_t ld, trm__cuda_layout layout) {
  return trm__cuda_operand{x, (ptrdiff_t)ld, 0, layout};
}

/* partial [splits][m][n] of a product of k; returns splits. */
int multiply(const job &j, int m, int n, int k, trm__cuda_operand a, trm__cuda_operand b) {
  trm__cuda_product p = {};
  p.type = TRM_BFLOAT16;
  p.m = m, p.n = n, p.k = k, p.batches = 1;
  p.a = a, p.b = b;
  p.epilogue = TRM__CUDA_PARTIAL;
  int splits = splits_of(m, n, k);
  trm__cuda_product_any(j.q, &p, splits, j.at(j.l.partial));
  return splits;
}

void combine(const job &j, float *to, trm_bf16 *copy, size_t ld, const float *base, float alpha, float beta, int rows,
             int cols, int splits) {
  combination c = {to, copy, ld, base, alpha, beta, j.at(j.l.partial), rows, cols, splits};
  trm_launch(j.q, muon_combine, dim3(blocks_for(rows * ld)), THREADS, 0, c);
}

/* partial = (b A + c A A) X for A = X X^T, or X (b A + c A A) for A = X^T X; returns its splits. */
int newton_schulz_product(const job &j) {
  const layout &l = j.l;
  bool tall = l.rows > l.cols;
  int r = l.small;
  trm__cuda_operand x = operand(j.half(l.x_bf16), l.ld_x, tall ? TRM__CUDA_OUTER : TRM__CUDA_INNER);
  int splits = multiply(j, r, r, tall ? l.rows : l.cols, x, x);
  combine(j, j.at(l.square), j.half(l.a_bf16), l.ld_square, NULL, 0, 1, r, r, splits);
  trm__cuda_operand a = operand(j.half(l.a_bf16), l.ld_square, TRM__CUDA_INNER);
  splits = multiply(j, r, r, r, a, a);
  combine(j, NULL, j.half(l.b_bf16), l.ld_square, j.at(l.square), NS_B, NS_C, r, r, splits);
  trm__cuda_operand poly = operand(j.half(l.b_bf16), l.ld_square, TRM__CUDA_INNER);
  x.layout = tall ? TRM__CUDA_INNER : TRM__CUDA_OUTER;
  return multiply(j, l.rows, l.cols, r, tall ? x : poly, tall ? poly : x);
}

} // namespace

size_t trm__cuda_muon_scratch(int rows, int cols) {
  return plan(rows, cols).total;
}

void trm__cuda_muon(trm__cuda_queue *q, const trm__update_state *state, float *p, float *m, float *ema, const float *g,
                    int rows, int cols, double lr, double momentum, double weight_decay, float *scratch) {
  job j = {q, plan(rows, cols), scratch};
  const layout &l = j.l;
  size_t n = (size_t)rows * cols;
  unsigned parts = blocks_for(n) < MOST_BLOCKS ? blocks_for(n) : (unsigned)MOST_BLOCKS;
  double *squares = (double *)j.at(l.squares);
  trm_launch(q, muon_momentum, dim3(parts), THREADS, THREADS / 32 * sizeof(double), state, j.at(l.x), squares, m, g, n,
             (float)momentum);
  trm_launch(q, muon_scale, dim3(blocks_for(rows * l.ld_x)), THREADS, 0, j.at(l.x), j.half(l.x_bf16), l.ld_x, rows,
             cols, squares, (int)parts);
  int splits = newton_schulz_product(j);
  for (int step = 1; step < NS_STEPS; step++) {
    combine(j, j.at(l.x), j.half(l.x_bf16), l.ld_x, j.at(l.x), NS_A, 1, rows, cols, splits);
    splits = newton_schulz_product(j);
  }
  double ratio = rows > cols ? sqrt((double)rows / cols) : 1;
  last_step last = {p, ema, j.at(l.x), j.at(l.partial), n, splits, lr, ratio, weight_decay};
  trm_launch(q, muon_update, dim3(blocks_for(n)), THREADS, 0, state, last);
}
