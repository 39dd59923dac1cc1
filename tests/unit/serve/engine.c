/* A pool with real engines, whose answers must be those of the library: also while engines are killed, told to end,
 * or have a model less. */
#include "unit/serve/engine_puzzles.h"

static void a_hundred_puzzles_have_the_library_s_answers(void **state) {
  (void)state;
  static bench b;
  const trm__work_config models = bench_models(SUDOKU, MAZE);
  clear_results();
  bench_open(&b, &models, 2, 1000);
  assert_false(trm__serve_pool_ready(b.pool));
  bench_start(&b, 0);
  BENCH_UNTIL(&b, trm__serve_pool_ready(b.pool));
  int right = 0, known = 0, count;
  const trm__work_model *m = trm__serve_pool_models(b.pool, &count);
  assert_int_equal(count, 2);
  assert_string_equal(m[0].name, "sudoku");
  assert_int_equal(m[0].cells, CELLS);
  assert_int_equal(strlen(m[0].id), 12);
  assert_ptr_equal(trm__serve_pool_model(b.pool, m[1].id), &m[1]);
  for (int i = 0; i < PUZZLES; i++) {
    const trm__work work = work_of(i);
    submit(&b, &work, i % 3 == 0, &results[i]);
  }
  BENCH_UNTIL(&b, ended(0, PUZZLES) == PUZZLES);
  for (int i = 0; i < PUZZLES; i++) {
    check_answer(i);
    assert_int_equal(i % 3 == 0, results[i].steps > 0);
    if (i % 3 == 0) assert_int_equal(results[i].steps, results[i].end.done.solution.steps);
    right += results[i].end.done.solution.correct;
    known += results[i].has_confidence;
  }
  print_message("%d of %d right, confidence of %d\n", right, PUZZLES, known);
  assert_true(right > PUZZLES / 2);
  assert_int_equal(known, PUZZLES);
  const trm__serve_pool_stats stats = trm__serve_pool_get_stats(b.pool);
  assert_int_equal(stats.done, PUZZLES);
  assert_int_equal(stats.again + stats.lost, 0);
  assert_int_equal(stats.waiting + stats.working, 0);
  bench_close(&b);
}

static void killed_engines_lose_and_double_nothing(void **state) {
  (void)state;
  static bench b;
  const trm__work_config models = bench_models(SUDOKU, MAZE);
  trm__rng rng = trm__rng_make(11, TRM__RNG_TEST, 0);
  clear_results();
  bench_open(&b, &models, 1000, 1000);
  bench_start(&b, 0);
  bench_start(&b, 1);
  BENCH_UNTIL(&b, trm__serve_pool_ready(b.pool));
  for (int i = 0; i < PUZZLES; i++) {
    const trm__work work = work_of(i);
    submit(&b, &work, i % 3 == 0, &results[i]);
  }
  int kills = 0;
  for (int wait = 0; kills < 6 && ended(0, PUZZLES) < PUZZLES; kills++) {
    int before = ended(0, PUZZLES), more = 1 + (int)trm__rng_below(&rng, 15), i = (int)trm__rng_below(&rng, 2);
    BENCH_UNTIL(&b, ended(0, PUZZLES) >= (before + more < PUZZLES ? before + more : PUZZLES));
    bench_kill(&b, i, SIGKILL);
    bench_start(&b, i);
    (void)wait;
  }
  BENCH_UNTIL(&b, ended(0, PUZZLES) == PUZZLES);
  for (int i = 0; i < PUZZLES; i++) check_answer(i);
  const trm__serve_pool_stats stats = trm__serve_pool_get_stats(b.pool);
  print_message("%d kills, %d given to another\n", kills, (int)stats.again);
  assert_int_equal(stats.done, PUZZLES);
  assert_true(stats.again > 0);
  bench_close(&b);
}

static void what_kills_two_engines_is_poison(void **state) {
  (void)state;
  static bench b;
  const trm__work_config models = bench_models(SUDOKU, NULL);
  clear_results();
  bench_open(&b, &models, 2, 10);
  const trm__work work = long_work(0);
  for (int round = 0; round < 2; round++) {
    bench_start(&b, 0);
    BENCH_UNTIL(&b, bench_up(&b) == 1);
    if (!round) submit(&b, &work, 1, &results[0]);
    int before = results[0].steps;
    BENCH_UNTIL(&b, results[0].steps > before + 3);
    bench_kill(&b, 0, SIGKILL);
    BENCH_UNTIL(&b, bench_up(&b) == 0);
    assert_int_equal(results[0].ended, round);
  }
  assert_true(results[0].end.poison);
  assert_int_equal(results[0].end.done.status, TRM_E_INTERNAL);
  assert_int_equal(results[0].end.engines, 2);
  bench_close(&b);
}

