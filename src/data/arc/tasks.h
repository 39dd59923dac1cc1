/* ARC tasks in memory, from their JSON:
 *   a task       {"train": [{"input": GRID, "output": GRID}, ...], "test": [{"input": GRID, "output": GRID}, ...]}
 *   challenges   {"ID": TASK, ...}, whose tests lack outputs; these stand in a file beside it, named ..._solutions.json
 *                where the first is named ..._challenges.json: {"ID": [GRID, ...], ...}
 *   a folder     of files with a task each, ID.json
 * GRID is an array of 1 to 30 equally long arrays of 1 to 30 whole numbers from 0 to 9. Keys of a task beside "train"
 * and "test" are passed over, as some collections have names in it. Limits: 64 MiB a file, 10,000 tasks, 1,000 pairs a
 * task, an ID 1 to 200 bytes without "|||". */
#ifndef TRM_DATA_ARC_TASKS_H
#define TRM_DATA_ARC_TASKS_H

#include <trm/error.h>

#include "task/arc/grid.h"

typedef struct trm__arc_pair {
  trm__arc_grid input, output; /* output 0 x 0: not known */
} trm__arc_pair;

typedef struct trm__arc_task {
  char *id;
  const char *file;    /* where it was read; belongs to the list */
  trm__arc_pair *pair; /* [train + test]: demonstrations, then tests */
  int train, test;
  int evaluated; /* 1: its tests are for evaluation, 0: for training */
  int known;     /* 1: all outputs of its tests are known */
} trm__arc_task;

typedef struct trm__arc_tasks {
  trm__arc_task *item;
  size_t count, room;
  char **file; /* the paths that were read */
  size_t files;
} trm__arc_tasks;

/* Appends the tasks of a file or folder. TRM_E_INPUT names file, task and field; an ID that is there already is one.
 * After a failure only free is allowed. */
trm_status trm__arc_tasks_read(trm__arc_tasks *tasks, const char *path, int evaluated, trm_error *err);
/* The same of a JSON text; path names it. */
trm_status trm__arc_tasks_parse(trm__arc_tasks *tasks, const char *text, size_t size, const char *path, int evaluated,
                                trm_error *err);
void trm__arc_tasks_free(trm__arc_tasks *tasks); /* also of a zeroed struct */
/* NULL when there is none; of many tasks a search of all. */
const trm__arc_task *trm__arc_tasks_find(const trm__arc_tasks *tasks, const char *id, size_t length);

#endif
