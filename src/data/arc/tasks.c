/* Reading ARC tasks (tasks.h). A file is parsed as a whole and then turned into grids task by task, so what is held
 * longest is the grids. */
#include "data/arc/tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"
#include "data/format/arc_json.h"

#define FILE_LIMIT ((size_t)64 << 20)
#define CHALLENGES "_challenges.json"
#define SOLUTIONS "_solutions.json"
enum { TASKS_LIMIT = 10000, PAIRS_LIMIT = 1000, ID_LIMIT = 200 };

static const char *const tasks_lists[2] = {"train", "test"};

typedef struct tasks_reader {
  trm__arc_tasks *tasks;
  const char *path; /* the list's own copy */
  const json_t *solutions;
  const char *solutions_path;
  int evaluated;
  trm_error *err;
} tasks_reader;

void trm__arc_tasks_free(trm__arc_tasks *tasks) {
  for (size_t i = 0; i < tasks->count; i++) {
    trm__free(tasks->item[i].id);
    trm__free(tasks->item[i].pair);
  }
  for (size_t i = 0; i < tasks->files; i++) trm__free(tasks->file[i]);
  trm__free(tasks->file);
  trm__free(tasks->item);
  memset(tasks, 0, sizeof *tasks);
}

const trm__arc_task *trm__arc_tasks_find(const trm__arc_tasks *tasks, const char *id, size_t length) {
  for (size_t i = 0; i < tasks->count; i++)
    if (!strncmp(tasks->item[i].id, id, length) && !tasks->item[i].id[length]) return &tasks->item[i];
  return NULL;
}

/* -- one task -- */

static trm_status tasks_fail(const tasks_reader *r, const char *file, const char *id, const char *list, size_t pair,
                             const char *field, const char *problem) {
  return trm__fail(r->err, TRM_E_INPUT, file, "task %.200s, \"%s\" of pair %zu of \"%s\": %s", id, field, pair, list,
                   problem);
}

static trm_status tasks_read_pair(const tasks_reader *r, trm__arc_task *task, const json_t *object, int list,
                                  size_t number, trm__arc_pair *pair) {
  char problem[TRM__ARC_PROBLEM];
  const char *of = tasks_lists[list];
  const json_t *output = json_object_get(object, "output"), *solved = NULL;
  if (!trm__arc_read_grid(json_object_get(object, "input"), &pair->input, problem))
    return tasks_fail(r, task->file, task->id, of, number, "input", problem);
  if (list == 1 && r->solutions) solved = json_array_get(json_object_get(r->solutions, task->id), number - 1);
  if (solved && !trm__arc_read_grid(solved, &pair->output, problem))
    return trm__fail(r->err, TRM_E_INPUT, r->solutions_path, "task %.200s, solution %zu: %s", task->id, number,
                     problem);
  if (solved) return TRM_OK;
  if (list == 1 && (!output || json_is_null(output))) {
    pair->output.height = pair->output.width = 0;
    task->known = 0;
    return TRM_OK;
  }
  if (!trm__arc_read_grid(output, &pair->output, problem))
    return tasks_fail(r, task->file, task->id, of, number, "output", problem);
  return TRM_OK;
}

static trm_status tasks_check_lists(const tasks_reader *r, const trm__arc_task *task, const json_t *object) {
  for (int k = 0; k < 2; k++) {
    const json_t *list = json_object_get(object, tasks_lists[k]);
    if (json_is_array(list) && json_array_size(list) >= 1 && json_array_size(list) <= PAIRS_LIMIT) continue;
    if (!json_is_array(list))
      return trm__fail(r->err, TRM_E_INPUT, task->file, "task %.200s, \"%s\": found %s, expected an array of pairs",
                       task->id, tasks_lists[k], trm__json_type_name(list));
    return trm__fail(r->err, TRM_E_INPUT, task->file, "task %.200s, \"%s\": %zu pairs, expected 1 to %d", task->id,
                     tasks_lists[k], json_array_size(list), PAIRS_LIMIT);
  }
  size_t tests = json_array_size(json_object_get(object, "test"));
  const json_t *solved = r->solutions ? json_object_get(r->solutions, task->id) : NULL;
  if (solved && json_array_size(solved) != tests)
    return trm__fail(r->err, TRM_E_INPUT, r->solutions_path, "task %.200s: %zu solutions, expected %zu as in %.200s",
                     task->id, json_array_size(solved), tests, task->file);
  return TRM_OK;
}

