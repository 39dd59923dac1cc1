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

static void params_add_uniform(trm__params *p, trm__param_kind kind, int rows, int cols, double bound,
                               const char *name) {
  params_add(p, kind, rows, cols, 0, name)->init_bound = bound;
}

/* A weight of a layer, [outputs][inputs]. Of the lattice recursion it begins as its authors' does: uniform, and W_qkv
 * by the rule of X. Glorot for a square matrix times 1/sqrt(2). */
static void params_add_linear(trm__params *p, int layer, const char *name, int outputs, int inputs) {
  char full[64];
  double one = 1 / sqrt((double)inputs);
  int qkv = outputs == 3 * inputs && strncmp(name, "self", 4) == 0;
  snprintf(full, sizeof full, "L_level.layers.%d.%s.weight", layer, name);
  if (!p->dims.values) params_add(p, TRM__PARAM_MATRIX, outputs, inputs, one, full);
  else params_add_uniform(p, TRM__PARAM_MATRIX, outputs, inputs, qkv ? sqrt(1.5) * one : one, full);
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

/* What stands around the layers of the lattice recursion. Deviations and bounds: docs/spec.md, Initial values. */
static void params_add_lattice(trm__params *p) {
  int D = p->dims.D, C = p->dims.values;
  double of_sets = 1 / sqrt((double)C), of_state = 1 / sqrt((double)D);
  params_add_uniform(p, TRM__PARAM_OTHER, C, D, of_sets, "embed_sets.embedding_weight");
  params_add_uniform(p, TRM__PARAM_OTHER, D, 0, of_sets, "embed_sets.bias");
  params_add(p, TRM__PARAM_OTHER, p->dims.rows, D, 1, "embed_rows.embedding_weight");
  params_add(p, TRM__PARAM_OTHER, p->dims.width, D, 1, "embed_columns.embedding_weight");
  params_add(p, TRM__PARAM_OTHER, D, 0, 0.02, "conflict_token");
  params_add_uniform(p, TRM__PARAM_OTHER, 2 * C, D, of_state, "set_head.weight");
  params_add_uniform(p, TRM__PARAM_OTHER, 2 * C, 0, of_state, "set_head.bias");
  params_add_uniform(p, TRM__PARAM_OTHER, 1, D, of_state, "conflict_head.weight");
  params_add_uniform(p, TRM__PARAM_OTHER, 1, 0, of_state, "conflict_head.bias");
}

static void params_add_ends(trm__params *p, const trm_model_config *config) {
  int D = p->dims.D;
  double row = 1 / sqrt((double)D);
  params_add(p, TRM__PARAM_START, D, 0, 1, "H_init");
  params_add(p, TRM__PARAM_START, D, 0, 1, "L_init")->offset = (size_t)D;
  params_add(p, TRM__PARAM_OTHER, p->dims.V, D, row, "embed_tokens.embedding_weight");
  params_add(p, TRM__PARAM_OTHER, p->dims.V, D, row, "lm_head.weight");
  params_add(p, TRM__PARAM_OTHER, 2, D, 0, "q_head.weight");
  params_add(p, TRM__PARAM_OTHER, 2, 0, 0, "q_head.bias")->init_value = -5;
  if (p->dims.emb_ndim > 0)
    params_add(p, TRM__PARAM_PUZZLE, (int)config->num_puzzle_identifiers, p->dims.emb_ndim, 0, "puzzle_emb.weights");
  if (p->dims.positions == TRM_POS_LEARNED)
    params_add(p, TRM__PARAM_OTHER, p->dims.L, D, row, "embed_pos.embedding_weight");
}

trm_status trm__params_open(trm__params *params, const trm_model_config *config, trm_error *err) {
  trm_status status = trm_model_config_check(config, err);
  if (status) return status;
  trm__params p;
  memset(&p, 0, sizeof p);
  p.dims = trm__dims_from_config(config);
  size_t most = 9 + 4 * (size_t)p.dims.layers;
  p.item = trm__calloc(most, sizeof *p.item);
  if (!p.item) return trm__fail_memory(err, "parameter table", most * sizeof *p.item);

  if (p.dims.values) params_add_lattice(&p);
  else params_add_ends(&p, config);
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
  const struct {
    const char *name;
    trm__real **at;
  } places[] = {{"embed_tokens.embedding_weight", &view.embed},
                {"embed_pos.embedding_weight", &view.embed_pos},
                {"lm_head.weight", &view.lm_head},
                {"q_head.weight", &view.q_weight},
                {"q_head.bias", &view.q_bias},
                {"embed_sets.embedding_weight", &view.lattice.sets},
                {"embed_sets.bias", &view.lattice.sets_bias},
                {"embed_rows.embedding_weight", &view.lattice.row},
                {"embed_columns.embedding_weight", &view.lattice.column},
                {"conflict_token", &view.lattice.token},
                {"set_head.weight", &view.lattice.head},
                {"set_head.bias", &view.lattice.head_bias},
                {"conflict_head.weight", &view.lattice.conflict},
                {"conflict_head.bias", &view.lattice.conflict_bias}};
  int matrix = 0; /* a layer's four matrices follow one another, in the order of trm__layer_view */
  for (int i = 0; i < params->count; i++) {
    const trm__param *item = &params->item[i];
    trm__real *at = flat + item->offset;
    if (item->kind == TRM__PARAM_MATRIX) {
      trm__layer_view *layer = &view.layer[matrix / 4];
      trm__real **place[4] = {&layer->mix_in, &layer->mix_out, &layer->mlp_in, &layer->mlp_out};
      *place[matrix++ % 4] = at;
    } else if (item->kind == TRM__PARAM_OTHER) {
      for (size_t k = 0; k < sizeof places / sizeof *places; k++)
        if (strcmp(item->name + strlen("inner."), places[k].name) == 0) *places[k].at = at;
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
      to[k] = (trm__real)(item->init_std > 0     ? trm__rng_trunc_normal(&rng, item->init_std)
                          : item->init_bound > 0 ? item->init_bound * (2 * trm__rng_unit(&rng) - 1)
                                                 : item->init_value);
  }
}
