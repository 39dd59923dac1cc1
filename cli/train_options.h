/* Between the arguments of trm train and its run: explicit options win over a preset's values or are refused. */
#ifndef TRM_CLI_TRAIN_OPTIONS_H
#define TRM_CLI_TRAIN_OPTIONS_H

#include <trm/train.h>

#include "cli/cli.h"

/* For a new run, with all values in place: --epochs wins over a preset's steps; an option that was given and has no
 * effect is refused. CLI_CONTINUE or an exit code. */
int cli_train_options(const cli_command *self, const cli_arguments *arguments, const trm_model_config *model,
                      trm_train_config *train);

#endif
