/* Prepared weights: each matrix of the layers in the forward type, as it is and (training) transposed, fp32 copies of
 * what embedding and heads read, and the scratch of all operations, in one allocation. One plan function describes all
 * of it: measured first, then handed out. */
#include <math.h>

#include "backend/cuda/gpu.h"
#include "backend/rope.h"
#include "base/status.h"

/* -- layout -------------------------------------------------------------------------------------------------------- */

static int gpu_padded(int n) {
  return (n + 7) / 8 * 8;
}

static void gpu_plan_matrix(trm__weights *w, trm__gpu_matrix *matrix, int rows, int cols, int gate) {
  *matrix =
      (trm__gpu_matrix){.rows = rows, .cols = cols, .gate = gate, .ld = gpu_padded(cols), .ld_t = gpu_padded(rows)};
  matrix->forward = trm__gpu_take_acts(&w->arena, w, (size_t)rows * (size_t)matrix->ld);
  if (w->training) matrix->backward = trm__gpu_take_acts(&w->arena, w, (size_t)cols * (size_t)matrix->ld_t);
}

static void gpu_plan_layer(trm__weights *w, trm__gpu_layer *layer) {
  const trm__dims *s = &w->dims;
  if (s->mixer) {
    gpu_plan_matrix(w, &layer->mix_in, 2 * s->inner_l, s->L, 1);
    gpu_plan_matrix(w, &layer->mix_out, s->L, s->inner_l, 0);
  } else {
    gpu_plan_matrix(w, &layer->mix_in, 3 * s->D, s->D, 0);
    gpu_plan_matrix(w, &layer->mix_out, s->D, s->D, 0);
  }
  gpu_plan_matrix(w, &layer->mlp_in, 2 * s->inner_d, s->D, 1);
  gpu_plan_matrix(w, &layer->mlp_out, s->D, s->inner_d, 0);
}

static void gpu_plan_scratch(trm__weights *w) {
  trm__gpu_needs needs = {0};
  trm__gpu_mlp_needs(w, &needs);
  if (w->dims.mixer) trm__gpu_mixer_needs(w, &needs);
  else trm__gpu_attention_needs(w, &needs);
  trm__gpu_ends_needs(w, &needs);
  w->scratch_bytes = needs.scratch;
  w->scratch = trm__gpu_take(&w->arena, needs.scratch, 1);
  w->room_bytes = needs.room;
  if (needs.room) w->room = trm__gpu_take(&w->arena, needs.room, 1);
  w->partial = trm__gpu_take_floats(&w->arena, needs.partial);
  w->work = trm__gpu_take_floats(&w->arena, needs.work);
  if (w->solves) w->solve = trm__gpu_take(&w->arena, trm__gpu_solve_bytes(w), 1);
}

static size_t gpu_angle_count(const trm__dims *s) {
  return !s->mixer && s->positions == TRM_POS_ROPE ? (size_t)s->L * (size_t)(s->head_dim / 2) : 0;
}

static void gpu_plan_weights(trm__weights *w) {
  const trm__dims *s = &w->dims;
  size_t D = (size_t)s->D;
  w->embed = trm__gpu_take_floats(&w->arena, (size_t)s->V * D);
  if (s->positions == TRM_POS_LEARNED) w->embed_pos = trm__gpu_take_floats(&w->arena, (size_t)s->L * D);
  w->lm_head = trm__gpu_take_floats(&w->arena, (size_t)s->V * D);
  w->q_weight = trm__gpu_take_floats(&w->arena, 2 * D);
  w->q_bias = trm__gpu_take_floats(&w->arena, 2);
  if (gpu_angle_count(s)) {
    w->cosines = trm__gpu_take_floats(&w->arena, gpu_angle_count(s));
    w->sines = trm__gpu_take_floats(&w->arena, gpu_angle_count(s));
  }
  for (int i = 0; i < s->layers; i++) gpu_plan_layer(w, &w->layer[i]);
  gpu_plan_scratch(w);
}

static trm__weights gpu_describe_weights(const trm__gpu *gpu, const trm__dims *dims, int training, int max_batch) {
  trm__weights w = {.dims = *dims,
                    .training = training,
                    .max_batch = max_batch,
                    .forward_bytes = gpu->forward_bytes,
                    .backward_bytes = gpu->backward_bytes,
                    .lt = gpu->lt && dims->bf16,
                    .type = dims->bf16 ? TRM_BFLOAT16 : TRM_FLOAT32,
                    .width = dims->bf16 ? 2 : 4};
  w.solves = trm__gpu_solves(gpu, &w);
  w.mixes = trm__gpu_mixes(gpu, &w);
  return w;
}

/* What the kernels can do, so that anything else is an error here and not a fault there. */
static trm_status gpu_check_dims(const trm__dims *s, trm_error *err) {
  if (s->layers > TRM__MAX_LAYERS)
    return trm__fail(err, TRM_E_USAGE, "L_layers", "%d layers; at most %d are supported", s->layers, TRM__MAX_LAYERS);
  if (s->int8)
    return trm__fail(err, TRM_E_UNSUPPORTED, "forward_dtype",
                     "int8 runs on the cpu only; on cuda use bfloat16, which is faster there than int8 on a cpu");
  if (s->D % 8)
    return trm__fail(err, TRM_E_UNSUPPORTED, "hidden_size", "is %d; cuda needs a multiple of 8 (the cpu takes any)",
                     s->D);
  if (!s->mixer && (s->head_dim % 8 || s->head_dim > 128))
    return trm__fail(err, TRM_E_UNSUPPORTED, "num_heads",
                     "%d heads of width %d; cuda needs a width that is a multiple of 8 up to 128 (the cpu takes any)",
                     s->heads, s->head_dim);
  int inner = s->inner_d % 64 ? s->inner_d : s->mixer && s->inner_l % 64 ? s->inner_l : 0;
  if (inner)
    return trm__fail(err, TRM_E_UNSUPPORTED, "expansion",
                     "gives an inner width of %d; cuda needs a multiple of 64 (the cpu takes any)", inner);
  return TRM_OK;
}

