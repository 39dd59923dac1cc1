/* From JSON Lines to rows: each line is parsed by itself, and its grids are flattened into cells. */
#include "data/format/jsonl.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"
#include "task/task.h"

#define LINE_LIMIT ((size_t)8 << 20)
#define NUMBER_LIMIT 254

typedef struct grid {
  uint8_t *cells; /* [TRM__SEQ_LIMIT], or of the whole file's bytes when those are fewer */
  size_t length, width;
  int numbers, texts; /* 1 where it has cells of the kind */
} grid;

static trm_status jsonl_fail(const trm__rows *rows, uint64_t line, const char *key, trm_error *err,
                             const char *message) {
  char where[512];
  snprintf(where, sizeof where, "%.440s:%" PRIu64, rows->path, line);
  return trm__fail(err, TRM_E_INPUT, where, "\"%s\": %s", key, message);
}

static const char *jsonl_add_text(grid *g, const json_t *value) {
  const char *text = json_string_value(value);
  size_t length = json_string_length(value), begin = g->length;
  g->texts = 1;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == '\n' && g->width == 0) g->width = g->length - begin;
    if (text[i] == '\n' || text[i] == '\r') continue;
    if (g->length == TRM__SEQ_LIMIT) return "more than 65536 cells, expected at most that";
    g->cells[g->length++] = (uint8_t)text[i];
  }
  return NULL;
}

static const char *jsonl_add_number(grid *g, const json_t *value) {
  json_int_t number = json_integer_value(value);
  g->numbers = 1;
  if (number < 0 || number > NUMBER_LIMIT) return "a number outside 0 to 254";
  if (g->length == TRM__SEQ_LIMIT) return "more than 65536 cells, expected at most that";
  g->cells[g->length++] = (uint8_t)number;
  return NULL;
}

/* NULL, or what is wrong. */
static const char *jsonl_add_value(grid *g, const json_t *value, int depth) {
  if (json_is_string(value) && depth < 2) return jsonl_add_text(g, value);
  if (json_is_integer(value) && depth > 0) return jsonl_add_number(g, value);
  if (!json_is_array(value) || depth == 2)
    return "expected a text, an array of texts, an array of whole numbers or an array of such rows";
  size_t index, row = 0;
  const json_t *item;
  json_array_foreach(value, index, item) {
    size_t before = g->length;
    const char *problem = jsonl_add_value(g, item, depth + 1);
    if (problem) return problem;
    if (json_is_integer(item)) continue;
    if (index == 0) row = g->length - before;
    else if (depth == 0 && g->length - before != row) return "rows of different lengths, expected equal ones";
  }
  if (depth == 0 && row > 0) g->width = row;
  return NULL;
}

static const json_t *jsonl_find(const json_t *object, const char *const *names, const char **found) {
  for (; *names; names++) {
    const json_t *value = json_object_get(object, *names);
    *found = *names;
    if (value) return value;
  }
  return NULL;
}

static trm_status jsonl_read_grid(trm__rows *rows, uint64_t line, const json_t *object, const char *const *names,
                                  grid *g, trm_error *err) {
  const char *key, *problem = NULL;
  const json_t *value = jsonl_find(object, names, &key);
  g->length = g->width = 0;
  g->numbers = g->texts = 0;
  if (!value) return jsonl_fail(rows, line, names[0], err, "is missing, expected a grid");
  problem = jsonl_add_value(g, value, 0);
  if (!problem && rows->count == 0 && g->numbers) rows->numbers = 1;
  if (!problem && (g->numbers ? !rows->numbers || g->texts : rows->numbers))
    problem = "texts and numbers are mixed, expected one kind in the whole file";
  return !problem ? TRM_OK : jsonl_fail(rows, line, key, err, problem);
}

static trm_status jsonl_read_rating(trm__rows *rows, uint64_t line, const json_t *object, double *rating,
                                    trm_error *err) {
  static const char *const names[] = {"rating", "guesses", "difficulty", NULL};
  const char *key;
  const json_t *value = jsonl_find(object, names, &key);
  *rating = (double)NAN;
  if (!value || json_is_null(value)) return TRM_OK;
  if (!json_is_number(value)) return jsonl_fail(rows, line, key, err, "expected a number");
  *rating = json_number_value(value);
  if (!rows->has_ratings)
    snprintf(rows->rating_name, sizeof rows->rating_name, "%s", strcmp(key, "guesses") == 0 ? key : "rating");
  rows->has_ratings = 1;
  return TRM_OK;
}

