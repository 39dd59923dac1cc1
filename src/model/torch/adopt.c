/* trm_model_adopt: a checkpoint of the original implementation, which says in another file what network it belongs to,
 * or nowhere. Each key of the configuration has an origin: the tensors' shapes tell it, somebody knows it, it is
 * supposed from what was published, or it has its default; what two of them tell must agree. The metadata is completed
 * in memory, and from there on the checkpoint is a model file like any other. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trm/trm.h>

#include "base/config.h"
#include "base/status.h"
#include "base/text/numbers.h"
#include "base/text/options.h"
#include "base/text/room.h"
#include "model/file/model_file.h"
#include "model/torch/checkpoint.h"
#include "model/torch/network.h"

#define EMBEDDING "inner.embed_tokens.embedding_weight"
#define LAYER "inner.L_level.layers.0."

typedef enum origin { BY_DEFAULT, KNOWN, BY_SHAPE, SUPPOSED } origin;
enum { MOST_KEYS = 64 };

typedef struct adoption {
  const trm__safetensors *st;
  const char *where;
  const trm_adoption *how;
  const trm_option *table; /* [count] */
  size_t count;
  origin from[MOST_KEYS];
  trm_model_config config;
  trm_error *err;
} adoption;

trm_adoption trm_adoption_default(void) {
  return (trm_adoption){.size = sizeof(trm_adoption)};
}

/* -- keys and where they come from --------------------------------------------------------------------------------- */

static size_t adopt_key(const adoption *a, const char *key) {
  return (size_t)(trm__option_find(a->table, a->count, key) - a->table);
}

static int adopt_is(const adoption *a, const char *key, origin from) {
  return a->from[adopt_key(a, key)] == from;
}

/* Words between spaces. */
static trm_status adopt_mark_known(adoption *a, const char *words) {
  while (words && *words) {
    char word[64];
    size_t length = strcspn(words, " ");
    (void)snprintf(word, sizeof word, "%.*s", (int)length, words);
    const trm_option *option = trm__option_find(a->table, a->count, word);
    if (length && !option)
      return trm__fail(a->err, TRM_E_USAGE, "known", "names \"%s\", which is no key of trm_model_config", word);
    if (option) a->from[option - a->table] = KNOWN;
    words += length + (words[length] == ' ');
  }
  return TRM_OK;
}

/* Sets a key to what the shapes tell, or what is supposed where nobody knows it. */
static trm_status adopt_set(adoption *a, const char *key, const char *text, origin from) {
  char known[64] = "", told[64] = "";
  trm_model_config room = a->config;
  size_t index = adopt_key(a, key);
  if (from == SUPPOSED && a->from[index] == KNOWN) return TRM_OK;
  trm_status status = trm_options_set(a->table, a->count, &room, key, text, a->err);
  if (status)
    return trm__fail(a->err, TRM_E_INPUT, a->where, "has tensors of a size that is out of range: %s %s", key, text);
  (void)trm_options_get(a->table, a->count, &a->config, key, known, sizeof known);
  (void)trm_options_get(a->table, a->count, &room, key, told, sizeof told);
  if (a->from[index] == KNOWN && strcmp(known, told) != 0)
    return trm__fail(a->err, TRM_E_INPUT, a->where,
                     "has tensors of %s %s, but its configuration says %s: it is of another run", key, told, known);
  if (a->from[index] != KNOWN) a->from[index] = from;
  a->config = room;
  return TRM_OK;
}

static trm_status adopt_set_number(adoption *a, const char *key, int64_t number, origin from) {
  char text[32];
  (void)snprintf(text, sizeof text, "%" PRId64, number);
  return adopt_set(a, key, text, from);
}

/* "hidden_size 512, vocab_size 11": the keys of this origin. */
static void adopt_list(const adoption *a, origin from, char *text, size_t size) {
  trm__room room = {text, size, 0};
  for (size_t i = 0; i < a->count; i++) {
    char value[64], entry[160];
    if (a->from[i] != from) continue;
    (void)trm_options_get(a->table, a->count, &a->config, a->table[i].name, value, sizeof value);
    (void)snprintf(entry, sizeof entry, "%s%s %s", room.used ? ", " : "", a->table[i].name, value);
    trm__room_put(&room, entry);
  }
  text[room.used < size ? room.used : size - 1] = 0;
}

/* -- what the shapes tell ------------------------------------------------------------------------------------------ */

/* A size of a tensor; 0 when there is no such tensor. */
static int64_t adopt_size(const adoption *a, const char *name, int dimension) {
  const trm__st_tensor *t = trm__st_find(a->st, name);
  return t && dimension < t->rank ? t->shape[dimension] : 0;
}

static int64_t adopt_count_layers(const adoption *a) {
  int64_t layers = 0;
  for (; layers <= TRM__MAX_LAYERS; layers++) {
    char name[80];
    (void)snprintf(name, sizeof name, "inner.L_level.layers.%d.mlp.down_proj.weight", (int)layers);
    if (!trm__st_find(a->st, name)) break;
  }
  return layers;
}

