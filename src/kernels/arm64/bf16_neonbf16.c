/* The bf16 product of bf16.inc.h for NEON with FEAT_BF16. BFDOT rounds its two products and their sum by rules of its
 * own (to odd, subnormal numbers to zero); BFMMLA would be faster on some processors, but wants tiles of 2 x 2. */
#include "kernels/arm64/neon.h"

#undef NAME
#define NAME(operation) trm__neonbf16_##operation

static inline vf v_dot_pairs(vf x, vf b, vf sum) {
  return vbfdotq_f32(sum, vreinterpretq_bf16_f32(x), vreinterpretq_bf16_f32(b));
}
static inline vf v_pairs(vf a, vf b) {
  return vreinterpretq_f32_bf16(vcvtq_high_bf16_f32(vcvtq_low_bf16_f32(a), b));
}
static inline vf v_pair(vf low, vf high) {
  uint16x8_t both = vreinterpretq_u16_f32(v_pairs(low, high));
  return vreinterpretq_f32_u16(vzip1q_u16(both, vextq_u16(both, both, 4)));
}

#include "kernels/simd/bf16.inc.h"
