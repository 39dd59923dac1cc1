/* What the commands share that look at ARC tasks: votes, their score, and how tasks and answers are drawn. */
#ifndef TRM_CLI_ARC_H
#define TRM_CLI_ARC_H

#include <trm/arc.h>

#include "cli/cli.h"

/* 1: the folder at path is an ARC dataset with tasks to evaluate, and it is their split that was opened. */
int cli_arc_is_voted(const char *path, const char *split, const trm_dataset *dataset);
/* Says why a --submission cannot be written; an exit code. */
int cli_arc_refuse(const cli_command *self, const char *path);

typedef struct cli_arc_run {
  const char *model, *data; /* paths, to be shown */
  const char *submission;   /* file to write; "": none */
  int json, quiet, draw;    /* draw: tasks with their attempts */
} cli_arc_run;

/* Votes on all tests and reports. An exit code. */
int cli_arc_measure(const cli_command *self, const cli_arc_run *run, trm_solver *solver, const trm_dataset *dataset);

/* Demonstrations, tests and both attempts of a task, in colour where there is colour. */
void cli_arc_draw(const trm_arc_votes *votes, size_t task);

#endif
