/* The commands of trm-agent, one a file. Each gets its arguments behind its name and returns an exit code. */
#ifndef TRM_AGENT_COMMANDS_H
#define TRM_AGENT_COMMANDS_H

#include <jansson.h>
#include <stdatomic.h>

#include "agent/action/action.h"
#include "agent/options.h"

enum { TRM__AGENT_OK = 0, TRM__AGENT_FAILED = 1, TRM__AGENT_USAGE = 2, TRM__AGENT_INPUT = 3, TRM__AGENT_FAULT = 4 };

typedef struct trm__agent_line { /* the command line */
  const char *command;           /* "action call", for messages */
  trm__agent_options options;
  const char **words; /* arguments that are no options */
  size_t count;
  const char *folders, *self;
  atomic_int *cancelled;
} trm__agent_line;

int trm__command_list(const trm__agent_line *line);
int trm__command_call(const trm__agent_line *line);
int trm__command_check(const trm__agent_line *line);
int trm__command_flow_run(const trm__agent_line *line);
int trm__command_flow_show(const trm__agent_line *line);

trm_status trm__command_agent(const trm__agent_line *line, trm__agent **agent, trm_error *err);
/* Reads an input: JSON as it is, "-" for standard input, "@FILE" for a file, NULL for an empty object. */
trm_status trm__command_input(const char *word, json_t **input, trm_error *err);
int trm__command_error(const trm__agent_line *line, const trm_error *err); /* one line; the exit code of its status */
int trm__command_fault(const trm__agent_line *line, const trm__fault *fault);
int trm__command_print(json_t *value, size_t flags); /* to standard output; value is released; an exit code */

#endif
