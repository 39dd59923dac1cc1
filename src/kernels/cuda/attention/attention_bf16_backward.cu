/* Attention backward on tensor cores: bf16, 64 elements a head. With weights p and scores s (scaled),
 *
 *   D_i = sum_j dout_ij out_ij,  dp = dout v^T,  ds = p (dp - D),  dq = scale ds k,  dk = scale ds^T q,  dv = p^T dout
 *
 * Weights come from the scores and the forward pass's lse. Nothing is added by several blocks: one pass takes query
 * rows and walks over keys (dq), another takes keys and walks over queries (dk, dv). The second computes transposed
 * scores, so that in both a warp's 16 rows of weights and of ds are sums that become operands of the next product
 * without leaving the registers. Both work through groups of 16 columns, which keeps few of them live.
 *
 * Up to 112 positions one block holds a head's q, k, v and dout in shared memory and does both passes: each number is
 * read from global memory once. Otherwise two kernels: queries first, which also computes D for the other.
 *
 * What bounds them: shared memory. A warp reads 6 (queries) or 8 (keys) KiB for each 3 or 4 times 2^15 operations of a
 * group, which holds tensor cores at part their peak; seven products are done where five would do if sums of
 * blocks could be added in any order. */
#include "kernels/cuda/attention/attention.cuh"
#include "kernels/cuda/product/tile.cuh"

#define ROWS 64   /* of a block of the two kernels, and of the tiles they walk over */
#define WHOLE 112 /* positions that one block can hold */

/* One group: s = a b^T of the rows row..row+15 of a tile, and the same of another pair. */
TRM_DEVICE void two_products(float (&s)[2][4], float (&dp)[2][4], const uint32_t (&a)[4][4], const unsigned char *b,
                             const uint32_t (&da)[4][4], const unsigned char *db, int row) {
#pragma unroll
  for (int step = 0; step < 4; step++) {
    uint32_t x[4], y[4];
    trm_tile_b(x, b, row, step);
    trm_tile_b(y, db, row, step);
    trm_mma(s[0], a[step], x);
    trm_mma(s[1], a[step], x + 2);
    trm_mma(dp[0], da[step], y);
    trm_mma(dp[1], da[step], y + 2);
  }
}

/* to [16][64] += a [16][16] x, rows row..row+15 of the tile x */
TRM_DEVICE void add_product(float (&to)[8][4], const uint32_t (&a)[4], const unsigned char *x, int row) {
#pragma unroll
  for (int pair = 0; pair < 4; pair++) {
    uint32_t b[4];
    trm_tile_bt(b, x, row, pair);
    trm_mma(to[2 * pair], a, b);
    trm_mma(to[2 * pair + 1], a, b + 2);
  }
}

/* A lane's two rows of queries. */
struct query_rows {
  float lse[2], sum[2];
};

/* dq of 16 queries += what keys row..row+15 of a tile give, without the scale; keys from `valid` on give nothing.
 * scale: of scores, base 2. */
TRM_DEVICE void queries_group(float (&dq)[8][4], const uint32_t (&q)[4][4], const uint32_t (&dout)[4][4],
                              const unsigned char *k, const unsigned char *v, const query_rows &rows, float scale,
                              int row, int valid) {
  float s[2][4] = {}, dp[2][4] = {};
  two_products(s, dp, q, k, dout, v, row);
  int column = row + 2 * ((int)threadIdx.x & 3);
#pragma unroll
  for (int i = 0; i < 8; i++) {
    int part = (i >> 1) & 1;
    float p = trm_exp2(fmaf(s[i >> 2][i & 3], scale, -rows.lse[part]));
    if (column + 8 * (i >> 2) + (i & 1) >= valid) p = 0;
    s[i >> 2][i & 3] = p * (dp[i >> 2][i & 3] - rows.sum[part]);
  }
  uint32_t ds[4];
  trm_tile_a_of_sums(ds, s[0], s[1]);
  add_product(dq, ds, k, row);
}

/* dk, dv of 16 keys += what queries row..row+15 of a tile give, dk without the scale. lse (base 2) and sums are of the
 * tile's queries; queries beyond the last have an lse of infinity. */
TRM_DEVICE void keys_group(float (&dk)[8][4], float (&dv)[8][4], const uint32_t (&k)[4][4], const uint32_t (&v)[4][4],
                           const unsigned char *q, const unsigned char *dout, const float *lse, const float *sums,
                           float scale, int row) {
  float s[2][4] = {}, dp[2][4] = {};
  two_products(s, dp, k, q, v, dout, row);
  int column = row + 2 * ((int)threadIdx.x & 3);
#pragma unroll
  for (int i = 0; i < 8; i++) {
    int at = column + 8 * (i >> 2) + (i & 1);
    s[i >> 2][i & 3] = trm_exp2(fmaf(s[i >> 2][i & 3], scale, -lse[at]));
    dp[i >> 2][i & 3] = s[i >> 2][i & 3] * (dp[i >> 2][i & 3] - sums[at]);
  }
  uint32_t a[4];
  trm_tile_a_of_sums(a, s[0], s[1]);
  add_product(dv, a, dout, row);
  trm_tile_a_of_sums(a, dp[0], dp[1]);
  add_product(dk, a, q, row);
}

