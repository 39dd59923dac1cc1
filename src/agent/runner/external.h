/* Actions that are programs: what stands between a call of an action and the runner. */
#ifndef TRM_AGENT_RUNNER_EXTERNAL_H
#define TRM_AGENT_RUNNER_EXTERNAL_H

#include "agent/action/action.h"

int trm__external_run(trm__call *call, const json_t *input, json_t **output, trm__fault *fault);
int trm__external_undo(trm__call *call, const json_t *input, json_t **output, trm__fault *fault);

/* A program that is not on the agent's list: the fault, and 1. */
int trm__external_allowed(const trm__call *call, const char *program, trm__fault *fault);

/* In the process of a plugin: loads FILE and calls ACTION of it, standard input to standard output. An exit code. */
int trm__plugin_main(const char *file, const char *action);

#endif
