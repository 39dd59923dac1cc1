/* Tables in one JSON object: see json_table.h. */
#include "data/format/json_table.h"

#include <stdint.h>
#include <string.h>

/* A text that is a whole Sudoku, and no row of anything. */
static int table_is_puzzle(const json_t *value) {
  size_t length = json_string_length(value);
  const char *text = json_string_value(value);
  return text && (length == 81 || length == 256) && strspn(text, "0123456789ABCDEFGabcdefg.*_xX-") == length;
}

static trm__json_shape table_column_shape(const json_t *value) {
  if (json_is_object(value)) return TRM__JSON_COLUMNS;
  return table_is_puzzle(json_array_get(value, 0)) ? TRM__JSON_LISTS : TRM__JSON_NO_TABLE;
}

trm__json_table trm__json_table_open(const json_t *object, const trm__column_names *names) {
  trm__json_table table = {0};
  table.object = (json_t *)(uintptr_t)object; /* iterators are not const */
  int least = 0;
  const char *key;
  json_t *value;
  if (json_is_array(json_object_get(object, "columns")) && json_is_array(json_object_get(object, "data"))) {
    table.shape = TRM__JSON_SPLIT;
    return table;
  }
  json_object_foreach(table.object, key, value) {
    int rank = trm__column_rank(names, TRM__QUESTION, key, strlen(key));
    if (rank > 0 && (!table.question || rank < least)) table.question = value, least = rank;
  }
  table.shape = table_column_shape(table.question);
  if (table.shape == TRM__JSON_COLUMNS) table.at = json_object_iter(table.question);
  return table;
}

/* Sets what the row has in the column of this name. */
static int table_put(json_t *row, const char *name, json_t *value) {
  return value ? json_object_set(row, name, value) : 0;
}

static int table_fill_columns(const trm__json_table *t, json_t *row) {
  const char *row_key = t->shape == TRM__JSON_COLUMNS ? json_object_iter_key(t->at) : "", *key;
  json_t *column;
  int failed = 0;
  json_object_foreach(t->object, key, column) failed |=
      table_put(row, key, json_is_object(column) ? json_object_get(column, row_key) : json_array_get(column, t->row));
  return failed;
}

static int table_fill_split(const trm__json_table *t, json_t *row) {
  const json_t *names = json_object_get(t->object, "columns"),
               *values = json_array_get(json_object_get(t->object, "data"), t->row);
  int failed = 0;
  for (size_t i = 0; i < json_array_size(names); i++) {
    const char *name = json_string_value(json_array_get(names, i));
    if (name) failed |= table_put(row, name, json_array_get(values, i));
  }
  return failed;
}

static int table_is_over(const trm__json_table *t) {
  if (t->shape == TRM__JSON_COLUMNS) return !t->at;
  return t->row >= json_array_size(t->shape == TRM__JSON_SPLIT ? json_object_get(t->object, "data") : t->question);
}

json_t *trm__json_table_next(trm__json_table *t, int *failed) {
  *failed = 0;
  if (t->shape == TRM__JSON_NO_TABLE || table_is_over(t)) return NULL;
  json_t *row = json_object();
  *failed = !row || (t->shape == TRM__JSON_SPLIT ? table_fill_split(t, row) : table_fill_columns(t, row)) != 0;
  if (t->shape == TRM__JSON_COLUMNS) t->at = json_object_iter_next(t->question, t->at);
  t->row++;
  if (!*failed) return row;
  json_decref(row);
  return NULL;
}
