/* A fixed pool of threads with fork and join. The caller is worker 0. Tasks are independent and write to disjoint
 * places, so which worker runs which task never changes a result. Workers sleep from a millisecond after a run until
 * the next, take no signals, and run where the opening thread may run. A child of fork has none of them: it must not
 * use its parent's pools. */
#ifndef TRM_BASE_POOL_H
#define TRM_BASE_POOL_H

#include <trm/error.h>

typedef struct trm__pool trm__pool;

/* threads >= 1; 0: trm__cores() of base/os/machine.h. */
trm_status trm__pool_open(trm__pool **out, int threads, trm_error *err);
void trm__pool_close(trm__pool **pool);
int trm__pool_threads(const trm__pool *pool);

/* Runs fn(context, task, worker) for task = 0..tasks-1 and returns when all have ended. Callers from several threads
 * take turns; a run inside a task of the same pool is done by that task's worker alone. */
typedef void (*trm__task_fn)(void *context, int task, int worker);
void trm__pool_run(trm__pool *pool, int tasks, trm__task_fn fn, void *context);

/* The same, and each thread that takes tasks calls enter before its first and leave after its last one; all have left
 * when the run returns. NULL: neither. The pairs of a run inside a task lie within that task's own. */
typedef struct trm__pool_scope {
  void (*enter)(void *context), (*leave)(void *context);
  void *context;
} trm__pool_scope;
void trm__pool_run_within(trm__pool *pool, const trm__pool_scope *scope, int tasks, trm__task_fn fn, void *context);

#endif
