/* The part of the vector layers that is the same for AVX2 and AVX-512. */
#ifndef TRM_KERNELS_VEC_COMMON_H
#define TRM_KERNELS_VEC_COMMON_H

#include <immintrin.h>
#include <stddef.h>
#include <string.h>

/* out[i * out_stride + j] = in[j * in_stride + i], i, j < 4 */
static inline void v_transpose4(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride) {
  __m128 r0 = _mm_loadu_ps(in), r1 = _mm_loadu_ps(in + in_stride);
  __m128 r2 = _mm_loadu_ps(in + 2 * in_stride), r3 = _mm_loadu_ps(in + 3 * in_stride);
  __m128 low01 = _mm_unpacklo_ps(r0, r1), low23 = _mm_unpacklo_ps(r2, r3);
  __m128 high01 = _mm_unpackhi_ps(r0, r1), high23 = _mm_unpackhi_ps(r2, r3);
  _mm_storeu_ps(out, _mm_movelh_ps(low01, low23));
  _mm_storeu_ps(out + out_stride, _mm_movehl_ps(low23, low01));
  _mm_storeu_ps(out + 2 * out_stride, _mm_movelh_ps(high01, high23));
  _mm_storeu_ps(out + 3 * out_stride, _mm_movehl_ps(high23, high01));
}

/* The cache line at p, into L1. */
static inline void v_prefetch(const float *p) {
  _mm_prefetch((const char *)p, _MM_HINT_T0);
}

#endif
