/* The heads: logits[b][s] = W_lm y[b][P + s], (q_halt, q_continue)[b] = W_q y[b][0] + b_q, their losses and gradients.
 *
 * A block works on one example from beginning to end, so that its losses are sums within the block and y is read once.
 * A warp takes four tokens at a time, their columns spread over its lanes; the head's weights, rounded, lie in shared
 * memory. Losses are computed in double, a thread a token, by the formulas of backend/cpu/loss.c. The gradients of the
 * weights are sums over all examples: further launches. */
#include "kernels/cuda/block/sums.cuh"
#include "kernels/update.h"

enum {
  THREADS = 256,
  WARPS = THREADS / 32,
  TOKENS = 4,             /* of a warp at a time */
  GROUP = WARPS * TOKENS, /* of a block */
  SPAN = 512,             /* columns that a warp holds */
  EACH = SPAN / 32,       /* ... of which a lane has so many of each token */
  ROOM = 24               /* rows of the head in shared memory */
};

/* What lies in shared memory. */
template <class T> struct room {
  T head[ROOM * SPAN];
  double doubles[WARPS];
  int ints[WARPS];
};

/* -- rows of y and of the head ------------------------------------------------------------------------------------- */

/* Columns s0.. of a row of D elements, this lane's part: vectors lane, lane + 32, ... Zeros beyond D. */
template <int W, class T> TRM_DEVICE void read_span(float (&x)[EACH], const T *row, int s0, int D) {
#pragma unroll
  for (int i = 0; i < EACH; i += W) {
    int c = s0 + ((int)threadIdx.x % 32 + i / W * 32) * W;
    float v[W] = {};
    if (c < D) trm_read(v, row + c);
#pragma unroll
    for (int j = 0; j < W; j++) x[i + j] = v[j];
  }
}

template <int W, class T> TRM_DEVICE void write_span(T *row, const float (&x)[EACH], int s0, int D) {
#pragma unroll
  for (int i = 0; i < EACH; i += W) {
    int c = s0 + ((int)threadIdx.x % 32 + i / W * 32) * W;
    float v[W];
#pragma unroll
    for (int j = 0; j < W; j++) v[j] = x[i + j];
    if (c < D) trm_write(row + c, v);
  }
}

/* Rows v0.. and columns s0.. of the head, with zeros beyond D; barriers before and after. */
template <int W, class T> TRM_DEVICE void stage_head(T *head, const trm__cuda_heads &h, int v0, int s0) {
  int rows = h.V - v0 < ROOM ? h.V - v0 : ROOM;
  __syncthreads();
#pragma unroll 3
  for (int i = (int)threadIdx.x * W; i < rows * SPAN; i += THREADS * W) {
    int v = v0 + i / SPAN, c = s0 + i % SPAN;
    float x[W] = {};
    if (c < h.D) trm_read(x, h.lm_head + (size_t)v * (size_t)h.D + (size_t)c);
    trm_write(head + i, x);
  }
  __syncthreads();
}

TRM_DEVICE const void *row_of(const trm__cuda_heads &h, const void *y, size_t size, int p) {
  return (const char *)y + ((size_t)blockIdx.x * (size_t)(h.P + h.S) + (size_t)p) * (size_t)h.D * size;
}

/* -- forward ------------------------------------------------------------------------------------------------------- */

/* The sums over the warp of four elements a lane: lanes 8u..8u+7 get number u. */
TRM_DEVICE float sum_four(const float (&x)[TOKENS]) {
  bool high = threadIdx.x & 16, odd = threadIdx.x & 8;
  float a = (high ? x[2] : x[0]) + __shfl_xor_sync(0xffffffffu, high ? x[0] : x[2], 16);
  float b = (high ? x[3] : x[1]) + __shfl_xor_sync(0xffffffffu, high ? x[1] : x[3], 16);
  float sum = (odd ? b : a) + __shfl_xor_sync(0xffffffffu, odd ? a : b, 8);
  return trm_warp_sum<8>(sum);
}

