/* Matrix product over a vector layer (VW), a tile of MR x 2 VW sums, and a data type: DOT(x, b, sum) adds the
 * products of two vectors of words, and SCALED says that sums are whole numbers (INT8) which become numbers in the
 * epilogue. Words and whole sums travel as floats: moves keep their bits.
 *
 * The sums of a tile stay in registers over a block of kc words; between blocks they lie in a buffer and the next
 * block goes on from there, so that every sum is one chain over p ascending, the same for any range, blocking or width.
 * Order of loops, from the outside: a group of panels, a block of TILES row tiles, a block of kc words, a panel (as
 * large as the L1 cache: smaller ones cost more in sums than they save), a tile of rows (A from L2). After the last
 * block the epilogue runs on the tile. Rows are shared out evenly over the tiles: 97 rows are 17 tiles of 5 or 6, not
 * 16 and a rest. */

#include "kernels/caches.h"

/* The largest kc; row tiles of a block (48 rows); the largest group (512 columns); rows of A^T prefetched ahead. */
enum { KC = 512, TILES = 48 / MR, GROUP = 512 / NR, AHEAD = 8, TILE_A = MR * KC + VW };

/* Where a tile's rows of A begin: the first half of them rs apart from upper, the others from lower. */
typedef struct tile {
  const float *upper, *lower;
  int start, height; /* start: the first row (gate row) */
} tile;

typedef struct block {
  const trm__gemm *g;
  int gate_rows; /* GATE_M: a tile is as many gate rows as up rows */
  int tiles;     /* of the whole row range */
  int count;     /* tiles of this block */
  tile tile[TILES];
  int kc;      /* words of a block at most */
  int q0, q1;  /* panels of this group */
  int packed;  /* A goes through the buffer */
  float *a;    /* [TILES][TILE_A]: each [KC][height], and VW elements that stores may run over */
  float *sums; /* [GROUP][TILES][MR][NR] */
} block;

/* Without these loops unrolled first of all, compilers leave the sums in an array in memory. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define EACH_SUM(r, v) UNROLL for (int r = 0; r < height; r++) UNROLL for (int v = 0; v < vectors; v++)

/* Where sums go that need no epilogue but an addition: out = from + sums, without from where it is NULL. */
typedef struct target {
  float *out;
  const float *from;
  ptrdiff_t out_rs, from_rs;
} target;

/* One block of products: sums [height][NR] (+)= A [height][kc] panel [kc][NR], which go to the target when there is
 * one. A(r, p) lies in the tile's rows at p * cs, or at upper[p * height + r] when packed. */
ALWAYS_INLINE void tile_sums(float *sums, int first, const target *to, const tile *in, ptrdiff_t rs, ptrdiff_t cs,
                             const float *panel, int kc, const int height, const int vectors, const int packed) {
  const int half = (height + 1) / 2;
  vf acc[MR][2];
  EACH_SUM(r, v) acc[r][v] = first ? v_zero() : v_load(sums + r * NR + v * VW);
  const float *upper = in->upper, *lower = in->lower;
  for (int p = 0; p < kc; p++, panel += NR) {
    vf left = v_load(panel), right = vectors == 2 ? v_load(panel + VW) : left;
    UNROLL for (int r = 0; r < height; r++) {
      vf x = v_set(packed ? upper[r] : r < half ? upper[r * rs] : lower[(r - half) * rs]);
      acc[r][0] = DOT(x, left, acc[r][0]);
      if (vectors == 2) acc[r][1] = DOT(x, right, acc[r][1]);
    }
    upper += packed ? height : cs;
    lower += cs;
  }
  if (to && to->from) {
    EACH_SUM(r, v) acc[r][v] = v_add(v_load(to->from + r * to->from_rs + v * VW), acc[r][v]);
  }
  float *out = to ? to->out : sums;
  ptrdiff_t out_rs = to ? to->out_rs : NR;
  EACH_SUM(r, v) v_store(out + r * out_rs + v * VW, acc[r][v]);
}

/* One function a height and a way of reading A: compilers are slow with all of them in one. */
typedef void (*tile_fn)(float *sums, int first, const target *to, const tile *in, ptrdiff_t rs, ptrdiff_t cs,
                        const float *panel, int kc, int vectors);

