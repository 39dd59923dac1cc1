/* Every public function that takes a configuration refuses one that its _default() did not fill, names the function to
 * call, and leaves *out and the disk as they were. */
#include "support/check.h"

#include <trm/solve.h>
#include <trm/train.h>

#define MODEL TRM_SOURCE_DIR "/models/sudoku-9x9.safetensors"

/* Sizes that no version has: not set, and of a later header. */
#define EACH_WRONG_SIZE(config) for (uint32_t wrong = 0; (config).size = wrong ? 1u << 20 : 0, wrong < 2; wrong++)

static trm_runtime *runtime;
static trm_model *model;

static void runtimes_and_solvers(void **state) {
  (void)state;
  trm_error err = {0};
  trm_runtime_config rc = trm_runtime_config_default();
  trm_solver_config sc = trm_solver_config_default();
  trm_runtime *opened = NULL;
  trm_solver *solver = NULL;
  assert_int_equal(rc.size, sizeof rc);
  assert_int_equal(sc.size, sizeof sc);
  EACH_WRONG_SIZE(rc)
  CHECK_FAILS(trm_runtime_open(&opened, &rc, &err), TRM_E_USAGE, err, "trm_runtime_config_default()");
  EACH_WRONG_SIZE(sc)
  CHECK_FAILS(trm_solver_open(&solver, runtime, model, &sc, &err), TRM_E_USAGE, err, "trm_solver_config_default()");
  CHECK_FAILS(trm_solver_open(&solver, runtime, model, NULL, &err), TRM_E_USAGE, err, "trm_solver_config_default()");
  assert_null(opened);
  assert_null(solver);
}

static void models(void **state) {
  (void)state;
  trm_error err = {0};
  trm_model_config config = *trm_model_get_config(model);
  trm_model_conversion what = trm_model_conversion_default();
  assert_int_equal(config.size, sizeof config);
  assert_int_equal(what.size, sizeof what);
  assert_true(trm_model_config_parameters(&config) > 0 && trm_model_config_positions(&config) >= 81);
  EACH_WRONG_SIZE(config) {
    CHECK_FAILS(trm_model_config_check(&config, &err), TRM_E_USAGE, err, "trm_model_config_default()");
    assert_int_equal(trm_model_config_parameters(&config), 0);
    assert_int_equal(trm_model_config_prefix(&config), 0);
    assert_int_equal(trm_model_config_positions(&config), 0);
    assert_true(trm_model_config_cost(&config).call == 0);
  }
  EACH_WRONG_SIZE(what)
  CHECK_FAILS(trm_model_convert(model, "never.safetensors", &what, &err), TRM_E_USAGE, err,
              "trm_model_conversion_default()");
  trm_adoption how = trm_adoption_default();
  trm_model *adopted = NULL;
  assert_int_equal(how.size, sizeof how);
  EACH_WRONG_SIZE(how)
  CHECK_FAILS(trm_model_adopt(&adopted, "absent", &how, NULL, &err), TRM_E_USAGE, err, "trm_adoption_default()");
  assert_null(adopted);
  assert_int_not_equal(access("never.safetensors", F_OK), 0);
}

static void training(void **state) {
  (void)state;
  trm_error err = {0};
  trm_model_config m;
  trm_train_config t;
  CHECK_OK(trm_preset_apply("sudoku-6x6", &m, &t, &err), err);
  assert_int_equal(m.size, sizeof m);
  assert_int_equal(t.size, sizeof t);
  assert_int_equal(trm_train_config_default().size, sizeof t);
  strcpy(t.data, "absent.csv");
  strcpy(t.run, "never-made");
  EACH_WRONG_SIZE(m)
  CHECK_FAILS(trm_train_start(runtime, &m, &t, NULL, NULL, NULL, &err), TRM_E_USAGE, err, "trm_model_config_default()");
  m.size = sizeof m;
  EACH_WRONG_SIZE(t)
  CHECK_FAILS(trm_train_start(runtime, &m, &t, NULL, NULL, NULL, &err), TRM_E_USAGE, err, "trm_train_config_default()");
  assert_int_not_equal(access("never-made", F_OK), 0);
}

static void data(void **state) {
  (void)state;
  trm_error err = {0};
  trm_make_config make = trm_make_config_default();
  trm_import_config import = trm_import_config_default();
  assert_int_equal(make.size, sizeof make);
  assert_int_equal(import.size, sizeof import);
  strcpy(make.out, "never-made");
  strcpy(import.out, "never-made");
  strcpy(import.input, "absent.csv");
  EACH_WRONG_SIZE(make)
  CHECK_FAILS(trm_data_make(&make, NULL, NULL, &err), TRM_E_USAGE, err, "trm_make_config_default()");
  EACH_WRONG_SIZE(import)
  CHECK_FAILS(trm_data_import(&import, NULL, NULL, NULL, &err), TRM_E_USAGE, err, "trm_import_config_default()");
  assert_int_not_equal(access("never-made", F_OK), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runtimes_and_solvers),
      cmocka_unit_test(models),
      cmocka_unit_test(training),
      cmocka_unit_test(data),
  };
  trm_runtime_config config = trm_runtime_config_default();
  config.threads = 1;
  if (trm_runtime_open(&runtime, &config, NULL) || trm_model_open(&model, MODEL, NULL)) return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  trm_model_close(&model);
  trm_runtime_close(&runtime);
  return failed;
}
