/* trm-server, the program behind trm serve and trm mcp: what is in force for it, and becoming it. */
#ifndef TRM_CLI_SERVER_PROGRAM_H
#define TRM_CLI_SERVER_PROGRAM_H

#include "cli/cli.h"
#include "serve/config.h"

extern trm__serve_config cli_served; /* what a command's table of the server's options sets */

/* File and environment below what the command line gave, into cli_served. file: that of --config, "": the usual ones.
 */
trm_status cli_serve_configure(const cli_arguments *arguments, const char *file, trm_error *err);

/* Becomes "trm-server BEFORE... ARGUMENTS... --folders FOLDERS". before: ends with NULL; NULL: none. Returns only when
 * that fails, with an exit code. */
int cli_serve_exec(const cli_command *self, const char *const *before, int argc, char **argv);

#endif
