/* What the phases of the whole-cycles kernel share: its arguments, how matrices lie in shared memory, and reading a
 * state whose norm has not been applied yet. solve.cu describes the kernel. */
#ifndef TRM_KERNELS_CUDA_SOLVE_STATE_CUH
#define TRM_KERNELS_CUDA_SOLVE_STATE_CUH

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

/* Bytes of a row of so many elements: an odd number of segments, so that eight rows lie in different banks. */
static __device__ __host__ __forceinline__ int solve_pitch(int elements) {
  return ((elements / 8) | 1) * 16;
}

/* a: rows row..+15, columns 16 step..+15 of a matrix in shared memory; b: rows row..+7, row+8..+15 (tile.cuh). */
TRM_DEVICE void solve_load_a(uint32_t a[4], const unsigned char *x, int pitch, int row, int step) {
  int lane = (int)threadIdx.x & 31;
  trm_ldmatrix(a, x + (row + (lane & 15)) * pitch + (2 * step + (lane >> 4)) * 16);
}
TRM_DEVICE void solve_load_b(uint32_t b[4], const unsigned char *x, int pitch, int row, int step, int last_segment) {
  int lane = (int)threadIdx.x & 31, segment = 2 * step + ((lane >> 3) & 1);
  if (segment > last_segment) segment = last_segment;
  trm_ldmatrix(b, x + (row + (lane & 7) + ((lane >> 4) << 3)) * pitch + segment * 16);
}

/* Matrices of 16 columns, two segments a row: the segments of rows 4..7 of each eight change places. */
TRM_DEVICE int solve_narrow(int row, int segment) {
  return row * 32 + ((segment ^ ((row >> 2) & 1)) << 4);
}

/* rows x segments of x [..][ld] into shared memory by `threads` threads, of which this is number `thread`; rows from
 * count on are zero. One division in all: this is instructions on the way to every phase. */
TRM_DEVICE void solve_copy_block(unsigned char *to, int pitch, const trm_bf16 *x, int ld, int rows, int segments,
                                 int count, int thread, int threads) {
  int row = thread / segments, segment = thread - row * segments, down = threads / segments,
      right = threads - down * segments;
  while (row < rows) {
    trm_copy16(to + row * pitch + segment * 16, row < count ? x + row * ld + 8 * segment : x, row < count);
    row += down;
    segment += right;
    if (segment >= segments) {
      segment -= segments;
      row++;
    }
  }
}

/* -- state -------------------- */

/* What a row of each of two states is to be multiplied with (1 for one without sums). Neighbouring lanes ask for the
 * same row; each reads every other sum, all at once. */
TRM_DEVICE void solve_row_scales(float (&scale)[2], const solve_args &a, const float *first, const float *second,
                                 int row) {
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

TRM_DEVICE float solve_quad_sum(float x) {
  x += __shfl_xor_sync(0xffffffffu, x, 1);
  return x + __shfl_xor_sync(0xffffffffu, x, 2);
}
/* Of 16 neighbouring lanes. */
TRM_DEVICE float solve_half_sum(float x) {
#pragma unroll
  for (int step = 8; step; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
  return x;
}
TRM_DEVICE float solve_rounded(float x) {
  return trm_low_float(trm_pack_bf16(x, 0));
}
TRM_DEVICE uint32_t solve_added(uint32_t a, uint32_t b) {
  return trm_pack_bf16(trm_low_float(a) + trm_low_float(b), trm_high_float(a) + trm_high_float(b));
}

TRM_DEVICE void solve_scale_segment(trm_segment &x, float scale) {
#pragma unroll
  for (int i = 0; i < 4; i++)
    x.word[i] = trm_pack_bf16(trm_low_float(x.word[i]) * scale, trm_high_float(x.word[i]) * scale);
}
TRM_DEVICE void solve_add_segment(trm_segment &to, const trm_segment &x) {
#pragma unroll
  for (int i = 0; i < 4; i++) to.word[i] = solve_added(to.word[i], x.word[i]);
}

/* silu(gate) up, and squares += (gate up)^2 */
TRM_DEVICE float solve_silu_times(float gate, float up, float &squares) {
  gate = solve_rounded(gate);
  up = solve_rounded(up);
  squares = fmaf(gate * up, gate * up, squares);
  return solve_rounded(gate / (1.0f + trm_exp2(gate * -1.4426950408889634f))) * up;
}

/* What a mixer reads: in, or in + p, or in + (p + q). */
struct solve_input {
  solve_state in, p; /* p.x NULL: none */
  const trm_bf16 *q; /* NULL: none */
};

#endif
