/* The schedule of a run that is made longer or shorter: each update keeps its rate, unless schedule_steps asks for
 * another one; and values that would have no effect. */
#include "unit/train/run/bench.h"

#include "base/text/json.h"

enum { UPDATES = 12 };

static int keep_rate(void *context, const trm_train_progress *progress) {
  bench *b = context;
  b->rate[progress->step] = progress->lr;
  return progress->step == b->stop_at;
}

static trm_status start(bench *b, trm_error *err) {
  return trm_train_start(b->runtime, &b->model, &b->train, keep_rate, b, &b->result, err);
}

static trm_status resume(bench *b, const char *const *pairs, size_t count, trm_error *err) {
  return trm_train_resume(b->runtime, b->run, pairs, count, keep_rate, b, &b->result, err);
}

/* docs/spec.md, Schedule. */
static double expected(const bench *b, int t, double n) {
  double w = (double)b->train.lr_warmup_steps, r = b->train.lr_min_ratio, part = fmin(1, (t - w) / (n - w));
  return b->train.lr * (t < w ? t / w : r + (1 - r) * (1 + cos(3.14159265358979323846 * part)) / 2);
}

static void check_rates(const bench *b, int from, int to, double n) {
  for (int t = from; t <= to; t++)
    if (!(fabs(b->rate[t] - expected(b, t, n)) <= 1e-12))
      fail_msg("update %d: rate %g, expected %g of %g updates", t, b->rate[t], expected(b, t, n), n);
}

static void test_longer(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  const char *longer[] = {"steps", "16"}, *both[] = {"steps", "20", "schedule_steps", "20"},
             *own[] = {"schedule_steps", "0"};
  open_bench(&b);
  b.stop_at = 6;
  CHECK_FAILS(start(&b, &err), TRM_E_STOPPED, err, "after update 6 of 12");
  b.stop_at = 0;
  CHECK_OK(resume(&b, longer, 1, &err), err);
  assert_int_equal(b.result.step, 16);
  check_rates(&b, 1, 16, UPDATES); /* no jump at 7; from 12 on the least rate */
  assert_true(b.rate[16] == b.rate[UPDATES] && b.rate[16] < 0.11 * b.train.lr);
  CHECK_OK(resume(&b, both, 2, &err), err);
  check_rates(&b, 17, 20, 20); /* asked for */
  const char *more[] = {"steps", "24"};
  CHECK_OK(resume(&b, more, 1, &err), err);
  check_rates(&b, 21, 24, 20); /* and kept */
  CHECK_OK(resume(&b, own, 1, &err), err);
  close_bench(&b);
}

static void test_shorter(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  const char *shorter[] = {"steps", "9"};
  open_bench(&b);
  b.stop_at = 6;
  CHECK_FAILS(start(&b, &err), TRM_E_STOPPED, err, "after update 6 of 12");
  b.stop_at = 0;
  CHECK_OK(resume(&b, shorter, 1, &err), err);
  assert_int_equal(b.result.step, 9);
  const char *less[] = {"steps", "8"};
  CHECK_FAILS(resume(&b, less, 1, &err), TRM_E_USAGE, err, "has done 9 already");
  check_rates(&b, 1, 9, UPDATES);
  close_bench(&b);
}

/* A run of version 0.1.0 recorded the number of updates alone; that is its schedule. */
static void test_config_without_it(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  json_t *json = NULL;
  const char *longer[] = {"steps", "14"};
  open_bench(&b);
  CHECK_OK(start(&b, &err), err);
  const char *path = check_path(b.run, "config.json");
  CHECK_OK(trm__json_load(&json, path, 1 << 20, &err), err);
  assert_int_equal(json_object_del(json_object_get(json, "resolved"), "schedule_steps"), 0);
  assert_int_equal(json_object_del(json_object_get(json, "train"), "schedule_steps"), 0);
  assert_int_equal(json_object_del(json, "crc32"), 0); /* nor had older ones this */
  CHECK_OK(trm__json_save(json, path, &err), err);
  json_decref(json);
  CHECK_OK(resume(&b, longer, 1, &err), err);
  check_rates(&b, 1, 14, UPDATES);
  close_bench(&b);
}

/* A schedule that is said at the start, longer than the run; and one after whose end nothing would be learned. */
static void test_own_length(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  const char *longer[] = {"steps", "13"};
  open_bench(&b);
  b.train.schedule_steps = 20;
  CHECK_OK(start(&b, &err), err);
  check_rates(&b, 1, UPDATES, 20);
  check_remove(b.run);
  b.train.lr_min_ratio = 0;
  b.train.schedule_steps = 0;
  CHECK_OK(start(&b, &err), err);
  CHECK_FAILS(resume(&b, longer, 1, &err), TRM_E_USAGE, err, "--schedule-steps");
  check_remove(b.run);
  b.train.schedule_steps = 6;
  CHECK_FAILS(start(&b, &err), TRM_E_USAGE, err, "with a rate of 0");
  assert_false(trm__path_exists(b.run));
  close_bench(&b);
}

/* Values about validation where there is none, and a model of which nothing is trained. */
static void test_no_effect(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  open_bench(&b);
  b.train.patience = 3;
  CHECK_FAILS(start(&b, &err), TRM_E_USAGE, err, "--valid");
  assert_string_equal(err.where, "patience");
  b.train.patience = 0;
  strcpy(b.train.frozen, "inner.");
  CHECK_FAILS(start(&b, &err), TRM_E_USAGE, err, "freezes every tensor");
  assert_false(trm__path_exists(b.run));
  b.train.frozen[0] = 0;
  CHECK_OK(start(&b, &err), err);
  const char *every[] = {"eval_every", "3"}, *never[] = {"eval_every", "0"};
  CHECK_FAILS(resume(&b, every, 1, &err), TRM_E_USAGE, err, "--valid");
  CHECK_OK(resume(&b, never, 1, &err), err);
  close_bench(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_longer),     cmocka_unit_test(test_shorter),   cmocka_unit_test(test_config_without_it),
      cmocka_unit_test(test_own_length), cmocka_unit_test(test_no_effect),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
