/* Optimizers and sums over flat arrays, in pieces over the pool. */
#include "backend/cpu_internal.h"

typedef struct optim_job {
  const trm__kernels *kernels;
  trm__real *p, *m, *v;
  const trm__real *g;
  const trm__adam *c;
  double factor;
} optim_job;

static void atan2_span(void *context, size_t at, size_t n) {
  const optim_job *job = context;
  job->kernels->adam_atan2(job->p + at, job->m + at, job->v + at, job->g + at, n, job->c);
}

static void adamw_span(void *context, size_t at, size_t n) {
  const optim_job *job = context;
  job->kernels->adamw(job->p + at, job->m + at, job->v + at, job->g + at, n, job->c);
}

static void ema_span(void *context, size_t at, size_t n) {
  const optim_job *job = context;
  job->kernels->ema(job->p + at, job->g + at, n, job->factor);
}

static void scale_span(void *context, size_t at, size_t n) {
  const optim_job *job = context;
  job->kernels->scale(job->p + at, job->factor, n);
}

void trm__cpu_adam_atan2(trm__backend *be, trm__real *p, trm__real *m, trm__real *v, const trm__real *g, size_t n,
                         const trm__adam *c) {
  optim_job job = {be->kernels, p, m, v, g, c, 0};
  trm__cpu_spans(be, n, atan2_span, &job);
}

void trm__cpu_adamw(trm__backend *be, trm__real *p, trm__real *m, trm__real *v, const trm__real *g, size_t n,
                    const trm__adam *c) {
  optim_job job = {be->kernels, p, m, v, g, c, 0};
  trm__cpu_spans(be, n, adamw_span, &job);
}

void trm__cpu_ema(trm__backend *be, trm__real *shadow, const trm__real *p, size_t n, double decay) {
  optim_job job = {.kernels = be->kernels, .p = shadow, .g = p, .factor = decay};
  trm__cpu_spans(be, n, ema_span, &job);
}

void trm__cpu_scale(trm__backend *be, trm__real *x, double s, size_t n) {
  optim_job job = {.kernels = be->kernels, .p = x, .factor = s};
  trm__cpu_spans(be, n, scale_span, &job);
}

/* -- gradient norm ---------------------------------------------------------------------------------------------- */

typedef struct squares_job {
  const trm__kernels *kernels;
  const trm__real *x;
  size_t n, piece;
  double *partial;
} squares_job;

static void squares_task(void *context, int task, int worker) {
  (void)worker;
  const squares_job *job = context;
  size_t at = (size_t)task * job->piece, left = job->n - at;
  job->partial[task] = job->kernels->sum_squares(job->x + at, left < job->piece ? left : job->piece);
}

/* At most TRM__PARTIALS pieces, cut by n alone, added in order. */
double trm__cpu_sum_squares(trm__backend *be, const trm__real *x, size_t n) {
  trm__cpu *cpu = (trm__cpu *)be;
  size_t piece = n / TRM__PARTIALS + 1;
  if (piece < TRM__GRAIN) piece = TRM__GRAIN;
  squares_job job = {be->kernels, x, n, piece, cpu->partial};
  int tasks = (int)((n + piece - 1) / piece);
  trm__pool_run(be->pool, tasks, squares_task, &job);
  double sum = 0;
  for (int i = 0; i < tasks; i++) sum += cpu->partial[i];
  return sum;
}

/* -- puzzle rows ------------------------------------------------------------------------------------------------ */

static int seen_before(const int32_t *ids, int i) {
  for (int j = 0; j < i; j++)
    if (ids[j] == ids[i]) return 1;
  return 0;
}

void trm__cpu_sign_sgd_rows(trm__backend *be, trm__real *table, int table_rows, int ndim, const trm__real *drows,
                            const int32_t *ids, int b, double lr, double weight_decay, trm__real *scratch) {
  size_t n = (size_t)ndim;
  for (int i = 0; i < b; i++) {
    if (ids[i] < 0 || ids[i] >= table_rows || seen_before(ids, i)) continue;
    memcpy(scratch, drows + (size_t)i * n, n * sizeof *scratch);
    for (int j = i + 1; j < b; j++)
      if (ids[j] == ids[i]) be->kernels->add(scratch, drows + (size_t)j * n, n);
    be->kernels->sign_sgd(table + (size_t)ids[i] * n, scratch, n, lr, weight_decay);
  }
}
