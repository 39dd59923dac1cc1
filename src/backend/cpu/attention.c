/* Attention: out = rms(in + W_o attention(rope(W_qkv in))), with dims.prenorm out = in + W_o attention(rope(W_qkv
 * rms(in))). The projections go over strips, attention itself over
 * heads of examples; the batch goes through in chunks of examples, so that scratch does not grow with it. */
#include "backend/cpu/cpu.h"

typedef struct attention_job {
  trm__backend *be;
  trm__weights *w;
  const trm__cpu_layer *layer;
  int b, rows, tasks; /* examples of the chunk, its rows, its strips */
  const trm__real *in;
  trm__real *out;
  trm__real *qkv; /* [rows][3*D], after RoPE */
  trm__real *att; /* [rows][D] */
  trm__real *inv; /* saved [rows], NULL: not kept */
  /* backward */
  const trm__real *y; /* the block's output */
  trm__real *d;
  trm__real *datt;                      /* [rows][D] */
  trm__real *dqkv;                      /* [rows][3*D] */
  trm__real *dpre_spread, *dqkv_spread; /* left operands of dW, spread */
  trm__real *att_spread, *in_spread;    /* right operands */
} attention_job;

size_t trm__cpu_attention_saved(const trm__dims *dims, int b, int recompute) {
  size_t rows = (size_t)b * (size_t)dims->L;
  return rows * (1 + (recompute ? 0 : 4 * (size_t)dims->D)) * sizeof(trm__real);
}

/* Pointers of the chunk that begins at example i of a batch of b. Without saved memory qkv and att are scratch. */
static void attention_split_saved(attention_job *job, void *saved, int recompute, int b, int i) {
  const trm__dims *s = &job->w->dims;
  size_t D = (size_t)s->D, rows = (size_t)b * (size_t)s->L, at = (size_t)i * (size_t)s->L;
  trm__real *first = saved;
  if (saved && !recompute) {
    job->qkv = first + at * 3 * D;
    job->att = first + rows * 3 * D + at * D;
  }
  if (saved) job->inv = first + (recompute ? 0 : rows * 4 * D) + at;
}

static void attention_plan_forward(trm__arena *shared, const trm__dims *s, int rows, attention_job *job) {
  trm__real *qkv = trm__cpu_take(shared, (size_t)rows * 3 * (size_t)s->D);
  trm__real *att = trm__cpu_take(shared, (size_t)rows * (size_t)s->D);
  if (!job->qkv) job->qkv = qkv;
  if (!job->att) job->att = att;
}

static void attention_plan_backward(trm__arena *shared, const trm__weights *w, int rows, attention_job *job) {
  const trm__dims *s = &w->dims;
  const trm__product *product = w->product;
  int width = trm__cpu_outer_width(product), nr = product->nr;
  job->datt = trm__cpu_take(shared, (size_t)rows * (size_t)s->D);
  job->dqkv = trm__cpu_take(shared, (size_t)rows * 3 * (size_t)s->D);
  job->dpre_spread = trm__cpu_take(shared, trm__cpu_spread_size(product, rows, width, s->D));
  job->dqkv_spread = trm__cpu_take(shared, trm__cpu_spread_size(product, rows, width, 3 * s->D));
  job->att_spread = trm__cpu_take(shared, trm__cpu_spread_size(product, rows, nr, s->D));
  job->in_spread = trm__cpu_take(shared, trm__cpu_spread_size(product, rows, nr, s->D));
}

/* Size of a strip's left operand, the widest, in words. */
static size_t attention_words_size(const trm__weights *w) {
  return trm__cpu_left_size(w->product, trm__cpu_strip_rows(w->product), (w->training ? 3 : 1) * w->dims.D);
}

/* x [count][k] as left operand. */
static trm__left attention_left(const attention_job *job, int worker, const trm__real *x, int count, int k) {
  trm__arena scratch = trm__cpu_worker(job->w, worker);
  trm__real *words = trm__cpu_take(&scratch, attention_words_size(job->w));
  return trm__cpu_left(job->w->product, words, x, k, count, k);
}

