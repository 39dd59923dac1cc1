/* Starting a run from another model's weights. */
#ifndef TRM_TRAIN_INIT_FROM_H
#define TRM_TRAIN_INIT_FROM_H

#include "train/trainer.h"

/* Tensors are copied by name into the weights and the EMA. Puzzle rows are copied when their number is equal, otherwise
 * each becomes the mean of the model's. TRM_E_INPUT naming the tensor that does not fit. */
trm_status trm__init_from(trm__trainer *trainer, const char *path, trm_error *err);

#endif
