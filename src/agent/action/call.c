/* A call of an action, from input to output, or to the error that its last attempt ended with. */
#include <math.h>
#include <string.h>

#include "agent/action/action.h"
#include "base/status.h"

#define MAX_DEPTH 16 /* actions that call one another */
#define UNDO_S 5.0
#define UNDO_ATTEMPTS 3
#define PAUSE_S 0.25 /* the first pause is up to that, each later one up to twice as long */
#define LONGEST_PAUSE_S 30.0

trm__call_options trm__call_options_default(void) {
  return (trm__call_options){.timeout_s = -1, .retries = -1};
}

double trm__call_left(const trm__call *call) {
  return call->deadline > 0 ? call->deadline - trm__agent_now(call->agent) : INFINITY;
}

static int call_is_cancelled(const trm__call *call) {
  return call->cancelled && atomic_load(call->cancelled);
}

int trm__call_over(const trm__call *call) {
  return call_is_cancelled(call) || trm__call_left(call) <= 0;
}

int trm__call_ended(const trm__call *call, trm__fault *fault) {
  if (!call_is_cancelled(call)) return trm__fault_set(fault, TRM__FAULT_TIMEOUT, "did not end in time");
  (void)trm__fault_set(fault, TRM__FAULT_EXECUTION, "was cancelled");
  fault->cancelled = 1;
  return 1;
}

/* Checks input or output; a fault has the place in details.pointer. */
static int call_check(const trm__schema *schema, const json_t *value, const char *what, trm__fault_type type,
                      trm__fault *fault) {
  char pointer[TRM__SCHEMA_POINTER];
  trm_error err = {0};
  if (!trm__schema_check(schema, value, what, pointer, &err)) return 0;
  if (err.code == TRM_E_MEMORY) type = TRM__FAULT_INTERNAL;
  (void)trm__fault_set(fault, type, "%s%s%s", what, err.message[0] == '/' ? "" : ": ", err.message);
  fault->details = json_pack("{s:s, s:s}", "in", what, "pointer", pointer);
  return 1;
}

static double call_deadline(const trm__agent *agent, double deadline, double timeout_s) {
  double own = timeout_s > 0 ? trm__agent_now(agent) + timeout_s : 0;
  if (own <= 0) return deadline;
  return deadline > 0 && deadline < own ? deadline : own;
}

static int call_attempt(trm__call *call, const json_t *input, trm__called *called) {
  const trm__action *action = call->action;
  json_t *output = NULL;
  trm__fault_clear(&called->fault);
  if (trm__call_over(call)) return trm__call_ended(call, &called->fault);
  called->attempts++;
  int failed = action->run(call, input, &output, &called->fault);
  if (!failed && !output) failed = trm__fault_set(&called->fault, TRM__FAULT_INTERNAL, "no memory for the output");
  if (!failed) failed = call_check(action->output, output, "output", TRM__FAULT_INTERNAL, &called->fault);
  if (failed) json_decref(output);
  else called->output = output;
  if (failed && called->fault.type == TRM__FAULT_TIMEOUT) called->fault.retryable = action->idempotent;
  return failed;
}

/* Full jitter: anything between nothing and the bound, so that callers who failed together do not come back together.
 */
static int call_pause(trm__call *call, double until) {
  double bound = PAUSE_S * pow(2, call->attempt - 1);
  if (bound > LONGEST_PAUSE_S) bound = LONGEST_PAUSE_S;
  double end = trm__agent_now(call->agent) + bound * ((double)trm__agent_random(call->agent) / 4294967296.0);
  if (until > 0 && end >= until) return 0;
  for (double now = trm__agent_now(call->agent); now < end; now = trm__agent_now(call->agent)) {
    if (call_is_cancelled(call)) return 0;
    trm__agent_pause(call->agent, end - now < 0.1 ? end - now : 0.1);
  }
  return 1;
}

static int call_undo(trm__agent *agent, const trm__action *action, const json_t *input, json_t *reason,
                     trm__fault *fault) {
  json_t *about = json_pack("{s:O, s:O}", "input", input, "error", reason), *output = NULL;
  int failed = 1;
  trm__fault_clear(fault);
  for (int attempt = 1; attempt <= UNDO_ATTEMPTS && failed; attempt++) {
    trm__call call = {agent, action, trm__agent_now(agent) + UNDO_S, NULL, 1, attempt};
    if (!about) failed = trm__fault_set(fault, TRM__FAULT_INTERNAL, "no memory to undo");
    else failed = action->undo(&call, about, &output, fault);
    json_decref(output);
    output = NULL;
    if (failed && attempt < UNDO_ATTEMPTS) (void)call_pause(&call, 0);
  }
  if (!failed) trm__fault_clear(fault);
  json_decref(about);
  return failed;
}

int trm__agent_undo(trm__agent *agent, const char *name, const json_t *input, const json_t *reason, trm__fault *fault) {
  const trm__action *action = trm__agent_find(agent, name);
  if (!action) return trm__agent_unknown(agent, name, fault);
  if (!action->undo) return 0;
  json_t *copy = json_deep_copy(reason);
  int failed = call_undo(agent, action, input, copy, fault);
  json_decref(copy);
  return failed;
}

static void call_attempts(trm__call *call, const json_t *input, const trm__call_options *o, trm__called *called) {
  const trm__action *action = call->action;
  int retries = o->retries < 0 ? action->retries : o->retries;
  double timeout = o->timeout_s < 0 ? action->timeout_s : o->timeout_s;
  if (call->depth > 0) retries = 0; /* the outermost call alone repeats, or attempts would multiply */
  for (call->attempt = 1;; call->attempt++) {
    call->deadline = call_deadline(call->agent, o->deadline, timeout);
    if (!call_attempt(call, input, called)) return;
    if (!called->fault.retryable || call->attempt > retries || call_is_cancelled(call)) break;
    if (!call_pause(call, o->deadline)) break;
  }
  if (!called->attempts || !action->undo) return;
  json_t *reason = trm__fault_json(&called->fault);
  called->undone = reason && !call_undo(call->agent, action, input, reason, &called->undo_fault) ? 1 : -1;
  json_decref(reason);
}

int trm__agent_call(trm__agent *agent, const char *name, const json_t *input, const trm__call_options *options,
                    trm__called *called) {
  trm__call_options o = options ? *options : trm__call_options_default();
  double start = trm__agent_now(agent);
  memset(called, 0, sizeof *called);
  const trm__action *action = trm__agent_find(agent, name);
  if (!action) return trm__agent_unknown(agent, name, &called->fault);
  if (o.depth > MAX_DEPTH)
    return trm__fault_set(&called->fault, TRM__FAULT_EXECUTION, "more than %d actions that call one another",
                          MAX_DEPTH);
  if (call_check(action->input, input, "input", TRM__FAULT_VALIDATION, &called->fault)) return 1;
  trm__call call = {agent, action, 0, o.cancelled, o.depth, 0};
  call_attempts(&call, input, &o, called);
  called->seconds = trm__agent_now(agent) - start;
  return called->output ? 0 : 1;
}

void trm__called_clear(trm__called *called) {
  json_decref(called->output);
  trm__fault_clear(&called->fault);
  trm__fault_clear(&called->undo_fault);
  memset(called, 0, sizeof *called);
}
