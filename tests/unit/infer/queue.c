/* The queue: who goes first, and who is told what by which ticket. What callbacks and threads do to a queue that is
 * solved is in queue_threads.c. */
#include "unit/infer/queue_support.h"

#include "infer/engine.h"

/* -- who goes first ------------------------------------------------------------------------------------------------ */

static void higher_priorities_go_first_and_equals_in_order(void **state) {
  (void)state;
  static bench b;
  int priorities[N];
  bench_open(&b, 1, N);
  trm__rng rng = trm__rng_make(3, TRM__RNG_TEST, 0);
  for (int i = 0; i < N; i++) {
    trm_puzzle p = puzzle_of(i);
    p.priority = priorities[i] = (int)trm__rng_below(&rng, 5) - 2;
    p.max_steps = 1;
    assert_int_equal(push(&b, &p), i);
  }
  end_and_solve(&b);
  assert_int_equal(b.left, N);
  for (int i = 1; i < N; i++) {
    int64_t before = b.order[i - 1], after = b.order[i];
    assert_true(priorities[before] > priorities[after] || (priorities[before] == priorities[after] && before < after));
  }
  bench_close(&b);
}

static void a_full_or_ended_queue_takes_no_more(void **state) {
  (void)state;
  static bench b;
  trm_error err = {0};
  int64_t ticket = -5;
  bench_open(&b, 1, 3);
  trm_puzzle p = puzzle_of(0);
  push_first(&b, 3);
  assert_int_equal(trm_queue_waiting(b.queue), 3);
  CHECK_FAILS(trm_queue_push(b.queue, &p, &ticket, &err), TRM_E_BUSY, err, "3 puzzles wait");
  assert_int_equal(trm_queue_waiting(b.queue), 3);
  trm_queue_end(b.queue);
  CHECK_FAILS(trm_queue_push(b.queue, &p, &ticket, &err), TRM_E_BUSY, err, "ended");
  solve(&b);
  CHECK_FAILS(trm_queue_push(b.queue, &p, &ticket, &err), TRM_E_BUSY, err, "ended");
  assert_int_equal(ticket, -5);
  assert_int_equal(b.left, 3);
  for (int i = 0; i < 3; i++) assert_ptr_equal(b.tag[i], &inputs[i]);
  check_answers(&b, 0, 3);
  solve(&b); /* nothing is left to do */
  assert_int_equal(b.left, 3);
  bench_close(&b);
}

static void what_waits_at_the_end_leaves_cancelled(void **state) {
  (void)state;
  static bench b;
  bench_open(&b, 1, N);
  push_first(&b, 5);
  trm_puzzle p = puzzle_of(5);
  p.priority = 1;
  push(&b, &p);
  size_t used = trm__mem_used();
  trm_queue_close(&b.queue);
  assert_true(trm__mem_used() < used);
  assert_int_equal(b.left, 6);
  assert_int_equal(b.order[0], 5);
  for (int i = 0; i < 6; i++) {
    assert_true(b.solution[i].cancelled && b.solution[i].steps == 0 && !b.solution[i].refused);
    assert_ptr_equal(b.tag[i], &inputs[i]);
  }
  bench_close(&b);
}

/* -- tickets ------------------------------------------------------------------------------------------------------- */

static int watch_all(void *context, const trm_step *step) {
  bench *b = context;
  b->watched++;
  b->ticket = step->puzzle;
  assert_true(step->place != NULL);
  if (b->cancel_at && step->puzzle == b->cancel_at && step->step == 2) trm_cancel_all(b->cancel);
  return TRM_STEP_ON;
}

