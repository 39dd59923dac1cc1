/* Opening and closing the trainer: its buffers, the initial weights, and how many bytes all of it takes. */
#include "train/trainer.h"

#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "train/lattice/check.h"

/* -- opening ------------------------------------------------------------------------------------------------------- */

static int config_latents(const trm_train_config *config) {
  return config->latents > 1 ? (int)config->latents : 1;
}

/* Elements of `start`: y0, and the first z of each latent. */
static size_t start_size(const trm__params *params, const trm_train_config *config) {
  return (size_t)(1 + config_latents(config)) * (size_t)params->dims.D;
}

static int config_is_noisy(const trm_train_config *config) {
  return config->start_noise != 0 || config->latent_noise != 0;
}

static int log_entries(const trm__backend *backend) {
  return backend->on_host ? 1 : TRM__QUEUE;
}

static size_t log_bytes(int entries, size_t count) {
  size_t slot = sizeof(trm__example_stats) + sizeof(int32_t) + sizeof(uint8_t);
  return (size_t)entries * (sizeof(trm__update_state) + count * slot);
}

static trm__share share_of(const trm_train_config *config) {
  return (trm__share){.items = (size_t)config->batch, .slices = (size_t)config->slices};
}

/* The slots of this rank. */
static size_t share_count(const trm__share *share, const trm__comm *comm) {
  return trm__share_first(share, comm->rank + 1, comm->size) - trm__share_first(share, comm->rank, comm->size);
}

/* Arrays of gradients. */
static size_t share_grads(const trm__share *share, const trm__comm *comm) {
  return (size_t)trm__tree_room(share, comm->rank, comm->size);
}

/* Rows of candidates: validation takes them for micro-batches, which a rank may have fewer slots than. */
static size_t offer_count(size_t local, int micro_batch) {
  return local < (size_t)micro_batch ? (size_t)micro_batch : local;
}

/* The largest row that ranks exchange. */
static size_t row_bytes(const trm__params *params) {
  size_t row = (size_t)params->dims.emb_ndim * sizeof(trm__real);
  return row > sizeof(trm__example_stats) ? row : sizeof(trm__example_stats);
}

trm__bytes trm__trainer_bytes(const trm__params *params, const trm_train_config *config, trm__backend *backend,
                              const trm__comm *comm, int micro_batch) {
  const trm__dims *d = &params->dims;
  trm__share share = share_of(config);
  size_t local = share_count(&share, comm), several = comm->size > 1;
  size_t batch = (size_t)config->batch, micro = (size_t)micro_batch, ndim = (size_t)d->emb_ndim;
  size_t offered = offer_count(local, micro_batch) * (2 * (size_t)d->S + 1) * sizeof(int32_t);
  size_t log = log_bytes(log_entries(backend), local);
  size_t exchange = trm__comm_reserved_bytes(comm, backend, &share, row_bytes(params)) +
                    several * (size_t)comm->size * sizeof(trm__score);
  size_t reals = (2 + share_grads(&share, comm)) * params->trained + start_size(params, config) + params->puzzle +
                 (micro + batch) * ndim + micro * ((size_t)d->S * (size_t)d->V + 2);
  trm__bytes bytes = {.host = trm__optimizer_host_bytes(params) + exchange};
  bytes.device = reals * sizeof(trm__real) + (batch + micro) * sizeof(trm__example_stats) + offered + log +
                 sizeof(trm__update_state) + several * batch * sizeof(int32_t) +
                 trm__train_slots_bytes(backend, d, (int)local, config_latents(config)) +
                 trm__train_slots_bytes(backend, d, micro_batch, 1) +
                 (config_is_noisy(config) ? local * sizeof(uint64_t) : 0) +
                 trm__optimizer_bytes(backend, params, config);
  if (!backend->on_host) bytes.host += offered + log;
  if (d->values) bytes.host += trm__states_bytes(d, (int)local) + trm__lattice_validate_bytes(d, micro_batch);
  return bytes;
}

/* The starts of all latents but the first: drawn as z0 is, each from a stream of its own after the parameters'. */
static trm_status trainer_init_latents(trm__trainer *t, trm_error *err) {
  trm__backend *be = t->backend;
  size_t width = (size_t)t->params.dims.D, rest = start_size(&t->params, &t->config) - 2 * width;
  if (!rest) return TRM_OK;
  trm__real *rows = trm__calloc(rest, sizeof *rows);
  if (!rows) return trm__fail_memory(err, "starts of the latents", rest * sizeof *rows);
  for (size_t i = 0; i < rest; i += width) {
    trm__rng rng = trm__rng_make((uint64_t)t->config.seed, TRM__RNG_INIT, (uint64_t)1 << 32 | (uint64_t)(i / width));
    for (size_t j = 0; j < width; j++) rows[i + j] = (trm__real)trm__rng_trunc_normal(&rng, 1);
  }
  be->copy(be, t->start + 2 * width, rows, rest * sizeof *rows, TRM__COPY_TO_DEVICE);
  trm__free(rows);
  return TRM_OK;
}

