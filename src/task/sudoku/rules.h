/* What a Sudoku's tokens mean, and its rules. */
#ifndef TRM_TASK_SUDOKU_RULES_H
#define TRM_TASK_SUDOKU_RULES_H

#include <trm/task.h>

enum { TRM__SUDOKU_BLANK = 1 }; /* the token; BLANK + v is the value v */

/* Tokens as the solver's cells: 0 blank (and padding), 1.. values. */
void trm__sudoku_cells(const int32_t *tokens, size_t count, uint8_t *cells);

trm_task_verdict trm__sudoku_judge(const trm_task *task, const int32_t *question, const int32_t *answer);
/* Changed clues, empty cells, and of each unit the digits that are there too often. */
int trm__sudoku_faults(const trm_task *task, const int32_t *question, const int32_t *answer);
trm_status trm__sudoku_check(const trm_task *task, const int32_t *question, trm_error *err);
/* Naked singles until there is none: the digit of a cell of which row, column and box hold all others. 0: two equal
 * digits in a unit, or a cell without a digit. */
int trm__sudoku_deduce(const trm_task *task, int32_t *question);
/* The unit where most cells conflict, the cells that do so in all, changed clues and empty cells, in words. */
void trm__sudoku_fault(const trm_task *task, const int32_t *question, const int32_t *answer, char *text, size_t size);
/* Marks the cells that hold a digit which stands twice in a unit, and those that changed a clue. */
void trm__sudoku_mark(const trm_task *task, const int32_t *question, const int32_t *tokens, trm_task_cell *cells);

#endif
