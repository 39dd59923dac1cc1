/* The rms-gated activation ("Speed is Confidence", arXiv 2601.19085): a = sigmoid(g) rms(g u), the norm over the inner
 * width, so silu(g) u r with r = 1/sqrt(mean((g u)^2) + eps). */
#include "kernels/ref/ref.h"

enum { LANES = TRM__REF_LANES };

static trm__real ref_gate_factor(trm__real squares, int n, double eps) {
  return 1 / trm__sqrt(squares / (trm__real)n + (trm__real)eps);
}

/* The gradients of one gate and its up from da, with r^2 m as `pull`; returns a. */
static trm__real ref_gate_backward(trm__real *dg, trm__real *du, trm__real g, trm__real u, trm__real da, trm__real r,
                                   trm__real pull) {
  trm__real s = trm__sigmoid(g), p = g * u, ds = da * s;
  trm__real dp = r * (ds - p * pull);
  *dg = dp * u + ds * (p * r) * (1 - s);
  *du = dp * g;
  return s * p * r;
}

/* -- over rows ----------------------------------------------------------------------------------------------------- */

void trm__ref_rms_gate_rows(trm__real *scale, const trm__real *gu, int rows, int cols, double eps) {
  for (int i = 0; i < rows; i++, gu += 2 * (size_t)cols) {
    trm__real part[LANES] = {0}, sum = 0;
    for (int j = 0; j < cols; j++) {
      trm__real p = gu[j] * gu[cols + j];
      part[j % LANES] += p * p;
    }
    for (int j = 0; j < LANES; j++) sum += part[j];
    scale[i] = ref_gate_factor(sum, cols, eps);
  }
}

void trm__ref_rms_gate_rows_backward(trm__real *dgu, trm__real *act, const trm__real *gu, const trm__real *da, int rows,
                                     int cols, double eps) {
  size_t width = (size_t)cols;
  for (int i = 0; i < rows; i++, gu += 2 * width, dgu += 2 * width, da += width, act += width) {
    trm__real part[LANES] = {0}, sum = 0, r;
    trm__ref_rms_gate_rows(&r, gu, 1, cols, eps);
    for (size_t j = 0; j < width; j++) part[j % LANES] += da[j] * trm__sigmoid(gu[j]) * (gu[j] * gu[width + j]);
    for (int j = 0; j < LANES; j++) sum += part[j];
    trm__real pull = sum / (trm__real)cols * r * r;
    for (size_t j = 0; j < width; j++)
      act[j] = ref_gate_backward(dgu + j, dgu + width + j, gu[j], gu[width + j], da[j], r, pull);
  }
}

/* -- over columns: LANES at a time, so that rows are read along memory --------------------------------------------- */

static void ref_gate_column_factors(trm__real r[LANES], const trm__real *g, const trm__real *u, int rows, int cols,
                                    int width, double eps) {
  trm__real squares[LANES] = {0};
  for (int i = 0; i < rows; i++, g += cols, u += cols) {
    for (int j = 0; j < width; j++) {
      trm__real p = g[j] * u[j];
      squares[j] += p * p;
    }
  }
  for (int j = 0; j < width; j++) r[j] = ref_gate_factor(squares[j], rows, eps);
}

void trm__ref_rms_gate_cols(trm__real *scale, const trm__real *gu, int rows, int cols, double eps) {
  const trm__real *ups = gu + (size_t)rows * (size_t)cols;
  for (int c = 0; c < cols; c += LANES)
    ref_gate_column_factors(scale + c, gu + c, ups + c, rows, cols, cols - c < LANES ? cols - c : LANES, eps);
}

void trm__ref_rms_gate_cols_backward(trm__real *dgu, trm__real *act, const trm__real *gu, const trm__real *da, int rows,
                                     int cols, double eps) {
  size_t ups = (size_t)rows * (size_t)cols;
  for (int c = 0; c < cols; c += LANES) {
    int width = cols - c < LANES ? cols - c : LANES;
    trm__real r[LANES], pull[LANES] = {0};
    ref_gate_column_factors(r, gu + c, gu + ups + c, rows, cols, width, eps);
    for (int i = 0; i < rows; i++) {
      size_t at = (size_t)i * (size_t)cols + (size_t)c;
      for (int j = 0; j < width; j++, at++) pull[j] += da[at] * trm__sigmoid(gu[at]) * (gu[at] * gu[ups + at]);
    }
    for (int j = 0; j < width; j++) pull[j] = pull[j] / (trm__real)rows * r[j] * r[j];
    for (int i = 0; i < rows; i++) {
      size_t at = (size_t)i * (size_t)cols + (size_t)c;
      for (int j = 0; j < width; j++, at++)
        act[at] = ref_gate_backward(dgu + at, dgu + ups + at, gu[at], gu[ups + at], da[at], r[j], pull[j]);
    }
  }
}
