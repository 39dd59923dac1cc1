/* Keywords that look at the value itself: its type, its size, its number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/schema/check.h"
#include "agent/schema/value.h"
#include "base/mem.h"
#include "base/status.h"

/* -- type, enum, const --------------------------------------------------------------------------------------------- */

static const struct {
  const char *name, *words;
} type_names[] = {
    {"object", "an object"}, {"array", "an array"},        {"string", "a text"}, {"integer", "a whole number"},
    {"number", "a number"},  {"boolean", "true or false"}, {"null", "null"}};

static int type_is(const json_t *value, const char *name) {
  switch (name[0]) {
  case 'o':
    return json_is_object(value);
  case 'a':
    return json_is_array(value);
  case 's':
    return json_is_string(value);
  case 'i':
    return json_is_number(value) && trm__value_is_whole(value);
  case 'b':
    return json_is_boolean(value);
  default:
    return name[2] == 'l' ? json_is_null(value) : json_is_number(value);
  }
}

static const char *type_words(const char *name) {
  for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++)
    if (!strcmp(type_names[i].name, name)) return type_names[i].words;
  return name;
}

int trm__check_type(schema_run *r, const schema_frame *f, const json_t *keyword) {
  if (json_is_string(keyword)) {
    const char *name = json_string_value(keyword);
    return type_is(f->value, name) || trm__schema_say(r, f->place, f->value, "%s", type_words(name));
  }
  char words[160] = "";
  size_t count = json_array_size(keyword), used = 0;
  for (size_t i = 0; i < count; i++)
    if (type_is(f->value, json_string_value(json_array_get(keyword, i)))) return 1;
  for (size_t i = 0; r->loud && i < count && used < sizeof words; i++)
    used += (size_t)snprintf(words + used, sizeof words - used, "%s%s", i ? i + 1 < count ? ", " : " or " : "",
                             type_words(json_string_value(json_array_get(keyword, i))));
  return trm__schema_say(r, f->place, f->value, "%s", words);
}

/* Equality spends the run's steps. */
static int value_same(schema_run *r, const json_t *a, const json_t *b) {
  int64_t left = r->steps;
  int same = trm__value_equal(a, b, &left);
  return trm__schema_spend(r, r->steps - left) && same;
}

int trm__check_enum(schema_run *r, const schema_frame *f, const json_t *keyword) {
  char words[300] = "", text[TRM__VALUE_TEXT];
  size_t count = json_array_size(keyword), used = 0;
  for (size_t i = 0; i < count; i++)
    if (value_same(r, f->value, json_array_get(keyword, i))) return 1;
  for (size_t i = 0; r->loud && i < count && used < sizeof words; i++)
    used += (size_t)snprintf(words + used, sizeof words - used, "%s%s", i ? i + 1 < count ? ", " : " or " : "",
                             trm__value_text(json_array_get(keyword, i), text));
  return trm__schema_say(r, f->place, f->value, "%s%s", count ? "" : "nothing", words);
}

int trm__check_const(schema_run *r, const schema_frame *f, const json_t *keyword) {
  char text[TRM__VALUE_TEXT];
  return value_same(r, f->value, keyword) ||
         trm__schema_say(r, f->place, f->value, "%s", trm__value_text(keyword, text));
}

/* -- numbers ------------------------------------------------------------------------------------------------------- */

static int number_say(schema_run *r, const schema_frame *f, const json_t *keyword, const char *words) {
  char text[TRM__VALUE_TEXT];
  return trm__schema_say(r, f->place, f->value, "%s %s", words, trm__value_text(keyword, text));
}

int trm__check_minimum(schema_run *r, const schema_frame *f, const json_t *keyword) {
  return !json_is_number(f->value) || trm__value_compare(f->value, keyword) >= 0 ||
         number_say(r, f, keyword, "at least");
}

int trm__check_maximum(schema_run *r, const schema_frame *f, const json_t *keyword) {
  return !json_is_number(f->value) || trm__value_compare(f->value, keyword) <= 0 ||
         number_say(r, f, keyword, "at most");
}

int trm__check_above(schema_run *r, const schema_frame *f, const json_t *keyword) {
  return !json_is_number(f->value) || trm__value_compare(f->value, keyword) > 0 ||
         number_say(r, f, keyword, "more than");
}

int trm__check_below(schema_run *r, const schema_frame *f, const json_t *keyword) {
  return !json_is_number(f->value) || trm__value_compare(f->value, keyword) < 0 ||
         number_say(r, f, keyword, "less than");
}

int trm__check_multiple(schema_run *r, const schema_frame *f, const json_t *keyword) {
  return !json_is_number(f->value) || trm__value_is_multiple(f->value, keyword) ||
         number_say(r, f, keyword, "a multiple of");
}

/* -- sizes --------------------------------------------------------------------------------------------------------- */

static int size_check(schema_run *r, const schema_frame *f, const json_t *keyword, size_t size, int least,
                      const char *unit) {
  json_t *count = json_integer((json_int_t)size);
  if (!count) {
    if (!r->status) r->status = trm__fail_memory(r->err, r->where, sizeof size);
    return 0;
  }
  int order = trm__value_compare(count, keyword);
  json_decref(count);
  if (least ? order >= 0 : order <= 0) return 1;
  char text[TRM__VALUE_TEXT];
  return trm__schema_say_words(r, f->place, "found %zu %s, expected %s %s", size, unit, least ? "at least" : "at most",
                               trm__value_text(keyword, text));
}

