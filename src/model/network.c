/* The recursion over a backend. f(h, inj) is `h + inj` and then each layer's mixing block and channel MLP; a
 * supervision step is T recursion cycles of n updates z = f(z, y + e) and one y = f(y, z). Only the last cycle keeps
 * what the backward pass needs: for each of its n + 1 calls the input of the first block, the output of every block,
 * and what the blocks themselves save.
 *
 * The backward pass walks the last cycle from its end. y and z enter the cycle detached, so one gradient buffer d
 * [b][L][D] is enough: it starts as dy from the heads; after the call y = f(y, z_n) it holds dz_n; after each z_k =
 * f(z_{k-1}, y + e) it holds dz_{k-1}, which is also that call's share of de. */
#include "model/network.h"

#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

struct trm__network {
  trm__backend *be;
  trm__weights *weights;
  const trm__params *params;
  trm__dims dims;
  trm__network_plan plan;
  int most_n, n, T;
  void *memory;                        /* of the backend; all pointers below lie in it */
  trm__act *e;                         /* [b][L][D] */
  trm__act *work[2];                   /* [b][L][D] each, the blocks' in and out without gradients */
  trm__act *kept;                      /* [n + 1 calls][2 * layers + 1][b][L][D] */
  unsigned char *saved;                /* [n + 1 calls][layers][mix, mlp] */
  trm__act *d, *de;                    /* [b][L][D] */
  trm__real *logits, *q;               /* [b][S][V], [b][2] */
  trm__real *dlogits, *dq;             /* the same */
  size_t act_size, mix_size, mlp_size; /* bytes of one kept buffer, of one block's saved buffer */
  trm__network_observer observer;
  void *observer_context;
  int call; /* number of the next call in this step */
};

static size_t aligned(size_t bytes) {
  return (bytes + TRM__ALIGN - 1) / TRM__ALIGN * TRM__ALIGN;
}

/* Lays out every buffer in the arena; run once to measure and once to hand out. */
static void plan_buffers(trm__network *net, trm__arena *arena) {
  const trm__dims *d = &net->dims;
  size_t b = (size_t)net->plan.max_batch, calls = (size_t)net->most_n + 1, layers = (size_t)d->layers;
  size_t state = b * (size_t)d->L * (size_t)d->D * net->be->act_bytes(net->be, d);
  size_t logits = b * (size_t)d->S * (size_t)d->V;
  net->act_size = aligned(state);
  net->e = trm__arena_take(arena, 1, state);
  net->work[0] = trm__arena_take(arena, 1, state);
  net->work[1] = trm__arena_take(arena, 1, state);
  if (!net->plan.training) return;
  net->mix_size = aligned(net->be->mix_saved_bytes(net->be, d, net->plan.max_batch, net->plan.recompute));
  net->mlp_size = aligned(net->be->mlp_saved_bytes(net->be, d, net->plan.max_batch, net->plan.recompute));
  net->kept = trm__arena_take(arena, calls * (2 * layers + 1), net->act_size);
  /* At least one byte, so that a block that saves nothing still gets a pointer: NULL would mean inference. */
  size_t saved = net->mix_size + net->mlp_size;
  net->saved = trm__arena_take(arena, calls * layers, saved ? saved : 1);
  net->d = trm__arena_take(arena, 1, state);
  net->de = trm__arena_take(arena, 1, state);
  net->logits = trm__arena_take(arena, logits, sizeof(trm__real));
  net->dlogits = trm__arena_take(arena, logits, sizeof(trm__real));
  net->q = trm__arena_take(arena, 2 * b, sizeof(trm__real));
  net->dq = trm__arena_take(arena, 2 * b, sizeof(trm__real));
}

static void describe(trm__network *net, const trm_model_config *config, trm__backend *backend,
                     const trm__network_plan *plan) {
  memset(net, 0, sizeof *net);
  net->be = backend;
  net->dims = trm__dims_from_config(config);
  net->plan = *plan;
  net->most_n = net->n = (int)config->L_cycles;
  net->T = (int)config->H_cycles;
}

static size_t buffer_bytes(trm__network *net) {
  trm__arena arena = {NULL, 0, 0};
  plan_buffers(net, &arena);
  return arena.used;
}

size_t trm__network_bytes(const trm_model_config *config, trm__backend *backend, const trm__network_plan *plan) {
  trm__network net;
  describe(&net, config, backend, plan);
  return sizeof net + buffer_bytes(&net) + backend->weights_bytes(backend, &net.dims, plan->training, plan->max_batch);
}

static trm_status allocate(trm__network *net, trm_error *err) {
  size_t bytes = buffer_bytes(net);
  net->memory = net->be->alloc(net->be, bytes);
  if (!net->memory) return trm__fail_memory(err, "network buffers", bytes);
  trm__arena arena = {net->memory, bytes, 0};
  plan_buffers(net, &arena);
  return net->be->weights_open(net->be, &net->weights, &net->dims, net->plan.training, net->plan.max_batch, err);
}

