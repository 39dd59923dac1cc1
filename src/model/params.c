/* The parameter table: which tensors a configuration has, in the original state dict's order, and where each lies.
 * Model files, checkpoints, optimizers and tests all walk this table, so no tensor's name or shape is written twice. */
#include "model/params.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"

static trm__param *params_add(trm__params *p, trm__param_kind kind, int rows, int cols, double std, const char *name) {
  trm__param *item = &p->item[p->count++];
  snprintf(item->name, sizeof item->name, "inner.%s", name);
  item->kind = kind;
  item->rows = rows;
  item->cols = cols > 0 ? cols : 1;
  item->rank = cols > 0 ? 2 : 1;
  item->init_std = std;
  size_t elements = (size_t)rows * (size_t)item->cols;
  if (kind == TRM__PARAM_PUZZLE) {
    p->puzzle = elements;
  } else if (kind != TRM__PARAM_START) {
    item->offset = p->trained;
    p->trained += elements;
  }
  return item;
}

/* A weight of a layer, [outputs][inputs]. */
static void params_add_linear(trm__params *p, int layer, const char *name, int outputs, int inputs) {
  char full[64];
  snprintf(full, sizeof full, "L_level.layers.%d.%s.weight", layer, name);
  params_add(p, TRM__PARAM_MATRIX, outputs, inputs, 1 / sqrt((double)inputs), full);
}

static void params_add_layer(trm__params *p, int layer) {
  const trm__dims *d = &p->dims;
  if (d->mixer) {
    params_add_linear(p, layer, "mlp_t.gate_up_proj", 2 * d->inner_l, d->L);
    params_add_linear(p, layer, "mlp_t.down_proj", d->L, d->inner_l);
  } else {
    params_add_linear(p, layer, "self_attn.qkv_proj", 3 * d->D, d->D);
    params_add_linear(p, layer, "self_attn.o_proj", d->D, d->D);
  }
  params_add_linear(p, layer, "mlp.gate_up_proj", 2 * d->inner_d, d->D);
  params_add_linear(p, layer, "mlp.down_proj", d->D, d->inner_d);
}

trm_status trm__params_open(trm__params *params, const trm_model_config *config, trm_error *err) {
  trm_status status = trm_model_config_check(config, err);
  if (status) return status;
  trm__params p;
  memset(&p, 0, sizeof p);
  p.dims = trm__dims_from_config(config);
  size_t most = 8 + 4 * (size_t)p.dims.layers;
  p.item = trm__calloc(most, sizeof *p.item);
  if (!p.item) return trm__fail_memory(err, "parameter table", most * sizeof *p.item);

  int D = p.dims.D;
  double row = 1 / sqrt((double)D);
  params_add(&p, TRM__PARAM_START, D, 0, 1, "H_init");
  params_add(&p, TRM__PARAM_START, D, 0, 1, "L_init")->offset = (size_t)D;
  params_add(&p, TRM__PARAM_OTHER, p.dims.V, D, row, "embed_tokens.embedding_weight");
  params_add(&p, TRM__PARAM_OTHER, p.dims.V, D, row, "lm_head.weight");
  params_add(&p, TRM__PARAM_OTHER, 2, D, 0, "q_head.weight");
  params_add(&p, TRM__PARAM_OTHER, 2, 0, 0, "q_head.bias")->init_value = -5;
  if (p.dims.emb_ndim > 0)
    params_add(&p, TRM__PARAM_PUZZLE, (int)config->num_puzzle_identifiers, p.dims.emb_ndim, 0, "puzzle_emb.weights");
  if (p.dims.positions == TRM_POS_LEARNED)
    params_add(&p, TRM__PARAM_OTHER, p.dims.L, D, row, "embed_pos.embedding_weight");
  for (int i = 0; i < p.dims.layers; i++) params_add_layer(&p, i);
  *params = p;
  return TRM_OK;
}

void trm__params_close(trm__params *params) {
  trm__free(params->item);
  memset(params, 0, sizeof *params);
}

const trm__param *trm__params_find(const trm__params *params, const char *name) {
  for (int i = 0; i < params->count; i++)
    if (strcmp(params->item[i].name, name) == 0) return &params->item[i];
  return NULL;
}

trm__weights_view trm__params_view(const trm__params *params, trm__real *flat) {
  trm__weights_view view;
  memset(&view, 0, sizeof view);
  int matrix = 0; /* a layer's four matrices follow one another, in the order of trm__layer_view */
  for (int i = 0; i < params->count; i++) {
    const trm__param *item = &params->item[i];
    trm__real *at = flat + item->offset;
    if (item->kind == TRM__PARAM_MATRIX) {
      trm__layer_view *layer = &view.layer[matrix / 4];
      trm__real **place[4] = {&layer->mix_in, &layer->mix_out, &layer->mlp_in, &layer->mlp_out};
      *place[matrix++ % 4] = at;
    } else if (item->kind == TRM__PARAM_OTHER) {
      const char *name = item->name;
      if (strcmp(name, "inner.embed_tokens.embedding_weight") == 0) view.embed = at;
      if (strcmp(name, "inner.embed_pos.embedding_weight") == 0) view.embed_pos = at;
      if (strcmp(name, "inner.lm_head.weight") == 0) view.lm_head = at;
      if (strcmp(name, "inner.q_head.weight") == 0) view.q_weight = at;
      if (strcmp(name, "inner.q_head.bias") == 0) view.q_bias = at;
    }
  }
  return view;
}

trm_status trm__weight_set_open(trm__weight_set *set, const trm__params *params, trm_error *err) {
  trm__weight_set s;
  memset(&s, 0, sizeof s);
  size_t D = (size_t)params->dims.D;
  s.flat = trm__calloc(params->trained, sizeof *s.flat);
  s.start = trm__calloc(2 * D, sizeof *s.start);
  if (params->puzzle) s.puzzle = trm__calloc(params->puzzle, sizeof *s.puzzle);
  if (!s.flat || !s.start || (params->puzzle && !s.puzzle)) {
    trm__weight_set_close(&s);
    return trm__fail_memory(err, "weights", (params->trained + 2 * D + params->puzzle) * sizeof(trm__real));
  }
  *set = s;
  return TRM_OK;
}

void trm__weight_set_close(trm__weight_set *set) {
  trm__free(set->flat);
  trm__free(set->start);
  trm__free(set->puzzle);
  memset(set, 0, sizeof *set);
}

trm__real *trm__weight_set_tensor(const trm__weight_set *set, const trm__params *params, int i) {
  const trm__param *item = &params->item[i];
  if (item->kind == TRM__PARAM_PUZZLE) return set->puzzle;
  return (item->kind == TRM__PARAM_START ? set->start : set->flat) + item->offset;
}

void trm__weight_set_init(trm__weight_set *set, const trm__params *params, uint64_t seed) {
  for (int i = 0; i < params->count; i++) {
    const trm__param *item = &params->item[i];
    trm__real *to = trm__weight_set_tensor(set, params, i);
    size_t elements = (size_t)item->rows * (size_t)item->cols;
    trm__rng rng = trm__rng_make(seed, TRM__RNG_INIT, (uint64_t)i);
    for (size_t k = 0; k < elements; k++)
      to[k] = (trm__real)(item->init_std > 0 ? trm__rng_trunc_normal(&rng, item->init_std) : item->init_value);
  }
}
