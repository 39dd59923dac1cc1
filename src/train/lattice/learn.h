/* What an update of the lattice recursion does before and after the optimizer's step (train/update.c). */
#ifndef TRM_TRAIN_LATTICE_LEARN_H
#define TRM_TRAIN_LATTICE_LEARN_H

#include "train/trainer.h"

/* Halted slots take their candidates, all entries are shown in new frames, and the gradients of the whole batch are
 * made, slice after slice. */
void trm__lattice_learn(trm__trainer *trainer);
/* Every entry takes a pass with what the network said, unless the run has diverged. */
void trm__lattice_advance(trm__trainer *trainer);

#endif
