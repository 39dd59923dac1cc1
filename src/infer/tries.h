/* Tries: what becomes of a puzzle after a step when its answer may be judged by rules. Pure decisions; the engine acts
 * on them. include/trm/solve.h says what a try is. */
#ifndef TRM_INFER_TRIES_H
#define TRM_INFER_TRIES_H

#include <trm/solve.h>

/* Deviation of the noise that a later try starts from. Measured on the model that ships: docs/solve.md. */
#define TRM__TRIES_NOISE 2.0

typedef enum trm__turn {
  TRM__TURN_ON,    /* another step */
  TRM__TURN_AGAIN, /* another try */
  TRM__TURN_LAST   /* it leaves */
} trm__turn;

typedef struct trm__try {
  int64_t steps, max_steps; /* taken; at which this try ends */
  int64_t limit;            /* steps of the next one */
  int64_t tries, most;
  int halted; /* the halting head says right */
} trm__try;

/* 1 when the turn depends on whether the rules hold. */
int trm__tries_ask(const trm__try *t);
/* wrong: 1 when the answer breaks rules; looked at only when it is asked for. */
trm__turn trm__tries_turn(const trm__try *t, int wrong);

/* How many tries TRM_TRIES_WORK allows for puzzles of so many steps, of which each is so much work. */
int64_t trm__tries_allowed(int64_t max_steps, double work);

#endif
