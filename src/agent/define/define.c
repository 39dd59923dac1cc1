/* A definition file is read, its kind looked up, and the whole checked against the kind's schema. */
#include "agent/define/define.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/define/place.h"
#include "agent/define/schemas.h"
#include "agent/schema/schema.h"
#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"
#include "base/text/nearest.h"
#include "base/text/numbers.h"

static const char *define_schema(const char *kind) {
  for (const trm__define_source *s = trm__define_schemas; s->kind; s++)
    if (!strcmp(s->kind, kind)) return s->text;
  return NULL;
}

static trm_status define_at(const char *path, const char *text, size_t size, const char *pointer, const char *message,
                            trm_error *err) {
  char where[600];
  snprintf(where, sizeof where, "%.480s:%zu", path, trm__place_line(text, size, pointer));
  return trm__fail(err, TRM_E_INPUT, where, "%s", message);
}

static trm_status define_kind(const json_t *o, const char *path, const char *text, size_t size, const char **schema,
                              trm_error *err) {
  const json_t *kind = json_object_get(o, "kind");
  char message[400] = "\"kind\": is missing; expected ", kinds[120] = "";
  *schema = json_is_string(kind) ? define_schema(json_string_value(kind)) : NULL;
  if (*schema) return TRM_OK;
  trm__nearest nearest = trm__nearest_to(json_is_string(kind) ? json_string_value(kind) : "");
  for (const trm__define_source *s = trm__define_schemas; s->kind; s++) {
    trm__nearest_offer(&nearest, s->kind, strlen(s->kind));
    snprintf(kinds + strlen(kinds), sizeof kinds - strlen(kinds), "%s%s", s == trm__define_schemas ? "" : " or ",
             s->kind);
  }
  if (json_is_string(kind))
    snprintf(message, sizeof message, "\"kind\": found \"%.60s\", expected ", json_string_value(kind));
  size_t used = strlen(message);
  if (nearest.name[0]) snprintf(message + used, sizeof message - used, "%s; did you mean %s?", kinds, nearest.name);
  else snprintf(message + used, sizeof message - used, "%s", kinds);
  return define_at(path, text, size, "/kind", message, err);
}

/* Opens the kind's schema, which is small, each time: a program reads few files. */
static trm_status define_check(const json_t *o, const char *source, const char *path, const char *text, size_t size,
                               trm_error *err) {
  json_t *json = NULL;
  trm__schema *schema = NULL;
  trm_error own = {.code = TRM_OK};
  char pointer[TRM__SCHEMA_POINTER];
  trm__schema_config config = trm__schema_config_default();
  config.strict = 1;
  trm_status status = trm__json_parse(&json, source, strlen(source), "built-in schema", err);
  if (!status) status = trm__schema_open(&schema, json, &config, "built-in schema", err);
  if (!status) {
    status = trm__schema_check(schema, o, path, pointer, &own);
    if (status && err && own.code != TRM_E_INPUT) *err = own;
    else if (status) status = define_at(path, text, size, pointer, own.message, err);
  }
  trm__schema_close(&schema);
  json_decref(json);
  return status;
}

trm_status trm__define_load(json_t **out, const char *path, trm_error *err) {
  char *text = NULL;
  const char *source;
  size_t size;
  json_t *o = NULL;
  trm_status status = trm__file_read(path, TRM__DEFINE_MOST, &text, &size, err);
  if (!status) status = trm__json_parse(&o, text, size, path, err);
  if (!status && !json_is_object(o))
    status = define_at(path, text, size, "", "expected an object: {\"trm\": 1, \"kind\": ..., \"name\": ...}", err);
  if (!status) status = define_kind(o, path, text, size, &source, err);
  if (!status) status = define_check(o, source, path, text, size, err);
  trm__free(text);
  if (status) json_decref(o);
  else *out = o;
  return status;
}

trm_status trm__define_fail(const char *path, const char *pointer, trm_error *err, const char *format, ...) {
  char *text = NULL, message[700];
  size_t size = 0;
  va_list args;
  va_start(args, format);
  (void)trm__vprint(message, sizeof message, format, args);
  va_end(args);
  if (trm__file_read(path, TRM__DEFINE_MOST, &text, &size, NULL)) size = 0;
  trm_status status = define_at(path, text ? text : "", size, pointer, message, err);
  trm__free(text);
  return status;
}
