/* A pass is loops of the same layers over t = [conflict token, h + h0 + positions], whose cells return into h under a
 * norm. Training keeps of every loop the input of the first block, the output of each, and what the blocks save; then h
 * and the gradients in its logits. The backward pass walks from the last loop to the first with two gradients: d of h,
 * and dt of t. What d is of at each point stands in backend.h. */
#include "model/lattice.h"

#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

struct trm__lattice {
  trm__backend *be;
  trm__weights *weights;
  const trm__params *params;
  trm__dims dims;
  trm__lattice_plan plan;
  int begun;             /* loops of the pass */
  void *memory;          /* of the backend; all pointers below lie in it */
  trm__act *h0;          /* [b][S][D] */
  trm__act *sum;         /* [b][S][D] */
  trm__act *h;           /* [loops, 1 without training][b][S][D] */
  trm__real *inv;        /* [b][S] of each */
  trm__act *t;           /* [loops][2 * layers + 1][b][L][D]; without training two of them */
  unsigned char *saved;  /* [loops][layers][mix, mlp] */
  trm__act *d, *dh0;     /* [b][S][D] */
  trm__act *dt;          /* [b][L][D] */
  trm__real *logits;     /* [loops][b][S][2 C]: gradients in them */
  trm__real *conflict;   /* [loops][b] */
  size_t t_size, h_size; /* bytes of one */
  size_t mix_size, mlp_size;
};

static size_t lattice_align(size_t bytes) {
  return (bytes + TRM__ALIGN - 1) / TRM__ALIGN * TRM__ALIGN;
}

static size_t lattice_cells(const trm__lattice *net) {
  return (size_t)net->plan.max_batch * (size_t)net->dims.S;
}

/* Lays out every buffer; run once to measure and once to hand out. */
static void lattice_plan_buffers(trm__lattice *net, trm__arena *arena) {
  const trm__dims *d = &net->dims;
  const trm__lattice_plan *plan = &net->plan;
  size_t b = (size_t)plan->max_batch, loops = plan->loops ? (size_t)plan->loops : 1, layers = (size_t)d->layers;
  size_t act = (size_t)d->D * net->be->act_bytes(net->be, d);
  net->h_size = lattice_align(b * (size_t)d->S * act);
  net->t_size = lattice_align(b * (size_t)d->L * act);
  net->h0 = trm__arena_take(arena, 1, net->h_size);
  net->sum = trm__arena_take(arena, 1, net->h_size);
  net->h = trm__arena_take(arena, loops, net->h_size);
  net->inv = trm__arena_take(arena, loops * lattice_cells(net), sizeof *net->inv);
  net->t = trm__arena_take(arena, plan->loops ? loops * (2 * layers + 1) : 2, net->t_size);
  if (!plan->loops) return;
  net->mix_size = lattice_align(net->be->mix_saved_bytes(net->be, d, plan->max_batch, plan->recompute));
  net->mlp_size = lattice_align(net->be->mlp_saved_bytes(net->be, d, plan->max_batch, plan->recompute));
  net->saved = trm__arena_take(arena, loops * layers, net->mix_size + net->mlp_size);
  net->d = trm__arena_take(arena, 1, net->h_size);
  net->dh0 = trm__arena_take(arena, 1, net->h_size);
  net->dt = trm__arena_take(arena, 1, net->t_size);
  net->logits = trm__arena_take(arena, loops * lattice_cells(net) * 2 * (size_t)d->values, sizeof *net->logits);
  net->conflict = trm__arena_take(arena, loops * b, sizeof *net->conflict);
}

static void lattice_init(trm__lattice *net, const trm_model_config *config, trm__backend *backend,
                         const trm__lattice_plan *plan) {
  *net = (trm__lattice){.be = backend, .dims = trm__dims_from_config(config), .plan = *plan};
}

static size_t lattice_buffer_bytes(trm__lattice *net) {
  trm__arena arena = {NULL, 0, 0};
  lattice_plan_buffers(net, &arena);
  return arena.used;
}

size_t trm__lattice_bytes(const trm_model_config *config, trm__backend *backend, const trm__lattice_plan *plan) {
  trm__lattice net;
  lattice_init(&net, config, backend, plan);
  return sizeof net + lattice_buffer_bytes(&net) +
         backend->weights_bytes(backend, &net.dims, plan->loops > 0, plan->max_batch);
}

