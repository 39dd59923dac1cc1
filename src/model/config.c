/* The model's configuration: its declaration table, the checks that refuse what no network can be built from, and the
 * formulas of size and cost (docs/spec.md, Parameters and Cost). Everything that follows from the configuration is
 * computed here or in params.c, so the rest of the code never asks whether a size makes sense. */
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <string.h>
#include <trm/model.h>

#include "backend/backend.h"
#include "base/config.h"
#include "base/status.h"
#include "model/params.h"

#define FIELD(name) offsetof(trm_model_config, name)

/* Synonyms are the names that descriptions of the method use. The default of an entry that is added is what the model
 * files without it mean (model/file/model_file.h): it must be what trm did before, and cannot be changed later. */
static const trm_option table[] = {
    {.name = "seq_len",
     .type = TRM_OPT_INT,
     .offset = FIELD(seq_len),
     .default_text = "81",
     .min = 1,
     .max = 65536,
     .group = "Model",
     .help = "tokens of a puzzle (set from the data)",
     .synonyms = "context_length"},
    {.name = "vocab_size",
     .type = TRM_OPT_INT,
     .offset = FIELD(vocab_size),
     .default_text = "11",
     .min = 2,
     .max = 65536,
     .help = "different tokens (set from the data)"},
    {.name = "num_puzzle_identifiers",
     .type = TRM_OPT_INT,
     .offset = FIELD(num_puzzle_identifiers),
     .default_text = "1",
     .min = 0,
     .max = INT32_MAX,
     .help = "rows of the puzzle embedding (set from the data)"},
    {.name = "puzzle_emb_ndim",
     .type = TRM_OPT_INT,
     .offset = FIELD(puzzle_emb_ndim),
     .default_text = "512",
     .min = 0,
     .max = 1048576,
     .help = "numbers in a row of the puzzle embedding; 0: none"},
    {.name = "puzzle_emb_len",
     .type = TRM_OPT_INT,
     .offset = FIELD(puzzle_emb_len),
     .default_text = "16",
     .min = 0,
     .max = 65536,
     .help = "prefix positions; 0: as many as the puzzle embedding needs"},
    {.name = "hidden_size",
     .type = TRM_OPT_INT,
     .offset = FIELD(hidden_size),
     .default_text = "512",
     .min = 1,
     .max = 16384,
     .help = "numbers in a position's state"},
    {.name = "num_heads",
     .type = TRM_OPT_INT,
     .offset = FIELD(num_heads),
     .default_text = "8",
     .min = 1,
     .max = 1024,
     .help = "attention heads"},
    {.name = "L_layers",
     .type = TRM_OPT_INT,
     .offset = FIELD(L_layers),
     .default_text = "2",
     .min = 1,
     .max = TRM__MAX_LAYERS,
     .help = "layers of the network",
     .synonyms = "num_layers"},
    {.name = "H_cycles",
     .type = TRM_OPT_INT,
     .offset = FIELD(H_cycles),
     .default_text = "3",
     .min = 1,
     .max = 1024,
     .help = "recursion cycles in a supervision step (T)",
     .synonyms = "recursion_cycles|h_cycles"},
    {.name = "L_cycles",
     .type = TRM_OPT_INT,
     .offset = FIELD(L_cycles),
     .default_text = "6",
     .min = 1,
     .max = 1024,
     .help = "latent cycles in a recursion (n)",
     .synonyms = "latent_cycles|l_cycles|cycles"},
    {.name = "damping",
     .type = TRM_OPT_REAL,
     .offset = FIELD(damping),
     .default_text = "0",
     .min = 0,
     .max = 0.999,
     .help = "part of the latent that each latent cycle keeps"},
    {.name = "expansion",
     .type = TRM_OPT_REAL,
     .offset = FIELD(expansion),
     .default_text = "4",
     .min = 0.0009765625,
     .max = 64,
     .help = "inner width of an MLP over its width"},
    {.name = "activation",
     .type = TRM_OPT_ENUM,
     .offset = FIELD(activation),
     .default_text = "silu",
     .choices = "silu|rms_gate",
     .help = "of the MLPs; rms_gate: sigmoid(g) rms(g u) in place of silu(g) u"},
    {.name = "mlp_t",
     .type = TRM_OPT_BOOL,
     .offset = FIELD(mlp_t),
     .default_text = "0",
     .help = "mix positions with an MLP instead of attention",
     .synonyms = "!use_attention"},
    {.name = "pos_encodings",
     .type = TRM_OPT_ENUM,
     .offset = FIELD(pos_encodings),
     .default_text = "rope",
     .choices = "none|rope|learned",
     .help = "how positions are told apart"},
    {.name = "rms_norm_eps",
     .type = TRM_OPT_REAL,
     .offset = FIELD(rms_norm_eps),
     .default_text = "1e-05",
     .min = 1e-30,
     .max = 1,
     .help = "added to the mean square in a norm"},
    {.name = "rope_theta",
     .type = TRM_OPT_REAL,
     .offset = FIELD(rope_theta),
     .default_text = "10000",
     .min = 1,
     .max = 1e12,
     .help = "base of the rotary angles"},
    {.name = "halt_max_steps",
     .type = TRM_OPT_INT,
     .offset = FIELD(halt_max_steps),
     .default_text = "16",
     .min = 1,
     .max = 65536,
     .help = "supervision steps at most",
     .synonyms = "supervision_steps|n_supervision|max_steps"},
    {.name = "halt_exploration_prob",
     .type = TRM_OPT_REAL,
     .offset = FIELD(halt_exploration_prob),
     .default_text = "0.1",
     .min = 0,
     .max = 1,
     .help = "how often training makes an example wait for a random step before it may halt"},
    {.name = "forward_dtype",
     .type = TRM_OPT_ENUM,
     .offset = FIELD(forward_dtype),
     .default_text = "float32",
     .choices = "float32|bfloat16|int8",
     .help = "type of the forward pass; int8: the layers' products alone, and only to solve"},
    {.name = "recursion",
     .type = TRM_OPT_ENUM,
     .offset = FIELD(recursion),
     .default_text = "trm",
     .choices = "trm|lattice",
     .help = "what is improved: trm answers, lattice the candidate sets of a Sudoku's cells"},
};

