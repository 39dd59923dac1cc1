/* Attention forward on tensor cores: bf16, 64 elements a head. A block takes a tile of query rows of one head and walks
 * over the keys and values in tiles of 64, copied ahead into the other part of a double buffer. Scores, weights and the
 * output stay in registers: a warp owns 16 or 32 query rows, keeps the running maximum and sum of each (base 2, so that
 * the scale is one multiply-add), and the accumulator layout of the scores is the operand layout of the second product.
 * Weights are rounded to bf16 for that product; their sum is taken before, in fp32.
 *
 * What bounds it: a warp reads 16 KiB of shared memory a tile for 2^18 operations on each 16 rows, so with 16 rows
 * shared memory (128 bytes a clock) holds the tensor cores at part their rate and with 32 rows at their full one;
 * 4,096 exponentials a tile of 64 x 64 take 256 clocks of the special units, as long as the products take at mma.sync's
 * rate on sm_90. Up to 128 positions a block has a warp for each 16 rows (97: seven) and a head is one block, so that
 * keys and values are read once; longer ones have tiles of 128 rows with 32 a warp. */
#include "kernels/cuda/attention/attention.cuh"
#include "kernels/cuda/product/tile.cuh"

#define KEYS 64 /* in a tile */

/* s = q k^T of a tile, unscaled; groups of 16 keys from `valid` on are left out. */
template <int MT>
TRM_DEVICE void scores(float (&s)[MT][8][4], const uint32_t (&q)[MT][4][4], const unsigned char *k, int valid) {
#pragma unroll
  for (int group = 0; group < 4; group++) {
    if (16 * group < valid) {
#pragma unroll
      for (int step = 0; step < 4; step++) {
        uint32_t b[4];
        trm_tile_b(b, k, 16 * group, step);
#pragma unroll
        for (int m = 0; m < MT; m++) {
          trm_mma(s[m][2 * group], q[m][step], b);
          trm_mma(s[m][2 * group + 1], q[m][step], b + 2);
        }
      }
    }
  }
}

/* Of two rows (c fragments' upper and lower) of a tile: s becomes weights 2^(scale s - max), and what was summed up
 * before is brought to the new maximum. max and sum: of this lane's rows; sum: of this lane's columns alone. */
TRM_DEVICE void soften(float (&s)[8][4], float (&o)[8][4], float (&max)[2], float (&sum)[2], float scale, int valid) {
  int column = 2 * ((int)threadIdx.x & 3);
  if (valid < KEYS) {
#pragma unroll
    for (int i = 0; i < 32; i++)
      if (8 * (i >> 2) + column + (i & 1) >= valid) s[i >> 2][i & 3] = -INFINITY;
  }
#pragma unroll
  for (int part = 0; part < 2; part++) {
    float most = s[0][2 * part];
#pragma unroll
    for (int i = 0; i < 8; i++) most = fmaxf(most, fmaxf(s[i][2 * part], s[i][2 * part + 1]));
    most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, 1));
    most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, 2));
    most = fmaxf(max[part], most * scale);
    float shrink = trm_exp2(max[part] - most), added = 0;
    max[part] = most;
#pragma unroll
    for (int i = 0; i < 8; i++) {
#pragma unroll
      for (int j = 2 * part; j < 2 * part + 2; j++) {
        s[i][j] = trm_exp2(fmaf(s[i][j], scale, -most));
        added += s[i][j];
        o[i][j] *= shrink;
      }
    }
    sum[part] = sum[part] * shrink + added;
  }
}

/* o += weights v */
template <int MT>
TRM_DEVICE void add_values(float (&o)[MT][8][4], const float (&s)[MT][8][4], const unsigned char *v, int valid) {
#pragma unroll
  for (int group = 0; group < 4; group++) {
    if (16 * group < valid) {
      uint32_t a[MT][4];
#pragma unroll
      for (int m = 0; m < MT; m++) trm_tile_a_of_sums(a[m], s[m][2 * group], s[m][2 * group + 1]);
#pragma unroll
      for (int pair = 0; pair < 4; pair++) {
        uint32_t b[4];
        trm_tile_bt(b, v, 16 * group, pair);
#pragma unroll
        for (int m = 0; m < MT; m++) {
          trm_mma(o[m][2 * pair], a[m], b);
          trm_mma(o[m][2 * pair + 1], a[m], b + 2);
        }
      }
    }
  }
}