/* The engine counts its calls' puzzles from 0 again; tickets, and with them noise, go on. */
static void tickets_go_on_after_a_stop(void **state) {
  (void)state;
  static bench b;
  trm_error err = {0};
  bench_open(&b, 2, N);
  for (int i = 0; i < 9; i++) {
    trm_puzzle p = puzzle_of(i);
    p.watch = watch_all;
    p.watch_context = &b;
    assert_int_equal(push(&b, &p), i);
  }
  b.cancel_at = 3;
  CHECK_FAILS(trm_queue_solve(b.queue, b.solver, &err), TRM_E_STOPPED, err, "stopped after 2 puzzles");
  assert_int_equal(b.left, 4); /* 0 and 1 were done, 2 and 3 at work */
  assert_int_equal(b.watched, 4 * STEPS - 2 * (STEPS - 2));
  assert_int_equal(b.ticket, 3);
  assert_int_equal(trm_queue_waiting(b.queue), 5);
  for (int i = 2; i < 4; i++) assert_true(b.solution[i].cancelled && b.solution[i].steps == 2);
  check_answers(&b, 0, 2);

  CHECK_FAILS(trm_queue_solve(b.queue, b.solver, &err), TRM_E_STOPPED, err, "stopped after 0"); /* the marks stay */
  assert_int_equal(b.left, 4);
  assert_int_equal(trm_queue_waiting(b.queue), 5);
  trm_cancel_reset(b.cancel);
  trm_puzzle p = puzzle_of(9);
  assert_int_equal(push(&b, &p), 9);
  b.watched = b.cancel_at = 0;
  end_and_solve(&b);
  assert_int_equal(b.left, 10);
  assert_int_equal(b.watched, 5 * STEPS);
  assert_int_equal(b.ticket, 8);
  check_answers(&b, 4, 10);
  bench_close(&b);
}

static void named_noise_and_own_limits_reach_the_engine(void **state) {
  (void)state;
  static bench b;
  bench_open(&b, 3, N);
  for (int i = 0; i < 6; i++) { /* puzzle i under ticket i is puzzle 5 - i with its name */
    trm_puzzle p = puzzle_of(5 - i);
    p.noise_name = (uint64_t)(5 - i);
    push(&b, &p);
  }
  trm_puzzle p = puzzle_of(0);
  p.max_steps = 2;
  push(&b, &p);
  end_and_solve(&b);
  for (int i = 0; i < 3; i++) { /* as check_answers wants them */
    int32_t answer[CELLS];
    trm_solution solution = b.solution[i];
    memcpy(answer, b.answer[i], sizeof answer);
    memcpy(b.answer[i], b.answer[5 - i], sizeof answer);
    memcpy(b.answer[5 - i], answer, sizeof answer);
    b.solution[i] = b.solution[5 - i];
    b.solution[5 - i] = solution;
  }
  check_answers(&b, 0, 6);
  assert_int_equal(b.solution[6].steps, 2);
  bench_close(&b);
}

/* -- cancelling and deadlines -------------------------------------------------------------------------------------- */

static int watch_and_cancel(void *context, const trm_step *step) {
  bench *b = context;
  if (step->step == 2) trm_queue_cancel(b->queue, 1); /* at work beside it */
  if (step->step == 3) trm_queue_cancel(b->queue, step->puzzle);
  return TRM_STEP_ON;
}

static int watch_and_leave(void *context, const trm_step *step) {
  (void)context;
  return step->step == 3 ? TRM_STEP_STOP : TRM_STEP_ON; /* as CANCEL: of this puzzle alone */
}

static void waiting_and_working_puzzles_are_cancelled(void **state) {
  (void)state;
  static bench b;
  bench_open(&b, 3, N);
  for (int i = 0; i < 6; i++) {
    trm_puzzle p = puzzle_of(i);
    p.watch = i == 0 ? watch_and_cancel : i == 2 ? watch_and_leave : NULL;
    p.watch_context = &b;
    push(&b, &p);
  }
  trm_queue_cancel(b.queue, 4);
  trm_queue_cancel(b.queue, 4);
  trm_queue_cancel(b.queue, -1); /* there are none of these */
  trm_queue_cancel(b.queue, 6);
  assert_int_equal(trm_queue_waiting(b.queue), 6); /* it leaves when the engine comes to it */
  end_and_solve(&b);
  static const int steps[] = {3, 2, 3, STEPS, 0, STEPS};
  assert_int_equal(b.left, 6);
  for (int i = 0; i < 6; i++) {
    assert_int_equal(b.solution[i].steps, steps[i]);
    assert_int_equal(b.solution[i].cancelled, steps[i] != STEPS);
    assert_false(b.solution[i].expired);
  }
  check_answers(&b, 3, 4);
  check_answers(&b, 5, 6);
  bench_close(&b);
}

