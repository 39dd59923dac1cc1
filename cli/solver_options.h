/* The library's options of a solver, as a command has them: with other defaults and words for some. */
#ifndef TRM_CLI_SOLVER_OPTIONS_H
#define TRM_CLI_SOLVER_OPTIONS_H

#include <trm/solve.h>

#include "cli/cli.h"

/* What a command has otherwise. help NULL: as the library says. */
typedef struct cli_other {
  const char *name, *default_text, *help;
} cli_other;

/* *items: the command's own, NULL before the first call; kept until the program ends. */
cli_table cli_solver_table(trm_option **items, const cli_other *others, size_t count, trm_solver_config *config);

/* After parsing: refuses what has no effect without another option. CLI_CONTINUE or a usage error. */
int cli_solver_check(const cli_command *command, const cli_arguments *arguments, const trm_solver_config *config);

/* For the task of a model, after parsing: says what was asked for by name and has no effect there. */
void cli_solver_say_idle(const cli_command *command, const cli_arguments *arguments, const trm_solver_config *config,
                         const trm_task *task);

/* For an open solver: the same of what a search at its level does not heed. */
void cli_solver_say_level(const cli_command *command, const cli_arguments *arguments, const trm_solver_config *config,
                          const trm_solver *solver);

#endif
