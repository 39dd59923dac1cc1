/* The int8 product of int8.inc.h for NEON without dot products: 16-bit words, whose products are added in pairs. */
#include "kernels/arm64/neon.h"

#define UNIT 2
#define OFFSET 0U

static inline vf v_dot_whole(vf x, vf b, vf sum) {
  int16x8_t a = vreinterpretq_s16_f32(x), c = vreinterpretq_s16_f32(b);
  int32x4_t pairs = vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(c)), vmull_high_s16(a, c));
  return v_of_whole(vaddq_s32(whole_of(sum), pairs));
}
static inline vf v_join(const vf q[UNIT]) {
  return v_of_whole(vsliq_n_s32(whole_of(q[0]), whole_of(q[1]), 16));
}
static inline void v_narrow(float *words, vf q) {
  vst1_f32(words, vreinterpret_f32_s16(vmovn_s32(whole_of(q))));
}

#include "kernels/simd/int8.inc.h"
