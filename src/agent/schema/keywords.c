/* The table of keywords. A checking function that looks at several keywords stands at each of them, and is a step of a
 * schema only once. */
#include "agent/schema/keywords.h"

#include <string.h>

#include "agent/schema/check.h"
#include "agent/schema/value.h"
#include "base/text/nearest.h"

static const schema_keyword keywords[] = {
    {"$id", SCHEMA_CORE, SHAPE_TEXT, NULL, 0},
    {"$schema", SCHEMA_CORE, SHAPE_TEXT, NULL, 0},
    {"$ref", SCHEMA_CORE, SHAPE_TEXT, trm__check_ref, 0},
    {"$anchor", SCHEMA_CORE, SHAPE_ANCHOR, NULL, 0},
    {"$dynamicRef", SCHEMA_CORE, SHAPE_TEXT, trm__check_dynamic_ref, 0},
    {"$dynamicAnchor", SCHEMA_CORE, SHAPE_ANCHOR, NULL, 0},
    {"$vocabulary", SCHEMA_CORE, SHAPE_FLAGS, NULL, 0},
    {"$comment", SCHEMA_CORE, SHAPE_TEXT, NULL, 0},
    {"$defs", SCHEMA_CORE, SHAPE_SCHEMA_MAP, NULL, 0},
    {"type", SCHEMA_VALIDATION, SHAPE_TYPE, trm__check_type, 0},
    {"enum", SCHEMA_VALIDATION, SHAPE_ARRAY, trm__check_enum, 0},
    {"const", SCHEMA_VALIDATION, SHAPE_ANY, trm__check_const, 0},
    {"multipleOf", SCHEMA_VALIDATION, SHAPE_POSITIVE, trm__check_multiple, 0},
    {"maximum", SCHEMA_VALIDATION, SHAPE_NUMBER, trm__check_maximum, 0},
    {"exclusiveMaximum", SCHEMA_VALIDATION, SHAPE_NUMBER, trm__check_below, 0},
    {"minimum", SCHEMA_VALIDATION, SHAPE_NUMBER, trm__check_minimum, 0},
    {"exclusiveMinimum", SCHEMA_VALIDATION, SHAPE_NUMBER, trm__check_above, 0},
    {"maxLength", SCHEMA_VALIDATION, SHAPE_COUNT, trm__check_max_length, 0},
    {"minLength", SCHEMA_VALIDATION, SHAPE_COUNT, trm__check_min_length, 0},
    {"pattern", SCHEMA_VALIDATION, SHAPE_PATTERN, trm__check_pattern, 0},
    {"maxItems", SCHEMA_VALIDATION, SHAPE_COUNT, trm__check_max_items, 0},
    {"minItems", SCHEMA_VALIDATION, SHAPE_COUNT, trm__check_min_items, 0},
    {"uniqueItems", SCHEMA_VALIDATION, SHAPE_BOOLEAN, trm__check_unique, 0},
    {"maxContains", SCHEMA_VALIDATION, SHAPE_COUNT, NULL, 0},
    {"minContains", SCHEMA_VALIDATION, SHAPE_COUNT, NULL, 0},
    {"maxProperties", SCHEMA_VALIDATION, SHAPE_COUNT, trm__check_max_members, 0},
    {"minProperties", SCHEMA_VALIDATION, SHAPE_COUNT, trm__check_min_members, 0},
    {"required", SCHEMA_VALIDATION, SHAPE_NAMES, trm__check_required, 0},
    {"dependentRequired", SCHEMA_VALIDATION, SHAPE_NAMES_MAP, trm__check_dependent_required, 0},
    {"prefixItems", SCHEMA_APPLICATOR, SHAPE_SCHEMAS, trm__check_items, 0},
    {"items", SCHEMA_APPLICATOR, SHAPE_SCHEMA, trm__check_items, 0},
    {"contains", SCHEMA_APPLICATOR, SHAPE_SCHEMA, trm__check_contains, 0},
    {"properties", SCHEMA_APPLICATOR, SHAPE_SCHEMA_MAP, trm__check_members, 0},
    {"patternProperties", SCHEMA_APPLICATOR, SHAPE_PATTERN_MAP, trm__check_members, 0},
    {"additionalProperties", SCHEMA_APPLICATOR, SHAPE_SCHEMA, trm__check_members, 0},
    {"propertyNames", SCHEMA_APPLICATOR, SHAPE_SCHEMA, trm__check_names, 0},
    {"dependentSchemas", SCHEMA_APPLICATOR, SHAPE_SCHEMA_MAP, trm__check_dependent, 0},
    {"if", SCHEMA_APPLICATOR, SHAPE_SCHEMA, trm__check_if, 0},
    {"then", SCHEMA_APPLICATOR, SHAPE_SCHEMA, NULL, 0},
    {"else", SCHEMA_APPLICATOR, SHAPE_SCHEMA, NULL, 0},
    {"allOf", SCHEMA_APPLICATOR, SHAPE_SCHEMAS, trm__check_all, 0},
    {"anyOf", SCHEMA_APPLICATOR, SHAPE_SCHEMAS, trm__check_any, 0},
    {"oneOf", SCHEMA_APPLICATOR, SHAPE_SCHEMAS, trm__check_one, 0},
    {"not", SCHEMA_APPLICATOR, SHAPE_SCHEMA, trm__check_not, 0},
    {"unevaluatedItems", SCHEMA_UNEVALUATED, SHAPE_SCHEMA, trm__check_other_items, 1},
    {"unevaluatedProperties", SCHEMA_UNEVALUATED, SHAPE_SCHEMA, trm__check_other_members, 1},
    {"title", SCHEMA_META, SHAPE_TEXT, NULL, 0},
    {"description", SCHEMA_META, SHAPE_TEXT, NULL, 0},
    {"default", SCHEMA_META, SHAPE_ANY, NULL, 0},
    {"deprecated", SCHEMA_META, SHAPE_BOOLEAN, NULL, 0},
    {"readOnly", SCHEMA_META, SHAPE_BOOLEAN, NULL, 0},
    {"writeOnly", SCHEMA_META, SHAPE_BOOLEAN, NULL, 0},
    {"examples", SCHEMA_META, SHAPE_ARRAY, NULL, 0},
    {"format", SCHEMA_FORMAT, SHAPE_TEXT, NULL, 0},
    {"contentEncoding", SCHEMA_CONTENT, SHAPE_TEXT, NULL, 0},
    {"contentMediaType", SCHEMA_CONTENT, SHAPE_TEXT, NULL, 0},
    {"contentSchema", SCHEMA_CONTENT, SHAPE_SCHEMA, NULL, 0},
    {"definitions", SCHEMA_CORE, SHAPE_SCHEMA_MAP, NULL, 0}, /* $defs of older drafts */
};
#define KEYWORDS (sizeof keywords / sizeof *keywords)

