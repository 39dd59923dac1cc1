/* One update, and the buffers it works on. All are allocated when the trainer is opened. */
#include "train/trainer.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "train/schedule.h"

/* -- opening --------------------------------------------------------------------------------------------------------
 */

static int global_batch(const trm__trainer *t) {
  return (int)t->config.batch;
}
static int emb_ndim(const trm__trainer *t) {
  return t->params.puzzle ? t->params.dims.emb_ndim : 0;
}

size_t trm__trainer_bytes(const trm__params *params, const trm_train_config *config, trm__backend *backend,
                          int local_batch, int micro_batch) {
  const trm__dims *d = &params->dims;
  size_t batch = (size_t)config->batch, micro = (size_t)micro_batch, ndim = params->puzzle ? (size_t)d->emb_ndim : 0;
  size_t reals = 3 * params->trained + 2 * (size_t)d->D + params->puzzle + (micro + batch) * ndim +
                 micro * ((size_t)d->S * (size_t)d->V + 2);
  return reals * sizeof(trm__real) + batch * sizeof(trm__example_stats) +
         trm__carry_bytes(backend, d, (int)config->batch, local_batch) +
         trm__carry_bytes(backend, d, micro_batch, micro_batch) + trm__optimizer_bytes(backend, params, config);
}

/* Draws the initial weights in a host set and copies them to the device. */
static trm_status init_weights(trm__trainer *t, trm_error *err) {
  trm__backend *be = t->backend;
  trm__weight_set set = {0};
  trm_status status = trm__weight_set_open(&set, &t->params, err);
  if (status != TRM_OK) return status;
  trm__weight_set_init(&set, &t->params, (uint64_t)t->config.seed);
  size_t bytes = t->params.trained * sizeof(trm__real), start = 2 * (size_t)t->params.dims.D * sizeof(trm__real);
  be->copy(be, t->weights, set.flat, bytes, TRM__COPY_TO_DEVICE);
  be->copy(be, t->ema, set.flat, bytes, TRM__COPY_TO_DEVICE);
  be->copy(be, t->start, set.start, start, TRM__COPY_TO_DEVICE);
  if (t->puzzle) be->copy(be, t->puzzle, set.puzzle, t->params.puzzle * sizeof(trm__real), TRM__COPY_TO_DEVICE);
  trm__weight_set_close(&set);
  return TRM_OK;
}

static void *take(trm__trainer *t, size_t count, int *ok) {
  size_t bytes;
  void *p = trm__mul_size(count, sizeof(trm__real), &bytes) ? t->backend->alloc(t->backend, bytes) : NULL;
  *ok &= p != NULL;
  return p;
}

static trm_status open_buffers(trm__trainer *t, trm_error *err) {
  const trm__dims *d = &t->params.dims;
  size_t n = t->params.trained, batch = (size_t)global_batch(t), micro = (size_t)t->micro_batch;
  size_t ndim = (size_t)emb_ndim(t);
  int ok = 1, local = global_batch(t) / t->comm->size;
  t->weights = take(t, n, &ok);
  t->ema = take(t, n, &ok);
  t->start = take(t, 2 * (size_t)d->D, &ok);
  if (ndim) t->puzzle = take(t, t->params.puzzle, &ok);
  trm_status status = ok ? init_weights(t, err) : TRM_E_MEMORY;
  if (ok && status != TRM_OK) return status;
  t->grads = take(t, n, &ok);
  if (ndim) t->rows = take(t, micro * ndim, &ok);
  if (ndim) t->drows = take(t, batch * ndim, &ok);
  t->valid_logits = take(t, micro * (size_t)d->S * (size_t)d->V, &ok);
  t->valid_q = take(t, micro * 2, &ok);
  t->stats = trm__calloc(batch, sizeof *t->stats);
  if (!ok || !t->stats)
    return trm__fail_memory(err, "trainer",
                            trm__trainer_bytes(&t->params, &t->config, t->backend, local, t->micro_batch));
  status = trm__carry_open(&t->carry, t->backend, d, global_batch(t), t->comm->rank * local, local, err);
  if (status == TRM_OK) status = trm__carry_open(&t->valid, t->backend, d, t->micro_batch, 0, t->micro_batch, err);
  return status;
}

