/* The mixer: out = rms(in + W_down act), act from W_gate_up in, where the products and the norm run over the L
 * positions of each channel. Each example is a batch of a product whose rows are its D channels: the state [L][D] is
 * read with its rows as columns, and the result is stored back that way, so nothing is transposed.
 *
 * Going forward one kernel makes all of it where it can; elsewhere, and where the backward pass makes gates and ups
 * again, they are products by themselves. */
#include "backend/cuda/gpu.h"

/* The widest norm that a product's epilogue can take. */
#define FUSED_NORM 128

size_t trm__gpu_mixer_saved(const trm__dims *dims, int b, int recompute) {
  trm__weights w = {.dims = *dims, .width = dims->bf16 ? 2 : 4};
  return trm__gpu_gated_saved(&w, dims->D, dims->inner_l, b, recompute);
}

int trm__gpu_mixes(const trm__gpu *gpu, const trm__weights *w) {
  const trm__dims *s = &w->dims;
  return s->mixer && !gpu->unfused && w->max_batch > TRM__GPU_SOLVE_MOST &&
         trm__cuda_mixer_fused_supported(&gpu->queue, w->type, s->L, s->D, s->inner_l);
}

void trm__gpu_mixer_needs(const trm__weights *w, trm__gpu_needs *needs) {
  trm__gpu_gated_needs(w, needs, w->dims.D, w->dims.inner_l, w->dims.L, 0, w->mixes);
}

/* The state, or its gradient, as rows of channels: x(channel, position). */
static trm__cuda_operand gpu_mixer_channels(const trm__dims *s, const void *x) {
  return trm__gpu_outer(x, s->D, (ptrdiff_t)s->L * s->D);
}
/* x(position, channel). */
static trm__cuda_operand gpu_mixer_positions(const trm__dims *s, const void *x) {
  return trm__gpu_inner(x, s->D, (ptrdiff_t)s->L * s->D);
}

static void gpu_mixer_gate_up(trm__gpu *gpu, const trm__weights *w, const trm__gpu_layer *layer,
                              const trm__gpu_gated *gated, int examples, const void *in) {
  const trm__dims *s = &w->dims;
  trm__cuda_product p = trm__gpu_product(w, s->D, 2 * s->inner_l, s->L, gpu_mixer_channels(s, in),
                                         trm__gpu_forward(&layer->mix_in), NULL, 0);
  p.batches = examples;
  trm__gpu_gated_forward(gpu, w, gated, p);
}

/* c = residual + x W^T for x [b][D][k], c and residual states. */
static trm__cuda_product gpu_mixer_to_state(const trm__weights *w, int examples, const void *x, int k,
                                            trm__cuda_operand weights, const void *residual, void *c) {
  const trm__dims *s = &w->dims;
  trm__cuda_product p = trm__gpu_product(w, s->D, s->L, k, trm__gpu_inner(x, k, (ptrdiff_t)s->D * k), weights, c, s->D);
  p.batches = examples;
  p.c_batch = (ptrdiff_t)s->L * s->D;
  p.epilogue = TRM__CUDA_RESIDUAL_T;
  p.residual = residual;
  return p;
}

/* -- forward ------------------------------------------------------------------------------------------------------- */

static void gpu_mixer_forward(trm__gpu *gpu, const trm__weights *w, const trm__gpu_layer *layer, trm__gpu_gated *gated,
                              int examples, const void *in, void *out) {
  const trm__dims *s = &w->dims;
  trm__arena scratch = trm__gpu_scratch(w);
  trm__gpu_gated_plan_forward(gated, w, &scratch, examples);
  gpu_mixer_gate_up(gpu, w, layer, gated, examples, in);
  trm__cuda_product p =
      gpu_mixer_to_state(w, examples, gated->act, s->inner_l, trm__gpu_forward(&layer->mix_out), in, out);
  p.scale = gated->scale;
  if (s->L <= FUSED_NORM) {
    p.epilogue = TRM__CUDA_RESIDUAL_NORM_T;
    p.eps = s->eps;
    p.inv = gated->inv;
  }
  trm__cuda_multiply(&gpu->queue, &p);
  if (s->L > FUSED_NORM) trm__cuda_rms_cols(&gpu->queue, w->type, out, gated->inv, out, examples, s->L, s->D, s->eps);
}

