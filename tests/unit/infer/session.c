/* Sessions take the steps that trm_solve takes, with the same bits; clues may change between them, and what was done
 * can be undone. Files of sessions have a test of their own, session_files.c. */
#include "unit/infer/session_support.h"

#include "infer/values.h"

enum { N = 6, STEPS = 6 };

static int32_t inputs[N * CELLS], identifiers[N];
static course expected, changed;

static void a_session_is_a_solve(void **state) {
  (void)state;
  for (int v = 0; v < VARIANTS; v++) {
    fixture f;
    fixture_open(&f, variants[v].mixer, 1 + v % 2, NULL);
    trm_solver *solver = variant_solver(&f, &variants[v], STEPS);
    trm_solver *short_one = variant_solver(&f, &variants[v], 2); /* a session may exceed its solver's limit */
    for (int i = 0; i < N; i++) {
      course_of(&expected, solver, inputs + i * CELLS, identifiers[i]);
      assert_int_equal(expected.steps, STEPS);
      trm_session *session = session_of(short_one, inputs + i * CELLS, identifiers[i]);
      check_history(session, &expected, 0, 0);
      assert_int_equal(trm_session_describe(session).identifier, identifiers[i]);
      assert_memory_equal(trm_session_describe(session).question, inputs + i * CELLS, CELLS * sizeof *inputs);
      for (int64_t k = 1, steps = 0; k <= 3; k++) {
        advance(session, k);
        steps += k;
        check_history(session, &expected, steps, steps);
      }
      trm_session_close(&session);
      assert_null(session);
    }
    trm_solver_close(&short_one);
    trm_solver_close(&solver);
    fixture_close(&f);
  }
}

/* A threshold that one of the puzzles, *puzzle, exceeds in step *step, 2 or later, for the first time. */
static double find_threshold(trm_solver *solver, int *puzzle, int *step) {
  for (*puzzle = 0; *puzzle < N; ++*puzzle) {
    course_of(&expected, solver, inputs + *puzzle * CELLS, identifiers[*puzzle]);
    float most = expected.q[0];
    for (*step = 2; *step < STEPS; ++*step) {
      if (expected.q[*step - 1] > most) return ((double)most + (double)expected.q[*step - 1]) / 2;
    }
  }
  fail_msg("no puzzle is surer after some step than after its first");
  return 0;
}

static void halting_ends_a_call(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  int puzzle = 0, step = 0;
  int64_t taken = -1;
  fixture_open(&f, 1, 1, NULL);
  trm_solver *solver = fixture_solver(&f, 2, STEPS, 0, 0);
  double threshold = find_threshold(solver, &puzzle, &step);
  trm_solver *halting = fixture_solver(&f, 2, STEPS, 1, threshold);
  trm_session *session = session_of(halting, inputs + puzzle * CELLS, identifiers[puzzle]);
  CHECK_OK(trm_session_step(session, STEPS, &taken, &err), err);
  assert_int_equal(taken, step);
  check_history(session, &expected, step, step);
  /* The next call goes on all the same, and each ends as soon as it may. */
  for (int64_t at = step; at < STEPS;) {
    CHECK_OK(trm_session_step(session, STEPS - at, &taken, &err), err);
    assert_in_range(taken, 1, STEPS - at);
    at += taken;
    assert_true(at == STEPS || (double)expected.q[at - 1] > threshold);
    check_history(session, &expected, at, at);
  }
  trm_session_close(&session);
  trm_solver_close(&halting);
  trm_solver_close(&solver);
  fixture_close(&f);
}

static void pins_before_the_first_step_are_clues(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  int32_t tokens[CELLS];
  fixture_open(&f, 1, 1, NULL);
  trm_solver *solver = fixture_solver(&f, 1, STEPS, 0, 0);
  memcpy(tokens, inputs, sizeof tokens);
  tokens[3] = (tokens[3] + 1) % TOKENS;
  tokens[CELLS - 1] = (tokens[CELLS - 1] + 2) % TOKENS;
  course_of(&expected, solver, inputs, identifiers[0]);
  course_of(&changed, solver, tokens, identifiers[0]);
  assert_memory_not_equal(expected.confidence[0], changed.confidence[0], sizeof expected.confidence[0]);
  trm_session *session = session_of(solver, inputs, identifiers[0]);
  CHECK_OK(trm_session_pin(session, 3, tokens[3], &err), err);
  CHECK_OK(trm_session_pin(session, CELLS - 1, tokens[CELLS - 1], &err), err);
  assert_memory_equal(trm_session_describe(session).question, tokens, sizeof tokens);
  advance(session, STEPS);
  check_history(session, &changed, STEPS, STEPS);
  trm_session_entry entry;
  CHECK_OK(trm_session_at(session, 1, &entry, &err), err);
  assert_memory_equal(entry.question, tokens, sizeof tokens);
  trm_session_close(&session);

  session = session_of(solver, inputs, identifiers[0]);
  CHECK_OK(trm_session_pin(session, 3, tokens[3], &err), err);
  CHECK_OK(trm_session_clear(session, 3, &err), err);
  CHECK_OK(trm_session_clear(session, 5, &err), err); /* it has no pin */
  assert_memory_equal(trm_session_describe(session).question, inputs, sizeof tokens);
  advance(session, STEPS);
  check_history(session, &expected, STEPS, STEPS);
  trm_session_close(&session);
  trm_solver_close(&solver);
  fixture_close(&f);
}

