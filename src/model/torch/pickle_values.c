/* The values of a pickle: the stack, the memo, containers, and the few classes that are known. */
#include "model/torch/pickle_values.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

trm_status trm__unpickle_fail(trm__unpickler *u, const char *format, ...) {
  char message[800];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(message, sizeof message, format, args);
  va_end(args);
  return trm__fail(u->err, TRM_E_INPUT, u->where, "%s (byte %zu of it)", message, u->begun);
}

/* -- growing arrays ------------------------------------------------------------------------------------------------ */

/* Room for one more of `size` bytes. */
static trm_status unpickle_grow(trm__unpickler *u, void **array, size_t *room, size_t used, size_t size) {
  if (used < *room) return TRM_OK;
  size_t wanted = *room ? 2 * *room : 64;
  void *larger = trm__realloc(*array, wanted, size);
  if (!larger) return trm__fail_memory(u->err, u->where, wanted * size);
  *array = larger;
  *room = wanted;
  return TRM_OK;
}

trm_status trm__unpickle_new(trm__unpickler *u, trm__pickle_value value, uint32_t *out) {
  void *values = u->pickle.value;
  if (u->pickle.count >= TRM__PICKLE_MOST)
    return trm__unpickle_fail(u, "its pickle has more than %d values, a state dict some hundred", TRM__PICKLE_MOST);
  trm_status status = unpickle_grow(u, &values, &u->pickle.room, u->pickle.count, sizeof value);
  if (status) return status;
  u->pickle.value = values;
  *out = (uint32_t)u->pickle.count;
  u->pickle.value[u->pickle.count++] = value;
  return TRM_OK;
}

/* -- the stack ----------------------------------------------------------------------------------------------------- */

trm_status trm__unpickle_push(trm__unpickler *u, uint32_t value) {
  void *stack = u->stack;
  if (u->depth >= TRM__PICKLE_MOST) return trm__unpickle_fail(u, "its pickle stacks over %d values", TRM__PICKLE_MOST);
  trm_status status = unpickle_grow(u, &stack, &u->stack_room, u->depth, sizeof value);
  if (status) return status;
  u->stack = stack;
  u->stack[u->depth++] = value;
  return TRM_OK;
}

trm_status trm__unpickle_push_new(trm__unpickler *u, trm__pickle_value value) {
  uint32_t made = 0;
  trm_status status = trm__unpickle_new(u, value, &made);
  return status ? status : trm__unpickle_push(u, made);
}

trm_status trm__unpickle_pop(trm__unpickler *u, uint32_t *value) {
  if (u->depth <= u->floor) return trm__unpickle_fail(u, "its pickle takes a value from an empty stack");
  *value = u->stack[--u->depth];
  return TRM_OK;
}

trm_status trm__unpickle_mark(trm__unpickler *u) {
  void *marks = u->marks;
  if (u->mark_count >= TRM__PICKLE_MOST) return trm__unpickle_fail(u, "its pickle has over %d marks", TRM__PICKLE_MOST);
  trm_status status = unpickle_grow(u, &marks, &u->mark_room, u->mark_count, sizeof *u->marks);
  if (status) return status;
  u->marks = marks;
  u->marks[u->mark_count++] = u->floor = u->depth;
  return TRM_OK;
}

trm_status trm__unpickle_to_mark(trm__unpickler *u, size_t *from) {
  if (!u->mark_count) return trm__unpickle_fail(u, "its pickle looks for a mark that is not there");
  *from = u->marks[--u->mark_count];
  u->floor = u->mark_count ? u->marks[u->mark_count - 1] : 0;
  return TRM_OK;
}

trm_status trm__unpickle_above(trm__unpickler *u, int count, size_t *from) {
  if (u->depth - u->floor < (size_t)count) return trm__unpickle_fail(u, "its pickle takes values from an empty stack");
  *from = u->depth - (size_t)count;
  return TRM_OK;
}