TRM_DEVICE void load_rows(uint32_t (&a)[4][4], const unsigned char *tile, int row) {
#pragma unroll
  for (int step = 0; step < 4; step++) trm_tile_a(a[step], tile, row, step);
}

/* lse (base 2) and D of as many rows as the block has part threads, from row `first` on; dout is their tile. Two
 * neighbouring threads a row. */
TRM_DEVICE void row_sums(float *lse, float *sums, const attention_head<trm_bf16> &h, const unsigned char *dout,
                         int first, int L) {
  int row = (int)threadIdx.x >> 1, side = (int)threadIdx.x & 1;
  bool valid = first + row < L;
  const trm_bf16 *out = h.out + (valid ? first + row : 0) * h.out_ld;
  float sum = 0;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    trm_segment x = *(const trm_segment *)(out + 8 * (4 * side + i));
    trm_segment y = *(const trm_segment *)trm_tile_segment(dout, row, 4 * side + i);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      sum = fmaf(trm_low_float(x.word[j]), trm_low_float(y.word[j]), sum);
      sum = fmaf(trm_high_float(x.word[j]), trm_high_float(y.word[j]), sum);
    }
  }
  sum += __shfl_xor_sync(0xffffffffu, sum, 1);
  if (side) return;
  lse[row] = valid ? h.lse[first + row] * TRM_LOG2E : INFINITY;
  sums[row] = valid ? sum : 0;
}

TRM_DEVICE query_rows find_rows(const float *lse, const float *sums, int row) {
  int upper = row + (((int)threadIdx.x & 31) >> 2);
  query_rows rows = {{lse[upper], lse[upper + 8]}, {sums[upper], sums[upper + 8]}};
  return rows;
}

/* Shared memory: q, dout [64], then twice k, v [64], then lse and sums [64]. */
TRM_KERNEL __launch_bounds__(128, 3) attention_backward_queries(attention_args<trm_bf16> args) {
  const int tile = ROWS * TRM_TILE_BYTES;
  attention_head<trm_bf16> h = attention_find(args);
  int L = args.L, tiles = args.tiles, first = h.tile * ROWS, own = 16 * (int)(threadIdx.x >> 5);
  unsigned char *q = trm_shared(), *dout = q + tile, *stage = dout + tile;
  float *lse = (float *)(stage + 4 * tile), *sums = lse + ROWS;
  trm_tile_copy(q, h.q, h.ld, first, ROWS, L);
  trm_tile_copy(dout, h.dout, h.out_ld, first, ROWS, L);
  trm_copy_commit();
  trm_tile_copy(stage, h.k, h.ld, 0, ROWS, L);
  trm_tile_copy(stage + tile, h.v, h.ld, 0, ROWS, L);
  trm_copy_commit();
  trm_copy_wait<1>();
  __syncthreads();
  row_sums(lse, sums, h, dout, first, L);
  __syncthreads();
  if (threadIdx.x < ROWS && first + (int)threadIdx.x < L) h.sums[first + (int)threadIdx.x] = sums[threadIdx.x];

  uint32_t qa[4][4], da[4][4];
  load_rows(qa, q, own);
  load_rows(da, dout, own);
  query_rows rows = find_rows(lse, sums, own);
  float dq[8][4] = {}, scale = args.scale * TRM_LOG2E;
  for (int t = 0; t < tiles; t++) {
    trm_copy_wait<0>();
    __syncthreads();
    unsigned char *k = stage + (t & 1) * 2 * tile;
    if (t + 1 < tiles) {
      unsigned char *next = stage + (~t & 1) * 2 * tile;
      trm_tile_copy(next, h.k, h.ld, (t + 1) * ROWS, ROWS, L);
      trm_tile_copy(next + tile, h.v, h.ld, (t + 1) * ROWS, ROWS, L);
      trm_copy_commit();
    }
    if (first + own >= L) continue;
    int left = L - t * ROWS, valid = left < ROWS ? left : ROWS;
#pragma unroll 2
    for (int row = 0; row < valid; row += 16) queries_group(dq, qa, da, k, k + tile, rows, scale, row, valid);
  }
  if (first + own < L) trm_tile_store(h.dq, h.ld, first + own, L, dq, args.scale, args.scale);
}

/* The next 64 queries: q and dout by asynchronous copies, lse and sums by the first 64 threads. */
TRM_DEVICE void fetch_queries(unsigned char *q, float *lse, const attention_head<trm_bf16> &h, int first, int L) {
  trm_tile_copy(q, h.q, h.ld, first, ROWS, L);
  trm_tile_copy(q + ROWS * TRM_TILE_BYTES, h.dout, h.out_ld, first, ROWS, L);
  trm_copy_commit();
  int row = (int)threadIdx.x;
  if (row >= ROWS) return;
  lse[row] = first + row < L ? h.lse[first + row] * TRM_LOG2E : INFINITY;
  lse[ROWS + row] = first + row < L ? h.sums[first + row] : 0;
}

