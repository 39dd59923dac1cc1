/* One row of a puzzle's text, or a whole puzzle on one line: which cells it holds. Rules, in this order:
 *  1. The space is a cell where the alphabet has it: then each column is one, but for bars.
 *  2. Gaps (white space, commas, brackets, quotes) and bars part the line into fields, and bars the fields into groups.
 *     Where all fields hold equally many cells, and all groups too, each symbol is a cell.
 *  3. As many fields as cells wanted, or so many fields between commas, semicolons, tabs or bars of which some are
 *     empty: each is one cell - a symbol, a number, nothing or None (blanks).
 *  4. Anything else is no row: what makes it none is said, and where. */
#ifndef TRM_TASK_TEXT_ROW_H
#define TRM_TASK_TEXT_ROW_H

#include "task/text.h"

#define TRM__TEXT_ZERO (-2) /* a cell's token while nobody knows whether a 0 is a blank or a digit */

typedef struct trm__row {
  size_t cells;     /* symbols found, also where there is a problem */
  size_t at;        /* where the problem lies */
  char problem[96]; /* "": none */
  int expect;       /* 1: the problem is a cell that is no symbol; the message should say what one may hold */
  int numbers;      /* 1: a cell is a number of several digits */
  int letters;      /* 1: a cell is a letter */
} trm__row;

/* The row's cells; the first `room` of them become tokens (NULL with 0: only counted). */
void trm__text_row(const trm_task *task, const trm__text *t, const char *line, size_t length, int32_t *tokens,
                   size_t room, trm__row *row);
/* The same where each column is a cell, but for bars. */
void trm__text_columns(const trm__text *t, const char *line, size_t length, int32_t *tokens, size_t room,
                       trm__row *row);

typedef enum { TRM__BYTE_CELL, TRM__BYTE_GAP, TRM__BYTE_BAR, TRM__BYTE_OTHER } trm__byte_class;
/* What stands at p, of `left` bytes, outside drawn lines; *size: its bytes. The space is a gap. */
trm__byte_class trm__text_byte(const trm__text *t, const char *p, size_t left, size_t *size);
int trm__text_is_letter(char c);
/* 1 where the space is a symbol of the task's own. */
int trm__text_is_spaced(const trm_task *task);

#endif
