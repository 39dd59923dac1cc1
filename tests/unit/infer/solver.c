/* The engine's slots: no puzzle is lost, and none notices who its neighbours are. */
#include "unit/infer/support.h"

enum { N = 53, STEPS = 6 };

static int32_t inputs[N * CELLS], identifiers[N];

typedef struct outcome {
  int32_t answers[N * CELLS];
  trm_solution solutions[N];
  float confidence[N * CELLS];
} outcome;

/* What a watcher saw. */
typedef struct watcher {
  int calls, stop_after, last[N], ended[N];
  const outcome *expected; /* confidences of each puzzle's last step, or NULL */
  outcome *seen;
} watcher;

static int watch(void *context, const trm_step *step) {
  watcher *w = context;
  w->calls++;
  assert_in_range(step->puzzle, 0, N - 1);
  assert_false(w->ended[step->puzzle]);
  assert_int_equal(step->step, w->last[step->puzzle] + 1);
  w->last[step->puzzle] = step->step;
  w->ended[step->puzzle] = step->halted;
  for (int s = 0; s < CELLS; s++) {
    assert_in_range(step->answer[s], 0, TOKENS - 1);
    assert_true(step->confidence[s] >= 1.0f / TOKENS && step->confidence[s] <= 1.0f);
  }
  if (step->halted && w->seen)
    memcpy(w->seen->confidence + step->puzzle * CELLS, step->confidence, CELLS * sizeof(float));
  return w->stop_after && w->calls >= w->stop_after;
}

static void solve_all(trm_solver *solver, outcome *out, watcher *w) {
  trm_error err = {0};
  memset(out, 0xff, sizeof *out);
  w->seen = out;
  CHECK_OK(trm_solve(solver, N, inputs, identifiers, out->answers, out->solutions, watch, w, &err), err);
}

static void slots_never_lose_a_puzzle(void **state) {
  (void)state;
  fixture f;
  fixture_open(&f, 1, 2, NULL);
  double threshold = fixture_threshold(&f, inputs, identifiers, N);
  trm_solver *solver = fixture_solver(&f, 7, STEPS, 1, threshold);
  static outcome out;
  watcher w = {0};
  solve_all(solver, &out, &w);
  int early = 0, late = 0;
  for (int i = 0; i < N; i++) {
    assert_true(w.ended[i]);
    assert_int_equal(out.solutions[i].steps, w.last[i]);
    assert_int_equal(out.solutions[i].halted, (double)out.solutions[i].q > threshold);
    assert_true(out.solutions[i].halted || out.solutions[i].steps == STEPS);
    early += out.solutions[i].steps < STEPS;
    late += out.solutions[i].steps == STEPS;
    for (int s = 0; s < CELLS; s++) assert_in_range(out.answers[i * CELLS + s], 0, TOKENS - 1);
  }
  assert_true(early > 0 && late > 0); /* else nothing was tested */
  trm_solver_close(&solver);
  fixture_close(&f);
}

static void results_do_not_depend_on_the_batch(void **state) {
  (void)state;
  static outcome alone, together;
  for (int mixer = 0; mixer < 2; mixer++) {
    for (int threads = 1; threads <= 3; threads += 2) {
      fixture f;
      fixture_open(&f, mixer, threads, NULL);
      double threshold = fixture_threshold(&f, inputs, identifiers, N);
      static const int64_t batches[] = {1, 2, 7, 64, 0};
      for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        trm_solver *solver = fixture_solver(&f, batches[b], STEPS, 1, threshold);
        watcher w = {0};
        solve_all(solver, b || threads > 1 ? &together : &alone, &w);
        if (b || threads > 1) assert_memory_equal(&together, &alone, sizeof alone);
        trm_solver_close(&solver);
      }
      fixture_close(&f);
    }
  }
}

