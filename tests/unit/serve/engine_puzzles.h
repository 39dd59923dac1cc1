/* Puzzles whose answers the library has told, and what a pool says of them. */
#ifndef TRM_TESTS_SERVE_ENGINE_PUZZLES_H
#define TRM_TESTS_SERVE_ENGINE_PUZZLES_H

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

static inline trm_solver_config usual_config(void) {
  trm_solver_config config = trm_solver_config_default();
  config.rules_halt = 1;
  config.search = TRM_SEARCH_USUAL;
  config.batch = 8;
  return config;
}

typedef struct expected {
  int from, to, next;
} expected;

static inline trm_source_answer expected_next(void *context, int64_t number, int wait, trm_puzzle *p) {
  expected *e = context;
  (void)number, (void)wait;
  if (e->next == e->to) return TRM_SOURCE_END;
  memcpy(p->tokens, puzzles[e->next].question, sizeof puzzles[e->next].question);
  p->noise_name = (uint64_t)e->next;
  p->tag = &puzzles[e->next++];
  p->search = 40;
  return TRM_SOURCE_PUZZLE;
}

static inline void expected_leave(void *context, const trm_leave *leave) {
  puzzle *p = leave->tag;
  (void)context;
  memcpy(p->answer, leave->answer, sizeof p->answer);
  p->solution = *leave->solution;
}

static inline void expect_of(const char *path, const char *name, int from, int to, const trm_wanted *wanted) {
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

static inline int make_puzzles(void **state) {
  (void)state;
  trm_wanted some = trm_wanted_default();
  some.min_clues = 36;
  some.max_clues = 40;
  expect_of(SUDOKU, "sudoku", 0, 70, &some);
  expect_of(MAZE, "maze", 70, PUZZLES, NULL);
  return 0;
}

/* -- items --------------------------------------------------------------------------------------------------------- */

static inline void on_step(void *context, uint64_t item, const trm__work_step *step) {
  result *r = context;
  (void)item;
  assert_false(r->ended);
  assert_int_equal(step->cells, CELLS);
  r->steps++;
  if (step->chain == 1 && step->step != r->last_step + 1 && step->step != 1) r->order_broken = 1;
  if (step->chain == 1) r->last_step = step->step;
}

static inline void on_done(void *context, uint64_t item, const trm__serve_pool_end *end) {
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

static inline void clear_results(void) {
  for (int i = 0; i < MANY; i++) free(results[i].state);
  memset(results, 0, sizeof results);
}

static inline trm__work work_of(int i) {
  trm__work work = trm__work_default();
  snprintf(work.model, sizeof work.model, "%s", puzzles[i].model);
  work.tokens = puzzles[i].question;
  work.cells = CELLS;
  work.number = (uint64_t)i;
  work.solver.search = 40;
  return work;
}

static inline uint64_t submit(bench *b, const trm__work *work, int explain, result *r) {
  uint64_t id = 0;
  trm_error err = {0};
  trm_status status = trm__serve_pool_submit(b->pool, work, "me", explain ? &with_steps : &without, r, &id, &err);
  if (status) fail_msg("%s: %s", err.where, err.message);
  return id;
}

static inline int ended(int from, int to) {
  int count = 0;
  for (int i = from; i < to; i++) count += results[i].ended;
  return count;
}

static inline void check_answer(int i) {
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

static inline trm__work long_work(int i) {
  trm__work work = work_of(i);
  work.solver.rules_halt = 0;
  work.solver.halt = 0;
  work.solver.search = 0;
  work.solver.max_steps = 100000;
  return work;
}

static inline void refuse(bench *b, const trm__work *work, trm_status expected_status, const char *text) {
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

#endif