/* Logits v0.. of four tokens from one span of columns: the first overwrites, the last rounds. */
template <class T, int W>
TRM_DEVICE void add_logits(const trm__cuda_heads &h, const T *head, const float (&y)[TOKENS][EACH], int token, int v0,
                           int s0) {
  int lane = (int)threadIdx.x % 32, mine = token + lane / 8;
  for (int v = 0; v < ROOM && v0 + v < h.V; v++) {
    float w[EACH], sum[TOKENS] = {};
    read_span<W>(w, head + v * SPAN, 0, SPAN);
#pragma unroll
    for (int u = 0; u < TOKENS; u++)
#pragma unroll
      for (int j = 0; j < EACH; j++) sum[u] += y[u][j] * w[j];
    float logit = sum_four(sum);
    if (lane % 8 || mine >= h.S) continue;
    float *to = h.logits + ((size_t)blockIdx.x * (size_t)h.S + (size_t)mine) * (size_t)h.V + (size_t)(v0 + v);
    if (s0) logit += *to;
    *to = s0 + SPAN < h.D ? logit : trm_round<T>(logit);
  }
}

template <class T, int W> TRM_DEVICE void forward_logits(const trm__cuda_heads &h, T *head) {
  int warp = (int)threadIdx.x / 32;
  for (int s0 = 0; s0 < h.D; s0 += SPAN)
    for (int first = 0; first < h.S; first += GROUP) {
      int token = first + warp * TOKENS;
      float y[TOKENS][EACH];
#pragma unroll
      for (int u = 0; u < TOKENS; u++)
        read_span<W>(y[u], (const T *)row_of(h, h.y, sizeof(T), h.P + token + u), s0, token + u < h.S ? h.D : 0);
      for (int v0 = 0; v0 < h.V; v0 += ROOM) {
        if (first == 0 || h.V > ROOM) stage_head<W>(head, h, v0, s0);
        add_logits<T, W>(h, head, y, token, v0, s0);
      }
    }
}

/* Both logits of the halting head, in double, by warp 0. */
template <class T> TRM_DEVICE void forward_q(const trm__cuda_heads &h) {
  const T *y = (const T *)row_of(h, h.y, sizeof(T), 0);
  for (int i = 0; i < 2; i++) {
    double sum = 0;
#pragma unroll 4
    for (int c = (int)threadIdx.x; c < h.D; c += 32)
      sum += (double)trm_round<T>(h.q_weight[i * h.D + c]) * (double)trm_to_float(y[c]);
    sum = trm_warp_sum(sum);
    if (threadIdx.x == 0)
      h.q[2 * blockIdx.x + (unsigned)i] = trm_round<T>((float)(sum + (double)trm_round<T>(h.q_bias[i])));
  }
}

/* -- losses -------------------------------------------------------------------------------------------------------- */

TRM_DEVICE int first_maximum(const float *a, int n) {
  int best = 0;
  float most = a[0];
  for (int i = 1; i < n; i++)
    if (a[i] > most) most = a[i], best = i;
  return best;
}

/* s(a); softmax is shifted by max, which cancels. */
TRM_DEVICE double score_of(bool softmax, double a, double max) {
  if (softmax) return exp(a - max);
  return a >= 0 ? a + 1 : 1 / (1 - a + 1e-30);
}

TRM_DEVICE double log_score(bool softmax, double a, double max) {
  if (softmax) return a - max;
  return a >= 0 ? log1p(a) : log(1 / (1 - a + 1e-30));
}

/* Negative log-likelihood of one token; its gradient times scale into d [V] unless NULL. With s = s(a_k), the slopes of
 * s and of log s are s and 1 for softmax, 1 and 1 / s for stablemax above 0, s^2 and s below. */
TRM_DEVICE double token_loss(const trm__cuda_heads &h, const float *a, int label, double scale, float *d) {
  double max = h.softmax ? (double)a[first_maximum(a, h.V)] : 0, sum = 0, logs = 0;
  double smooth = h.label_smoothing, label_log = log_score(h.softmax, (double)a[label], max), share = smooth / h.V;
  for (int k = 0; k < h.V; k++) {
    sum += score_of(h.softmax, (double)a[k], max);
    if (smooth > 0) logs += log_score(h.softmax, (double)a[k], max);
  }
  double inverse = 1 / sum;
  for (int k = 0; d && k < h.V; k++) {
    double s = score_of(h.softmax, (double)a[k], max), weight = (k == label ? 1 - smooth : 0) + share, slope = s,
           log_slope = 1;
    if (!h.softmax) {
      bool above = a[k] >= 0;
      slope = above ? 1 : s * s;
      log_slope = above ? 1 / s : s;
    }
    d[k] = (float)(scale * (slope * inverse - weight * log_slope));
  }
  return log(sum) - (1 - smooth) * label_log - (smooth > 0 ? share * logs : 0);
}

