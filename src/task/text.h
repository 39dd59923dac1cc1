/* Puzzles as text, for all kinds: a reader and a writer that a kind's row chooses, or that its own functions use. What
 * notations there are is said in docs/puzzles.md; what one line and one row hold is said in text_line.h and
 * text_row.h. */
#ifndef TRM_TASK_TEXT_H
#define TRM_TASK_TEXT_H

#include <stddef.h>
#include <trm/task.h>

/* A text, and how to read it. A space is a cell wherever the alphabet has it. Elsewhere it separates cells; where the
 * map has it, it may also be a blank, in a text that has no other. */
typedef struct trm__text {
  const char *text;
  size_t length;
  int16_t map[256];     /* the token of each byte, or -1 */
  int16_t numbers[256]; /* the token of a cell that is written as a number, or -1 */
  int32_t blank;        /* the token of a blank; 0: there is none */
  int list;             /* 1: of a list in brackets, where nothing between two commas is a mistake */
  char expected[400];   /* what a cell may hold, for messages */
} trm__text;

/* Tokens [width*height] of one puzzle. TRM_E_INPUT with line and column, and where rows stand on lines with the row.
 * Tokens may be written when it fails. */
trm_status trm__text_parse(const trm_task *task, trm__text *text, int32_t *tokens, trm_error *err);

/* The symbol of a token; '_' for padding (where that is no symbol), '?' for what has none. */
char trm__text_symbol(const trm_task *task, int32_t token);
/* The symbols of all cells and a NUL. text: [width*height + 1]. */
void trm__text_render(const trm_task *task, const int32_t *tokens, char *text);

#endif
