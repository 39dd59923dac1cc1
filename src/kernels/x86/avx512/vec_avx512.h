/* The vector layer of AVX-512 (F, BW, DQ, VL): VW = 16 floats. The same operations as vec_avx2.h. */
#ifndef TRM_KERNELS_X86_AVX512_VEC_AVX512_H
#define TRM_KERNELS_X86_AVX512_VEC_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/x86/vec_common.h"

#define VW 16

typedef __m512 vf;
typedef __mmask16 vm; /* a comparison's result, lane by lane */
typedef struct vd {
  __m512d low, high;
} vd; /* the same lanes in double */

static inline vf v_zero(void) {
  return _mm512_setzero_ps();
}
static inline vf v_set(float x) {
  return _mm512_set1_ps(x);
}
static inline vf v_load(const float *p) {
  return _mm512_loadu_ps(p);
}
static inline void v_store(float *p, vf x) {
  _mm512_storeu_ps(p, x);
}

static inline __mmask16 v_first(int count) {
  unsigned lanes = count >= VW ? 0xffffU : (1U << count) - 1U;
  return (__mmask16)(lanes & 0xffffU);
}
/* The first count lanes; others read as 0 and are not touched in memory. */
static inline vf v_load_n(const float *p, int count) {
  return _mm512_maskz_loadu_ps(v_first(count), p);
}
static inline void v_store_n(float *p, vf x, int count) {
  _mm512_mask_storeu_ps(p, v_first(count), x);
}

static inline vf v_add(vf a, vf b) {
  return _mm512_add_ps(a, b);
}
static inline vf v_sub(vf a, vf b) {
  return _mm512_sub_ps(a, b);
}
static inline vf v_mul(vf a, vf b) {
  return _mm512_mul_ps(a, b);
}
static inline vf v_div(vf a, vf b) {
  return _mm512_div_ps(a, b);
}
static inline vf v_sqrt(vf a) {
  return _mm512_sqrt_ps(a);
}
static inline vf v_fma(vf a, vf b, vf c) {
  return _mm512_fmadd_ps(a, b, c);
} /* ab + c */
static inline vf v_fnma(vf a, vf b, vf c) {
  return _mm512_fnmadd_ps(a, b, c);
} /* c - ab */
/* b when either is NaN. */
static inline vf v_max(vf a, vf b) {
  return _mm512_max_ps(a, b);
}
static inline vf v_min(vf a, vf b) {
  return _mm512_min_ps(a, b);
}

static inline vf v_sign_bits(vf a) {
  return _mm512_and_ps(a, _mm512_set1_ps(-0.0F));
}
static inline vf v_abs(vf a) {
  return _mm512_andnot_ps(_mm512_set1_ps(-0.0F), a);
}
static inline vf v_xor(vf a, vf b) {
  return _mm512_xor_ps(a, b);
}

static inline vm v_gt(vf a, vf b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}
static inline vm v_eq(vf a, vf b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}
static inline vm v_unordered(vf a, vf b) {
  return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q);
}
static inline vf v_select(vm m, vf yes, vf no) {
  return _mm512_mask_blend_ps(m, no, yes);
}

static inline vf v_nearest(vf a) {
  return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* a * 2^n for whole n. */
static inline vf v_ldexp(vf a, vf n) {
  return _mm512_scalef_ps(a, n);
}

/* The nearest bf16, ties to even; NaN stays NaN. */
static inline vf v_bf16(vf a) {
  __m512i bits = _mm512_castps_si512(a);
  __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  __m512i kept = _mm512_mask_or_epi32(up, v_unordered(a, a), bits, _mm512_set1_epi32(0x00400000));
  return _mm512_castsi512_ps(_mm512_and_si512(kept, _mm512_set1_epi32(-65536)));
}

/* Whole numbers (int32) and bits, lane by lane. */
static inline vf v_set_bits(uint32_t x) {
  return _mm512_castsi512_ps(_mm512_set1_epi32((int)x));
}
static inline vf v_whole(vf a) {
  return _mm512_castsi512_ps(_mm512_cvtps_epi32(a));
} /* the nearest, ties to even */
static inline vf v_add_whole(vf a, vf b) {
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
}
static inline vf v_minus_whole(vf a, vf b) {
  return _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
} /* a - b as a number */
static inline vf v_max_bits(vf a, vf b) {
  return _mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
} /* of positive int32 */

/* Sum and maximum of the lanes, halves first. */
static inline float v_sum(vf a) {
  __m256 h = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
static inline float v_max_lane(vf a) {
  __m256 h = _mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}

static inline vd vd_zero(void) {
  return (vd){_mm512_setzero_pd(), _mm512_setzero_pd()};
}
static inline vd vd_add_square(vd sum, vf a) {
  __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(a)), high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1));
  return (vd){_mm512_fmadd_pd(low, low, sum.low), _mm512_fmadd_pd(high, high, sum.high)};
}
static inline double vd_sum(vd a) {
  __m512d w = _mm512_add_pd(a.low, a.high);
  __m256d x = _mm256_add_pd(_mm512_castpd512_pd256(w), _mm512_extractf64x4_pd(w, 1));
  __m128d y = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));
  return _mm_cvtsd_f64(_mm_add_sd(y, _mm_unpackhi_pd(y, y)));
}

#endif
