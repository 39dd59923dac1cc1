/* The loop's memory and its JSON form. */
#include "train/history.h"

#include <math.h>

#include "base/status.h"
#include "base/text/json.h"

void trm__history_init(trm__history *history) {
  *history = (trm__history){.best_exact = NAN};
}

trm__score trm__history_recent(const trm__history *history) {
  trm__score sum = {0};
  for (int i = 0; i < TRM__RECENT; i++) trm__score_merge(&sum, &history->recent[i]);
  return sum;
}

json_t *trm__history_to_json(const trm__history *history) {
  json_t *recent = json_array();
  for (int i = 0; i < TRM__RECENT; i++) {
    const trm__score *m = &history->recent[i];
    json_array_append_new(recent, json_pack("[I,I,I,I,I]", (json_int_t)m->examples, (json_int_t)m->exact,
                                            (json_int_t)m->labelled, (json_int_t)m->right, (json_int_t)m->steps));
  }
  json_t *best = isnan(history->best_exact) ? json_null() : json_real(history->best_exact);
  return json_pack("{s:o,s:o,s:I,s:I,s:b,s:f}", "recent", recent, "best_exact", best, "best_step",
                   (json_int_t)history->best_step, "worse", (json_int_t)history->worse, "finished", history->finished,
                   "seconds", history->seconds);
}

static trm_status history_read_recent(trm__history *history, const json_t *json, const char *where, trm_error *err) {
  const json_t *recent = json_object_get(json, "recent");
  if (!json_is_array(recent) || json_array_size(recent) != TRM__RECENT)
    return trm__fail(err, TRM_E_INPUT, where, "history.recent must be an array of %d entries", TRM__RECENT);
  for (size_t i = 0; i < TRM__RECENT; i++) {
    json_t *entry = json_array_get(recent, i);
    json_int_t n[5];
    if (json_unpack(entry, "[I,I,I,I,I!]", &n[0], &n[1], &n[2], &n[3], &n[4]) != 0)
      return trm__fail(err, TRM_E_INPUT, where, "history.recent[%zu] must be five integers", i);
    history->recent[i] = (trm__score){.examples = n[0], .exact = n[1], .labelled = n[2], .right = n[3], .steps = n[4]};
  }
  return TRM_OK;
}

trm_status trm__history_from_json(trm__history *history, const json_t *json, const char *where, trm_error *err) {
  trm__history h;
  trm__history_init(&h);
  trm_status status = history_read_recent(&h, json, where, err);
  if (!status) status = trm__json_int(json, "best_step", 0, INT64_MAX, &h.best_step, where, err);
  if (!status) status = trm__json_int(json, "worse", 0, INT64_MAX, &h.worse, where, err);
  if (status) return status;
  const json_t *best = json_object_get(json, "best_exact"), *seconds = json_object_get(json, "seconds");
  const json_t *finished = json_object_get(json, "finished");
  if (!(json_is_null(best) || json_is_number(best)) || !json_is_number(seconds) || !json_is_boolean(finished))
    return trm__fail(err, TRM_E_INPUT, where, "history needs best_exact, seconds and finished");
  if (!json_is_null(best)) h.best_exact = json_number_value(best);
  h.seconds = json_number_value(seconds);
  h.finished = json_is_true(finished);
  *history = h;
  return TRM_OK;
}
