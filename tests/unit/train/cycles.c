/* Schedules of n and T: what is read, what is refused and why, and where a phase begins. */
#include "support/check.h"

#include "train/cycles.h"

static trm_model_config model(void) {
  trm_model_config m = trm_model_config_default();
  m.L_cycles = 6;
  m.H_cycles = 3;
  return m;
}

static void check_at(const trm__cycles *c, int64_t t, int64_t updates, int n, int T) {
  trm__phase phase = trm__cycles_at(c, t, updates);
  if (phase.n != n || phase.T != T)
    fail_msg("update %d of %d: n = %d, T = %d, expected %d and %d", (int)t, (int)updates, phase.n, phase.T, n, T);
}

static void test_phases(void **state) {
  (void)state;
  trm_error err;
  trm__cycles c;
  trm_model_config m = model();
  CHECK_OK(trm__cycles_parse(&c, "0:2x1,0.3:4x2,0.6:6x3", &m, &err), err);
  assert_int_equal(c.count, 3);
  check_at(&c, 1, 100, 2, 1);
  check_at(&c, 30, 100, 2, 1);
  check_at(&c, 31, 100, 4, 2); /* 30 of 100 are done before it */
  check_at(&c, 60, 100, 4, 2);
  check_at(&c, 61, 100, 6, 3);
  check_at(&c, 100, 100, 6, 3);
  check_at(&c, 1000, 100, 6, 3);
  check_at(&c, 1, 1, 2, 1);
  CHECK_OK(trm__cycles_parse(&c, "0:1x1,0.07:2x1,.15:3x1,0.57:4x1", &m, &err), err);
  for (int64_t t = 1; t <= 100; t++) check_at(&c, t, 100, t <= 7 ? 1 : t <= 15 ? 2 : t <= 57 ? 3 : 4, 1);
  for (int64_t t = 1; t <= 20; t++) check_at(&c, t, 20, t <= 2 ? 1 : t <= 3 ? 2 : t <= 12 ? 3 : 4, 1);
  CHECK_OK(trm__cycles_parse(&c, "0:1x1024,1.0:1x1", &m, &err), err);
  check_at(&c, 10, 10, 1, 1024);
  check_at(&c, 11, 10, 1, 1); /* a run that was lengthened */
}

static void test_default(void **state) {
  (void)state;
  trm_error err;
  trm__cycles c;
  trm_model_config m = model();
  CHECK_OK(trm__cycles_parse(&c, "", &m, &err), err);
  assert_int_equal(c.count, 1);
  check_at(&c, 1, 10, 6, 3);
  check_at(&c, 10, 10, 6, 3);
}

static void test_refused(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } cases[] = {{"0", "phase 1"},
               {"0:2", "phase 1"},
               {"0:2x", "phase 1"},
               {"0:2x0", "phase 1"},
               {"0:0x2", "phase 1"},
               {"0:2x1025", "phase 1"},
               {"0:99999999999999999999x1", "phase 1"},
               {"0:2x1,", "phase 2, \"\""},
               {"0:2x1;0.3:4x2", "phase 1, \"0:2x1;0.3:4x2\""},
               {"0.1:2x1", "must begin at 0"},
               {"nan:2x1", "phase 1"},
               {"-0:2x1", "phase 1"},
               {"0..5:2x1", "phase 1"},
               {":2x1", "phase 1"},
               {".:2x1", "phase 1"},
               {"0.0000000000000001:2x1", "phase 1"},
               {"0:2x1, 0.3:4x2", "phase 2"},
               {"0:2x1,0.3:4x2,0.3:6x3", "after the phase before"},
               {"0:2x1,1.5:4x2", "at 1 at the latest"},
               {"0:2x1,0.5:7x2", "L_cycles is 6"}};
  trm_model_config m = model();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_error err;
    trm__cycles c = {.count = 77};
    CHECK_FAILS(trm__cycles_parse(&c, cases[i].text, &m, &err), TRM_E_USAGE, err, cases[i].message);
    assert_string_equal(err.where, "--cycles-schedule");
    assert_int_equal(c.count, 77);
  }
  char many[512] = "0:1x1";
  for (int i = 1; i < 33; i++) {
    size_t used = strlen(many);
    assert_true(snprintf(many + used, sizeof many - used, ",.%02d:1x1", i) < (int)(sizeof many - used));
  }
  trm_error err;
  trm__cycles c;
  CHECK_FAILS(trm__cycles_parse(&c, many, &m, &err), TRM_E_USAGE, err, "more than 32 phases");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_phases),
      cmocka_unit_test(test_default),
      cmocka_unit_test(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
