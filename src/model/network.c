/* The recursion over a backend. f(h, inj) is `h + inj` and then each layer's mixing block and channel MLP; a
 * supervision step is T recursion cycles of n updates z = f(z, y + e) and one y = f(y, z). Only the last cycle keeps
 * what the backward pass needs: for each of its n + 1 calls the input of the first block, the output of every block,
 * and what the blocks themselves save.
 *
 * The backward pass walks the last cycle from its end. y and z enter the cycle detached, so one gradient buffer d
 * [b][L][D] is enough: it starts as dy from the heads; after the call y = f(y, z_n) it holds dz_n; after each z_k =
 * f(z_{k-1}, y + e) it holds dz_{k-1}, which is also that call's share of de.
 *
 * With damping a latent cycle is z = damping z + (1 - damping) f(z, y + e); then dz_{k-1} has a second, direct part,
 * damping dz_k, which waits in a buffer of its own. Noise is added after it and needs no gradient. */
#include "model/network.h"

#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "model/recordings.h"

struct trm__network {
  trm__backend *be;
  trm__weights *weights;
  const trm__params *params;
  trm__dims dims;
  trm__network_plan plan;
  int most_n, n, T; /* the most latent cycles that buffers are planned for; latent and recursion cycles now */
  double damping;
  trm__network_noise noise;
  void *memory;                        /* of the backend; all pointers below lie in it */
  trm__act *e;                         /* [b][L][D] */
  trm__act *work[2];                   /* [b][L][D] each, the blocks' in and out without gradients */
  trm__act *kept;                      /* [n + 1 calls][2 * layers + 1][b][L][D] */
  unsigned char *saved;                /* [n + 1 calls][layers][mix, mlp] */
  trm__act *d, *de;                    /* [b][L][D] */
  trm__act *dz;                        /* [b][L][D], with damping */
  trm__real *logits, *q;               /* [b][S][V], [b][2] */
  trm__real *dlogits, *dq;             /* the same */
  trm__act *before_y, *before_z;       /* [K][b][L][D]: the latents' y and z before the last cycle */
  trm__act *trial;                     /* [b][L][D]: a latent's y after it, then the winner's z before it */
  trm__example_stats *trial_stats;     /* [K][b] */
  int32_t *winner;                     /* [b] */
  size_t act_size, mix_size, mlp_size; /* bytes of one kept buffer, of one block's saved buffer */
  trm__network_observer observer;
  void *observer_context;
  int call; /* number of the next call in this step */
  trm__recordings recordings;
};

static size_t network_align(size_t bytes) {
  return (bytes + TRM__ALIGN - 1) / TRM__ALIGN * TRM__ALIGN;
}

static void network_plan_latents(trm__network *net, trm__arena *arena, size_t state) {
  size_t b = (size_t)net->plan.max_batch, latents = (size_t)net->plan.latents;
  net->before_y = trm__arena_take(arena, latents, state);
  net->before_z = trm__arena_take(arena, latents, state);
  net->trial = trm__arena_take(arena, 1, state);
  net->trial_stats = trm__arena_take(arena, latents * b, sizeof(trm__example_stats));
  net->winner = trm__arena_take(arena, b, sizeof(int32_t));
}

/* Lays out every buffer in the arena; run once to measure and once to hand out. */
static void network_plan_buffers(trm__network *net, trm__arena *arena) {
  const trm__dims *d = &net->dims;
  size_t b = (size_t)net->plan.max_batch, calls = (size_t)net->most_n + 1, layers = (size_t)d->layers;
  size_t state = b * (size_t)d->L * (size_t)d->D * net->be->act_bytes(net->be, d);
  size_t logits = b * (size_t)d->S * (size_t)d->V;
  net->act_size = network_align(state);
  net->e = trm__arena_take(arena, 1, state);
  net->work[0] = trm__arena_take(arena, 1, state);
  net->work[1] = trm__arena_take(arena, 1, state);
  if (!net->plan.training) return;
  net->mix_size = network_align(net->be->mix_saved_bytes(net->be, d, net->plan.max_batch, net->plan.recompute));
  net->mlp_size = network_align(net->be->mlp_saved_bytes(net->be, d, net->plan.max_batch, net->plan.recompute));
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
  if (net->damping != 0) net->dz = trm__arena_take(arena, 1, state);
  if (net->plan.latents) network_plan_latents(net, arena, state);
}

