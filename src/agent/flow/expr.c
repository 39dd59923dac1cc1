#include "agent/flow/expr.h"

#include <string.h>

#include "agent/schema/value.h"
#include "base/mem.h"
#include "base/status.h"

#define STEPS 100000 /* of a comparison */

static json_t *expr_iterable(const json_t *value) { /* jansson's iterators are not const; nothing is changed */
  return (json_t *)(uintptr_t)value;
}

const json_t *trm__expr_at(const json_t *root, const char *pointer) {
  char key[1100];
  while (root && *pointer == '/') {
    size_t length = 0, index = 0;
    int number = 1;
    for (pointer++; *pointer && *pointer != '/'; pointer++) {
      char c = *pointer;
      if (c == '~' && (pointer[1] == '0' || pointer[1] == '1')) c = *++pointer == '1' ? '/' : '~';
      if (length + 1 >= sizeof key) return NULL;
      key[length++] = c;
      number = number && c >= '0' && c <= '9' && length < 10;
      index = index * 10 + (size_t)(c - '0');
    }
    key[length] = 0;
    if (json_is_array(root)) root = number && length ? json_array_get(root, index) : NULL;
    else root = json_object_getn(root, key, length);
  }
  return *pointer ? NULL : root;
}

/* The pointer of {"$from": POINTER}; NULL for any other value. */
static const char *expr_reference(const json_t *value) {
  return json_object_size(value) == 1 ? json_string_value(json_object_get(value, "$from")) : NULL;
}

static trm_status expr_fill(json_t **out, const json_t *value, const json_t *root, int depth, trm_error *err) {
  const char *pointer = expr_reference(value);
  trm_status status = TRM_OK;
  json_t *inner = NULL;
  *out = NULL;
  if (depth > 64) return trm__fail(err, TRM_E_INPUT, "", "nested deeper than 64 levels");
  if (pointer) {
    const json_t *found = trm__expr_at(root, pointer);
    if (!found) return trm__fail(err, TRM_E_INPUT, pointer, "refers to a value that is not there");
    *out = json_deep_copy(found);
    return *out ? TRM_OK : trm__fail_memory(err, pointer, 0);
  }
  json_t *o = json_is_object(value) ? json_object() : json_is_array(value) ? json_array() : json_deep_copy(value);
  if (!o) return trm__fail_memory(err, "", 0);
  for (size_t i = 0; i < json_array_size(value) && !status; i++) {
    status = expr_fill(&inner, json_array_get(value, i), root, depth + 1, err);
    if (!status && json_array_append_new(o, inner)) status = trm__fail_memory(err, "", 0);
  }
  for (void *at = json_object_iter(expr_iterable(value)); at && !status;
       at = json_object_iter_next(expr_iterable(value), at)) {
    status = expr_fill(&inner, json_object_iter_value(at), root, depth + 1, err);
    if (!status && json_object_setn_new(o, json_object_iter_key(at), json_object_iter_key_len(at), inner))
      status = trm__fail_memory(err, "", 0);
  }
  if (status) json_decref(o);
  else *out = o;
  return status;
}

trm_status trm__expr_fill(json_t **out, const json_t *value, const json_t *root, trm_error *err) {
  return expr_fill(out, value, root, 0, err);
}

/* -- conditions ---------------------------------------------------------------------------------------------------- */

static const char *expr_op(const json_t *condition) {
  const char *op = json_string_value(json_object_get(condition, "op"));
  return op ? op : "";
}

static int expr_is(const char *op, const char *name) {
  return !strcmp(op, name);
}

