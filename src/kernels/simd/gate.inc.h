/* The rms-gated activation (kernels.h, RMS_GATE) over rows and over columns, over a vector layer. */

#include <math.h>

/* The gradients of gates g and ups u from da, with r^2 m as `pull`: a stored to act, the others to dg and du. */
ALWAYS_INLINE void gate_backward(float *dg, float *du, float *act, vf g, vf u, vf da, vf r, vf pull, int count) {
  vf s = v_sigmoid(g), p = v_mul(g, u), ds = v_mul(da, s), pr = v_mul(p, r);
  vf dp = v_mul(r, v_fnma(p, pull, ds));
  v_put(dg, v_fma(v_mul(ds, pr), v_sub(v_set(1), s), v_mul(dp, u)), count);
  v_put(du, v_mul(dp, g), count);
  v_put(act, v_mul(s, pr), count);
}

ALWAYS_INLINE vf gated_part(vf g, vf u, vf da) {
  return v_mul(v_mul(da, v_sigmoid(g)), v_mul(g, u));
}

/* -- over rows ----------------------------------------------------------------------------------------------------- */

ALWAYS_INLINE float row_factor(const float *gu, int cols, double eps) {
  vf sum[2] = {v_zero(), v_zero()};
  for (int j = 0, v = 0; j < cols; j += VW, v ^= 1) {
    vf p = v_mul(v_get(gu + j, cols - j), v_get(gu + cols + j, cols - j));
    sum[v] = v_fma(p, p, sum[v]);
  }
  return 1 / sqrtf(v_sum(v_add(sum[0], sum[1])) / (float)cols + (float)eps);
}

void NAME(rms_gate_rows)(float *scale, const float *gu, int rows, int cols, double eps) {
  for (int i = 0; i < rows; i++) scale[i] = row_factor(gu + (size_t)i * 2 * (size_t)cols, cols, eps);
}

void NAME(rms_gate_rows_backward)(float *dgu, float *act, const float *gu, const float *da, int rows, int cols,
                                  double eps) {
  size_t width = (size_t)cols;
  for (int i = 0; i < rows; i++, gu += 2 * width, dgu += 2 * width, da += width, act += width) {
    float factor = row_factor(gu, cols, eps);
    vf sum = v_zero(), r = v_set(factor);
    for (int j = 0; j < cols; j += VW) {
      int count = cols - j;
      sum = v_add(sum, gated_part(v_get(gu + j, count), v_get(gu + cols + j, count), v_get(da + j, count)));
    }
    vf pull = v_set(v_sum(sum) / (float)cols * factor * factor);
    for (int j = 0; j < cols; j += VW) {
      int count = cols - j;
      gate_backward(dgu + j, dgu + cols + j, act + j, v_get(gu + j, count), v_get(gu + cols + j, count),
                    v_get(da + j, count), r, pull, count);
    }
  }
}

/* -- over columns: a vector of them at a time ---------------------------------------------------------------------- */

ALWAYS_INLINE vf column_factors(const float *g, const float *u, int rows, size_t cols, vf eps, int count) {
  vf sum = v_zero();
  for (int i = 0; i < rows; i++, g += cols, u += cols) {
    vf p = v_mul(v_get(g, count), v_get(u, count));
    sum = v_fma(p, p, sum);
  }
  return v_div(v_set(1), v_sqrt(v_add(v_div(sum, v_set((float)rows)), eps)));
}

void NAME(rms_gate_cols)(float *scale, const float *gu, int rows, int cols, double eps) {
  const float *ups = gu + (size_t)rows * (size_t)cols;
  for (int c = 0; c < cols; c += VW) {
    vf r = column_factors(gu + c, ups + c, rows, (size_t)cols, v_set((float)eps), cols - c);
    v_put(scale + c, r, cols - c);
  }
}

void NAME(rms_gate_cols_backward)(float *dgu, float *act, const float *gu, const float *da, int rows, int cols,
                                  double eps) {
  size_t width = (size_t)cols, ups = (size_t)rows * width, end = ups;
  for (size_t c = 0; c < width; c += VW) {
    int count = cols - (int)c;
    vf r = column_factors(gu + c, gu + ups + c, rows, width, v_set((float)eps), count), pull = v_zero();
    for (size_t at = c; at < end; at += width)
      pull = v_add(pull, gated_part(v_get(gu + at, count), v_get(gu + ups + at, count), v_get(da + at, count)));
    pull = v_mul(v_div(pull, v_set((float)rows)), v_mul(r, r));
    for (size_t at = c; at < end; at += width)
      gate_backward(dgu + at, dgu + ups + at, act + at, v_get(gu + at, count), v_get(gu + ups + at, count),
                    v_get(da + at, count), r, pull, count);
  }
}