/* The same answers as the bare recursion, one puzzle at a time and no engine around it. */
static void equals_the_bare_recursion(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  fixture_open(&f, 1, 1, NULL);
  trm_solver *solver = fixture_solver(&f, 5, 3, 0, 0);
  static outcome out;
  watcher w = {0};
  solve_all(solver, &out, &w);
  trm_solver_close(&solver);

  trm__backend *be = f.runtime->backend;
  trm__weight_set set = {0};
  trm__network *net = NULL;
  trm__network_plan plan = {.max_batch = 1};
  CHECK_OK(trm__weight_set_open(&set, &f.model->params, &err), err);
  trm__model_read(f.model, &set);
  CHECK_OK(trm__network_open(&net, &f.model->config, &f.model->params, be, &plan, &err), err);
  trm__network_prepare(net, set.flat);
  size_t state_bytes =
      (size_t)(f.model->params.dims.L * f.model->params.dims.D) * be->act_bytes(be, &f.model->params.dims);
  trm__act *y = be->alloc(be, state_bytes), *z = be->alloc(be, state_bytes);
  trm__real logits[CELLS * TOKENS], q[2];
  const uint8_t fresh = 1;
  for (int i = 0; i < N; i++) {
    trm__network_refill(net, 1, &fresh, set.start, y, z);
    for (int step = 0; step < 3; step++)
      trm__network_step(net, 1, inputs + i * CELLS, set.puzzle + identifiers[i] * 32, y, z, logits, q);
    assert_true((float)q[0] == out.solutions[i].q);
    for (int s = 0; s < CELLS; s++) {
      int best = 0;
      for (int v = 1; v < TOKENS; v++)
        if (logits[s * TOKENS + v] > logits[s * TOKENS + best]) best = v;
      assert_int_equal(best, out.answers[i * CELLS + s]);
    }
  }
  be->free(be, y);
  be->free(be, z);
  trm__network_close(&net);
  trm__weight_set_close(&set);
  fixture_close(&f);
}

static void thresholds_decide_when_to_halt(void **state) {
  (void)state;
  fixture f;
  static outcome out, again;
  fixture_open(&f, 1, 1, NULL);
  const struct {
    int halt;
    double threshold;
    int steps, halted;
  } cases[] = {{1, 1000, STEPS, 0}, {1, -1000, 1, 1}, {0, -1000, STEPS, 0}};
  for (size_t c = 0; c < 3; c++) {
    trm_solver *solver = fixture_solver(&f, 4, STEPS, cases[c].halt, cases[c].threshold);
    watcher w = {0};
    solve_all(solver, &out, &w);
    for (int i = 0; i < N; i++) {
      assert_int_equal(out.solutions[i].steps, cases[c].steps);
      assert_int_equal(out.solutions[i].halted, cases[c].halted);
      assert_true(fabs((double)out.solutions[i].confidence - 1 / (1 + exp(-(double)out.solutions[i].q))) < 1e-6);
      float least = 2;
      for (int s = 0; s < CELLS; s++) least = fminf(least, out.confidence[i * CELLS + s]);
      assert_true(out.solutions[i].least == least);
    }
    trm_solver_close(&solver);
  }
  /* q must exceed the threshold: equal is not enough. */
  trm_solver *first = fixture_solver(&f, 4, 1, 1, -1000);
  watcher w1 = {0};
  solve_all(first, &out, &w1);
  trm_solver_close(&first);
  trm_solver *second = fixture_solver(&f, 4, 2, 1, (double)out.solutions[9].q);
  watcher w2 = {0};
  solve_all(second, &again, &w2);
  assert_int_equal(again.solutions[9].steps, 2);
  trm_solver_close(&second);
  fixture_close(&f);
}

static void a_callback_can_stop(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  static outcome out;
  fixture_open(&f, 0, 1, NULL);
  trm_solver *solver = fixture_solver(&f, 4, STEPS, 0, 0);
  watcher w = {.stop_after = 11};
  CHECK_FAILS(trm_solve(solver, N, inputs, identifiers, out.answers, out.solutions, watch, &w, &err), TRM_E_STOPPED,
              err, NULL);
  assert_int_equal(w.calls, 11);
  /* The solver is as good as new afterwards. */
  watcher w2 = {0};
  static outcome fresh;
  solve_all(solver, &out, &w2);
  trm_solver *other = fixture_solver(&f, 4, STEPS, 0, 0);
  watcher w3 = {0};
  solve_all(other, &fresh, &w3);
  assert_memory_equal(&out, &fresh, sizeof out);
  trm_solver_close(&solver);
  trm_solver_close(&other);
  fixture_close(&f);
}

