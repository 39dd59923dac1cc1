#include "serve/mcp/alone.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "proc/channel.h"
#include "proc/role.h"
#include "proc/spawn.h"
#include "serve/session.h"

enum { ENDS = 5 };    /* of engines */
#define PERIOD_S 30.0 /* in so long: then no other is started */
#define AGAIN_S 1     /* before the next engine */

struct trm__mcp_alone {
  trm__gateway gateway; /* without server, journal and jobs */
  char program[TRM__WORK_PATH];
  pid_t engine; /* 0: none */
  uint64_t engines;
  double ended[ENDS]; /* when the last ones did, on trm__clock() */
  int ends;
  struct event *on_child, *on_again, *on_tick;
  void (*failed)(void *context);
  void *context;
};

static trm_status alone_start(trm__mcp_alone *a, trm_error *err) {
  char channel[8];
  int sockets[2];
  (void)snprintf(channel, sizeof channel, "%d", TRM__ROLE_CHANNEL);
  const char *const argv[] = {a->program, "--role", "engine", "--channel", channel, NULL};
  trm_status status = trm__channel_pair(sockets, err);
  if (status) return status;
  const trm__spawn spawn = {.argv = argv, .line = -1, .channel = sockets[1]};
  a->engine = trm__spawn_child(&spawn);
  close(sockets[1]);
  if (a->engine < 0) {
    a->engine = 0;
    close(sockets[0]);
    return trm__fail_errno(err, a->program, "an engine cannot be started");
  }
  return trm__serve_pool_attach(a->gateway.pool, ++a->engines, sockets[0], err);
}

static void alone_on_again(evutil_socket_t fd, short what, void *context) {
  trm__mcp_alone *a = context;
  trm_error err = {0};
  (void)fd, (void)what;
  if (!alone_start(a, &err)) return;
  trm__records_write(&a->gateway.records, TRM_LOG_ERROR, NULL, "%s: %s", err.where, err.message);
  a->failed(a->context);
}

static void alone_on_child(evutil_socket_t fd, short what, void *context) {
  trm__mcp_alone *a = context;
  int status;
  (void)fd, (void)what;
  if (!a->engine || waitpid(a->engine, &status, WNOHANG) != a->engine) return;
  a->engine = 0;
  double now = trm__clock(), oldest = a->ended[a->ends % ENDS];
  a->ended[a->ends++ % ENDS] = now;
  struct timeval pause = {AGAIN_S, 0};
  if (a->ends > ENDS && now - oldest < PERIOD_S) {
    trm__records_write(&a->gateway.records, TRM_LOG_ERROR, NULL, "%d engines have ended in %g s: no other is started",
                       ENDS, PERIOD_S);
    a->failed(a->context);
  } else (void)evtimer_add(a->on_again, &pause);
}

/* An engine that has loaded some of its models serves those; one that has none says why, and ends. */
static void alone_on_changed(void *context, uint64_t engine, const trm_error *why) {
  trm__mcp_alone *a = context;
  int count, loaded = 0;
  (void)engine;
  const trm__work_model *models = trm__serve_pool_models(a->gateway.pool, &count);
  for (int i = 0; i < count; i++) loaded |= models[i].loaded;
  if (why)
    trm__records_write(&a->gateway.records, TRM_LOG_WARN, NULL, "engine: %s%s%s", why->where, *why->where ? ": " : "",
                       why->message);
  if (!count) return;
  a->gateway.started = 1;
  a->gateway.phase = loaded ? TRM__SERVING : TRM__STARTING;
  trm__mcp_ready(a->gateway.mcp);
  trm__mcp_changed(a->gateway.mcp, TRM__MCP_RESOURCES);
}

static void alone_on_tick(evutil_socket_t fd, short what, void *context) {
  trm__mcp_alone *a = context;
  (void)fd, (void)what;
  trm__sessions_expire(a->gateway.sessions, trm_clock());
}

static trm_status alone_open_pool(trm__mcp_alone *a, const trm__work_config *models, trm_error *err) {
  static trm__serve_pool_config config; /* large */
  config = trm__serve_pool_config_default();
  config.base = a->gateway.base;
  config.build_id = trm_version();
  config.engine = *models;
  config.waiting_most = a->gateway.config.queue_limit;
  config.client_most = a->gateway.config.client_limit;
  config.changed = alone_on_changed;
  config.context = a;
  return trm__serve_pool_open(&a->gateway.pool, &config, err);
}

static trm_status alone_open_events(trm__mcp_alone *a, trm_error *err) {
  struct event_base *base = a->gateway.base;
  struct timeval tick = {60, 0};
  a->on_child = evsignal_new(base, SIGCHLD, alone_on_child, a);
  a->on_again = evtimer_new(base, alone_on_again, a);
  a->on_tick = event_new(base, -1, EV_PERSIST, alone_on_tick, a);
  if (a->on_child && a->on_again && a->on_tick && !event_add(a->on_child, NULL) && !event_add(a->on_tick, &tick))
    return TRM_OK;
  return trm__fail(err, TRM_E_MEMORY, "trm mcp", "the event loop takes no more events");
}

trm_status trm__mcp_alone_open(trm__mcp_alone **out, struct event_base *base, const trm__serve_config *config,
                               const trm__work_config *models, const char *program, void (*failed)(void *context),
                               void *context, trm_error *err) {
  trm__mcp_alone *a = trm__calloc(1, sizeof *a);
  if (!a) return trm__fail_memory(err, "trm mcp", sizeof *a);
  trm__gateway *g = &a->gateway;
  g->config = *config;
  g->base = base;
  g->records = trm__records_open(config->log, config->log_level, "mcp");
  g->telemetry.statsd = -1;
  a->failed = failed;
  a->context = context;
  (void)snprintf(a->program, sizeof a->program, "%s", program);
  trm_status status = trm__telemetry_open(&g->telemetry, "", err);
  if (!status) status = alone_open_pool(a, models, err);
  if (!status) status = trm__sessions_open(&g->sessions, g, err);
  if (!status) status = trm__mcp_open(&g->mcp, g, err);
  if (!status) trm__mcp_be_patient(g->mcp);
  if (!status) status = alone_open_events(a, err);
  if (!status) status = alone_start(a, err);
  if (status) trm__mcp_alone_close(&a);
  else *out = a;
  return status;
}

void trm__mcp_alone_close(trm__mcp_alone **ap) {
  trm__mcp_alone *a = *ap;
  *ap = NULL;
  if (!a) return;
  struct event *const all[] = {a->on_child, a->on_again, a->on_tick};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i]) event_free(all[i]);
  trm__mcp_close(&a->gateway.mcp);
  trm__serve_pool_close(&a->gateway.pool);
  trm__sessions_close(&a->gateway.sessions);
  trm__telemetry_close(&a->gateway.telemetry);
  if (a->engine) kill(a->engine, SIGKILL), waitpid(a->engine, NULL, 0);
  trm__free(a);
}

trm__mcp *trm__mcp_alone_server(trm__mcp_alone *a) {
  return a->gateway.mcp;
}
