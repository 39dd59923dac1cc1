/* The mixer: out = rms(in + W_down(silu(g) * u)), [g; u] = W_gate_up in, where the products and the norm run over the L
 * positions of each channel. The weights are the left operand and an example's state [L][D] the right one, so nothing
 * is transposed, and channels are independent: a task takes a strip of TRM__MIX_COLS of them through the whole block.
 * Strips are stored one after the other: gu is [b][strip][2*I(L)][columns of the strip]. With the rms-gated activation
 * each column of the second product is multiplied by its r. */
#include "backend/cpu/cpu.h"

typedef struct mixer_job {
  trm__backend *be;
  trm__weights *w;
  const trm__cpu_layer *layer;
  int b;
  const trm__real *in;
  trm__real *out;
  trm__real *gu;  /* saved, NULL: not kept */
  trm__real *inv; /* saved [b][D], NULL: not kept */
  /* backward */
  const trm__real *y; /* the block's output */
  trm__real *d;
  trm__real *dgu;           /* [b][strip][2*I(L)][columns]: left operand of dW_gate_up */
  trm__real *act;           /* [b][strip][I(L)][columns]: left operand of dW_down, transposed */
  trm__real *in_t, *dpre_t; /* [b][strip] of pack_b's layout, k = columns, n = L: right operands */
  trm__real *dw_in, *dw_out;
} mixer_job;

/* The weights as left operand: W, and W^T for the backward pass. */
static trm__left mixer_left(const trm__weights *w, const trm__matrix *matrix) {
  ptrdiff_t words = trm__words(w->product, matrix->cols);
  return (trm__left){matrix->forward, words, 1, matrix->forward + matrix->rows * words};
}
static trm__left mixer_left_transposed(const trm__weights *w, const trm__matrix *matrix) {
  if (w->product->type == TRM_FLOAT32) return (trm__left){matrix->backward, matrix->rows, 1, NULL};
  return (trm__left){matrix->backward, 1, matrix->cols, NULL};
}

/* One task's place: an example and a strip of its columns. */
typedef struct mixer_strip {
  int example, c0, cols, index; /* index: of all strips */
} mixer_strip;

static int mixer_strips(const trm__dims *s) {
  return trm__ceil_div(s->D, TRM__MIX_COLS);
}

static mixer_strip mixer_strip_of(const trm__dims *s, int task) {
  int n = mixer_strips(s), c0 = task % n * TRM__MIX_COLS;
  return (mixer_strip){task / n, c0, trm__min_int(TRM__MIX_COLS, s->D - c0), task};
}

/* Where a strip's [rows][cols] begins in a buffer of [b][strip][rows][cols]. */
static size_t mixer_strip_at(const trm__dims *s, const mixer_strip *q, int rows) {
  return (size_t)rows * ((size_t)q->example * (size_t)s->D + (size_t)q->c0);
}

static size_t mixer_state_at(const trm__dims *s, const mixer_strip *q) {
  return (size_t)q->example * (size_t)s->L * (size_t)s->D + (size_t)q->c0;
}

size_t trm__cpu_mixer_saved(const trm__dims *dims, int b, int recompute) {
  size_t columns = (size_t)b * (size_t)dims->D;
  return columns * (1 + (recompute ? 0 : 2 * (size_t)dims->inner_l)) * sizeof(trm__real);
}

static void mixer_split_saved(mixer_job *job, void *saved, int recompute) {
  if (!saved) return;
  const trm__dims *s = &job->w->dims;
  trm__real *first = saved;
  size_t kept = recompute ? 0 : (size_t)job->b * 2 * (size_t)s->inner_l * (size_t)s->D;
  if (!recompute) job->gu = first;
  job->inv = first + kept;
}

static void mixer_pack_columns(const mixer_job *job, trm__real *to, const trm__real *from, ptrdiff_t ld, int rows,
                               int cols) {
  job->w->product->pack_b(to, from, ld, 1, rows, cols, 0, 0, trm__cpu_panels(job->w->product, cols, 0));
}

