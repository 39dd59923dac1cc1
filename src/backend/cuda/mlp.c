/* The channel MLP: out = rms(in + W_down act), act from W_gate_up in, over rows [b*L][D]. */
#include "backend/cuda/gpu.h"

size_t trm__gpu_mlp_saved(trm__backend *be, const trm__dims *dims, int b, int recompute) {
  (void)be;
  trm__weights w = {.dims = *dims, .width = dims->bf16 ? 2 : 4};
  return trm__gpu_gated_saved(&w, dims->L, dims->inner_d, b, recompute);
}

void trm__gpu_mlp_needs(const trm__weights *w, trm__gpu_needs *needs) {
  trm__gpu_gated_needs(w, needs, w->dims.L, w->dims.inner_d, w->dims.D, 1, 0);
}

static void gpu_mlp_gate_up(trm__gpu *gpu, const trm__weights *w, const trm__gpu_layer *layer,
                            const trm__gpu_gated *gated, int rows, const void *in) {
  const trm__dims *s = &w->dims;
  trm__gpu_gated_forward(gpu, w, gated,
                         trm__gpu_product(w, rows, 2 * s->inner_d, s->D, trm__gpu_inner(in, s->D, 0),
                                          trm__gpu_forward(&layer->mlp_in), NULL, 0));
}

/* -- forward ------------------------------------------------------------------------------------------------------- */

static void gpu_mlp_forward(trm__gpu *gpu, trm__weights *w, const trm__gpu_layer *layer, trm__gpu_gated *gated,
                            int examples, const void *in, void *out) {
  const trm__dims *s = &w->dims;
  int rows = examples * s->L;
  trm__arena scratch = trm__gpu_scratch(w);
  trm__gpu_gated_plan_forward(gated, w, &scratch, examples);
  gpu_mlp_gate_up(gpu, w, layer, gated, rows, in);
  trm__cuda_product p = trm__gpu_product(w, rows, s->D, s->inner_d, trm__gpu_inner(gated->act, s->inner_d, 0),
                                         trm__gpu_forward(&layer->mlp_out), out, s->D);
  p.epilogue = TRM__CUDA_RESIDUAL;
  p.residual = in;
  p.scale = gated->scale;
  trm__cuda_multiply(&gpu->queue, &p);
  trm__cuda_rms_rows(&gpu->queue, w->type, out, gated->inv, out, rows, s->D, s->eps);
}

void trm__gpu_mlp_forward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                          void *saved, int recompute) {
  trm__gpu *gpu = trm__gpu_of(be);
  size_t state = (size_t)w->dims.L * (size_t)w->dims.D * w->width;
  int chunk = trm__gpu_gated_forward_chunk(w, w->dims.L, w->dims.inner_d, b);
  for (int i = 0; i < b; i += chunk) {
    trm__gpu_gated gated = {.each = w->dims.L, .inner = w->dims.inner_d};
    trm__gpu_gated_split(&gated, w, saved, recompute, b, i);
    gpu_mlp_forward(gpu, w, &w->layer[layer], &gated, chunk < b - i ? chunk : b - i, in + (size_t)i * state,
                    out + (size_t)i * state);
  }
}

/* -- backward ------------------------------------------------------------------------------------------------------ */

/* d: from the gradient of the block's output y to that of its input. */
static void gpu_mlp_backward(trm__gpu *gpu, trm__weights *w, const trm__gpu_layer *layer, const trm__layer_view *dw,
                             trm__gpu_gated *gated, int examples, const void *in, const void *y, void *d) {
  const trm__dims *s = &w->dims;
  int rows = examples * s->L, inner = s->inner_d, kept = gated->gu != NULL;
  trm__arena scratch = trm__gpu_scratch(w);
  trm__gpu_gated_plan_backward(gated, w, &scratch, examples);
  if (!kept) gpu_mlp_gate_up(gpu, w, layer, gated, rows, in);
  trm__cuda_rms_rows_backward(&gpu->queue, w->type, d, d, y, gated->inv, rows, s->D);
  trm__cuda_operand dpre = trm__gpu_inner(d, s->D, 0);
  trm__gpu_gated_backward(gpu, w, gated,
                          trm__gpu_product(w, rows, inner, s->D, dpre, trm__gpu_backward(&layer->mlp_out), NULL, 0));
  trm__gpu_gradient(gpu, w, s->D, inner, rows, 1, trm__gpu_outer(d, s->D, 0), trm__gpu_outer(gated->act, inner, 0),
                    dw->mlp_out, 0);
  trm__gpu_gradient(gpu, w, 2 * inner, s->D, rows, 1, trm__gpu_outer(gated->gu, 2 * inner, 0),
                    trm__gpu_outer(in, s->D, 0), dw->mlp_in, 1);
  trm__cuda_product p = trm__gpu_product(w, rows, s->D, 2 * inner, trm__gpu_inner(gated->gu, 2 * inner, 0),
                                         trm__gpu_backward(&layer->mlp_in), d, s->D);
  p.epilogue = TRM__CUDA_RESIDUAL;
  p.residual = d;
  trm__cuda_multiply(&gpu->queue, &p);
}

void trm__gpu_mlp_backward(trm__backend *be, trm__weights *w, int layer, int b, const trm__act *in, const trm__act *out,
                           void *saved, int recompute, trm__act *d, const trm__weights_view *grads) {
  trm__gpu *gpu = trm__gpu_of(be);
  size_t state = (size_t)w->dims.L * (size_t)w->dims.D * w->width;
  int chunk = trm__gpu_gated_backward_chunk(w, w->dims.L, w->dims.inner_d, b);
  for (int i = 0; i < b; i += chunk) {
    size_t at = (size_t)i * state;
    trm__gpu_gated gated = {.each = w->dims.L, .inner = w->dims.inner_d};
    trm__gpu_gated_split(&gated, w, saved, recompute, b, i);
    gpu_mlp_backward(gpu, w, &w->layer[layer], &grads->layer[layer], &gated, chunk < b - i ? chunk : b - i, in + at,
                     out + at, d + at);
  }
}
