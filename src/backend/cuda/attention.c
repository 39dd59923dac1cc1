/* Attention: out = rms(in + W_o attention(rope(W_qkv in))), over rows [b*L]. */
#include "backend/cuda/gpu.h"

/* Intermediates of a chunk; some of them saved. */
typedef struct gpu_attention_buffers {
  unsigned char *qkv;  /* [rows][3*D], after RoPE */
  unsigned char *att;  /* [rows][D] */
  float *lse;          /* [b][heads][L] */
  float *inv;          /* [rows] */
  unsigned char *datt; /* [rows][D] */
  unsigned char *dqkv; /* [rows][3*D] */
} gpu_attention_buffers;

/* -- saved: qkv, att, lse (unless recomputed), inv ----------------------------------------------------------------- */

static gpu_attention_buffers gpu_attention_lay_out(trm__arena *arena, const trm__weights *w, int b, int recompute) {
  const trm__dims *s = &w->dims;
  size_t rows = (size_t)b * (size_t)s->L, D = (size_t)s->D;
  gpu_attention_buffers p = {0};
  if (!recompute) {
    p.qkv = trm__gpu_take_acts(arena, w, rows * 3 * D);
    p.att = trm__gpu_take_acts(arena, w, rows * D);
    p.lse = trm__gpu_take_floats(arena, rows * (size_t)s->heads);
  }
  p.inv = trm__gpu_take_floats(arena, rows);
  return p;
}

size_t trm__gpu_attention_saved(const trm__dims *dims, int b, int recompute) {
  trm__weights w = {.dims = *dims, .width = dims->bf16 ? 2 : 4};
  trm__arena measure = {0};
  (void)gpu_attention_lay_out(&measure, &w, b, recompute);
  return measure.used;
}

/* Of the chunk that begins at example i. */
static gpu_attention_buffers gpu_attention_split_saved(const trm__weights *w, void *saved, int recompute, int b,
                                                       int i) {
  const trm__dims *s = &w->dims;
  if (!saved) return (gpu_attention_buffers){0};
  size_t at = (size_t)i * (size_t)s->L, D = (size_t)s->D;
  trm__arena arena = {.base = saved, .size = SIZE_MAX};
  gpu_attention_buffers p = gpu_attention_lay_out(&arena, w, b, recompute);
  p.inv += at;
  if (recompute) return p;
  p.qkv += at * 3 * D * w->width;
  p.att += at * D * w->width;
  p.lse += at * (size_t)s->heads;
  return p;
}

/* -- scratch ------------------------------------------------------------------------------------------------------- */

static void gpu_attention_plan_forward(gpu_attention_buffers *p, const trm__weights *w, trm__arena *scratch,
                                       int examples) {
  size_t rows = (size_t)examples * (size_t)w->dims.L, D = (size_t)w->dims.D;
  unsigned char *qkv = trm__gpu_take_acts(scratch, w, rows * 3 * D);
  unsigned char *att = trm__gpu_take_acts(scratch, w, rows * D);
  if (!p->qkv) p->qkv = qkv;
  if (!p->att) p->att = att;
}

static size_t gpu_attention_forward_bytes(const trm__weights *w) {
  return (size_t)w->dims.L * 4 * (size_t)w->dims.D * w->width;
}

static size_t gpu_attention_backward_bytes(const trm__weights *w) {
  return 2 * gpu_attention_forward_bytes(w);
}

static void gpu_attention_plan_backward(gpu_attention_buffers *p, const trm__weights *w, trm__arena *scratch,
                                        int examples) {
  const trm__dims *s = &w->dims;
  size_t rows = (size_t)examples * (size_t)s->L, D = (size_t)s->D;
  gpu_attention_plan_forward(p, w, scratch, examples);
  float *lse = trm__gpu_take_floats(scratch, rows * (size_t)s->heads);
  if (!p->lse) p->lse = lse;
  p->datt = trm__gpu_take_acts(scratch, w, rows * D);
  p->dqkv = trm__gpu_take_acts(scratch, w, rows * 3 * D);
}

