/* Prepared weights: each matrix of the layers in the forward type, as it is and (training) transposed, fp32 copies of
 * what embedding and heads read, and the scratch of all operations, in one allocation. One plan function describes all
 * of it: measured first, then handed out. */
#include <math.h>

#include "backend/cuda/gpu.h"
#include "base/status.h"

void *trm__gpu_take(trm__arena *arena, size_t count, size_t size) {
  size_t bytes;
  if (!trm__mul_size(count, size, &bytes) || bytes > SIZE_MAX - TRM__GPU_ALIGN) bytes = SIZE_MAX;
  else bytes = (bytes + TRM__GPU_ALIGN - 1) / TRM__GPU_ALIGN * TRM__GPU_ALIGN;
  return trm__arena_take(arena, bytes, 1);
}

int trm__gpu_most(int b, size_t example_bytes, size_t limit) {
  size_t most = example_bytes ? limit / example_bytes : (size_t)b;
  return most < 1 ? 1 : most < (size_t)b ? (int)most : b;
}

int trm__gpu_chunk(int b, size_t example_bytes, size_t limit) {
  int most = trm__gpu_most(b, example_bytes, limit), pieces = (b + most - 1) / most;
  return (b + pieces - 1) / pieces;
}

/* -- products ------------------------------------------------------------------------------------------------------ */

trm__cuda_product trm__gpu_product(const trm__weights *w, int m, int n, int k, trm__cuda_operand a, trm__cuda_operand b,
                                   void *c, ptrdiff_t c_ld) {
  return (trm__cuda_product){.type = w->type,
                             .m = m,
                             .n = n,
                             .k = k,
                             .batches = 1,
                             .a = a,
                             .b = b,
                             .epilogue = TRM__CUDA_STORE,
                             .c = c,
                             .c_ld = c_ld,
                             .room = w->room,
                             .room_bytes = w->room_bytes};
}

void trm__gpu_need_gradient(const trm__weights *w, trm__gpu_needs *needs, int m, int n, int k, int rows, int most) {
  for (int b = 1; b <= most; b++) {
    int splits = trm__cuda_splits(w->type, m, n, rows ? b * k : k, rows ? 1 : b);
    trm__gpu_grow(&needs->partial, (size_t)splits * (size_t)m * (size_t)n);
  }
}

void trm__gpu_gradient(trm__gpu *gpu, const trm__weights *w, int m, int n, int k, int batches, trm__cuda_operand a,
                       trm__cuda_operand b, trm__real *to, int interleaved) {
  trm__cuda_product p = trm__gpu_product(w, m, n, k, a, b, NULL, n);
  p.batches = batches;
  p.epilogue = TRM__CUDA_PARTIAL;
  trm__cuda_weight_gradient(&gpu->queue, &p, w->partial, to, interleaved);
}

/* -- layout -------------------------------------------------------------------------------------------------------- */

static int padded(int n) {
  return (n + 7) / 8 * 8;
}

static void plan_matrix(trm__weights *w, trm__gpu_matrix *matrix, int rows, int cols, int gate) {
  *matrix = (trm__gpu_matrix){.rows = rows, .cols = cols, .gate = gate, .ld = padded(cols), .ld_t = padded(rows)};
  matrix->forward = trm__gpu_take_acts(&w->arena, w, (size_t)rows * (size_t)matrix->ld);
  if (w->training) matrix->backward = trm__gpu_take_acts(&w->arena, w, (size_t)cols * (size_t)matrix->ld_t);
}

static void plan_layer(trm__weights *w, trm__gpu_layer *layer) {
  const trm__dims *s = &w->dims;
  if (s->mixer) {
    plan_matrix(w, &layer->mix_in, 2 * s->inner_l, s->L, 1);
    plan_matrix(w, &layer->mix_out, s->L, s->inner_l, 0);
  } else {
    plan_matrix(w, &layer->mix_in, 3 * s->D, s->D, 0);
    plan_matrix(w, &layer->mix_out, s->D, s->D, 0);
  }
  plan_matrix(w, &layer->mlp_in, 2 * s->inner_d, s->D, 1);
  plan_matrix(w, &layer->mlp_out, s->D, s->inner_d, 0);
}

