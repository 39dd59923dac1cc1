#include "agent/builtin/solving.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

#define SOLVERS 8 /* open at a time: models with their settings */
#define FOLDERS 8

typedef struct solving_entry {
  char model[80];
  char path[1100];
  int64_t steps, search;
  trm_task task;
  trm_solver *solver;
  uint64_t used; /* when it was used last, as a count */
} solving_entry;

struct trm__solving {
  pthread_mutex_t mutex;
  const trm__agent_config *config;
  char folders[4096];
  const char *folder[FOLDERS];
  size_t count;
  trm_runtime *runtime;
  solving_entry entry[SOLVERS];
  uint64_t uses;
};

trm_status trm__solving_open(trm__solving **out, const trm__agent_config *config, trm_error *err) {
  trm__solving *s = trm__calloc(1, sizeof *s);
  if (!s) return trm__fail_memory(err, "models", sizeof *s);
  s->config = config;
  pthread_mutex_init(&s->mutex, NULL);
  snprintf(s->folders, sizeof s->folders, "%s", config->folders ? config->folders : "");
  for (char *next = s->folders; *next && s->count < FOLDERS;) {
    s->folder[s->count++] = next;
    next += strcspn(next, ":");
    if (*next) *next++ = 0;
  }
  *out = s;
  return TRM_OK;
}

void trm__solving_close(trm__solving **solving) {
  trm__solving *s = *solving;
  if (!s) return;
  for (size_t i = 0; i < SOLVERS; i++) trm_solver_close(&s->entry[i].solver);
  trm_runtime_close(&s->runtime);
  pthread_mutex_destroy(&s->mutex);
  trm__free(s);
  *solving = NULL;
}

/* -- texts --------------------------------------------------------------------------------------------------------- */

trm_status trm__solving_read(const trm_task *task, const char *text, size_t length, int32_t **tokens, trm_error *err) {
  size_t cells = (size_t)task->width * (size_t)task->height;
  int32_t *read = trm__calloc(cells, sizeof *read);
  if (!read) return trm__fail_memory(err, "puzzle", cells * sizeof *read);
  trm_status status = trm_task_parse(task, text, length, read, cells, err);
  if (status) trm__free(read);
  else *tokens = read;
  return status;
}

trm_status trm__solving_task(const char *text, size_t length, trm_task *task, trm_error *err) {
  trm_error own = {.code = TRM_OK};
  trm_puzzle_kind kind = trm_text_kind(text, length, &own);
  if (!kind.task.width)
    return trm__fail(err, TRM_E_INPUT, own.where, "%s",
                     *own.message ? own.message : "is no Sudoku and no maze that trm can read");
  *task = kind.task;
  return TRM_OK;
}

/* -- models -------------------------------------------------------------------------------------------------------- */

/* "sudoku-extreme" of ".../sudoku-extreme.safetensors". */
static void solving_name(const char *path, char name[80]) {
  const char *slash = strrchr(path, '/');
  const char *begin = slash ? slash + 1 : path, *end = strrchr(begin, '.');
  snprintf(name, 80, "%.*s", (int)(end ? end - begin : 79), begin);
}

static int solving_is_name(const char *name) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
  size_t length = strlen(name);
  return length > 0 && length < 65 && *name != '.' && strspn(name, letters) == length;
}

static trm_status solving_model(const trm__solving *s, const char *name, const trm_puzzle_kind *kind, trm_model **out,
                                trm_error *err) {
  char path[1300];
  if (!*name) {
    if (!trm_model_find(out, s->folder, s->count, kind, NULL, NULL)) return TRM_OK;
    return trm__fail(err, TRM_E_INPUT, "/model", "no installed model solves puzzles of %zu cells", kind->cells);
  }
  if (!solving_is_name(name))
    return trm__fail(err, TRM_E_INPUT, "/model", "expected the name of an installed model, such as sudoku-extreme");
  for (size_t i = 0; i < s->count; i++) {
    snprintf(path, sizeof path, "%.1100s/%s.safetensors", s->folder[i], name);
    if (!trm_model_open(out, path, NULL)) return TRM_OK;
  }
  return trm__fail(err, TRM_E_INPUT, "/model", "no model is called %s", name);
}