static int length_check(schema_run *r, const schema_frame *f, const json_t *keyword, int least) {
  if (!json_is_string(f->value)) return 1;
  const char *text = json_string_value(f->value);
  size_t bytes = json_string_length(f->value), characters = 0;
  if (!trm__schema_spend(r, (int64_t)(bytes / 64))) return 0;
  for (size_t i = 0; i < bytes; i++) characters += ((unsigned char)text[i] & 0xc0) != 0x80;
  return size_check(r, f, keyword, characters, least, "characters");
}

int trm__check_min_length(schema_run *r, const schema_frame *f, const json_t *keyword) {
  return length_check(r, f, keyword, 1);
}

int trm__check_max_length(schema_run *r, const schema_frame *f, const json_t *keyword) {
  return length_check(r, f, keyword, 0);
}

int trm__check_min_items(schema_run *r, const schema_frame *f, const json_t *keyword) {
  return !json_is_array(f->value) || size_check(r, f, keyword, json_array_size(f->value), 1, "items");
}

int trm__check_max_items(schema_run *r, const schema_frame *f, const json_t *keyword) {
  return !json_is_array(f->value) || size_check(r, f, keyword, json_array_size(f->value), 0, "items");
}

int trm__check_min_members(schema_run *r, const schema_frame *f, const json_t *keyword) {
  return !json_is_object(f->value) || size_check(r, f, keyword, json_object_size(f->value), 1, "keys");
}

int trm__check_max_members(schema_run *r, const schema_frame *f, const json_t *keyword) {
  return !json_is_object(f->value) || size_check(r, f, keyword, json_object_size(f->value), 0, "keys");
}

/* -- the rest ------------------------------------------------------------------------------------------------------ */

int trm__check_pattern(schema_run *r, const schema_frame *f, const json_t *keyword) {
  if (!json_is_string(f->value)) return 1;
  if (trm__schema_match(r, f->node->pattern, json_string_value(keyword), json_string_value(f->value),
                        json_string_length(f->value)))
    return 1;
  return trm__schema_say(r, f->place, f->value, "a text that matches %.200s", json_string_value(keyword));
}

typedef struct unique_item {
  uint64_t hash;
  size_t at;
} unique_item;

static int unique_order(const void *a, const void *b) {
  const unique_item *x = a, *y = b;
  if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
  return (x->at > y->at) - (x->at < y->at);
}

int trm__check_unique(schema_run *r, const schema_frame *f, const json_t *keyword) {
  size_t count = json_array_size(f->value), a = 0, b = 0;
  if (!json_is_true(keyword) || count < 2) return 1;
  unique_item *items = trm__calloc(count, sizeof *items);
  if (!items) {
    if (!r->status) r->status = trm__fail_memory(r->err, r->where, count * sizeof *items);
    return 0;
  }
  int64_t left = r->steps;
  for (size_t i = 0; i < count; i++) items[i] = (unique_item){trm__value_hash(json_array_get(f->value, i), &left), i};
  int ok = trm__schema_spend(r, r->steps - left), same = 0;
  qsort(items, count, sizeof *items, unique_order);
  for (size_t i = 0; ok && !same && i < count; i++)
    for (size_t k = i + 1; ok && !same && k < count && items[k].hash == items[i].hash; k++) {
      a = items[i].at;
      b = items[k].at;
      same = value_same(r, json_array_get(f->value, a), json_array_get(f->value, b));
      ok = !r->status;
    }
  trm__free(items);
  if (same) return trm__schema_say_words(r, f->place, "items %zu and %zu are equal, expected each once", a, b);
  return ok;
}

int trm__check_required(schema_run *r, const schema_frame *f, const json_t *keyword) {
  if (!json_is_object(f->value)) return 1;
  for (size_t i = 0; i < json_array_size(keyword); i++) {
    const json_t *name = json_array_get(keyword, i);
    if (!trm__schema_spend(r, 1)) return 0;
    if (!json_object_getn(f->value, json_string_value(name), json_string_length(name)))
      return trm__schema_say_words(r, f->place, "has no \"%s\", which is required", json_string_value(name));
  }
  return 1;
}

int trm__check_dependent_required(schema_run *r, const schema_frame *f, const json_t *keyword) {
  json_t *names = (json_t *)(uintptr_t)keyword; /* jansson's iterators are not const; nothing is changed */
  if (!json_is_object(f->value)) return 1;
  for (void *at = json_object_iter(names); at; at = json_object_iter_next(names, at)) {
    if (!trm__schema_spend(r, 1)) return 0;
    if (!json_object_getn(f->value, json_object_iter_key(at), json_object_iter_key_len(at))) continue;
    const json_t *wanted = json_object_iter_value(at);
    for (size_t i = 0; i < json_array_size(wanted); i++) {
      const json_t *name = json_array_get(wanted, i);
      if (!json_object_getn(f->value, json_string_value(name), json_string_length(name)))
        return trm__schema_say_words(r, f->place, "has no \"%s\", which is required beside \"%s\"",
                                     json_string_value(name), json_object_iter_key(at));
    }
  }
  return 1;
}
