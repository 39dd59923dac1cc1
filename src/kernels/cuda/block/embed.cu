/* Embedding: e = sqrt(D) * concat(prefix, E[x]), with learned positions sqrt(D) * 0.707106781 * (concat + A), every
 * operation rounded to the forward type.
 *
 * The gradient of the table is a sum over all rows that hold a token. A block takes some rows and some columns: its
 * warps add rows into sums of their own in shared memory, one row of sums a token, and the warps' sums are added in
 * order. What blocks leave in `partial` is added up in a second launch. */
#include "kernels/cuda/block/sums.cuh"

/* 1/sqrt(2) as the original writes it. */
#define HALF_ROOT 0.707106781F

enum { THREADS = 256, WARPS = THREADS / 32 };

/* -- forward: one warp a position. Bound by writing e -------------------------------------------------------------- */

/* Elements .. of the prefix of one example. */
template <class T, int W> TRM_DEVICE void read_prefix(float (&x)[W], const trm__cuda_embed &e, int example, int at) {
#pragma unroll
  for (int j = 0; j < W; j++)
    x[j] = e.rows && at + j < e.ndim ? trm_round<T>(e.rows[(size_t)example * (size_t)e.ndim + (size_t)(at + j)]) : 0;
}

TRM_DEVICE int token_row(const trm__cuda_embed &e, size_t at) {
  int32_t token = e.tokens[at];
  return token < 0 || token >= e.V ? 0 : token;
}

template <class T, int W> TRM_KERNEL __launch_bounds__(THREADS) embed_forward(trm__cuda_embed e, float root) {
  int L = e.P + e.S, row = (int)(blockIdx.x * WARPS + threadIdx.x / 32);
  if (row >= e.b * L) return;
  int example = row / L, p = row % L;
  T *to = (T *)e.e + (size_t)row * (size_t)e.D;
  const float *from = e.table;
  if (p >= e.P) from += (size_t)token_row(e, (size_t)example * (size_t)e.S + (size_t)(p - e.P)) * (size_t)e.D;
#pragma unroll 2
  for (int c = (int)threadIdx.x % 32 * W; c < e.D; c += 32 * W) {
    float x[W], a[W];
    if (p < e.P) read_prefix<T>(x, e, example, p * e.D + c);
    else trm_read(x, from + c);
    if (e.positions) trm_read(a, e.positions + (size_t)p * (size_t)e.D + c);
#pragma unroll
    for (int j = 0; j < W; j++) {
      x[j] = trm_round<T>(x[j]);
      if (e.positions) x[j] = trm_round<T>(trm_round<T>(x[j] + trm_round<T>(a[j])) * HALF_ROOT);
      x[j] *= root;
    }
    trm_write(to + c, x);
  }
}

template <class T> static void embed_forward_launch(trm__cuda_queue *q, const trm__cuda_embed *e) {
  dim3 grid(trm_blocks((size_t)e->b * (size_t)(e->P + e->S), WARPS));
  float root = (float)sqrt((double)e->D);
  if (e->D % trm_width<T> == 0 && trm_aligned(e->e, e->table, e->positions))
    trm_launch(q, (embed_forward<T, trm_width<T>>), grid, THREADS, 0, *e, root);
  else trm_launch(q, (embed_forward<T, 1>), grid, THREADS, 0, *e, root);
}

extern "C" void trm__cuda_embed_forward(trm__cuda_queue *q, const trm__cuda_embed *e) {
  if (e->b <= 0 || e->P + e->S <= 0) return;
  if (e->type == TRM_BFLOAT16) embed_forward_launch<trm_bf16>(q, e);
  else embed_forward_launch<float>(q, e);
}

/* -- how the sums are cut: by shapes alone ------------------------------------------------------------------------- */

enum {
  LEAST_ROWS = 64, /* of one block */
  MOST_TABLE_PARTS = 132,
  ROOM = 96, /* rows of sums in a block's shared memory, 32 vectors each: at most 96 KiB */
  AHEAD = 4, /* rows that a warp reads before it adds them */
  LEAST_EXAMPLES = 16,
  MOST_PARTS = 32
};

