/* A server that solves puzzles: the other engine of trm solve. It takes the same source as trm_solve_source and calls
 * the same functions, one request a puzzle, several at once; so all that is said of an answer is said in one place. */
#ifndef TRM_CLI_REMOTE_H
#define TRM_CLI_REMOTE_H

#include "cli/solving.h"

typedef struct cli_remote cli_remote;

/* Entries of a command's table, for the fields server and token_file of its `opt`. */
#define CLI_SERVER_OPTIONS                                                                                             \
  {.name = "server",                                                                                                   \
   .type = TRM_OPT_STRING,                                                                                             \
   FIELD(server),                                                                                                      \
   .size = sizeof opt.server,                                                                                          \
   .metavar = "URL",                                                                                                   \
   .help =                                                                                                             \
       "let this server solve them, http://HOST:PORT or unix:PATH (trm serve); --model is then one of its models, "    \
       "by name or version"},                                                                                          \
  {                                                                                                                    \
    .name = "token_file", .type = TRM_OPT_STRING, FIELD(token_file), .size = sizeof opt.token_file, .metavar = "FILE", \
    .help = "of --server: a file that holds the token to show it; default: TRM_TOKEN, else none"                       \
  }

/* Refuses what a server does not take, then asks for its models. CLI_CONTINUE or an exit code; closed in either case.
 */
int cli_remote_open(const cli_command *command, cli_remote **remote, const char *url, const char *token_file,
                    const cli_arguments *arguments, const trm_solver_config *config);
void cli_remote_close(cli_remote **remote); /* accepts NULL */

/* As cli_solving_open: the model of that name, or with "" the server's own choice for the first puzzle. */
int cli_remote_choose(cli_remote *remote, cli_solving *solving, char name[1100], cli_puzzles *puzzles,
                      int64_t identifier);
trm_solver_values cli_remote_values(const cli_remote *remote); /* in force, of the chosen model */

/* As trm_solve_source. explain: each puzzle's steps are told, when it is done. *level: that of the last answer. */
trm_status cli_remote_solve(cli_remote *remote, const trm_source *source, int explain, trm_step_fn step, void *context,
                            int *level, trm_error *err);

#endif
