/* Prepared weights: each matrix once in the layout that its products want, rounded to the forward type, and the scratch
 * memory of all operations. One plan function describes all of it: measured first, then handed out. */
#include "backend/cpu/cpu.h"
#include "backend/rope.h"
#include "base/status.h"

/* -- layout ----------------------------------------------------------------------------------------------------- */

static void weights_plan_channel(trm__arena *arena, const trm__product *product, trm__matrix *matrix, int rows,
                                 int cols, int gate, int training) {
  *matrix = (trm__matrix){.rows = rows, .cols = cols, .gate = gate};
  matrix->forward = trm__cpu_take(arena, product->packed_size(cols, rows, gate));
  if (training) matrix->backward = trm__cpu_take(arena, product->packed_size(rows, cols, 0));
}

/* forward: rows of words, and INT8's scales after them. backward: F32 [cols][rows], else spread with width cols. */
static void weights_plan_mixer(trm__arena *arena, const trm__product *product, trm__matrix *matrix, int rows, int cols,
                               int training) {
  *matrix = (trm__matrix){.rows = rows, .cols = cols};
  int scales = product->type == TRM_INT8;
  matrix->forward = trm__cpu_take(arena, (size_t)rows * (size_t)(trm__words(product, cols) + scales));
  if (training) matrix->backward = trm__cpu_take(arena, (size_t)trm__words(product, rows) * (size_t)cols);
}

static void weights_plan_layer(trm__arena *arena, const trm__weights *w, trm__cpu_layer *layer) {
  const trm__dims *s = &w->dims;
  const trm__product *product = w->product;
  if (s->mixer) {
    weights_plan_mixer(arena, product, &layer->mix_in, 2 * s->inner_l, s->L, w->training);
    weights_plan_mixer(arena, product, &layer->mix_out, s->L, s->inner_l, w->training);
  } else {
    weights_plan_channel(arena, product, &layer->mix_in, 3 * s->D, s->D, 0, w->training);
    weights_plan_channel(arena, product, &layer->mix_out, s->D, s->D, 0, w->training);
  }
  weights_plan_channel(arena, product, &layer->mlp_in, 2 * s->inner_d, s->D, 1, w->training);
  weights_plan_channel(arena, product, &layer->mlp_out, s->D, s->inner_d, 0, w->training);
}

static void weights_plan_scratch(const trm__backend *be, trm__weights *w) {
  size_t shared = 0, worker = 0;
  trm__cpu_mlp_scratch(w, &shared, &worker);
  if (w->dims.mixer) trm__cpu_mixer_scratch(w, &shared, &worker);
  else trm__cpu_attention_scratch(w, &shared, &worker);
  w->shared_bytes = shared;
  w->worker_bytes = worker > SIZE_MAX - 2 * TRM__ALIGN ? SIZE_MAX : (worker / TRM__ALIGN + 1) * TRM__ALIGN;
  w->shared = trm__arena_take(&w->arena, shared, 1);
  w->worker = trm__arena_take(&w->arena, w->worker_bytes, (size_t)trm__pool_threads(be->pool));
}

static void weights_plan_ends(trm__arena *arena, const trm__dims *s, trm__weights *w) {
  w->embed = trm__cpu_take(arena, (size_t)s->V * (size_t)s->D);
  if (s->positions == TRM_POS_LEARNED) w->embed_pos = trm__cpu_take(arena, (size_t)s->L * (size_t)s->D);
  w->q_weight = trm__cpu_take(arena, 2 * (size_t)s->D);
  w->q_bias = trm__cpu_take(arena, 2);
}

