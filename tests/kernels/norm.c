/* Norms of every variant against loops in double. */
#include "kernels/check.h"

static const int sizes[][2] = {{1, 1}, {1, 8}, {3, 7}, {5, 9}, {97, 33}, {2, 512}, {916, 17}, {13, 130}, {97, 512}};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static double line_mean(const float *a, const float *b, int n, ptrdiff_t step) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += (double)a[i * step] * (double)b[i * step];
  return sum / n;
}

/* One line (a row with step 1, or a column with step cols) against the formula. */
static void check_line(const char *isa, const float *y, float inv, const float *x, int n, ptrdiff_t step, double eps,
                       int round) {
  double r = 1 / sqrt(line_mean(x, x, n, step) + eps);
  CHECK_CLOSE(inv, r, r * 3e-6, "%s inverse", isa);
  for (int i = 0; i < n; i++) {
    double want = x[i * step] * r;
    CHECK_CLOSE(y[i * step], want, fabs(want) * (round ? 0x1p-7 : 3e-6), "%s n %d step %d at %d", isa, n, (int)step, i);
    if (round) assert_true(y[i * step] == to_bf16(y[i * step]));
  }
}

static void check_line_backward(const char *isa, const float *dx, const float *dy, const float *y, float r, int n,
                                ptrdiff_t step) {
  double mean = line_mean(dy, y, n, step);
  for (int i = 0; i < n; i++) {
    double want = r * (dy[i * step] - y[i * step] * mean);
    double size = fabs((double)r) * (fabs((double)dy[i * step]) + fabs((double)y[i * step]));
    CHECK_CLOSE(dx[i * step], want, size * 3e-6, "%s backward n %d step %d at %d", isa, n, (int)step, i);
  }
}

static void run_rows(const trm__kernels *kernels, int rows, int cols, int round) {
  size_t n = (size_t)rows * (size_t)cols;
  guarded x = guarded_filled(n, FILL_UNIT), y = guarded_new(n), inv = guarded_new((size_t)rows);
  kernels->rms_rows(y.x, inv.x, x.x, rows, cols, 1e-5, round);
  for (int i = 0; i < rows; i++)
    check_line(kernels->isa, y.x + i * cols, inv.x[i], x.x + i * cols, cols, 1, 1e-5, round);
  guarded in_place = guarded_copy(x.x, n);
  kernels->rms_rows(in_place.x, NULL, in_place.x, rows, cols, 1e-5, round);
  assert_memory_equal(in_place.x, y.x, n * sizeof(float));
  guarded dy = guarded_filled(n, FILL_UNIT), dx = guarded_new(n);
  kernels->rms_rows_backward(dx.x, dy.x, y.x, inv.x, rows, cols);
  for (int i = 0; i < rows; i++)
    check_line_backward(kernels->isa, dx.x + i * cols, dy.x + i * cols, y.x + i * cols, inv.x[i], cols, 1);
  kernels->rms_rows_backward(dy.x, dy.x, y.x, inv.x, rows, cols);
  assert_memory_equal(dx.x, dy.x, n * sizeof(float));
  guarded *all[] = {&x, &y, &inv, &in_place, &dy, &dx};
  for (int i = 0; i < 6; i++) guarded_free(all[i]);
}

/* Columns, whole and in random ranges, which must give the same bits and leave the other columns alone. */
static void run_cols(const trm__kernels *kernels, int rows, int cols, int round) {
  size_t n = (size_t)rows * (size_t)cols;
  guarded x = guarded_filled(n, FILL_UNIT), y = guarded_new(n), inv = guarded_new((size_t)cols);
  guarded dy = guarded_filled(n, FILL_UNIT), dx = guarded_new(n);
  kernels->rms_cols(y.x, inv.x, x.x, rows, cols, 1e-5, round, 0, cols);
  kernels->rms_cols_backward(dx.x, dy.x, y.x, inv.x, rows, cols, 0, cols);
  for (int j = 0; j < cols; j++) {
    check_line(kernels->isa, y.x + j, inv.x[j], x.x + j, rows, cols, 1e-5, round);
    check_line_backward(kernels->isa, dx.x + j, dy.x + j, y.x + j, inv.x[j], rows, cols);
  }
  guarded in_place = guarded_copy(x.x, n), back = guarded_copy(dy.x, n), inv2 = guarded_new((size_t)cols);
  for (int c0 = 0; c0 < cols;) {
    int c1 = c0 + 1 + random_below(cols - c0);
    kernels->rms_cols(in_place.x, inv2.x, in_place.x, rows, cols, 1e-5, round, c0, c1);
    kernels->rms_cols_backward(back.x, back.x, y.x, inv.x, rows, cols, c0, c1);
    for (int i = 0; i < rows && c1 < cols; i++) {
      assert_true(in_place.x[i * cols + c1] == x.x[i * cols + c1]);
      assert_true(back.x[i * cols + c1] == dy.x[i * cols + c1]);
    }
    c0 = c1;
  }
  assert_memory_equal(in_place.x, y.x, n * sizeof(float));
  assert_memory_equal(inv2.x, inv.x, (size_t)cols * sizeof(float));
  assert_memory_equal(back.x, dx.x, n * sizeof(float));
  guarded *all[] = {&x, &y, &inv, &dy, &dx, &in_place, &back, &inv2};
  for (int i = 0; i < 8; i++) guarded_free(all[i]);
}

static void test_rows(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    for (int i = 0; i < SIZES; i++) run_rows(variant(v), sizes[i][0], sizes[i][1], i % 2);
  }
}

static void test_cols(void **state) {
  (void)state;
  for (int v = 0; variant(v); v++) {
    for (int i = 0; i < SIZES; i++) run_cols(variant(v), sizes[i][0], sizes[i][1], i % 2);
  }
}

/* Zeros stay zeros; a NaN spoils its own line and no other. */
static void test_special_values(void **state) {
  (void)state;
  enum { R = 6, C = 21 };
  for (int v = 0; variant(v); v++) {
    guarded x = guarded_filled(R * C, FILL_ZERO), y = guarded_new(R * C);
    variant(v)->rms_rows(y.x, NULL, x.x, R, C, 1e-5, 1);
    for (int i = 0; i < R * C; i++) assert_true(y.x[i] == 0);
    fill(x.x, R * C, FILL_UNIT);
    x.x[2 * C + 20] = NAN;
    variant(v)->rms_rows(y.x, NULL, x.x, R, C, 1e-5, 0);
    for (int i = 0; i < R * C; i++) assert_int_equal(!!isnan(y.x[i]), i / C == 2);
    variant(v)->rms_cols(y.x, NULL, x.x, R, C, 1e-5, 0, 0, C);
    for (int i = 0; i < R * C; i++) assert_int_equal(!!isnan(y.x[i]), i % C == 20);
    guarded_free(&x);
    guarded_free(&y);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rows),
      cmocka_unit_test(test_cols),
      cmocka_unit_test(test_special_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
