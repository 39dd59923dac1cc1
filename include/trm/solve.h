/* Solving and evaluating: a solver holds a model on a runtime and improves answers one supervision step at a time, with
 * every step observable. */
#ifndef TRM_SOLVE_H
#define TRM_SOLVE_H

#include <stdint.h>
#include <trm/data.h>
#include <trm/model.h>
#include <trm/trm.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Number type of the network: the model's own forward_dtype, or another. */
typedef enum trm_solver_dtype {
  TRM_SOLVE_MODEL,
  TRM_SOLVE_FLOAT32,
  TRM_SOLVE_BFLOAT16,
  TRM_SOLVE_INT8
} trm_solver_dtype;

typedef struct trm_solver_config {
  uint32_t size;         /* set by trm_solver_config_default() */
  int64_t max_steps;     /* supervision steps at most; 0: the model's own, or 16 */
  int halt;              /* 1: a puzzle leaves when its halting logit exceeds halt_threshold */
  double halt_threshold; /* on the logit of q; 0 is a probability of one half, 2 of 0.88; NaN: the model's own */
  int dtype;             /* trm_solver_dtype */
  int64_t batch;         /* puzzles at once; 0: chosen from measured steps, results are the same */
  double damping;        /* of the latent, in place of the model's; negative: the model's */
  double start_noise;    /* deviation of the normal numbers added to z where a puzzle starts; 0: none */
  double latent_noise;   /* the same for z after each latent cycle */
  int64_t seed;          /* of the noise, which depends on the puzzle's index in the call and the step beside it */
  int64_t puzzles;       /* the most that a call will bring, so that no memory is taken for more; 0: unknown */
  int64_t H_cycles;      /* T, recursion cycles; 0: the model's own */
  int64_t L_cycles;      /* n, latent cycles; 0: the model's own */
} trm_solver_config;
const trm_option *trm_solver_options(size_t *count);
trm_solver_config trm_solver_config_default(void); /* halting, and the model's own values */

/* A model's own values: which are in force, and where each comes from. An option wins, then what the model's file says,
 * then the default: 16 steps, T 3, n 6, a threshold of 0 (docs/solve.md). */
typedef enum trm_value_origin { TRM_VALUE_DEFAULT, TRM_VALUE_MODEL, TRM_VALUE_OPTION } trm_value_origin;
typedef struct trm_counted_value {
  int64_t value;
  int origin; /* trm_value_origin */
} trm_counted_value;
typedef struct trm_real_value {
  double value;
  int origin; /* trm_value_origin */
} trm_real_value;
typedef struct trm_solver_values {
  trm_counted_value max_steps, H_cycles, L_cycles;
  trm_real_value halt_threshold;
} trm_solver_values;
/* options NULL: none is given. TRM_E_USAGE with the field of one that is out of range. */
trm_status trm_model_values(const trm_model *model, const trm_solver_config *options, trm_solver_values *values,
                            trm_error *err);

typedef struct trm_solver trm_solver;
/* runtime is borrowed; the model's weights are copied, so it may be closed. */
trm_status trm_solver_open(trm_solver **out, trm_runtime *runtime, const trm_model *model,
                           const trm_solver_config *config, trm_error *err);
void trm_solver_close(trm_solver **solver);                                /* accepts NULL; clears the pointer */
const trm_model_config *trm_solver_model_config(const trm_solver *solver); /* as it computes: n and T in force */
trm_solver_values trm_solver_get_values(const trm_solver *solver);
/* The model's task from its metadata; inferred from shapes when the file has none. */
trm_status trm_model_task(const trm_model *model, trm_task *task, trm_error *err);
trm_status trm_solver_task(const trm_solver *solver, trm_task *task, trm_error *err);

/* One puzzle after one supervision step; pointers are valid during the callback. */
typedef struct trm_step {
  int64_t puzzle;          /* index in the call */
  int step;                /* 1-based */
  const int32_t *answer;   /* [S] argmax tokens */
  const float *confidence; /* [S] probability of the argmax token, by the model's own loss */
  float q;                 /* halting logit */
  int halted;              /* this was its last step */
} trm_step;
/* What the callback of a step answers. Puzzles that share a batch are reported in no particular order, the steps of
 * each in theirs. */
typedef enum trm_step_answer {
  TRM_STEP_ON = 0,
  TRM_STEP_STOP = 1,  /* the whole call ends with TRM_E_STOPPED (as with any other value that is not listed) */
  TRM_STEP_CANCEL = 2 /* this puzzle leaves with the answer it has; nothing changes for the others */
} trm_step_answer;
typedef int (*trm_step_fn)(void *context, const trm_step *step);

/* Marks that end work between two steps. Any thread may set them at any time, before or during a call, and they stay
 * set until trm_cancel_reset, which must not run at the same time as a call. */
