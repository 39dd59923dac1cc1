/* The lattice recursion over a backend (docs/spec.md, Lattice): a pass takes candidate sets of cells and says, after
 * each of its loops, which values to keep, which digit each cell has, and whether the sets contradict each other.
 * Training goes back through all loops. Sets, logits and stats are in the host's memory: it takes a backend on the
 * host. */
#ifndef TRM_MODEL_LATTICE_H
#define TRM_MODEL_LATTICE_H

#include "backend/backend.h"
#include "model/params.h"

typedef struct trm__lattice_plan {
  int max_batch; /* examples in one call */
  int loops;     /* that training goes back through; 0: no training */
  int recompute; /* 1: blocks keep only their inputs and recompute the rest in the backward pass */
} trm__lattice_plan;

typedef struct trm__lattice trm__lattice;

/* backend and params are borrowed. TRM_E_UNSUPPORTED for a backend without the operations. */
trm_status trm__lattice_open(trm__lattice **out, const trm_model_config *config, const trm__params *params,
                             trm__backend *backend, const trm__lattice_plan *plan, trm_error *err);
void trm__lattice_close(trm__lattice **net);
size_t trm__lattice_bytes(const trm_model_config *config, trm__backend *backend,
                          const trm__lattice_plan *plan); /* what open will allocate */

/* After each change of the weights. flat: array shaped by params. */
void trm__lattice_prepare(trm__lattice *net, trm__real *flat);

/* A pass of b examples begins, from sets [b][S]; bit v: the cell may be value v. */
void trm__lattice_begin(trm__lattice *net, int b, const int32_t *sets);
/* Its next loop: logits [b][S][2 C], keep and then digit, and conflict [b]. */
void trm__lattice_loop(trm__lattice *net, int b, trm__real *logits, trm__real *conflict);

/* A training pass. */
typedef struct trm__lattice_batch {
  int b;
  const int32_t *sets, *solution; /* [b][S]: the state; of each cell the value that it has, as a mask, 0: none fits */
  const uint8_t *open;            /* [b][S]: 1 where the digit is asked */
  trm__lattice_loss loss;         /* scales of one loop; the mean over the loops is taken here */
  trm__example_stats *stats;      /* [b]: lm_loss: keep and digit; halt_loss: conflict; q_halt: -conflict at the end */
  double *digit_loss;             /* [b]: the digit's part of lm_loss; NULL: not wanted */
  trm__real *logits, *conflict;   /* of the last loop, as above */
} trm__lattice_batch;
/* Gradients are added to grads, shaped by params. */
void trm__lattice_train(trm__lattice *net, const trm__lattice_batch *batch, trm__real *grads);

#endif
