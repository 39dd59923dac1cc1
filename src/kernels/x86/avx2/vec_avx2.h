/* The vector layer of AVX2 with FMA: VW = 8 floats. The kernels are written once over these few operations
 * (gemm.inc.h and its neighbours); another width is another file like this one. */
#ifndef TRM_KERNELS_X86_AVX2_VEC_AVX2_H
#define TRM_KERNELS_X86_AVX2_VEC_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/x86/vec_common.h"

#define VW 8

typedef __m256 vf;
typedef __m256 vm; /* a comparison's result, lane by lane */
typedef struct vd {
  __m256d low, high;
} vd; /* the same lanes in double */

static inline vf v_zero(void) {
  return _mm256_setzero_ps();
}
static inline vf v_set(float x) {
  return _mm256_set1_ps(x);
}
static inline vf v_load(const float *p) {
  return _mm256_loadu_ps(p);
}
static inline void v_store(float *p, vf x) {
  _mm256_storeu_ps(p, x);
}

static inline __m256i v_first(int count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
/* The first count lanes; others read as 0 and are not touched in memory. */
static inline vf v_load_n(const float *p, int count) {
  return _mm256_maskload_ps(p, v_first(count));
}
static inline void v_store_n(float *p, vf x, int count) {
  _mm256_maskstore_ps(p, v_first(count), x);
}

static inline vf v_add(vf a, vf b) {
  return _mm256_add_ps(a, b);
}
static inline vf v_sub(vf a, vf b) {
  return _mm256_sub_ps(a, b);
}
static inline vf v_mul(vf a, vf b) {
  return _mm256_mul_ps(a, b);
}
static inline vf v_div(vf a, vf b) {
  return _mm256_div_ps(a, b);
}
static inline vf v_sqrt(vf a) {
  return _mm256_sqrt_ps(a);
}
static inline vf v_fma(vf a, vf b, vf c) {
  return _mm256_fmadd_ps(a, b, c);
} /* ab + c */
static inline vf v_fnma(vf a, vf b, vf c) {
  return _mm256_fnmadd_ps(a, b, c);
} /* c - ab */
/* b when either is NaN. */
static inline vf v_max(vf a, vf b) {
  return _mm256_max_ps(a, b);
}
static inline vf v_min(vf a, vf b) {
  return _mm256_min_ps(a, b);
}

static inline vf v_sign_bits(vf a) {
  return _mm256_and_ps(a, _mm256_set1_ps(-0.0F));
}
static inline vf v_abs(vf a) {
  return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), a);
}
static inline vf v_xor(vf a, vf b) {
  return _mm256_xor_ps(a, b);
}

static inline vm v_gt(vf a, vf b) {
  return _mm256_cmp_ps(a, b, _CMP_GT_OQ);
}
static inline vm v_eq(vf a, vf b) {
  return _mm256_cmp_ps(a, b, _CMP_EQ_OQ);
}
static inline vm v_unordered(vf a, vf b) {
  return _mm256_cmp_ps(a, b, _CMP_UNORD_Q);
}
static inline vf v_select(vm m, vf yes, vf no) {
  return _mm256_blendv_ps(no, yes, m);
}

static inline vf v_nearest(vf a) {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* 2^n for whole n in -126..128; infinite for 128. */
#define VEC_POW2
static inline vf v_pow2(vf n) {
  __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}

/* The nearest bf16, ties to even; NaN stays NaN. */
static inline vf v_bf16(vf a) {
  __m256i bits = _mm256_castps_si256(a);
  __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x00400000));
  __m256 nan = _mm256_cmp_ps(a, a, _CMP_UNORD_Q);
  __m256i kept = _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(up), _mm256_castsi256_ps(quiet), nan));
  return _mm256_castsi256_ps(_mm256_and_si256(kept, _mm256_set1_epi32(-65536)));
}

/* Whole numbers (int32) and bits, lane by lane. */
static inline vf v_set_bits(uint32_t x) {
  return _mm256_castsi256_ps(_mm256_set1_epi32((int)x));
}
static inline vf v_whole(vf a) {
  return _mm256_castsi256_ps(_mm256_cvtps_epi32(a));
} /* the nearest, ties to even */
static inline vf v_add_whole(vf a, vf b) {
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b)));
}
static inline vf v_minus_whole(vf a, vf b) {
  return _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b)));
} /* a - b as a number */
static inline vf v_max_bits(vf a, vf b) {
  return _mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b)));
} /* of positive int32 */

/* Sum and maximum of the lanes, halves first. */
static inline float v_sum(vf a) {
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
static inline float v_max_lane(vf a) {
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}

static inline vd vd_zero(void) {
  return (vd){_mm256_setzero_pd(), _mm256_setzero_pd()};
}
static inline vd vd_add_square(vd sum, vf a) {
  __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(a)), high = _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));
  return (vd){_mm256_fmadd_pd(low, low, sum.low), _mm256_fmadd_pd(high, high, sum.high)};
}
static inline double vd_sum(vd a) {
  __m256d x = _mm256_add_pd(a.low, a.high);
  __m128d y = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));
  return _mm_cvtsd_f64(_mm_add_sd(y, _mm_unpackhi_pd(y, y)));
}

#endif
