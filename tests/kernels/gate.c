/* The rms-gated activation of every variant against the formula in double. */
#include "kernels/check.h"

static const int sizes[][2] = {{1, 1}, {1, 8}, {3, 7}, {5, 9}, {97, 33}, {2, 512}, {13, 130}, {3, 1536}, {512, 64}};
enum { SIZES = sizeof sizes / sizeof sizes[0] };
static const double eps = 1e-5;

static double sigmoid(double x) {
  return 1 / (1 + exp(-x));
}

/* One row or column: n gates, ups `ups` numbers further on, neighbours step apart; da and act likewise. */
typedef struct line {
  const float *gu, *da, *dgu, *act;
  ptrdiff_t step, ups;
  int n;
} line;

static double factor_of(const line *l) {
  double squares = 0;
  for (int i = 0; i < l->n; i++) {
    double p = (double)l->gu[i * l->step] * (double)l->gu[i * l->step + l->ups];
    squares += p * p;
  }
  return 1 / sqrt(squares / l->n + eps);
}

static void check_line(const char *isa, const line *l, float scale) {
  double r = factor_of(l), mean = 0, size = 0;
  CHECK_CLOSE(scale, r, r * 3e-6, "%s scale", isa);
  for (int i = 0; i < l->n; i++) {
    double g = l->gu[i * l->step], part = l->da[i * l->step] * sigmoid(g) * g * l->gu[i * l->step + l->ups];
    mean += part / l->n;
    size += fabs(part) / l->n;
  }
  for (int i = 0; i < l->n; i++) {
    double g = l->gu[i * l->step], u = l->gu[i * l->step + l->ups], d = l->da[i * l->step], s = sigmoid(g), p = g * u;
    double dp = r * (d * s - r * r * p * mean), least = r * (fabs(d) * s + r * r * fabs(p) * size);
    double slope = d * p * r * s * (1 - s);
    CHECK_CLOSE(l->act[i * l->step], s * p * r, fabs(s * p * r) * 4e-6 + 1e-34, "%s act at %d", isa, i);
    CHECK_CLOSE(l->dgu[i * l->step + l->ups], dp * g, least * fabs(g) * 4e-6 + 1e-34, "%s dup at %d", isa, i);
    CHECK_CLOSE(l->dgu[i * l->step], dp * u + slope, least * fabs(u) * 4e-6 + fabs(d * p * r * s) * 2e-6 + 1e-34,
                "%s dgate at %d", isa, i);
  }
}

typedef void (*scale_fn)(float *scale, const float *gu, int rows, int cols, double eps);
typedef void (*backward_fn)(float *dgu, float *act, const float *gu, const float *da, int rows, int cols, double eps);

static void run(const trm__kernels *kernels, int rows, int cols, int down) {
  scale_fn forward = down ? kernels->rms_gate_cols : kernels->rms_gate_rows;
  backward_fn backward = down ? kernels->rms_gate_cols_backward : kernels->rms_gate_rows_backward;
  size_t n = (size_t)rows * (size_t)cols;
  int lines = down ? cols : rows;
  guarded gu = guarded_filled(2 * n, FILL_UNIT), da = guarded_filled(n, FILL_UNIT), scale = guarded_new((size_t)lines);
  guarded dgu = guarded_new(2 * n), act = guarded_new(n);
  for (size_t i = 0; i < 2 * n; i += 5) gu.x[i] *= 30; /* where the sigmoid is flat */
  forward(scale.x, gu.x, rows, cols, eps);
  backward(dgu.x, act.x, gu.x, da.x, rows, cols, eps);
  for (int i = 0; i < lines; i++) {
    size_t first = down ? (size_t)i : (size_t)i * 2 * (size_t)cols, at = down ? (size_t)i : (size_t)i * (size_t)cols;
    line l = {gu.x + first,      da.x + at, dgu.x + first, act.x + at, down ? cols : 1, down ? (ptrdiff_t)n : cols,
              down ? rows : cols};
    check_line(kernels->isa, &l, scale.x[i]);
  }
  guarded in_place = guarded_copy(gu.x, 2 * n), da2 = guarded_copy(da.x, n);
  backward(in_place.x, da2.x, in_place.x, da2.x, rows, cols, eps);
  assert_memory_equal(in_place.x, dgu.x, 2 * n * sizeof(float));
  assert_memory_equal(da2.x, act.x, n * sizeof(float));
  guarded *all[] = {&gu, &da, &scale, &dgu, &act, &in_place, &da2};
  for (int i = 0; i < 7; i++) guarded_free(all[i]);
}

static void test_sizes(void **state) {
  int down = *(const int *)*state;
  for (int v = 0; variant(v); v++) {
    for (int i = 0; i < SIZES; i++) run(variant(v), sizes[i][0], sizes[i][1], down);
  }
}

/* Zeros stay zeros; a NaN spoils its own line and no other. */
static void test_special_values(void **state) {
  (void)state;
  enum { R = 6, C = 21, N = R * C };
  for (int v = 0; variant(v); v++) {
    const trm__kernels *kernels = variant(v);
    guarded gu = guarded_filled(2 * N, FILL_ZERO), da = guarded_filled(N, FILL_UNIT), scale = guarded_new(C);
    guarded dgu = guarded_new(2 * N), act = guarded_new(N);
    for (int down = 0; down < 2; down++) {
      backward_fn backward = down ? kernels->rms_gate_cols_backward : kernels->rms_gate_rows_backward;
      fill(gu.x, 2 * N, FILL_ZERO);
      backward(dgu.x, act.x, gu.x, da.x, R, C, eps);
      for (int i = 0; i < N; i++) assert_true(act.x[i] == 0 && dgu.x[i] == 0 && dgu.x[N + i] == 0);
      fill(gu.x, 2 * N, FILL_UNIT);
      gu.x[down ? 2 * C + 20 : 2 * 2 * C + 20] = NAN;
      backward(dgu.x, act.x, gu.x, da.x, R, C, eps);
      for (int i = 0; i < N; i++) assert_int_equal(!!isnan(act.x[i]), down ? i % C == 20 : i / C == 2);
      (down ? kernels->rms_gate_cols : kernels->rms_gate_rows)(scale.x, gu.x, R, C, eps);
      for (int i = 0; i < (down ? C : R); i++) assert_int_equal(!!isnan(scale.x[i]), i == (down ? 20 : 2));
    }
    guarded *all[] = {&gu, &da, &scale, &dgu, &act};
    for (int i = 0; i < 5; i++) guarded_free(all[i]);
  }
}

int main(void) {
  static int rows = 0, cols = 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_prestate(test_sizes, &rows),
      cmocka_unit_test_prestate(test_sizes, &cols),
      cmocka_unit_test(test_special_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
