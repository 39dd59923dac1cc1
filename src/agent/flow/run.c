/* Running a workflow: threads take steps that are ready, call their actions, record what came of it and make ready what
 * waited for it. */
#include "agent/flow/run.h"

#include <stdlib.h>
#include <string.h>

#include "agent/flow/expr.h"
#include "base/mem.h"
#include "base/os/machine.h"
#include "base/status.h"

#define MOST_THREADS 256

/* -- one step, with the mutex held but while its action runs ------------------------------------------------------- */

/* The first failure is the workflow's; no step begins any more. */
static void drive_fail(flow_run *r, size_t number, const trm__fault *fault) {
  r->stopping = 1;
  if (r->fault.type) return;
  (void)trm__fault_set(&r->fault, fault->type, "%s", fault->message);
  r->fault.cancelled = fault->cancelled;
  r->fault.details = json_incref(fault->details);
  r->failed = number;
}

static void drive_failed(flow_run *r, size_t number, const trm__fault *fault) {
  r->items[number].state = TRM__FLOW_FAILED;
  if (!trm__flow_note(r, r->flow->steps[number].name, TRM__STEPS_FAILED, trm__fault_json(fault))) r->stopping = 1;
  drive_fail(r, number, fault);
}

static void drive_ended(flow_run *r, size_t number, trm__flow_state state, json_t *result) {
  trm__steps_event event = state == TRM__FLOW_DONE ? TRM__STEPS_DONE : TRM__STEPS_SKIPPED;
  if (!trm__flow_note(r, r->flow->steps[number].name, event, json_incref(result))) {
    r->stopping = 1;
    json_decref(result);
    return;
  }
  if (trm__flow_settle(r, number, state, result, &r->error)) {
    r->status = r->error.code;
    r->stopping = 1;
  }
}

/* 1: the step is to be called with item->input. */
static int drive_begin(flow_run *r, size_t number) {
  const trm__flow_step *step = &r->flow->steps[number];
  flow_item *item = &r->items[number];
  const json_t *condition = json_object_get(step->about, "if"), *input = json_object_get(step->about, "input");
  int holds = !step->need_count || item->skipped < step->need_count;
  trm_error err = {.code = TRM_OK};
  trm__fault fault = {0};
  trm_status status = TRM_OK;
  json_t *filled = NULL;
  if (holds && condition) status = trm__expr_holds(condition, r->root, &holds, &err);
  if (!status && !holds) {
    drive_ended(r, number, TRM__FLOW_SKIPPED, NULL);
    return 0;
  }
  if (!status && input) status = trm__expr_fill(&filled, input, r->root, &err);
  if (!status && !input && !(filled = json_object())) status = trm__fail_memory(&err, step->name, 0);
  if (status) {
    (void)trm__fault_error(&fault, &err);
    drive_failed(r, number, &fault);
    trm__fault_clear(&fault);
    return 0;
  }
  json_decref(item->input);
  item->input = filled;
  if (!trm__flow_note(r, step->name, TRM__STEPS_BEGUN, json_incref(filled))) {
    r->stopping = 1;
    return 0;
  }
  item->begun = 1;
  item->state = TRM__FLOW_RUNNING;
  return 1;
}

static void drive_step(flow_run *r, size_t number) {
  const trm__flow_step *step = &r->flow->steps[number];
  const json_t *timeout = json_object_get(step->about, "timeout_s"), *retries = json_object_get(step->about, "retries");
  trm__call_options options = trm__call_options_default();
  trm__called called;
  if (!drive_begin(r, number)) return;
  if (timeout) options.timeout_s = json_number_value(timeout);
  if (retries) options.retries = (int)json_integer_value(retries);
  options.deadline = r->deadline;
  options.cancelled = r->config->cancelled;
  r->running++;
  pthread_mutex_unlock(&r->mutex);
  int failed = trm__agent_call(r->config->agent, step->action, r->items[number].input, &options, &called);
  pthread_mutex_lock(&r->mutex);
  r->running--;
  if (failed) drive_failed(r, number, &called.fault);
  else drive_ended(r, number, TRM__FLOW_DONE, json_incref(called.output));
  trm__called_clear(&called);
}

/* -- all steps ----------------------------------------------------------------------------------------------------- */

/* A cancel, or the deadline, while no step is there to notice it. */
static void drive_look(flow_run *r) {
  trm__call call = {.agent = r->config->agent, .deadline = r->deadline, .cancelled = r->config->cancelled};
  trm__fault fault = {0};
  if (r->stopping || r->ended == r->flow->count || !trm__call_over(&call)) return;
  (void)trm__call_ended(&call, &fault);
  drive_fail(r, r->flow->count, &fault);
  trm__fault_clear(&fault);
}

