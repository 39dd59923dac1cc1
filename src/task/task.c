/* What tokens mean: the known tasks, their symbols, their JSON form and how shapes suggest them. A task is plain data,
 * so everything else (parsing, judging, datasets, model files) works from the same few numbers and one alphabet. */
#include "task/task.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "base/text/json.h"

static const char *const task_kind_names[] = {"generic", "sudoku", "maze", "arc"};
static const char sudoku_symbols[] = ".123456789ABCDEFG";
static const char maze_symbols[] = "# SGo";
static const char arc_symbols[] = "|0123456789"; /* the end-of-grid mark, then colours */
static const char plain_symbols[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static trm_task task_make(trm_task_kind kind, int width, int height, const char *alphabet, size_t symbols) {
  trm_task task = {.kind = kind, .width = width, .height = height, .vocab_size = (int)symbols + 1};
  if (symbols < sizeof task.alphabet) memcpy(task.alphabet, alphabet, symbols);
  return task;
}

trm_task trm_task_sudoku(int size) {
  trm_task task =
      task_make(TRM_TASK_SUDOKU, size, size, sudoku_symbols, size >= 0 && size <= 16 ? (size_t)size + 1 : 0);
  task.box_width = size == 4 ? 2 : size == 16 ? 4 : 3;
  task.box_height = size / task.box_width;
  return task;
}

trm_task trm_task_maze(void) {
  return task_make(TRM_TASK_MAZE, 30, 30, maze_symbols, 5);
}

trm_task trm__task_arc(void) {
  return task_make(TRM_TASK_ARC, 30, 30, arc_symbols, 11);
}

trm_task trm__task_generic(int64_t seq_len, int64_t width, int64_t vocab_size, const char *alphabet) {
  size_t symbols = strlen(alphabet);
  trm_task task = task_make(TRM_TASK_GENERIC, (int)seq_len, 1, alphabet, symbols);
  task.vocab_size = (int)vocab_size;
  if (width == 0)
    for (int64_t side = 2; side * side <= seq_len; side++)
      if (side * side == seq_len) width = side;
  if (width > 0 && seq_len % width == 0) {
    task.width = (int)width;
    task.height = (int)(seq_len / width);
  }
  return task;
}

trm_task trm__task_infer(int64_t seq_len, int64_t vocab_size) {
  static const int sizes[] = {4, 6, 9, 16};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    if (seq_len == sizes[i] * sizes[i] && vocab_size == sizes[i] + 2) return trm_task_sudoku(sizes[i]);
  if (seq_len == 900 && vocab_size == 6) return trm_task_maze();
  if (seq_len == 900 && vocab_size == 12) return trm__task_arc();
  char alphabet[sizeof plain_symbols] = "";
  if (vocab_size >= 1 && vocab_size <= (int64_t)sizeof plain_symbols)
    memcpy(alphabet, plain_symbols, (size_t)vocab_size - 1);
  return trm__task_generic(seq_len, 0, vocab_size, alphabet);
}

const char *trm__task_kind_name(trm_task_kind kind) {
  return (unsigned)kind < sizeof task_kind_names / sizeof *task_kind_names ? task_kind_names[kind] : "unknown";
}

void trm__task_symbols(const trm_task *task, int16_t map[256]) {
  for (int i = 0; i < 256; i++) map[i] = -1;
  for (size_t i = 0; task->alphabet[i] != '\0' && i < sizeof task->alphabet; i++)
    map[(unsigned char)task->alphabet[i]] = (int16_t)(i + 1);
  if (task->kind == TRM_TASK_SUDOKU) {
    map['.'] = map['0'] = map['_'] = map['*'] = map[' '] = 1;
    for (int c = 'A'; c <= 'G'; c++) map[c - 'A' + 'a'] = map[c];
  }
  if (task->kind == TRM_TASK_MAZE) map['.'] = map[' '];
  if (task->kind == TRM_TASK_ARC) map['_'] = 0;
}

void trm__task_expected(const trm_task *task, char *text, size_t size) {
  if (task->kind == TRM_TASK_SUDOKU && task->width > 9)
    snprintf(text, size, "1-9, A-%c or a blank (. 0 _ *)", task->alphabet[task->width]);
  else if (task->kind == TRM_TASK_SUDOKU) snprintf(text, size, "1-%d or a blank (. 0 _ *)", task->width);
  else if (task->kind == TRM_TASK_MAZE) snprintf(text, size, "# (wall), space or . (free), S, G or o");
  else snprintf(text, size, "one of \"%s\"", task->alphabet);
}

trm_status trm_task_render(const trm_task *task, const int32_t *tokens, char *text, size_t capacity, trm_error *err) {
  int32_t symbols = (int32_t)strlen(task->alphabet);
  size_t cells = (size_t)task->width * (size_t)task->height;
  if (capacity < cells + 1)
    return trm__fail(err, TRM_E_USAGE, "text", "there are %zu bytes, but a puzzle of %d x %d needs %zu", capacity,
                     task->width, task->height, cells + 1);
  char padding = memchr(task->alphabet, '_', (size_t)symbols) ? '?' : '_';
  for (size_t i = 0; i < cells; i++) {
    int32_t token = tokens[i];
    text[i] = token == 0 ? padding : token > 0 && token <= symbols ? task->alphabet[token - 1] : '?';
  }
  text[cells] = '\0';
  return TRM_OK;
}

/* -- consistency and JSON -- */

static trm_status task_check_alphabet(const trm_task *task, const char *where, trm_error *err) {
  size_t symbols = strnlen(task->alphabet, sizeof task->alphabet);
  if (symbols == sizeof task->alphabet) return trm__fail(err, TRM_E_INPUT, where, "alphabet has no end");
  for (size_t i = 0; i < symbols; i++) {
    unsigned char c = (unsigned char)task->alphabet[i];
    if (c < 0x20 || c > 0x7e)
      return trm__fail(err, TRM_E_INPUT, where, "alphabet: byte 0x%02x at %zu, expected printable ASCII", c, i + 1);
    if (memchr(task->alphabet, c, i))
      return trm__fail(err, TRM_E_INPUT, where, "alphabet: '%c' appears twice, expected each symbol once", c);
  }
  if (symbols != 0 && (int)symbols + 1 != task->vocab_size)
    return trm__fail(err, TRM_E_INPUT, where, "alphabet has %zu symbols, expected vocab_size - 1 = %d", symbols,
                     task->vocab_size - 1);
  return TRM_OK;
}

static trm_status task_check_kind(const trm_task *task, const char *where, trm_error *err) {
  trm_task same = *task;
  const char *what = NULL;
  switch (task->kind) {
  case TRM_TASK_SUDOKU:
    if (task->width != 4 && task->width != 6 && task->width != 9 && task->width != 16)
      return trm__fail(err, TRM_E_INPUT, where, "width: found %d, expected a Sudoku of 4, 6, 9 or 16", task->width);
    same = trm_task_sudoku(task->width);
    break;
  case TRM_TASK_MAZE:
    same = trm_task_maze();
    same.width = task->width;
    same.height = task->height;
    break;
  case TRM_TASK_ARC:
    same = trm__task_arc();
    break;
  case TRM_TASK_GENERIC:
    same.box_width = same.box_height = 0;
    break;
  default:
    return trm__fail(err, TRM_E_INPUT, where, "kind: found %d, expected 0 to 3", (int)task->kind);
  }
  if (same.width != task->width) what = "width";
  else if (same.height != task->height) what = "height";
  else if (same.vocab_size != task->vocab_size) what = "vocab_size";
  else if (same.box_width != task->box_width) what = "box_width";
  else if (same.box_height != task->box_height) what = "box_height";
  else if (strcmp(same.alphabet, task->alphabet) != 0) what = "alphabet";
  if (!what) return TRM_OK;
  return trm__fail(err, TRM_E_INPUT, where,
                   "%s does not fit kind %s: expected width %d, height %d, boxes %dx%d, vocab_size %d, alphabet \"%s\"",
                   what, task_kind_names[task->kind], same.width, same.height, same.box_width, same.box_height,
                   same.vocab_size, same.alphabet);
}

trm_status trm__task_check(const trm_task *task, const char *where, trm_error *err) {
  if (task->width < 1 || task->height < 1 || (int64_t)task->width * task->height > TRM__SEQ_LIMIT)
    return trm__fail(err, TRM_E_INPUT, where, "grid of %d x %d, expected 1 to %d cells", task->width, task->height,
                     TRM__SEQ_LIMIT);
  if (task->vocab_size < 2 || task->vocab_size > TRM__VOCAB_LIMIT)
    return trm__fail(err, TRM_E_INPUT, where, "vocab_size: found %d, expected 2 to %d", task->vocab_size,
                     TRM__VOCAB_LIMIT);
  trm_status status = task_check_alphabet(task, where, err);
  return status ? status : task_check_kind(task, where, err);
}

json_t *trm__task_to_json(const trm_task *task) {
  return json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:s}", "kind", trm__task_kind_name(task->kind), "width", task->width,
                   "height", task->height, "box_width", task->box_width, "box_height", task->box_height, "vocab_size",
                   task->vocab_size, "alphabet", task->alphabet);
}

