/* The channel MLP: out = rms(in + W_down(silu(g) * u)), [g; u] = W_gate_up in, over rows [b*L][D]; with dims.prenorm
 * out = in + W_down(silu(g) * u), [g; u] = W_gate_up rms(in). A task takes a strip of rows through the whole block,
 * forward and backward. With the rms-gated activation each row of the second product is multiplied by its r, which
 * needs g and u: they stay in the task's scratch where they are not kept. */
#include "backend/cpu/cpu.h"

typedef struct mlp_job {
  trm__backend *be;
  trm__weights *w;
  const trm__cpu_layer *layer;
  int rows, tasks;
  const trm__real *in;
  trm__real *out;
  trm__real *gu;  /* saved [rows][2*I(D)], NULL: not kept */
  trm__real *inv; /* saved [rows], NULL: not kept */
  /* backward */
  const trm__real *y; /* the block's output */
  trm__real *d;
  trm__real *dpre_spread, *dgu_spread; /* left operands of dW, spread */
  trm__real *act_spread, *in_spread;   /* right operands */
} mlp_job;

size_t trm__cpu_mlp_saved(trm__backend *be, const trm__dims *dims, int b, int recompute) {
  (void)be;
  size_t rows = (size_t)b * (size_t)dims->L;
  return rows * (1 + (recompute ? 0 : 2 * (size_t)dims->inner_d)) * sizeof(trm__real);
}

static void mlp_split_saved(mlp_job *job, void *saved, int recompute) {
  if (!saved) return;
  trm__real *first = saved;
  size_t kept = recompute ? 0 : (size_t)job->rows * 2 * (size_t)job->w->dims.inner_d;
  if (!recompute) job->gu = first;
  job->inv = first + kept;
}

/* [g; u] (kept when gu is not NULL) and act of count rows. */
static void mlp_gate_up(const mlp_job *job, trm__real *words, const trm__real *in, int count, trm__real *gu,
                        trm__real *act, int worker) {
  const trm__dims *s = &job->w->dims;
  const trm__product *product = job->w->product;
  trm__left left = trm__cpu_left(product, words, in, s->D, count, s->D);
  trm__gemm g =
      trm__cpu_product(product, count, 2 * s->inner_d, s->D, left, job->layer->mlp_in.forward, gu, 2 * s->inner_d);
  g.epilogue = TRM__EPI_GATE_N;
  g.n1 = s->inner_d;
  g.round = s->bf16;
  g.act = act;
  g.act_rs = s->inner_d;
  trm__cpu_multiply(job->be, product, &g, worker);
}

static int mlp_rms_gated(const trm__weights *w) {
  return w->dims.activation == TRM_ACT_RMS_GATE;
}

/* Size of a strip's left operand, the widest, in words. */
static size_t mlp_words_size(const trm__weights *w) {
  const trm__dims *s = &w->dims;
  int widest = trm__max_int(s->D, (w->training ? 2 : 1) * s->inner_d);
  return trm__cpu_left_size(w->product, trm__cpu_strip_rows(w->product), widest);
}

/* rms(in) of the strip, in the task's scratch, where the norm comes first; in otherwise. */
static const trm__real *mlp_input(const mlp_job *job, trm__arena *scratch, trm__range r, const trm__real *in) {
  const trm__dims *s = &job->w->dims;
  if (!s->prenorm) return in;
  trm__real *x = trm__cpu_take(scratch, (size_t)trm__cpu_strip_rows(job->w->product) * (size_t)s->D);
  job->w->kernels.rms_rows(x, job->inv ? job->inv + r.begin : NULL, in, r.count, s->D, s->eps, s->bf16);
  return x;
}

/* -- forward ---------------------------------------------------------------------------------------------------- */

