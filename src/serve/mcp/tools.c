/* Tools: what there is, and calling one. Arguments that are wrong, and what a tool could not do, are results with
 * isError, so that the model behind the client reads what is right and tries again. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text/json.h"
#include "base/text/nearest.h"
#include "serve/mcp/state.h"

int trm__mcp_first_page(trm__mcp_request *r) {
  const json_t *cursor = json_object_get(r->params, "cursor");
  if (!cursor) return 1;
  trm__mcp_fail(r, TRM__MCP_PARAMS, NULL, "params.cursor: there is one page, which has no next one");
  return 0;
}

static json_t *tool_json(const trm__mcp_tool *tool) {
  json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:{s:b, s:b, s:b, s:b}}", "name", tool->name, "title", tool->title,
                        "description", tool->description, "inputSchema", tool->input(), "annotations", "readOnlyHint",
                        !tool->changes, "destructiveHint", 0, "idempotentHint", !tool->changes, "openWorldHint", 0);
  if (o && tool->output) (void)json_object_set_new(o, "outputSchema", tool->output());
  if (o && tool->page) (void)json_object_set_new(o, "_meta", json_pack("{s:{s:s}}", "ui", "resourceUri", tool->page));
  return o;
}

void trm__mcp_tools_list(trm__mcp_request *r) {
  json_t *list = json_array();
  if (!trm__mcp_first_page(r)) {
    json_decref(list);
    return;
  }
  for (size_t s = 0; trm__mcp_set_at(r->mcp, s); s++)
    for (size_t i = 0; list && i < trm__mcp_set_at(r->mcp, s)->tools; i++)
      (void)json_array_append_new(list, tool_json(&trm__mcp_set_at(r->mcp, s)->tool[i]));
  trm__mcp_answer(r, json_pack("{s:o}", "tools", list));
}

/* -- results ------------------------------------------------------------------------------------------------------- */

void trm__mcp_tool_result(trm__mcp_request *r, json_t *structured) {
  char *text = structured ? trm__json_text(structured, JSON_COMPACT) : NULL;
  json_t *result = text ? json_pack("{s:[{s:s, s:s}], s:O}", "content", "type", "text", "text", text,
                                    "structuredContent", structured)
                        : NULL;
  free(text);
  json_decref(structured);
  trm__mcp_answer(r, result);
}

void trm__mcp_tool_error(trm__mcp_request *r, const char *format, ...) {
  char text[2000];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  json_t *said = json_string(text);
  if (!said) said = json_string("it failed, and why cannot be said in UTF-8");
  trm__mcp_answer(r, json_pack("{s:[{s:s, s:o}], s:b}", "content", "type", "text", "text", said, "isError", 1));
}

void trm__mcp_tool_problem(trm__mcp_request *r, const json_t *problem) {
  const json_t *error = json_array_get(json_object_get(problem, "errors"), 0);
  const char *pointer = json_string_value(json_object_get(error, "pointer"));
  const char *detail = json_string_value(json_object_get(problem, "detail"));
  const char *title = json_string_value(json_object_get(problem, "title"));
  if (pointer && *pointer == '/') pointer++;
  if (pointer && *pointer) trm__mcp_tool_error(r, "%s: %s", pointer, detail ? detail : "is wrong");
  else trm__mcp_tool_error(r, "%s%s%s", title ? title : "It failed", detail ? ": " : "", detail ? detail : "");
}

/* -- calling ------------------------------------------------------------------------------------------------------- */

static const trm__mcp_tool *tool_find(const trm__mcp *mcp, const char *name) {
  const trm__mcp_set *set;
  for (size_t s = 0; (set = trm__mcp_set_at(mcp, s)); s++)
    for (size_t i = 0; i < set->tools; i++)
      if (strcmp(set->tool[i].name, name) == 0) return &set->tool[i];
  return NULL;
}

static void tool_unknown(trm__mcp_request *r, const char *name) {
  const trm__mcp_set *set;
  trm__nearest nearest = trm__nearest_to(name);
  for (size_t s = 0; (set = trm__mcp_set_at(r->mcp, s)); s++)
    for (size_t i = 0; i < set->tools; i++) trm__nearest_offer(&nearest, set->tool[i].name, strlen(set->tool[i].name));
  if (*nearest.name)
    trm__mcp_fail(r, TRM__MCP_PARAMS, NULL, "Unknown tool: %.100s; did you mean %s?", name, nearest.name);
  else trm__mcp_fail(r, TRM__MCP_PARAMS, NULL, "Unknown tool: %.100s; tools/list has them", name);
}

static void tool_run(trm__mcp_request *r, const trm__mcp_tool *tool) {
  trm_error err = {0};
  json_t *arguments = json_object_get(r->params, "arguments");
  if (!arguments) { /* none is an empty object */
    arguments = json_object();
    if (arguments) (void)json_object_set_new((json_t *)(uintptr_t)r->params, "arguments", arguments);
  }
  json_t *schema = tool->input();
  trm_status status = arguments && schema ? trm__mcp_schema_check(schema, arguments, &err) : TRM_E_MEMORY;
  json_decref(schema);
  if (!status) tool->run(r, arguments);
  else if (status == TRM_E_MEMORY) trm__mcp_fail(r, TRM__MCP_INTERNAL, NULL, "out of memory");
  else trm__mcp_tool_error(r, "%s: %s", err.where, err.message);
}

void trm__mcp_tools_call(trm__mcp_request *r) {
  const char *name = json_string_value(json_object_get(r->params, "name"));
  if (!name) {
    trm__mcp_fail(r, TRM__MCP_PARAMS, NULL, "params.name is missing: the name of a tool");
    return;
  }
  const trm__mcp_tool *tool = tool_find(r->mcp, name);
  if (!tool) tool_unknown(r, name);
  else if (!tool->engine || !trm__mcp_waits(r)) tool_run(r, tool);
}