/* rms(in) of rows r, where the norm comes first, behind the left operand in the task's scratch; in otherwise. With
 * second the rows of its gradient are there too. */
static const trm__real *attention_input(const attention_job *job, int worker, trm__range r, trm__real **second) {
  const trm__dims *s = &job->w->dims;
  const trm__real *in = job->in + (size_t)r.begin * (size_t)s->D;
  if (!s->prenorm) return in;
  size_t strip = (size_t)trm__cpu_strip_rows(job->w->product) * (size_t)s->D;
  trm__arena scratch = trm__cpu_worker(job->w, worker);
  (void)trm__cpu_take(&scratch, attention_words_size(job->w));
  trm__real *x = trm__cpu_take(&scratch, strip);
  if (second) *second = trm__cpu_take(&scratch, strip);
  job->w->kernels.rms_rows(x, job->inv ? job->inv + r.begin : NULL, in, r.count, s->D, s->eps, s->bf16);
  return x;
}

void trm__cpu_attention_scratch(const trm__weights *w, size_t *shared, size_t *worker) {
  const trm__dims *dims = &w->dims;
  attention_job job = {0};
  trm__arena measure = {0};
  int rows = trm__cpu_chunk_examples(dims, w->max_batch) * dims->L;
  attention_plan_forward(&measure, dims, rows, &job);
  if (w->training) attention_plan_backward(&measure, w, rows, &job);
  trm__cpu_grow(shared, measure.used);
  measure = (trm__arena){0};
  trm__cpu_take(&measure, attention_words_size(w));
  for (int i = 0; i < 2 && dims->prenorm; i++)
    trm__cpu_take(&measure, (size_t)trm__cpu_strip_rows(w->product) * (size_t)dims->D);
  trm__cpu_grow(worker, measure.used);
  trm__cpu_grow(worker, w->kernels.attention_scratch(dims->L, dims->head_dim) * sizeof(trm__real));
}

/* -- forward ---------------------------------------------------------------------------------------------------- */

/* RoPE on the first heads of rows [r.begin, +count) of a chunk: strips may cross examples. */
static void attention_rotate(const attention_job *job, trm__range r, int heads, trm__real *x) {
  const trm__dims *s = &job->w->dims;
  size_t half = (size_t)(s->head_dim / 2);
  if (!job->w->cosines) return;
  for (int done = 0, count; done < r.count; done += count) {
    int position = (r.begin + done) % s->L;
    count = trm__min_int(s->L - position, r.count - done);
    size_t angles = (size_t)position * half;
    job->w->kernels.rope(x + (size_t)done * 3 * (size_t)s->D, 3 * s->D, job->w->cosines + angles,
                         job->w->sines + angles, count, heads, s->head_dim, 0, s->bf16);
  }
}

static void attention_qkv_task(void *context, int task, int worker) {
  const attention_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__product *product = job->w->product;
  trm__range r = trm__cpu_row_range(product, job->rows, job->tasks, task);
  size_t at = (size_t)r.begin * (size_t)s->D;
  const trm__real *in = attention_input(job, worker, r, NULL);
  trm__gemm g = trm__cpu_product(product, r.count, 3 * s->D, s->D, attention_left(job, worker, in, r.count, s->D),
                                 job->layer->mix_in.forward, job->qkv + 3 * at, 3 * s->D);
  g.round = s->bf16;
  trm__cpu_multiply(job->be, product, &g, worker);
  attention_rotate(job, r, 2 * s->heads, job->qkv + 3 * at);
}

/* Scores and weighted values in bf16 where the kernels have it and the forward type is no wider. */
static trm_dtype attention_type(const trm__weights *w) {
  return (w->dims.bf16 || w->dims.int8) && w->kernels.product[TRM_BFLOAT16] ? TRM_BFLOAT16 : TRM_FLOAT32;
}

