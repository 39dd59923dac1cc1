#include "serve/routes.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "net/dispatch.h"
#include "net/metrics.h"
#include "serve/mcp/http.h"
#include "serve/schemas.h"

static json_t *schema_message(void) {
  return json_pack("{s:s, s:s, s:{s:{s:s}, s:{s:s}}, s:[s]}", "type", "object", "description", "JSON-RPC 2.0",
                   "properties", "jsonrpc", "const", "2.0", "method", "type", "string", "required", "jsonrpc");
}

/* -- the table ----------------------------------------------------------------------------------------------------- */

#define SOLVE TRM__SCOPE_SOLVE
#define ADMIN TRM__SCOPE_ADMIN

static const trm__served_route routes_table[] = {
    {TRM__POST,
     "/v1/solve",
     {SOLVE, 1, trm__route_solve},
     "solve",
     "Solve a puzzle or a list: wait, follow the steps (Accept: text/event-stream), or make it a job (async)",
     trm__schema_solve,
     "200|202"},
    {TRM__POST,
     "/v1/check",
     {SOLVE, 1, trm__route_check},
     "check",
     "Judge an answer, or a question alone, by the puzzle's own rules",
     trm__schema_check,
     "200"},
    {TRM__POST,
     "/v1/hint",
     {SOLVE, 1, trm__route_hint},
     "hint",
     "The next cell, and why",
     trm__schema_needs_puzzle,
     "200"},
    {TRM__POST,
     "/v1/generate",
     {SOLVE, 1, trm__route_generate},
     "generate",
     "A new puzzle with its answer",
     trm__schema_generate,
     "200"},
    {TRM__GET,
     "/v1/jobs",
     {SOLVE, 0, trm__route_jobs},
     "listJobs",
     "Jobs, oldest first (state, after, limit)",
     NULL,
     "200"},
    {TRM__GET,
     "/v1/jobs/{id}",
     {SOLVE, 0, trm__route_job},
     "getJob",
     "A job, with its result once it has one",
     NULL,
     "200"},
    {TRM__GET,
     "/v1/jobs/{id}/events",
     {SOLVE, 0, trm__route_job_events},
     "followJob",
     "Its steps and its end as server-sent events, from Last-Event-ID on",
     NULL,
     "200"},
    {TRM__POST,
     "/v1/jobs/{id}/cancel",
     {SOLVE, 0, trm__route_job_cancel},
     "cancelJob",
     "End a job before its time",
     NULL,
     "200"},
    {TRM__POST,
     "/v1/sessions",
     {SOLVE, 1, trm__route_sessions_new},
     "newSession",
     "Begin to advance a puzzle step by step",
     trm__schema_needs_puzzle,
     "201"},
    {TRM__GET, "/v1/sessions", {SOLVE, 0, trm__route_sessions}, "listSessions", "Your sessions", NULL, "200"},
    {TRM__GET,
     "/v1/sessions/{id}",
     {SOLVE, 0, trm__route_session},
     "getSession",
     "A session and its steps",
     NULL,
     "200"},
    {TRM__POST,
     "/v1/sessions/{id}/step",
     {SOLVE, 1, trm__route_session_step},
     "stepSession",
     "Take supervision steps",
     trm__schema_steps,
     "200"},
    {TRM__POST,
     "/v1/sessions/{id}/pin",
     {SOLVE, 1, trm__route_session_pin},
     "pinCell",
     "From the next step on a cell has this value as its clue",
     trm__schema_pin,
     "200"},
    {TRM__POST,
     "/v1/sessions/{id}/clear",
     {SOLVE, 1, trm__route_session_clear},
     "clearCell",
     "A cell is again as the session began",
     trm__schema_cell,
     "200"},
    {TRM__POST,
     "/v1/sessions/{id}/back",
     {SOLVE, 1, trm__route_session_back},
     "backSession",
     "Take steps back",
     trm__schema_steps,
     "200"},
    {TRM__DELETE,
     "/v1/sessions/{id}",
     {SOLVE, 0, trm__route_session_delete},
     "endSession",
     "End a session",
     NULL,
     "204"},
    {TRM__POST,
     "/v1/backup",
     {ADMIN, 0, trm__route_backup},
     "backup",
     "Make a copy of the journal beside it, while the server runs",
     NULL,
     "200"},
    {TRM__GET, "/v1/models", {SOLVE, 0, trm__route_models}, "listModels", "The models and their values", NULL, "200"},
    {TRM__GET, "/v1/models/{id}", {SOLVE, 0, trm__route_model}, "getModel", "One, by its name", NULL, "200"},
    {TRM__POST,
     "/v1/models/{id}/load",
     {ADMIN, 1, trm__route_model_load},
     "loadModel",
     "Take the name's file as it is now: check it, try it, and serve it in place of the version before",
     trm__model_schema_load,
     "200"},
    {TRM__POST,
     "/v1/models/{id}/activate",
     {ADMIN, 1, trm__route_model_activate},
     "activateModel",
     "Serve a version that is kept: by default the one beside",
     trm__model_schema_activate,
     "200"},
    {TRM__POST,
     "/v1/models/{id}/rollback",
     {ADMIN, 1, trm__route_model_rollback},
     "rollbackModel",
     "Serve the version that was active before",
     NULL,
     "200"},
    {TRM__POST,
     "/v1/models/{id}/unload",
     {ADMIN, 1, trm__route_model_unload},
     "unloadModel",
     "Serve the name no more, or not the version beside",
     trm__model_schema_unload,
     "200"},
    {TRM__POST,
     "/mcp",
     {SOLVE, 0, trm__route_mcp},
     "mcp",
     "A message of the Model Context Protocol, for hosts of language models",
     schema_message,
     "200|202"},
    {TRM__GET, "/v1/openapi.json", {0, 0, trm__route_openapi}, "openapi", "This description", NULL, "200"},
    {TRM__GET, "/livez", {0, 0, trm__route_livez}, "livez", "The process turns its loop", NULL, "200"},
    {TRM__GET, "/readyz", {0, 0, trm__route_readyz}, "readyz", "A puzzle would be taken now", NULL, "200"},
    {TRM__GET, "/startupz", {0, 0, trm__route_startupz}, "startupz", "All models have been loaded once", NULL, "200"},
    {TRM__GET,
     "/metrics",
     {ADMIN, 0, trm__route_metrics},
     "metrics",
     "Counters in Prometheus' text format",
     NULL,
     "200"},
};
enum { ROUTES = sizeof routes_table / sizeof *routes_table };

