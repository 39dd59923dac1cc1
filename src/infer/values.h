/* A model's own values when it solves: step limit, halting threshold, T and n. One rule says which is in force, here
 * and nowhere else (docs/solve.md): an option wins, then what the model's file says, then the default. Command line,
 * library and whatever is built on it ask trm_model_values or trm_solver_get_values. */
#ifndef TRM_INFER_VALUES_H
#define TRM_INFER_VALUES_H

#include <trm/solve.h>

#include "model/file/model_file.h"

/* What a model says of itself; 0, and NaN for the threshold, where it says nothing. */
typedef struct trm__model_says {
  int64_t max_steps, H_cycles, L_cycles;
  double halt_threshold;
} trm__model_says;

/* The most that options may ask for. */
#define TRM__VALUES_STEPS TRM__MODEL_MOST_STEPS
#define TRM__VALUES_CYCLES 1024

/* TRM_E_USAGE with the field of an option that is out of range. */
trm_status trm__values_resolve(trm_solver_values *values, const trm_solver_config *options,
                               const trm__model_says *model, trm_error *err);

#endif
