/* Presets: named recipes. A recipe is a line of "key=value" words over the two declaration tables (model and training);
 * what it does not name keeps its default, and of two words with the same key the later one counts. The first four are
 * the published configurations (docs/spec.md, Configurations); their shape fields (seq_len, vocab_size, identifiers)
 * are overwritten by the data's. Then come variations that others published, and presets that are small enough for a
 * few CPU cores. */
#include <string.h>
#include <trm/train.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/options.h"

#define PUBLISHED                                                                                                      \
  "hidden_size=512 num_heads=8 L_layers=2 H_cycles=3 expansion=4 puzzle_emb_ndim=512 puzzle_emb_len=16 "               \
  "rms_norm_eps=1e-5 rope_theta=10000 halt_max_steps=16 halt_exploration_prob=0.1 forward_dtype=bfloat16 "             \
  "batch=768 optimizer=adam_atan2 lr=1e-4 lr_min_ratio=1 lr_warmup_steps=2000 beta1=0.9 beta2=0.95 ema_decay=0.999 "   \
  "ema_from=0 loss=stablemax label_smoothing=0 halt_weight=0.5 clip=0 save_every=1000 log_every=10 "
#define PUBLISHED_GRID "weight_decay=1.0 puzzle_emb_lr=1e-4 puzzle_emb_weight_decay=1.0 epochs=50000 "
#define MIXER "mlp_t=1 pos_encodings=none "
#define ATTENTION "mlp_t=0 pos_encodings=rope "

#define SUDOKU_MIXER PUBLISHED PUBLISHED_GRID MIXER "L_cycles=6 seq_len=81 vocab_size=11 augment=1 "

/* "Speed is Confidence" (arXiv 2601.19085). The short warm-up is ours. */
#define FAST                                                                                                           \
  SUDOKU_MIXER                                                                                                         \
  "activation=rms_gate H_cycles=6 L_cycles=9 optimizer=muon muon_lr=0.02 muon_weight_decay=0.005 lr=1e-4 "             \
  "weight_decay=1.0 lr_warmup_steps=100 lr_min_ratio=0 label_smoothing=0.2 halt_weight=0.05 clip=1 ema_decay=0.9 "     \
  "ema_from=5000 batch=384 steps=8000 "

/* On a CPU new examples are worth more than steps on old ones: a slot keeps its example for four supervision steps at
 * most, one recursion cycle a step. Solving may take more steps than training did, and gains from it. As with FAST,
 * Muon learns faster than AdamW once the activation is rms-gated (docs/performance.md). */
#define SMALL                                                                                                          \
  MIXER "hidden_size=64 num_heads=4 L_layers=2 H_cycles=1 L_cycles=2 expansion=4 puzzle_emb_ndim=0 puzzle_emb_len=0 "  \
        "halt_max_steps=4 halt_exploration_prob=0.1 forward_dtype=float32 augment=1 activation=rms_gate batch=64 "     \
        "optimizer=muon muon_lr=0.02 muon_weight_decay=0.005 lr=1e-3 lr_warmup_steps=50 lr_min_ratio=0.1 "             \
        "beta1=0.9 beta2=0.99 weight_decay=0.01 ema_decay=0.98 clip=1 "                                                \
        "save_every=500 "

/* Lattice Deduction Transformers (arXiv 2605.08605), with this network's blocks (docs/spec.md, Lattice), and Muon in
 * place of AdamW, with smaller batches and more updates: much better for the same operations (docs/accuracy.md, The
 * lattice recursion). */
#define LATTICE                                                                                                        \
  "recursion=lattice H_cycles=1 L_cycles=4 expansion=4 mlp_t=0 pos_encodings=none puzzle_emb_ndim=0 puzzle_emb_len=0 " \
  "forward_dtype=float32 optimizer=muon muon_lr=0.02 muon_weight_decay=0.1 lr=3e-3 lr_min_ratio=0.01 beta1=0.9 "       \
  "beta2=0.95 weight_decay=0.1 ema_decay=0 clip=1 halt_weight=0.1 digit_weight=1 save_every=100 "

