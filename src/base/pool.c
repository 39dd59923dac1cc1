/* Fork and join with a low latency. All state of a run is behind one word, the gate: its number, whether it is open,
 * and how many workers are inside. A worker enters an open gate once, takes tasks until none is left, and leaves. The
 * caller works too, then closes the gate and waits for those inside alone: a worker that woke too late finds the gate
 * closed and delays nobody.
 *
 * Each worker has a share of the tasks, the same for the same number of tasks, and takes those of others only when its
 * own are done: what it touched in one run is in its cache, and on its memory node, in the next.
 *
 * Waiting spins and then sleeps on the gate itself. A network's runs follow each other within microseconds, but a run's
 * last task may take a millisecond more than the others; waking a thread takes 10 to 150 us on virtual cores, so the
 * spin outlasts such a tail. It soon yields the core at every round: where other programs compete, the scheduler wakes
 * a worker on its caller's core, and each would spin away the time that the other needs. */
#include "base/pool.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/os/machine.h"
#include "base/status.h"

#define INSIDE 0x1fffu /* workers inside */
#define OPEN 0x2000u
#define RUN_ONE 0x4000u /* the run's number counts in the bits from here on; nothing breaks when it wraps */
#define MAX_THREADS 4096
#define LEAST_STACK ((size_t)512 << 10) /* of a worker; musl gives 128 KB unless asked, too little for 16x16 Sudoku */
#define SPIN_SECONDS 1e-3
#define YIELD_SECONDS 20e-6 /* from then on, spinning lets others of this core go first */
#define RELAXES 32          /* looks at the gate between two at the clock: about a microsecond */

/* Who sleeps on the gate: the bits of a futex. */
enum { WORKERS = 1, CALLER = 2 };

/* One worker and its share of the tasks of a run, in a cache line of its own. */
struct worker {
  _Alignas(TRM__ALIGN) atomic_int next; /* the task to take */
  int end;                              /* written only while the gate is closed and nobody inside */
  int number;
  trm__pool *pool;
  pthread_t thread;
};

/* What holds while the pool works:
 *  1. fn, context, scope and the shares' ends are written only while the gate is closed and no worker is inside.
 *  2. A worker reads them only inside: between the exchange that counts it in and the subtraction that counts it out.
 *  3. Each run has a number other than the last one's, and a worker enters a number at most once.
 *  4. trm__pool_run returns only when the gate is closed and nobody is inside; so its context may lie on the stack.
 *  5. Who is about to sleep says so (sleeping, caller_sleeps) before its last look at the gate, and who changes the
 * gate looks for sleepers after the change: at least one of the two sees the other, and no wake-up is lost.
 *  6. A thread leaves the run's scope before it is counted out, so that no thread is in it when the run returns. */
struct trm__pool {
  int threads, spins;
  int started; /* threads to join */
  struct worker *workers;
  pthread_mutex_t turn; /* held by the caller of a run; without other callers that is one atomic exchange */
  trm__task_fn fn;
  void *context;
  const trm__pool_scope *scope;
  _Alignas(TRM__ALIGN) atomic_uint gate;
  _Alignas(TRM__ALIGN) atomic_int sleeping; /* workers asleep */
  atomic_int caller_sleeps, stop;
};

/* The runs that this thread is inside of, innermost first. */
struct frame {
  const trm__pool *pool;
  int worker;
  const struct frame *outer;
};
static _Thread_local const struct frame *pool_frames;

/* -- waiting ------------------------------------------------------------------------------------------------------ */

static void pool_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Sleeps while the gate is what was seen; may return early. */
static void gate_sleep(trm__pool *pool, unsigned seen, unsigned who) {
  syscall(SYS_futex, &pool->gate, FUTEX_WAIT_BITSET_PRIVATE, seen, NULL, NULL, who);
}

static void gate_wake(trm__pool *pool, int count, unsigned who) {
  syscall(SYS_futex, &pool->gate, FUTEX_WAKE_BITSET_PRIVATE, count, NULL, NULL, who);
}

