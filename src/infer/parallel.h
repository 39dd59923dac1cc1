/* Parallel latents: a supervision step taken from K candidates of the state and merged into one again. Candidate 0 is
 * the state itself; the others have noise of deviation latent_spread on z, or where that is 0 a damping of their own: k
 * / (2 K) of candidate k. Each takes the whole step; then y and z become the mean of the candidates', those of the
 * candidate with the largest q, or their mean weighted by softmax(q), and the heads read the answer from the merged y.
 * A step is K times the work. */
#ifndef TRM_INFER_PARALLEL_H
#define TRM_INFER_PARALLEL_H

#include "infer/engine.h"

/* Slots of a round that take a step together, and where their arrays begin. */
typedef struct trm__slice {
  int first, count;
  const int32_t *tokens;
  const trm__real *rows; /* NULL: none */
  const int32_t *labels; /* NULL: the step is not scored */
  trm__act *y, *z;
  trm__real *logits, *q;
  trm__example_stats *scores;
} trm__slice;

/* cycles: latent cycles of a step. */
void trm__parallel_step(const trm__engine *e, const trm__slice *slice, int cycles, const trm__loss *loss);

#endif