static double now;

static double false_clock(void) {
  return now;
}

static int watch_and_age(void *context, const trm_step *step) {
  (void)context, (void)step;
  now += 1;
  return TRM_STEP_ON;
}

static void deadlines_end_work_and_waiting(void **state) {
  (void)state;
  static bench b;
  trm_error err = {0};
  bench_open(&b, 1, N);
  b.solver->clock = false_clock;
  now = 10;
  static const double deadlines[] = {0, 16, 16, 1e300, 14};
  for (int i = 0; i < 5; i++) { /* each step takes a second */
    trm_puzzle p = puzzle_of(i);
    p.deadline = deadlines[i];
    p.watch = watch_and_age;
    push(&b, &p);
  }
  trm_puzzle p = puzzle_of(5);
  p.deadline = (double)NAN;
  CHECK_FAILS(trm_queue_push(b.queue, &p, NULL, &err), TRM_E_INPUT, err, "deadline");
  end_and_solve(&b);
  static const int steps[] = {STEPS, 2, 0, STEPS, 0};
  for (int i = 0; i < 5; i++) {
    assert_int_equal(b.solution[i].steps, steps[i]);
    assert_int_equal(b.solution[i].expired, steps[i] != STEPS);
    assert_int_equal(b.solution[i].cancelled, steps[i] != STEPS);
  }
  check_answers(&b, 0, 1);
  check_answers(&b, 3, 4);
  bench_close(&b);
}

/* -- what does not fit --------------------------------------------------------------------------------------------- */

static void what_does_not_fit_is_refused_at_the_door(void **state) {
  (void)state;
  static bench b;
  trm_error err = {0};
  trm_queue *none = NULL;
  int64_t ticket = -5;
  int32_t tokens[CELLS];
  bench_open(&b, 1, N);
  CHECK_FAILS(trm_queue_open(&none, b.solver, 0, bench_leave, &b, &err), TRM_E_USAGE, err, "capacity");
  CHECK_FAILS(trm_queue_open(&none, b.solver, 1, NULL, &b, &err), TRM_E_USAGE, err, "function");
  CHECK_FAILS(trm_queue_open(&none, b.solver, INT64_MAX, bench_leave, &b, &err), TRM_E_MEMORY, err, NULL);
  assert_null(none);
  trm_puzzle p = puzzle_of(0);
  p.size = 0;
  CHECK_FAILS(trm_queue_push(b.queue, &p, &ticket, &err), TRM_E_USAGE, err, "trm_puzzle_default");
  p = puzzle_of(0);
  p.tokens = NULL;
  CHECK_FAILS(trm_queue_push(b.queue, &p, &ticket, &err), TRM_E_USAGE, err, "without tokens");
  memcpy(tokens, inputs, sizeof tokens);
  tokens[9] = -1;
  p.tokens = tokens;
  CHECK_FAILS(trm_queue_push(b.queue, &p, &ticket, &err), TRM_E_INPUT, err, "token -1 at position 9");
  p = puzzle_of(0);
  p.identifier = IDENTIFIERS;
  CHECK_FAILS(trm_queue_push(b.queue, &p, &ticket, &err), TRM_E_INPUT, err, "identifier 3");
  p = puzzle_of(0);
  p.max_steps = -1;
  CHECK_FAILS(trm_queue_push(b.queue, &p, &ticket, &err), TRM_E_INPUT, err, "max_steps");
  p = puzzle_of(0);
  p.noise_name = UINT64_C(1) << 46;
  CHECK_FAILS(trm_queue_push(b.queue, &p, &ticket, &err), TRM_E_INPUT, err, "noise_name");
  assert_true(ticket == -5 && trm_queue_waiting(b.queue) == 0);
  push_first(&b, 1); /* tickets were not used up */
  bench_close(&b);
}

