/* The end of a run that has validation data: its models get their halting threshold. */
#ifndef TRM_TRAIN_THRESHOLD_H
#define TRM_TRAIN_THRESHOLD_H

#include "train/session.h"

/* Chooses (trm_choose_threshold; the rule stands in model/halting.h) for best.safetensors and last.safetensors, writes
 * it into them and a line for each into metrics.jsonl. step: the run's last update. Trainer and loader are closed
 * before, so this needs no more memory than training did. fn as for trm_train_start. chosen: of the model that a run's
 * result names. Of several ranks the first does it alone. Does nothing without validation data, or when the
 * configuration says so. */
trm_status trm__train_thresholds(trm__session *s, int64_t step, trm_train_fn fn, void *context,
                                 trm_halting_choice *chosen, trm_error *err);

#endif
