/* Model configuration and model files. A model is a configuration plus one set of fp32 weights; on disk it is one
 * .safetensors file with the configuration as JSON in its metadata (trm.config; docs/spec.md lists all keys) and the
 * original implementation's tensor names from "inner." on. */
#ifndef TRM_MODEL_H
#define TRM_MODEL_H

#include <stdint.h>
#include <trm/error.h>
#include <trm/options.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum trm_pos_encodings { TRM_POS_NONE, TRM_POS_ROPE, TRM_POS_LEARNED } trm_pos_encodings;
typedef enum trm_dtype { TRM_FLOAT32, TRM_BFLOAT16, TRM_INT8 } trm_dtype;
typedef enum trm_activation { TRM_ACT_SILU, TRM_ACT_RMS_GATE } trm_activation;
/* LATTICE: the network improves candidate sets of cells (docs/spec.md, Lattice); Sudoku alone. */
typedef enum trm_recursion { TRM_RECURSION_TRM, TRM_RECURSION_LATTICE } trm_recursion;

/* Keys are the original's. Ranges and help are in the table of trm_model_options(). */
typedef struct trm_model_config {
  uint32_t size;                  /* set by trm_model_config_default() */
  int64_t seq_len;                /* S, tokens of a puzzle */
  int64_t vocab_size;             /* V */
  int64_t num_puzzle_identifiers; /* rows of the puzzle embedding */
  int64_t puzzle_emb_ndim;        /* elements of a row; 0: no prefix */
  int64_t puzzle_emb_len;         /* P; 0: ceil(puzzle_emb_ndim / hidden_size) */
  int64_t hidden_size;            /* D */
  int64_t num_heads;              /* H */
  int64_t L_layers;               /* layers of the one network */
  int64_t H_cycles;               /* T, recursion cycles */
  int64_t L_cycles;               /* n, latent cycles; of the lattice recursion its loops */
  double damping;                 /* of the latent: z = damping z + (1 - damping) f(z, y + e) */
  double expansion;
  int activation;    /* trm_activation, of both MLPs */
  int mlp_t;         /* 1: mixer layers, 0: attention layers */
  int pos_encodings; /* trm_pos_encodings */
  double rms_norm_eps;
  double rope_theta;
  int64_t halt_max_steps; /* N_sup */
  double halt_exploration_prob;
  int forward_dtype; /* trm_dtype */
  int reserved;      /* 0 */
  int recursion;     /* trm_recursion */
  int reserved_too;  /* 0 */
} trm_model_config;

/* The declaration table of trm_model_config; static. */
const trm_option *trm_model_options(size_t *count);
trm_model_config trm_model_config_default(void);

/* TRM_E_INPUT with the field and the reason when no network can have this configuration. */
trm_status trm_model_config_check(const trm_model_config *config, trm_error *err);

/* Of a checked configuration, this and what follows; 0 for one that trm_model_config_default() did not fill. Number of
 * trained weights; puzzle rows, y0 and z0 are not among them. */
int64_t trm_model_config_parameters(const trm_model_config *config);

/* Positions L = P + S and prefix P. */
int64_t trm_model_config_prefix(const trm_model_config *config);
int64_t trm_model_config_positions(const trm_model_config *config);

/* Operations of one call of the network and of one supervision step, without and with gradients, for one example:
 * two a multiply-add, matrix products and attention only (docs/spec.md, Cost). */
typedef struct trm_model_cost {
  double call, step, training_step;
} trm_model_cost;
trm_model_cost trm_model_config_cost(const trm_model_config *config);

/* A model file, mapped read-only and wholly checked: header, offsets, overlaps, checksum, shapes, types, configuration.
 */
typedef struct trm_model trm_model;

/* TRM_E_IO when it cannot be read, TRM_E_INPUT with file and tensor when it is not a trm model. */
trm_status trm_model_open(trm_model **out, const char *path, trm_error *err);
/* What is known of a checkpoint of the original implementation beside its tensors. */
typedef struct trm_adoption {
  uint32_t size;                  /* set by trm_adoption_default() */
  int ema;                        /* 1: its weights are averages (trm.variant) */
  const trm_model_config *config; /* NULL: trm_model_config_default() */
  const char *known;  /* keys of config that are known of this checkpoint, spaces between: what the tensors' shapes tell
                         must agree with them. NULL: none; then config says what nothing else tells */
  const char *prefix; /* what stands in front of "inner." in the tensors' names, where the file has several networks, as
                         "ema."; NULL: it has one */
  const char *loss;   /* as trm_model_get_loss; NULL: "stablemax" */
  const char *averaged; /* another checkpoint of the same run whose tensors take the place of the first's: a file of
                           averaged parameters alone; NULL: none */
} trm_adoption;
trm_adoption trm_adoption_default(void);

