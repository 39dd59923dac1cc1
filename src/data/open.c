/* Opening a dataset by its path: a directory, or one text file. The readers are in format/. */
#include "base/os/file.h"
#include "base/status.h"
#include "data/format/dataset_dir.h"
#include "data/format/rows_open.h"
#include "task/task.h"

int trm_dataset_is_text_file(const char *path) {
  return !trm__path_is_dir(path);
}

trm_status trm_dataset_open(trm_dataset **out, const char *path, const char *split, const trm_task *task,
                            trm_error *err) {
  if (task) {
    trm_status status = trm__task_check(task, "task", err);
    if (status) return status;
  }
  trm__path_kind kind;
  trm_status found = trm__path_find(&kind, path, err);
  if (found) return found;
  if (kind == TRM__PATH_FOLDER) return trm__dataset_read(out, path, split ? split : "train", task, err);
  if (kind == TRM__PATH_ABSENT)
    return trm__fail(err, TRM_E_IO, path, "does not exist, expected a dataset directory or a file of " TRM__ROWS_KINDS);
  trm__rows_hint hint = {.task = task};
  return trm__rows_open(out, path, &hint, err);
}