static trm_status task_read_kind(trm_task *task, const json_t *json, const char *where, trm_error *err) {
  const char *name = NULL;
  trm_status status = trm__json_string(json, "kind", &name, where, err);
  if (status) return status;
  for (size_t i = 0; i < sizeof task_kind_names / sizeof *task_kind_names; i++)
    if (strcmp(name, task_kind_names[i]) == 0) {
      task->kind = (trm_task_kind)i;
      return TRM_OK;
    }
  return trm__fail(err, TRM_E_INPUT, where, "kind: found \"%.40s\", expected generic, sudoku, maze or arc", name);
}

trm_status trm__task_from_json(trm_task *out, const json_t *json, const char *where, trm_error *err) {
  trm_task task = {0};
  if (!json_is_object(json))
    return trm__fail(err, TRM_E_INPUT, where, "expected a JSON object that describes the task");
  trm_status status = task_read_kind(&task, json, where, err);
  if (status) return status;
  const struct {
    const char *key;
    int *field;
  } numbers[] = {{"width", &task.width},
                 {"height", &task.height},
                 {"box_width", &task.box_width},
                 {"box_height", &task.box_height},
                 {"vocab_size", &task.vocab_size}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    int64_t value = 0;
    status = trm__json_int(json, numbers[i].key, 0, TRM__SEQ_LIMIT, &value, where, err);
    if (status) return status;
    *numbers[i].field = (int)value;
  }
  const char *alphabet = NULL;
  status = trm__json_string(json, "alphabet", &alphabet, where, err);
  if (status) return status;
  if (strlen(alphabet) >= sizeof task.alphabet)
    return trm__fail(err, TRM_E_INPUT, where, "alphabet has %zu bytes, expected at most %zu", strlen(alphabet),
                     sizeof task.alphabet - 1);
  strcpy(task.alphabet, alphabet);
  status = trm__task_check(&task, where, err);
  if (!status) *out = task;
  return status;
}
