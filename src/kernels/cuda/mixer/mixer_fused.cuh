/* What the variants of the fused mixer share: the state's tile in shared memory, gates in registers, and what becomes
 * of the sums at the end.
 *
 * A block has BM channels of one example. Their positions lie in shared memory as they come, lines of BM channels, and
 * stay there: they are the first product's left operand, and the residual is added to them in place, so that the norm
 * runs down their columns and the result leaves along their lines. A warp has MT times 16 channels; sums lie as
 * mma.m16n8k16 leaves them, lane l having rows l/4 and l/4 + 8 and columns 2*(l%4) and the next. */
#ifndef TRM_KERNELS_CUDA_MIXER_MIXER_FUSED_CUH
#define TRM_KERNELS_CUDA_MIXER_MIXER_FUSED_CUH

#include "kernels/cuda/mixer/mixer_fused.h"
#include "kernels/cuda/product/product.cuh"

/* What a variant's shape has. NT times 8 positions hold L; KT times 16 are what the first product sums over. The shape
 * also has at(line, channel): the byte in shared memory of a number of the state, eight of which from a multiple of 8
 * on lie together. */
template <int NT_, int MT_, int WARPS_> struct trm__mixer_shape {
  enum { NT = NT_, KT = (NT + 1) / 2, MT = MT_, WARPS = WARPS_, THREADS = 32 * WARPS, BM = 16 * MT * WARPS };
};

struct trm__mixer_place {
  int channel0, example;
};

template <class S> TRM_DEVICE trm__mixer_place trm__mixer_place_of(const trm__cuda_mixer &p) {
  int tiles = (p.D + S::BM - 1) / S::BM;
  return {(int)blockIdx.x % tiles * S::BM, (int)blockIdx.x / tiles};
}

template <class S> static inline dim3 trm__mixer_grid(const trm__cuda_mixer *m) {
  return dim3((unsigned)((m->D + S::BM - 1) / S::BM) * (unsigned)m->b);
}

/* Two gates and their ups, rounded; squares += their products' squares. */
template <bool RMS> TRM_DEVICE uint32_t trm__mixer_gate(uint32_t gates, uint32_t ups, float &squares) {
  float g0 = trm_low_float(gates), g1 = trm_high_float(gates), u0 = trm_low_float(ups), u1 = trm_high_float(ups);
  if (RMS) {
    float p0 = g0 * u0, p1 = g1 * u1;
    squares += p0 * p0;
    squares += p1 * p1;
  }
  return trm_pack_bf16(trm__round_to<trm_bf16>(g0 * trm__sigmoid_for<trm_bf16>(g0)) * u0,
                       trm__round_to<trm_bf16>(g1 * trm__sigmoid_for<trm_bf16>(g1)) * u1);
}

/* Lane l of four has two columns of each of four neighbouring tiles, and gets all eight of tile l. */
TRM_DEVICE uint4 trm__mixer_quad_turn(const uint32_t w[4]) {
  int lane = (int)threadIdx.x;
  bool odd = lane & 1, high = lane & 2;
  uint32_t got0 = __shfl_xor_sync(0xffffffffu, odd ? w[0] : w[1], 1);
  uint32_t got1 = __shfl_xor_sync(0xffffffffu, odd ? w[2] : w[3], 1);
  uint32_t a0 = odd ? got0 : w[0], a1 = odd ? w[1] : got0, a2 = odd ? got1 : w[2], a3 = odd ? w[3] : got1;
  uint32_t got2 = __shfl_xor_sync(0xffffffffu, high ? a0 : a2, 2);
  uint32_t got3 = __shfl_xor_sync(0xffffffffu, high ? a1 : a3, 2);
  return make_uint4(high ? got2 : a0, high ? got3 : a1, high ? a2 : got2, high ? a3 : got3);
}

/* 32 interleaved columns of 16 channels: rounds s, keeps it in gu unless NULL (row: the lane's first channel's; ld:
 * numbers; rows below left are there), and makes the 16 activations the a operand of mma. */
