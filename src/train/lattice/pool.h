/* The pool of half-solved states that the lattice recursion learns on (docs/spec.md, The pool): the slots of a batch,
 * each with a puzzle, its candidate sets, and how many updates old it is. An update uses all of them, and then each
 * takes one pass forward with what the network said. Everything is drawn from streams of its own, named by update and
 * slot, so threads change nothing, and a checkpoint needs no more than the slots (run/carry.h).
 *
 * A slot holds question [S] (tokens; hints filled into a fresh entry count as given), labels [S] (the solution's
 * tokens, or -100 everywhere where a hint is wrong), sets [S] and steps (its age). Between two updates
 *  1. a slot that is not halted has a question whose given cells are single in its sets;
 *  2. its age is at most TRM__POOL_AGE;
 *  3. it is halted when it was solved, or refuted and rightly so, or too old: the next update gives it a candidate. */
#ifndef TRM_TRAIN_LATTICE_POOL_H
#define TRM_TRAIN_LATTICE_POOL_H

#include <trm/task.h>

#include "base/pool.h"
#include "model/lattice.h"

#define TRM__POOL_AGE 100 /* updates that an entry is used for, and one */

/* What an update's entries were and became. */
typedef struct trm__pool_counts {
  int64_t conflicted, flagged, flagged_right;  /* entries before it; called conflicted, rightly */
  int64_t dropped, unsound;                    /* values that left sound states; of these right ones */
  int64_t solved, solved_right, refuted, aged; /* entries that left the pool */
  double keep_loss, digit_loss;                /* means over the batch, weights included */
} trm__pool_counts;

typedef struct trm__states {
  trm__dims dims;
  trm_task task;
  uint64_t seed;
  int batch;
  double digit_weight, conflict_weight;
  trm__slots *slots;       /* borrowed: inputs are questions, steps ages */
  int32_t *sets;           /* [batch][S]; of the slots */
  int32_t *solution;       /* [batch][S] masks, 0: none; as the next four of an update */
  uint8_t *open;           /* [batch][S] */
  uint8_t *conflicted;     /* [batch] */
  trm__real *logits;       /* [batch][S][2 C] */
  trm__real *conflict;     /* [batch] */
  double *digit_loss;      /* [batch] */
  trm__pool_counts *part;  /* [batch]: one entry's counts */
  trm__pool_counts counts; /* of the last update */
  int64_t asked;           /* cells whose digit is asked, of the batch */
} trm__states;

trm_status trm__states_open(trm__states *states, const trm__dims *dims, const trm_task *task, trm__slots *slots,
                            int32_t *sets, trm_error *err);
void trm__states_close(trm__states *states);
size_t trm__states_bytes(const trm__dims *dims, int batch);

/* Update t begins: entries that were halted (fresh [batch]) get their hints and sets; every entry is shown in another
 * symmetric frame. */
void trm__states_begin(trm__states *states, trm__pool *pool, int64_t t, const uint8_t *fresh);
/* Slots first .. first + b - 1 as a training pass. */
trm__lattice_batch trm__states_batch(const trm__states *states, int first, int b, trm__example_stats *stats);
/* It ends: with the logits of the training pass every entry takes a pass, and slots halt. stats get what was right. */
void trm__states_end(trm__states *states, trm__pool *pool, int64_t t, trm__example_stats *stats);

#endif
