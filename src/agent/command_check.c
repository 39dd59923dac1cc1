/* trm check FILE...: each definition, whatever its kind. */
#include <stdio.h>
#include <string.h>

#include "agent/commands.h"
#include "agent/define/define.h"
#include "agent/flow/flow.h"
#include "agent/schema/schema.h"
#include "base/text/json.h"

/* The schemas that an action declares. */
static trm_status check_schemas(const json_t *about, const char *path, trm_error *err) {
  static const char *const keys[] = {"input", "output"};
  trm__schema_config config = trm__schema_config_default();
  config.strict = 1;
  for (size_t i = 0; i < 2; i++) {
    trm__schema *schema = NULL;
    trm_error own = {.code = TRM_OK};
    const json_t *source = json_object_get(about, keys[i]);
    if (!source) continue;
    trm_status status = trm__schema_open(&schema, source, &config, keys[i], &own);
    trm__schema_close(&schema);
    if (status) return trm__define_fail(path, i ? "/output" : "/input", err, "\"%s\": %s", keys[i], own.message);
  }
  return TRM_OK;
}

/* Its steps, and who depends on whom; which actions there are is not known here. */
static trm_status check_flow(const char *path, trm_error *err) {
  trm__flow *flow = NULL;
  trm_status status = trm__flow_load(&flow, path, NULL, err);
  trm__flow_close(&flow);
  return status;
}

int trm__command_check(const trm__agent_line *line) {
  int code = TRM__AGENT_OK;
  for (size_t i = 0; i < line->count; i++) {
    trm_error err = {.code = TRM_OK};
    json_t *about = NULL;
    trm_status status = trm__define_load(&about, line->words[i], &err);
    const char *kind = json_string_value(json_object_get(about, "kind"));
    if (!status && !strcmp(kind, "action")) status = check_schemas(about, line->words[i], &err);
    if (!status && !strcmp(kind, "workflow")) status = check_flow(line->words[i], &err);
    if (status) code = trm__command_error(line, &err);
    else
      (void)printf("%s: %s %s\n", line->words[i], json_string_value(json_object_get(about, "kind")),
                   json_string_value(json_object_get(about, "name")));
    json_decref(about);
  }
  return code;
}
