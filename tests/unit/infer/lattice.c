/* Solving with a lattice model of random weights, which solves small puzzles by guessing: the same answers for any
 * batch and number of threads, what is called right is right, budgets hold, and what such a model cannot do is refused.
 */
#include "unit/infer/support.h"

#include <trm/session.h>

enum { PUZZLES = 9 };

static const char task[] = "{\"kind\":\"sudoku\",\"width\":4,\"height\":4,"
                           "\"box_width\":2,\"box_height\":2,\"vocab_size\":6,\"alphabet\":\".1234\"}";

typedef struct lattice {
  char dir[64];
  trm_runtime *runtime;
  trm_model *model;
  int32_t questions[PUZZLES * CELLS];
} lattice;

static trm_model_config lattice_config(void) {
  trm_model_config c = test_config(0);
  c.recursion = TRM_RECURSION_LATTICE;
  c.puzzle_emb_ndim = c.puzzle_emb_len = 0;
  c.H_cycles = 1;
  c.pos_encodings = TRM_POS_NONE;
  return c;
}

static void lattice_model_write(const char *path) {
  trm_error err = {0};
  trm_model_config config = lattice_config();
  trm__params params = {0};
  trm__weight_set set = {0};
  CHECK_OK(trm__params_open(&params, &config, &err), err);
  CHECK_OK(trm__weight_set_open(&set, &params, &err), err);
  trm__weight_set_init(&set, &params, 7);
  trm__model_write what = {
      .config = &config, .params = &params, .weights = &set, .variant = "raw", .task = task, .dtype = TRM__ST_F32};
  CHECK_OK(trm__model_save(path, &what, NULL, &err), err);
  trm__weight_set_close(&set);
  trm__params_close(&params);
}

/* Puzzles with 8 to 12 clues of one grid; some have several solutions, any of which counts. */
static void lattice_open(lattice *f, int threads) {
  trm_error err = {0};
  trm_runtime_config runtime = trm_runtime_config_default();
  memset(f, 0, sizeof *f);
  check_temp_dir(f->dir);
  const char *path = check_path(f->dir, "model.safetensors");
  lattice_model_write(path);
  runtime.threads = threads;
  CHECK_OK(trm_runtime_open(&f->runtime, &runtime, &err), err);
  CHECK_OK(trm_model_open(&f->model, path, &err), err);
  for (int i = 0; i < PUZZLES; i++) {
    trm__rng rng = trm__rng_make(5, TRM__RNG_TEST, (uint64_t)i);
    for (int s = 0; s < CELLS; s++) {
      int r = s / 4, c = s % 4, open = trm__rng_below(&rng, 16) < 4 + (uint32_t)i / 2;
      f->questions[i * CELLS + s] = open ? 1 : 2 + (r * 2 + r / 2 + c) % 4;
    }
  }
}

static void lattice_close(lattice *f) {
  trm_model_close(&f->model);
  trm_runtime_close(&f->runtime);
  check_remove(f->dir);
}

static trm_solver_config searching(int64_t search, int level, int64_t batch) {
  trm_solver_config c = trm_solver_config_default();
  c.search = search;
  c.level = level;
  c.batch = batch;
  c.seed = 11;
  return c;
}

typedef struct found {
  int32_t answers[PUZZLES * CELLS];
  trm_solution solutions[PUZZLES];
} found;

static void solve(const lattice *f, const trm_solver_config *config, found *out) {
  trm_error err = {0};
  trm_solver *solver = NULL;
  memset(out, 0, sizeof *out);
  CHECK_OK(trm_solver_open(&solver, f->runtime, f->model, config, &err), err);
  CHECK_OK(trm_solve(solver, PUZZLES, f->questions, NULL, out->answers, out->solutions, NULL, NULL, &err), err);
  trm_solver_close(&solver);
}

/* -- the same answers -------------------------------------------------------------------------------------------------
 */

