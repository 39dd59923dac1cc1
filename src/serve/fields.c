/* Structs as JSON objects: see fields.h. */
#include "serve/fields.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"
#include "base/text/json.h"

static json_t *field_real(double value) {
  if (isnan(value)) return json_null();
  if (isinf(value)) return json_string(value > 0 ? "inf" : "-inf");
  return json_real(value);
}

/* Texts come from files and errors, which may hold any bytes: those that are not ASCII are shown as '?' where the whole
 * is not UTF-8. */
static json_t *field_text(const char *text) {
  char plain[4096];
  json_t *value = json_string(text);
  if (value) return value;
  size_t length = 0;
  for (; text[length] && length + 1 < sizeof plain; length++)
    plain[length] = (unsigned char)text[length] < 0x80 ? text[length] : '?';
  plain[length] = 0;
  return json_string(plain);
}

static json_t *field_to_json(const trm__field *field, const void *from) {
  const char *at = (const char *)from + field->offset;
  int number;
  int64_t whole;
  float single;
  double real;
  switch (field->type) {
  case TRM__FIELD_INT:
    memcpy(&number, at, sizeof number);
    return json_integer(number);
  case TRM__FIELD_INT64:
    memcpy(&whole, at, sizeof whole);
    return json_integer(whole);
  case TRM__FIELD_FLOAT:
    memcpy(&single, at, sizeof single);
    return field_real((double)single);
  case TRM__FIELD_DOUBLE:
    memcpy(&real, at, sizeof real);
    return field_real(real);
  case TRM__FIELD_TEXT:
    return field_text(at);
  }
  return NULL;
}

json_t *trm__fields_to_json(const trm__field *table, size_t count, const void *from) {
  json_t *object = json_object();
  for (size_t i = 0; object && i < count; i++) {
    if (json_object_set_new(object, table[i].name, field_to_json(&table[i], from)) == 0) continue;
    json_decref(object);
    return NULL;
  }
  return object;
}

static int field_get_real(const json_t *value, double *real) {
  const char *text = json_string_value(value);
  if (json_is_null(value)) *real = NAN;
  else if (json_is_number(value)) *real = json_number_value(value);
  else if (text && strcmp(text, "inf") == 0) *real = INFINITY;
  else if (text && strcmp(text, "-inf") == 0) *real = -INFINITY;
  else return 0;
  return 1;
}

/* 0: the value is not of this type or range. */
static int field_set(const trm__field *field, char *at, const json_t *value) {
  double real;
  if (field->type == TRM__FIELD_FLOAT || field->type == TRM__FIELD_DOUBLE) {
    if (!field_get_real(value, &real)) return 0;
    float single = (float)real;
    if (field->type == TRM__FIELD_FLOAT) memcpy(at, &single, sizeof single);
    else memcpy(at, &real, sizeof real);
    return 1;
  }
  if (field->type == TRM__FIELD_TEXT) {
    size_t length = json_string_length(value);
    if (!json_is_string(value) || length >= field->size || strlen(json_string_value(value)) != length) return 0;
    memset(at, 0, field->size);
    memcpy(at, json_string_value(value), length);
    return 1;
  }
  if (!json_is_integer(value)) return 0;
  int64_t whole = json_integer_value(value);
  if (field->type == TRM__FIELD_INT && (whole < INT_MIN || whole > INT_MAX)) return 0;
  int number = (int)whole;
  if (field->type == TRM__FIELD_INT) memcpy(at, &number, sizeof number);
  else memcpy(at, &whole, sizeof whole);
  return 1;
}

trm_status trm__fields_from_json(const trm__field *table, size_t count, void *to, const json_t *object,
                                 const char *where, trm_error *err) {
  if (!json_is_object(object))
    return trm__fail(err, TRM_E_INPUT, where, "found %s, expected an object", trm__json_type_name(object));
  for (size_t i = 0; i < count; i++) {
    const json_t *value = json_object_get(object, table[i].name);
    if (!value) return trm__fail(err, TRM_E_INPUT, where, "\"%s\" is missing", table[i].name);
    if (!field_set(&table[i], (char *)to + table[i].offset, value))
      return trm__fail(err, TRM_E_INPUT, where, "\"%s\": found %s that does not fit", table[i].name,
                       trm__json_type_name(value));
  }
  if (json_object_size(object) == count) return TRM_OK;
  return trm__fail(err, TRM_E_INPUT, where, "found %zu keys, expected %zu", json_object_size(object), count);
}
