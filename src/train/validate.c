/* Validation works on slices of the trainer's micro-batch, in the network's own buffers, with the averaged weights
 * prepared in place of the trained ones; these are prepared again at the end. */
#include "train/validate.h"

#include <string.h>

/* Fills the validation slots with examples first .. first + b - 1 and the carry's start. */
static void load_slice(trm__trainer *t, const trm_dataset *data, int64_t first, int b) {
  trm__carry *v = &t->valid;
  size_t s = (size_t)v->seq_len;
  memset(v->halted, 0, (size_t)v->batch);
  for (int i = 0; i < b; i++) {
    trm_dataset_example(data, first + i, v->inputs + (size_t)i * s, v->labels + (size_t)i * s, &v->ids[i], NULL);
    v->halted[i] = 1;
  }
  trm__carry_admit(v, t->net, v->batch, t->start);
}

static trm_status run_slice(trm__trainer *t, int b, trm__metrics *metrics, trm_error *err) {
  trm__carry *v = &t->valid;
  trm__loss loss = {.kind = t->config.loss == TRM_LOSS_SOFTMAX ? TRM__LOSS_SOFTMAX : TRM__LOSS_STABLEMAX,
                    .halt_weight = t->config.halt_weight,
                    .grad_scale = 1};
  trm__trainer_gather(t, v->ids, b);
  for (int64_t step = 0; step < t->model.halt_max_steps; step++)
    trm__network_step(t->net, b, v->device_inputs, t->rows, v->y, v->z, t->valid_logits, t->valid_q);
  trm__example_stats stats[64];
  size_t s = (size_t)v->seq_len, vocabulary = (size_t)t->params.dims.V;
  for (int i = 0; i < b; i += 64) {
    int n = b - i < 64 ? b - i : 64;
    trm__network_loss(t->net, n, t->valid_logits + (size_t)i * s * vocabulary, t->valid_q + 2 * (size_t)i,
                      v->device_labels + (size_t)i * s, &loss, stats);
    trm_status status = t->backend->synchronize(t->backend, err);
    if (status != TRM_OK) return status;
    for (int j = 0; j < n; j++) trm__metrics_add(metrics, &stats[j], t->model.halt_max_steps, 0);
  }
  return TRM_OK;
}

trm_status trm__validate(trm__trainer *trainer, const trm_dataset *data, int64_t limit, trm__metrics *metrics,
                         trm_error *err) {
  trm_status status = TRM_OK;
  int64_t examples = trm_dataset_describe(data).examples;
  if (limit > 0 && limit < examples) examples = limit;
  *metrics = (trm__metrics){0};
  trm__network_prepare(trainer->net, trainer->ema);
  for (int64_t i = 0; i < examples && status == TRM_OK; i += trainer->micro_batch) {
    int b = examples - i < trainer->micro_batch ? (int)(examples - i) : trainer->micro_batch;
    load_slice(trainer, data, i, b);
    status = run_slice(trainer, b, metrics, err);
  }
  trm__trainer_prepare(trainer);
  return status;
}
