/* Parts of what trm eval --json prints that come from a result alone. */
#ifndef TRM_CLI_EVAL_JSON_H
#define TRM_CLI_EVAL_JSON_H

#include <trm/solve.h>

#include "cli/cli.h"

/* A new reference each. Shares of nothing are null. */
json_t *cli_eval_bands_json(const trm_eval_result *result);   /* by rating: puzzles, exact, accuracy */
json_t *cli_eval_metrics_json(const trm_eval_result *result); /* of the task: puzzles, accuracy, its interval */
json_t *cli_eval_halting_json(const trm_eval_result *result); /* precision and recall of the halting head, counts */

#endif
