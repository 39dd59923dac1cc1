/* The routes: one table with each one's method, path, scope, what it is for, and the schema of its body, from which the
 * router and /v1/openapi.json are made. */
#ifndef TRM_SERVE_ROUTES_H
#define TRM_SERVE_ROUTES_H

#include "serve/call.h"

typedef struct trm__served_route {
  trm__method method;
  const char *pattern;
  trm__call_rule rule;
  const char *name, *summary;
  json_t *(*body)(void); /* the schema of its body; NULL: it has none */
  const char *answers;   /* statuses of good answers, "200|202" */
} trm__served_route;

const trm__served_route *trm__routes(size_t *count);

/* A router for the gateway, which the routes keep as their context. */
trm_status trm__routes_open(trm__router **out, trm__gateway *gateway, trm_error *err);

json_t *trm__openapi(void);                             /* NULL without memory */
const trm_option *trm__generate_options(size_t *count); /* of POST /v1/generate */

/* The handlers, each in the file of its subject. */
void trm__route_solve(trm__call *call);
void trm__route_check(trm__call *call);
void trm__route_hint(trm__call *call);
void trm__route_generate(trm__call *call);
void trm__route_jobs(trm__call *call);
void trm__route_job(trm__call *call);
void trm__route_job_events(trm__call *call);
void trm__route_job_cancel(trm__call *call);
void trm__route_sessions_new(trm__call *call);
void trm__route_sessions(trm__call *call);
void trm__route_session(trm__call *call);
void trm__route_session_step(trm__call *call);
void trm__route_session_pin(trm__call *call);
void trm__route_session_clear(trm__call *call);
void trm__route_session_back(trm__call *call);
void trm__route_session_delete(trm__call *call);
void trm__route_models(trm__call *call);
void trm__route_model(trm__call *call);
void trm__route_model_load(trm__call *call);
void trm__route_model_activate(trm__call *call);
void trm__route_model_rollback(trm__call *call);
void trm__route_model_unload(trm__call *call);
json_t *trm__model_schema_load(void);
json_t *trm__model_schema_activate(void);
json_t *trm__model_schema_unload(void);
void trm__route_openapi(trm__call *call);
void trm__route_livez(trm__call *call);
void trm__route_readyz(trm__call *call);
void trm__route_startupz(trm__call *call);
void trm__route_metrics(trm__call *call);
void trm__route_backup(trm__call *call);

#endif
