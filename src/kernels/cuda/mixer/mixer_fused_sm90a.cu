/* The fused mixer with wgmma, for sm_90a: four warpgroups of 64 channels, one block a multiprocessor.
 *
 * A block goes through the activations, 64 at a time, whose rows of W_gate_up and columns of W_down are copied to one
 * of two stages while the other is multiplied. For 32 activations a warpgroup makes S [64][64 interleaved] from the
 * state and W_gate_up, both in shared memory, gates it, and adds act [64][32], in registers, times W_down to O [64][L],
 * which it holds in registers throughout. While one warpgroup gates, others multiply: of the four warps that a
 * scheduler has each is of another warpgroup. */
#include "kernels/cuda/mixer/mixer_fused.cuh"
#include "kernels/cuda/product/operand.cuh"
#include "kernels/cuda/product/wgmma.cuh"

namespace {

template <int NT, int GROUPS_> struct shape : trm__mixer_shape<NT, 1, 4 * GROUPS_> {
  typedef trm__mixer_shape<NT, 1, 4 * GROUPS_> base;
  enum { GROUPS = GROUPS_, PER_STAGE = 64 }; /* activations of a stage */
  typedef trm__operand_tile<TRM__CUDA_OUTER, base::BM, 16 * base::KT, base::THREADS> state_tile;
  typedef trm__operand_tile<TRM__CUDA_INNER, 2 * PER_STAGE, 128, base::THREADS> up_tile;
  typedef trm__operand_tile<TRM__CUDA_INNER, 128, PER_STAGE, base::THREADS> down_tile;
  enum { STATE = state_tile::BYTES, UP = up_tile::BYTES, STAGE = UP + down_tile::BYTES, SHARED = STATE + 2 * STAGE };
  static TRM_METHOD int at(int line, int channel) { return state_tile::offset(line, channel / 8) + channel % 8 * 2; }
};

/* s = 64 channels of the state times 64 rows of W_gate_up. */
template <class S>
TRM_DEVICE void first_product(trm_wgmma_flight &flight, float (&s)[8][4], uint32_t state, uint32_t up) {
  typedef typename S::state_tile state_tile;
#pragma unroll
  for (int j = 0; j < 8; j++) s[j][0] = s[j][1] = s[j][2] = s[j][3] = 0;
  trm_wgmma_fence();
#pragma unroll
  for (int ks = 0; ks < S::KT; ks++)
    trm_wgmma<1, 0>(flight, s,
                    trm_wgmma_descriptor(state + ks * 16 * state_tile::LINE, state_tile::BLOCK, 8 * state_tile::LINE),
                    trm_wgmma_descriptor(up + ks / 4 * S::up_tile::BLOCK + ks % 4 * 32, 16, 8 * S::up_tile::LINE));
  trm_wgmma_commit(flight);
  trm_wgmma_wait<0>(flight);
  trm_wgmma_settle(s);
}

template <class S, bool RMS> TRM_KERNEL __launch_bounds__(S::THREADS, 1) mixer_wgmma(trm__cuda_mixer p) {
  unsigned char *state = trm_shared();
  uint32_t state_at = trm_shared_address(state);
  trm__mixer_place at = trm__mixer_place_of<S>(p);
  int warp = (int)threadIdx.x / 32, lane = (int)threadIdx.x & 31, row = 16 * warp;
  typename S::up_tile up({p.gate_up, p.gate_up_ld, 0, TRM__CUDA_INNER}, 0, 2 * p.I);
  typename S::down_tile down({p.down, p.down_ld, 0, TRM__CUDA_INNER}, 0, p.L);
  auto copy_weights = [&](int i0) {
    unsigned char *stage = state + S::STATE + i0 / S::PER_STAGE % 2 * S::STAGE;
    up.copy(stage, 0, 0, p.L);
    up.x += 2 * S::PER_STAGE * up.ld;
    down.copy(stage + S::UP, i0, 0, p.I);
  };
  typename S::state_tile({p.in, p.D, (ptrdiff_t)p.L * p.D, TRM__CUDA_OUTER}, at.channel0, p.D)
      .copy(state, 0, at.example, p.L);
  copy_weights(0);
  trm_copy_commit();
  float o[S::NT][4] = {}, squares[2] = {};
  uint32_t act[2][4];
  int channel = at.channel0 + row + lane / 4;
  size_t gu_ld = 2 * (size_t)p.I;
  trm_bf16 *gu = p.gu ? (trm_bf16 *)p.gu + ((size_t)at.example * p.D + channel) * gu_ld + 8 * (lane & 3) : NULL;
  trm_wgmma_flight flight;
#pragma unroll 1
  for (int i0 = 0; i0 < p.I; i0 += S::PER_STAGE) {
    trm_copy_wait<0>();
    trm_proxy_fence();
    __syncthreads(); /* these weights are there, and all have done with those before */
    if (i0 + S::PER_STAGE < p.I) copy_weights(i0 + S::PER_STAGE);
    trm_copy_commit();
    uint32_t stage = state_at + S::STATE + i0 / S::PER_STAGE % 2 * S::STAGE;
#pragma unroll 1
    for (int half = 0; half < 2; half++) {
      float s[8][4];
      first_product<S>(flight, s, state_at + warp / 4 * S::state_tile::BLOCK, stage + half * 64 * S::up_tile::LINE);
#pragma unroll
      for (int ks = 0; ks < 2; ks++) {
        float quarter[4][4];
#pragma unroll
        for (int j = 0; j < 4; j++)
#pragma unroll
          for (int e = 0; e < 4; e++) quarter[j][e] = s[4 * ks + j][e];
        trm__mixer_gates<RMS>(act[ks], quarter, gu ? gu + 2 * i0 + 64 * half + 32 * ks : NULL, gu_ld, p.D - channel,
                              squares);
      }
      trm_wgmma_fence();
#pragma unroll
      for (int ks = 0; ks < 2; ks++)
        trm_wgmma_held<0>(flight, o, act[ks],
                          trm_wgmma_descriptor(stage + S::UP + (2 * half + ks) * 32, 16, 8 * S::down_tile::LINE));
      trm_wgmma_commit(flight);
      trm_wgmma_wait<0>(flight);
      trm_wgmma_settle(o);
    }
  }
  float scale[2] = {squares[0], squares[1]};
  if (RMS) trm__mixer_scales(scale, p, at, row);
  else scale[0] = scale[1] = 1;
  __syncthreads(); /* all have done with the state as an operand */
  trm__mixer_add<S>(state, o, row, scale);
  __syncthreads();
  trm__mixer_finish<S>(state, (float *)(state + S::STATE), p, at);
}

template <int NT, int GROUPS> void mixer_wgmma_launch(trm__cuda_queue *q, const trm__cuda_mixer *m) {
  typedef shape<NT, GROUPS> S;
  trm_launch_as(false, q, "mixer_wgmma", m->rms_gate ? mixer_wgmma<S, true> : mixer_wgmma<S, false>,
                trm__mixer_grid<S>(m), S::THREADS, S::SHARED, *m);
}

} // namespace

void trm__cuda_mixer_wgmma(trm__cuda_queue *q, const trm__cuda_mixer *m) {
  if (m->L <= 88) mixer_wgmma_launch<11, 4>(q, m);
  else if (m->L <= 104) mixer_wgmma_launch<13, 4>(q, m);
  else mixer_wgmma_launch<16, 2>(q, m);
}