void trm__gpu_attention_needs(const trm__weights *w, trm__gpu_needs *needs) {
  const trm__dims *s = &w->dims;
  gpu_attention_buffers p = {0};
  trm__arena measure = {0};
  gpu_attention_plan_forward(&p, w, &measure,
                             trm__gpu_most(w->max_batch, gpu_attention_forward_bytes(w), w->forward_bytes));
  trm__gpu_grow(&needs->scratch, measure.used);
  if (!w->training) return;
  int most = trm__gpu_most(w->max_batch, gpu_attention_backward_bytes(w), w->backward_bytes);
  measure = (trm__arena){0};
  gpu_attention_plan_backward(&p, w, &measure, most);
  trm__gpu_grow(&needs->scratch, measure.used);
  for (int b = 1; b <= most; b++)
    trm__gpu_grow(&needs->work, trm__cuda_attention_scratch(w->type, b, s->L, s->heads, s->head_dim));
  trm__gpu_need_gradient(w, needs, 3 * s->D, s->D, s->L, 1, most);
  trm__gpu_need_gradient(w, needs, s->D, s->D, s->L, 1, most);
}

/* -- forward ------------------------------------------------------------------------------------------------------- */

static void gpu_attention_rotate(trm__gpu *gpu, const trm__weights *w, int examples, void *x,
                                 int gpu_attention_backward) {
  const trm__dims *s = &w->dims;
  if (!w->cosines) return;
  trm__cuda_rope(&gpu->queue, w->type, x, 3 * (ptrdiff_t)s->D, w->cosines, w->sines, examples, s->L, 2 * s->heads,
                 s->head_dim, gpu_attention_backward);
}

static trm__cuda_attention gpu_attention_heads(const trm__weights *w, const gpu_attention_buffers *p, int examples) {
  const trm__dims *s = &w->dims;
  return (trm__cuda_attention){.type = w->type,
                               .b = examples,
                               .L = s->L,
                               .heads = s->heads,
                               .head_dim = s->head_dim,
                               .qkv = p->qkv,
                               .out = p->att,
                               .lse = p->lse,
                               .dout = p->datt,
                               .dqkv = p->dqkv,
                               .scratch = w->work};
}

/* in -> qkv, att and, where there is a place for it, lse. */
static void gpu_attention_attend(trm__gpu *gpu, const trm__weights *w, const trm__gpu_layer *layer,
                                 const gpu_attention_buffers *p, int examples, const void *in) {
  const trm__dims *s = &w->dims;
  trm__cuda_product qkv = trm__gpu_product(w, examples * s->L, 3 * s->D, s->D, trm__gpu_inner(in, s->D, 0),
                                           trm__gpu_forward(&layer->mix_in), p->qkv, 3 * (ptrdiff_t)s->D);
  trm__cuda_multiply(&gpu->queue, &qkv);
  gpu_attention_rotate(gpu, w, examples, p->qkv, 0);
  trm__cuda_attention heads = gpu_attention_heads(w, p, examples);
  trm__cuda_attention_forward(&gpu->queue, &heads);
}

static void gpu_attention_forward(trm__gpu *gpu, trm__weights *w, const trm__gpu_layer *layer, gpu_attention_buffers *p,
                                  int examples, const void *in, void *out) {
  const trm__dims *s = &w->dims;
  int rows = examples * s->L;
  trm__arena scratch = trm__gpu_scratch(w);
  gpu_attention_plan_forward(p, w, &scratch, examples);
  gpu_attention_attend(gpu, w, layer, p, examples, in);
  trm__cuda_product o = trm__gpu_product(w, rows, s->D, s->D, trm__gpu_inner(p->att, s->D, 0),
                                         trm__gpu_forward(&layer->mix_out), out, s->D);
  o.epilogue = TRM__CUDA_RESIDUAL;
  o.residual = in;
  trm__cuda_multiply(&gpu->queue, &o);
  trm__cuda_rms_rows(&gpu->queue, w->type, out, p->inv, out, rows, s->D, s->eps);
}

