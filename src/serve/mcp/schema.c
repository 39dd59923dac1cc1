/* Values against our own schemas: see state.h. What a schema says beside that is description. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "base/text/json.h"
#include "base/text/nearest.h"
#include "serve/mcp/state.h"

#define SCHEMA_DEPTH 16

/* Where in the value one is: "/puzzle/3". */
typedef struct schema_place {
  char text[200];
  size_t length;
  int depth;
} schema_place;

static trm_status schema_any(const json_t *schema, const json_t *value, schema_place *at, trm_error *err);

static trm_status schema_fail(const schema_place *at, trm_error *err, const char *detail) {
  return trm__fail(err, TRM_E_INPUT, at->length ? at->text : "arguments", "%s", detail);
}

static size_t schema_enter(schema_place *at, const char *name) {
  size_t before = at->length;
  int more = snprintf(at->text + at->length, sizeof at->text - at->length, "%s%.60s", at->length ? "/" : "", name);
  at->length += (size_t)more < sizeof at->text - at->length ? (size_t)more : 0;
  at->depth++;
  return before;
}

static void place_leave(schema_place *at, size_t before) {
  at->length = before;
  at->text[before] = 0;
  at->depth--;
}

/* -- types --------------------------------------------------------------------------------------------------------- */

static int schema_type_is(const char *type, const json_t *value) {
  if (strcmp(type, "object") == 0) return json_is_object(value);
  if (strcmp(type, "array") == 0) return json_is_array(value);
  if (strcmp(type, "string") == 0) return json_is_string(value);
  if (strcmp(type, "boolean") == 0) return json_is_boolean(value);
  if (strcmp(type, "null") == 0) return json_is_null(value);
  if (strcmp(type, "number") == 0) return json_is_number(value);
  double real = json_number_value(value);
  return json_is_integer(value) || (json_is_real(value) && isfinite(real) && real == floor(real));
}

static trm_status schema_type(const json_t *type, const json_t *value, const schema_place *at, trm_error *err) {
  char wanted[100] = "", detail[200];
  if (!type) return TRM_OK;
  if (json_is_string(type)) {
    if (schema_type_is(json_string_value(type), value)) return TRM_OK;
    (void)snprintf(wanted, sizeof wanted, "%s", json_string_value(type));
  }
  for (size_t i = 0; i < json_array_size(type); i++) {
    const char *one = json_string_value(json_array_get(type, i));
    size_t used = strlen(wanted);
    if (schema_type_is(one, value)) return TRM_OK;
    (void)snprintf(wanted + used, sizeof wanted - used, "%s%s", i ? " or " : "", one);
  }
  (void)snprintf(detail, sizeof detail, "found %s, expected %s", trm__json_type_name(value), wanted);
  return schema_fail(at, err, detail);
}

/* -- bounds -------------------------------------------------------------------------------------------------------- */

static trm_status schema_bound(const json_t *bound, double found, int least, const char *what, const schema_place *at,
                               trm_error *err) {
  char detail[120];
  double limit = json_number_value(bound);
  if (!bound || (least ? found >= limit : found <= limit)) return TRM_OK;
  (void)snprintf(detail, sizeof detail, "found %s%g, expected %s %g", what, found, least ? "at least" : "at most",
                 limit);
  return schema_fail(at, err, detail);
}

static trm_status schema_bounds(const json_t *schema, const json_t *value, const schema_place *at, trm_error *err) {
  trm_status status = TRM_OK;
  if (json_is_number(value)) {
    double real = json_number_value(value);
    status = schema_bound(json_object_get(schema, "minimum"), real, 1, "", at, err);
    if (!status) status = schema_bound(json_object_get(schema, "maximum"), real, 0, "", at, err);
  } else if (json_is_string(value)) {
    double bytes = (double)json_string_length(value);
    status = schema_bound(json_object_get(schema, "minLength"), bytes, 1, "a text of length ", at, err);
    if (!status) status = schema_bound(json_object_get(schema, "maxLength"), bytes, 0, "a text of length ", at, err);
  } else if (json_is_array(value)) {
    double items = (double)json_array_size(value);
    status = schema_bound(json_object_get(schema, "minItems"), items, 1, "a list of length ", at, err);
  }
  return status;
}

