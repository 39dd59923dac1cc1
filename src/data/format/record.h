/* The puzzles of a table one by one, as they arrive: what trm__rows_open does with a whole file, for a reader that has
 * only a part of it, and for which a bad record is that record's loss alone. Only questions must be there: an answer
 * beside one is read where it can be, to compare with. */
#ifndef TRM_DATA_FORMAT_RECORD_H
#define TRM_DATA_FORMAT_RECORD_H

#include "data/format/bytes.h"
#include "data/format/csv_rows.h"

typedef struct trm__records {
  const char *path; /* for messages; borrowed */
  trm__column_names names;
  int json;                 /* 1: JSON, 0: CSV */
  int in_array;             /* 1: inside an array of objects */
  trm__csv_columns columns; /* from the first record */
} trm__records;

/* 1 when a text that begins like this is a table, which *records then describes; 0: puzzles as people write them. path:
 * its ending decides where the text does not (.csv, .tsv, .json, .jsonl, .ndjson); NULL: it has none. cells: of a
 * question, 0: not known. */
int trm__records_open(trm__records *records, const char *path, const char *text, size_t size, size_t cells);

/* 1 when the record that begins at text ends in it: its quotes or braces are closed. */
int trm__record_whole(const trm__records *records, const char *text, size_t size);

/* The question of the record that begins at data, line `line` of the file, as tokens [S] of the task; NULL for both
 * when only its size is asked for. *cells: how many it has; 0 for a header, a comment or an empty line. *used: bytes of
 * the record; 0 when its end cannot be told, as where a quote is not closed within size. */
trm_status trm__record_read(trm__records *records, const char *data, size_t size, uint64_t line, const trm_task *task,
                            int32_t *tokens, size_t *cells, size_t *used, trm_error *err);

/* The answer that stands in the same record, as tokens [S] of the task; records: as they were before its question was
 * read. TRM_E_INPUT when there is none or it cannot be read. */
trm_status trm__record_answer(const trm__records *records, const char *data, size_t size, uint64_t line,
                              const trm_task *task, int32_t *tokens, trm_error *err);

#endif
