/* The choice of a model's halting threshold: the logit that q must exceed for a puzzle to halt. Validation puzzles take
 * all their steps; q, and whether the answer is right, are noted after each. From these notes follows, for any
 * threshold, where each puzzle would have halted and how many answers would have been right.
 *
 * The rule. Of the candidates 0, 0.25, 0.5, ... 16, 32, 64, ... 512, 1000 the first is chosen that costs no accuracy
 * worth speaking of: of n puzzles it gets at most max(1, n / 1000) fewer right than all steps do, though never none.
 *  - The first, as a smaller threshold never takes more steps.
 *  - 0.1 points or a single puzzle, as one puzzle on which the head is wrongly sure would otherwise decide alone.
 *  - None below 0: the head is trained so that there it says itself that the answer is wrong.
 *  - In quarters, as validation puzzles tell no more, and as a number that people can read.
 * A threshold that no q exceeds halts nobody and costs nothing, so one is found unless a q over 1000 is wrong; then it
 * is 1000. Where no answer is right after all steps there is nothing to choose by, and none is chosen. */
#ifndef TRM_MODEL_HALTING_H
#define TRM_MODEL_HALTING_H

#include <stddef.h>
#include <stdint.h>
#include <trm/model.h>

/* Validation puzzles that are looked at, at most: the first ones. More would not move the choice, as the interval of an
 * accuracy over so many is about a point wide. */
#define TRM__HALTING_PUZZLES 4096

#define TRM__HALTING_MOST 1000.0 /* a threshold is from -TRM__HALTING_MOST to TRM__HALTING_MOST */

typedef struct trm__halting {
  int64_t puzzles;
  int steps;
  float *q;       /* [puzzles][steps] logit after each step; NaN exceeds nothing */
  uint8_t *right; /* [puzzles][steps] 1: every labelled cell */
  float *order;   /* [steps][puzzles] room to sort in */
} trm__halting;

/* For the first of so many puzzles, as many as are looked at; all wrong, with q NaN. */
trm_status trm__halting_open(trm__halting *halting, int64_t puzzles, int64_t steps, trm_error *err);
void trm__halting_close(trm__halting *halting);
/* What puzzle (others than those looked at are ignored) gave after step, from 1. */
void trm__halting_note(trm__halting *halting, int64_t puzzle, int64_t step, double q, int right);

/* By the rule above; and the bounds of model/hopeless.h. */
void trm__halting_choose(const trm__halting *halting, trm_halting_choice *choice);

#endif
