/* The puzzles of a text one after the other, as its lines arrive: where each begins and ends. What one says is then
 * read by trm_task_parse.
 *
 * A puzzle is one line that holds all its cells, a list in brackets, or rows on lines. Rows end at an empty line, at
 * words, at a line that holds a whole puzzle, or at the end of the text. Comments and drawn lines between rows belong
 * to them. Of a task with a pad text_padded.h says what a puzzle is. Two grids may follow each other without a line between. Words and comments between puzzles are passed over,
 * and so are the sections of .sdk files after [Puzzle], which hold what a player did.
 *
 * Invariants, between two calls:
 *  1. rows + dashes > 0 or depth > 0 exactly while a puzzle is begun. Then `at` bytes, `lines` lines, were not dropped:
 *     those of the puzzle and within it. Its text ends at `end`. Else all these are 0.
 *  2. rows counts lines that are certainly rows, dashes those that the puzzle as a whole must tell.
 *  3. rows < 2 * height.
 *  4. band > 0 exactly when an empty line was taken for one between bands of boxes; the puzzle would else end at `cut`.
 */
#ifndef TRM_DATA_FORMAT_TEXTS_H
#define TRM_DATA_FORMAT_TEXTS_H

#include <trm/task.h>

#include "task/text_line.h"

/* A puzzle: the first `size` bytes of the lines that were not dropped. Drop `used` bytes, which are `lines` lines, and
 * give what comes after again. */
typedef struct trm__texts_puzzle {
  size_t size, used;
  uint64_t lines;
} trm__texts_puzzle;

typedef struct trm__texts {
  trm_task task;
  trm__text reading;
  int listed;  /* 1: a puzzle was a line; from then on lines are puzzles, but for those as long as a row */
  int behind;  /* 1: a grid was taken as soon as it was whole: its frame may go on */
  int words;   /* 1: there were titles */
  int section; /* 1: in a section that holds no puzzle */
  /* the puzzle that is begun */
  size_t at, end;
  uint64_t lines;
  size_t rows, dashes, band;
  int depth, bare, empty;      /* of brackets; they hold nothing yet; the last line was empty */
  trm__texts_puzzle cut, full; /* at the first empty line; when all rows were there */
} trm__texts;

typedef enum {
  TRM__TEXTS_MORE,  /* the line belongs to a puzzle that is not known to be complete */
  TRM__TEXTS_DROP,  /* the line belongs to none: drop it */
  TRM__TEXTS_PUZZLE /* a puzzle was found */
} trm__texts_answer;

void trm__texts_open(trm__texts *texts, const trm_task *task);
/* The next line, of `length` bytes with its end. */
trm__texts_answer trm__texts_line(trm__texts *texts, const char *line, size_t length, trm__texts_puzzle *puzzle);
/* No line comes any more, or with `now` set none at the moment: then only what has all its rows is a puzzle. 1 when
 * there is one. */
int trm__texts_end(trm__texts *texts, int now, trm__texts_puzzle *puzzle);

/* Cells of the puzzle in a text when no task is known (texts_guess.c): of a known size when it is nearly one, and then
 * err says what is wrong with it. 0: no cells. *task (NULL: skip): of which kind it is, by its symbols; a width of 0
 * when none reads it. */
size_t trm__texts_guess(const char *text, size_t length, trm_task *task, trm_error *err);
/* 1 when the text is a puzzle of the task; NULL: of one that trm knows by its size. */
int trm__texts_reads(const char *text, const trm_task *task);
/* Cells in a line, more or less. */
size_t trm__texts_guess_line(const char *line, size_t length);

#endif
