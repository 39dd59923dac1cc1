/* bf16.inc.h, 16 wide on AVX2: the products of a word are two fused multiply-adds. */
#include "wide.h"

/* The bits of x, moved by 16 places up or down. */
static inline vf shifted(vf x, int up) {
  __m256i l = _mm256_castps_si256(x.l), h = _mm256_castps_si256(x.h);
  if (up) return (vf){_mm256_castsi256_ps(_mm256_slli_epi32(l, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(h, 16))};
  return (vf){_mm256_castsi256_ps(_mm256_srli_epi32(l, 16)), _mm256_castsi256_ps(_mm256_srli_epi32(h, 16))};
}
static inline vf high_half(vf x) {
  const __m256 mask = _mm256_castsi256_ps(_mm256_set1_epi32(-65536));
  return (vf){_mm256_and_ps(x.l, mask), _mm256_and_ps(x.h, mask)};
}

static inline vf v_dot_pairs(vf x, vf b, vf sum) {
  return v_fma(high_half(x), high_half(b), v_fma(shifted(x, 1), shifted(b, 1), sum));
}
static inline vf v_pair(vf low, vf high) {
  return v_xor(shifted(v_bf16(low), 0), v_bf16(high));
}
static inline vf v_pairs(vf a, vf b) {
  float numbers[2 * VW], low[VW], high[VW];
  v_store(numbers, a);
  v_store(numbers + VW, b);
  for (int i = 0; i < VW; i++) low[i] = numbers[2 * i], high[i] = numbers[2 * i + 1];
  return v_pair(v_load(low), v_load(high));
}

#include "kernels/simd/bf16.inc.h"
