/* The table of subcommands, above them all: main.c and the overviews use it, no subcommand does. */
#ifndef TRM_CLI_COMMANDS_H
#define TRM_CLI_COMMANDS_H

#include "cli/cli.h"

extern const cli_command *const cli_commands[]; /* ends with NULL */

/* The command whose name is the first words of argv; *used: how many. */
const cli_command *cli_command_find(int argc, char **argv, int *used);

/* What follows the group in the command's name: "make" of "data make" in "data", all of it in ""; NULL outside the
 * group. */
const char *cli_command_tail(const cli_command *command, const char *group);

/* -- overviews (ui/overview.c) ------------------------------------------------------------------------------------- */

void cli_print_overview(FILE *file);
void cli_print_data_overview(FILE *file);
int cli_print_man(const char *page, FILE *file); /* "trm", "data", "solve", "data make"; 0, or -1 for no such page */

#endif
