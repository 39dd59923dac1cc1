/* The images of ARC tasks that become puzzles: which, for all tasks, before anything is written, because the arrays'
 * sizes follow from them. */
#ifndef TRM_DATA_ARC_IMAGES_H
#define TRM_DATA_ARC_IMAGES_H

#include "base/pool.h"
#include "data/arc/tasks.h"

typedef struct trm__arc_images {
  size_t most;          /* of a task, beside the task itself */
  trm__arc_image *item; /* [tasks][most] */
  int32_t *count;       /* [tasks] */
} trm__arc_images;

/* Images of task i are drawn from its own stream of random numbers until there are `most` or 5 * most were tried; one
 * that leaves all pairs together as they are, or as another image does, is none. stop: NULL, or any answer but 0 ends
 * it with TRM_E_STOPPED; fraction 0..1. */
trm_status trm__arc_images_open(trm__arc_images *out, const trm__arc_tasks *tasks, size_t most, uint64_t seed,
                                trm__pool *pool, int (*stop)(void *context, double fraction), void *context,
                                trm_error *err);
void trm__arc_images_close(trm__arc_images *images); /* also of a zeroed struct */

#endif
