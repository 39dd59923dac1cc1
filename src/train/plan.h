/* Memory of a training run: what it will allocate, and the largest micro-batch that fits. */
#ifndef TRM_TRAIN_PLAN_H
#define TRM_TRAIN_PLAN_H

#include <trm/train.h>

#include "train/trainer.h"

typedef struct trm__plan_job {
  const trm_model_config *model;
  const trm__params *params;
  const trm_train_config *train;
  trm__backend *backend;
  const trm__comm *comm;
  size_t already; /* bytes in use that stay: data sets */
} trm__plan_job;

/* Bytes that the whole run will have allocated at its peak, with micro_batch examples at once. On a host all of them
 * are the host's. */
trm__bytes trm__plan_predict(const trm__plan_job *job, int micro_batch);

/* train->micro_batch when given, but not more than a slice; otherwise the largest equal parts of a slice that fit in
 * train->memory, or without it in nearly all that a device has free, on a host in three quarters of what is available
 * and at most TRM__PLAN_USEFUL: larger ones gain nothing on a CPU, and so the choice (on which the last bits depend) is
 * the same on every machine that has that much. TRM_E_MEMORY when a single example does not fit. The number of ranks
 * makes no difference where the machine could do the work of all. Each rank plans for its own machine; the session then
 * takes the smallest of their answers. */
#define TRM__PLAN_USEFUL ((uint64_t)4 << 30)
trm_status trm__plan_micro_batch(const trm__plan_job *job, int *micro_batch, trm_error *err);

#endif
