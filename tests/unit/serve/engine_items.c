/* What a real engine makes of single items: cancelled and late ones, states, bad ones, hints, options of their own. */
#include "unit/serve/engine_puzzles.h"

static void cancelled_and_late_items_leave_with_what_they_have(void **state) {
  (void)state;
  static bench b;
  trm__work_config models = bench_models(SUDOKU, NULL);
  models.batch = models.window = 2;
  clear_results();
  bench_open(&b, &models, 2, 10);
  bench_start(&b, 0);
  BENCH_UNTIL(&b, bench_up(&b) == 1);
  trm__work work = long_work(0);
  uint64_t first = submit(&b, &work, 1, &results[0]);
  work.deadline = trm_clock() + 0.5;
  submit(&b, &work, 1, &results[1]);
  BENCH_UNTIL(&b, trm__serve_pool_get_stats(b.pool).working == 2);
  uint64_t waiting = submit(&b, &work, 0, &results[2]); /* waits until its deadline */
  work.deadline = 0;
  uint64_t third = submit(&b, &work, 0, &results[3]);
  BENCH_UNTIL(&b, results[0].steps > 2);
  trm__serve_pool_cancel(b.pool, third);
  assert_int_equal(results[3].ended, 0); /* never from within the call */
  BENCH_UNTIL(&b, results[3].ended == 1);
  assert_true(results[3].end.done.solution.cancelled && !results[3].has_answer);
  BENCH_UNTIL(&b, results[1].ended == 1 && results[2].ended == 1);
  assert_true(results[1].end.done.solution.expired && results[1].has_answer);
  assert_true(results[2].end.done.solution.expired && !results[2].has_answer);
  trm__serve_pool_cancel(b.pool, first);
  trm__serve_pool_cancel(b.pool, first);
  trm__serve_pool_cancel(b.pool, waiting);
  trm__serve_pool_cancel(b.pool, 999);
  BENCH_UNTIL(&b, results[0].ended == 1);
  assert_true(results[0].end.done.solution.cancelled && results[0].has_answer);
  const trm__serve_pool_stats stats = trm__serve_pool_get_stats(b.pool);
  assert_int_equal(stats.cancelled, 2);
  assert_int_equal(stats.expired, 2);
  bench_close(&b);
}

/* Ten steps at once, and two, three and five with the state carried over. */
static void a_state_goes_on_where_it_was(void **state) {
  (void)state;
  static bench b;
  const trm__work_config models = bench_models(SUDOKU, NULL);
  static const int stops[] = {2, 5, 10};
  clear_results();
  bench_open(&b, &models, 2, 10);
  bench_start(&b, 0);
  BENCH_UNTIL(&b, bench_up(&b) == 1);
  trm__work work = long_work(0);
  work.solver.max_steps = 10;
  submit(&b, &work, 0, &results[0]);
  BENCH_UNTIL(&b, results[0].ended == 1);
  assert_null(results[0].state); /* not asked for */
  work.wants_state = 1;
  for (int i = 1; i <= 3; i++) {
    work.solver.max_steps = stops[i - 1];
    work.state = i > 1 ? results[i - 1].state : NULL;
    work.state_size = results[i - 1].state_size;
    submit(&b, &work, 0, &results[i]);
    BENCH_UNTIL(&b, results[i].ended == 1);
    assert_int_equal(results[i].end.done.status, TRM_OK);
    assert_non_null(results[i].state);
  }
  assert_memory_equal(results[3].answer, results[0].answer, sizeof results[0].answer);
  assert_true(results[3].end.done.solution.q == results[0].end.done.solution.q);
  work.solver.max_steps = 12;
  work.state = results[3].state;
  work.state_size = results[3].state_size;
  ((unsigned char *)results[3].state)[results[3].state_size / 2] ^= 1;
  submit(&b, &work, 0, &results[4]);
  BENCH_UNTIL(&b, results[4].ended == 1);
  assert_int_equal(results[4].end.done.status, TRM_E_INPUT);
  bench_close(&b);
}

