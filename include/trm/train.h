/* Training: a run turns a dataset and a configuration into a model, inside a run directory that holds everything a
 * bit-exact resume needs. */
#ifndef TRM_TRAIN_H
#define TRM_TRAIN_H

#include <stdint.h>
#include <trm/data.h>
#include <trm/model.h>
#include <trm/trm.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum trm_optimizer { TRM_ADAM_ATAN2, TRM_ADAMW, TRM_MUON } trm_optimizer;
typedef enum trm_loss_type { TRM_LOSS_STABLEMAX, TRM_LOSS_SOFTMAX } trm_loss_type;

/* Every value of a run beside the model's own. Ranges and help: trm_train_options(). */
typedef struct trm_train_config {
  uint32_t size;        /* set by trm_train_config_default() */
  char data[1024];      /* what trm_dataset_open takes */
  char valid[1024];     /* dataset for validation; "" : the dataset's test split is NOT used, no validation */
  char run[1024];       /* run directory */
  char init_from[1024]; /* model file to start from; puzzle rows are set to their mean when counts differ */
  char frozen[256];     /* comma-separated prefixes of tensor names that are not trained */
  int64_t seed;
  int64_t batch, micro_batch; /* micro_batch 0: from memory */
  int64_t memory;             /* MiB that planning may use; 0: from the machine */
  int recompute;              /* keep only block inputs for the backward pass */
  int64_t steps;              /* updates; 0: from epochs */
  int64_t epochs;
  int64_t schedule_steps; /* updates over which the rate decays and cycles grow; 0: those of the run as it begins */
  double max_minutes;     /* 0: no limit; stops like SIGTERM: saved, resumable */
  int augment;
  int optimizer; /* trm_optimizer */
  double lr, lr_min_ratio, beta1, beta2, weight_decay;
  int64_t lr_warmup_steps;
  double muon_lr, muon_momentum, muon_weight_decay;
  double puzzle_emb_lr, puzzle_emb_weight_decay;
  double ema_decay;
  int64_t ema_from; /* the EMA starts as a copy of the weights at this update */
  double clip;      /* gradient norm; 0: none */
  int loss;         /* trm_loss_type */
  double label_smoothing, halt_weight;
  double step_decay;         /* an example that has had k supervision steps counts step_decay^k in the gradients */
  int64_t latents;           /* K: winner takes all among so many latents; 1: one, as usual */
  char cycles_schedule[256]; /* "FROM:nxT,..." by the run's progress; "": the model's L_cycles and H_cycles */
  double start_noise;        /* deviation of the normal numbers added to z where a slot starts */
  double latent_noise;       /* the same for z after each latent cycle */
  int64_t eval_every;        /* updates; 0: at the end only */
  int64_t eval_limit;        /* puzzles; 0: all */
  int64_t patience;          /* evaluations without a better one before stopping; 0: never */
  double stop_at;            /* stop at this exact accuracy on the validation set; 0: never */
  int64_t save_every, keep;  /* updates between checkpoints; how many are kept */
  int64_t log_every;         /* updates between lines of metrics.jsonl and points of the event file */
  double max_loss;           /* a loss over this, or NaN, stops the run as diverged */
  int choose_threshold;      /* 1: with validation data, the models at the end of the run get their halting threshold */
  int reserved;              /* 0 */
  double digit_weight;       /* of the digits' loss, with the lattice recursion */
  int64_t slices; /* S, a power of two: parts of the batch whose gradients are summed in a tree, so that 1, 2,
                     4, ... S ranks (trm/ranks.h) have the same bits; 1: one part, for one rank */
} trm_train_config;
const trm_option *trm_train_options(size_t *count);
trm_train_config trm_train_config_default(void);

/* Presets: named values for both structs, from one table. */
size_t trm_presets(void);
typedef struct trm_preset_info {
  const char *name, *help;
} trm_preset_info;
trm_preset_info trm_preset(size_t index);
/* Both structs as their _default() fills them, then the preset's values. TRM_E_USAGE with the known names. */
trm_status trm_preset_apply(const char *name, trm_model_config *model, trm_train_config *train, trm_error *err);

typedef struct trm_train_progress {
  int64_t step, steps;
  double loss, lm_loss, halt_loss;       /* means an example of the last update */
  double exact_accuracy, token_accuracy; /* over examples that halted in the recent updates */
  double mean_steps;                     /* to halt */
  double lr, grad_norm;
  double examples_per_second, seconds, seconds_left; /* seconds: of the run so far, earlier calls included */
  int evaluated;                                     /* 1: the validation fields are new */
  double valid_exact, valid_token, best_exact;
  int64_t best_step;
  int choosing; /* 1: the updates are over, and a halting threshold is being chosen; of the other fields only step and
                   steps are set */
  double fraction; /* of that */
} trm_train_progress;
/* Called after each update, and while a halting threshold is chosen. Non-zero: finish, save, return TRM_E_STOPPED. */
typedef int (*trm_train_fn)(void *context, const trm_train_progress *progress);

typedef struct trm_train_result {
  int64_t step;      /* the run's last update */
  int64_t updates;   /* done in this call; 0: it was finished before */
  double best_exact; /* NaN without validation */
  int64_t best_step;
  double seconds, run_seconds;          /* of this call; of the run, earlier calls included */
  char model[1100];                     /* best.safetensors, or the last EMA */
  char checkpoint[1100];                /* newest whole one */
  uint64_t predicted_bytes, peak_bytes; /* what the library allocated at most: as predicted, as it was */
  uint64_t resident_bytes;              /* the most of the whole process that ever was in memory, which can be less, as
                                         * not all that is allocated is used; 0: unknown */
  int64_t micro_batch;
  double halt_threshold; /* that the model got; NaN: none */
  double halt_steps;     /* mean steps with it on the validation data */
} trm_train_result;

/* Starts a run: the directory must not hold one, nor other files of the names that a run uses. model's shape fields
 * (seq_len, vocab_size, num_puzzle_identifiers) are taken from the data. TRM_E_DIVERGED names the last good checkpoint,
 * which is untouched. */
trm_status trm_train_start(trm_runtime *runtime, const trm_model_config *model, const trm_train_config *config,
                           trm_train_fn fn, void *context, trm_train_result *result, trm_error *err);

/* Goes on from the newest whole checkpoint of a run directory; the rest is as if it had never stopped. overrides: count
 * pairs "name", "text", "name", "text", ... of values that may change (steps, schedule_steps, max_minutes, save_every,
 * keep, eval_every, patience, stop_at), and data and valid where these have moved; NULL with count 0. Data that moved
 * together with the run is found; wherever it is, it must be what the run was started with. Another number of steps
 * alone leaves the schedule, and so the rate of every update, as it was. */
trm_status trm_train_resume(trm_runtime *runtime, const char *run, const char *const *overrides, size_t count,
                            trm_train_fn fn, void *context, trm_train_result *result, trm_error *err);

/* Draws the metrics.jsonl of runs as an SVG picture: loss, accuracies, steps to halt, learning rate. smooth: what is
 * measured on single updates is drawn as the mean over so much of the picture's width, 0 to 50 percent (TRM_PLOT_SMOOTH
 * is usual), and as it was in faint; 0: as it was. out as for trm_model_quantize. */
#define TRM_PLOT_SMOOTH 3
trm_status trm_plot(const char *const *runs, size_t count, double smooth, const char *out, trm_error *err);

#ifdef __cplusplus
}
#endif
#endif
