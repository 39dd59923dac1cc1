/* YAML through libyaml's events, which know no classes; the tree is put together here. A build without libyaml refuses
 * such files by name. */
#include "model/torch/yaml.h"

#include "base/status.h"

#ifdef TRM_YAML
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/text/numbers.h"

enum { DEPTH = 16, LIMIT = 1 << 20 };

typedef struct reading {
  yaml_parser_t parser;
  yaml_event_t event; /* the one at work; deleted by the next */
  int held;
  const char *where;
  trm_error *err;
} reading;

static trm_status yaml_fail(const reading *r, const char *what) {
  return trm__fail(r->err, TRM_E_INPUT, r->where, "line %zu %s", r->event.start_mark.line + 1, what);
}

static void yaml_drop(reading *r) {
  if (r->held) yaml_event_delete(&r->event);
  r->held = 0;
}

static trm_status yaml_next(reading *r) {
  yaml_drop(r);
  if (yaml_parser_parse(&r->parser, &r->event)) {
    r->held = 1;
    return TRM_OK;
  }
  if (r->parser.error == YAML_MEMORY_ERROR) return trm__fail_memory(r->err, r->where, LIMIT);
  return trm__fail(r->err, TRM_E_INPUT, r->where, "line %zu is no YAML: %s",
                   (r->parser.error == YAML_READER_ERROR ? r->parser.mark.line : r->parser.problem_mark.line) + 1,
                   r->parser.problem ? r->parser.problem : "not understood");
}

static trm_status yaml_refuse(const reading *r, const yaml_char_t *anchor, const yaml_char_t *tag) {
  if (tag)
    return yaml_fail(r, "has a tag (!...), which names a class: refused; a configuration needs plain values alone");
  return anchor ? yaml_fail(r, "has an anchor (&...), which repeats parts of a text: refused; write them out") : TRM_OK;
}

static int yaml_is(const char *text, const char *const *words) {
  for (; *words; words++)
    if (!strcmp(text, *words)) return 1;
  return 0;
}

/* What a scalar without quotes means. */
static json_t *yaml_plain(const char *text, size_t length) {
  static const char *const no[] = {"false", "False", "FALSE", "no", "off", NULL};
  static const char *const yes[] = {"true", "True", "TRUE", "yes", "on", NULL};
  static const char *const none[] = {"", "~", "null", "Null", "NULL", NULL};
  int64_t integer;
  double real;
  if (yaml_is(text, none)) return json_null();
  if (yaml_is(text, yes)) return json_true();
  if (yaml_is(text, no)) return json_false();
  if (trm__int_read(text, &integer) == TRM__NUMBER_OK) return json_integer(integer);
  if (trm__real_read(text, &real) == TRM__NUMBER_OK) {
    json_t *number = json_real(real); /* NULL: not finite */
    if (number) return number;
  }
  return json_stringn(text, length);
}

static trm_status yaml_scalar(const reading *r, json_t **out) {
  const char *text = (const char *)r->event.data.scalar.value;
  size_t length = r->event.data.scalar.length;
  trm_status status = yaml_refuse(r, r->event.data.scalar.anchor, r->event.data.scalar.tag);
  if (status) return status;
  if (memchr(text, 0, length)) return yaml_fail(r, "has a NUL byte");
  *out = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? yaml_plain(text, length) : json_stringn(text, length);
  return *out ? TRM_OK : yaml_fail(r, "has a text that is no UTF-8, or memory has run out");
}

static trm_status yaml_value(reading *r, json_t **out, int depth);

static trm_status yaml_sequence(reading *r, json_t **out, int depth) {
  trm_status status = yaml_refuse(r, r->event.data.sequence_start.anchor, r->event.data.sequence_start.tag);
  if (status) return status;
  *out = json_array();
  if (!*out) return trm__fail_memory(r->err, r->where, 64);
  for (status = yaml_next(r); !status && r->event.type != YAML_SEQUENCE_END_EVENT;
       status = status ? status : yaml_next(r)) {
    json_t *item = NULL;
    status = yaml_value(r, &item, depth + 1);
    if (!status && json_array_append(*out, item)) status = trm__fail_memory(r->err, r->where, 64);
    json_decref(item);
  }
  return status;
}

