/* Operations on single elements, and their sum of squares, over a vector layer. Where nothing is gained by fusing,
 * products and sums are rounded one by one as in plain C, so that the results are the same bits. */

/* Full vectors, then one partial one; count is how many elements are left. */
#define EACH(i, count, n)                                                                                              \
  for (size_t i = 0; i < (n); i += VW)                                                                                 \
    for (int count = (n)-i < VW ? (int)((n)-i) : VW; count; count = 0)

/* silu'(g) = s (1 + g (1 - s)), s = sigmoid(g). */
void NAME(swiglu_backward)(float *dgu, float *act, const float *gu, const float *da, int rows, int cols) {
  size_t width = (size_t)cols;
  vf one = v_set(1);
  for (int i = 0; i < rows; i++) {
    size_t gates = (size_t)i * 2 * width, ups = gates + width, at = (size_t)i * width;
    EACH(j, count, width) {
      vf g = v_get(gu + gates + j, count), u = v_get(gu + ups + j, count), d = v_get(da + at + j, count);
      vf s = v_sigmoid(g), silu = v_mul(g, s);
      vf slope = v_mul(s, v_fma(g, v_sub(one, s), one));
      v_put(dgu + gates + j, v_mul(v_mul(d, u), slope), count);
      v_put(dgu + ups + j, v_mul(d, silu), count);
      if (act) v_put(act + at + j, v_mul(silu, u), count);
    }
  }
}

void NAME(inject)(float *h, const float *a, const float *b, size_t n, int round) {
  EACH(i, count, n) {
    vf sum = v_get(a + i, count);
    if (b) sum = v_rounded(v_add(sum, v_get(b + i, count)), round);
    v_put(h + i, v_rounded(v_add(v_get(h + i, count), sum), round), count);
  }
}

void NAME(add)(float *y, const float *x, size_t n) {
  EACH(i, count, n) v_put(y + i, v_add(v_get(y + i, count), v_get(x + i, count)), count);
}

void NAME(scale)(float *y, double s, size_t n) {
  vf factor = v_set((float)s);
  EACH(i, count, n) v_put(y + i, v_mul(v_get(y + i, count), factor), count);
}

double NAME(sum_squares)(const float *x, size_t n) {
  vd sum[2] = {vd_zero(), vd_zero()};
  size_t i = 0;
  for (; i + 2 * VW <= n; i += 2 * VW) {
    for (size_t v = 0; v < 2; v++) sum[v] = vd_add_square(sum[v], v_load(x + i + v * VW));
  }
  for (; i < n; i += VW) sum[0] = vd_add_square(sum[0], v_get(x + i, n - i < VW ? (int)(n - i) : VW));
  return vd_sum(sum[0]) + vd_sum(sum[1]);
}

void NAME(round_bf16)(float *y, const float *x, size_t n) {
  EACH(i, count, n) v_put(y + i, v_bf16(v_get(x + i, count)), count);
}
