/* trm eval --choose-threshold. */
#ifndef TRM_CLI_THRESHOLD_H
#define TRM_CLI_THRESHOLD_H

#include <trm/solve.h>

#include "cli/cli.h"

typedef struct cli_threshold {
  const char *path, *data; /* of model and dataset */
  int64_t limit;
  int write, json, quiet;
} cli_threshold;

/* Chooses a halting threshold on the dataset, shows it with the curve, and with write puts it into the file at path.
 * Returns an exit code. */
int cli_threshold_choose(const cli_command *command, const cli_threshold *how, const trm_model *model,
                         trm_solver *solver, const trm_dataset *dataset);

#endif
