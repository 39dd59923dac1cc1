/* One update as a sequence of backend operations, and the queue of updates that a device may be behind. */
#include "train/update.h"

#include <string.h>

#include "base/status.h"
#include "train/lattice/learn.h"

trm_loss_type trm__update_loss_kind(const trm__trainer *trainer) {
  return (trm_loss_type)trainer->config.loss;
}

static trm__update_rule update_rule(const trm__trainer *t) {
  const trm_train_config *c = &t->config;
  return (trm__update_rule){.warmup = c->lr_warmup_steps,
                            .total = t->updates,
                            .min_ratio = c->lr_min_ratio,
                            .ema_decay = c->ema_decay,
                            .ema_from = c->ema_from,
                            .clip = c->clip,
                            .halt_weight = c->halt_weight,
                            .max_loss = c->max_loss,
                            .q_halt_floor = TRM__Q_HALT_FLOOR,
                            .max_steps = t->lattice ? 0 : t->model.halt_max_steps,
                            .exploration_prob = t->model.halt_exploration_prob,
                            .seed = (uint64_t)c->seed,
                            .batch = (int)c->batch,
                            .first = t->first};
}

/* -- the sequence -------------------------------------------------------------------------------------------------- */

void trm__update_gather(trm__trainer *t, const int32_t *ids, int b) {
  if (t->rows)
    t->backend->gather_rows(t->backend, t->rows, t->puzzle, (int)t->model.num_puzzle_identifiers,
                            t->params.dims.emb_ndim, ids, b);
}

/* Noise of this update for the slots from i on. Each slot has a stream of random numbers, in pieces of the length of a
 * z: one for each latent's start, then one for each latent cycle of the step. This is where `piece` begins. */
static trm__network_noise update_noise(const trm__trainer *t, double sigma, int i, uint64_t piece) {
  return (trm__network_noise){.sigma = sigma,
                              .seed = (uint64_t)t->config.seed,
                              .index = t->noise_index ? t->noise_index + i : NULL,
                              .offset = piece * trm__network_noise_numbers(t->net)};
}

/* The supervision step with gradients of the slots from i on, b of them. */
static void update_compute(trm__trainer *t, const trm__loss *loss, trm__real *grads, int i, int b) {
  const trm__slots *c = &t->carry.slots;
  size_t s = (size_t)c->seq_len, offset = (size_t)i * t->carry.slot_bytes;
  int slot = t->first + i;
  trm__update_gather(t, c->ids + i, b);
  trm__real *drows = t->drows ? t->drows + (size_t)slot * (size_t)t->params.dims.emb_ndim : NULL;
  trm__network_noise noise = update_noise(t, t->config.latent_noise, i, (uint64_t)t->carry.latents);
  trm__network_set_noise(t->net, &noise);
  const int32_t *inputs = c->inputs + (size_t)i * s, *labels = c->labels + (size_t)i * s;
  trm__act *y = t->carry.y + offset, *z = t->carry.z + offset;
  if (t->carry.latents > 1)
    trm__network_train_step_best(t->net, b, inputs, t->rows, labels, c->steps + i, loss, y, z,
                                 (size_t)c->count * t->carry.slot_bytes, grads, drows, t->stats + slot);
  else
    trm__network_train_step(t->net, b, inputs, t->rows, labels, c->steps + i, loss, y, z, grads, drows, t->stats + slot,
                            NULL, NULL);
}

/* This rank's slices one after the other. Each is made from zero in the array behind the tree's nodes, and joins them.
 */
static void update_compute_slices(trm__trainer *t) {
  const trm__loss loss = {.kind = trm__update_loss_kind(t),
                          .label_smoothing = t->config.label_smoothing,
                          .halt_weight = t->config.halt_weight,
                          .grad_scale = 1.0 / (double)t->config.batch,
                          .step_decay = t->config.step_decay};
  trm__backend *be = t->backend;
  trm__tree tree = {.nodes = 0};
  size_t n = t->params.trained, last = trm__share_first_slice(&t->share, t->comm->rank + 1, t->comm->size);
  for (size_t k = trm__share_first_slice(&t->share, t->comm->rank, t->comm->size); k < last; k++) {
    int begin = (int)trm__share_item(&t->share, k) - t->first, end = (int)trm__share_item(&t->share, k + 1) - t->first;
    trm__real *grads = t->grads + (size_t)tree.nodes * n;
    be->zero(be, grads, n * sizeof *grads);
    for (int i = begin; i < end; i += t->micro_batch)
      update_compute(t, &loss, grads, i, end - i < t->micro_batch ? end - i : t->micro_batch);
    for (int merges = trm__tree_push(&tree, k, 0); merges > 0; merges--, grads -= n) be->add(be, grads - n, grads, n);
  }
}

