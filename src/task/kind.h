/* The table of task kinds. Everything that trm knows of one kind stands in src/task/<kind>/ and is reached through its
 * row here, a trm__kind: a few facts, and functions. No other code asks which kind a task is.
 *
 * The functions see only tasks of their kind that trm__task_check accepts. Cells are counted row by row from the upper
 * left, tokens are those of the task's alphabet: 0 padding, t the symbol alphabet[t - 1]. A row may leave out a
 * function where the comment says what NULL means. Rows are constant and live as long as the process, and their
 * functions may run at the same time.
 *
 * The table's order is that of trm_task_kind. trm__kind_register adds a row behind those that are built in, which then
 * have the numbers that follow. */
#ifndef TRM_TASK_KIND_H
#define TRM_TASK_KIND_H

#include <stddef.h>
#include <trm/task.h>

#include "base/rng.h"
#include "task/make.h"
#include "task/symmetry.h"
#include "task/text.h"

#define TRM__KINDS_MOST 64 /* rows */

typedef struct trm__kind {
  const char *name;  /* in files, and the first word of its presets: "sudoku" */
  const char *rules; /* what judge wants, in words; NULL exactly when judge is NULL: no rules known */
  int first_number;  /* the token that stands for 0 where puzzles are written as numbers (JSON Lines); 1 mostly */
  int32_t blank;     /* the token that questions may hold and answers may not; 0: none */
  int single;        /* 1: a question with more than one solution is a mistake */
  int declared;      /* 1: a task may say itself what its pad, its symmetries and its judge are */
  int32_t frame;     /* the token that may surround a puzzle, to fill a larger grid, and changes nothing; 0: none */

  /* -- what its tasks look like -- */

  /* 1 and the task (all but its kind) when puzzles of so many cells and tokens are taken for this kind. vocab_size 0:
   * any. NULL: never. */
  int (*infer)(trm_task *task, int64_t seq_len, int64_t vocab_size);
  /* The task of this kind that has this width and height; TRM_E_INPUT for one that there is not. same is a copy of
   * task, without boxes. NULL: any size and alphabet. */
  trm_status (*shape)(trm_task *same, const trm_task *task, const char *where, trm_error *err);
  /* 1 when a row of a text file looks like a puzzle of this kind. numbers: 1 when it is written as numbers. NULL: text
   * files are never taken for this kind. */
  int (*fits)(const trm_task *task, int numbers, const int32_t *question, const int32_t *answer);
  /* Name for people: "Sudoku 9x9". */
  void (*title)(const trm_task *task, char *text, size_t size);

  /* -- text -- */

  /* Adds other notations to map [256], which has the alphabet's symbols: the token of each byte, or -1. NULL: none. */
  void (*symbols)(const trm_task *task, int16_t *map);
  /* What a cell may hold, for messages: "1-9 or a blank (. 0 _ * x -)". answer: 1 for a cell of an answer. NULL: the
   * alphabet. */
  void (*expected)(const trm_task *task, int answer, char *text, size_t size);
  /* As trm__text_parse, which most kinds take. */
  trm_status (*parse)(const trm_task *task, trm__text *text, int32_t *tokens, trm_error *err);
  void (*render)(const trm_task *task, const int32_t *tokens, char *text);
  /* cells have their symbols, and drawing says: no boxes, narrow cells, no marks. Says otherwise; clues and wrong of
   * the drawing are counted afterwards. question may be NULL. NULL: leaves it so. */
  void (*draw)(const trm_task *task, const int32_t *question, const int32_t *tokens, trm_task_drawing *drawing,
               trm_task_cell *cells);

  /* -- rules -- */

  trm_task_verdict (*judge)(const trm_task *task, const int32_t *question, const int32_t *answer);
  /* How many things an answer gets wrong: 0 exactly when judge finds it right. NULL: 0 or 1, as judge says. */
  int (*faults)(const trm_task *task, const int32_t *question, const int32_t *answer);
  /* What an answer that judge does not find right gets wrong, in words, for people. NULL: wrong cells are counted. */
  void (*fault)(const trm_task *task, const int32_t *question, const int32_t *answer, char *text, size_t size);
  /* What else is to be said of an answer that judge finds right, in words; nothing by default. NULL: nothing. */
  void (*remark)(const trm_task *task, const int32_t *question, const int32_t *answer, char *text, size_t size);
  /* What evaluations count beside exact answers: at most TRM_EVAL_METRICS names, NULL behind the last; and has [names],
   * all 0, becomes 1 for what an answer is. NULL both: nothing. */
  const char *const *metrics;
  void (*grade)(const trm_task *task, const int32_t *question, const int32_t *answer, uint8_t *has);
  /* TRM_E_INPUT when the question contradicts itself. Its tokens are in range. NULL: none does. */
  trm_status (*check)(const trm_task *task, const int32_t *question, trm_error *err);
  /* Counts solutions until there are `most`; bound as in trm_task_unique. NULL: unknown. */
  trm_task_solutions (*unique)(const trm_task *task, const int32_t *question, int most, int64_t bound);
  /* What is wrong with a question; finding and marks (all 0) say that nothing is. NULL: check and unique tell. */
  void (*inspect)(const trm_task *task, const int32_t *question, int64_t bound, trm_task_finding *finding,
                  uint8_t *marks);
  /* The next cell by logic; hint says that there is none, and stays so where logic ends. A cell is empty. NULL: no
   * logic known. */
  void (*hint)(const trm_task *task, const int32_t *question, trm_hint_result *hint);
  /* Fills cells of a question that rules leave one symbol for, until there is none, and returns 1; 0: it contradicts
   * itself. NULL: partial answers cannot be checked. */
  int (*deduce)(const trm_task *task, int32_t *question);
  /* A random puzzle. NULL: one that search finds, any wanted. */
  trm_status (*generate)(const trm_task *task, trm__rng *rng, int32_t *question, int32_t *answer, trm_error *err);
  /* The same as wanted, which is never NULL and whole. NULL: wishes are unsupported. */
  trm_status (*search)(const trm_task *task, trm__rng *rng, const trm_wanted *wanted, int32_t *question,
                       int32_t *answer, trm_error *err);
  /* Puzzles for a dataset, config->train + config->test of which no two are the same. TRM_E_USAGE for options that this
   * kind has not. NULL: they are searched one by one. */
  trm_status (*make)(const trm_task *task, const trm_make_config *config, trm__made *made, trm_progress_fn progress,
                     void *context, trm_error *err);
  /* What made puzzles are rated by: a word, and the number; NaN: not known. NULL both: no ratings. */
  const char *rating;
  double (*rate)(const trm_task *task, const int32_t *question, const int32_t *answer);

  /* -- symmetries -- */

  /* Makes a random symmetry of the identity that it is given. symmetric: 1 when it can for this task, which has
   * TRM__SYMMETRY_CELLS at most. Both or neither are NULL: no symmetries known. */
  int (*symmetric)(const trm_task *task);
  void (*symmetry)(const trm_task *task, trm__rng *rng, trm__symmetry *symmetry);
  /* Where labels follow a rule that a symmetry does not keep, such as which of several shortest paths is taken. put 0:
   * 1 when these labels follow it; put 1: writes those that do, -100 kept. NULL: labels move with their cells. */
  int (*relabel)(const trm_task *task, const int32_t *question, int32_t *labels, int put);
  /* Equal for questions that a symmetry maps onto each other, so for all images of one; otherwise different but for
   * chance. tokens may be any [cells]. NULL: only equal questions are the same. */
  uint64_t (*key)(const trm_task *task, const int32_t *tokens, size_t cells);
} trm__kind;

/* The row of a number; NULL when there is none. */
const trm__kind *trm__kind_find(trm_task_kind number);
/* The row of a task; that of generic when its kind is none. */
const trm__kind *trm__kind_of(const trm_task *task);
/* The number of a kind's name; -1 when there is none. */
trm_task_kind trm__kind_named(const char *name);
/* "generic, sudoku, maze or arc", for messages; what does not fit is cut off. */
void trm__kind_list(char *text, size_t size);

/* Adds a row, which must stay as it is until the process ends. TRM_E_USAGE when its name is taken or empty, when a
 * function is missing that may not be, or when the table is full. Other threads may use the table meanwhile; they see
 * the new row or do not. *number is written on success only; NULL: not wanted. */
trm_status trm__kind_register(const trm__kind *kind, trm_task_kind *number, trm_error *err);

#endif
