/* int8.inc.h over 16-bit words, 16 wide on AVX2. */
#include "wide.h"

#define UNIT 2
#define OFFSET 0U

static inline vf v_dot_whole(vf x, vf b, vf sum) {
  __m256i l = _mm256_madd_epi16(_mm256_castps_si256(x.l), _mm256_castps_si256(b.l));
  __m256i h = _mm256_madd_epi16(_mm256_castps_si256(x.h), _mm256_castps_si256(b.h));
  return v_add_whole(sum, (vf){_mm256_castsi256_ps(l), _mm256_castsi256_ps(h)});
}
static inline vf v_join(const vf q[UNIT]) {
  int32_t whole[UNIT][VW];
  int16_t parts[VW][UNIT];
  memcpy(whole, q, sizeof whole);
  for (int i = 0; i < VW; i++) {
    for (int e = 0; e < UNIT; e++) parts[i][e] = (int16_t)whole[e][i];
  }
  vf words;
  memcpy(&words, parts, sizeof words);
  return words;
}
static inline void v_narrow(float *words, vf q) {
  int32_t whole[VW];
  int16_t narrow[VW];
  memcpy(whole, &q, sizeof whole);
  for (int i = 0; i < VW; i++) narrow[i] = (int16_t)whole[i];
  memcpy(words, narrow, sizeof narrow);
}

#include "kernels/simd/int8.inc.h"
