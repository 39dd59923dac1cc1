/* A model's own values, those in force with where each comes from, for people and for programs. */
#ifndef TRM_CLI_UI_VALUES_H
#define TRM_CLI_UI_VALUES_H

#include <trm/solve.h>

#include "cli/cli.h"

#define CLI_VALUES 200 /* bytes of the line */
/* "halts over 1.25 (model), 16 steps (model), T 3 (option), n 6 (model)" */
const char *cli_values_text(const trm_solver_values *values, char text[CLI_VALUES]);
/* {"halt_threshold": {"value": 1.25, "from": "model"}, "max_steps": ..., "H_cycles": ..., "L_cycles": ...} */
json_t *cli_values_json(const trm_solver_values *values);
/* [-7.25, -5, null, ...]: a bound for each step, null: none. */
json_t *cli_hopeless_json(const trm_hopeless *hopeless);

#endif
