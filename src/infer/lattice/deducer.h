/* The engine of the lattice recursion: chains of passes (passes.h) for the puzzles of a source, in a fixed number of
 * slots. A pass is what a step is to the ordinary engine (infer/engine.h), and a search's chains are its puzzles. A
 * solver has one or the other. */
#ifndef TRM_INFER_LATTICE_DEDUCER_H
#define TRM_INFER_LATTICE_DEDUCER_H

#include "infer/engine.h"
#include "infer/search/plan.h"

typedef struct trm__deducer trm__deducer;

#define TRM__DEDUCER_SLOTS 16 /* chains at once when nobody says how many: a pass of one row fills no kernel */

/* Of the solver's model, weights included; its params, backend and slots are there. */
trm_status trm__deducer_open(trm__deducer **out, trm_solver *solver, const trm_model *model, const trm__plan *plan,
                             trm_error *err);
void trm__deducer_close(trm__deducer **deducer);

/* As trm__engine_run for a search's job. */
trm_status trm__deducer_run(trm__deducer *deducer, const trm__job *job, trm_error *err);

#endif