static void mlp_forward_task(void *context, int task, int worker) {
  const mlp_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__product *product = job->w->product;
  trm__range r = trm__cpu_row_range(product, job->rows, job->tasks, task);
  size_t at = (size_t)r.begin * (size_t)s->D;
  trm__arena scratch = trm__cpu_worker(job->w, worker);
  trm__real *words = trm__cpu_take(&scratch, mlp_words_size(job->w));
  size_t strip = (size_t)trm__cpu_strip_rows(product), inner = (size_t)s->inner_d;
  trm__real *act = trm__cpu_take(&scratch, strip * inner);
  trm__real *gu = job->gu ? job->gu + (size_t)r.begin * 2 * inner : NULL, *scale = NULL;
  if (mlp_rms_gated(job->w)) scale = trm__cpu_take(&scratch, strip);
  if (scale && !gu) gu = trm__cpu_take(&scratch, strip * 2 * inner);
  mlp_gate_up(job, words, mlp_input(job, &scratch, r, job->in + at), r.count, gu, act, worker);
  if (scale) job->w->kernels.rms_gate_rows(scale, gu, r.count, s->inner_d, s->eps);
  trm__left left = trm__cpu_left(product, words, act, s->inner_d, r.count, s->inner_d);
  trm__gemm g =
      trm__cpu_product(product, r.count, s->D, s->inner_d, left, job->layer->mlp_out.forward, job->out + at, s->D);
  g.epilogue = TRM__EPI_RESIDUAL;
  g.round = s->bf16;
  g.residual = job->in + at;
  g.residual_rs = s->D;
  g.row_scale = scale;
  trm__cpu_multiply(job->be, product, &g, worker);
  if (s->prenorm) return;
  job->w->kernels.rms_rows(job->out + at, job->inv ? job->inv + r.begin : NULL, job->out + at, r.count, s->D, s->eps,
                           s->bf16);
}

void trm__cpu_mlp_forward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                          void *saved, int recompute) {
  int rows = b * w->dims.L;
  mlp_job job = {.be = be,
                 .w = w,
                 .layer = &w->layer[layer],
                 .rows = rows,
                 .tasks = trm__cpu_row_tasks(be, w->product, rows),
                 .in = (const trm__real *)in,
                 .out = (trm__real *)out};
  mlp_split_saved(&job, saved, recompute);
  trm__cpu_run(be, &w->kernels, job.tasks, mlp_forward_task, &job);
}

/* -- backward --------------------------------------------------------------------------------------------------- */

static void mlp_plan_backward(const trm__weights *w, int rows, trm__arena *shared, mlp_job *job) {
  const trm__dims *s = &w->dims;
  int width = trm__cpu_outer_width(w->product), nr = w->product->nr;
  job->dpre_spread = trm__cpu_take(shared, trm__cpu_spread_size(w->product, rows, width, s->D));
  job->dgu_spread = trm__cpu_take(shared, trm__cpu_spread_size(w->product, rows, width, 2 * s->inner_d));
  job->act_spread = trm__cpu_take(shared, trm__cpu_spread_size(w->product, rows, nr, s->inner_d));
  job->in_spread = trm__cpu_take(shared, trm__cpu_spread_size(w->product, rows, nr, s->D));
}

void trm__cpu_mlp_scratch(const trm__weights *w, size_t *shared, size_t *worker) {
  size_t strip = (size_t)trm__cpu_strip_rows(w->product), inner = (size_t)w->dims.inner_d;
  trm__arena measure = {0};
  trm__cpu_take(&measure, mlp_words_size(w));
  trm__cpu_take(&measure, strip * inner);
  if (mlp_rms_gated(w)) trm__cpu_take(&measure, strip);
  if (w->training || mlp_rms_gated(w)) trm__cpu_take(&measure, strip * 2 * inner);
  for (int i = 0; i < 2 && w->dims.prenorm; i++)
    trm__cpu_take(&measure, strip * (size_t)w->dims.D); /* rms(in), its d */
  trm__cpu_grow(worker, measure.used);
  if (!w->training) return;
  mlp_job job;
  measure = (trm__arena){0};
  mlp_plan_backward(w, trm__cpu_chunk_rows(&w->dims, w->max_batch), &measure, &job);
  trm__cpu_grow(shared, measure.used);
}

