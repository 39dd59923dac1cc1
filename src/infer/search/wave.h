/* Waves: the order in which a search spends its steps. A puzzle is solved by chains, numbered 1, 2, 3, ...; some chains
 * side by side are a wave, and a wave begins when the one before has ended without success. Pure decisions, without a
 * network, a clock or memory of their own.
 *
 * Steps are counted as if the chains of a wave stepped together, however the engine really computed them. So a chain
 * that finds a right answer at its step t stops the others where they would have been then, and who was first, what the
 * answer is and how many steps it took do not depend on the batch, the threads or the other puzzles. A chain that can
 * change nothing of that any more is no longer wanted, and need not be computed to its end.
 *
 * Between two calls of these functions
 *  1. spent + the limits of the wave's chains <= budget;
 *  2. the wave's chains are those numbered begun + 1 to begun + count, and count is 1 or more;
 *  3. each of them waits and has taken no step of this call, is at work, has ended or was dropped;
 *  4. its steps are at most its limit, and a chain at work has steps left;
 *  5. a chain with a right answer has ended, and found is its last step; one that was dropped was not wanted;
 *  6. the winner is the chain with the least (found, number), and there is one exactly when some chain has found. */
#ifndef TRM_INFER_SEARCH_WAVE_H
#define TRM_INFER_SEARCH_WAVE_H

#include <stdint.h>

typedef enum trm__chain_state {
  TRM__CHAIN_WAITS,
  TRM__CHAIN_WORKS,
  TRM__CHAIN_ENDED,
  TRM__CHAIN_DROPPED
} trm__chain_state;

typedef struct trm__chain {
  trm__chain_state state;
  int64_t limit; /* steps at most */
  int64_t steps; /* taken; of the first chain those of the puzzle's state too */
  int64_t found; /* the step of its right answer; 0: none */
} trm__chain;

typedef struct trm__wave {
  int64_t budget;    /* steps of all chains at most */
  int64_t spent;     /* counted in the waves before */
  int64_t begun;     /* chains of the waves before */
  int count;         /* chains of this one */
  int winner;        /* -1: none yet */
  trm__chain *chain; /* [count]; the owner's, with room for the widest wave */
} trm__wave;

/* The first wave: count chains of so many steps. budget: at least the steps of one. */
void trm__wave_first(trm__wave *wave, int64_t budget, int count, int64_t limit);
/* Another limit for chain i of the first wave, which has not entered; within the budget. */
void trm__wave_grant(trm__wave *wave, int i, int64_t limit);
/* Another wave, of at most count chains of so many steps, cut so that the budget holds. 0: there is no step left. */
int trm__wave_next(trm__wave *wave, int count, int64_t limit);

/* The first chain from `first` to before `end`, or the wave's, that waits and is wanted; -1: none. */
int trm__wave_waiting(const trm__wave *wave, int first, int end);
/* Whether chain i, which has not ended, may still be the winner or change its number of steps. */
int trm__wave_wants(const trm__wave *wave, int i);
void trm__wave_enter(trm__wave *wave, int i);
/* Chain i has taken a step; right: its answer ends the search. */
void trm__wave_step(trm__wave *wave, int i, int64_t steps, int right);
/* It has ended by itself, as for the halting head. */
void trm__wave_end(trm__wave *wave, int i);
/* It was given up because it is not wanted any more. */
void trm__wave_drop(trm__wave *wave, int i);
/* 1 when no chain is at work and none that waits is wanted. */
int trm__wave_is_over(const trm__wave *wave);

/* Counted steps: of chain i, and of all chains of all waves. */
int64_t trm__wave_steps(const trm__wave *wave, int i);
int64_t trm__wave_total(const trm__wave *wave);

/* The first of the conditions that does not hold, or NULL. */
const char *trm__wave_check(const trm__wave *wave);

#endif
