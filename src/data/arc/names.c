/* Reading identifiers.json (names.h). The names of a task's images follow each other, so the task of the name before is
 * looked at first. */
#include "data/arc/names.h"

#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"

#define NAMES_LIMIT ((size_t)256 << 20)

static int32_t names_task(const trm__arc_tasks *tasks, const char *id, size_t length, int32_t before) {
  if (before >= 0 && !strncmp(tasks->item[before].id, id, length) && !tasks->item[before].id[length]) return before;
  const trm__arc_task *task = trm__arc_tasks_find(tasks, id, length);
  return task ? (int32_t)(task - tasks->item) : -1;
}

static trm_status names_read_all(trm__arc_name *names, const json_t *json, const char *path,
                                 const trm__arc_tasks *tasks, trm_error *err) {
  int32_t before = -1;
  for (size_t i = 0; i < json_array_size(json); i++) {
    const char *text = json_string_value(json_array_get(json, i));
    size_t length = text ? trm__arc_name_read(text, &names[i].image) : 0;
    if (text && !text[0]) length = 0;
    if (!length)
      return trm__fail(err, TRM_E_INPUT, path, "name %zu is \"%.80s\", expected ID or ID|||t<0-7>|||<ten digits>", i,
                       text ? text : "no text");
    names[i].task = names_task(tasks, text, length, before);
    before = names[i].task;
  }
  return TRM_OK;
}

trm_status trm__arc_names_read(trm__arc_name **names, size_t *count, const char *path, const trm__arc_tasks *tasks,
                               trm_error *err) {
  json_t *json = NULL;
  trm_status status = trm__json_load(&json, path, NAMES_LIMIT, err);
  if (!status && !json_array_size(json))
    status = trm__fail(err, TRM_E_INPUT, path, "found %s, expected an array of names",
                       json_is_array(json) ? "an empty array" : trm__json_type_name(json));
  size_t size = json_array_size(json);
  trm__arc_name *all = status ? NULL : trm__calloc(size, sizeof *all);
  if (!status && !all) status = trm__fail_memory(err, path, size * sizeof *all);
  if (!status) status = names_read_all(all, json, path, tasks, err);
  json_decref(json);
  if (status) trm__free(all);
  else *names = all, *count = size;
  return status;
}