trm_status trm__unpickle_extend(trm__unpickler *u, uint32_t into, size_t from) {
  trm__pickle_value *v = &u->pickle.value[into];
  size_t more = u->depth - from, whole = v->count + more;
  if (v->kind == TRM__PICKLE_DICT && more % 2) return trm__unpickle_fail(u, "its pickle has a key without a value");
  if (!more) return TRM_OK;
  size_t room = 4; /* in doublings, so that one item at a time costs no more than all at once */
  while (room < v->count) room *= 2;
  if (!v->as.item || whole > room) {
    while (room < whole) room *= 2;
    uint32_t *larger = trm__realloc(v->as.item, room, sizeof *larger);
    if (!larger) return trm__fail_memory(u->err, u->where, room * sizeof *larger);
    v->as.item = larger;
  }
  memcpy(v->as.item + v->count, u->stack + from, more * sizeof *u->stack);
  v->count = (uint32_t)whole;
  u->depth = from;
  return TRM_OK;
}

/* -- the memo ------------------------------------------------------------------------------------------------------ */

trm_status trm__unpickle_put(trm__unpickler *u, uint64_t index) {
  if (u->depth <= u->floor) return trm__unpickle_fail(u, "its pickle remembers a value of an empty stack");
  if (index >= TRM__PICKLE_MOST) return trm__unpickle_fail(u, "its pickle remembers over %d values", TRM__PICKLE_MOST);
  while (u->memos <= index) {
    void *memo = u->memo;
    trm_status status = unpickle_grow(u, &memo, &u->memo_room, u->memos, sizeof *u->memo);
    if (status) return status;
    u->memo = memo;
    u->memo[u->memos++] = UINT32_MAX;
  }
  u->memo[index] = u->stack[u->depth - 1];
  return TRM_OK;
}

trm_status trm__unpickle_get(trm__unpickler *u, uint64_t index) {
  if (index >= u->memos || u->memo[index] == UINT32_MAX)
    return trm__unpickle_fail(u, "its pickle refers to value %llu, which it has not", (unsigned long long)index);
  return trm__unpickle_push(u, u->memo[index]);
}

/* -- classes and functions ----------------------------------------------------------------------------------------- */

enum { IS_STORAGE, IS_DICT, IS_TENSOR, IS_PARAMETER };

/* All that a state dict needs. */
static const struct {
  const char *module, *name;
  int what;
  trm__st_dtype dtype;
} classes[] = {{"collections", "OrderedDict", IS_DICT, 0},
               {"torch._utils", "_rebuild_tensor_v2", IS_TENSOR, 0},
               {"torch._utils", "_rebuild_tensor", IS_TENSOR, 0},
               {"torch._utils", "_rebuild_parameter", IS_PARAMETER, 0},
               {"torch", "FloatStorage", IS_STORAGE, TRM__ST_F32},
               {"torch", "BFloat16Storage", IS_STORAGE, TRM__ST_BF16},
               {"torch", "HalfStorage", IS_STORAGE, TRM__ST_F16},
               {"torch", "DoubleStorage", IS_STORAGE, TRM__ST_F64},
               {"torch", "LongStorage", IS_STORAGE, TRM__ST_I64},
               {"torch", "IntStorage", IS_STORAGE, TRM__ST_I32},
               {"torch", "ShortStorage", IS_STORAGE, TRM__ST_I16},
               {"torch", "CharStorage", IS_STORAGE, TRM__ST_I8},
               {"torch", "ByteStorage", IS_STORAGE, TRM__ST_U8},
               {"torch", "BoolStorage", IS_STORAGE, TRM__ST_BOOL},
               {"torch.cuda", "FloatStorage", IS_STORAGE, TRM__ST_F32},
               {"torch.cuda", "BFloat16Storage", IS_STORAGE, TRM__ST_BF16},
               {"torch.cuda", "HalfStorage", IS_STORAGE, TRM__ST_F16}};

