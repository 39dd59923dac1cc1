/* The frame about an item's end: see work.h. */
#include <string.h>

#include "base/status.h"
#include "base/text/json.h"
#include "serve/fields.h"
#include "serve/work_data.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Which arrays are there. */
typedef struct done_sizes {
  int64_t cells, state;
  int question, answer, confidence; /* 1: they are */
} done_sizes;

static const trm__field done_fields[] = {
    TRM__FIELD(INT, trm__work_done, status),
    TRM__FIELD(TEXT, trm__work_done, error.where),
    TRM__FIELD(TEXT, trm__work_done, error.message),
    TRM__FIELD(INT, trm__work_done, kind),
    TRM__FIELD(DOUBLE, trm__work_done, seconds),
    TRM__FIELD(INT, trm__work_done, solution.steps),
    TRM__FIELD(INT, trm__work_done, solution.halted),
    TRM__FIELD(INT, trm__work_done, solution.cancelled),
    TRM__FIELD(INT, trm__work_done, solution.expired),
    TRM__FIELD(INT, trm__work_done, solution.refused),
    TRM__FIELD(FLOAT, trm__work_done, solution.q),
    TRM__FIELD(FLOAT, trm__work_done, solution.confidence),
    TRM__FIELD(FLOAT, trm__work_done, solution.least),
    TRM__FIELD(INT, trm__work_done, solution.checked),
    TRM__FIELD(INT, trm__work_done, solution.correct),
    TRM__FIELD(INT, trm__work_done, solution.chain),
    TRM__FIELD(INT, trm__work_done, solution.chain_steps),
    TRM__FIELD(INT, trm__work_done, solution.chains),
    TRM__FIELD(INT, trm__work_done, solution.answer_step),
    TRM__FIELD(INT64, trm__work_done, search),
    TRM__FIELD(INT, trm__work_done, level),
    TRM__FIELD(INT64, trm__work_done, values.max_steps.value),
    TRM__FIELD(INT, trm__work_done, values.max_steps.origin),
    TRM__FIELD(INT64, trm__work_done, values.H_cycles.value),
    TRM__FIELD(INT, trm__work_done, values.H_cycles.origin),
    TRM__FIELD(INT64, trm__work_done, values.L_cycles.value),
    TRM__FIELD(INT, trm__work_done, values.L_cycles.origin),
    TRM__FIELD(DOUBLE, trm__work_done, values.halt_threshold.value),
    TRM__FIELD(INT, trm__work_done, values.halt_threshold.origin),
    TRM__FIELD(INT, trm__work_done, solutions),
};
static const trm__field hint_fields[] = {
    TRM__FIELD(INT, trm_hint_result, by),      TRM__FIELD(INT, trm_hint_result, cell),
    TRM__FIELD(INT, trm_hint_result, token),   TRM__FIELD(DOUBLE, trm_hint_result, probability),
    TRM__FIELD(INT, trm_hint_result, refuted), TRM__FIELD(TEXT, trm_hint_result, technique),
    TRM__FIELD(TEXT, trm_hint_result, reason), TRM__FIELD(TEXT, trm_hint_result, before),
};
static const trm__field sizes_fields[] = {
    TRM__FIELD(INT64, done_sizes, cells),    TRM__FIELD(INT64, done_sizes, state),
    TRM__FIELD(INT, done_sizes, question),   TRM__FIELD(INT, done_sizes, answer),
    TRM__FIELD(INT, done_sizes, confidence),
};
_Static_assert(sizeof(trm_status) == sizeof(int) && sizeof(int32_t) == sizeof(int), "fields are read as int");

trm_status trm__work_done_pack(const trm__work_done *d, trm__work_bytes *out, trm_error *err) {
  const size_t bytes = d->cells * sizeof(int32_t);
  const done_sizes sizes = {(int64_t)d->cells, d->state ? (int64_t)d->state_size : 0, d->question != NULL,
                            d->answer != NULL, d->confidence != NULL};
  json_t *json = json_object();
  int failed = json_object_set_new(json, "it", trm__fields_to_json(done_fields, COUNT(done_fields), d));
  failed |= json_object_set_new(json, "sizes", trm__fields_to_json(sizes_fields, COUNT(sizes_fields), &sizes));
  if (d->kind == TRM__WORK_HINT)
    failed |= json_object_set_new(json, "hint", trm__fields_to_json(hint_fields, COUNT(hint_fields), &d->hint));
  if (failed) json_decref(json), json = NULL;
  const trm__work_array arrays[] = {
      {d->question, bytes}, {d->answer, bytes}, {d->confidence, bytes}, {d->state, d->state_size}};
  return trm__work_data_pack(json, arrays, COUNT(arrays), "DONE", out, err);
}

static trm_status done_read_json(trm__work_done *d, done_sizes *sizes, const json_t *json, trm_error *err) {
  trm_status status =
      trm__fields_from_json(done_fields, COUNT(done_fields), d, json_object_get(json, "it"), "DONE", err);
  if (!status)
    status =
        trm__fields_from_json(sizes_fields, COUNT(sizes_fields), sizes, json_object_get(json, "sizes"), "DONE", err);
  if (!status && d->kind == TRM__WORK_HINT)
    status =
        trm__fields_from_json(hint_fields, COUNT(hint_fields), &d->hint, json_object_get(json, "hint"), "DONE", err);
  if (status) return status;
  size_t parts = d->kind == TRM__WORK_HINT ? 3 : 2;
  if (json_object_size(json) != parts || d->kind < TRM__WORK_SOLVE || d->kind > TRM__WORK_GENERATE ||
      (int)d->status < TRM_OK || d->status > TRM_E_INTERNAL || d->solution.steps < 0 || sizes->cells < 0 ||
      sizes->cells > TRM__WORK_CELLS || sizes->state < 0)
    return trm__fail(err, TRM_E_INPUT, "DONE", "a number is out of its range");
  d->error.code = d->status;
  return TRM_OK;
}

trm_status trm__work_done_read(trm__work_done *done, const void *data, uint32_t size, trm_error *err) {
  json_t *json = NULL;
  trm__work_rest rest;
  done_sizes sizes = {0};
  trm__work_done d = {0};
  trm_status status = trm__work_data_read(&json, &rest, data, size, "DONE", err);
  if (status) return status;
  status = done_read_json(&d, &sizes, json, err);
  json_decref(json);
  if (status) return status;
  int bad = 0;
  d.cells = (size_t)sizes.cells;
  if (sizes.question) d.question = trm__work_rest_take(&rest, d.cells, &bad);
  if (sizes.answer) d.answer = trm__work_rest_take(&rest, d.cells, &bad);
  if (sizes.confidence) d.confidence = trm__work_rest_take(&rest, d.cells, &bad);
  d.state = sizes.state ? rest.data : NULL;
  d.state_size = (size_t)sizes.state;
  if (bad || rest.size != d.state_size)
    return trm__fail(err, TRM_E_INPUT, "DONE", "%zu bytes behind the JSON, expected a state of %zu", rest.size,
                     d.state_size);
  *done = d;
  return TRM_OK;
}
