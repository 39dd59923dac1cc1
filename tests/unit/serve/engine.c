/* A pool with real engines, whose answers must be those of the library: while engines are killed, beside each other,
 * and whatever else comes in between. */
#include "unit/serve/engines.h"

#include <math.h>

enum { PUZZLES = 100, CELLS = 81, MANY = 160 };

typedef struct puzzle {
  int32_t question[CELLS], answer[CELLS];
  trm_solution solution;
  const char *model;
} puzzle;

/* What came of one item. */
typedef struct result {
  int ended, steps, order_broken, last_step;
  trm__serve_pool_end end;
  int32_t answer[CELLS], question[CELLS];
  float confidence[CELLS];
  int has_answer, has_confidence, has_question;
  void *state;
  size_t state_size;
} result;

static puzzle puzzles[PUZZLES];
static result results[MANY];

/* -- what the library says ----------------------------------------------------------------------------------------- */

static trm_solver_config usual_config(void) {
  trm_solver_config config = trm_solver_config_default();
  config.rules_halt = 1;
  config.search = TRM_SEARCH_USUAL;
  config.batch = 8;
  return config;
}

typedef struct expected {
  int from, to, next;
} expected;

static trm_source_answer expected_next(void *context, int64_t number, int wait, trm_puzzle *p) {
  expected *e = context;
  (void)number, (void)wait;
  if (e->next == e->to) return TRM_SOURCE_END;
  memcpy(p->tokens, puzzles[e->next].question, sizeof puzzles[e->next].question);
  p->noise_name = (uint64_t)e->next;
  p->tag = &puzzles[e->next++];
  p->search = 40;
  return TRM_SOURCE_PUZZLE;
}

static void expected_leave(void *context, const trm_leave *leave) {
  puzzle *p = leave->tag;
  (void)context;
  memcpy(p->answer, leave->answer, sizeof p->answer);
  p->solution = *leave->solution;
}

static void expect_of(const char *path, const char *name, int from, int to, const trm_wanted *wanted) {
  trm_runtime_config rc = trm_runtime_config_default();
  trm_runtime *runtime = NULL;
  trm_model *model = NULL;
  trm_solver *solver = NULL;
  trm_task task;
  trm_error err = {0};
  int32_t unused[CELLS];
  const trm_solver_config config = usual_config();
  rc.threads = 1;
  assert_int_equal(trm_runtime_open(&runtime, &rc, &err), TRM_OK);
  assert_int_equal(trm_model_open(&model, path, &err), TRM_OK);
  assert_int_equal(trm_solver_open(&solver, runtime, model, &config, &err), TRM_OK);
  assert_int_equal(trm_solver_task(solver, &task, &err), TRM_OK);
  for (int i = from; i < to; i++) {
    puzzles[i].model = name;
    assert_int_equal(trm_generate(&task, 7, (uint64_t)i, wanted, puzzles[i].question, unused, &err), TRM_OK);
  }
  expected e = {from, to, from};
  trm_source source = trm_source_default();
  source.context = &e;
  source.next = expected_next;
  source.leave = expected_leave;
  assert_int_equal(trm_solve_source(solver, &source, NULL, NULL, &err), TRM_OK);
  trm_solver_close(&solver);
  trm_model_close(&model);
  trm_runtime_close(&runtime);
}

static int make_puzzles(void **state) {
  (void)state;
  trm_wanted some = trm_wanted_default();
  some.min_clues = 36;
  some.max_clues = 40;
  expect_of(SUDOKU, "sudoku", 0, 70, &some);
  expect_of(MAZE, "maze", 70, PUZZLES, NULL);
  return 0;
}

/* -- items --------------------------------------------------------------------------------------------------------- */

static void on_step(void *context, uint64_t item, const trm__work_step *step) {
  result *r = context;
  (void)item;
  assert_false(r->ended);
  assert_int_equal(step->cells, CELLS);
  r->steps++;
  if (step->chain == 1 && step->step != r->last_step + 1 && step->step != 1) r->order_broken = 1;
  if (step->chain == 1) r->last_step = step->step;
}

