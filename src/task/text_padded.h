/* Puzzles of a task with a pad, which may be smaller than its grid: each line is a row from its first column on, the
 * pad fills what is behind and below. So nothing stands around the symbols: no frames, titles or comments. All rows of
 * a whole grid may stand on one line. An empty line ends a puzzle. */
#ifndef TRM_TASK_TEXT_PADDED_H
#define TRM_TASK_TEXT_PADDED_H

#include "task/text.h"

/* As trm__text_parse. */
trm_status trm__text_parse_padded(const trm_task *task, trm__text *text, int32_t *tokens, trm_error *err);
/* Of a line of that length, without its end: the cells that it holds; 0: it is empty. */
size_t trm__text_padded_length(const trm__text *text, const char *line, size_t length);

#endif