static trm_status tasks_read_pairs(const tasks_reader *r, trm__arc_task *task, const json_t *object) {
  trm_status status = tasks_check_lists(r, task, object);
  if (status) return status;
  task->train = (int)json_array_size(json_object_get(object, "train"));
  task->test = (int)json_array_size(json_object_get(object, "test"));
  size_t pairs = (size_t)task->train + (size_t)task->test;
  task->pair = trm__calloc(pairs, sizeof *task->pair);
  if (!task->pair) return trm__fail_memory(r->err, task->file, pairs * sizeof *task->pair);
  task->known = 1;
  for (size_t i = 0; i < pairs && !status; i++) {
    int list = i >= (size_t)task->train;
    size_t at = list ? i - (size_t)task->train : i;
    const json_t *pair = json_array_get(json_object_get(object, tasks_lists[list]), at);
    status = tasks_read_pair(r, task, pair, list, at + 1, &task->pair[i]);
  }
  return status;
}

static trm_status tasks_check_id(const tasks_reader *r, const char *id) {
  size_t length = strlen(id);
  const trm__arc_task *same = length <= ID_LIMIT ? trm__arc_tasks_find(r->tasks, id, length) : NULL;
  if (length < 1 || length > ID_LIMIT || strstr(id, "|||") || !strcmp(id, "<blank>"))
    return trm__fail(r->err, TRM_E_INPUT, r->path,
                     "task \"%.60s\": not usable as an ID, expected 1 to %d bytes without \"|||\"", id, ID_LIMIT);
  if (same)
    return trm__fail(r->err, TRM_E_INPUT, r->path,
                     "task %.200s is also in %.300s, expected each task once; leave one of the two out", id,
                     same->file);
  return TRM_OK;
}

static trm_status tasks_add(const tasks_reader *r, const char *id, const json_t *object) {
  trm__arc_tasks *tasks = r->tasks;
  trm_status status = tasks_check_id(r, id);
  if (status) return status;
  if (!json_is_object(object))
    return trm__fail(r->err, TRM_E_INPUT, r->path, "task %.200s: found %s, expected an object with train and test", id,
                     trm__json_type_name(object));
  if (tasks->count == TASKS_LIMIT)
    return trm__fail(r->err, TRM_E_INPUT, r->path, "more than %d tasks, expected at most that many", TASKS_LIMIT);
  if (tasks->count == tasks->room) {
    size_t room = tasks->room ? 2 * tasks->room : 64;
    trm__arc_task *larger = trm__realloc(tasks->item, room, sizeof *larger);
    if (!larger) return trm__fail_memory(r->err, r->path, room * sizeof *larger);
    tasks->item = larger, tasks->room = room;
  }
  trm__arc_task *task = &tasks->item[tasks->count];
  *task = (trm__arc_task){.id = trm__strdup(id), .file = r->path, .evaluated = r->evaluated};
  if (!task->id) return trm__fail_memory(r->err, r->path, strlen(id) + 1);
  tasks->count++;
  return tasks_read_pairs(r, task, object);
}

/* -- files -- */

/* The list keeps the path, for errors that come later. */
static trm_status tasks_keep_path(trm__arc_tasks *tasks, const char *path, trm_error *err) {
  char **larger = trm__realloc(tasks->file, tasks->files + 1, sizeof *larger);
  if (larger) tasks->file = larger;
  char *copy = larger ? trm__strdup(path) : NULL;
  if (!copy) return trm__fail_memory(err, path, strlen(path) + 1);
  tasks->file[tasks->files++] = copy;
  return TRM_OK;
}

/* "folder/0a938d79.json" is the task 0a938d79. */
static trm_status tasks_add_file(const tasks_reader *r, const json_t *json) {
  const char *slash = strrchr(r->path, '/'), *base = slash ? slash + 1 : r->path;
  size_t length = strlen(base);
  if (length > 5 && !strcmp(base + length - 5, ".json")) length -= 5;
  char *id = trm__format("%.*s", (int)length, base);
  if (!id) return trm__fail_memory(r->err, r->path, length + 1);
  trm_status status = tasks_add(r, id, json);
  trm__free(id);
  return status;
}

