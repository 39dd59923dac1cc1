/* Any bytes as {"schema": ..., "value": ...}: the schema is refused with a message, or opened, and then the value is
 * valid or not, the same twice and inside an allOf, and never both against the schema and against its "not". */
#include <stdlib.h>
#include <string.h>

#include "agent/schema/schema.h"
#include "base/text/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static trm_status nothing(void *context, const char *uri, json_t **out, trm_error *err) {
  (void)context;
  (void)err;
  if (!*uri) *out = json_true();
  return TRM_OK;
}

/* 1: valid, 0: not, -1: refused, or a limit. The schema is taken over. */
static int verdict(json_t *schema, const json_t *value) {
  trm_error err = {.code = TRM_OK};
  char pointer[TRM__SCHEMA_POINTER];
  trm__schema *opened = NULL;
  trm__schema_config config = trm__schema_config_default();
  config.fetch = nothing;
  config.max_steps = 20000;
  config.max_schemas = 2000;
  trm_status status = trm__schema_open(&opened, schema, &config, "schema", &err);
  json_decref(schema);
  if (status && (status != TRM_E_INPUT || opened || !err.message[0])) abort();
  if (status) return -1;
  status = trm__schema_check(opened, value, "value", pointer, &err);
  if (status && (status != TRM_E_INPUT || !err.message[0])) abort();
  trm__schema_close(&opened);
  if (opened) abort();
  if (status && !strncmp(err.message, "the check was ended", 19)) return -1;
  return !status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  trm_error err = {.code = TRM_OK};
  json_t *both = NULL;
  if (trm__json_parse(&both, (const char *)data, size, "fuzz", &err)) return 0;
  json_t *schema = json_object_get(both, "schema"), *value = json_object_get(both, "value");
  if (schema && value) {
    int valid = verdict(json_incref(schema), value);
    if (valid >= 0 && verdict(json_incref(schema), value) == !valid) abort();
    int refused = verdict(json_pack("{s:O}", "not", schema), value);
    int wrapped = verdict(json_pack("{s:[O]}", "allOf", schema), value);
    /* references to "#" lead elsewhere inside another schema */
    char *text = json_dumps(schema, JSON_ENCODE_ANY);
    if (text && !strchr(text, '#') && valid >= 0 && refused >= 0 && refused == valid) abort();
    if (text && !strchr(text, '#') && valid >= 0 && wrapped >= 0 && wrapped != valid) abort();
    free(text);
  }
  json_decref(both);
  return 0;
}