static void bad_tokens_are_refused_before_anything_runs(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  static outcome out;
  static int32_t bad[N * CELLS], bad_ids[N];
  fixture_open(&f, 1, 1, NULL);
  trm_solver *solver = fixture_solver(&f, 4, STEPS, 0, 0);
  static const int32_t values[] = {-1, TOKENS, INT32_MAX, INT32_MIN};
  for (size_t i = 0; i < 4; i++) {
    watcher w = {0};
    memcpy(bad, inputs, sizeof bad);
    bad[(N - 1) * CELLS + 5] = values[i];
    CHECK_FAILS(trm_solve(solver, N, bad, identifiers, out.answers, out.solutions, watch, &w, &err), TRM_E_INPUT, err,
                "position 5");
    assert_int_equal(w.calls, 0);
    memcpy(bad_ids, identifiers, sizeof bad_ids);
    bad_ids[2] = values[i] == TOKENS ? IDENTIFIERS : values[i];
    CHECK_FAILS(trm_solve(solver, N, inputs, bad_ids, out.answers, out.solutions, watch, &w, &err), TRM_E_INPUT, err,
                "identifier");
    assert_int_equal(w.calls, 0);
  }
  CHECK_FAILS(trm_solve(solver, -1, inputs, NULL, out.answers, NULL, NULL, NULL, &err), TRM_E_USAGE, err, NULL);
  CHECK_OK(trm_solve(solver, 0, inputs, NULL, out.answers, NULL, NULL, NULL, &err), err);
  trm_solver_close(&solver);
  trm_solver_close(&solver);
  trm_solver_close(NULL);
  fixture_close(&f);
}

static void configurations_are_checked(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  trm_solver *solver = NULL;
  fixture_open(&f, 1, 1, NULL);
  trm_solver_config good = trm_solver_config_default(), c;
  assert_int_equal(good.max_steps, 0);
  assert_int_equal(good.halt, 1);
  assert_true(isnan(good.halt_threshold) && good.H_cycles == 0 && good.L_cycles == 0);
  c = good, c.max_steps = -1;
  CHECK_FAILS(trm_solver_open(&solver, f.runtime, f.model, &c, &err), TRM_E_USAGE, err, "max_steps");
  c = good, c.batch = -1;
  CHECK_FAILS(trm_solver_open(&solver, f.runtime, f.model, &c, &err), TRM_E_USAGE, err, "batch");
  assert_null(solver); /* step limit, threshold, n and T: unit/infer/values */
  fixture_close(&f);
}

static trm_status open_and_close(void *context, trm_error *err) {
  const fixture *f = context;
  trm_solver *solver = NULL;
  trm_solver_config config = trm_solver_config_default();
  config.batch = 3;
  trm_status status = trm_solver_open(&solver, f->runtime, f->model, &config, err);
  if (status) assert_null(solver);
  trm_solver_close(&solver);
  return status;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  fixture f;
  fixture_open(&f, 1, 1, "{}");
  assert_true(check_each_allocation(open_and_close, &f) > 15);
  fixture_close(&f);
}

