/* About one puzzle, inside the library: what trm/task.h has no call for. */
#ifndef TRM_TASK_PUZZLE_H
#define TRM_TASK_PUZZLE_H

#include "task/text.h"

/* How the task's kind reads text: what trm_task_parse parses with. */
void trm__puzzle_text(trm__text *t, const trm_task *task, const char *text, size_t length);

/* trm_task_unique that stops after `most` solutions, which is quicker where only the effort of the first is wanted.
 * count is then at most that. */
trm_task_solutions trm__task_count_solutions(const trm_task *task, const int32_t *question, int most, int64_t bound);

/* The token of an empty cell, which answers do not have (nor less); 0 where questions have no empty cells. */
int32_t trm__task_blank(const trm_task *task);

/* What evaluations count of a task's answers, as trm__kind.metrics; never NULL. has [names] starts as 0. */
const char *const *trm__task_metrics(const trm_task *task);
void trm__task_grade(const trm_task *task, const int32_t *question, const int32_t *answer, uint8_t *has);

#endif