/* Where the configuration of an adopted model comes from: lists as "hidden_size 512, vocab_size 11", cut to fit. */
typedef struct trm_adoption_report {
  char form[40];      /* what the file is: "torch.save (zip archive)", "torch.save (legacy pickle)", "safetensors" */
  char shapes[512];   /* told by the tensors' shapes */
  char known[512];    /* those of trm_adoption.known that no shape tells */
  char supposed[512]; /* from other signs: the number of tokens is that of a published task, or the type of H_init */
  char defaults[512]; /* told by nothing: config's */
  int64_t skipped;    /* tensors that are not the network's */
} trm_adoption_report;

/* Opens a checkpoint of the original implementation as a model: what torch.save wrote of a state dict (zip archive or
 * legacy pickle, whole or within other dicts), or safetensors without metadata of trm. The file is mapped, and nothing
 * in it is run: the pickle's reader knows tensors, storages and dicts, and refuses everything else by name.
 * trm_model_convert writes it as a model file. how NULL: nothing is known. report NULL: it is not wanted. TRM_E_USAGE
 * when the file is a model file, when nothing tells seq_len, or when a prefix has to be chosen; TRM_E_INPUT when it is
 * damaged, of another network (HRM and others are named), or does not fit what is known. */
trm_status trm_model_adopt(trm_model **out, const char *path, const trm_adoption *how, trm_adoption_report *report,
                           trm_error *err);

/* What all_config.yaml says, which the original's trainer writes beside its checkpoints. Plain data. */
typedef struct trm_original_config {
  trm_model_config config;
  int ema;         /* 1: the checkpoints hold averages */
  char known[512]; /* keys of config that the file has, for trm_adoption.known */
  char loss[16];   /* "stablemax" or "softmax" */
} trm_original_config;
/* TRM_E_UNSUPPORTED in a build without libyaml. TRM_E_INPUT with the line for what is no plain YAML (anchors, aliases
 * and tags are refused), and with the key for values that no network of trm has. */
trm_status trm_original_config_read(trm_original_config *out, const char *path, trm_error *err);

/* Writes the weights as a checkpoint that the original loads, and torch.load(weights_only=True): a state dict in a zip
 * archive, its names behind prefix (NULL: "_orig_mod.model.", as of a compiled model), weights in fp32 and the initial
 * states in the type that is computed in. Atomic. TRM_E_USAGE for what the original cannot compute: int8, damping, the
 * activation rms_gate, the lattice recursion. */
trm_status trm_model_export(const trm_model *model, const char *path, const char *prefix, trm_error *err);
/* Writes all_config.yaml for it. training: a JSON object with values of the original's trainer ("lr", "epochs",
 * "data_paths",
 * ...) where they are known; the others are the published ones, and marked so. NULL: none is known. Atomic. */
trm_status trm_original_config_write(const trm_model *model, const char *path, const char *training, trm_error *err);

void trm_model_close(trm_model **model); /* accepts NULL; clears the pointer */

const char *trm_model_get_path(const trm_model *model); /* the file it was opened from; valid while it is open */

const trm_model_config *trm_model_get_config(const trm_model *model);        /* valid while the model is open */
const char *trm_model_get_metadata(const trm_model *model, const char *key); /* NULL when absent; same lifetime */
/* What the model was trained with, and so what its probabilities and its loss are computed with: "stablemax" (also of
 * files that do not say) or "softmax"; same lifetime. */
const char *trm_model_get_loss(const trm_model *model);
/* The halting threshold that was chosen for the model on validation puzzles; NaN when its file has none
 * (docs/solve.md says what holds then). */
double trm_model_get_halt_threshold(const trm_model *model);
/* The steps at most that the model is to be solved with; 0 when its file does not say. */
int64_t trm_model_get_max_steps(const trm_model *model);
/* Bounds on q under which more steps are predicted not to help, learned on validation puzzles (docs/solve.md): after
 * step t a puzzle is hopeless when q < bound[t - 1], NaN: never. They hold for at most count + 1 steps. */
