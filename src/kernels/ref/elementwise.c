/* Operations on single elements, and the sums that other kernels share. */
#include "kernels/ref/ref.h"

enum { LANES = TRM__REF_LANES };

trm__real trm__ref_dot(const trm__real *a, const trm__real *b, size_t n) {
  trm__real part[LANES] = {0}, sum = 0;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    for (int j = 0; j < LANES; j++) part[j] += a[i + (size_t)j] * b[i + (size_t)j];
  }
  for (int j = 0; i < n; i++, j++) part[j] += a[i] * b[i];
  for (int j = 0; j < LANES; j++) sum += part[j];
  return sum;
}

void trm__ref_axpy(trm__real *y, trm__real s, const trm__real *x, size_t n) {
  size_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    trm__real sum[LANES];
    for (int j = 0; j < LANES; j++) sum[j] = y[i + (size_t)j] + s * x[i + (size_t)j];
    memcpy(y + i, sum, sizeof sum);
  }
  for (; i < n; i++) y[i] += s * x[i];
}

/* silu'(g) = s (1 + g (1 - s)), s = sigmoid(g). */
void trm__ref_swiglu_backward(trm__real *dgu, trm__real *act, const trm__real *gu, const trm__real *da, int rows,
                              int cols) {
  for (int i = 0; i < rows; i++) {
    size_t gates = (size_t)i * 2 * (size_t)cols, ups = gates + (size_t)cols, at = (size_t)i * (size_t)cols;
    for (size_t j = 0; j < (size_t)cols; j++) {
      trm__real g = gu[gates + j], u = gu[ups + j], d = da[at + j];
      trm__real s = trm__sigmoid(g), silu = g * s;
      dgu[gates + j] = d * u * (s * (1 + g * (1 - s)));
      dgu[ups + j] = d * silu;
      if (act) act[at + j] = silu * u;
    }
  }
}

void trm__ref_inject(trm__real *h, const trm__real *a, const trm__real *b, size_t n, int round) {
  for (size_t i = 0; i < n; i++) {
    trm__real sum = b ? trm__rounded(a[i] + b[i], round) : a[i];
    h[i] = trm__rounded(h[i] + sum, round);
  }
}

void trm__ref_add(trm__real *y, const trm__real *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] += x[i];
}

void trm__ref_scale(trm__real *y, double s, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] *= (trm__real)s;
}

double trm__ref_sum_squares(const trm__real *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
  return sum;
}

void trm__ref_round_bf16(trm__real *y, const trm__real *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = trm__bf16(x[i]);
}
