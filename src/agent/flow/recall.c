/* What a run has on disk: written before anything depends on it, read when it goes on. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/flow/run.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"

static int64_t recall_now_ms(void) {
  return (int64_t)(trm__wall_clock() * 1000);
}

int trm__flow_note(flow_run *r, const char *step, trm__steps_event event, json_t *value) {
  int fresh = 0;
  char *text = value ? trm__json_text(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
  trm_status status = TRM_OK;
  if (value && !text) status = trm__fail_memory(&r->error, step, 0);
  if (!status && r->config->record)
    status = trm__steps_add(r->config->record, r->config->run, step, event, text ? text : "", recall_now_ms(), &fresh,
                            &r->error);
  free(text);
  json_decref(value);
  if (status) r->status = status;
  return !status;
}

trm_status trm__flow_settle(flow_run *r, size_t number, trm__flow_state state, json_t *result, trm_error *err) {
  static const char *const words[] = {[TRM__FLOW_DONE] = "done", [TRM__FLOW_SKIPPED] = "skipped"};
  const trm__flow_step *step = &r->flow->steps[number];
  flow_item *item = &r->items[number];
  if (item->ended) { /* a record that says so twice */
    json_decref(result);
    return TRM_OK;
  }
  item->state = state;
  item->ended = ++r->order;
  r->ended++;
  json_t *entry = json_pack("{s:s, s:o*}", "status", words[state], "result", result);
  if (!entry || json_object_set_new(json_object_get(r->root, "steps"), step->name, entry))
    return trm__fail_memory(err, step->name, 0);
  for (size_t i = 0; i < step->needed_count; i++) {
    flow_item *after = &r->items[step->needed_by[i]];
    after->skipped += state == TRM__FLOW_SKIPPED;
    if (--after->waits_for == 0) r->ready[r->ready_last++] = step->needed_by[i];
  }
  return TRM_OK;
}

/* -- going on ------------------------------------------------------------------------------------------------------ */

typedef struct recall {
  flow_run *run;
  const json_t *input;
  int known; /* 1: the run was begun before */
} recall;

static size_t recall_number(const trm__flow *flow, const char *name) {
  size_t i = 0;
  while (i < flow->count && strcmp(flow->steps[i].name, name) != 0) i++;
  return i;
}

static trm_status recall_begun(recall *c, const json_t *value, trm_error *err) {
  flow_run *r = c->run;
  const char *hash = json_string_value(json_object_get(value, "definition"));
  if (!hash || strcmp(hash, r->flow->hash) != 0)
    return trm__fail(err, TRM_E_INPUT, r->config->run,
                     "this run was begun with another definition; name a new one with --run");
  if (!json_equal(json_object_get(value, "input"), c->input))
    return trm__fail(err, TRM_E_INPUT, r->config->run,
                     "this run was begun with another input; name a new one with --run");
  double left = (json_number_value(json_object_get(value, "deadline_ms")) - (double)recall_now_ms()) / 1000;
  r->deadline = json_object_get(value, "deadline_ms") ? trm__agent_now(r->config->agent) + left : 0;
  c->known = 1;
  return TRM_OK;
}

static trm_status recall_step(flow_run *r, size_t number, trm__steps_event event, json_t *value, trm_error *err) {
  flow_item *item = &r->items[number];
  const char *words = json_string_value(json_object_get(value, "message"));
  switch (event) {
  case TRM__STEPS_BEGUN:
    item->begun = 1;
    json_decref(item->input);
    item->input = json_incref(value);
    return TRM_OK;
  case TRM__STEPS_DONE:
    return trm__flow_settle(r, number, TRM__FLOW_DONE, json_incref(value), err);
  case TRM__STEPS_SKIPPED:
    return trm__flow_settle(r, number, TRM__FLOW_SKIPPED, NULL, err);
  case TRM__STEPS_FAILED: /* the process died before it had undone everything */
    item->state = TRM__FLOW_FAILED;
    if (r->stopping) return TRM_OK; /* by an earlier failure */
    r->stopping = 1;
    r->failed = number;
    (void)trm__fault_set(&r->fault, TRM__FAULT_EXECUTION, "%s", words ? words : "");
    r->fault.details = json_incref(value);
    return TRM_OK;
  case TRM__STEPS_UNDONE:
    item->state = TRM__FLOW_UNDONE;
    return TRM_OK;
  case TRM__STEPS_ENDED:
    break;
  }
  return TRM_OK;
}

static trm_status recall_entry(void *context, const trm__steps_entry *entry, trm_error *err) {
  recall *c = context;
  flow_run *r = c->run;
  json_t *value = NULL;
  trm_status status = TRM_OK;
  if (*entry->value) status = trm__json_parse(&value, entry->value, strlen(entry->value), r->config->run, err);
  if (status) return status;
  size_t number = recall_number(r->flow, entry->step);
  if (!*entry->step && entry->event == TRM__STEPS_BEGUN) status = recall_begun(c, value, err);
  else if (!*entry->step && entry->event == TRM__STEPS_ENDED) r->outcome = json_incref(value);
  else if (number < r->flow->count) status = recall_step(r, number, entry->event, value, err);
  json_decref(value);
  return status;
}

static void recall_ready(flow_run *r) { /* from the beginning, in the definition's order */
  size_t kept = 0;
  for (size_t i = 0; i < r->flow->count; i++)
    if (r->items[i].state == TRM__FLOW_WAITING && !r->items[i].waits_for) r->ready[kept++] = i;
  r->ready_first = 0;
  r->ready_last = kept;
}

trm_status trm__flow_recall(flow_run *r, const json_t *input, trm_error *err) {
  recall c = {r, input, 0};
  const json_t *own = json_object_get(r->flow->about, "timeout_s");
  double timeout = r->config->timeout_s >= 0 ? r->config->timeout_s : json_number_value(own);
  trm_status status = TRM_OK;
  if (r->config->record) status = trm__steps_each(r->config->record, r->config->run, recall_entry, &c, err);
  recall_ready(r);
  if (status || c.known) return status;
  json_t *value = json_pack("{s:s, s:O}", "definition", r->flow->hash, "input", input);
  if (timeout > 0) {
    r->deadline = trm__agent_now(r->config->agent) + timeout;
    (void)json_object_set_new(value, "deadline_ms", json_real((double)recall_now_ms() + timeout * 1000));
  }
  if (!trm__flow_note(r, "", TRM__STEPS_BEGUN, value)) {
    if (err) *err = r->error;
    return r->status;
  }
  return TRM_OK;
}
