/* Configuration structs as JSON objects and back, and the table itself as a JSON schema. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "base/text/json.h"
#include "base/text/options.h"
#include "base/text/options_internal.h"

static json_t *option_to_json(const trm_option *option, const void *config) {
  const char *field = (const char *)config + option->offset;
  int number;
  int64_t whole;
  double real;
  size_t length;
  switch (option->type) {
  case TRM_OPT_BOOL:
    memcpy(&number, field, sizeof number);
    return json_boolean(number);
  case TRM_OPT_INT:
    memcpy(&whole, field, sizeof whole);
    return json_integer(whole);
  case TRM_OPT_REAL:
    memcpy(&real, field, sizeof real);
    return isnan(real) && trm__option_unset_word(option) ? json_string(option->default_text) : json_real(real);
  case TRM_OPT_ENUM:
    memcpy(&number, field, sizeof number);
    const char *choice = number >= 0 ? trm__option_choice(option, number, &length) : NULL;
    return choice ? json_stringn(choice, length) : NULL;
  case TRM_OPT_STRING:
    return json_string(field);
  }
  return NULL;
}

json_t *trm__options_to_json(const trm_option *table, size_t count, const void *config) {
  json_t *object = json_object();
  for (size_t i = 0; object && i < count; i++) {
    if (json_object_set_new(object, table[i].name, option_to_json(&table[i], config)) == 0) continue;
    json_decref(object);
    return NULL;
  }
  return object;
}

static const char *option_type_words(trm_option_type type) {
  switch (type) {
  case TRM_OPT_BOOL:
    return "true or false";
  case TRM_OPT_INT:
    return "a whole number";
  case TRM_OPT_REAL:
    return "a number";
  case TRM_OPT_ENUM:
  case TRM_OPT_STRING:
    return "a text";
  }
  return "another type";
}

static trm_status option_wrong_type(const trm_option *option, const json_t *value, trm_error *err) {
  return trm__fail(err, TRM_E_INPUT, option->name, "found %s, expected %s", trm__json_type_name(value),
                   option_type_words(option->type));
}

static trm_status option_from_json(const trm_option *option, void *config, const json_t *value, trm_error *err) {
  if (json_is_string(value)) {
    if (strlen(json_string_value(value)) != json_string_length(value)) return option_wrong_type(option, value, err);
    return trm__option_set(option, config, json_string_value(value), err);
  }
  if (option->type == TRM_OPT_BOOL && json_is_boolean(value)) {
    trm__option_put_flag(option, config, json_is_true(value));
    return TRM_OK;
  }
  if (option->type == TRM_OPT_BOOL && json_is_integer(value) && (uint64_t)json_integer_value(value) <= 1) {
    trm__option_put_flag(option, config, (int)json_integer_value(value));
    return TRM_OK;
  }
  if (option->type == TRM_OPT_REAL && json_is_number(value))
    return trm__option_put_real(option, config, json_number_value(value), err);
  if (option->type == TRM_OPT_INT && json_is_integer(value))
    return trm__option_put_int(option, config, json_integer_value(value), err);
  if (option->type == TRM_OPT_INT && json_is_real(value)) { /* 1e6, as other writers put it */
    double real = json_real_value(value);
    if (real == floor(real) && fabs(real) <= 0x1p53) return trm__option_put_int(option, config, (int64_t)real, err);
  }
  return option_wrong_type(option, value, err);
}

/* The key before `key` in the object that names the same option; NULL without one. */
static const char *option_earlier_key(const trm_option *table, size_t count, json_t *object, const char *key,
                                      const trm_option *option) {
  const char *earlier;
  json_t *value;
  json_object_foreach(object, earlier, value) {
    if (strcmp(earlier, key) == 0) break;
    if (trm__option_find(table, count, earlier) == option) return earlier;
  }
  return NULL;
}

