/* What the lattice recursion has beside the blocks (docs/spec.md, Lattice): sets of values as embeddings, the way into
 * a loop and out of it, heads after every loop, and their losses. An operation's tasks are examples; gradients of
 * weights are cut into columns, and each sums over examples and cells in ascending order. Everything is fp32. */
#include "backend/cpu/cpu.h"

typedef struct lattice_job {
  trm__backend *be;
  trm__weights *w;
  int b, first;
  const int32_t *sets;
  const trm__real *h, *h0;     /* [b][S][D] */
  trm__real *sum, *t, *d, *dt; /* sum, d: [b][S][D]; t, dt: [b][L][D] */
  trm__real *inv;              /* [b][S] */
  const trm__lattice_heads *heads;
  const trm__weights_view *grads;
} lattice_job;

/* An example's numbers in h, in t, and in the logits. */
static size_t lattice_size_h(const lattice_job *job) {
  return (size_t)job->w->dims.S * (size_t)job->w->dims.D;
}

static size_t lattice_size_t(const lattice_job *job) {
  return (size_t)job->w->dims.L * (size_t)job->w->dims.D;
}

static size_t lattice_size_logits(const lattice_job *job) {
  return (size_t)job->w->dims.S * 2 * (size_t)job->w->dims.values;
}

static void lattice_each_example(lattice_job *job, trm__task_fn fn) {
  trm__cpu_run(job->be, &job->w->kernels, job->b, fn, job);
}

static void lattice_each_column(lattice_job *job, trm__task_fn fn) {
  trm__pool_run(job->be->pool, trm__ceil_div(job->w->dims.D, TRM__GRAD_COLS), fn, job);
}

/* -- weights ---------------------------------------------------------------------------------------------------- */

void trm__cpu_lattice_plan(trm__arena *arena, const trm__dims *s, trm__lattice_view *view) {
  size_t D = (size_t)s->D, C = (size_t)s->values;
  view->sets = trm__cpu_take(arena, C * D);
  view->sets_bias = trm__cpu_take(arena, D);
  view->row = trm__cpu_take(arena, (size_t)s->rows * D);
  view->column = trm__cpu_take(arena, (size_t)s->width * D);
  view->token = trm__cpu_take(arena, D);
  view->head_bias = trm__cpu_take(arena, 2 * C);
  view->conflict = trm__cpu_take(arena, D);
  view->conflict_bias = trm__cpu_take(arena, 1);
}

void trm__cpu_lattice_fill(const trm__dims *s, const trm__lattice_view *to, const trm__lattice_view *from) {
  size_t D = (size_t)s->D, C = (size_t)s->values, real = sizeof(trm__real);
  memcpy(to->sets, from->sets, C * D * real);
  memcpy(to->sets_bias, from->sets_bias, D * real);
  memcpy(to->row, from->row, (size_t)s->rows * D * real);
  memcpy(to->column, from->column, (size_t)s->width * D * real);
  memcpy(to->token, from->token, D * real);
  memcpy(to->head_bias, from->head_bias, 2 * C * real);
  memcpy(to->conflict, from->conflict, D * real);
  memcpy(to->conflict_bias, from->conflict_bias, real);
}

/* -- embedding of sets ------------------------------------------------------------------------------------------- */

static void lattice_embed_task(void *context, int task, int worker) {
  (void)worker;
  const lattice_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__lattice_view *w = &job->w->lattice;
  size_t D = (size_t)s->D;
  trm__real *h = job->sum + (size_t)task * lattice_size_h(job);
  const int32_t *sets = job->sets + (size_t)task * (size_t)s->S;
  for (int i = 0; i < s->S; i++, h += D) {
    memcpy(h, w->sets_bias, D * sizeof *h);
    for (int v = 0; v < s->values; v++)
      if (sets[i] >> v & 1) trm__add_scaled(h, w->sets + (size_t)v * D, 1, s->D);
  }
}

static void lattice_embed(trm__backend *be, trm__weights *w, int b, const int32_t *sets, trm__act *h0) {
  lattice_job job = {.be = be, .w = w, .b = b, .sets = sets, .sum = (trm__real *)h0};
  lattice_each_example(&job, lattice_embed_task);
}

