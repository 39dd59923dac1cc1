/* What the parts of the benchmark share: the options of the call, the threads and kernels, the peers and the table.
 * Each section is one function in a file of its own; main.c calls them in the table's order. */
#ifndef TRM_BENCH_BENCH_H
#define TRM_BENCH_BENCH_H

#include "backend/runtime.h"
#include "ceilings.h"
#include "measure.h"
#include "pytorch.h"
#include "table.h"

typedef enum bench_mode {
  MODE_FULL,
  MODE_QUICK, /* about three minutes on two cores */
  MODE_TINY   /* seconds, for the tests: small networks, one round; the numbers mean nothing */
} bench_mode;

typedef struct bench {
  bench_mode mode;
  const char *only;    /* a list of sections; NULL: all */
  const char *presets; /* a list of configurations; NULL: those of the mode */
  /* "cuda", or another device that --device names: NULL is the ordinary table of a CPU. With it there are only the rows
   * that say something of a device (ceilings, networks, solving), in bf16, and the ceiling is the peer's product. */
  const char *device;
  trm_runtime *all; /* every thread */
  trm_runtime *one; /* one thread; NULL with a device */
  const trm__kernels *kernels;
  int threads;
  measure_budget kernel_budget, network_budget;
  double ceiling_rate;   /* float32, all threads, operations a second; for estimates */
  double run_seconds;    /* a single run of a network should not take longer */
  double engine_seconds; /* a call of the engine likewise */
  pytorch *torch;        /* NULL: no peer */
  /* Networks are timed by the wall clock; on one thread without a peer process, by that thread's own time. */
  measure_clock network_clock;
  table table;
} bench;

static inline trm__pool *bench_pool(const bench *b) { /* for ceilings beside networks */
  return b->network_clock == measure_thread_clock ? NULL : b->all->pool;
}

/* What rows of this type are judged by, as a contestant; 0 when there is nothing. run, torch: its storage. */
int bench_ceiling(bench *b, number_type type, ceiling_run *run, pytorch_case *torch, contestant *c);
int bench_wants(const bench *b, const char *preset); /* among b->presets, where they are given */

void bench_ceilings(bench *b);
void bench_device_ceilings(bench *b);
void bench_products(bench *b);
void bench_streams(bench *b);
void bench_forkjoin(bench *b);
int bench_networks(bench *b); /* this and the next: 0, with a message on standard error, when something failed */
int bench_engine(bench *b);

/* Title, machine and settings for the JSON; owned. */
json_t *bench_machine(const bench *b);
void bench_title(const bench *b, char *text, size_t size);

#endif
