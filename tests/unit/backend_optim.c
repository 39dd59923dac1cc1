/* Optimizers over the pool: arrays longer than a task's piece against the formulas in double, and Muon against the
 * Newton-Schulz iteration written out. */
#include "unit/backend_support.h"

#define LONG ((size_t)40001)

static void adam_formulas(void **state) {
  (void)state;
  for (int kind = 0; kind < 2; kind++) {
    bench t;
    open_backend(&t, "auto", 2);
    trm__real *p = numbers(LONG, 1, 1), *m = numbers(LONG, 2, 0.1), *v = numbers(LONG, 3, 0.01),
              *g = numbers(LONG, 4, 1);
    for (size_t i = 0; i < LONG; i++) v[i] = (trm__real)fabs((double)v[i]);
    m[7] = v[7] = g[7] = 0; /* atan2(0, 0) = 0 */
    double *expected = doubles(LONG);
    const trm__adam c = {.lr = 0.01, .beta1 = 0.9, .beta2 = 0.95, .weight_decay = 0.5, .eps = 1e-8, .t = 3};
    for (size_t i = 0; i < LONG; i++) {
      double m1 = 0.9 * (double)m[i] + 0.1 * (double)g[i],
             v1 = 0.95 * (double)v[i] + 0.05 * (double)g[i] * (double)g[i];
      double root = sqrt(v1 / (1 - pow(0.95, 3))), lr = 0.01 / (1 - pow(0.9, 3));
      expected[i] = (double)p[i] * (1 - 0.01 * 0.5) - lr * (kind ? m1 / (root + 1e-8) : atan2(m1, root));
    }
    (kind ? t.be->adamw : t.be->adam_atan2)(t.be, p, m, v, g, LONG, &c);
    check_close(kind ? "adamw" : "adam_atan2", p, expected, LONG, 1e-6);
    trm__real *all[] = {p, m, v, g};
    for (size_t i = 0; i < 4; i++) trm__free(all[i]);
    trm__free(expected);
    close_bench(&t);
  }
}

static void sums_and_averages(void **state) {
  (void)state;
  static const size_t lengths[] = {0, 1, 16384, 40001, 5000000};
  bench t;
  open_backend(&t, "auto", 2);
  for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
    size_t n = lengths[k];
    trm__real *x = numbers(n, 1, 1), *s = numbers(n, 2, 1);
    double sum = 0, *ema = doubles(n);
    for (size_t i = 0; i < n; i++) {
      sum += (double)x[i] * (double)x[i];
      ema[i] = 0.999 * (double)s[i] + 0.001 * (double)x[i];
    }
    assert_true(fabs(t.be->sum_squares(t.be, x, n) - sum) <= 1e-9 * sum);
    t.be->ema(t.be, s, x, n, 0.999);
    check_close("ema", s, ema, n, 1e-6);
    t.be->scale(t.be, x, 2, n);
    assert_true(fabs(t.be->sum_squares(t.be, x, n) - 4 * sum) <= 4e-9 * sum);
    trm__free(x);
    trm__free(s);
    trm__free(ema);
  }
  close_bench(&t);
}

/* -- Muon ------------------------------------------------------------------------------------------------------- */

/* X [rows][cols] <- a X + b (X X^T) X + c (X X^T)^2 X, whichever way round: the polynomial acts on singular values. */
static void newton_schulz(double *x, int rows, int cols) {
  double *gram = doubles((size_t)(rows * rows)), *next = doubles((size_t)(rows * cols));
  double *twice = doubles((size_t)(rows * cols));
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < rows; j++)
      for (int k = 0; k < cols; k++) gram[i * rows + j] += x[i * cols + k] * x[j * cols + k];
  for (int i = 0; i < rows; i++)
    for (int k = 0; k < rows; k++)
      for (int j = 0; j < cols; j++) next[i * cols + j] += gram[i * rows + k] * x[k * cols + j];
  for (int i = 0; i < rows; i++)
    for (int k = 0; k < rows; k++)
      for (int j = 0; j < cols; j++) twice[i * cols + j] += gram[i * rows + k] * next[k * cols + j];
  for (int i = 0; i < rows * cols; i++) x[i] = 3.4445 * x[i] - 4.7750 * next[i] + 2.0315 * twice[i];
  trm__free(gram);
  trm__free(next);
  trm__free(twice);
}