/* Shared memory: k, v [64], then twice q, dout [64], then twice lse, sums [64]. */
TRM_KERNEL __launch_bounds__(128, 3) attention_backward_keys(attention_args<trm_bf16> args) {
  const int tile = ROWS * TRM_TILE_BYTES;
  attention_head<trm_bf16> h = attention_find(args);
  int L = args.L, tiles = args.tiles, first = h.tile * ROWS, own = 16 * (int)(threadIdx.x >> 5);
  unsigned char *k = trm_shared(), *v = k + tile, *stage = v + tile;
  float *lse = (float *)(stage + 4 * tile);
  trm_tile_copy(k, h.k, h.ld, first, ROWS, L);
  trm_tile_copy(v, h.v, h.ld, first, ROWS, L);
  fetch_queries(stage, lse, h, 0, L);

  uint32_t ka[4][4], va[4][4];
  float dk[8][4] = {}, dv[8][4] = {}, scale = args.scale * TRM_LOG2E;
  for (int t = 0; t < tiles; t++) {
    trm_copy_wait<0>();
    __syncthreads();
    int part = t & 1, other = part ^ 1, left = L - t * ROWS;
    if (t + 1 < tiles) fetch_queries(stage + other * 2 * tile, lse + other * 2 * ROWS, h, (t + 1) * ROWS, L);
    if (t == 0) {
      load_rows(ka, k, own);
      load_rows(va, v, own);
    }
    if (first + own >= L) continue;
    unsigned char *q = stage + part * 2 * tile;
    const float *stats = lse + part * 2 * ROWS;
#pragma unroll 1
    for (int row = 0; row < left && row < ROWS; row += 16)
      keys_group(dk, dv, ka, va, q, q + tile, stats, stats + ROWS, scale, row);
  }
  if (first + own >= L) return;
  trm_tile_store(h.dk, h.ld, first + own, L, dk, args.scale, args.scale);
  trm_tile_store(h.dv, h.ld, first + own, L, dv, 1, 1);
}

/* Both passes of a head of up to 112 positions, 16 a warp. Shared memory: q, k, v, dout, lse and sums of all. */
TRM_KERNEL __launch_bounds__(224, 2) attention_backward_whole(attention_args<trm_bf16> args) {
  attention_head<trm_bf16> h = attention_find(args);
  int L = args.L, count = (int)(blockDim.x >> 1), tile = count * TRM_TILE_BYTES, own = 16 * (int)(threadIdx.x >> 5);
  unsigned char *q = trm_shared(), *k = q + tile, *v = k + tile, *dout = v + tile;
  float *lse = (float *)(dout + tile), *sums = lse + count, scale = args.scale * TRM_LOG2E;
  trm_tile_copy(q, h.q, h.ld, 0, count, L);
  trm_tile_copy(k, h.k, h.ld, 0, count, L);
  trm_tile_copy(v, h.v, h.ld, 0, count, L);
  trm_tile_copy(dout, h.dout, h.out_ld, 0, count, L);
  trm_copy_commit();
  trm_copy_wait<0>();
  __syncthreads();
  row_sums(lse, sums, h, dout, 0, L);
  __syncthreads();
  {
    uint32_t qa[4][4], da[4][4];
    load_rows(qa, q, own);
    load_rows(da, dout, own);
    query_rows rows = find_rows(lse, sums, own);
    float dq[8][4] = {};
#pragma unroll 1
    for (int row = 0; row < L; row += 16) queries_group(dq, qa, da, k, v, rows, scale, row, L);
    trm_tile_store(h.dq, h.ld, own, L, dq, args.scale, args.scale);
  }
  uint32_t ka[4][4], va[4][4];
  load_rows(ka, k, own);
  float dk[8][4] = {}, dv[8][4] = {};
#pragma unroll 1
  for (int row = 0; row < L; row += 16) {
    load_rows(va, v, own); /* again each time: 16 registers less, so that two blocks fit a multiprocessor */
    keys_group(dk, dv, ka, va, q, dout, lse, sums, scale, row);
  }
  trm_tile_store(h.dk, h.ld, own, L, dk, args.scale, args.scale);
  trm_tile_store(h.dv, h.ld, own, L, dv, 1, 1);
}

void trm__cuda_attention_bf16_backward(trm__cuda_queue *q, const trm__cuda_attention *a) {
  bool whole = a->L <= WHOLE;
  int warps = whole ? (a->L + 15) / 16 : ROWS / 16;
  size_t rows = 16 * (size_t)warps;
  attention_args<trm_bf16> args = attention_arguments<trm_bf16>(a, (int)rows);
  dim3 grid((unsigned)args.tiles * (unsigned)a->heads * (unsigned)a->b);
  if (whole) {
    trm_launch(q, attention_backward_whole, grid, 32 * warps, rows * (4 * TRM_TILE_BYTES + 8), args);
    return;
  }
  trm_launch(q, attention_backward_queries, grid, 32 * warps, rows * (6 * TRM_TILE_BYTES + 8), args);
  trm_launch(q, attention_backward_keys, grid, 32 * warps, rows * (6 * TRM_TILE_BYTES + 16), args);
}
