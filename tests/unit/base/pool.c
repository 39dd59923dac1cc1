/* The pool: every task exactly once, workers with numbers of their own, runs of very different sizes, sleeping and
 * waking, more threads than cores. */
#include "support/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "base/os/machine.h"
#include "base/pool.h"

struct work {
  trm__pool *pool;
  int done[5000];
  int worker[5000];
  int sum[64]; /* one place a worker, without locks: two workers with one number would be a race */
};

static void count_task(void *context, int task, int worker) {
  struct work *w = context;
  w->done[task]++;
  w->worker[task] = worker;
  w->sum[worker] += task;
}

static void run_and_check(struct work *w, int tasks) {
  memset(w->done, 0, sizeof w->done);
  memset(w->sum, 0, sizeof w->sum);
  trm__pool_run(w->pool, tasks, count_task, w);
  int sum = 0;
  for (int i = 0; i < trm__pool_threads(w->pool); i++) sum += w->sum[i];
  assert_int_equal(sum, tasks * (tasks - 1) / 2);
  for (int i = 0; i < tasks; i++) {
    if (w->done[i] != 1) fail_msg("task %d of %d ran %d times", i, tasks, w->done[i]);
    assert_in_range(w->worker[i], 0, trm__pool_threads(w->pool) - 1);
  }
}

static void each_task_runs_once(void **state) {
  (void)state;
  static struct work w;
  trm_error err = {0};
  const int threads[] = {1, 2, 3, 8, 17};
  for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
    CHECK_OK(trm__pool_open(&w.pool, threads[t], &err), err);
    assert_int_equal(trm__pool_threads(w.pool), threads[t]);
    for (int tasks = 0; tasks < 40; tasks++) run_and_check(&w, tasks);
    run_and_check(&w, 5000);
    trm__pool_close(&w.pool);
    assert_null(w.pool);
  }
  trm__pool_close(&w.pool);
}

static void many_short_runs(void **state) {
  (void)state;
  static struct work w;
  trm_error err = {0};
  CHECK_OK(trm__pool_open(&w.pool, 4, &err), err);
  for (int i = 0; i < 3000; i++) run_and_check(&w, 2 + i % 7);
  for (int i = 0; i < 20; i++) { /* long enough that the workers sleep in between */
    usleep(2000);
    run_and_check(&w, 9);
  }
  trm__pool_close(&w.pool);
}

static void wait_long(void *context, int task, int worker) {
  (void)worker;
  if (task > 0) usleep(20000); /* the caller has to sleep until this one leaves */
  atomic_fetch_add((atomic_int *)context, 1);
}

static void the_caller_waits_for_the_last(void **state) {
  (void)state;
  trm_error err = {0};
  trm__pool *pool;
  atomic_int done = 0;
  CHECK_OK(trm__pool_open(&pool, 2, &err), err);
  for (int i = 1; i <= 10; i++) {
    trm__pool_run(pool, 2, wait_long, &done);
    assert_int_equal(atomic_load(&done), 2 * i);
  }
  trm__pool_close(&pool);
}

/* -- runs within runs and beside each other -- */

struct nest {
  trm__pool *pool;
  atomic_int inner[8];
  int outer_worker[8];
  atomic_int other_worker; /* inner tasks that ran as somebody else than the task around them */
};

struct inner {
  struct nest *nest;
  int outer;
};

static void inner_task(void *context, int task, int worker) {
  const struct inner *in = context;
  (void)task;
  if (worker != in->nest->outer_worker[in->outer]) atomic_fetch_add(&in->nest->other_worker, 1);
  atomic_fetch_add(&in->nest->inner[in->outer], 1);
}

static void outer_task(void *context, int task, int worker) {
  struct nest *nest = context;
  struct inner in = {nest, task};
  nest->outer_worker[task] = worker;
  trm__pool_run(nest->pool, 10, inner_task, &in);
}

/* A run inside a task is done by that task's worker, so that scratch by worker number stays its own. */
static void a_run_inside_a_task_stays_there(void **state) {
  (void)state;
  trm_error err = {0};
  for (int threads = 1; threads <= 4; threads++) {
    struct nest nest = {0};
    CHECK_OK(trm__pool_open(&nest.pool, threads, &err), err);
    for (int i = 0; i < 50; i++) trm__pool_run(nest.pool, 8, outer_task, &nest);
    for (int i = 0; i < 8; i++) assert_int_equal(atomic_load(&nest.inner[i]), 500);
    assert_int_equal(atomic_load(&nest.other_worker), 0);
    trm__pool_close(&nest.pool);
  }
}

static void *run_often(void *argument) {
  struct work *w = argument;
  for (int i = 0; i < 500; i++) {
    memset(w->done, 0, 100 * sizeof w->done[0]);
    trm__pool_run(w->pool, 100, count_task, w);
    for (int task = 0; task < 100; task++)
      if (w->done[task] != 1) return w;
  }
  return NULL;
}