static void lattice_embed_columns(void *context, int task, int worker) {
  (void)worker;
  const lattice_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__lattice_view *grads = &job->grads->lattice;
  int c0 = task * TRM__GRAD_COLS, count = trm__min_int(TRM__GRAD_COLS, s->D - c0), cells = job->b * s->S;
  const trm__real *d = job->h0 + c0;
  for (int i = 0; i < cells; i++, d += s->D) {
    trm__add_scaled(grads->sets_bias + c0, d, 1, count);
    for (int v = 0; v < s->values; v++)
      if (job->sets[i] >> v & 1) trm__add_scaled(grads->sets + (size_t)v * (size_t)s->D + c0, d, 1, count);
  }
}

static void lattice_embed_backward(trm__backend *be, trm__weights *w, int b, const int32_t *sets, const trm__act *dh0,
                                   const trm__weights_view *grads) {
  lattice_job job = {.be = be, .w = w, .b = b, .sets = sets, .h0 = (const trm__real *)dh0, .grads = grads};
  lattice_each_column(&job, lattice_embed_columns);
}

/* -- into a loop, and out of it ---------------------------------------------------------------------------------- */

static void lattice_enter_task(void *context, int task, int worker) {
  (void)worker;
  const lattice_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__lattice_view *w = &job->w->lattice;
  size_t D = (size_t)s->D, at = (size_t)task * lattice_size_h(job);
  const trm__real *h = job->h + at, *h0 = job->h0 + at;
  trm__real *sum = job->sum + at, *t = job->t + (size_t)task * lattice_size_t(job);
  memcpy(t, w->token, D * sizeof *t);
  for (int i = 0; i < s->S; i++, h += D, h0 += D, sum += D) {
    const trm__real *row = w->row + (size_t)(i / s->width) * D, *column = w->column + (size_t)(i % s->width) * D;
    t += D;
    for (size_t j = 0; j < D; j++) {
      sum[j] = h[j] + h0[j];
      t[j] = sum[j] + (row[j] + column[j]);
    }
  }
}

static void lattice_enter(trm__backend *be, trm__weights *w, int b, const trm__act *h, const trm__act *h0,
                          trm__act *sum, trm__act *t) {
  lattice_job job = {.be = be,
                     .w = w,
                     .b = b,
                     .h = (const trm__real *)(h ? h : h0),
                     .h0 = (const trm__real *)h0,
                     .sum = (trm__real *)sum,
                     .t = (trm__real *)t};
  lattice_each_example(&job, lattice_enter_task);
}

static void lattice_enter_columns(void *context, int task, int worker) {
  (void)worker;
  const lattice_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__lattice_view *grads = &job->grads->lattice;
  size_t D = (size_t)s->D, c0 = (size_t)task * TRM__GRAD_COLS;
  int count = trm__min_int(TRM__GRAD_COLS, s->D - (int)c0);
  for (int k = 0; k < job->b; k++) {
    const trm__real *dt = job->dt + (size_t)k * lattice_size_t(job) + c0;
    trm__real *d = job->d + (size_t)k * lattice_size_h(job) + c0;
    trm__real *dh0 = job->sum + (size_t)k * lattice_size_h(job) + c0;
    trm__add_scaled(grads->token + c0, dt, 1, count);
    for (int i = 0; i < s->S; i++, d += D, dh0 += D) {
      dt += D;
      trm__add_scaled(d, dt, 1, count);
      trm__add_scaled(dh0, d, job->first ? 2 : 1, count);
      trm__add_scaled(grads->row + (size_t)(i / s->width) * D + c0, dt, 1, count);
      trm__add_scaled(grads->column + (size_t)(i % s->width) * D + c0, dt, 1, count);
    }
  }
}

static void lattice_enter_backward(trm__backend *be, trm__weights *w, int b, int first, const trm__act *dt, trm__act *d,
                                   trm__act *dh0, const trm__weights_view *grads) {
  lattice_job job = {.be = be,
                     .w = w,
                     .b = b,
                     .first = first,
                     .dt = (trm__real *)(uintptr_t)dt,
                     .d = (trm__real *)d,
                     .sum = (trm__real *)dh0,
                     .grads = grads};
  lattice_each_column(&job, lattice_enter_columns);
}

static void lattice_leave_task(void *context, int task, int worker) {
  (void)worker;
  const lattice_job *job = context;
  const trm__dims *s = &job->w->dims;
  size_t n = lattice_size_h(job), at = (size_t)task * n;
  const trm__real *sum = job->h + at, *t = job->t + (size_t)task * lattice_size_t(job) + s->D;
  trm__real *h = job->sum + at;
  for (size_t i = 0; i < n; i++) h[i] = sum[i] + t[i];
  job->w->kernels.rms_rows(h, job->inv + (size_t)task * (size_t)s->S, h, s->S, s->D, s->eps, 0);
}

