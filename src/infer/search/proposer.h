/* What chains do. A search knows waves, budgets and answers; how a chain differs from the puzzle's plain trajectory,
 * and how its answers are read, is a proposer's. The proposer of the ordinary network gives each chain a symmetric
 * frame (frames.c); another recursion brings another, and nothing else of a search changes (docs/internals/infer.md).
 */
#ifndef TRM_INFER_SEARCH_PROPOSER_H
#define TRM_INFER_SEARCH_PROPOSER_H

#include <trm/solve.h>

#include "infer/search/plan.h"
#include "task/symmetry.h"

/* A chain, of which everything follows: two chains of the same values propose the same. */
typedef struct trm__proposal {
  const trm__plan *plan;
  const trm_task *task;
  const int32_t *question; /* [cells] */
  size_t cells;            /* the model's positions */
  uint64_t seed, name;     /* the solver's; of the puzzle's random numbers */
  int64_t chain;           /* 1: the plain trajectory */
  const int32_t *guide;    /* [guides][cells] last answers of the chains of the wave before */
  int guides;
  int32_t *room;        /* [cells] to work in */
  trm_task_cell *marks; /* [cells] the same; NULL where guesses are not checked */
} trm__proposal;

typedef struct trm__proposer {
  /* Fills of the engine's puzzle what is the chain's: tokens [cells], the noise's name, its start. The rest is there.
   */
  void (*begin)(const trm__proposal *proposal, trm_puzzle *puzzle);
  /* An answer of the chain, and its confidences (NULL: not wanted), as ones to the question. */
  void (*read)(const trm__proposal *proposal, const int32_t *from, const float *sure, int32_t *answer,
               float *confidence);
} trm__proposer;

extern const trm__proposer trm__proposer_frames;
/* Of the lattice recursion, whose passes draw frames of their own (infer/lattice/passes.h): chains differ by name. */
extern const trm__proposer trm__proposer_names;

/* The name of random numbers of this puzzle: those of a frame, or, negative, of a chain. */
uint64_t trm__proposal_name(const trm__proposal *proposal, int64_t of);

#endif