static const struct {
  const char *name, *help, *values;
} presets[] = {
    {.name = "sudoku-mlp", .help = "Sudoku 9x9, mixer: 5.0 million weights, as published", .values = SUDOKU_MIXER},
    {.name = "sudoku-att",
     .help = "Sudoku 9x9, attention: 6.8 million weights, as published",
     .values = PUBLISHED PUBLISHED_GRID ATTENTION "L_cycles=6 seq_len=81 vocab_size=11 augment=1"},
    {.name = "maze",
     .help = "mazes 30x30: 6.8 million weights, as published",
     .values = PUBLISHED PUBLISHED_GRID ATTENTION "L_cycles=4 seq_len=900 vocab_size=6 augment=1"},
    {.name = "arc",
     .help = "ARC-AGI: 6.8 million weights and a row a puzzle, as published",
     .values = PUBLISHED ATTENTION "L_cycles=4 seq_len=900 vocab_size=12 augment=0 weight_decay=0.1 puzzle_emb_lr=1e-2 "
                                   "puzzle_emb_weight_decay=0.1 epochs=100000"},
    {.name = "sudoku-mlp-fast",
     .help = "Sudoku 9x9, mixer: Muon, rms-gated, 8,000 short updates (Speed is Confidence)",
     .values = FAST},
    {.name = "sudoku-mlp-wta",
     .help = "the same, the best of four latents learns: 36,000 updates (winner takes all)",
     .values = FAST "latents=4 batch=192 steps=36000"},
    {.name = "sudoku-mlp-cgar",
     .help = "sudoku-mlp with cycles that grow over the run and later steps that weigh less (CGAR)",
     .values = SUDOKU_MIXER "cycles_schedule=0:2x1,0.3:4x2,0.6:6x3 step_decay=0.7"},
    {.name = "sudoku-mlp-eqr",
     .help = "sudoku-mlp with random starts and damped, noisy latent cycles (EqR)",
     .values = SUDOKU_MIXER "damping=0.05 latent_noise=0.01 start_noise=1"},
    {.name = "sudoku-4x4",
     .help = "Sudoku 4x4 for CPUs: seconds",
     .values = SMALL "seq_len=16 vocab_size=6 halt_max_steps=16 steps=300"},
    {.name = "sudoku-6x6",
     .help = "minimal Sudoku 6x6 for CPUs: a minute on two cores",
     .values = SMALL "seq_len=36 vocab_size=8 steps=900"},
    {.name = "sudoku-9x9",
     .help = "easy Sudoku 9x9 for CPUs: two minutes on two cores",
     .values = SMALL "seq_len=81 vocab_size=11 steps=800"},
    {.name = "grid-small",
     .help = "grids of any size and any symbols, for CPUs; without augmentation",
     .values = SMALL "augment=0 steps=900"},
    {.name = "sudoku-lattice",
     .help = "Sudoku 9x9 by the lattice recursion: candidate sets, 4 loops, 1,000 hard puzzles are enough",
     .values = LATTICE "seq_len=81 vocab_size=11 hidden_size=128 L_layers=4 num_heads=4 batch=128 micro_batch=32 "
                       "steps=2400 lr_warmup_steps=160"},
    {.name = "sudoku-lattice-6x6",
     .help = "minimal Sudoku 6x6 by the lattice recursion: minutes on two cores",
     .values =
         LATTICE "seq_len=36 vocab_size=8 hidden_size=64 L_layers=2 num_heads=4 batch=32 micro_batch=32 steps=1800 "
                 "lr_warmup_steps=180 save_every=600"},
    {.name = "maze-9",
     .help = "mazes of 9x9 and smaller for CPUs",
     .values = SMALL "seq_len=81 vocab_size=6 batch=32 lr_min_ratio=0.02 ema_decay=0.99 save_every=200 steps=3400"},
    /* Positions are mixed as narrowly as the kernels allow, which halves the work of an update, and small batches give
     * twice the updates (docs/performance.md). */
    {.name = "maze-15",
     .help = "mazes of 15x15 and smaller for CPUs: ten minutes on two cores",
     .values = SMALL "seq_len=225 vocab_size=6 expansion=1 batch=16 lr_min_ratio=0.02 ema_decay=0.99 save_every=500 "
                     "steps=6400"},
};

size_t trm_presets(void) {
  return sizeof presets / sizeof *presets;
}

trm_preset_info trm_preset(size_t index) {
  return (trm_preset_info){.name = presets[index].name, .help = presets[index].help};
}

/* Sets one "key=value" word in whichever struct knows the key. */
static trm_status preset_set(const char *word, size_t length, trm_model_config *model, trm_train_config *train,
                             trm_error *err) {
  char key[64], value[64];
  const char *equals = memchr(word, '=', length);
  size_t key_length = equals ? (size_t)(equals - word) : length;
  size_t value_length = equals ? length - key_length - 1 : 0;
  if (!equals || key_length >= sizeof key || value_length >= sizeof value)
    return trm__fail(err, TRM_E_INTERNAL, "preset", "\"%.*s\" is not key=value", (int)length, word);
  memcpy(key, word, key_length);
  key[key_length] = 0;
  memcpy(value, equals + 1, value_length);
  value[value_length] = 0;
  size_t count;
  const trm_option *table = trm_model_options(&count);
  if (trm__option_find(table, count, key)) return trm_options_set(table, count, model, key, value, err);
  table = trm_train_options(&count);
  return trm_options_set(table, count, train, key, value, err);
}

static trm_status preset_fail_unknown(const char *name, trm_error *err) {
  char names[512] = "";
  for (size_t i = 0; i < trm_presets(); i++) {
    size_t used = strlen(names);
    if (used + strlen(presets[i].name) + 3 > sizeof names) break;
    if (i) strcat(names, ", ");
    strcat(names, presets[i].name);
  }
  return trm__fail(err, TRM_E_USAGE, "--preset", "unknown preset \"%s\"; known: %s", name, names);
}

trm_status trm_preset_apply(const char *name, trm_model_config *model, trm_train_config *train, trm_error *err) {
  size_t i = 0;
  while (i < trm_presets() && strcmp(presets[i].name, name) != 0) i++;
  if (i == trm_presets()) return preset_fail_unknown(name, err);
  trm_model_config new_model = trm_model_config_default();
  trm_train_config new_train = trm_train_config_default();
  const char *p = presets[i].values;
  while (*(p += strspn(p, " "))) {
    size_t length = strcspn(p, " ");
    trm_status status = preset_set(p, length, &new_model, &new_train, err);
    if (status) return status;
    p += length;
  }
  *model = new_model;
  *train = new_train;
  return TRM_OK;
}
