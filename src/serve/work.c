/* Frames about an engine as a whole: what it is told to load, and what it has loaded. See work.h. */
#include "serve/work.h"

#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"
#include "serve/fields.h"
#include "serve/work_data.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* -- CONFIG -------------------------------------------------------------------------------------------------------- */

static const trm__field config_fields[] = {
    TRM__FIELD(TEXT, trm__work_config, device), TRM__FIELD(INT, trm__work_config, threads),
    TRM__FIELD(INT, trm__work_config, batch),   TRM__FIELD(INT, trm__work_config, window),
    TRM__FIELD(INT, trm__work_config, solvers), TRM__FIELD(INT, trm__work_config, stall_s),
    TRM__FIELD(INT, trm__work_config, sandbox),
};
static const trm__field file_fields[] = {
    TRM__FIELD(TEXT, trm__work_model_file, name),
    TRM__FIELD(TEXT, trm__work_model_file, path),
};

/* {"it": of the first table, "models": [of the second]}; NULL without memory. */
static json_t *work_with_models(json_t *it, json_t *models) {
  json_t *whole = json_object();
  int failed = json_object_set_new(whole, "it", it);
  failed |= json_object_set_new(whole, "models", models);
  if (!failed) return whole;
  json_decref(whole);
  return NULL;
}

static json_t *work_list(const trm__field *table, size_t count, const void *first, int models, size_t size) {
  json_t *list = json_array();
  for (int i = 0; list && i < models; i++) {
    json_t *model = trm__fields_to_json(table, count, (const char *)first + (size_t)i * size);
    if (json_array_append_new(list, model) == 0) continue;
    json_decref(list);
    return NULL;
  }
  return list;
}

trm_status trm__work_config_pack(const trm__work_config *c, trm__work_bytes *out, trm_error *err) {
  json_t *it = trm__fields_to_json(config_fields, COUNT(config_fields), c);
  json_t *models = work_list(file_fields, COUNT(file_fields), c->model, c->models, sizeof *c->model);
  return trm__work_json_pack(work_with_models(it, models), "CONFIG", out, err);
}

/* The two parts of the object, borrowed; how many models there are. */
static trm_status work_parts(const json_t *json, const json_t **it, const json_t **models, int *count, const char *what,
                             trm_error *err) {
  *it = json_object_get(json, "it");
  *models = json_object_get(json, "models");
  if (!*it || !json_is_array(*models) || json_object_size(json) != 2)
    return trm__fail(err, TRM_E_INPUT, what, "expected the keys \"it\" and \"models\" alone");
  if (json_array_size(*models) > TRM__WORK_MODELS)
    return trm__fail(err, TRM_E_INPUT, what, "found %zu models, expected %d at most", json_array_size(*models),
                     TRM__WORK_MODELS);
  *count = (int)json_array_size(*models);
  return TRM_OK;
}

static trm_status config_check(const trm__work_config *c, trm_error *err) {
  const struct {
    const char *name;
    int value, most;
  } numbers[] = {{"threads", c->threads, 4096}, {"batch", c->batch, 65536},     {"window", c->window, 65536},
                 {"solvers", c->solvers, 64},   {"stall_s", c->stall_s, 86400}, {"sandbox", c->sandbox, 2}};
  for (size_t i = 0; i < COUNT(numbers); i++)
    if (numbers[i].value < 0 || numbers[i].value > numbers[i].most)
      return trm__fail(err, TRM_E_INPUT, numbers[i].name, "found %d, expected 0 to %d", numbers[i].value,
                       numbers[i].most);
  return TRM_OK;
}

static trm_status config_fill(trm__work_config *c, const json_t *json, trm_error *err) {
  const json_t *it, *models;
  trm_status status = work_parts(json, &it, &models, &c->models, "CONFIG", err);
  if (!status) status = trm__fields_from_json(config_fields, COUNT(config_fields), c, it, "CONFIG", err);
  if (!status) status = config_check(c, err);
  for (int i = 0; !status && i < c->models; i++)
    status = trm__fields_from_json(file_fields, COUNT(file_fields), &c->model[i], json_array_get(models, (size_t)i),
                                   "CONFIG", err);
  return status;
}

trm_status trm__work_config_read(trm__work_config *config, const void *data, uint32_t size, trm_error *err) {
  json_t *json = NULL;
  trm_status status = trm__work_json_read(&json, data, size, "CONFIG", err);
  if (status) return status;
  trm__work_config *c = trm__calloc(1, sizeof *c); /* too large for the stack */
  status = c ? config_fill(c, json, err) : trm__fail_memory(err, "CONFIG", sizeof *c);
  json_decref(json);
  if (!status) *config = *c;
  trm__free(c);
  return status;
}

/* -- READY --------------------------------------------------------------------------------------------------------- */

