/* What the engine computes and in which rounds: no empty slot is ever computed, results do not depend on the width of a
 * round even when it changes in the middle, and cancelling one puzzle changes nothing for the others. */
#include "unit/infer/support.h"

#include <pthread.h>
#include <stdatomic.h>

#include "infer/engine.h"

enum { N = 37, STEPS = 4 };

static int32_t inputs[N * CELLS], identifiers[N];

/* What happens to each puzzle when nobody interferes: its answer after every step. */
typedef struct reference {
  int steps[N];
  int32_t answer[N][STEPS + 1][CELLS]; /* [0]: the question */
  float q[N][STEPS + 1];
} reference;

static reference expected;

typedef struct setup {
  fixture f;
  trm_solver *solver;
  double threshold;
} setup;

static int note_step(void *context, const trm_step *step) {
  reference *r = context;
  memcpy(r->answer[step->puzzle][step->step], step->answer, CELLS * sizeof(int32_t));
  r->q[step->puzzle][step->step] = step->q;
  r->steps[step->puzzle] = step->step;
  return TRM_STEP_ON;
}

/* Each puzzle alone. */
static void make_reference(const setup *t) {
  trm_error err = {0};
  int32_t answer[CELLS];
  static reference one;
  trm_solver *solver = fixture_solver(&t->f, 1, STEPS, 1, t->threshold);
  for (int i = 0; i < N; i++) {
    CHECK_OK(trm_solve(solver, 1, inputs + i * CELLS, identifiers + i, answer, NULL, note_step, &one, &err), err);
    expected.steps[i] = one.steps[0];
    memcpy(expected.answer[i], one.answer[0], sizeof one.answer[0]);
    memcpy(expected.answer[i][0], inputs + i * CELLS, CELLS * sizeof(int32_t));
    memcpy(expected.q[i], one.q[0], sizeof one.q[0]);
  }
  trm_solver_close(&solver);
}

static void open_setup(setup *t, int64_t batch) {
  fixture_open(&t->f, 1, 1, NULL);
  t->threshold = fixture_threshold(&t->f, inputs, identifiers, N);
  t->solver = fixture_solver(&t->f, batch, STEPS, 1, t->threshold);
  if (!expected.steps[0]) make_reference(t);
}

static void close_setup(setup *t) {
  trm_solver_close(&t->solver);
  fixture_close(&t->f);
}

static int32_t answers[N * CELLS];
static trm_solution solutions[N];

/* A step callback between the engine and that of a test: what must hold of the engine holds in every step. */
typedef struct watcher {
  const trm_solver *solver;
  trm_step_fn step; /* NULL: none */
  void *context;
} watcher;

static int watch_step(void *context, const trm_step *step) {
  const watcher *w = context;
  const char *broken = trm__engine_check(w->solver);
  if (broken) fail_msg("puzzle %d, step %d: %s", (int)step->puzzle, step->step, broken);
  return w->step ? w->step(w->context, step) : TRM_STEP_ON;
}

static trm_status solve(const setup *t, trm_step_fn step, void *context, trm_error *err) {
  memset(answers, 0xee, sizeof answers);
  memset(solutions, 0xee, sizeof solutions);
  watcher w = {t->solver, step, context};
  return trm_solve(t->solver, N, inputs, identifiers, answers, solutions, watch_step, &w, err);
}

/* Puzzle i has the state that it has alone after its solution's number of steps. */
static void check_puzzle(int i) {
  int steps = solutions[i].steps;
  assert_in_range(steps, 0, expected.steps[i]);
  assert_memory_equal(answers + i * CELLS, expected.answer[i][steps], CELLS * sizeof *answers);
  if (steps) assert_true(solutions[i].q == expected.q[i][steps]);
  if (solutions[i].cancelled) assert_false(solutions[i].halted);
  else assert_int_equal(steps, expected.steps[i]);
}

/* How many were cancelled; all others must be complete. */
static int check_all(void) {
  int cancelled = 0;
  for (int i = 0; i < N; i++) {
    check_puzzle(i);
    cancelled += solutions[i].cancelled;
  }
  return cancelled;
}