static int embed_table_parts(int rows) {
  int parts = (rows + LEAST_ROWS - 1) / LEAST_ROWS;
  return parts < 1 ? 1 : parts > MOST_TABLE_PARTS ? MOST_TABLE_PARTS : parts;
}

static int embed_position_parts(int b) {
  int parts = (b + LEAST_EXAMPLES - 1) / LEAST_EXAMPLES;
  return parts < 1 ? 1 : parts > MOST_PARTS ? MOST_PARTS : parts;
}

static size_t embed_table_scratch(int b, int S, int D, int V) {
  return (size_t)embed_table_parts(b * S) * (size_t)V * (size_t)D;
}

extern "C" size_t trm__cuda_embed_scratch(int b, int S, int P, int D, int V, int positions) {
  size_t more = positions ? (size_t)embed_position_parts(b) * (size_t)(P + S) * (size_t)D : 0;
  return embed_table_scratch(b, S, D, V) + more;
}

/* -- gradient of the table. Bound by reading de -------------------------------------------------------------------- */

/* A row of sums holds the lanes' first four elements, then their next four, so that neighbours meet no bank twice:
 * where a lane's numbers lie, and which column the sum at i is of. */
template <int W> TRM_DEVICE int place_of(int lane) {
  return lane * (W < 4 ? W : 4);
}
template <int W> TRM_DEVICE int column_at(int i) {
  return W < 4 ? i : i % 128 / 4 * W + i / 128 * 4 + i % 4;
}

template <int W> TRM_DEVICE void add_row(float *sums, const float (&x)[W]) {
  constexpr int part = W < 4 ? W : 4;
#pragma unroll
  for (int i = 0; i < W; i += part) {
    float sum[part];
    trm_read(sum, sums + i * 32);
#pragma unroll
    for (int j = 0; j < part; j++) sum[j] += x[i + j];
    trm_write(sums + i * 32, sum);
  }
}

/* Block (column tile, part of the rows, tile of `tokens` tokens). */
template <class T, int W>
TRM_KERNEL __launch_bounds__(THREADS) embed_table(trm__cuda_embed e, int part_rows, int tokens) {
  int warps = (int)blockDim.x / 32, warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x % 32;
  int width = 32 * W, c0 = (int)blockIdx.x * width, c = c0 + lane * W, v0 = (int)blockIdx.z * tokens;
  int begin = (int)blockIdx.y * part_rows, end = begin + part_rows < e.b * e.S ? begin + part_rows : e.b * e.S;
  float *sums = (float *)trm_shared(), *own = sums + warp * tokens * width + place_of<W>(lane);
  for (int i = (int)threadIdx.x; i < warps * tokens * width; i += (int)blockDim.x) sums[i] = 0;
  __syncthreads();
  for (int first = begin + warp; first < end; first += AHEAD * warps) {
    float x[AHEAD][W] = {};
    int at[AHEAD];
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      int row = first + k * warps;
      at[k] = row < end && c < e.D ? token_row(e, (size_t)row) - v0 : -1;
      if (at[k] < 0 || at[k] >= tokens) continue;
      size_t from = ((size_t)(row / e.S) * (size_t)(e.P + e.S) + (size_t)(e.P + row % e.S)) * (size_t)e.D + (size_t)c;
      trm_read(x[k], (const T *)e.de + from);
    }
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      if (at[k] >= 0 && at[k] < tokens) add_row(own + at[k] * width, x[k]);
    }
  }
  __syncthreads();
  float *to = e.partial + (size_t)blockIdx.y * (size_t)e.V * (size_t)e.D;
  for (int i = (int)threadIdx.x; i < tokens * width; i += (int)blockDim.x) {
    int v = v0 + i / width, column = c0 + column_at<W>(i % width);
    float sum = sums[i];
    for (int w = 1; w < warps; w++) sum += sums[w * tokens * width + i];
    if (v < e.V && column < e.D) to[(size_t)v * (size_t)e.D + (size_t)column] = sum;
  }
}

