/* Man pages: the page of one command, and the parts that overviews have too. */
#ifndef TRM_CLI_UI_MAN_H
#define TRM_CLI_UI_MAN_H

#include "cli/cli.h"

void cli_man_command(FILE *file, const cli_command *command);

void cli_man_head(FILE *file, const char *name, const char *summary); /* up to the synopsis; name: "data make", "" */
void cli_man_tail(FILE *file, const char *exits);      /* exit codes (cli_command.exits) and environment */
void cli_man_text(FILE *file, const char *text);       /* escaped */
void cli_man_paragraphs(FILE *file, const char *text); /* separated by empty lines */
void cli_man_name(FILE *file, const char *name);       /* "trm-data-make" for "data make", escaped */

#endif