/* -- statistics ---------------------------------------------------------------------------------------------------- */

static int64_t sum_steps(void) {
  int64_t steps = 0;
  for (int i = 0; i < N; i++) steps += solutions[i].steps;
  return steps;
}

static void no_empty_slot_is_computed(void **state) {
  (void)state;
  static const int64_t batches[] = {1, 2, 7, N - 1, N, 64, 0};
  for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
    setup t;
    trm_error err = {0};
    open_setup(&t, batches[b]);
    assert_int_equal(trm_solver_last_stats(t.solver).rounds, 0);
    CHECK_OK(solve(&t, NULL, NULL, &err), err);
    assert_int_equal(check_all(), 0);
    trm_solve_stats run = trm_solver_last_stats(t.solver);
    assert_int_equal(run.puzzles, N);
    assert_int_equal(run.steps, sum_steps());
    assert_int_equal(run.computed, run.steps);
    if (batches[b]) {
      assert_int_equal(run.origin, TRM_BATCH_GIVEN);
      assert_int_equal(run.batch, batches[b]);
      assert_int_equal(run.costs, 0);
      /* Full rounds as long as puzzles wait, then the tail of at most STEPS rounds. */
      assert_true(run.rounds >= (run.steps + run.batch - 1) / run.batch);
      assert_true(run.rounds <= run.full + STEPS && run.full * run.batch <= run.steps);
      assert_true(run.predicted == 0 && (run.measured > 0) == (run.full > 0));
    } else {
      assert_int_equal(run.origin, TRM_BATCH_MEASURED);
      assert_in_range(run.costs, 1, 4); /* of 1, 2, 4, 8, as far as larger ones cost less */
      assert_true(run.predicted > 0 && run.seconds >= run.measured);
    }
    close_setup(&t);
  }
}

/* Sizes up to 8 were measured but for one step, and 2 cost the least: after that step six puzzles are parked. */
static const trm__batch_costs parking_costs = {
    .count = 4, .at = {{1, 6, 1.1e-12}, {2, 6, 2e-12}, {4, 6, 4.4e-12}, {8, 5, 8.8e-12}}};

static void a_width_that_shrinks_parks_puzzles(void **state) {
  (void)state;
  setup t;
  trm_error err = {0};
  open_setup(&t, 0);
  t.solver->costs = parking_costs;
  CHECK_OK(solve(&t, NULL, NULL, &err), err);
  assert_int_equal(check_all(), 0);
  trm_solve_stats run = trm_solver_last_stats(t.solver);
  assert_int_equal(run.batch, 2);
  assert_int_equal(run.origin, TRM_BATCH_MEASURED);
  assert_int_equal(run.computed, run.steps);
  assert_true(run.rounds <= 1 + run.full + STEPS); /* the first, those of two, and the tail's */
  assert_true(run.full * 2 <= run.steps - 8);
  assert_true(run.predicted == 2e-12 && run.measured > run.predicted);
  /* The costs stay known: the next call begins with the choice. */
  CHECK_OK(solve(&t, NULL, NULL, &err), err);
  run = trm_solver_last_stats(t.solver);
  assert_true(run.batch == 2 && run.rounds <= run.full + STEPS);
  close_setup(&t);
}

static int stop_at_once(void *context, const trm_step *step) {
  (void)step;
  ++*(int *)context;
  return TRM_STEP_STOP;
}

