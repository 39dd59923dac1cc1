/* A whole supervision step for one or a few examples in one launch: latency instead of throughput. All multiprocessors
 * hold one block each; the network is cut into phases that barriers of the whole grid separate, and a block takes its
 * share of a phase's items, in turn. State and activations go from phase to phase through global memory, which stays in
 * L2.
 *
 * A layer is three phases:
 *
 * - mixer: 16 channels of one example an item: both products, residual and norm, since channels are independent there.
 *   A warp owns an eighth of the inner width and streams its weights through two stages. Channels are the rows of its
 *   products, so that the sums of the first are, after the gate, the operand of the second without leaving registers;
 * the warps' parts are added at the end.
 * - gate: 64 rows x 48 columns (24 gates with their ups) of the channel MLP's first product an item.
 * - down: 16 rows x 32 columns of the second; each warp sums an eighth of the inner width.
 *
 * The channel MLP's norm runs over columns of many items: `down` stores the state before it, rounded, and the sum of
 * squares of each 32 columns; whoever reads the state applies the norm. Weights do not depend on the phase
 * before, so a block asks for those of its first item between arriving at the barrier and waiting there.
 *
 * Time predicted for sudoku-mlp (L 97, D 512, 512, 1536) and one example on an H100, in microseconds: barriers 3 x 1.2;
 * mixer 2.5 (32 items; 312 KB of weights each, of which half arrives during the barrier, the rest at 64 bytes a clock:
 * 1.4; 0.5 to read the state, 0.6 for sums and norm); gate 2.1 (128 items, 57 KB of state each; 2048 clocks of shared
 * memory); down 1.8 (112 items, 49 KB each). So 10 a layer, of which a step has T (n + 1) layers = 42, in 127 phases:
 * 0.42 ms a step, 6.7 ms for 16 steps. What bounds it: latency. The arithmetic alone would take 2 a layer, reading 10
 * MB of weights from L2 1.7. */
#include "kernels/cuda/product/tile.cuh"

#define WARPS 8
#define CHANNELS 16     /* of a mixer item */
#define MOST_L 112      /* positions: sums of 14 x 8 in registers */
#define GATE_ROWS 64    /* of a gate item */
#define GATE_COLUMNS 48 /* gates and ups */
#define GATE_PITCH 56   /* floats of a row of sums, 24 modulo 32: no two rows of a fragment meet */
#define DOWN_ROWS 16
#define DOWN_COLUMNS 32
#define DOWN_PITCH 40

struct solve_layer {
  const trm_bf16 *mix_in, *mix_out, *mlp_in, *mlp_out;
};

/* A state [R][D]: as it is (sums NULL), or before its norm with the sums of squares [D / 32][R]. */
struct solve_state {
  trm_bf16 *x;
  float *sums;
};

struct solve_args {
  solve_state y, z, x; /* x: between layers; sums never NULL here */
  const trm_bf16 *e;
  trm_bf16 *mixed, *act; /* [R][D], [R][inner_d] */
  float *gate_squares;   /* RMS_GATE: [columns of gate items][R], sums of (gate up)^2 */
  unsigned *barrier;     /* [2]: of trm_grid_barrier; blocks that are through */
  int b, L, rows, D, inner_l, inner_d, layers, n, T, rms_gate;
  float eps;
  solve_layer layer[TRM__CUDA_SOLVE_LAYERS];
};

/* -- shared memory -------------------- */

/* Bytes of a row of so many numbers: an odd number of chunks, so that eight rows lie in different banks. */
static __device__ __host__ __forceinline__ int pitch_of(int numbers) {
  return ((numbers / 8) | 1) * 16;
}

struct mixer_layout {
  int pitch, chunks;  /* of a row of mix_in */
  int in, slot, warp; /* bytes: mix_in of a stage, a stage, a warp's two (later its sums) */
  int sums_pitch;     /* floats */
};

static __device__ __host__ __forceinline__ mixer_layout mixer_layout_of(int L) {
  mixer_layout m;
  m.chunks = (L + 7) / 8;
  m.pitch = pitch_of(8 * m.chunks);
  m.in = 32 * m.pitch;
  m.slot = m.in + (L + 7) / 8 * 8 * 32; /* the last pair of fragments may read 256 bytes on */
  m.sums_pitch = (L + 31) / 32 * 32 + 8;
  int sums = CHANNELS * m.sums_pitch * 4;
  m.warp = 2 * m.slot > sums ? 2 * m.slot : sums;
  return m;
}

