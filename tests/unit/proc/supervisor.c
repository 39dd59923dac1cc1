/* Promises of the supervisor one by one, in numbers; supervisor_random.c has them all at once. */
#include "support/check.h"

#include "proc/supervisor.h"

static trm__supervisor s;

static void begin(trm__strategy strategy, int restarts, int children, int64_t heartbeat_ms) {
  trm_error err = {0};
  trm__supervisor_config config = trm__supervisor_config_default(strategy, 1);
  trm__child_rule rule = trm__child_rule_default();
  config.restarts = restarts;
  config.period_ms = 1000;
  config.backoff_ms = config.backoff_most_ms = 0;
  rule.start_ms = 0;
  rule.heartbeat_ms = heartbeat_ms;
  CHECK_OK(trm__supervisor_init(&s, &config, &err), err);
  for (int i = 0; i < children; i++) {
    int place = -1;
    CHECK_OK(trm__supervisor_add(&s, &rule, &place, &err), err);
    assert_int_equal(place, i);
  }
}

/* The orders at this time, as text: "S0 S1 T2 K3 ". */
static const char *orders(int64_t now) {
  static char text[4096];
  trm__order order;
  size_t used = 0;
  text[0] = 0;
  while (trm__supervisor_next(&s, now, &order))
    used += (size_t)snprintf(text + used, sizeof text - used, "%c%d ", "STK"[order.kind], order.place);
  assert_null(trm__supervisor_check(&s));
  return text;
}

/* N restarts in the window pass, the next one does not; and one of exactly the window's age is in it. */
static void test_intensity(void **state) {
  (void)state;
  for (int n = 0; n <= TRM__MOST_RESTARTS; n++)
    for (int late = 0; late <= 1; late++) {
      begin(TRM__ONE_FOR_ONE, n, 1, 0);
      trm__supervisor_start(&s, 0);
      assert_string_equal(orders(0), "S0 ");
      for (int k = 0; k < n; k++) {
        trm__supervisor_exited(&s, 0, TRM__END_FAILED, 0);
        assert_string_equal(orders(0), "S0 ");
      }
      trm__supervisor_exited(&s, 0, TRM__END_NORMAL, 1000 + late);
      int passes = late && n > 0;
      assert_string_equal(orders(1000 + late), passes ? "S0 " : "");
      assert_int_equal(s.phase, passes ? TRM__PHASE_RUNNING : TRM__PHASE_ENDED);
      assert_int_equal(s.gave_up, passes ? -1 : 0);
    }
}

static void test_strategies(void **state) {
  (void)state;
  static const char *const stops[] = {"S1 ", "T3 ", "T3 "};
  for (int strategy = 0; strategy < 3; strategy++) {
    begin((trm__strategy)strategy, 3, 4, 0);
    trm__supervisor_start(&s, 0);
    assert_string_equal(orders(0), "S0 S1 S2 S3 ");
    trm__supervisor_exited(&s, 1, TRM__END_FAILED, 5);
    assert_string_equal(orders(5), stops[strategy]);
    if (strategy == TRM__ONE_FOR_ONE) continue;
    trm__supervisor_exited(&s, 3, TRM__END_NORMAL, 6);
    assert_string_equal(orders(6), "T2 ");
    trm__supervisor_exited(&s, 2, TRM__END_FAILED, 7);
    if (strategy == TRM__ONE_FOR_ALL) {
      assert_string_equal(orders(7), "T0 ");
      trm__supervisor_exited(&s, 0, TRM__END_NORMAL, 8);
      assert_string_equal(orders(8), "S0 S1 S2 S3 ");
    } else {
      assert_string_equal(orders(7), "S1 S2 S3 ");
    }
    assert_int_equal(s.notes, 1);
  }
}

static void test_heartbeat(void **state) {
  (void)state;
  begin(TRM__ONE_FOR_ONE, 1, 1, 50);
  trm__supervisor_start(&s, 0);
  orders(0);
  assert_int_equal(trm__supervisor_due(&s), 50);
  trm__supervisor_beat(&s, 0, 40);
  assert_int_equal(trm__supervisor_due(&s), 90);
  assert_string_equal(orders(89), "");
  trm__supervisor_woke(&s, 500); /* nobody could beat */
  assert_string_equal(orders(500), "");
  assert_int_equal(trm__supervisor_due(&s), 550);
  assert_string_equal(orders(550), "K0 ");
  assert_int_equal(trm__supervisor_due(&s), TRM__NEVER);
  assert_string_equal(orders(9999), "");
  trm__supervisor_exited(&s, 0, TRM__END_FAILED, 9999);
  assert_string_equal(orders(9999), "S0 ");
  assert_int_equal(s.notes, 1);
}

