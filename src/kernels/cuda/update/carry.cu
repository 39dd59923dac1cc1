/* The carry between supervision steps, and the puzzle rows of its examples. */
#include "kernels/cuda/block/vec.cuh"
#include "kernels/cuda/update/random.cuh"
#include "kernels/update.h"

enum { THREADS = 256, WARPS = THREADS / 32 };

/* -- refill: one warp a position. Bound by writing, of halted slots alone ------------------------------------------ */

template <class T, int W> TRM_DEVICE void fill_row(T *to, const float *row, int D) {
  for (int c = (int)threadIdx.x % 32 * W; c < D; c += 32 * W) {
    float x[W];
    trm_read(x, row + c);
    trm_write(to + c, x);
  }
}

template <class T, int W>
TRM_KERNEL __launch_bounds__(THREADS)
    refill(int rows, int L, int D, const uint8_t *halted, const float *y0, const float *z0, T *y, T *z) {
  int row = (int)(blockIdx.x * WARPS + threadIdx.x / 32);
  if (row >= rows || !halted[row / L]) return;
  size_t at = (size_t)row * (size_t)D;
  fill_row<T, W>(y + at, y0, D);
  fill_row<T, W>(z + at, z0, D);
}

template <class T>
static void refill_launch(trm__cuda_queue *q, int b, int L, int D, const uint8_t *halted, const float *y0,
                          const float *z0, void *y, void *z) {
  int rows = b * L;
  dim3 grid(trm_blocks((size_t)rows, WARPS));
  if (rows <= 0) return;
  if (D % trm_width<T> == 0 && trm_aligned(y0, z0, y, z))
    trm_launch(q, (refill<T, trm_width<T>>), grid, THREADS, 0, rows, L, D, halted, y0, z0, (T *)y, (T *)z);
  else trm_launch(q, (refill<T, 1>), grid, THREADS, 0, rows, L, D, halted, y0, z0, (T *)y, (T *)z);
}

extern "C" void trm__cuda_refill(trm__cuda_queue *q, trm_dtype type, int b, int L, int D, const uint8_t *halted,
                                 const float *y0, const float *z0, void *y, void *z) {
  if (type == TRM_BFLOAT16) refill_launch<trm_bf16>(q, b, L, D, halted, y0, z0, y, z);
  else refill_launch<float>(q, b, L, D, halted, y0, z0, y, z);
}

/* -- noise: a thread makes the two numbers of one block of Philox. Bound by double arithmetic ---------------------- */

template <class T>
TRM_KERNEL __launch_bounds__(THREADS) noise(T *x, size_t state, double sigma, uint64_t seed, const uint64_t *index,
                                            uint64_t offset, const uint8_t *mask, unsigned tiles) {
  unsigned example = blockIdx.x / tiles;
  if (mask && !mask[example]) return;
  size_t pair = (size_t)(blockIdx.x % tiles) * THREADS + threadIdx.x;
  if (2 * pair >= state) return;
  trm_stream stream = {seed, index[example], TRM__RNG_NOISE};
  trm_words w = trm_philox(stream, offset / 2 + pair);
  T *to = x + (size_t)example * state + 2 * pair;
  to[0] = trm_from_float<T>(trm_to_float(to[0]) + (float)(sigma * trm_normal(w.w[0], w.w[1])));
  if (2 * pair + 1 < state)
    to[1] = trm_from_float<T>(trm_to_float(to[1]) + (float)(sigma * trm_normal(w.w[2], w.w[3])));
}

extern "C" void trm__cuda_noise(trm__cuda_queue *q, trm_dtype type, int b, size_t state, void *x, double sigma,
                                uint64_t seed, const uint64_t *index, uint64_t offset, const uint8_t *mask) {
  unsigned tiles = trm_blocks(state, 2 * THREADS);
  dim3 grid(tiles * (unsigned)b);
  if (b <= 0 || !state || sigma == 0) return;
  if (type == TRM_BFLOAT16)
    trm_launch(q, noise<trm_bf16>, grid, THREADS, 0, (trm_bf16 *)x, state, sigma, seed, index, offset, mask, tiles);
  else trm_launch(q, noise<float>, grid, THREADS, 0, (float *)x, state, sigma, seed, index, offset, mask, tiles);
}

/* -- distance: one block an example, whose threads' sums are folded in a fixed order. Bound by memory bandwidth ------ */

template <class T>
TRM_KERNEL __launch_bounds__(THREADS) distance(size_t state, const T *x, const T *was, double *out) {
  double *moved = (double *)trm_shared(), *size = moved + THREADS;
  size_t first = (size_t)blockIdx.x * state;
  unsigned t = threadIdx.x;
  double m = 0, s = 0;
  for (size_t i = first + t; i < first + state; i += THREADS) {
    double a = (double)trm_to_float(x[i]), d = a - (double)trm_to_float(was[i]);
    m += d * d;
    s += a * a;
  }
  moved[t] = m;
  size[t] = s;
  __syncthreads();
  for (unsigned half = THREADS / 2; half; half /= 2) {
    if (t < half) {
      moved[t] += moved[t + half];
      size[t] += size[t + half];
    }
    __syncthreads();
  }
  if (t) return;
  out[2 * blockIdx.x] = moved[0];
  out[2 * blockIdx.x + 1] = size[0];
}

