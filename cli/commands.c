/* The table of subcommands. A new one is a file cmd_<name>.c and a line here: its help, its man page and "did you mean"
 * follow from the table. */
#include "cli/commands.h"

#include <string.h>

/* In the order of --help. */
const cli_command *const cli_commands[] = {
    &cli_data_make,    &cli_data_import,  &cli_data_check,
    &cli_data_info,    &cli_data_show,    &cli_data_export,
    &cli_data_augment, &cli_data_arc,     &cli_train,
    &cli_eval,         &cli_adapt,        &cli_solve,
    &cli_explain,      &cli_sudoku_new,   &cli_sudoku_check,
    &cli_sudoku_hint,  &cli_sudoku_rate,  &cli_info,
    &cli_quantize,     &cli_convert,      &cli_import,
    &cli_export,       &cli_runs_command, &cli_plot,
    &cli_serve,        &cli_mcp,          &cli_action_list,
    &cli_action_call,  &cli_workflow_run, &cli_workflow_show,
    &cli_check,        &cli_doctor,       NULL,
};

const cli_group cli_groups[] = {
    {.name = "data",
     .summary = "make, import, describe and check puzzle datasets",
     .description = "A dataset is a directory with train/ and test/ in the original trainer's format (.npy arrays and "
                    "dataset.json), or one CSV or JSON file with columns such as question, answer and rating."},
    {.name = "sudoku",
     .summary = "make, check and rate Sudoku puzzles, and give hints",
     .description =
         "For people who solve Sudoku. Puzzles of 4x4, 6x6, 9x9 and 16x16 cells are written as for trm solve: "
         "as an argument, in a file or on standard input, blanks as . 0 _ or *."},
    {.name = "action",
     .summary = "list and call the actions of agents",
     .description =
         "An action takes one JSON value and gives one; both are checked against the schemas that it declares. "
         "Some are built in; programs and plugins become actions by a definition file."},
    {.name = "workflow",
     .summary = "run and show workflows of actions",
     .description =
         "A workflow is a definition file whose steps call actions: those that do not depend on each other at the "
         "same time, and with a journal so that it goes on after a crash."},
    {.name = NULL},
};

const cli_group *cli_group_find(const char *word) {
  for (const cli_group *group = cli_groups; group->name; group++)
    if (!strcmp(group->name, word)) return group;
  return NULL;
}

const char *cli_command_tail(const cli_command *command, const char *group) {
  size_t length = strlen(group);
  if (!length) return command->name;
  return !strncmp(command->name, group, length) && command->name[length] == ' ' ? command->name + length + 1 : NULL;
}

const cli_group *cli_group_of(const cli_command *command) {
  for (const cli_group *group = cli_groups; group->name; group++)
    if (cli_command_tail(command, group->name)) return group;
  return NULL;
}

const cli_command *cli_command_find(int argc, char **argv, int *used) {
  for (const cli_command *const *c = cli_commands; *c; c++) {
    const char *space = strchr((*c)->name, ' ');
    size_t first = space ? (size_t)(space - (*c)->name) : strlen((*c)->name);
    if (strlen(argv[0]) != first || strncmp(argv[0], (*c)->name, first) != 0) continue;
    if (space && (argc < 2 || strcmp(argv[1], space + 1) != 0)) continue;
    *used = space ? 2 : 1;
    return *c;
  }
  return NULL;
}