const trm_option *trm_model_options(size_t *count) {
  *count = sizeof table / sizeof *table;
  return table;
}

trm_model_config trm_model_config_default(void) {
  trm_model_config config;
  memset(&config, 0, sizeof config);
  config.size = sizeof config;
  trm_options_default(table, sizeof table / sizeof *table, &config);
  return config;
}

static const trm__config_form form = TRM__CONFIG_FORM(trm_model_config, forward_dtype);

/* The configuration with all fields that this version knows: itself, or a copy in room; NULL when its size is wrong. */
static const trm_model_config *config_whole(const trm_model_config *config, trm_model_config *room, trm_error *err) {
  if (config && config->size == sizeof *config) return config;
  *room = trm_model_config_default();
  return trm__config_read(room, config, &form, err) ? NULL : room;
}

static int count_choices(const char *text) {
  int count = 1;
  for (; *text; text++) count += *text == '|';
  return count;
}

static trm_status config_check_range(const trm_option *o, const trm_model_config *config, trm_error *err) {
  const char *field = (const char *)config + o->offset;
  int64_t integer;
  double real;
  int word;
  switch (o->type) {
  case TRM_OPT_INT:
    memcpy(&integer, field, sizeof integer);
    if (integer < (int64_t)o->min || integer > (int64_t)o->max)
      return trm__fail(err, TRM_E_INPUT, o->name, "is %lld, expected %.0f to %.0f", (long long)integer, o->min, o->max);
    return TRM_OK;
  case TRM_OPT_REAL:
    memcpy(&real, field, sizeof real);
    if (!(real >= o->min && real <= o->max))
      return trm__fail(err, TRM_E_INPUT, o->name, "is %g, expected %g to %g", real, o->min, o->max);
    return TRM_OK;
  default:
    memcpy(&word, field, sizeof word);
    int limit = o->type == TRM_OPT_BOOL ? 2 : count_choices(o->choices);
    if (word < 0 || word >= limit)
      return trm__fail(err, TRM_E_INPUT, o->name, "is %d, expected 0 to %d", word, limit - 1);
    return TRM_OK;
  }
}

