/* Opening an agent: its catalog is filled with the built-in actions and with those of definition files. */
#include <stdio.h>
#include <string.h>

#include "agent/action/agent.h"
#include "agent/builtin/solving.h"
#include "agent/define/define.h"
#include "agent/runner/external.h"
#include "base/mem.h"
#include "base/os/file.h"
#include "base/status.h"
#include "base/text/json.h"

static const char *open_text(const json_t *about, const char *key) {
  const char *text = json_string_value(json_object_get(about, key));
  return text ? text : "";
}

static trm_status open_builtins(trm__agent *agent, const trm__builtin *list, trm_error *err) {
  trm_status status = TRM_OK;
  for (; list->about && !status; list++) {
    json_t *about = NULL;
    status = trm__json_parse(&about, list->about, strlen(list->about), "built-in action", err);
    if (!status) status = trm__agent_add(agent, about, list->run, NULL, open_text(about, "name"), err);
  }
  return status;
}

/* -- definition files ---------------------------------------------------------------------------------------------- */

static trm_status open_file(trm__agent *agent, const char *path, int named, trm_error *err) {
  json_t *about = NULL;
  trm_status status = trm__define_load(&about, path, err);
  if (status) return status;
  if (!strcmp(open_text(about, "kind"), "action")) {
    int undoes = json_object_get(about, "undo") != NULL;
    return trm__agent_add(agent, about, trm__external_run, undoes ? trm__external_undo : NULL, path, err);
  }
  json_decref(about); /* another kind; in a folder they may stand beside actions */
  return named ? trm__fail(err, TRM_E_INPUT, path, "\"kind\": expected \"action\"") : TRM_OK;
}

static trm_status open_definitions(trm__agent *agent, const char *path, trm_error *err) {
  char **names = NULL, file[1400];
  size_t count = 0;
  if (!path || !*path) return TRM_OK;
  if (!trm__path_is_dir(path)) return open_file(agent, path, 1, err);
  trm_status status = trm__dir_list(path, &names, &count, err);
  for (size_t i = 0; i < count && !status; i++) {
    size_t length = strlen(names[i]);
    if (length < 6 || strcmp(names[i] + length - 5, ".json") != 0) continue;
    snprintf(file, sizeof file, "%.1000s/%.300s", path, names[i]);
    status = open_file(agent, file, 0, err);
  }
  trm__dir_list_free(names, count);
  return status;
}

trm_status trm__agent_open(trm__agent **out, const trm__agent_config *config, trm_error *err) {
  trm__agent *agent = trm__calloc(1, sizeof *agent);
  if (!agent) return trm__fail_memory(err, "agent", sizeof *agent);
  agent->config = *config;
  trm_status status = trm__solving_open(&agent->solving, &agent->config, err);
  if (!status) status = open_builtins(agent, trm__builtin_puzzles, err);
  if (!status) status = open_builtins(agent, trm__builtin_tools, err);
  if (!status) status = open_definitions(agent, config->definitions, err);
  if (status) trm__agent_close(&agent);
  else *out = agent;
  return status;
}

void trm__agent_close(trm__agent **agent) {
  if (!*agent) return;
  trm__catalog_close(*agent);
  trm__solving_close(&(*agent)->solving);
  trm__free(*agent);
  *agent = NULL;
}