static void on_done(void *context, uint64_t item, const trm__serve_pool_end *end) {
  result *r = context;
  const trm__work_done *d = &end->done;
  (void)item;
  r->ended++;
  r->end = *end;
  if ((r->has_answer = d->answer != NULL)) memcpy(r->answer, d->answer, sizeof r->answer);
  if ((r->has_question = d->question != NULL)) memcpy(r->question, d->question, sizeof r->question);
  if ((r->has_confidence = d->confidence != NULL)) memcpy(r->confidence, d->confidence, sizeof r->confidence);
  if (!d->state) return;
  r->state = malloc(d->state_size);
  r->state_size = d->state_size;
  memcpy(r->state, d->state, d->state_size);
}

static const trm__serve_pool_handlers with_steps = {on_step, on_done}, without = {NULL, on_done};

static void clear_results(void) {
  for (int i = 0; i < MANY; i++) free(results[i].state);
  memset(results, 0, sizeof results);
}

static trm__work work_of(int i) {
  trm__work work = trm__work_default();
  snprintf(work.model, sizeof work.model, "%s", puzzles[i].model);
  work.tokens = puzzles[i].question;
  work.cells = CELLS;
  work.number = (uint64_t)i;
  work.solver.search = 40;
  return work;
}

static uint64_t submit(bench *b, const trm__work *work, int explain, result *r) {
  uint64_t id = 0;
  trm_error err = {0};
  trm_status status = trm__serve_pool_submit(b->pool, work, "me", explain ? &with_steps : &without, r, &id, &err);
  if (status) fail_msg("%s: %s", err.where, err.message);
  return id;
}

static int ended(int from, int to) {
  int count = 0;
  for (int i = from; i < to; i++) count += results[i].ended;
  return count;
}

static void check_answer(int i) {
  const result *r = &results[i];
  assert_int_equal(r->ended, 1);
  assert_int_equal(r->end.done.status, TRM_OK);
  assert_true(r->has_answer);
  assert_memory_equal(r->answer, puzzles[i].answer, sizeof r->answer);
  assert_int_equal(r->end.done.solution.steps, puzzles[i].solution.steps);
  assert_int_equal(r->end.done.solution.correct, puzzles[i].solution.correct);
  assert_true(r->end.done.solution.q == puzzles[i].solution.q || isnan(r->end.done.solution.q));
  assert_false(r->order_broken);
}

/* -- tests --------------------------------------------------------------------------------------------------------- */

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

static trm__work long_work(int i) {
  trm__work work = work_of(i);
  work.solver.rules_halt = 0;
  work.solver.halt = 0;
  work.solver.search = 0;
  work.solver.max_steps = 100000;
  return work;
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

static void refuse(bench *b, const trm__work *work, trm_status expected_status, const char *text) {
  static result r;
  uint64_t id;
  trm_error err = {0};
  memset(&r, 0, sizeof r);
  trm_status status = trm__serve_pool_submit(b->pool, work, NULL, &without, &r, &id, &err);
  if (!status) {
    BENCH_UNTIL(b, r.ended == 1);
    status = r.end.done.status;
    err = r.end.done.error;
  }
  if (!strstr(err.message, text) && !strstr(err.where, text))
    fail_msg("expected %s, found %s: %s", text, err.where, err.message);
  assert_int_equal(status, expected_status);
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
      cmocka_unit_test(cancelled_and_late_items_leave_with_what_they_have),
      cmocka_unit_test(a_state_goes_on_where_it_was),
      cmocka_unit_test(bad_items_are_refused_and_others_solved),
      cmocka_unit_test(hints_and_new_puzzles_are_work_too),
      cmocka_unit_test(options_of_the_solver_get_their_own),
      cmocka_unit_test(a_model_that_cannot_be_loaded_is_told),
      cmocka_unit_test(an_engine_that_is_told_to_end_hands_back),
      cmocka_unit_test(nobody_is_left_untold_at_the_end),
  };
  return cmocka_run_group_tests(tests, make_puzzles, NULL);
}
