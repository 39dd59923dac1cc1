/* A queue that is filled while it is solved: by callbacks, against a plain list that does the same, and by threads. */
#include "unit/infer/queue_support.h"

#include <pthread.h>
#include <stdatomic.h>

/* -- callbacks, and the invariants of queue.c ---------------------------------------------------------------------- */

/* What a queue of batch 1 must do, as a list without any cleverness. */
typedef enum whereabouts { NOWHERE, WAITS, AT_WORK, LEFT } whereabouts;
typedef struct list {
  bench b;
  trm__rng rng;
  int64_t capacity, waiting, tickets;
  int at_work; /* puzzles there: 1 at most */
  int ended, cancels, refusals;
  whereabouts where[4 * N];
  int priority[4 * N], cancelled[4 * N];
} list;

static int64_t list_best(const list *l) {
  int64_t best = -1;
  for (int64_t i = 0; i < l->tickets; i++)
    if (l->where[i] == WAITS && (best < 0 || l->priority[i] > l->priority[best])) best = i;
  return best;
}

/* The puzzle that the queue gave to the engine is the one that was next. */
static void list_given(list *l, int64_t ticket) {
  if (l->where[ticket] != WAITS) return;
  assert_int_equal(ticket, list_best(l));
  assert_int_equal(l->at_work, 0);
  l->where[ticket] = AT_WORK;
  l->waiting--;
  l->at_work++;
}

static int list_watch(void *context, const trm_step *step);

static void list_push(list *l) {
  trm_error err = {0};
  int64_t ticket = -1;
  trm_puzzle p = puzzle_of((int)l->tickets);
  p.priority = (int)trm__rng_below(&l->rng, 4);
  p.max_steps = 1 + (int64_t)trm__rng_below(&l->rng, 3);
  p.watch = list_watch;
  p.watch_context = l;
  trm_status status = trm_queue_push(l->b.queue, &p, &ticket, &err);
  assert_int_equal(status, l->ended || l->waiting == l->capacity ? TRM_E_BUSY : TRM_OK);
  l->refusals += status != TRM_OK;
  if (status) return;
  assert_int_equal(ticket, l->tickets);
  l->where[ticket] = WAITS;
  l->priority[ticket] = p.priority;
  l->waiting++;
  if (++l->tickets < 3 * N) return;
  trm_queue_end(l->b.queue);
  l->ended = 1;
}

/* Does something to the queue, sometimes a lot. */
static void list_play(list *l) {
  assert_int_equal(trm_queue_waiting(l->b.queue), l->waiting);
  for (uint32_t k = trm__rng_below(&l->rng, 4); k > 0; k--) list_push(l);
  if (trm__rng_below(&l->rng, 8) == 0)
    while (l->waiting < l->capacity && !l->ended) list_push(l);
  if (trm__rng_below(&l->rng, 3) == 0) {
    int64_t ticket = (int64_t)trm__rng_below(&l->rng, (uint32_t)l->tickets);
    trm_queue_cancel(l->b.queue, ticket);
    l->cancels += l->where[ticket] != LEFT && !l->cancelled[ticket];
    l->cancelled[ticket] = 1;
  }
  assert_int_equal(trm_queue_waiting(l->b.queue), l->waiting);
}

static int list_watch(void *context, const trm_step *step) {
  list *l = context;
  trm_error err = {0};
  list_given(l, step->puzzle);
  assert_int_equal(l->where[step->puzzle], AT_WORK);
  list_play(l);
  CHECK_FAILS(trm_queue_solve(l->b.queue, l->b.solver, &err), TRM_E_BUSY, err, "another call");
  return TRM_STEP_ON;
}

static void list_leave(bench *b, const trm_leave *leave) {
  list *l = (list *)b; /* its first member */
  list_given(l, leave->puzzle);
  assert_int_equal(l->where[leave->puzzle], AT_WORK);
  l->where[leave->puzzle] = LEFT;
  l->at_work--;
  if (leave->solution->cancelled) assert_true(l->cancelled[leave->puzzle]);
  if (leave->solution->steps == 0) assert_true(leave->solution->cancelled);
  list_play(l);
}