void trm__gpu_attention_forward(trm__gpu *gpu, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                                void *saved, int recompute) {
  size_t state = (size_t)w->dims.L * (size_t)w->dims.D * w->width;
  int chunk = trm__gpu_chunk(b, gpu_attention_forward_bytes(w), w->forward_bytes);
  for (int i = 0; i < b; i += chunk) {
    gpu_attention_buffers p = gpu_attention_split_saved(w, saved, recompute, b, i);
    gpu_attention_forward(gpu, w, &w->layer[layer], &p, chunk < b - i ? chunk : b - i, in + (size_t)i * state,
                          out + (size_t)i * state);
  }
}

/* -- backward ------------------------------------------------------------------------------------------------------ */

static void gpu_attention_backward(trm__gpu *gpu, trm__weights *w, const trm__gpu_layer *layer,
                                   const trm__layer_view *dw, gpu_attention_buffers *p, int examples, const void *in,
                                   const void *y, void *d) {
  const trm__dims *s = &w->dims;
  int rows = examples * s->L, D = s->D, kept = p->qkv != NULL;
  trm__arena scratch = trm__gpu_scratch(w);
  gpu_attention_plan_backward(p, w, &scratch, examples);
  if (!kept) gpu_attention_attend(gpu, w, layer, p, examples, in);
  trm__cuda_rms_rows_backward(&gpu->queue, w->type, d, d, y, p->inv, rows, D);
  trm__cuda_product datt =
      trm__gpu_product(w, rows, D, D, trm__gpu_inner(d, D, 0), trm__gpu_backward(&layer->mix_out), p->datt, D);
  trm__cuda_multiply(&gpu->queue, &datt);
  trm__gpu_gradient(gpu, w, D, D, rows, 1, trm__gpu_outer(d, D, 0), trm__gpu_outer(p->att, D, 0), dw->mix_out, 0);
  trm__cuda_attention heads = gpu_attention_heads(w, p, examples);
  trm__cuda_attention_backward(&gpu->queue, &heads);
  gpu_attention_rotate(gpu, w, examples, p->dqkv, 1);
  trm__gpu_gradient(gpu, w, 3 * D, D, rows, 1, trm__gpu_outer(p->dqkv, 3 * (ptrdiff_t)D, 0), trm__gpu_outer(in, D, 0),
                    dw->mix_in, 0);
  trm__cuda_product din = trm__gpu_product(w, rows, D, 3 * D, trm__gpu_inner(p->dqkv, 3 * (ptrdiff_t)D, 0),
                                           trm__gpu_backward(&layer->mix_in), d, D);
  din.epilogue = TRM__CUDA_RESIDUAL;
  din.residual = d;
  trm__cuda_multiply(&gpu->queue, &din);
}

void trm__gpu_attention_backward(trm__gpu *gpu, trm__weights *w, int layer, int b, const trm__act *in,
                                 const trm__act *out, void *saved, int recompute, trm__act *d,
                                 const trm__weights_view *grads) {
  size_t state = (size_t)w->dims.L * (size_t)w->dims.D * w->width;
  int chunk = trm__gpu_chunk(b, gpu_attention_backward_bytes(w), w->backward_bytes);
  for (int i = 0; i < b; i += chunk) {
    size_t at = (size_t)i * state;
    gpu_attention_buffers p = gpu_attention_split_saved(w, saved, recompute, b, i);
    gpu_attention_backward(gpu, w, &w->layer[layer], &grads->layer[layer], &p, chunk < b - i ? chunk : b - i, in + at,
                           out + at, d + at);
  }
}
