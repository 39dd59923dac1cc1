/* Runs whose files have moved: found as seen from the run directory, or where the caller says, and only when they are
 * what the run was started with. */
#include "unit/train/run/bench.h"

#include "base/text/json.h"

typedef struct project {
  bench b;
  char here[100], data[150], run[150];
} project;

/* A run with validation data in a folder of its own, stopped after four updates. */
static void open_project(project *p) {
  trm_error err = {0};
  open_bench(&p->b);
  snprintf(p->here, sizeof p->here, "%s/project", p->b.dir);
  snprintf(p->data, sizeof p->data, "%s/data", p->here);
  snprintf(p->run, sizeof p->run, "%s/runs/one", p->here);
  CHECK_OK(trm__dir_make(check_path(p->here, "runs"), &err), err);
  char from[200];
  snprintf(from, sizeof from, "%s/data", p->b.dir);
  assert_int_equal(rename(from, p->data), 0);
  snprintf(p->b.train.data, sizeof p->b.train.data, "%s", p->data);
  snprintf(p->b.train.valid, sizeof p->b.train.valid, "%s", p->data);
  snprintf(p->b.train.run, sizeof p->b.train.run, "%s", p->run);
  p->b.train.steps = 4;
  CHECK_OK(trm_train_start(p->b.runtime, &p->b.model, &p->b.train, NULL, NULL, &p->b.result, &err), err);
}

static trm_status go_on(project *p, const char *run, const char *const *pairs, size_t count, trm_error *err) {
  return trm_train_resume(p->b.runtime, run, pairs, count, NULL, NULL, &p->b.result, err);
}

/* train.data in the run's config.json, which is absolute. */
static void expect_data(const char *run, const char *expected) {
  trm_error err = {0};
  json_t *json = NULL;
  char *whole = realpath(expected, NULL);
  assert_non_null(whole);
  CHECK_OK(trm__json_load(&json, check_path(run, "config.json"), 1 << 20, &err), err);
  assert_string_equal(json_string_value(json_object_get(json_object_get(json, "train"), "data")), whole);
  free(whole);
  json_decref(json);
}

static void make_other(const char *path) {
  trm_error err = {0};
  trm_make_config make = trm_make_config_default();
  snprintf(make.out, sizeof make.out, "%s", path);
  make.side = 4, make.train = 20, make.test = 6, make.threads = 1, make.seed = 99;
  CHECK_OK(trm_data_make(&make, NULL, NULL, &err), err);
}

static void test_everything_moved(void **state) {
  (void)state;
  project p;
  trm_error err = {0};
  char away[100], run[200], data[200];
  static const char *const longer[] = {"steps", "6"};
  open_project(&p);
  snprintf(away, sizeof away, "%s/away", p.b.dir);
  snprintf(run, sizeof run, "%s/runs/one", away);
  snprintf(data, sizeof data, "%s/data", away);
  assert_int_equal(rename(p.here, away), 0);
  CHECK_OK(go_on(&p, run, longer, 1, &err), err);
  assert_int_equal(p.b.result.step, 6);
  expect_data(run, data);
  close_bench(&p.b);
}

/* Other data in the old place does not stand in the way of the right one beside the run. */
static void test_other_data_in_the_old_place(void **state) {
  (void)state;
  project p;
  trm_error err = {0};
  char away[100], run[200];
  open_project(&p);
  snprintf(away, sizeof away, "%s/away", p.b.dir);
  snprintf(run, sizeof run, "%s/runs/one", away);
  assert_int_equal(rename(p.here, away), 0);
  CHECK_OK(trm__dir_make(p.here, &err), err);
  make_other(p.data);
  CHECK_OK(go_on(&p, run, NULL, 0, &err), err);
  /* Nothing but other data: refused, wherever it lies. */
  check_remove(check_path(away, "data"));
  assert_int_equal(rename(p.data, check_path(away, "data")), 0);
  CHECK_FAILS(go_on(&p, run, NULL, 0, &err), TRM_E_INPUT, err, "is not the data that this run was started with");
  close_bench(&p.b);
}

static void test_data_named(void **state) {
  (void)state;
  project p;
  trm_error err = {0};
  char away[200], other[200];
  open_project(&p);
  snprintf(away, sizeof away, "%s/elsewhere", p.b.dir);
  snprintf(other, sizeof other, "%s/other", p.b.dir);
  make_other(other);
  assert_int_equal(rename(p.data, away), 0);
  CHECK_FAILS(go_on(&p, p.run, NULL, 0, &err), TRM_E_INPUT, err,
              "does not exist; name the data of this run with --data");
  const char *wrong[] = {"data", other, "valid", away}, *right[] = {"data", away, "valid", away};
  const char *half[] = {"data", away}, *none[] = {"data", p.data};
  CHECK_FAILS(go_on(&p, p.run, wrong, 2, &err), TRM_E_INPUT, err, "is not the data that this run was started with");
  CHECK_FAILS(go_on(&p, p.run, half, 1, &err), TRM_E_INPUT, err, "--valid");
  CHECK_FAILS(go_on(&p, p.run, none, 1, &err), TRM_E_INPUT, err, "--data");
  CHECK_OK(go_on(&p, p.run, right, 2, &err), err);
  expect_data(p.run, away);
  assert_int_equal(p.b.result.updates, 0); /* where its data is does not make a finished run go on */
  close_bench(&p.b);
}

/* A run that had no validation data gets none by a path. */
static void test_valid_is_not_added(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  open_bench(&b);
  CHECK_OK(trm_train_start(b.runtime, &b.model, &b.train, NULL, NULL, &b.result, &err), err);
  const char *valid[] = {"valid", b.train.data};
  CHECK_FAILS(trm_train_resume(b.runtime, b.run, valid, 1, NULL, NULL, NULL, &err), TRM_E_INPUT, err,
              "was started without validation data");
  close_bench(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_everything_moved),
      cmocka_unit_test(test_other_data_in_the_old_place),
      cmocka_unit_test(test_data_named),
      cmocka_unit_test(test_valid_is_not_added),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