trm_status trm__network_open(trm__network **out, const trm_model_config *config, const trm__params *params,
                             trm__backend *backend, const trm__network_plan *plan, trm_error *err) {
  trm_status status = trm_model_config_check(config, err);
  if (status) return status;
  int64_t positions = trm_model_config_positions(config);
  if (plan->max_batch < 1 || plan->max_batch > INT_MAX / positions)
    return trm__fail(err, TRM_E_INPUT, "batch", "is %d, expected 1 to %d for %lld positions an example",
                     plan->max_batch, (int)(INT_MAX / positions), (long long)positions);
  trm__network *net = trm__calloc(1, sizeof *net);
  if (!net) return trm__fail_memory(err, "network", sizeof *net);
  describe(net, config, backend, plan);
  net->params = params;
  status = allocate(net, err);
  if (status) trm__network_close(&net);
  else *out = net;
  return status;
}

void trm__network_close(trm__network **net) {
  trm__network *n = *net;
  *net = NULL;
  if (!n) return;
  if (n->weights) n->be->weights_close(n->be, &n->weights);
  if (n->memory) n->be->free(n->be, n->memory);
  trm__free(n);
}

void trm__network_prepare(trm__network *net, trm__real *flat) {
  trm__weights_view view = trm__params_view(net->params, flat);
  net->be->weights_prepare(net->be, net->weights, &view);
}

void trm__network_set_cycles(trm__network *net, int latent_cycles, int recursion_cycles) {
  net->n = latent_cycles < 1 ? 1 : latent_cycles > net->most_n ? net->most_n : latent_cycles;
  net->T = recursion_cycles < 1 ? 1 : recursion_cycles;
}

void trm__network_cycles(const trm__network *net, int *latent_cycles, int *recursion_cycles) {
  *latent_cycles = net->n;
  *recursion_cycles = net->T;
}

void trm__network_observe(trm__network *net, trm__network_observer fn, void *context) {
  net->observer = fn;
  net->observer_context = context;
}

static size_t state_bytes(const trm__network *net, int b) {
  return (size_t)b * (size_t)net->dims.L * (size_t)net->dims.D * net->be->act_bytes(net->be, &net->dims);
}

static void report(trm__network *net, const trm__act *h, int b) {
  if (net->observer) net->observer(net->observer_context, net->call, h, b);
  net->call++;
}

/* -- f(h, p + q), without and with what its backward pass needs -------------------------------------------------- */

static void call_forward(trm__network *net, int b, trm__act *h, const trm__act *p, const trm__act *q) {
  trm__backend *be = net->be;
  trm__act *in = net->work[0], *out = net->work[1];
  int last = net->dims.layers - 1;
  be->inject(be, b, net->weights, in, h, p, q);
  for (int layer = 0; layer <= last; layer++) {
    be->mix_forward(be, net->weights, layer, b, in, out, NULL, 0);
    be->mlp_forward(be, net->weights, layer, b, out, layer == last ? h : in, NULL, 0);
  }
  report(net, h, b);
}

/* Kept buffer i of a call: 0 is the first block's input, i > 0 the output of block i - 1. */
static trm__act *kept(const trm__network *net, int call, int i) {
  size_t blocks = 2 * (size_t)net->dims.layers;
  return net->kept + ((size_t)call * (blocks + 1) + (size_t)i) * net->act_size;
}

static unsigned char *saved(const trm__network *net, int call, int layer) {
  return net->saved + ((size_t)call * (size_t)net->dims.layers + (size_t)layer) * (net->mix_size + net->mlp_size);
}

static trm__act *call_forward_kept(trm__network *net, int call, int b, const trm__act *h, const trm__act *p,
                                   const trm__act *q) {
  trm__backend *be = net->be;
  int recompute = net->plan.recompute, layers = net->dims.layers;
  be->inject(be, b, net->weights, kept(net, call, 0), h, p, q);
  for (int layer = 0; layer < layers; layer++) {
    unsigned char *keep = saved(net, call, layer);
    trm__act *in = kept(net, call, 2 * layer), *mid = kept(net, call, 2 * layer + 1);
    be->mix_forward(be, net->weights, layer, b, in, mid, keep, recompute);
    be->mlp_forward(be, net->weights, layer, b, mid, kept(net, call, 2 * layer + 2), keep + net->mix_size, recompute);
  }
  report(net, kept(net, call, 2 * layers), b);
  return kept(net, call, 2 * layers);
}

/* net->d: from the gradient of the call's output to that of its input sum. */
static void call_backward(trm__network *net, int call, int b, const trm__weights_view *grads) {
  trm__backend *be = net->be;
  int recompute = net->plan.recompute;
  for (int layer = net->dims.layers - 1; layer >= 0; layer--) {
    unsigned char *keep = saved(net, call, layer);
    trm__act *in = kept(net, call, 2 * layer), *mid = kept(net, call, 2 * layer + 1);
    trm__act *out = kept(net, call, 2 * layer + 2);
    be->mlp_backward(be, net->weights, layer, b, mid, out, keep + net->mix_size, recompute, net->d, grads);
    be->mix_backward(be, net->weights, layer, b, in, mid, keep, recompute, net->d, grads);
  }
}

