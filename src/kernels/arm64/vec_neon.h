/* The vector layer of NEON, which every 64-bit ARM processor has: VW = 4 floats. The same operations as vec_avx2.h. */
#ifndef TRM_KERNELS_VEC_NEON_H
#define TRM_KERNELS_VEC_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define VW 4

typedef float32x4_t vf;
typedef uint32x4_t vm; /* a comparison's result, lane by lane */
typedef struct vd {
  float64x2_t low, high;
} vd; /* the same lanes in double */

static inline vf v_zero(void) {
  return vdupq_n_f32(0);
}
static inline vf v_set(float x) {
  return vdupq_n_f32(x);
}
static inline vf v_load(const float *p) {
  return vld1q_f32(p);
}
static inline void v_store(float *p, vf x) {
  vst1q_f32(p, x);
}

/* The first count lanes (count >= 0; 4 and more are all); others read as 0 and are not touched in memory. */
static inline vf v_load_n(const float *p, int count) {
  if (count >= VW) return vld1q_f32(p);
  float32x2_t none = vdup_n_f32(0);
  if (count < 2) return vcombine_f32(count == 1 ? vset_lane_f32(*p, none, 0) : none, none);
  return vcombine_f32(vld1_f32(p), count == 3 ? vset_lane_f32(p[2], none, 0) : none);
}
static inline void v_store_n(float *p, vf x, int count) {
  if (count >= VW) vst1q_f32(p, x);
  else if (count >= 2) {
    vst1_f32(p, vget_low_f32(x));
    if (count == 3) vst1q_lane_f32(p + 2, x, 2);
  } else if (count == 1) vst1q_lane_f32(p, x, 0);
}

static inline vf v_add(vf a, vf b) {
  return vaddq_f32(a, b);
}
static inline vf v_sub(vf a, vf b) {
  return vsubq_f32(a, b);
}
static inline vf v_mul(vf a, vf b) {
  return vmulq_f32(a, b);
}
static inline vf v_div(vf a, vf b) {
  return vdivq_f32(a, b);
}
static inline vf v_sqrt(vf a) {
  return vsqrtq_f32(a);
}
static inline vf v_fma(vf a, vf b, vf c) {
  return vfmaq_f32(c, a, b);
} /* ab + c */
static inline vf v_fnma(vf a, vf b, vf c) {
  return vfmsq_f32(c, a, b);
} /* c - ab */
/* b when either is NaN, as on x86; the instructions of that name give NaN. */
static inline vf v_max(vf a, vf b) {
  return vbslq_f32(vcgtq_f32(a, b), a, b);
}
static inline vf v_min(vf a, vf b) {
  return vbslq_f32(vcltq_f32(a, b), a, b);
}

static inline vf v_xor(vf a, vf b) {
  return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)));
}
static inline vf v_sign_bits(vf a) {
  return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), vdupq_n_u32(0x80000000U)));
}
static inline vf v_abs(vf a) {
  return vabsq_f32(a);
}

static inline vm v_gt(vf a, vf b) {
  return vcgtq_f32(a, b);
}
static inline vm v_eq(vf a, vf b) {
  return vceqq_f32(a, b);
}
static inline vm v_unordered(vf a, vf b) {
  return vmvnq_u32(vandq_u32(vceqq_f32(a, a), vceqq_f32(b, b)));
}
static inline vf v_select(vm m, vf yes, vf no) {
  return vbslq_f32(m, yes, no);
}

static inline vf v_nearest(vf a) {
  return vrndnq_f32(a);
}

/* a * 2^n for whole n in -252..254, in two factors so that the result may be subnormal or infinite. */
static inline vf v_ldexp(vf a, vf n) {
  int32x4_t bias = vdupq_n_s32(127), whole = vcvtnq_s32_f32(n);
  int32x4_t half = vshrq_n_s32(whole, 1), rest = vsubq_s32(whole, half);
  vf first = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(half, bias), 23));
  vf second = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(rest, bias), 23));
  return vmulq_f32(vmulq_f32(a, first), second);
}

/* 2^n for whole n in -126..128; infinite for 128. */
#define VEC_POW2
static inline vf v_pow2(vf n) {
  return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23));
}

/* The nearest bf16, ties to even; NaN stays NaN. */
static inline vf v_bf16(vf a) {
  uint32x4_t bits = vreinterpretq_u32_f32(a);
  uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
  uint32x4_t up = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
  uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x00400000));
  uint32x4_t kept = vbslq_u32(vceqq_f32(a, a), up, quiet);
  return vreinterpretq_f32_u32(vandq_u32(kept, vdupq_n_u32(0xffff0000U)));
}

/* Whole numbers (int32) and bits, lane by lane. */
static inline int32x4_t whole_of(vf a) {
  return vreinterpretq_s32_f32(a);
}
static inline vf v_of_whole(int32x4_t a) {
  return vreinterpretq_f32_s32(a);
}
static inline vf v_set_bits(uint32_t x) {
  return vreinterpretq_f32_u32(vdupq_n_u32(x));
}
static inline vf v_whole(vf a) {
  return v_of_whole(vcvtnq_s32_f32(a));
} /* the nearest, ties to even */
static inline vf v_add_whole(vf a, vf b) {
  return v_of_whole(vaddq_s32(whole_of(a), whole_of(b)));
}
static inline vf v_minus_whole(vf a, vf b) {
  return vcvtq_f32_s32(vsubq_s32(whole_of(a), whole_of(b)));
} /* a - b as a number */
static inline vf v_max_bits(vf a, vf b) {
  return v_of_whole(vmaxq_s32(whole_of(a), whole_of(b)));
} /* of positive int32 */

/* out[i * out_stride + j] = in[j * in_stride + i], i, j < 4 */
static inline void v_transpose4(float *out, ptrdiff_t out_stride, const float *in, ptrdiff_t in_stride) {
  float32x4x2_t a = vtrnq_f32(vld1q_f32(in), vld1q_f32(in + in_stride));
  float32x4x2_t b = vtrnq_f32(vld1q_f32(in + 2 * in_stride), vld1q_f32(in + 3 * in_stride));
  vst1q_f32(out, vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0])));
  vst1q_f32(out + out_stride, vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1])));
  vst1q_f32(out + 2 * out_stride, vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0])));
  vst1q_f32(out + 3 * out_stride, vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1])));
}

/* The cache line at p, into L1. */
static inline void v_prefetch(const float *p) {
  __builtin_prefetch(p, 0, 3);
}

/* Sum and maximum of the lanes, halves first. */
static inline float v_sum(vf a) {
  float32x2_t x = vadd_f32(vget_low_f32(a), vget_high_f32(a));
  return vget_lane_f32(x, 0) + vget_lane_f32(x, 1);
}
static inline float v_max_lane(vf a) {
  vf x = v_max(a, vextq_f32(a, a, 2));
  return vgetq_lane_f32(v_max(x, vextq_f32(x, x, 1)), 0);
}

static inline vd vd_zero(void) {
  return (vd){vdupq_n_f64(0), vdupq_n_f64(0)};
}
static inline vd vd_add_square(vd sum, vf a) {
  float64x2_t low = vcvt_f64_f32(vget_low_f32(a)), high = vcvt_high_f64_f32(a);
  return (vd){vfmaq_f64(sum.low, low, low), vfmaq_f64(sum.high, high, high)};
}
static inline double vd_sum(vd a) {
  float64x2_t x = vaddq_f64(a.low, a.high);
  return vgetq_lane_f64(x, 0) + vgetq_lane_f64(x, 1);
}

#endif