static int unpickle_is(const char *text, size_t length, const char *wanted) {
  return length == strlen(wanted) && !memcmp(text, wanted, length);
}

/* Letters that may be shown, of a name that a file chose. */
static void unpickle_shown(char shown[100], const char *text, size_t length) {
  size_t n = length < 99 ? length : 99;
  for (size_t i = 0; i < n; i++) shown[i] = text[i] > ' ' && text[i] < 127 ? text[i] : '?';
  shown[n] = 0;
}

trm_status trm__unpickle_class(trm__unpickler *u, const char *module, size_t of_module, const char *name,
                               size_t of_name) {
  for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
    if (unpickle_is(module, of_module, classes[i].module) && unpickle_is(name, of_name, classes[i].name))
      return trm__unpickle_push_new(u, (trm__pickle_value){.kind = TRM__PICKLE_CLASS, .dtype = (uint8_t)i});
  char from[100], shown[100];
  unpickle_shown(from, module, of_module);
  unpickle_shown(shown, name, of_name);
  return trm__unpickle_fail(
      u,
      "its pickle wants %s.%s, which is no part of a state dict: refused, nothing was run; save the "
      "weights alone: torch.save(model.state_dict(), FILE)",
      from, shown);
}

/* -- calls --------------------------------------------------------------------------------------------------------- */

/* A tuple of whole numbers that are 0 or more; *rank is how many. */
static trm_status unpickle_sizes(trm__unpickler *u, uint32_t id, const char *what, int64_t out[TRM__PICKLE_RANK],
                                 int *rank) {
  const trm__pickle_value *v = &u->pickle.value[id];
  if (v->kind != TRM__PICKLE_TUPLE || v->count > TRM__PICKLE_RANK)
    return trm__unpickle_fail(u, "its pickle has a tensor whose %s is no tuple of at most %d numbers", what,
                              TRM__PICKLE_RANK);
  *rank = (int)v->count;
  for (uint32_t i = 0; i < v->count; i++) {
    const trm__pickle_value *n = &u->pickle.value[v->as.item[i]];
    if (n->kind != TRM__PICKLE_INT || n->as.integer < 0)
      return trm__unpickle_fail(u, "its pickle has a tensor whose %s is not of whole numbers from 0 on", what);
    out[i] = n->as.integer;
  }
  return TRM_OK;
}

/* The last element lies in the storage. All products are checked: shapes and strides are the file's. */
static trm_status unpickle_check_reach(trm__unpickler *u, const trm__pickle_tensor *t, int64_t elements) {
  int64_t last = t->offset, most = INT64_MAX, count = 1;
  for (int i = 0; i < t->rank; i++) {
    if (t->shape[i] == 0) return TRM_OK;
    if (t->shape[i] > most / count) return trm__unpickle_fail(u, "its pickle has a tensor with too many elements");
    count *= t->shape[i];
    int64_t steps = t->shape[i] - 1;
    if (t->stride[i] && steps > (most - last) / t->stride[i]) last = most;
    else last += steps * t->stride[i];
  }
  if (last >= elements)
    return trm__unpickle_fail(u, "its pickle has a tensor that reaches element %lld of a storage of %lld",
                              (long long)last, (long long)elements);
  if (count > elements)
    return trm__unpickle_fail(u,
                              "its pickle has an expanded tensor: %lld elements in a storage of %lld; save it with "
                              ".contiguous()",
                              (long long)count, (long long)elements);
  return TRM_OK;
}