static trm_status schema_enum(const json_t *choices, const json_t *value, const schema_place *at, trm_error *err) {
  char detail[300] = "expected one of";
  if (!choices) return TRM_OK;
  for (size_t i = 0; i < json_array_size(choices); i++) {
    const json_t *choice = json_array_get(choices, i);
    size_t used = strlen(detail);
    if (json_equal(choice, value)) return TRM_OK;
    const char *text = json_string_value(choice);
    if (text) (void)snprintf(detail + used, sizeof detail - used, "%s \"%.40s\"", i ? "," : "", text);
  }
  return schema_fail(at, err, detail);
}

/* -- parts --------------------------------------------------------------------------------------------------------- */

static trm_status schema_unknown(const json_t *properties, const char *key, schema_place *at, trm_error *err) {
  char detail[200];
  const char *name;
  json_t *property;
  trm__nearest nearest = trm__nearest_to(key);
  json_object_foreach((json_t *)(uintptr_t)properties, name, property) {
    (void)property;
    trm__nearest_offer(&nearest, name, strlen(name));
  }
  if (*nearest.name) (void)snprintf(detail, sizeof detail, "is unknown; did you mean \"%.60s\"?", nearest.name);
  else (void)snprintf(detail, sizeof detail, "is unknown; the tool's inputSchema lists what there is");
  size_t before = schema_enter(at, key);
  trm_status status = schema_fail(at, err, detail);
  place_leave(at, before);
  return status;
}

static trm_status schema_members(const json_t *schema, const json_t *value, schema_place *at, trm_error *err) {
  const json_t *properties = json_object_get(schema, "properties"), *required = json_object_get(schema, "required");
  const json_t *others = json_object_get(schema, "additionalProperties");
  const char *key;
  json_t *member;
  trm_status status = TRM_OK;
  json_object_foreach((json_t *)(uintptr_t)value, key, member) {
    const json_t *of = json_object_get(properties, key);
    if (!of && json_is_false(others)) return schema_unknown(properties, key, at, err);
    if (!of) of = json_is_object(others) ? others : NULL;
    size_t before = schema_enter(at, key);
    if (of) status = schema_any(of, member, at, err);
    place_leave(at, before);
    if (status) return status;
  }
  for (size_t i = 0; i < json_array_size(required); i++) {
    const char *name = json_string_value(json_array_get(required, i));
    if (json_object_get(value, name)) continue;
    size_t before = schema_enter(at, name);
    status = schema_fail(at, err, "is missing");
    place_leave(at, before);
    return status;
  }
  return TRM_OK;
}

static trm_status schema_items(const json_t *items, const json_t *value, schema_place *at, trm_error *err) {
  char number[24];
  trm_status status = TRM_OK;
  for (size_t i = 0; items && i < json_array_size(value) && !status; i++) {
    (void)snprintf(number, sizeof number, "%zu", i);
    size_t before = schema_enter(at, number);
    status = schema_any(items, json_array_get(value, i), at, err);
    place_leave(at, before);
  }
  return status;
}

/* One of several; what is wrong with the last is told. */
static trm_status schema_one_of(const json_t *choices, const json_t *value, schema_place *at, trm_error *err) {
  trm_status status = TRM_OK;
  for (size_t i = 0; i < json_array_size(choices); i++) {
    status = schema_any(json_array_get(choices, i), value, at, err);
    if (!status) return TRM_OK;
  }
  return status;
}

static trm_status schema_any(const json_t *schema, const json_t *value, schema_place *at, trm_error *err) {
  if (at->depth > SCHEMA_DEPTH) return schema_fail(at, err, "is nested too deeply");
  const json_t *constant = json_object_get(schema, "const");
  trm_status status = schema_type(json_object_get(schema, "type"), value, at, err);
  if (!status) status = schema_enum(json_object_get(schema, "enum"), value, at, err);
  if (!status && constant && !json_equal(constant, value)) status = schema_fail(at, err, "is not what it must be");
  if (!status) status = schema_bounds(schema, value, at, err);
  if (!status && json_is_object(value)) status = schema_members(schema, value, at, err);
  if (!status && json_is_array(value)) status = schema_items(json_object_get(schema, "items"), value, at, err);
  if (!status) status = schema_one_of(json_object_get(schema, "anyOf"), value, at, err);
  return status ? status : schema_one_of(json_object_get(schema, "oneOf"), value, at, err);
}

trm_status trm__mcp_schema_check(const json_t *schema, const json_t *value, trm_error *err) {
  schema_place at = {.text = ""};
  return schema_any(schema, value, &at, err);
}