/* Adds up what the ranks computed, and gathers each slot's result, puzzle and its gradient: from here on every rank
 * does the same with the same numbers, so all judge and step alike. */
static trm_status update_exchange(trm__trainer *t, trm_error *err) {
  trm__comm *comm = t->comm;
  trm__backend *be = t->backend;
  const trm__slots *slots = &t->carry.slots;
  trm_status status = trm__comm_sum(comm, be, t->grads, &t->share, t->params.trained, err);
  if (comm->size == 1) return status;
  if (!status) status = trm__comm_gather_rows(comm, be, t->stats, &t->share, sizeof *t->stats, err);
  if (status || !t->drows) return status;
  size_t row = (size_t)t->params.dims.emb_ndim * sizeof *t->drows;
  be->copy(be, t->ids + t->first, slots->ids, (size_t)slots->count * sizeof *t->ids, TRM__COPY_ON_DEVICE);
  status = trm__comm_gather_rows(comm, be, t->ids, &t->share, sizeof *t->ids, err);
  return status ? status : trm__comm_gather_rows(comm, be, t->drows, &t->share, row, err);
}

static void update_step_weights(trm__trainer *t, const trm__update_rule *rule) {
  trm__backend *be = t->backend;
  trm__optimizer_freeze(&t->optimizer, t->grads);
  be->update_judge(be, t->state, rule, t->stats, t->grads, t->params.trained);
  if (t->puzzle)
    trm__optimizer_puzzle(&t->optimizer, t->state, t->puzzle, (int)t->model.num_puzzle_identifiers,
                          t->params.dims.emb_ndim, t->drows, t->ids, (int)t->config.batch);
  trm__optimizer_step(&t->optimizer, t->state, t->weights, t->ema, t->grads);
  trm__trainer_prepare(t);
}

/* The same with the lattice recursion: the pool's entries take the place of supervision steps. */
static trm_status update_sequence_lattice(trm__trainer *t, const trm__update_rule *rule) {
  trm__backend *be = t->backend;
  be->update_begin(be, t->state, rule, NULL, 0);
  trm__lattice_learn(t);
  update_step_weights(t, rule);
  trm__lattice_advance(t);
  be->update_end(be, t->state, rule, t->stats, &t->carry.slots, &t->log);
  return TRM_OK;
}

static trm_status update_sequence(trm__trainer *t, const trm__update_rule *rule, trm_error *err) {
  trm__backend *be = t->backend;
  const trm__slots *slots = &t->carry.slots;
  if (t->lattice) return update_sequence_lattice(t, rule);
  trm__network_noise noise = update_noise(t, t->config.start_noise, 0, 0);
  be->update_begin(be, t->state, rule, t->noise_index, slots->count);
  trm__train_slots_refill(&t->carry, t->net, slots->count, t->micro_batch, t->start, &noise);
  be->admit(be, slots, t->candidates.inputs, t->candidates.labels, t->candidates.ids);
  update_compute_slices(t);
  trm_status status = update_exchange(t, err);
  if (status) return status;
  update_step_weights(t, rule);
  be->update_end(be, t->state, rule, t->stats + t->first, slots, &t->log);
  return TRM_OK;
}

/* -- recording ----------------------------------------------------------------------------------------------------- */

/* Leaves a recording of this very update in t->recording: the one from before, or a new one. */
static trm_status update_record(trm__trainer *t, const trm__update_rule *rule, trm_error *err) {
  trm__backend *be = t->backend;
  trm__recording_key now = {.micro_batch = t->micro_batch, .rule = *rule};
  trm__network_cycles(t->net, &now.latent_cycles, &now.recursion_cycles);
  if (t->recording && memcmp(&now, &t->recorded, sizeof now) == 0) return TRM_OK;
  if (t->recording) be->recording_close(be, &t->recording);
  trm_error first = {0};
  trm_status status = be->record_begin(be, err);
  if (status) return status;
  trm_status done = update_sequence(t, rule, &first);
  status = be->record_end(be, &t->recording, err); /* always, as recording must not go on */
  if (done && err) *err = first;
  t->recorded = now;
  return done ? done : status;
}

/* -- the queue ----------------------------------------------------------------------------------------------------- */

int trm__update_queue_full(const trm__trainer *trainer) {
  return trainer->queued >= trainer->log.entries;
}

static void update_upload_offer(trm__trainer *t) {
  trm__backend *be = t->backend;
  size_t count = (size_t)t->carry.slots.count, rows = count * (size_t)t->carry.slots.seq_len * sizeof(int32_t);
  if (be->on_host) return;
  be->copy(be, t->candidates.inputs, t->offer.inputs, rows, TRM__COPY_TO_DEVICE);
  be->copy(be, t->candidates.labels, t->offer.labels, rows, TRM__COPY_TO_DEVICE);
  be->copy(be, t->candidates.ids, t->offer.ids, count * sizeof(int32_t), TRM__COPY_TO_DEVICE);
}

