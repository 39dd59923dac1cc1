/* Optimizers over the pool: arrays longer than a task's piece against the formulas in double, and Muon against the
 * Newton-Schulz iteration written out. */
#include "unit/backend/support.h"

#define LONG ((size_t)40001)

static void adam_formulas(void **unused) {
  (void)unused;
  for (int kind = 0; kind < 2; kind++) {
    bench t;
    open_backend(&t, "auto", 2);
    trm__real *p = numbers(LONG, 1, 1), *m = numbers(LONG, 2, 0.1), *v = numbers(LONG, 3, 0.01),
              *g = numbers(LONG, 4, 1);
    for (size_t i = 0; i < LONG; i++) v[i] = (trm__real)fabs((double)v[i]);
    m[7] = v[7] = g[7] = 0; /* atan2(0, 0) = 0 */
    double *expected = doubles(LONG);
    for (size_t i = 0; i < LONG; i++) {
      double m1 = 0.9 * (double)m[i] + 0.1 * (double)g[i],
             v1 = 0.95 * (double)v[i] + 0.05 * (double)g[i] * (double)g[i];
      double root = sqrt(v1 / (1 - pow(0.95, 3))), lr = 0.01 / (1 - pow(0.9, 3));
      expected[i] = (double)p[i] * (1 - 0.01 * 0.5) - lr * (kind ? m1 / (root + 1e-8) : atan2(m1, root));
    }
    trm__update_state state = {.t = 3, .factor = 0.5, .ema_decay = 0.75, .grad_scale = 1, .diverged = TRM__LOSS_BAD};
    trm__real *ema = numbers(LONG, 5, 1), *before = numbers(LONG, 1, 1), *old = numbers(LONG, 5, 1);
    trm__dense run[2]; /* two runs make one array */
    for (size_t i = 0; i < 2; i++) {
      size_t at = i ? 30000 : 0, n = i ? LONG - 30000 : 30000;
      run[i] = (trm__dense){.kind = kind ? TRM__DENSE_ADAMW : TRM__DENSE_ADAM_ATAN2,
                            .p = p + at,
                            .m = m + at,
                            .v = v + at,
                            .ema = ema + at,
                            .g = g + at,
                            .n = n,
                            .lr = 2 * 0.01,
                            .beta1 = 0.9,
                            .beta2 = 0.95,
                            .weight_decay = 0.5,
                            .eps = 1e-8};
    }
    t.be->dense(t.be, &state, run, 2);
    assert_memory_equal(p, before, LONG * sizeof *p); /* a diverged run changes nothing */
    state.diverged = TRM__SOUND;
    t.be->dense(t.be, &state, run, 2);
    check_close(kind ? "adamw" : "adam_atan2", p, expected, LONG, 1e-6);
    for (size_t i = 0; i < LONG; i++) expected[i] = 0.75 * (double)old[i] + 0.25 * (double)p[i];
    check_close("ema", ema, expected, LONG, 1e-6);
    trm__free(ema);
    trm__free(before);
    trm__free(old);
    trm__real *all[] = {p, m, v, g};
    for (size_t i = 0; i < 4; i++) trm__free(all[i]);
    trm__free(expected);
    close_bench(&t);
  }
}

/* Clipping inside the optimizers gives the bits of an array that was scaled before; a decay of 0 copies. */
static void clipping_is_exact(void **unused) {
  (void)unused;
  const double scale = 0.3;
  for (int kind = 0; kind < 3; kind++) {
    bench t;
    open_backend(&t, "auto", 2);
    trm__real *x[2][5];
    for (int side = 0; side < 2; side++) {
      for (size_t i = 0; i < 4; i++) x[side][i] = numbers(LONG, i + 1, 0.1);
      x[side][4] = numbers(LONG, 5, 0);
      for (size_t i = 0; i < LONG; i++)
        x[side][2][i] = (trm__real)fabs((double)x[side][2][i]), x[side][4][i] = (trm__real)NAN;
    }
    t.be->kernels->scale(x[1][3], scale, LONG);
    trm__real *scratch = numbers(t.be->muon_scratch(t.be, 93, 430), 6, 0);
    for (int side = 0; side < 2; side++) {
      trm__update_state state = {.t = 5, .factor = 1, .grad_scale = side ? 1 : scale};
      trm__dense run = {kind ? TRM__DENSE_ADAMW : TRM__DENSE_ADAM_ATAN2,
                        x[side][0],
                        x[side][1],
                        x[side][2],
                        x[side][4],
                        x[side][3],
                        LONG,
                        0.01,
                        0.9,
                        0.95,
                        0.1,
                        1e-8};
      if (kind < 2) t.be->dense(t.be, &state, &run, 1);
      else t.be->muon(t.be, &state, x[side][0], x[side][1], x[side][4], x[side][3], 93, 430, 0.01, 0.9, 0.1, scratch);
    }
    size_t n = kind < 2 ? LONG : 93 * 430;
    assert_memory_equal(x[0][0], x[1][0], LONG * sizeof(trm__real));
    assert_memory_equal(x[0][1], x[1][1], LONG * sizeof(trm__real));
    assert_memory_equal(x[0][4], x[0][0], n * sizeof(trm__real));
    trm__free(scratch);
    for (size_t i = 0; i < 10; i++) trm__free(x[i / 5][i % 5]);
    close_bench(&t);
  }
}

