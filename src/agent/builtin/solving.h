/* Models that built-in actions compute with: found by puzzle or by name, opened once, used by one call at a time. */
#ifndef TRM_AGENT_BUILTIN_SOLVING_H
#define TRM_AGENT_BUILTIN_SOLVING_H

#include <trm/solve.h>

#include "agent/action/action.h"

typedef struct trm__solving trm__solving;

/* Opens nothing yet. config is borrowed. */
trm_status trm__solving_open(trm__solving **out, const trm__agent_config *config, trm_error *err);
void trm__solving_close(trm__solving **solving);

/* A puzzle as a text, for a model. */
typedef struct trm__solving_puzzle {
  trm_task task;      /* of the puzzle, which may be smaller than the model's grid */
  trm_task larger;    /* the model's */
  int32_t *tokens;    /* [cells of task] */
  char model[80];     /* the model's name */
  trm_solver *solver; /* one call at a time: between trm__solving_take and _give */
} trm__solving_puzzle;

/* Reads the puzzle and finds its model: that of the name, "" for the smallest that fits. The solver is the caller's
 * alone until trm__solving_give. steps: the limit of supervision steps; 0: the model's own. search: network steps;
 * TRM_SEARCH_USUAL. TRM_E_INPUT: the text is no puzzle, or a contradictory one, or no model fits. */
trm_status trm__solving_take(trm__solving *solving, const char *text, size_t length, const char *model, int64_t steps,
                             int64_t search, trm__solving_puzzle *puzzle, trm_error *err);
void trm__solving_give(trm__solving *solving, trm__solving_puzzle *puzzle);

/* Reads a text of the task alone: an answer. tokens: trm__free. */
trm_status trm__solving_read(const trm_task *task, const char *text, size_t length, int32_t **tokens, trm_error *err);
/* Its task where the text tells it without a model. TRM_E_INPUT. */
trm_status trm__solving_task(const char *text, size_t length, trm_task *task, trm_error *err);

#endif