static void callbacks_push_cancel_and_end(void **state) {
  (void)state;
  static list l;
  int64_t cancelled = 0;
  memset(&l, 0, sizeof l);
  bench_open(&l.b, 1, 7);
  l.b.on_leave = list_leave;
  l.capacity = 7;
  l.rng = trm__rng_make(21, TRM__RNG_TEST, 0);
  list_push(&l);
  solve(&l.b);
  assert_int_equal(l.b.left, 3 * N);
  assert_true(l.ended && l.waiting == 0 && l.at_work == 0);
  for (int i = 0; i < 3 * N; i++) {
    assert_int_equal(l.where[i], LEFT);
    cancelled += l.b.solution[i].cancelled;
  }
  assert_true(cancelled > 5 && cancelled <= l.cancels); /* in its last step a puzzle is done all the same */
  assert_true(l.refusals > 5);
  bench_close(&l.b);
}

/* -- threads ------------------------------------------------------------------------------------------------------- */

enum { EACH = N, THREADS = 2 };

/* Two threads push, cancel some of theirs, and the one that is ready last ends the queue. */
typedef struct pusher {
  bench *b;
  atomic_int *ready;
  int number;
  trm_status status;
  int64_t ticket[EACH];
} pusher;

static void *pusher_run(void *context) {
  pusher *p = context;
  trm__rng rng = trm__rng_make(31, TRM__RNG_TEST, (uint64_t)p->number);
  for (int i = 0; i < EACH && !p->status; i++) {
    trm_error err = {0};
    trm_puzzle puzzle = puzzle_of(i);
    puzzle.priority = (int)trm__rng_below(&rng, 3);
    puzzle.noise_name = (uint64_t)i;
    puzzle.tag = p;
    while ((p->status = trm_queue_push(p->b->queue, &puzzle, &p->ticket[i], &err)) == TRM_E_BUSY) usleep(20);
    if (i % 5 == 0) trm_queue_cancel(p->b->queue, p->ticket[i]);
    if (trm_queue_waiting(p->b->queue) > 8) p->status = TRM_E_INTERNAL;
    if (i % 16 == 0) usleep(2000); /* now and then the queue runs dry, and its solver sleeps */
  }
  if (atomic_fetch_add(p->ready, 1) == THREADS - 1) trm_queue_end(p->b->queue);
  return NULL;
}

static void threads_fill_what_another_solves(void **state) {
  (void)state;
  static bench b;
  static pusher p[THREADS];
  static int seen[4 * N];
  static int32_t answers[N * CELLS];
  pthread_t thread[THREADS];
  atomic_int ready = 0;
  trm_error err = {0};
  memset(p, 0, sizeof p);
  memset(seen, 0, sizeof seen);
  bench_open(&b, 5, 8);
  for (int t = 0; t < THREADS; t++) {
    p[t].b = &b;
    p[t].ready = &ready;
    p[t].number = t;
    assert_int_equal(pthread_create(&thread[t], NULL, pusher_run, &p[t]), 0);
  }
  solve(&b);
  for (int t = 0; t < THREADS; t++) pthread_join(thread[t], NULL);
  assert_int_equal(b.left, THREADS * EACH);
  CHECK_OK(trm_solve(b.solver, N, inputs, identifiers, answers, NULL, NULL, NULL, &err), err);
  for (int t = 0; t < THREADS; t++) {
    assert_int_equal(p[t].status, TRM_OK);
    for (int i = 0; i < EACH; i++) {
      int64_t ticket = p[t].ticket[i];
      assert_in_range(ticket, 0, THREADS * EACH - 1);
      assert_int_equal(seen[ticket]++, 0);
      assert_ptr_equal(b.tag[ticket], &p[t]);
      if (b.solution[ticket].cancelled) assert_int_equal(i % 5, 0);
      else assert_memory_equal(b.answer[ticket], answers + i * CELLS, sizeof b.answer[ticket]);
    }
  }
  bench_close(&b);
}

static void *end_later(void *context) {
  usleep(20000);
  trm_queue_end(context);
  return NULL;
}

static void an_end_wakes_the_solver(void **state) {
  (void)state;
  static bench b;
  pthread_t thread;
  bench_open(&b, 1, 1);
  assert_int_equal(pthread_create(&thread, NULL, end_later, b.queue), 0);
  solve(&b);
  pthread_join(thread, NULL);
  assert_int_equal(b.left, 0);
  bench_close(&b);
}

int main(void) {
  test_puzzles(inputs, identifiers, N, 12);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(callbacks_push_cancel_and_end),
      cmocka_unit_test(threads_fill_what_another_solves),
      cmocka_unit_test(an_end_wakes_the_solver),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