#define TILE(name, height, packed)                                                                                     \
  static void name(float *sums, int first, const target *to, const tile *in, ptrdiff_t rs, ptrdiff_t cs,               \
                   const float *panel, int kc, int vectors) {                                                          \
    if (vectors == 2) tile_sums(sums, first, to, in, rs, cs, panel, kc, height, 2, packed);                            \
    else tile_sums(sums, first, NULL, in, rs, cs, panel, kc, height, 1, packed);                                       \
  }
#define TILE_PACKED(height) TILE(tile_packed_##height, height, 1)
#define TILE_PACKED_NAME(height) tile_packed_##height,
HEIGHTS(TILE_PACKED)

#if PACK_ALWAYS
static const tile_fn tiles[1][MR] = {{HEIGHTS(TILE_PACKED_NAME)}};
#else
#define TILE_PLAIN(height) TILE(tile_plain_##height, height, 0)
#define TILE_PLAIN_NAME(height) tile_plain_##height,
HEIGHTS(TILE_PLAIN)
static const tile_fn tiles[2][MR] = {{HEIGHTS(TILE_PACKED_NAME)}, {HEIGHTS(TILE_PLAIN_NAME)}};
#endif

/* First row (gate row) of tile t. */
static int tile_start(const block *b, int t) {
  return b->g->m0 + (int)((int64_t)(b->g->m1 - b->g->m0) * t / b->tiles);
}

/* The block's tiles: the t0-th and what follows. */
static void set_tiles(block *b, int t0) {
  const trm__gemm *g = b->g;
  b->count = b->tiles - t0 < TILES ? b->tiles - t0 : TILES;
  for (int t = 0, start = tile_start(b, t0); t < b->count; t++) {
    int end = tile_start(b, t0 + t + 1), rows = end - start;
    const float *upper = g->a + start * g->a_rs;
    ptrdiff_t lower = b->gate_rows ? g->m / 2 : (rows + 1) / 2;
    b->tile[t] = (tile){upper, upper + lower * g->a_rs, start, b->gate_rows ? 2 * rows : rows};
    start = end;
  }
}

/* rows of A, rs apart, products 0..kc-1, into out[p * height + r]. */
static void pack_run(float *out, const float *in, ptrdiff_t rs, ptrdiff_t cs, int rows, int height, int kc) {
  int r = 0;
  for (; cs == 1 && r + 4 <= rows; r += 4) {
    int p = 0;
    for (; p + 4 <= kc; p += 4) v_transpose4(out + p * height + r, height, in + r * rs + p, rs);
    for (; p < kc; p++) {
      for (int e = r; e < r + 4; e++) out[p * height + e] = in[e * rs + p];
    }
  }
  for (; r < rows; r++) {
    for (int p = 0; p < kc; p++) out[p * height + r] = in[r * rs + p * cs];
  }
}

/* At most half a tile's numbers, and up to a vector's beyond them. */
ALWAYS_INLINE void put_run(float *out, const float *in, int count) {
  v_store(out, v_load_n(in, count));
  for (int r = VW; VW < (MR + 1) / 2 && r < count; r += VW) v_store(out + r, v_load_n(in + r, count - r));
}

/* A transposed: a row of products is contiguous over all tiles. Whole vectors are stored; what is too much is
 * overwritten by the next store. */
static void pack_transposed_tiles(const block *b, ptrdiff_t at, ptrdiff_t cs, int kc) {
  const tile *in = b->tile, *last = in + b->count - 1;
  int rows = last->start - in->start + (b->gate_rows ? last->height / 2 : last->height);
  for (int p = 0; p < kc; p++, at += cs) {
    ptrdiff_t ahead = p + AHEAD < kc ? at + AHEAD * cs : at;
    for (int r = 0; r < rows; r += 16) {
      v_prefetch(in[0].upper + ahead + r);
      if (b->gate_rows) v_prefetch(in[0].lower + ahead + r);
    }
    for (int t = 0; t < b->count; t++) {
      int half = (in[t].height + 1) / 2;
      float *out = b->a + (size_t)t * TILE_A + p * in[t].height;
      put_run(out, in[t].upper + at, half);
      put_run(out + half, in[t].lower + at, in[t].height - half);
    }
  }
}

/* A block's tiles from product k0 on, each as [kc][height]. */
static void pack_tiles(const block *b, int k0, int kc) {
  ptrdiff_t rs = b->g->a_rs, cs = b->g->a_cs, at = k0 * cs;
  if (rs == 1) {
    pack_transposed_tiles(b, at, cs, kc);
    return;
  }
  for (int t = 0; t < b->count; t++) {
    const tile *in = &b->tile[t];
    float *out = b->a + (size_t)t * TILE_A;
    int half = (in->height + 1) / 2, split = b->gate_rows ? half : in->height;
    pack_run(out, in->upper + at, rs, cs, split, in->height, kc);
    if (b->gate_rows) pack_run(out + half, in->lower + at, rs, cs, half, in->height, kc);
  }
}

