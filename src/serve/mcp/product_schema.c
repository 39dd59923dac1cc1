/* What the product's tools share: schemas put together from those of the routes, and what every result says. */
#include <string.h>

#include "base/mem.h"
#include "serve/mcp/product.h"
#include "serve/schemas.h"

json_t *trm__mcp_puzzle_text(const char *description) {
  return json_pack("{s:s, s:i, s:s}", "type", "string", "minLength", 1, "description", description);
}

static int name_is_in(const char *const *names, const char *name) {
  for (; *names; names++)
    if (strcmp(*names, name) == 0) return 1;
  return 0;
}

json_t *trm__mcp_schema_pick(json_t *schema, const char *const *names, const char *const *required) {
  json_t *picked = trm__schema_object(), *needed = json_array(), *property;
  const char *name;
  json_object_foreach(json_object_get(schema, "properties"), name, property) if (name_is_in(names, name))
      trm__schema_property(picked, name, json_incref(property));
  for (; *required; required++) (void)json_array_append_new(needed, json_string(*required));
  (void)json_object_set_new(picked, "required", needed);
  json_decref(schema);
  return picked;
}

json_t *trm__mcp_result_schema(json_t *properties, json_t *required) {
  json_t *schema = json_pack(
      "{s:s, s:{s:{s:s, s:s}, s:{s:s, s:s}, s:{s:s, s:s}, s:{s:s, s:{s:{s:s, s:s}, s:{s:s}}, s:[s, s]}}, s:[s, s, s, "
      "s]}",
      "type", "object", "properties", "summary", "type", "string", "description", "what came out, in a sentence",
      "checked", "type", "boolean", "description", "the puzzle's own rules or an exact solver were asked", "by", "type",
      "string", "description", "who it comes from: a model by name and version, rules, or an exact solver", "cost",
      "type", "object", "properties", "steps", "type", "integer", "description", "supervision steps of the network",
      "seconds", "type", "number", "required", "steps", "seconds", "required", "summary", "checked", "by", "cost");
  (void)json_object_update(json_object_get(schema, "properties"), properties);
  (void)json_array_extend(json_object_get(schema, "required"), required);
  json_decref(properties);
  json_decref(required);
  return schema;
}

void trm__mcp_result_add(json_t *result, const char *summary, int checked, const char *by, int64_t steps,
                         double seconds) {
  (void)json_object_set_new(result, "summary", json_string(summary));
  (void)json_object_set_new(result, "checked", json_boolean(checked));
  (void)json_object_set_new(result, "by", json_string(by));
  (void)json_object_set_new(result, "cost", json_pack("{s:I, s:f}", "steps", (json_int_t)steps, "seconds", seconds));
}

void trm__mcp_copy(json_t *to, const json_t *from, const char *const *names) {
  for (; *names; names++) {
    json_t *value = json_object_get(from, *names);
    if (value && !json_is_null(value)) (void)json_object_set(to, *names, value);
  }
}