#define TRM_HOPELESS_MOST 64
typedef struct trm_hopeless {
  int count; /* 0: none */
  double bound[TRM_HOPELESS_MOST];
} trm_hopeless;
trm_hopeless trm_model_get_hopeless(const trm_model *model);
/* SHA-256 over all that an answer depends on, compared when the file was opened: 64 hexadecimal digits, of which the
 * first 12 serve as the model's id; same lifetime. It differs from the metadata's trm.sha256 where another tool changed
 * the type of the numbers: nothing was compared then. NULL: the file has none (the first files of trm 0.1.0). */
const char *trm_model_get_checksum(const trm_model *model);
/* The keys of the metadata in the file's order; NULL from the last on. */
const char *trm_model_metadata_key(const trm_model *model, size_t index);

/* Writes the model with the layers' matrices in int8 and forward_dtype=int8, everything else as it is; atomic, and
 * links are followed (docs/api/model.md).
 * TRM_E_USAGE when its weights are int8 already. */
trm_status trm_model_quantize(const trm_model *model, const char *path, trm_error *err);

typedef enum trm_weights {
  TRM_WEIGHTS_AS_THEY_ARE,
  TRM_WEIGHTS_FLOAT32,
  TRM_WEIGHTS_BFLOAT16 /* matrices and tables; vectors stay float32 */
} trm_weights;

typedef struct trm_model_conversion {
  uint32_t size;    /* set by trm_model_conversion_default() */
  int weights;      /* trm_weights: how the file stores its numbers; the number type of computing does not change */
  const char *card; /* JSON object that becomes the metadata "trm.card"; NULL: the model's own, if it has one */
  /* What trm_model_get_halt_threshold and trm_model_get_max_steps give. */
  double halt_threshold;        /* -1000 to 1000; NaN: the model's own, if it has one */
  int64_t max_steps;            /* 1 to 100000; 0: the model's own, if it has one */
  const trm_hopeless *hopeless; /* what trm_model_get_hopeless gives; NULL: the model's own, if it has some */
} trm_model_conversion;
trm_model_conversion trm_model_conversion_default(void); /* a copy */

/* Writes the model with these changes and everything else as it is; atomic. TRM_E_USAGE when int8 weights would have to
 * change their type, TRM_E_INPUT for a card that is no JSON object or over 64 KiB. */
trm_status trm_model_convert(const trm_model *model, const char *path, const trm_model_conversion *what,
                             trm_error *err);

/* How a halting threshold is chosen: validation puzzles take all their steps, and then it is counted how many would
 * have been right had they halted over a threshold. The smallest is taken that costs at most 0.1 points or one puzzle
 * (docs/solve.md). */
#define TRM_HALTING_POINTS 71
typedef struct trm_halting_point {
  double threshold;
  int64_t exact;     /* puzzles right when they halt over it */
  double mean_steps; /* until they do */
} trm_halting_point;
typedef struct trm_halting_choice {
  double threshold;       /* the chosen one; NaN: none, as no puzzle is right after all steps */
  int64_t puzzles, exact; /* looked at; of these right after all steps */
  int64_t max_steps;      /* all steps */
  int points;             /* thresholds tried, from 0 to the chosen one */
  trm_halting_point point[TRM_HALTING_POINTS];
  trm_hopeless hopeless; /* learned on the same puzzles */
  int64_t hopeless_lost; /* puzzles that it would have stopped before they were solved: at most one of 1000 */
  double solved_steps;   /* on average until a puzzle was solved, or all */
  double hopeless_steps; /* the same, but for those that it stops */
} trm_halting_choice;

typedef struct trm_tensor_info {
  const char *name;  /* valid while the model is open */
  const char *dtype; /* "F32", "BF16", "F16", "F64", "I8" */
  int rank;
  int64_t shape[4];
  uint64_t bytes;
} trm_tensor_info;

size_t trm_model_tensors(const trm_model *model);
trm_tensor_info trm_model_tensor(const trm_model *model, size_t index); /* index < trm_model_tensors() */

/* What models for the same puzzles are ordered by. */
typedef struct trm_model_rank {
  const char *name; /* of its file, without folder and ending */
  int64_t cells;    /* positions of its grid */
  int64_t parameters;
} trm_model_rank;
/* 1: where nobody names a model and both fit, a is taken and not b. The one for the hardest Sudoku (sudoku-extreme)
 * goes first, then a smaller grid, then fewer weights, then the name. */
int trm_model_is_before(const trm_model_rank *a, const trm_model_rank *b);

#ifdef __cplusplus
}
#endif
#endif
