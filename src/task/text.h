/* Puzzles as text, for all kinds: readers and a writer that a kind's row chooses from, or that its own functions use.
 */
#ifndef TRM_TASK_TEXT_H
#define TRM_TASK_TEXT_H

#include <stddef.h>
#include <trm/task.h>

/* A text, and how to read it. */
typedef struct trm__text {
  const char *text;
  size_t length;
  int16_t map[256];   /* the token of each byte, or -1 */
  char expected[400]; /* what a cell may hold, for messages */
} trm__text;

/* Tokens [width*height] of a text in one line or in rows on lines, with or without a drawn frame. Spaces are cells
 * where the space is a symbol, otherwise decoration. TRM_E_INPUT with the position. */
trm_status trm__text_parse(const trm_task *task, const trm__text *text, int32_t *tokens, trm_error *err);
/* The same where a space may stand for a blank: it is decoration, unless that leaves too few cells. */
trm_status trm__text_parse_blanks(const trm_task *task, const trm__text *text, int32_t *tokens, trm_error *err);

/* The symbol of a token; '_' for padding (where that is no symbol), '?' for what has none. */
char trm__text_symbol(const trm_task *task, int32_t token);
/* The symbols of all cells and a NUL. text: [width*height + 1]. */
void trm__text_render(const trm_task *task, const int32_t *tokens, char *text);

#endif