int64_t trm_model_config_prefix(const trm_model_config *config) {
  trm_model_config room;
  const trm_model_config *c = config_whole(config, &room, NULL);
  if (c && c->recursion == TRM_RECURSION_LATTICE) return 1; /* the conflict token */
  if (!c || c->puzzle_emb_ndim == 0) return 0;
  if (c->puzzle_emb_len > 0) return c->puzzle_emb_len;
  return (c->puzzle_emb_ndim + c->hidden_size - 1) / c->hidden_size;
}

int64_t trm_model_config_positions(const trm_model_config *config) {
  trm_model_config room;
  const trm_model_config *c = config_whole(config, &room, NULL);
  return c ? trm_model_config_prefix(c) + c->seq_len : 0;
}

/* round(expansion * width * 2/3), half to even as Python does, raised to a multiple of 256, of the lattice recursion of
 * 8; 0 when it rounds to 0. */
static int64_t inner_width(const trm_model_config *c, int64_t width) {
  int64_t wanted = (int64_t)nearbyint(c->expansion * (double)width * 2 / 3);
  int64_t of = c->recursion == TRM_RECURSION_LATTICE ? 8 : 256;
  return (wanted + of - 1) / of * of;
}

/* Rows of the square grid; 0: it is none. */
static int64_t config_side(const trm_model_config *c) {
  int64_t side = (int64_t)sqrt((double)c->seq_len);
  return side * side == c->seq_len ? side : 0;
}

/* What the lattice recursion has no place for. Its tokens are a Sudoku's: padding, blank, a value for each row. */
static trm_status config_check_lattice(const trm_model_config *c, trm_error *err) {
  const struct {
    const char *name;
    int64_t value, wanted;
    const char *text;
  } fixed[] = {{"mlp_t", c->mlp_t, 0, "0"},
               {"pos_encodings", c->pos_encodings, TRM_POS_NONE, "none: it has tables of rows and columns"},
               {"puzzle_emb_ndim", c->puzzle_emb_ndim, 0, "0"},
               {"puzzle_emb_len", c->puzzle_emb_len, 0, "0"},
               {"H_cycles", c->H_cycles, 1, "1: L_cycles are its loops"},
               {"damping", c->damping != 0, 0, "0"},
               {"forward_dtype", c->forward_dtype, TRM_FLOAT32, "float32"}};
  if (c->recursion != TRM_RECURSION_LATTICE) return TRM_OK;
  for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
    if (fixed[i].value != fixed[i].wanted)
      return trm__fail(err, TRM_E_INPUT, fixed[i].name, "must be %s, as recursion is lattice", fixed[i].text);
  int64_t side = config_side(c);
  if (side && side <= TRM__LATTICE_VALUES && c->vocab_size == side + 2) return TRM_OK;
  return trm__fail(err, TRM_E_INPUT, "recursion",
                   "is lattice, which is for a Sudoku of at most %d values; found %lld cells with %lld tokens",
                   TRM__LATTICE_VALUES, (long long)c->seq_len, (long long)c->vocab_size);
}

