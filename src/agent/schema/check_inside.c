/* Keywords that apply schemas to members and items. */
#include <string.h>

#include "agent/schema/check.h"
#include "agent/schema/keywords.h"
#include "agent/schema/value.h"
#include "base/status.h"
#include "base/text/nearest.h"

static json_t *inside_iterable(const json_t *value) { /* jansson's iterators are not const; nothing is changed */
  return (json_t *)(uintptr_t)value;
}

static schema_place place_of_member(const schema_frame *f, void *at) {
  return (schema_place){f->place, json_object_iter_key(at), json_object_iter_key_len(at), 0, f->place->depth + 1};
}

/* A key that no keyword knows, where others are refused: the nearest one that is known may be meant. */
static int member_unknown(schema_run *r, const schema_frame *f, const schema_place *place) {
  json_t *known = json_object_get(f->node->schema, "properties");
  trm__nearest nearest = trm__nearest_to(place->key);
  for (void *at = r->loud ? json_object_iter(known) : NULL; at; at = json_object_iter_next(known, at))
    trm__nearest_offer(&nearest, json_object_iter_key(at), json_object_iter_key_len(at));
  if (nearest.name[0]) return trm__schema_say_words(r, place, "unknown key; did you mean \"%s\"?", nearest.name);
  char names[200] = "";
  size_t used = 0;
  for (void *at = r->loud ? json_object_iter(known) : NULL; at; at = json_object_iter_next(known, at)) {
    size_t length = json_object_iter_key_len(at);
    if (used + length + 3 > sizeof names) break;
    if (used) names[used++] = ',', names[used++] = ' ';
    memcpy(names + used, json_object_iter_key(at), length);
    used += length;
  }
  return trm__schema_say_words(r, place, "unknown key; known here: %s", used ? names : "none");
}

/* properties, patternProperties and additionalProperties, member by member. */
int trm__check_members(schema_run *r, const schema_frame *f, const json_t *keyword) {
  (void)keyword;
  if (!json_is_object(f->value)) return 1;
  const json_t *schema = f->node->schema, *properties = json_object_get(schema, "properties");
  const json_t *patterns = json_object_get(schema, "patternProperties");
  const json_t *additional = json_object_get(schema, "additionalProperties");
  size_t number = 0;
  for (void *at = json_object_iter(inside_iterable(f->value)); at;
       at = json_object_iter_next(inside_iterable(f->value), at)) {
    const schema_place place = place_of_member(f, at);
    const json_t *value = json_object_iter_value(at), *own = json_object_getn(properties, place.key, place.key_length);
    int known = own != NULL;
    if (own && !trm__schema_apply(r, own, value, &place, NULL)) return 0;
    size_t i = 0;
    for (void *p = json_object_iter(inside_iterable(patterns)); p;
         p = json_object_iter_next(inside_iterable(patterns), p), i++) {
      int fits = trm__schema_match(r, f->node->patterns[i], json_object_iter_key(p), place.key, place.key_length);
      if (r->status) return 0;
      if (!fits) continue;
      known = 1;
      if (!trm__schema_apply(r, json_object_iter_value(p), value, &place, NULL)) return 0;
    }
    if (!known && json_is_false(additional)) return member_unknown(r, f, &place);
    if (!known && additional && !trm__schema_apply(r, additional, value, &place, NULL)) return 0;
    if (known || additional) trm__schema_mark(f->marks, number);
    number++;
    if (!trm__schema_spend(r, 1)) return 0;
  }
  return 1;
}

int trm__check_names(schema_run *r, const schema_frame *f, const json_t *keyword) {
  if (!json_is_object(f->value)) return 1;
  for (void *at = json_object_iter(inside_iterable(f->value)); at;
       at = json_object_iter_next(inside_iterable(f->value), at)) {
    const schema_place place = place_of_member(f, at);
    json_t *name = json_stringn_nocheck(place.key, place.key_length);
    if (!name && !r->status) r->status = trm__fail_memory(r->err, r->where, place.key_length);
    int ok = name && trm__schema_apply(r, keyword, name, &place, NULL);
    json_decref(name);
    if (!ok) return 0;
  }
  return 1;
}

/* prefixItems and items. */
int trm__check_items(schema_run *r, const schema_frame *f, const json_t *keyword) {
  (void)keyword;
  const json_t *prefix = json_object_get(f->node->schema, "prefixItems");
  const json_t *items = json_object_get(f->node->schema, "items");
  size_t before = json_array_size(prefix), count = json_array_size(f->value);
  for (size_t i = 0; i < count; i++) {
    const schema_place place = {f->place, NULL, 0, i, f->place->depth + 1};
    const json_t *schema = i < before ? json_array_get(prefix, i) : items;
    if (!schema) break;
    if (i >= before && json_is_false(schema))
      return trm__schema_say_words(r, f->place, "found %zu items, expected at most %zu", count, before);
    if (!trm__schema_apply(r, schema, json_array_get(f->value, i), &place, NULL)) return 0;
    trm__schema_mark(f->marks, i);
  }
  return 1;
}

/* contains, minContains and maxContains. */
int trm__check_contains(schema_run *r, const schema_frame *f, const json_t *keyword) {
  if (!json_is_array(f->value)) return 1;
  const json_t *least = json_object_get(f->node->schema, "minContains");
  const json_t *most = json_object_get(f->node->schema, "maxContains");
  if (!(f->node->resource->vocabularies & SCHEMA_VALIDATION)) least = most = NULL;
  size_t count = json_array_size(f->value), found = 0;
  int loud = r->loud;
  r->loud = 0;
  for (size_t i = 0; i < count; i++) {
    const schema_place place = {f->place, NULL, 0, i, f->place->depth + 1};
    if (!trm__schema_apply(r, keyword, json_array_get(f->value, i), &place, NULL)) continue;
    found++;
    trm__schema_mark(f->marks, i);
  }
  r->loud = loud;
  if (r->status) return 0;
  double least_number = least ? json_number_value(least) : 1;
  if ((double)found < least_number)
    return trm__schema_say_words(r, f->place, "found %zu items that \"contains\" describes, expected at least %.0f",
                                 found, least_number);
  if (most && (double)found > json_number_value(most))
    return trm__schema_say_words(r, f->place, "found %zu items that \"contains\" describes, expected at most %.0f",
                                 found, json_number_value(most));
  return 1;
}

int trm__check_other_members(schema_run *r, const schema_frame *f, const json_t *keyword) {
  if (!json_is_object(f->value)) return 1;
  size_t number = 0;
  for (void *at = json_object_iter(inside_iterable(f->value)); at;
       at = json_object_iter_next(inside_iterable(f->value), at)) {
    const schema_place place = place_of_member(f, at);
    if (!trm__schema_marked(f->marks, number)) {
      if (json_is_false(keyword)) return member_unknown(r, f, &place);
      if (!trm__schema_apply(r, keyword, json_object_iter_value(at), &place, NULL)) return 0;
      trm__schema_mark(f->marks, number);
    }
    number++;
    if (!trm__schema_spend(r, 1)) return 0;
  }
  return 1;
}

int trm__check_other_items(schema_run *r, const schema_frame *f, const json_t *keyword) {
  if (!json_is_array(f->value)) return 1;
  for (size_t i = 0; i < json_array_size(f->value); i++) {
    const schema_place place = {f->place, NULL, 0, i, f->place->depth + 1};
    if (trm__schema_marked(f->marks, i)) continue;
    if (!trm__schema_apply(r, keyword, json_array_get(f->value, i), &place, NULL)) return 0;
    trm__schema_mark(f->marks, i);
  }
  return 1;
}