static void network_init(trm__network *net, const trm_model_config *config, trm__backend *backend,
                         const trm__network_plan *plan) {
  memset(net, 0, sizeof *net);
  net->be = backend;
  net->dims = trm__dims_from_config(config);
  net->plan = *plan;
  net->n = (int)config->L_cycles;
  net->most_n = plan->training ? net->n : INT_MAX;
  net->T = (int)config->H_cycles;
  net->damping = config->damping;
}

static size_t network_buffer_bytes(trm__network *net) {
  trm__arena arena = {NULL, 0, 0};
  network_plan_buffers(net, &arena);
  return arena.used;
}

size_t trm__network_bytes(const trm_model_config *config, trm__backend *backend, const trm__network_plan *plan) {
  trm__network net;
  network_init(&net, config, backend, plan);
  return sizeof net + network_buffer_bytes(&net) +
         backend->weights_bytes(backend, &net.dims, plan->training, plan->max_batch);
}

static trm_status network_allocate(trm__network *net, trm_error *err) {
  size_t bytes = network_buffer_bytes(net);
  net->memory = net->be->alloc(net->be, bytes);
  if (!net->memory) return trm__backend_no_memory(net->be, err, "network buffers", bytes);
  trm__arena arena = {net->memory, bytes, 0};
  network_plan_buffers(net, &arena);
  return net->be->weights_open(net->be, &net->weights, &net->dims, net->plan.training, net->plan.max_batch, err);
}

trm_status trm__network_open(trm__network **out, const trm_model_config *config, const trm__params *params,
                             trm__backend *backend, const trm__network_plan *plan, trm_error *err) {
  trm_status status = trm_model_config_check(config, err);
  if (status) return status;
  if (config->recursion != TRM_RECURSION_TRM)
    return trm__fail(err, TRM_E_UNSUPPORTED, "recursion", "is lattice, which has no supervision steps");
  int64_t positions = trm_model_config_positions(config);
  if (plan->max_batch < 1 || plan->max_batch > INT_MAX / positions)
    return trm__fail(err, TRM_E_INPUT, "batch", "is %d, expected 1 to %d for %lld positions an example",
                     plan->max_batch, (int)(INT_MAX / positions), (long long)positions);
  trm__network *net = trm__calloc(1, sizeof *net);
  if (!net) return trm__fail_memory(err, "network", sizeof *net);
  network_init(net, config, backend, plan);
  net->params = params;
  status = network_allocate(net, err);
  if (status) trm__network_close(&net);
  else *out = net;
  return status;
}

