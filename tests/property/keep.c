/* With TRM_KEEP_BEST more steps never make what is returned worse: fewer faults or as many, and of as many no smaller
 * q - for networks that have learned nothing and for the model that ships, with rules that end puzzles or not, over
 * several step limits. The last answers do get worse, so the property is one of keeping, not of the network. */
#include "unit/infer/support.h"

enum { PUZZLES = 24, MOST = 81, LIMITS = 5 };
static const int64_t limits[LIMITS] = {1, 2, 3, 7, 16};

typedef struct returned {
  int32_t answers[PUZZLES * MOST];
  trm_solution solutions[PUZZLES];
} returned;

static int32_t inputs[PUZZLES * MOST], identifiers[PUZZLES];

static void solve(trm_runtime *runtime, const trm_model *model, const trm_solver_config *config, returned *r) {
  trm_error err = {0};
  trm_solver *solver = NULL;
  CHECK_OK(trm_solver_open(&solver, runtime, model, config, &err), err);
  CHECK_OK(trm_solve(solver, PUZZLES, inputs, identifiers, r->answers, r->solutions, NULL, NULL, &err), err);
  trm_solver_close(&solver);
}

/* How many puzzles have a worse answer with the larger limit. */
static int count_worse(const trm_task *task, const returned *less, const returned *more, int64_t most) {
  int worse = 0, S = task->width * task->height;
  for (int i = 0; i < PUZZLES; i++) {
    const trm_solution *a = &less->solutions[i], *b = &more->solutions[i];
    int before = trm_task_faults(task, inputs + i * S, less->answers + i * S);
    int after = trm_task_faults(task, inputs + i * S, more->answers + i * S);
    worse += after > before || (after == before && b->q < a->q);
    assert_true(b->steps <= most && b->answer_step >= 1 && b->answer_step <= b->steps);
    if (b->checked) assert_int_equal(b->correct, after == 0);
  }
  return worse;
}

/* Answers that got worse from a limit to the next when the last is kept. With the best none may. */
static int check_model(trm_runtime *runtime, const trm_model *model, const trm_task *task, trm_solver_config config) {
  static returned less, more;
  int worse[2] = {0};
  for (config.keep = TRM_KEEP_LAST; config.keep <= TRM_KEEP_BEST; config.keep++)
    for (int l = 0; l < LIMITS; l++) {
      config.max_steps = limits[l];
      solve(runtime, model, &config, &more);
      for (int i = 0; i < PUZZLES && config.keep == TRM_KEEP_BEST; i++)
        assert_int_equal(more.solutions[i].checked, trm_task_rules(task) != NULL);
      if (l) worse[config.keep] += count_worse(task, &less, &more, limits[l]);
      less = more;
    }
  assert_int_equal(worse[TRM_KEEP_BEST], 0);
  return worse[TRM_KEEP_LAST];
}

static void random_weights(void **state) {
  (void)state;
  static const char *const tasks[] = {NULL, /* Sudoku 4x4, by its shape */
                                      "{\"kind\":\"generic\",\"width\":4,\"height\":4,\"box_width\":0,"
                                      "\"box_height\":0,\"vocab_size\":6,\"alphabet\":\"abcde\"}"};
  int worse = 0;
  for (int t = 0; t < 2; t++)
    for (int mixer = 0; mixer < 2; mixer++) {
      fixture f;
      trm_task task;
      trm_error err = {0};
      fixture_open(&f, mixer, 1, tasks[t]);
      CHECK_OK(trm_model_task(f.model, &task, &err), err);
      assert_int_equal(trm_task_rules(&task) != NULL, t == 0);
      test_puzzles(inputs, identifiers, PUZZLES, 9);
      for (int i = 0; i < 4; i++) {
        trm_solver_config config = trm_solver_config_default();
        config.halt = i == 1;
        config.rules_halt = i == 2;
        config.start_noise = i == 3 ? 2 : 0;
        config.latent_noise = i == 3 ? 0.3 : 0;
        worse += check_model(f.runtime, f.model, &task, config);
      }
      fixture_close(&f);
    }
  assert_true(worse > 0);
}

static void the_model_that_ships(void **state) {
  (void)state;
  trm_error err = {0};
  trm_runtime *runtime = NULL;
  trm_model *model = NULL;
  trm_task task;
  trm_wanted wanted = trm_wanted_default();
  trm_runtime_config on = trm_runtime_config_default();
  on.threads = 1;
  CHECK_OK(trm_runtime_open(&runtime, &on, &err), err);
  CHECK_OK(trm_model_open(&model, TRM_SOURCE_DIR "/models/sudoku-9x9.safetensors", &err), err);
  CHECK_OK(trm_model_task(model, &task, &err), err);
  wanted.min_clues = wanted.max_clues = 25;
  for (int i = 0; i < PUZZLES; i++) {
    int32_t answer[MOST];
    CHECK_OK(trm_generate(&task, 5, (uint64_t)i, &wanted, inputs + i * MOST, answer, &err), err);
    identifiers[i] = 0;
  }
  trm_solver_config config = trm_solver_config_default();
  config.halt = 0;
  assert_true(check_model(runtime, model, &task, config) > 0);
  config.rules_halt = 1;
  (void)check_model(runtime, model, &task, config);
  trm_model_close(&model);
  trm_runtime_close(&runtime);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_weights), cmocka_unit_test(the_model_that_ships)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
