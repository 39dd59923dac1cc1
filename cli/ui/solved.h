/* What became of a puzzle, as a grid, as a line or as JSON, with every supervision step on request. */
#ifndef TRM_CLI_UI_SOLVED_H
#define TRM_CLI_UI_SOLVED_H

#include <trm/solve.h>

#include "cli/cli.h"

/* The steps of one puzzle. */
typedef struct cli_trace_step {
  int step;
  float q, least;
  int32_t *answer;
  float *confidence;
} cli_trace_step;
typedef struct cli_trace {
  size_t count, room;
  cli_trace_step *step;
} cli_trace;

void cli_trace_add(cli_trace *trace, size_t S, const trm_step *step);
void cli_trace_clear(cli_trace *trace);

/* One puzzle with what became of it. */
typedef struct cli_solved {
  const int32_t *question, *answer;
  const char *where;
  size_t number;
  trm_solution solution;
  trm_task_verdict verdict;
  int solved;
} cli_solved;

/* How all of them are shown. */
typedef struct cli_show {
  const trm_task *task;
  size_t S;
  const cli_trace *trace; /* of the puzzle; NULL: no steps are shown */
  double halt_threshold;
  json_t *model; /* the path of an installed one that was taken, for JSON; NULL: the user named it */
} cli_show;

/* alone: 1 when there is no other puzzle, which is shown as a grid. */
void cli_solved_print(const cli_show *show, const cli_solved *solved, int alone);
void cli_solved_print_json(const cli_show *show, const cli_solved *solved);

#endif
