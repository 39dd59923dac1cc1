/* Root mean square norms over rows and over columns, forward and backward, over a vector layer. */

#include <math.h>

void NAME(rms_rows)(float *y, float *inv_rms, const float *x, int rows, int cols, double eps, int round) {
  for (int i = 0; i < rows; i++) {
    const float *from = x + (size_t)i * (size_t)cols;
    float *to = y + (size_t)i * (size_t)cols;
    float r = 1 / sqrtf(v_dot(from, from, (size_t)cols) / (float)cols + (float)eps);
    vf scale = v_set(r);
    for (int j = 0; j < cols; j += VW)
      v_put(to + j, v_rounded(v_mul(v_get(from + j, cols - j), scale), round), cols - j);
    if (inv_rms) inv_rms[i] = r;
  }
}

void NAME(rms_rows_backward)(float *dx, const float *dy, const float *y, const float *inv_rms, int rows, int cols) {
  for (int i = 0; i < rows; i++) {
    size_t at = (size_t)i * (size_t)cols;
    vf mean = v_set(v_dot(dy + at, y + at, (size_t)cols) / (float)cols), r = v_set(inv_rms[i]);
    for (int j = 0; j < cols; j += VW) {
      size_t e = at + (size_t)j;
      vf d = v_fnma(v_get(y + e, cols - j), mean, v_get(dy + e, cols - j));
      v_put(dx + e, v_mul(r, d), cols - j);
    }
  }
}

/* Columns are taken AT_ONCE vectors at a time; each column's sum runs down the rows, so this cut does not matter. */
enum { AT_ONCE = 4 };

/* mean over rows of a*b in count columns (at most vectors * VW). */
ALWAYS_INLINE void column_means(vf *mean, const float *a, const float *b, int rows, size_t cols, int count,
                                const int vectors) {
  for (int v = 0; v < vectors; v++) mean[v] = v_zero();
  for (int i = 0; i < rows; i++, a += cols, b += cols) {
    for (int v = 0; v < vectors; v++)
      mean[v] = v_fma(v_get(a + v * VW, count - v * VW), v_get(b + v * VW, count - v * VW), mean[v]);
  }
  for (int v = 0; v < vectors; v++) mean[v] = v_div(mean[v], v_set((float)rows));
}

ALWAYS_INLINE void columns_forward(float *y, float *inv_rms, const float *x, int rows, size_t cols, vf eps, int round,
                                   int count, const int vectors) {
  vf r[AT_ONCE];
  column_means(r, x, x, rows, cols, count, vectors);
  for (int v = 0; v < vectors; v++) {
    r[v] = v_div(v_set(1), v_sqrt(v_add(r[v], eps)));
    if (inv_rms) v_put(inv_rms + v * VW, r[v], count - v * VW);
  }
  for (int i = 0; i < rows; i++, x += cols, y += cols) {
    for (int v = 0; v < vectors; v++) {
      int left = count - v * VW;
      v_put(y + v * VW, v_rounded(v_mul(v_get(x + v * VW, left), r[v]), round), left);
    }
  }
}

void NAME(rms_cols)(float *y, float *inv_rms, const float *x, int rows, int cols, double eps, int round, int c0,
                    int c1) {
  vf e = v_set((float)eps);
  int c = c0;
  for (; c + AT_ONCE * VW <= c1; c += AT_ONCE * VW)
    columns_forward(y + c, inv_rms ? inv_rms + c : NULL, x + c, rows, (size_t)cols, e, round, AT_ONCE * VW, AT_ONCE);
  for (; c < c1; c += VW)
    columns_forward(y + c, inv_rms ? inv_rms + c : NULL, x + c, rows, (size_t)cols, e, round, c1 - c, 1);
}

ALWAYS_INLINE void columns_backward(float *dx, const float *dy, const float *y, const float *inv_rms, int rows,
                                    size_t cols, int count, const int vectors) {
  vf mean[AT_ONCE], r[AT_ONCE];
  column_means(mean, dy, y, rows, cols, count, vectors);
  for (int v = 0; v < vectors; v++) r[v] = v_get(inv_rms + v * VW, count - v * VW);
  for (int i = 0; i < rows; i++, dx += cols, dy += cols, y += cols) {
    for (int v = 0; v < vectors; v++) {
      int left = count - v * VW;
      vf d = v_fnma(v_get(y + v * VW, left), mean[v], v_get(dy + v * VW, left));
      v_put(dx + v * VW, v_mul(r[v], d), left);
    }
  }
}

void NAME(rms_cols_backward)(float *dx, const float *dy, const float *y, const float *inv_rms, int rows, int cols,
                             int c0, int c1) {
  int c = c0;
  for (; c + AT_ONCE * VW <= c1; c += AT_ONCE * VW)
    columns_backward(dx + c, dy + c, y + c, inv_rms + c, rows, (size_t)cols, AT_ONCE * VW, AT_ONCE);
  for (; c < c1; c += VW) columns_backward(dx + c, dy + c, y + c, inv_rms + c, rows, (size_t)cols, c1 - c, 1);
}
