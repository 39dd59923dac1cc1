/* Making mazes. */
#ifndef TRM_TASK_MAZE_GENERATE_H
#define TRM_TASK_MAZE_GENERATE_H

#include <trm/task.h>

#include "base/rng.h"

/* A random maze with one way from start to goal, and the way. TRM_E_UNSUPPORTED for a grid of one cell. */
trm_status trm__maze_generate(const trm_task *task, trm__rng *rng, int32_t *question, int32_t *answer, trm_error *err);

#endif
