/* Puzzles in JSON: objects such as {"question": ..., "answer": ..., "rating": 12}, one a line (JSON Lines), or over
 * several lines, or in one array (json_items.h), or a table in one object (json_table.h). columns.h has the names of the keys, cells.h what a grid may be. An
 * object with a list "train" of {"input": ..., "output": ...} is an ARC task: its pairs, those of "test" that have an
 * output too, are grids of 30x30 cells as the task kind has them. */
#ifndef TRM_DATA_FORMAT_JSONL_H
#define TRM_DATA_FORMAT_JSONL_H

#include "data/format/rows.h"

/* Appends the puzzles of the first object, which begins in the given line of the file, if there is one. *in_array: 1
 * inside the array of objects that was begun before; 0 at first. *used: bytes of it and what stands before it. */
trm_status trm__jsonl_record(trm__rows *rows, const char *data, size_t size, uint64_t line, int *in_array, size_t *used,
                             trm_error *err);
/* Appends all puzzles of the file with these bytes, which are borrowed. */
trm_status trm__jsonl_rows(trm__rows *rows, const char *data, size_t size, trm_error *err);
/* 1 when text that begins like this holds objects: a brace and a quote, or a bracket and one of them. */
int trm__jsonl_begins(const char *data, size_t size);

#endif
