/* Fork and join: an empty run of the pool next to an empty parallel region of OpenMP. A supervision step of the small
 * networks forks hundreds of times. */
#include <stdio.h>

#include "bench.h"
#include "openmp.h"

static void nothing(void *context, int task, int worker) {
  (void)context, (void)task, (void)worker;
}

static double pool_run_seconds(trm__pool *pool, int runs) {
  double start = measure_wall_clock();
  for (int i = 0; i < runs; i++) trm__pool_run(pool, trm__pool_threads(pool), nothing, NULL);
  return measure_wall_clock() - start;
}

/* The first one wakes the workers. */
static double pool_seconds(void *context, int runs) {
  (void)pool_run_seconds(context, 1);
  return pool_run_seconds(context, runs);
}

/* After the workers have fallen asleep: what the first fork after a pause costs. */
static double woken_seconds(void *context, int runs) {
  double seconds = 0;
  for (int i = 0; i < runs && i < 20; i++) {
    const double until = measure_wall_clock() + 0.005;
    while (measure_wall_clock() < until) {
    }
    seconds += pool_run_seconds(context, 1);
  }
  return seconds * runs / (runs < 20 ? runs : 20);
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
  int peer = openmp_load() && b->threads > 1;
  contestant all[] = {{.seconds = pool_seconds, .context = b->all->pool, .amount = 1}, openmp_contestant(&region)};
  contestant woken = {.seconds = woken_seconds, .context = b->all->pool, .amount = 1};
  measured results[2], slow;
  table_section(&b->table, "fork and join",
                peer ? "microseconds an empty run" : "microseconds; no libgomp to compare with");
  table_progress(&b->table, "fork and join");
  measure_in_turn(all, peer ? 2 : 1, &b->kernel_budget, results);
  add(b, "pool", results[0].seconds, peer ? results[1].relative : 0);
  if (peer) add(b, "OpenMP (libgomp)", results[1].seconds, 0);
  measure_budget once = b->kernel_budget;
  once.sample = 0;
  measure_in_turn(&woken, 1, &once, &slow);
  add(b, "pool, first run after a pause of 5 ms", slow.seconds, 0);
}
