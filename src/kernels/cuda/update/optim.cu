/* Optimizers: dense ones with the average of the weights in the same pass, and sign-SGD on the rows of a table; and the
 * sum of two arrays of gradients before them. */
#include "kernels/cuda/block/vec.cuh"
#include "kernels/update.h"

enum { THREADS = 256, RUNS = 16, BLOCKS_A_SM = 4 };

/* -- dense: one launch for up to RUNS runs. Bound by memory bandwidth: five arrays read, four written -------------- */

struct dense_list {
  trm__dense run[RUNS];
};

/* The formulas' constants in this update, from double. */
struct dense_rates {
  float b1, c1, b2, c2, keep, step, correct, eps, grad, ema_keep, ema_take;
};

TRM_DEVICE dense_rates rates_of(const trm__update_state *state, const trm__dense &run) {
  double lr = run.lr * state->factor;
  dense_rates r;
  r.b1 = (float)run.beta1, r.c1 = (float)(1 - run.beta1);
  r.b2 = (float)run.beta2, r.c2 = (float)(1 - run.beta2);
  r.keep = (float)(1 - lr * run.weight_decay);
  r.step = (float)(lr / (1 - pow(run.beta1, (double)state->t)));
  r.correct = (float)(1 / sqrt(1 - pow(run.beta2, (double)state->t)));
  r.eps = (float)run.eps;
  r.grad = (float)state->grad_scale;
  r.ema_keep = (float)state->ema_decay, r.ema_take = (float)(1 - state->ema_decay);
  return r;
}

template <int W> TRM_DEVICE void dense_step(const trm__dense &run, const dense_rates &r, size_t at) {
  float p[W], m[W], v[W], g[W], ema[W];
  bool averaged = run.ema && r.ema_keep != 0;
  trm_read(p, run.p + at);
  trm_read(m, run.m + at);
  trm_read(v, run.v + at);
  trm_read(g, run.g + at);
  if (averaged) trm_read(ema, run.ema + at);
#pragma unroll
  for (int j = 0; j < W; j++) {
    float x = g[j] * r.grad;
    m[j] = r.b1 * m[j] + r.c1 * x;
    v[j] = r.b2 * v[j] + r.c2 * (x * x);
    float root = sqrtf(v[j]) * r.correct;
    float move = run.kind == TRM__DENSE_ADAM_ATAN2 ? atan2f(m[j], root) : m[j] / (root + r.eps);
    p[j] = p[j] * r.keep - r.step * move;
    ema[j] = averaged ? r.ema_keep * ema[j] + r.ema_take * p[j] : p[j];
  }
  trm_write(run.p + at, p);
  trm_write(run.m + at, m);
  trm_write(run.v + at, v);
  if (run.ema) trm_write(run.ema + at, ema);
}

/* Block (part of a run, run). */
TRM_KERNEL __launch_bounds__(THREADS) dense(const trm__update_state *state, dense_list list) {
  if (state->diverged != TRM__SOUND) return;
  const trm__dense &run = list.run[blockIdx.y];
  if ((size_t)blockIdx.x * THREADS >= run.n) return;
  dense_rates *shared = (dense_rates *)trm_shared();
  if (threadIdx.x == 0) *shared = rates_of(state, run);
  __syncthreads();
  dense_rates r = *shared;
  uintptr_t bits = (uintptr_t)run.p | (uintptr_t)run.m | (uintptr_t)run.v | (uintptr_t)run.g | (uintptr_t)run.ema;
  size_t first = (size_t)blockIdx.x * THREADS + threadIdx.x, step = (size_t)gridDim.x * THREADS, done = 0;
  if (bits % 16 == 0) {
    for (size_t i = first; i < run.n / 4; i += step) dense_step<4>(run, r, 4 * i);
    done = run.n / 4 * 4;
  }
  for (size_t i = done + first; i < run.n; i += step) dense_step<1>(run, r, i);
}

