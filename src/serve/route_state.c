/* What the server says of itself: models, health, metrics, and its own description. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "serve/answer.h"
#include "serve/reload.h"
#include "serve/routes.h"
#include "serve/session.h"

void trm__route_openapi(trm__call *call) {
  trm__call_answer(call, 200, json_incref(call->gateway->openapi));
}

static void health(trm__call *call, int good, const char *detail) {
  if (good) trm__call_text(call, 200, "text/plain; charset=utf-8", "ok\n", 3);
  else trm__call_problem(call, TRM__PROBLEM_MODEL_NOT_LOADED, NULL, detail);
}

void trm__route_livez(trm__call *call) {
  health(call, 1, NULL);
}

void trm__route_readyz(trm__call *call) {
  const trm__gateway *g = call->gateway;
  if (g->phase > TRM__SERVING) trm__call_problem(call, TRM__PROBLEM_DRAINING, NULL, "the server is ending");
  else health(call, g->phase == TRM__SERVING, "no engine has all its models; GET /v1/models says why");
}

void trm__route_startupz(trm__call *call) {
  health(call, call->gateway->started, "no engine has had all its models yet");
}

void trm__route_metrics(trm__call *call) {
  char *text = NULL;
  size_t size = 0;
  trm_error err = {0};
  const trm__gateway *g = call->gateway;
  trm__telemetry_now now = {.pool = trm__serve_pool_get_stats(g->pool),
                            .server = trm__server_statistics(g->server),
                            .ready = g->phase == TRM__SERVING,
                            .draining = g->phase > TRM__SERVING,
                            .sessions = trm__sessions_count(g->sessions)};
  trm__journal_get_stats(g->journal, &now.journal);
  const trm__reload_stats reloads = trm__reload_get_stats(g->reload);
  now.switched = reloads.switched;
  now.unchanged = reloads.unchanged;
  now.refused = reloads.refused;
  now.switch_seconds = reloads.seconds;
  trm_status status = trm__telemetry_text(&g->telemetry, &now, &text, &size, &err);
  if (status) trm__call_problem(call, TRM__PROBLEM_INTERNAL, NULL, err.message);
  else trm__call_text(call, 200, TRM__METRICS_TYPE, text, size);
  trm__free(text);
}

/* -- a copy of the journal ----------------------------------------------------------------------------------------- */

typedef struct backup_asking {
  trm__call *call; /* NULL: its client is gone */
  char path[TRM__SERVE_PATH + 16];
} backup_asking;

static void backup_on_gone(trm__call *call, void *own) {
  (void)call;
  ((backup_asking *)own)->call = NULL; /* the copy is made all the same */
}

static void backup_on_done(void *context, trm_status status, const trm_error *error) {
  backup_asking *a = context;
  trm__call *call = a->call;
  if (call) call->gone = NULL, call->own = NULL;
  if (call && status) trm__call_problem(call, TRM__PROBLEM_STORAGE, NULL, error->message);
  else if (call) trm__call_answer(call, 200, json_pack("{s:s}", "file", a->path));
  trm__free(a);
}

/* The server chooses the name, so that no client makes it write anywhere else. */
void trm__route_backup(trm__call *call) {
  trm_error err = {0};
  backup_asking *a = trm__calloc(1, sizeof *a);
  trm_status status = a ? TRM_OK : TRM_E_MEMORY;
  if (a) {
    a->call = call;
    snprintf(a->path, sizeof a->path, "%s/backup.db", call->gateway->config.data_dir);
    status = trm__journal_backup(call->gateway->journal, a->path, backup_on_done, a, &err);
  }
  if (!status) {
    call->own = a;
    call->gone = backup_on_gone;
    return;
  }
  trm__free(a);
  trm__call_problem(call, status == TRM_E_BUSY ? TRM__PROBLEM_CONFLICT : TRM__PROBLEM_STORAGE, NULL,
                    *err.message ? err.message : "out of memory");
}
