/* Sudoku for a dataset. */
#ifndef TRM_TASK_SUDOKU_MAKE_H
#define TRM_TASK_SUDOKU_MAKE_H

#include "task/make.h"

/* As trm__kind.make. Puzzles that are variations of one another are neighbours in the order. */
trm_status trm__sudoku_make(const trm_task *task, const trm_make_config *config, trm__made *made,
                            trm_progress_fn progress, void *context, trm_error *err);
/* Guesses of the exact solver; NaN when it gave up. */
double trm__sudoku_guesses(const trm_task *task, const int32_t *question, const int32_t *answer);

#endif
