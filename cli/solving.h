/* What the commands that solve puzzles one after the other share: the model for the puzzles that were named, the
 * solver's options, and when a puzzle counts as solved. */
#ifndef TRM_CLI_SOLVING_H
#define TRM_CLI_SOLVING_H

#include "cli/framed.h"
#include "cli/puzzles.h"
#include "cli/ui/solved.h"

/* Entries of a command's table, for the fields model and identifier of its `opt`. more: what it adds to the help. */
#define CLI_MODEL_OPTION(more, ...)                                                                                    \
  {                                                                                                                    \
    .name = "model", .type = TRM_OPT_STRING, FIELD(model), .size = sizeof opt.model, .metavar = "FILE",                \
    .help = "model file or run directory; default: an installed one that fits" more, __VA_ARGS__                       \
  }
#define CLI_IDENTIFIER_OPTION                                                                                          \
  {                                                                                                                    \
    .name = "identifier", .type = TRM_OPT_INT, FIELD(identifier), .default_text = "0", .min = 0, .max = INT32_MAX,     \
    .help = "puzzle identifier: row of the model's puzzle embedding, for all puzzles"                                  \
  }

/* The solver's options as these commands have them: rules halt, and what they find wrong is searched for, unless
 * --no-halt is said, which alone means all steps of one trajectory; that is settled after parsing, and what cannot be
 * is refused. */
cli_table cli_solving_table(trm_solver_config *config);
int cli_solving_settle(const cli_command *command, const cli_arguments *arguments, trm_solver_config *config);

/* The model that puzzles are solved with. */
typedef struct cli_solving {
  trm_model *model;
  trm_task task; /* by which the puzzles are read; the model's own is framed.grid */
  size_t S;      /* cells of a puzzle */
  cli_framed framed;
  const char *recursion; /* how the model works; lives as long as it */
  json_t *installed;     /* the path of an installed model that was taken; NULL: the user named it */
} cli_solving;

/* The model at path or, with "", an installed one that fits the first puzzle, which is named on a terminal and whose
 * path is left there. identifier: that all puzzles will have. CLI_CONTINUE or an exit code; closed in either case. */
int cli_solving_open(const cli_command *command, cli_solving *solving, char path[1100], cli_puzzles *puzzles,
                     int64_t identifier);
void cli_solving_close(cli_solving *solving);

/* Counts a question's solutions within a bound, without looking at any answer. */
trm_task_solutions cli_solutions(const trm_task *task, const int32_t *question);
int cli_is_hopeless(const trm_task_solutions *solutions); /* 1: no answer is the right one, so none is searched for */
/* A puzzle is solved when its rules and clues say so and it has no other solution; where trm knows no rules, when the
 * halting head says so. values: of the model whose answer it is. */
int cli_is_solved(const cli_solved *solved, const trm_solver_values *values);

#endif