/* Parked puzzles keep the answers that they had when a run is stopped, and a puzzle that is cancelled while parked. */
static void parked_puzzles_keep_their_answers(void **state) {
  (void)state;
  setup t;
  trm_error err = {0};
  int calls = 0;
  trm_cancel *cancel = NULL;
  open_setup(&t, 0);
  t.solver->config.halt = 0;
  t.solver->costs = parking_costs;
  CHECK_FAILS(solve(&t, stop_at_once, &calls, &err), TRM_E_STOPPED, err, "0 of 37");
  assert_int_equal(calls, 1);
  for (int i = 0; i < N; i++) {
    assert_int_equal(solutions[i].steps, i < 8);
    assert_int_equal(solutions[i].cancelled, 1);
    check_puzzle(i);
  }
  CHECK_OK(trm_cancel_open(&cancel, N, &err), err);
  trm_solver_set_cancel(t.solver, cancel);
  trm_cancel_puzzle(cancel, 6);
  t.solver->costs.at[3].samples = 5;
  CHECK_OK(solve(&t, NULL, NULL, &err), err);
  for (int i = 0; i < N; i++) assert_int_equal(solutions[i].cancelled, i == 6);
  trm_cancel_close(&cancel);
  close_setup(&t);
}

/* In steps 2 and 3 of puzzle 0, puzzles 6 and 7 are cancelled while they are parked. */
static int cancel_parked(void *context, const trm_step *step) {
  trm_cancel *cancel = context;
  if (step->puzzle == 0 && step->step == 2) trm_cancel_puzzle(cancel, 6);
  if (step->puzzle == 0 && step->step == 3) trm_cancel_puzzle(cancel, 7);
  return TRM_STEP_ON;
}

/* When puzzle 6 leaves, 7 takes its slot, where no round has computed it yet; it brings its answer along. */
static void a_parked_puzzle_that_moves_keeps_its_answer(void **state) {
  (void)state;
  setup t;
  trm_error err = {0};
  trm_cancel *cancel = NULL;
  open_setup(&t, 0);
  t.solver->config.halt = 0;
  t.solver->costs = parking_costs;
  CHECK_OK(trm_cancel_open(&cancel, N, &err), err);
  trm_solver_set_cancel(t.solver, cancel);
  CHECK_OK(solve(&t, cancel_parked, cancel, &err), err);
  for (int i = 0; i < N; i++) assert_int_equal(solutions[i].cancelled, i == 6 || i == 7);
  for (int i = 6; i <= 7; i++) {
    assert_int_equal(solutions[i].steps, 1);
    check_puzzle(i);
  }
  trm_cancel_close(&cancel);
  close_setup(&t);
}

static void memory_is_taken_for_the_puzzles_expected(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  fixture_open(&f, 1, 1, NULL);
  size_t used[3];
  static const int64_t puzzles[] = {1, 0, 1000};
  for (int i = 0; i < 3; i++) {
    trm_solver_config config = trm_solver_config_default();
    trm_solver *solver = NULL;
    size_t before = trm__mem_used();
    config.puzzles = puzzles[i];
    CHECK_OK(trm_solver_open(&solver, f.runtime, f.model, &config, &err), err);
    used[i] = trm__mem_used() - before;
    /* More than expected may come all the same. */
    CHECK_OK(trm_solve(solver, N, inputs, identifiers, answers, solutions, NULL, NULL, &err), err);
    assert_int_equal(trm_solver_last_stats(solver).computed, sum_steps());
    trm_solver_close(&solver);
  }
  assert_true(used[0] < used[1] && used[1] == used[2]);
  trm_solver_config bad = trm_solver_config_default();
  trm_solver *solver = NULL;
  bad.puzzles = -1;
  CHECK_FAILS(trm_solver_open(&solver, f.runtime, f.model, &bad, &err), TRM_E_USAGE, err, "puzzles");
  fixture_close(&f);
}

/* -- cancelling ---------------------------------------------------------------------------------------------------- */

typedef struct canceller {
  int64_t puzzle;
  int step;
  int answer; /* what the callback returns then */
  trm_cancel *cancel;
  int from_thread;
} canceller;

static void *mark(void *context) {
  const canceller *c = context;
  trm_cancel_puzzle(c->cancel, c->puzzle);
  return NULL;
}

static int cancel_step(void *context, const trm_step *step) {
  canceller *c = context;
  if (step->puzzle != c->puzzle || step->step != c->step) return TRM_STEP_ON;
  if (c->from_thread) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, mark, c) || pthread_join(thread, NULL)) return TRM_STEP_STOP;
  } else if (c->cancel) {
    trm_cancel_puzzle(c->cancel, c->puzzle);
  }
  return c->answer;
}