static void plan_scratch(trm__weights *w) {
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

static size_t angles(const trm__dims *s) {
  return !s->mixer && s->positions == TRM__POS_ROPE ? (size_t)s->L * (size_t)(s->head_dim / 2) : 0;
}

static void plan(trm__weights *w) {
  const trm__dims *s = &w->dims;
  size_t D = (size_t)s->D;
  w->embed = trm__gpu_take_floats(&w->arena, (size_t)s->V * D);
  if (s->positions == TRM__POS_LEARNED) w->embed_pos = trm__gpu_take_floats(&w->arena, (size_t)s->L * D);
  w->lm_head = trm__gpu_take_floats(&w->arena, (size_t)s->V * D);
  w->q_weight = trm__gpu_take_floats(&w->arena, 2 * D);
  w->q_bias = trm__gpu_take_floats(&w->arena, 2);
  if (angles(s)) {
    w->cosines = trm__gpu_take_floats(&w->arena, angles(s));
    w->sines = trm__gpu_take_floats(&w->arena, angles(s));
  }
  for (int i = 0; i < s->layers; i++) plan_layer(w, &w->layer[i]);
  plan_scratch(w);
}

static trm__weights described(const trm__gpu *gpu, const trm__dims *dims, int training, int max_batch) {
  trm__weights w = {.dims = *dims,
                    .training = training,
                    .max_batch = max_batch,
                    .forward_bytes = gpu->forward_bytes,
                    .backward_bytes = gpu->backward_bytes,
                    .lt = gpu->lt && dims->bf16,
                    .type = dims->bf16 ? TRM__CUDA_BF16 : TRM__CUDA_F32,
                    .width = dims->bf16 ? 2 : 4};
  w.solves = trm__gpu_solves(gpu, &w);
  w.mixes = trm__gpu_mixes(gpu, &w);
  return w;
}

/* What the kernels can do, so that anything else is an error here and not a fault there. */
static trm_status check(const trm__dims *s, trm_error *err) {
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
                     "%d heads of %d numbers; cuda needs a multiple of 8 up to 128 (the cpu takes any)", s->heads,
                     s->head_dim);
  int inner = s->inner_d % 64 ? s->inner_d : s->mixer && s->inner_l % 64 ? s->inner_l : 0;
  if (inner)
    return trm__fail(err, TRM_E_UNSUPPORTED, "expansion",
                     "gives an inner width of %d; cuda needs a multiple of 64 (the cpu takes any)", inner);
  return TRM_OK;
}

size_t trm__gpu_weights_bytes(trm__backend *be, const trm__dims *dims, int training, int max_batch) {
  if (check(dims, NULL)) return 0; /* weights_open says why */
  trm__weights w = described(trm__gpu_of(be), dims, training, max_batch);
  plan(&w);
  return w.arena.used;
}

/* -- opening ------------------------------------------------------------------------------------------------------- */

/* Angles p * base^(-2i/d), every step rounded to fp32 as in the original. host: [2][L][head_dim/2]. */
static void fill_angles(const trm__dims *s, float *host) {
  int half = s->head_dim / 2;
  float *cosines = host, *sines = host + angles(s);
  for (int i = 0; i < half; i++) {
    float exponent = (float)(2 * i) / (float)s->head_dim;
    float rate = 1 / (float)pow(s->rope_theta, (double)exponent);
    for (int p = 0; p < s->L; p++) {
      float angle = (float)p * rate;
      cosines[(size_t)p * (size_t)half + (size_t)i] = (float)cos((double)angle);
      sines[(size_t)p * (size_t)half + (size_t)i] = (float)sin((double)angle);
    }
  }
}

