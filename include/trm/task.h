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

typedef struct trm_judge trm_judge;

/* What the tokens of a dataset or model mean. Token 0 is padding; token t >= 1 is alphabet[t-1]. Plain data. */
typedef struct trm_task {
  trm_task_kind kind;
  int width, height;         /* of the grid; height 1 when the task has no grid */
  int box_width, box_height; /* Sudoku: 3 3 for 9x9, 3 2 for 6x6 (two rows by three columns), 2 2, 4 4; else 0 */
  int vocab_size;            /* alphabet length + 1 */
  char alphabet[256];        /* UTF-8 is not used: one byte a symbol. Sudoku: ".123456789", "." the blank */
  /* Of a generic task what its owner says of it; of others, whose kind knows it, 0 and "". */
  int pad;              /* the token that fills the grid right of and below a smaller puzzle; 0: all have its size */
  char symmetries[204]; /* words with spaces between: symbols:ABC, dihedral, rows, columns, bands:N, stacks:N (see
                           docs/own-task.md); "": none */
  char judge[256];      /* the command of the program that knows its rules, for people; nothing here runs it */
  trm_judge *asked;     /* a judge that was opened, of the caller; NULL: none. Never in a file */
} trm_task;

trm_task trm_task_sudoku(int size); /* 4, 6, 9 or 16 */
trm_task trm_task_maze(void);       /* 30 x 30 of "# SGo" */

/* "sudoku": the kind's name in files; a static string. */
const char *trm_task_name(const trm_task *task);
/* "Sudoku 9x9", for people. size: the bytes that text has; what does not fit is cut off. Returns text. */
const char *trm_task_title(const trm_task *task, char *text, size_t size);
/* The rules that answers are judged by, in words; a static string. NULL: trm knows none, and no judge is asked. */
const char *trm_task_rules(const trm_task *task);

/* -- text ---------------------------------------------------------------------------------------------------------- */

/* Tokens [width*height] of one puzzle from the usual notations, which docs/puzzles.md lists: one line, rows on lines,
 * drawn frames, lists of Python or JSON, blanks as . 0 _ * x - or space (Sudoku), comments and titles around. What
 * could be read as two puzzles is refused. TRM_E_INPUT with line and column, where rows stand on lines with the row,
 * and what was expected. capacity: the tokens that there is room for; TRM_E_USAGE when they are fewer. */
trm_status trm_task_parse(const trm_task *task, const char *text, size_t length, int32_t *tokens, size_t capacity,
                          trm_error *err);
/* One line without decoration, NUL-terminated: width*height + 1 bytes. capacity: the bytes that text has; TRM_E_USAGE
 * when they are fewer. */
trm_status trm_task_render(const trm_task *task, const int32_t *tokens, char *text, size_t capacity, trm_error *err);

