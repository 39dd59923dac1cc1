/* What the declaration of an action is to others: models that call tools, and HTTP. */
#include <stdio.h>

#include "agent/action/action.h"

static json_t *describe_schema(const trm__action *action, const char *key) {
  json_t *schema = json_object_get(action->about, key);
  return schema ? json_incref(schema) : json_pack("{s:s}", "type", "object");
}

json_t *trm__action_describe(const trm__action *action, trm__action_form form) {
  char path[120];
  switch (form) {
  case TRM__FORM_MCP:
    return json_pack("{s:s, s:s, s:o, s:o, s:{s:b}}", "name", action->name, "description", action->description,
                     "inputSchema", describe_schema(action, "input"), "outputSchema", describe_schema(action, "output"),
                     "annotations", "idempotentHint", action->idempotent);
  case TRM__FORM_OPENAI:
    return json_pack("{s:s, s:{s:s, s:s, s:o}}", "type", "function", "function", "name", action->name, "description",
                     action->description, "parameters", describe_schema(action, "input"));
  case TRM__FORM_HTTP:
    snprintf(path, sizeof path, "/v1/actions/%.80s", action->name);
    return json_pack("{s:{s:{s:s, s:s, s:{s:b, s:{s:{s:o}}}, s:{s:{s:s, s:{s:{s:o}}}}}}}", path, "post", "operationId",
                     action->name, "summary", action->description, "requestBody", "required", 1, "content",
                     "application/json", "schema", describe_schema(action, "input"), "responses", "200", "description",
                     "the output", "content", "application/json", "schema", describe_schema(action, "output"));
  case TRM__FORM_ABOUT:
    break;
  }
  return json_incref(action->about);
}
