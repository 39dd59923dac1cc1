/* The learned stop: bounds on q under which more steps are predicted not to help. They follow from the same notes on
 * validation puzzles as the halting threshold (model/halting.h).
 *
 * The rule. A puzzle that is not right yet after step t leaves when its q is under bound t. Bound t is the (k + 1)-th
 * smallest q after step t among the validation puzzles that were still solved later, rounded down to a quarter; the
 * same k for all steps, the largest at which at most n / 1000 of the n puzzles are stopped at any step before they were
 * solved. So with fewer than 1000 puzzles none may be.
 *  - Solved is what is right after some step, as where rules end a puzzle.
 *  - No bound after a step after which no puzzle, or no more than k, were solved: nothing is known there.
 *  - A bound holds for the step limit that it was learned with, which is one more than there are bounds, and for
 * smaller ones. With more steps a puzzle would have had more chances than were looked at. In a model file the bounds
 * are a JSON array, null standing for none. */
#ifndef TRM_MODEL_HOPELESS_H
#define TRM_MODEL_HOPELESS_H

#include "model/halting.h"

enum { TRM__HOPELESS_TEXT = 32 * TRM_HOPELESS_MOST };

/* Fills choice->hopeless and what it costs and saves. None are chosen where no puzzle was right, or where there were
 * more steps than bounds can be kept for. */
void trm__hopeless_choose(const trm__halting *halting, trm_halting_choice *choice);

/* 1 when q after this step, of a puzzle with this limit, is under its bound. NaN is under none. */
int trm__hopeless_is(const trm_hopeless *hopeless, int64_t step, int64_t max_steps, double q);

/* The text of a model file; "" for none. TRM_E_INPUT when text is not one. */
void trm__hopeless_text(const trm_hopeless *hopeless, char text[TRM__HOPELESS_TEXT]);
trm_status trm__hopeless_read(trm_hopeless *hopeless, const char *text, const char *where, trm_error *err);

#endif