/* out and lse of 16 rows. */
TRM_DEVICE void finish(const attention_head<trm_bf16> &h, const float (&o)[8][4], const float (&max)[2],
                       const float (&sum)[2], int row, int L) {
  float total[2];
  int lane = (int)threadIdx.x & 31;
#pragma unroll
  for (int part = 0; part < 2; part++) {
    total[part] = sum[part] + __shfl_xor_sync(0xffffffffu, sum[part], 1);
    total[part] += __shfl_xor_sync(0xffffffffu, total[part], 2);
    int at = row + (lane >> 2) + 8 * part;
    if (h.lse && at < L && (lane & 3) == 0) h.lse[at] = (max[part] + log2f(total[part])) * TRM_LN2;
  }
  trm_tile_store(h.out, h.out_ld, row, L, o, 1.0f / total[0], 1.0f / total[1]);
}

TRM_DEVICE void fetch_keys(unsigned char *stage, const attention_head<trm_bf16> &h, int first, int L) {
  trm_tile_copy(stage, h.k, h.ld, first, KEYS, L);
  trm_tile_copy(stage + KEYS * TRM_TILE_BYTES, h.v, h.ld, first, KEYS, L);
}

/* Shared memory: queries [16 MT warps], then twice keys and values [64]. MT = 1: at most two tiles, both fetched at the
 * start. */
template <int MT>
TRM_KERNEL __launch_bounds__(MT == 1 ? 256 : 128, 2) attention_forward(attention_args<trm_bf16> args) {
  attention_head<trm_bf16> h = attention_find(args);
  int rows = 16 * MT * (int)(blockDim.x >> 5), L = args.L, tiles = (L + KEYS - 1) / KEYS;
  int own = 16 * MT * (int)(threadIdx.x >> 5), first = h.tile * rows;
  unsigned char *queries = trm_shared(), *stage = queries + rows * TRM_TILE_BYTES;
  trm_tile_copy(queries, h.q, h.ld, first, rows, L);
  fetch_keys(stage, h, 0, L);
  if (MT == 1 && tiles > 1) fetch_keys(stage + 2 * KEYS * TRM_TILE_BYTES, h, KEYS, L);
  trm_copy_commit();

  float scale = args.scale * TRM_LOG2E, o[MT][8][4] = {}, max[MT][2], sum[MT][2] = {};
  uint32_t q[MT][4][4];
#pragma unroll
  for (int m = 0; m < MT; m++) max[m][0] = max[m][1] = -INFINITY;
  for (int t = 0; t < tiles; t++) {
    trm_copy_wait<0>();
    __syncthreads(); /* this tile is there, and nobody reads the one before any more */
    unsigned char *k = stage + (t & 1) * 2 * KEYS * TRM_TILE_BYTES, *v = k + KEYS * TRM_TILE_BYTES;
    if (MT > 1 && t + 1 < tiles) {
      fetch_keys(stage + (~t & 1) * 2 * KEYS * TRM_TILE_BYTES, h, (t + 1) * KEYS, L);
      trm_copy_commit();
    }
    if (t == 0) {
#pragma unroll
      for (int i = 0; i < 4 * MT; i++) trm_tile_a(q[i >> 2][i & 3], queries, own + 16 * (i >> 2), i & 3);
    }
    if (first + own >= L) continue; /* a warp without rows only copies */
    float s[MT][8][4] = {};
    int valid = L - t * KEYS;
    scores<MT>(s, q, k, valid);
#pragma unroll
    for (int m = 0; m < MT; m++) soften(s[m], o[m], max[m], sum[m], scale, valid);
    add_values<MT>(o, s, v, valid);
  }
  if (first + own >= L) return;
#pragma unroll
  for (int m = 0; m < MT; m++) finish(h, o[m], max[m], sum[m], first + own + 16 * m, L);
}

void trm__cuda_attention_bf16(trm__cuda_queue *q, const trm__cuda_attention *a) {
  bool whole = a->L <= 128;
  int warps = whole ? (a->L + 15) / 16 : 4, rows = whole ? 16 * warps : 128;
  attention_args<trm_bf16> args = attention_arguments<trm_bf16>(a, rows);
  dim3 grid((unsigned)args.tiles * (unsigned)a->heads * (unsigned)a->b);
  size_t shared = (size_t)(rows + 4 * KEYS) * TRM_TILE_BYTES;
  if (whole) trm_launch(q, attention_forward<1>, grid, 32 * warps, shared, args);
  else trm_launch(q, attention_forward<2>, grid, 32 * warps, shared, args);
}
