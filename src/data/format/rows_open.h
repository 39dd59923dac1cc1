/* Opening a text file of puzzles as a dataset: the reader is chosen by the name's ending. */
#ifndef TRM_DATA_FORMAT_ROWS_OPEN_H
#define TRM_DATA_FORMAT_ROWS_OPEN_H

#include "data/format/rows.h"

/* What a text file's name may end in, for messages and help; the list that decides is in rows_open.c. */
#define TRM__ROWS_ENDINGS ".csv, .jsonl or .ndjson"

/* The dataset in a text file. TRM_E_INPUT when the name has none of the endings. */
trm_status trm__rows_open(trm_dataset **out, const char *path, const trm__rows_hint *hint, trm_error *err);
int trm__rows_is_file_name(const char *path); /* by its ending */

#endif