static trm_status tasks_add_json(const tasks_reader *r, const json_t *json) {
  const char *id;
  json_t *object;
  trm_status status = TRM_OK;
  if (json_is_object(json) && (json_object_get(json, "train") || json_object_get(json, "test")))
    return tasks_add_file(r, json);
  if (!json_is_object(json) || !json_object_size(json))
    return trm__fail(r->err, TRM_E_INPUT, r->path,
                     "found %s, expected an ARC task with \"train\" and \"test\", or an object of tasks by their IDs",
                     json_is_object(json) ? "an empty object" : trm__json_type_name(json));
  json_object_foreach((json_t *)(uintptr_t)json, id, object) {
    status = tasks_add(r, id, object);
    if (status) return status;
  }
  return TRM_OK;
}

trm_status trm__arc_tasks_parse(trm__arc_tasks *tasks, const char *text, size_t size, const char *path, int evaluated,
                                trm_error *err) {
  json_t *json = NULL;
  trm_status status = tasks_keep_path(tasks, path, err);
  if (!status) status = trm__json_parse(&json, text, size, path, err);
  tasks_reader r = {.tasks = tasks, .evaluated = evaluated, .err = err};
  if (!status) r.path = tasks->file[tasks->files - 1], status = tasks_add_json(&r, json);
  json_decref(json);
  return status;
}

/* The file of solutions beside one of challenges; none where it is not there. */
static trm_status tasks_load_solutions(const char *path, char **name, json_t **json, trm_error *err) {
  size_t length = strlen(path), tail = strlen(CHALLENGES);
  trm__path_kind kind;
  if (length < tail || strcmp(path + length - tail, CHALLENGES) != 0) return TRM_OK;
  *name = trm__format("%.*s" SOLUTIONS, (int)(length - tail), path);
  if (!*name) return trm__fail_memory(err, path, length + 1);
  trm_status status = trm__path_find(&kind, *name, err);
  if (status || kind == TRM__PATH_ABSENT) return status;
  status = trm__json_load(json, *name, FILE_LIMIT, err);
  if (!status && !json_is_object(*json))
    return trm__fail(err, TRM_E_INPUT, *name, "found %s, expected an object of solutions by the tasks' IDs",
                     trm__json_type_name(*json));
  return status;
}

static trm_status tasks_read_file(trm__arc_tasks *tasks, const char *path, int evaluated, trm_error *err) {
  json_t *json = NULL, *solutions = NULL;
  char *name = NULL;
  trm_status status = tasks_keep_path(tasks, path, err);
  if (!status) status = trm__json_load(&json, path, FILE_LIMIT, err);
  if (!status) status = tasks_load_solutions(path, &name, &solutions, err);
  tasks_reader r = {.tasks = tasks, .solutions = solutions, .solutions_path = name, .evaluated = evaluated, .err = err};
  if (!status) r.path = tasks->file[tasks->files - 1], status = tasks_add_json(&r, json);
  json_decref(json);
  json_decref(solutions);
  trm__free(name);
  return status;
}

static trm_status tasks_read_folder(trm__arc_tasks *tasks, const char *path, int evaluated, trm_error *err) {
  char **names = NULL;
  size_t count = 0, read = 0;
  trm_status status = trm__dir_list(path, &names, &count, err);
  if (status) return status;
  for (size_t i = 0; i < count && !status; i++) {
    size_t length = strlen(names[i]);
    if (names[i][0] == '.' || length < 6 || strcmp(names[i] + length - 5, ".json") != 0) continue;
    char *file = trm__format("%s/%s", path, names[i]);
    status = file ? tasks_read_file(tasks, file, evaluated, err) : trm__fail_memory(err, path, length);
    trm__free(file);
    read++;
  }
  trm__dir_list_free(names, count);
  if (!status && !read)
    return trm__fail(err, TRM_E_INPUT, path, "a folder without files named *.json, expected one with a task each");
  return status;
}

trm_status trm__arc_tasks_read(trm__arc_tasks *tasks, const char *path, int evaluated, trm_error *err) {
  return trm__path_is_dir(path) ? tasks_read_folder(tasks, path, evaluated, err)
                                : tasks_read_file(tasks, path, evaluated, err);
}