trm_status trm__update_enqueue(trm__trainer *trainer, trm_error *err) {
  trm__trainer *t = trainer;
  trm__update_rule rule = update_rule(t);
  int recorded = t->backend->record_begin && t->comm->size == 1;
  if (trm__update_queue_full(t))
    return trm__fail(err, TRM_E_USAGE, "training", "%d updates are in the queue and must be collected first",
                     t->queued);
  trm__phase phase = trm__cycles_at(&t->cycles, t->step + t->queued + 1, t->updates);
  if (t->net) trm__network_set_cycles(t->net, phase.n, phase.T);
  update_upload_offer(t);
  trm_status status = recorded ? update_record(t, &rule, err) : update_sequence(t, &rule, err);
  if (status) return status;
  if (recorded) t->backend->replay(t->backend, t->recording);
  t->queued++;
  return TRM_OK;
}

/* Place in the log of update `step`. */
static size_t log_place(const trm__trainer *t, int64_t step) {
  return (size_t)(step % t->seen.entries);
}

static void log_download(trm__trainer *t) {
  trm__backend *be = t->backend;
  size_t entries = (size_t)t->log.entries, rows = entries * (size_t)t->log.count;
  if (be->on_host) return;
  be->copy(be, t->seen.state, t->log.state, entries * sizeof *t->log.state, TRM__COPY_TO_HOST);
  be->copy(be, t->seen.stats, t->log.stats, rows * sizeof *t->log.stats, TRM__COPY_TO_HOST);
  be->copy(be, t->seen.steps, t->log.steps, rows * sizeof *t->log.steps, TRM__COPY_TO_HOST);
  be->copy(be, t->seen.halted, t->log.halted, rows * sizeof *t->log.halted, TRM__COPY_TO_HOST);
}

static double update_loss(const trm__trainer *t, const trm__update_state *s) {
  return s->lm_loss + t->config.halt_weight * s->halt_loss;
}

static trm_status update_fail_diverged(const trm__trainer *t, const trm__update_state *s, trm_error *err) {
  const char *what = s->diverged == TRM__LOSS_BAD   ? "loss"
                     : s->diverged == TRM__NORM_BAD ? "gradient norm"
                                                    : "mean halting logit";
  double value = s->diverged == TRM__LOSS_BAD   ? update_loss(t, s)
                 : s->diverged == TRM__NORM_BAD ? s->grad_norm
                                                : s->q_halt;
  return trm__fail(err, TRM_E_DIVERGED, "training", "the %s is %g at update %lld (loss at most %g is allowed)", what,
                   value, (long long)(t->step + 1), t->config.max_loss);
}

trm_status trm__update_collect(trm__trainer *trainer, int *count, trm_error *err) {
  trm__trainer *t = trainer;
  *count = 0;
  trm_status status = t->backend->synchronize(t->backend, err);
  if (status) return status;
  log_download(t);
  t->before = t->step;
  for (; t->queued > 0 && !status; t->queued--) {
    const trm__update_state *s = &t->seen.state[log_place(t, t->step + 1)];
    if (s->diverged != TRM__SOUND) status = update_fail_diverged(t, s, err);
    else t->step++, ++*count;
  }
  t->queued = 0;
  return status;
}

trm__done trm__update_done(const trm__trainer *trainer, int i) {
  const trm__trainer *t = trainer;
  int64_t step = t->before + 1 + i;
  size_t at = log_place(t, step), row = at * (size_t)t->seen.count;
  const trm__update_state *s = &t->seen.state[at];
  return (trm__done){.step = step,
                     .update = {.loss = update_loss(t, s),
                                .lm_loss = s->lm_loss,
                                .halt_loss = s->halt_loss,
                                .q_halt = s->q_halt,
                                .grad_norm = s->grad_norm,
                                .lr = t->config.lr * s->factor,
                                .pool = t->lattice ? &t->states.counts : NULL},
                     .slots = t->seen.count,
                     .stats = t->seen.stats + row,
                     .steps = t->seen.steps + row,
                     .halted = t->seen.halted + row};
}

trm_status trm__update_run(trm__trainer *trainer, trm__update *out, trm_error *err) {
  int count = 0;
  trm_status status = trm__update_enqueue(trainer, err);
  if (!status) status = trm__update_collect(trainer, &count, err);
  if (!status) *out = trm__update_done(trainer, 0).update;
  return status;
}
