/* What requests ask of the gateway: see gateway.h. Below all of them, so that none knows the gateway's loop. */
#include "serve/gateway.h"

trm__run_place trm__gateway_place(trm__gateway *g) {
  return (trm__run_place){g->base, g->pool, &g->config, &g->telemetry};
}

trm__problem_kind trm__gateway_refusal(const trm__gateway *g, const char **detail) {
  if (g->phase >= TRM__DRAINING) {
    *detail = "the server is ending";
    return TRM__PROBLEM_DRAINING;
  }
  *detail = "no engine has its models yet; GET /v1/models says why";
  return g->started ? TRM__PROBLEM_NONE : TRM__PROBLEM_MODEL_NOT_LOADED;
}

void trm__gateway_idle(trm__gateway *g) {
  if (g->on_idle) event_active(g->on_idle, 0, 0);
}