typedef struct trm_cancel trm_cancel;
trm_status trm_cancel_open(trm_cancel **out, int64_t puzzles, trm_error *err); /* marks for indices 0..puzzles-1 */
void trm_cancel_close(trm_cancel **cancel);                                    /* accepts NULL; clears the pointer */
void trm_cancel_puzzle(trm_cancel *cancel, int64_t puzzle); /* as TRM_STEP_CANCEL; other indices are ignored */
void trm_cancel_all(trm_cancel *cancel);                    /* as TRM_STEP_STOP; safe in a signal handler */
void trm_cancel_reset(trm_cancel *cancel);
/* The solver's later calls obey these marks, which are borrowed; NULL: none. */
void trm_solver_set_cancel(trm_solver *solver, const trm_cancel *cancel);

typedef struct trm_solution {
  int steps;        /* 0: cancelled before the first */
  int halted;       /* 1: by the halting head; 0: by the step limit, or cancelled */
  int cancelled;    /* 1: left before it was done */
  float q;          /* last halting logit */
  float confidence; /* sigmoid(q) */
  float least;      /* the least certain cell's confidence */
} trm_solution;

/* inputs [n][S] tokens, identifiers [n] or NULL (zeros) -> answers [n][S], solutions [n] (NULL: skip). Results do not
 * depend on how puzzles are batched. TRM_E_INPUT for a token outside the vocabulary. On TRM_E_STOPPED, too, each puzzle
 * has its answer so far: what is not `cancelled` was finished. A puzzle without a step has its question as answer. */
trm_status trm_solve(trm_solver *solver, int64_t n, const int32_t *inputs, const int32_t *identifiers, int32_t *answers,
                     trm_solution *solutions, trm_step_fn step, void *context, trm_error *err);

/* What the last call of a solver did and what it cost. */
typedef enum trm_batch_origin {
  TRM_BATCH_GIVEN,   /* by the configuration */
  TRM_BATCH_USUAL,   /* a fixed size, as the job was too small to measure */
  TRM_BATCH_MEASURED /* chosen from measured steps */
} trm_batch_origin;
#define TRM_SOLVE_COSTS 16
typedef struct trm_solve_stats {
  int64_t puzzles;  /* that took a step */
  int64_t steps;    /* supervision steps taken, summed over puzzles */
  int64_t computed; /* supervision steps computed; equal to steps, as no empty slot is ever computed */
  int64_t rounds;   /* times the network ran, for up to batch puzzles each */
  int64_t full;     /* rounds of exactly batch puzzles, after batch was chosen */
  int64_t batch;    /* puzzles a round */
  int origin;       /* trm_batch_origin */
  double seconds;
  double predicted; /* seconds of a round of batch puzzles, when batch was chosen; 0: unknown */
  double measured;  /* their mean in the full rounds; 0: unknown */
  int costs;        /* sizes measured so far, in this call or an earlier one */
  struct {
    int64_t batch;
    double seconds; /* the least that a round of batch puzzles took */
  } cost[TRM_SOLVE_COSTS];
} trm_solve_stats;
trm_solve_stats trm_solver_last_stats(const trm_solver *solver); /* zeros before the first call */

#define TRM_EVAL_BANDS 6
typedef struct trm_eval_band {
  double low, high; /* rating in [low, high] */
  int64_t puzzles, exact;
} trm_eval_band;

typedef struct trm_eval_result {
  int64_t puzzles, exact, tokens, right_tokens; /* labelled tokens */
  double exact_accuracy, token_accuracy;        /* fractions */
  double interval_low, interval_high;           /* Wilson, 95 % */
  double mean_steps;
  double lm_loss; /* mean over puzzles */
  int64_t said_right_is_right, said_right_is_wrong, said_wrong_is_right,
      said_wrong_is_wrong;              /* halting head, last step */
  double halt_precision, halt_recall;   /* of "right"; NaN when undefined */
  double wrong_precision, wrong_recall; /* of "wrong" */
  int bands;                            /* 0 without ratings */
  trm_eval_band band[TRM_EVAL_BANDS];
  double seconds;
  trm_solve_stats stats;
} trm_eval_result;

/* Solves every example of the dataset. limit 0: all. progress is called after every round of steps. TRM_E_INPUT when
 * dataset and model do not fit. *result is written on success, and on TRM_E_STOPPED about the puzzles that were
 * finished; cancelled ones are not counted. */
trm_status trm_evaluate(trm_solver *solver, const trm_dataset *dataset, int64_t limit, trm_eval_result *result,
                        trm_progress_fn progress, void *context, trm_error *err);

/* Chooses a halting threshold for the model as it is solved here, on the first examples of the dataset (limit 0: all;
 * never more than some thousand), which must be neither of training nor of a test: trm_halting_choice says how. The
 * solver must be one with halt = 0. Nothing is written; trm_model_convert does that. progress as in trm_evaluate; when
 * it or a cancel mark ends the call (TRM_E_STOPPED), nothing is chosen. */
trm_status trm_choose_threshold(trm_solver *solver, const trm_dataset *dataset, int64_t limit,
                                trm_halting_choice *choice, trm_progress_fn progress, void *context, trm_error *err);

#ifdef __cplusplus
}
#endif
#endif
