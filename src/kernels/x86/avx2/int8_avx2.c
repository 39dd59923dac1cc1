/* The int8 product of int8.inc.h for AVX2: 16-bit words, whose products are added in pairs. */
#include "kernels/x86/avx2/avx2.h"

#define UNIT 2
#define OFFSET 0U

static inline vf v_dot_whole(vf x, vf b, vf sum) {
  __m256i product = _mm256_madd_epi16(_mm256_castps_si256(x), _mm256_castps_si256(b));
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(sum), product));
}
static inline vf v_join(const vf q[UNIT]) {
  __m256i high = _mm256_slli_epi32(_mm256_castps_si256(q[1]), 16);
  return _mm256_castsi256_ps(_mm256_blend_epi16(_mm256_castps_si256(q[0]), high, 0xaa));
}
static inline void v_narrow(float *words, vf q) {
  __m256i all = _mm256_castps_si256(q);
  _mm_storeu_ps(words,
                _mm_castsi128_ps(_mm_packs_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1))));
}

#include "kernels/simd/int8.inc.h"
