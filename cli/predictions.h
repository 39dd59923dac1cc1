/* What a model gets wrong, puzzle by puzzle: the options --predictions and --worst of trm eval. The library keeps and
 * writes predictions (trm/solve.h); here they are shown. */
#ifndef TRM_CLI_PREDICTIONS_H
#define TRM_CLI_PREDICTIONS_H

#include <trm/solve.h>

#include "cli/cli.h"

/* Whether predictions may be written to the path, "" for none; told before the work. CLI_CONTINUE or an exit code. */
int cli_predictions_check(const cli_command *command, const char *path, int force);

/* The worst as boards: question, right answer, and the model's with the cells marked that differ from it. */
void cli_worst_print(trm_predictions *predictions, const trm_task *task, int64_t most);
/* The same as an array of the objects that --predictions writes as lines. */
json_t *cli_worst_json(trm_predictions *predictions, int64_t most);

#endif
