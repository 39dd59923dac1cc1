/* Making mazes. */
#ifndef TRM_TASK_MAZE_GENERATE_H
#define TRM_TASK_MAZE_GENERATE_H

#include <trm/task.h>

#include "base/rng.h"

/* A random maze of the published kind as wanted (min_path, min_side, max_side), and the path that the published rule
 * marks. TRM_E_UNSUPPORTED for a grid of one cell. */
trm_status trm__maze_search(const trm_task *task, trm__rng *rng, const trm_wanted *wanted, int32_t *question,
                            int32_t *answer, trm_error *err);

#endif