/* a: rows row..+15, columns 16 step..+15 of a matrix in shared memory; b: rows row..+7, row+8..+15 (tile.cuh). */
TRM_DEVICE void load_a(uint32_t a[4], const unsigned char *x, int pitch, int row, int step) {
  int lane = (int)threadIdx.x & 31;
  trm_ldmatrix(a, x + (row + (lane & 15)) * pitch + (2 * step + (lane >> 4)) * 16);
}
TRM_DEVICE void load_b(uint32_t b[4], const unsigned char *x, int pitch, int row, int step, int last_chunk) {
  int lane = (int)threadIdx.x & 31, chunk = 2 * step + ((lane >> 3) & 1);
  if (chunk > last_chunk) chunk = last_chunk;
  trm_ldmatrix(b, x + (row + (lane & 7) + ((lane >> 4) << 3)) * pitch + chunk * 16);
}

/* Matrices of 16 columns, two chunks a row: the chunks of rows 4..7 of each eight change places. */
TRM_DEVICE int narrow(int row, int chunk) {
  return row * 32 + ((chunk ^ ((row >> 2) & 1)) << 4);
}

/* rows x chunks of x [..][ld] into shared memory by `threads` threads, of which this is number `thread`; rows from
 * count on are zero. One division in all: this is instructions on the way to every phase. */
TRM_DEVICE void copy_block(unsigned char *to, int pitch, const trm_bf16 *x, int ld, int rows, int chunks, int count,
                           int thread, int threads) {
  int row = thread / chunks, chunk = thread - row * chunks, down = threads / chunks, right = threads - down * chunks;
  while (row < rows) {
    trm_copy16(to + row * pitch + chunk * 16, row < count ? x + row * ld + 8 * chunk : x, row < count);
    row += down;
    chunk += right;
    if (chunk >= chunks) {
      chunk -= chunks;
      row++;
    }
  }
}

/* -- state -------------------- */

/* What a row of each of two states is to be multiplied with (1 for one without sums). Neighbouring lanes ask for the
 * same row; each reads every other sum, all at once. */
TRM_DEVICE void row_scales(float (&scale)[2], const solve_args &a, const float *first, const float *second, int row) {
  float sum[2] = {};
  size_t side = threadIdx.x & 1, rows = (size_t)a.rows;
#pragma unroll 8
  for (size_t part = side; part < (size_t)(a.D / DOWN_COLUMNS); part += 2) {
    if (first) sum[0] += first[part * rows + (size_t)row];
    if (second) sum[1] += second[part * rows + (size_t)row];
  }
#pragma unroll
  for (int i = 0; i < 2; i++) {
    sum[i] += __shfl_xor_sync(0xffffffffu, sum[i], 1);
    scale[i] = (i ? second : first) ? 1.0f / sqrtf(sum[i] / (float)a.D + a.eps) : 1.0f;
  }
}

