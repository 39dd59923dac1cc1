/* How work is cut: rows into strips, one a task; flat arrays into spans; a batch into chunks whose intermediates fit
 * into scratch memory. Cuts depend on shapes and, where no sum is cut, on the number of threads, so that bits never do.
 */
#include "backend/cpu/cpu.h"

/* -- threads ------------------------------------------------------------------------------------------------------ */

typedef struct run_kernels {
  const trm__kernels *kernels;
} run_kernels;

static void run_enter(void *context) {
  trm__isa_enter(((const run_kernels *)context)->kernels);
}
static void run_leave(void *context) {
  trm__isa_leave(((const run_kernels *)context)->kernels);
}

void trm__cpu_run(const trm__backend *be, const trm__kernels *kernels, int tasks, trm__task_fn fn, void *context) {
  run_kernels run = {kernels};
  const trm__pool_scope scope = {run_enter, run_leave, &run};
  trm__pool_run_within(be->pool, trm__isa_has_hooks(kernels) ? &scope : NULL, tasks, fn, context);
}

/* -- strips ------------------------------------------------------------------------------------------------------- */

static int strip_tiles(const trm__product *product) {
  return trm__max_int(1, TRM__STRIP_ROWS / product->mr);
}

int trm__cpu_strip_rows(const trm__product *product) {
  return strip_tiles(product) * product->mr;
}

int trm__cpu_row_tasks(const trm__backend *be, const trm__product *product, int rows) {
  int tiles = trm__ceil_div(rows, product->mr), threads = trm__pool_threads(be->pool);
  int tasks = trm__ceil_div(tiles, strip_tiles(product));
  return trm__min_int(tiles, trm__ceil_div(tasks, threads) * threads);
}

trm__range trm__cpu_row_range(const trm__product *product, int rows, int tasks, int task) {
  int mr = product->mr, tiles = trm__ceil_div(rows, mr);
  int begin = (int)((int64_t)tiles * task / tasks) * mr;
  int end = trm__min_int(rows, (int)((int64_t)tiles * (task + 1) / tasks) * mr);
  return (trm__range){begin, end - begin};
}

/* -- spans -------------------------------------------------------------------------------------------------------- */

typedef struct spans_job {
  size_t n;
  trm__span_fn fn;
  void *context;
} spans_job;

static void spans_task(void *context, int task, int worker) {
  (void)worker;
  const spans_job *job = context;
  size_t begin = (size_t)task * TRM__GRAIN, left = job->n - begin;
  job->fn(job->context, begin, left < TRM__GRAIN ? left : TRM__GRAIN);
}

void trm__cpu_spans(const trm__backend *be, const trm__kernels *kernels, size_t n, trm__span_fn fn, void *context) {
  spans_job job = {n, fn, context};
  trm__cpu_run(be, kernels, (int)((n + TRM__GRAIN - 1) / TRM__GRAIN), spans_task, &job);
}

/* -- chunks ------------------------------------------------------------------------------------------------------- */

int trm__cpu_chunk_examples(const trm__dims *dims, int max_batch) {
  return trm__max_int(1, trm__min_int(max_batch, TRM__CHUNK_ROWS / dims->L));
}

int trm__cpu_chunk_rows(const trm__dims *dims, int max_batch) {
  int64_t rows = (int64_t)max_batch * dims->L;
  return rows < TRM__CHUNK_ROWS ? trm__max_int(1, (int)rows) : TRM__CHUNK_ROWS;
}
