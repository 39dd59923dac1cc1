/* The puzzles of a CSV or JSON Lines file one by one, as they arrive: what trm__rows_open does with a whole file, for a
 * reader that has only a part of it, and for which a bad record is that record's loss alone. */
#ifndef TRM_DATA_FORMAT_RECORD_H
#define TRM_DATA_FORMAT_RECORD_H

#include "data/format/csv_rows.h"

typedef struct trm__records {
  const char *path;         /* for messages; borrowed */
  int json;                 /* 1: JSON Lines, 0: CSV */
  trm__csv_columns columns; /* from the first record */
} trm__records;

/* 1 for a .csv, .jsonl or .ndjson file, which *records then describes. */
int trm__records_open(trm__records *records, const char *path);

/* The question of the record that begins at data, line `line` of the file, as tokens [S] of the task; NULL for both
 * when only its size is asked for. *cells: how many it has; 0 for a header or a blank line. *used: bytes of the record;
 * 0 when its end cannot be told, as where a quote is not closed within size. */
trm_status trm__record_read(trm__records *records, const char *data, size_t size, uint64_t line, const trm_task *task,
                            int32_t *tokens, size_t *cells, size_t *used, trm_error *err);

#endif