static trm_status unpickle_tensor(trm__unpickler *u, const uint32_t *argument, uint32_t count) {
  trm__pickle_tensor t = {.rank = 0};
  int strides = 0;
  if (count < 4) return trm__unpickle_fail(u, "its pickle has a tensor without shape and strides");
  const trm__pickle_value *storage = &u->pickle.value[argument[0]], *offset = &u->pickle.value[argument[1]];
  if (storage->kind != TRM__PICKLE_STORAGE)
    return trm__unpickle_fail(u, "its pickle has a tensor of what is no storage");
  if (offset->kind != TRM__PICKLE_INT || offset->as.integer < 0)
    return trm__unpickle_fail(u, "its pickle has a tensor whose offset is no number from 0 on");
  t.storage = argument[0];
  t.offset = offset->as.integer;
  trm_status status = unpickle_sizes(u, argument[2], "shape", t.shape, &t.rank);
  if (!status) status = unpickle_sizes(u, argument[3], "strides", t.stride, &strides);
  if (!status && strides != t.rank)
    return trm__unpickle_fail(u, "its pickle has a tensor of %d dimensions and %d strides", t.rank, strides);
  if (!status) status = unpickle_check_reach(u, &t, storage->as.storage.elements);
  if (status) return status;
  trm__pickle_value v = {.kind = TRM__PICKLE_TENSOR};
  v.as.tensor = trm__calloc(1, sizeof t);
  if (!v.as.tensor) return trm__fail_memory(u->err, u->where, sizeof t);
  *v.as.tensor = t;
  uint32_t made = 0;
  status = trm__unpickle_new(u, v, &made);
  if (status) trm__free(v.as.tensor);
  return status ? status : trm__unpickle_push(u, made);
}

trm_status trm__unpickle_call(trm__unpickler *u, uint32_t callee, uint32_t arguments) {
  const trm__pickle_value *f = &u->pickle.value[callee], *a = &u->pickle.value[arguments];
  if (f->kind != TRM__PICKLE_CLASS || a->kind != TRM__PICKLE_TUPLE)
    return trm__unpickle_fail(u, "its pickle calls what is no function: refused");
  switch (classes[f->dtype].what) {
  case IS_DICT:
    if (a->count) return trm__unpickle_fail(u, "its pickle makes an OrderedDict of a list, expected an empty one");
    return trm__unpickle_push_new(u, (trm__pickle_value){.kind = TRM__PICKLE_DICT});
  case IS_TENSOR:
    return unpickle_tensor(u, a->as.item, a->count);
  case IS_PARAMETER:
    if (a->count < 1 || u->pickle.value[a->as.item[0]].kind != TRM__PICKLE_TENSOR)
      return trm__unpickle_fail(u, "its pickle has a parameter that is no tensor");
    return trm__unpickle_push(u, a->as.item[0]);
  default:
    return trm__unpickle_fail(u, "its pickle calls %s.%s: refused", classes[f->dtype].module, classes[f->dtype].name);
  }
}

trm_status trm__unpickle_storage(trm__unpickler *u, uint32_t id) {
  const trm__pickle_value *v = &u->pickle.value[id], *part[5];
  if (v->kind != TRM__PICKLE_TUPLE || v->count < 5 || v->count > 6)
    return trm__unpickle_fail(u, "its pickle has a persistent id that is no storage: refused");
  for (int i = 0; i < 5; i++) part[i] = &u->pickle.value[v->as.item[i]];
  if (part[0]->kind != TRM__PICKLE_TEXT || !unpickle_is(part[0]->as.text, part[0]->count, "storage") ||
      part[1]->kind != TRM__PICKLE_CLASS || classes[part[1]->dtype].what != IS_STORAGE ||
      part[2]->kind != TRM__PICKLE_TEXT || part[4]->kind != TRM__PICKLE_INT || part[4]->as.integer < 0)
    return trm__unpickle_fail(u, "its pickle has a persistent id that is no storage: refused");
  if (v->count == 6 && u->pickle.value[v->as.item[5]].kind != TRM__PICKLE_NONE)
    return trm__unpickle_fail(
        u, "its pickle has a storage that is a view of another: refused; save it with a newer PyTorch");
  trm__pickle_value s = {.kind = TRM__PICKLE_STORAGE, .dtype = (uint8_t)classes[part[1]->dtype].dtype};
  s.as.storage.key = v->as.item[2];
  s.as.storage.elements = part[4]->as.integer;
  return trm__unpickle_push_new(u, s);
}
