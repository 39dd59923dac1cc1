/* Which of several answers is taken when no rule says that one is right. A pure function. */
#ifndef TRM_INFER_SEARCH_VOTE_H
#define TRM_INFER_SEARCH_VOTE_H

#include <trm/solve.h>

typedef struct trm__ballot {
  const int32_t *answer; /* [cells]; NULL: it has none */
  float q;               /* of the chain's last step */
} trm__ballot;

/* The chain whose answer is taken, by trm_vote, when all have ended and none came first; ties go to the larger q, then
 * to the earlier chain. -1: none has one. */
int trm__vote(const trm__ballot *ballot, int count, size_t cells, int by);

#endif
