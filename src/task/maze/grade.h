/* How good a path is, beyond being one. */
#ifndef TRM_TASK_MAZE_GRADE_H
#define TRM_TASK_MAZE_GRADE_H

#include <trm/task.h>

/* "optimal": a shortest path and nothing beside it; "connected": a path, whatever is marked beside it. Both only where
 * nothing else of the maze is changed. */
extern const char *const trm__maze_metrics[];
void trm__maze_grade(const trm_task *task, const int32_t *question, const int32_t *answer, uint8_t *has);
/* "a path of 38 moves, 4 more than the shortest". */
void trm__maze_remark(const trm_task *task, const int32_t *question, const int32_t *answer, char *text, size_t size);

#endif