/* A source of one puzzle that goes on from a state with other tokens. */
typedef struct one_more {
  const trm_state *state;
  const int32_t *tokens;
  int64_t max_steps;
  int given, left;
} one_more;

static trm_source_answer one_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  one_more *o = context;
  (void)number, (void)wait;
  if (o->given++) return TRM_SOURCE_END;
  memcpy(puzzle->tokens, o->tokens, CELLS * sizeof *o->tokens);
  puzzle->identifier = identifiers[0];
  puzzle->max_steps = o->max_steps;
  puzzle->state = o->state;
  return TRM_SOURCE_PUZZLE;
}

static void one_leave(void *context, const trm_leave *leave) {
  one_more *o = context;
  assert_null(leave->error);
  o->left++;
}

static void later_pins_go_on_from_the_state(void **state) {
  (void)state;
  for (int v = 0; v < VARIANTS; v++) {
    fixture f;
    trm_error err = {0};
    int32_t tokens[CELLS];
    fixture_open(&f, variants[v].mixer, 1, NULL);
    trm_solver *solver = variant_solver(&f, &variants[v], STEPS);
    trm_session *session = session_of(solver, inputs, identifiers[0]);
    course_of(&expected, solver, inputs, identifiers[0]);
    advance(session, 2);
    memcpy(tokens, inputs, sizeof tokens);
    tokens[7] = (tokens[7] + 1) % TOKENS;
    one_more more = {.state = trm_session_state(session), .tokens = tokens, .max_steps = STEPS};
    trm_source source = trm_source_default();
    source.context = &more;
    source.next = one_next;
    source.leave = one_leave;
    changed = expected;
    CHECK_OK(trm_solve_source(solver, &source, course_watch, &changed, &err), err);
    assert_true(changed.steps == STEPS && more.left == 1);
    assert_memory_not_equal(expected.confidence[2], changed.confidence[2], sizeof expected.confidence[2]);
    CHECK_OK(trm_session_pin(session, 7, tokens[7], &err), err);
    advance(session, STEPS - 2);
    check_history(session, &changed, STEPS, STEPS);
    for (int64_t step = 1; step <= STEPS; step++) { /* each step says which clues it had */
      trm_session_entry entry;
      CHECK_OK(trm_session_at(session, step, &entry, &err), err);
      assert_memory_equal(entry.question, step <= 2 ? inputs : tokens, sizeof tokens);
    }
    trm_session_close(&session);
    trm_solver_close(&solver);
    fixture_close(&f);
  }
}

static void steps_are_taken_back(void **state) {
  (void)state;
  for (int v = 0; v < VARIANTS; v++) {
    fixture f;
    trm_error err = {0};
    int32_t tokens[CELLS];
    fixture_open(&f, variants[v].mixer, 1, NULL);
    trm_solver *solver = variant_solver(&f, &variants[v], STEPS);
    memcpy(tokens, inputs, sizeof tokens);
    tokens[0] = (tokens[0] + 1) % TOKENS;
    course_of(&expected, solver, inputs, identifiers[0]);
    course_of(&changed, solver, tokens, identifiers[0]);
    trm_session *session = session_of(solver, inputs, identifiers[0]);
    advance(session, STEPS);
    for (int64_t back = 1; back < STEPS; back++) {
      CHECK_OK(trm_session_back(session, back, &err), err);
      check_history(session, &expected, STEPS - back, STEPS - back);
      advance(session, back);
      check_history(session, &expected, STEPS, STEPS);
    }
    CHECK_OK(trm_session_pin(session, 0, tokens[0], &err), err);
    CHECK_OK(trm_session_back(session, STEPS, &err), err); /* pins stay */
    check_history(session, &expected, 0, 0);
    advance(session, STEPS);
    check_history(session, &changed, STEPS, STEPS);
    trm_session_close(&session);
    trm_solver_close(&solver);
    fixture_close(&f);
  }
}