/* The head of one task: its place in qkv and att. */
static trm__attention attention_head_of(const attention_job *job, int task, int worker) {
  const trm__dims *s = &job->w->dims;
  size_t D = (size_t)s->D, row = (size_t)(task / s->heads) * (size_t)s->L;
  size_t column = (size_t)(task % s->heads) * (size_t)s->head_dim;
  size_t q = row * 3 * D + column, out = row * D + column;
  trm__arena scratch = trm__cpu_worker(job->w, worker);
  trm__attention a = {.type = attention_type(job->w),
                      .rows = s->L,
                      .head_dim = s->head_dim,
                      .scale = (trm__real)(1 / sqrt(s->head_dim)),
                      .q = job->qkv + q,
                      .k = job->qkv + q + D,
                      .v = job->qkv + q + 2 * D,
                      .ld = 3 * s->D,
                      .out = job->att + out,
                      .out_ld = s->D,
                      .round = s->bf16,
                      .scratch = trm__cpu_take(&scratch, job->w->kernels.attention_scratch(s->L, s->head_dim))};
  if (job->datt) {
    a.dout = job->datt + out;
    a.dq = job->dqkv + q;
    a.dk = a.dq + D;
    a.dv = a.dq + 2 * D;
  }
  return a;
}

static void attention_head_task(void *context, int task, int worker) {
  const attention_job *job = context;
  trm__attention a = attention_head_of(job, task, worker);
  job->w->kernels.attention(&a);
}

static void attention_out_task(void *context, int task, int worker) {
  const attention_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__product *product = job->w->product;
  trm__range r = trm__cpu_row_range(product, job->rows, job->tasks, task);
  size_t at = (size_t)r.begin * (size_t)s->D;
  trm__gemm g =
      trm__cpu_product(product, r.count, s->D, s->D, attention_left(job, worker, job->att + at, r.count, s->D),
                       job->layer->mix_out.forward, job->out + at, s->D);
  g.epilogue = TRM__EPI_RESIDUAL;
  g.round = s->bf16;
  g.residual = job->in + at;
  g.residual_rs = s->D;
  trm__cpu_multiply(job->be, product, &g, worker);
  if (s->prenorm) return;
  job->w->kernels.rms_rows(job->out + at, job->inv ? job->inv + r.begin : NULL, job->out + at, r.count, s->D, s->eps,
                           s->bf16);
}

/* What both directions know of examples [i, i + count). */
static attention_job attention_chunk(trm__backend *be, trm__weights *w, int layer, const trm__act *in, int i,
                                     int count) {
  int rows = count * w->dims.L;
  return (attention_job){.be = be,
                         .w = w,
                         .layer = &w->layer[layer],
                         .b = count,
                         .rows = rows,
                         .tasks = trm__cpu_row_tasks(be, w->product, rows),
                         .in = (const trm__real *)in + (size_t)i * (size_t)w->dims.L * (size_t)w->dims.D};
}

void trm__cpu_attention_forward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                                void *saved, int recompute) {
  const trm__dims *s = &w->dims;
  int chunk = trm__cpu_chunk_examples(s, w->max_batch);
  for (int i = 0; i < b; i += chunk) {
    attention_job job = attention_chunk(be, w, layer, in, i, trm__min_int(chunk, b - i));
    trm__arena shared = trm__cpu_shared(w);
    attention_split_saved(&job, saved, recompute, b, i);
    attention_plan_forward(&shared, s, job.rows, &job);
    job.out = (trm__real *)out + (size_t)i * (size_t)s->L * (size_t)s->D;
    trm__cpu_run(be, &w->kernels, job.tasks, attention_qkv_task, &job);
    trm__cpu_run(be, &w->kernels, job.b * s->heads, attention_head_task, &job);
    trm__cpu_run(be, &w->kernels, job.tasks, attention_out_task, &job);
  }
}

/* -- backward --------------------------------------------------------------------------------------------------- */

/* Through the norm and W_o. */
static void attention_out_backward_task(void *context, int task, int worker) {
  const attention_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__kernels *kernels = &job->w->kernels;
  const trm__product *product = job->w->product;
  trm__range r = trm__cpu_row_range(product, job->rows, job->tasks, task);
  size_t at = (size_t)r.begin * (size_t)s->D;
  trm__real *d = job->d + at;
  if (!s->prenorm) kernels->rms_rows_backward(d, d, job->y + at, job->inv + r.begin, r.count, s->D);
  trm__gemm g = trm__cpu_product(product, r.count, s->D, s->D, attention_left(job, worker, d, r.count, s->D),
                                 job->layer->mix_out.backward, job->datt + at, s->D);
  trm__cpu_multiply(job->be, product, &g, worker);
  trm__cpu_spread(product, job->dpre_spread, job->rows, r.begin, trm__cpu_outer_width(product), d, s->D, r.count, s->D);
  trm__cpu_spread(product, job->att_spread, job->rows, r.begin, product->nr, job->att + at, s->D, r.count, s->D);
}

