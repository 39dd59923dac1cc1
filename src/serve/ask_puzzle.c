/* A puzzle of a request's body as tokens, and which model solves it: see ask.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trm/data.h>

#include "base/mem.h"
#include "base/text/json.h"
#include "serve/ask.h"

static trm_status puzzle_fail(trm__ask_fault *fault, trm_status status, const char *key, const char *detail) {
  snprintf(fault->pointer, sizeof fault->pointer, "%s", key);
  snprintf(fault->detail, sizeof fault->detail, "%s", detail);
  return status;
}

static trm_status puzzle_fail_error(trm__ask_fault *fault, trm_status status, const trm_error *err) {
  char text[1200];
  snprintf(text, sizeof text, "%.100s%s%s", err->where, *err->where ? ": " : "", err->message);
  return status == TRM_E_MEMORY ? status : puzzle_fail(fault, TRM_E_INPUT, "/puzzle", text);
}

/* -- models -------------------------------------------------------------------------------------------------------- */

int trm__ask_model_is_before(const trm__work_model *a, const trm__work_model *b) {
  const trm_model_rank rank_a = {a->name, a->cells, a->parameters}, rank_b = {b->name, b->cells, b->parameters};
  return trm_model_is_before(&rank_a, &rank_b);
}

/* A version beside the active one, and a model that knows its puzzles by identifiers, are taken only when they are
 * named. */
static int model_is_usual(const trm__work_model *m) {
  return m->loaded && !m->beside && m->identifiers <= 1;
}

const trm__work_model *trm__ask_model(const trm__work_model *models, int count, const trm_task *task) {
  const trm__work_model *best = NULL;
  for (int i = 0; i < count; i++) {
    const trm__work_model *m = &models[i];
    if (!model_is_usual(m) || !trm_task_fits(task, &m->task)) continue;
    if (!best || trm__ask_model_is_before(m, best)) best = m;
  }
  return best;
}

/* The one for so many tokens; *several: there are some whose puzzles differ. */
static const trm__work_model *model_of_cells(const trm__work_model *models, int count, size_t cells, int *several) {
  const trm__work_model *best = NULL;
  for (int i = 0; i < count; i++) {
    const trm__work_model *m = &models[i];
    if (!model_is_usual(m) || (size_t)m->cells != cells) continue;
    if (best && !trm_task_fits(&best->task, &m->task)) *several = 1;
    if (!best || trm__ask_model_is_before(m, best)) best = m;
  }
  return best;
}

/* Fails with what and the models that there are. */
static trm_status model_fail(trm__ask_fault *fault, const char *key, const char *what, const trm__work_model *models,
                             int count) {
  char text[1200];
  int listed = 0, used = snprintf(text, sizeof text, "%s; there are: ", what);
  for (int i = 0; i < count && (size_t)used < sizeof text - TRM__WORK_NAME - 2; i++)
    if (models[i].loaded && !models[i].beside)
      used += snprintf(text + used, sizeof text - (size_t)used, "%s%s", listed++ ? ", " : "", models[i].name);
  if (!listed) snprintf(text + used, sizeof text - (size_t)used, "none");
  return puzzle_fail(fault, TRM_E_USAGE, key, text);
}

static trm_status model_find(const trm__work_model **out, const char *name, const trm__work_model *models, int count,
                             trm__ask_fault *fault) {
  for (int i = 0; i < count; i++)
    if (models[i].loaded && ((!models[i].beside && strcmp(models[i].name, name) == 0) ||
                             (*models[i].id && strcmp(models[i].id, name) == 0))) {
      *out = &models[i];
      return TRM_OK;
    }
  return model_fail(fault, "/model", "there is no model of that name", models, count);
}

static trm_status model_choose(const trm__work_model **out, const trm_task *task, const trm__work_model *models,
                               int count, trm__ask_fault *fault) {
  *out = trm__ask_model(models, count, task);
  if (*out) return TRM_OK;
  char title[64], what[128];
  snprintf(what, sizeof what, "no model here is for %s", trm_task_title(task, title, sizeof title));
  return model_fail(fault, "/puzzle", what, models, count);
}

/* -- puzzles ------------------------------------------------------------------------------------------------------- */

/* The models to choose from; found: the one that was named or chosen. */
typedef struct puzzle_models {
  const trm__work_model *model, *found;
  int count;
} puzzle_models;