static void tasks_come_from_the_file_or_the_shapes(void **state) {
  (void)state;
  static const struct {
    const char *text, *error;
    int kind;
  } cases[] = {
      {NULL, NULL, TRM_TASK_SUDOKU}, /* 16 cells of 6 tokens */
      {"{\"kind\":\"generic\",\"width\":8,\"height\":2,\"box_width\":0,\"box_height\":0,\"vocab_size\":6,"
       "\"alphabet\":\"abcde\"}",
       NULL, TRM_TASK_GENERIC},
      {"{\"kind\":\"generic\",\"width\":8,\"height\":3,\"box_width\":0,\"box_height\":0,\"vocab_size\":6,"
       "\"alphabet\":\"abcde\"}",
       "positions", 0},
      {"{\"kind\":", "trm.task", 0},
      {"[]", "trm.task", 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fixture f;
    trm_error err = {0};
    trm_task task = {.width = -7};
    fixture_open(&f, 1, 1, cases[i].text);
    trm_solver *solver = fixture_solver(&f, 1, 1, 0, 0);
    if (cases[i].error) {
      CHECK_FAILS(trm_solver_task(solver, &task, &err), TRM_E_INPUT, err, cases[i].error);
      assert_int_equal(task.width, -7);
    } else {
      CHECK_OK(trm_solver_task(solver, &task, &err), err);
      assert_int_equal(task.kind, cases[i].kind);
      assert_int_equal(task.width * task.height, CELLS);
    }
    trm_solver_close(&solver);
    fixture_close(&f);
  }
}

/* -- damping and noise --------------------------------------------------------------------------------------------- */

static void solve_with(const fixture *f, const trm_solver_config *config, outcome *out) {
  trm_error err = {0};
  trm_solver *solver = NULL;
  watcher w = {0};
  CHECK_OK(trm_solver_open(&solver, f->runtime, f->model, config, &err), err);
  solve_all(solver, out, &w);
  trm_solver_close(&solver);
}

static int same(const outcome *a, const outcome *b) {
  return memcmp(a->confidence, b->confidence, sizeof a->confidence) == 0;
}

/* Noise follows puzzle, step and seed, never the batch; each of the three options changes the answers. */
static void noise_does_not_depend_on_the_batch(void **state) {
  (void)state;
  static outcome plain, first, other;
  static const int64_t batches[] = {1, 7, 64, 0};
  fixture f;
  fixture_open(&f, 1, 2, NULL);
  trm_solver_config config = trm_solver_config_default();
  config.max_steps = 4;
  config.halt_threshold = fixture_threshold(&f, inputs, identifiers, N);
  solve_with(&f, &config, &plain);
  for (int option = 0; option < 4; option++) {
    trm_solver_config changed = config;
    if (option == 0 || option == 3) changed.start_noise = 0.5;
    if (option == 1 || option == 3) changed.latent_noise = 0.1;
    if (option == 2 || option == 3) changed.damping = 0.2;
    changed.batch = 5;
    solve_with(&f, &changed, &first);
    assert_false(same(&plain, &first));
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
      changed.batch = batches[b];
      solve_with(&f, &changed, &other);
      assert_true(same(&first, &other));
      for (int i = 0; i < N; i++) assert_int_equal(first.solutions[i].steps, other.solutions[i].steps);
    }
    changed.seed = 1;
    solve_with(&f, &changed, &other);
    assert_int_equal(same(&first, &other), option == 2);
  }
  config.damping = 0; /* as the model has it */
  solve_with(&f, &config, &other);
  assert_true(same(&plain, &other));
  fixture_close(&f);
}

static void noise_out_of_range_is_refused(void **state) {
  (void)state;
  fixture f;
  trm_error err;
  trm_solver *solver = NULL;
  fixture_open(&f, 1, 1, NULL);
  for (int i = 0; i < 6; i++) {
    trm_solver_config config = trm_solver_config_default();
    double *field = i / 2 == 0 ? &config.damping : i / 2 == 1 ? &config.start_noise : &config.latent_noise;
    *field = i % 2 ? NAN : i / 2 ? -1 : 1;
    CHECK_FAILS(trm_solver_open(&solver, f.runtime, f.model, &config, &err), TRM_E_USAGE, err, "expected");
  }
  assert_null(solver);
  fixture_close(&f);
}

int main(void) {
  test_puzzles(inputs, identifiers, N, 3);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(slots_never_lose_a_puzzle),
      cmocka_unit_test(results_do_not_depend_on_the_batch),
      cmocka_unit_test(equals_the_bare_recursion),
      cmocka_unit_test(thresholds_decide_when_to_halt),
      cmocka_unit_test(a_callback_can_stop),
      cmocka_unit_test(bad_tokens_are_refused_before_anything_runs),
      cmocka_unit_test(configurations_are_checked),
      cmocka_unit_test(every_allocation_may_fail),
      cmocka_unit_test(tasks_come_from_the_file_or_the_shapes),
      cmocka_unit_test(noise_does_not_depend_on_the_batch),
      cmocka_unit_test(noise_out_of_range_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