static const trm__field ready_fields[] = {
    TRM__FIELD(INT, trm__work_ready, window),  TRM__FIELD(INT, trm__work_ready, sandbox),
    TRM__FIELD(INT, trm__work_ready, threads), TRM__FIELD(TEXT, trm__work_ready, device),
    TRM__FIELD(TEXT, trm__work_ready, isa),
};
static const trm__field model_fields[] = {
    TRM__FIELD(TEXT, trm__work_model, name),
    TRM__FIELD(INT, trm__work_model, loaded),
    TRM__FIELD(TEXT, trm__work_model, where),
    TRM__FIELD(TEXT, trm__work_model, error),
    TRM__FIELD(TEXT, trm__work_model, id),
    TRM__FIELD(TEXT, trm__work_model, checksum),
    TRM__FIELD(TEXT, trm__work_model, variant),
    TRM__FIELD(TEXT, trm__work_model, recursion),
    TRM__FIELD(INT, trm__work_model, task.kind),
    TRM__FIELD(INT, trm__work_model, task.width),
    TRM__FIELD(INT, trm__work_model, task.height),
    TRM__FIELD(INT, trm__work_model, task.box_width),
    TRM__FIELD(INT, trm__work_model, task.box_height),
    TRM__FIELD(INT, trm__work_model, task.vocab_size),
    TRM__FIELD(TEXT, trm__work_model, task.alphabet),
    TRM__FIELD(INT64, trm__work_model, cells),
    TRM__FIELD(INT64, trm__work_model, identifiers),
    TRM__FIELD(INT64, trm__work_model, parameters),
    TRM__FIELD(INT64, trm__work_model, values.max_steps.value),
    TRM__FIELD(INT, trm__work_model, values.max_steps.origin),
    TRM__FIELD(INT64, trm__work_model, values.H_cycles.value),
    TRM__FIELD(INT, trm__work_model, values.H_cycles.origin),
    TRM__FIELD(INT64, trm__work_model, values.L_cycles.value),
    TRM__FIELD(INT, trm__work_model, values.L_cycles.origin),
    TRM__FIELD(DOUBLE, trm__work_model, values.halt_threshold.value),
    TRM__FIELD(INT, trm__work_model, values.halt_threshold.origin),
    TRM__FIELD(INT64, trm__work_model, search),
    TRM__FIELD(INT, trm__work_model, level),
    TRM__FIELD(TEXT, trm__work_model, config),
};

trm_status trm__work_ready_pack(const trm__work_ready *r, trm__work_bytes *out, trm_error *err) {
  json_t *it = trm__fields_to_json(ready_fields, COUNT(ready_fields), r);
  json_t *models = work_list(model_fields, COUNT(model_fields), r->model, r->models, sizeof *r->model);
  return trm__work_json_pack(work_with_models(it, models), "READY", out, err);
}

static trm_status ready_check_model(const trm__work_model *m, trm_error *err) {
  if (!m->loaded) return TRM_OK;
  const trm_task *t = &m->task;
  if (m->cells < 1 || m->cells > TRM__WORK_CELLS || t->width < 1 || t->height < 1 ||
      (int64_t)t->width * t->height != m->cells)
    return trm__fail(err, TRM_E_INPUT, m->name, "found %lld cells of %d by %d, expected 1 to %d", (long long)m->cells,
                     t->width, t->height, TRM__WORK_CELLS);
  if (t->kind < 0 || t->vocab_size < 1)
    return trm__fail(err, TRM_E_INPUT, m->name, "found kind %d with %d tokens", t->kind, t->vocab_size);
  return TRM_OK;
}

trm_status trm__work_ready_read(trm__work_ready *ready, const void *data, uint32_t size, trm_error *err) {
  json_t *json = NULL;
  const json_t *it, *models;
  trm__work_ready r = {0};
  trm_status status = trm__work_json_read(&json, data, size, "READY", err);
  if (!status) status = work_parts(json, &it, &models, &r.models, "READY", err);
  if (!status) status = trm__fields_from_json(ready_fields, COUNT(ready_fields), &r, it, "READY", err);
  if (!status && (r.window < 1 || r.window > 65536))
    status = trm__fail(err, TRM_E_INPUT, "READY", "a window of %d, expected 1 to 65536", r.window);
  if (!status && !(r.model = trm__calloc((size_t)r.models, sizeof *r.model)))
    status = trm__fail_memory(err, "READY", (size_t)r.models * sizeof *r.model);
  for (int i = 0; !status && i < r.models; i++) {
    status = trm__fields_from_json(model_fields, COUNT(model_fields), &r.model[i], json_array_get(models, (size_t)i),
                                   "READY", err);
    if (!status) status = ready_check_model(&r.model[i], err);
  }
  json_decref(json);
  if (status) trm__work_ready_free(&r);
  else *ready = r;
  return status;
}

void trm__work_ready_free(trm__work_ready *ready) {
  trm__free(ready->model);
  *ready = (trm__work_ready){0};
}
