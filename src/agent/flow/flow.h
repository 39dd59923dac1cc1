/* Workflows: steps that call actions, with what they depend on. share/schemas/workflow.json says what a file looks
 * like.
 *
 *              begin             result
 *   WAITING ---------> RUNNING ---------> DONE
 *      |                  | error                  (after a failure of the workflow, in reverse order of ending:)
 *      | condition,       +-----------> FAILED     DONE, and RUNNING before a crash --undo--> UNDONE
 *      | or all before
 *      +-----------> SKIPPED
 *
 * Invariants of a run, with a record (store/steps.h) across crashes as well:
 *  1. a step begins only when all that it depends on is DONE or SKIPPED;
 *  2. the result of a step is recorded once, before a step that depends on it begins, and a recorded step never runs
 * again;
 *  3. after the first failure, a cancel or the deadline no step begins; what runs is waited for;
 *  4. then what is DONE, and what may have begun before a crash, is undone once each, the last first;
 *  5. the outcome is recorded once; who runs an ended run again is told it;
 *  6. the deadline is an absolute time, the same after a crash.
 * A step that was begun and not recorded before a crash begins again: outside effects are at-least-once. */
#ifndef TRM_AGENT_FLOW_FLOW_H
#define TRM_AGENT_FLOW_FLOW_H

#include "agent/action/action.h"
#include "store/steps.h"

typedef enum trm__flow_state {
  TRM__FLOW_WAITING,
  TRM__FLOW_RUNNING,
  TRM__FLOW_DONE,
  TRM__FLOW_FAILED,
  TRM__FLOW_SKIPPED,
  TRM__FLOW_UNDONE
} trm__flow_state;

typedef struct trm__flow_step {
  const char *name, *action; /* of the definition */
  const json_t *about;
  size_t *needs, *needed_by; /* steps, by number */
  size_t need_count, needed_count;
  size_t layer; /* the longest way to it: 0 needs nothing */
} trm__flow_step;

typedef struct trm__flow {
  json_t *about;
  const char *name;
  trm__flow_step *steps; /* in the definition's order */
  size_t count;
  trm__schema *input;
  char hash[65]; /* of the definition: a run goes on with the same one alone */
} trm__flow;

/* TRM_E_INPUT with file, line and what is wrong: an unknown step, a cycle with its path, an unknown action (agent NULL:
 * not looked at). */
trm_status trm__flow_load(trm__flow **out, const char *path, const trm__agent *agent, trm_error *err);
void trm__flow_close(trm__flow **flow);

typedef struct trm__flow_config {
  trm__agent *agent;
  int parallel;     /* 0: the definition's, else as many as cores */
  double timeout_s; /* of the whole; negative: the definition's, 0: none */
  atomic_int *cancelled;
  trm__steps *record; /* NULL: nothing survives */
  const char *run;    /* its name in the record */
} trm__flow_config;

/* Runs it, or goes on with it. *outcome, a new reference:
 *   {"status": "done", "output": ...}
 *   {"status": "failed", "step": NAME, "error": {...}, "undone": [NAME...], "not_undone": [NAME...]}
 * TRM_E_INPUT: the input is not what the schema says, or the run was begun with another definition or input. Other
 * errors (a full disk) leave the run as it is, to be gone on with. */
trm_status trm__flow_run(const trm__flow *flow, const trm__flow_config *config, const json_t *input, json_t **outcome,
                         trm_error *err);

/* The states of all steps in a record; states [count]. */
trm_status trm__flow_states(const trm__flow *flow, trm__steps *record, const char *run, trm__flow_state *states,
                            trm_error *err);

/* The graph as text, a line a step, or as SVG; states [count] or NULL. The text is freed with trm__free; NULL without
 * memory. */
char *trm__flow_text(const trm__flow *flow, const trm__flow_state *states);
char *trm__flow_svg(const trm__flow *flow, const trm__flow_state *states);

#endif
