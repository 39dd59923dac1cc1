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

typedef struct trm_solver_config {
  int64_t max_steps;     /* supervision steps at most; 0: the model's halt_max_steps, as in training */
  int halt;              /* 1: a puzzle leaves when its halting logit exceeds halt_threshold */
  double halt_threshold; /* on the logit of q; 0 is a probability of one half */
  int64_t batch;         /* puzzles at once; 0: chosen */
} trm_solver_config;
const trm_option *trm_solver_options(size_t *count);
trm_solver_config trm_solver_config_default(void); /* 16 steps, halting at 0 */

typedef struct trm_solver trm_solver;
/* runtime is borrowed; the model's weights are copied, so it may be closed. */
trm_status trm_solver_open(trm_solver **out, trm_runtime *runtime, const trm_model *model,
                           const trm_solver_config *config, trm_error *err);
void trm_solver_close(trm_solver **solver);
const trm_model_config *trm_solver_model_config(const trm_solver *solver);
/* The model's task from its metadata; inferred from shapes when the file has none. */
trm_status trm_solver_task(const trm_solver *solver, trm_task *task, trm_error *err);

/* One puzzle after one supervision step; pointers are valid during the callback. */
typedef struct trm_step {
  int64_t puzzle;          /* index in the call */
  int step;                /* 1-based */
  const int32_t *answer;   /* [S] argmax tokens */
  const float *confidence; /* [S] probability of the argmax token (stablemax as in training) */
  float q;                 /* halting logit */
  int halted;              /* this was its last step */
} trm_step;
/* Non-zero stops the whole call with TRM_E_STOPPED. */
typedef int (*trm_step_fn)(void *context, const trm_step *step);

typedef struct trm_solution {
  int steps;
  int halted;       /* 1: by the halting head; 0: by the step limit */
  float q;          /* last halting logit */
  float confidence; /* sigmoid(q) */
  float least;      /* the least certain cell's confidence */
} trm_solution;

/* inputs [n][S] tokens, identifiers [n] or NULL (zeros) -> answers [n][S], solutions [n] (NULL: skip). Results do not
 * depend on how puzzles are batched. TRM_E_INPUT for a token outside the vocabulary. */
trm_status trm_solve(trm_solver *solver, int64_t n, const int32_t *inputs, const int32_t *identifiers, int32_t *answers,
                     trm_solution *solutions, trm_step_fn step, void *context, trm_error *err);

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
} trm_eval_result;

/* Solves every example of the dataset. limit 0: all. TRM_E_INPUT when dataset and model do not fit. */
trm_status trm_evaluate(trm_solver *solver, const trm_dataset *dataset, int64_t limit, trm_eval_result *result,
                        trm_progress_fn progress, void *context, trm_error *err);

#ifdef __cplusplus
}
#endif
#endif
