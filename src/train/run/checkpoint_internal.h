/* Shared by the writing and the reading half of checkpoints. */
#ifndef TRM_TRAIN_RUN_CHECKPOINT_INTERNAL_H
#define TRM_TRAIN_RUN_CHECKPOINT_INTERNAL_H

#include "model/file/model_file.h"
#include "train/run/checkpoint.h"

#define TRM__CHECKPOINT_FILES 3
extern const char *const trm__checkpoint_file[TRM__CHECKPOINT_FILES]; /* names of the files beside state.json */

/* A weight set over the trainer's device arrays (flat: weights or ema), seen from the host. */
trm_status trm__checkpoint_borrow(trm__trainer *trainer, trm__real *flat, trm__weight_set *set, trm_error *err);
void trm__checkpoint_return(trm__trainer *trainer, trm__real *flat, trm__weight_set *set, int changed);

/* N of "step-N", -1 for another name. */
int64_t trm__checkpoint_number(const char *name);

/* Keeps the `keep` newest checkpoints up to step `now`; later ones are damaged and are replaced when the run gets
 * there. */
trm_status trm__checkpoint_prune(const char *folder, int64_t now, int64_t keep, trm_error *err);

#endif
