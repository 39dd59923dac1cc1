/* The noise control: what a search solves when the network's answers are drawn from noise instead. */
#ifndef TRM_INFER_SEARCH_CONTROL_H
#define TRM_INFER_SEARCH_CONTROL_H

#include "infer/engine.h"

/* As trm__engine_run for a search's job, one chain after the other; no network runs. Every open cell of a chain's
 * question gets a random symbol at each step, clues stay, and q is a normal number. */
trm_status trm__control_run(trm_solver *solver, const trm__job *job, trm_error *err);

#endif