static trm_status adopt_shapes(adoption *a) {
  int64_t tokens = adopt_size(a, EMBEDDING, 0), width = adopt_size(a, EMBEDDING, 1), layers = adopt_count_layers(a);
  int64_t rows = adopt_size(a, "inner.puzzle_emb.weights", 0), row = adopt_size(a, "inner.puzzle_emb.weights", 1);
  if (tokens < 1 || width < 1 || layers < 1)
    return trm__fail(a->err, TRM_E_INPUT, a->where,
                     "is no model: it has no tensors \"" EMBEDDING "\" [tokens][width] and \"" LAYER
                     "mlp.down_proj.weight\"");
  int mixer = trm__st_find(a->st, LAYER "mlp_t.gate_up_proj.weight") != NULL;
  trm_status status = adopt_set_number(a, "vocab_size", tokens, BY_SHAPE);
  if (!status) status = adopt_set_number(a, "hidden_size", width, BY_SHAPE);
  if (!status) status = adopt_set_number(a, "L_layers", layers, BY_SHAPE);
  if (!status) status = adopt_set(a, "mlp_t", mixer ? "true" : "false", BY_SHAPE);
  if (!status) status = adopt_set_number(a, "puzzle_emb_ndim", row, BY_SHAPE);
  if (!status && row) status = adopt_set_number(a, "num_puzzle_identifiers", rows, BY_SHAPE);
  if (!status && !row && !adopt_is(a, "num_puzzle_identifiers", KNOWN)) a->config.num_puzzle_identifiers = 1;
  if (!status && !row) a->config.puzzle_emb_len = 0; /* a prefix without an embedding is none */
  int learned = trm__st_find(a->st, "inner.embed_pos.embedding_weight") != NULL;
  if (!status && learned) status = adopt_set(a, "pos_encodings", "learned", BY_SHAPE);
  else if (!status && mixer) status = adopt_set(a, "pos_encodings", "none", SUPPOSED);
  if (!status && !learned && a->config.pos_encodings == TRM_POS_LEARNED)
    return trm__fail(a->err, TRM_E_INPUT, a->where,
                     "has no learned positions, but its configuration says so: it is of another run");
  return status;
}

/* The inner width of the MLPs, where the usual expansion does not give it. */
static trm_status adopt_expansion(adoption *a) {
  char text[40];
  int64_t inner = adopt_size(a, LAYER "mlp.down_proj.weight", 1);
  trm__dims dims = trm__dims_from_config(&a->config);
  if (adopt_is(a, "expansion", KNOWN) || inner < 1 || inner == dims.inner_d) return TRM_OK;
  (void)trm__print(text, sizeof text, "%.17g", 1.5 * (double)inner / (double)a->config.hidden_size);
  return adopt_set(a, "expansion", text, SUPPOSED);
}

/* -- what is supposed ---------------------------------------------------------------------------------------------- */

/* The published tasks, told by their tokens; all with RoPE or the mixer, T = 3 and a prefix of 16. */
static const struct {
  int64_t tokens, cells, latent_cycles;
} published[] = {{11, 81, 6} /* Sudoku-Extreme */, {6, 900, 4} /* Maze-Hard */, {12, 900, 4} /* ARC */};

static int adopt_published(const adoption *a) {
  for (int i = 0; i < (int)(sizeof published / sizeof *published); i++)
    if (published[i].tokens == a->config.vocab_size) return i;
  return -1;
}

/* Cells of a puzzle: positions without the prefix, where a weight has a size for each position. */
static trm_status adopt_cells(adoption *a) {
  trm_model_config *c = &a->config;
  int which = adopt_published(a), known = adopt_is(a, "seq_len", KNOWN);
  int64_t positions = adopt_size(a, c->mlp_t ? LAYER "mlp_t.gate_up_proj.weight" : "inner.embed_pos.embedding_weight",
                                 c->mlp_t ? 1 : 0);
  int64_t cells = known ? c->seq_len : which >= 0 ? published[which].cells : 0;
  if (!positions && !cells)
    return trm__fail(a->err, TRM_E_USAGE, "seq_len",
                     "must be given: no tensor of %s tells how many cells a puzzle has, and its %" PRId64
                     " tokens are of no published task",
                     a->where, c->vocab_size);
  if (!positions) return known ? TRM_OK : adopt_set_number(a, "seq_len", cells, SUPPOSED);
  /* A prefix of another length than usual shows where the cells are known. */
  int64_t prefix = positions - cells, least = (c->puzzle_emb_ndim + c->hidden_size - 1) / c->hidden_size;
  if (cells && c->puzzle_emb_ndim && prefix >= least && prefix != trm_model_config_prefix(c)) {
    trm_status status = adopt_set_number(a, "puzzle_emb_len", prefix, SUPPOSED);
    if (status) return status;
  }
  cells = positions - trm_model_config_prefix(c);
  if (cells < 1 || (known && c->seq_len != cells))
    return trm__fail(a->err, TRM_E_INPUT, a->where,
                     "has %" PRId64 " positions, of which %" PRId64 " are the prefix (puzzle_emb_len), expected %s",
                     positions, trm_model_config_prefix(c), known ? "seq_len behind it" : "cells behind it");
  return adopt_set_number(a, "seq_len", cells, BY_SHAPE);
}

