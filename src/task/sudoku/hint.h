/* What to tell a person about a Sudoku: the row's functions hint and inspect (task/kind.h). */
#ifndef TRM_TASK_SUDOKU_HINT_H
#define TRM_TASK_SUDOKU_HINT_H

#include <trm/task.h>

void trm__sudoku_hint(const trm_task *task, const int32_t *question, trm_hint_result *hint);
void trm__sudoku_inspect(const trm_task *task, const int32_t *question, int64_t bound, trm_task_finding *finding,
                         uint8_t *marks);

#endif
