/* Prompts, and the completion of arguments of prompts and of addresses. */
#include <string.h>

#include "serve/mcp/state.h"

enum { PROMPT_VALUES = 100 }; /* that a completion tells, at most */

static json_t *prompt_json(const trm__mcp_prompt *prompt) {
  json_t *arguments = json_array();
  for (const trm__mcp_argument *a = prompt->argument; arguments && a->name; a++)
    (void)json_array_append_new(arguments, json_pack("{s:s, s:s, s:b}", "name", a->name, "description", a->description,
                                                     "required", a->required));
  return json_pack("{s:s, s:s, s:s, s:o}", "name", prompt->name, "title", prompt->title, "description",
                   prompt->description, "arguments", arguments);
}

void trm__mcp_prompts_list(trm__mcp_request *r) {
  const trm__mcp_set *set;
  json_t *list = json_array();
  if (!trm__mcp_first_page(r)) {
    json_decref(list);
    return;
  }
  for (size_t s = 0; (set = trm__mcp_set_at(r->mcp, s)); s++)
    for (size_t i = 0; list && i < set->prompts; i++) (void)json_array_append_new(list, prompt_json(&set->prompt[i]));
  trm__mcp_answer(r, json_pack("{s:o}", "prompts", list));
}

static const trm__mcp_prompt *prompt_find(const trm__mcp *mcp, const char *name) {
  const trm__mcp_set *set;
  for (size_t s = 0; name && (set = trm__mcp_set_at(mcp, s)); s++)
    for (size_t i = 0; i < set->prompts; i++)
      if (strcmp(set->prompt[i].name, name) == 0) return &set->prompt[i];
  return NULL;
}

void trm__mcp_prompts_get(trm__mcp_request *r) {
  const char *name = json_string_value(json_object_get(r->params, "name"));
  const json_t *arguments = json_object_get(r->params, "arguments");
  const trm__mcp_prompt *prompt = prompt_find(r->mcp, name);
  if (!prompt) {
    trm__mcp_fail(r, TRM__MCP_PARAMS, NULL, "params.name: there is no prompt \"%.100s\"", name ? name : "");
    return;
  }
  if (arguments && !json_is_object(arguments)) {
    trm__mcp_fail(r, TRM__MCP_PARAMS, NULL, "params.arguments: expected an object of texts");
    return;
  }
  for (const trm__mcp_argument *a = prompt->argument; a->name; a++) {
    const json_t *value = json_object_get(arguments, a->name);
    if (value ? json_is_string(value) : !a->required) continue;
    trm__mcp_fail(r, TRM__MCP_PARAMS, NULL, "params.arguments.%s %s", a->name, value ? "must be a text" : "is missing");
    return;
  }
  prompt->get(r, arguments);
}

/* -- completion ---------------------------------------------------------------------------------------------------- */

static void complete_prompt(trm__mcp_request *r, const json_t *ref, const char *argument, const char *begun,
                            json_t *values) {
  const trm__mcp_prompt *prompt = prompt_find(r->mcp, json_string_value(json_object_get(ref, "name")));
  if (prompt && prompt->complete) prompt->complete(r->mcp, argument, begun, values);
}

static void complete_resource(trm__mcp_request *r, const json_t *ref, const char *begun, json_t *values) {
  const trm__mcp_set *set;
  const char *uri = json_string_value(json_object_get(ref, "uri"));
  for (size_t s = 0; uri && (set = trm__mcp_set_at(r->mcp, s)); s++)
    for (size_t i = 0; i < set->resources; i++)
      if (strcmp(set->resource[i].uri, uri) == 0 && set->resource[i].complete)
        set->resource[i].complete(r->mcp, begun, values);
}

void trm__mcp_complete(trm__mcp_request *r) {
  if (trm__mcp_waits(r)) return; /* for the models' names */
  const json_t *ref = json_object_get(r->params, "ref"), *argument = json_object_get(r->params, "argument");
  const char *type = json_string_value(json_object_get(ref, "type"));
  const char *name = json_string_value(json_object_get(argument, "name"));
  const char *begun = json_string_value(json_object_get(argument, "value"));
  int of_prompt = type && strcmp(type, "ref/prompt") == 0, of_resource = type && strcmp(type, "ref/resource") == 0;
  if (!name || !begun || (!of_prompt && !of_resource)) {
    trm__mcp_fail(r, TRM__MCP_PARAMS, NULL,
                  "expected ref {type: ref/prompt, name} or {type: ref/resource, uri}, and argument {name, value}");
    return;
  }
  json_t *values = json_array();
  if (values && of_prompt) complete_prompt(r, ref, name, begun, values);
  else if (values) complete_resource(r, ref, begun, values);
  size_t total = json_array_size(values);
  while (json_array_size(values) > PROMPT_VALUES) (void)json_array_remove(values, json_array_size(values) - 1);
  trm__mcp_answer(r, json_pack("{s:{s:o, s:I, s:b}}", "completion", "values", values, "total", (json_int_t)total,
                               "hasMore", total > PROMPT_VALUES));
}