static trm_status tokens_read(trm__ask_puzzle *puzzle, const json_t *list, puzzle_models *m, trm__ask_fault *fault) {
  char text[160];
  size_t size = json_array_size(list);
  if (!json_is_array(list)) return puzzle_fail(fault, TRM_E_INPUT, "/puzzle/tokens", "expected a list of numbers");
  int several = 0;
  if (!m->found) m->found = model_of_cells(m->model, m->count, size, &several);
  if (several)
    return model_fail(fault, "/model", "is missing: models for different puzzles have so many tokens", m->model,
                      m->count);
  if (!m->found || (size_t)m->found->cells != size) {
    snprintf(text, sizeof text, "%zu tokens, expected %lld", size, (long long)(m->found ? m->found->cells : 0));
    if (!m->found) snprintf(text, sizeof text, "no model here is for %zu tokens; name one with model", size);
    return puzzle_fail(fault, TRM_E_INPUT, "/puzzle/tokens", text);
  }
  puzzle->task = m->found->task;
  puzzle->own = trm__calloc(size, sizeof *puzzle->own);
  if (!puzzle->own) return TRM_E_MEMORY;
  for (size_t i = 0; i < size; i++) {
    const json_t *token = json_array_get(list, i);
    if (!json_is_integer(token) || json_integer_value(token) < 0 ||
        json_integer_value(token) >= puzzle->task.vocab_size) {
      snprintf(text, sizeof text, "entry %zu is no token: expected a number from 0 to %d", i,
               puzzle->task.vocab_size - 1);
      return puzzle_fail(fault, TRM_E_INPUT, "/puzzle/tokens", text);
    }
    puzzle->own[i] = (int32_t)json_integer_value(token);
  }
  return TRM_OK;
}

static trm_status text_read(trm__ask_puzzle *puzzle, const char *text, size_t length, puzzle_models *m,
                            trm__ask_fault *fault) {
  trm_error err = {0};
  trm_puzzle_kind kind = trm_text_kind(text, length, &err);
  trm_status status = TRM_OK;
  if (!m->found && !kind.task.width)
    return puzzle_fail(fault, TRM_E_INPUT, "/puzzle",
                       *err.message ? err.message : "is no Sudoku and no maze; name the model that it is for");
  puzzle->task = kind.task;
  if (!m->found) status = model_choose(&m->found, &kind.task, m->model, m->count, fault);
  if (status) return status;
  if (!kind.task.width || !trm_task_fits(&kind.task, &m->found->task)) puzzle->task = m->found->task;
  size_t cells = (size_t)puzzle->task.width * (size_t)puzzle->task.height;
  puzzle->own = trm__calloc(cells, sizeof *puzzle->own);
  if (!puzzle->own) return TRM_E_MEMORY;
  err = (trm_error){0};
  status = trm_task_parse(&puzzle->task, text, length, puzzle->own, cells, &err);
  return status ? puzzle_fail_error(fault, status, &err) : TRM_OK;
}

/* Text as it is; rows as a list in JSON, which the task's reader knows. */
static trm_status puzzle_read(trm__ask_puzzle *puzzle, const json_t *value, puzzle_models *m, trm__ask_fault *fault) {
  if (json_is_object(value)) return tokens_read(puzzle, json_object_get(value, "tokens"), m, fault);
  if (json_is_string(value)) return text_read(puzzle, json_string_value(value), json_string_length(value), m, fault);
  if (!json_is_array(value))
    return puzzle_fail(fault, TRM_E_INPUT, "/puzzle", "expected a text, rows, or {\"tokens\": [...]}");
  char *text = trm__json_text(value, JSON_COMPACT);
  if (!text) return TRM_E_MEMORY;
  trm_status status = text_read(puzzle, text, strlen(text), m, fault);
  free(text);
  return status;
}

trm_status trm__ask_puzzle_read(trm__ask_puzzle *puzzle, const trm__ask_item *item, const trm__work_model *models,
                                int count, trm__ask_fault *fault) {
  trm_error err = {0};
  memset(puzzle, 0, sizeof *puzzle);
  *fault = (trm__ask_fault){0};
  puzzle_models m = {models, NULL, count};
  trm_status status = *item->options.model ? model_find(&m.found, item->options.model, models, count, fault) : TRM_OK;
  if (!status) status = puzzle_read(puzzle, item->puzzle, &m, fault);
  if (!status && !item->is_answer) {
    status = trm_task_check_question(&puzzle->task, puzzle->own, &err);
    if (status) status = puzzle_fail_error(fault, status, &err);
  }
  if (!status) {
    puzzle->tokens = trm__calloc((size_t)m.found->cells, sizeof *puzzle->tokens);
    if (!puzzle->tokens) status = TRM_E_MEMORY;
  }
  if (status) {
    trm__ask_puzzle_clear(puzzle);
    return status;
  }
  puzzle->by = (trm__ask_solver){.task = m.found->task, .cells = m.found->cells};
  memcpy(puzzle->by.name, m.found->name, sizeof puzzle->by.name);
  memcpy(puzzle->by.id, m.found->id, sizeof puzzle->by.id);
  memcpy(puzzle->by.recursion, m.found->recursion, sizeof puzzle->by.recursion);
  trm_task_frame(&puzzle->task, &puzzle->by.task, puzzle->own, puzzle->tokens);
  return TRM_OK;
}

void trm__ask_puzzle_clear(trm__ask_puzzle *puzzle) {
  trm__free(puzzle->own);
  trm__free(puzzle->tokens);
  puzzle->own = puzzle->tokens = NULL;
}