/* One puzzle is cancelled after its step 1, 2, ...; everybody else ends as if alone. */
static void cancel_in_each_step(const setup *t, canceller c) {
  trm_error err = {0};
  static const int victims[] = {3, N / 2, N - 1};
  for (size_t v = 0; v < 3; v++) {
    c.puzzle = victims[v];
    for (c.step = 1; c.step <= expected.steps[c.puzzle]; c.step++) {
      if (c.cancel) trm_cancel_reset(c.cancel);
      CHECK_OK(solve(t, cancel_step, &c, &err), err);
      int last = c.step == expected.steps[c.puzzle]; /* too late: it is done */
      assert_int_equal(check_all(), !last);
      assert_int_equal(solutions[c.puzzle].steps, c.step);
      trm_solve_stats run = trm_solver_last_stats(t->solver);
      assert_int_equal(run.computed, sum_steps());
    }
  }
}

static void a_puzzle_is_cancelled_in_each_step(void **state) {
  (void)state;
  static const int64_t batches[] = {4, 0};
  for (size_t b = 0; b < 2; b++) {
    setup t;
    trm_error err = {0};
    trm_cancel *cancel = NULL;
    open_setup(&t, batches[b]);
    CHECK_OK(trm_cancel_open(&cancel, N, &err), err);
    cancel_in_each_step(&t, (canceller){.answer = TRM_STEP_CANCEL});
    trm_solver_set_cancel(t.solver, cancel);
    cancel_in_each_step(&t, (canceller){.cancel = cancel});
    cancel_in_each_step(&t, (canceller){.cancel = cancel, .from_thread = 1});
    trm_solver_set_cancel(t.solver, NULL);
    CHECK_OK(solve(&t, NULL, NULL, &err), err); /* the marks are no longer obeyed */
    assert_int_equal(check_all(), 0);
    trm_cancel_close(&cancel);
    trm_cancel_close(&cancel);
    trm_cancel_close(NULL);
    close_setup(&t);
  }
}

static void puzzles_cancelled_before_the_call_take_no_step(void **state) {
  (void)state;
  setup t;
  trm_error err = {0};
  trm_cancel *cancel = NULL;
  open_setup(&t, 4);
  CHECK_FAILS(trm_cancel_open(&cancel, -1, &err), TRM_E_USAGE, err, "-1");
  CHECK_OK(trm_cancel_open(&cancel, N, &err), err);
  trm_solver_set_cancel(t.solver, cancel);
  static const int marks[] = {0, 1, 7, N - 2, N - 1};
  for (int i = 0; i < 5; i++) trm_cancel_puzzle(cancel, marks[i]);
  trm_cancel_puzzle(cancel, -1);
  trm_cancel_puzzle(cancel, N);
  trm_cancel_puzzle(cancel, INT64_MAX);
  CHECK_OK(solve(&t, NULL, NULL, &err), err);
  assert_int_equal(check_all(), 5);
  for (int i = 0; i < 5; i++) assert_int_equal(solutions[marks[i]].steps, 0);
  assert_int_equal(trm_solver_last_stats(t.solver).puzzles, N - 5);
  for (int i = 0; i < N; i++) trm_cancel_puzzle(cancel, i);
  CHECK_OK(solve(&t, NULL, NULL, &err), err);
  assert_int_equal(check_all(), N);
  assert_int_equal(trm_solver_last_stats(t.solver).rounds, 0);
  trm_cancel_reset(cancel);
  trm_cancel_all(cancel);
  CHECK_FAILS(solve(&t, NULL, NULL, &err), TRM_E_STOPPED, err, "0 of 37");
  assert_int_equal(check_all(), N);
  trm_cancel_reset(cancel);
  CHECK_OK(solve(&t, NULL, NULL, &err), err);
  assert_int_equal(check_all(), 0);
  trm_cancel_close(&cancel);
  close_setup(&t);
}

/* -- stopping ------------------------------------------------------------------------------------------------------ */

