/* A table in one JSON object, as pandas' to_json() and to_dict() make them, row by row. Three shapes:
 *
 *     {"puzzle": {"0": "53..", "1": "..1."}, "solution": {"0": ..., "1": ...}}       columns of values by row
 *     {"columns": ["puzzle", "solution"], "index": [0, 1], "data": [["53..", ...], [...]]}    names and rows
 *     {"puzzle": ["53..", "..1."], "solution": [..., ...]}                           columns as lists
 *
 * A list of texts may also be the rows of one grid. It is a column when its texts are whole Sudokus: 81 or 256 symbols
 * of such puzzles each. */
#ifndef TRM_DATA_FORMAT_JSON_TABLE_H
#define TRM_DATA_FORMAT_JSON_TABLE_H

#include <jansson.h>
#include <stddef.h>

#include "data/format/columns.h"

typedef enum trm__json_shape {
  TRM__JSON_NO_TABLE,
  TRM__JSON_COLUMNS,
  TRM__JSON_SPLIT,
  TRM__JSON_LISTS
} trm__json_shape;

typedef struct trm__json_table {
  trm__json_shape shape;
  json_t *object;   /* borrowed */
  json_t *question; /* its column, borrowed; NULL for names and rows */
  void *at;         /* the row that comes next: the iterator of that column */
  size_t row;       /* its number */
} trm__json_table;

/* shape TRM__JSON_NO_TABLE: the object is a single puzzle, or anything else. */
trm__json_table trm__json_table_open(const json_t *object, const trm__column_names *names);
/* The next row as an object of its own, which the caller frees; NULL at the end and without memory, when *failed is 1.
 * What a column lacks in a row is missing there. */
json_t *trm__json_table_next(trm__json_table *table, int *failed);

#endif