const schema_keyword *trm__schema_keyword(const char *name, const char **nearest) {
  for (size_t i = 0; i < KEYWORDS; i++)
    if (!strcmp(keywords[i].name, name)) return &keywords[i];
  if (!nearest) return NULL;
  *nearest = "";
  trm__nearest near = trm__nearest_to(name);
  for (size_t i = 0; i < KEYWORDS; i++) {
    size_t before = near.distance;
    trm__nearest_offer(&near, keywords[i].name, strlen(keywords[i].name));
    if (near.distance < before) *nearest = keywords[i].name;
  }
  return NULL;
}

/* -- shapes -------------------------------------------------------------------------------------------------------- */

/* In words, and as the schema that the meta-schema has for it. */
static const struct {
  const char *words, *schema;
} shapes[SHAPES] = {
    [SHAPE_ANY] = {"anything", "true"},
    [SHAPE_SCHEMA] = {"a schema: an object, true or false", "{\"$dynamicRef\": \"#meta\"}"},
    [SHAPE_SCHEMAS] = {"an array of at least one schema",
                       "{\"type\": \"array\", \"minItems\": 1, \"items\": {\"$dynamicRef\": \"#meta\"}}"},
    [SHAPE_SCHEMA_MAP] = {"an object of schemas",
                          "{\"type\": \"object\", \"additionalProperties\": {\"$dynamicRef\": \"#meta\"}}"},
    [SHAPE_TEXT] = {"a text", "{\"type\": \"string\"}"},
    [SHAPE_ANCHOR] = {"a name of letters, digits, - . and _ that begins with a letter or _",
                      "{\"type\": \"string\", \"pattern\": \"^[A-Za-z_][-A-Za-z0-9._]*$\"}"},
    [SHAPE_PATTERN] = {"a regular expression", "{\"type\": \"string\"}"},
    [SHAPE_PATTERN_MAP] = {"an object of schemas, its keys regular expressions",
                           "{\"type\": \"object\", \"additionalProperties\": {\"$dynamicRef\": \"#meta\"}}"},
    [SHAPE_BOOLEAN] = {"true or false", "{\"type\": \"boolean\"}"},
    [SHAPE_COUNT] = {"a whole number from 0 on", "{\"type\": \"integer\", \"minimum\": 0}"},
    [SHAPE_NUMBER] = {"a number", "{\"type\": \"number\"}"},
    [SHAPE_POSITIVE] = {"a number above 0", "{\"type\": \"number\", \"exclusiveMinimum\": 0}"},
    [SHAPE_NAMES] = {"an array of texts, each once",
                     "{\"type\": \"array\", \"uniqueItems\": true, \"items\": {\"type\": \"string\"}}"},
    [SHAPE_NAMES_MAP] =
        {"an object of arrays of texts",
         "{\"type\": \"object\", \"additionalProperties\": {\"type\": \"array\", \"uniqueItems\": true, "
         "\"items\": {\"type\": \"string\"}}}"},
    [SHAPE_TYPE] =
        {"array, boolean, integer, null, number, object or string, or an array of these",
         "{\"anyOf\": [{\"$ref\": \"#/$defs/type\"}, {\"type\": \"array\", \"minItems\": 1, \"uniqueItems\": "
         "true, \"items\": {\"$ref\": \"#/$defs/type\"}}]}"},
    [SHAPE_ARRAY] = {"an array", "{\"type\": \"array\"}"},
    [SHAPE_FLAGS] = {"an object of true and false",
                     "{\"type\": \"object\", \"additionalProperties\": {\"type\": \"boolean\"}}"},
};

