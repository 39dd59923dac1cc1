/* The int8 product of int8.inc.h for NEON with dot products (FEAT_DotProd): bytes, signed on both sides. */
#include "kernels/arm64/neon.h"

#undef NAME
#define NAME(operation) trm__neondot_##operation
#define UNIT 4
#define OFFSET 0U

static inline vf v_dot_whole(vf x, vf b, vf sum) {
  return v_of_whole(vdotq_s32(whole_of(sum), vreinterpretq_s8_f32(x), vreinterpretq_s8_f32(b)));
}
static inline vf v_join(const vf q[UNIT]) {
  int32x4_t low = vsliq_n_s32(whole_of(q[0]), whole_of(q[1]), 8), high = vsliq_n_s32(whole_of(q[2]), whole_of(q[3]), 8);
  return v_of_whole(vsliq_n_s32(low, high, 16));
}
static inline void v_narrow(float *words, vf q) {
  int16x4_t half = vmovn_s32(whole_of(q));
  vst1_lane_f32(words, vreinterpret_f32_s8(vmovn_s16(vcombine_s16(half, half))), 0);
}

#include "kernels/simd/int8.inc.h"
