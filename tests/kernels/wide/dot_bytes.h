/* The sums of four products of unsigned and signed bytes, by 16-bit products. */
#ifndef TRM_TESTS_DOT_BYTES_H
#define TRM_TESTS_DOT_BYTES_H

#include <immintrin.h>

static inline __m256 dot_bytes(__m256 x, __m256 b, __m256 sum) {
  __m256i bytes = _mm256_castps_si256(x), others = _mm256_castps_si256(b), low = _mm256_set1_epi16(0xff);
  __m256i even = _mm256_madd_epi16(_mm256_and_si256(bytes, low), _mm256_srai_epi16(_mm256_slli_epi16(others, 8), 8));
  __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(bytes, 8), _mm256_srai_epi16(others, 8));
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(sum), _mm256_add_epi32(even, odd)));
}

#endif
