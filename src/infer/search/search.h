/* A search: of each puzzle that a source gives the engine gets chains, which are the puzzles of an inner source. So
 * arrays, queues and the program's input are searched alike, many puzzles at once. What a chain is stands in
 * proposer.h, in which order steps are spent in wave.h, who is taken without a right answer in vote.h.
 *
 * A puzzle that is searched has an entry. Whenever the engine is at work,
 *  1. an entry has a chain in the engine, or one that waits and is wanted; otherwise it is decided and leaves at once;
 *  2. chains of entries enter before new puzzles, so there are at most as many entries as slots;
 *  3. `working` chains of an entry are in the engine, and each leaves it once;
 *  4. an entry that is cancelled or expired lets no chain enter any more, and leaves when the last one has left;
 *  5. every puzzle that the source gave has left, once, or has an entry: next = left + entries;
 *  6. the source has not been asked after it said END, and was asked to wait only when there was no entry;
 *  7. what wave.h has on its list. */
#ifndef TRM_INFER_SEARCH_SEARCH_H
#define TRM_INFER_SEARCH_SEARCH_H

#include "infer/engine.h"
#include "infer/search/plan.h"

typedef struct trm__search trm__search;

/* The solver's plan, and what its searches need in memory; *out stays NULL when it has none. slots: of the engine. */
trm_status trm__search_open(trm__search **out, trm_solver *solver, const trm__plan *plan, trm_error *err);
void trm__search_close(trm__search **search); /* accepts NULL; clears the pointer */

const trm__plan *trm__search_plan(const trm__search *search);

/* As trm__engine_run for a job that is not scored, with chains for puzzles. */
trm_status trm__search_run(trm__search *search, const trm__job *job, trm_error *err);

/* The first of the conditions that does not hold, or NULL. */
const char *trm__search_check(const trm__search *search);

#endif
