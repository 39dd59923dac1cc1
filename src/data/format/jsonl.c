/* From JSON to rows: each object is parsed by itself, and its grids are flattened into cells. */
#include "data/format/jsonl.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"
#include "base/text/numbers.h"
#include "data/format/arc_json.h"
#include "data/format/bytes.h"
#include "data/format/cells.h"
#include "data/format/json_items.h"
#include "data/format/json_table.h"
#include "task/task.h"

static trm_status jsonl_fail(const trm__rows *rows, uint64_t line, const char *key, trm_error *err,
                             const char *message) {
  char where[512];
  if (message == trm__cells_no_memory) return trm__fail_memory(err, rows->path, TRM__SEQ_LIMIT);
  snprintf(where, sizeof where, "%.440s:%" PRIu64, rows->path, line);
  return trm__fail(err, TRM_E_INPUT, where, "\"%s\": %s", key, message);
}

/* The value whose key is the best name for the column; NULL: none. *found is its key. */
static const json_t *jsonl_find(const trm__rows *rows, const json_t *object, trm__column column, const char **found) {
  const json_t *best = NULL, *value;
  const char *key;
  int least = 0;
  json_object_foreach((json_t *)(uintptr_t)object, key, value) { /* the macro's iterator is not const */
    int rank = trm__column_rank(&rows->names, column, key, strlen(key));
    if (rank > 0 && (!best || rank < least)) best = value, least = rank, *found = key;
  }
  return best;
}

static trm_status jsonl_fail_missing(const trm__rows *rows, uint64_t line, const json_t *object, trm__column column,
                                     trm_error *err) {
  static const char *const words[TRM__COLUMNS] = {"question", "answer", "rating", "group", "identifier"};
  const char *what = words[column], *key;
  char found[160] = "", message[480];
  size_t used = 0;
  const json_t *value;
  json_object_foreach((json_t *)(uintptr_t)object, key, value) {
    if (used < 120) used += (size_t)snprintf(found + used, sizeof found - used, "%s%.30s", used ? ", " : "", key);
  }
  snprintf(message, sizeof message, "is missing: found the keys %s; expected %.100s (--%s-column names another)",
           used ? found : "(none)", trm__column_list(&rows->names, column), what);
  return jsonl_fail(rows, line, what, err, message);
}

static trm_status jsonl_read_grid(trm__rows *rows, uint64_t line, const json_t *object, trm__column column,
                                  trm__cells *cells, const char **key, trm_error *err) {
  const json_t *value = jsonl_find(rows, object, column, key);
  if (!value) return jsonl_fail_missing(rows, line, object, column, err);
  const char *problem = trm__cells_read_json(cells, value);
  if (!problem && cells->numbers && cells->texts)
    problem = "texts and numbers are mixed, expected one kind in the whole file";
  return !problem ? TRM_OK : jsonl_fail(rows, line, *key, err, problem);
}

/* Both are of one kind, as all of the file. */
static trm_status jsonl_match(trm__rows *rows, uint64_t line, trm__cells cells[2], const char *const keys[2],
                              trm_error *err) {
  if (rows->count == 0) rows->numbers = cells[0].numbers || cells[1].numbers;
  for (int i = 0; i < 2; i++) {
    const char *problem = NULL;
    if (rows->numbers && cells[i].texts) problem = trm__cells_make_numbers(&cells[i]);
    else if (!rows->numbers && cells[i].numbers)
      problem = "texts and numbers are mixed, expected one kind in the whole file";
    if (problem) return jsonl_fail(rows, line, keys[i], err, problem);
  }
  return TRM_OK;
}

/* A number, or a text that is one. */
static double jsonl_read_rating(trm__rows *rows, uint64_t line, const json_t *object) {
  const char *key = "rating", *text;
  char number[40];
  const json_t *value = jsonl_find(rows, object, TRM__RATING, &key);
  if (!value) return (double)NAN;
  if (json_is_string(value)) text = json_string_value(value);
  else if (json_is_number(value)) (void)trm__real_text(json_number_value(value), number, sizeof number), text = number;
  else text = json_is_null(value) ? "" : trm__json_type_name(value);
  return trm__rows_rating(rows, key, strlen(key), text, strlen(text), line);
}

static trm_status jsonl_read_marks(trm__rows *rows, uint64_t line, const json_t *object, trm_error *err) {
  for (int i = 0; rows->marks && i < TRM__MARKS; i++) {
    trm__mark mark = (trm__mark)i;
    const char *key = trm__mark_word(mark);
    const json_t *value = jsonl_find(rows, object, trm__mark_column(mark), &key);
    if (!value && trm__mark_given(rows, mark))
      return jsonl_fail_missing(rows, line, object, trm__mark_column(mark), err);
    if (!trm__rows_expect_mark(rows, mark, value != NULL))
      return jsonl_fail(rows, line, key, err,
                        value ? "is here but not in the first puzzle, expected it in all (null: none) or in none"
                              : "is missing, expected it in all puzzles as in the first (null: none)");
    const char *problem = value ? trm__marks_number_json(rows->marks, mark, value, &rows->mark[mark]) : NULL;
    if (problem) return jsonl_fail(rows, line, key, err, problem);
  }
  return TRM_OK;
}

