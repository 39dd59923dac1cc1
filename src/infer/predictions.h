/* What became of each puzzle of an evaluation, kept while it runs. The rows are kept by the number of their example, so
 * that neither batch nor threads, which decide who leaves first, are seen in what comes out. */
#ifndef TRM_INFER_PREDICTIONS_H
#define TRM_INFER_PREDICTIONS_H

#include <trm/solve.h>

struct trm_predictions {
  const trm_dataset *dataset; /* borrowed */
  trm_task task;
  int64_t room; /* examples that are evaluated */
  size_t S;
  int32_t *answers;           /* [room][S] */
  trm_solution *solutions;    /* [room] */
  int64_t *example;           /* [count]; while it is filled, 1 at [i] where example i is finished */
  int64_t count;              /* 0 until trm__predictions_end */
  int32_t *question, *labels; /* [S], room for the one that is looked at */
};

/* Where labels [S] score a cell, and of these where the answer is another: how many. */
void trm__labels_compare(const int32_t *labels, const int32_t *answer, size_t S, int64_t *scored, int64_t *wrong);

trm_status trm__predictions_open(trm_predictions **out, const trm_dataset *dataset, const trm_task *task,
                                 int64_t examples, trm_error *err);
/* Example `leave->puzzle` is finished. */
void trm__predictions_keep(trm_predictions *predictions, const trm_leave *leave);
void trm__predictions_end(trm_predictions *predictions); /* no more will be kept */

#endif
