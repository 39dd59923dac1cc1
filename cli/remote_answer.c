/* Answers of a server: see remote_answer.h. */
#include "cli/remote_answer.h"

#include <math.h>
#include <string.h>

/* -- fields -------------------------------------------------------------------------------------------------------- */

static int remote_int(const json_t *object, const char *key, int64_t least, int64_t most, int64_t *out) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_integer(value) || json_integer_value(value) < least || json_integer_value(value) > most) return 0;
  *out = json_integer_value(value);
  return 1;
}

static int remote_count(const json_t *object, const char *key, int *out) {
  int64_t value;
  if (!remote_int(object, key, 0, INT32_MAX, &value)) return 0;
  *out = (int)value;
  return 1;
}

static int remote_flag(const json_t *object, const char *key, int *out) {
  const json_t *value = json_object_get(object, key);
  *out = json_is_true(value);
  return json_is_boolean(value);
}

/* A number, or null for one that is none. */
static int remote_number(const json_t *value, float *out) {
  *out = json_is_number(value) ? (float)json_number_value(value) : NAN;
  return json_is_number(value) || json_is_null(value);
}

static int remote_real(const json_t *object, const char *key, float *out) {
  return remote_number(json_object_get(object, key), out);
}

static size_t task_cells(const trm_task *task) {
  return (size_t)task->width * (size_t)task->height;
}

/* Cells as text, or as numbers where tokens have no symbols. */
static int cells_read(const json_t *value, const trm_task *task, int32_t *cells) {
  size_t count = task_cells(task);
  const char *text = json_string_value(value);
  if (task->alphabet[0]) {
    if (!text || json_string_length(value) != count) return 0;
    for (size_t i = 0; i < count; i++) {
      const char *symbol = text[i] ? strchr(task->alphabet, text[i]) : NULL;
      cells[i] = symbol ? (int32_t)(symbol - task->alphabet) + 1 : 0; /* padding is what has no symbol */
    }
    return 1;
  }
  if (json_array_size(value) != count) return 0;
  for (size_t i = 0; i < count; i++) {
    const json_t *token = json_array_get(value, i);
    if (!json_is_integer(token) || json_integer_value(token) < 0 || json_integer_value(token) >= task->vocab_size)
      return 0;
    cells[i] = (int32_t)json_integer_value(token);
  }
  return 1;
}

/* -- models -------------------------------------------------------------------------------------------------------- */

static int task_same(const trm_task *a, const trm_task *b) {
  return a->width == b->width && a->height == b->height && a->box_width == b->box_width &&
         a->box_height == b->box_height && a->vocab_size == b->vocab_size && strcmp(a->alphabet, b->alphabet) == 0;
}

/* Kinds with rules rely on their sizes and symbols. */
static int task_is_sound(const trm_task *task) {
  const trm_task maze = trm_task_maze();
  const char *name = trm_task_name(task);
  if (strcmp(name, "sudoku") == 0) {
    if (task->width != 4 && task->width != 6 && task->width != 9 && task->width != 16) return 0;
    const trm_task sudoku = trm_task_sudoku(task->width);
    return task_same(task, &sudoku);
  }
  if (strcmp(name, "maze") == 0)
    return strcmp(task->alphabet, maze.alphabet) == 0 && task->vocab_size == maze.vocab_size && !task->box_width &&
           !task->box_height;
  return !task->box_width && !task->box_height;
}

static int task_kind(const char *name, trm_task_kind *kind) {
  static const trm_task_kind kinds[] = {TRM_TASK_GENERIC, TRM_TASK_SUDOKU, TRM_TASK_MAZE, TRM_TASK_ARC};
  for (size_t i = 0; name && i < sizeof kinds / sizeof *kinds; i++) {
    const trm_task task = {.kind = kinds[i]};
    if (strcmp(trm_task_name(&task), name) != 0) continue;
    *kind = kinds[i];
    return 1;
  }
  return 0;
}

int cli_remote_task(const json_t *model, trm_task *task) {
  const json_t *grid = json_object_get(model, "grid"), *symbols = json_object_get(grid, "alphabet");
  const char *alphabet = json_string_value(symbols);
  *task = (trm_task){0};
  if (!task_kind(json_string_value(json_object_get(model, "task")), &task->kind)) return 0;
  if (!remote_count(grid, "width", &task->width) || !remote_count(grid, "height", &task->height) ||
      !remote_count(grid, "box_width", &task->box_width) || !remote_count(grid, "box_height", &task->box_height) ||
      !remote_count(grid, "vocab_size", &task->vocab_size) || !alphabet)
    return 0;
  size_t symbol_count = json_string_length(symbols);
  if (symbol_count != strlen(alphabet) || symbol_count >= sizeof task->alphabet) return 0;
  for (size_t i = 0; i < symbol_count; i++)
    if (alphabet[i] < ' ' || alphabet[i] >= 0x7f) return 0;
  memcpy(task->alphabet, alphabet, symbol_count);
  if (task->width < 1 || task->height < 1 || task->width > CLI_REMOTE_CELLS || task->height > CLI_REMOTE_CELLS)
    return 0;
  if (task_cells(task) > CLI_REMOTE_CELLS || task->vocab_size < 1) return 0;
  if (symbol_count && task->vocab_size != (int)symbol_count + 1) return 0;
  return task_is_sound(task);
}

