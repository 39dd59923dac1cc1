/* The table of subcommands, above them all: main.c and the overviews use it, no subcommand does. */
#ifndef TRM_CLI_COMMANDS_H
#define TRM_CLI_COMMANDS_H

#include "cli/cli.h"

extern const cli_command *const cli_commands[]; /* ends with NULL */

/* Commands whose names begin with the same word. */
typedef struct cli_group {
  const char *name, *summary; /* "data"; one line, no full stop */
  const char *description;    /* a paragraph */
} cli_group;
extern const cli_group cli_groups[]; /* ends with one without a name */
const cli_group *cli_group_find(const char *word);
const cli_group *cli_group_of(const cli_command *command); /* NULL: it is in none */

/* The command whose name is the first words of argv; *used: how many. */
const cli_command *cli_command_find(int argc, char **argv, int *used);

/* What follows the group in the command's name: "make" of "data make" in "data", all of it in ""; NULL outside the
 * group. */
const char *cli_command_tail(const cli_command *command, const char *group);

/* -- overviews (ui/overview.c) ------------------------------------------------------------------------------------- */

void cli_print_overview(FILE *file);
void cli_print_group_overview(const cli_group *group, FILE *file);
int cli_print_man(const char *page,
                  FILE *file); /* "trm", "data" (a group), "solve", "data make"; 0, or -1 for no such page */

#endif