static trm_status config_check_prefix(const trm_model_config *c, trm_error *err) {
  if (c->puzzle_emb_ndim == 0) {
    if (c->puzzle_emb_len == 0) return TRM_OK;
    return trm__fail(err, TRM_E_INPUT, "puzzle_emb_len",
                     "is %lld, but puzzle_emb_ndim is 0: a prefix needs a puzzle embedding; set puzzle_emb_len to 0 or "
                     "puzzle_emb_ndim to %lld",
                     (long long)c->puzzle_emb_len, (long long)c->hidden_size);
  }
  if (c->num_puzzle_identifiers == 0)
    return trm__fail(err, TRM_E_INPUT, "num_puzzle_identifiers",
                     "is 0, but puzzle_emb_ndim is %lld: a puzzle embedding needs at least one row",
                     (long long)c->puzzle_emb_ndim);
  int64_t room = trm_model_config_prefix(c) * c->hidden_size;
  if (room < c->puzzle_emb_ndim)
    return trm__fail(err, TRM_E_INPUT, "puzzle_emb_len",
                     "is %lld: %lld positions of hidden_size %lld hold %lld numbers, fewer than puzzle_emb_ndim %lld",
                     (long long)c->puzzle_emb_len, (long long)c->puzzle_emb_len, (long long)c->hidden_size,
                     (long long)room, (long long)c->puzzle_emb_ndim);
  return TRM_OK;
}

static trm_status config_check_heads(const trm_model_config *c, trm_error *err) {
  if (c->mlp_t) return TRM_OK;
  if (c->hidden_size % c->num_heads != 0)
    return trm__fail(err, TRM_E_INPUT, "num_heads", "is %lld, which does not divide hidden_size %lld",
                     (long long)c->num_heads, (long long)c->hidden_size);
  int64_t head_dim = c->hidden_size / c->num_heads;
  if (c->pos_encodings == TRM_POS_ROPE && head_dim % 2 != 0)
    return trm__fail(err, TRM_E_INPUT, "num_heads",
                     "is %lld: rotary positions turn pairs of numbers, but hidden_size / num_heads is %lld, which is "
                     "odd",
                     (long long)c->num_heads, (long long)head_dim);
  return TRM_OK;
}

/* Kernels count the numbers of one example's or one weight's matrix in an int. */
static trm_status config_check_product(const char *field, const char *what, int64_t a, int64_t b, trm_error *err) {
  if (a <= INT_MAX / b) return TRM_OK;
  return trm__fail(err, TRM_E_INPUT, field, "%s would have %lld x %lld numbers, more than %d", what, (long long)a,
                   (long long)b, INT_MAX);
}

static trm_status config_check_sizes(const trm_model_config *c, trm_error *err) {
  int64_t D = c->hidden_size, L = trm_model_config_positions(c), inner = inner_width(c, D);
  int64_t mix = c->mlp_t ? inner_width(c, L) : 0;
  trm_status status = TRM_OK;
  if (inner == 0)
    return trm__fail(err, TRM_E_INPUT, "expansion", "is %g: the MLP of width %lld would have no inner numbers",
                     c->expansion, (long long)D);
  if (c->mlp_t && mix == 0)
    return trm__fail(err, TRM_E_INPUT, "expansion", "is %g: the mixer of %lld positions would have no inner numbers",
                     c->expansion, (long long)L);
  if (!status) status = config_check_product("hidden_size", "the state", L, D, err);
  if (!status) status = config_check_product("expansion", "the MLP's first weight", 2 * inner, D, err);
  if (!status) status = config_check_product("expansion", "the MLP's inner state", L, 2 * inner, err);
  if (!status) status = config_check_product("vocab_size", "the token embedding", c->vocab_size, D, err);
  if (!status) status = config_check_product("vocab_size", "an example's logits", c->seq_len, c->vocab_size, err);
  if (c->mlp_t) {
    if (!status) status = config_check_product("seq_len", "the mixer's first weight", 2 * mix, L, err);
    if (!status) status = config_check_product("seq_len", "the mixer's inner state", 2 * mix, D, err);
  } else {
    if (!status) status = config_check_product("hidden_size", "the attention's first weight", 3 * D, D, err);
    if (!status) status = config_check_product("hidden_size", "queries, keys and values", L, 3 * D, err);
    if (!status) status = config_check_product("seq_len", "an attention matrix", L, L, err);
  }
  return status;
}

trm_status trm__model_config_read(trm_model_config *whole, const trm_model_config *config, trm_error *err) {
  *whole = trm_model_config_default();
  return trm__config_read(whole, config, &form, err);
}

