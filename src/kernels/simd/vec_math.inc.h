/* Functions of vectors, over a vector layer: exp, sigmoid, atan2, rounding, and a row's partial last vector.
 * Polynomials interpolate at Chebyshev nodes; the stated errors are those of the polynomial, before rounding. */

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE vf v_rounded(vf a, int round) {
  return round ? v_bf16(a) : a;
}

#ifndef VEC_POW2 /* 2^n for whole n in -126..128 (infinite); a vector layer may have a faster one */
ALWAYS_INLINE vf v_pow2(vf n) {
  return v_ldexp(v_set(1), n);
}
#endif

/* e^x = 2^n e^r, |r| <= ln(2)/2, e^r = 1 + r + r^2 q(r) to 1e-8 relative: n, and e^r as the result. */
ALWAYS_INLINE vf v_exp_parts(vf x, vf *whole) {
  vf n = v_nearest(v_mul(x, v_set(1.44269504F)));
  vf r = v_fnma(n, v_set(3.19461849e-5F), v_fnma(n, v_set(0.693115234375F), x));
  vf q = v_fma(r, v_set(0.00139262508315F), v_set(0.00836323288368F));
  q = v_fma(q, r, v_set(0.041666554213F));
  q = v_fma(q, r, v_set(0.166665766661F));
  q = v_fma(q, r, v_set(0.5F));
  *whole = n;
  return v_add(v_fma(v_mul(r, r), q, r), v_set(1));
}

/* e^a for a <= 0; below -87 it stays e^-87, the least normal number. */
ALWAYS_INLINE vf v_exp_negative(vf a) {
  vf n, x = v_exp_parts(v_max(v_set(-87.0F), a), &n);
  return v_mul(x, v_pow2(n));
}

/* 1 / (1 + e^-a); 0 below -88.37, where e^-a has no finite power of two. */
ALWAYS_INLINE vf v_sigmoid(vf a) {
  vf one = v_set(1), minus = v_xor(a, v_set(-0.0F));
  vf n, x = v_exp_parts(v_min(v_set(89.0F), v_max(v_set(-87.0F), minus)), &n);
  return v_div(one, v_add(one, v_mul(x, v_pow2(n))));
}

/* atan2(y, x) for x >= 0. With t = min/max of |y| and x in 0..1, and t > tan(pi/8) moved to (t - 1)/(t + 1):
 * atan t = t (1 + z q(z)), z = t^2, to 3e-9 relative. atan2(0, 0) = 0, equal infinities give pi/4. */
ALWAYS_INLINE vf v_atan2(vf y, vf x) {
  vf a = v_abs(y), small = v_min(a, x), large = v_max(a, x);
  vm steep = v_gt(a, x), same = v_eq(a, x), upper = v_gt(small, v_mul(large, v_set(0.414213562F)));
  vf top = v_select(upper, v_sub(small, large), small), bottom = v_select(upper, v_add(small, large), large);
  vf t = v_select(same, v_zero(), v_div(top, bottom));
  vf z = v_mul(t, t);
  vf q = v_fma(z, v_set(-0.0645171886936F), v_set(0.107436683248F));
  q = v_fma(q, z, v_set(-0.142639497536F));
  q = v_fma(q, z, v_set(0.19999540315F));
  q = v_fma(q, z, v_set(-0.333333317604F));
  vf angle = v_fma(v_mul(t, z), q, t);
  vf quarter = v_set(0.785398163F);
  angle = v_select(upper, v_add(angle, quarter), angle);
  angle = v_select(same, v_select(v_gt(a, v_zero()), quarter, v_zero()), angle);
  angle = v_select(steep, v_sub(v_set(1.57079633F), angle), angle);
  return v_select(v_unordered(y, x), v_add(y, x), v_xor(angle, v_sign_bits(y)));
}

/* The last vector of an array may be partial. Kernels step over full vectors and end with one call on the rest, so
 * that a number's result does not depend on where it stands. */
ALWAYS_INLINE vf v_get(const float *p, int count) {
  return count >= VW ? v_load(p) : v_load_n(p, count);
}
ALWAYS_INLINE void v_put(float *p, vf x, int count) {
  if (count >= VW) v_store(p, x);
  else v_store_n(p, x, count);
}

/* sum of a[i] * b[i]: four vectors of partial sums, then their lanes, in an order that only n decides. */
ALWAYS_INLINE float v_dot(const float *a, const float *b, size_t n) {
  vf sum[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
  size_t i = 0;
  for (; i + 4 * VW <= n; i += 4 * VW) {
    for (size_t v = 0; v < 4; v++) sum[v] = v_fma(v_load(a + i + v * VW), v_load(b + i + v * VW), sum[v]);
  }
  for (; i < n; i += VW) {
    int count = n - i < VW ? (int)(n - i) : VW;
    sum[0] = v_fma(v_get(a + i, count), v_get(b + i, count), sum[0]);
  }
  return v_sum(v_add(v_add(sum[0], sum[1]), v_add(sum[2], sum[3])));
}
