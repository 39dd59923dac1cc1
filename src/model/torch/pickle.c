/* The stack machine of pickles, without calls. Two halves: values and what is built of them, then the table of
 * instructions. */
#include "model/torch/pickle.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "model/torch/pickle_values.h"

typedef trm_status (*pickle_step)(trm__unpickler *u, unsigned char code);

/* -- arguments of instructions ------------------------------------------------------------------------------------- */

static trm_status pickle_take(trm__unpickler *u, size_t length, const unsigned char **out) {
  if (length > u->size - u->at)
    return trm__unpickle_fail(u, "its pickle is truncated: %zu bytes are wanted, %zu follow", length, u->size - u->at);
  *out = u->data + u->at;
  u->at += length;
  return TRM_OK;
}

/* A number of length bytes, little-endian. */
static trm_status pickle_take_number(trm__unpickler *u, int length, uint64_t *number) {
  const unsigned char *at = NULL;
  trm_status status = pickle_take(u, (size_t)length, &at);
  *number = 0;
  for (int i = length - 1; i >= 0 && !status; i--) *number = *number << 8 | at[i];
  return status;
}

/* Up to a line's end, which is not in it. */
static trm_status pickle_take_line(trm__unpickler *u, const char **text, size_t *length) {
  const unsigned char *begin = u->data + u->at, *end = memchr(begin, '\n', u->size - u->at);
  if (!end) return trm__unpickle_fail(u, "its pickle is truncated: a line has no end");
  *text = (const char *)begin;
  *length = (size_t)(end - begin);
  u->at += *length + 1;
  return TRM_OK;
}

/* -- instructions: plain values ------------------------------------------------------------------------------------ */

static trm_status step_protocol(trm__unpickler *u, unsigned char code) {
  uint64_t number = 0;
  trm_status status = pickle_take_number(u, 1, &number);
  (void)code;
  if (!status && (number < 2 || number > 5))
    return trm__unpickle_fail(u, "its pickle is of protocol %d, expected 2 to 5", (int)number);
  return status;
}

/* A frame only says how many bytes to read ahead. */
static trm_status step_frame(trm__unpickler *u, unsigned char code) {
  uint64_t length = 0;
  (void)code;
  return pickle_take_number(u, 8, &length);
}

static trm_status step_constant(trm__unpickler *u, unsigned char code) {
  trm__pickle_value v = {.kind = code == 'N' ? TRM__PICKLE_NONE : TRM__PICKLE_BOOL};
  v.as.integer = code == 0x88;
  return trm__unpickle_push_new(u, v);
}

static trm_status step_int(trm__unpickler *u, unsigned char code) {
  uint64_t number = 0;
  trm__pickle_value v = {.kind = TRM__PICKLE_INT};
  trm_status status = pickle_take_number(u, code == 'K' ? 1 : code == 'M' ? 2 : 4, &number);
  v.as.integer = code == 'J' ? (int32_t)(uint32_t)number : (int64_t)number;
  return status ? status : trm__unpickle_push_new(u, v);
}

static trm_status step_long(trm__unpickler *u, unsigned char code) {
  uint64_t length = 0, number = 0;
  trm__pickle_value v = {.kind = TRM__PICKLE_INT};
  (void)code;
  trm_status status = pickle_take_number(u, 1, &length);
  if (!status && length > 8)
    return trm__unpickle_fail(u, "its pickle has a whole number of %d bytes, expected at most 8", (int)length);
  if (!status) status = pickle_take_number(u, (int)length, &number);
  if (status) return status;
  if (length && length < 8 && number >> (8 * length - 1)) number |= ~(uint64_t)0 << 8 * length; /* its sign */
  v.as.integer = (int64_t)number;
  return trm__unpickle_push_new(u, v);
}

