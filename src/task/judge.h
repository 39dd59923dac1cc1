/* Judges inside the library: what the calls of trm/task.h ask of one. The lines that a judge reads and writes are
 * described in docs/own-task.md. */
#ifndef TRM_TASK_JUDGE_H
#define TRM_TASK_JUDGE_H

#include <trm/task.h>

/* What the task's judge says of an answer: 1 right, 0 wrong, -1 it has failed, as trm_judge_status tells. why: size
 * bytes for its reason, which is "" without one; NULL: not wanted. */
int trm__judge_ask(const trm_task *task, const int32_t *question, const int32_t *answer, char *why, size_t size);

#endif
