/* The learned stop in the engine: puzzles leave after the first step at which their q is under the model's bound, and
 * right ones before; what a model without bounds, or a larger step limit, is told; and that files keep the bounds. */
#include "unit/infer/fifths.h"

enum { N = 30, STEPS = 5 };

static int32_t inputs[N * CELLS], identifiers[N];
static float known_q[N][STEPS];
static int known_right[N][STEPS];

static int know(void *context, const trm_step *step) {
  (void)context;
  known_q[step->puzzle][step->step - 1] = step->q;
  known_right[step->puzzle][step->step - 1] = fifths_right(step->answer);
  return TRM_STEP_ON;
}

static void solve(trm_runtime *runtime, const trm_model *model, trm_solver_config config, trm_solution *solutions,
                  trm_step_fn step) {
  static int32_t answers[N * CELLS];
  trm_error err = {0};
  trm_solver *solver = NULL;
  config.max_steps = STEPS;
  config.halt = 0;
  CHECK_OK(trm_solver_open(&solver, runtime, model, &config, &err), err);
  CHECK_OK(trm_solve(solver, N, inputs, identifiers, answers, solutions, step, NULL, &err), err);
  trm_solver_close(&solver);
}

static void check(const trm_solution *s, int i, const trm_hopeless *bounds, int rules, int *stopped) {
  int want = 1;
  for (; want < STEPS; want++) {
    if (rules && known_right[i][want - 1]) break;
    if ((double)known_q[i][want - 1] < bounds->bound[want - 1]) break;
  }
  int right = rules && known_right[i][want - 1];
  int hopeless = !right && want < STEPS;
  assert_int_equal(s->steps, want);
  assert_int_equal(s->halted, right ? TRM_HALT_RULES : hopeless ? TRM_HALT_HOPELESS : TRM_HALT_NONE);
  *stopped += hopeless;
}

static trm_model *with_bounds(const fixture *f, const trm_hopeless *bounds) {
  trm_error err = {0};
  trm_model *model = NULL, *again = NULL;
  trm_model_conversion what = trm_model_conversion_default();
  const char *path = check_path(f->dir, "bounds.safetensors");
  what.hopeless = bounds;
  CHECK_OK(trm_model_convert(f->model, path, &what, &err), err);
  CHECK_OK(trm_model_open(&model, path, &err), err);
  what.hopeless = NULL; /* it keeps them */
  what.halt_threshold = 1;
  CHECK_OK(trm_model_convert(model, check_path(f->dir, "again.safetensors"), &what, &err), err);
  trm_model_close(&model);
  CHECK_OK(trm_model_open(&again, check_path(f->dir, "again.safetensors"), &err), err);
  CHECK_OK(trm_model_quantize(again, check_path(f->dir, "int8.safetensors"), &err), err);
  CHECK_OK(trm_model_open(&model, check_path(f->dir, "int8.safetensors"), &err), err);
  trm_hopeless kept = trm_model_get_hopeless(model);
  assert_int_equal(kept.count, bounds->count);
  for (int t = 0; t < kept.count; t++) assert_true(kept.bound[t] == bounds->bound[t]);
  trm_model_close(&model);
  return again;
}

static void puzzles_without_hope_leave(void **state) {
  (void)state;
  static trm_solution solutions[N];
  fixture f;
  fixture_open(&f, 1, 2, FIFTHS_TASK);
  solve(f.runtime, f.model, trm_solver_config_default(), solutions, know);
  trm_hopeless bounds = {.count = STEPS - 1};
  for (int t = 0; t < bounds.count; t++) bounds.bound[t] = floor(400 * (double)known_q[t][t]) / 400 + 0.01 * t;
  trm_model *model = with_bounds(&f, &bounds);
  trm_solver_config config = trm_solver_config_default();
  config.stop_hopeless = 1;
  int stopped = 0;
  for (config.batch = 0; config.batch <= 4; config.batch += 4)
    for (config.rules_halt = 0; config.rules_halt < 2; config.rules_halt++) {
      solve(f.runtime, model, config, solutions, NULL);
      for (int i = 0; i < N; i++) check(&solutions[i], i, &bounds, config.rules_halt, &stopped);
    }
  assert_in_range(stopped, 4, 4 * N - 4);
  trm_error err = {0};
  trm_solver *solver = NULL;
  config.max_steps = STEPS + 1;
  CHECK_FAILS(trm_solver_open(&solver, f.runtime, model, &config, &err), TRM_E_USAGE, err, "hold for 5 steps at most");
  CHECK_FAILS(trm_solver_open(&solver, f.runtime, f.model, &config, &err), TRM_E_USAGE, err, "--choose-threshold");
  trm_model_close(&model);
  fixture_close(&f);
}

int main(void) {
  if (!fifths_register()) return 1;
  test_puzzles(inputs, identifiers, N, 3);
  const struct CMUnitTest tests[] = {cmocka_unit_test(puzzles_without_hope_leave)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
