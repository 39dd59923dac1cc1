#include "serve/ask.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"
#include "base/text/nearest.h"
#include "base/text/options.h"

#define AT(field) offsetof(trm__ask_options, field)

/* -- the options --------------------------------------------------------------------------------------------------- */

static const trm_option ask_item_table[] = {
    {"model", TRM_OPT_STRING, AT(model), TRM__WORK_NAME, NULL, 0, 0, NULL, NULL, NULL,
     "who solves it, by name or id as GET /v1/models gives them; default: the one for such puzzles", NULL},
    {"identifier", TRM_OPT_INT, AT(identifier), 0, "0", 0, 2147483647, NULL, NULL, NULL,
     "row of the model's puzzle embedding", NULL},
    {"priority", TRM_OPT_INT, AT(priority), 0, "0", -100, 100, NULL, NULL, NULL,
     "of one client's puzzles higher ones go first", NULL},
    {"number", TRM_OPT_INT, AT(number), 0, "-1", -1, 7e13, NULL, NULL, NULL,
     "names its random numbers, so that the same number gives the same answer; -1: its place in the list", NULL},
    {"timeout_s", TRM_OPT_REAL, AT(timeout_s), 0, "server", 0.001, 1e6, NULL, NULL, NULL,
     "seconds until it ends with the answer that it has; default: the server's solve_s", NULL},
    {"explain", TRM_OPT_BOOL, AT(explain), 0, "false", 0, 0, NULL, NULL, NULL,
     "the answer holds every supervision step", NULL},
};

static const trm_option ask_request_table[] = {
    {"async", TRM_OPT_BOOL, offsetof(trm__ask, async), 0, "false", 0, 0, NULL, NULL, NULL,
     "answer at once with a job, which is kept on disk", NULL},
    {"batch_size", TRM_OPT_INT, offsetof(trm__ask, batch_size), 0, "32", 1, 100000, NULL, NULL, NULL,
     "of a list: puzzles of a group", NULL},
    {"max_concurrency", TRM_OPT_INT, offsetof(trm__ask, max_concurrency), 0, "4", 1, 1024, NULL, NULL, NULL,
     "of a list: groups that are at work at once", NULL},
};

const trm_option *trm__ask_item_options(size_t *count) {
  *count = sizeof ask_item_table / sizeof *ask_item_table;
  return ask_item_table;
}

const trm_option *trm__ask_request_options(size_t *count) {
  *count = sizeof ask_request_table / sizeof *ask_request_table;
  return ask_request_table;
}

/* -- reading ------------------------------------------------------------------------------------------------------- */

static trm_status ask_fail(trm__ask_fault *fault, const char *pointer, const char *key, const char *detail) {
  snprintf(fault->pointer, sizeof fault->pointer, "%s%s%s", pointer, key ? "/" : "", key ? key : "");
  snprintf(fault->detail, sizeof fault->detail, "%s", detail);
  return TRM_E_INPUT;
}

/* Sets one option from the body. */
static trm_status ask_set(const trm_option *table, size_t count, void *values, const char *key, json_t *value,
                          const char *pointer, trm__ask_fault *fault) {
  trm_error why = {0};
  const trm_option *option = trm__option_find(table, count, key);
  if (option && option->type == TRM_OPT_BOOL && !json_is_boolean(value))
    return ask_fail(fault, pointer, key, "expected true or false");
  json_t *one = json_object();
  if (!one || json_object_set(one, key, value) != 0) {
    json_decref(one);
    return TRM_E_MEMORY;
  }
  trm_status status = trm__options_from_json(table, count, values, one, 0, key, &why);
  json_decref(one);
  return status && status != TRM_E_MEMORY ? ask_fail(fault, pointer, key, why.message) : status;
}

