/* The inside of an agent's catalog, for the files that fill it and for built-in actions. */
#ifndef TRM_AGENT_ACTION_AGENT_H
#define TRM_AGENT_ACTION_AGENT_H

#include <pthread.h>

#include "agent/action/action.h"

struct trm__solving; /* models that are open (agent/builtin/solving.h) */

struct trm__agent {
  trm__agent_config config;
  trm__action **actions; /* sorted by name */
  size_t count;
  atomic_ullong drawn; /* random numbers so far */
  struct trm__solving *solving;
};

void trm__catalog_close(trm__agent *agent); /* frees the actions */

/* A built-in action: its declaration as text, and its function. */
typedef struct trm__builtin {
  const char *about;
  trm__action_fn run;
} trm__builtin;
extern const trm__builtin trm__builtin_puzzles[], trm__builtin_tools[]; /* end with about NULL */

#endif
