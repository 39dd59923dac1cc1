/* The steps of one puzzle: kept as they come, and shown beside each other, or on a terminal one over the other. */
#ifndef TRM_CLI_UI_EXPLAIN_H
#define TRM_CLI_UI_EXPLAIN_H

#include <trm/solve.h>

#include "cli/cli.h"

typedef struct cli_trace_step {
  int step, chain;        /* its number in its chain, and that of the chain: 1, 2, ... */
  float q, least, change; /* change: as trm_step's, NaN where it was not asked for */
  int32_t *answer;
  float *confidence;
} cli_trace_step;
typedef struct cli_trace {
  size_t count, room;
  cli_trace_step *step;
} cli_trace;

void cli_trace_add(cli_trace *trace, size_t S, const trm_step *step);
/* Of a search leaves the plain trajectory and the chain whose answer was taken. */
void cli_trace_keep(cli_trace *trace, int chain);
void cli_trace_clear(cli_trace *trace);

/* A line that says how many cells each step changed, as many steps as it has room for. */
void cli_explain_summary(const trm_task *task, const int32_t *question, const cli_trace *trace);
/* Every step as a grid under its number and confidence, changed cells marked. Steps that change nothing are one with
 * the step before them, unless all is set. */
void cli_explain_print(const trm_task *task, const int32_t *question, const cli_trace *trace, int all);

#endif