/* How a grid looks, without saying how it is painted: lines of text, a picture and a page paint from the same. */
typedef enum trm_task_look {
  TRM_LOOK_SYMBOL, /* its text */
  TRM_LOOK_EMPTY,  /* nothing */
  TRM_LOOK_WALL,   /* a block */
  TRM_LOOK_PATH,   /* a mark that shows where the path goes */
  TRM_LOOK_START,  /* the ends of a path */
  TRM_LOOK_GOAL
} trm_task_look;
typedef struct trm_task_cell {
  char text[8];  /* what stands in it: a symbol */
  uint8_t clue;  /* 1: given, and shown bold */
  uint8_t wrong; /* 1: breaks a rule, or is not what the question says there */
  uint8_t look;  /* trm_task_look: what it is a picture of, where there is colour; its text elsewhere */
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
/* How many things are wrong with an answer; 0: it is right, -1: as keeps_rules. Sudoku: changed clues, empty cells, and
 * in each row, column and box the digits that are there too often; others: 0 or 1. */
int trm_task_faults(const trm_task *task, const int32_t *question, const int32_t *answer);
/* What is wrong with an answer, in words: "3 cells conflict in row 4". "" when the verdict is right or there is none.
 * size: the bytes that text has; what does not fit is cut off. Returns text. */
const char *trm_task_fault(const trm_task *task, const int32_t *question, const int32_t *answer, char *text,
                           size_t size);

/* What else is to be said of an answer whose verdict is right: "a path of 38 moves, 4 more than the shortest". "" when
 * nothing is, or the verdict is another. As for the rest like trm_task_fault. */
const char *trm_task_remark(const trm_task *task, const int32_t *question, const int32_t *answer, char *text,
                            size_t size);

/* A judge is a program of one's own that knows the rules of a task of which trm knows none. A shell starts it once. It
 * reads a line for each answer, {"question": [ROW, ...], "answer": [ROW, ...]}, and writes one, {"right": true} or
 * {"right": false, "why": "..."}; a row is a text of symbols, or a list of tokens where they have no symbols. command:
 * at most 255 bytes; seconds: that it may take for a line. It may be asked by several threads, which wait for each
 * other. TRM_E_USAGE; TRM_E_IO when no process can be started. A task or a model only names a command: nothing runs it
 * but this call. */
trm_status trm_judge_open(trm_judge **out, const char *command, double seconds, trm_error *err);
void trm_judge_close(trm_judge **judge); /* accepts NULL; ends the program; after all tasks and solvers that ask it */
/* TRM_OK, also of NULL, or how it failed first: TRM_E_INPUT when it ended, was silent for too long or wrote anything
 * but an answer. A judge that has failed is not asked again, and its verdicts are -1. */
trm_status trm_judge_status(trm_judge *judge, trm_error *err);
/* task->asked, which is what the calls of this section ask from now on. TRM_E_USAGE for a kind that trm knows.
 */
trm_status trm_task_set_judge(trm_task *task, trm_judge *judge, trm_error *err);

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

/* What is wrong with a question, for people. */
typedef struct trm_task_finding {
  int solutions;  /* as trm_task_solutions.count */
  char what[256]; /* "no solution: no place for 7 in box 3"; "": nothing is known to be wrong */
} trm_task_finding;
/* Says whether a question contradicts itself or, where one solution is wanted, has none or several. marks
 * [width*height] is set to 1 for the cells that show it (clues that clash, cells without a digit, cells in which two
 * solutions differ), else to 0. The tokens are in range; bound as in trm_task_unique. */
trm_task_finding trm_task_inspect(const trm_task *task, const int32_t *question, int64_t bound, uint8_t *marks);

/* -- puzzles in larger grids --------------------------------------------------------------------------------------- */

/* 1 when a puzzle of the task is also one of larger: when it is put into the upper left corner of that grid, what is
 * beside it changes nothing (mazes: walls). Also 1 for a task of the same size. */
int trm_task_fits(const trm_task *task, const trm_task *larger);
/* 1 when the kind has such puzzles, so that a model for one size may solve others. */
int trm_task_has_frame(const trm_task *task);
/* tokens [width*height of task] put into framed [width*height of larger], and answers taken out of it. */
void trm_task_frame(const trm_task *task, const trm_task *larger, const int32_t *tokens, int32_t *framed);
void trm_task_unframe(const trm_task *task, const trm_task *larger, const int32_t *framed, int32_t *tokens);
/* The same of numbers that stand beside the tokens, such as confidences. */
void trm_task_unframe_real(const trm_task *task, const trm_task *larger, const float *framed, float *cells);

/* -- making puzzles ------------------------------------------------------------------------------------------------ */

/* Which puzzle is wanted. trm_wanted_default() wants any. */
typedef struct trm_wanted {
  uint32_t size;                    /* set by trm_wanted_default() */
  int64_t min_clues, max_clues;     /* Sudoku; max 0: as few as can be, so that no clue can go */
  int64_t min_guesses, max_guesses; /* Sudoku: of trm_sudoku_solve; max -1: any number */
  int64_t tries;                    /* puzzles to look at, at most */
  /* NULL, or called now and then with how many puzzles were looked at. Any answer but 0 ends the search with
   * TRM_E_STOPPED. */
  int (*progress)(void *context, int64_t tried);
  void *context;
  int64_t min_path; /* maze: moves of the shortest path. The published 30x30 mazes have 109 and more */
  /* maze: sides in these bounds, drawn anew for each maze, which stands in the upper left corner with walls beside it;
   * its path is then as much shorter as it is smaller than max_side. 0 0: the whole grid */
  int64_t min_side, max_side;
} trm_wanted;
trm_wanted trm_wanted_default(void); /* 200,000 tries */

/* Random puzzle `number` of a seed: a question and an answer [width*height] that keeps its rules. A Sudoku has one
 * solution, and unless max_clues is set no clue of it can go; a maze is one of the published kind, walls at random and
 * the answer the path that its rule marks. wanted NULL: any. TRM_E_INPUT when no try was as wanted, TRM_E_USAGE for
 * what no puzzle can be, TRM_E_UNSUPPORTED for a kind whose puzzles trm cannot make, or not to wishes. */
trm_status trm_generate(const trm_task *task, uint64_t seed, uint64_t number, const trm_wanted *wanted,
                        int32_t *question, int32_t *answer, trm_error *err);

/* -- hints --------------------------------------------------------------------------------------------------------- */

typedef enum trm_hint_by {
  TRM_HINT_NONE,    /* no hint: what was asked knows no next cell */
  TRM_HINT_FULL,    /* no hint: no cell is empty */
  TRM_HINT_RULES,   /* logic, which holds in every solution */
  TRM_HINT_NETWORK, /* the network alone: a guess that nobody checked */
  TRM_HINT_CHECKED  /* the network, and the exact solver found the same in the only solution */
} trm_hint_by;
typedef struct trm_hint_result {
  int by;             /* trm_hint_by: who says so */
  int cell;           /* row by row from 0; -1: no hint */
  int32_t token;      /* what belongs there */
  double probability; /* the network's, of this token; NaN by rules */
  int refuted;        /* cells of which the network was surer, and which the exact solver found wrong */
  char technique[32]; /* the hardest that is needed: "hidden single"; "" by a network */
  char reason[256];   /* one sentence: "r4c7 is 5: the only place for 5 in box 6"; without a hint, why there is none */
  char before[2048];  /* the steps before it, a line each: "locked candidates: in box 4, ..."; "": none */
} trm_hint_result;
/* The next cell by logic alone (Sudoku; other kinds: TRM_HINT_NONE). The tokens are in range. With a network behind it:
 * trm_hint in trm/solve.h, which also looks whether the question is sound. */
trm_hint_result trm_task_hint(const trm_task *task, const int32_t *question);

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

/* How hard a puzzle is, by the exact solver and by logic. */
typedef struct trm_sudoku_rating {
  int clues;
  int solutions;    /* 0, 1, 2 for more, or TRM_SOLUTIONS_UNDECIDED after a million guesses */
  int64_t guesses;  /* cells guessed until the first solution, which is the rating in trm's data; -1: none was found */
  int needless;     /* clues of which each could go alone; 0: the puzzle is minimal; -1: not decided */
  int left;         /* cells that are empty where logic ends; 0: no guess is needed; -1: not looked at */
  char hardest[32]; /* the hardest technique that logic needs: "naked pair"; "" when it decides no cell */
} trm_sudoku_rating;
/* size and cells as for trm_sudoku_solve. Only of a puzzle with one solution needless, left and hardest are looked at.
 */
trm_sudoku_rating trm_sudoku_rate(int size, const uint8_t *cells);

/* Equal for puzzles that a symmetry (relabelling, bands, rows, stacks, columns, transposition) maps onto each other. */
uint64_t trm_sudoku_invariant(int size, const uint8_t *cells);

#ifdef __cplusplus
}
#endif
#endif