/* Through the norm, W_down, the gate and W_gate_up; the operands of both weight gradients are left spread. */
static void mlp_backward_task(void *context, int task, int worker) {
  const mlp_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__kernels *kernels = &job->w->kernels;
  const trm__product *product = job->w->product;
  int inner = s->inner_d, width = trm__cpu_outer_width(product), k = job->rows;
  trm__range r = trm__cpu_row_range(product, k, job->tasks, task);
  size_t at = (size_t)r.begin * (size_t)s->D, strip = (size_t)trm__cpu_strip_rows(product);
  trm__real *d = job->d + at, *din = d;
  trm__arena scratch = trm__cpu_worker(job->w, worker);
  trm__real *words = trm__cpu_take(&scratch, mlp_words_size(job->w));
  trm__real *act = trm__cpu_take(&scratch, strip * (size_t)inner); /* also da */
  trm__real *dgu = trm__cpu_take(&scratch, strip * 2 * (size_t)inner);
  const trm__real *gu = dgu, *in = mlp_input(job, &scratch, r, job->in + at);
  if (s->prenorm) din = trm__cpu_take(&scratch, strip * (size_t)s->D);
  if (job->gu) gu = job->gu + (size_t)r.begin * 2 * (size_t)inner;
  else mlp_gate_up(job, words, in, r.count, dgu, act, worker);

  if (!s->prenorm) kernels->rms_rows_backward(d, d, job->y + at, job->inv + r.begin, r.count, s->D);
  trm__left left = trm__cpu_left(product, words, d, s->D, r.count, s->D);
  trm__gemm g = trm__cpu_product(product, r.count, inner, s->D, left, job->layer->mlp_out.backward, act, inner);
  trm__cpu_multiply(job->be, product, &g, worker);
  if (mlp_rms_gated(job->w)) kernels->rms_gate_rows_backward(dgu, act, gu, act, r.count, inner, s->eps);
  else kernels->swiglu_backward(dgu, act, gu, act, r.count, inner);
  trm__cpu_spread(product, job->dpre_spread, k, r.begin, width, d, s->D, r.count, s->D);
  trm__cpu_spread(product, job->act_spread, k, r.begin, product->nr, act, inner, r.count, inner);
  trm__cpu_spread(product, job->dgu_spread, k, r.begin, width, dgu, 2 * inner, r.count, 2 * inner);
  trm__cpu_spread(product, job->in_spread, k, r.begin, product->nr, in, s->D, r.count, s->D);
  left = trm__cpu_left(product, words, dgu, 2 * inner, r.count, 2 * inner);
  g = trm__cpu_product(product, r.count, s->D, 2 * inner, left, job->layer->mlp_in.backward, din, s->D);
  if (!s->prenorm) g.epilogue = TRM__EPI_ADD;
  trm__cpu_multiply(job->be, product, &g, worker);
  if (!s->prenorm) return;
  kernels->rms_rows_backward(din, din, in, job->inv + r.begin, r.count, s->D);
  trm__add_scaled(d, din, 1, r.count * s->D);
}

void trm__cpu_mlp_backward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, const trm__act *out,
                           void *saved, int recompute, trm__act *d, const trm__weights_view *grads) {
  const trm__dims *s = &w->dims;
  const trm__layer_view *dw = &grads->layer[layer];
  int rows = b * s->L, chunk = trm__cpu_chunk_rows(s, w->max_batch);
  mlp_job whole = {.w = w, .rows = rows};
  mlp_split_saved(&whole, saved, recompute);
  for (int r = 0; r < rows; r += chunk) {
    int count = trm__min_int(chunk, rows - r);
    size_t at = (size_t)r * (size_t)s->D;
    mlp_job job = {.be = be,
                   .w = w,
                   .layer = &w->layer[layer],
                   .rows = count,
                   .tasks = trm__cpu_row_tasks(be, w->product, count),
                   .in = (const trm__real *)in + at,
                   .y = (const trm__real *)out + at,
                   .gu = whole.gu ? whole.gu + (size_t)r * 2 * (size_t)s->inner_d : NULL,
                   .inv = whole.inv + r,
                   .d = (trm__real *)d + at};
    trm__arena shared = trm__cpu_shared(w);
    mlp_plan_backward(w, count, &shared, &job);
    trm__cpu_run(be, &w->kernels, job.tasks, mlp_backward_task, &job);
    trm__outer outer[] = {{job.dpre_spread, job.act_spread, dw->mlp_out, s->D, s->inner_d},
                          {job.dgu_spread, job.in_spread, dw->mlp_in, 2 * s->inner_d, s->D}};
    trm__cpu_outer(be, w, outer, 2, count);
  }
}
