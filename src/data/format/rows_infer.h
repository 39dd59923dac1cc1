/* Infers which task a file's rows are of. */
#ifndef TRM_DATA_FORMAT_ROWS_INFER_H
#define TRM_DATA_FORMAT_ROWS_INFER_H

#include "data/format/rows.h"

/* Sudoku when lengths and symbols fit and most of the first answers keep its rules; a maze when 900 cells of "# SGo"
 * hold one S and one G; otherwise generic, with the given alphabet or the sorted symbols that occur. */
trm_status trm__rows_infer(trm_task *task, const trm__rows *rows, const trm__rows_hint *hint, trm_error *err);

#endif
