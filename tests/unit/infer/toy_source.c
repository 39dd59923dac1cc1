/* A source from outside the library, with its public headers alone: a thread makes puzzles, and one that solves them
 * takes what is there. All that such a source needs stands in this file. */
#include <pthread.h>
#include <string.h>
#include <trm/solve.h>

#include "unit/infer/support.h"

enum { N = 40, RING = 4, STEPS = 3 };

/* A ring of puzzles between the two threads. */
typedef struct toy {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int32_t tokens[RING][CELLS];
  int64_t made, given; /* puzzles made - given are in the ring */
  int32_t answers[N][CELLS];
  int left[N];
} toy;

static int32_t inputs[N * CELLS];

static void *toy_make(void *context) {
  toy *t = context;
  for (int i = 0; i < N; i++) {
    pthread_mutex_lock(&t->mutex);
    while (t->made - t->given == RING) pthread_cond_wait(&t->changed, &t->mutex);
    memcpy(t->tokens[t->made++ % RING], inputs + i * CELLS, sizeof t->tokens[0]);
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->mutex);
  }
  return NULL;
}

static trm_source_answer toy_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  toy *t = context;
  if (number == N) return TRM_SOURCE_END;
  pthread_mutex_lock(&t->mutex);
  while (wait && t->made == t->given) pthread_cond_wait(&t->changed, &t->mutex);
  int any = t->made > t->given;
  if (any) memcpy(puzzle->tokens, t->tokens[t->given++ % RING], sizeof t->tokens[0]);
  pthread_cond_signal(&t->changed);
  pthread_mutex_unlock(&t->mutex);
  puzzle->tag = t->left + number;
  return any ? TRM_SOURCE_PUZZLE : TRM_SOURCE_NONE;
}

static void toy_leave(void *context, const trm_leave *leave) {
  toy *t = context;
  *(int *)leave->tag += 1;
  assert_int_equal(leave->solution->steps, STEPS);
  memcpy(t->answers[leave->puzzle], leave->answer, sizeof t->answers[0]);
}

static void puzzles_stream_from_another_thread(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  pthread_t thread;
  static toy t = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
  static int32_t answers[N * CELLS];
  fixture_open(&f, 1, 1, NULL);
  test_puzzles(inputs, NULL, N, 11);
  trm_solver *solver = fixture_solver(&f, 4, STEPS, 0, 0);
  trm_source source = trm_source_default();
  source.context = &t;
  source.next = toy_next;
  source.leave = toy_leave;
  assert_int_equal(pthread_create(&thread, NULL, toy_make, &t), 0);
  CHECK_OK(trm_solve_source(solver, &source, NULL, NULL, &err), err);
  pthread_join(thread, NULL);
  CHECK_OK(trm_solve(solver, N, inputs, NULL, answers, NULL, NULL, NULL, &err), err);
  for (int i = 0; i < N; i++) assert_int_equal(t.left[i], 1);
  assert_memory_equal(t.answers, answers, sizeof answers);
  trm_solver_close(&solver);
  fixture_close(&f);
}

/* A struct that its _default() did not fill, or that lacks a function, is refused with what to do. */
static void a_source_without_its_parts_is_refused(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  fixture_open(&f, 1, 1, NULL);
  trm_solver *solver = fixture_solver(&f, 1, 1, 0, 0);
  trm_source source = {.next = toy_next, .leave = toy_leave};
  assert_int_equal(trm_solve_source(solver, &source, NULL, NULL, &err), TRM_E_USAGE);
  assert_non_null(strstr(err.message, "trm_source_default"));
  source = trm_source_default();
  source.next = toy_next;
  assert_int_equal(trm_solve_source(solver, &source, NULL, NULL, &err), TRM_E_USAGE);
  trm_solver_close(&solver);
  fixture_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(puzzles_stream_from_another_thread),
                                     cmocka_unit_test(a_source_without_its_parts_is_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
