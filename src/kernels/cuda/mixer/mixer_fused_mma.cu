/* The fused mixer with mma.sync, from sm_80 on: four warps of 32 channels, two blocks a multiprocessor.
 *
 * A block goes through the activations, 32 at a time, whose rows of W_gate_up and columns of W_down are copied to one
 * of two stages while the other is multiplied. For 16 activations a warp makes S [32][32 interleaved] from the state,
 * which it holds in registers as a operands, gates it in place, and adds act [32][16] times W_down to O [32][L], which
 * it holds in registers throughout. Over L = 104 registers do not suffice for both, and the state is read from shared
 * memory again for each S. */
#include "kernels/cuda/mixer/mixer_fused.cuh"

namespace {

template <int NT> struct shape : trm__mixer_shape<NT, 2, 4> {
  typedef trm__mixer_shape<NT, 2, 4> base;
  enum {
    LINE = base::BM * 2 + 16, /* bytes: an odd number of 16, so that eight lines' segments are in different banks */
    STATE = 16 * base::KT * LINE,
    HOLD = NT <= 13,              /* the state in registers */
    PER_STAGE = 32,               /* activations of a stage */
    UP_LINE = base::KT * 32 + 16, /* bytes; odd numbers of 16 as in LINE */
    UP = 2 * PER_STAGE * UP_LINE,
    DOWN_LINE = PER_STAGE * 2 + 16,
    DOWN = 16 * base::KT * DOWN_LINE,
    STAGE = UP + DOWN,
    SHARED = STATE + 2 * STAGE
  };
  static TRM_METHOD int at(int line, int channel) { return line * LINE + channel * 2; }
};

/* Starts copying the state; zeros where there is no position or channel. */
template <class S>
TRM_DEVICE void copy_state(unsigned char *state, const trm__cuda_mixer &p, const trm__mixer_place &at) {
  enum { SEGMENTS = S::BM / 8, STEP = S::THREADS / SEGMENTS };
  int segment = (int)threadIdx.x % SEGMENTS, channel = at.channel0 + 8 * segment;
  const trm_bf16 *from = (const trm_bf16 *)p.in + (size_t)at.example * p.L * p.D;
  for (int l = (int)threadIdx.x / SEGMENTS; l < 16 * S::KT; l += STEP) {
    bool valid = l < p.L && channel < p.D;
    trm_copy16(state + l * S::LINE + 16 * segment, valid ? from + (size_t)l * p.D + channel : from, valid);
  }
}

/* The a operand of mma: channels row.. and positions 16*ks... */
template <class S> TRM_DEVICE void state_operand(uint32_t r[4], const unsigned char *state, int row, int ks) {
  int eighth = (int)threadIdx.x & 7, bit3 = (int)threadIdx.x >> 3 & 1, bit4 = (int)threadIdx.x >> 4 & 1;
  trm_ldmatrix_t(r, state + (16 * ks + 8 * bit4 + eighth) * S::LINE + (row + 8 * bit3) * 2);
}

/* Starts copying the weights of activations i0... Loops are not unrolled because registers are all taken. */
template <class S> TRM_DEVICE void copy_weights(unsigned char *stage, const trm__cuda_mixer &p, int i0) {
  int line = (int)threadIdx.x / 8, segment = (int)threadIdx.x % 8;
  const trm_bf16 *from = (const trm_bf16 *)p.gate_up + (ptrdiff_t)(2 * i0 + line) * p.gate_up_ld + 8 * segment;
  unsigned char *to = stage + line * S::UP_LINE + 16 * segment;
#pragma unroll 1
  for (int e = 0; e < 2 * S::PER_STAGE; e += S::THREADS / 8) {
#pragma unroll
    for (int half = 0; half < (S::KT + 3) / 4; half++) {
      int left = p.L - 8 * segment - 64 * half, bytes = left >= 8 ? 16 : left > 0 ? 2 * left : 0;
      if (segment + 8 * half < 2 * S::KT)
        trm_copy16_first(to + 128 * half, bytes ? from + 64 * half : (const trm_bf16 *)p.gate_up, bytes);
    }
    from += S::THREADS / 8 * p.gate_up_ld;
    to += S::THREADS / 8 * S::UP_LINE;
  }
  line = (int)threadIdx.x / 4, segment = (int)threadIdx.x % 4;
  from = (const trm_bf16 *)p.down + (ptrdiff_t)line * p.down_ld + i0 + 8 * segment;
  to = stage + S::UP + line * S::DOWN_LINE + 16 * segment;
#pragma unroll 1
  for (; line < 16 * S::KT; line += S::THREADS / 4) {
    trm_copy16(to, line < p.L ? from : (const trm_bf16 *)p.down, line < p.L);
    from += S::THREADS / 4 * p.down_ld;
    to += S::THREADS / 4 * S::DOWN_LINE;
  }
}

/* Two b operands: columns row.. and row + 8.., k 16*ks... */
TRM_DEVICE void weights(uint32_t r[4], const unsigned char *tile, int line, int row, int ks) {
  int eighth = (int)threadIdx.x & 7, bit3 = (int)threadIdx.x >> 3 & 1, bit4 = (int)threadIdx.x >> 4 & 1;
  trm_ldmatrix(r, tile + (row + 8 * bit4 + eighth) * line + (2 * ks + bit3) * 16);
}

/* What a warp needs of one k16 of S. */
template <class S> struct operands { uint32_t a[S::MT][4], b[2][4]; };

template <class S>
TRM_DEVICE void load(operands<S> &f, const unsigned char *state, int row, const unsigned char *up, int ks) {
  if (!S::HOLD)
#pragma unroll
    for (int i = 0; i < S::MT; i++) state_operand<S>(f.a[i], state, row + 16 * i, ks);
#pragma unroll
  for (int j = 0; j < 2; j++) weights(f.b[j], up, S::UP_LINE, 16 * j, ks);
}

/* s = 32 channels of the state times 32 rows of W_gate_up. */
template <class S>
TRM_DEVICE void first_product(float (&s)[S::MT][4][4], const uint32_t (&x)[S::HOLD ? S::KT : 1][S::MT][4],
                              const unsigned char *state, int row, const unsigned char *up) {
  operands<S> f[2];
  load<S>(f[0], state, row, up, 0);
#pragma unroll
  for (int i = 0; i < S::MT; i++)
#pragma unroll
    for (int j = 0; j < 4; j++) s[i][j][0] = s[i][j][1] = s[i][j][2] = s[i][j][3] = 0;
#pragma unroll
  for (int ks = 0; ks < S::KT; ks++) {
    if (ks + 1 < S::KT) load<S>(f[(ks + 1) & 1], state, row, up, ks + 1);
#pragma unroll
    for (int i = 0; i < S::MT; i++)
#pragma unroll
      for (int j = 0; j < 4; j++)
        trm_mma(s[i][j], S::HOLD ? x[S::HOLD ? ks : 0][i] : f[ks & 1].a[i], f[ks & 1].b[j / 2] + j % 2 * 2);
  }
}

/* o += act times 16 columns of W_down. */
template <class S>
TRM_DEVICE void second_product(float (&o)[S::MT][S::NT][4], const uint32_t (&act)[S::MT][4], const unsigned char *down,
                               int ks) {
  uint32_t b[2][4];
  weights(b[0], down, S::DOWN_LINE, 0, ks);
#pragma unroll
  for (int j = 0; j < S::NT; j++) {
    if (j % 2 == 0 && j + 2 < S::NT) weights(b[(j / 2 + 1) & 1], down, S::DOWN_LINE, 8 * (j + 2), ks);
#pragma unroll
    for (int i = 0; i < S::MT; i++) trm_mma(o[i][j], act[i], b[j / 2 & 1] + j % 2 * 2);
  }
}

template <class S, bool RMS> TRM_KERNEL __launch_bounds__(S::THREADS, 2) mixer_mma(trm__cuda_mixer p) {
  unsigned char *state = trm_shared(), *stages = state + S::STATE;
  trm__mixer_place at = trm__mixer_place_of<S>(p);
  int lane = (int)threadIdx.x & 31, row = (int)threadIdx.x / 32 * 16 * S::MT;
  copy_state<S>(state, p, at);
  copy_weights<S>(stages, p, 0);
  trm_copy_commit();
  trm_copy_wait<0>();
  __syncthreads();
  uint32_t x[S::HOLD ? S::KT : 1][S::MT][4];
  if (S::HOLD)
#pragma unroll
    for (int ks = 0; ks < (S::HOLD ? S::KT : 1); ks++)
#pragma unroll
      for (int i = 0; i < S::MT; i++) state_operand<S>(x[ks][i], state, row + 16 * i, ks);
  float o[S::MT][S::NT][4] = {}, squares[S::MT][2] = {};
  int channel = at.channel0 + row + lane / 4;
  size_t gu_ld = 2 * (size_t)p.I;
  trm_bf16 *gu = p.gu ? (trm_bf16 *)p.gu + ((size_t)at.example * p.D + channel) * gu_ld + 8 * (lane & 3) : NULL;
  for (int i0 = 0; i0 < p.I; i0 += S::PER_STAGE) {
    const unsigned char *stage = stages + i0 / S::PER_STAGE % 2 * S::STAGE;
    if (i0 + S::PER_STAGE < p.I) copy_weights<S>(stages + (i0 / S::PER_STAGE + 1) % 2 * S::STAGE, p, i0 + S::PER_STAGE);
    trm_copy_commit();
#pragma unroll 1
    for (int ks = 0; ks < S::PER_STAGE / 16; ks++) {
      float s[S::MT][4][4];
      uint32_t act[S::MT][4];
      first_product<S>(s, x, state, row, stage + 32 * ks * S::UP_LINE);
#pragma unroll
      for (int i = 0; i < S::MT; i++)
        trm__mixer_gates<RMS>(act[i], s[i], gu ? gu + 16 * i * gu_ld + 2 * i0 + 32 * ks : NULL, gu_ld,
                              p.D - channel - 16 * i, squares[i]);
      second_product<S>(o, act, stage + S::UP, ks);
    }
    trm_copy_wait<0>();
    __syncthreads(); /* the next weights are there, and all have done with these */
  }
#pragma unroll
  for (int i = 0; i < S::MT; i++) {
    float scale[2] = {squares[i][0], squares[i][1]};
    if (RMS) trm__mixer_scales(scale, p, at, row + 16 * i);
    else scale[0] = scale[1] = 1;
    trm__mixer_add<S>(state, o[i], row + 16 * i, scale);
  }
  __syncthreads();
  trm__mixer_finish<S>(state, (float *)stages, p, at);
}

template <int NT> void mixer_mma_launch(trm__cuda_queue *q, const trm__cuda_mixer *m) {
  typedef shape<NT> S;
  trm_launch_as(false, q, "mixer_mma", m->rms_gate ? mixer_mma<S, true> : mixer_mma<S, false>, trm__mixer_grid<S>(m),
                S::THREADS, S::SHARED, *m);
}

} // namespace

void trm__cuda_mixer_mma(trm__cuda_queue *q, const trm__cuda_mixer *m) {
  if (m->L <= 32) mixer_mma_launch<4>(q, m);
  else if (m->L <= 88) mixer_mma_launch<11>(q, m);
  else if (m->L <= 104) mixer_mma_launch<13>(q, m);
  else mixer_mma_launch<16>(q, m);
}
