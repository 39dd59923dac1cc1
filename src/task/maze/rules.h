/* The rules of mazes, and how many shortest paths one has. Without memory: no verdict, no marks, no count. */
#ifndef TRM_TASK_MAZE_RULES_H
#define TRM_TASK_MAZE_RULES_H

#include <trm/task.h>

trm_task_verdict trm__maze_judge(const trm_task *task, const int32_t *question, const int32_t *answer);
trm_status trm__maze_check(const trm_task *task, const int32_t *question, trm_error *err);
/* Changed cells, path cells that lie apart, a path that does not lead from S to G, in words. */
void trm__maze_fault(const trm_task *task, const int32_t *question, const int32_t *answer, char *text, size_t size);
/* Marks the cells that changed a clue, and path cells that start does not reach. */
void trm__maze_mark(const trm_task *task, const int32_t *question, const int32_t *tokens, trm_task_cell *cells);
/* 1 when the cell's answer keeps what the question says there. */
int trm__maze_keeps(int32_t asked, int32_t answered);
/* Shortest paths, up to `most`; bound: cells visited, 0: any number. */
trm_task_solutions trm__maze_unique(const trm_task *task, const int32_t *question, int most, int64_t bound);

#endif