static int shape_is_schema(const json_t *value) {
  return json_is_object(value) || json_is_boolean(value);
}

static int shape_is_type(const json_t *value) {
  static const char *const names[] = {"array", "boolean", "integer", "null", "number", "object", "string"};
  for (size_t i = 0; json_is_string(value) && i < sizeof names / sizeof *names; i++)
    if (!strcmp(names[i], json_string_value(value))) return 1;
  return 0;
}

static int shape_is_plain_text(const json_t *value) { /* without a NUL inside */
  return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

static int shape_is_anchor(const json_t *value) {
  if (!shape_is_plain_text(value)) return 0;
  const char *name = json_string_value(value);
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  return *name && strchr(letters, *name) &&
         name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789-.")] == 0;
}

/* All entries of an array, or all values of an object. */
static int shape_all(const json_t *value, int (*is)(const json_t *)) {
  json_t *members = (json_t *)(uintptr_t)value; /* jansson's iterators are not const; nothing is changed */
  for (size_t i = 0; i < json_array_size(value); i++)
    if (!is(json_array_get(value, i))) return 0;
  for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at))
    if (!is(json_object_iter_value(at))) return 0;
  return 1;
}

static int shape_is_text(const json_t *value) {
  return json_is_string(value);
}

static int shape_is_flag(const json_t *value) {
  return json_is_boolean(value);
}

static int shape_is_names(const json_t *value) {
  return json_is_array(value) && shape_all(value, shape_is_text);
}

static int shape_fits(schema_shape shape, const json_t *value) {
  switch (shape) {
  case SHAPE_SCHEMA:
    return shape_is_schema(value);
  case SHAPE_SCHEMAS:
    return json_array_size(value) > 0 && shape_all(value, shape_is_schema);
  case SHAPE_SCHEMA_MAP:
  case SHAPE_PATTERN_MAP:
    return json_is_object(value) && shape_all(value, shape_is_schema);
  case SHAPE_TEXT:
    return shape_is_plain_text(value);
  case SHAPE_PATTERN:
    return json_is_string(value);
  case SHAPE_ANCHOR:
    return shape_is_anchor(value);
  case SHAPE_BOOLEAN:
    return json_is_boolean(value);
  case SHAPE_COUNT:
    return json_is_number(value) && trm__value_is_whole(value) && json_number_value(value) >= 0;
  case SHAPE_NUMBER:
    return json_is_number(value);
  case SHAPE_POSITIVE:
    return json_is_number(value) && json_number_value(value) > 0;
  case SHAPE_NAMES:
    return shape_is_names(value);
  case SHAPE_NAMES_MAP:
    return json_is_object(value) && shape_all(value, shape_is_names);
  case SHAPE_TYPE:
    return shape_is_type(value) || (json_array_size(value) > 0 && shape_all(value, shape_is_type));
  case SHAPE_ARRAY:
    return json_is_array(value);
  case SHAPE_FLAGS:
    return json_is_object(value) && shape_all(value, shape_is_flag);
  case SHAPE_ANY:
  case SHAPES:
    break;
  }
  return 1;
}

const char *trm__schema_shape_wrong(schema_shape shape, const json_t *value) {
  return shape_fits(shape, value) ? NULL : shapes[shape].words;
}

/* -- the meta-schema ----------------------------------------------------------------------------------------------- */

unsigned trm__schema_vocabulary(const char *uri) {
  static const char *const names[] = {"core",      "applicator",        "unevaluated", "validation",
                                      "meta-data", "format-annotation", "content"};
  static const char prefix[] = "https://json-schema.org/draft/2020-12/vocab/";
  for (size_t i = 0; i < sizeof names / sizeof *names && !strncmp(uri, prefix, sizeof prefix - 1); i++)
    if (!strcmp(uri + sizeof prefix - 1, names[i])) return 1u << i;
  return 0;
}

json_t *trm__schema_meta(void) {
  json_t *meta = json_loads("{\"$id\": \"" TRM__SCHEMA_DRAFT "\", \"$dynamicAnchor\": \"meta\", \"type\": [\"object\", "
                            "\"boolean\"], \"properties\": {}, \"$defs\": {\"type\": {\"enum\": [\"array\", "
                            "\"boolean\", \"integer\", \"null\", \"number\", \"object\", \"string\"]}}}",
                            0, NULL);
  json_t *properties = json_object_get(meta, "properties");
  for (size_t i = 0; properties && i < KEYWORDS; i++) {
    json_t *schema = json_loads(shapes[keywords[i].shape].schema, JSON_DECODE_ANY, NULL);
    if (json_object_set_new(properties, keywords[i].name, schema)) {
      json_decref(meta);
      return NULL;
    }
  }
  return meta;
}
