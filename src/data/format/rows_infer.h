/* Infers which task a file's rows are of. */
#ifndef TRM_DATA_FORMAT_ROWS_INFER_H
#define TRM_DATA_FORMAT_ROWS_INFER_H

#include "data/format/rows.h"

/* A known kind when lengths fit and most of the first rows are in its symbols and look like its puzzles: Sudoku whose
 * answers keep its rules, a maze of "# SGo" with one S and one G (square, or of a known width), ARC's grids of 30x30
 * colours 0 to 9, some over 5. Otherwise generic, with the given alphabet or the sorted symbols that occur. Symbols of
 * the other rows are not looked at: whoever makes tokens of them finds what does not fit. Writes rows->map, and notes
 * when the file is written in another notation or is nearly of a known kind. */
trm_status trm__rows_infer(trm_task *task, trm__rows *rows, const trm__rows_hint *hint, trm_error *err);

/* rows->map for a task that is known: the notation that most of the first rows fit, or else the task's own. */
trm_status trm__rows_infer_notation(trm__rows *rows, const trm_task *task, trm_error *err);
/* The same from the first question alone: only its sign for a blank may be another. TRM_E_INPUT when a 0 stands beside
 * another blank where it may be a digit too. */
trm_status trm__rows_infer_blank(trm__rows *rows, const trm_task *task, trm_error *err);

#endif