static void answers_do_not_depend(void **state) {
  (void)state;
  static found first, other;
  static const int levels[] = {TRM_LEVEL_B, TRM_LEVEL_C, TRM_LEVEL_D, TRM_LEVEL_E};
  lattice one, three;
  lattice_open(&one, 1);
  lattice_open(&three, 3);
  for (size_t l = 0; l < 4; l++) {
    trm_solver_config config = searching(96, levels[l], 16);
    solve(&one, &config, &first);
    for (int batch = 1; batch <= 7; batch += 3) {
      config.batch = batch;
      solve(batch == 4 ? &three : &one, &config, &other);
      assert_memory_equal(first.answers, other.answers, sizeof first.answers);
      for (int i = 0; i < PUZZLES; i++) {
        assert_int_equal(first.solutions[i].steps, other.solutions[i].steps);
        assert_int_equal(first.solutions[i].chain, other.solutions[i].chain);
        assert_true(first.solutions[i].q == other.solutions[i].q);
      }
    }
  }
  lattice_close(&one);
  lattice_close(&three);
}

static void right_is_right(void **state) {
  (void)state;
  static found all[4];
  trm_task t;
  trm_error err = {0};
  lattice f;
  lattice_open(&f, 1);
  CHECK_OK(trm_model_task(f.model, &t, &err), err);
  int solved[4] = {0};
  for (int level = TRM_LEVEL_B; level <= TRM_LEVEL_E; level++) {
    trm_solver_config config = searching(200, level, 16);
    found *r = &all[level - TRM_LEVEL_B];
    solve(&f, &config, r);
    for (int i = 0; i < PUZZLES; i++) {
      trm_task_verdict v = trm_task_judge(&t, f.questions + i * CELLS, r->answers + i * CELLS);
      int right = v.keeps_rules == 1 && v.keeps_clues == 1;
      assert_in_range(r->solutions[i].steps, 1, 200);
      assert_int_equal(v.keeps_clues, 1);
      solved[level - TRM_LEVEL_B] += right;
      if (level == TRM_LEVEL_B) continue;
      assert_int_equal(r->solutions[i].checked, 1);
      assert_int_equal(r->solutions[i].correct, right);
      assert_int_equal(r->solutions[i].halted, right ? TRM_HALT_RULES : TRM_HALT_NONE);
      if (!right) assert_int_equal(r->solutions[i].steps, 200);
    }
  }
  assert_int_equal(solved[3], PUZZLES); /* rules fill in what four or more open cells leave */
  assert_true(solved[1] > 0);
  lattice_close(&f);
}

static void one_pass(void **state) {
  (void)state;
  static found r;
  lattice f;
  lattice_open(&f, 1);
  trm_solver_config config = searching(TRM_SEARCH_USUAL, TRM_LEVEL_A, 0);
  solve(&f, &config, &r);
  for (int i = 0; i < PUZZLES; i++) assert_true(r.solutions[i].steps == 1 && r.solutions[i].chains == 1);
  config = searching(0, 0, 0);
  config.max_steps = 5;
  solve(&f, &config, &r);
  for (int i = 0; i < PUZZLES; i++) assert_true(r.solutions[i].steps <= 5 && r.solutions[i].chains == 1);
  lattice_close(&f);
}

static void noise_is_another(void **state) {
  (void)state;
  static found network, noise, again;
  lattice f;
  lattice_open(&f, 1);
  trm_solver_config config = searching(64, TRM_LEVEL_C, 3);
  solve(&f, &config, &network);
  config.noise_control = 1;
  solve(&f, &config, &noise);
  config.batch = 16;
  solve(&f, &config, &again);
  assert_memory_not_equal(network.answers, noise.answers, sizeof noise.answers);
  assert_memory_equal(noise.answers, again.answers, sizeof noise.answers);
  lattice_close(&f);
}

/* -- calls that end early
 * ---------------------------------------------------------------------------------------------- */