extern "C" void trm__cuda_dense(trm__cuda_queue *q, const trm__update_state *state, const trm__dense *run, int runs) {
  for (int first = 0; first < runs; first += RUNS) {
    int count = runs - first < RUNS ? runs - first : RUNS;
    size_t most = 0;
    dense_list list = {};
    for (int i = 0; i < count; i++) {
      list.run[i] = run[first + i];
      if (list.run[i].n > most) most = list.run[i].n;
    }
    unsigned blocks = trm_blocks(most, 4 * THREADS), wave = (unsigned)(BLOCKS_A_SM * (q->sms > 0 ? q->sms : 1));
    if (most)
      trm_launch(q, dense, dim3(blocks < wave ? blocks : wave, (unsigned)count), THREADS, sizeof(dense_rates), state,
                 list);
  }
}

/* -- add: bound by memory bandwidth, two arrays read, one written ---------------------------------------------------- */

TRM_KERNEL __launch_bounds__(THREADS) add(float *to, const float *from, size_t n) {
  size_t first = (size_t)blockIdx.x * THREADS + threadIdx.x, step = (size_t)gridDim.x * THREADS, done = 0;
  if (((uintptr_t)to | (uintptr_t)from) % 16 == 0) {
    for (size_t i = first; i < n / 4; i += step) {
      float x[4], y[4];
      trm_read(x, to + 4 * i);
      trm_read(y, from + 4 * i);
#pragma unroll
      for (int j = 0; j < 4; j++) x[j] += y[j];
      trm_write(to + 4 * i, x);
    }
    done = n / 4 * 4;
  }
  for (size_t i = done + first; i < n; i += step) to[i] += from[i];
}

extern "C" void trm__cuda_add(trm__cuda_queue *q, float *to, const float *from, size_t n) {
  unsigned blocks = trm_blocks(n, 4 * THREADS), wave = (unsigned)(BLOCKS_A_SM * (q->sms > 0 ? q->sms : 1));
  if (n) trm_launch(q, add, dim3(blocks < wave ? blocks : wave), THREADS, 0, to, from, n);
}

/* -- puzzle rows: the block of an identifier's first example steps its row. Bound by latency ----------------------- */

/* bits [b / 32, rounded up]: which examples have this identifier. */
TRM_DEVICE void find_same(uint32_t *bits, const int32_t *ids, int b, int id) {
  for (int first = 0; first < b; first += THREADS) {
    int i = first + (int)threadIdx.x;
    uint32_t word = __ballot_sync(0xffffffffu, i < b && ids[i] == id);
    if (i % 32 == 0 && i < b) bits[i / 32] = word;
  }
  __syncthreads();
}

TRM_DEVICE bool seen_before(const uint32_t *bits, int example) {
  for (int i = 0; i < example / 32; i++)
    if (bits[i]) return true;
  return (bits[example / 32] & ((1u << example % 32) - 1)) != 0;
}

TRM_KERNEL __launch_bounds__(THREADS)
    sign_sgd_rows(const trm__update_state *state, float *table, int table_rows, int ndim, const float *drows,
                  const int32_t *ids, int b, double lr, double weight_decay) {
  int example = (int)blockIdx.x, id = ids[example];
  if (state->diverged != TRM__SOUND || id < 0 || id >= table_rows) return;
  uint32_t *bits = (uint32_t *)trm_shared();
  find_same(bits, ids, b, id);
  if (seen_before(bits, example)) return;
  double rate = lr * state->factor;
  float keep = (float)(1 - rate * weight_decay), step = (float)rate;
  for (int c = (int)threadIdx.x; c < ndim; c += THREADS) {
    float sum = drows[(size_t)example * (size_t)ndim + (size_t)c];
    for (int i = example + 1; i < b; i++) {
      if (!bits[i / 32]) i |= 31; /* to the next word */
      else if (bits[i / 32] >> i % 32 & 1) sum += drows[(size_t)i * (size_t)ndim + (size_t)c];
    }
    float sign = sum > 0 ? 1 : sum < 0 ? -1 : sum, *p = table + (size_t)id * (size_t)ndim + (size_t)c;
    *p = *p * keep - step * sign;
  }
}

extern "C" void trm__cuda_sign_sgd_rows(trm__cuda_queue *q, const trm__update_state *state, float *table,
                                        int table_rows, int ndim, const float *drows, const int32_t *ids, int b,
                                        double lr, double weight_decay) {
  if (b > 0 && ndim > 0)
    trm_launch(q, sign_sgd_rows, dim3((unsigned)b), THREADS, (size_t)(b + 31) / 32 * sizeof(uint32_t), state, table,
               table_rows, ndim, drows, ids, b, lr, weight_decay);
}