/* One puzzle. */
static trm_status jsonl_add_puzzle(trm__rows *rows, uint64_t line, const json_t *object, trm__cells cells[2],
                                   trm_error *err) {
  const char *keys[2] = {"question", "answer"};
  trm_status status = jsonl_read_grid(rows, line, object, TRM__QUESTION, &cells[0], &keys[0], err);
  if (!status && !rows->questions_only)
    status = jsonl_read_grid(rows, line, object, TRM__ANSWER, &cells[1], &keys[1], err);
  else if (!status) cells[1].numbers = cells[1].texts = 0;
  if (!status) status = jsonl_match(rows, line, cells, keys, err);
  if (!status) status = jsonl_read_marks(rows, line, object, err);
  if (status) return status;
  double rating = jsonl_read_rating(rows, line, object);
  if (rows->count == 0) rows->width = rows->frame.width ? rows->frame.width : cells[0].width;
  rows->row_width[0] = cells[0].width, rows->row_width[1] = cells[1].width;
  trm__rows_place place = {line, 0, 0};
  return trm__rows_add(rows, cells[0].cells, cells[0].length, cells[1].cells, cells[1].length, rating, place, err);
}

/* Messages about a table name its rows, counted from 1, as their lines may all be one. */
static void jsonl_name_row(const trm__json_table *table, trm_error *err) {
  size_t used = err ? strlen(err->where) : 0;
  if (err && used < sizeof err->where - 1)
    (void)snprintf(err->where + used, sizeof err->where - used, ", row %zu", table->row);
}

static trm_status jsonl_add_table(trm__rows *rows, uint64_t line, trm__json_table *table, trm__cells cells[2],
                                  trm_error *err) {
  int failed;
  for (json_t *row; (row = trm__json_table_next(table, &failed));) {
    trm_status status = jsonl_add_puzzle(rows, line, row, cells, err);
    json_decref(row);
    if (!status) continue;
    if (status == TRM_E_INPUT) jsonl_name_row(table, err);
    return status;
  }
  return failed ? trm__fail_memory(err, rows->path, 0) : TRM_OK;
}

static trm_status jsonl_add_object(trm__rows *rows, uint64_t line, const json_t *object, trm__cells cells[2],
                                   trm_error *err) {
  if (trm__arc_is_task(object)) return trm__arc_add_task(rows, object, line, err);
  trm__json_table table = trm__json_table_open(object, &rows->names);
  if (table.shape != TRM__JSON_NO_TABLE) return jsonl_add_table(rows, line, &table, cells, err);
  return jsonl_add_puzzle(rows, line, object, cells, err);
}

/* The parser saw one object and calls its place line 1, column 1; the message should say where it is in the file. */
static void jsonl_move_place(const trm__rows *rows, const trm__json_item *item, trm_error *err) {
  size_t prefix = strlen(rows->path);
  unsigned long long line, column;
  if (!err || strncmp(err->where, rows->path, prefix) != 0) return;
  if (sscanf(err->where + prefix, ":%llu:%llu", &line, &column) != 2) return;
  if (line == 1) column += item->column - 1;
  snprintf(err->where, sizeof err->where, "%.440s:%llu:%llu", rows->path, item->line + line - 1, column);
}

static trm_status jsonl_add_item(trm__rows *rows, const trm__json_item *item, trm__cells cells[2], trm_error *err) {
  json_t *object = NULL;
  if (item->text[0] != '{')
    return jsonl_fail(rows, item->line, "question", err,
                      "what stands here is no object, expected {\"question\": ..., \"answer\": ...}");
  if (item->size > TRM__JSON_ITEM_LIMIT)
    return jsonl_fail(rows, item->line, "question", err,
                      "this object is longer than 8 MiB, expected an object a puzzle, best one on each line");
  trm_status status = trm__json_parse(&object, item->text, item->size, rows->path, err);
  if (status) {
    jsonl_move_place(rows, item, err);
    return status;
  }
  status = jsonl_add_object(rows, item->line, object, cells, err);
  json_decref(object);
  return status;
}

trm_status trm__jsonl_record(trm__rows *rows, const char *data, size_t size, uint64_t line, int *in_array, size_t *used,
                             trm_error *err) {
  trm__cells cells[2] = {{0}, {0}};
  trm__json_items items = trm__json_items_open(data, size);
  items.line = line;
  items.in_array = *in_array;
  trm__json_item item = trm__json_items_next(&items);
  trm_status status = item.text ? jsonl_add_item(rows, &item, cells, err) : TRM_OK;
  *used = items.at;
  *in_array = items.in_array;
  trm__cells_free(&cells[0]);
  trm__cells_free(&cells[1]);
  return status;
}

trm_status trm__jsonl_rows(trm__rows *rows, const char *data, size_t size, trm_error *err) {
  trm__cells cells[2] = {{0}, {0}};
  trm__json_items items = trm__json_items_open(data, size);
  trm_status status = TRM_OK;
  for (trm__json_item item = trm__json_items_next(&items); item.text && !status; item = trm__json_items_next(&items))
    status = jsonl_add_item(rows, &item, cells, err);
  trm__cells_free(&cells[0]);
  trm__cells_free(&cells[1]);
  return status;
}

int trm__jsonl_begins(const char *data, size_t size) {
  int brackets = 0, braces = 0;
  for (size_t at = trm__bytes_mark(data, size); at < size; at++) {
    char c = data[at];
    if (memchr(" \t\r\n", c, 4)) continue;
    if ((c == '#' || (c == '/' && at + 1 < size && data[at + 1] == '/')) && !braces) { /* a comment */
      const char *end = memchr(data + at, '\n', size - at);
      if (!end) return brackets > 0;
      at = (size_t)(end - data);
      continue;
    }
    if (c == '[' && !brackets++) continue;
    if (c == '{' && !braces++) continue;
    return braces > 0 && (c == '"' || c == '}');
  }
  return braces > 0 || brackets > 0;
}
