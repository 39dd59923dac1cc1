/* How many puzzles a round of the engine computes: it grows while step times are measured (infer/batch.h), and shrinks
 * when a smaller size turns out to be the best. */
#ifndef TRM_INFER_WIDTH_H
#define TRM_INFER_WIDTH_H

#include "infer/engine.h"

/* Empties the statistics, and sets the width of the first round. */
void trm__width_begin(trm__engine *e);

/* Learns from the time of the last round, and sets the width of the next. Puzzles with an n and T of their own count as
 * if they had the solver's. */
void trm__width_measure(trm__engine *e, double seconds);

/* What was learned goes into the statistics. */
void trm__width_conclude(trm__engine *e);

#endif