static void attention_head_backward_task(void *context, int task, int worker) {
  const attention_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__kernels *kernels = &job->w->kernels;
  trm__attention a = attention_head_of(job, task, worker);
  kernels->attention_backward(&a);
  if (!job->w->cosines) return;
  kernels->rope(a.dq, a.ld, job->w->cosines, job->w->sines, s->L, 1, s->head_dim, 1, 0);
  kernels->rope(a.dk, a.ld, job->w->cosines, job->w->sines, s->L, 1, s->head_dim, 1, 0);
}

/* Through W_qkv and a norm before it; d holds the residual's part already. */
static void attention_qkv_backward_task(void *context, int task, int worker) {
  const attention_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__product *product = job->w->product;
  trm__range r = trm__cpu_row_range(product, job->rows, job->tasks, task);
  size_t at = (size_t)r.begin * (size_t)s->D;
  const trm__real *dqkv = job->dqkv + 3 * at;
  trm__real *d = job->d + at, *din = d;
  const trm__real *in = attention_input(job, worker, r, &din);
  trm__gemm g = trm__cpu_product(product, r.count, s->D, 3 * s->D, attention_left(job, worker, dqkv, r.count, 3 * s->D),
                                 job->layer->mix_in.backward, din, s->D);
  if (!s->prenorm) g.epilogue = TRM__EPI_ADD;
  trm__cpu_multiply(job->be, product, &g, worker);
  trm__cpu_spread(product, job->dqkv_spread, job->rows, r.begin, trm__cpu_outer_width(product), dqkv, 3 * s->D, r.count,
                  3 * s->D);
  trm__cpu_spread(product, job->in_spread, job->rows, r.begin, product->nr, in, s->D, r.count, s->D);
  if (!s->prenorm) return;
  job->w->kernels.rms_rows_backward(din, din, in, job->inv + r.begin, r.count, s->D);
  trm__add_scaled(d, din, 1, r.count * s->D);
}

void trm__cpu_attention_backward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in,
                                 const trm__act *out, void *saved, int recompute, trm__act *d,
                                 const trm__weights_view *grads) {
  const trm__dims *s = &w->dims;
  const trm__layer_view *dw = &grads->layer[layer];
  int chunk = trm__cpu_chunk_examples(s, w->max_batch);
  for (int i = 0; i < b; i += chunk) {
    attention_job job = attention_chunk(be, w, layer, in, i, trm__min_int(chunk, b - i));
    size_t at = (size_t)i * (size_t)s->L * (size_t)s->D;
    trm__arena shared = trm__cpu_shared(w);
    attention_split_saved(&job, saved, recompute, b, i);
    attention_plan_forward(&shared, s, job.rows, &job);
    if (recompute) {
      trm__cpu_run(be, &w->kernels, job.tasks, attention_qkv_task, &job);
      trm__cpu_run(be, &w->kernels, job.b * s->heads, attention_head_task, &job);
    }
    attention_plan_backward(&shared, w, job.rows, &job);
    job.y = (const trm__real *)out + at;
    job.d = (trm__real *)d + at;
    trm__cpu_run(be, &w->kernels, job.tasks, attention_out_backward_task, &job);
    trm__cpu_run(be, &w->kernels, job.b * s->heads, attention_head_backward_task, &job);
    trm__cpu_run(be, &w->kernels, job.tasks, attention_qkv_backward_task, &job);
    trm__outer outer[] = {{job.dpre_spread, job.att_spread, dw->mix_out, s->D, s->D},
                          {job.dqkv_spread, job.in_spread, dw->mix_in, 3 * s->D, s->D}};
    trm__cpu_outer(be, w, outer, 2, job.rows);
  }
}