/* -- supervision steps ------------------------------------------------------------------------------------------- */

static void cycles_forward(trm__network *net, int b, int cycles, trm__act *y, trm__act *z) {
  for (int t = 0; t < cycles; t++) {
    for (int k = 0; k < net->n; k++) call_forward(net, b, z, y, net->e);
    call_forward(net, b, y, z, NULL);
  }
}

static void step(trm__network *net, int b, const int32_t *tokens, const trm__real *rows, trm__act *y, trm__act *z,
                 const trm__heads *heads) {
  net->call = 0;
  net->be->embed_forward(net->be, net->weights, b, tokens, rows, net->e);
  cycles_forward(net, b, net->T, y, z);
  net->be->heads(net->be, net->weights, b, heads);
}

void trm__network_step(trm__network *net, int b, const int32_t *tokens, const trm__real *rows, trm__act *y, trm__act *z,
                       trm__real *logits, trm__real *q) {
  trm__heads heads = {.y = y, .logits = logits, .q = q};
  step(net, b, tokens, rows, y, z, &heads);
}

void trm__network_scored_step(trm__network *net, int b, const int32_t *tokens, const trm__real *rows,
                              const int32_t *labels, const trm__loss *loss, trm__act *y, trm__act *z, trm__real *logits,
                              trm__real *q, trm__example_stats *stats) {
  trm__heads heads = {.y = y, .logits = logits, .q = q, .labels = labels, .loss = *loss, .stats = stats};
  step(net, b, tokens, rows, y, z, &heads);
}

/* The last cycle, from y and z, which receive its result. Returns the last call's number in the cycle. */
static int last_cycle_forward(trm__network *net, int b, trm__act *y, trm__act *z) {
  trm__backend *be = net->be;
  int n = net->n;
  const trm__act *latent = z;
  for (int k = 0; k < n; k++) latent = call_forward_kept(net, k, b, latent, y, net->e);
  const trm__act *answer = call_forward_kept(net, n, b, y, latent, NULL);
  be->copy(be, z, latent, state_bytes(net, b), TRM__COPY_ON_DEVICE);
  be->copy(be, y, answer, state_bytes(net, b), TRM__COPY_ON_DEVICE);
  return n;
}

static void last_cycle_backward(trm__network *net, int b, const trm__weights_view *grads) {
  trm__backend *be = net->be;
  be->zero(be, net->de, state_bytes(net, b));
  call_backward(net, net->n, b, grads);
  for (int k = net->n - 1; k >= 0; k--) {
    call_backward(net, k, b, grads);
    be->accumulate(be, b, net->weights, net->de, net->d);
  }
}

void trm__network_train_step(trm__network *net, int b, const int32_t *tokens, const trm__real *rows,
                             const int32_t *labels, const int32_t *steps, const trm__loss *loss, trm__act *y,
                             trm__act *z, trm__real *grads, trm__real *drows, trm__example_stats *stats,
                             trm__real *logits_out, trm__real *q_out) {
  trm__backend *be = net->be;
  trm__weights_view view = trm__params_view(net->params, grads);
  trm__heads heads = {.logits = logits_out ? logits_out : net->logits,
                      .q = q_out ? q_out : net->q,
                      .labels = labels,
                      .loss = *loss,
                      .steps = steps,
                      .stats = stats,
                      .d = net->d,
                      .dlogits = net->dlogits,
                      .dq = net->dq,
                      .grads = &view};
  net->call = 0;
  be->embed_forward(be, net->weights, b, tokens, rows, net->e);
  cycles_forward(net, b, net->T - 1, y, z);
  int last = last_cycle_forward(net, b, y, z);
  heads.y = kept(net, last, 2 * net->dims.layers);
  be->heads(be, net->weights, b, &heads);
  last_cycle_backward(net, b, &view);
  be->embed_backward(be, net->weights, b, tokens, net->de, &view, drows);
}

void trm__network_loss(trm__network *net, int b, const trm__real *logits, const trm__real *q, const int32_t *labels,
                       const trm__loss *loss, trm__example_stats *stats) {
  trm__heads heads = {.labels = labels, .loss = *loss, .stats = stats};
  memcpy(&heads.logits, &logits, sizeof logits); /* read only, as there is no y */
  memcpy(&heads.q, &q, sizeof q);
  net->be->heads(net->be, net->weights, b, &heads);
}

void trm__network_refill(trm__network *net, int b, const uint8_t *halted, const trm__real *start, trm__act *y,
                         trm__act *z) {
  net->be->refill(net->be, net->weights, b, halted, start, start + net->dims.D, y, z);
}