/* Draws the initial weights in a host set and copies them to the device. */
static trm_status trainer_init_weights(trm__trainer *t, trm_error *err) {
  trm__backend *be = t->backend;
  trm__weight_set set = {0};
  trm_status status = trm__weight_set_open(&set, &t->params, err);
  if (status) return status;
  trm__weight_set_init(&set, &t->params, (uint64_t)t->config.seed);
  size_t bytes = t->params.trained * sizeof(trm__real), start = 2 * (size_t)t->params.dims.D * sizeof(trm__real);
  be->copy(be, t->weights, set.flat, bytes, TRM__COPY_TO_DEVICE);
  be->copy(be, t->ema, set.flat, bytes, TRM__COPY_TO_DEVICE);
  be->copy(be, t->start, set.start, start, TRM__COPY_TO_DEVICE);
  if (t->puzzle) be->copy(be, t->puzzle, set.puzzle, t->params.puzzle * sizeof(trm__real), TRM__COPY_TO_DEVICE);
  trm__weight_set_close(&set);
  return trainer_init_latents(t, err);
}

static void *trainer_alloc(trm__trainer *t, size_t count, size_t size, int *ok) {
  size_t bytes;
  void *p = trm__mul_size(count, size, &bytes) ? t->backend->alloc(t->backend, bytes) : NULL;
  *ok &= p != NULL;
  return p;
}

static void *trainer_alloc_host(size_t count, size_t size, int *ok) {
  void *p = trm__calloc(count, size);
  *ok &= p != NULL;
  return p;
}

/* The weights, with their initial values. */
static trm_status trainer_open_weights(trm__trainer *t, int *ok, trm_error *err) {
  size_t n = t->params.trained, real = sizeof(trm__real);
  t->weights = trainer_alloc(t, n, real, ok);
  t->ema = trainer_alloc(t, n, real, ok);
  t->start = trainer_alloc(t, start_size(&t->params, &t->config), real, ok);
  if (t->params.dims.emb_ndim) t->puzzle = trainer_alloc(t, t->params.puzzle, real, ok);
  return *ok ? trainer_init_weights(t, err) : TRM_E_MEMORY;
}

/* Candidates, identifiers and the log: on the device, and where that is another memory also on the host. */
static void trainer_open_exchange(trm__trainer *t, int local, int *ok) {
  size_t count = offer_count((size_t)local, t->micro_batch), tokens = count * (size_t)t->params.dims.S;
  int entries = log_entries(t->backend), on_host = t->backend->on_host;
  size_t rows = (size_t)entries * (size_t)local;
  t->candidates =
      (trm__examples){trainer_alloc(t, tokens, sizeof(int32_t), ok), trainer_alloc(t, tokens, sizeof(int32_t), ok),
                      trainer_alloc(t, count, sizeof(int32_t), ok)};
  t->offer = t->candidates;
  t->state = trainer_alloc(t, 1, sizeof *t->state, ok);
  t->log = (trm__update_log){.entries = entries, .count = local};
  t->log.state = trainer_alloc(t, (size_t)entries, sizeof *t->log.state, ok);
  t->log.stats = trainer_alloc(t, rows, sizeof *t->log.stats, ok);
  t->log.steps = trainer_alloc(t, rows, sizeof *t->log.steps, ok);
  t->log.halted = trainer_alloc(t, rows, sizeof *t->log.halted, ok);
  t->seen = t->log;
  if (on_host) return;
  t->offer =
      (trm__examples){trainer_alloc_host(tokens, sizeof(int32_t), ok), trainer_alloc_host(tokens, sizeof(int32_t), ok),
                      trainer_alloc_host(count, sizeof(int32_t), ok)};
  t->seen.state = trainer_alloc_host((size_t)entries, sizeof *t->seen.state, ok);
  t->seen.stats = trainer_alloc_host(rows, sizeof *t->seen.stats, ok);
  t->seen.steps = trainer_alloc_host(rows, sizeof *t->seen.steps, ok);
  t->seen.halted = trainer_alloc_host(rows, sizeof *t->seen.halted, ok);
}