static trm_status ask_unknown(const char *key, const char *const *names, int request, const char *pointer,
                              trm__ask_fault *fault) {
  trm__nearest nearest = trm__nearest_to(key);
  size_t count;
  const trm_option *table = trm__ask_item_options(&count);
  trm__option_offer(table, count, &nearest);
  table = trm__work_options(&count);
  trm__option_offer(table, count, &nearest);
  table = trm__ask_request_options(&count);
  if (request) trm__option_offer(table, count, &nearest);
  for (size_t i = 0; names[i]; i++) trm__nearest_offer(&nearest, names[i], strlen(names[i]));
  char detail[256];
  if (*nearest.name) snprintf(detail, sizeof detail, "is no option; did you mean \"%s\"?", nearest.name);
  else snprintf(detail, sizeof detail, "is no option; GET /v1/openapi.json lists them");
  return ask_fail(fault, pointer, key, detail);
}

/* Reads the options of an object. names: keys that are read elsewhere. ask NULL: options of requests are unknown. */
static trm_status ask_read_options(trm__ask_options *options, trm__ask *ask, const json_t *object,
                                   const char *const *names, const char *pointer, trm__ask_fault *fault) {
  size_t own_count, work_count, request_count;
  const trm_option *own = trm__ask_item_options(&own_count), *work = trm__work_options(&work_count);
  const trm_option *request = trm__ask_request_options(&request_count);
  trm_status status = TRM_OK;
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)object, key, value) {
    size_t known = 0;
    while (names[known] && strcmp(names[known], key) != 0) known++;
    if (names[known]) continue;
    if (trm__option_find(own, own_count, key)) status = ask_set(own, own_count, options, key, value, pointer, fault);
    else if (trm__option_find(work, work_count, key))
      status = ask_set(work, work_count, &options->solver, key, value, pointer, fault);
    else if (ask && trm__option_find(request, request_count, key))
      status = ask_set(request, request_count, ask, key, value, pointer, fault);
    else status = ask_unknown(key, names, ask != NULL, pointer, fault);
    if (status) return status;
  }
  return TRM_OK;
}

/* What the server bounds. */
static trm_status ask_bounds(const trm__ask_options *o, const trm__serve_config *config, const char *pointer,
                             trm__ask_fault *fault) {
  char detail[128];
  if (o->solver.max_steps > config->steps_limit) {
    snprintf(detail, sizeof detail, "is over %lld, this server's steps_limit", (long long)config->steps_limit);
    return ask_fail(fault, pointer, "max_steps", detail);
  }
  if (o->solver.search > config->search_limit) {
    snprintf(detail, sizeof detail, "is over %lld, this server's search_limit", (long long)config->search_limit);
    return ask_fail(fault, pointer, "search", detail);
  }
  if (o->timeout_s > config->solve_most_s) {
    snprintf(detail, sizeof detail, "is over %g, this server's solve_most_s", config->solve_most_s);
    return ask_fail(fault, pointer, "timeout_s", detail);
  }
  return TRM_OK;
}

static trm_status ask_item_read(trm__ask_item *item, const trm__ask_options *defaults, const json_t *value,
                                const trm__serve_config *config, const char *pointer, trm__ask_fault *fault) {
  static const char *const names[] = {"puzzle", "id", NULL};
  *item = (trm__ask_item){.options = *defaults, .puzzle = value};
  if (!json_is_object(value) || json_object_get(value, "tokens")) return TRM_OK;
  item->puzzle = json_object_get(value, "puzzle");
  if (!item->puzzle) return ask_fail(fault, pointer, "puzzle", "is missing");
  const json_t *id = json_object_get(value, "id");
  if (id && !json_is_string(id)) return ask_fail(fault, pointer, "id", "expected a text");
  item->id = json_string_value(id);
  trm_status status = ask_read_options(&item->options, NULL, value, names, pointer, fault);
  return status ? status : ask_bounds(&item->options, config, pointer, fault);
}