static trm_counted_value model_count(const json_t *values, const json_t *from, const char *key, int64_t option) {
  const char *origin = json_string_value(json_object_get(from, key));
  trm_counted_value value = {option, TRM_VALUE_OPTION};
  if (option) return value;
  value.origin = origin && strcmp(origin, "model") == 0 ? TRM_VALUE_MODEL : TRM_VALUE_DEFAULT;
  value.value = json_integer_value(json_object_get(values, key));
  return value;
}

trm_solver_values cli_remote_model_values(const json_t *model, const trm_solver_config *config) {
  const json_t *values = json_object_get(model, "values"), *from = json_object_get(model, "values_from");
  const json_t *threshold = json_object_get(values, "halt_threshold");
  const char *origin = json_string_value(json_object_get(from, "halt_threshold"));
  trm_solver_values v = {.max_steps = model_count(values, from, "max_steps", config->max_steps),
                         .H_cycles = model_count(values, from, "recursion_cycles", config->H_cycles),
                         .L_cycles = model_count(values, from, "latent_cycles", config->L_cycles)};
  v.halt_threshold.value = json_number_value(threshold);
  v.halt_threshold.origin = origin && strcmp(origin, "model") == 0 ? TRM_VALUE_MODEL : TRM_VALUE_DEFAULT;
  if (!isnan(config->halt_threshold)) v.halt_threshold = (trm_real_value){config->halt_threshold, TRM_VALUE_OPTION};
  return v;
}

/* -- solved puzzles ------------------------------------------------------------------------------------------------ */

static int solution_halt(const json_t *value, int *halted) {
  const char *word = json_string_value(value);
  *halted = TRM_HALT_NONE;
  for (int i = TRM_HALT_HEAD; word && i <= TRM_HALT_HOPELESS; i++)
    if (strcmp(trm_halt_name((trm_halt)i), word) == 0) *halted = i;
  return json_is_null(value) || *halted != TRM_HALT_NONE;
}

int cli_remote_solution(const json_t *o, const trm_task *task, int32_t *answer, int *has_answer, trm_solution *s,
                        int *level) {
  const char *letter = json_string_value(json_object_get(o, "level"));
  const json_t *cells = json_object_get(o, "answer");
  *s = (trm_solution){0};
  *has_answer = json_object_size(o) && !json_is_null(cells);
  if (!letter || letter[0] < 'A' || letter[0] > 'E' || letter[1]) return 0;
  *level = TRM_LEVEL_A + (letter[0] - 'A');
  if (*has_answer && !cells_read(cells, task, answer)) return 0;
  return remote_count(o, "steps", &s->steps) && remote_flag(o, "interrupted", &s->cancelled) &&
         remote_flag(o, "expired", &s->expired) && solution_halt(json_object_get(o, "halted_by"), &s->halted) &&
         remote_real(o, "q", &s->q) && remote_real(o, "confidence", &s->confidence) &&
         remote_real(o, "least_confidence", &s->least) && remote_count(o, "chain", &s->chain) &&
         remote_count(o, "chain_steps", &s->chain_steps) && remote_count(o, "chains", &s->chains) &&
         remote_count(o, "answer_step", &s->answer_step) && (*has_answer || s->steps == 0);
}

int cli_remote_step(const json_t *o, const trm_task *task, int32_t *answer, float *confidence, trm_step *step) {
  const json_t *cells = json_object_get(o, "cell_confidence");
  *step = (trm_step){.answer = answer, .confidence = confidence, .change = NAN};
  if (!cells_read(json_object_get(o, "answer"), task, answer) || json_array_size(cells) != task_cells(task)) return 0;
  for (size_t i = 0; i < task_cells(task); i++)
    if (!remote_number(json_array_get(cells, i), &confidence[i])) return 0;
  return remote_count(o, "step", &step->step) && remote_count(o, "chain", &step->chain) &&
         remote_real(o, "q", &step->q) && remote_flag(o, "halted", &step->halted) &&
         remote_flag(o, "checked", &step->checked) && remote_flag(o, "correct", &step->correct);
}

void cli_remote_problem(const char *body, size_t size, char text[700]) {
  json_t *o = json_loadb(body, size, JSON_REJECT_DUPLICATES, NULL);
  const char *detail = json_string_value(json_object_get(o, "detail"));
  const char *title = json_string_value(json_object_get(o, "title"));
  const char *pointer = json_string_value(json_object_get(json_array_get(json_object_get(o, "errors"), 0), "pointer"));
  if (detail || title)
    (void)snprintf(text, 700, "%.150s%s%.400s%s%.100s", title ? title : "", title && detail ? ": " : "",
                   detail ? detail : "", pointer && *pointer ? ", at " : "", pointer ? pointer : "");
  else (void)snprintf(text, 700, "%.*s", (int)(size < 200 ? size : 200), body);
  (void)cli_plain(text);
  json_decref(o);
}