static trm_status trainer_fail_buffers(const trm__trainer *t, trm_error *err) {
  trm__bytes bytes = trm__trainer_bytes(&t->params, &t->config, t->backend, t->comm, t->micro_batch);
  return trm__backend_no_memory(t->backend, err, "trainer", bytes.device + bytes.host);
}

static trm_status trainer_open_buffers(trm__trainer *t, trm_error *err) {
  const trm__dims *d = &t->params.dims;
  size_t batch = (size_t)t->config.batch, micro = (size_t)t->micro_batch, real = sizeof(trm__real);
  size_t ndim = (size_t)t->params.dims.emb_ndim;
  int ok = 1, local = (int)share_count(&t->share, t->comm);
  trm_status status = trainer_open_weights(t, &ok, err);
  if (status) return ok ? status : trainer_fail_buffers(t, err);
  t->grads = trainer_alloc(t, share_grads(&t->share, t->comm) * t->params.trained, real, &ok);
  if (ndim) t->rows = trainer_alloc(t, micro * ndim, real, &ok);
  if (ndim) t->drows = trainer_alloc(t, batch * ndim, real, &ok);
  t->stats = trainer_alloc(t, batch, sizeof *t->stats, &ok);
  t->valid_logits = trainer_alloc(t, micro * (size_t)d->S * (size_t)d->V, real, &ok);
  t->valid_q = trainer_alloc(t, micro * 2, real, &ok);
  t->valid_stats = trainer_alloc(t, micro, sizeof *t->valid_stats, &ok);
  if (config_is_noisy(&t->config)) t->noise_index = trainer_alloc(t, (size_t)local, sizeof *t->noise_index, &ok);
  trainer_open_exchange(t, local, &ok);
  if (t->comm->size > 1) t->ids = trainer_alloc(t, batch, sizeof *t->ids, &ok);
  if (t->comm->size > 1) t->scores = trainer_alloc_host((size_t)t->comm->size, sizeof *t->scores, &ok);
  if (!ok) return trainer_fail_buffers(t, err);
  status = trm__comm_reserve(t->comm, t->backend, &t->share, row_bytes(&t->params), err);
  if (!status) status = trm__train_slots_open(&t->carry, t->backend, d, local, config_latents(&t->config), err);
  if (!status) status = trm__train_slots_open(&t->valid, t->backend, d, t->micro_batch, 1, err);
  if (t->comm->size == 1) t->ids = t->carry.slots.ids;
  return status;
}

static trm__network_plan trainer_plan(const trm_train_config *config, int micro_batch) {
  int latents = config_latents(config);
  return (trm__network_plan){
      .max_batch = micro_batch, .training = 1, .recompute = config->recompute, .latents = latents > 1 ? latents : 0};
}

static trm__lattice_plan trainer_plan_lattice(const trm_model_config *model, const trm_train_config *config,
                                              int micro_batch) {
  return (trm__lattice_plan){.max_batch = micro_batch, .loops = (int)model->L_cycles, .recompute = config->recompute};
}

size_t trm__trainer_network_bytes(const trm_model_config *model, const trm_train_config *config, trm__backend *backend,
                                  int micro_batch) {
  trm__network_plan plan = trainer_plan(config, micro_batch);
  trm__lattice_plan lattice = trainer_plan_lattice(model, config, micro_batch);
  return model->recursion == TRM_RECURSION_LATTICE ? trm__lattice_bytes(model, backend, &lattice)
                                                   : trm__network_bytes(model, backend, &plan);
}

/* The network, which borrows the trainer's params. */
static trm_status trainer_open_network(trm__trainer *t, const trm_task *task, trm_error *err) {
  trm__network_plan plan = trainer_plan(&t->config, t->micro_batch);
  trm__lattice_plan lattice = trainer_plan_lattice(&t->model, &t->config, t->micro_batch);
  if (!t->params.dims.values) return trm__network_open(&t->net, &t->model, &t->params, t->backend, &plan, err);
  trm_status status = trm__lattice_open(&t->lattice, &t->model, &t->params, t->backend, &lattice, err);
  if (status) return status;
  status = trm__states_open(&t->states, &t->params.dims, task, &t->carry.slots, t->carry.sets, err);
  t->states.seed = (uint64_t)t->config.seed;
  t->states.digit_weight = t->config.digit_weight;
  t->states.conflict_weight = t->config.halt_weight;
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
  t.share = share_of(&t.config);
  if (t.share.slices > t.share.items)
    return trm__fail(err, TRM_E_USAGE, "--slices", "a batch of %zu cannot be cut into %zu slices", t.share.items,
                     t.share.slices);
  if (t.share.slices < (size_t)t.comm->size)
    return trm__fail(err, TRM_E_USAGE, "ranks", "%d ranks cannot share %zu slice%s", t.comm->size, t.share.slices,
                     t.share.slices == 1 ? "" : "s");
  t.first = (int)trm__share_first(&t.share, t.comm->rank, t.comm->size);
  trm_status status = trm__cycles_parse(&t.cycles, t.config.cycles_schedule, &t.model, err);
  if (!status) status = trm__params_open(&t.params, &t.model, err);
  if (status) return status;
  status = trainer_open_buffers(&t, err);
  if (!status) status = trm__optimizer_open(&t.optimizer, t.backend, &t.params, &t.config, err);
  /* params is borrowed by the network, so it must lie where the caller keeps it. */
  *trainer = t;
  if (!status) status = trainer_open_network(trainer, config->task, err);
  if (!status) trm__trainer_prepare(trainer);
  else trm__trainer_close(trainer);
  return status;
}

