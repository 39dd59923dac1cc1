/* Reading a dataset directory; its files are described in dataset.h. */
#ifndef TRM_DATA_FORMAT_DATASET_DIR_H
#define TRM_DATA_FORMAT_DATASET_DIR_H

#include "data/dataset.h"

/* task NULL: from task.json, or inferred from shapes. Everything is checked before *out is written. */
trm_status trm__dataset_read(trm_dataset **out, const char *path, const char *split, const trm_task *task,
                             trm_error *err);

#endif
