/* Puzzles: tasks (how text becomes tokens and back), datasets, importing, making and checking them, and Sudoku itself.
 * A dataset on disk is the original implementation's directory (train/ and test/ with .npy arrays and dataset.json)
 * plus task.json, which says what the tokens mean; where task.json is absent it is inferred from shapes. */
#ifndef TRM_DATA_H
#define TRM_DATA_H

#include <stdint.h>
#include <trm/error.h>
#include <trm/options.h>

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

/* -- datasets ---------------------------------------------------------------------------------------------------- */

typedef struct trm_dataset trm_dataset;

typedef struct trm_dataset_info {
  int64_t examples, puzzles, groups, identifiers;
  int64_t seq_len, vocab_size;
  trm_task task;
  int has_ratings;      /* CSV files with a rating column */
  char rating_name[32]; /* "rating" or "guesses" */
} trm_dataset_info;

/* path: a dataset directory (split "train" or "test") or one text file (.csv, .jsonl or .ndjson; split ignored), read
 * as the task, or with a task inferred when NULL. Of the split, the shapes of all arrays, their offsets and the range
 * of every token, label and identifier are checked, and that task.json, identifiers.json and the arrays agree; of a
 * text file every row's length and symbols. Whether the puzzles are sound is trm_data_check's question; ratings are
 * taken as they are. */
trm_status trm_dataset_open(trm_dataset **out, const char *path, const char *split, const trm_task *task,
                            trm_error *err);
/* 1 when trm_dataset_open reads the path as a text file: it is no directory and has one of their endings. */
int trm_dataset_is_text_file(const char *path);
void trm_dataset_close(trm_dataset **dataset); /* accepts NULL; clears the pointer */
trm_dataset_info trm_dataset_describe(const trm_dataset *dataset);
/* Example i: inputs and labels [seq_len], labels -100 where not scored. NULL outputs are skipped. */
void trm_dataset_example(const trm_dataset *dataset, int64_t i, int32_t *inputs, int32_t *labels, int32_t *identifier,
                         double *rating);

/* -- making, importing, checking: each writes a whole directory or nothing ----------------------------------------- */

/* progress: fraction in 0..1 and a short text; returning non-zero stops with TRM_E_STOPPED. */
typedef int (*trm_progress_fn)(void *context, double fraction, const char *what);

typedef struct trm_make_config {
  uint32_t size;       /* set by trm_make_config_default() */
  char out[1024];      /* directory to write: absent or empty; links are followed */
  int64_t side;        /* of a Sudoku: 4, 6, 9, 16; the option is called size */
  int64_t train, test; /* puzzles; no test puzzle is equivalent to a training puzzle */
  int64_t min_clues, max_clues;
  int64_t min_guesses, max_guesses;
  int minimal;     /* 1: no clue can be removed */
  int64_t augment; /* augmented copies of each training puzzle written into the set */
  int64_t seed, threads;
} trm_make_config;
const trm_option *trm_make_options(size_t *count);
trm_make_config trm_make_config_default(void);
trm_status trm_data_make(const trm_make_config *config, trm_progress_fn progress, void *context, trm_error *err);

typedef struct trm_import_config {
  uint32_t size;               /* set by trm_import_config_default() */
  char input[1024], out[1024]; /* text file -> directory, absent or empty */
  char test_input[1024];       /* a second file for the test split; "" : take test_fraction */
  double test_fraction;
  char alphabet[256]; /* "" : inferred */
  int64_t width;      /* symbols of a row; 0: inferred */
  int64_t augment, seed;
  int64_t limit; /* 0: all */
} trm_import_config;
const trm_option *trm_import_options(size_t *count);
trm_import_config trm_import_config_default(void);
trm_status trm_data_import(const trm_import_config *config, trm_progress_fn progress, void *context, trm_error *err);

typedef struct trm_check_report {
  int64_t examples, puzzles, groups;
  int64_t bad_questions, bad_answers; /* contradict the rules, or answers that change clues */
  int64_t not_unique;                 /* questions with more than one solution (Sudoku) */
  int64_t undecided;                  /* questions of which the exact solver gave up before it knew (Sudoku) */
  int64_t duplicates;                 /* equivalent puzzles inside one split */
  int64_t shared;                     /* puzzles equivalent to one of the other split */
  double mean_guesses;                /* of the exact solver, Sudoku that it solved; NaN without */
  double mean_rating;                 /* of the file's own ratings, whoever measured them; NaN without */
  char first_problem[256];
} trm_check_report;
trm_status trm_data_check(const char *path, trm_check_report *report, trm_progress_fn progress, void *context,
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
