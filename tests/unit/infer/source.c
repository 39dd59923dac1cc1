/* What the engine asks of a source, and that a source's moods change no answer: puzzles that come late, one at a time
 * or all at once, with parked puzzles, cancelled ones and a stop, with labels and without. */
#include "unit/infer/support.h"

#include "infer/engine.h"
#include "kernels/update.h"

enum { N = 90, STEPS = 4 };

static int32_t inputs[N * CELLS], identifiers[N], labels[N * CELLS];

/* Sizes up to 8 were measured but for one step, and 2 cost the least: after that step six puzzles are parked. */
static const trm__batch_costs parking_costs = {
    .count = 4, .at = {{1, 6, 1.1e-12}, {2, 6, 2e-12}, {4, 6, 4.4e-12}, {8, 5, 9.6e-12}}};

typedef struct outcome {
  int32_t answer[CELLS];
  trm_solution solution;
  trm__example_stats stats;
  int scored;
} outcome;

/* A source that hands out `ready` puzzles; when they are gone and it is asked to wait, `portion` more are ready. */
typedef struct scripted {
  const trm_solver *solver;
  int64_t ready, portion, given, left;
  int64_t puzzles; /* in all */
  int ended, waits, nones;
  trm_cancel *cancel;
  int stop_at; /* step of puzzle 0 at which the call stops; 0: none */
  outcome out[N];
} scripted;

static trm_source_answer script_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  scripted *s = context;
  assert_false(s->ended); /* nobody asks after the end */
  assert_int_equal(number, s->given);
  if (wait) {
    assert_int_equal(s->left, s->given); /* nobody is at work */
    s->waits++;
  }
  if (s->given == s->puzzles) {
    s->ended = 1;
    return TRM_SOURCE_END;
  }
  if (s->given == s->ready && wait) s->ready += s->portion;
  if (s->given == s->ready) {
    s->nones++;
    return TRM_SOURCE_NONE;
  }
  memcpy(puzzle->tokens, inputs + number * CELLS, CELLS * sizeof *puzzle->tokens);
  puzzle->identifier = identifiers[number];
  s->given++;
  return TRM_SOURCE_PUZZLE;
}

static void script_labels(void *context, int64_t number, int32_t *label) {
  const scripted *s = context;
  assert_int_equal(number, s->given - 1);
  memcpy(label, labels + number * CELLS, CELLS * sizeof *label);
}

static void script_score(void *context, int64_t number, const trm_solution *solution, const trm__example_stats *stats) {
  scripted *s = context;
  assert_true(!s->out[number].scored && !solution->cancelled);
  s->out[number].scored = 1;
  s->out[number].stats = *stats;
}

static void script_leave(void *context, const trm_leave *leave) {
  scripted *s = context;
  outcome *o = &s->out[leave->puzzle];
  assert_in_range(leave->puzzle, 0, s->given - 1);
  assert_int_equal(o->solution.steps, 0); /* it leaves once */
  if (leave->answer) memcpy(o->answer, leave->answer, sizeof o->answer);
  o->solution = *leave->solution;
  s->left++;
}

/* In steps 2 and 3 of puzzle 0, puzzles 6 and 7 are cancelled while they are parked: when 6 leaves, 7 takes its slot.
 */
static int script_step(void *context, const trm_step *step) {
  scripted *s = context;
  const char *broken = trm__engine_check(s->solver);
  if (broken) fail_msg("puzzle %d, step %d: %s", (int)step->puzzle, step->step, broken);
  if (step->puzzle == 0 && step->step == 2 && s->cancel) trm_cancel_puzzle(s->cancel, 6);
  if (step->puzzle == 0 && step->step == 3 && s->cancel && !s->stop_at) trm_cancel_puzzle(s->cancel, 7);
  return step->puzzle == 0 && step->step == s->stop_at ? TRM_STEP_STOP : TRM_STEP_ON;
}

static trm_status run_script(trm_solver *solver, scripted *s, int known, int scored, trm_error *err) {
  const trm__job job = {
      .source = {.puzzles = known ? s->puzzles : -1, .context = s, .next = script_next, .leave = script_leave},
      .labels = scored ? script_labels : NULL,
      .score = scored ? script_score : NULL,
      .step = script_step,
      .step_context = s};
  s->solver = solver;
  return trm__engine_run(solver, &job, err);
}

/* Every puzzle alone, for `steps` steps or until it halts; scored. */
static void make_alone(const fixture *f, int64_t steps, int halt, double threshold, outcome *out) {
  trm_error err = {0};
  trm_solver *solver = fixture_solver(f, 1, steps, halt, threshold);
  static scripted s;
  s = (scripted){.puzzles = N, .ready = N};
  CHECK_OK(run_script(solver, &s, 1, 1, &err), err);
  assert_int_equal(s.left, N);
  memcpy(out, s.out, sizeof s.out);
  trm_solver_close(&solver);
}

