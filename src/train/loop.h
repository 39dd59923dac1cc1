/* A run as one rank does it; the public functions are the run of a single rank. */
#ifndef TRM_TRAIN_LOOP_H
#define TRM_TRAIN_LOOP_H

#include <trm/train.h>

#include "dist/comm.h"

/* trm_train_start and trm_train_resume as rank comm->rank of comm->size. Every rank calls the same with the same values
 * (paths may differ, as long as they lead to the same run directory and the same data) and a runtime of its own, and
 * gets a result or an error; after an error the communicator is of no more use. Progress is told on every rank; when
 * one asks to stop, all do after the same update. err is not NULL. */
trm_status trm__train_start(trm_runtime *runtime, trm__comm *comm, const trm_model_config *model,
                            const trm_train_config *config, trm_train_fn fn, void *context, trm_train_result *result,
                            trm_error *err);
trm_status trm__train_resume(trm_runtime *runtime, trm__comm *comm, const char *run, const char *const *overrides,
                             size_t count, trm_train_fn fn, void *context, trm_train_result *result, trm_error *err);

#endif