/* silu(gate) * up; with round gate and up come rounded, then silu is, then the product. */
ALWAYS_INLINE vf gated(vf gate, vf up, int round) {
  return v_rounded(v_mul(v_rounded(v_mul(gate, v_sigmoid(gate)), round), up), round);
}

/* A vector of finished sums of row i of A. tail: what follows the panel's words (SCALED). */
ALWAYS_INLINE vf value(const trm__gemm *g, const float *sums, int i, const float *tail) {
#if SCALED
  return v_mul(v_minus_whole(v_load(sums), v_load(tail + NR)), v_mul(v_set(g->a_scale[i]), v_load(tail)));
#else
  (void)g, (void)i, (void)tail;
  return v_load(sums);
#endif
}

static void finish_gate(const trm__gemm *g, const float *sums, int i, int height, int j, int cols, int gate_rows,
                        const float *tail) {
  int rows = gate_rows ? height / 2 : height, parts = gate_rows ? 2 : 1, up_row = gate_rows ? g->m / 2 : 0;
  const float *ups = gate_rows ? sums + rows * NR : sums + VW, *up_tail = gate_rows ? tail : tail + VW;
  ptrdiff_t up_at = gate_rows ? up_row * g->c_rs : g->n / 2;
  for (int r = 0; r < rows; r++) {
    for (int v = 0; v < parts && cols > v * VW; v++) {
      int count = cols - v * VW;
      vf gate = v_rounded(value(g, sums + r * NR + v * VW, i + r, tail + v * VW), g->round);
      vf up = v_rounded(value(g, ups + r * NR + v * VW, i + r + up_row, up_tail + v * VW), g->round);
      if (g->c) {
        float *c = g->c + (i + r) * g->c_rs + j + v * VW;
        v_put(c, gate, count);
        v_put(c + up_at, up, count);
      }
      v_put(g->act + (i + r) * g->act_rs + j + v * VW, gated(gate, up, g->round), count);
    }
  }
}

/* whole: all columns of the panel are there. */
ALWAYS_INLINE void finish_rows(const trm__gemm *g, const float *sums, int i, int height, int j, int cols,
                               const float *tail, const int whole) {
  for (int r = 0; r < height; r++) {
    for (int v = 0; v < 2 && (whole || cols > v * VW); v++) {
      int count = whole ? VW : cols - v * VW;
      ptrdiff_t column = j + v * VW;
      float *c = g->c + (i + r) * g->c_rs + column;
      vf x = value(g, sums + r * NR + v * VW, i + r, tail + v * VW);
      if (g->epilogue == TRM__EPI_ADD) x = v_add(v_get(c, count), x);
      else if (g->epilogue == TRM__EPI_RESIDUAL) {
        if (g->row_scale) x = v_mul(x, v_set(g->row_scale[i + r]));
        if (g->col_scale) x = v_mul(x, v_get(g->col_scale + column, count));
        x = v_add(v_get(g->residual + (i + r) * g->residual_rs + column, count), v_rounded(x, g->round));
      }
      v_put(c, v_rounded(x, g->round), count);
    }
  }
}

static void finish_plain(const trm__gemm *g, const float *sums, int i, int height, int j, int cols, const float *tail) {
  if (cols >= NR) finish_rows(g, sums, i, height, j, cols, tail, 1);
  else finish_rows(g, sums, i, height, j, cols, tail, 0);
}

/* Brings what the epilogue of a tile will touch nearer, while the products are computed. */
static void prefetch_result(const trm__gemm *g, int i, int rows, int j) {
  int plain = g->epilogue != TRM__EPI_GATE_N && g->epilogue != TRM__EPI_GATE_M;
  const float *to = plain ? g->c + i * g->c_rs + j : g->act + i * g->act_rs + j;
  for (int r = 0; r < rows; r++) v_prefetch(to + r * (plain ? g->c_rs : g->act_rs));
  if (g->epilogue != TRM__EPI_RESIDUAL || g->residual == g->c) return;
  for (int r = 0; r < rows; r++) v_prefetch(g->residual + (i + r) * g->residual_rs + j);
}

