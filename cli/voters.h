/* Models that vote on each puzzle: --model given more than once. */
#ifndef TRM_CLI_VOTERS_H
#define TRM_CLI_VOTERS_H

#include <trm/solve.h>

#include "cli/cli.h"

typedef struct cli_voters {
  size_t count;
  const char **path;       /* [count] as they were typed; of an installed model where it lies */
  const trm_model **model; /* [count] the first is the caller's, the others are its own */
} cli_voters;

/* before: a model that was named in another way, or NULL. Notes it and what --model says, in this order, and opens
 * nothing yet. The texts must outlive the voters. */
void cli_voters_begin(cli_voters *voters, const cli_arguments *arguments, const char *before);
/* Opens all but the first, whose model and path are given, and for which identifier is known to be right. CLI_CONTINUE
 * or an exit code; closed in either case. */
int cli_voters_open(const cli_command *command, cli_voters *voters, const trm_model *first, const char *path,
                    int64_t identifier);
void cli_voters_close(cli_voters *voters); /* also of a zeroed struct */

/* The path of the model whose answer won; NULL where there is but one model. */
const char *cli_voters_winner(const cli_voters *voters, const trm_solution *solution);
json_t *cli_voters_json(const cli_voters *voters); /* the paths */

/* For commands in which models do not vote: refuses a --model that is given again. */
int cli_voters_refuse(const cli_command *command, const cli_arguments *arguments);

/* TRM_E_USAGE, told and as an exit code, when the model does not know the identifier. */
int cli_model_check_identifier(const cli_command *command, const char *path, int64_t identifier,
                               const trm_model *model);

#endif
