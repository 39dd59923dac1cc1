/* The bf16 product of bf16.inc.h for AVX-512 BF16. Its instructions take subnormal numbers for zero. */
#include "kernels/x86/avx512/avx512.h"

#undef NAME
#define NAME(operation) trm__avx512bf16_##operation

static inline vf v_dot_pairs(vf x, vf b, vf sum) {
  return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_castps_si512(x), (__m512bh)_mm512_castps_si512(b));
}
static inline vf v_pairs(vf a, vf b) {
  return _mm512_castsi512_ps((__m512i)_mm512_cvtne2ps_pbh(b, a));
}
static inline vf v_pair(vf low, vf high) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                         5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_castsi512_ps(_mm512_permutexvar_epi16(order, _mm512_castps_si512(v_pairs(low, high))));
}

#include "kernels/simd/bf16.inc.h"