const trm__served_route *trm__routes(size_t *count) {
  *count = ROUTES;
  return routes_table;
}

/* -- the router ---------------------------------------------------------------------------------------------------- */

/* What a route's context is. */
typedef struct route_context {
  trm__gateway *gateway;
  const trm__call_rule *rule;
} route_context;

static void route_handle(trm__exchange *exchange, void *context) {
  const route_context *c = context;
  trm__call_begin(c->gateway, exchange, c->rule);
}

trm_status trm__routes_open(trm__router **out, trm__gateway *gateway, trm_error *err) {
  static route_context contexts[ROUTES]; /* a process has one gateway */
  static trm__route routes[ROUTES];
  for (size_t i = 0; i < ROUTES; i++) {
    contexts[i] = (route_context){gateway, &routes_table[i].rule};
    routes[i] = (trm__route){routes_table[i].method, routes_table[i].pattern, route_handle, &contexts[i]};
  }
  return trm__router_open(out, routes, ROUTES, err);
}

/* -- OpenAPI ------------------------------------------------------------------------------------------------------- */

/* Of routes that answer otherwise than with JSON, or heed more than path and body. */
static const struct {
  const char *name;
  const char *types;  /* of good answers, behind bars */
  const char *heeded; /* "query:limit|header:Idempotency-Key"; "": nothing */
} openapi_more[] = {
    {"solve", "application/json|text/event-stream", "header:Idempotency-Key"},
    {"listJobs", "application/json", "query:state|query:after|query:limit"},
    {"followJob", "text/event-stream", "header:Last-Event-ID"},
    {"livez", "text/plain; charset=utf-8", ""},
    {"readyz", "text/plain; charset=utf-8", ""},
    {"startupz", "text/plain; charset=utf-8", ""},
    {"metrics", TRM__METRICS_TYPE, ""},
};
enum { MORE = sizeof openapi_more / sizeof *openapi_more };

/* Its place in the list; MORE: it answers with JSON. */
static size_t openapi_find_more(const trm__served_route *r) {
  size_t i = 0;
  while (i < MORE && strcmp(openapi_more[i].name, r->name) != 0) i++;
  return i;
}

