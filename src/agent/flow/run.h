/* A run of a workflow, as its files see it. */
#ifndef TRM_AGENT_FLOW_RUN_H
#define TRM_AGENT_FLOW_RUN_H

#include <pthread.h>

#include "agent/flow/flow.h"

typedef struct flow_item { /* a step of the run */
  trm__flow_state state;
  size_t waits_for; /* steps that it needs and that have not ended */
  size_t skipped;   /* of those that it needs */
  size_t ended;     /* its place in the order of ending, from 1; 0: it has not */
  json_t *input;    /* that it was begun with */
  int begun;        /* 1: in this process, or before a crash */
} flow_item;

typedef struct flow_run {
  const trm__flow *flow;
  const trm__flow_config *config;
  pthread_mutex_t mutex; /* of all below */
  pthread_cond_t changed;
  flow_item *items;
  size_t *ready, ready_first, ready_last; /* numbers of steps whose needs have ended */
  size_t running, ended, order;
  json_t *root;      /* {"input", "steps": {NAME: {"status", "result"}}} */
  double deadline;   /* on the agent's clock; 0: none */
  trm__fault fault;  /* the first failure */
  size_t failed;     /* the step of it; count: none, it was cancelled or late between steps */
  int stopping;      /* 1: no step begins any more */
  trm_status status; /* not TRM_OK: the record could not be written; the run is left as it is */
  trm_error error;
  json_t *outcome; /* recorded by an earlier process */
} flow_run;

/* Adds an entry to the record, if there is one. The value is taken over. Called without the mutex by one thread, or
 * with it. 0 when it failed, which ends the run. */
int trm__flow_note(flow_run *r, const char *step, trm__steps_event event, json_t *value);

/* Reads what is recorded of the run, or records that it begins. */
trm_status trm__flow_recall(flow_run *r, const json_t *input, trm_error *err);

/* Puts a step's end into the root, and counts it. */
trm_status trm__flow_settle(flow_run *r, size_t number, trm__flow_state state, json_t *result, trm_error *err);

/* Undoes what is done, the last first, and makes the outcome of a run that failed. NULL: r->status says why. */
json_t *trm__flow_undo(flow_run *r);

#endif