static void a_history_has_an_end(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  enum { H = TRM_SESSION_HISTORY };
  fixture_open(&f, 1, 1, NULL);
  trm_solver *solver = fixture_solver(&f, 1, MOST, 0, 0);
  course_of(&expected, solver, inputs, identifiers[0]);
  trm_session *session = session_of(solver, inputs, identifiers[0]);
  advance(session, H);
  check_history(session, &expected, H, H);
  CHECK_OK(trm_session_back(session, H, &err), err);
  check_history(session, &expected, 0, 0);
  for (int64_t steps = 1; steps <= MOST; steps++) {
    advance(session, 1);
    check_history(session, &expected, steps, steps < H ? steps : H);
  }
  /* The state before the oldest that is kept is gone, so one must stay. */
  CHECK_FAILS(trm_session_back(session, H, &err), TRM_E_USAGE, err, "expected 1 to 63 of the 76 taken");
  check_history(session, &expected, MOST, H);
  CHECK_OK(trm_session_back(session, 10, &err), err);
  check_history(session, &expected, MOST - 10, H - 10);
  advance(session, 4);
  check_history(session, &expected, MOST - 6, H - 6);
  CHECK_OK(trm_session_back(session, H - 7, &err), err);
  check_history(session, &expected, MOST - H + 1, 1);
  CHECK_FAILS(trm_session_back(session, 1, &err), TRM_E_USAGE, err, "steps");
  advance(session, H - 1);
  check_history(session, &expected, MOST, H);
  trm_session_close(&session);
  trm_solver_close(&solver);
  fixture_close(&f);
}

static void sessions_share_a_solver(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  static course own[2];
  static int32_t answers[N * CELLS];
  trm_session *session[2];
  const variant noisy = {0, TRM_SOLVE_FLOAT32, 0.5};
  fixture_open(&f, 0, 1, NULL);
  trm_solver *solver = variant_solver(&f, &noisy, STEPS);
  for (int i = 0; i < 2; i++) {
    course_of(&own[i], solver, inputs + i * CELLS, identifiers[i]);
    session[i] = session_of(solver, inputs + i * CELLS, identifiers[i]);
  }
  for (int64_t steps = 1; steps <= STEPS; steps++) {
    for (int i = 0; i < 2; i++) {
      advance(session[i], 1);
      check_history(session[i], &own[i], steps, steps);
    }
    CHECK_OK(trm_solve(solver, N, inputs, identifiers, answers, NULL, NULL, NULL, &err), err);
  }
  trm_session_close(&session[0]);
  check_history(session[1], &own[1], STEPS, STEPS);
  trm_session_close(&session[1]);
  trm_solver_close(&solver);
  fixture_close(&f);
}

static void what_does_not_exist_is_refused(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  int32_t tokens[CELLS];
  int64_t taken = -7;
  trm_session *session = NULL;
  trm_session_entry entry;
  fixture_open(&f, 1, 1, NULL);
  trm_solver *solver = fixture_solver(&f, 1, STEPS, 0, 0);
  memcpy(tokens, inputs, sizeof tokens);
  tokens[4] = TOKENS;
  CHECK_FAILS(trm_session_open(&session, solver, tokens, 0, &err), TRM_E_INPUT, err, "token 6 at position 4");
  CHECK_FAILS(trm_session_open(&session, solver, inputs, IDENTIFIERS, &err), TRM_E_INPUT, err, "identifier 3");
  assert_null(session);
  session = session_of(solver, inputs, identifiers[0]);
  CHECK_FAILS(trm_session_step(session, 0, &taken, &err), TRM_E_USAGE, err, "steps");
  CHECK_FAILS(trm_session_step(session, -1, &taken, &err), TRM_E_USAGE, err, "steps");
  CHECK_FAILS(trm_session_step(session, TRM__VALUES_STEPS + 1, &taken, &err), TRM_E_USAGE, err, "100000 in all");
  assert_int_equal(taken, -7);
  CHECK_FAILS(trm_session_pin(session, -1, 0, &err), TRM_E_USAGE, err, "cell");
  CHECK_FAILS(trm_session_pin(session, CELLS, 0, &err), TRM_E_USAGE, err, "16, expected 0 to 15");
  CHECK_FAILS(trm_session_pin(session, 0, -1, &err), TRM_E_USAGE, err, "token");
  CHECK_FAILS(trm_session_pin(session, 0, TOKENS, &err), TRM_E_USAGE, err, "6, expected 0 to 5");
  CHECK_FAILS(trm_session_clear(session, -1, &err), TRM_E_USAGE, err, "cell");
  CHECK_FAILS(trm_session_clear(session, CELLS, &err), TRM_E_USAGE, err, "cell");
  CHECK_FAILS(trm_session_back(session, 1, &err), TRM_E_USAGE, err, "of the 0 taken");
  CHECK_FAILS(trm_session_back(session, 0, &err), TRM_E_USAGE, err, "steps");
  CHECK_FAILS(trm_session_at(session, 0, &entry, &err), TRM_E_USAGE, err, "step");
  advance(session, 1);
  CHECK_FAILS(trm_session_step(session, TRM__VALUES_STEPS, NULL, &err), TRM_E_USAGE, err, "after 1");
  CHECK_FAILS(trm_session_at(session, 2, &entry, &err), TRM_E_USAGE, err, "kept are 1 to 1");
  course_of(&expected, solver, inputs, identifiers[0]);
  check_history(session, &expected, 1, 1);
  trm_session_close(&session);
  trm_solver_close(&solver);
  fixture_close(&f);
}