/* The entry for a model with these settings, opened where it is not; the one that was used longest ago makes room. */
static trm_status solving_entry_of(trm__solving *s, const trm_model *model, int64_t steps, int64_t search,
                                   solving_entry **out, trm_error *err) {
  const char *path = trm_model_get_path(model);
  solving_entry *oldest = &s->entry[0];
  for (size_t i = 0; i < SOLVERS; i++) {
    solving_entry *e = &s->entry[i];
    if (e->solver && e->steps == steps && e->search == search && !strcmp(e->path, path)) {
      e->used = ++s->uses;
      *out = e;
      return TRM_OK;
    }
    if (e->used < oldest->used) oldest = e;
  }
  trm_status status = TRM_OK;
  if (!s->runtime) {
    trm_runtime_config config = trm_runtime_config_default();
    config.threads = s->config->threads;
    config.device = s->config->device && *s->config->device ? s->config->device : NULL;
    status = trm_runtime_open(&s->runtime, &config, err);
  }
  trm_solver_config config = trm_solver_config_default();
  config.max_steps = steps;
  config.rules_halt = 1;
  config.search = search;
  config.puzzles = 1;
  trm_solver_close(&oldest->solver);
  if (!status) status = trm_model_task(model, &oldest->task, err);
  if (!status) status = trm_solver_open(&oldest->solver, s->runtime, model, &config, err);
  if (status) return status;
  snprintf(oldest->path, sizeof oldest->path, "%s", path);
  solving_name(path, oldest->model);
  oldest->steps = steps;
  oldest->search = search;
  oldest->used = ++s->uses;
  *out = oldest;
  return TRM_OK;
}

/* An entry that serves such puzzles already, so that the model's file is not read again for each. */
static solving_entry *solving_known(trm__solving *s, const char *name, const trm_puzzle_kind *kind, int64_t steps,
                                    int64_t search) {
  for (size_t i = 0; i < SOLVERS; i++) {
    solving_entry *e = &s->entry[i];
    if (!e->solver || e->steps != steps || e->search != search) continue;
    if (*name ? strcmp(e->model, name) != 0 : !kind->task.width || !trm_task_fits(&kind->task, &e->task)) continue;
    if (!*name && kind->task.width != e->task.width) continue; /* a smaller model may be the usual one */
    e->used = ++s->uses;
    return e;
  }
  return NULL;
}

trm_status trm__solving_take(trm__solving *solving, const char *text, size_t length, const char *model, int64_t steps,
                             int64_t search, trm__solving_puzzle *puzzle, trm_error *err) {
  trm__solving *s = solving;
  trm_model *opened = NULL;
  trm_error own = {.code = TRM_OK};
  memset(puzzle, 0, sizeof *puzzle);
  trm_puzzle_kind kind = trm_text_kind(text, length, &own);
  if (!kind.task.width && !*model)
    return trm__fail(err, TRM_E_INPUT, "/puzzle", "%s",
                     *own.message ? own.message : "is no Sudoku and no maze that trm can read");
  pthread_mutex_lock(&s->mutex);
  solving_entry *entry = solving_known(s, model, &kind, steps, search);
  trm_status status = TRM_OK;
  if (!entry) status = solving_model(s, model, &kind, &opened, err);
  if (!status && !entry) status = solving_entry_of(s, opened, steps, search, &entry, err);
  trm_model_close(&opened);
  if (!status) {
    puzzle->larger = entry->task;
    puzzle->task = kind.task.width && trm_task_fits(&kind.task, &entry->task) ? kind.task : entry->task;
    puzzle->solver = entry->solver;
    memcpy(puzzle->model, entry->model, sizeof puzzle->model);
    status = trm__solving_read(&puzzle->task, text, length, &puzzle->tokens, err);
  }
  if (!status) status = trm_task_check_question(&puzzle->task, puzzle->tokens, err);
  if (!status) return TRM_OK;
  trm__free(puzzle->tokens);
  puzzle->tokens = NULL;
  pthread_mutex_unlock(&s->mutex);
  return status;
}

void trm__solving_give(trm__solving *solving, trm__solving_puzzle *puzzle) {
  trm__free(puzzle->tokens);
  puzzle->tokens = NULL;
  pthread_mutex_unlock(&solving->mutex);
}
