/* The int8 product of int8.inc.h for AVX-512 VNNI: bytes, those of A unsigned. */
#include "kernels/x86/avx512/avx512.h"

#undef NAME
#define NAME(operation) trm__avx512vnni_##operation
#define UNIT 4
#define OFFSET 128U

static inline vf v_dot_whole(vf x, vf b, vf sum) {
  return _mm512_castsi512_ps(
      _mm512_dpbusd_epi32(_mm512_castps_si512(sum), _mm512_castps_si512(x), _mm512_castps_si512(b)));
}
static inline vf v_join(const vf q[UNIT]) {
  __m512i byte = _mm512_set1_epi32(0xff), q0 = _mm512_castps_si512(q[0]), q1 = _mm512_castps_si512(q[1]);
  __m512i q2 = _mm512_castps_si512(q[2]), q3 = _mm512_castps_si512(q[3]);
  __m512i even = _mm512_or_si512(_mm512_and_si512(q0, byte), _mm512_slli_epi32(_mm512_and_si512(q2, byte), 16));
  __m512i odd = _mm512_or_si512(_mm512_and_si512(q1, byte), _mm512_slli_epi32(q3, 16));
  return _mm512_castsi512_ps(_mm512_or_si512(even, _mm512_slli_epi32(odd, 8)));
}
static inline void v_narrow(float *words, vf q) {
  _mm_storeu_ps(words, _mm_castsi128_ps(_mm512_cvtepi32_epi8(_mm512_castps_si512(q))));
}

#include "kernels/simd/int8.inc.h"
