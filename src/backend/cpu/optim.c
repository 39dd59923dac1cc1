/* Optimizers and sums over flat arrays, in pieces over the pool. */
#include "backend/cpu/cpu.h"

/* Gradients that are clipped at a time: a multiple of every vector's width, so the bits do not depend on it. */
#define CLIP_PIECE 1024

typedef struct optim_job {
  const trm__kernels *kernels;
  const trm__dense *run;
  const trm__update_state *state;
  trm__adam adam;
} optim_job;

static void dense_step(const optim_job *job, size_t at, const trm__real *g, size_t n) {
  const trm__dense *r = job->run;
  if (r->kind == TRM__DENSE_ADAM_ATAN2) job->kernels->adam_atan2(r->p + at, r->m + at, r->v + at, g, n, &job->adam);
  else job->kernels->adamw(r->p + at, r->m + at, r->v + at, g, n, &job->adam);
}

/* What clipping multiplies is rounded before it is used, as if the whole array had been scaled. */
static void dense_step_clipped(const optim_job *job, size_t begin, size_t count) {
  trm__real g[CLIP_PIECE];
  for (size_t at = begin; at < begin + count; at += CLIP_PIECE) {
    size_t n = begin + count - at < CLIP_PIECE ? begin + count - at : CLIP_PIECE;
    memcpy(g, job->run->g + at, n * sizeof *g);
    job->kernels->scale(g, job->state->grad_scale, n);
    dense_step(job, at, g, n);
  }
}

static void dense_span(void *context, size_t at, size_t n) {
  const optim_job *job = context;
  const trm__dense *r = job->run;
  if (job->state->grad_scale == 1) dense_step(job, at, r->g + at, n);
  else dense_step_clipped(job, at, n);
  if (r->ema) trm__cpu_average_run(job->kernels, r->ema + at, r->p + at, n, job->state->ema_decay);
}

void trm__cpu_dense(trm__backend *be, const trm__update_state *state, const trm__dense *run, int runs) {
  if (state->diverged != TRM__SOUND) return;
  for (int i = 0; i < runs; i++) {
    const trm__dense *r = &run[i];
    optim_job job = {.kernels = be->kernels, .run = r, .state = state};
    job.adam = (trm__adam){.lr = r->lr * state->factor,
                           .beta1 = r->beta1,
                           .beta2 = r->beta2,
                           .weight_decay = r->weight_decay,
                           .eps = r->eps,
                           .t = state->t};
    trm__cpu_spans(be, be->kernels, r->n, dense_span, &job);
  }
}

/* -- puzzle rows ------------------------------------------------------------------------------------------------ */

static int sign_sgd_seen(const int32_t *ids, int i) {
  for (int j = 0; j < i; j++)
    if (ids[j] == ids[i]) return 1;
  return 0;
}

void trm__cpu_sign_sgd_rows(trm__backend *be, const trm__update_state *state, trm__real *table, int table_rows,
                            int ndim, const trm__real *drows, const int32_t *ids, int b, double lr, double weight_decay,
                            trm__real *scratch) {
  size_t n = (size_t)ndim;
  if (state->diverged != TRM__SOUND) return;
  lr *= state->factor;
  trm__isa_enter(be->kernels);
  for (int i = 0; i < b; i++) {
    if (ids[i] < 0 || ids[i] >= table_rows || sign_sgd_seen(ids, i)) continue;
    memcpy(scratch, drows + (size_t)i * n, n * sizeof *scratch);
    for (int j = i + 1; j < b; j++)
      if (ids[j] == ids[i]) be->kernels->add(scratch, drows + (size_t)j * n, n);
    be->kernels->sign_sgd(table + (size_t)ids[i] * n, scratch, n, lr, weight_decay);
  }
  trm__isa_leave(be->kernels);
}
