/* An answer read from logits: the most probable token of each cell, and its probability by the model's own loss. */
#ifndef TRM_INFER_ANSWER_H
#define TRM_INFER_ANSWER_H

#include <trm/solve.h>

/* The logits of slot i, [S][V] -> solver->answer [S], the first largest token of each position. */
void trm__answer_tokens(trm_solver *solver, int i);

/* The same, and solver->confidence [S]. */
void trm__answer_read(trm_solver *solver, int i);

/* Of the answer that was read last, the smallest confidence; NaN when one is. */
float trm__answer_least_confidence(const trm_solver *solver);

#endif
