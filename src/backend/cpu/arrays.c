/* Flat arrays over the pool: the moving average of the weights, scaling, sums of two, and the sum of squares in an
 * order that depends on the length alone. */
#include "backend/cpu/cpu.h"

void trm__cpu_average_run(const trm__kernels *kernels, trm__real *ema, const trm__real *p, size_t n, double decay) {
  if (decay == 0) memcpy(ema, p, n * sizeof *ema);
  else kernels->ema(ema, p, n, decay);
}

typedef struct span_job {
  const trm__kernels *kernels;
  trm__real *x;
  const trm__real *from;
  double factor;
} span_job;

static void average_span(void *context, size_t at, size_t n) {
  const span_job *job = context;
  trm__cpu_average_run(job->kernels, job->x + at, job->from + at, n, job->factor);
}

static void scale_span(void *context, size_t at, size_t n) {
  const span_job *job = context;
  job->kernels->scale(job->x + at, job->factor, n);
}

void trm__cpu_average(trm__backend *be, trm__real *ema, const trm__real *p, size_t n, double decay) {
  span_job job = {be->kernels, ema, p, decay};
  if (ema) trm__cpu_spans(be, be->kernels, n, average_span, &job);
}

void trm__cpu_scale(trm__backend *be, trm__real *x, double s, size_t n) {
  span_job job = {be->kernels, x, NULL, s};
  trm__cpu_spans(be, be->kernels, n, scale_span, &job);
}

static void add_span(void *context, size_t at, size_t n) {
  const span_job *job = context;
  job->kernels->add(job->x + at, job->from + at, n);
}

void trm__cpu_add(trm__backend *be, trm__real *to, const trm__real *from, size_t n) {
  span_job job = {be->kernels, to, from, 0};
  trm__cpu_spans(be, be->kernels, n, add_span, &job);
}

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
  trm__cpu_run(be, be->kernels, tasks, squares_task, &job);
  double sum = 0;
  for (int i = 0; i < tasks; i++) sum += cpu->partial[i];
  return sum;
}