static void weights_plan(const trm__backend *be, trm__weights *w) {
  const trm__dims *s = &w->dims;
  trm__arena *arena = &w->arena;
  int outputs = s->values ? 2 * s->values : s->V;
  if (s->values) trm__cpu_lattice_plan(arena, s, &w->lattice);
  else weights_plan_ends(arena, s, w);
  weights_plan_channel(arena, w->kernels.product[TRM_FLOAT32], &w->lm_head, outputs, s->D, 0, w->training);
  if (!s->mixer && s->positions == TRM_POS_ROPE) {
    size_t angles = (size_t)s->L * (size_t)(s->head_dim / 2);
    w->cosines = trm__cpu_take(arena, angles);
    w->sines = trm__cpu_take(arena, angles);
  }
  for (int i = 0; i < s->layers; i++) weights_plan_layer(arena, w, &w->layer[i]);
  weights_plan_scratch(be, w);
}

/* The kernels for the forward type, with what this process may use. */
static void weights_choose(const trm__backend *be, trm__weights *w) {
  trm_dtype type = w->dims.int8 ? TRM_INT8 : w->dims.bf16 ? TRM_BFLOAT16 : TRM_FLOAT32;
  trm__isa_kernels(&w->kernels, &((const trm__cpu *)be)->choice, trm__isa_types_of(type));
  w->product = trm__cpu_layer_product(&w->kernels, &w->dims, w->training);
}

size_t trm__cpu_weights_bytes(trm__backend *be, const trm__dims *dims, int training, int max_batch) {
  trm__weights w = {.dims = *dims, .training = training, .max_batch = max_batch};
  weights_choose(be, &w);
  if (!w.product) return sizeof w; /* weights_open says why */
  weights_plan(be, &w);
  return w.arena.used > SIZE_MAX - sizeof w ? SIZE_MAX : w.arena.used + sizeof w;
}

trm_status trm__cpu_weights_open(trm__backend *be, trm__weights **out, const trm__dims *dims, int training,
                                 int max_batch, trm_error *err) {
  if (dims->layers > TRM__MAX_LAYERS)
    return trm__fail(err, TRM_E_USAGE, "L_layers", "%d layers; at most %d are supported", dims->layers,
                     TRM__MAX_LAYERS);
  if (dims->int8 && training)
    return trm__fail(err, TRM_E_USAGE, "forward_dtype", "int8 is for solving; train with bfloat16 or float32");
  trm__weights *w = trm__calloc(1, sizeof *w);
  if (!w) return trm__fail_memory(err, "weights", sizeof *w);
  w->dims = *dims;
  w->training = training;
  w->max_batch = max_batch;
  weights_choose(be, w);
  trm_status status = TRM_OK;
  if (w->product) weights_plan(be, w);
  else
    status = trm__fail(err, TRM_E_USAGE, "forward_dtype", "the kernels \"%s\" have no int8 products; use another type",
                       w->kernels.isa);
  if (!status) status = trm__arena_alloc(&w->arena, err);
  if (status) {
    trm__cpu_weights_close(be, &w);
    return status;
  }
  weights_plan(be, w);
  if (w->cosines) trm__rope_angles(&w->dims, w->cosines, w->sines);
  *out = w;
  return TRM_OK;
}

void trm__cpu_weights_close(trm__backend *be, trm__weights **w) {
  (void)be;
  if (!w || !*w) return;
  trm__arena_free(&(*w)->arena);
  trm__free(*w);
  *w = NULL;
}

/* -- filling ---------------------------------------------------------------------------------------------------- */

/* Rounding after packing: the layouts only move numbers and add zeros. */
static void weights_fill_plain(const trm__weights *w, trm__real *to, const trm__real *from, size_t n) {
  if (w->dims.bf16) w->kernels.round_bf16(to, from, n);
  else memcpy(to, from, n * sizeof *to);
}

static void weights_fill_packed(const trm__weights *w, const trm__product *product, trm__real *to,
                                const trm__real *from, ptrdiff_t b_rs, ptrdiff_t b_cs, int k, int n, int gate) {
  product->pack_b(to, from, b_rs, b_cs, k, n, gate, 0, trm__cpu_panels(product, n, gate));
  if (w->dims.bf16 && product->type == TRM_FLOAT32) w->kernels.round_bf16(to, to, product->packed_size(k, n, gate));
}