/* Callers of one pool take turns. */
static void two_callers_take_turns(void **state) {
  (void)state;
  static struct work w[2];
  trm_error err = {0};
  CHECK_OK(trm__pool_open(&w[0].pool, 3, &err), err);
  w[1].pool = w[0].pool;
  pthread_t other;
  void *failed = NULL;
  assert_int_equal(pthread_create(&other, NULL, run_often, &w[1]), 0);
  assert_null(run_often(&w[0]));
  assert_int_equal(pthread_join(other, &failed), 0);
  assert_null(failed);
  trm__pool_close(&w[0].pool);
}

/* Workers stop spinning soon after a run: an idle pool takes no time from other libraries' threads. */
static void an_idle_pool_takes_no_time(void **state) {
  (void)state;
  static struct work w;
  trm_error err = {0};
  CHECK_OK(trm__pool_open(&w.pool, 0, &err), err);
  run_and_check(&w, 100);
  clock_t before = clock();
  usleep(300 * 1000);
  double used = (double)(clock() - before) / CLOCKS_PER_SEC;
  if (!(used < 0.02 * trm__pool_threads(w.pool))) fail_msg("%.3f s of CPU time in 0.3 s of doing nothing", used);
  trm__pool_close(&w.pool);
}

/* -- shares ------------------------------------------------------------------------------------------------------- */

static void all_arrive(void *context, int task, int worker) { /* nobody goes on before each worker has its own task */
  atomic_int *arrived = context;
  if (task != worker) abort(); /* one task each: nobody gets a second */
  atomic_fetch_add(arrived, 1);
  while (atomic_load(arrived) < 4) sched_yield();
}

static void each_worker_starts_with_its_share(void **state) {
  (void)state;
  trm_error err = {0};
  trm__pool *pool;
  CHECK_OK(trm__pool_open(&pool, 4, &err), err);
  for (int i = 0; i < 10; i++) {
    atomic_int arrived = 0;
    trm__pool_run(pool, 4, all_arrive, &arrived);
    assert_int_equal(atomic_load(&arrived), 4);
  }
  trm__pool_close(&pool);
}

static void first_task_is_long(void *context, int task, int worker) {
  (void)worker;
  atomic_int *done = context;
  if (task == 0)
    while (atomic_load(done) < 99) sched_yield(); /* the others must take the rest of this worker's share */
  atomic_fetch_add(done, 1);
}

static void the_rest_of_a_share_is_taken_by_others(void **state) {
  (void)state;
  trm_error err = {0};
  trm__pool *pool;
  CHECK_OK(trm__pool_open(&pool, 2, &err), err);
  for (int i = 0; i < 20; i++) {
    atomic_int done = 0;
    trm__pool_run(pool, 100, first_task_is_long, &done);
    assert_int_equal(atomic_load(&done), 100);
  }
  trm__pool_close(&pool);
}

/* -- scopes ------------------------------------------------------------------------------------------------------- */

struct visits {
  trm__pool *pool;
  atomic_int entered, left, outside; /* outside: tasks that ran in a thread that had not entered */
};

static _Thread_local int visits_here; /* enters less leaves of this thread */

static void visit_enter(void *context) {
  visits_here++;
  atomic_fetch_add(&((struct visits *)context)->entered, 1);
}
static void visit_leave(void *context) {
  visits_here--;
  atomic_fetch_add(&((struct visits *)context)->left, 1);
}
static void visit_task(void *context, int task, int worker) {
  (void)task, (void)worker;
  if (visits_here < 1) atomic_fetch_add(&((struct visits *)context)->outside, 1);
}
static void visit_deeper(void *context, int task, int worker) {
  struct visits *v = context;
  const trm__pool_scope scope = {visit_enter, visit_leave, v};
  visit_task(context, task, worker);
  trm__pool_run_within(v->pool, &scope, 3, visit_task, v);
  visit_task(context, task, worker);
}

static void count_outside(void *context, int task, int worker) { /* in a run without a scope */
  (void)task, (void)worker;
  if (visits_here) atomic_fetch_add(&((struct visits *)context)->outside, 1);
}

/* Each thread that takes tasks is in the scope for all of them and has left when the run returns. */
static void scopes_are_entered_and_left(void **state) {
  (void)state;
  trm_error err = {0};
  for (int threads = 1; threads <= 5; threads++) {
    struct visits v = {0};
    const trm__pool_scope scope = {visit_enter, visit_leave, &v};
    CHECK_OK(trm__pool_open(&v.pool, threads, &err), err);
    trm__pool_run_within(v.pool, &scope, 0, visit_task, &v);
    assert_int_equal(atomic_load(&v.entered), 0);
    for (int i = 0; i < 300; i++) {
      int before = atomic_load(&v.entered), tasks = 1 + i % 9;
      trm__pool_run_within(v.pool, &scope, tasks, visit_task, &v);
      assert_in_range(atomic_load(&v.entered) - before, 1, tasks < threads ? tasks : threads);
      assert_int_equal(atomic_load(&v.left), atomic_load(&v.entered));
      trm__pool_run(v.pool, tasks, count_outside, &v);
    }
    trm__pool_run_within(v.pool, &scope, 8, visit_deeper, &v);
    assert_int_equal(atomic_load(&v.left), atomic_load(&v.entered));
    assert_int_equal(atomic_load(&v.outside), 0);
    assert_int_equal(visits_here, 0);
    trm__pool_close(&v.pool);
  }
}

