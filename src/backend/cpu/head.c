/* The heads, one operation: logits and q, then the loss (loss.c), then its gradients, as far as asked. logits[b][s]
 * = W_lm y[b][P + s] and (q_halt, q_continue)[b] = W_q y[b][0] + b_q. Under bf16 their results are rounded once, as in
 * the original, whose linear layers give bf16 that is cast afterwards. */
#include "backend/cpu/cpu.h"

typedef struct head_job {
  trm__backend *be;
  trm__weights *w;
  int b;
  const trm__real *y;
  trm__real *logits, *q;
  /* backward */
  const trm__real *dlogits, *dq;
  trm__real *d;
  const trm__weights_view *grads;
} head_job;

static size_t head_state_size(const trm__dims *s) {
  return (size_t)s->L * (size_t)s->D;
}

/* -- forward ---------------------------------------------------------------------------------------------------- */

static void head_q_forward(const head_job *job, int example) {
  const trm__weights *w = job->w;
  const trm__real *y = job->y + (size_t)example * head_state_size(&w->dims);
  trm__real *q = job->q + 2 * (size_t)example;
  for (int i = 0; i < 2; i++) {
    const trm__real *row = w->q_weight + (size_t)i * (size_t)w->dims.D;
    double sum = (double)w->q_bias[i];
    for (int j = 0; j < w->dims.D; j++) sum += (double)row[j] * (double)y[j];
    q[i] = (trm__real)sum;
  }
  if (w->dims.bf16) job->w->kernels.round_bf16(q, q, 2);
}

/* One strip of an example's tokens; its first also takes q. */
static void head_forward_task(void *context, int task, int worker) {
  const head_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__product *f32 = job->w->kernels.product[TRM_FLOAT32];
  int strips = trm__cpu_row_tasks(job->be, f32, s->S), example = task / strips;
  trm__range r = trm__cpu_row_range(f32, s->S, strips, task % strips);
  const trm__real *y = job->y + (size_t)example * head_state_size(s) + (size_t)(s->P + r.begin) * (size_t)s->D;
  trm__real *logits = job->logits + ((size_t)example * (size_t)s->S + (size_t)r.begin) * (size_t)s->V;
  trm__gemm g =
      trm__cpu_product_f32(&job->w->kernels, r.count, s->V, s->D, y, s->D, job->w->lm_head.forward, logits, s->V);
  g.round = s->bf16;
  trm__cpu_multiply(job->be, f32, &g, worker);
  if (task % strips == 0) head_q_forward(job, example);
}

/* -- backward --------------------------------------------------------------------------------------------------- */

static void head_state_task(void *context, int task, int worker) {
  const head_job *job = context;
  const trm__dims *s = &job->w->dims;
  size_t D = (size_t)s->D, prefix = (size_t)s->P * D;
  trm__real *d = job->d + (size_t)task * head_state_size(s);
  const trm__real *dlogits = job->dlogits + (size_t)task * (size_t)s->S * (size_t)s->V;
  const trm__real *dq = job->dq + 2 * (size_t)task;
  if (prefix) memset(d, 0, prefix * sizeof *d);
  trm__gemm g = trm__cpu_product_f32(&job->w->kernels, s->S, s->D, s->V, dlogits, s->V, job->w->lm_head.backward,
                                     d + prefix, s->D);
  trm__cpu_multiply(job->be, job->w->kernels.product[TRM_FLOAT32], &g, worker);
  for (size_t j = 0; j < D; j++) d[j] += dq[0] * job->w->q_weight[j] + dq[1] * job->w->q_weight[D + j];
}

/* Columns of the heads' weights: sums over examples and tokens ascending. */
static void head_weights_task(void *context, int task, int worker) {
  (void)worker;
  const head_job *job = context;
  const trm__dims *s = &job->w->dims;
  size_t D = (size_t)s->D, V = (size_t)s->V;
  int c0 = task * TRM__GRAD_COLS, count = trm__min_int(TRM__GRAD_COLS, s->D - c0);
  for (int i = 0; i < job->b; i++) {
    const trm__real *y = job->y + (size_t)i * head_state_size(s) + c0;
    const trm__real *dlogits = job->dlogits + (size_t)i * (size_t)s->S * V;
    for (int p = 0; p < s->S; p++, dlogits += V)
      for (size_t v = 0; v < V; v++)
        trm__add_scaled(job->grads->lm_head + v * D + c0, y + (size_t)(s->P + p) * D, dlogits[v], count);
    for (size_t j = 0; j < 2; j++)
      trm__add_scaled(job->grads->q_weight + j * D + c0, y, job->dq[2 * (size_t)i + j], count);
  }
}

static void head_backward(head_job *job) {
  trm__cpu_run(job->be, &job->w->kernels, job->b, head_state_task, job);
  trm__pool_run(job->be->pool, trm__ceil_div(job->w->dims.D, TRM__GRAD_COLS), head_weights_task, job);
  for (int i = 0; i < job->b; i++)
    for (int j = 0; j < 2; j++) job->grads->q_bias[j] += job->dq[2 * i + j];
}

void trm__cpu_heads(trm__backend *be, trm__weights *w, int b, const trm__heads *h) {
  head_job job = {.be = be,
                  .w = w,
                  .b = b,
                  .y = (const trm__real *)h->y,
                  .logits = h->logits,
                  .q = h->q,
                  .dlogits = h->dlogits,
                  .dq = h->dq,
                  .d = (trm__real *)h->d,
                  .grads = h->grads};
  const trm__product *f32 = w->kernels.product[TRM_FLOAT32];
  if (h->y) trm__cpu_run(be, &w->kernels, b * trm__cpu_row_tasks(be, f32, w->dims.S), head_forward_task, &job);
  if (!h->labels) return;
  trm__cpu_loss(be, w, b, h);
  if (h->d) head_backward(&job);
}