/* Whether the gate was left by all / may be entered by one whose last run was `done`. */
typedef int (*gate_test)(unsigned gate, unsigned done);
static int gate_is_left(unsigned gate, unsigned done) {
  (void)done;
  return (gate & INSIDE) == 0;
}
static int gate_can_enter(unsigned gate, unsigned done) {
  return (gate & OPEN) && gate / RUN_ONE != done;
}

/* Looks at the gate until test holds or the spinning time is over. */
static int gate_spin(const trm__pool *pool, gate_test test, unsigned done) {
  if (test(atomic_load(&pool->gate), done)) return 1;
  if (!pool->spins) return 0;
  double begin = trm__clock(), now = begin;
  while (now - begin < SPIN_SECONDS) {
    for (int i = 0; i < RELAXES; i++) {
      if (test(atomic_load(&pool->gate), done) || atomic_load(&pool->stop)) return 1;
      pool_relax();
    }
    now = trm__clock();
    if (now - begin > YIELD_SECONDS) sched_yield();
  }
  return 0;
}

/* Returns when there may be something to do. */
static void worker_wait(trm__pool *pool, unsigned done) {
  if (gate_spin(pool, gate_can_enter, done)) return;
  atomic_fetch_add(&pool->sleeping, 1); /* before the look at the gate; the caller opens it before its look here */
  unsigned gate;
  while (!gate_can_enter(gate = atomic_load(&pool->gate), done) && !atomic_load(&pool->stop))
    gate_sleep(pool, gate, WORKERS);
  atomic_fetch_sub(&pool->sleeping, 1);
}

static void caller_wait(trm__pool *pool) {
  if (gate_spin(pool, gate_is_left, 0)) return;
  atomic_store(&pool->caller_sleeps, 1); /* before the look at the gate; the last one leaves before its look here */
  unsigned gate;
  while (!gate_is_left(gate = atomic_load(&pool->gate), 0)) gate_sleep(pool, gate, CALLER);
  atomic_store(&pool->caller_sleeps, 0);
}

/* -- working ------------------------------------------------------------------------------------------------------ */

/* Returns whether this thread is in the run's scope: before (entered), or since a task of this share. */
static int worker_take_share(trm__pool *pool, struct worker *share, int worker, int entered) {
  while (atomic_load_explicit(&share->next, memory_order_relaxed) < share->end) {
    int task = atomic_fetch_add_explicit(&share->next, 1, memory_order_relaxed);
    if (task >= share->end) break;
    if (pool->scope && !entered) pool->scope->enter(pool->scope->context);
    entered = 1;
    pool->fn(pool->context, task, worker);
  }
  return entered;
}

static void worker_take_tasks(trm__pool *pool, int worker) {
  const struct frame frame = {pool, worker, pool_frames};
  int entered = 0;
  pool_frames = &frame;
  for (int i = worker; i < pool->threads; i++) entered = worker_take_share(pool, &pool->workers[i], worker, entered);
  for (int i = 0; i < worker; i++) entered = worker_take_share(pool, &pool->workers[i], worker, entered);
  if (pool->scope && entered) pool->scope->leave(pool->scope->context);
  pool_frames = frame.outer;
}

static void *worker_main(void *argument) {
  const struct worker *worker = argument;
  trm__pool *pool = worker->pool;
  unsigned done = 0; /* number of the last run; the first has 1 */
  while (!atomic_load(&pool->stop)) {
    unsigned gate = atomic_load(&pool->gate);
    if (!gate_can_enter(gate, done)) {
      worker_wait(pool, done);
      continue;
    }
    if (!atomic_compare_exchange_strong(&pool->gate, &gate, gate + 1)) continue;
    done = gate / RUN_ONE;
    worker_take_tasks(pool, worker->number);
    if (gate_is_left(atomic_fetch_sub(&pool->gate, 1) - 1, 0) && atomic_load(&pool->caller_sleeps))
      gate_wake(pool, 1, CALLER);
  }
  return NULL;
}