/* [g; u] (kept when gu is not NULL) and act of one strip. */
static void mixer_gate_up(const mixer_job *job, const mixer_strip *q, trm__real *packed, trm__real *gu, trm__real *act,
                          int worker) {
  const trm__dims *s = &job->w->dims;
  const trm__product *product = job->w->product;
  mixer_pack_columns(job, packed, job->in + mixer_state_at(s, q), s->D, s->L, q->cols);
  trm__gemm g = trm__cpu_product(product, 2 * s->inner_l, q->cols, s->L, mixer_left(job->w, &job->layer->mix_in),
                                 packed, gu, q->cols);
  g.epilogue = TRM__EPI_GATE_M;
  g.m1 = s->inner_l;
  g.round = s->bf16;
  g.act = act;
  g.act_rs = q->cols;
  trm__cpu_multiply(job->be, product, &g, worker);
}

static int mixer_rms_gated(const trm__weights *w) {
  return w->dims.activation == TRM_ACT_RMS_GATE;
}

/* -- forward ---------------------------------------------------------------------------------------------------- */

/* Words of the packed right operand of k rows and one strip of columns. */
static size_t mixer_packed_size(const trm__weights *w, int k) {
  return w->product->packed_size(k, trm__min_int(TRM__MIX_COLS, w->dims.D), 0);
}

static void mixer_forward_task(void *context, int task, int worker) {
  const mixer_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__product *product = job->w->product;
  mixer_strip q = mixer_strip_of(s, task);
  trm__arena scratch = trm__cpu_worker(job->w, worker);
  trm__real *packed = trm__cpu_take(&scratch, mixer_packed_size(job->w, trm__max_int(s->L, s->inner_l)));
  trm__real *act = trm__cpu_take(&scratch, (size_t)s->inner_l * TRM__MIX_COLS);
  trm__real *gu = job->gu ? job->gu + mixer_strip_at(s, &q, 2 * s->inner_l) : NULL, *scale = NULL;
  if (mixer_rms_gated(job->w)) scale = trm__cpu_take(&scratch, TRM__MIX_COLS);
  if (scale && !gu) gu = trm__cpu_take(&scratch, 2 * (size_t)s->inner_l * TRM__MIX_COLS);
  mixer_gate_up(job, &q, packed, gu, act, worker);
  if (scale) job->w->kernels.rms_gate_cols(scale, gu, s->inner_l, q.cols, s->eps);
  mixer_pack_columns(job, packed, act, q.cols, s->inner_l, q.cols);
  trm__real *out = job->out + mixer_state_at(s, &q);
  trm__gemm g =
      trm__cpu_product(product, s->L, q.cols, s->inner_l, mixer_left(job->w, &job->layer->mix_out), packed, out, s->D);
  g.epilogue = TRM__EPI_RESIDUAL;
  g.round = s->bf16;
  g.residual = job->in + mixer_state_at(s, &q);
  g.residual_rs = s->D;
  g.col_scale = scale;
  trm__cpu_multiply(job->be, product, &g, worker);
  trm__real *inv = job->inv ? job->inv + (size_t)q.example * (size_t)s->D + q.c0 : NULL;
  job->w->kernels.rms_cols(out, inv, out, s->L, s->D, s->eps, s->bf16, 0, q.cols);
}

void trm__cpu_mixer_forward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                            void *saved, int recompute) {
  mixer_job job = {
      .be = be, .w = w, .layer = &w->layer[layer], .b = b, .in = (const trm__real *)in, .out = (trm__real *)out};
  mixer_split_saved(&job, saved, recompute);
  trm__cpu_run(be, &w->kernels, b * mixer_strips(&w->dims), mixer_forward_task, &job);
}

/* -- backward --------------------------------------------------------------------------------------------------- */

/* Rows of W_gate_up or W_down^T whose gradient one task sums. */
static int mixer_dw_rows(const trm__product *product) {
  return 2 * trm__cpu_strip_rows(product);
}

/* Words of one strip's transposed right operand. */
static size_t mixer_transposed_size(const trm__weights *w) {
  return w->product->packed_size(TRM__MIX_COLS, w->dims.L, 0);
}

static void mixer_plan_backward(const trm__weights *w, int b, trm__arena *shared, mixer_job *job) {
  const trm__dims *s = &w->dims;
  size_t columns = (size_t)b * (size_t)s->D, strips = (size_t)b * (size_t)mixer_strips(s);
  job->dgu = trm__cpu_take(shared, columns * 2 * (size_t)s->inner_l);
  job->act = trm__cpu_take(shared, columns * (size_t)s->inner_l);
  job->in_t = trm__cpu_take(shared, strips * mixer_transposed_size(w));
  job->dpre_t = trm__cpu_take(shared, strips * mixer_transposed_size(w));
}