static trm_status jsonl_add_object(trm__rows *rows, uint64_t line, const json_t *object, grid *question, grid *answer,
                                   trm_error *err) {
  static const char *const questions[] = {"question", "puzzle", "input", NULL};
  static const char *const answers[] = {"answer", "solution", "output", NULL};
  double rating;
  if (!json_is_object(object))
    return jsonl_fail(rows, line, "question", err,
                      "this line is no object, expected {\"question\": ..., \"answer\": ...}");
  trm_status status = jsonl_read_grid(rows, line, object, questions, question, err);
  if (!status) status = jsonl_read_grid(rows, line, object, answers, answer, err);
  if (!status) status = jsonl_read_rating(rows, line, object, &rating, err);
  if (status) return status;
  if (rows->count == 0) rows->width = question->width;
  trm__rows_place place = {line, 0, 0};
  return trm__rows_add(rows, question->cells, question->length, answer->cells, answer->length, rating, place, err);
}

/* The parser saw one line of the file and calls it line 1; the message should say which it is in the file. */
static void jsonl_move_place(const trm__rows *rows, uint64_t line, trm_error *err) {
  size_t prefix = strlen(rows->path);
  if (!err || strncmp(err->where, rows->path, prefix) != 0 || strncmp(err->where + prefix, ":1:", 3) != 0) return;
  char column[24];
  snprintf(column, sizeof column, "%.20s", err->where + prefix + 3);
  snprintf(err->where, sizeof err->where, "%.440s:%" PRIu64 ":%s", rows->path, line, column);
}

static trm_status jsonl_add_line(trm__rows *rows, uint64_t line, const char *text, size_t size, grid *question,
                                 grid *answer, trm_error *err) {
  json_t *object = NULL;
  size_t blank = 0;
  while (blank < size && memchr(" \t\r", text[blank], 3)) blank++;
  if (blank == size) return TRM_OK;
  if (size > LINE_LIMIT) return jsonl_fail(rows, line, "question", err, "this line is longer than 8 MiB");
  trm_status status = trm__json_parse(&object, text, size, rows->path, err);
  if (status) {
    jsonl_move_place(rows, line, err);
    return status;
  }
  status = jsonl_add_object(rows, line, object, question, answer, err);
  json_decref(object);
  return status;
}

trm_status trm__jsonl_record(trm__rows *rows, const char *data, size_t size, uint64_t line, trm_error *err) {
  size_t room = size < TRM__SEQ_LIMIT ? size : TRM__SEQ_LIMIT, bom = 0;
  uint8_t *cells = trm__calloc(2, room);
  if (!cells) return trm__fail_memory(err, rows->path, 2 * room);
  grid question = {.cells = cells}, answer = {.cells = cells + room};
  if (size > 0 && data[size - 1] == '\n') size--;
  if (line == 1 && size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) bom = 3;
  trm_status status = jsonl_add_line(rows, line, data + bom, size - bom, &question, &answer, err);
  trm__free(cells);
  return status;
}

trm_status trm__jsonl_rows(trm__rows *rows, const char *data, size_t size, trm_error *err) {
  size_t room = size < TRM__SEQ_LIMIT ? size : TRM__SEQ_LIMIT; /* a cell takes at least a byte of the file */
  uint8_t *cells = trm__calloc(2, room);
  if (!cells) return trm__fail_memory(err, rows->path, 2 * room);
  grid question = {.cells = cells}, answer = {.cells = cells + room};
  trm_status status = TRM_OK;
  size_t at = size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
  for (uint64_t line = 1; at < size && !status; line++) {
    const char *newline = memchr(data + at, '\n', size - at);
    size_t end = newline ? (size_t)(newline - data) : size;
    status = jsonl_add_line(rows, line, data + at, end - at, &question, &answer, err);
    at = end + 1;
  }
  trm__free(cells);
  return status;
}
