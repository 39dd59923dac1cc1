/* Keywords that apply other schemas to the same value. */
#include "agent/schema/check.h"

int trm__check_ref(schema_run *r, const schema_frame *f, const json_t *keyword) {
  (void)keyword;
  return trm__schema_apply_here(r, f, f->node->reference);
}

/* The outermost resource on the way here that has the anchor as a dynamic one. */
int trm__check_dynamic_ref(schema_run *r, const schema_frame *f, const json_t *keyword) {
  (void)keyword;
  const json_t *target = f->node->dynamic;
  for (const schema_scope *scope = f->node->dynamic_name ? r->scope : NULL; scope; scope = scope->up) {
    const schema_anchor *anchor = trm__schema_anchor_find(scope->resource, f->node->dynamic_name);
    if (!trm__schema_spend(r, 1)) return 0;
    if (anchor && anchor->dynamic) target = anchor->schema;
  }
  return trm__schema_apply_here(r, f, target);
}

int trm__check_all(schema_run *r, const schema_frame *f, const json_t *keyword) {
  for (size_t i = 0; i < json_array_size(keyword); i++)
    if (!trm__schema_apply_here(r, f, json_array_get(keyword, i))) return 0;
  return 1;
}

/* All have failed: the failure that is deepest inside the value says most. */
static int alternatives_say(schema_run *r, const schema_frame *f, const json_t *keyword) {
  if (!r->loud) return 0;
  size_t count = json_array_size(keyword);
  int before = r->said_depth;
  for (size_t i = 0; i < count && !r->status; i++) {
    if (count > 1 && r->said_depth < f->place->depth) r->said_depth = f->place->depth; /* only what is inside */
    (void)trm__schema_apply_here(r, f, json_array_get(keyword, i));
  }
  if (r->said_depth > f->place->depth || count < 2) return 0;
  r->said_depth = before;
  return trm__schema_say(r, f->place, f->value, "what one of %zu alternatives allows", count);
}

int trm__check_any(schema_run *r, const schema_frame *f, const json_t *keyword) {
  int valid = 0;
  for (size_t i = 0; i < json_array_size(keyword); i++) {
    valid |= trm__schema_apply_quietly(r, f, json_array_get(keyword, i));
    if (r->status) return 0;
    if (valid && !r->schema->tracks) return 1;
  }
  return valid || alternatives_say(r, f, keyword);
}

int trm__check_one(schema_run *r, const schema_frame *f, const json_t *keyword) {
  size_t valid = 0, first = 0;
  for (size_t i = 0; i < json_array_size(keyword); i++) {
    int fits = trm__schema_apply_quietly(r, f, json_array_get(keyword, i));
    if (r->status) return 0;
    if (fits && valid++)
      return trm__schema_say(r, f->place, f->value, "what only one alternative allows, not both %zu and %zu", first + 1,
                             i + 1);
    if (fits) first = i;
  }
  return valid == 1 || alternatives_say(r, f, keyword);
}

int trm__check_not(schema_run *r, const schema_frame *f, const json_t *keyword) {
  int loud = r->loud;
  r->loud = 0;
  int fits = trm__schema_apply(r, keyword, f->value, f->place, NULL);
  r->loud = loud;
  if (r->status) return 0;
  return !fits || trm__schema_say(r, f->place, f->value, "anything but what \"not\" describes");
}

int trm__check_if(schema_run *r, const schema_frame *f, const json_t *keyword) {
  int holds = trm__schema_apply_quietly(r, f, keyword);
  if (r->status) return 0;
  const json_t *next = json_object_get(f->node->schema, holds ? "then" : "else");
  return !next || trm__schema_apply_here(r, f, next);
}

int trm__check_dependent(schema_run *r, const schema_frame *f, const json_t *keyword) {
  json_t *schemas = (json_t *)(uintptr_t)keyword; /* jansson's iterators are not const; nothing is changed */
  if (!json_is_object(f->value)) return 1;
  for (void *at = json_object_iter(schemas); at; at = json_object_iter_next(schemas, at)) {
    if (!trm__schema_spend(r, 1)) return 0;
    if (json_object_getn(f->value, json_object_iter_key(at), json_object_iter_key_len(at)) &&
        !trm__schema_apply_here(r, f, json_object_iter_value(at)))
      return 0;
  }
  return 1;
}