trm_status trm__lattice_open(trm__lattice **out, const trm_model_config *config, const trm__params *params,
                             trm__backend *backend, const trm__lattice_plan *plan, trm_error *err) {
  int64_t positions = trm_model_config_positions(config);
  if (!backend->lattice)
    return trm__fail(err, TRM_E_UNSUPPORTED, "recursion", "is lattice, which the backend %s does not have; use cpu",
                     backend->name);
  if (plan->max_batch < 1 || plan->max_batch > INT_MAX / positions)
    return trm__fail(err, TRM_E_INPUT, "batch", "is %d, expected 1 to %d for %lld positions an example",
                     plan->max_batch, (int)(INT_MAX / positions), (long long)positions);
  trm__lattice *net = trm__calloc(1, sizeof *net);
  if (!net) return trm__fail_memory(err, "network", sizeof *net);
  lattice_init(net, config, backend, plan);
  net->params = params;
  size_t bytes = lattice_buffer_bytes(net);
  net->memory = backend->alloc(backend, bytes);
  trm__arena arena = {net->memory, bytes, 0};
  trm_status status = TRM_OK;
  if (net->memory) lattice_plan_buffers(net, &arena);
  else status = trm__backend_no_memory(backend, err, "network buffers", bytes);
  if (!status)
    status = backend->weights_open(backend, &net->weights, &net->dims, plan->loops > 0, plan->max_batch, err);
  if (status) trm__lattice_close(&net);
  else *out = net;
  return status;
}

void trm__lattice_close(trm__lattice **net) {
  trm__lattice *n = *net;
  *net = NULL;
  if (!n) return;
  if (n->weights) n->be->weights_close(n->be, &n->weights);
  if (n->memory) n->be->free(n->be, n->memory);
  trm__free(n);
}

void trm__lattice_prepare(trm__lattice *net, trm__real *flat) {
  trm__weights_view view = trm__params_view(net->params, flat);
  net->be->weights_prepare(net->be, net->weights, &view);
}

/* -- without gradients -------------------------------------------------------------------------------------------- */

void trm__lattice_begin(trm__lattice *net, int b, const int32_t *sets) {
  net->be->lattice->embed(net->be, net->weights, b, sets, net->h0);
  net->begun = 0;
}

void trm__lattice_loop(trm__lattice *net, int b, trm__real *logits, trm__real *conflict) {
  trm__backend *be = net->be;
  trm__act *in = net->t, *out = net->t + net->t_size;
  trm__lattice_heads heads = {.h = net->h, .t = in, .logits = logits, .conflict = conflict};
  be->lattice->enter(be, net->weights, b, net->begun++ ? net->h : NULL, net->h0, net->sum, in);
  for (int layer = 0; layer < net->dims.layers; layer++) {
    be->mix_forward(be, net->weights, layer, b, in, out, NULL, 0);
    be->mlp_forward(be, net->weights, layer, b, out, in, NULL, 0);
  }
  be->lattice->leave(be, net->weights, b, net->sum, in, net->h, net->inv);
  be->lattice->heads(be, net->weights, b, &heads);
}

/* -- training ----------------------------------------------------------------------------------------------------- */

/* What a loop keeps: buffer i of t (0: the first block's input), h, and the blocks' own. */
static trm__act *loop_t(const trm__lattice *net, int loop, int i) {
  return net->t + ((size_t)loop * (2 * (size_t)net->dims.layers + 1) + (size_t)i) * net->t_size;
}

static trm__act *loop_h(const trm__lattice *net, int loop) {
  return net->h + (size_t)loop * net->h_size;
}

static trm__real *loop_inv(const trm__lattice *net, int loop) {
  return net->inv + (size_t)loop * lattice_cells(net);
}

static unsigned char *loop_saved(const trm__lattice *net, int loop, int layer) {
  return net->saved + ((size_t)loop * (size_t)net->dims.layers + (size_t)layer) * (net->mix_size + net->mlp_size);
}

