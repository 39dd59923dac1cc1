/* The model to take for puzzles when nobody names one: of several folders, in their order, the first that has one. In a
 * folder the smallest that fits is taken, and of equal ones the first by name; before all of them the one that was
 * trained for the hardest Sudoku, where it fits. */
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <trm/solve.h>
#include <unistd.h>

#include "base/status.h"

#define FIND_PREFERRED "sudoku-extreme.safetensors"
#define FIND_PATH 4096 /* bytes; files whose name is longer are not found */

/* 1 when the model solves such puzzles. One that knows its puzzles by identifiers is never taken: a puzzle that comes
 * without one is none of them. Where only their number of cells is known they are not of a kind with puzzles
 * of all sizes, whose texts tell what they are. */
static int find_fits(const trm_model *model, const trm_puzzle_kind *kind) {
  const trm_model_config *m = trm_model_get_config(model);
  trm_task task;
  if (m->num_puzzle_identifiers > 1 || trm_model_task(model, &task, NULL)) return 0;
  if (kind->task.width) return trm_task_fits(&kind->task, &task);
  if ((size_t)m->seq_len != kind->cells) return 0;
  return kind->vocab_size ? m->vocab_size == kind->vocab_size : !trm_task_has_frame(&task);
}

/* Takes the model of the file in place of *model when it fits and is for smaller puzzles. */
static void find_try(const char *file, const trm_puzzle_kind *kind, trm_model **model) {
  trm_model *other = NULL;
  if (access(file, R_OK) != 0 || trm_model_open(&other, file, NULL)) return;
  if (find_fits(other, kind) &&
      (!*model || trm_model_get_config(other)->seq_len < trm_model_get_config(*model)->seq_len)) {
    trm_model *worse = *model;
    *model = other;
    other = worse;
  }
  trm_model_close(&other);
}

static void find_search(const char *folder, const trm_puzzle_kind *kind, size_t *files, trm_model **model) {
  char path[FIND_PATH];
  glob_t found;
  if (snprintf(path, sizeof path, "%s/" FIND_PREFERRED, folder) >= FIND_PATH) return;
  find_try(path, kind, model);
  if (*model) return;
  (void)snprintf(path, sizeof path, "%s/*.safetensors", folder);
  memset(&found, 0, sizeof found);
  if (glob(path, 0, NULL, &found) == 0) {
    *files += found.gl_pathc;
    for (size_t i = 0; i < found.gl_pathc; i++) find_try(found.gl_pathv[i], kind, model);
  }
  globfree(&found);
}

/* "A, B" of the folders. */
static void find_places(const char *const *folders, size_t count, char *text, size_t size) {
  size_t used = 0;
  text[0] = 0;
  for (size_t i = 0; i < count && used < size; i++)
    used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", folders[i]);
}

trm_status trm_model_find(trm_model **out, const char *const *folders, size_t count, const trm_puzzle_kind *kind,
                          size_t *files, trm_error *err) {
  trm_model *model = NULL;
  char places[512], title[64];
  size_t seen = 0;
  for (size_t i = 0; i < count && !model; i++) find_search(folders[i], kind, &seen, &model);
  if (files) *files = seen;
  if (model) {
    *out = model;
    return TRM_OK;
  }
  find_places(folders, count, places, sizeof places);
  if (!seen) return trm__fail(err, TRM_E_INPUT, "model", "there is no model in %s", count ? places : "no folder");
  if (kind->task.width) (void)trm_task_title(&kind->task, title, sizeof title);
  else (void)snprintf(title, sizeof title, "puzzles of %zu cells", kind->cells);
  return trm__fail(err, TRM_E_INPUT, "model", "none of the %zu models in %s solves %s", seen, places, title);
}
