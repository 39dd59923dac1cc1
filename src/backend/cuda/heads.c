/* Embedding and heads: the network's ends, each a kernel or two. */
#include "backend/cuda/gpu.h"

void trm__gpu_ends_needs(const trm__weights *w, trm__gpu_needs *needs) {
  const trm__dims *s = &w->dims;
  for (int b = 1; b <= w->max_batch; b++) {
    trm__gpu_grow(&needs->work, trm__cuda_heads_scratch(b, s->S, s->D, s->V));
    if (w->training)
      trm__gpu_grow(&needs->work, trm__cuda_embed_scratch(b, s->S, s->P, s->D, s->V, s->positions == TRM_POS_LEARNED));
  }
}

/* -- embedding ----------------------------------------------------------------------------------------------------- */

static trm__cuda_embed gpu_embed_of(const trm__weights *w, int b, const int32_t *tokens) {
  const trm__dims *s = &w->dims;
  return (trm__cuda_embed){.type = w->type,
                           .b = b,
                           .S = s->S,
                           .P = s->P,
                           .D = s->D,
                           .V = s->V,
                           .ndim = s->emb_ndim,
                           .tokens = tokens,
                           .table = w->embed,
                           .positions = w->embed_pos,
                           .partial = w->work};
}

void trm__gpu_embed_forward(trm__backend *be, trm__weights *w, int b, const int32_t *tokens, const trm__real *rows,
                            trm__act *e) {
  trm__cuda_embed embed = gpu_embed_of(w, b, tokens);
  embed.rows = rows;
  embed.e = e;
  trm__cuda_embed_forward(&trm__gpu_of(be)->queue, &embed);
}

void trm__gpu_embed_backward(trm__backend *be, trm__weights *w, int b, const int32_t *tokens, const trm__act *de,
                             const trm__weights_view *grads, trm__real *drows) {
  trm__cuda_embed embed = gpu_embed_of(w, b, tokens);
  embed.de = de;
  embed.dtable = grads->embed;
  embed.dpositions = w->embed_pos ? grads->embed_pos : NULL;
  embed.drows = w->dims.emb_ndim ? drows : NULL;
  trm__cuda_embed_backward(&trm__gpu_of(be)->queue, &embed);
}

/* -- heads --------------------------------------------------------------------------------------------------------- */

static void gpu_heads_add_loss(trm__cuda_heads *to, const trm__heads *h) {
  to->labels = h->labels;
  to->softmax = h->loss.kind == TRM_LOSS_SOFTMAX;
  to->label_smoothing = h->loss.label_smoothing;
  to->halt_weight = h->loss.halt_weight;
  to->grad_scale = h->loss.grad_scale;
  to->step_decay = h->loss.step_decay;
  to->steps = h->steps;
  to->stats = h->stats;
}

static void gpu_heads_add_gradients(trm__cuda_heads *to, const trm__heads *h) {
  to->d = h->d;
  to->dlogits = h->dlogits;
  to->dq = h->dq;
  to->dlm_head = h->grads->lm_head;
  to->dq_weight = h->grads->q_weight;
  to->dq_bias = h->grads->q_bias;
}

void trm__gpu_heads(trm__backend *be, trm__weights *w, int b, const trm__heads *h) {
  const trm__dims *s = &w->dims;
  trm__cuda_heads heads = {.type = w->type,
                           .b = b,
                           .S = s->S,
                           .P = s->P,
                           .D = s->D,
                           .V = s->V,
                           .y = h->y,
                           .lm_head = w->lm_head,
                           .q_weight = w->q_weight,
                           .q_bias = w->q_bias,
                           .logits = h->logits,
                           .q = h->q,
                           .partial = w->work};
  if (h->labels) gpu_heads_add_loss(&heads, h);
  if (h->labels && h->d) gpu_heads_add_gradients(&heads, h);
  trm__cuda_heads_run(&trm__gpu_of(be)->queue, &heads);
}
