/* Numbers between memory and registers, sixteen bytes at a time where addresses allow it: kernels are written for
 * vectors of W elements and compiled for W = trm_width and for W = 1, which serves every other shape and address. */
#ifndef TRM_KERNELS_CUDA_BLOCK_VEC_CUH
#define TRM_KERNELS_CUDA_BLOCK_VEC_CUH

#include "kernels/cuda/device.cuh"

struct __attribute__((aligned(16), may_alias)) trm_words4 {
  uint32_t w[4];
};
struct __attribute__((aligned(8), may_alias)) trm_words2 {
  uint32_t w[2];
};
struct __attribute__((aligned(16), may_alias)) trm_floats4 {
  float f[4];
};

/* Elements of T in sixteen bytes. */
template <class T> constexpr int trm_width = 16 / (int)sizeof(T);

template <int W> TRM_DEVICE void trm_read(float (&x)[W], const float *p) {
  if constexpr (W % 4 == 0) {
#pragma unroll
    for (int i = 0; i < W; i += 4) {
      trm_floats4 v = *(const trm_floats4 *)(p + i);
#pragma unroll
      for (int j = 0; j < 4; j++) x[i + j] = v.f[j];
    }
  } else {
#pragma unroll
    for (int i = 0; i < W; i++) x[i] = p[i];
  }
}

template <int W> TRM_DEVICE void trm_read(float (&x)[W], const trm_bf16 *p) {
  if constexpr (W % 8 == 0) {
#pragma unroll
    for (int i = 0; i < W; i += 8) {
      trm_words4 v = *(const trm_words4 *)(p + i);
#pragma unroll
      for (int j = 0; j < 4; j++) x[i + 2 * j] = trm_low_float(v.w[j]), x[i + 2 * j + 1] = trm_high_float(v.w[j]);
    }
  } else if constexpr (W == 4) {
    trm_words2 v = *(const trm_words2 *)p;
#pragma unroll
    for (int j = 0; j < 2; j++) x[2 * j] = trm_low_float(v.w[j]), x[2 * j + 1] = trm_high_float(v.w[j]);
  } else {
#pragma unroll
    for (int i = 0; i < W; i++) x[i] = trm_to_float(p[i]);
  }
}

/* Sixteen bytes as they lie in memory: the tightest way to hold numbers, to be spread out where they are used. */
template <class T> struct trm_raw_type { typedef trm_words4 type; };
template <> struct trm_raw_type<float> { typedef trm_floats4 type; };
template <class T> using trm_raw = typename trm_raw_type<T>::type;

template <class T> TRM_DEVICE trm_raw<T> trm_read_raw(const T *p) {
  return *(const trm_raw<T> *)p;
}
TRM_DEVICE void trm_spread(float (&x)[4], const trm_floats4 &raw) {
#pragma unroll
  for (int j = 0; j < 4; j++) x[j] = raw.f[j];
}
TRM_DEVICE void trm_spread(float (&x)[8], const trm_words4 &raw) {
#pragma unroll
  for (int j = 0; j < 4; j++) x[2 * j] = trm_low_float(raw.w[j]), x[2 * j + 1] = trm_high_float(raw.w[j]);
}

template <int W> TRM_DEVICE void trm_write(float *p, const float (&x)[W]) {
  if constexpr (W % 4 == 0) {
#pragma unroll
    for (int i = 0; i < W; i += 4) {
      trm_floats4 v;
#pragma unroll
      for (int j = 0; j < 4; j++) v.f[j] = x[i + j];
      *(trm_floats4 *)(p + i) = v;
    }
  } else {
#pragma unroll
    for (int i = 0; i < W; i++) p[i] = x[i];
  }
}

template <int W> TRM_DEVICE void trm_write(trm_bf16 *p, const float (&x)[W]) {
  if constexpr (W % 8 == 0) {
#pragma unroll
    for (int i = 0; i < W; i += 8) {
      trm_words4 v;
#pragma unroll
      for (int j = 0; j < 4; j++) v.w[j] = trm_pack_bf16(x[i + 2 * j], x[i + 2 * j + 1]);
      *(trm_words4 *)(p + i) = v;
    }
  } else {
#pragma unroll
    for (int i = 0; i < W; i++) p[i] = trm_from_float<trm_bf16>(x[i]);
  }
}

/* The nearest number of T. */
template <class T> TRM_DEVICE float trm_round(float x) {
  return trm_to_float(trm_from_float<T>(x));
}

/* Whether all may be read sixteen bytes at a time (NULL may). */
template <class... P> static inline bool trm_aligned(P... p) {
  return (((uintptr_t)p | ...) & 15) == 0;
}

static inline unsigned trm_blocks(size_t n, size_t each) {
  return (unsigned)((n + each - 1) / each);
}

#endif
