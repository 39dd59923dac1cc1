/* Validation during training: the EMA's exact accuracy on puzzles of another data set, always with all supervision
 * steps and without halting, as in the published evaluation. */
#ifndef TRM_TRAIN_VALIDATE_H
#define TRM_TRAIN_VALIDATE_H

#include "model/score.h"
#include "train/trainer.h"

/* The first `limit` examples of the data set (0: all), which must fit the model. Changes nothing that training
 * depends on. All ranks call it together and get the same score. */
trm_status trm__validate(trm__trainer *trainer, const trm_dataset *data, int64_t limit, trm__score *score,
                         trm_error *err);

#endif