TRM_DEVICE float quad_sum(float x) {
  x += __shfl_xor_sync(0xffffffffu, x, 1);
  return x + __shfl_xor_sync(0xffffffffu, x, 2);
}
/* Of 16 neighbouring lanes. */
TRM_DEVICE float half_sum(float x) {
#pragma unroll
  for (int step = 8; step; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
  return x;
}
TRM_DEVICE float rounded(float x) {
  return trm_low_float(trm_pack_bf16(x, 0));
}
TRM_DEVICE uint32_t added(uint32_t a, uint32_t b) {
  return trm_pack_bf16(trm_low_float(a) + trm_low_float(b), trm_high_float(a) + trm_high_float(b));
}

TRM_DEVICE void scale_chunk(trm_chunk &x, float scale) {
#pragma unroll
  for (int i = 0; i < 4; i++)
    x.word[i] = trm_pack_bf16(trm_low_float(x.word[i]) * scale, trm_high_float(x.word[i]) * scale);
}
TRM_DEVICE void add_chunk(trm_chunk &to, const trm_chunk &x) {
#pragma unroll
  for (int i = 0; i < 4; i++) to.word[i] = added(to.word[i], x.word[i]);
}

/* What a mixer reads: in, or in + p, or in + (p + q). */
struct solve_input {
  solve_state in, p; /* p.x NULL: none */
  const trm_bf16 *q; /* NULL: none */
};

/* -- mixer -------------------- */

/* A warp's weights for 16 numbers of the inner width, into stage & 1. */
TRM_DEVICE void mixer_fetch(const solve_args &a, const solve_layer &w, int stage) {
  mixer_layout m = mixer_layout_of(a.L);
  int warp = (int)(threadIdx.x >> 5), lane = (int)threadIdx.x & 31, inner = warp * (a.inner_l / WARPS) + 16 * stage;
  unsigned char *slot = trm_shared() + MOST_L * 32 + warp * m.warp + (stage & 1) * m.slot;
  copy_block(slot, m.pitch, w.mix_in + (ptrdiff_t)(2 * inner) * (8 * m.chunks), 8 * m.chunks, 32, m.chunks, 32, lane,
             32);
  const trm_bf16 *out = w.mix_out + inner;
  for (int i = lane; i < 2 * a.L; i += 32)
    trm_copy16(slot + m.in + narrow(i >> 1, i & 1), out + (ptrdiff_t)(i >> 1) * a.inner_l + 8 * (i & 1), true);
}

/* The first two stages, a group each. */
TRM_DEVICE void mixer_prefetch(const solve_args &a, const solve_layer &w) {
  for (int stage = 0; stage < 2; stage++) {
    mixer_fetch(a, w, stage);
    trm_copy_commit();
  }
}

/* The item's 16 channels, [112][16] with zeros from L on: two threads a position. */
TRM_DEVICE void mixer_load(unsigned char *slab, const solve_args &a, const solve_input &from, int first_row,
                           int column) {
  int position = (int)threadIdx.x >> 1, side = (int)threadIdx.x & 1, row = first_row + (position < a.L ? position : 0);
  ptrdiff_t at = (ptrdiff_t)row * a.D + column + 8 * side;
  trm_chunk h = *(const trm_chunk *)(from.in.x + at), p = {{0, 0, 0, 0}}, q = p;
  if (from.p.x) p = *(const trm_chunk *)(from.p.x + at);
  if (from.q) q = *(const trm_chunk *)(from.q + at);
  float scale[2];
  row_scales(scale, a, from.in.sums, from.p.x ? from.p.sums : nullptr, row);
  scale_chunk(h, scale[0]);
  scale_chunk(p, scale[1]);
  if (from.q) add_chunk(p, q);
  if (from.p.x) add_chunk(h, p);
#pragma unroll
  for (int i = 0; i < 4; i++)
    if (position >= a.L) h.word[i] = 0;
  if (position < MOST_L) *(trm_chunk *)(slab + narrow(position, side)) = h;
}

/* silu(gate) up, and squares += (gate up)^2 */
TRM_DEVICE float silu_times(float gate, float up, float &squares) {
  gate = rounded(gate);
  up = rounded(up);
  squares = fmaf(gate * up, gate * up, squares);
  return rounded(gate / (1.0f + trm_exp2(gate * -1.4426950408889634f))) * up;
}

/* One stage: o [16 channels][positions] += what 16 numbers of the inner width give; squares of this lane's two rows. */
TRM_DEVICE void mixer_stage(float (&o)[MOST_L / 8][4], float (&squares)[2], const uint32_t (&h)[MOST_L / 16][4],
                            const unsigned char *slot, const mixer_layout &m, int L) {
  float g[4][4] = {}, act[2][4]; /* gates, ups, gates, ups of eight */
#pragma unroll
  for (int step = 0; step < MOST_L / 16; step++) {
    if (16 * step < L) {
      uint32_t b[4], c[4];
      load_b(b, slot, m.pitch, 0, step, m.chunks - 1); /* past the last chunk h is zero */
      load_b(c, slot, m.pitch, 16, step, m.chunks - 1);
      trm_mma(g[0], h[step], b);
      trm_mma(g[1], h[step], b + 2);
      trm_mma(g[2], h[step], c);
      trm_mma(g[3], h[step], c + 2);
    }
  }
#pragma unroll
  for (int i = 0; i < 8; i++)
    act[i >> 2][i & 3] = silu_times(g[2 * (i >> 2)][i & 3], g[2 * (i >> 2) + 1][i & 3], squares[(i >> 1) & 1]);
  uint32_t x[4];
  trm_tile_a_of_sums(x, act[0], act[1]);
  int lane = (int)threadIdx.x & 31;
  const unsigned char *out = slot + m.in + narrow((lane & 7) + ((lane >> 4) << 3), (lane >> 3) & 1);
#pragma unroll
  for (int pair = 0; pair < MOST_L / 16; pair++) {
    if (16 * pair < L) {
      uint32_t b[4];
      trm_ldmatrix(b, out + pair * 16 * 32);
      trm_mma(o[2 * pair], x, b);
      trm_mma(o[2 * pair + 1], x, b + 2);
    }
  }
}

TRM_DEVICE float warps_sum(const float *first, const mixer_layout &m) {
  float sum = 0;
#pragma unroll
  for (int warp = 0; warp < WARPS; warp++) sum += first[warp * (m.warp / 4)];
  return sum;
}

/* The warps' sums, residual and norm of 16 channels, 16 threads each; into the slab. */
TRM_DEVICE void mixer_finish(unsigned char *slab, const unsigned char *parts, const solve_args &a,
                             const mixer_layout &m) {
  int channel = (int)threadIdx.x >> 4, sub = (int)threadIdx.x & 15;
  float x[MOST_L / 16], squares = 0, gate_scale = 1;
  const float *row = (const float *)parts + channel * m.sums_pitch;
  if (a.rms_gate) gate_scale = 1.0f / sqrtf(warps_sum(row + m.sums_pitch - 1, m) / (float)a.inner_l + a.eps);
#pragma unroll
  for (int i = 0; i < MOST_L / 16; i++) {
    int position = sub + 16 * i;
    x[i] = 0;
    if (position < a.L) {
      float sum = warps_sum(row + position, m) * gate_scale;
      float h = trm_to_float(((const trm_bf16 *)(slab + narrow(position, channel >> 3)))[channel & 7]);
      x[i] = rounded(h + rounded(sum));
      squares = fmaf(x[i], x[i], squares);
    }
  }
  float scale = 1.0f / sqrtf(half_sum(squares) / (float)a.L + a.eps);
#pragma unroll
  for (int i = 0; i < MOST_L / 16; i++) {
    int position = sub + 16 * i;
    if (position < a.L)
      ((trm_bf16 *)(slab + narrow(position, channel >> 3)))[channel & 7] = trm_from_float<trm_bf16>(x[i] * scale);
  }
}

TRM_DEVICE void mixer_item(const solve_args &a, const solve_layer &w, const solve_input &from, int item) {
  mixer_layout m = mixer_layout_of(a.L);
  int slabs = a.D / CHANNELS, first_row = item / slabs * a.L, column = item % slabs * CHANNELS;
  int warp = (int)(threadIdx.x >> 5), lane = (int)threadIdx.x & 31, stages = a.inner_l / (16 * WARPS);
  unsigned char *slab = trm_shared(), *parts = slab + MOST_L * 32, *own = parts + warp * m.warp;
  mixer_load(slab, a, from, first_row, column);
  __syncthreads();
  uint32_t h[MOST_L / 16][4];
#pragma unroll
  for (int step = 0; step < MOST_L / 16; step++)
    trm_ldmatrix_t(h[step], slab + narrow(16 * step + (lane & 7) + ((lane >> 4) << 3), (lane >> 3) & 1));
  float o[MOST_L / 8][4] = {}, squares[2] = {};
  for (int stage = 0; stage < stages; stage++) {
    trm_copy_wait<1>();
    __syncwarp();
    mixer_stage(o, squares, h, own + (stage & 1) * m.slot, m, a.L);
    __syncwarp();
    if (stage + 2 < stages) mixer_fetch(a, w, stage + 2);
    trm_copy_commit();
  }
  float *sums = (float *)own + (lane >> 2) * m.sums_pitch + 2 * (lane & 3);
#pragma unroll
  for (int i = 0; i < MOST_L / 8; i++) {
    if (8 * i < a.L) {
      sums[8 * i] = o[i][0];
      sums[8 * i + 1] = o[i][1];
      sums[8 * i + 8 * m.sums_pitch] = o[i][2];
      sums[8 * i + 8 * m.sums_pitch + 1] = o[i][3];
    }
  }
#pragma unroll
  for (int part = 0; part < 2; part++) {
    float sum = quad_sum(squares[part]);
    if ((lane & 3) == 0) sums[(8 * part + 1) * m.sums_pitch - 1] = sum; /* behind the positions */
  }
  __syncthreads();
  mixer_finish(slab, parts, a, m);
  __syncthreads();
  for (int i = (int)threadIdx.x; i < 2 * a.L; i += 32 * WARPS)
    *(trm_chunk *)(a.mixed + (ptrdiff_t)(first_row + (i >> 1)) * a.D + column + 8 * (i & 1)) =
        *(const trm_chunk *)(slab + narrow(i >> 1, i & 1));
  __syncthreads();
}

TRM_DEVICE int mixer_items(const solve_args &a) {
  return a.b * (a.D / CHANNELS);
}

/* -- channel MLP: gate -------------------- */

TRM_DEVICE int gate_columns(const solve_args &a) {
  return (2 * a.inner_d + GATE_COLUMNS - 1) / GATE_COLUMNS;
}
TRM_DEVICE int gate_items(const solve_args &a) {
  return (a.rows + GATE_ROWS - 1) / GATE_ROWS * gate_columns(a);
}

TRM_DEVICE void gate_prefetch(const solve_args &a, const solve_layer &w, int item) {
  int first = item % gate_columns(a) * GATE_COLUMNS;
  copy_block(trm_shared(), pitch_of(a.D), w.mlp_in + (ptrdiff_t)first * a.D, a.D, GATE_COLUMNS, a.D / 8,
             2 * a.inner_d - first, (int)threadIdx.x, 32 * WARPS);
  trm_copy_commit();
}

/* c [16][48] += 16 rows of `rows` times the item's weights, columns 16 from..16 to - 1. */
TRM_DEVICE void gate_steps(float (&c)[GATE_COLUMNS / 8][4], const unsigned char *rows, const unsigned char *weights,
                           int pitch, int row, int from, int to, int last_chunk) {
#pragma unroll 2
  for (int step = from; step < to; step++) {
    uint32_t x[4];
    load_a(x, rows, pitch, row, step);
#pragma unroll
    for (int pair = 0; pair < GATE_COLUMNS / 16; pair++) {
      uint32_t b[4];
      load_b(b, weights, pitch, 16 * pair, step, last_chunk);
      trm_mma(c[2 * pair], x, b);
      trm_mma(c[2 * pair + 1], x, b + 2);
    }
  }
}

/* act of the item's rows row, row + 8 of this lane. */
TRM_DEVICE void gate_store(const solve_args &a, const float (&c)[GATE_COLUMNS / 8][4], int row, int first) {
  int lane = (int)threadIdx.x & 31;
  float squares[2] = {};
#pragma unroll
  for (int pair = 0; pair < GATE_COLUMNS / 16; pair++) {
    int column = first / 2 + 8 * pair + 2 * (lane & 3);
    if (column >= a.inner_d) continue;
#pragma unroll
    for (int part = 0; part < 2; part++) {
      int at = row + (lane >> 2) + 8 * part;
      const float *g = c[2 * pair] + 2 * part, *u = c[2 * pair + 1] + 2 * part;
      float left = silu_times(g[0], u[0], squares[part]), right = silu_times(g[1], u[1], squares[part]);
      if (at < a.rows) *(uint32_t *)(a.act + (ptrdiff_t)at * a.inner_d + column) = trm_pack_bf16(left, right);
    }
  }
  if (!a.rms_gate) return;
#pragma unroll
  for (int part = 0; part < 2; part++) {
    int at = row + (lane >> 2) + 8 * part;
    float sum = quad_sum(squares[part]);
    if (at < a.rows && (lane & 3) == 0) a.gate_squares[first / GATE_COLUMNS * a.rows + at] = sum;
  }
}

/* Warps: four times 16 rows, two halves of the sum. A warp copies what it alone reads of the rows, in two groups. */
TRM_DEVICE void gate_item(const solve_args &a, int item) {
  int pitch = pitch_of(a.D), columns = gate_columns(a), first = item % columns * GATE_COLUMNS;
  int warp = (int)(threadIdx.x >> 5), lane = (int)threadIdx.x & 31, own = 16 * (warp & 3), side = warp >> 2;
  int row = item / columns * GATE_ROWS + own, quarter = a.D / 4, from = side * a.D / 2;
  unsigned char *weights = trm_shared(), *rows = weights + GATE_COLUMNS * pitch;
  float *sums = (float *)(rows + GATE_ROWS * pitch) + (own + (lane >> 2)) * GATE_PITCH + 2 * (lane & 3);
  for (int i = 0; i < 2; i++) {
    int column = from + i * quarter;
    const trm_bf16 *x = row < a.rows ? a.mixed + (ptrdiff_t)row * a.D + column : a.mixed;
    copy_block(rows + own * pitch + column * 2, pitch, x, a.D, 16, quarter / 8, a.rows - row, lane, 32);
    trm_copy_commit();
  }
  float c[GATE_COLUMNS / 8][4] = {};
  trm_copy_wait<1>();
  __syncthreads(); /* all weights, the first half of the own rows */
  gate_steps(c, rows, weights, pitch, own, from / 16, (from + quarter) / 16, a.D / 8 - 1);
  trm_copy_wait<0>();
  __syncwarp();
  gate_steps(c, rows, weights, pitch, own, (from + quarter) / 16, (from + 2 * quarter) / 16, a.D / 8 - 1);
  if (side) {
#pragma unroll
    for (int i = 0; i < 4 * (GATE_COLUMNS / 8); i++)
      sums[(i & 2) * 4 * GATE_PITCH + 8 * (i >> 2) + (i & 1)] = c[i >> 2][i & 3];
  }
  __syncthreads();
  if (!side) {
#pragma unroll
    for (int i = 0; i < 4 * (GATE_COLUMNS / 8); i++)
      c[i >> 2][i & 3] += sums[(i & 2) * 4 * GATE_PITCH + 8 * (i >> 2) + (i & 1)];
    gate_store(a, c, row, first);
  }
  __syncthreads();
}

/* -- channel MLP: down -------------------- */

TRM_DEVICE int down_columns(const solve_args &a) {
  return a.D / DOWN_COLUMNS;
}
TRM_DEVICE int down_items(const solve_args &a) {
  return (a.rows + DOWN_ROWS - 1) / DOWN_ROWS * down_columns(a);
}

/* A warp's part of the inner width of the item's weights. */
TRM_DEVICE void down_prefetch(const solve_args &a, const solve_layer &w, int item) {
  int part = a.inner_d / WARPS, from = (int)(threadIdx.x >> 5) * part;
  const trm_bf16 *x = w.mlp_out + (ptrdiff_t)(item % down_columns(a) * DOWN_COLUMNS) * a.inner_d + from;
  copy_block(trm_shared() + from * 2, pitch_of(a.inner_d), x, a.inner_d, DOWN_COLUMNS, part / 8, DOWN_COLUMNS,
             (int)threadIdx.x & 31, 32);
  trm_copy_commit();
}

/* What a thread of the end of a down item needs of the phases before: 16 threads a row, two columns each. */
struct down_before {
  uint32_t residual;
  float scale; /* of RMS_GATE */
};

TRM_DEVICE down_before down_read(const solve_args &a, int first_row, int first) {
  int at = first_row + ((int)threadIdx.x >> 4), sub = (int)threadIdx.x & 15;
  down_before before = {0, 1.0f};
  if (at >= a.rows) at = first_row;
  before.residual = *(const uint32_t *)(a.mixed + (ptrdiff_t)at * a.D + first + 2 * sub);
  if (!a.rms_gate) return before;
  float squares = 0;
#pragma unroll 4
  for (int part = sub; part < gate_columns(a); part += 16) squares += a.gate_squares[part * a.rows + at];
  before.scale = 1.0f / sqrtf(half_sum(squares) / (float)a.inner_d + a.eps);
  return before;
}

/* The warps' sums and the residual; the state before its norm and its squares. */
TRM_DEVICE void down_finish(const solve_args &a, const solve_state &to, const down_before &before, const float *sums,
                            int first_row, int first) {
  int row = (int)threadIdx.x >> 4, column = 2 * ((int)threadIdx.x & 15), at = first_row + row;
  float left = 0, right = 0;
#pragma unroll
  for (int warp = 0; warp < WARPS; warp++) {
    const float *part = sums + (warp * DOWN_ROWS + row) * DOWN_PITCH + column;
    left += part[0];
    right += part[1];
  }
  uint32_t x = added(before.residual, trm_pack_bf16(left * before.scale, right * before.scale));
  float squares = half_sum(trm_low_float(x) * trm_low_float(x) + trm_high_float(x) * trm_high_float(x));
  if (at >= a.rows) return;
  *(uint32_t *)(to.x + (ptrdiff_t)at * a.D + first + column) = x;
  if (column == 0) to.sums[(size_t)(first / DOWN_COLUMNS) * (size_t)a.rows + (size_t)at] = squares;
}

TRM_DEVICE void down_item(const solve_args &a, const solve_state &to, int item) {
  int pitch = pitch_of(a.inner_d), columns = down_columns(a), first = item % columns * DOWN_COLUMNS;
  int warp = (int)(threadIdx.x >> 5), lane = (int)threadIdx.x & 31, row = item / columns * DOWN_ROWS;
  int part = a.inner_d / WARPS, from = warp * part;
  unsigned char *weights = trm_shared(), *rows = weights + DOWN_COLUMNS * pitch;
  float *sums = (float *)weights; /* afterwards: 20 of at least 25 thousand bytes */
  copy_block(rows + from * 2, pitch, a.act + (ptrdiff_t)row * a.inner_d + from, a.inner_d, DOWN_ROWS, part / 8,
             a.rows - row, lane, 32);
  trm_copy_commit();
  down_before before = down_read(a, row, first);
  float c[DOWN_COLUMNS / 8][4] = {};
  trm_copy_wait<0>();
  __syncwarp();
#pragma unroll 2
  for (int step = from / 16; step < (from + part) / 16; step++) {
    uint32_t x[4];
    load_a(x, rows, pitch, 0, step);
#pragma unroll
    for (int pair = 0; pair < DOWN_COLUMNS / 16; pair++) {
      uint32_t b[4];
      load_b(b, weights, pitch, 16 * pair, step, a.inner_d / 8 - 1);
      trm_mma(c[2 * pair], x, b);
      trm_mma(c[2 * pair + 1], x, b + 2);
    }
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < 4 * (DOWN_COLUMNS / 8); i++)
    sums[(warp * DOWN_ROWS + (lane >> 2) + (i & 2) * 4) * DOWN_PITCH + 8 * (i >> 2) + 2 * (lane & 3) + (i & 1)] =
        c[i >> 2][i & 3];
  __syncthreads();
  down_finish(a, to, before, sums, row, first);
  __syncthreads();
}

/* -- the step -------------------- */

/* The phases of one layer; weights of the mixer were asked for, those of the next layer's will be if there are
 * more. */
TRM_DEVICE void solve_one_layer(const solve_args &a, const solve_layer &w, const solve_input &from,
                                const solve_state &to, const solve_layer &next, bool more) {
  int block = (int)blockIdx.x, blocks = (int)gridDim.x;
  for (int item = block; item < mixer_items(a); item += blocks) {
    mixer_item(a, w, from, item);
    if (item + blocks < mixer_items(a)) mixer_prefetch(a, w);
  }
  unsigned all = trm_grid_arrive(a.barrier);
  if (block < gate_items(a)) gate_prefetch(a, w, block);
  trm_grid_wait(a.barrier, all);
  for (int item = block; item < gate_items(a); item += blocks) {
    gate_item(a, item);
    if (item + blocks < gate_items(a)) gate_prefetch(a, w, item + blocks);
  }
  all = trm_grid_arrive(a.barrier);
  if (block < down_items(a)) down_prefetch(a, w, block);
  trm_grid_wait(a.barrier, all);
  for (int item = block; item < down_items(a); item += blocks) {
    down_item(a, to, item);
    if (item + blocks < down_items(a)) down_prefetch(a, w, item + blocks);
  }
  all = trm_grid_arrive(a.barrier);
  if (more && block < mixer_items(a)) mixer_prefetch(a, next);
  trm_grid_wait(a.barrier, all);
}

/* Without an index that the compiler cannot know, for which it would copy all arguments to local memory. */
TRM_DEVICE solve_layer find_layer(const solve_args &a, int layer) {
  solve_layer w = a.layer[0];
#pragma unroll
  for (int i = 1; i < TRM__CUDA_SOLVE_LAYERS; i++)
    if (i == layer) w = a.layer[i];
  return w;
}

/* A state after its norm, in place, a warp a row. */
TRM_DEVICE void solve_normalize(const solve_args &a, const solve_state &s) {
  if (!s.sums) return;
  int warp = (int)(blockIdx.x * WARPS + (threadIdx.x >> 5)), lane = (int)threadIdx.x & 31;
  for (int row = warp; row < a.rows; row += (int)gridDim.x * WARPS) {
    float scale[2];
    row_scales(scale, a, s.sums, nullptr, row);
    for (int column = 8 * lane; column < a.D; column += 8 * 32) {
      trm_chunk *x = (trm_chunk *)(s.x + (ptrdiff_t)row * a.D + column), c = *x;
      scale_chunk(c, scale[0]);
      *x = c;
    }
  }
}

TRM_KERNEL __launch_bounds__(32 * WARPS, 1) solve_step(solve_args a) {
  solve_state y = {a.y.x, nullptr}, z = {a.z.x, nullptr}; /* at first as they came */
  int calls = a.T * (a.n + 1);
  if ((int)blockIdx.x < mixer_items(a)) mixer_prefetch(a, find_layer(a, 0));
  for (int call = 0; call < calls; call++) {
    bool answer = call % (a.n + 1) == a.n;
    solve_input from = {answer ? y : z, answer ? z : y, answer ? nullptr : a.e};
    for (int i = 0; i < a.layers; i++) {
      bool last = i + 1 == a.layers;
      solve_layer w = find_layer(a, i), next = find_layer(a, last ? 0 : i + 1);
      solve_state to = last ? (answer ? a.y : a.z) : a.x;
      solve_one_layer(a, w, from, to, next, !(last && call + 1 == calls));
      from.in = a.x;
      from.p.x = nullptr;
    }
    if (answer) y.sums = a.y.sums;
    else z.sums = a.z.sums;
  }
  solve_normalize(a, y);
  solve_normalize(a, z);
  /* Nobody waits any more once all are here: the last leaves the words as they were. */
  if (threadIdx.x == 0 && atomicAdd(a.barrier + 1, 1u) == gridDim.x - 1) a.barrier[0] = a.barrier[1] = 0;
}

/* -- launcher -------------------- */

static size_t shared_bytes(const trm__cuda_solve *s) {
  size_t mixer = (size_t)(MOST_L * 32 + WARPS * mixer_layout_of(s->L).warp + 256);
  size_t gate = (size_t)((GATE_COLUMNS + GATE_ROWS) * pitch_of(s->D) + GATE_ROWS * GATE_PITCH * 4);
  size_t down = (size_t)((DOWN_COLUMNS + DOWN_ROWS) * pitch_of(s->inner_d));
  size_t most = mixer > gate ? mixer : gate;
  return most > down ? most : down;
}

extern "C" int trm__cuda_solve_supported(const trm__cuda_queue *q, const trm__cuda_solve *s) {
  if (s->b < 1 || s->n < 0 || s->T < 1 || s->layers < 1 || s->layers > TRM__CUDA_SOLVE_LAYERS) return 0;
  if (s->L < 1 || s->L > MOST_L || s->D < 128 || s->D % 128 || s->D > 8192) return 0;
  if (s->inner_l < 256 || s->inner_l % 256 || s->inner_d < 256 || s->inner_d % 256 || s->inner_d > 8192) return 0;
  return q->capability >= 80 && shared_bytes(s) <= (size_t)q->shared_per_block;
}

extern "C" int trm__cuda_solve_fits(const trm__cuda_queue *q, const trm__cuda_solve *s) {
  return trm_cooperative_fits(solve_step, dim3((unsigned)q->sms), 32 * WARPS, shared_bytes(s));
}

/* Two words in a line of their own; x, mixed, act; three times sums; gate_squares. */
extern "C" size_t trm__cuda_solve_scratch(const trm__cuda_solve *s) {
  size_t rows = (size_t)s->b * (size_t)s->L, D = (size_t)s->D;
  size_t columns = (2 * (size_t)s->inner_d + GATE_COLUMNS - 1) / GATE_COLUMNS;
  return 256 + rows * (2 * (2 * D + (size_t)s->inner_d) + 4 * (3 * (D / DOWN_COLUMNS) + columns));
}

extern "C" void trm__cuda_solve_step(trm__cuda_queue *q, const trm__cuda_solve *s) {
  solve_args a = {};
  size_t rows = (size_t)s->b * (size_t)s->L, D = (size_t)s->D, sums = rows * (D / DOWN_COLUMNS);
  a.b = s->b, a.L = s->L, a.rows = (int)rows, a.D = s->D, a.inner_l = s->inner_l, a.inner_d = s->inner_d;
  a.layers = s->layers, a.n = s->n, a.T = s->T, a.rms_gate = s->rms_gate, a.eps = (float)s->eps;
  a.barrier = (unsigned *)s->scratch;
  a.x.x = (trm_bf16 *)((unsigned char *)s->scratch + 256);
  a.mixed = a.x.x + rows * D;
  a.act = a.mixed + rows * D;
  a.x.sums = (float *)(a.act + rows * (size_t)s->inner_d);
  a.y = {(trm_bf16 *)s->y, a.x.sums + sums};
  a.z = {(trm_bf16 *)s->z, a.x.sums + 2 * sums};
  a.gate_squares = a.x.sums + 3 * sums;
  a.e = (const trm_bf16 *)s->e;
  for (int i = 0; i < s->layers; i++)
    a.layer[i] = {(const trm_bf16 *)s->layer[i].mix_in, (const trm_bf16 *)s->layer[i].mix_out,
                  (const trm_bf16 *)s->layer[i].mlp_in, (const trm_bf16 *)s->layer[i].mlp_out};
  trm_launch_cooperative(q, solve_step, dim3((unsigned)q->sms), 32 * WARPS, shared_bytes(s), a);
}
