/* An answer read from logits: the most probable token of each cell, and its probability by the model's own loss. */
#ifndef TRM_INFER_ANSWER_H
#define TRM_INFER_ANSWER_H

#include <trm/solve.h>

#include "backend/backend.h"

/* logits [S][V] -> answer [S], the first largest token of each position. */
void trm__answer_tokens(const trm_solver *solver, const trm__real *logits, int32_t *answer);

/* The same, and confidence [S]. */
void trm__answer_read(const trm_solver *solver, const trm__real *logits, int32_t *answer, float *confidence);

/* The smallest of confidence [S]; NaN when one is. */
float trm__answer_least_confidence(const trm_solver *solver, const float *confidence);

#endif