trm_status trm__options_from_json(const trm_option *table, size_t count, void *config, const json_t *object,
                                  int ignore_unknown, const char *where, trm_error *err) {
  if (!json_is_object(object))
    return trm__fail(err, TRM_E_INPUT, where, "found %s, expected an object of options", trm__json_type_name(object));
  json_t *entries = (json_t *)(uintptr_t)object; /* jansson's iterators are not const; nothing is changed */
  const char *key;
  json_t *value;
  json_object_foreach(entries, key, value) {
    trm__option_name named = trm__option_lookup(table, count, key, strlen(key));
    if (!named.option && ignore_unknown) continue;
    if (!named.option) return trm__option_unknown(table, count, key, TRM_E_INPUT, where, err);
    const char *earlier = option_earlier_key(table, count, entries, key, named.option);
    if (earlier)
      return trm__fail(err, TRM_E_INPUT, where, "\"%s\" and \"%s\" are two names of one option; give one of them",
                       earlier, key);
    trm_error inner = {0};
    if (option_from_json(named.option, config, value, &inner))
      return trm__fail(err, TRM_E_INPUT, where, "\"%s\": %s", key, inner.message);
    if (named.inverse) trm__option_flip(named.option, config);
  }
  return TRM_OK;
}

static json_t *option_choices_json(const trm_option *option) {
  json_t *list = json_array();
  size_t length;
  const char *choice;
  for (int i = 0; list && (choice = trm__option_choice(option, i, &length)); i++) {
    if (json_array_append_new(list, json_stringn(choice, length)) == 0) continue;
    json_decref(list);
    return NULL;
  }
  return list;
}

/* The default as a value of its JSON type: set in a struct of one field, then read. */
static json_t *option_default_json(const trm_option *option) {
  if (option->type == TRM_OPT_STRING) return json_string(option->default_text ? option->default_text : "");
  union {
    int64_t whole;
    double real;
    int flag;
  } field = {0};
  trm_option alone = *option;
  alone.offset = 0;
  trm_options_default(&alone, 1, &field);
  return option_to_json(&alone, &field);
}

static int option_add_limits(json_t *property, const trm_option *option) {
  if (!trm__option_limited(option)) return 0;
  if (option->type != TRM_OPT_INT && option->type != TRM_OPT_REAL) return 0;
  const char *const keys[2] = {"minimum", "maximum"};
  const double limits[2] = {option->min, option->max};
  int failed = 0;
  for (int i = 0; i < 2; i++) {
    if (!isfinite(limits[i])) continue;
    int whole = option->type == TRM_OPT_INT && fabs(limits[i]) <= 0x1p53;
    failed |= json_object_set_new(property, keys[i], whole ? json_integer((int64_t)limits[i]) : json_real(limits[i]));
  }
  return failed;
}

static json_t *option_schema(const trm_option *option) {
  static const char *const types[] = {"boolean", "integer", "number", "string", "string"};
  json_t *property = json_object(), *type = json_string(types[option->type]);
  if (trm__option_unset_word(option)) { /* a number, or the word */
    json_t *both = json_array();
    (void)json_array_append_new(both, type);
    (void)json_array_append_new(both, json_string("string"));
    type = both;
  }
  int failed = json_object_set_new(property, "type", type);
  if (option->help) failed |= json_object_set_new(property, "description", json_string(option->help));
  failed |= json_object_set_new(property, "default", option_default_json(option));
  failed |= option_add_limits(property, option);
  if (option->type == TRM_OPT_ENUM) failed |= json_object_set_new(property, "enum", option_choices_json(option));
  if (option->type == TRM_OPT_STRING)
    failed |= json_object_set_new(property, "maxLength", json_integer((json_int_t)option->size - 1));
  if (!failed) return property;
  json_decref(property);
  return NULL;
}

json_t *trm__options_schema(const trm_option *table, size_t count) {
  json_t *properties = json_object();
  int failed = 0;
  for (size_t i = 0; i < count; i++) failed |= json_object_set_new(properties, table[i].name, option_schema(&table[i]));
  json_t *schema = json_object();
  failed |= json_object_set_new(schema, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
  failed |= json_object_set_new(schema, "type", json_string("object"));
  failed |= json_object_set_new(schema, "properties", properties);
  failed |= json_object_set_new(schema, "additionalProperties", json_false());
  if (!failed) return schema;
  json_decref(schema);
  return NULL;
}
