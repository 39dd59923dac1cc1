/* Validation works on the trainer's micro-batches, in the network's own buffers, with the averaged weights
 * prepared in place of the trained ones; these are prepared again at the end. The first latent is solved as the model
 * will be: with its own n and T, without noise. Ranks share the examples and merge their counts. */
#include "train/validate.h"

#include "train/lattice/check.h"
#include "train/update.h"

/* Examples first .. first + b - 1 into the validation slots, by way of the rows for candidates, which are free between
 * updates; and the carry's start. The slots stay halted. */
static void validate_load_slice(trm__trainer *t, const trm_dataset *data, int64_t first, int b) {
  trm__backend *be = t->backend;
  const trm__slots *v = &t->valid.slots;
  const trm__examples *rows = &t->offer;
  size_t s = (size_t)v->seq_len, bytes = (size_t)b * s * sizeof(int32_t);
  for (int i = 0; i < b; i++)
    trm_dataset_example(data, first + i, rows->inputs + (size_t)i * s, rows->labels + (size_t)i * s, &rows->ids[i],
                        NULL);
  be->copy(be, v->inputs, rows->inputs, bytes, TRM__COPY_TO_DEVICE);
  be->copy(be, v->labels, rows->labels, bytes, TRM__COPY_TO_DEVICE);
  be->copy(be, v->ids, rows->ids, (size_t)b * sizeof(int32_t), TRM__COPY_TO_DEVICE);
  trm__train_slots_refill(&t->valid, t->net, b, v->count, t->start, NULL);
}

/* All supervision steps; only the last is scored. */
static trm_status validate_slice(trm__trainer *t, int b, trm__score *score, trm_error *err) {
  const trm__slots *v = &t->valid.slots;
  trm__act *y = t->valid.y, *z = t->valid.z;
  trm__loss loss = {.kind = trm__update_loss_kind(t), .halt_weight = t->config.halt_weight, .grad_scale = 1};
  trm__update_gather(t, v->ids, b);
  for (int64_t step = 1; step < t->model.halt_max_steps; step++)
    trm__network_step(t->net, b, v->inputs, t->rows, y, z, t->valid_logits, t->valid_q);
  trm__network_scored_step(t->net, b, v->inputs, t->rows, v->labels, &loss, y, z, t->valid_logits, t->valid_q,
                           t->valid_stats);
  trm_status status = t->backend->synchronize(t->backend, err);
  trm__example_stats stats[64];
  for (int i = 0; i < b && !status; i += 64) {
    int n = b - i < 64 ? b - i : 64;
    t->backend->copy(t->backend, stats, t->valid_stats + i, (size_t)n * sizeof *stats, TRM__COPY_TO_HOST);
    for (int j = 0; j < n; j++) trm__score_add(score, &stats[j], t->model.halt_max_steps, 0);
  }
  return status;
}

trm_status trm__validate(trm__trainer *trainer, const trm_dataset *data, int64_t limit, trm__score *score,
                         trm_error *err) {
  trm_status status = TRM_OK;
  if (trainer->lattice) return trm__lattice_validate(trainer, data, limit, score, err);
  int64_t examples = trm_dataset_describe(data).examples;
  if (limit > 0 && limit < examples) examples = limit;
  const trm__comm *comm = trainer->comm;
  const trm__share share = {.items = (size_t)examples, .slices = (size_t)examples};
  int64_t from = (int64_t)trm__share_first(&share, comm->rank, comm->size);
  int64_t end = (int64_t)trm__share_first(&share, comm->rank + 1, comm->size);
  *score = (trm__score){0};
  trm__network_prepare(trainer->net, trainer->ema);
  trm__network_set_cycles(trainer->net, (int)trainer->model.L_cycles, (int)trainer->model.H_cycles);
  trm__network_set_noise(trainer->net, NULL);
  for (int64_t i = from; i < end && !status; i += trainer->micro_batch) {
    int b = end - i < trainer->micro_batch ? (int)(end - i) : trainer->micro_batch;
    validate_load_slice(trainer, data, i, b);
    status = validate_slice(trainer, b, score, err);
  }
  trm__trainer_prepare(trainer);
  return status ? status : trm__trainer_merge_score(trainer, score, err);
}
