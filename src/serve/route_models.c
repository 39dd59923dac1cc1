/* Models: what there is, and other versions of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text/options.h"
#include "serve/answer.h"
#include "serve/reload.h"
#include "serve/routes.h"

/* -- what there is ------------------------------------------------------------------------------------------------- */

static int models_order(const void *a, const void *b) {
  const trm__work_model *x = *(const trm__work_model *const *)a, *y = *(const trm__work_model *const *)b;
  if (x->loaded != y->loaded) return y->loaded - x->loaded;
  if (x->loaded && trm__ask_model_is_before(x, y)) return -1;
  if (x->loaded && trm__ask_model_is_before(y, x)) return 1;
  return x < y ? -1 : x > y;
}

static json_t *model_json(trm__call *call, const trm__work_model *model) {
  json_t *o = trm__answer_model(model);
  if (o && call->gateway->reload) trm__reload_describe(call->gateway->reload, model, o); /* trm mcp alone has none */
  return o;
}

/* In the order in which they are tried: of those that fit a puzzle the first solves it. */
void trm__route_models(trm__call *call) {
  int count;
  const trm__work_model *models = trm__serve_pool_models(call->gateway->pool, &count), *order[TRM__WORK_MODELS];
  json_t *list = json_array();
  for (int i = 0; i < count; i++) order[i] = &models[i];
  qsort(order, (size_t)count, sizeof(*order), models_order);
  for (int i = 0; list && i < count; i++) (void)json_array_append_new(list, model_json(call, order[i]));
  trm__call_answer(call, 200, json_pack("{s:o}", "models", list));
}

static const char *model_name(trm__call *call) {
  return trm__match_get(trm__exchange_match(call->exchange), "id");
}

void trm__route_model(trm__call *call) {
  const trm__work_model *model = trm__serve_pool_model(call->gateway->pool, model_name(call));
  if (model) trm__call_answer(call, 200, model_json(call, model));
  else
    trm__call_problem(call, TRM__PROBLEM_NOT_FOUND, NULL, "there is no model of that name; GET /v1/models lists them");
}

/* -- orders -------------------------------------------------------------------------------------------------------- */

/* What a body may say beside its check set. */
typedef struct model_wish {
  char version[TRM__VERSION_ID];
  int activate, keep;
  double least;
} model_wish;

#define WISH(field) offsetof(model_wish, field)
#define LEAST                                                                                                          \
  {                                                                                                                    \
    "least", TRM_OPT_REAL, WISH(least), 0, "0.5", 0, 1, NULL, NULL, NULL,                                              \
        "the part of check that it must solve, in one trajectory each; else the version before serves on", NULL        \
  }

static const trm_option load_table[] = {
    {"activate", TRM_OPT_BOOL, WISH(activate), 0, "true", 0, 0, NULL, NULL, NULL,
     "false: load it beside the active version, for requests that name it by its id", NULL},
    LEAST,
};
static const trm_option activate_table[] = {
    {"version", TRM_OPT_STRING, WISH(version), TRM__VERSION_ID, NULL, 0, 0, NULL, NULL, NULL,
     "id of the active version, the one before or the one beside; default: the one beside", NULL},
    {"keep", TRM_OPT_BOOL, WISH(keep), 0, "false", 0, 0, NULL, NULL, NULL,
     "keep the version that was active loaded beside", NULL},
    LEAST,
};
static const trm_option unload_table[] = {
    {"version", TRM_OPT_STRING, WISH(version), TRM__VERSION_ID, NULL, 0, 0, NULL, NULL, NULL,
     "id of the version beside; default: the name with all its versions", NULL},
};
#define COUNT(table) (sizeof(table) / sizeof *(table))

static json_t *model_schema(const trm_option *table, size_t count, int check) {
  json_t *schema = trm__options_schema(table, count), *properties = json_object_get(schema, "properties");
  json_t *puzzle = json_pack("{s:s, s:[s, s]}", "type", "object", "required", "puzzle", "answer");
  if (check)
    (void)json_object_set_new(properties, "check",
                              json_pack("{s:s, s:O, s:s}", "type", "array", "items", puzzle, "description",
                                        "puzzles with answers that the version is tried on before it serves"));
  json_decref(puzzle);
  return schema;
}

json_t *trm__model_schema_load(void) {
  return model_schema(load_table, COUNT(load_table), 1);
}

json_t *trm__model_schema_activate(void) {
  return model_schema(activate_table, COUNT(activate_table), 1);
}

json_t *trm__model_schema_unload(void) {
  return model_schema(unload_table, COUNT(unload_table), 0);
}

/* 0: the call has ended. */
static int model_read(trm__call *call, const trm_option *table, size_t count, model_wish *wish) {
  trm_error err = {0};
  memset(wish, 0, sizeof *wish);
  trm_options_default(table, count, wish);
  json_t *check = json_object_get(call->body, "check"), *rest = json_copy(call->body);
  if (json_is_object(rest)) (void)json_object_del(rest, "check");
  trm_status status =
      json_is_object(rest) ? trm__options_from_json(table, count, wish, rest, 0, "the body", &err) : TRM_E_INPUT;
  json_decref(rest);
  if (status) trm__call_problem(call, TRM__PROBLEM_INVALID, "", *err.message ? err.message : "expected a JSON object");
  else if (check && (!json_is_array(check) || !json_array_size(check) || !table || table == unload_table))
    trm__call_problem(call, TRM__PROBLEM_INVALID, "/check",
                      "expected a list of {\"puzzle\", \"answer\"}, of a new version");
  else return 1;
  return 0;
}

static void model_order(trm__call *call, trm__reload_kind kind, const trm_option *table, size_t count) {
  model_wish wish;
  trm__reload_order order = {.kind = kind};
  const char *name = model_name(call);
  if (!model_read(call, table, count, &wish)) return;
  if (strlen(name) >= sizeof order.name) {
    trm__call_problem(call, TRM__PROBLEM_NOT_FOUND, NULL, "there is no model of that name");
    return;
  }
  snprintf(order.name, sizeof order.name, "%s", name);
  snprintf(order.id, sizeof order.id, "%s", wish.version);
  order.beside = kind == TRM__RELOAD_LOAD ? !wish.activate : wish.keep;
  order.least = wish.least;
  order.check = json_object_get(call->body, "check");
  trm__reload_ask(call->gateway->reload, &order, call);
}

void trm__route_model_load(trm__call *call) {
  model_order(call, TRM__RELOAD_LOAD, load_table, COUNT(load_table));
}

void trm__route_model_activate(trm__call *call) {
  model_order(call, TRM__RELOAD_ACTIVATE, activate_table, COUNT(activate_table));
}

void trm__route_model_rollback(trm__call *call) {
  model_order(call, TRM__RELOAD_ROLLBACK, NULL, 0);
}

void trm__route_model_unload(trm__call *call) {
  model_order(call, TRM__RELOAD_UNLOAD, unload_table, COUNT(unload_table));
}
