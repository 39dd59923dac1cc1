/* JSON through jansson, with limits in front of it: one pass over the text looks for NUL bytes and for nesting that is
 * too deep, before the recursive parser sees it. */
#include "base/text/json.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/numbers.h"

#define MAX_DEPTH 64

const char *trm__json_type_name(const json_t *value) {
  if (!value) return "nothing";
  switch (json_typeof(value)) {
  case JSON_OBJECT:
    return "an object";
  case JSON_ARRAY:
    return "an array";
  case JSON_STRING:
    return "a text";
  case JSON_INTEGER:
    return "a whole number";
  case JSON_REAL:
    return "a number with a fraction";
  case JSON_TRUE:
    return "true";
  case JSON_FALSE:
    return "false";
  case JSON_NULL:
    return "null";
  }
  return "something else";
}

static trm_status json_fail_at(trm_error *err, const char *where, size_t line, size_t column, const char *what) {
  char place[sizeof err->where];
  snprintf(place, sizeof place, "%.400s:%zu:%zu", where, line, column);
  return trm__fail(err, TRM_E_INPUT, place, "%s", what);
}

static trm_status json_check_text(const char *text, size_t size, const char *where, trm_error *err) {
  size_t line = 1, start = 0;
  int depth = 0, in_string = 0;
  for (size_t i = 0; i < size; i++) {
    char c = text[i];
    if (c == 0) return json_fail_at(err, where, line, i - start + 1, "a NUL byte, which JSON does not allow");
    if (c == '\n') {
      line++;
      start = i + 1;
    }
    if (in_string && c == '\\') {
      i += i + 1 < size && text[i + 1] != 0 && text[i + 1] != '\n';
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && (c == '{' || c == '[') && ++depth > MAX_DEPTH) {
      return json_fail_at(err, where, line, i - start + 1, "nested deeper than 64 levels");
    } else if (!in_string && (c == '}' || c == ']')) {
      depth--;
    }
  }
  return TRM_OK;
}

trm_status trm__json_parse(json_t **out, const char *text, size_t size, const char *where, trm_error *err) {
  static const char bom[3] = {'\xef', '\xbb', '\xbf'};
  if (!where) where = "JSON";
  size_t mark = size >= sizeof bom && memcmp(text, bom, sizeof bom) == 0 ? sizeof bom : 0;
  text += mark;
  size -= mark;
  trm_status status = json_check_text(text, size, where, err);
  if (status) return status;
  json_error_t error;
  locale_t before = trm__c_locale_enter();
  json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
  trm__c_locale_leave(before);
  if (value) {
    *out = value;
    return TRM_OK;
  }
  if (json_error_code(&error) == json_error_out_of_memory) return trm__fail_memory(err, where, size);
  return json_fail_at(err, where, error.line > 0 ? (size_t)error.line : 1, error.column > 0 ? (size_t)error.column : 1,
                      error.text);
}

trm_status trm__json_load(json_t **out, const char *path, size_t limit, trm_error *err) {
  char *text;
  size_t size;
  trm_status status = trm__file_read(path, limit, &text, &size, err);
  if (status) return status;
  status = trm__json_parse(out, text, size, path, err);
  trm__free(text);
  return status;
}

char *trm__json_text(const json_t *value, size_t flags) {
  locale_t before = trm__c_locale_enter();
  char *text = json_dumps(value, flags);
  trm__c_locale_leave(before);
  return text;
}

int trm__json_dump(const json_t *value, json_dump_callback_t put, void *context, size_t flags) {
  locale_t before = trm__c_locale_enter();
  int failed = json_dump_callback(value, put, context, flags);
  trm__c_locale_leave(before);
  return failed;
}

/* --- writing: as jansson does, but reals in their shortest form (0.1, not 0.10000000000000001) and lists of plain
 * values on one line --- */

struct sink {
  trm__writer *writer;
  trm_error *err;
  trm_status status;
};

static int json_put(const char *text, size_t size, void *context) {
  struct sink *sink = context;
  if (!sink->status) sink->status = trm__writer_write(sink->writer, text, size, sink->err);
  return sink->status ? -1 : 0;
}

