/* The catalog: actions by name, and the clock and the chance that calls of them use. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/action/agent.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/text/nearest.h"

#define MAX_ACTIONS 1000

/* -- clock and chance ---------------------------------------------------------------------------------------------- */

double trm__agent_now(const trm__agent *agent) {
  return agent->config.clock.now ? agent->config.clock.now(agent->config.clock.context) : trm__clock();
}

void trm__agent_pause(const trm__agent *agent, double seconds) {
  if (agent->config.clock.pause) {
    agent->config.clock.pause(agent->config.clock.context, seconds);
    return;
  }
  struct timespec time = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - floor(seconds)) * 1e9)};
  (void)nanosleep(&time, NULL);
}

uint32_t trm__agent_random(trm__agent *agent) {
  trm__rng rng = trm__rng_make(agent->config.seed, TRM__RNG_BACKOFF, atomic_fetch_add(&agent->drawn, 1));
  return trm__rng_u32(&rng);
}

/* -- the catalog --------------------------------------------------------------------------------------------------- */

const trm__agent_config *trm__agent_config_of(const trm__agent *agent) {
  return &agent->config;
}

size_t trm__agent_actions(const trm__agent *agent) {
  return agent->count;
}

const trm__action *trm__agent_action(const trm__agent *agent, size_t number) {
  return agent->actions[number];
}

/* Where the name stands, or would. */
static size_t catalog_place(const trm__agent *agent, const char *name) {
  size_t low = 0, high = agent->count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (strcmp(agent->actions[middle]->name, name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

const trm__action *trm__agent_find(const trm__agent *agent, const char *name) {
  size_t at = catalog_place(agent, name);
  return at < agent->count && !strcmp(agent->actions[at]->name, name) ? agent->actions[at] : NULL;
}

int trm__agent_unknown(const trm__agent *agent, const char *name, trm__fault *fault) {
  trm__nearest nearest = trm__nearest_to(name);
  for (size_t i = 0; i < agent->count; i++)
    trm__nearest_offer(&nearest, agent->actions[i]->name, strlen(agent->actions[i]->name));
  return trm__fault_set(fault, TRM__FAULT_CONFIGURATION, "no action is called \"%.100s\"%s%s%s", name,
                        nearest.name[0] ? "; did you mean " : "", nearest.name, nearest.name[0] ? "?" : "");
}

static void catalog_free(trm__action *action) {
  trm__schema_close(&action->input);
  trm__schema_close(&action->output);
  json_decref(action->about);
  trm__free(action);
}

static const char *catalog_text(const json_t *about, const char *key) {
  const char *text = json_string_value(json_object_get(about, key));
  return text ? text : "";
}

/* The schema under key; where there is none, anything fits. */
static trm_status catalog_schema(trm__schema **out, const json_t *about, const char *key, const char *where,
                                 trm_error *err) {
  trm__schema_config config = trm__schema_config_default();
  char place[600];
  json_t *schema = json_object_get(about, key);
  config.strict = 1;
  snprintf(place, sizeof place, "%.400s: \"%s\"", where, key);
  return trm__schema_open(out, schema ? schema : json_true(), &config, place, err);
}

static trm_status catalog_insert(trm__agent *agent, trm__action *action, const char *where, trm_error *err) {
  size_t at = catalog_place(agent, action->name);
  if (at < agent->count && !strcmp(agent->actions[at]->name, action->name))
    return trm__fail(err, TRM_E_INPUT, where, "\"name\": an action is called \"%s\" already; choose another name",
                     action->name);
  if (agent->count == MAX_ACTIONS) return trm__fail(err, TRM_E_INPUT, where, "more than %d actions", MAX_ACTIONS);
  trm__action **grown = trm__realloc(agent->actions, agent->count + 1, sizeof(trm__action *));
  if (!grown) return trm__fail_memory(err, where, sizeof *grown);
  agent->actions = grown;
  memmove(grown + at + 1, grown + at, (agent->count - at) * sizeof(trm__action *));
  grown[at] = action;
  agent->count++;
  return TRM_OK;
}

trm_status trm__agent_add(trm__agent *agent, json_t *about, trm__action_fn run, trm__action_fn undo, const char *where,
                          trm_error *err) {
  trm__action *action = trm__calloc(1, sizeof *action);
  if (!action || !about) {
    trm__free(action);
    json_decref(about);
    return trm__fail_memory(err, where, sizeof *action);
  }
  const json_t *timeout = json_object_get(about, "timeout_s");
  *action = (trm__action){.about = about,
                          .name = catalog_text(about, "name"),
                          .description = catalog_text(about, "description"),
                          .category = catalog_text(about, "category"),
                          .version = catalog_text(about, "version"),
                          .run = run,
                          .undo = undo,
                          .idempotent = json_is_true(json_object_get(about, "idempotent")),
                          .timeout_s = timeout ? json_number_value(timeout) : 30,
                          .retries = (int)json_integer_value(json_object_get(about, "retries"))};
  trm_status status = catalog_schema(&action->input, about, "input", where, err);
  if (!status) status = catalog_schema(&action->output, about, "output", where, err);
  if (!status) status = catalog_insert(agent, action, where, err);
  if (status) catalog_free(action);
  return status;
}

void trm__catalog_close(trm__agent *agent) {
  for (size_t i = 0; i < agent->count; i++) catalog_free(agent->actions[i]);
  trm__free(agent->actions);
}
