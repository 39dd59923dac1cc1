/* A vector layer of 16 floats made of two AVX2 vectors, so that the 16-wide kernels can be tested on machines without
 * AVX-512: the same template, tile and packing, other instructions. */
#ifndef TRM_TESTS_VEC_PAIR_H
#define TRM_TESTS_VEC_PAIR_H

#define vf half_vf
#define vm half_vm
#define vd half_vd
#define PREFIXED(x) half_##x
#define v_zero PREFIXED(v_zero)
#define v_set PREFIXED(v_set)
#define v_load PREFIXED(v_load)
#define v_store PREFIXED(v_store)
#define v_first PREFIXED(v_first)
#define v_load_n PREFIXED(v_load_n)
#define v_store_n PREFIXED(v_store_n)
#define v_add PREFIXED(v_add)
#define v_sub PREFIXED(v_sub)
#define v_mul PREFIXED(v_mul)
#define v_div PREFIXED(v_div)
#define v_sqrt PREFIXED(v_sqrt)
#define v_fma PREFIXED(v_fma)
#define v_fnma PREFIXED(v_fnma)
#define v_max PREFIXED(v_max)
#define v_min PREFIXED(v_min)
#define v_sign_bits PREFIXED(v_sign_bits)
#define v_abs PREFIXED(v_abs)
#define v_xor PREFIXED(v_xor)
#define v_gt PREFIXED(v_gt)
#define v_eq PREFIXED(v_eq)
#define v_unordered PREFIXED(v_unordered)
#define v_select PREFIXED(v_select)
#define v_nearest PREFIXED(v_nearest)
#define v_bf16 PREFIXED(v_bf16)
#define v_sum PREFIXED(v_sum)
#define v_max_lane PREFIXED(v_max_lane)
#define v_set_bits PREFIXED(v_set_bits)
#define v_whole PREFIXED(v_whole)
#define v_add_whole PREFIXED(v_add_whole)
#define v_minus_whole PREFIXED(v_minus_whole)
#define v_max_bits PREFIXED(v_max_bits)
#define v_pow2 PREFIXED(v_pow2)
#define vd_zero PREFIXED(vd_zero)
#define vd_add_square PREFIXED(vd_add_square)
#define vd_sum PREFIXED(vd_sum)
#include "kernels/x86/avx2/vec_avx2.h"
#undef vf
#undef vm
#undef vd
#undef v_zero
#undef v_set
#undef v_load
#undef v_store
#undef v_first
#undef v_load_n
#undef v_store_n
#undef v_add
#undef v_sub
#undef v_mul
#undef v_div
#undef v_sqrt
#undef v_fma
#undef v_fnma
#undef v_max
#undef v_min
#undef v_sign_bits
#undef v_abs
#undef v_xor
#undef v_gt
#undef v_eq
#undef v_unordered
#undef v_select
#undef v_nearest
#undef v_bf16
#undef v_sum
#undef v_max_lane
#undef v_set_bits
#undef v_whole
#undef v_add_whole
#undef v_minus_whole
#undef v_max_bits
#undef v_pow2
#undef vd_zero
#undef vd_add_square
#undef vd_sum
#undef VW
#define VW 16

typedef struct vf {
  half_vf l, h;
} vf;
typedef struct vm {
  half_vm l, h;
} vm;
typedef struct vd {
  half_vd l, h;
} vd;

#define ONE(name)                                                                                                      \
  static inline vf name(vf a) {                                                                                        \
    return (vf){half_##name(a.l), half_##name(a.h)};                                                                   \
  }
#define TWO(name, type)                                                                                                \
  static inline type name(vf a, vf b) {                                                                                \
    return (type){half_##name(a.l, b.l), half_##name(a.h, b.h)};                                                       \
  }
#define THREE(name)                                                                                                    \
  static inline vf name(vf a, vf b, vf c) {                                                                            \
    return (vf){half_##name(a.l, b.l, c.l), half_##name(a.h, b.h, c.h)};                                               \
  }

static inline vf v_zero(void) {
  return (vf){half_v_zero(), half_v_zero()};
}
static inline vf v_set(float x) {
  return (vf){half_v_set(x), half_v_set(x)};
}
static inline vf v_set_bits(uint32_t x) {
  return (vf){half_v_set_bits(x), half_v_set_bits(x)};
}
static inline vf v_load(const float *p) {
  return (vf){half_v_load(p), half_v_load(p + 8)};
}
static inline void v_store(float *p, vf x) {
  half_v_store(p, x.l);
  half_v_store(p + 8, x.h);
}
static inline vf v_load_n(const float *p, int count) {
  return (vf){half_v_load_n(p, count), count > 8 ? half_v_load_n(p + 8, count - 8) : half_v_zero()};
}
static inline void v_store_n(float *p, vf x, int count) {
  half_v_store_n(p, x.l, count);
  if (count > 8) half_v_store_n(p + 8, x.h, count - 8);
}
TWO(v_add, vf)
TWO(v_sub, vf)
TWO(v_mul, vf)
TWO(v_div, vf)
TWO(v_max, vf)
TWO(v_min, vf)
TWO(v_xor, vf)
TWO(v_add_whole, vf)
TWO(v_minus_whole, vf)
TWO(v_max_bits, vf)
TWO(v_gt, vm)
TWO(v_eq, vm)
TWO(v_unordered, vm)
ONE(v_sqrt)
ONE(v_sign_bits)
ONE(v_abs)
ONE(v_nearest)
ONE(v_bf16)
ONE(v_whole)
ONE(v_pow2)
THREE(v_fma)
THREE(v_fnma)
static inline vf v_select(vm m, vf yes, vf no) {
  return (vf){half_v_select(m.l, yes.l, no.l), half_v_select(m.h, yes.h, no.h)};
}
static inline float v_sum(vf a) {
  return half_v_sum(half_v_add(a.l, a.h));
}
static inline float v_max_lane(vf a) {
  return half_v_max_lane(half_v_max(a.l, a.h));
}
static inline vd vd_zero(void) {
  return (vd){half_vd_zero(), half_vd_zero()};
}
static inline vd vd_add_square(vd sum, vf a) {
  return (vd){half_vd_add_square(sum.l, a.l), half_vd_add_square(sum.h, a.h)};
}
static inline double vd_sum(vd a) {
  half_vd x = {_mm256_add_pd(a.l.low, a.h.low), _mm256_add_pd(a.l.high, a.h.high)};
  return half_vd_sum(x);
}

#undef ONE
#undef TWO
#undef THREE

#endif
