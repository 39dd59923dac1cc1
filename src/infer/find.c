/* The model to take for puzzles when nobody names one: of several folders, in their order, the first that has one that
 * fits; of a folder's the one that goes before the others. */
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <trm/solve.h>
#include <unistd.h>

#include "base/status.h"
#include "model/rank.h"

#define FIND_ENDING ".safetensors"
#define FIND_PATH 4096 /* bytes; files whose name is longer are not found */

/* name: room for it. */
static trm_model_rank find_rank(const trm_model *model, char name[NAME_MAX + 1]) {
  const trm_model_config *config = trm_model_get_config(model);
  const char *path = trm_model_get_path(model), *slash = strrchr(path, '/');
  (void)snprintf(name, NAME_MAX + 1, "%s", slash ? slash + 1 : path);
  char *ending = strstr(name, FIND_ENDING);
  if (ending) *ending = 0;
  return (trm_model_rank){name, config->seq_len, trm_model_config_parameters(config)};
}

static int find_is_before(const trm_model *a, const trm_model *b) {
  char name_a[NAME_MAX + 1], name_b[NAME_MAX + 1];
  const trm_model_rank rank_a = find_rank(a, name_a), rank_b = find_rank(b, name_b);
  return trm_model_is_before(&rank_a, &rank_b);
}

/* Takes the model of the file in place of *model when it fits and goes before it. One that knows its puzzles by
 * identifiers is never taken: a puzzle that comes without one is none of them. */
static void find_try(const char *file, const trm_puzzle_kind *kind, trm_model **model) {
  trm_model *other = NULL;
  trm_task task;
  if (access(file, R_OK) != 0 || trm_model_open(&other, file, NULL)) return;
  if (trm_model_get_config(other)->num_puzzle_identifiers <= 1 && !trm_model_task(other, &task, NULL) &&
      trm_puzzle_kind_fits(kind, &task) && (!*model || find_is_before(other, *model))) {
    trm_model *worse = *model;
    *model = other;
    other = worse;
  }
  trm_model_close(&other);
}

/* Before which no other goes is tried first, so that the others need not be opened. */
static void find_search(const char *folder, const trm_puzzle_kind *kind, size_t *files, trm_model **model) {
  char path[FIND_PATH];
  glob_t found;
  if (snprintf(path, sizeof path, "%s/" TRM__MODEL_FIRST FIND_ENDING, folder) >= FIND_PATH) return;
  find_try(path, kind, model);
  if (*model) return;
  (void)snprintf(path, sizeof path, "%s/*" FIND_ENDING, folder);
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