static trm_status upload_angles(trm__backend *be, trm__weights *w, trm_error *err) {
  size_t n = angles(&w->dims), bytes = n * sizeof(float);
  if (!n) return TRM_OK;
  float *host = trm__calloc(2 * n, sizeof *host);
  if (!host) return trm__fail_memory(err, "RoPE angles", 2 * bytes);
  fill_angles(&w->dims, host);
  trm__gpu_copy(be, w->cosines, host, bytes, TRM__COPY_TO_DEVICE);
  trm__gpu_copy(be, w->sines, host + n, bytes, TRM__COPY_TO_DEVICE);
  trm__free(host);
  return TRM_OK;
}

static trm_status allocate(trm__backend *be, trm__weights *w, trm_error *err) {
  plan(w);
  size_t bytes = w->arena.used;
  void *memory = bytes < SIZE_MAX ? trm__gpu_alloc(be, bytes) : NULL;
  if (!memory) return trm__gpu_no_memory(be, err, "weights and scratch", bytes);
  w->arena = (trm__arena){.base = memory, .size = bytes};
  plan(w);
  return upload_angles(be, w, err);
}

trm_status trm__gpu_weights_open(trm__backend *be, trm__weights **out, const trm__dims *dims, int training,
                                 int max_batch, trm_error *err) {
  trm_status status = check(dims, err);
  if (status) return status;
  trm__weights *w = trm__calloc(1, sizeof *w);
  if (!w) return trm__fail_memory(err, "weights", sizeof *w);
  *w = described(trm__gpu_of(be), dims, training, max_batch);
  status = allocate(be, w, err);
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

static void pack_waiting(packer *k) {
  trm__cuda_pack(&k->gpu->queue, k->matrix, k->count);
  k->count = 0;
}

static void pack(packer *k, trm__cuda_packing matrix) {
  if (k->count == (int)(sizeof k->matrix / sizeof *k->matrix)) pack_waiting(k);
  k->matrix[k->count++] = matrix;
}

/* Numbers that stay fp32 and where they are. */
static void pack_copy(packer *k, float *to, const trm__real *from, int rows, int cols) {
  if (to) pack(k, (trm__cuda_packing){.dst = to, .src = from, .ld = cols, .rows = rows, .cols = cols});
}

static void pack_matrix(packer *k, const trm__weights *w, const trm__gpu_matrix *matrix, const trm__real *from) {
  trm__cuda_packing p = {.dst = matrix->forward,
                         .src = from,
                         .ld = matrix->ld,
                         .rows = matrix->rows,
                         .cols = matrix->cols,
                         .type = w->type,
                         .interleave = matrix->gate};
  pack(k, p);
  if (!matrix->backward) return;
  p.dst = matrix->backward;
  p.ld = matrix->ld_t;
  p.transpose = 1;
  pack(k, p);
}

void trm__gpu_weights_prepare(trm__backend *be, trm__weights *w, const trm__weights_view *master) {
  packer k = {.gpu = trm__gpu_of(be)};
  const trm__dims *s = &w->dims;
  pack_copy(&k, w->embed, master->embed, s->V, s->D);
  pack_copy(&k, w->embed_pos, master->embed_pos, s->L, s->D);
  pack_copy(&k, w->lm_head, master->lm_head, s->V, s->D);
  pack_copy(&k, w->q_weight, master->q_weight, 2, s->D);
  pack_copy(&k, w->q_bias, master->q_bias, 1, 2);
  for (int i = 0; i < s->layers; i++) {
    const trm__layer_view *from = &master->layer[i];
    pack_matrix(&k, w, &w->layer[i].mix_in, from->mix_in);
    pack_matrix(&k, w, &w->layer[i].mix_out, from->mix_out);
    pack_matrix(&k, w, &w->layer[i].mlp_in, from->mlp_in);
    pack_matrix(&k, w, &w->layer[i].mlp_out, from->mlp_out);
  }
  pack_waiting(&k);
}