/* The target of whole panels; NULL where the epilogue does more. */
static const target *plain_target(target *to, const trm__gemm *g, int i, int j) {
  if (SCALED || g->round || g->row_scale || g->col_scale || g->epilogue > TRM__EPI_RESIDUAL) return NULL;
  *to = (target){.out = g->c + i * g->c_rs + j, .out_rs = g->c_rs};
  if (g->epilogue == TRM__EPI_ADD) to->from = to->out, to->from_rs = g->c_rs;
  if (g->epilogue == TRM__EPI_RESIDUAL) to->from = g->residual + i * g->residual_rs + j, to->from_rs = g->residual_rs;
  return to;
}

/* Panel q against the block's tiles, products [k0, k0 + kc). */
static void panel_times_tiles(const block *b, int q, int k0, int kc, int first, int last, int one) {
  const trm__gemm *g = b->g;
  int gate_n = g->epilogue == TRM__EPI_GATE_N, width = gate_n ? VW : NR;
  int j = q * width, cols = g->n1 - j < width ? g->n1 - j : width;
  const float *whole = g->b + (size_t)q * (size_t)(g->k + TAIL) * NR, *panel = whole + (size_t)k0 * NR;
  const float *tail = whole + (size_t)g->k * NR;
  for (int t = 0; t < b->count; t++) {
    tile in = b->tile[t];
    int height = in.height, start = in.start;
    in.upper = b->packed ? b->a + (size_t)t * TILE_A : in.upper + k0 * g->a_cs;
    in.lower += k0 * g->a_cs;
    float *sums = b->sums + (one ? 0 : ((size_t)(q - b->q0) * TILES + (size_t)t) * MR * NR);
    if (last) prefetch_result(g, start, b->gate_rows ? height / 2 : height, j);
    target space;
    const target *to = last && cols >= NR ? plain_target(&space, g, start, j) : NULL;
    tiles[b->packed ? 0 : 1][height - 1](sums, first, to, &in, g->a_rs, g->a_cs, panel, kc,
                                         !gate_n && cols <= VW ? 1 : 2);
    if (!last || to) continue;
    if (gate_n || b->gate_rows) finish_gate(g, sums, start, height, j, cols, b->gate_rows, tail);
    else finish_plain(g, sums, start, height, j, cols, tail);
  }
}

static void multiply_block(const block *b) {
  const trm__gemm *g = b->g;
  int blocks = g->k > 0 ? ceil_div(g->k, b->kc) : 1;
  for (int kb = 0; kb < blocks; kb++) {
    int k0 = (int)((int64_t)g->k * kb / blocks), k1 = (int)((int64_t)g->k * (kb + 1) / blocks);
    if (b->packed) pack_tiles(b, k0, k1 - k0);
    for (int q = b->q0; q < b->q1; q++) panel_times_tiles(b, q, k0, k1 - k0, kb == 0, kb == blocks - 1, blocks == 1);
  }
}

static int within(size_t x, int most) {
  return x < 1 ? 1 : x < (size_t)most ? (int)x : most;
}

/* Elements of both buffers, the first of whole cache lines. */
enum { SUMS = (GROUP * TILES * MR * NR + 15) / 16 * 16, SCRATCH = SUMS + TILES * TILE_A };

static void multiply(const trm__gemm *g) {
  float *sums = g->scratch, *a = sums + SUMS;
  if (g->m0 >= g->m1 || g->n0 >= g->n1) return;
  int gate_rows = g->epilogue == TRM__EPI_GATE_M, width = g->epilogue == TRM__EPI_GATE_N ? VW : NR;
  block b = {.g = g, .gate_rows = gate_rows, .packed = PACK_ALWAYS || g->a_cs != 1, .a = a, .sums = sums};
  b.tiles = ceil_div(g->m1 - g->m0, gate_rows ? MR / 2 : MR);
  b.kc = within(trm__caches_used.l1 / (NR * sizeof(float)), KC);
  int group = within(trm__caches_used.l2 / 4 / (TILES * MR * NR * sizeof(float)), GROUP); /* a quarter of L2 for sums */
  int q_end = ceil_div(g->n1, width);
  for (b.q0 = g->n0 / width; b.q0 < q_end; b.q0 = b.q1) {
    b.q1 = q_end - b.q0 < group ? q_end : b.q0 + group;
    for (int t = 0; t < b.tiles; t += TILES) {
      set_tiles(&b, t);
      multiply_block(&b);
    }
  }
}
