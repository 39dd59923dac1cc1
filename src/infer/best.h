/* The best answer so far of each slot's puzzle, for TRM_KEEP_BEST: the one with the fewest faults, then the one with
 * the largest q, then the earliest. A later step can therefore only better what is returned. */
#ifndef TRM_INFER_BEST_H
#define TRM_INFER_BEST_H

#include <trm/solve.h>

/* Zeroed: there is none. */
typedef struct trm__best {
  int64_t step;
  int faults; /* 0 where no rules are known */
  float q;
} trm__best;

/* 1 when a step with these is better than what there is. NaN is the least q. */
int trm__best_is_beaten(const trm__best *best, int faults, float q);

/* The answer of slot i's last step, which has these faults (negative: not known), is kept if it is the best. */
void trm__best_offer(trm_solver *solver, int i, int faults);
/* What is kept of slot `from` goes to slot `to`. */
void trm__best_move(trm_solver *solver, int to, int from);

#endif