static trm_status expr_check(const json_t *c, int depth, trm_error *err) {
  const char *op = expr_op(c);
  const json_t *value = json_object_get(c, "value"), *path = json_object_get(c, "path");
  if (depth > TRM__EXPR_DEPTH)
    return trm__fail(err, TRM_E_INPUT, "", "conditions nested deeper than %d levels", TRM__EXPR_DEPTH);
  if (!json_is_object(c)) return trm__fail(err, TRM_E_INPUT, "", "expected a condition: {\"op\": ...}");
  if (expr_is(op, "not")) return expr_check(value, depth + 1, err);
  if (expr_is(op, "and") || expr_is(op, "or")) {
    if (!json_array_size(value) || path)
      return trm__fail(err, TRM_E_INPUT, "", "\"%s\" needs \"value\", an array of conditions, and no \"path\"", op);
    trm_status status = TRM_OK;
    for (size_t i = 0; i < json_array_size(value) && !status; i++)
      status = expr_check(json_array_get(value, i), depth + 1, err);
    return status;
  }
  static const char *const compares[] = {"eq", "ne", "lt", "le", "gt", "ge", "in", "exists"};
  int known = 0;
  for (size_t i = 0; i < sizeof compares / sizeof *compares; i++) known |= expr_is(op, compares[i]);
  if (!known)
    return trm__fail(err, TRM_E_INPUT, "",
                     "\"op\": found \"%.40s\", expected eq, ne, lt, le, gt, ge, in, "
                     "exists, and, or or not",
                     op);
  if (!json_is_string(path)) return trm__fail(err, TRM_E_INPUT, "", "\"%s\" needs \"path\", a JSON pointer", op);
  if (!value == !expr_is(op, "exists"))
    return trm__fail(err, TRM_E_INPUT, "", "\"%s\" %s", op, value ? "takes no \"value\"" : "needs \"value\"");
  if (expr_is(op, "in") && !json_is_array(value))
    return trm__fail(err, TRM_E_INPUT, "", "\"in\" needs \"value\", an array");
  return TRM_OK;
}

trm_status trm__expr_check(const json_t *condition, trm_error *err) {
  return expr_check(condition, 1, err);
}

static int expr_equal(const json_t *a, const json_t *b) {
  int64_t steps = STEPS;
  return trm__value_equal(a, b, &steps) && steps >= 0;
}

static int expr_compare(const char *op, const json_t *found, const json_t *value) {
  if (expr_is(op, "exists")) return found != NULL;
  if (!found) return 0;
  if (expr_is(op, "eq")) return expr_equal(found, value);
  if (expr_is(op, "ne")) return !expr_equal(found, value);
  if (expr_is(op, "in")) {
    for (size_t i = 0; i < json_array_size(value); i++)
      if (expr_equal(found, json_array_get(value, i))) return 1;
    return 0;
  }
  int order;
  if (json_is_number(found) && json_is_number(value)) order = trm__value_compare(found, value);
  else if (json_is_string(found) && json_is_string(value))
    order = strcmp(json_string_value(found), json_string_value(value));
  else return 0;
  if (op[0] == 'l') return order < 0 || (op[1] == 'e' && !order);
  return order > 0 || (op[1] == 'e' && !order);
}

static int expr_holds(const json_t *c, const json_t *root) {
  const char *op = expr_op(c), *path = json_string_value(json_object_get(c, "path"));
  const json_t *value = json_object_get(c, "value");
  if (expr_is(op, "not")) return !expr_holds(value, root);
  int all = expr_is(op, "and");
  if (!all && !expr_is(op, "or")) return expr_compare(op, trm__expr_at(root, path ? path : ""), value);
  for (size_t i = 0; i < json_array_size(value); i++)
    if (expr_holds(json_array_get(value, i), root) != all) return !all;
  return all;
}

trm_status trm__expr_holds(const json_t *condition, const json_t *root, int *holds, trm_error *err) {
  trm_status status = trm__expr_check(condition, err);
  if (!status) *holds = expr_holds(condition, root);
  return status;
}

/* -- pointers ------------------------------------------------------------------------------------------------------ */

trm_status trm__expr_pointers(const json_t *value, trm__expr_fn fn, void *context, trm_error *err) {
  const char *pointer = expr_reference(value);
  trm_status status = TRM_OK;
  if (pointer) return fn(context, pointer, err);
  const char *path = *expr_op(value) ? json_string_value(json_object_get(value, "path")) : NULL;
  if (path) status = fn(context, path, err);
  for (size_t i = 0; i < json_array_size(value) && !status; i++)
    status = trm__expr_pointers(json_array_get(value, i), fn, context, err);
  for (void *at = json_object_iter(expr_iterable(value)); at && !status;
       at = json_object_iter_next(expr_iterable(value), at))
    status = trm__expr_pointers(json_object_iter_value(at), fn, context, err);
  return status;
}