template <class T, int W> static void embed_table_launch(trm__cuda_queue *q, const trm__cuda_embed *e) {
  int rows = e->b * e->S, parts = embed_table_parts(rows), tokens = e->V < ROOM ? e->V : ROOM;
  int warps = ROOM / tokens < WARPS ? ROOM / tokens : WARPS;
  dim3 grid(trm_blocks((size_t)e->D, 32 * W), (unsigned)parts, trm_blocks((size_t)e->V, (size_t)tokens));
  trm_launch(q, (embed_table<T, W>), grid, warps * 32, (size_t)(warps * tokens * 32 * W) * sizeof(float), *e,
             (rows + parts - 1) / parts, tokens);
}

/* -- gradient of the positions: a thread sums one vector over some examples. Bound by reading de ------------------- */

template <class T, int W>
TRM_KERNEL __launch_bounds__(THREADS) embed_positions(const T *de, float *partial, size_t n, int b, int part) {
  size_t at = ((size_t)blockIdx.x * THREADS + threadIdx.x) * W;
  int begin = (int)blockIdx.y * part, end = begin + part < b ? begin + part : b;
  if (at >= n) return;
  float sum[W] = {};
#pragma unroll 8
  for (int i = begin; i < end; i++) {
    float x[W];
    trm_read(x, de + (size_t)i * n + at);
#pragma unroll
    for (int j = 0; j < W; j++) sum[j] += x[j];
  }
  trm_write(partial + (size_t)blockIdx.y * n + at, sum);
}

template <class T, int W>
static void embed_positions_launch(trm__cuda_queue *q, const trm__cuda_embed *e, float *partial) {
  size_t n = (size_t)(e->P + e->S) * (size_t)e->D;
  int parts = embed_position_parts(e->b);
  trm_launch(q, (embed_positions<T, W>), dim3(trm_blocks(n, THREADS * W), (unsigned)parts), THREADS, 0,
             (const T *)e->de, partial, n, e->b, (e->b + parts - 1) / parts);
}

/* -- gradient of the puzzle rows. Bound by memory, and small ------------------------------------------------------- */

template <class T>
TRM_KERNEL __launch_bounds__(THREADS) embed_rows(float *drows, const T *de, int ndim, size_t state, float scale) {
  for (int i = (int)threadIdx.x; i < ndim; i += THREADS)
    drows[(size_t)blockIdx.x * (size_t)ndim + (size_t)i] =
        scale * trm_to_float(de[(size_t)blockIdx.x * state + (size_t)i]);
}

template <class T> static void embed_backward_launch(trm__cuda_queue *q, const trm__cuda_embed *e) {
  int positions = e->dpositions != NULL;
  float scale = (float)(sqrt((double)e->D) * (e->positions || positions ? 0.707106781 : 1));
  size_t state = (size_t)(e->P + e->S) * (size_t)e->D, n = (size_t)e->V * (size_t)e->D;
  float *partial = e->partial + embed_table_scratch(e->b, e->S, e->D, e->V);
  bool aligned = e->D % trm_width<T> == 0 && trm_aligned(e->de, partial);
  trm_parts_list sums = {};
  if (e->S > 0) sums.item[0] = {e->dtable, e->partial, embed_table_parts(e->b * e->S), n, scale};
  if (positions) sums.item[1] = {e->dpositions, partial, embed_position_parts(e->b), state, scale};
  if (e->S > 0 && aligned) embed_table_launch<T, trm_width<T>>(q, e);
  else if (e->S > 0) embed_table_launch<T, 1>(q, e);
  if (positions && aligned) embed_positions_launch<T, trm_width<T>>(q, e, partial);
  else if (positions) embed_positions_launch<T, 1>(q, e, partial);
  trm_add_parts_of(q, sums);
  if (e->drows && e->ndim > 0)
    trm_launch(q, embed_rows<T>, dim3((unsigned)e->b), THREADS, 0, e->drows, (const T *)e->de, e->ndim, state, scale);
}

extern "C" void trm__cuda_embed_backward(trm__cuda_queue *q, const trm__cuda_embed *e) {
  if (e->b <= 0) return;
  if (e->type == TRM_BFLOAT16) embed_backward_launch<trm_bf16>(q, e);
  else embed_backward_launch<float>(q, e);
}
