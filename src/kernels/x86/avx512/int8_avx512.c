/* The int8 product of int8.inc.h for AVX-512 without VNNI: 16-bit words, whose products are added in pairs. */
#include "kernels/x86/avx512/avx512.h"

#define UNIT 2
#define OFFSET 0U

static inline vf v_dot_whole(vf x, vf b, vf sum) {
  __m512i product = _mm512_madd_epi16(_mm512_castps_si512(x), _mm512_castps_si512(b));
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(sum), product));
}
static inline vf v_join(const vf q[UNIT]) {
  __m512i high = _mm512_slli_epi32(_mm512_castps_si512(q[1]), 16);
  return _mm512_castsi512_ps(_mm512_mask_blend_epi16(0xaaaaaaaaU, _mm512_castps_si512(q[0]), high));
}
static inline void v_narrow(float *words, vf q) {
  _mm256_storeu_ps(words, _mm256_castsi256_ps(_mm512_cvtepi32_epi16(_mm512_castps_si512(q))));
}

#include "kernels/simd/int8.inc.h"
