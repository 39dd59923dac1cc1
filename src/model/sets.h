/* Candidate sets: what a pass of the lattice recursion does to a state once its logits are there. Pure functions; a set
 * is a mask whose bit v says that the cell may be value v, and value v is token v + 2 (after padding and blank). Logits
 * are as the heads give them: [S][2 C], keep and then digit. */
#ifndef TRM_MODEL_SETS_H
#define TRM_MODEL_SETS_H

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "kernels/kernels.h"

#define TRM__SETS_TOKEN 2 /* of value 0 */
#define TRM__SETS_CELLS (16 * 16)

/* How large a state is, and whose clues hold. */
typedef struct trm__sets_of {
  int S, C;                /* cells, values */
  const int32_t *question; /* [S]: tokens; given cells are those with a value */
} trm__sets_of;

static inline int trm__sets_is_given(const trm__sets_of *of, int cell) {
  return of->question[cell] >= TRM__SETS_TOKEN;
}
static inline int trm__sets_is_single(int32_t set) {
  return set && !(set & (set - 1));
}
static inline int32_t trm__sets_of_token(int32_t token) {
  return token >= TRM__SETS_TOKEN ? (int32_t)1 << (token - TRM__SETS_TOKEN) : 0;
}

/* The states that a question begins with: given cells single, all values in the others. */
void trm__sets_begin(const trm__sets_of *of, int32_t *sets);

/* Live values whose keep logit is under `below` leave their sets, given cells apart. *dropped [S] (NULL: skip): the
 * values that left. Returns how many did. */
int trm__sets_drop(const trm__sets_of *of, const trm__real *logits, double below, int32_t *sets, int32_t *dropped);

/* Cells with no value, and those with several. */
typedef struct trm__sets_count {
  int empty, open;
} trm__sets_count;
trm__sets_count trm__sets_look(const trm__sets_of *of, const int32_t *sets);

/* Of a set the value with the largest digit logit, the first of equal ones; of all values where it is empty. digits
 * [C]. temperature over 0: drawn from softmax(digits / temperature) over the set. */
int trm__sets_best(int C, int32_t set, const trm__real *digits);
int trm__sets_sample(int C, int32_t set, const trm__real *digits, double temperature, trm__rng *rng);

/* An open cell, uniformly drawn, gets its best digit, or, with a temperature over 0, a drawn one. There must be one. */
void trm__sets_guess(const trm__sets_of *of, const trm__real *logits, double temperature, trm__rng *rng, int32_t *sets);

#endif