static void lattice_leave(trm__backend *be, trm__weights *w, int b, const trm__act *sum, const trm__act *t, trm__act *h,
                          trm__real *inv) {
  lattice_job job = {.be = be,
                     .w = w,
                     .b = b,
                     .h = (const trm__real *)sum,
                     .t = (trm__real *)(uintptr_t)t,
                     .sum = (trm__real *)h,
                     .inv = inv};
  lattice_each_example(&job, lattice_leave_task);
}

static void lattice_leave_backward_task(void *context, int task, int worker) {
  (void)worker;
  const lattice_job *job = context;
  const trm__dims *s = &job->w->dims;
  size_t n = lattice_size_h(job), at = (size_t)task * n;
  trm__real *d = job->d + at;
  job->w->kernels.rms_rows_backward(d, d, job->h + at, job->inv + (size_t)task * (size_t)s->S, s->S, s->D);
  memcpy(job->dt + (size_t)task * lattice_size_t(job) + s->D, d, n * sizeof *d);
}

static void lattice_leave_backward(trm__backend *be, trm__weights *w, int b, const trm__act *h, const trm__real *inv,
                                   trm__act *d, trm__act *dt) {
  lattice_job job = {.be = be,
                     .w = w,
                     .b = b,
                     .h = (const trm__real *)h,
                     .inv = (trm__real *)(uintptr_t)inv,
                     .d = (trm__real *)d,
                     .dt = (trm__real *)dt};
  lattice_each_example(&job, lattice_leave_backward_task);
}

/* -- heads and losses -------------------------------------------------------------------------------------------- */