static void check_same(const outcome *found, const outcome *expected, int scored) {
  assert_memory_equal(found->answer, expected->answer, sizeof found->answer);
  assert_int_equal(found->solution.steps, expected->solution.steps);
  assert_true(found->solution.q == expected->solution.q && found->solution.least == expected->solution.least);
  assert_int_equal(found->scored, scored);
  if (!scored) return;
  assert_true(found->stats.lm_loss == expected->stats.lm_loss && found->stats.q_halt == expected->stats.q_halt);
  assert_int_equal(found->stats.right, expected->stats.right);
  assert_int_equal(found->stats.exact, expected->stats.exact);
}

static void answers_do_not_depend_on_when_puzzles_come(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  static outcome alone[N];
  static scripted s;
  fixture_open(&f, 1, 1, NULL);
  double threshold = fixture_threshold(&f, inputs, identifiers, N);
  make_alone(&f, STEPS, 1, threshold, alone);
  static const int64_t batches[] = {0, 1, 7, 32}, portions[] = {1, 3, 40, N};
  for (size_t b = 0; b < 4; b++)
    for (size_t p = 0; p < 4; p++)
      for (int known = 0; known < 2; known++) {
        trm_solver *solver = fixture_solver(&f, batches[b], STEPS, 1, threshold);
        s = (scripted){.puzzles = N, .portion = portions[p]};
        CHECK_OK(run_script(solver, &s, known, known, &err), err);
        assert_true(s.left == N && s.ended && s.waits > 0);
        for (int i = 0; i < N; i++) check_same(&s.out[i], &alone[i], known);
        trm_solve_stats stats = trm_solver_last_stats(solver);
        assert_true(stats.puzzles == N && stats.computed == stats.steps);
        trm_solver_close(&solver);
      }
  fixture_close(&f);
}

/* Puzzles that trickle in say nothing about sizes: the search goes on when many come. */
static void a_trickle_does_not_settle_the_batch(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  static scripted s;
  fixture_open(&f, 1, 1, NULL);
  trm_solver *solver = fixture_solver(&f, 0, 1, 1, 0);
  solver->costs = (trm__batch_costs){.count = 1, .at = {{1, 6, 1}}}; /* size 2 comes next, and costs less */
  s = (scripted){.puzzles = N, .ready = 1, .portion = 1};
  s.puzzles = 10;
  CHECK_OK(run_script(solver, &s, 0, 0, &err), err);
  assert_true(s.nones > 0);
  assert_int_equal(solver->costs.count, 1);
  s = (scripted){.puzzles = N, .ready = 1, .portion = N};
  CHECK_OK(run_script(solver, &s, 0, 0, &err), err);
  assert_true(solver->costs.count > 1 && solver->costs.at[1].batch == 2);
  assert_true(trm_solver_last_stats(solver).batch >= 2);
  trm_solver_close(&solver);
  fixture_close(&f);
}

static void parked_puzzles_that_move_keep_what_is_theirs(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  trm_cancel *cancel = NULL;
  static outcome one[N], all[N];
  static scripted s;
  fixture_open(&f, 1, 1, NULL);
  make_alone(&f, 1, 0, 0, one);
  make_alone(&f, STEPS, 0, 0, all);
  CHECK_OK(trm_cancel_open(&cancel, N, &err), err);
  for (int stop = 0; stop < 2; stop++)
    for (int scored = 0; scored < 2; scored++) {
      trm_solver *solver = fixture_solver(&f, 0, STEPS, 0, 0);
      solver->costs = parking_costs;
      trm_cancel_reset(cancel);
      trm_solver_set_cancel(solver, cancel);
      s = (scripted){.puzzles = N, .ready = N, .cancel = cancel, .stop_at = stop ? 3 : 0};
      trm_status status = run_script(solver, &s, 0, scored, &err);
      assert_int_equal(status, stop ? TRM_E_STOPPED : TRM_OK);
      if (stop) assert_string_equal(err.message, "stopped after 1 puzzles"); /* 6, which was cancelled */
      for (int i = 6; i <= 7; i++) {
        assert_int_equal(s.out[i].solution.cancelled, 1);
        check_same(&s.out[i], &one[i], 0);
      }
      for (int i = 2; i < 6 && stop; i++) { /* parked until the end */
        assert_int_equal(s.out[i].solution.cancelled, 1);
        check_same(&s.out[i], &one[i], 0);
      }
      for (int i = 0; i < N && !stop; i++)
        if (i != 6 && i != 7) check_same(&s.out[i], &all[i], scored);
      trm_solver_close(&solver);
    }
  trm_cancel_close(&cancel);
  fixture_close(&f);
}

int main(void) {
  test_puzzles(inputs, identifiers, N, 5);
  test_puzzles(labels, NULL, N, 6);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_do_not_depend_on_when_puzzles_come),
      cmocka_unit_test(a_trickle_does_not_settle_the_batch),
      cmocka_unit_test(parked_puzzles_that_move_keep_what_is_theirs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
