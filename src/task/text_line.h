/* What one line of a puzzle's text is. People write more than cells: drawn frames, comments, titles between grids,
 * notes behind a puzzle. A line is taken for one of these only when it cannot be meant as a row: of a row in which one
 * character is wrong it stays to be said that it is bad. */
#ifndef TRM_TASK_TEXT_LINE_H
#define TRM_TASK_TEXT_LINE_H

#include "task/text_row.h"

typedef enum {
  TRM__LINE_EMPTY,  /* nothing, or white space */
  TRM__LINE_NOTE,   /* a comment: begins with # ; % or // */
  TRM__LINE_TITLE,  /* words */
  TRM__LINE_FRAME,  /* drawn */
  TRM__LINE_DASHES, /* drawn, or a row of blanks: only the whole puzzle tells */
  TRM__LINE_LIST,   /* a list of Python, JSON or C begins */
  TRM__LINE_CELLS   /* a row or a whole puzzle, good or bad */
} trm__line_kind;

typedef struct trm__line {
  trm__line_kind kind;
  size_t begin, end; /* its cells, without a note behind them */
  size_t cells;      /* how many */
  int whole;         /* 1: a whole puzzle */
} trm__line;

/* line: without its end. */
trm__line trm__text_line(const trm_task *task, const trm__text *t, const char *line, size_t length);

/* Bytes of a byte order mark at the begin of a text. */
size_t trm__text_mark(const char *text, size_t length);
/* Brackets opened in a line less those closed. */
int trm__text_depth(const trm__text *t, const char *line, size_t length);

#endif