static trm_status step_real(trm__unpickler *u, unsigned char code) {
  const unsigned char *at = NULL;
  uint64_t bits = 0;
  trm__pickle_value v = {.kind = TRM__PICKLE_REAL};
  (void)code;
  trm_status status = pickle_take(u, 8, &at);
  for (int i = 0; i < 8 && !status; i++) bits = bits << 8 | at[i]; /* big-endian, alone of all numbers */
  memcpy(&v.as.real, &bits, sizeof bits);
  return status ? status : trm__unpickle_push_new(u, v);
}

static trm_status step_text(trm__unpickler *u, unsigned char code) {
  uint64_t length = 0;
  const unsigned char *at = NULL;
  trm__pickle_value v = {.kind = TRM__PICKLE_TEXT};
  trm_status status = pickle_take_number(u, code == 0x8c || code == 'U' ? 1 : code == 0x8d ? 8 : 4, &length);
  if (!status && length > u->size)
    return trm__unpickle_fail(u, "its pickle is truncated: a text would have %llu bytes", (unsigned long long)length);
  if (!status) status = pickle_take(u, (size_t)length, &at);
  if (status) return status;
  v.count = (uint32_t)length;
  v.as.text = (const char *)at;
  return trm__unpickle_push_new(u, v);
}

/* -- instructions: the stack and the memo -------------------------------------------------------------------------- */

static trm_status step_mark(trm__unpickler *u, unsigned char code) {
  (void)code;
  return trm__unpickle_mark(u);
}

static trm_status step_pop(trm__unpickler *u, unsigned char code) {
  uint32_t value;
  (void)code;
  return trm__unpickle_pop(u, &value);
}

static trm_status step_put(trm__unpickler *u, unsigned char code) {
  uint64_t index = u->memos;
  trm_status status = code == 0x94 ? TRM_OK : pickle_take_number(u, code == 'q' ? 1 : 4, &index);
  return status ? status : trm__unpickle_put(u, index);
}

static trm_status step_get(trm__unpickler *u, unsigned char code) {
  uint64_t index = 0;
  trm_status status = pickle_take_number(u, code == 'h' ? 1 : 4, &index);
  return status ? status : trm__unpickle_get(u, index);
}

/* -- instructions: containers -------------------------------------------------------------------------------------- */

static trm_status step_empty(trm__unpickler *u, unsigned char code) {
  return trm__unpickle_push_new(u, (trm__pickle_value){.kind = code == ')'   ? TRM__PICKLE_TUPLE
                                                               : code == ']' ? TRM__PICKLE_LIST
                                                                             : TRM__PICKLE_DICT});
}

/* t, l, d: of all that lies above the mark. 0x85 to 0x87: a tuple of one to three. */
static trm_status step_gather(trm__unpickler *u, unsigned char code) {
  size_t from = 0;
  uint32_t value = 0;
  int few = code >= 0x85 && code <= 0x87;
  trm_status status = few ? trm__unpickle_above(u, code - 0x84, &from) : trm__unpickle_to_mark(u, &from);
  if (!status)
    status = trm__unpickle_new(u,
                               (trm__pickle_value){.kind = few || code == 't' ? TRM__PICKLE_TUPLE
                                                           : code == 'l'      ? TRM__PICKLE_LIST
                                                                              : TRM__PICKLE_DICT},
                               &value);
  if (!status) status = trm__unpickle_extend(u, value, from);
  return status ? status : trm__unpickle_push(u, value);
}

/* a, s: one item, or key and value; e, u: all that lies above the mark, into the container under it. */
static trm_status step_append(trm__unpickler *u, unsigned char code) {
  size_t from = 0;
  int list = code == 'a' || code == 'e';
  trm_status status =
      code == 'a' || code == 's' ? trm__unpickle_above(u, list ? 1 : 2, &from) : trm__unpickle_to_mark(u, &from);
  if (status) return status;
  if (from <= u->floor) return trm__unpickle_fail(u, "its pickle adds to a container that is not there");
  uint32_t into = u->stack[from - 1];
  if (u->pickle.value[into].kind != (list ? TRM__PICKLE_LIST : TRM__PICKLE_DICT))
    return trm__unpickle_fail(u, "its pickle adds to what is no %s", list ? "list" : "dict");
  return trm__unpickle_extend(u, into, from);
}

