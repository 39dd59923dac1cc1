/* Why a puzzle leaves after a step, unless its limit is all: pure decisions, on which the engine acts.
 *
 * Who is asked depends on the puzzle. Where it heeds rules, they alone say that the answer is right: it leaves when
 * they hold, and the halting head's word counts for nothing. Otherwise the head's does. After them the state is asked:
 * whoever has come to rest leaves, right or wrong; and last whether there is hope. */
#ifndef TRM_INFER_HALT_H
#define TRM_INFER_HALT_H

#include <trm/solve.h>

/* Where a puzzle stands after a step. */
typedef struct trm__stand {
  int rules;      /* 1: it heeds them */
  int correct;    /* 1: they hold */
  int says_right; /* 1: the halting head does */
  int at_rest;    /* 1: the state hardly changes any more */
  int hopeless;   /* 1: more steps are predicted not to help */
} trm__stand;

trm_halt trm__halt_why(const trm__stand *stand);

#endif
