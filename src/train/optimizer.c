/* The flat array of weights is cut into segments once, when the optimizer is opened; an update is then a short loop
 * over segments, and one call for all that are not Muon's. */
#include "train/optimizer.h"

#include <string.h>

#include "base/mem.h"
#include "base/status.h"

/* Whether one of the comma-separated prefixes begins the name. */
static int frozen_matches(const char *prefixes, const char *name) {
  for (const char *p = prefixes; *p;) {
    size_t length = strcspn(p, ",");
    if (length && strncmp(p, name, length) == 0) return 1;
    p += length;
    if (*p) p++;
  }
  return 0;
}

static trm_status frozen_check(const char *prefixes, const trm__params *params, trm_error *err) {
  for (const char *p = prefixes; *p;) {
    size_t length = strcspn(p, ",");
    int found = 0;
    for (int i = 0; i < params->count && length; i++) found |= strncmp(p, params->item[i].name, length) == 0;
    if (!found)
      return trm__fail(err, TRM_E_USAGE, "--frozen", "no tensor's name begins with \"%.*s\"; the first is %s",
                       (int)length, p, params->item[0].name);
    p += length;
    if (*p) p++;
  }
  return TRM_OK;
}

/* Appends a tensor to a list, to its last segment when it continues it. */
static void segment_append(trm__segment *list, size_t *count, const trm__param *p, int muon) {
  size_t n = (size_t)p->rows * (size_t)p->cols;
  trm__segment *last = *count ? &list[*count - 1] : NULL;
  if (last && !muon && !last->muon && last->offset + last->n == p->offset) {
    last->n += n;
    return;
  }
  list[(*count)++] = (trm__segment){.offset = p->offset, .n = n, .rows = p->rows, .cols = p->cols, .muon = muon};
}

static size_t scratch_size(trm__backend *be, const trm__params *params, const trm_train_config *config) {
  size_t most = (size_t)params->dims.emb_ndim;
  for (int i = 0; i < params->count && config->optimizer == TRM_MUON; i++) {
    if (params->item[i].kind != TRM__PARAM_MATRIX) continue;
    size_t n = be->muon_scratch(be, params->item[i].rows, params->item[i].cols);
    if (n > most) most = n;
  }
  return most;
}

size_t trm__optimizer_bytes(trm__backend *backend, const trm__params *params, const trm_train_config *config) {
  return (2 * params->trained + scratch_size(backend, params, config)) * sizeof(trm__real);
}

size_t trm__optimizer_host_bytes(const trm__params *params) {
  return (size_t)params->count * (2 * sizeof(trm__segment) + sizeof(trm__dense));
}

trm_status trm__optimizer_open(trm__optimizer *optimizer, trm__backend *backend, const trm__params *params,
                               const trm_train_config *config, trm_error *err) {
  trm__optimizer o = {.backend = backend, .config = *config};
  trm_status status = frozen_check(config->frozen, params, err);
  if (status) return status;
  size_t scratch = scratch_size(backend, params, config);
  o.m = backend->alloc(backend, params->trained * sizeof(trm__real));
  o.v = backend->alloc(backend, params->trained * sizeof(trm__real));
  o.scratch = backend->alloc(backend, scratch * sizeof(trm__real));
  o.segment = trm__calloc((size_t)params->count, sizeof *o.segment);
  o.frozen = trm__calloc((size_t)params->count, sizeof *o.frozen);
  o.dense = trm__calloc((size_t)params->count, sizeof *o.dense);
  if (!o.m || !o.v || !o.scratch || !o.segment || !o.frozen || !o.dense) {
    trm__optimizer_close(&o);
    return trm__backend_no_memory(backend, err, "optimizer", trm__optimizer_bytes(backend, params, config));
  }
  for (int i = 0; i < params->count; i++) {
    const trm__param *p = &params->item[i];
    int frozen = frozen_matches(config->frozen, p->name);
    if (p->kind == TRM__PARAM_PUZZLE) o.puzzle_frozen = frozen;
    if (p->kind != TRM__PARAM_MATRIX && p->kind != TRM__PARAM_OTHER) continue;
    if (frozen) segment_append(o.frozen, &o.frozens, p, 0);
    else segment_append(o.segment, &o.segments, p, config->optimizer == TRM_MUON && p->kind == TRM__PARAM_MATRIX);
  }
  int puzzle_learns = params->dims.emb_ndim > 0 && !o.puzzle_frozen;
  if (!o.segments && !puzzle_learns) {
    trm__optimizer_close(&o);
    return trm__fail(err, TRM_E_USAGE, "--frozen", "freezes every tensor, and nothing would be trained");
  }
  *optimizer = o;
  return TRM_OK;
}

void trm__optimizer_close(trm__optimizer *optimizer) {
  trm__backend *be = optimizer->backend;
  if (be) {
    void *device[] = {optimizer->m, optimizer->v, optimizer->scratch};
    for (size_t i = 0; i < sizeof device / sizeof *device; i++)
      if (device[i]) be->free(be, device[i]);
  }
  trm__free(optimizer->segment);
  trm__free(optimizer->frozen);
  trm__free(optimizer->dense);
  *optimizer = (trm__optimizer){0};
}

void trm__optimizer_freeze(trm__optimizer *optimizer, trm__real *grads) {
  trm__backend *be = optimizer->backend;
  for (size_t i = 0; i < optimizer->frozens; i++)
    be->zero(be, grads + optimizer->frozen[i].offset, optimizer->frozen[i].n * sizeof *grads);
}

void trm__optimizer_step(trm__optimizer *optimizer, const trm__update_state *state, trm__real *weights, trm__real *ema,
                         const trm__real *grads) {
  trm__backend *be = optimizer->backend;
  const trm_train_config *c = &optimizer->config;
  int count = 0;
  for (size_t i = 0; i < optimizer->segments; i++) {
    const trm__segment *s = &optimizer->segment[i];
    trm__real *p = weights + s->offset, *m = optimizer->m + s->offset, *average = ema + s->offset;
    if (s->muon)
      be->muon(be, state, p, m, average, grads + s->offset, s->rows, s->cols, c->muon_lr, c->muon_momentum,
               c->muon_weight_decay, optimizer->scratch);
    else
      optimizer->dense[count++] =
          (trm__dense){.kind = c->optimizer == TRM_ADAM_ATAN2 ? TRM__DENSE_ADAM_ATAN2 : TRM__DENSE_ADAMW,
                       .p = p,
                       .m = m,
                       .v = optimizer->v + s->offset,
                       .ema = average,
                       .g = grads + s->offset,
                       .n = s->n,
                       .lr = c->lr,
                       .beta1 = c->beta1,
                       .beta2 = c->beta2,
                       .weight_decay = c->weight_decay,
                       .eps = 1e-8};
  }
  if (count) be->dense(be, state, optimizer->dense, count);
}

void trm__optimizer_puzzle(trm__optimizer *optimizer, const trm__update_state *state, trm__real *table, int rows,
                           int ndim, const trm__real *drows, const int32_t *ids, int b) {
  if (optimizer->puzzle_frozen) return;
  trm__backend *be = optimizer->backend;
  be->sign_sgd_rows(be, state, table, rows, ndim, drows, ids, b, optimizer->config.puzzle_emb_lr,
                    optimizer->config.puzzle_emb_weight_decay, optimizer->scratch);
}