static void sums_of_two(void **state) {
  (void)state;
  static const size_t lengths[] = {0, 1, 16384, 40001};
  for (int threads = 1; threads <= 3; threads++)
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
      bench t;
      open_backend(&t, "auto", threads);
      size_t n = lengths[k];
      trm__real *x = numbers(n + 1, 1, 1), *y = numbers(n + 1, 2, 1), *before = numbers(n + 1, 1, 1);
      t.be->add(t.be, x, y, n);
      for (size_t i = 0; i < n; i++)
        if (!(x[i] == before[i] + y[i])) fail_msg("element %zu of %zu", i, n);
      assert_true(x[n] == before[n]);
      trm__free(x);
      trm__free(y);
      trm__free(before);
      close_bench(&t);
    }
}

static void sums_of_squares(void **state) {
  (void)state;
  static const size_t lengths[] = {0, 1, 16384, 40001, 5000000};
  bench t;
  open_backend(&t, "auto", 2);
  for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
    size_t n = lengths[k];
    trm__real *x = numbers(n, 1, 1);
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    assert_true(fabs(t.be->sum_squares(t.be, x, n) - sum) <= 1e-9 * sum);
    trm__free(x);
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
  trm__real *ema = numbers(n, 5, 1), *average = numbers(n, 5, 1), *before = numbers(n, 1, 1);
  trm__update_state state = {.t = 1, .factor = 0.5, .ema_decay = 0.75, .grad_scale = 1, .diverged = TRM__LOSS_BAD};
  t.be->muon(t.be, &state, p, m, ema, g, rows, cols, 0.04, 0.95, 0.1, scratch);
  assert_memory_equal(p, before, n * sizeof *p); /* a diverged run changes nothing */
  state.diverged = TRM__SOUND;
  t.be->muon(t.be, &state, p, m, ema, g, rows, cols, 0.04, 0.95, 0.1, scratch);
  for (size_t i = 0; i < n; i++)
    assert_true(fabs((double)ema[i] - 0.75 * (double)average[i] - 0.25 * (double)p[i]) <= 1e-6);
  trm__free(ema);
  trm__free(average);
  trm__free(before);
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
  const trm__update_state sound = {.t = 1, .factor = 1, .grad_scale = 1};
  bench t;
  open_backend(&t, "auto", 1);
  trm__real *p = numbers(R * C, 1, 0), *m = numbers(R * C, 2, 0), *g = numbers(R * C, 3, 1);
  trm__real *scratch = numbers(t.be->muon_scratch(t.be, R, C), 4, 0);
  t.be->muon(t.be, &sound, p, m, NULL, g, R, C, 1, 0.95, 0, scratch);
  for (int i = 0; i < R; i++) {
    double length = 0;
    for (int j = 0; j < C; j++) length += (double)p[i * C + j] * (double)p[i * C + j];
    assert_true(length > 0.4 && length < 1.5);
  }
  memset(m, 0, R * C * sizeof *m);
  memset(g, 0, R * C * sizeof *g);
  double *expected = to_double(p, R * C);
  for (int i = 0; i < R * C; i++) expected[i] *= 1 - 0.5 * 0.1;
  t.be->muon(t.be, &sound, p, m, NULL, g, R, C, 0.5, 0.95, 0.1, scratch);
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
      cmocka_unit_test(adam_formulas),   cmocka_unit_test(clipping_is_exact), cmocka_unit_test(sums_of_two),
      cmocka_unit_test(sums_of_squares), cmocka_unit_test(muon_matches),      cmocka_unit_test(muon_is_orthogonal),
  };
  return cmocka_run_group_tests_name("backend optimizers", tests, NULL, NULL);
}