static void bad_items_are_refused_and_others_solved(void **state) {
  (void)state;
  static bench b;
  int32_t bad[CELLS] = {0};
  const trm__work_config models = bench_models(SUDOKU, MAZE);
  clear_results();
  bench_open(&b, &models, 2, 10);
  trm__work work = work_of(0);
  refuse(&b, &work, TRM_E_UNSUPPORTED, "no engine");
  bench_start(&b, 0);
  BENCH_UNTIL(&b, bench_up(&b) == 1);
  snprintf(work.model, sizeof work.model, "chess");
  refuse(&b, &work, TRM_E_INPUT, "chess");
  work = work_of(0);
  work.cells = 80;
  refuse(&b, &work, TRM_E_INPUT, "80 cells");
  work = work_of(0);
  bad[5] = 99;
  work.tokens = bad;
  refuse(&b, &work, TRM_E_INPUT, "token 99");
  work = work_of(0);
  work.solver.search = 3;
  refuse(&b, &work, TRM_E_INPUT, "search");
  work = work_of(70);
  work.solver.level = TRM_LEVEL_D;
  refuse(&b, &work, TRM_E_INPUT, "level");
  work = work_of(0);
  work.identifier = 5000;
  refuse(&b, &work, TRM_E_INPUT, "identifier");
  work = work_of(0);
  work.priority = 101;
  refuse(&b, &work, TRM_E_INPUT, "priority");
  work = work_of(0);
  work.state = "no state";
  work.state_size = 8;
  refuse(&b, &work, TRM_E_INPUT, "state");
  work = work_of(0);
  submit(&b, &work, 0, &results[0]);
  BENCH_UNTIL(&b, results[0].ended == 1);
  check_answer(0);
  bench_close(&b);
}

static void hints_and_new_puzzles_are_work_too(void **state) {
  (void)state;
  static bench b;
  const trm__work_config models = bench_models(SUDOKU, MAZE);
  clear_results();
  bench_open(&b, &models, 2, 10);
  bench_start(&b, 0);
  BENCH_UNTIL(&b, bench_up(&b) == 1);
  trm__work work = work_of(0);
  work.kind = TRM__WORK_HINT;
  submit(&b, &work, 0, &results[0]);
  work = work_of(70);
  work.kind = TRM__WORK_HINT;
  submit(&b, &work, 0, &results[1]);
  work = trm__work_default();
  work.kind = TRM__WORK_GENERATE;
  snprintf(work.model, sizeof work.model, "maze");
  work.solver.seed = 7;
  work.number = 70;
  submit(&b, &work, 0, &results[2]);
  work.wanted.min_clues = 5; /* of a maze */
  submit(&b, &work, 0, &results[3]);
  snprintf(work.model, sizeof work.model, "sudoku");
  work.wanted.min_clues = 0;
  work.wanted.max_clues = 17; /* nobody finds one soon */
  work.deadline = trm_clock() + 0.3;
  submit(&b, &work, 0, &results[4]);
  BENCH_UNTIL(&b, ended(0, 5) == 5);
  assert_int_equal(results[0].end.done.status, TRM_OK);
  assert_true(results[0].end.done.hint.by == TRM_HINT_RULES && results[0].end.done.hint.cell >= 0);
  assert_int_equal(results[1].end.done.status, TRM_OK);
  assert_true(results[1].end.done.hint.reason[0] != 0);
  assert_memory_equal(results[2].question, puzzles[70].question, sizeof puzzles[70].question);
  assert_true(results[2].has_answer);
  assert_true(results[3].end.done.status == TRM_E_INPUT);
  assert_true(results[4].end.done.solution.expired || results[4].end.done.status == TRM_E_INPUT);
  bench_close(&b);
}

/* More sets of options than solvers are kept; the same set gives the same bits each time. */
static void options_of_the_solver_get_their_own(void **state) {
  (void)state;
  static bench b;
  trm__work_config models = bench_models(SUDOKU, NULL);
  models.solvers = 2;
  clear_results();
  bench_open(&b, &models, 2, 100);
  bench_start(&b, 0);
  BENCH_UNTIL(&b, bench_up(&b) == 1);
  for (int i = 0; i < 24; i++) {
    trm__work work = work_of(0);
    work.solver.seed = 1 + i % 6;
    if (i % 2) work.solver.search = 0, work.solver.votes = 3;
    submit(&b, &work, 0, &results[i]);
  }
  BENCH_UNTIL(&b, ended(0, 24) == 24);
  for (int i = 0; i < 24; i++) {
    assert_int_equal(results[i].end.done.status, TRM_OK);
    assert_memory_equal(results[i].answer, results[i % 6].answer, sizeof results[i].answer);
    assert_int_equal(results[i].end.done.solution.steps, results[i % 6].end.done.solution.steps);
  }
  bench_close(&b);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cancelled_and_late_items_leave_with_what_they_have),
      cmocka_unit_test(a_state_goes_on_where_it_was),
      cmocka_unit_test(bad_items_are_refused_and_others_solved),
      cmocka_unit_test(hints_and_new_puzzles_are_work_too),
      cmocka_unit_test(options_of_the_solver_get_their_own),
  };
  return cmocka_run_group_tests(tests, make_puzzles, NULL);
}