size_t trm__gpu_weights_bytes(trm__backend *be, const trm__dims *dims, int training, int max_batch) {
  if (gpu_check_dims(dims, NULL)) return 0; /* weights_open says why */
  trm__weights w = gpu_describe_weights(trm__gpu_of(be), dims, training, max_batch);
  gpu_plan_weights(&w);
  return w.arena.used;
}

/* -- opening ------------------------------------------------------------------------------------------------------- */

static trm_status gpu_upload_angles(trm__backend *be, trm__weights *w, trm_error *err) {
  size_t n = gpu_angle_count(&w->dims), bytes = n * sizeof(float);
  if (!n) return TRM_OK;
  float *host = trm__calloc(2 * n, sizeof *host);
  if (!host) return trm__fail_memory(err, "RoPE angles", 2 * bytes);
  trm__rope_angles(&w->dims, host, host + n);
  trm__gpu_copy(be, w->cosines, host, bytes, TRM__COPY_TO_DEVICE);
  trm__gpu_copy(be, w->sines, host + n, bytes, TRM__COPY_TO_DEVICE);
  trm__free(host);
  return TRM_OK;
}

static trm_status gpu_allocate_weights(trm__backend *be, trm__weights *w, trm_error *err) {
  gpu_plan_weights(w);
  size_t bytes = w->arena.used;
  void *memory = bytes < SIZE_MAX ? trm__gpu_alloc(be, bytes) : NULL;
  if (!memory) return trm__gpu_no_memory(be, err, "weights and scratch", bytes);
  w->arena = (trm__arena){.base = memory, .size = bytes};
  gpu_plan_weights(w);
  return gpu_upload_angles(be, w, err);
}

trm_status trm__gpu_weights_open(trm__backend *be, trm__weights **out, const trm__dims *dims, int training,
                                 int max_batch, trm_error *err) {
  trm_status status = gpu_check_dims(dims, err);
  if (status) return status;
  trm__weights *w = trm__calloc(1, sizeof *w);
  if (!w) return trm__fail_memory(err, "weights", sizeof *w);
  *w = gpu_describe_weights(trm__gpu_of(be), dims, training, max_batch);
  status = gpu_allocate_weights(be, w, err);
  if (status) trm__gpu_weights_close(be, &w);
  else *out = w;
  return status;
}

void trm__gpu_weights_close(trm__backend *be, trm__weights **w) {
  if (!w || !*w) return;
  trm__gpu_free(be, (*w)->arena.base);
  trm__free(*w);
  *w = NULL;
}

/* -- filling ------------------------------------------------------------------------------------------------------- */

/* Matrices that wait to be packed, so that all are one launch. */
typedef struct packer {
  trm__gpu *gpu;
  int count;
  trm__cuda_packing matrix[32];
} packer;

static void packer_flush(packer *k) {
  trm__cuda_pack(&k->gpu->queue, k->matrix, k->count);
  k->count = 0;
}

static void packer_add(packer *k, trm__cuda_packing matrix) {
  if (k->count == (int)(sizeof k->matrix / sizeof *k->matrix)) packer_flush(k);
  k->matrix[k->count++] = matrix;
}

/* Numbers that stay fp32 and where they are. */
static void packer_add_copy(packer *k, float *to, const trm__real *from, int rows, int cols) {
  if (to) packer_add(k, (trm__cuda_packing){.dst = to, .src = from, .ld = cols, .rows = rows, .cols = cols});
}

static void packer_add_matrix(packer *k, const trm__weights *w, const trm__gpu_matrix *matrix, const trm__real *from) {
  trm__cuda_packing p = {.dst = matrix->forward,
                         .src = from,
                         .ld = matrix->ld,
                         .rows = matrix->rows,
                         .cols = matrix->cols,
                         .type = w->type,
                         .interleave = matrix->gate};
  packer_add(k, p);
  if (!matrix->backward) return;
  p.dst = matrix->backward;
  p.ld = matrix->ld_t;
  p.transpose = 1;
  packer_add(k, p);
}

void trm__gpu_weights_prepare(trm__backend *be, trm__weights *w, const trm__weights_view *master) {
  packer k = {.gpu = trm__gpu_of(be)};
  const trm__dims *s = &w->dims;
  packer_add_copy(&k, w->embed, master->embed, s->V, s->D);
  packer_add_copy(&k, w->embed_pos, master->embed_pos, s->L, s->D);
  packer_add_copy(&k, w->lm_head, master->lm_head, s->V, s->D);
  packer_add_copy(&k, w->q_weight, master->q_weight, 2, s->D);
  packer_add_copy(&k, w->q_bias, master->q_bias, 1, 2);
  for (int i = 0; i < s->layers; i++) {
    const trm__layer_view *from = &master->layer[i];
    packer_add_matrix(&k, w, &w->layer[i].mix_in, from->mix_in);
    packer_add_matrix(&k, w, &w->layer[i].mix_out, from->mix_out);
    packer_add_matrix(&k, w, &w->layer[i].mlp_in, from->mlp_in);
    packer_add_matrix(&k, w, &w->layer[i].mlp_out, from->mlp_out);
  }
  packer_flush(&k);
}