extern "C" void trm__cuda_distance(trm__cuda_queue *q, trm_dtype type, int b, size_t state, const void *x,
                                   const void *was, double *out) {
  size_t shared = 2 * THREADS * sizeof(double);
  if (b <= 0) return;
  if (type == TRM_BFLOAT16)
    trm_launch(q, distance<trm_bf16>, dim3((unsigned)b), THREADS, shared, state, (const trm_bf16 *)x,
               (const trm_bf16 *)was, out);
  else
    trm_launch(q, distance<float>, dim3((unsigned)b), THREADS, shared, state, (const float *)x, (const float *)was,
               out);
}

/* -- merge: the shares of an example's candidates are found anew by each of its blocks. Bound by memory bandwidth -- */

/* NaN counts as the smallest. */
TRM_DEVICE double q_of(const float *logits, int b, int candidate, unsigned example) {
  double q = (double)logits[(size_t)candidate * (size_t)b + example];
  return isnan(q) ? -(double)INFINITY : q;
}

/* share [k]: what each candidate counts, by way of weight [k]. Every thread passes; a barrier ends it. */
TRM_DEVICE void find_shares(double *weight, float *share, int kind, int k, int b, unsigned example,
                            const float *logits) {
  int best = 0;
  for (int i = 1; kind != TRM__MERGE_MEAN && i < k; i++)
    if (q_of(logits, b, i, example) > q_of(logits, b, best, example)) best = i;
  double max = kind == TRM__MERGE_MEAN ? 0 : q_of(logits, b, best, example), sum = 0;
  bool alike = kind == TRM__MERGE_MEAN || max == -(double)INFINITY;
  for (int i = (int)threadIdx.x; i < k; i += THREADS) {
    double q = alike ? max : q_of(logits, b, i, example);
    if (kind == TRM__MERGE_BEST) weight[i] = i == best;
    else weight[i] = q == max ? 1 : exp(q - max);
  }
  __syncthreads();
  for (int i = 0; i < k; i++) sum += weight[i];
  for (int i = (int)threadIdx.x; i < k; i += THREADS) share[i] = (float)(weight[i] / sum);
  __syncthreads();
}

template <class T, int W>
TRM_KERNEL __launch_bounds__(THREADS)
    merge(int kind, int k, int b, size_t state, const T *from, const float *logits, T *to, unsigned tiles) {
  unsigned example = blockIdx.x / tiles;
  double *weight = (double *)trm_shared();
  float *share = (float *)(weight + k);
  find_shares(weight, share, kind, k, b, example, logits);
  size_t at = ((size_t)(blockIdx.x % tiles) * THREADS + threadIdx.x) * W, stride = (size_t)b * state;
  if (at >= state) return;
  at += (size_t)example * state;
  float sum[W] = {};
#pragma unroll 4
  for (int i = 0; i < k; i++) {
    float x[W], s = share[i];
    if (s == 0) continue;
    trm_read(x, from + (size_t)i * stride + at);
#pragma unroll
    for (int j = 0; j < W; j++) sum[j] = kind == TRM__MERGE_BEST ? x[j] : sum[j] + s * x[j];
  }
  trm_write(to + at, sum);
}

template <class T, int W>
static void merge_launch(trm__cuda_queue *q, int kind, int k, int b, size_t state, const void *from,
                         const float *logits, void *to) {
  unsigned tiles = trm_blocks(state, THREADS * W);
  trm_launch(q, (merge<T, W>), dim3(tiles * (unsigned)b), THREADS, (size_t)k * (sizeof(double) + sizeof(float)), kind,
             k, b, state, (const T *)from, logits, (T *)to, tiles);
}

extern "C" void trm__cuda_merge(trm__cuda_queue *q, trm_dtype type, int kind, int k, int b, size_t state,
                                const void *from, const float *logits, void *to) {
  bool aligned = trm_aligned(from, to) && state % 8 == 0;
  if (b <= 0 || k <= 0 || !state) return;
  if (type == TRM_BFLOAT16 && aligned) merge_launch<trm_bf16, 8>(q, kind, k, b, state, from, logits, to);
  else if (type == TRM_BFLOAT16) merge_launch<trm_bf16, 1>(q, kind, k, b, state, from, logits, to);
  else if (aligned) merge_launch<float, 4>(q, kind, k, b, state, from, logits, to);
  else merge_launch<float, 1>(q, kind, k, b, state, from, logits, to);
}

/* -- winner takes all ---------------------------------------------------------------------------------------------- */