static trm_status yaml_entry(reading *r, json_t *object, int depth) {
  json_t *key = NULL, *value = NULL;
  if (r->event.type != YAML_SCALAR_EVENT) return yaml_fail(r, "has a key that is no text");
  trm_status status = yaml_refuse(r, r->event.data.scalar.anchor, r->event.data.scalar.tag);
  if (status) return status;
  if (memchr(r->event.data.scalar.value, 0, r->event.data.scalar.length))
    return yaml_fail(r, "has a key with a NUL byte");
  key = json_stringn((const char *)r->event.data.scalar.value, r->event.data.scalar.length);
  if (!key) return trm__fail_memory(r->err, r->where, 64);
  if (json_object_get(object, json_string_value(key))) status = yaml_fail(r, "has a key that is there before");
  if (!status) status = yaml_next(r);
  if (!status) status = yaml_value(r, &value, depth + 1);
  if (!status && json_object_set(object, json_string_value(key), value))
    status = trm__fail_memory(r->err, r->where, 64);
  json_decref(key);
  json_decref(value);
  return status;
}

static trm_status yaml_mapping(reading *r, json_t **out, int depth) {
  trm_status status = yaml_refuse(r, r->event.data.mapping_start.anchor, r->event.data.mapping_start.tag);
  if (status) return status;
  *out = json_object();
  if (!*out) return trm__fail_memory(r->err, r->where, 64);
  for (status = yaml_next(r); !status && r->event.type != YAML_MAPPING_END_EVENT;
       status = status ? status : yaml_next(r))
    status = yaml_entry(r, *out, depth);
  return status;
}

/* The value that the event at work begins. *out may be set on failure too. */
static trm_status yaml_value(reading *r, json_t **out, int depth) {
  if (depth > DEPTH) return yaml_fail(r, "is nested deeper than 16 levels");
  switch (r->event.type) {
  case YAML_SCALAR_EVENT:
    return yaml_scalar(r, out);
  case YAML_SEQUENCE_START_EVENT:
    return yaml_sequence(r, out, depth);
  case YAML_MAPPING_START_EVENT:
    return yaml_mapping(r, out, depth);
  case YAML_ALIAS_EVENT:
    return yaml_fail(r, "has an alias (*...), which repeats parts of a text: refused; write them out");
  default:
    return yaml_fail(r, "has no value where one is expected");
  }
}

static trm_status yaml_document(reading *r, json_t **out) {
  trm_status status = yaml_next(r);   /* of the stream */
  if (!status) status = yaml_next(r); /* of the document */
  if (!status && r->event.type == YAML_STREAM_END_EVENT)
    return trm__fail(r->err, TRM_E_INPUT, r->where, "is empty, expected a configuration in YAML");
  if (!status && r->event.data.document_start.tag_directives.start != r->event.data.document_start.tag_directives.end)
    return yaml_fail(r, "declares tags: refused");
  if (!status) status = yaml_next(r);
  if (!status) status = yaml_value(r, out, 0);
  if (!status) status = yaml_next(r); /* the document's end */
  if (!status) status = yaml_next(r);
  if (!status && r->event.type != YAML_STREAM_END_EVENT) return yaml_fail(r, "begins a second document, expected one");
  return status;
}

trm_status trm__yaml_parse(json_t **out, const char *text, size_t size, const char *where, trm_error *err) {
  reading r = {.where = where, .err = err};
  json_t *found = NULL;
  if (size > LIMIT)
    return trm__fail(err, TRM_E_INPUT, where, "has %zu bytes, a configuration in YAML at most %d", size, LIMIT);
  if (!yaml_parser_initialize(&r.parser)) return trm__fail_memory(err, where, LIMIT);
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, size);
  trm_status status = yaml_document(&r, &found);
  yaml_drop(&r);
  yaml_parser_delete(&r.parser);
  if (status) json_decref(found);
  else *out = found;
  return status;
}

#else

trm_status trm__yaml_parse(json_t **out, const char *text, size_t size, const char *where, trm_error *err) {
  (void)out, (void)text, (void)size;
  return trm__fail(
      err, TRM_E_UNSUPPORTED, where,
      "is YAML, which this build cannot read (it has no libyaml: tools/setup --yaml, then make again); give its "
      "values as options");
}

#endif