void trm__network_close(trm__network **net) {
  trm__network *n = *net;
  *net = NULL;
  if (!n) return;
  trm__recordings_close(&n->recordings, n->be);
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

void trm__network_set_damping(trm__network *net, double damping) {
  net->damping = damping;
}

void trm__network_set_noise(trm__network *net, const trm__network_noise *noise) {
  net->noise = noise ? *noise : (trm__network_noise){0};
}

uint64_t trm__network_noise_numbers(const trm__network *net) {
  uint64_t numbers = (uint64_t)net->dims.L * (uint64_t)net->dims.D;
  return numbers + numbers % 2;
}

void trm__network_observe(trm__network *net, trm__network_observer fn, void *context) {
  net->observer = fn;
  net->observer_context = context;
}

static size_t state_bytes(const trm__network *net, int b) {
  return (size_t)b * (size_t)net->dims.L * (size_t)net->dims.D * net->be->act_bytes(net->be, &net->dims);
}

static void call_report(trm__network *net, const trm__act *h, int b) {
  if (net->observer) net->observer(net->observer_context, net->call, h, b);
  net->call++;
}

/* -- f(h, p + q), without and with what its backward pass needs -------------------------------------------------- */

/* to may be h, p, or work[0]. */
static void call_forward(trm__network *net, int b, const trm__act *h, const trm__act *p, const trm__act *q,
                         trm__act *to) {
  trm__backend *be = net->be;
  trm__act *in = net->work[0], *out = net->work[1];
  int last = net->dims.layers - 1;
  be->inject(be, b, net->weights, in, h, p, q);
  for (int layer = 0; layer <= last; layer++) {
    be->mix_forward(be, net->weights, layer, b, in, out, NULL, 0);
    be->mlp_forward(be, net->weights, layer, b, out, layer == last ? to : in, NULL, 0);
  }
  call_report(net, to, b);
}

/* Kept buffer i of a call: 0 is the first block's input, i > 0 the output of block i - 1. */
static trm__act *call_kept(const trm__network *net, int call, int i) {
  size_t blocks = 2 * (size_t)net->dims.layers;
  return net->kept + ((size_t)call * (blocks + 1) + (size_t)i) * net->act_size;
}

static unsigned char *call_saved(const trm__network *net, int call, int layer) {
  return net->saved + ((size_t)call * (size_t)net->dims.layers + (size_t)layer) * (net->mix_size + net->mlp_size);
}

static trm__act *call_forward_kept(trm__network *net, int call, int b, const trm__act *h, const trm__act *p,
                                   const trm__act *q) {
  trm__backend *be = net->be;
  int recompute = net->plan.recompute, layers = net->dims.layers;
  be->inject(be, b, net->weights, call_kept(net, call, 0), h, p, q);
  for (int layer = 0; layer < layers; layer++) {
    unsigned char *keep = call_saved(net, call, layer);
    trm__act *in = call_kept(net, call, 2 * layer), *mid = call_kept(net, call, 2 * layer + 1);
    be->mix_forward(be, net->weights, layer, b, in, mid, keep, recompute);
    be->mlp_forward(be, net->weights, layer, b, mid, call_kept(net, call, 2 * layer + 2), keep + net->mix_size,
                    recompute);
  }
  call_report(net, call_kept(net, call, 2 * layers), b);
  return call_kept(net, call, 2 * layers);
}

/* net->d: from the gradient of the call's output to that of its input sum. */
static void call_backward(trm__network *net, int call, int b, const trm__weights_view *grads) {
  trm__backend *be = net->be;
  int recompute = net->plan.recompute;
  for (int layer = net->dims.layers - 1; layer >= 0; layer--) {
    unsigned char *keep = call_saved(net, call, layer);
    trm__act *in = call_kept(net, call, 2 * layer), *mid = call_kept(net, call, 2 * layer + 1);
    trm__act *out = call_kept(net, call, 2 * layer + 2);
    be->mlp_backward(be, net->weights, layer, b, mid, out, keep + net->mix_size, recompute, net->d, grads);
    be->mix_backward(be, net->weights, layer, b, in, mid, keep, recompute, net->d, grads);
  }
}

/* -- supervision steps ------------------------------------------------------------------------------------------- */

/* 1: a latent cycle is more than z = f(z, y + e), by damping or noise. */
static int latent_is_mixed(const trm__network *net) {
  return net->damping != 0 || net->noise.sigma != 0;
}

/* z after latent cycle `cycle` of the step, from f(z, y + e). */
static void latent_mix(trm__network *net, int b, trm__act *z, const trm__act *f, int cycle) {
  trm__backend *be = net->be;
  const trm__network_noise *noise = &net->noise;
  if (net->damping != 0) be->blend(be, net->weights, b, z, net->damping, f, 1 - net->damping);
  else be->copy(be, z, f, state_bytes(net, b), TRM__COPY_ON_DEVICE);
  if (noise->sigma == 0) return;
  uint64_t offset = noise->offset + (uint64_t)cycle * trm__network_noise_numbers(net);
  be->noise(be, net->weights, b, z, noise->sigma, noise->seed, noise->index, offset, NULL);
}

/* Recursion cycles first .. end - 1 of a step, without gradients; 1: the backend did them as one operation. */
static int cycles_forward(trm__network *net, int b, int first, int end, trm__act *y, trm__act *z) {
  trm__backend *be = net->be;
  trm__act *f = latent_is_mixed(net) ? net->work[0] : z;
  int plain = f == z && !net->observer && first < end;
  if (plain && be->cycles && be->cycles(be, net->weights, b, net->n, end - first, net->e, y, z)) return 1;
  for (int t = first; t < end; t++) {
    for (int k = 0; k < net->n; k++) {
      call_forward(net, b, z, y, net->e, f);
      if (f != z) latent_mix(net, b, z, f, t * net->n + k);
    }
    call_forward(net, b, y, z, NULL, y);
  }
  return 0;
}

/* The arguments of a step without gradients. */
typedef struct step_args {
  int b;
  const int32_t *tokens;
  const trm__real *rows;
  trm__act *y, *z;
  trm__heads heads;
} step_args;

/* 1: all cycles were one operation. */
static int step_run(trm__network *net, const step_args *a) {
  net->call = 0;
  net->be->embed_forward(net->be, net->weights, a->b, a->tokens, a->rows, net->e);
  int whole = cycles_forward(net, a->b, 0, net->T, a->y, a->z);
  net->be->heads(net->be, net->weights, a->b, &a->heads);
  return whole;
}

static trm__recordings_key step_key(const trm__network *net, const step_args *a) {
  const trm__heads *h = &a->heads;
  const trm__loss *loss = &h->loss;
  const trm__network_noise *noise = &net->noise;
  return (trm__recordings_key){
      .at = {a->tokens, a->rows, a->y, a->z, h->logits, h->q, h->labels, h->stats, noise->index},
      .number = {loss->label_smoothing, loss->halt_weight, loss->grad_scale, loss->step_decay, noise->sigma,
                 net->damping},
      .count = {(uint64_t)a->b, (uint64_t)net->n, (uint64_t)net->T, (uint64_t)loss->kind, noise->seed, noise->offset}};
}

/* Records the step without running it. 0: it could not be recorded. */
static int step_record(trm__network *net, const step_args *a, trm__recordings_step *to) {
  trm__backend *be = net->be;
  int failed = net->recordings.failed || be->record_begin(be, NULL);
  if (!failed) {
    step_run(net, a);
    failed = be->record_end(be, &to->recording, NULL) != TRM_OK; /* a fault of the device is reported by synchronize */
  }
  net->recordings.failed = failed;
  return !failed;
}

/* A step runs as it is the first time, is recorded when it is asked for again, and is replayed from then on. What a
 * backend does as one operation would gain nothing from a recording; observers must be called each time. */
static void step_run_or_replay(trm__network *net, const step_args *a) {
  trm__backend *be = net->be;
  trm__recordings_key key = step_key(net, a);
  int records = be->record_begin && !net->observer;
  trm__recordings_step *known = records ? trm__recordings_find(&net->recordings, &key) : NULL;
  if (known && (known->recording || step_record(net, a, known))) {
    be->replay(be, known->recording);
    return;
  }
  int whole = step_run(net, a);
  if (records && !known && !whole) trm__recordings_add(&net->recordings, be, &key);
}

void trm__network_step(trm__network *net, int b, const int32_t *tokens, const trm__real *rows, trm__act *y, trm__act *z,
                       trm__real *logits, trm__real *q) {
  step_run_or_replay(net, &(step_args){b, tokens, rows, y, z, {.y = y, .logits = logits, .q = q}});
}

void trm__network_scored_step(trm__network *net, int b, const int32_t *tokens, const trm__real *rows,
                              const int32_t *labels, const trm__loss *loss, trm__act *y, trm__act *z, trm__real *logits,
                              trm__real *q, trm__example_stats *stats) {
  trm__heads heads = {.y = y, .logits = logits, .q = q, .labels = labels, .loss = *loss, .stats = stats};
  step_run_or_replay(net, &(step_args){b, tokens, rows, y, z, heads});
}

/* The last cycle, from y and z, which receive its result. */
static void last_cycle_forward(trm__network *net, int b, trm__act *y, trm__act *z) {
  trm__backend *be = net->be;
  int n = net->n, mixed = latent_is_mixed(net);
  const trm__act *latent = z;
  for (int k = 0; k < n; k++) {
    const trm__act *f = call_forward_kept(net, k, b, latent, y, net->e);
    if (mixed) latent_mix(net, b, z, f, (net->T - 1) * n + k);
    else latent = f;
  }
  const trm__act *answer = call_forward_kept(net, n, b, y, latent, NULL);
  if (!mixed) be->copy(be, z, latent, state_bytes(net, b), TRM__COPY_ON_DEVICE);
  be->copy(be, y, answer, state_bytes(net, b), TRM__COPY_ON_DEVICE);
}

static void last_cycle_backward(trm__network *net, int b, const trm__weights_view *grads) {
  trm__backend *be = net->be;
  double keep = net->damping;
  be->zero(be, net->de, state_bytes(net, b));
  call_backward(net, net->n, b, grads);
  for (int k = net->n - 1; k >= 0; k--) {
    if (keep != 0) {
      be->copy(be, net->dz, net->d, state_bytes(net, b), TRM__COPY_ON_DEVICE);
      be->blend(be, net->weights, b, net->d, 1 - keep, net->d, 0);
    }
    call_backward(net, k, b, grads);
    be->accumulate(be, b, net->weights, net->de, net->d);
    if (keep != 0) be->blend(be, net->weights, b, net->d, 1, net->dz, keep);
  }
}

/* The last cycle with gradients, which are added to grads. heads lacks y and what
 * gradients need, which are filled in here. */
static void last_cycle_learn(trm__network *net, int b, const int32_t *tokens, trm__heads heads, trm__act *y,
                             trm__act *z, trm__real *grads, trm__real *drows) {
  trm__backend *be = net->be;
  trm__weights_view view = trm__params_view(net->params, grads);
  last_cycle_forward(net, b, y, z);
  heads.y = call_kept(net, net->n, 2 * net->dims.layers);
  heads.d = net->d;
  heads.dlogits = net->dlogits;
  heads.dq = net->dq;
  heads.grads = &view;
  be->heads(be, net->weights, b, &heads);
  last_cycle_backward(net, b, &view);
  be->embed_backward(be, net->weights, b, tokens, net->de, &view, drows);
}

void trm__network_train_step(trm__network *net, int b, const int32_t *tokens, const trm__real *rows,
                             const int32_t *labels, const int32_t *steps, const trm__loss *loss, trm__act *y,
                             trm__act *z, trm__real *grads, trm__real *drows, trm__example_stats *stats,
                             trm__real *logits_out, trm__real *q_out) {
  trm__heads heads = {.logits = logits_out ? logits_out : net->logits,
                      .q = q_out ? q_out : net->q,
                      .labels = labels,
                      .loss = *loss,
                      .steps = steps,
                      .stats = stats};
  net->call = 0;
  net->be->embed_forward(net->be, net->weights, b, tokens, rows, net->e);
  cycles_forward(net, b, 0, net->T - 1, y, z);
  last_cycle_learn(net, b, tokens, heads, y, z, grads, drows);
}

/* -- winner takes all --------------------------------------------------------------------------------------------- */

/* One latent's step without gradients: z receives the result, before_y and before_z what its last cycle starts from. */
static void latent_try(trm__network *net, int b, const trm__act *y, trm__act *z, trm__act *before_y, trm__act *before_z,
                       trm__heads heads) {
  trm__backend *be = net->be;
  size_t bytes = state_bytes(net, b);
  be->copy(be, before_y, y, bytes, TRM__COPY_ON_DEVICE);
  cycles_forward(net, b, 0, net->T - 1, before_y, z);
  be->copy(be, before_z, z, bytes, TRM__COPY_ON_DEVICE);
  be->copy(be, net->trial, before_y, bytes, TRM__COPY_ON_DEVICE);
  cycles_forward(net, b, net->T - 1, net->T, net->trial, z);
  heads.y = net->trial;
  be->heads(be, net->weights, b, &heads);
}

void trm__network_train_step_best(trm__network *net, int b, const int32_t *tokens, const trm__real *rows,
                                  const int32_t *labels, const int32_t *steps, const trm__loss *loss, trm__act *y,
                                  trm__act *z, size_t z_stride, trm__real *grads, trm__real *drows,
                                  trm__example_stats *stats) {
  trm__backend *be = net->be;
  int latents = net->plan.latents;
  trm__heads heads = {.logits = net->logits, .q = net->q, .labels = labels, .loss = *loss, .steps = steps};
  net->call = 0;
  be->embed_forward(be, net->weights, b, tokens, rows, net->e);
  for (int k = 0; k < latents; k++) {
    size_t at = (size_t)k * state_bytes(net, b);
    heads.stats = net->trial_stats + (size_t)k * (size_t)b;
    latent_try(net, b, y, z + (size_t)k * z_stride, net->before_y + at, net->before_z + at, heads);
  }
  be->winners(be, latents, b, net->trial_stats, net->winner);
  be->pick(be, net->weights, latents, b, net->winner, net->before_y, y);
  be->pick(be, net->weights, latents, b, net->winner, net->before_z, net->trial);
  heads.stats = stats;
  last_cycle_learn(net, b, tokens, heads, y, net->trial, grads, drows);
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

void trm__network_refill_latent(trm__network *net, int b, const uint8_t *halted, const trm__real *start, int k,
                                const trm__network_noise *noise, trm__act *y, trm__act *z) {
  trm__backend *be = net->be;
  be->refill(be, net->weights, b, halted, start, start + (size_t)(1 + k) * (size_t)net->dims.D, y, z);
  if (!noise || noise->sigma == 0) return;
  uint64_t offset = noise->offset + (uint64_t)k * trm__network_noise_numbers(net);
  be->noise(be, net->weights, b, z, noise->sigma, noise->seed, noise->index, offset, halted);
}

void trm__network_distance(trm__network *net, int b, const trm__act *x, const trm__act *was, double *out) {
  net->be->distance(net->be, net->weights, b, x, was, out);
}

void trm__network_shake(trm__network *net, int b, const trm__network_noise *noise, trm__act *z) {
  net->be->noise(net->be, net->weights, b, z, noise->sigma, noise->seed, noise->index, noise->offset, NULL);
}

void trm__network_merge(trm__network *net, trm__merge_kind kind, int K, int b, const trm__act *from, const trm__real *q,
                        trm__act *to) {
  net->be->merge(net->be, net->weights, kind, K, b, from, q, to);
}

void trm__network_heads(trm__network *net, int b, const trm__act *y, const int32_t *labels, const trm__loss *loss,
                        trm__real *logits, trm__real *q, trm__example_stats *stats) {
  trm__heads heads = {.y = y, .logits = logits, .q = q, .labels = labels, .stats = stats};
  if (labels) heads.loss = *loss;
  net->be->heads(net->be, net->weights, b, &heads);
}
