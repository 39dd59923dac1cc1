/* --judge: a program of the user's that knows the rules of a task of which trm knows none. */
#ifndef TRM_CLI_JUDGE_H
#define TRM_CLI_JUDGE_H

#include <trm/solve.h>

#include "cli/cli.h"

/* Entries of a command's table, for the fields judge [256] and judge_seconds of its `opt`. */
#define CLI_JUDGE_OPTIONS                                                                                              \
  {.name = "judge",                                                                                                    \
   .type = TRM_OPT_STRING,                                                                                             \
   FIELD(judge),                                                                                                       \
   .size = sizeof opt.judge,                                                                                           \
   .metavar = "COMMAND",                                                                                               \
   .help = "run this program, which says of answers whether they are right, for tasks whose rules trm does not "       \
           "know (docs/own-task.md)"},                                                                                 \
  {                                                                                                                    \
    .name = "judge_seconds", .type = TRM_OPT_REAL, FIELD(judge_seconds), .default_text = "10", .min = 0.001,           \
    .max = 86400, .metavar = "S", .help = "time that it may take for an answer"                                        \
  }

/* Starts the program and makes it the judge of solver's task and of task; "" : does nothing. CLI_CONTINUE or an exit
 * code. */
int cli_judge_open(const cli_command *command, const char *text, double seconds, trm_solver_config *solver,
                   trm_task *task);
/* Ends it. code: the command's until now; returned is what it is when the judge has failed, which is told unless it
 * was before. */
int cli_judge_close(const cli_command *command, trm_solver_config *solver, int code);
/* Notes that the task names a judge, where none was asked. */
void cli_judge_note(const trm_task *task);

#endif