TRM_DEVICE double sigmoid(double q) {
  return q >= 0 ? 1 / (1 + exp(-q)) : exp(q) / (1 + exp(q));
}

/* How many tokens have a label, and how many of these are right. */
TRM_DEVICE void count_tokens(const trm__cuda_heads &h, int *ints, int *labelled, int *right) {
  size_t first = (size_t)blockIdx.x * (size_t)h.S;
  int all = 0, good = 0;
  for (int i = (int)threadIdx.x; i < h.S; i += THREADS) {
    int label = h.labels[first + (size_t)i];
    if (label < 0 || label >= h.V) continue;
    all++;
    good += first_maximum(h.logits + (first + (size_t)i) * (size_t)h.V, h.V) == label;
  }
  *labelled = trm_block_sum(all, ints);
  *right = trm_block_sum(good, ints);
}

/* The example's stats, dlogits and dq. */
TRM_DEVICE void losses(const trm__cuda_heads &h, double *doubles, int *ints) {
  trm__example_stats stats = {};
  count_tokens(h, ints, &stats.labelled, &stats.right);
  stats.exact = stats.right == stats.labelled;
  stats.q_halt = (double)h.q[2 * blockIdx.x];
  double scale = h.grad_scale, per_token = stats.labelled ? 1.0 / stats.labelled : 0, sum = 0;
  if (h.steps && h.step_decay != 0 && h.step_decay != 1) scale *= pow(h.step_decay, (double)h.steps[blockIdx.x]);
  size_t first = (size_t)blockIdx.x * (size_t)h.S;
  for (int i = (int)threadIdx.x; i < h.S; i += THREADS) {
    size_t at = (first + (size_t)i) * (size_t)h.V;
    float *d = h.dlogits ? h.dlogits + at : NULL;
    int label = h.labels[first + (size_t)i];
    if (label >= 0 && label < h.V) sum += per_token * token_loss(h, h.logits + at, label, per_token * scale, d);
    else
      for (int k = 0; d && k < h.V; k++) d[k] = 0;
  }
  stats.lm_loss = trm_block_sum(sum, doubles);
  if (threadIdx.x) return;
  double q = stats.q_halt;
  stats.halt_loss = fmax(q, 0.0) - q * stats.exact + log1p(exp(-fabs(q)));
  ((trm__example_stats *)h.stats)[blockIdx.x] = stats;
  if (!h.dq) return;
  h.dq[2 * blockIdx.x] = (float)(scale * h.halt_weight * (sigmoid(q) - stats.exact));
  h.dq[2 * blockIdx.x + 1] = 0;
}

/* -- gradient of y ------------------------------------------------------------------------------------------------- */

/* What q adds to row 0. */
template <class T> TRM_DEVICE float q_part(const trm__cuda_heads &h, int c) {
  const float *dq = h.dq + 2 * blockIdx.x;
  return dq[0] * trm_round<T>(h.q_weight[c]) + dq[1] * trm_round<T>(h.q_weight[h.D + c]);
}

template <class T> TRM_DEVICE void backward_prefix(const trm__cuda_heads &h) {
  T *d = (T *)row_of(h, h.d, sizeof(T), 0);
  for (int i = (int)threadIdx.x; i < h.P * h.D; i += THREADS) d[i] = trm_from_float<T>(i < h.D ? q_part<T>(h, i) : 0);
}

/* d of four tokens += what logits v0.. give, for one span of columns. */
template <class T, int W>
TRM_DEVICE void add_state(const trm__cuda_heads &h, const T *head, float (&d)[TOKENS][EACH], int token, int v0) {
  const float *dlogits = h.dlogits + ((size_t)blockIdx.x * (size_t)h.S + (size_t)token) * (size_t)h.V + (size_t)v0;
  for (int v = 0; v < ROOM && v0 + v < h.V; v++) {
    float w[EACH];
    read_span<W>(w, head + v * SPAN, 0, SPAN);
#pragma unroll
    for (int u = 0; u < TOKENS; u++) {
      float g = token + u < h.S ? dlogits[u * h.V + v] : 0;
#pragma unroll
      for (int j = 0; j < EACH; j++) d[u][j] += g * w[j];
    }
  }
}