static void pool_share_out(trm__pool *pool, int tasks) {
  for (int i = 0; i < pool->threads; i++) {
    struct worker *share = &pool->workers[i];
    atomic_store_explicit(&share->next, (int)((int64_t)tasks * i / pool->threads), memory_order_relaxed);
    share->end = (int)((int64_t)tasks * (i + 1) / pool->threads);
  }
}

static void pool_run_shared(trm__pool *pool, int tasks) {
  pool_share_out(pool, tasks);
  atomic_store(&pool->gate, (atomic_load(&pool->gate) / RUN_ONE + 1) * RUN_ONE | OPEN);
  if (atomic_load(&pool->sleeping) > 0) gate_wake(pool, tasks - 1, WORKERS);
  worker_take_tasks(pool, 0);
  atomic_fetch_and(&pool->gate, ~OPEN);
  caller_wait(pool);
}

static void pool_run_alone(const trm__pool *pool, const trm__pool_scope *scope, int tasks, trm__task_fn fn,
                           void *context, int worker) {
  const struct frame frame = {pool, worker, pool_frames};
  if (tasks <= 0) return;
  pool_frames = &frame;
  if (scope) scope->enter(scope->context);
  for (int task = 0; task < tasks; task++) fn(context, task, worker);
  if (scope) scope->leave(scope->context);
  pool_frames = frame.outer;
}

void trm__pool_run_within(trm__pool *pool, const trm__pool_scope *scope, int tasks, trm__task_fn fn, void *context) {
  for (const struct frame *f = pool_frames; f; f = f->outer) {
    if (f->pool != pool) continue;
    pool_run_alone(pool, scope, tasks, fn, context, f->worker);
    return;
  }
  pthread_mutex_lock(&pool->turn);
  if (pool->threads == 1 || tasks <= 1) {
    pool_run_alone(pool, scope, tasks, fn, context, 0);
  } else {
    pool->fn = fn;
    pool->context = context;
    pool->scope = scope;
    pool_run_shared(pool, tasks);
  }
  pthread_mutex_unlock(&pool->turn);
}

void trm__pool_run(trm__pool *pool, int tasks, trm__task_fn fn, void *context) {
  trm__pool_run_within(pool, NULL, tasks, fn, context);
}

int trm__pool_threads(const trm__pool *pool) {
  return pool->threads;
}

/* -- opening and closing ------------------------------------------------------------------------------------------ */

/* Workers take no signals, so that a program's handlers run in the threads that it made itself. */
static trm_status pool_start_workers(trm__pool *pool, trm_error *err) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_t attributes;
  size_t stack = 0;
  int failed = pthread_attr_init(&attributes);
  if (!failed) failed = pthread_attr_getstacksize(&attributes, &stack);
  if (!failed && stack < LEAST_STACK) failed = pthread_attr_setstacksize(&attributes, LEAST_STACK);
  for (int i = 1; i < pool->threads && !failed; i++) {
    struct worker *worker = &pool->workers[i];
    worker->pool = pool;
    worker->number = i;
    failed = pthread_create(&worker->thread, &attributes, worker_main, worker);
    if (!failed) pool->started = i;
  }
  pthread_attr_destroy(&attributes);
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
  pthread_mutex_init(&pool->turn, NULL);
  pool->threads = threads;
  pool->spins = threads <= cores; /* with more threads than cores, spinning takes time from work */
  pool->workers = trm__calloc((size_t)threads, sizeof *pool->workers);
  trm_status status = pool->workers ? pool_start_workers(pool, err) : trm__fail_memory(err, "threads", (size_t)threads);
  if (status) trm__pool_close(&pool);
  else *out = pool;
  return status;
}

void trm__pool_close(trm__pool **pool_place) {
  trm__pool *pool = *pool_place;
  if (!pool) return;
  *pool_place = NULL;
  atomic_store(&pool->stop, 1);
  atomic_fetch_add(&pool->gate, RUN_ONE); /* closed as before, but other than any worker about to sleep has seen */
  gate_wake(pool, INT_MAX, WORKERS);
  for (int i = 1; i <= pool->started; i++) pthread_join(pool->workers[i].thread, NULL);
  pthread_mutex_destroy(&pool->turn);
  trm__free(pool->workers);
  trm__free(pool);
}
