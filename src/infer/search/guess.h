/* Guesses: open cells of a question that a chain takes for clues, with the symbols of an earlier answer. The network
 * solves a puzzle with more clues in fewer steps, and more often, when they are right; a chain with a wrong one fails.
 */
#ifndef TRM_INFER_SEARCH_GUESS_H
#define TRM_INFER_SEARCH_GUESS_H

#include "base/rng.h"
#include "infer/search/proposer.h"

/* question [cells] = the puzzle's with the plan's number of guesses: cells drawn uniformly, their symbols those of one
 * answer of the wave before, drawn uniformly. At level D guesses that clash are drawn again, at level E rules fill in
 * what follows from each. Without a wave before, or when no draw is allowed, there are none. */
void trm__guess(const trm__proposal *proposal, trm__rng *rng, int32_t *question);

#endif
