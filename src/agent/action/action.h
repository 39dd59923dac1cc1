/* Actions: what an agent can do. Each is declared once, as JSON, and is called the same way wherever it runs: in this
 * process (agent/builtin), as a program (agent/runner), or as a plugin in a process of its own.
 *
 * Declaration, a file or a text of agent/builtin; share/trm/schemas/action.json is its schema:
 *   {"trm": 1, "kind": "action", "name": "count_words", "description": "...", "category": "text", "tags": ["text"],
 *    "version": "1.0", "input": SCHEMA, "output": SCHEMA, "idempotent": true, "timeout_s": 30, "retries": 0,
 *    "command": ["/usr/bin/wc", "-w"] or "plugin": "/path/words.so", "undo": ["/path/undo"]}
 *
 * A call:
 *  1. The input is checked against its schema. What the schema does not name is refused, if the schema says nothing
 * else.
 *  2. The action runs, for at most timeout_s an attempt, and never past the call's deadline. A call inside a call has
 * the smaller of both deadlines, and one attempt.
 *  3. Its output is checked against its schema: one that does not fit is an internal error.
 *  4. Another attempt is made only while `retries` allows it and the error says "retryable": true; a timeout does when
 * the action is declared idempotent. Before attempt n + 1 it pauses for a random time up to min(30 s, 250 ms * 2^n).
 *  5. After the last failed attempt, also after a timeout and a cancel, what the action can undo is undone once:
 *     {"input": ..., "error": ...} goes to it, it has 5 s and up to three attempts, and how it ended is told.
 *
 * Threads: a catalog is not changed once it is open; calls may run at the same time. */
#ifndef TRM_AGENT_ACTION_ACTION_H
#define TRM_AGENT_ACTION_ACTION_H

#include <stdatomic.h>
#include <stdint.h>

#include "agent/action/fault.h"
#include "agent/schema/schema.h"

typedef struct trm__agent trm__agent;
typedef struct trm__action trm__action;

/* One attempt, as the action sees it. */
typedef struct trm__call {
  trm__agent *agent;
  const trm__action *action;
  double deadline; /* on the agent's clock; 0: none */
  atomic_int *cancelled;
  int depth;   /* 0; more: called by another action */
  int attempt; /* 1, 2, ... */
} trm__call;

/* 0 with a new reference in *output, or 1 with the fault. */
typedef int (*trm__action_fn)(trm__call *call, const json_t *input, json_t **output, trm__fault *fault);

struct trm__action {
  json_t *about;                                       /* the declaration */
  const char *name, *description, *category, *version; /* of it */
  trm__schema *input, *output;
  trm__action_fn run, undo; /* undo NULL: nothing to take back */
  int idempotent;
  double timeout_s; /* 0: none */
  int retries;
};

/* What stands for the system: a false one makes tests that need no time. */
typedef struct trm__agent_clock {
  double (*now)(void *context);                 /* seconds, monotonic */
  void (*pause)(void *context, double seconds); /* it may be shorter */
  void *context;
} trm__agent_clock;

typedef struct trm__agent_config {
  const char *folders;     /* where models are, behind colons */
  const char *definitions; /* a file, or a folder of them; "": none */
  const char *allow;       /* programs and plugins that may be run: absolute paths behind commas; "": none */
  const char *roots;       /* folders that `file` may touch, behind commas; "": none */
  const char *device;      /* "": the CPU */
  const char *self;        /* this program, for plugins */
  int threads;             /* computing threads; 0: all cores */
  uint64_t seed;           /* of the pauses between attempts */
  trm__agent_clock clock;  /* now NULL: the system's */
  void (*log)(void *context, const char *level, const char *message, const json_t *fields);
  void *log_context;
} trm__agent_config;

/* config's texts are borrowed. TRM_E_INPUT with file and field of a definition that is wrong. */
trm_status trm__agent_open(trm__agent **out, const trm__agent_config *config, trm_error *err);
void trm__agent_close(trm__agent **agent); /* accepts NULL inside */
const trm__agent_config *trm__agent_config_of(const trm__agent *agent);

size_t trm__agent_actions(const trm__agent *agent);
const trm__action *trm__agent_action(const trm__agent *agent, size_t number);  /* sorted by name */
const trm__action *trm__agent_find(const trm__agent *agent, const char *name); /* NULL: none */
/* Of an unknown action: says so, with the nearest name. Returns 1. */
int trm__agent_unknown(const trm__agent *agent, const char *name, trm__fault *fault);
/* An action from its declaration, checked; where: what errors name. The declaration is taken over. */
trm_status trm__agent_add(trm__agent *agent, json_t *about, trm__action_fn run, trm__action_fn undo, const char *where,
                          trm_error *err);

double trm__agent_now(const trm__agent *agent);
void trm__agent_pause(const trm__agent *agent, double seconds);
uint32_t trm__agent_random(trm__agent *agent); /* of a stream of the seed; any thread */

double trm__call_left(const trm__call *call);                  /* seconds until the deadline; infinity: there is none */
int trm__call_over(const trm__call *call);                     /* 1: cancelled, or its time is over */
int trm__call_ended(const trm__call *call, trm__fault *fault); /* the fault of that; returns 1 */

typedef struct trm__call_options {
  double deadline;       /* on the agent's clock; 0: none */
  double timeout_s;      /* an attempt; negative: the action's own */
  int retries;           /* negative: the action's own */
  atomic_int *cancelled; /* NULL: nobody cancels */
  int depth;             /* of the caller + 1; 0: nobody */
} trm__call_options;
trm__call_options trm__call_options_default(void);

typedef struct trm__called {
  json_t *output; /* NULL: it failed */
  trm__fault fault;
  int attempts; /* 0: it was not begun */
  int undone;   /* 1: it was undone; -1: that failed; 0: nothing to undo */
  trm__fault undo_fault;
  double seconds;
} trm__called;

/* Fills *called, which trm__called_clear frees. 0, or 1 when it failed. */
int trm__agent_call(trm__agent *agent, const char *name, const json_t *input, const trm__call_options *options,
                    trm__called *called);
/* Undoes what a call that has succeeded did: for a workflow that fails later. 0, or 1 with *fault. */
int trm__agent_undo(trm__agent *agent, const char *name, const json_t *input, const json_t *reason, trm__fault *fault);
void trm__called_clear(trm__called *called);

/* For models that call tools, and for HTTP: what the declaration is to them. A new reference. */
typedef enum trm__action_form {
  TRM__FORM_ABOUT,  /* the declaration itself */
  TRM__FORM_MCP,    /* {"name", "description", "inputSchema", "outputSchema"} */
  TRM__FORM_OPENAI, /* {"type": "function", "function": {"name", "description", "parameters"}} */
  TRM__FORM_HTTP    /* an operation of OpenAPI, under its path */
} trm__action_form;
json_t *trm__action_describe(const trm__action *action, trm__action_form form);

#endif
