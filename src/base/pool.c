/* Fork and join with a low latency. All state of a run is behind one word, the gate: its number, whether it is open,
 * and how many workers are inside. A worker enters an open gate once, takes tasks until none is left, and leaves. The
 * caller works too, then closes the gate and waits for those inside alone: a worker that woke too late finds the gate
 * closed and delays nobody. Waiting spins for some microseconds, in which a training step usually brings the next
 * run, and then sleeps. */
#include "base/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/status.h"

#define INSIDE UINT64_C(0x0000ffff) /* workers inside */
#define OPEN UINT64_C(0x00010000)
#define RUN_ONE (UINT64_C(1) << 32) /* the run's number counts in the high half */
#define MAX_THREADS 4096

struct worker {
  trm__pool *pool;
  pthread_t thread;
  int number;
};

struct trm__pool {
  int threads, spins;
  int started; /* threads to join */
  struct worker *workers;
  pthread_mutex_t mutex;
  pthread_cond_t wake, left;
  _Alignas(TRM__ALIGN) atomic_uint_fast64_t gate;
  atomic_int sleeping, stop; /* workers asleep; the pool closes */
  atomic_int caller_sleeps;
  _Alignas(TRM__ALIGN) atomic_int next; /* the task to take */
  _Alignas(TRM__ALIGN) int tasks;       /* of this run; written only while the gate is closed and empty */
  trm__task_fn fn;
  void *context;
};

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int can_enter(uint64_t gate, uint64_t done) {
  return (gate & OPEN) && gate / RUN_ONE != done;
}

static void take_tasks(trm__pool *pool, int worker) {
  for (;;) {
    int task = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
    if (task >= pool->tasks) return;
    pool->fn(pool->context, task, worker);
  }
}

/* Returns when there may be something to do. */
static void wait_for_run(trm__pool *pool, uint64_t done) {
  for (int i = 0; i < pool->spins; i++) {
    if (can_enter(atomic_load(&pool->gate), done) || atomic_load(&pool->stop)) return;
    relax();
  }
  pthread_mutex_lock(&pool->mutex);
  atomic_fetch_add(&pool->sleeping, 1); /* before the look at the gate; the caller opens it before its look here */
  while (!can_enter(atomic_load(&pool->gate), done) && !atomic_load(&pool->stop))
    pthread_cond_wait(&pool->wake, &pool->mutex);
  atomic_fetch_sub(&pool->sleeping, 1);
  pthread_mutex_unlock(&pool->mutex);
}

static void *work(void *argument) {
  struct worker *worker = argument;
  trm__pool *pool = worker->pool;
  uint64_t done = 0;
  while (!atomic_load(&pool->stop)) {
    uint64_t gate = atomic_load(&pool->gate);
    if (!can_enter(gate, done)) {
      wait_for_run(pool, done);
      continue;
    }
    if (!atomic_compare_exchange_strong(&pool->gate, &gate, gate + 1)) continue;
    done = gate / RUN_ONE;
    take_tasks(pool, worker->number);
    if (((atomic_fetch_sub(&pool->gate, 1) - 1) & INSIDE) == 0 && atomic_load(&pool->caller_sleeps)) {
      pthread_mutex_lock(&pool->mutex);
      pthread_cond_signal(&pool->left);
      pthread_mutex_unlock(&pool->mutex);
    }
  }
  return NULL;
}

static void wait_until_left(trm__pool *pool) {
  for (int i = 0; i < pool->spins; i++) {
    if ((atomic_load(&pool->gate) & INSIDE) == 0) return;
    relax();
  }
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->caller_sleeps, 1);
  while (atomic_load(&pool->gate) & INSIDE) pthread_cond_wait(&pool->left, &pool->mutex);
  atomic_store(&pool->caller_sleeps, 0);
  pthread_mutex_unlock(&pool->mutex);
}

static void wake_sleepers(trm__pool *pool) {
  if (atomic_load(&pool->sleeping) == 0) return;
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
}

void trm__pool_run(trm__pool *pool, int tasks, trm__task_fn fn, void *context) {
  if (pool->threads == 1 || tasks <= 1) {
    for (int task = 0; task < tasks; task++) fn(context, task, 0);
    return;
  }
  pool->tasks = tasks;
  pool->fn = fn;
  pool->context = context;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  atomic_store(&pool->gate, (atomic_load(&pool->gate) / RUN_ONE + 1) * RUN_ONE | OPEN);
  wake_sleepers(pool);
  take_tasks(pool, 0);
  atomic_fetch_and(&pool->gate, ~OPEN);
  wait_until_left(pool);
}

int trm__pool_threads(const trm__pool *pool) {
  return pool->threads;
}

/* Workers take no signals, so that a program's handlers run in the threads that it made itself. */
static trm_status start_workers(trm__pool *pool, trm_error *err) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = 0;
  for (int i = 1; i < pool->threads && !failed; i++) {
    struct worker *worker = &pool->workers[i];
    worker->pool = pool;
    worker->number = i;
    failed = pthread_create(&worker->thread, NULL, work, worker);
    if (!failed) pool->started = i;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!failed) return TRM_OK;
  return trm__fail(err, TRM_E_MEMORY, "threads", "thread %d of %d could not be started; ask for fewer",
                   pool->started + 2, pool->threads);
}

trm_status trm__pool_open(trm__pool **out, int threads, trm_error *err) {
  int cores = trm__cores();
  if (threads == 0) threads = cores;
  if (threads < 1 || threads > MAX_THREADS)
    return trm__fail(err, TRM_E_USAGE, "threads", "found %d, expected 0 (all cores) to %d", threads, MAX_THREADS);
  trm__pool *pool = trm__calloc(1, sizeof *pool);
  if (!pool) return trm__fail_memory(err, "threads", sizeof *pool);
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pthread_cond_init(&pool->left, NULL);
  pool->threads = threads;
  pool->spins = threads <= cores ? 4000 : 0; /* with more threads than cores, spinning takes time from work */
  pool->workers = trm__calloc((size_t)threads, sizeof *pool->workers);
  trm_status status = pool->workers ? start_workers(pool, err) : trm__fail_memory(err, "threads", (size_t)threads);
  if (status) trm__pool_close(&pool);
  else *out = pool;
  return status;
}

void trm__pool_close(trm__pool **pool_place) {
  trm__pool *pool = *pool_place;
  if (!pool) return;
  *pool_place = NULL;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->stop, 1);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
  for (int i = 1; i <= pool->started; i++) pthread_join(pool->workers[i].thread, NULL);
  pthread_cond_destroy(&pool->left);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
  trm__free(pool->workers);
  trm__free(pool);
}