template <class T, int W> TRM_DEVICE void backward_state(const trm__cuda_heads &h, T *head) {
  int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
  bool staged = h.y && h.D <= SPAN; /* by the forward pass */
  for (int s0 = 0; s0 < h.D; s0 += SPAN)
    for (int first = 0; first < h.S; first += GROUP) {
      int token = first + warp * TOKENS;
      float d[TOKENS][EACH] = {};
      for (int v0 = 0; v0 < h.V; v0 += ROOM) {
        if ((first == 0 && !staged) || h.V > ROOM) stage_head<W>(head, h, v0, s0);
        add_state<T, W>(h, head, d, token, v0);
      }
      if (h.P == 0 && token == 0)
#pragma unroll
        for (int j = 0; j < EACH; j++) {
          int c = s0 + (lane + j / W * 32) * W + j % W;
          if (c < h.D) d[0][j] += q_part<T>(h, c);
        }
#pragma unroll
      for (int u = 0; u < TOKENS; u++)
        if (token + u < h.S) write_span<W>((T *)row_of(h, h.d, sizeof(T), h.P + token + u), d[u], s0, h.D);
    }
}

/* Bound by memory bandwidth (y once, d once) as long as V is a few dozen, then by fp32 arithmetic. */
template <class T, int W> TRM_KERNEL __launch_bounds__(THREADS, 2) heads(trm__cuda_heads h) {
  room<T> *r = (room<T> *)trm_shared();
  if (h.y) {
    forward_logits<T, W>(h, r->head);
    if (threadIdx.x < 32) forward_q<T>(h);
    __syncthreads();
  }
  if (!h.labels) return;
  losses(h, r->doubles, r->ints);
  if (!h.d) return;
  __syncthreads();
  backward_prefix<T>(h);
  backward_state<T, W>(h, r->head);
}

/* -- gradients of the weights -------------------------------------------------------------------------------------- */

enum {
  SUMMERS = 128,   /* threads of a block, each with some columns */
  STAGED = 32,     /* rows whose coefficients are staged at a time */
  AHEAD = 4,       /* rows that a thread reads before it adds them */
  LEAST_ROWS = 96, /* of one block, for the language head */
  MOST_PARTS = 512,
  LEAST_EXAMPLES = 32 /* ..., for the halting head */
};

/* part [parts][V][D]: sums over parts of the rows r of g[r][v] y[r / per][first + r % per][c]. */
struct outer {
  const float *g;
  float *part;
  int rows, per, first, V, parts;
};

static int heads_parts(int rows, int least) {
  int parts = (rows + least - 1) / least;
  return parts < 1 ? 1 : parts > MOST_PARTS ? MOST_PARTS : parts;
}

extern "C" size_t trm__cuda_heads_scratch(int b, int S, int D, int V) {
  size_t rows = (size_t)heads_parts(b * S, LEAST_ROWS) * (size_t)V + (size_t)heads_parts(b, LEAST_EXAMPLES) * 2;
  return rows * (size_t)D;
}

/* C columns a thread, N outputs a block: block (column tile, part of either head's rows, tile of outputs). Bound by
 * fp32 arithmetic where V nears 16, below by reading y. */
