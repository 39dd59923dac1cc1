/* What the loop remembers from update to update beside the trainer: how the recent examples did, and the best
 * validation. It is part of a checkpoint (state.json, "history"). */
#ifndef TRM_TRAIN_HISTORY_H
#define TRM_TRAIN_HISTORY_H

#include <jansson.h>
#include <trm/error.h>

#include "model/score.h"

#define TRM__RECENT 32 /* updates over which accuracies are shown */

typedef struct trm__history {
  trm__score recent[TRM__RECENT]; /* of the examples that halted in an update; update t at t % TRM__RECENT */
  double best_exact;              /* NaN before the first validation */
  int64_t best_step;
  int64_t worse;  /* validations since the best */
  int finished;   /* 1: the run has ended (all updates, patience or stop_at) */
  double seconds; /* spent so far */
} trm__history;

void trm__history_init(trm__history *history);
trm__score trm__history_recent(const trm__history *history); /* the sum */

/* {"recent": [[examples, exact, labelled, right, steps], ...], "best_exact": real or null, "best_step", "worse",
 *  "finished", "seconds"} */
json_t *trm__history_to_json(const trm__history *history); /* NULL without memory */
trm_status trm__history_from_json(trm__history *history, const json_t *json, const char *where, trm_error *err);

#endif