static void *drive_thread(void *context) {
  flow_run *r = context;
  pthread_mutex_lock(&r->mutex);
  for (;;) {
    drive_look(r);
    if (!r->stopping && r->ready_first < r->ready_last) {
      drive_step(r, r->ready[r->ready_first++]);
      pthread_cond_broadcast(&r->changed);
      continue;
    }
    if (!r->running || r->stopping) break; /* nothing more can become ready */
    pthread_cond_wait(&r->changed, &r->mutex);
  }
  pthread_cond_broadcast(&r->changed);
  pthread_mutex_unlock(&r->mutex);
  return NULL;
}

static int drive_threads(const flow_run *r) {
  const json_t *own = json_object_get(r->flow->about, "parallel");
  size_t threads = r->config->parallel > 0 ? (size_t)r->config->parallel
                   : own                   ? (size_t)json_integer_value(own)
                                           : (size_t)trm__cores();
  if (threads > r->flow->count) threads = r->flow->count;
  return (int)(threads > MOST_THREADS ? MOST_THREADS : threads);
}

static void drive_all(flow_run *r) {
  pthread_t threads[MOST_THREADS];
  int count = drive_threads(r), started = 0;
  for (int i = 1; i < count; i++)
    if (pthread_create(&threads[started], NULL, drive_thread, r) == 0) started++;
  (void)drive_thread(r); /* this thread too, so that it goes on without any other */
  for (int i = 0; i < started; i++) pthread_join(threads[i], NULL);
}

static json_t *drive_output(flow_run *r) {
  const json_t *wanted = json_object_get(r->flow->about, "output");
  json_t *output = NULL, *steps = json_object_get(r->root, "steps");
  if (wanted) {
    trm__fault fault = {0};
    trm_error err = {.code = TRM_OK};
    if (!trm__expr_fill(&output, wanted, r->root, &err)) return output;
    (void)trm__fault_error(&fault, &err);
    drive_fail(r, r->flow->count, &fault);
    trm__fault_clear(&fault);
    return NULL;
  }
  output = json_object();
  for (void *at = json_object_iter(steps); at; at = json_object_iter_next(steps, at)) {
    json_t *result = json_object_get(json_object_iter_value(at), "result");
    if (result) (void)json_object_set(output, json_object_iter_key(at), result);
  }
  return output;
}

static json_t *drive_outcome(flow_run *r) {
  json_t *output = NULL, *outcome;
  if (r->status) return NULL;
  if (!r->stopping && !r->fault.type) output = drive_output(r);
  if (output) outcome = json_pack("{s:s, s:o}", "status", "done", "output", output);
  else outcome = trm__flow_undo(r);
  if (!outcome && !r->status) r->status = trm__fail_memory(&r->error, r->flow->name, 0);
  if (outcome && !trm__flow_note(r, "", TRM__STEPS_ENDED, json_incref(outcome))) {
    json_decref(outcome);
    outcome = NULL;
  }
  return outcome;
}

/* -- from input to outcome ----------------------------------------------------------------------------------------- */

static trm_status drive_open(flow_run *r, const json_t *input, trm_error *err) {
  char pointer[TRM__SCHEMA_POINTER];
  size_t count = r->flow->count;
  trm_status status = trm__schema_check(r->flow->input, input, "input", pointer, err);
  if (status) return status;
  r->failed = count;
  r->items = trm__calloc(count, sizeof *r->items);
  r->ready = trm__calloc(2 * count, sizeof *r->ready);
  r->root = json_pack("{s:O, s:{}}", "input", input, "steps");
  if (!r->items || !r->ready || !r->root) return trm__fail_memory(err, r->flow->name, count * sizeof *r->items);
  for (size_t i = 0; i < count; i++) r->items[i].waits_for = r->flow->steps[i].need_count;
  return trm__flow_recall(r, input, err);
}

trm_status trm__flow_run(const trm__flow *flow, const trm__flow_config *config, const json_t *input, json_t **outcome,
                         trm_error *err) {
  flow_run r = {.flow = flow, .config = config};
  pthread_mutex_init(&r.mutex, NULL);
  pthread_cond_init(&r.changed, NULL);
  trm_status status = drive_open(&r, input, err);
  json_t *made = status ? NULL : r.outcome;
  if (!status && !made) {
    if (!r.stopping) drive_all(&r);
    made = drive_outcome(&r);
    status = r.status;
    if (status && err) *err = r.error;
  }
  for (size_t i = 0; r.items && i < flow->count; i++) json_decref(r.items[i].input);
  trm__free(r.items);
  trm__free(r.ready);
  json_decref(r.root);
  trm__fault_clear(&r.fault);
  pthread_cond_destroy(&r.changed);
  pthread_mutex_destroy(&r.mutex);
  if (!status) *outcome = made;
  return status;
}
