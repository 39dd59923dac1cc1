/* The channel MLP: out = rms(in + W_down(silu(g) * u)), [g; u] = W_gate_up in, over rows [b*L][D]. A task takes a panel
 * of rows through the whole block, forward and backward. */
#include "backend/cpu_internal.h"

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

static void split_saved(mlp_job *job, void *saved, int recompute) {
  if (!saved) return;
  trm__real *numbers = saved;
  size_t kept = recompute ? 0 : (size_t)job->rows * 2 * (size_t)job->w->dims.inner_d;
  if (!recompute) job->gu = numbers;
  job->inv = numbers + kept;
}

/* [g; u] (kept when gu is not NULL) and act of count rows. */
static void gate_up(const mlp_job *job, const trm__real *in, int count, trm__real *gu, trm__real *act) {
  const trm__dims *s = &job->w->dims;
  trm__gemm g = trm__cpu_product(count, 2 * s->inner_d, s->D, in, s->D, job->layer->mlp_in.forward, gu, 2 * s->inner_d);
  g.epilogue = TRM__EPI_GATE_N;
  g.n1 = s->inner_d;
  g.round = s->bf16;
  g.act = act;
  g.act_rs = s->inner_d;
  job->be->kernels->gemm(&g);
}

/* -- forward ---------------------------------------------------------------------------------------------------- */

static void forward_task(void *context, int task, int worker) {
  const mlp_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__kernels *kernels = job->be->kernels;
  trm__range r = trm__cpu_row_range(job->be, job->rows, job->tasks, task);
  size_t at = (size_t)r.begin * (size_t)s->D;
  trm__arena scratch = trm__cpu_worker(job->w, worker);
  trm__real *act = trm__cpu_take(&scratch, (size_t)trm__cpu_panel_rows(job->be) * (size_t)s->inner_d);
  gate_up(job, job->in + at, r.count, job->gu ? job->gu + (size_t)r.begin * 2 * (size_t)s->inner_d : NULL, act);
  trm__gemm g =
      trm__cpu_product(r.count, s->D, s->inner_d, act, s->inner_d, job->layer->mlp_out.forward, job->out + at, s->D);
  g.epilogue = TRM__EPI_RESIDUAL;
  g.round = s->bf16;
  g.residual = job->in + at;
  g.residual_rs = s->D;
  kernels->gemm(&g);
  kernels->rms_rows(job->out + at, job->inv ? job->inv + r.begin : NULL, job->out + at, r.count, s->D, s->eps, s->bf16);
}

void trm__cpu_mlp_forward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                          void *saved, int recompute) {
  int rows = b * w->dims.L;
  mlp_job job = {.be = be,
                 .w = w,
                 .layer = &w->layer[layer],
                 .rows = rows,
                 .tasks = trm__cpu_row_tasks(be, rows),
                 .in = (const trm__real *)in,
                 .out = (trm__real *)out};
  split_saved(&job, saved, recompute);
  trm__pool_run(be->pool, job.tasks, forward_task, &job);
}

/* -- backward --------------------------------------------------------------------------------------------------- */

static void plan_backward(const trm__backend *be, const trm__dims *s, int rows, trm__arena *shared, mlp_job *job) {
  int block = trm__cpu_block(be), nr = be->kernels->nr;
  job->dpre_spread = trm__cpu_take(shared, trm__cpu_spread_size(rows, block, s->D));
  job->dgu_spread = trm__cpu_take(shared, trm__cpu_spread_size(rows, block, 2 * s->inner_d));
  job->act_spread = trm__cpu_take(shared, trm__cpu_spread_size(rows, nr, s->inner_d));
  job->in_spread = trm__cpu_take(shared, trm__cpu_spread_size(rows, nr, s->D));
}