/* -- guests in other programs ------------------------------------------------------------------------------------- */

static void workers_keep_to_the_callers_cores(void **state) {
  (void)state;
  cpu_set_t before, one;
  if (sched_getaffinity(0, sizeof before, &before)) skip(); /* more cores than a plain set holds */
  int cpu = 0;
  while (!CPU_ISSET((size_t)cpu, &before)) cpu++;
  CPU_ZERO(&one);
  CPU_SET((size_t)cpu, &one);
  assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
  static struct work w;
  trm_error err = {0};
  assert_int_equal(trm__cores(), 1);
  CHECK_OK(trm__pool_open(&w.pool, 0, &err), err);
  assert_int_equal(trm__pool_threads(w.pool), 1);
  trm__pool_close(&w.pool);
  CHECK_OK(trm__pool_open(&w.pool, 3, &err), err); /* more threads than cores, on one core */
  for (int i = 0; i < 200; i++) run_and_check(&w, 7);
  trm__pool_close(&w.pool);
  assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

/* Room for some stacks of 8 MiB, not for 400; with a sanitizer or valgrind, which need that room themselves, stacks
 * that fit nowhere. */
static int stacks_begin_to_fail(struct rlimit *before, pthread_attr_t *usual) {
  struct rlimit small;
  pthread_attr_t large;
  assert_int_equal(getrlimit(RLIMIT_AS, before), 0);
  assert_int_equal(pthread_getattr_default_np(usual), 0);
  if (CHECK_SANITIZER || check_under_valgrind()) {
    assert_int_equal(pthread_attr_init(&large), 0);
    assert_int_equal(pthread_attr_setstacksize(&large, (size_t)1 << 47), 0);
    return pthread_setattr_default_np(&large);
  }
  small = *before;
  small.rlim_cur = (rlim_t)256 << 20;
  return setrlimit(RLIMIT_AS, &small);
}

static void too_many_threads_are_an_error(void **state) {
  (void)state;
  struct rlimit before;
  pthread_attr_t usual;
  size_t used = trm__mem_used();
  trm__pool *pool = NULL;
  trm_error err = {0};
  if (stacks_begin_to_fail(&before, &usual)) skip();
  trm_status status = trm__pool_open(&pool, 400, &err);
  assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
  assert_int_equal(pthread_setattr_default_np(&usual), 0);
  assert_int_equal(status, TRM_E_MEMORY);
  assert_non_null(strstr(err.message, "of 400"));
  assert_null(pool);
  assert_true(trm__mem_used() == used);
}

static void a_pool_can_close_at_any_time(void **state) {
  (void)state;
  static struct work w;
  trm_error err = {0};
  for (int i = 0; i < 200; i++) {
    CHECK_OK(trm__pool_open(&w.pool, 2 + i % 3, &err), err);
    if (i % 2) run_and_check(&w, 5);
    if (i % 20 == 0) usleep(3000); /* all asleep */
    trm__pool_close(&w.pool);
  }
}

static void wrong_numbers_are_refused(void **state) {
  (void)state;
  trm__pool *pool = NULL;
  trm_error err;
  CHECK_FAILS(trm__pool_open(&pool, -1, &err), TRM_E_USAGE, err, "-1");
  CHECK_FAILS(trm__pool_open(&pool, 1 << 20, &err), TRM_E_USAGE, err, "threads");
  assert_null(pool);
  CHECK_OK(trm__pool_open(&pool, 0, &err), err);
  assert_int_equal(trm__pool_threads(pool), trm__cores());
  trm__pool_close(&pool);
}

static trm_status open_and_close(void *context, trm_error *err) {
  (void)context;
  trm__pool *pool = NULL;
  trm_status status = trm__pool_open(&pool, 3, err);
  trm__pool_close(&pool);
  return status;
}

static void no_memory_is_survived(void **state) {
  (void)state;
  assert_int_equal(check_each_allocation(open_and_close, NULL), 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_task_runs_once),
      cmocka_unit_test(many_short_runs),
      cmocka_unit_test(the_caller_waits_for_the_last),
      cmocka_unit_test(wrong_numbers_are_refused),
      cmocka_unit_test(each_worker_starts_with_its_share),
      cmocka_unit_test(the_rest_of_a_share_is_taken_by_others),
      cmocka_unit_test(scopes_are_entered_and_left),
      cmocka_unit_test(workers_keep_to_the_callers_cores),
      cmocka_unit_test(too_many_threads_are_an_error),
      cmocka_unit_test(a_pool_can_close_at_any_time),
      cmocka_unit_test(no_memory_is_survived),
      cmocka_unit_test(a_run_inside_a_task_stays_there),
      cmocka_unit_test(two_callers_take_turns),
      cmocka_unit_test(an_idle_pool_takes_no_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
