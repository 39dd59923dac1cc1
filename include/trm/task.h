/* Tasks: what the tokens of a puzzle mean, how text becomes tokens and back, and the puzzle's own rules; and Sudoku's
 * exact solver. A task is plain data. All that trm knows of a kind of task stands behind these calls, so a program
 * needs to know none. All functions may run at the same time. */
#ifndef TRM_TASK_H
#define TRM_TASK_H

#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* -- tasks ------------------------------------------------------------------------------------------------------- */

typedef enum trm_task_kind { TRM_TASK_GENERIC, TRM_TASK_SUDOKU, TRM_TASK_MAZE, TRM_TASK_ARC } trm_task_kind;

/* What the tokens of a dataset or model mean. Token 0 is padding; token t >= 1 is alphabet[t-1]. Plain data. */
typedef struct trm_task {
  trm_task_kind kind;
  int width, height;         /* of the grid; height 1 when the task has no grid */
  int box_width, box_height; /* Sudoku: 3 3 for 9x9, 3 2 for 6x6 (two rows by three columns), 2 2, 4 4; else 0 */
  int vocab_size;            /* alphabet length + 1 */
  char alphabet[256];        /* UTF-8 is not used: one byte a symbol. Sudoku: ".123456789", "." the blank */
} trm_task;

trm_task trm_task_sudoku(int size); /* 4, 6, 9 or 16 */
trm_task trm_task_maze(void);       /* 30 x 30 of "# SGo" */

/* Tokens [width*height] from the usual notations: one line, rows on lines, blanks as . 0 _ * or space (Sudoku), grid
 * decoration (| - + and spaces around them) skipped. TRM_E_INPUT with the position and what was expected. capacity: the
 * tokens that there is room for; TRM_E_USAGE when they are fewer. */
trm_status trm_task_parse(const trm_task *task, const char *text, size_t length, int32_t *tokens, size_t capacity,
                          trm_error *err);
/* One line without decoration, NUL-terminated: width*height + 1 bytes. capacity: the bytes that text has; TRM_E_USAGE
 * when they are fewer. */
trm_status trm_task_render(const trm_task *task, const int32_t *tokens, char *text, size_t capacity, trm_error *err);

typedef struct trm_task_verdict {
  int keeps_clues; /* every given cell of the question is unchanged */
  int keeps_rules; /* the puzzle's own rules hold (Sudoku: each row, column, box a permutation; maze: an o path from S
                      to G over free cells); -1 when the task has no rules that trm knows */
} trm_task_verdict;
trm_task_verdict trm_task_judge(const trm_task *task, const int32_t *question, const int32_t *answer);

/* TRM_E_INPUT when the question contradicts itself (Sudoku: two equal clues in a unit); where is "row 3, column 5". */
trm_status trm_task_check_question(const trm_task *task, const int32_t *question, trm_error *err);

/* -- Sudoku ------------------------------------------------------------------------------------------------------ */

typedef struct trm_sudoku_result {
  int solutions;   /* counted up to the limit */
  int64_t guesses; /* cells guessed until the first solution was found */
  int complete;    /* 0: gave up after a million guesses (a contrived 16x16 grid, or a huge limit); solutions is then
                      a lower bound */
} trm_sudoku_result;
/* Exact. size 4, 6, 9, 16; cells row-major, 0 blank, 1..size. solution (NULL: skip) receives the first one found.
 * Contradicting clues, a value over size and an unknown size give 0 solutions. */
trm_sudoku_result trm_sudoku_solve(int size, const uint8_t *cells, int limit, uint8_t *solution);
/* Equal for puzzles that a symmetry (relabelling, bands, rows, stacks, columns, transposition) maps onto each other. */
uint64_t trm_sudoku_invariant(int size, const uint8_t *cells);

#ifdef __cplusplus
}
#endif
#endif
