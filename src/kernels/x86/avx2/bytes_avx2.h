/* Whole numbers to words of four bytes, 8 lanes. */

static inline vf v_join(const vf q[4]) {
  __m256i byte = _mm256_set1_epi32(0xff), q0 = _mm256_castps_si256(q[0]), q1 = _mm256_castps_si256(q[1]);
  __m256i q2 = _mm256_castps_si256(q[2]), q3 = _mm256_castps_si256(q[3]);
  __m256i even = _mm256_or_si256(_mm256_and_si256(q0, byte), _mm256_slli_epi32(_mm256_and_si256(q2, byte), 16));
  __m256i odd = _mm256_or_si256(_mm256_and_si256(q1, byte), _mm256_slli_epi32(q3, 16));
  return _mm256_castsi256_ps(_mm256_or_si256(even, _mm256_slli_epi32(odd, 8)));
}
static inline void v_narrow(float *words, vf q) {
  __m128i low = _mm256_castsi256_si128(_mm256_castps_si256(q));
  __m128i high = _mm256_extracti128_si256(_mm256_castps_si256(q), 1);
  __m128i first = _mm_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  low = _mm_unpacklo_epi32(_mm_shuffle_epi8(low, first), _mm_shuffle_epi8(high, first));
  _mm_storel_pi((__m64 *)(void *)words, _mm_castsi128_ps(low));
}
