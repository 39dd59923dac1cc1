/* Infers which task a file's rows are of. */
#ifndef TRM_DATA_FORMAT_ROWS_INFER_H
#define TRM_DATA_FORMAT_ROWS_INFER_H

#include "data/format/rows.h"

/* Sudoku when lengths fit and most of the first rows are in its symbols and keep its rules; a maze when most of the
 * first are 900 cells of "# SGo" with one S and one G; otherwise generic, with the given alphabet or the sorted symbols
 * that occur. Symbols of the other rows are not looked at: whoever makes tokens of them finds what does not fit. */
trm_status trm__rows_infer(trm_task *task, const trm__rows *rows, const trm__rows_hint *hint, trm_error *err);

#endif
