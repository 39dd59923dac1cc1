/* What the tests of queues share: a solver with a queue, and a book of who left when and with what. */
#ifndef TRM_TESTS_UNIT_INFER_QUEUE_SUPPORT_H
#define TRM_TESTS_UNIT_INFER_QUEUE_SUPPORT_H

#include "unit/infer/support.h"

enum { N = 48, STEPS = 4 };

static int32_t inputs[N * CELLS], identifiers[N];

/* A model, a solver of it with noise, a queue, and a book of who left when. */
typedef struct bench {
  fixture f;
  trm_solver *solver;
  trm_queue *queue;
  trm_cancel *cancel;
  int64_t order[4 * N]; /* tickets, as they left */
  int left;
  trm_solution solution[4 * N]; /* by ticket */
  int32_t answer[4 * N][CELLS];
  void *tag[4 * N];
  char refusal[1024];                                  /* of the last that was refused */
  void (*on_leave)(struct bench *, const trm_leave *); /* NULL, or what else a test does then */
  int cancel_at, watched;                              /* what watchers do and see */
  int64_t ticket;
} bench;

static inline void bench_leave(void *context, const trm_leave *leave) {
  bench *b = context;
  assert_in_range(leave->puzzle, 0, 4 * N - 1);
  for (int i = 0; i < b->left; i++) assert_int_not_equal(b->order[i], leave->puzzle); /* each leaves once */
  b->order[b->left++] = leave->puzzle;
  b->solution[leave->puzzle] = *leave->solution;
  b->tag[leave->puzzle] = leave->tag;
  assert_int_equal(leave->answer != NULL, leave->place != NULL);
  assert_int_equal(leave->solution->refused, leave->error != NULL);
  if (leave->answer) memcpy(b->answer[leave->puzzle], leave->answer, sizeof b->answer[0]);
  if (leave->error) snprintf(b->refusal, sizeof b->refusal, "%s", leave->error->message);
  if (b->on_leave) b->on_leave(b, leave);
}

static inline void bench_open(bench *b, int64_t batch, int64_t capacity) {
  trm_error err = {0};
  memset(b, 0, sizeof *b);
  fixture_open(&b->f, 1, 1, NULL);
  trm_solver_config config = trm_solver_config_default();
  config.batch = batch;
  config.max_steps = STEPS;
  config.halt = 0;
  config.start_noise = config.latent_noise = 0.5;
  CHECK_OK(trm_solver_open(&b->solver, b->f.runtime, b->f.model, &config, &err), err);
  CHECK_OK(trm_cancel_open(&b->cancel, 0, &err), err);
  trm_solver_set_cancel(b->solver, b->cancel);
  CHECK_OK(trm_queue_open(&b->queue, b->solver, capacity, bench_leave, b, &err), err);
}

static inline void bench_close(bench *b) {
  trm_queue_close(&b->queue);
  assert_null(b->queue);
  trm_solver_close(&b->solver);
  trm_cancel_close(&b->cancel);
  fixture_close(&b->f);
}

/* Puzzle i, to be changed and pushed. */
static inline trm_puzzle puzzle_of(int i) {
  trm_puzzle p = trm_puzzle_default();
  p.tokens = inputs + (i % N) * CELLS;
  p.identifier = identifiers[i % N];
  p.tag = &inputs[i];
  return p;
}

static inline int64_t push(bench *b, const trm_puzzle *puzzle) {
  trm_error err = {0};
  int64_t ticket = -1;
  CHECK_OK(trm_queue_push(b->queue, puzzle, &ticket, &err), err);
  return ticket;
}

static inline void push_first(bench *b, int n) {
  for (int i = 0; i < n; i++) {
    trm_puzzle p = puzzle_of(i);
    assert_int_equal(push(b, &p), i);
  }
}

static inline void solve(bench *b) {
  trm_error err = {0};
  CHECK_OK(trm_queue_solve(b->queue, b->solver, &err), err);
}

static inline void end_and_solve(bench *b) {
  trm_queue_end(b->queue);
  solve(b);
  assert_int_equal(trm_queue_waiting(b->queue), 0);
}

/* What trm_solve gives for puzzles 0 to N-1: their noise is of the same names. */
static inline void check_answers(const bench *b, int64_t from, int64_t to) {
  static int32_t answers[N * CELLS];
  static trm_solution solutions[N];
  trm_error err = {0};
  trm_solver_set_cancel(b->solver, NULL);
  CHECK_OK(trm_solve(b->solver, N, inputs, identifiers, answers, solutions, NULL, NULL, &err), err);
  trm_solver_set_cancel(b->solver, b->cancel);
  for (int64_t i = from; i < to; i++) {
    assert_memory_equal(b->answer[i], answers + i * CELLS, sizeof b->answer[i]);
    assert_memory_equal(&b->solution[i], &solutions[i], sizeof solutions[i]);
  }
}

#endif