static void a_model_that_cannot_be_loaded_is_told(void **state) {
  (void)state;
  static bench b;
  trm__work_config models = bench_models(SUDOKU, TRM_SOURCE_DIR "/README.md");
  clear_results();
  bench_open(&b, &models, 2, 10);
  bench_start(&b, 0);
  BENCH_UNTIL(&b, bench_up(&b) == 1);
  assert_false(trm__serve_pool_ready(b.pool));
  assert_non_null(strstr(b.why.where, "README.md"));
  trm__work work = work_of(0);
  submit(&b, &work, 0, &results[0]);
  work = work_of(70);
  refuse(&b, &work, TRM_E_UNSUPPORTED, "README.md");
  BENCH_UNTIL(&b, results[0].ended == 1);
  check_answer(0);
  bench_close(&b);
  models = bench_models("/nowhere/a.safetensors", NULL);
  bench_open(&b, &models, 2, 10);
  bench_start(&b, 0);
  BENCH_UNTIL(&b, b.why.message[0]);
  assert_false(trm__serve_pool_ready(b.pool));
  assert_int_equal(bench_up(&b), 0);
  assert_int_equal(kill(b.pid[0], 0), 0); /* it waits, and does not start again and again */
  bench_close(&b);
}

/* SIGTERM: what is at work is finished, what is not goes to the other engine, and the first ends normally. */
static void an_engine_that_is_told_to_end_hands_back(void **state) {
  (void)state;
  static bench b;
  trm__work_config models = bench_models(SUDOKU, NULL);
  models.batch = 1;
  models.window = 8;
  clear_results();
  bench_open(&b, &models, 1, 100);
  bench_start(&b, 0);
  BENCH_UNTIL(&b, bench_up(&b) == 1);
  for (int i = 0; i < 30; i++) {
    const trm__work work = work_of(i);
    submit(&b, &work, 0, &results[i]);
  }
  BENCH_UNTIL(&b, ended(0, 30) > 3);
  assert_int_equal(kill(b.pid[0], SIGTERM), 0);
  BENCH_UNTIL(&b, bench_up(&b) == 0);
  int status;
  assert_int_equal(waitpid(b.pid[0], &status, 0), b.pid[0]);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  b.pid[0] = 0;
  bench_start(&b, 1);
  BENCH_UNTIL(&b, ended(0, 30) == 30);
  for (int i = 0; i < 30; i++) check_answer(i); /* with one death allowed: none was counted */
  bench_close(&b);
}

static void nobody_is_left_untold_at_the_end(void **state) {
  (void)state;
  static bench b;
  const trm__work_config models = bench_models(SUDOKU, NULL);
  clear_results();
  bench_open(&b, &models, 2, 20);
  bench_start(&b, 0);
  BENCH_UNTIL(&b, bench_up(&b) == 1);
  trm_error err = {0};
  uint64_t id;
  const trm__work work = long_work(0);
  int accepted = 0;
  while (trm__serve_pool_submit(b.pool, &work, "x", &without, &results[accepted], &id, &err) == TRM_OK) accepted++;
  assert_int_equal(err.code, TRM_E_BUSY);
  assert_int_equal(accepted, 20);
  assert_int_equal(trm__serve_pool_get_stats(b.pool).busy, 1);
  BENCH_UNTIL(&b, trm__serve_pool_get_stats(b.pool).working == 16);
  bench_close(&b);
  for (int i = 0; i < accepted; i++) {
    assert_int_equal(results[i].ended, 1);
    assert_int_equal(results[i].end.done.status, TRM_E_STOPPED);
  }
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_hundred_puzzles_have_the_library_s_answers),
      cmocka_unit_test(killed_engines_lose_and_double_nothing),
      cmocka_unit_test(what_kills_two_engines_is_poison),
      cmocka_unit_test(a_model_that_cannot_be_loaded_is_told),
      cmocka_unit_test(an_engine_that_is_told_to_end_hands_back),
      cmocka_unit_test(nobody_is_left_untold_at_the_end),
  };
  return cmocka_run_group_tests(tests, make_puzzles, NULL);
}