static double lattice_softplus(double x) {
  return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

/* BCE of a logit against a target of 0 or 1; *d its derivative. */
static double lattice_bce(double x, int target, double *d) {
  *d = 1 / (1 + exp(-x)) - target;
  return lattice_softplus(target ? -x : x);
}

/* Cross entropy of C logits against value v; d [C] becomes scale * its derivative. */
static double lattice_ce(const trm__real *x, int C, int v, double scale, trm__real *d) {
  double most = (double)x[0], sum = 0;
  for (int c = 1; c < C; c++) most = fmax(most, (double)x[c]);
  for (int c = 0; c < C; c++) sum += exp((double)x[c] - most);
  double loss = most + log(sum) - (double)x[v];
  for (int c = 0; c < C; c++) d[c] = (trm__real)(scale * (exp((double)x[c] - most) / sum - (c == v)));
  return loss;
}

static int lattice_value(int32_t set) {
  int v = 0;
  while (!(set >> v & 1)) v++;
  return v;
}

/* Loss and gradients of one example, in the logits' places. */
static void lattice_loss_example(const lattice_job *job, int k) {
  const trm__dims *s = &job->w->dims;
  const trm__lattice_heads *heads = job->heads;
  const trm__lattice_loss *loss = &heads->loss;
  int C = s->values, conflicted = 0;
  trm__real *x = heads->logits + (size_t)k * lattice_size_logits(job);
  double lm = 0, digits = 0, scale = loss->grad_scale, d;
  for (int i = 0; i < s->S; i++, x += 2 * C) {
    size_t at = (size_t)k * (size_t)s->S + (size_t)i;
    int32_t target = heads->sets[at] & heads->solution[at];
    conflicted |= !target;
    for (int c = 0; c < C; c++) {
      double weight = loss->keep_scale * (target >> c & 1 ? loss->keep_true : loss->keep_false);
      lm += weight * lattice_bce((double)x[c], target >> c & 1, &d);
      x[c] = (trm__real)(scale * weight * d);
    }
    if (heads->open[at] && target)
      digits += loss->digit_scale * lattice_ce(x + C, C, lattice_value(target), scale * loss->digit_scale, x + C);
    else memset(x + C, 0, (size_t)C * sizeof *x);
  }
  double halt = lattice_bce((double)heads->conflict[k], conflicted, &d);
  heads->conflict[k] = (trm__real)(scale * loss->conflict_weight * loss->conflict_scale * d);
  heads->stats[k].lm_loss += lm + digits;
  if (heads->digit_loss) heads->digit_loss[k] += digits;
  heads->stats[k].halt_loss += loss->conflict_scale * halt;
}

static void lattice_heads_task(void *context, int task, int worker) {
  const lattice_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__lattice_heads *heads = job->heads;
  size_t n = lattice_size_logits(job), at = (size_t)task * n;
  int C = s->values;
  trm__real *x = heads->logits + at;
  trm__gemm g = trm__cpu_product_f32(&job->w->kernels, s->S, 2 * C, s->D, job->h + (size_t)task * lattice_size_h(job),
                                     s->D, job->w->lm_head.forward, x, 2 * C);
  trm__cpu_multiply(job->be, job->w->kernels.product[TRM_FLOAT32], &g, worker);
  for (int i = 0; i < s->S; i++) trm__add_scaled(x + (size_t)i * 2 * (size_t)C, job->w->lattice.head_bias, 1, 2 * C);
  const trm__real *token = job->t + (size_t)task * lattice_size_t(job);
  double sum = (double)job->w->lattice.conflict_bias[0];
  for (int j = 0; j < s->D; j++) sum += (double)job->w->lattice.conflict[j] * (double)token[j];
  heads->conflict[task] = (trm__real)sum;
  if (heads->last) memcpy(heads->last + at, x, n * sizeof *x);
  if (heads->last_conflict) heads->last_conflict[task] = heads->conflict[task];
  if (heads->sets) lattice_loss_example(job, task);
}

static lattice_job lattice_heads_job(trm__backend *be, trm__weights *w, int b, const trm__lattice_heads *heads) {
  return (lattice_job){.be = be,
                       .w = w,
                       .b = b,
                       .h = (const trm__real *)heads->h,
                       .t = (trm__real *)(uintptr_t)heads->t,
                       .heads = heads};
}

static void lattice_heads(trm__backend *be, trm__weights *w, int b, const trm__lattice_heads *heads) {
  lattice_job job = lattice_heads_job(be, w, b, heads);
  lattice_each_example(&job, lattice_heads_task);
}

static void lattice_heads_state_task(void *context, int task, int worker) {
  const lattice_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__lattice_heads *heads = job->heads;
  int n = 2 * s->values;
  trm__real *dt = job->dt + (size_t)task * lattice_size_t(job);
  trm__gemm g =
      trm__cpu_product_f32(&job->w->kernels, s->S, s->D, n, heads->logits + (size_t)task * lattice_size_logits(job), n,
                           job->w->lm_head.backward, job->d + (size_t)task * lattice_size_h(job), s->D);
  g.epilogue = TRM__EPI_ADD;
  trm__cpu_multiply(job->be, job->w->kernels.product[TRM_FLOAT32], &g, worker);
  for (int j = 0; j < s->D; j++) dt[j] = heads->conflict[task] * job->w->lattice.conflict[j];
}

static void lattice_heads_columns(void *context, int task, int worker) {
  (void)worker;
  const lattice_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__lattice_view *grads = &job->grads->lattice;
  size_t D = (size_t)s->D, n = 2 * (size_t)s->values, c0 = (size_t)task * TRM__GRAD_COLS;
  int count = trm__min_int(TRM__GRAD_COLS, s->D - (int)c0);
  for (int k = 0; k < job->b; k++) {
    const trm__real *h = job->h + (size_t)k * lattice_size_h(job) + c0;
    const trm__real *d = job->heads->logits + (size_t)k * lattice_size_logits(job);
    for (int i = 0; i < s->S; i++, d += n, h += D)
      for (size_t c = 0; c < n; c++) trm__add_scaled(grads->head + c * D + c0, h, d[c], count);
    trm__add_scaled(grads->conflict + c0, job->t + (size_t)k * lattice_size_t(job) + c0, job->heads->conflict[k],
                    count);
  }
}

static void lattice_heads_backward(trm__backend *be, trm__weights *w, int b, const trm__lattice_heads *heads,
                                   trm__act *d, trm__act *dt, const trm__weights_view *grads) {
  lattice_job job = lattice_heads_job(be, w, b, heads);
  const trm__lattice_view *to = &grads->lattice;
  int n = 2 * w->dims.values, cells = b * w->dims.S;
  job.d = (trm__real *)d;
  job.dt = (trm__real *)dt;
  job.grads = grads;
  lattice_each_example(&job, lattice_heads_state_task);
  lattice_each_column(&job, lattice_heads_columns);
  for (int i = 0; i < cells; i++) trm__add_scaled(to->head_bias, heads->logits + (size_t)i * (size_t)n, 1, n);
  for (int k = 0; k < b; k++) to->conflict_bias[0] += heads->conflict[k];
}

const trm__lattice_ops trm__cpu_lattice = {lattice_embed,          lattice_embed_backward, lattice_enter,
                                           lattice_enter_backward, lattice_leave,          lattice_leave_backward,
                                           lattice_heads,          lattice_heads_backward};