static trm__lattice_heads loop_heads(const trm__lattice *net, int loop, const trm__lattice_batch *batch) {
  size_t cells = lattice_cells(net), logits = cells * 2 * (size_t)net->dims.values;
  double loops = net->plan.loops;
  int last = loop == net->plan.loops - 1;
  trm__lattice_heads heads = {.h = loop_h(net, loop),
                              .t = loop_t(net, loop, 2 * net->dims.layers),
                              .logits = net->logits + (size_t)loop * logits,
                              .conflict = net->conflict + (size_t)loop * (size_t)net->plan.max_batch,
                              .last = last ? batch->logits : NULL,
                              .last_conflict = last ? batch->conflict : NULL,
                              .sets = batch->sets,
                              .solution = batch->solution,
                              .open = batch->open,
                              .loss = batch->loss,
                              .stats = batch->stats,
                              .digit_loss = batch->digit_loss};
  heads.loss.keep_scale /= loops;
  heads.loss.digit_scale /= loops;
  heads.loss.conflict_scale /= loops;
  return heads;
}

static void loop_forward(trm__lattice *net, int loop, const trm__lattice_batch *batch) {
  trm__backend *be = net->be;
  int b = batch->b, recompute = net->plan.recompute;
  trm__lattice_heads heads = loop_heads(net, loop, batch);
  be->lattice->enter(be, net->weights, b, loop ? loop_h(net, loop - 1) : NULL, net->h0, net->sum, loop_t(net, loop, 0));
  for (int layer = 0; layer < net->dims.layers; layer++) {
    unsigned char *keep = loop_saved(net, loop, layer);
    trm__act *mid = loop_t(net, loop, 2 * layer + 1);
    be->mix_forward(be, net->weights, layer, b, loop_t(net, loop, 2 * layer), mid, keep, recompute);
    be->mlp_forward(be, net->weights, layer, b, mid, loop_t(net, loop, 2 * layer + 2), keep + net->mix_size, recompute);
  }
  be->lattice->leave(be, net->weights, b, net->sum, loop_t(net, loop, 2 * net->dims.layers), loop_h(net, loop),
                     loop_inv(net, loop));
  be->lattice->heads(be, net->weights, b, &heads);
}

static void loop_backward(trm__lattice *net, int loop, const trm__lattice_batch *batch,
                          const trm__weights_view *grads) {
  trm__backend *be = net->be;
  const trm__lattice_ops *ops = be->lattice;
  int b = batch->b, recompute = net->plan.recompute;
  trm__lattice_heads heads = loop_heads(net, loop, batch);
  ops->heads_backward(be, net->weights, b, &heads, net->d, net->dt, grads);
  ops->leave_backward(be, net->weights, b, loop_h(net, loop), loop_inv(net, loop), net->d, net->dt);
  for (int layer = net->dims.layers - 1; layer >= 0; layer--) {
    unsigned char *keep = loop_saved(net, loop, layer);
    trm__act *in = loop_t(net, loop, 2 * layer), *mid = loop_t(net, loop, 2 * layer + 1);
    be->mlp_backward(be, net->weights, layer, b, mid, loop_t(net, loop, 2 * layer + 2), keep + net->mix_size, recompute,
                     net->dt, grads);
    be->mix_backward(be, net->weights, layer, b, in, mid, keep, recompute, net->dt, grads);
  }
  ops->enter_backward(be, net->weights, b, loop == 0, net->dt, net->d, net->dh0, grads);
}

void trm__lattice_train(trm__lattice *net, const trm__lattice_batch *batch, trm__real *grads) {
  trm__backend *be = net->be;
  trm__weights_view view = trm__params_view(net->params, grads);
  for (int k = 0; k < batch->b; k++) batch->stats[k] = (trm__example_stats){0};
  for (int k = 0; k < batch->b && batch->digit_loss; k++) batch->digit_loss[k] = 0;
  be->lattice->embed(be, net->weights, batch->b, batch->sets, net->h0);
  for (int loop = 0; loop < net->plan.loops; loop++) loop_forward(net, loop, batch);
  for (int k = 0; k < batch->b; k++) batch->stats[k].q_halt = -(double)batch->conflict[k];
  be->zero(be, net->d, net->h_size);
  be->zero(be, net->dh0, net->h_size);
  for (int loop = net->plan.loops - 1; loop >= 0; loop--) loop_backward(net, loop, batch, &view);
  be->lattice->embed_backward(be, net->weights, batch->b, batch->sets, net->dh0, &view);
}
