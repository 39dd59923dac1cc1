/* trm_model_adopt: tensors of the original implementation, which says in another file what network they belong to.
 * Their shapes tell the sizes; what they do not tell comes from the caller. The file's metadata is completed in memory,
 * and from there on it is a model file like any other. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <trm/trm.h>

#include "base/status.h"
#include "model/file/foreign.h"
#include "model/file/model_file.h"

typedef struct adoption {
  const trm__safetensors *st;
  const char *where;
  trm_model_config config;
  trm_error *err;
} adoption;

/* A size of a tensor; 0 when there is no such tensor. */
static int64_t adopt_size(const adoption *a, const char *name, int dimension) {
  const trm__st_tensor *t = trm__st_find(a->st, name);
  return t && dimension < t->rank ? t->shape[dimension] : 0;
}

static int64_t adopt_count_layers(const adoption *a) {
  int64_t layers = 0;
  for (; layers < TRM__MAX_LAYERS; layers++) {
    char name[80];
    snprintf(name, sizeof name, "inner.L_level.layers.%d.mlp.down_proj.weight", (int)layers);
    if (!trm__st_find(a->st, name)) break;
  }
  return layers;
}

/* Cells of a puzzle: positions without the prefix, where a weight has a size for each position. */
static trm_status adopt_cells(adoption *a) {
  trm_model_config *c = &a->config;
  int64_t positions =
      adopt_size(a, c->mlp_t ? "inner.L_level.layers.0.mlp_t.gate_up_proj.weight" : "inner.embed_pos.embedding_weight",
                 c->mlp_t ? 1 : 0);
  if (!positions && !c->seq_len)
    return trm__fail(
        a->err, TRM_E_USAGE, "seq_len",
        "must be given: no tensor of %s tells how many cells a puzzle has (81 of a Sudoku, 900 of mazes and ARC)",
        a->where);
  if (!positions) return TRM_OK;
  int64_t cells = positions - trm_model_config_prefix(c);
  if (cells < 1 || (c->seq_len && c->seq_len != cells))
    return trm__fail(a->err, TRM_E_INPUT, a->where,
                     "has %" PRId64 " positions, of which %" PRId64 " are the prefix (puzzle_emb_len), expected %s",
                     positions, trm_model_config_prefix(c), c->seq_len ? "seq_len behind it" : "cells behind it");
  c->seq_len = cells;
  return TRM_OK;
}

static trm_status adopt_sizes(adoption *a) {
  trm_model_config *c = &a->config;
  static const char embedding[] = "inner.embed_tokens.embedding_weight";
  c->vocab_size = adopt_size(a, embedding, 0);
  c->hidden_size = adopt_size(a, embedding, 1);
  c->L_layers = adopt_count_layers(a);
  if (c->vocab_size < 1 || c->hidden_size < 1 || c->L_layers < 1)
    return trm__fail(a->err, TRM_E_INPUT, a->where,
                     "is no model: it has no tensors \"%s\" [tokens][width] and "
                     "\"inner.L_level.layers.0.mlp.down_proj.weight\", perhaps behind \"_orig_mod.model.\"",
                     embedding);
  c->puzzle_emb_ndim = adopt_size(a, "inner.puzzle_emb.weights", 1);
  c->num_puzzle_identifiers = c->puzzle_emb_ndim ? adopt_size(a, "inner.puzzle_emb.weights", 0) : 1;
  if (!c->puzzle_emb_ndim) c->puzzle_emb_len = 0;
  c->mlp_t = trm__st_find(a->st, "inner.L_level.layers.0.mlp_t.gate_up_proj.weight") != NULL;
  if (trm__st_find(a->st, "inner.embed_pos.embedding_weight")) c->pos_encodings = TRM_POS_LEARNED;
  else if (c->mlp_t || c->pos_encodings == TRM_POS_LEARNED) c->pos_encodings = TRM_POS_NONE;
  return adopt_cells(a);
}

static trm_status adopt_metadata(const adoption *a, json_t *metadata) {
  char *text = trm__model_config_text(&a->config);
  int failed = !text || json_object_set_new(metadata, "trm.config", json_string(text)) ||
               json_object_set_new(metadata, "trm.version", json_string(trm_version())) ||
               json_object_set_new(metadata, "trm.variant", json_string("raw"));
  free(text);
  return failed ? trm__fail_memory(a->err, a->where, 4096) : TRM_OK;
}

static trm_status adopt_prepare(trm__safetensors *st, const char *where, const void *config, trm_error *err) {
  adoption a = {.st = st, .where = where, .err = err};
  if (json_object_get(st->metadata, "trm.config"))
    return trm__fail(err, TRM_E_USAGE, where, "is a trm model, and its configuration stands in it");
  trm_status status = trm__model_config_read(&a.config, config, err);
  if (!status) status = adopt_sizes(&a);
  return status ? status : adopt_metadata(&a, st->metadata);
}

trm_status trm_model_adopt(trm_model **out, const char *path, const trm_model_config *config, trm_error *err) {
  return trm__model_open_prepared(out, path, adopt_prepare, config, err);
}