template <class T, int C, int N>
TRM_KERNEL __launch_bounds__(SUMMERS) heads_outer(const T *y, int L, int D, outer lm, outer halt) {
  bool is_lm = blockIdx.y < (unsigned)lm.parts;
  outer o;
  o.g = is_lm ? lm.g : halt.g;
  o.part = is_lm ? lm.part : halt.part;
  o.rows = is_lm ? lm.rows : halt.rows;
  o.per = is_lm ? lm.per : halt.per;
  o.first = is_lm ? lm.first : halt.first;
  o.V = is_lm ? lm.V : halt.V;
  o.parts = is_lm ? lm.parts : halt.parts;
  int part = (int)blockIdx.y - (is_lm ? 0 : lm.parts), v0 = (int)blockIdx.z * N, all = (o.rows + o.parts - 1) / o.parts;
  int begin = part * all, end = begin + all < o.rows ? begin + all : o.rows;
  int c = ((int)blockIdx.x * SUMMERS + (int)threadIdx.x) * C;
  if (v0 >= o.V) return;
  float *coefficient = (float *)trm_shared(); /* [STAGED][N] */
  int *place = (int *)(coefficient + STAGED * N);
  float sum[N][C] = {};
  for (int r0 = begin; r0 < end; r0 += STAGED) {
    __syncthreads();
    for (int i = (int)threadIdx.x; i < STAGED * N; i += SUMMERS) {
      int row = r0 + i / N, v = v0 + i % N;
      coefficient[i] = row < end && v < o.V ? o.g[(size_t)row * (size_t)o.V + (size_t)v] : 0;
    }
    if (threadIdx.x < STAGED) {
      int row = r0 + (int)threadIdx.x;
      place[threadIdx.x] = row < end ? row / o.per * L + o.first + row % o.per : -1;
    }
    __syncthreads();
    for (int r = 0; r < STAGED && c < D; r += AHEAD) {
      float x[AHEAD][C];
#pragma unroll
      for (int k = 0; k < AHEAD; k++) {
#pragma unroll
        for (int j = 0; j < C; j++) x[k][j] = 0;
        if (place[r + k] >= 0) trm_read(x[k], y + (size_t)place[r + k] * (size_t)D + (size_t)c);
      }
#pragma unroll
      for (int k = 0; k < AHEAD; k++)
#pragma unroll
        for (int v = 0; v < N; v++)
#pragma unroll
          for (int j = 0; j < C; j++) sum[v][j] += coefficient[(r + k) * N + v] * x[k][j];
    }
  }
#pragma unroll
  for (int v = 0; v < N; v++)
    if (v0 + v < o.V && c < D)
      trm_write(o.part + ((size_t)part * (size_t)o.V + (size_t)(v0 + v)) * (size_t)D + (size_t)c, sum[v]);
}

template <class T, int C, int N>
static void heads_outer_launch(trm__cuda_queue *q, const trm__cuda_heads *h, const outer &lm, const outer &halt) {
  dim3 grid(trm_blocks((size_t)h->D, SUMMERS * C), (unsigned)(lm.parts + halt.parts), trm_blocks((size_t)h->V, N));
  trm_launch(q, (heads_outer<T, C, N>), grid, SUMMERS, (size_t)(STAGED * N) * sizeof(float) + STAGED * sizeof(int),
             (const T *)h->y, h->P + h->S, h->D, lm, halt);
}

template <class T> static void heads_gradients(trm__cuda_queue *q, const trm__cuda_heads *h) {
  size_t lm_size = (size_t)h->V * (size_t)h->D, q_size = 2 * (size_t)h->D;
  outer lm = {h->dlogits, h->partial, h->b * h->S, h->S, h->P, h->V, heads_parts(h->b * h->S, LEAST_ROWS)};
  outer halt = {h->dq, h->partial + (size_t)lm.parts * lm_size, h->b, 1, 0, 2, heads_parts(h->b, LEAST_EXAMPLES)};
  bool aligned = h->D % 4 == 0 && trm_aligned(h->y, lm.part, halt.part);
  if (!aligned) heads_outer_launch<T, 1, 16>(q, h, lm, halt);
  else if (h->V <= 8) heads_outer_launch<T, 4, 8>(q, h, lm, halt);
  else if (h->V <= 12) heads_outer_launch<T, 4, 12>(q, h, lm, halt);
  else heads_outer_launch<T, 4, 16>(q, h, lm, halt);
  trm_parts_list sums = {{{h->dlm_head, lm.part, lm.parts, lm_size, 1},
                          {h->dq_weight, halt.part, halt.parts, q_size, 1},
                          {h->dq_bias, h->dq, h->b, 2, 1}}};
  trm_add_parts_of(q, sums);
}

template <class T> static void heads_launch(trm__cuda_queue *q, const trm__cuda_heads *h) {
  if (h->D % trm_width<T> == 0 && trm_aligned(h->y, h->d, h->lm_head))
    trm_launch(q, (heads<T, trm_width<T>>), dim3((unsigned)h->b), THREADS, sizeof(room<T>), *h);
  else trm_launch(q, (heads<T, 1>), dim3((unsigned)h->b), THREADS, sizeof(room<T>), *h);
  if (h->labels && h->d && h->y && h->dlm_head) heads_gradients<T>(q, h);
}

extern "C" void trm__cuda_heads_run(trm__cuda_queue *q, const trm__cuda_heads *h) {
  if (h->b <= 0) return;
  if (h->type == TRM_BFLOAT16) heads_launch<trm_bf16>(q, h);
  else heads_launch<float>(q, h);
}