void trm__cpu_mlp_scratch(const trm__backend *be, const trm__dims *dims, int training, int max_batch, size_t *shared,
                          size_t *worker) {
  size_t panel = (size_t)trm__cpu_panel_rows(be), inner = (size_t)dims->inner_d;
  trm__arena measure = {0};
  trm__cpu_take(&measure, panel * inner);
  if (training) trm__cpu_take(&measure, panel * 2 * inner);
  trm__cpu_grow(worker, measure.used);
  if (!training) return;
  mlp_job job;
  measure = (trm__arena){0};
  plan_backward(be, dims, trm__cpu_chunk_rows(dims, max_batch), &measure, &job);
  trm__cpu_grow(shared, measure.used);
}

/* Through the norm, W_down, the gate and W_gate_up; the operands of both weight gradients are left spread. */
static void backward_task(void *context, int task, int worker) {
  const mlp_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__kernels *kernels = job->be->kernels;
  int inner = s->inner_d, block = trm__cpu_block(job->be), k = job->rows;
  trm__range r = trm__cpu_row_range(job->be, k, job->tasks, task);
  size_t at = (size_t)r.begin * (size_t)s->D, panel = (size_t)trm__cpu_panel_rows(job->be);
  const trm__real *in = job->in + at;
  trm__real *d = job->d + at;
  trm__arena scratch = trm__cpu_worker(job->w, worker);
  trm__real *act = trm__cpu_take(&scratch, panel * (size_t)inner); /* also da */
  trm__real *dgu = trm__cpu_take(&scratch, panel * 2 * (size_t)inner);
  const trm__real *gu = dgu;
  if (job->gu) gu = job->gu + (size_t)r.begin * 2 * (size_t)inner;
  else gate_up(job, in, r.count, dgu, act);

  kernels->rms_rows_backward(d, d, job->y + at, job->inv + r.begin, r.count, s->D);
  trm__gemm g = trm__cpu_product(r.count, inner, s->D, d, s->D, job->layer->mlp_out.backward, act, inner);
  kernels->gemm(&g);
  kernels->swiglu_backward(dgu, act, gu, act, r.count, inner);
  trm__cpu_spread(job->dpre_spread, k, r.begin, block, d, s->D, r.count, s->D);
  trm__cpu_spread(job->act_spread, k, r.begin, kernels->nr, act, inner, r.count, inner);
  trm__cpu_spread(job->dgu_spread, k, r.begin, block, dgu, 2 * inner, r.count, 2 * inner);
  trm__cpu_spread(job->in_spread, k, r.begin, kernels->nr, in, s->D, r.count, s->D);
  g = trm__cpu_product(r.count, s->D, 2 * inner, dgu, 2 * inner, job->layer->mlp_in.backward, d, s->D);
  g.epilogue = TRM__EPI_ADD;
  kernels->gemm(&g);
}

void trm__cpu_mlp_backward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, const trm__act *out,
                           void *saved, int recompute, trm__act *d, const trm__weights_view *grads) {
  const trm__dims *s = &w->dims;
  const trm__layer_view *dw = &grads->layer[layer];
  int rows = b * s->L, chunk = trm__cpu_chunk_rows(s, w->max_batch);
  mlp_job whole = {.w = w, .rows = rows};
  split_saved(&whole, saved, recompute);
  for (int r = 0; r < rows; r += chunk) {
    int count = trm__min_int(chunk, rows - r);
    size_t at = (size_t)r * (size_t)s->D;
    mlp_job job = {.be = be,
                   .w = w,
                   .layer = &w->layer[layer],
                   .rows = count,
                   .tasks = trm__cpu_row_tasks(be, count),
                   .in = (const trm__real *)in + at,
                   .y = (const trm__real *)out + at,
                   .gu = whole.gu ? whole.gu + (size_t)r * 2 * (size_t)s->inner_d : NULL,
                   .inv = whole.inv + r,
                   .d = (trm__real *)d + at};
    trm__arena shared = trm__cpu_shared(w);
    plan_backward(be, s, count, &shared, &job);
    trm__pool_run(be->pool, job.tasks, backward_task, &job);
    trm__outer outer[] = {{job.dpre_spread, job.act_spread, dw->mlp_out, s->D, s->inner_d},
                          {job.dgu_spread, job.in_spread, dw->mlp_in, 2 * s->inner_d, s->D}};
    trm__cpu_outer(be, outer, 2, count);
  }
}