static void trainer_free_host(trm__trainer *t) {
  void *host[] = {t->offer.inputs, t->offer.labels, t->offer.ids,  t->seen.state,
                  t->seen.stats,   t->seen.steps,   t->seen.halted};
  for (size_t i = 0; i < sizeof host / sizeof *host; i++) trm__free(host[i]);
}

void trm__trainer_close(trm__trainer *trainer) {
  trm__trainer *t = trainer;
  trm__backend *be = t->backend;
  if (t->recording) be->recording_close(be, &t->recording);
  trm__network_close(&t->net);
  trm__lattice_close(&t->lattice);
  trm__states_close(&t->states);
  trm__optimizer_close(&t->optimizer);
  if (t->ids != t->carry.slots.ids) be->free(be, t->ids);
  trm__train_slots_close(&t->carry);
  trm__train_slots_close(&t->valid);
  void *device[] = {t->weights,
                    t->grads,
                    t->ema,
                    t->start,
                    t->puzzle,
                    t->rows,
                    t->drows,
                    t->valid_logits,
                    t->valid_q,
                    t->valid_stats,
                    t->stats,
                    t->state,
                    t->noise_index,
                    t->log.state,
                    t->log.stats,
                    t->log.steps,
                    t->log.halted,
                    t->candidates.inputs,
                    t->candidates.labels,
                    t->candidates.ids};
  for (size_t i = 0; be && i < sizeof device / sizeof *device; i++)
    if (device[i]) be->free(be, device[i]);
  if (be && !be->on_host) trainer_free_host(t);
  trm__free(t->scores);
  trm__params_close(&t->params);
  *trainer = (trm__trainer){0};
}

void trm__trainer_prepare(trm__trainer *trainer) {
  if (trainer->lattice) trm__lattice_prepare(trainer->lattice, trainer->weights);
  else trm__network_prepare(trainer->net, trainer->weights);
}

trm_status trm__trainer_merge_score(trm__trainer *trainer, trm__score *score, trm_error *err) {
  const trm__comm *comm = trainer->comm;
  if (comm->size == 1) return TRM_OK;
  trainer->scores[comm->rank] = *score;
  trm_status status = trm__comm_gather(trainer->comm, trainer->scores, sizeof *score, err);
  if (status) return status;
  *score = (trm__score){0};
  for (int r = 0; r < comm->size; r++) trm__score_merge(score, &trainer->scores[r]);
  return TRM_OK;
}

void trm__trainer_set_step(trm__trainer *trainer, int64_t step) {
  const trm__update_state state = {.t = step};
  trainer->backend->copy(trainer->backend, trainer->state, &state, sizeof state, TRM__COPY_TO_DEVICE);
  trainer->step = trainer->before = step;
  trainer->queued = 0;
}

/* -- device arrays seen from the host ------------------------------------------------------------------------------ */

void *trm__trainer_borrow(trm__trainer *trainer, const void *device, size_t bytes, trm_error *err) {
  trm__backend *be = trainer->backend;
  if (be->on_host) return (void *)(uintptr_t)device;
  void *host = trm__calloc(bytes, 1);
  if (host) be->copy(be, host, device, bytes, TRM__COPY_TO_HOST);
  else trm__fail_memory(err, "copy of device memory", bytes);
  return host;
}

void trm__trainer_return(trm__trainer *trainer, void *device, size_t bytes, void *host, int changed) {
  trm__backend *be = trainer->backend;
  if (!host || be->on_host) return;
  if (changed) be->copy(be, device, host, bytes, TRM__COPY_TO_DEVICE);
  trm__free(host);
}