/* The queue was opened for a solver of six tokens, and one of five solves it. */
static void what_does_not_fit_another_solver_leaves_with_the_reason(void **state) {
  (void)state;
  static bench b;
  fixture other;
  trm_error err = {0};
  trm_solver *solver = NULL;
  trm_model *model = NULL;
  bench_open(&b, 2, N);
  trm_model_config config = test_config(1);
  config.vocab_size = TOKENS - 1;
  fixture_open(&other, 1, 1, NULL);
  trm_solver_config wanted = trm_solver_config_default();
  wanted.max_steps = STEPS;
  test_model_write(check_path(other.dir, "five.safetensors"), &config, NULL);
  CHECK_OK(trm_model_open(&model, check_path(other.dir, "five.safetensors"), &err), err);
  CHECK_OK(trm_solver_open(&solver, other.runtime, model, &wanted, &err), err);
  int32_t tokens[3][CELLS] = {{1, 2, 3}, {1, TOKENS - 1, 3}, {4, 4}};
  for (int i = 0; i < 3; i++) {
    trm_puzzle p = puzzle_of(i);
    p.tokens = tokens[i];
    push(&b, &p);
  }
  trm_queue_end(b.queue);
  CHECK_OK(trm_queue_solve(b.queue, solver, &err), err);
  assert_int_equal(b.left, 3);
  assert_non_null(strstr(b.refusal, "token 5 at position 1"));
  for (int i = 0; i < 3; i++) {
    assert_int_equal(b.solution[i].refused, i == 1);
    assert_int_equal(b.solution[i].steps > 0, i != 1);
  }
  trm_solver_close(&solver);
  trm_model_close(&model);

  config = test_config(1);
  config.seq_len = CELLS + 1;
  test_model_write(check_path(other.dir, "longer.safetensors"), &config, NULL);
  CHECK_OK(trm_model_open(&model, check_path(other.dir, "longer.safetensors"), &err), err);
  CHECK_OK(trm_solver_open(&solver, other.runtime, model, &wanted, &err), err);
  CHECK_FAILS(trm_queue_solve(b.queue, solver, &err), TRM_E_USAGE, err, "a solver of 17 cells");
  trm_solver_close(&solver);
  trm_model_close(&model);
  fixture_close(&other);
  bench_close(&b);
}

static trm_status open_push_and_close(void *context, trm_error *err) {
  bench *b = context;
  trm_queue *queue = NULL;
  trm_puzzle p = puzzle_of(0);
  b->left = 0;
  trm_status status = trm_queue_open(&queue, b->solver, 4, bench_leave, b, err);
  if (!status) status = trm_queue_push(queue, &p, NULL, err);
  trm_queue_close(&queue);
  return status;
}

static void each_failing_allocation_is_told(void **state) {
  (void)state;
  static bench b;
  bench_open(&b, 1, 1);
  assert_int_equal(check_each_allocation(open_push_and_close, &b), 3);
  bench_close(&b);
}

int main(void) {
  test_puzzles(inputs, identifiers, N, 12);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(higher_priorities_go_first_and_equals_in_order),
      cmocka_unit_test(a_full_or_ended_queue_takes_no_more),
      cmocka_unit_test(what_waits_at_the_end_leaves_cancelled),
      cmocka_unit_test(tickets_go_on_after_a_stop),
      cmocka_unit_test(named_noise_and_own_limits_reach_the_engine),
      cmocka_unit_test(waiting_and_working_puzzles_are_cancelled),
      cmocka_unit_test(deadlines_end_work_and_waiting),
      cmocka_unit_test(what_does_not_fit_is_refused_at_the_door),
      cmocka_unit_test(what_does_not_fit_another_solver_leaves_with_the_reason),
      cmocka_unit_test(each_failing_allocation_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
