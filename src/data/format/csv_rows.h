/* Puzzles in CSV files. Separators are commas, semicolons or tabs, whichever the first record makes sense with, or what
 * a first line "sep=;" says. A header names the columns in any order (columns.h has the names) and may have others.
 * Without a header they are taken by position: question,answer | question,answer,rating | source,question,answer |
 * source,question,answer,rating: question and answer are of equal length. A first record of names that is no puzzle and
 * has no column of a known name is an error, since nobody knows what the others mean.
 *
 * cells.h says what a question and an answer may look like. A line that begins with # is a comment when it has letters
 * that no maze has, and is no record: not as many fields as the first one. Empty records are passed over. */
#ifndef TRM_DATA_FORMAT_CSV_ROWS_H
#define TRM_DATA_FORMAT_CSV_ROWS_H

#include "data/format/rows.h"

/* Which field is what, as the file's first record says. Zeroed: not known yet. */
typedef struct trm__csv_columns {
  char separator; /* 0: not known yet */
  int known;
  int fields;                   /* of the first record */
  int question, answer, rating; /* indices of fields; -1: absent */
  int mark[TRM__MARKS];         /* likewise, of group and identifier */
  const char *rating_name;
} trm__csv_columns;

/* Appends the puzzle of the record that begins at data, which is the given line of the file, unless it is a header, a
 * comment, empty, or there is none. cells: those of a question, which tell a header from a puzzle; 0: not known. *used:
 * bytes of it; 0 when its fields, and so its end, cannot be told, as where a quote is not closed in time. */
trm_status trm__csv_record(trm__rows *rows, trm__csv_columns *columns, const char *data, size_t size, uint64_t line,
                           size_t cells, size_t *used, trm_error *err);
/* Appends all puzzles of the file with these bytes, which are borrowed. */
trm_status trm__csv_rows(trm__rows *rows, const char *data, size_t size, trm_error *err);
/* 1 when text that begins like this is a table and not puzzles as people write them: its first record that is no
 * comment is a header with a known name, or has a question, of so many cells, and an answer or more beside it. cells 0:
 * not known. */
int trm__csv_begins(const trm__column_names *names, const char *data, size_t size, size_t cells);

#endif