/* One thread an example: bound by latency. */
TRM_KERNEL __launch_bounds__(THREADS) winners(int k, int b, const trm__example_stats *stats, int32_t *winner) {
  int i = (int)(blockIdx.x * THREADS + threadIdx.x), best = 0;
  if (i >= b) return;
  double least = stats[i].lm_loss;
  for (int c = 1; c < k; c++) {
    double loss = stats[(size_t)c * (size_t)b + (size_t)i].lm_loss;
    if (loss < least || (isnan(least) && !isnan(loss))) least = loss, best = c;
  }
  winner[i] = best;
}

extern "C" void trm__cuda_winners(trm__cuda_queue *q, int k, int b, const void *stats, int32_t *winner) {
  if (b > 0 && k > 0)
    trm_launch(q, winners, dim3(trm_blocks((size_t)b, THREADS)), THREADS, 0, k, b, (const trm__example_stats *)stats,
               winner);
}

/* Copies without reading numbers. X: words of any size. Bound by memory bandwidth. */
template <class X>
TRM_KERNEL __launch_bounds__(THREADS)
    pick(int b, size_t state, const int32_t *winner, const X *from, X *to, unsigned tiles) {
  unsigned example = blockIdx.x / tiles;
  size_t at = (size_t)(blockIdx.x % tiles) * THREADS + threadIdx.x;
  if (at >= state) return;
  at += (size_t)example * state;
  to[at] = from[(size_t)winner[example] * (size_t)b * state + at];
}

template <class X>
static void pick_launch(trm__cuda_queue *q, int b, size_t state, const int32_t *winner, const void *from, void *to) {
  unsigned tiles = trm_blocks(state, THREADS);
  trm_launch(q, pick<X>, dim3(tiles * (unsigned)b), THREADS, 0, b, state, winner, (const X *)from, (X *)to, tiles);
}

extern "C" void trm__cuda_pick(trm__cuda_queue *q, trm_dtype type, int k, int b, size_t state, const int32_t *winner,
                               const void *from, void *to) {
  size_t bytes = state * (type == TRM_BFLOAT16 ? 2 : 4);
  if (b <= 0 || k <= 0 || !state) return;
  if (bytes % 16 == 0 && trm_aligned(from, to)) pick_launch<trm_words4>(q, b, bytes / 16, winner, from, to);
  else if (type == TRM_BFLOAT16) pick_launch<uint16_t>(q, b, state, winner, from, to);
  else pick_launch<uint32_t>(q, b, state, winner, from, to);
}

/* -- slots and rows ------------------------------------------------------------------------------------------------ */

/* One block a slot. Bound by latency. */
TRM_KERNEL __launch_bounds__(THREADS)
    admit(int S, int32_t *inputs, int32_t *labels, int32_t *ids, int32_t *steps, uint8_t *halted,
          const int32_t *new_inputs, const int32_t *new_labels, const int32_t *new_ids) {
  unsigned slot = blockIdx.x;
  if (!halted[slot]) return;
  size_t first = (size_t)slot * (size_t)S;
  for (size_t i = first + threadIdx.x; i < first + (size_t)S; i += THREADS) {
    inputs[i] = new_inputs[i];
    labels[i] = new_labels[i];
  }
  __syncthreads();
  if (threadIdx.x) return;
  ids[slot] = new_ids[slot];
  steps[slot] = 0;
  halted[slot] = 0;
}

extern "C" void trm__cuda_admit(trm__cuda_queue *q, int count, int S, int32_t *inputs, int32_t *labels, int32_t *ids,
                                int32_t *steps, uint8_t *halted, const int32_t *new_inputs, const int32_t *new_labels,
                                const int32_t *new_ids) {
  if (count > 0)
    trm_launch(q, admit, dim3((unsigned)count), THREADS, 0, S, inputs, labels, ids, steps, halted, new_inputs,
               new_labels, new_ids);
}

/* One block an example; the rows lie anywhere in the table, so bound by latency. */
TRM_KERNEL __launch_bounds__(THREADS)
    gather_rows(float *rows, const float *table, int table_rows, int ndim, const int32_t *ids) {
  int id = ids[blockIdx.x];
  bool known = id >= 0 && id < table_rows;
  float *to = rows + (size_t)blockIdx.x * (size_t)ndim;
  const float *from = table + (size_t)(known ? id : 0) * (size_t)ndim;
#pragma unroll 4
  for (int i = (int)threadIdx.x; i < ndim; i += THREADS) to[i] = known ? from[i] : 0;
}

extern "C" void trm__cuda_gather_rows(trm__cuda_queue *q, float *rows, const float *table, int table_rows, int ndim,
                                      const int32_t *ids, int b) {
  if (b > 0 && ndim > 0) trm_launch(q, gather_rows, dim3((unsigned)b), THREADS, 0, rows, table, table_rows, ndim, ids);
}