static trm_status ask_list_read(trm__ask *ask, const trm__ask_options *defaults, const json_t *list,
                                const trm__serve_config *config, trm__ask_fault *fault) {
  char text[128];
  if (!json_is_array(list) || json_array_size(list) == 0)
    return ask_fail(fault, "", "puzzles", "expected a list of at least one puzzle");
  ask->count = json_array_size(list);
  if ((int64_t)ask->count > config->items_limit) {
    snprintf(text, sizeof text, "%zu puzzles, over %lld, this server's items_limit: send them in parts", ask->count,
             (long long)config->items_limit);
    return ask_fail(fault, "", "puzzles", text);
  }
  ask->item = trm__calloc(ask->count, sizeof *ask->item);
  if (!ask->item) return TRM_E_MEMORY;
  for (size_t i = 0; i < ask->count; i++) {
    snprintf(text, sizeof text, "/puzzles/%zu", i);
    trm_status status = ask_item_read(&ask->item[i], defaults, json_array_get(list, i), config, text, fault);
    if (status) return status;
  }
  return TRM_OK;
}

static trm__ask_options ask_defaults(void) {
  size_t count;
  trm__ask_options options;
  memset(&options, 0, sizeof options);
  const trm_option *table = trm__ask_item_options(&count);
  trm_options_default(table, count, &options);
  options.solver = trm__work_default().solver;
  return options;
}

trm_status trm__ask_read_one(trm__ask_item *item, const json_t *body, const char *const *names,
                             const trm__serve_config *config, trm__ask_fault *fault) {
  *item = (trm__ask_item){.options = ask_defaults()};
  if (!json_is_object(body)) return ask_fail(fault, "", NULL, "expected a JSON object");
  trm_status status = ask_read_options(&item->options, NULL, body, names, "", fault);
  if (!status) status = ask_bounds(&item->options, config, "", fault);
  item->puzzle = json_object_get(body, "puzzle");
  return status;
}

trm_status trm__ask_read(trm__ask *ask, const json_t *body, const trm__serve_config *config, trm__ask_fault *fault) {
  static const char *const names[] = {"puzzle", "puzzles", NULL};
  size_t count;
  memset(ask, 0, sizeof *ask);
  trm__ask_options options = ask_defaults();
  const trm_option *table = trm__ask_request_options(&count);
  trm_options_default(table, count, ask);
  if (!json_is_object(body)) return ask_fail(fault, "", NULL, "expected a JSON object with puzzle or puzzles");
  const json_t *one = json_object_get(body, "puzzle"), *list = json_object_get(body, "puzzles");
  if (!one == !list)
    return ask_fail(fault, "", "puzzle",
                    one ? "stands beside puzzles, expected one of the two"
                        : "is missing: expected puzzle, or puzzles for a list");
  trm_status status = ask_read_options(&options, ask, body, names, "", fault);
  if (!status) status = ask_bounds(&options, config, "", fault);
  if (status) return status;
  ask->is_list = list != NULL;
  if (list) return ask_list_read(ask, &options, list, config, fault);
  ask->count = 1;
  ask->item = trm__calloc(1, sizeof *ask->item);
  if (!ask->item) return TRM_E_MEMORY;
  *ask->item = (trm__ask_item){.options = options, .puzzle = one};
  return TRM_OK;
}

void trm__ask_clear(trm__ask *ask) {
  trm__free(ask->item);
  ask->item = NULL;
  ask->count = 0;
}

trm__work trm__ask_work(const trm__ask_item *item, const trm__ask_puzzle *puzzle, const trm__serve_config *config,
                        double now) {
  const trm__ask_options *o = &item->options;
  trm__work work = trm__work_default();
  work.kind = TRM__WORK_SOLVE;
  snprintf(work.model, sizeof work.model, "%s", *puzzle->by.id ? puzzle->by.id : puzzle->by.name);
  work.deadline = now + (isnan(o->timeout_s) ? config->solve_s : o->timeout_s);
  work.priority = (int)o->priority;
  work.solver = o->solver;
  work.identifier = (int32_t)o->identifier;
  work.explain = o->explain;
  work.tokens = puzzle->tokens;
  work.cells = (size_t)puzzle->by.cells;
  return work;
}