/* -- instructions: what Python would call -------------------------------------------------------------------------- */

static trm_status step_global(trm__unpickler *u, unsigned char code) {
  const char *module = NULL, *name = NULL;
  size_t of_module = 0, of_name = 0;
  (void)code;
  trm_status status = pickle_take_line(u, &module, &of_module);
  if (!status) status = pickle_take_line(u, &name, &of_name);
  return status ? status : trm__unpickle_class(u, module, of_module, name, of_name);
}

static trm_status step_stack_global(trm__unpickler *u, unsigned char code) {
  uint32_t module = 0, name = 0;
  (void)code;
  trm_status status = trm__unpickle_pop(u, &name);
  if (!status) status = trm__unpickle_pop(u, &module);
  if (status) return status;
  const trm__pickle_value *m = &u->pickle.value[module], *n = &u->pickle.value[name];
  if (m->kind != TRM__PICKLE_TEXT || n->kind != TRM__PICKLE_TEXT)
    return trm__unpickle_fail(u, "its pickle names a class by what is no text");
  return trm__unpickle_class(u, m->as.text, m->count, n->as.text, n->count);
}

static trm_status step_reduce(trm__unpickler *u, unsigned char code) {
  uint32_t arguments = 0, callee = 0;
  (void)code;
  trm_status status = trm__unpickle_pop(u, &arguments);
  if (!status) status = trm__unpickle_pop(u, &callee);
  return status ? status : trm__unpickle_call(u, callee, arguments);
}

/* The attributes of an OrderedDict: of no use here. */
static trm_status step_build(trm__unpickler *u, unsigned char code) {
  uint32_t state = 0;
  (void)code;
  trm_status status = trm__unpickle_pop(u, &state);
  if (status) return status;
  if (u->depth <= u->floor) return trm__unpickle_fail(u, "its pickle sets attributes of nothing");
  if (u->pickle.value[u->stack[u->depth - 1]].kind != TRM__PICKLE_DICT)
    return trm__unpickle_fail(u, "its pickle sets attributes of what is no dict: refused");
  if (u->pickle.value[state].kind != TRM__PICKLE_DICT)
    return trm__unpickle_fail(u, "its pickle sets attributes that are no dict: refused");
  return TRM_OK;
}

static trm_status step_persistent(trm__unpickler *u, unsigned char code) {
  uint32_t id = 0;
  (void)code;
  trm_status status = trm__unpickle_pop(u, &id);
  return status ? status : trm__unpickle_storage(u, id);
}

static trm_status step_stop(trm__unpickler *u, unsigned char code) {
  (void)code;
  trm_status status = trm__unpickle_pop(u, &u->pickle.root);
  u->stopped = 1;
  if (!status && u->depth) return trm__unpickle_fail(u, "its pickle ends with values left over");
  return status;
}

/* -- the machine --------------------------------------------------------------------------------------------------- */

/* Instructions of torch.save in all its versions. */
static const pickle_step steps[256] = {
    [0x80] = step_protocol,     [0x95] = step_frame,  ['N'] = step_constant, [0x88] = step_constant,
    [0x89] = step_constant,     ['J'] = step_int,     ['K'] = step_int,      ['M'] = step_int,
    [0x8a] = step_long,         ['G'] = step_real,    ['X'] = step_text,     [0x8c] = step_text,
    [0x8d] = step_text,         ['U'] = step_text,    ['T'] = step_text,     ['('] = step_mark,
    ['0'] = step_pop,           ['q'] = step_put,     ['r'] = step_put,      [0x94] = step_put,
    ['h'] = step_get,           ['j'] = step_get,     [')'] = step_empty,    [']'] = step_empty,
    ['}'] = step_empty,         ['t'] = step_gather,  ['l'] = step_gather,   ['d'] = step_gather,
    [0x85] = step_gather,       [0x86] = step_gather, [0x87] = step_gather,  ['a'] = step_append,
    ['e'] = step_append,        ['s'] = step_append,  ['u'] = step_append,   ['c'] = step_global,
    [0x93] = step_stack_global, ['R'] = step_reduce,  ['b'] = step_build,    ['Q'] = step_persistent,
    ['.'] = step_stop,
};