trm_status trm__trainer_open(trm__trainer *trainer, const trm__trainer_config *config, trm_error *err) {
  trm__trainer t = {.runtime = config->runtime,
                    .backend = config->runtime->backend,
                    .comm = config->comm,
                    .model = *config->model,
                    .config = *config->train,
                    .updates = config->updates,
                    .micro_batch = config->micro_batch};
  if (t.config.batch % t.comm->size)
    return trm__fail(err, TRM_E_USAGE, "--batch", "%lld examples cannot be shared equally by %d ranks",
                     (long long)t.config.batch, t.comm->size);
  trm_status status = trm__params_open(&t.params, &t.model, err);
  if (status != TRM_OK) return status;
  trm__network_plan plan = {.max_batch = t.micro_batch, .training = 1, .recompute = t.config.recompute};
  status = open_buffers(&t, err);
  if (status == TRM_OK) status = trm__optimizer_open(&t.optimizer, t.backend, &t.params, &t.config, err);
  /* params is borrowed by the network, so it must lie where the caller keeps it. */
  *trainer = t;
  if (status == TRM_OK)
    status = trm__network_open(&trainer->net, &trainer->model, &trainer->params, t.backend, &plan, err);
  if (status == TRM_OK) trm__trainer_prepare(trainer);
  else trm__trainer_close(trainer);
  return status;
}

void trm__trainer_close(trm__trainer *trainer) {
  trm__backend *be = trainer->backend;
  trm__network_close(&trainer->net);
  trm__optimizer_close(&trainer->optimizer);
  trm__carry_close(&trainer->carry);
  trm__carry_close(&trainer->valid);
  void *device[] = {trainer->weights, trainer->grads, trainer->ema,          trainer->start,  trainer->puzzle,
                    trainer->rows,    trainer->drows, trainer->valid_logits, trainer->valid_q};
  for (size_t i = 0; be && i < sizeof device / sizeof *device; i++)
    if (device[i]) be->free(be, device[i]);
  trm__free(trainer->stats);
  trm__params_close(&trainer->params);
  *trainer = (trm__trainer){0};
}

void trm__trainer_prepare(trm__trainer *trainer) {
  trm__network_prepare(trainer->net, trainer->weights);
}

int trm__trainer_on_host(const trm__trainer *trainer) {
  return trainer->backend->kernels != NULL;
}

trm_status trm__trainer_borrow(trm__trainer *trainer, const trm__real *device, size_t n, trm__real **host,
                               trm_error *err) {
  trm__backend *be = trainer->backend;
  if (trm__trainer_on_host(trainer)) {
    *host = (trm__real *)(uintptr_t)device;
    return TRM_OK;
  }
  trm__real *copy = trm__calloc(n, sizeof *copy);
  if (!copy) return trm__fail_memory(err, "copy of weights", n * sizeof *copy);
  be->copy(be, copy, device, n * sizeof *copy, TRM__COPY_TO_HOST);
  *host = copy;
  return TRM_OK;
}

void trm__trainer_return(trm__trainer *trainer, trm__real *device, size_t n, trm__real *host, int changed) {
  trm__backend *be = trainer->backend;
  if (!host || trm__trainer_on_host(trainer)) return;
  if (changed) be->copy(be, device, host, n * sizeof *host, TRM__COPY_TO_DEVICE);
  trm__free(host);
}

/* -- one update -----------------------------------------------------------------------------------------------------
 */

void trm__trainer_gather(trm__trainer *t, const int32_t *ids, int b) {
  trm__backend *be = t->backend;
  size_t ndim = (size_t)emb_ndim(t), bytes = ndim * sizeof(trm__real);
  for (int i = 0; t->rows && i < b; i++) {
    trm__real *to = t->rows + (size_t)i * ndim;
    if (ids[i] >= 0 && ids[i] < t->model.num_puzzle_identifiers)
      be->copy(be, to, t->puzzle + (size_t)ids[i] * ndim, bytes, TRM__COPY_ON_DEVICE);
    else be->zero(be, to, bytes);
  }
}