/* What weights_task takes: a left operand's words and a sum. */
static trm__real *mixer_plan_weights(const trm__weights *w, trm__arena *scratch, trm__real **sum) {
  trm__real *words = trm__cpu_take(scratch, trm__cpu_left_size(w->product, mixer_dw_rows(w->product), TRM__MIX_COLS));
  *sum = trm__cpu_take(scratch, (size_t)mixer_dw_rows(w->product) * (size_t)w->dims.L);
  return words;
}

void trm__cpu_mixer_scratch(const trm__weights *w, size_t *shared, size_t *worker) {
  const trm__dims *s = &w->dims;
  trm__arena measure = {0};
  trm__cpu_take(&measure, mixer_packed_size(w, trm__max_int(s->L, (w->training ? 2 : 1) * s->inner_l)));
  trm__cpu_take(&measure, (size_t)s->inner_l * TRM__MIX_COLS);
  if (mixer_rms_gated(w)) {
    trm__cpu_take(&measure, TRM__MIX_COLS);
    trm__cpu_take(&measure, 2 * (size_t)s->inner_l * TRM__MIX_COLS);
  }
  trm__cpu_grow(worker, measure.used);
  if (!w->training) return;
  trm__real *sum;
  measure = (trm__arena){0};
  mixer_plan_weights(w, &measure, &sum);
  trm__cpu_grow(worker, measure.used);
  mixer_job job;
  measure = (trm__arena){0};
  mixer_plan_backward(w, trm__cpu_chunk_examples(s, w->max_batch), &measure, &job);
  trm__cpu_grow(shared, measure.used);
}

/* The right operand of a weight gradient: B(p, j) = from[j][p] for one strip of columns p. */
static void mixer_pack_transposed(const mixer_job *job, const mixer_strip *q, trm__real *to, const trm__real *from) {
  const trm__dims *s = &job->w->dims;
  trm__real *place = to + (size_t)q->index * mixer_transposed_size(job->w);
  job->w->product->pack_b(place, from, 1, s->D, q->cols, s->L, 0, 0, trm__cpu_panels(job->w->product, s->L, 0));
}

static void mixer_backward_task(void *context, int task, int worker) {
  const mixer_job *job = context;
  const trm__dims *s = &job->w->dims;
  const trm__kernels *kernels = &job->w->kernels;
  const trm__product *product = job->w->product;
  int inner = s->inner_l;
  mixer_strip q = mixer_strip_of(s, task);
  trm__arena scratch = trm__cpu_worker(job->w, worker);
  trm__real *packed = trm__cpu_take(&scratch, mixer_packed_size(job->w, trm__max_int(s->L, 2 * inner)));
  trm__real *da = trm__cpu_take(&scratch, (size_t)inner * TRM__MIX_COLS);
  trm__real *dgu = job->dgu + mixer_strip_at(s, &q, 2 * inner), *act = job->act + mixer_strip_at(s, &q, inner);
  const trm__real *gu = job->gu ? job->gu + mixer_strip_at(s, &q, 2 * inner) : dgu;
  if (!job->gu) mixer_gate_up(job, &q, packed, dgu, act, worker);

  trm__real *d = job->d + mixer_state_at(s, &q);
  kernels->rms_cols_backward(d, d, job->y + mixer_state_at(s, &q), job->inv + (size_t)q.example * (size_t)s->D + q.c0,
                             s->L, s->D, 0, q.cols);
  mixer_pack_transposed(job, &q, job->dpre_t, d);
  mixer_pack_transposed(job, &q, job->in_t, job->in + mixer_state_at(s, &q));
  mixer_pack_columns(job, packed, d, s->D, s->L, q.cols);
  trm__gemm g = trm__cpu_product(product, inner, q.cols, s->L, mixer_left_transposed(job->w, &job->layer->mix_out),
                                 packed, da, q.cols);
  trm__cpu_multiply(job->be, product, &g, worker);
  if (mixer_rms_gated(job->w)) kernels->rms_gate_cols_backward(dgu, act, gu, da, inner, q.cols, s->eps);
  else kernels->swiglu_backward(dgu, act, gu, da, 1, inner * q.cols);
  mixer_pack_columns(job, packed, dgu, q.cols, 2 * inner, q.cols);
  g = trm__cpu_product(product, s->L, q.cols, 2 * inner, mixer_left_transposed(job->w, &job->layer->mix_in), packed, d,
                       s->D);
  g.epilogue = TRM__EPI_ADD;
  trm__cpu_multiply(job->be, product, &g, worker);
}

