/* Root mean square norm without weights, over rows or over columns, forward and backward.
 * y = x r with r = 1 / sqrt(mean(x^2) + eps); dx = r (dy - y mean(dy y)). */
#include "kernels/ref/ref.h"

enum { LANES = TRM__REF_LANES };

void trm__ref_rms_rows(trm__real *y, trm__real *inv_rms, const trm__real *x, int rows, int cols, double eps,
                       int round) {
  for (int i = 0; i < rows; i++) {
    const trm__real *from = x + (size_t)i * (size_t)cols;
    trm__real *to = y + (size_t)i * (size_t)cols;
    trm__real mean = trm__ref_dot(from, from, (size_t)cols) / (trm__real)cols;
    trm__real r = 1 / trm__sqrt(mean + (trm__real)eps);
    for (int j = 0; j < cols; j++) to[j] = trm__rounded(from[j] * r, round);
    if (inv_rms) inv_rms[i] = r;
  }
}

void trm__ref_rms_rows_backward(trm__real *dx, const trm__real *dy, const trm__real *y, const trm__real *inv_rms,
                                int rows, int cols) {
  for (int i = 0; i < rows; i++) {
    size_t at = (size_t)i * (size_t)cols;
    trm__real mean = trm__ref_dot(dy + at, y + at, (size_t)cols) / (trm__real)cols;
    for (int j = 0; j < cols; j++) {
      size_t e = at + (size_t)j;
      dx[e] = inv_rms[i] * (dy[e] - y[e] * mean);
    }
  }
}

/* LANES columns at a time, so that rows are read along memory. */
static void ref_column_means(trm__real mean[LANES], const trm__real *a, const trm__real *b, int rows, int cols,
                             int width) {
  for (int j = 0; j < LANES; j++) mean[j] = 0;
  for (int i = 0; i < rows; i++) {
    const trm__real *ai = a + (size_t)i * (size_t)cols, *bi = b + (size_t)i * (size_t)cols;
    for (int j = 0; j < width; j++) mean[j] += ai[j] * bi[j];
  }
  for (int j = 0; j < width; j++) mean[j] /= (trm__real)rows;
}

void trm__ref_rms_cols(trm__real *y, trm__real *inv_rms, const trm__real *x, int rows, int cols, double eps, int round,
                       int c0, int c1) {
  for (int c = c0; c < c1; c += LANES) {
    int width = c1 - c < LANES ? c1 - c : LANES;
    trm__real r[LANES];
    ref_column_means(r, x + c, x + c, rows, cols, width);
    for (int j = 0; j < width; j++) {
      r[j] = 1 / trm__sqrt(r[j] + (trm__real)eps);
      if (inv_rms) inv_rms[c + j] = r[j];
    }
    for (int i = 0; i < rows; i++) {
      const trm__real *from = x + (size_t)i * (size_t)cols + c;
      trm__real *to = y + (size_t)i * (size_t)cols + c;
      for (int j = 0; j < width; j++) to[j] = trm__rounded(from[j] * r[j], round);
    }
  }
}

void trm__ref_rms_cols_backward(trm__real *dx, const trm__real *dy, const trm__real *y, const trm__real *inv_rms,
                                int rows, int cols, int c0, int c1) {
  for (int c = c0; c < c1; c += LANES) {
    int width = c1 - c < LANES ? c1 - c : LANES;
    trm__real mean[LANES];
    ref_column_means(mean, dy + c, y + c, rows, cols, width);
    for (int i = 0; i < rows; i++) {
      size_t at = (size_t)i * (size_t)cols + (size_t)c;
      for (int j = 0; j < width; j++) {
        size_t e = at + (size_t)j;
        dx[e] = inv_rms[c + j] * (dy[e] - y[e] * mean[j]);
      }
    }
  }
}