/* What Python calls the others. */
static const char *instruction_name(unsigned char code) {
  static const struct {
    unsigned char code;
    const char *name;
  } names[] = {{'i', "INST"},        {'o', "OBJ"},        {0x81, "NEWOBJ"},
               {0x92, "NEWOBJ_EX"},  {0x82, "EXT1"},      {0x83, "EXT2"},
               {0x84, "EXT4"},       {'P', "PERSID"},     {'F', "FLOAT"},
               {'I', "INT"},         {'L', "LONG"},       {0x8b, "LONG4"},
               {'S', "STRING"},      {'V', "UNICODE"},    {'B', "BINBYTES"},
               {'C', "BINBYTES"},    {0x8e, "BINBYTES8"}, {0x8f, "EMPTY_SET"},
               {0x90, "ADDITEMS"},   {0x91, "FROZENSET"}, {'1', "POP_MARK"},
               {'2', "DUP"},         {'p', "PUT"},        {'g', "GET"},
               {0x96, "BYTEARRAY8"}, {0x97, "BUFFER"},    {0x98, "READONLY_BUFFER"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].code == code) return names[i].name;
  return "unknown";
}

static trm_status pickle_run(trm__unpickler *u) {
  trm_status status = TRM_OK;
  while (!status && !u->stopped) {
    const unsigned char *code = NULL;
    status = pickle_take(u, 1, &code);
    if (status) return status;
    u->begun = u->at - 1;
    if (steps[*code]) status = steps[*code](u, *code);
    else
      status =
          trm__unpickle_fail(u, "its pickle has the instruction %s (0x%02x), which a state dict never needs: refused",
                             instruction_name(*code), *code);
  }
  return status;
}

trm_status trm__pickle_parse(trm__pickle *pickle, const void *data, size_t size, const char *where, trm_error *err) {
  trm__unpickler u = {.data = data, .size = size, .where = where, .err = err};
  trm_status status = pickle_run(&u);
  trm__free(u.stack);
  trm__free(u.marks);
  trm__free(u.memo);
  u.pickle.used = u.at;
  if (status) trm__pickle_close(&u.pickle);
  else *pickle = u.pickle;
  return status;
}

void trm__pickle_close(trm__pickle *pickle) {
  for (size_t i = 0; i < pickle->count; i++) {
    trm__pickle_value *v = &pickle->value[i];
    if (v->kind == TRM__PICKLE_TUPLE || v->kind == TRM__PICKLE_LIST || v->kind == TRM__PICKLE_DICT)
      trm__free(v->as.item);
    if (v->kind == TRM__PICKLE_TENSOR) trm__free(v->as.tensor);
  }
  trm__free(pickle->value);
  *pickle = (trm__pickle){0};
}

const trm__pickle_value *trm__pickle_get(const trm__pickle *pickle, const trm__pickle_value *value, const char *key) {
  if (value->kind != TRM__PICKLE_DICT) return NULL;
  for (uint32_t i = 0; i + 1 < value->count; i += 2) {
    const trm__pickle_value *k = &pickle->value[value->as.item[i]];
    if (k->kind == TRM__PICKLE_TEXT && k->count == strlen(key) && !memcmp(k->as.text, key, k->count))
      return &pickle->value[value->as.item[i + 1]];
  }
  return NULL;
}
