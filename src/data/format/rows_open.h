/* Opening a text file of puzzles as a dataset. What it is, its content says: JSON begins with a bracket or a brace,
 * everything else is CSV. */
#ifndef TRM_DATA_FORMAT_ROWS_OPEN_H
#define TRM_DATA_FORMAT_ROWS_OPEN_H

#include "data/format/rows.h"

/* What a text file may hold, for messages and help. */
#define TRM__ROWS_KINDS "CSV or JSON"

typedef enum trm__rows_kind { TRM__ROWS_UNKNOWN, TRM__ROWS_CSV, TRM__ROWS_JSON } trm__rows_kind;

/* The dataset in a text file. */
trm_status trm__rows_open(trm_dataset **out, const char *path, const trm__rows_hint *hint, trm_error *err);
/* What the ending of a name says, in letters of any size and without .gz: a hint where the content says nothing. */
trm__rows_kind trm__rows_ending(const char *path);

#endif
