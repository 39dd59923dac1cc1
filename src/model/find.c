/* The model to take for puzzles of a size when nobody names one: of several folders, in their order, the first that has
 * one. In a folder files are taken by name, for the size of a usual Sudoku after the model that was trained for the
 * hardest. */
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "model/file/model_file.h"

#define FIND_PREFERRED_CELLS 81
#define FIND_PREFERRED "sudoku-extreme.safetensors"
#define FIND_PATH 4096 /* bytes; files whose name is longer are not found */

/* 1 when the file is a model for so many cells; one that cannot be opened is passed over. */
static int find_open_fitting(const char *file, int64_t cells, trm_model **model) {
  if (access(file, R_OK) != 0 || trm_model_open(model, file, NULL)) return 0;
  if (trm_model_get_config(*model)->seq_len != cells) trm_model_close(model);
  return *model != NULL;
}

static int find_search(const char *folder, int64_t cells, size_t *files, trm_model **model) {
  char path[FIND_PATH];
  glob_t found;
  if (snprintf(path, sizeof path, "%s/" FIND_PREFERRED, folder) >= FIND_PATH) return 0;
  if (cells == FIND_PREFERRED_CELLS && find_open_fitting(path, cells, model)) return 1;
  (void)snprintf(path, sizeof path, "%s/*.safetensors", folder);
  memset(&found, 0, sizeof found);
  if (glob(path, 0, NULL, &found) == 0) {
    *files += found.gl_pathc;
    for (size_t i = 0; i < found.gl_pathc && !*model; i++) (void)find_open_fitting(found.gl_pathv[i], cells, model);
  }
  globfree(&found);
  return *model != NULL;
}

/* "A, B" of the folders. */
static void find_places(const char *const *folders, size_t count, char *text, size_t size) {
  size_t used = 0;
  text[0] = 0;
  for (size_t i = 0; i < count && used < size; i++)
    used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", folders[i]);
}

trm_status trm_model_find(trm_model **out, const char *const *folders, size_t count, int64_t cells, size_t *files,
                          trm_error *err) {
  trm_model *model = NULL;
  char places[512];
  size_t seen = 0;
  for (size_t i = 0; i < count && !model; i++) (void)find_search(folders[i], cells, &seen, &model);
  if (files) *files = seen;
  if (model) {
    *out = model;
    return TRM_OK;
  }
  find_places(folders, count, places, sizeof places);
  if (seen)
    return trm__fail(err, TRM_E_INPUT, "model", "none of the %zu models in %s solves puzzles of %lld cells", seen,
                     places, (long long)cells);
  return trm__fail(err, TRM_E_INPUT, "model", "there is no model in %s", count ? places : "no folder");
}