template <bool RMS>
TRM_DEVICE void trm__mixer_gates(uint32_t act[4], const float (&s)[4][4], trm_bf16 *gu, size_t ld, int left,
                                 float (&squares)[2]) {
#pragma unroll
  for (int h = 0; h < 2; h++) {
    uint32_t w[4];
#pragma unroll
    for (int j = 0; j < 4; j++) w[j] = trm_pack_bf16(s[j][2 * h], s[j][2 * h + 1]);
    act[h] = trm__mixer_gate<RMS>(w[0], w[1], squares[h]);
    act[2 + h] = trm__mixer_gate<RMS>(w[2], w[3], squares[h]);
    if (gu) {
      uint4 turned = trm__mixer_quad_turn(w);
      if (8 * h < left) *(uint4 *)(gu + 8 * h * ld) = turned;
    }
  }
}

/* The scales of a lane's rows from its sums of squares: channels row.. of 16. */
TRM_DEVICE void trm__mixer_scales(float (&squares)[2], const trm__cuda_mixer &p, const trm__mixer_place &at, int row) {
  int lane = (int)threadIdx.x & 31;
#pragma unroll
  for (int h = 0; h < 2; h++) {
    float sum = squares[h];
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    sum += __shfl_xor_sync(0xffffffffu, sum, 2);
    float scale = 1 / sqrtf(sum / (float)p.I + (float)p.eps);
    int channel = at.channel0 + row + lane / 4 + 8 * h;
    if (p.scale && lane % 4 == 0 && channel < p.D) p.scale[(size_t)at.example * p.D + channel] = scale;
    squares[h] = scale;
  }
}

/* state += round(acc scale), rounded. */
template <class S>
TRM_DEVICE void trm__mixer_add(unsigned char *state, const float (&acc)[S::NT][4], int row, const float (&scale)[2]) {
  int lane = (int)threadIdx.x & 31;
  int line = (lane & 3) * 2, channel = row + (lane >> 2);
#pragma unroll
  for (int j = 0; j < S::NT; j++)
#pragma unroll
    for (int e = 0; e < 4; e++) {
      trm_bf16 *x = (trm_bf16 *)(state + S::at(line + 8 * j + (e & 1), channel + (e >> 1) * 8));
      *x = trm_from_float<trm_bf16>(trm_to_float(*x) + trm__round_to<trm_bf16>(acc[j][e] * scale[e >> 1]));
    }
}

/* The norm of each channel, and out. All threads, after a barrier; inverse: shared memory of BM elements. */
template <class S>
TRM_DEVICE void trm__mixer_finish(const unsigned char *state, float *inverse, const trm__cuda_mixer &p,
                                  const trm__mixer_place &at) {
  int thread = (int)threadIdx.x;
  if (thread < S::BM) {
    float sum = 0;
    int each = (p.L + TRM__NORM_PARTS - 1) / TRM__NORM_PARTS;
    for (int part = 0; part < TRM__NORM_PARTS; part++) {
      int end = (part + 1) * each < p.L ? (part + 1) * each : p.L;
      float squares = 0;
#pragma unroll 8
      for (int l = part * each; l < end; l++) {
        float x = trm_to_float(*(const trm_bf16 *)(state + S::at(l, thread)));
        squares += x * x;
      }
      sum += squares;
    }
    float r = 1.0f / sqrtf(sum / (float)p.L + (float)p.eps);
    inverse[thread] = r;
    if (p.inv && at.channel0 + thread < p.D) p.inv[(size_t)at.example * p.D + at.channel0 + thread] = r;
  }
  __syncthreads();
  enum { SEGMENTS = S::BM / 8, STEP = S::THREADS / SEGMENTS };
  int segment = thread % SEGMENTS, channel = at.channel0 + 8 * segment;
  if (channel >= p.D) return;
  float r[8];
#pragma unroll
  for (int e = 0; e < 8; e++) r[e] = inverse[8 * segment + e];
  trm_bf16 *to = (trm_bf16 *)p.out + (size_t)at.example * p.L * p.D + channel;
  for (int l = thread / SEGMENTS; l < p.L; l += STEP) {
    float v[8];
    trm__read8(v, (const trm_bf16 *)(state + S::at(l, 8 * segment)));
#pragma unroll
    for (int e = 0; e < 8; e++) v[e] *= r[e];
    trm__write8(to + (size_t)l * p.D, v);
  }
}

#endif