trm_status trm_model_config_check(const trm_model_config *config, trm_error *err) {
  trm_model_config room;
  config = config_whole(config, &room, err);
  if (!config) return TRM_E_USAGE;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    trm_status status = config_check_range(&table[i], config, err);
    if (status) return status;
  }
  trm_status status = config_check_lattice(config, err);
  if (!status) status = config_check_prefix(config, err);
  if (!status) status = config_check_heads(config, err);
  if (!status) status = config_check_sizes(config, err);
  return status;
}

/* Positions are only turned inside attention, so rotary positions mean nothing to the mixer; the original accepts them
 * there and so does trm. */
static trm_pos_encodings positions_of(const trm_model_config *c) {
  if (c->pos_encodings == TRM_POS_LEARNED) return TRM_POS_LEARNED;
  if (c->pos_encodings == TRM_POS_ROPE && !c->mlp_t) return TRM_POS_ROPE;
  return TRM_POS_NONE;
}

trm__dims trm__dims_from_config(const trm_model_config *c) {
  trm__dims d;
  memset(&d, 0, sizeof d);
  d.S = (int)c->seq_len;
  d.P = (int)trm_model_config_prefix(c);
  d.L = d.S + d.P;
  d.D = (int)c->hidden_size;
  d.V = (int)c->vocab_size;
  d.mixer = c->mlp_t != 0;
  d.heads = d.mixer ? 0 : (int)c->num_heads;
  d.head_dim = d.mixer ? 0 : d.D / d.heads;
  d.layers = (int)c->L_layers;
  d.inner_d = (int)inner_width(c, d.D);
  d.inner_l = d.mixer ? (int)inner_width(c, d.L) : 0;
  d.emb_ndim = (int)c->puzzle_emb_ndim;
  d.positions = positions_of(c);
  d.activation = (trm_activation)c->activation;
  d.eps = c->rms_norm_eps;
  d.rope_theta = c->rope_theta;
  d.bf16 = c->forward_dtype == TRM_BFLOAT16;
  d.int8 = c->forward_dtype == TRM_INT8;
  if (c->recursion != TRM_RECURSION_LATTICE) return d;
  d.prenorm = 1;
  d.rows = d.width = d.values = (int)config_side(c);
  return d;
}

int64_t trm_model_config_parameters(const trm_model_config *config) {
  trm_model_config room;
  config = config_whole(config, &room, NULL);
  if (!config) return 0;
  trm__dims d = trm__dims_from_config(config);
  int64_t D = d.D, L = d.L;
  int64_t mix = d.mixer ? 3 * (int64_t)d.inner_l * L : 4 * D * D;
  int64_t mlp = 3 * (int64_t)d.inner_d * D;
  int64_t positions = d.positions == TRM_POS_LEARNED ? L * D : 0, C = d.values;
  if (C) return d.layers * (mix + mlp) + (3 * C + d.rows + d.width + 3) * D + 2 * C + 1;
  return d.layers * (mix + mlp) + 2 * (int64_t)d.V * D + positions + 2 * D + 2;
}

trm_model_cost trm_model_config_cost(const trm_model_config *config) {
  trm_model_config room;
  config = config_whole(config, &room, NULL);
  if (!config) return (trm_model_cost){0, 0, 0};
  trm__dims d = trm__dims_from_config(config);
  double D = d.D, L = d.L, n = (double)config->L_cycles, T = (double)config->H_cycles;
  double mlp = 2 * L * 3 * D * d.inner_d;
  double mix = d.mixer ? 2 * D * 3 * L * d.inner_l : 2 * L * 4 * D * D + 4 * L * L * D;
  double head = 2 * L * D * d.V + 4 * D, loops = n * (2 * d.S * D * 2 * d.values + 2 * D);
  trm_model_cost cost;
  cost.call = d.layers * (mlp + mix);
  if (d.values) return (trm_model_cost){cost.call, n * cost.call + loops, 3 * (n * cost.call + loops)};
  cost.step = T * (n + 1) * cost.call + head;
  cost.training_step = cost.step + 2 * ((n + 1) * cost.call + head);
  return cost;
}
