/* Fork and join of the pool next to an empty parallel region of OpenMP. A supervision step of the small networks forks
 * hundreds of times. In a parallel region every thread takes part; so they do here, by tasks that wait for each other.
 * An empty run may end sooner: the caller does what nobody else has begun. */
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "bench.h"
#include "openmp.h"

typedef struct meeting {
  trm__pool *pool;
  int threads, together; /* together: tasks wait for each other */
  atomic_int arrived;
} meeting;

static void meet(void *context, int task, int worker) {
  meeting *m = context;
  (void)task, (void)worker;
  if (!m->together) return;
  atomic_fetch_add(&m->arrived, 1);
  for (int spins = 0; atomic_load(&m->arrived) < m->threads; spins++) {
    if (spins > 10000) sched_yield(); /* the others have no core */
  }
}

static double run_seconds(meeting *m, int runs) {
  double start = measure_wall_clock();
  for (int i = 0; i < runs; i++) {
    atomic_store(&m->arrived, 0);
    trm__pool_run(m->pool, m->threads, meet, m);
  }
  return measure_wall_clock() - start;
}

/* The first one wakes the workers. */
static double pool_seconds(void *context, int runs) {
  (void)run_seconds(context, 1);
  return run_seconds(context, runs);
}

/* After the workers have fallen asleep: what the first fork after a pause costs. */
static double woken_seconds(void *context, int runs) {
  const int some = runs < 20 ? runs : 20;
  double seconds = 0;
  for (int i = 0; i < some; i++) {
    const double until = measure_wall_clock() + 0.005;
    while (measure_wall_clock() < until) {
    }
    seconds += run_seconds(context, 1);
  }
  return seconds * runs / some;
}

static void add(bench *b, const char *what, double seconds, double ratio) {
  row r = row_empty();
  snprintf(r.what, sizeof r.what, "%s", what);
  r.threads = b->threads;
  r.rate = 1e6 * seconds;
  r.unit = "us";
  if (ratio > 0) {
    snprintf(r.note, sizeof r.note, "%.1f times as fast as OpenMP", ratio);
    r.name_of[0] = "ratio_to_openmp", r.more[0] = ratio;
  }
  table_add(&b->table, &r);
}

void bench_forkjoin(bench *b) {
  openmp_region region = {b->threads};
  meeting all = {.pool = b->all->pool, .threads = b->threads, .together = 1}, nothing = all;
  nothing.together = 0;
  int peer = openmp_load() && b->threads > 1;
  contestant contestants[] = {{.seconds = pool_seconds, .context = &all, .amount = 1},
                              {.seconds = pool_seconds, .context = &nothing, .amount = 1},
                              openmp_contestant(&region)};
  contestant woken = {.seconds = woken_seconds, .context = &all, .amount = 1};
  measured results[3], slow;
  table_section(&b->table, "fork and join", peer ? "microseconds" : "microseconds; no libgomp to compare with");
  table_progress(&b->table, "fork and join");
  measure_in_turn(contestants, peer ? 3 : 2, &b->kernel_budget, results);
  add(b, "pool, every thread takes part", results[0].seconds, peer ? results[2].relative : 0);
  add(b, "pool, empty run", results[1].seconds, 0);
  if (peer) add(b, "OpenMP (libgomp), empty region", results[2].seconds, 0);
  measure_budget once = b->kernel_budget;
  once.sample = 0;
  measure_in_turn(&woken, 1, &once, &slow);
  add(b, "pool, every thread, first run after a pause of 5 ms", slow.seconds, 0);
}
