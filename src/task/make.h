/* Puzzles for a dataset: what a kind's row makes, and the making of those that are searched one by one. */
#ifndef TRM_TASK_MAKE_H
#define TRM_TASK_MAKE_H

#include <stdint.h>
#include <trm/data.h>

typedef struct trm__made {
  int64_t count;
  uint8_t *questions, *answers; /* [count][cells] tokens */
} trm__made;

/* Room for count puzzles of a task. */
trm_status trm__made_open(trm__made *made, const trm_task *task, int64_t count, trm_error *err);
void trm__made_close(trm__made *made); /* also of a zeroed struct */

/* Fills made with config->train + config->test puzzles that trm_generate gives as config wants them, in the order of
 * their numbers, without those that are the same as an earlier one: equal at any number of threads. */
trm_status trm__make_each(const trm_task *task, const trm_make_config *config, trm__made *made,
                          trm_progress_fn progress, void *context, trm_error *err);

#endif