/* c [rows][L] += or = sum over all columns of all examples of left [r0..][column] right [column][L]. */
static void mixer_sum_strips(const mixer_job *job, trm__real *words, const trm__real *left, int left_rows,
                             const trm__real *right, int r0, int rows, trm__real *c, int add, int worker) {
  const trm__dims *s = &job->w->dims;
  const trm__product *product = job->w->product;
  for (int i = 0; i < job->b * mixer_strips(s); i++) {
    mixer_strip q = mixer_strip_of(s, i);
    const trm__real *a = left + mixer_strip_at(s, &q, left_rows) + (size_t)r0 * (size_t)q.cols;
    trm__gemm g = trm__cpu_product(product, rows, s->L, q.cols, trm__cpu_left(product, words, a, q.cols, rows, q.cols),
                                   right + (size_t)i * mixer_transposed_size(job->w), c, s->L);
    if (add || i) g.epilogue = TRM__EPI_ADD;
    trm__cpu_multiply(job->be, product, &g, worker);
  }
}

static int mixer_dw_tasks(const trm__product *product, int rows) {
  return trm__ceil_div(rows, mixer_dw_rows(product));
}

/* Some rows of dW_gate_up, or some columns of dW_down: these as rows of its transpose, so that in both cases the narrow
 * operand is the packed one. */
static void mixer_weights_task(void *context, int task, int worker) {
  const mixer_job *job = context;
  const trm__dims *s = &job->w->dims;
  trm__arena scratch = trm__cpu_worker(job->w, worker);
  trm__real *sum, *words = mixer_plan_weights(job->w, &scratch, &sum);
  int inner = s->inner_l, step = mixer_dw_rows(job->w->product), first = mixer_dw_tasks(job->w->product, 2 * inner);
  if (task < first) {
    int r0 = task * step, rows = trm__min_int(step, 2 * inner - r0);
    mixer_sum_strips(job, words, job->dgu, 2 * inner, job->in_t, r0, rows, job->dw_in + (size_t)r0 * (size_t)s->L, 1,
                     worker);
    return;
  }
  int r0 = (task - first) * step, rows = trm__min_int(step, inner - r0);
  mixer_sum_strips(job, words, job->act, inner, job->dpre_t, r0, rows, sum, 0, worker);
  for (int p = 0; p < s->L; p++) {
    trm__real *to = job->dw_out + (size_t)p * (size_t)inner + r0;
    for (int i = 0; i < rows; i++) to[i] += sum[(size_t)i * (size_t)s->L + (size_t)p];
  }
}

void trm__cpu_mixer_backward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in,
                             const trm__act *out, void *saved, int recompute, trm__act *d,
                             const trm__weights_view *grads) {
  const trm__dims *s = &w->dims;
  int chunk = trm__cpu_chunk_examples(s, w->max_batch);
  size_t state = (size_t)s->L * (size_t)s->D;
  mixer_job whole = {.w = w, .b = b};
  mixer_split_saved(&whole, saved, recompute);
  for (int i = 0; i < b; i += chunk) {
    size_t at = (size_t)i;
    mixer_job job = {.be = be,
                     .w = w,
                     .layer = &w->layer[layer],
                     .b = trm__min_int(chunk, b - i),
                     .in = (const trm__real *)in + at * state,
                     .gu = whole.gu ? whole.gu + at * 2 * (size_t)s->inner_l * (size_t)s->D : NULL,
                     .inv = whole.inv + at * (size_t)s->D,
                     .y = (const trm__real *)out + at * state,
                     .d = (trm__real *)d + at * state,
                     .dw_in = grads->layer[layer].mix_in,
                     .dw_out = grads->layer[layer].mix_out};
    trm__arena shared = trm__cpu_shared(w);
    mixer_plan_backward(w, job.b, &shared, &job);
    trm__cpu_run(be, &w->kernels, job.b * mixer_strips(s), mixer_backward_task, &job);
    int tasks = mixer_dw_tasks(w->product, 2 * s->inner_l) + mixer_dw_tasks(w->product, s->inner_l);
    trm__cpu_run(be, &w->kernels, tasks, mixer_weights_task, &job);
  }
}