static int cancel_first(void *context, const trm_step *step) {
  int *calls = context;
  ++*calls;
  return step->puzzle == 0 ? TRM_STEP_CANCEL : *calls > 30 ? TRM_STEP_STOP : TRM_STEP_ON;
}

static void callbacks_end_it(void **state) {
  (void)state;
  trm_error err = {0};
  trm_solver *solver = NULL;
  static found r;
  int calls = 0;
  lattice f;
  lattice_open(&f, 1);
  for (int i = 0; i < PUZZLES * CELLS; i++) f.questions[i] = i % CELLS % 5 ? 1 : f.questions[i];
  trm_solver_config config = searching(4000, TRM_LEVEL_C, 4);
  CHECK_OK(trm_solver_open(&solver, f.runtime, f.model, &config, &err), err);
  CHECK_FAILS(trm_solve(solver, PUZZLES, f.questions, NULL, r.answers, r.solutions, cancel_first, &calls, &err),
              TRM_E_STOPPED, err, "stopped");
  assert_int_equal(r.solutions[0].cancelled, 1);
  trm_solver_close(&solver);
  lattice_close(&f);
}

/* -- refusals
 * ---------------------------------------------------------------------------------------------------------- */

static void others_are_refused(void **state) {
  (void)state;
  trm_error err = {0};
  trm_solver *solver = NULL;
  lattice f;
  lattice_open(&f, 1);
#define REFUSED(change, field)                                                                                         \
  do {                                                                                                                 \
    trm_solver_config c = searching(64, 0, 0);                                                                         \
    change;                                                                                                            \
    CHECK_FAILS(trm_solver_open(&solver, f.runtime, f.model, &c, &err), TRM_E_USAGE, err, NULL);                       \
    assert_string_equal(err.where, field);                                                                             \
    assert_null(solver);                                                                                               \
  } while (0)
  REFUSED(c.votes = 4, "votes");
  REFUSED(c.parallel_latents = 2, "parallel_latents");
  REFUSED(c.fixed_point = 0.1, "fixed_point");
  REFUSED(c.keep = TRM_KEEP_BEST, "keep");
  REFUSED(c.dtype = TRM_SOLVE_BFLOAT16, "dtype");
  REFUSED(c.noise = 1, "noise");
  REFUSED(c.chains = -1, "chains");
  CHECK_FAILS(trm_model_quantize(f.model, check_path(f.dir, "int8.safetensors"), &err), TRM_E_UNSUPPORTED, err,
              "lattice");
  trm_solver_config c = searching(64, 0, 0);
  trm_session *session = NULL;
  CHECK_OK(trm_solver_open(&solver, f.runtime, f.model, &c, &err), err);
  CHECK_FAILS(trm_session_open(&session, solver, f.questions, 0, &err), TRM_E_UNSUPPORTED, err, "lattice");
  trm_solver_close(&solver);
  lattice_close(&f);
}

static void allocations_fail(void **state) {
  (void)state;
  lattice f;
  lattice_open(&f, 1);
  trm_solver_config config = searching(64, 0, 2);
  for (size_t n = 1;; n++) {
    trm_error err = {0};
    trm_solver *solver = NULL;
    trm__mem_fail_at(n);
    trm_status status = trm_solver_open(&solver, f.runtime, f.model, &config, &err);
    trm__mem_fail_at(0);
    trm_solver_close(&solver);
    if (!status) break;
    assert_int_equal(status, TRM_E_MEMORY);
    assert_true(n < 200);
  }
  lattice_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_do_not_depend), cmocka_unit_test(right_is_right),   cmocka_unit_test(one_pass),
      cmocka_unit_test(noise_is_another),      cmocka_unit_test(callbacks_end_it), cmocka_unit_test(others_are_refused),
      cmocka_unit_test(allocations_fail)};
  return cmocka_run_group_tests_name("lattice", tests, NULL, NULL);
}
