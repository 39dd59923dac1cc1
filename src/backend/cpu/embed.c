/* Embedding: e = sqrt(D) * concat(prefix, E[x]), with learned positions sqrt(D) * 0.707106781 * (concat + A). Under
 * bf16 each of these operations rounds, as in the original. */
#include "backend/cpu/cpu.h"

/* 1/sqrt(2) as the original writes it. */
#define HALF_ROOT 0.707106781

typedef struct embed_job {
  const trm__backend *be;
  const trm__weights *w;
  int b;
  const int32_t *tokens;
  const trm__real *rows;
  trm__real *e;        /* forward */
  const trm__real *de; /* backward */
  const trm__weights_view *grads;
  trm__real *drows;
} embed_job;

static int embed_token_row(const embed_job *job, int example, int s) {
  int32_t token = job->tokens[(size_t)example * (size_t)job->w->dims.S + (size_t)s];
  return token < 0 || token >= job->w->dims.V ? 0 : token;
}

/* The prefix [P*D] of one example: its puzzle row, then zeros. */
static void embed_fill_prefix(const embed_job *job, int example, trm__real *e) {
  const trm__dims *s = &job->w->dims;
  size_t ndim = job->rows ? (size_t)s->emb_ndim : 0, all = (size_t)s->P * (size_t)s->D;
  if (ndim) {
    const trm__real *row = job->rows + (size_t)example * ndim;
    if (s->bf16) job->w->kernels.round_bf16(e, row, ndim);
    else memcpy(e, row, ndim * sizeof *e);
  }
  if (all > ndim) memset(e + ndim, 0, (all - ndim) * sizeof *e);
}

static void embed_forward_task(void *context, int task, int worker) {
  (void)worker;
  const embed_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__kernels *kernels = &job->w->kernels;
  size_t D = (size_t)s->D, n = (size_t)s->L * D;
  trm__real *e = job->e + (size_t)task * n;
  embed_fill_prefix(job, task, e);
  for (int i = 0; i < s->S; i++)
    memcpy(e + (size_t)(s->P + i) * D, job->w->embed + (size_t)embed_token_row(job, task, i) * D, D * sizeof *e);
  if (job->w->embed_pos) {
    kernels->inject(e, job->w->embed_pos, NULL, n, s->bf16);
    kernels->scale(e, HALF_ROOT, n);
    if (s->bf16) kernels->round_bf16(e, e, n);
  }
  kernels->scale(e, sqrt(s->D), n);
  if (s->bf16) kernels->round_bf16(e, e, n);
}

void trm__cpu_embed_forward(trm__backend *be, trm__weights *w, int b, const int32_t *tokens, const trm__real *rows,
                            trm__act *e) {
  embed_job job = {.be = be, .w = w, .b = b, .tokens = tokens, .rows = rows, .e = (trm__real *)e};
  trm__cpu_run(be, &w->kernels, b, embed_forward_task, &job);
}

/* -- backward --------------------------------------------------------------------------------------------------- */

/* Columns of all token and position rows: sums over examples and positions ascending. */
static void embed_backward_task(void *context, int task, int worker) {
  (void)worker;
  const embed_job *job = context;
  const trm__dims *s = &job->w->dims;
  size_t D = (size_t)s->D;
  int c0 = task * TRM__GRAD_COLS, count = trm__min_int(TRM__GRAD_COLS, s->D - c0);
  trm__real scale = (trm__real)(sqrt(s->D) * (job->w->embed_pos ? HALF_ROOT : 1));
  for (int i = 0; i < job->b; i++) {
    const trm__real *de = job->de + (size_t)i * (size_t)s->L * D + c0;
    for (int p = 0; job->w->embed_pos && p < s->L; p++)
      trm__add_scaled(job->grads->embed_pos + (size_t)p * D + c0, de + (size_t)p * D, scale, count);
    for (int p = 0; p < s->S; p++)
      trm__add_scaled(job->grads->embed + (size_t)embed_token_row(job, i, p) * D + c0, de + (size_t)(s->P + p) * D,
                      scale, count);
  }
}

void trm__cpu_embed_backward(trm__backend *be, trm__weights *w, int b, const int32_t *tokens, const trm__act *de,
                             const trm__weights_view *grads, trm__real *drows) {
  const trm__dims *s = &w->dims;
  embed_job job = {.be = be, .w = w, .b = b, .tokens = tokens, .de = (const trm__real *)de, .grads = grads};
  trm__pool_run(be->pool, trm__ceil_div(s->D, TRM__GRAD_COLS), embed_backward_task, &job);
  trm__real scale = (trm__real)(sqrt(s->D) * (w->embed_pos ? HALF_ROOT : 1));
  size_t ndim = (size_t)s->emb_ndim, n = (size_t)s->L * (size_t)s->D;
  for (int i = 0; drows && i < b; i++)
    for (size_t j = 0; j < ndim; j++) drows[(size_t)i * ndim + j] = scale * job.de[(size_t)i * n + j];
}