typedef struct stopper {
  int calls, stop_at;
  trm_cancel *cancel; /* stops through the marks; NULL: through the returned value */
} stopper;

static int stop_later(void *context, const trm_step *step) {
  stopper *s = context;
  (void)step;
  if (++s->calls != s->stop_at) return TRM_STEP_ON;
  if (s->cancel) trm_cancel_all(s->cancel);
  return s->cancel ? TRM_STEP_ON : TRM_STEP_STOP;
}

/* Stopped at any call, what was solved stays, and what was not has the answer of its last step. */
static void a_stopped_run_keeps_what_it_has(void **state) {
  (void)state;
  setup t;
  trm_error err = {0};
  trm_cancel *cancel = NULL;
  open_setup(&t, 6);
  CHECK_OK(trm_cancel_open(&cancel, 0, &err), err);
  trm_solver_set_cancel(t.solver, cancel);
  for (int marks = 0; marks < 2; marks++) {
    stopper s = {.cancel = marks ? cancel : NULL};
    for (s.stop_at = 1;; s.stop_at += 5) {
      trm_cancel_reset(cancel);
      s.calls = 0;
      trm_status status = solve(&t, stop_later, &s, &err);
      int cancelled = check_all();
      assert_int_equal(trm_solver_last_stats(t.solver).steps, sum_steps());
      assert_int_equal(status, cancelled ? TRM_E_STOPPED : TRM_OK);
      if (s.calls < s.stop_at) break;
    }
    assert_true(s.stop_at > N);
  }
  trm_cancel_close(&cancel);
  close_setup(&t);
}

/* -- another thread that knows nothing of steps -------------------------------------------------------------------- */

typedef struct racer {
  trm_cancel *cancel;
  atomic_int run;
  unsigned seed;
  int all;
} racer;

static void *race(void *context) {
  racer *r = context;
  trm__rng rng = trm__rng_make(r->seed, TRM__RNG_TEST, 9);
  while (!atomic_load(&r->run)) {
  }
  for (int i = 0; i < 12; i++) {
    trm_cancel_puzzle(r->cancel, (int64_t)trm__rng_below(&rng, N));
    for (volatile int k = 0; k < 2000; k++) {
    }
  }
  if (r->all) trm_cancel_all(r->cancel);
  return NULL;
}

static int release(void *context, const trm_step *step) {
  racer *r = context;
  (void)step;
  atomic_store(&r->run, 1);
  return TRM_STEP_ON;
}

static void a_thread_cancels_at_any_time(void **state) {
  (void)state;
  setup t;
  trm_error err = {0};
  racer r = {0};
  int cancelled = 0;
  open_setup(&t, 4);
  CHECK_OK(trm_cancel_open(&r.cancel, N, &err), err);
  trm_solver_set_cancel(t.solver, r.cancel);
  for (r.seed = 0; r.seed < 12; r.seed++) {
    pthread_t thread;
    r.all = r.seed % 4 == 3;
    trm_cancel_reset(r.cancel);
    atomic_store(&r.run, 0);
    assert_int_equal(pthread_create(&thread, NULL, race, &r), 0);
    trm_status status = solve(&t, release, &r, &err);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(!status || (r.all && status == TRM_E_STOPPED));
    cancelled += check_all();
  }
  assert_true(cancelled > 0);
  trm_cancel_close(&r.cancel);
  close_setup(&t);
}

int main(void) {
  test_puzzles(inputs, identifiers, N, 3);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_empty_slot_is_computed),
      cmocka_unit_test(a_width_that_shrinks_parks_puzzles),
      cmocka_unit_test(parked_puzzles_keep_their_answers),
      cmocka_unit_test(a_parked_puzzle_that_moves_keeps_its_answer),
      cmocka_unit_test(memory_is_taken_for_the_puzzles_expected),
      cmocka_unit_test(a_puzzle_is_cancelled_in_each_step),
      cmocka_unit_test(puzzles_cancelled_before_the_call_take_no_step),
      cmocka_unit_test(a_stopped_run_keeps_what_it_has),
      cmocka_unit_test(a_thread_cancels_at_any_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
