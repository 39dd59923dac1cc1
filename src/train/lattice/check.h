/* Validation of the lattice recursion: each puzzle is solved by one short chain of passes (infer/lattice/passes.h),
 * with as many loops as it will be solved with. */
#ifndef TRM_TRAIN_LATTICE_CHECK_H
#define TRM_TRAIN_LATTICE_CHECK_H

#include "infer/lattice/passes.h"
#include "train/trainer.h"

/* Of a puzzle at most: enough to tell one state of a run from another, few enough to do it often. */
#define TRM__CHECK_PASSES 20

/* What it allocates. */
static inline size_t trm__lattice_validate_bytes(const trm__dims *dims, int micro_batch) {
  size_t group = (size_t)micro_batch / TRM__PASSES_FRAMES + 1, S = (size_t)dims->S;
  return trm__passes_bytes(dims, micro_batch) +
         group * (sizeof(trm__deduction) + sizeof(trm__deduction *) + 4 * S * sizeof(int32_t)) + S * sizeof(int32_t);
}

/* Of the first `limit` puzzles (0: all) with the averaged weights; a puzzle's steps are its passes. */
trm_status trm__lattice_validate(trm__trainer *trainer, const trm_dataset *data, int64_t limit, trm__score *score,
                                 trm_error *err);

#endif
