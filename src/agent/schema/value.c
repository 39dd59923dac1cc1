/* A number's multiple is decided in decimal: a = m * 10^e with at most 17 digits in m, so nothing is rounded that the
 * text did not round. */
#include "agent/schema/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text/json.h"
#include "base/text/numbers.h"

/* A whole number against a real one, without rounding either. */
static int value_compare_mixed(json_int_t whole, double real) {
  if (!(real < 9223372036854775808.0)) return -1;
  if (real < -9223372036854775808.0) return 1;
  json_int_t below = (json_int_t)floor(real);
  if (whole != below) return whole < below ? -1 : 1;
  return real > (double)below ? -1 : 0;
}

int trm__value_compare(const json_t *a, const json_t *b) {
  if (json_is_integer(a) && json_is_integer(b)) {
    json_int_t x = json_integer_value(a), y = json_integer_value(b);
    return (x > y) - (x < y);
  }
  if (json_is_integer(a)) return value_compare_mixed(json_integer_value(a), json_real_value(b));
  if (json_is_integer(b)) return -value_compare_mixed(json_integer_value(b), json_real_value(a));
  double x = json_real_value(a), y = json_real_value(b);
  return (x > y) - (x < y);
}

int trm__value_is_whole(const json_t *a) {
  return json_is_integer(a) || (json_is_real(a) && floor(json_real_value(a)) == json_real_value(a));
}

/* |a| = mantissa * 10^exponent. */
static void value_decimal(const json_t *a, uint64_t *mantissa, int *exponent) {
  char text[48];
  *exponent = 0;
  if (json_is_integer(a)) {
    json_int_t whole = json_integer_value(a);
    *mantissa = whole < 0 ? 0 - (uint64_t)whole : (uint64_t)whole;
    return;
  }
  (void)trm__real_text(json_real_value(a), text, sizeof text);
  *mantissa = 0;
  int behind = 0;
  for (const char *c = text; *c; c++) {
    if (*c >= '0' && *c <= '9') {
      *mantissa = *mantissa * 10 + (uint64_t)(*c - '0');
      *exponent -= behind;
    } else if (*c == '.') {
      behind = 1;
    } else if (*c == 'e' || *c == 'E') {
      *exponent += (int)strtol(c + 1, NULL, 10);
      break;
    }
  }
}

/* a * b mod m, by doubling. */
static uint64_t value_times(uint64_t a, uint64_t b, uint64_t m) {
  uint64_t sum = 0;
  for (a %= m; b; b >>= 1) {
    if (b & 1) sum = sum >= m - a ? sum - (m - a) : sum + a;
    a = a >= m - a ? a - (m - a) : a + a;
  }
  return sum;
}

int trm__value_is_multiple(const json_t *a, const json_t *b) {
  uint64_t m, divisor;
  int e, f;
  value_decimal(a, &m, &e);
  value_decimal(b, &divisor, &f);
  if (!m) return 1;
  while (e < f) { /* then m must have the zeros itself */
    if (m % 10) return 0;
    m /= 10;
    e++;
  }
  for (m %= divisor; e > f && m; e--) m = value_times(m, 10, divisor);
  return m == 0;
}

int trm__value_equal(const json_t *a, const json_t *b, int64_t *steps) {
  if (--*steps < 0) return 0;
  if (json_is_number(a) && json_is_number(b)) return trm__value_compare(a, b) == 0;
  if (json_typeof(a) != json_typeof(b)) return 0;
  if (json_is_string(a)) {
    *steps -= (int64_t)(json_string_length(a) / 64);
    return json_string_length(a) == json_string_length(b) &&
           !memcmp(json_string_value(a), json_string_value(b), json_string_length(a));
  }
  if (json_is_array(a)) {
    size_t count = json_array_size(a);
    if (count != json_array_size(b)) return 0;
    for (size_t i = 0; i < count; i++)
      if (!trm__value_equal(json_array_get(a, i), json_array_get(b, i), steps)) return 0;
  }
  if (json_is_object(a)) {
    if (json_object_size(a) != json_object_size(b)) return 0;
    json_t *members = (json_t *)(uintptr_t)a; /* jansson's iterators are not const; nothing is changed */
    for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at)) {
      const json_t *other = json_object_getn(b, json_object_iter_key(at), json_object_iter_key_len(at));
      if (!other || !trm__value_equal(json_object_iter_value(at), other, steps)) return 0;
    }
  }
  return 1;
}

static uint64_t value_mix(uint64_t hash, uint64_t next) {
  hash = (hash ^ next) * 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 29);
}

static uint64_t value_hash_bytes(const char *text, size_t length) {
  uint64_t hash = 14695981039346656037u;
  for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
  return hash;
}

uint64_t trm__value_hash(const json_t *a, int64_t *steps) {
  if (--*steps < 0) return 0;
  uint64_t hash = (uint64_t)(json_is_number(a) ? JSON_REAL : json_typeof(a));
  if (json_is_number(a)) {
    double number = json_number_value(a) + 0.0; /* -0 becomes 0 */
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return value_mix(hash, bits);
  }
  if (json_is_string(a)) {
    *steps -= (int64_t)(json_string_length(a) / 64);
    return value_mix(hash, value_hash_bytes(json_string_value(a), json_string_length(a)));
  }
  for (size_t i = 0; json_is_array(a) && i < json_array_size(a); i++)
    hash = value_mix(hash, trm__value_hash(json_array_get(a, i), steps));
  json_t *members = (json_t *)(uintptr_t)a; /* as above */
  uint64_t sum = 0;
  for (void *at = json_is_object(a) ? json_object_iter(members) : NULL; at; at = json_object_iter_next(members, at))
    sum += value_mix(value_hash_bytes(json_object_iter_key(at), json_object_iter_key_len(at)),
                     trm__value_hash(json_object_iter_value(at), steps));
  return value_mix(hash, sum);
}

const char *trm__value_text(const json_t *a, char text[TRM__VALUE_TEXT]) {
  size_t used = 0, i = 0;
  switch (a ? json_typeof(a) : JSON_NULL) {
  case JSON_STRING:
    text[used++] = '"';
    for (const char *c = json_string_value(a); i < json_string_length(a) && used < TRM__VALUE_TEXT - 12; i++)
      text[used++] = (unsigned char)c[i] < ' ' || c[i] == 127 ? '?' : c[i];
    while (i < json_string_length(a) && used > 1 && ((unsigned char)text[used - 1] & 0xc0) == 0x80) used--;
    if (i < json_string_length(a) && used > 1 && ((unsigned char)text[used - 1] & 0xc0) == 0xc0) used--;
    (void)snprintf(text + used, TRM__VALUE_TEXT - used, "%s\"", i < json_string_length(a) ? "..." : "");
    break;
  case JSON_INTEGER:
    (void)snprintf(text, TRM__VALUE_TEXT, "%lld", (long long)json_integer_value(a));
    break;
  case JSON_REAL:
    (void)trm__real_text(json_real_value(a), text, TRM__VALUE_TEXT);
    break;
  case JSON_ARRAY:
    (void)snprintf(text, TRM__VALUE_TEXT, "an array of %zu", json_array_size(a));
    break;
  case JSON_OBJECT:
  case JSON_TRUE:
  case JSON_FALSE:
  case JSON_NULL:
    (void)snprintf(text, TRM__VALUE_TEXT, "%s", trm__json_type_name(a));
  }
  return text;
}