static void test_backoff(void **state) {
  (void)state;
  trm_error err = {0};
  trm__supervisor_config config = trm__supervisor_config_default(TRM__ONE_FOR_ONE, 7);
  trm__child_rule rule = trm__child_rule_default();
  int place, differ = 0;
  int64_t now = 0, expected = 100;
  config.restarts = 64;
  config.backoff_ms = 100;
  config.backoff_most_ms = 2000;
  CHECK_OK(trm__supervisor_init(&s, &config, &err), err);
  CHECK_OK(trm__supervisor_add(&s, &rule, &place, &err), err);
  trm__supervisor_start(&s, now);
  for (int k = 0; k < 12; k++) {
    assert_string_equal(orders(now), "S0 ");
    trm__supervisor_exited(&s, 0, TRM__END_FAILED, now);
    int64_t wait = trm__supervisor_due(&s) - now;
    assert_true(wait <= expected && 2 * wait >= expected);
    differ += wait != expected;
    assert_string_equal(orders(now + wait - 1), "");
    now += wait;
    expected = expected < 1600 ? 2 * expected : 2000;
  }
  assert_true(differ > 6);
  assert_string_equal(orders(now), "S0 ");
  trm__supervisor_ready(&s, 0, now); /* a period of being ready ends the row */
  now += config.period_ms;
  trm__supervisor_exited(&s, 0, TRM__END_FAILED, now);
  assert_true(trm__supervisor_due(&s) - now <= 100);
}

static void test_places(void **state) {
  (void)state;
  trm_error err = {0};
  trm__child_rule rule = trm__child_rule_default();
  int place;
  begin(TRM__ONE_FOR_ONE, 1, TRM__PLACES - 1, 0);
  trm__supervisor_start(&s, 0);
  orders(0);
  CHECK_OK(trm__supervisor_add(&s, &rule, &place, &err), err);
  assert_int_equal(place, TRM__PLACES - 1);
  CHECK_FAILS(trm__supervisor_add(&s, &rule, &place, &err), TRM_E_BUSY, err, "all 128 places");
  assert_string_equal(orders(0), "S127 ");
  trm__supervisor_retire(&s, 127, 1);
  assert_string_equal(orders(1), "T127 ");
  trm__supervisor_exited(&s, 127, TRM__END_FAILED, 2);
  assert_string_equal(orders(2), "");
  CHECK_OK(trm__supervisor_add(&s, &rule, &place, &err), err);
  assert_int_equal(place, 127);
  trm__supervisor_stop(&s, 3);
  CHECK_FAILS(trm__supervisor_add(&s, &rule, &place, &err), TRM_E_STOPPED, err, "ending");
}

/* Events for nobody, twice, or too late change nothing. */
static void test_nonsense(void **state) {
  (void)state;
  begin(TRM__ONE_FOR_ALL, 0, 2, 0);
  for (int p = -2; p < 200; p += 67) {
    trm__supervisor_ready(&s, p, 0);
    trm__supervisor_beat(&s, p, 0);
    trm__supervisor_exited(&s, p, TRM__END_HOPELESS, 0);
    trm__supervisor_retire(&s, p, 0);
  }
  trm__supervisor_retire(&s, 0, 0);
  assert_string_equal(orders(0), "");
  trm__supervisor_start(&s, 10);
  assert_string_equal(orders(10), "S0 S1 ");
  trm__supervisor_start(&s, 10);
  assert_string_equal(orders(5), ""); /* time does not go back */
  trm__supervisor_stop(&s, 20);
  assert_string_equal(orders(20), "T1 ");
  trm__supervisor_stop(&s, 20);
  trm__supervisor_kill(&s, 21);
  assert_string_equal(orders(21), "K1 K0 ");
  trm__supervisor_exited(&s, 0, TRM__END_FAILED, 22);
  trm__supervisor_exited(&s, 0, TRM__END_FAILED, 22);
  assert_int_equal(s.phase, TRM__PHASE_ENDING);
  trm__supervisor_exited(&s, 1, TRM__END_FAILED, 23);
  assert_int_equal(s.phase, TRM__PHASE_ENDED);
  assert_int_equal(s.gave_up, -1);
}

static void test_usage(void **state) {
  (void)state;
  trm_error err = {0};
  int place;
  trm__supervisor_config good = trm__supervisor_config_default(TRM__ONE_FOR_ONE, 1), bad;
  trm__child_rule rule = trm__child_rule_default();
#define REFUSES(field, value)                                                                                          \
  bad = good, bad.field = (value);                                                                                     \
  CHECK_FAILS(trm__supervisor_init(&s, &bad, &err), TRM_E_USAGE, err, #field)
  REFUSES(restarts, -1);
  REFUSES(restarts, TRM__MOST_RESTARTS + 1);
  REFUSES(period_ms, 0);
  REFUSES(period_ms, TRM__NEVER);
  REFUSES(backoff_ms, -1);
  REFUSES(backoff_most_ms, 199);
  CHECK_OK(trm__supervisor_init(&s, &good, &err), err);
  rule.heartbeat_ms = TRM__NEVER;
  CHECK_FAILS(trm__supervisor_add(&s, &rule, &place, &err), TRM_E_USAGE, err, "heartbeat_ms");
  rule.heartbeat_ms = 0;
  rule.shutdown_ms = -1;
  CHECK_FAILS(trm__supervisor_add(&s, &rule, &place, &err), TRM_E_USAGE, err, "shutdown_ms");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_intensity), cmocka_unit_test(test_strategies), cmocka_unit_test(test_heartbeat),
      cmocka_unit_test(test_backoff),   cmocka_unit_test(test_places),     cmocka_unit_test(test_nonsense),
      cmocka_unit_test(test_usage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
