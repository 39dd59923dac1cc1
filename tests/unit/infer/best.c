/* What of a trajectory is told and kept: how far each step moves the state, which ends a puzzle that has come to rest,
 * and the best answer so far. */
#include "unit/infer/support.h"

#include "infer/best.h"
#include "infer/state.h"

enum { N = 12, STEPS = 8 };

static int32_t inputs[N * CELLS], identifiers[N];

static void a_better_answer(void **state) {
  (void)state;
  static const struct {
    trm__best best; /* step, faults, q */
    int faults;
    float q;
    int beaten;
  } cases[] = {
      {{0, 0, 0}, 9, -5, 1},                                                  /* the first */
      {{1, 3, 5}, 2, -5, 1},                                                  /* fewer faults win over q */
      {{1, 3, -5}, 4, 5, 0},   {{1, 3, 1}, 3, 2, 1},    {{1, 3, 1}, 3, 1, 0}, /* the earliest of equals */
      {{1, 3, NAN}, 3, -9, 1}, {{1, 3, -9}, 3, NAN, 0}, {{1, 3, NAN}, 3, NAN, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (trm__best_is_beaten(&cases[i].best, cases[i].faults, cases[i].q) != cases[i].beaten) fail_msg("case %zu", i);
}

/* -- how far a step moves ------------------------------------------------------------------------------------------ */

typedef struct trail {
  const fixture *f;
  trm_state *before[N];
  float change[N][STEPS];
  int steps[N];
} trail;

static double distance_of(const trm_state *state, const trm_state *before, size_t floats) {
  const float *x = (const float *)(const void *)trm__state_latents(state);
  const float *was = (const float *)(const void *)trm__state_latents(before);
  double moved = 0, size = 0;
  for (size_t i = 0; i < floats; i++) {
    moved += pow((double)x[i] - (double)was[i], 2);
    size += pow((double)x[i], 2);
  }
  return sqrt(moved / size);
}

static int follow(void *context, const trm_step *step) {
  trail *t = context;
  const trm__dims *d = &t->f->model->params.dims;
  trm_error err = {0};
  trm_state *now = NULL;
  CHECK_OK(trm_state_take(step->place, &now, &err), err);
  trm_state **before = &t->before[step->puzzle];
  assert_true(step->change > 0 && step->change < 2);
  if (*before) {
    double expected = distance_of(now, *before, 2 * (size_t)d->L * (size_t)d->D);
    assert_true(fabs((double)step->change - expected) <= 1e-6 * expected);
  }
  trm_state_close(before);
  *before = now;
  t->change[step->puzzle][step->step - 1] = step->change;
  t->steps[step->puzzle]++;
  return TRM_STEP_ON;
}

static void solve(const fixture *f, const trm_solver_config *config, trm_solution *solutions, trm_step_fn step,
                  void *context) {
  static int32_t answers[N * CELLS];
  trm_error err = {0};
  trm_solver *solver = NULL;
  CHECK_OK(trm_solver_open(&solver, f->runtime, f->model, config, &err), err);
  CHECK_OK(trm_solve(solver, N, inputs, identifiers, answers, solutions, step, context, &err), err);
  trm_solver_close(&solver);
}

static int no_change(void *context, const trm_step *step) {
  (void)context;
  assert_true(isnan(step->change));
  return TRM_STEP_ON;
}

/* The distance of the states that can be taken out; and a puzzle leaves after the first step that moves it no further
 * than wished, whatever the batch. */
static void changes_and_rest(void **state) {
  (void)state;
  static const int64_t batches[] = {1, 3, 64, 0};
  static trm_solution solutions[N];
  fixture f;
  fixture_open(&f, 1, 2, NULL);
  trail t = {.f = &f};
  trm_solver_config config = trm_solver_config_default();
  config.max_steps = STEPS;
  config.halt = 0;
  solve(&f, &config, solutions, no_change, NULL);
  config.change = 1;
  solve(&f, &config, solutions, follow, &t);
  for (int i = 0; i < N; i++) {
    assert_int_equal(t.steps[i], STEPS);
    trm_state_close(&t.before[i]);
  }
  config.change = 0; /* asked for by the limit */
  config.fixed_point = (double)t.change[0][3];
  int rest = 0;
  for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
    config.batch = batches[b];
    solve(&f, &config, solutions, NULL, NULL);
    for (int i = 0; i < N; i++) {
      int want = 1;
      while (want < STEPS && (double)t.change[i][want - 1] > config.fixed_point) want++;
      int rests = (double)t.change[i][want - 1] <= config.fixed_point;
      assert_int_equal(solutions[i].steps, want);
      assert_int_equal(solutions[i].halted, rests ? TRM_HALT_FIXED_POINT : TRM_HALT_NONE);
      rest += rests && want < STEPS;
    }
  }
  assert_true(rest > 0);
  fixture_close(&f);
}

static void what_is_refused(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  trm_solver *solver = NULL;
  fixture_open(&f, 1, 1, NULL);
  trm_solver_config config = trm_solver_config_default();
  config.fixed_point = -0.5;
  CHECK_FAILS(trm_solver_open(&solver, f.runtime, f.model, &config, &err), TRM_E_USAGE, err, "-0.5, expected 0 to 10");
  config.fixed_point = (double)NAN;
  CHECK_FAILS(trm_solver_open(&solver, f.runtime, f.model, &config, &err), TRM_E_USAGE, err, "expected 0 to 10");
  config = trm_solver_config_default();
  config.keep = 2;
  CHECK_FAILS(trm_solver_open(&solver, f.runtime, f.model, &config, &err), TRM_E_USAGE, err, "none of trm_keep");
  fixture_close(&f);
}

int main(void) {
  test_puzzles(inputs, identifiers, N, 3);
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_better_answer), cmocka_unit_test(changes_and_rest),
                                     cmocka_unit_test(what_is_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
