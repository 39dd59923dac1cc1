/* Answers as clients read them: JSON objects with the keys of `trm solve --json` where they mean the same. A verdict is
 * of the puzzle's own rules, asked here again: "right", "wrong", or "no rules known", and then nothing has checked the
 * answer. */
#ifndef TRM_SERVE_ANSWER_H
#define TRM_SERVE_ANSWER_H

#include "serve/ask.h"

/* All return NULL without memory. */
json_t *trm__answer_json(const trm__ask_item *item, const trm__ask_puzzle *puzzle, const trm__serve_pool_end *end);
json_t *trm__answer_step_json(const trm__ask_puzzle *puzzle, const trm__work_step *step);

/* The cells of a grid as text, of tokens without symbols as numbers. tokens: in the puzzle's own grid. */
json_t *trm__answer_cells(const trm_task *task, const int32_t *tokens);
json_t *trm__answer_verdict(const trm_task *task, const int32_t *question, const int32_t *answer); /* an object */
json_t *trm__answer_model(const trm__work_model *model); /* of GET /v1/models */

/* 1: the rules say right, or, where trm knows none, the halting head does. */
int trm__answer_is_solved(const trm__ask_puzzle *puzzle, const trm__serve_pool_end *end);

#endif
