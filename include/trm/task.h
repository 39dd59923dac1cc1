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

/* -- what tokens mean ---------------------------------------------------------------------------------------------- */

/* What a puzzle's cells mean and which rules it has. Files hold the kind's name, never its number. */
typedef int trm_task_kind;
enum { TRM_TASK_GENERIC, TRM_TASK_SUDOKU, TRM_TASK_MAZE, TRM_TASK_ARC };

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

/* "sudoku": the kind's name in files; a static string. */
const char *trm_task_name(const trm_task *task);
/* "Sudoku 9x9", for people. size: the bytes that text has; what does not fit is cut off. Returns text. */
const char *trm_task_title(const trm_task *task, char *text, size_t size);
/* The rules that answers are judged by, in words; a static string. NULL: trm knows none. */
const char *trm_task_rules(const trm_task *task);

/* -- text ---------------------------------------------------------------------------------------------------------- */

/* Tokens [width*height] from the usual notations: one line, rows on lines, blanks as . 0 _ * or space (Sudoku), grid
 * decoration (| - + and spaces around them) skipped. TRM_E_INPUT with the position and what was expected. capacity: the
 * tokens that there is room for; TRM_E_USAGE when they are fewer. */
trm_status trm_task_parse(const trm_task *task, const char *text, size_t length, int32_t *tokens, size_t capacity,
                          trm_error *err);
/* One line without decoration, NUL-terminated: width*height + 1 bytes. capacity: the bytes that text has; TRM_E_USAGE
 * when they are fewer. */
trm_status trm_task_render(const trm_task *task, const int32_t *tokens, char *text, size_t capacity, trm_error *err);

/* How a grid looks, without saying how it is painted: lines of text, a picture and a page paint from the same. */
typedef struct trm_task_cell {
  char text[8];  /* what stands in it: a symbol */
  uint8_t clue;  /* 1: given, and shown bold */
  uint8_t wrong; /* 1: breaks a rule, or is not what the question says there */
} trm_task_cell;
typedef struct trm_task_drawing {
  int width, height;         /* cells */
  int box_width, box_height; /* cells between two lines of the frame; 0: no lines */
  int cell_width;            /* columns of text a cell: 2 with a space before each symbol, 1 without */
  int clues, wrong;          /* how many cells are marked so */
} trm_task_drawing;
/* The grid of these tokens [width*height], which may be a question or any answer to it. question NULL: no clues, and
 * wrong is what contradicts itself. Fills cells [width*height]. */
trm_task_drawing trm_task_draw(const trm_task *task, const int32_t *question, const int32_t *tokens,
                               trm_task_cell *cells);

/* -- rules --------------------------------------------------------------------------------------------------------- */

typedef struct trm_task_verdict {
  int keeps_clues; /* every given cell of the question is unchanged; -1 when trm knows no rules of the task */
  int keeps_rules; /* the puzzle's own rules hold (Sudoku: each row, column, box a permutation; maze: an o path from S
                      to G over free cells); -1 when the task has no rules that trm knows, or without memory */
} trm_task_verdict;
trm_task_verdict trm_task_judge(const trm_task *task, const int32_t *question, const int32_t *answer);
/* What is wrong with an answer, in words: "3 cells conflict in row 4". "" when the verdict is right or there is none.
 * size: the bytes that text has; what does not fit is cut off. Returns text. */
const char *trm_task_fault(const trm_task *task, const int32_t *question, const int32_t *answer, char *text,
                           size_t size);

/* TRM_E_INPUT when the question contradicts itself (Sudoku: two equal clues in a unit); where is "row 3, column 5". */
trm_status trm_task_check_question(const trm_task *task, const int32_t *question, trm_error *err);

enum {
  TRM_SOLUTIONS_UNDECIDED = -1, /* the bound was reached, or memory ran out, before the number was known */
  TRM_SOLUTIONS_UNKNOWN = -2    /* trm cannot count the solutions of this kind */
};
typedef struct trm_task_solutions {
  int count;     /* 0, 1, or 2 for two and more; or one of the above */
  int single;    /* 1: a sound puzzle of this kind has exactly one (Sudoku); 0: several are usual (mazes) */
  double effort; /* Sudoku: cells guessed until the first was found; NaN: none was found, or it is not measured */
} trm_task_solutions;
/* How many solutions a question has. Of a maze shortest paths are counted, though the rules allow every path. bound:
 * how much work may be spent, in Sudoku guesses, in a maze cells visited; 0: no bound. */
trm_task_solutions trm_task_unique(const trm_task *task, const int32_t *question, int64_t bound);

/* Random puzzle `number` of a seed: a question and an answer [width*height] that keeps its rules. A Sudoku has one
 * solution, and no clue of it can go; a maze has one path. TRM_E_UNSUPPORTED for a kind whose puzzles trm cannot make.
 */
trm_status trm_generate(const trm_task *task, uint64_t seed, uint64_t number, int32_t *question, int32_t *answer,
                        trm_error *err);

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
