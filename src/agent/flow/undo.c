/* After a failure: what is done is undone, the last that ended first. One that had begun before a crash and has no
 * recorded end may have done something too, so it comes before all others. */
#include <stdlib.h>
#include <string.h>

#include "agent/flow/run.h"
#include "base/mem.h"
#include "base/status.h"

static int undo_order(const void *a, const void *b, void *context) {
  const flow_item *items = context, *x = &items[*(const size_t *)a], *y = &items[*(const size_t *)b];
  size_t p = x->ended ? x->ended : (size_t)-1, q = y->ended ? y->ended : (size_t)-1;
  if (p != q) return p < q ? 1 : -1;
  return *(const size_t *)a < *(const size_t *)b ? 1 : -1;
}

static int undo_wanted(const flow_run *r, size_t i) {
  const trm__action *action = trm__agent_find(r->config->agent, r->flow->steps[i].action);
  const flow_item *item = &r->items[i];
  return action && action->undo && item->input &&
         (item->state == TRM__FLOW_DONE || (item->state == TRM__FLOW_WAITING && item->begun));
}

static json_t *undo_reason(const flow_run *r) {
  json_t *reason = trm__fault_json(&r->fault);
  if (reason && r->failed < r->flow->count)
    (void)json_object_set_new(reason, "step", json_string(r->flow->steps[r->failed].name));
  return reason;
}

json_t *trm__flow_undo(flow_run *r) {
  size_t count = 0, *numbers = trm__calloc(r->flow->count, sizeof *numbers);
  json_t *reason = undo_reason(r), *undone = json_array(), *not_undone = json_array();
  if (!numbers || !reason || !undone || !not_undone) r->status = trm__fail_memory(&r->error, r->flow->name, 0);
  for (size_t i = 0; !r->status && i < r->flow->count; i++) {
    if (undo_wanted(r, i)) numbers[count++] = i;
    else if (r->items[i].state == TRM__FLOW_UNDONE)
      (void)json_array_append_new(undone, json_string(r->flow->steps[i].name)); /* before a crash */
  }
  if (count) qsort_r(numbers, count, sizeof *numbers, undo_order, r->items);
  for (size_t i = 0; !r->status && i < count; i++) {
    const trm__flow_step *step = &r->flow->steps[numbers[i]];
    trm__fault fault = {0};
    int failed = trm__agent_undo(r->config->agent, step->action, r->items[numbers[i]].input, reason, &fault);
    json_t *how = failed ? trm__fault_json(&fault) : json_object();
    (void)json_array_append_new(failed ? not_undone : undone, json_string(step->name));
    if (trm__flow_note(r, step->name, TRM__STEPS_UNDONE, how)) r->items[numbers[i]].state = TRM__FLOW_UNDONE;
    trm__fault_clear(&fault);
  }
  json_t *outcome = NULL;
  if (!r->status) {
    outcome = json_pack("{s:s, s:o, s:O}", "status", "failed", "error", trm__fault_json(&r->fault), "undone", undone);
    if (outcome && r->failed < r->flow->count)
      (void)json_object_set_new(outcome, "step", json_string(r->flow->steps[r->failed].name));
    if (outcome && json_array_size(not_undone)) (void)json_object_set(outcome, "not_undone", not_undone);
  }
  json_decref(reason);
  json_decref(undone);
  json_decref(not_undone);
  trm__free(numbers);
  return outcome;
}