/* The supervision step with gradients, slice after slice. */
static void compute_slices(trm__trainer *t) {
  trm__carry *c = &t->carry;
  trm__loss loss = {.kind = t->config.loss == TRM_LOSS_SOFTMAX ? TRM__LOSS_SOFTMAX : TRM__LOSS_STABLEMAX,
                    .label_smoothing = t->config.label_smoothing,
                    .halt_weight = t->config.halt_weight,
                    .grad_scale = 1.0 / (double)t->config.batch};
  t->backend->zero(t->backend, t->grads, t->params.trained * sizeof *t->grads);
  size_t s = (size_t)c->seq_len;
  for (int i = 0; i < c->count; i += t->micro_batch) {
    int b = c->count - i < t->micro_batch ? c->count - i : t->micro_batch, slot = c->first + i;
    size_t offset = (size_t)i * c->slot_bytes;
    trm__trainer_gather(t, c->ids + slot, b);
    trm__real *drows = t->drows ? t->drows + (size_t)slot * (size_t)emb_ndim(t) : NULL;
    trm__network_train_step(t->net, b, c->device_inputs + (size_t)i * s, t->rows, c->device_labels + (size_t)i * s,
                            &loss, c->y + offset, c->z + offset, t->grads, drows, t->stats + slot, NULL, NULL);
  }
}

/* Adds up what the ranks computed: gradients, and each slot's result. */
static trm_status exchange(trm__trainer *t, trm_error *err) {
  trm__comm *comm = t->comm;
  size_t local = (size_t)t->carry.count;
  trm_status status = comm->all_reduce_sum(comm, t->grads, t->params.trained, err);
  if (status == TRM_OK) status = comm->all_gather(comm, t->stats, local * sizeof *t->stats, err);
  if (status == TRM_OK) status = comm->all_gather(comm, t->carry.ids, local * sizeof *t->carry.ids, err);
  if (status == TRM_OK && t->drows)
    status = comm->all_gather(comm, t->drows, local * (size_t)emb_ndim(t) * sizeof *t->drows, err);
  return status;
}

/* Means over the batch, in slot order. */
static void sum_up(const trm__trainer *t, trm__update *out) {
  double lm = 0, halt = 0, q = 0, n = (double)t->config.batch;
  for (int i = 0; i < global_batch(t); i++) {
    lm += t->stats[i].lm_loss;
    halt += t->stats[i].halt_loss;
    q += t->stats[i].q_halt;
  }
  *out = (trm__update){
      .lm_loss = lm / n, .halt_loss = halt / n, .q_halt = q / n, .loss = lm / n + t->config.halt_weight * halt / n};
}

static trm_status check_finite(const trm__trainer *t, const trm__update *u, trm_error *err) {
  const char *what = NULL;
  double value = 0;
  if (!isfinite(u->loss) || u->loss > t->config.max_loss) what = "loss", value = u->loss;
  else if (!isfinite(u->grad_norm)) what = "gradient norm", value = u->grad_norm;
  else if (!(u->q_halt > TRM__Q_HALT_FLOOR)) what = "mean halting logit", value = u->q_halt;
  if (!what) return TRM_OK;
  return trm__fail(err, TRM_E_DIVERGED, "training", "the %s is %g at update %lld (loss at most %g is allowed)", what,
                   value, (long long)(t->step + 1), t->config.max_loss);
}

trm_status trm__trainer_update(trm__trainer *trainer, trm__update *out, trm_error *err) {
  trm__trainer *t = trainer;
  trm__backend *be = t->backend;
  compute_slices(t);
  trm_status status = be->synchronize(be, err);
  if (status == TRM_OK) status = exchange(t, err);
  if (status != TRM_OK) return status;
  sum_up(t, out);
  out->grad_norm = trm__optimizer_norm(&t->optimizer, t->grads);
  status = check_finite(t, out, err);
  if (status != TRM_OK) return status;

  int64_t update = ++t->step;
  double factor = trm__schedule(update, t->config.lr_warmup_steps, t->updates, t->config.lr_min_ratio);
  out->lr = t->config.lr * factor;
  trm__optimizer_clip(&t->optimizer, t->grads, out->grad_norm);
  if (t->puzzle)
    trm__optimizer_puzzle(&t->optimizer, t->puzzle, (int)t->model.num_puzzle_identifiers, emb_ndim(t), t->drows,
                          t->carry.ids, global_batch(t), factor);
  trm__optimizer_step(&t->optimizer, t->weights, t->grads, factor, update);
  trm__optimizer_ema(&t->optimizer, t->ema, t->weights, update);
  trm__trainer_prepare(t);

  trm__halting rule = {.max_steps = t->model.halt_max_steps,
                       .exploration_prob = t->model.halt_exploration_prob,
                       .seed = (uint64_t)t->config.seed};
  trm__carry_step(&t->carry, &rule, t->stats, update);
  return TRM_OK;
}
