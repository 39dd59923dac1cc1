/* The mixer phase: an item is 16 channels of one example, both products, residual and norm.
 *
 * A warp owns an eighth of the inner width and streams its weights through two stages of shared memory. Channels are
 * the rows of its products, so that the sums of the first are, after the gate, the operand of the second without
 * leaving registers; the warps' parts are added at the end. */
#ifndef TRM_KERNELS_CUDA_SOLVE_MIXER_CUH
#define TRM_KERNELS_CUDA_SOLVE_MIXER_CUH

#include "kernels/cuda/solve/state.cuh"

struct mixer_layout {
  int pitch, segments; /* of a row of mix_in */
  int in, slot, warp;  /* bytes: mix_in of a stage, a stage, a warp's two (later its sums) */
  int sums_pitch;      /* floats */
};

static __device__ __host__ __forceinline__ mixer_layout mixer_layout_of(int L) {
  mixer_layout m;
  m.segments = (L + 7) / 8;
  m.pitch = solve_pitch(8 * m.segments);
  m.in = 32 * m.pitch;
  m.slot = m.in + (L + 7) / 8 * 8 * 32; /* the last pair of fragments may read 256 bytes on */
  m.sums_pitch = (L + 31) / 32 * 32 + 8;
  int sums = CHANNELS * m.sums_pitch * 4;
  m.warp = 2 * m.slot > sums ? 2 * m.slot : sums;
  return m;
}

/* A warp's weights for 16 activations of the inner width, into stage & 1. */
TRM_DEVICE void mixer_fetch(const solve_args &a, const solve_layer &w, int stage) {
  mixer_layout m = mixer_layout_of(a.L);
  int warp = (int)(threadIdx.x >> 5), lane = (int)threadIdx.x & 31, inner = warp * (a.inner_l / WARPS) + 16 * stage;
  unsigned char *slot = trm_shared() + MOST_L * 32 + warp * m.warp + (stage & 1) * m.slot;
  solve_copy_block(slot, m.pitch, w.mix_in + (ptrdiff_t)(2 * inner) * (8 * m.segments), 8 * m.segments, 32, m.segments,
                   32, lane, 32);
  const trm_bf16 *out = w.mix_out + inner;
  for (int i = lane; i < 2 * a.L; i += 32)
    trm_copy16(slot + m.in + solve_narrow(i >> 1, i & 1), out + (ptrdiff_t)(i >> 1) * a.inner_l + 8 * (i & 1), true);
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
  trm_segment h = *(const trm_segment *)(from.in.x + at), p = {{0, 0, 0, 0}}, q = p;
  if (from.p.x) p = *(const trm_segment *)(from.p.x + at);
  if (from.q) q = *(const trm_segment *)(from.q + at);
  float scale[2];
  solve_row_scales(scale, a, from.in.sums, from.p.x ? from.p.sums : nullptr, row);
  solve_scale_segment(h, scale[0]);
  solve_scale_segment(p, scale[1]);
  if (from.q) solve_add_segment(p, q);
  if (from.p.x) solve_add_segment(h, p);
#pragma unroll
  for (int i = 0; i < 4; i++)
    if (position >= a.L) h.word[i] = 0;
  if (position < MOST_L) *(trm_segment *)(slab + solve_narrow(position, side)) = h;
}

/* One stage: o [16 channels][positions] += what 16 activations of the inner width give; squares of this lane's two
 * rows. */
TRM_DEVICE void mixer_stage(float (&o)[MOST_L / 8][4], float (&squares)[2], const uint32_t (&h)[MOST_L / 16][4],
                            const unsigned char *slot, const mixer_layout &m, int L) {
  float g[4][4] = {}, act[2][4]; /* gates, ups, gates, ups of eight */
#pragma unroll
  for (int step = 0; step < MOST_L / 16; step++) {
    if (16 * step < L) {
      uint32_t b[4], c[4];
      solve_load_b(b, slot, m.pitch, 0, step, m.segments - 1); /* past the last segment h is zero */
      solve_load_b(c, slot, m.pitch, 16, step, m.segments - 1);
      trm_mma(g[0], h[step], b);
      trm_mma(g[1], h[step], b + 2);
      trm_mma(g[2], h[step], c);
      trm_mma(g[3], h[step], c + 2);
    }
  }
#pragma unroll
  for (int i = 0; i < 8; i++)
    act[i >> 2][i & 3] = solve_silu_times(g[2 * (i >> 2)][i & 3], g[2 * (i >> 2) + 1][i & 3], squares[(i >> 1) & 1]);
  uint32_t x[4];
  trm_tile_a_of_sums(x, act[0], act[1]);
  int lane = (int)threadIdx.x & 31;
  const unsigned char *out = slot + m.in + solve_narrow((lane & 7) + ((lane >> 4) << 3), (lane >> 3) & 1);
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

TRM_DEVICE float mixer_warps_sum(const float *first, const mixer_layout &m) {
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
  if (a.rms_gate) gate_scale = 1.0f / sqrtf(mixer_warps_sum(row + m.sums_pitch - 1, m) / (float)a.inner_l + a.eps);
#pragma unroll
  for (int i = 0; i < MOST_L / 16; i++) {
    int position = sub + 16 * i;
    x[i] = 0;
    if (position < a.L) {
      float sum = mixer_warps_sum(row + position, m) * gate_scale;
      float h = trm_to_float(((const trm_bf16 *)(slab + solve_narrow(position, channel >> 3)))[channel & 7]);
      x[i] = solve_rounded(h + solve_rounded(sum));
      squares = fmaf(x[i], x[i], squares);
    }
  }
  float scale = 1.0f / sqrtf(solve_half_sum(squares) / (float)a.L + a.eps);
#pragma unroll
  for (int i = 0; i < MOST_L / 16; i++) {
    int position = sub + 16 * i;
    if (position < a.L)
      ((trm_bf16 *)(slab + solve_narrow(position, channel >> 3)))[channel & 7] = trm_from_float<trm_bf16>(x[i] * scale);
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
    trm_ldmatrix_t(h[step], slab + solve_narrow(16 * step + (lane & 7) + ((lane >> 4) << 3), (lane >> 3) & 1));
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
    float sum = solve_quad_sum(squares[part]);
    if ((lane & 3) == 0) sums[(8 * part + 1) * m.sums_pitch - 1] = sum; /* behind the positions */
  }
  __syncthreads();
  mixer_finish(slab, parts, a, m);
  __syncthreads();
  for (int i = (int)threadIdx.x; i < 2 * a.L; i += 32 * WARPS)
    *(trm_segment *)(a.mixed + (ptrdiff_t)(first_row + (i >> 1)) * a.D + column + 8 * (i & 1)) =
        *(const trm_segment *)(slab + solve_narrow(i >> 1, i & 1));
  __syncthreads();
}

TRM_DEVICE int mixer_items(const solve_args &a) {
  return a.b * (a.D / CHANNELS);
}

#endif