static void a_stop_keeps_the_steps_that_were_taken(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  trm_cancel *cancel = NULL;
  int64_t taken = -1;
  fixture_open(&f, 1, 1, NULL);
  trm_solver *solver = fixture_solver(&f, 1, STEPS, 0, 0);
  CHECK_OK(trm_cancel_open(&cancel, 1, &err), err);
  course_of(&expected, solver, inputs, identifiers[0]);
  trm_session *session = session_of(solver, inputs, identifiers[0]);
  advance(session, 2);
  trm_solver_set_cancel(solver, cancel);
  trm_cancel_all(cancel);
  CHECK_FAILS(trm_session_step(session, 3, &taken, &err), TRM_E_STOPPED, err, NULL);
  assert_int_equal(taken, 0);
  check_history(session, &expected, 2, 2);
  trm_cancel_reset(cancel);
  trm_cancel_puzzle(cancel, 0); /* a session's puzzle is the first of its call */
  CHECK_FAILS(trm_session_step(session, 3, &taken, &err), TRM_E_STOPPED, err, "stopped by a cancel mark");
  trm_cancel_reset(cancel);
  advance(session, 3);
  check_history(session, &expected, 5, 5);
  trm_session_close(&session);
  trm_solver_close(&solver);
  trm_cancel_close(&cancel);
  fixture_close(&f);
}

/* Each allocation of three steps fails in turn; what was taken stays, and the rest can be taken then. */
static void a_failed_step_leaves_the_session_as_it_was(void **state) {
  (void)state;
  fixture f;
  size_t failures = 0, counted;
  fixture_open(&f, 1, 1, NULL);
  trm_solver *solver = fixture_solver(&f, 1, STEPS, 0, 0);
  course_of(&expected, solver, inputs, identifiers[0]);
  size_t used = trm__mem_used();
  do {
    trm_error err = {0};
    int64_t taken = -1;
    trm_session *session = session_of(solver, inputs, identifiers[0]);
    advance(session, 1);
    trm__mem_fail_at(failures + 1);
    trm_status status = trm_session_step(session, 3, &taken, &err);
    counted = trm__mem_fail_at(0);
    if (counted <= failures) assert_int_equal(taken, 3);
    assert_int_equal(status, counted <= failures ? TRM_OK : TRM_E_MEMORY);
    assert_true(!status || (err.code == TRM_E_MEMORY && err.message[0]));
    assert_in_range(taken, 0, 3);
    check_history(session, &expected, 1 + taken, 1 + taken);
    if (taken < 3) advance(session, 3 - taken);
    check_history(session, &expected, 4, 4);
    trm_session_close(&session);
    assert_int_equal(trm__mem_used(), used);
  } while (counted > failures++);
  assert_int_equal(failures - 1, 6); /* of each step: a state and its bytes */
  trm_solver_close(&solver);
  fixture_close(&f);
}

static trm_status open_and_step(void *context, trm_error *err) {
  trm_session *session = NULL;
  trm_status status = trm_session_open(&session, context, inputs, identifiers[0], err);
  if (!status) status = trm_session_step(session, 2, NULL, err);
  trm_session_close(&session);
  return status;
}

static void each_failing_allocation_is_told(void **state) {
  (void)state;
  fixture f;
  fixture_open(&f, 1, 1, NULL);
  trm_solver *solver = fixture_solver(&f, 1, STEPS, 0, 0);
  assert_int_equal(check_each_allocation(open_and_step, solver), 6);
  trm_solver_close(&solver);
  fixture_close(&f);
}

int main(void) {
  test_puzzles(inputs, identifiers, N, 8);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_session_is_a_solve),
      cmocka_unit_test(halting_ends_a_call),
      cmocka_unit_test(pins_before_the_first_step_are_clues),
      cmocka_unit_test(later_pins_go_on_from_the_state),
      cmocka_unit_test(steps_are_taken_back),
      cmocka_unit_test(a_history_has_an_end),
      cmocka_unit_test(sessions_share_a_solver),
      cmocka_unit_test(what_does_not_exist_is_refused),
      cmocka_unit_test(a_stop_keeps_the_steps_that_were_taken),
      cmocka_unit_test(a_failed_step_leaves_the_session_as_it_was),
      cmocka_unit_test(each_failing_allocation_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
