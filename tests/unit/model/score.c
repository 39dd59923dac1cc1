/* Sums and fractions of results. */
#include "support/check.h"

#include "model/score.h"

static void test_counts(void **state) {
  (void)state;
  trm__score m = {0}, part = {0};
  const trm__example_stats stats[] = {
      {.lm_loss = 0.5, .halt_loss = 0.25, .q_halt = 1, .labelled = 10, .right = 10, .exact = 1},
      {.lm_loss = 1.5, .halt_loss = 0.5, .q_halt = 2, .labelled = 10, .right = 7, .exact = 0},
      {.lm_loss = 1, .halt_loss = 0.25, .q_halt = -1, .labelled = 4, .right = 4, .exact = 1},
      {.lm_loss = 0, .halt_loss = 0, .q_halt = 0, .labelled = 0, .right = 0, .exact = 1},
      {.lm_loss = 2, .halt_loss = 1, .q_halt = -3, .labelled = 6, .right = 1, .exact = 0},
  };
  for (int i = 0; i < 5; i++) trm__score_add(i < 2 ? &m : &part, &stats[i], i + 1, 0);
  trm__score_merge(&m, &part);
  assert_int_equal(m.examples, 5);
  assert_int_equal(m.said_right_is_right, 1);
  assert_int_equal(m.said_right_is_wrong, 1);
  assert_int_equal(m.said_wrong_is_right, 2); /* a logit equal to the threshold says wrong */
  assert_int_equal(m.said_wrong_is_wrong, 1);
  assert_true(trm__score_exact_accuracy(&m) == 3.0 / 5);
  assert_true(trm__score_token_accuracy(&m) == 22.0 / 30);
  assert_true(trm__score_mean_steps(&m) == 3);
  assert_true(trm__score_mean_lm_loss(&m) == 1);
  assert_true(trm__score_right_precision(&m) == 0.5);
  assert_true(trm__score_right_recall(&m) == 1.0 / 3);
  assert_true(trm__score_wrong_precision(&m) == 1.0 / 3);
  assert_true(trm__score_wrong_recall(&m) == 0.5);
}

static void test_threshold(void **state) {
  (void)state;
  trm__score m = {0};
  trm__example_stats s = {.q_halt = 1, .labelled = 1, .right = 1, .exact = 1};
  trm__score_add(&m, &s, 1, 1.5);
  trm__score_add(&m, &s, 1, 0.5);
  s.q_halt = NAN;
  trm__score_add(&m, &s, 1, 0);
  assert_int_equal(m.said_wrong_is_right, 2);
  assert_int_equal(m.said_right_is_right, 1);
}

static void test_nothing_counted(void **state) {
  (void)state;
  trm__score m = {0};
  assert_true(isnan(trm__score_exact_accuracy(&m)));
  assert_true(isnan(trm__score_token_accuracy(&m)));
  assert_true(isnan(trm__score_mean_steps(&m)));
  assert_true(isnan(trm__score_right_precision(&m)));
  assert_true(isnan(trm__score_wrong_recall(&m)));
}

static void test_wilson(void **state) {
  (void)state;
  double low, high;
  trm__wilson_interval(971, 1000, &low, &high);
  assert_true(fabs(low - 0.9586616) <= 2e-6);
  assert_true(fabs(high - 0.9797336) <= 2e-6);
  trm__wilson_interval(0, 0, &low, &high);
  assert_true(low == 0 && high == 1);
  trm__wilson_interval(0, 10, &low, &high);
  assert_true(low == 0 && fabs(high - 0.277533) <= 2e-6);
  trm__wilson_interval(10, 10, &low, &high);
  assert_true(high == 1 && fabs(low - (1 - 0.277533)) <= 2e-6);
  for (int64_t n = 1; n < 50; n++)
    for (int64_t k = 0; k <= n; k++) {
      double p = (double)k / (double)n;
      trm__wilson_interval(k, n, &low, &high);
      assert_true(0 <= low && low <= p && p <= high && high <= 1 && low < high);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_counts),
      cmocka_unit_test(test_threshold),
      cmocka_unit_test(test_nothing_counted),
      cmocka_unit_test(test_wilson),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
