/* Opening a text file of puzzles as a dataset: the reader is chosen by the name's ending. */
#ifndef TRM_DATA_FORMAT_ROWS_OPEN_H
#define TRM_DATA_FORMAT_ROWS_OPEN_H

#include "data/format/rows.h"

/* The dataset in a .csv, .jsonl or .ndjson file. */
trm_status trm__rows_open(trm_dataset **out, const char *path, const trm__rows_hint *hint, trm_error *err);
int trm__rows_is_file_name(const char *path); /* by its ending */

#endif