static void json_put_line(struct sink *sink, int depth) {
  json_put("\n", 1, sink);
  for (int i = 0; i < depth; i++) json_put("  ", 2, sink);
}

static void json_put_scalar(struct sink *sink, const json_t *value) {
  if (json_is_real(value)) {
    char text[48];
    trm__real_text(json_real_value(value), text, sizeof text - 2);
    if (!strpbrk(text, ".e")) strcat(text, ".0"); /* so that it is read back as a real */
    json_put(text, strlen(text), sink);
  } else if (trm__json_dump(value, json_put, sink, JSON_ENCODE_ANY) != 0 && !sink->status) {
    sink->status = trm__fail(sink->err, TRM_E_MEMORY, "JSON", "no memory to write a value");
  }
}

static int json_is_container(const json_t *value) {
  return json_is_object(value) || json_is_array(value);
}

static void json_put_value(struct sink *sink, const json_t *value, int depth);

static void json_put_array(struct sink *sink, const json_t *value, int depth) {
  size_t count = json_array_size(value);
  int lines = 0;
  for (size_t i = 0; i < count; i++) lines |= json_is_container(json_array_get(value, i));
  json_put("[", 1, sink);
  for (size_t i = 0; i < count; i++) {
    if (i) json_put(lines ? "," : ", ", lines ? 1 : 2, sink);
    if (lines) json_put_line(sink, depth + 1);
    json_put_value(sink, json_array_get(value, i), depth + 1);
  }
  if (lines) json_put_line(sink, depth);
  json_put("]", 1, sink);
}

static void json_put_object(struct sink *sink, const json_t *value, int depth) {
  json_t *entries = (json_t *)(uintptr_t)value; /* jansson's iterators are not const; nothing is changed */
  const char *key, *comma = "";
  json_t *entry;
  json_put("{", 1, sink);
  json_object_foreach(entries, key, entry) {
    json_put(comma, strlen(comma), sink);
    comma = ",";
    json_put_line(sink, depth + 1);
    json_t *text = json_string(key);
    json_put_scalar(sink, text);
    json_decref(text);
    json_put(": ", 2, sink);
    json_put_value(sink, entry, depth + 1);
  }
  if (*comma) json_put_line(sink, depth);
  json_put("}", 1, sink);
}

static void json_put_value(struct sink *sink, const json_t *value, int depth) {
  if (sink->status) return;
  if (depth > MAX_DEPTH)
    sink->status = trm__fail(sink->err, TRM_E_INTERNAL, "JSON", "nested deeper than %d levels", MAX_DEPTH);
  else if (json_is_object(value)) json_put_object(sink, value, depth);
  else if (json_is_array(value)) json_put_array(sink, value, depth);
  else json_put_scalar(sink, value);
}

trm_status trm__json_save(const json_t *value, const char *path, trm_error *err) {
  struct sink sink = {.err = err};
  trm_status status = trm__writer_open(&sink.writer, path, err);
  if (status) return status;
  json_put_value(&sink, value, 0);
  json_put("\n", 1, &sink);
  if (!sink.status) return trm__writer_commit(&sink.writer, err);
  trm__writer_abort(&sink.writer);
  return sink.status;
}

trm_status trm__json_int(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *out,
                         const char *where, trm_error *err) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_integer(value))
    return trm__fail(err, TRM_E_INPUT, where, "\"%s\": found %s, expected a whole number", key,
                     trm__json_type_name(value));
  int64_t number = json_integer_value(value);
  if (number < min || number > max)
    return trm__fail(err, TRM_E_INPUT, where, "\"%s\": found %lld, expected %lld to %lld", key, (long long)number,
                     (long long)min, (long long)max);
  *out = number;
  return TRM_OK;
}

trm_status trm__json_string(const json_t *object, const char *key, const char **out, const char *where,
                            trm_error *err) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
    return trm__fail(err, TRM_E_INPUT, where, "\"%s\": found %s, expected a text", key, trm__json_type_name(value));
  *out = json_string_value(value);
  return TRM_OK;
}
