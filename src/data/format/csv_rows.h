/* Puzzles in CSV files. The columns are source,question,answer,rating; a header line may name them in any order and
 * leave out all but question and answer. Without a header they are taken by position: question,answer |
 * question,answer,rating | source,question,answer | source,question,answer,rating where three fields of which the last
 * two are of equal length begin with the source. A field of several lines holds a row of the grid on each. */
#ifndef TRM_DATA_FORMAT_CSV_ROWS_H
#define TRM_DATA_FORMAT_CSV_ROWS_H

#include "data/format/rows.h"

/* Which field is what, as the file's first record says. Zeroed: not known yet. */
typedef struct trm__csv_columns {
  int known;
  int question, answer, rating; /* indices of fields; -1: absent */
  const char *rating_name;
} trm__csv_columns;

/* Appends the puzzle of the record that begins at data, which is the given line of the file, unless it is a header or
 * there is none. *used: bytes of it; 0 when its fields, and so its end, cannot be told, as where a quote is not closed
 * in time. */
trm_status trm__csv_record(trm__rows *rows, trm__csv_columns *columns, const char *data, size_t size, uint64_t line,
                           size_t *used, trm_error *err);
/* Appends all puzzles of the file with these bytes, which are borrowed. */
trm_status trm__csv_rows(trm__rows *rows, const char *data, size_t size, trm_error *err);

#endif