static void weights_fill_channel(const trm__weights *w, const trm__product *product, trm__matrix *matrix,
                                 const trm__real *from) {
  int rows = matrix->rows, cols = matrix->cols;
  weights_fill_packed(w, product, matrix->forward, from, 1, cols, cols, rows, matrix->gate);
  if (matrix->backward) weights_fill_packed(w, product, matrix->backward, from, cols, 1, rows, cols, 0);
}

static void weights_fill_mixer(const trm__weights *w, trm__matrix *matrix, const trm__real *from) {
  const trm__product *product = w->product;
  size_t rows = (size_t)matrix->rows, cols = (size_t)matrix->cols;
  if (product->type != TRM_FLOAT32) {
    int words = trm__words(product, matrix->cols);
    product->pack_a(matrix->forward, words, matrix->forward + matrix->rows * words, from, matrix->cols, matrix->rows,
                    matrix->cols);
    if (matrix->backward)
      product->spread(matrix->backward, matrix->cols, from, matrix->cols, matrix->rows, matrix->cols);
    return;
  }
  weights_fill_plain(w, matrix->forward, from, rows * cols);
  if (!matrix->backward) return;
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < cols; j++) matrix->backward[j * rows + i] = matrix->forward[i * cols + j];
}

static void weights_fill_ends(trm__weights *w, const trm__weights_view *master) {
  const trm__dims *s = &w->dims;
  if (s->values) {
    trm__cpu_lattice_fill(s, &w->lattice, &master->lattice);
    weights_fill_channel(w, w->kernels.product[TRM_FLOAT32], &w->lm_head, master->lattice.head);
    return;
  }
  weights_fill_plain(w, w->embed, master->embed, (size_t)s->V * (size_t)s->D);
  if (w->embed_pos) weights_fill_plain(w, w->embed_pos, master->embed_pos, (size_t)s->L * (size_t)s->D);
  weights_fill_plain(w, w->q_weight, master->q_weight, 2 * (size_t)s->D);
  weights_fill_plain(w, w->q_bias, master->q_bias, 2);
  weights_fill_channel(w, w->kernels.product[TRM_FLOAT32], &w->lm_head, master->lm_head);
}

typedef struct weights_job {
  trm__weights *w;
  const trm__weights_view *master;
} weights_job;

/* Task 0: embedding and heads; then four matrices a layer. */
static void weights_prepare_task(void *context, int task, int worker) {
  (void)worker;
  const weights_job *job = context;
  if (task == 0) {
    weights_fill_ends(job->w, job->master);
    return;
  }
  trm__cpu_layer *layer = &job->w->layer[(task - 1) / 4];
  const trm__layer_view *from = &job->master->layer[(task - 1) / 4];
  switch ((task - 1) % 4) {
  case 0:
    weights_fill_channel(job->w, job->w->product, &layer->mlp_in, from->mlp_in);
    break;
  case 1:
    weights_fill_channel(job->w, job->w->product, &layer->mlp_out, from->mlp_out);
    break;
  case 2:
    if (job->w->dims.mixer) weights_fill_mixer(job->w, &layer->mix_in, from->mix_in);
    else weights_fill_channel(job->w, job->w->product, &layer->mix_in, from->mix_in);
    break;
  default:
    if (job->w->dims.mixer) weights_fill_mixer(job->w, &layer->mix_out, from->mix_out);
    else weights_fill_channel(job->w, job->w->product, &layer->mix_out, from->mix_out);
  }
}

void trm__cpu_weights_prepare(trm__backend *be, trm__weights *w, const trm__weights_view *master) {
  weights_job job = {w, master};
  trm__cpu_run(be, &w->kernels, 1 + 4 * w->dims.layers, weights_prepare_task, &job);
}
