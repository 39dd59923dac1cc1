/* The two phases of the channel MLP. A gate item is 64 rows x 48 columns (24 gates with their ups) of the first
 * product; a down item 16 rows x 32 columns of the second, of which each warp sums an eighth of the inner width. */
#ifndef TRM_KERNELS_CUDA_SOLVE_MLP_CUH
#define TRM_KERNELS_CUDA_SOLVE_MLP_CUH

#include "kernels/cuda/solve/state.cuh"

/* -- channel MLP: gate -------------------- */

TRM_DEVICE int gate_columns(const solve_args &a) {
  return (2 * a.inner_d + GATE_COLUMNS - 1) / GATE_COLUMNS;
}
TRM_DEVICE int gate_items(const solve_args &a) {
  return (a.rows + GATE_ROWS - 1) / GATE_ROWS * gate_columns(a);
}

TRM_DEVICE void gate_prefetch(const solve_args &a, const solve_layer &w, int item) {
  int first = item % gate_columns(a) * GATE_COLUMNS;
  solve_copy_block(trm_shared(), solve_pitch(a.D), w.mlp_in + (ptrdiff_t)first * a.D, a.D, GATE_COLUMNS, a.D / 8,
                   2 * a.inner_d - first, (int)threadIdx.x, 32 * WARPS);
  trm_copy_commit();
}

/* c [16][48] += 16 rows of `rows` times the item's weights, columns 16 from..16 to - 1. */
TRM_DEVICE void gate_steps(float (&c)[GATE_COLUMNS / 8][4], const unsigned char *rows, const unsigned char *weights,
                           int pitch, int row, int from, int to, int last_segment) {
#pragma unroll 2
  for (int step = from; step < to; step++) {
    uint32_t x[4];
    solve_load_a(x, rows, pitch, row, step);
#pragma unroll
    for (int pair = 0; pair < GATE_COLUMNS / 16; pair++) {
      uint32_t b[4];
      solve_load_b(b, weights, pitch, 16 * pair, step, last_segment);
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
      float left = solve_silu_times(g[0], u[0], squares[part]), right = solve_silu_times(g[1], u[1], squares[part]);
      if (at < a.rows) *(uint32_t *)(a.act + (ptrdiff_t)at * a.inner_d + column) = trm_pack_bf16(left, right);
    }
  }
  if (!a.rms_gate) return;
#pragma unroll
  for (int part = 0; part < 2; part++) {
    int at = row + (lane >> 2) + 8 * part;
    float sum = solve_quad_sum(squares[part]);
    if (at < a.rows && (lane & 3) == 0) a.gate_squares[first / GATE_COLUMNS * a.rows + at] = sum;
  }
}

/* Warps: four times 16 rows, two halves of the sum. A warp copies what it alone reads of the rows, in two groups. */
TRM_DEVICE void gate_item(const solve_args &a, int item) {
  int pitch = solve_pitch(a.D), columns = gate_columns(a), first = item % columns * GATE_COLUMNS;
  int warp = (int)(threadIdx.x >> 5), lane = (int)threadIdx.x & 31, own = 16 * (warp & 3), side = warp >> 2;
  int row = item / columns * GATE_ROWS + own, quarter = a.D / 4, from = side * a.D / 2;
  unsigned char *weights = trm_shared(), *rows = weights + GATE_COLUMNS * pitch;
  float *sums = (float *)(rows + GATE_ROWS * pitch) + (own + (lane >> 2)) * GATE_PITCH + 2 * (lane & 3);
  for (int i = 0; i < 2; i++) {
    int column = from + i * quarter;
    const trm_bf16 *x = row < a.rows ? a.mixed + (ptrdiff_t)row * a.D + column : a.mixed;
    solve_copy_block(rows + own * pitch + column * 2, pitch, x, a.D, 16, quarter / 8, a.rows - row, lane, 32);
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
  solve_copy_block(trm_shared() + from * 2, solve_pitch(a.inner_d), x, a.inner_d, DOWN_COLUMNS, part / 8, DOWN_COLUMNS,
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
  before.scale = 1.0f / sqrtf(solve_half_sum(squares) / (float)a.inner_d + a.eps);
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
  uint32_t x = solve_added(before.residual, trm_pack_bf16(left * before.scale, right * before.scale));
  float squares = solve_half_sum(trm_low_float(x) * trm_low_float(x) + trm_high_float(x) * trm_high_float(x));
  if (at >= a.rows) return;
  *(uint32_t *)(to.x + (ptrdiff_t)at * a.D + first + column) = x;
  if (column == 0) to.sums[(size_t)(first / DOWN_COLUMNS) * (size_t)a.rows + (size_t)at] = squares;
}

TRM_DEVICE void down_item(const solve_args &a, const solve_state &to, int item) {
  int pitch = solve_pitch(a.inner_d), columns = down_columns(a), first = item % columns * DOWN_COLUMNS;
  int warp = (int)(threadIdx.x >> 5), lane = (int)threadIdx.x & 31, row = item / columns * DOWN_ROWS;
  int part = a.inner_d / WARPS, from = warp * part;
  unsigned char *weights = trm_shared(), *rows = weights + DOWN_COLUMNS * pitch;
  float *sums = (float *)weights; /* afterwards: 20 of at least 25 thousand bytes */
  solve_copy_block(rows + from * 2, pitch, a.act + (ptrdiff_t)row * a.inner_d + from, a.inner_d, DOWN_ROWS, part / 8,
                   a.rows - row, lane, 32);
  trm_copy_commit();
  down_before before = down_read(a, row, first);
  float c[DOWN_COLUMNS / 8][4] = {};
  trm_copy_wait<0>();
  __syncwarp();
#pragma unroll 2
  for (int step = from / 16; step < (from + part) / 16; step++) {
    uint32_t x[4];
    solve_load_a(x, rows, pitch, 0, step);
#pragma unroll
    for (int pair = 0; pair < DOWN_COLUMNS / 16; pair++) {
      uint32_t b[4];
      solve_load_b(b, weights, pitch, 16 * pair, step, a.inner_d / 8 - 1);
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

#endif
