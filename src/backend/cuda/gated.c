/* The middle of channel MLP and mixer: rows of gates and ups, their activation and its gradient. A row is a position
 * in the MLP and a channel in the mixer; only the operands of the products around them differ. */
#include "backend/cuda/gpu.h"

/* -- saved: gu (unless recomputed), inv, scale, each at a multiple of TRM__GPU_ALIGN ------------------------------- */

typedef struct gpu_gated_saved_buffers {
  unsigned char *gu;
  float *inv, *scale;
} gpu_gated_saved_buffers;

static gpu_gated_saved_buffers gpu_gated_lay_out(trm__arena *arena, const trm__weights *w, size_t rows, int inner,
                                                 int recompute) {
  gpu_gated_saved_buffers p = {0};
  if (!recompute) p.gu = trm__gpu_take_acts(arena, w, rows * 2 * (size_t)inner);
  p.inv = trm__gpu_take_floats(arena, rows);
  if (w->dims.activation == TRM_ACT_RMS_GATE) p.scale = trm__gpu_take_floats(arena, rows);
  return p;
}

size_t trm__gpu_gated_saved(const trm__weights *w, int each, int inner, int b, int recompute) {
  trm__arena measure = {0};
  (void)gpu_gated_lay_out(&measure, w, (size_t)b * (size_t)each, inner, recompute);
  return measure.used;
}

void trm__gpu_gated_split(trm__gpu_gated *gated, const trm__weights *w, void *saved, int recompute, int b, int i) {
  gated->gu = NULL;
  gated->inv = gated->scale = NULL;
  if (!saved) return;
  size_t each = (size_t)gated->each, row = (size_t)i * each;
  trm__arena arena = {.base = saved, .size = SIZE_MAX};
  gpu_gated_saved_buffers p = gpu_gated_lay_out(&arena, w, (size_t)b * each, gated->inner, recompute);
  if (p.gu) gated->gu = p.gu + row * 2 * (size_t)gated->inner * w->width;
  gated->inv = p.inv + row;
  if (p.scale) gated->scale = p.scale + row;
}

/* -- scratch ------------------------------------------------------------------------------------------------------- */

/* Of an example. */
static size_t gpu_gated_forward_bytes(const trm__weights *w, int each, int inner) {
  return (size_t)each * (size_t)inner * w->width;
}

static size_t gpu_gated_backward_bytes(const trm__weights *w, int each, int inner) {
  return 3 * gpu_gated_forward_bytes(w, each, inner);
}

int trm__gpu_gated_forward_chunk(const trm__weights *w, int each, int inner, int b) {
  return trm__gpu_chunk(b, gpu_gated_forward_bytes(w, each, inner), w->forward_bytes);
}

int trm__gpu_gated_backward_chunk(const trm__weights *w, int each, int inner, int b) {
  return trm__gpu_chunk(b, gpu_gated_backward_bytes(w, each, inner), w->backward_bytes);
}

void trm__gpu_gated_plan_forward(trm__gpu_gated *gated, const trm__weights *w, trm__arena *scratch, int examples) {
  size_t rows = (size_t)examples * (size_t)gated->each, inner = (size_t)gated->inner;
  gated->act = trm__gpu_take_acts(scratch, w, rows * inner);
  if (w->dims.activation != TRM_ACT_RMS_GATE) return;
  gated->squares = trm__gpu_take_floats(scratch, rows * (inner / 64));
  float *scale = trm__gpu_take_floats(scratch, rows);
  if (!gated->scale) gated->scale = scale;
}

/* gu too, for where it was not saved. */
void trm__gpu_gated_plan_backward(trm__gpu_gated *gated, const trm__weights *w, trm__arena *scratch, int examples) {
  size_t rows = (size_t)examples * (size_t)gated->each, inner = (size_t)gated->inner;
  gated->act = trm__gpu_take_acts(scratch, w, rows * inner);
  unsigned char *gu = trm__gpu_take_acts(scratch, w, rows * 2 * inner);
  if (!gated->gu) gated->gu = gu;
  gated->squares = NULL;
}

void trm__gpu_gated_needs(const trm__weights *w, trm__gpu_needs *needs, int each, int inner, int out, int rows,
                          int fused) {
  trm__gpu_gated gated = {.each = each, .inner = inner};
  trm__arena measure = {0};
  if (!fused) {
    int most = trm__gpu_most(w->max_batch, gpu_gated_forward_bytes(w, each, inner), w->forward_bytes);
    trm__gpu_gated_plan_forward(&gated, w, &measure, most);
    trm__gpu_grow(&needs->scratch, measure.used);
    trm__gpu_lt_needs(w, needs, each, inner, out, most);
  }
  if (!w->training) return;
  int most = trm__gpu_most(w->max_batch, gpu_gated_backward_bytes(w, each, inner), w->backward_bytes);
  measure = (trm__arena){0};
  trm__gpu_gated_plan_backward(&gated, w, &measure, most);
  trm__gpu_grow(&needs->scratch, measure.used);
  trm__gpu_need_gradient(w, needs, out, inner, each, rows, most);
  trm__gpu_need_gradient(w, needs, 2 * inner, out, each, rows, most);
}

/* -- forward and backward ------------------------------------------------------------------------------------------ */

void trm__gpu_gated_forward(trm__gpu *gpu, const trm__weights *w, const trm__gpu_gated *gated, trm__cuda_product p) {
  p.epilogue = TRM__CUDA_GATE;
  p.gu = gated->gu;
  p.act = gated->act;
  p.squares = gated->squares;
  trm__cuda_multiply(&gpu->queue, &p);
  if (gated->squares)
    trm__cuda_gate_scale(&gpu->queue, gated->scale, gated->squares, p.m * p.batches, gated->inner, w->dims.eps);
}

void trm__gpu_gated_backward(trm__gpu *gpu, const trm__weights *w, const trm__gpu_gated *gated, trm__cuda_product p) {
  if (w->dims.activation == TRM_ACT_RMS_GATE) {
    p.c = gated->act;
    p.c_ld = gated->inner;
    p.c_batch = (ptrdiff_t)p.m * gated->inner;
    trm__cuda_multiply(&gpu->queue, &p);
    trm__cuda_rms_gate_backward(&gpu->queue, w->type, gated->gu, gated->act, gated->gu, gated->act, gated->scale,
                                p.m * p.batches, gated->inner);
    return;
  }
  p.epilogue = TRM__CUDA_GATE_BACKWARD;
  p.gu_in = gated->gu;
  p.gu = gated->gu;
  p.act = gated->act;
  trm__cuda_multiply(&gpu->queue, &p);
}