/* Cuts the next word off a list behind bars; 0: there is none. */
static int openapi_next(const char **list, char word[64]) {
  size_t length = strcspn(*list, "|");
  if (!length || length >= 64) return 0;
  memcpy(word, *list, length);
  word[length] = '\0';
  *list += length + ((*list)[length] == '|');
  return 1;
}

static json_t *openapi_parameter(const char *name, const char *place, int required) {
  return json_pack("{s:s, s:s, s:b, s:{s:s}}", "name", name, "in", place, "required", required, "schema", "type",
                   "string");
}

static json_t *openapi_parameters(const trm__served_route *r) {
  char word[64];
  size_t more = openapi_find_more(r);
  const char *heeded = more < MORE ? openapi_more[more].heeded : "";
  json_t *list = json_array();
  if (list && strstr(r->pattern, "{id}")) (void)json_array_append_new(list, openapi_parameter("id", "path", 1));
  while (list && openapi_next(&heeded, word)) {
    char *name = strchr(word, ':');
    *name = '\0';
    (void)json_array_append_new(list, openapi_parameter(name + 1, word, 0));
  }
  return list;
}

static json_t *openapi_content(const trm__served_route *r) {
  char type[64];
  size_t more = openapi_find_more(r);
  const char *types = more < MORE ? openapi_more[more].types : "application/json";
  json_t *content = json_object();
  while (content && openapi_next(&types, type))
    (void)json_object_set_new(
        content, type, json_pack("{s:{s:s}}", "schema", "type", strncmp(type, "text/", 5) ? "object" : "string"));
  return content;
}

static json_t *openapi_answers(const trm__served_route *r) {
  static const char *const problem = "application/problem+json";
  json_t *answers = json_object();
  for (const char *at = r->answers; answers && *at; at += at[3] == '|' ? 4 : 3) {
    char status[4] = {at[0], at[1], at[2], 0};
    json_t *answer = json_pack("{s:s}", "description", r->summary);
    if (answer && strcmp(status, "204") != 0) (void)json_object_set_new(answer, "content", openapi_content(r));
    (void)json_object_set_new(answers, status, answer);
  }
  if (answers)
    (void)json_object_set_new(answers, "default",
                              json_pack("{s:s, s:{s:{s:{s:s}}}}", "description", "what is wrong, and how to mend it",
                                        "content", problem, "schema", "$ref", "#/components/schemas/Problem"));
  return answers;
}

static json_t *openapi_operation(const trm__served_route *r) {
  json_t *o = json_pack("{s:s, s:s, s:o, s:o}", "operationId", r->name, "summary", r->summary, "parameters",
                        openapi_parameters(r), "responses", openapi_answers(r));
  if (o && r->body)
    (void)json_object_set_new(
        o, "requestBody",
        json_pack("{s:b, s:{s:{s:o}}}", "required", 1, "content", "application/json", "schema", r->body()));
  if (o && !r->rule.scope) (void)json_object_set_new(o, "security", json_array());
  return o;
}

static json_t *openapi_problem(void) {
  return json_pack("{s:s, s:[s, s], s:{s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}}", "type", "object", "required",
                   "title", "status", "properties", "type", "type", "string", "title", "type", "string", "status",
                   "type", "integer", "detail", "type", "string", "errors", "type", "array");
}

json_t *trm__openapi(void) {
  static const char *const words[TRM__METHODS] = {
      [TRM__GET] = "get", [TRM__POST] = "post", [TRM__DELETE] = "delete", [TRM__PUT] = "put"};
  json_t *paths = json_object();
  for (size_t i = 0; paths && i < ROUTES; i++) {
    json_t *path = json_object_get(paths, routes_table[i].pattern);
    if (!path) {
      path = json_object();
      (void)json_object_set_new(paths, routes_table[i].pattern, path);
    }
    (void)json_object_set_new(path, words[routes_table[i].method], openapi_operation(&routes_table[i]));
  }
  return json_pack("{s:s, s:{s:s, s:s, s:s}, s:[{s:[]}, {}], s:o, s:{s:{s:{s:s, s:s}}, s:{s:o}}}", "openapi", "3.1.0",
                   "info", "title", "trm", "version", trm_version(), "description",
                   "Puzzles solved by Tiny Recursion Models; answers are checked by the puzzle's own rules", "security",
                   "bearer", "paths", paths, "components", "securitySchemes", "bearer", "type", "http", "scheme",
                   "bearer", "schemas", "Problem", openapi_problem());
}