/* The whole batch in one launch, which needs no scratch. */
static void gpu_mixer_forward_fused(trm__gpu *gpu, const trm__weights *w, const trm__gpu_layer *layer,
                                    trm__gpu_gated *gated, int b, const void *in, void *out) {
  const trm__dims *s = &w->dims;
  trm__cuda_mixer m = {.b = b,
                       .L = s->L,
                       .D = s->D,
                       .I = s->inner_l,
                       .in = in,
                       .out = out,
                       .gate_up = layer->mix_in.forward,
                       .down = layer->mix_out.forward,
                       .gate_up_ld = layer->mix_in.ld,
                       .down_ld = layer->mix_out.ld,
                       .eps = s->eps,
                       .rms_gate = s->activation == TRM_ACT_RMS_GATE,
                       .gu = gated->gu,
                       .inv = gated->inv,
                       .scale = gated->scale};
  trm__cuda_mixer_fused(&gpu->queue, &m);
}

void trm__gpu_mixer_forward(trm__gpu *gpu, trm__weights *w, int layer, int b, const trm__act *in, trm__act *out,
                            void *saved, int recompute) {
  size_t state = (size_t)w->dims.L * (size_t)w->dims.D * w->width;
  int chunk = w->mixes ? b : trm__gpu_gated_forward_chunk(w, w->dims.D, w->dims.inner_l, b);
  for (int i = 0; i < b; i += chunk) {
    trm__gpu_gated gated = {.each = w->dims.D, .inner = w->dims.inner_l};
    trm__gpu_gated_split(&gated, w, saved, recompute, b, i);
    int examples = chunk < b - i ? chunk : b - i;
    (w->mixes ? gpu_mixer_forward_fused : gpu_mixer_forward)(gpu, w, &w->layer[layer], &gated, examples,
                                                             in + (size_t)i * state, out + (size_t)i * state);
  }
}

/* -- backward ------------------------------------------------------------------------------------------------------ */

static void gpu_mixer_backward(trm__gpu *gpu, trm__weights *w, const trm__gpu_layer *layer, const trm__layer_view *dw,
                               trm__gpu_gated *gated, int examples, const void *in, const void *y, void *d) {
  const trm__dims *s = &w->dims;
  int inner = s->inner_l, kept = gated->gu != NULL;
  trm__arena scratch = trm__gpu_scratch(w);
  trm__gpu_gated_plan_backward(gated, w, &scratch, examples);
  if (!kept) gpu_mixer_gate_up(gpu, w, layer, gated, examples, in);
  trm__cuda_rms_cols_backward(&gpu->queue, w->type, d, d, y, gated->inv, examples, s->L, s->D);
  trm__cuda_product p =
      trm__gpu_product(w, s->D, inner, s->L, gpu_mixer_channels(s, d), trm__gpu_backward(&layer->mix_out), NULL, 0);
  p.batches = examples;
  trm__gpu_gated_backward(gpu, w, gated, p);
  trm__cuda_operand act = trm__gpu_outer(gated->act, inner, (ptrdiff_t)s->D * inner);
  trm__cuda_operand dgu = trm__gpu_outer(gated->gu, 2 * inner, (ptrdiff_t)s->D * 2 * inner);
  trm__gpu_gradient(gpu, w, s->L, inner, s->D, examples, gpu_mixer_positions(s, d), act, dw->mix_out, 0);
  trm__gpu_gradient(gpu, w, 2 * inner, s->L, s->D, examples, dgu, gpu_mixer_positions(s, in), dw->mix_in, 1);
  p = gpu_mixer_to_state(w, examples, gated->gu, 2 * inner, trm__gpu_backward(&layer->mix_in), d, d);
  trm__cuda_multiply(&gpu->queue, &p);
}

void trm__gpu_mixer_backward(trm__gpu *gpu, trm__weights *w, int layer, int b, const trm__act *in, const trm__act *out,
                             void *saved, int recompute, trm__act *d, const trm__weights_view *grads) {
  size_t state = (size_t)w->dims.L * (size_t)w->dims.D * w->width;
  int chunk = trm__gpu_gated_backward_chunk(w, w->dims.D, w->dims.inner_l, b);
  for (int i = 0; i < b; i += chunk) {
    size_t at = (size_t)i * state;
    trm__gpu_gated gated = {.each = w->dims.D, .inner = w->dims.inner_l};
    trm__gpu_gated_split(&gated, w, saved, recompute, b, i);
    gpu_mixer_backward(gpu, w, &w->layer[layer], &grads->layer[layer], &gated, chunk < b - i ? chunk : b - i, in + at,
                       out + at, d + at);
  }
}