static void check_muon(const char *isa, int rows, int cols) {
  bench t;
  open_backend(&t, isa, 2);
  size_t n = (size_t)(rows * cols);
  trm__real *p = numbers(n, 1, 1), *m = numbers(n, 2, 0.1), *g = numbers(n, 3, 1);
  size_t need = t.be->muon_scratch(t.be, rows, cols);
  trm__real *scratch = numbers(need + 1, 4, 1), guard = scratch[need];
  double *x = doubles(n), *momentum = doubles(n), *expected = doubles(n), norm = 0;
  for (size_t i = 0; i < n; i++) {
    momentum[i] = 0.95 * (double)m[i] + 0.05 * (double)g[i];
    x[i] = 0.95 * momentum[i] + 0.05 * (double)g[i];
    norm += x[i] * x[i];
  }
  for (size_t i = 0; i < n; i++) x[i] /= sqrt(norm) + 1e-7;
  for (int step = 0; step < 5; step++) newton_schulz(x, rows, cols);
  double lr = 0.02 * sqrt(fmax(1, (double)rows / cols));
  for (size_t i = 0; i < n; i++) expected[i] = (double)p[i] * (1 - 0.02 * 0.1) - lr * x[i];
  t.be->muon(t.be, p, m, g, rows, cols, 0.02, 0.95, 0.1, scratch);
  check_close("muon", p, expected, n, 1e-5);
  check_close("momentum", m, momentum, n, 1e-6);
  assert_memory_equal(&guard, &scratch[need], sizeof guard);
  trm__real *reals[] = {p, m, g, scratch};
  double *others[] = {x, momentum, expected};
  for (size_t i = 0; i < 4; i++) trm__free(reals[i]);
  for (size_t i = 0; i < 3; i++) trm__free(others[i]);
  close_bench(&t);
}

static void muon_matches(void **state) {
  (void)state;
  static const int shapes[][2] = {{1, 1}, {7, 3}, {3, 7}, {33, 33}, {90, 41}, {41, 90}, {1, 20}, {20, 1}};
  for (int i = 0; isa_at(i); i++)
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) check_muon(isa_at(i), shapes[k][0], shapes[k][1]);
}

/* The step of a matrix of full rank is nearly orthogonal: its singular values are between about 0.7 and 1.2. A zero
 * gradient gives decay alone. */
static void muon_is_orthogonal(void **state) {
  (void)state;
  enum { R = 24, C = 40 };
  bench t;
  open_backend(&t, "auto", 1);
  trm__real *p = numbers(R * C, 1, 0), *m = numbers(R * C, 2, 0), *g = numbers(R * C, 3, 1);
  trm__real *scratch = numbers(t.be->muon_scratch(t.be, R, C), 4, 0);
  t.be->muon(t.be, p, m, g, R, C, 1, 0.95, 0, scratch);
  for (int i = 0; i < R; i++) {
    double length = 0;
    for (int j = 0; j < C; j++) length += (double)p[i * C + j] * (double)p[i * C + j];
    assert_true(length > 0.4 && length < 1.5);
  }
  memset(m, 0, R * C * sizeof *m);
  memset(g, 0, R * C * sizeof *g);
  double *expected = to_double(p, R * C);
  for (int i = 0; i < R * C; i++) expected[i] *= 1 - 0.5 * 0.1;
  t.be->muon(t.be, p, m, g, R, C, 0.5, 0.95, 0.1, scratch);
  check_close("decay alone", p, expected, R * C, 1e-6);
  trm__free(p);
  trm__free(m);
  trm__free(g);
  trm__free(scratch);
  trm__free(expected);
  close_bench(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(adam_formulas),
      cmocka_unit_test(sums_and_averages),
      cmocka_unit_test(muon_matches),
      cmocka_unit_test(muon_is_orthogonal),
  };
  return cmocka_run_group_tests_name("backend optimizers", tests, NULL, NULL);
}
