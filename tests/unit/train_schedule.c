/* The learning rate's factor at its corners. */
#include "check.h"

#include "train/schedule.h"

static void check(int64_t t, int64_t warmup, int64_t total, double ratio, double expected) {
  double got = trm__schedule(t, warmup, total, ratio);
  if (!(fabs(got - expected) <= 1e-15)) fail_msg("update %d: %.17g, expected %.17g", (int)t, got, expected);
}

static void test_warmup(void **state) {
  (void)state;
  check(1, 2000, 65104, 1, 1.0 / 2000);
  check(1999, 2000, 65104, 1, 1999.0 / 2000);
  check(2000, 2000, 65104, 1, 1);
  check(1, 0, 100, 1, 1); /* no warm-up */
  check(1, 1, 100, 0.5, 1);
}

static void test_cosine(void **state) {
  (void)state;
  check(4, 4, 40, 0.1, 1);
  check(22, 4, 40, 0.1, 0.55); /* half way */
  check(13, 4, 40, 0, (1 + sqrt(0.5)) / 2);
  check(40, 4, 40, 0.1, 0.1);
  check(40, 4, 40, 0, 0);
}

static void test_constant(void **state) {
  (void)state;
  for (int64_t t = 2000; t <= 65104; t += 1051) check(t, 2000, 65104, 1, 1);
}

/* Past the end (a run that was lengthened), and runs that end inside the warm-up. */
static void test_outside(void **state) {
  (void)state;
  check(41, 4, 40, 0.1, 0.1);
  check(1000000, 4, 40, 0.1, 0.1);
  check(5, 10, 5, 0.1, 0.5);
  check(10, 10, 10, 0.1, 1);
  check(12, 10, 5, 0.1, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_warmup),
      cmocka_unit_test(test_cosine),
      cmocka_unit_test(test_constant),
      cmocka_unit_test(test_outside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