static trm_status adopt_suppose(adoption *a) {
  int which = adopt_published(a);
  const trm__st_tensor *start = trm__st_find(a->st, "inner.H_init"); /* made in the type that is computed in */
  int narrow = start && start->dtype == TRM__ST_BF16;
  int64_t width = a->config.hidden_size, heads = width % 64 ? a->config.num_heads : width / 64;
  trm_status status = TRM_OK;
  if (start) status = adopt_set(a, "forward_dtype", narrow ? "bfloat16" : "float32", SUPPOSED);
  if (!status && !a->config.mlp_t && heads != a->config.num_heads)
    status = adopt_set_number(a, "num_heads", heads, SUPPOSED);
  if (!status && which >= 0) status = adopt_set_number(a, "L_cycles", published[which].latent_cycles, SUPPOSED);
  return status;
}

/* -- the model ----------------------------------------------------------------------------------------------------- */

static trm_status adopt_metadata(const adoption *a, json_t *metadata) {
  char *text = trm__model_config_text(&a->config);
  (void)json_object_del(metadata, "format"); /* "pt", which says that a tool for PyTorch wrote it */
  const char *slash = strrchr(a->where, '/'), *name = slash ? slash + 1 : a->where;
  int failed =
      !text || json_object_set_new(metadata, "trm.config", json_string(text)) ||
      json_object_set_new(metadata, "trm.version", json_string(trm_version())) ||
      json_object_set_new(metadata, "trm.variant", json_string(a->how->ema || a->how->averaged ? "ema" : "raw")) ||
      json_object_set_new(metadata, "trm.loss", json_string(a->how->loss ? a->how->loss : "stablemax"));
  if (!failed)
    (void)json_object_set_new(metadata, "imported_from", json_string(name)); /* not of a name that is no UTF-8 */
  free(text);
  return failed ? trm__fail_memory(a->err, a->where, 4096) : TRM_OK;
}

static void adopt_report(const adoption *a, trm__checkpoint_form form, size_t skipped, trm_adoption_report *report) {
  (void)snprintf(report->form, sizeof report->form, "%s", trm__checkpoint_form_text(form));
  report->skipped = (int64_t)skipped;
  adopt_list(a, BY_SHAPE, report->shapes, sizeof report->shapes);
  adopt_list(a, KNOWN, report->known, sizeof report->known);
  adopt_list(a, SUPPOSED, report->supposed, sizeof report->supposed);
  adopt_list(a, BY_DEFAULT, report->defaults, sizeof report->defaults);
}

static trm_status adopt_averaged(trm_model *m, const char *path, trm_error *err) {
  trm__checkpoint_form form;
  trm_status status = trm__checkpoint_open(&m->averaged, &form, path, err);
  if (!status) status = trm__torch_network(&m->averaged, NULL, 1, path, err);
  return status ? status : trm__torch_overlay(&m->st, &m->averaged, path, err);
}

/* adopted: what trm_model_adopt was given. */
typedef struct adopted {
  const trm_adoption *how;
  trm_adoption_report *report;
} adopted;

static trm_status adopt_load(trm_model *m, const void *context, trm_error *err) {
  const adopted *given = context;
  trm__checkpoint_form form;
  adoption a = {.st = &m->st, .where = m->path, .how = given->how, .err = err};
  a.table = trm_model_options(&a.count);
  trm_status status = trm__model_config_read(&a.config, given->how->config, err);
  if (!status) status = adopt_mark_known(&a, given->how->known);
  if (!status) status = trm__checkpoint_open(&m->st, &form, m->path, err);
  if (status) return status;
  if (json_object_get(m->st.metadata, "trm.config"))
    return trm__fail(err, TRM_E_USAGE, m->path, "is a trm model, and its configuration stands in it");
  size_t tensors = m->st.count;
  status = trm__torch_network(&m->st, given->how->prefix, given->how->averaged != NULL, m->path, err);
  size_t skipped = tensors - m->st.count;
  if (!status && given->how->averaged) status = adopt_averaged(m, given->how->averaged, err);
  if (!status) status = adopt_shapes(&a);
  if (!status) status = adopt_suppose(&a);
  if (!status) status = adopt_cells(&a);
  if (!status) status = adopt_expansion(&a);
  if (!status) status = adopt_metadata(&a, m->st.metadata);
  if (!status && given->report) adopt_report(&a, form, skipped, given->report);
  return status;
}

trm_status trm_model_adopt(trm_model **out, const char *path, const trm_adoption *how, trm_adoption_report *report,
                           trm_error *err) {
  static const trm__config_form form = TRM__CONFIG_FORM(trm_adoption, averaged);
  trm_adoption whole = trm_adoption_default();
  trm_model_config usual = trm_model_config_default();
  trm_status status = how ? trm__config_read(&whole, how, &form, err) : TRM_OK;
  if (status) return status;
  if (!whole.config) whole.config = &usual;
  adopted given = {&whole, report};
  return trm__model_open_loaded(out, path, adopt_load, &given, err);
}
