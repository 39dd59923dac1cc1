/* Puzzles in JSON Lines: one object a line, {"question": ..., "answer": ..., "rating": 12}. A grid is a text, an array
 * of texts (rows), an array of whole numbers 0..254, or an array of such arrays (rows). */
#ifndef TRM_DATA_FORMAT_JSONL_H
#define TRM_DATA_FORMAT_JSONL_H

#include "data/format/rows.h"

/* Appends the puzzle of one line, which is the given one of the file, unless it is blank. */
trm_status trm__jsonl_record(trm__rows *rows, const char *data, size_t size, uint64_t line, trm_error *err);
/* Appends all puzzles of the file with these bytes, which are borrowed. */
trm_status trm__jsonl_rows(trm__rows *rows, const char *data, size_t size, trm_error *err);

#endif
