/* Which task and which image a puzzle identifier stands for: identifiers.json of an ARC dataset. */
#ifndef TRM_DATA_ARC_NAMES_H
#define TRM_DATA_ARC_NAMES_H

#include "data/arc/tasks.h"

typedef struct trm__arc_name {
  int32_t task; /* number in the list of tasks; -1: of another task, or blank */
  trm__arc_image image;
} trm__arc_name;

/* names [*count], 16 bytes each, trm__free. */
trm_status trm__arc_names_read(trm__arc_name **names, size_t *count, const char *path, const trm__arc_tasks *tasks,
                               trm_error *err);

#endif
