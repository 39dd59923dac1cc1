#include "serve/gateway.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "net/dispatch.h"
#include "net/listen.h"
#include "proc/role.h"
#include "serve/call.h"
#include "serve/live.h"
#include "serve/reload.h"
#include "serve/mcp/mcp.h"
#include "serve/routes.h"
#include "serve/sandbox.h"
#include "serve/session.h"
#include "serve/socket.h"

#define TICK_S 1             /* of the heartbeat and of what is looked after now and then */
#define DESCRIPTORS_KEPT 256 /* for the journal, engines, listeners, and connections that are turned away */

static void gateway_end(trm__gateway *g) {
  if (g->phase == TRM__ENDED) return;
  g->phase = TRM__ENDED;
  (void)event_base_loopbreak(g->base);
}

static void gateway_fail(trm__gateway *g, const char *what) {
  trm__records_write(&g->records, TRM_LOG_ERROR, NULL, "%s", what);
  g->failed = 1;
  gateway_end(g);
}

/* Work has ended: a drain may be over. */
static void gateway_on_idle(evutil_socket_t fd, short what, void *context) {
  trm__gateway *g = context;
  (void)fd, (void)what;
  if (g->phase == TRM__DRAINING && g->waiting == 0 && trm__live_count(g->live) == 0) trm__server_drain(g->server, 0);
}

/* -- what comes from outside --------------------------------------------------------------------------------------- */

static void gateway_on_journal(evutil_socket_t fd, short what, void *context) {
  trm__gateway *g = context;
  trm__journal_stats stats;
  (void)fd, (void)what;
  trm__journal_deliver(g->journal);
  trm__journal_get_stats(g->journal, &stats);
  if (stats.broken) gateway_fail(g, "the journal is broken; a new process goes on from what is on disk");
}

static void gateway_on_changed(void *context, uint64_t engine, const trm_error *why) {
  trm__gateway *g = context;
  int ready = trm__serve_pool_ready(g->pool);
  if (why)
    trm__records_write(&g->records, TRM_LOG_WARN, NULL, "engine %llu: %s%s%s", (unsigned long long)(engine >> 32),
                       why->where, *why->where ? ": " : "", why->message);
  if (g->phase <= TRM__SERVING) {
    int parts = trm__serve_pool_get_stats(g->pool).sandbox;
    if (ready && !g->started && g->config.sandbox && parts != (TRM__SANDBOX_LANDLOCK | TRM__SANDBOX_SECCOMP))
      trm__records_write(&g->records, TRM_LOG_WARN, NULL, "engines are in a weaker sandbox: %s seccomp, %s Landlock",
                         parts & TRM__SANDBOX_SECCOMP ? "with" : "without",
                         parts & TRM__SANDBOX_LANDLOCK ? "with" : "without");
    if (ready && g->phase == TRM__STARTING)
      trm__records_write(&g->records, TRM_LOG_INFO, NULL, "ready after %.2f s", trm__clock() - g->began);
    g->phase = ready ? TRM__SERVING : TRM__STARTING;
  }
  if (ready) g->started = 1;
  trm__reload_changed(g->reload);
  trm__mcp_changed(g->mcp, TRM__MCP_RESOURCES); /* models may have come */
  trm__live_take(g->live);
}

static void gateway_on_line(evutil_socket_t fd, short what, void *context) {
  trm__gateway *g = context;
  trm__role_message message;
  int got;
  (void)fd, (void)what;
  while ((got = trm__role_next(&message)) > 0) trm__reload_link(g->reload, &message);
  trm__reload_changed(g->reload);
  if (got < 0) gateway_fail(g, "the root process is gone");
}

static void gateway_on_tick(evutil_socket_t fd, short what, void *context) {
  trm__gateway *g = context;
  (void)fd, (void)what;
  trm__role_beat();
  trm__sessions_expire(g->sessions, trm_clock());
  trm__reload_tick(g->reload);
  trm__live_take(g->live);
}

/* SIGHUP: tokens and models are read again. What is wrong leaves everything as it was. */
static void gateway_on_hup(evutil_socket_t fd, short what, void *context) {
  trm__gateway *g = context;
  trm__tokens *tokens = NULL;
  trm_error err = {0};
  (void)fd, (void)what;
  if (g->tokens && trm__tokens_open(&tokens, g->config.token_file, &err))
    trm__records_write(&g->records, TRM_LOG_ERROR, NULL, "tokens stay as they were: %s: %s", err.where, err.message);
  if (tokens) {
    trm__tokens_close(&g->tokens);
    g->tokens = tokens;
    trm__records_write(&g->records, TRM_LOG_INFO, NULL, "tokens are read again");
  }
  trm__reload_look(g->reload);
}

/* -- ending -------------------------------------------------------------------------------------------------------- */

static void gateway_after(trm__gateway *g, double seconds) {
  struct timeval at = {(time_t)seconds, (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)};
  (void)evtimer_add(g->on_drain, &at);
}

static void gateway_on_drained(void *context) {
  gateway_end(context); /* no connection is left */
}

/* The delay is over, and later the time that running work had. */
static void gateway_on_drain(evutil_socket_t fd, short what, void *context) {
  trm__gateway *g = context;
  (void)fd, (void)what;
  if (g->phase == TRM__LEAVING) {
    g->phase = TRM__DRAINING;
    gateway_after(g, g->config.drain_s);
    trm__server_drain(g->server, 1);
    trm__mcp_end_listening(g->mcp);
    trm__gateway_idle(g);
    return;
  }
  trm__records_write(&g->records, TRM_LOG_WARN, NULL,
                     "the time to drain is over: %zu requests and %zu jobs are cut off", g->waiting,
                     trm__live_count(g->live));
  trm__live_return(g->live);
  gateway_end(g);
}

static void gateway_on_term(evutil_socket_t fd, short what, void *context) {
  trm__gateway *g = context;
  (void)fd, (void)what;
  if (g->phase >= TRM__LEAVING) {
    gateway_end(g);
    return;
  }
  trm__records_write(&g->records, TRM_LOG_INFO, NULL, "ending: %zu requests, %zu jobs", g->waiting,
                     trm__live_count(g->live));
  g->phase = TRM__LEAVING;
  gateway_after(g, g->config.drain_delay_s);
}

/* -- beginning ----------------------------------------------------------------------------------------------------- */

static void gateway_on_access(const trm__access *access, void *context) {
  trm__gateway *g = context;
  trm__call_note *note = access->tag;
  trm__telemetry_request(&g->telemetry, access);
  trm__records_about about = {.trace_id = note && *note->trace_id ? note->trace_id : NULL,
                              .job_id = note && *note->job ? note->job : NULL,
                              .route = access->route,
                              .client = access->peer,
                              .status = access->status,
                              .seconds = access->seconds};
  int quiet = access->status < 400 && access->outcome == TRM__ANSWERED;
  trm__records_write(&g->records, quiet ? TRM_LOG_DEBUG : TRM_LOG_INFO, &about, "%s %s%s%s",
                     access->request ? trm__method_name(access->request->method) : "-",
                     access->route ? access->route : "-", access->reason ? ": " : "",
                     access->reason ? access->reason : "");
  trm__free(note);
}

/* How many connections there may be: what is configured, within the descriptors that the system lets a process have. So
 * that connections never take those that the journal needs. */
static size_t gateway_connections(trm__gateway *g) {
  struct rlimit limit;
  size_t wanted = (size_t)g->config.connections;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return wanted;
  size_t all = (size_t)limit.rlim_cur, most = all > 2 * DESCRIPTORS_KEPT ? all - DESCRIPTORS_KEPT : all / 2 + 1;
  if (wanted <= most) return wanted;
  trm__records_write(&g->records, TRM_LOG_WARN, NULL,
                     "connections: %zu, and not %zu, because this process may have %zu descriptors; let it have more "
                     "(LimitNOFILE of systemd, ulimit -n) or ask for fewer",
                     most, wanted, all);
  return most;
}

/* Addresses that others reach need a token, whoever opened them. */
static trm_status gateway_listen(trm__gateway *g, const char *address, int fd, trm_error *err) {
  const trm__serve_config *c = &g->config;
  trm_status status = fd < 0 ? TRM_OK : trm__server_listen_fd(g->server, fd, err);
  size_t count = 0;
  while (trm__server_address(g->server, count)) count++;
  if (!status && fd >= 0) address = trm__server_address(g->server, count - 1);
  if (!status && !g->tokens && !c->open && !trm__listen_is_local(address))
    return trm__fail(err, TRM_E_USAGE, "listen", "others reach %s, and neither token_file nor open is set", address);
  return status || fd >= 0 ? status : trm__server_listen(g->server, address, err);
}

/* Beside what was asked for, the socket by which programs of this configuration find the server. Where the folder takes
 * none it goes without. */
static void gateway_open_socket(trm__gateway *g) {
  char path[TRM__SERVE_PATH + 16], address[TRM__SERVE_PATH + 32];
  trm_error err = {0};
  if (!trm__serve_socket(&g->config, path, sizeof path)) return;
  snprintf(address, sizeof address, "unix:%s", path);
  if (trm__server_listen(g->server, address, &err))
    trm__records_write(&g->records, TRM_LOG_INFO, NULL, "no socket in data_dir: %s", err.message);
}

static trm_status gateway_open_server(trm__gateway *g, trm_error *err) {
  const trm__serve_config *c = &g->config;
  trm__server_config config = trm__server_config_default();
  config.handle = trm__dispatch;
  config.context = g->router;
  config.access = gateway_on_access;
  config.access_context = g;
  config.drained = gateway_on_drained;
  config.drained_context = g;
  config.limits.body = (uint64_t)c->body_bytes;
  config.max_connections = gateway_connections(g);
  config.max_of_address = (size_t)c->address_limit;
  config.head_s = c->header_s;
  config.body_s = c->body_s;
  config.write_s = c->write_s;
  config.idle_s = c->idle_s;
  trm_status status = trm__server_open(&g->server, g->base, &config, err);
  for (int i = 0; !status && i < g->sockets; i++) status = gateway_listen(g, NULL, TRM__ROLE_GIVEN + i, err);
  for (const char *at = g->sockets ? "" : c->listen; !status && *at;
       at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
    char address[256];
    snprintf(address, sizeof address, "%.*s", (int)strcspn(at, ","), at);
    status = gateway_listen(g, address, -1, err);
  }
  if (!status) gateway_open_socket(g);
  for (size_t i = 0; !status && trm__server_address(g->server, i); i++)
    trm__records_write(&g->records, TRM_LOG_INFO, NULL, "listening on %s", trm__server_address(g->server, i));
  return status;
}

static trm_status gateway_open_journal(trm__gateway *g, trm_error *err) {
  trm__journal_config config = trm__journal_config_default();
  config.folder = g->config.data_dir;
  config.open_limit = g->config.jobs_limit;
  config.keep_ms = (int64_t)(g->config.keep_s * 1000);
  config.body_limit = g->config.body_bytes + 1024;
  config.log = trm__records_log(&g->records);
  return trm__journal_open(&g->journal, &config, err);
}

static trm_status gateway_open_pool(trm__gateway *g, const trm__work_config *models, const char *build_id,
                                    trm_error *err) {
  static trm__serve_pool_config config; /* large, and a process has one */
  config = trm__serve_pool_config_default();
  config.base = g->base;
  config.build_id = build_id;
  config.engine = *models; /* with the versions to begin with */
  config.waiting_most = g->config.queue_limit;
  config.client_most = g->config.client_limit;
  config.changed = gateway_on_changed;
  config.context = g;
  return trm__serve_pool_open(&g->pool, &config, err);
}

static trm_status gateway_open_events(trm__gateway *g, trm_error *err) {
  struct timeval tick = {TICK_S, 0};
  g->on_journal = event_new(g->base, trm__journal_fd(g->journal), EV_READ | EV_PERSIST, gateway_on_journal, g);
  g->on_line = event_new(g->base, TRM__ROLE_LINE, EV_READ | EV_PERSIST, gateway_on_line, g);
  g->on_tick = event_new(g->base, -1, EV_PERSIST, gateway_on_tick, g);
  g->on_drain = evtimer_new(g->base, gateway_on_drain, g);
  g->on_idle = event_new(g->base, -1, 0, gateway_on_idle, g);
  g->on_term = evsignal_new(g->base, SIGTERM, gateway_on_term, g);
  g->on_hup = evsignal_new(g->base, SIGHUP, gateway_on_hup, g);
  g->on_int = evsignal_new(g->base, SIGINT, gateway_on_term, g);
  struct event *const all[] = {g->on_journal, g->on_line, g->on_tick, g->on_term, g->on_int, g->on_hup};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (!all[i] || !g->on_drain || !g->on_idle || event_add(all[i], all[i] == g->on_tick ? &tick : NULL) != 0)
      return trm__fail(err, TRM_E_MEMORY, "gateway", "the event loop takes no more events");
  return TRM_OK;
}

static trm_status gateway_open(trm__gateway *g, const trm__work_config *found, const char *folders,
                               const char *build_id, trm_error *err) {
  static trm__work_config models; /* large, as all of it */
  models = *found;
  g->base = event_base_new();
  if (!g->base) return trm__fail(err, TRM_E_MEMORY, "gateway", "there is no event loop");
  trm_status status = trm__telemetry_open(&g->telemetry, g->config.statsd, err);
  if (!status && *g->config.token_file) status = trm__tokens_open(&g->tokens, g->config.token_file, err);
  if (!status) status = gateway_open_journal(g, err);
  if (!status) status = trm__reload_open(&g->reload, g, &models, folders, err);
  if (!status) status = gateway_open_pool(g, &models, build_id, err);
  if (!status) status = trm__live_open(&g->live, g, err);
  if (!status) status = trm__sessions_open(&g->sessions, g, err);
  if (!status) status = trm__mcp_open(&g->mcp, g, err);
  if (!status) status = trm__routes_open(&g->router, g, err);
  if (!status && !(g->openapi = trm__openapi())) status = trm__fail_memory(err, "the description", 1);
  if (!status) status = gateway_open_server(g, err);
  return status ? status : gateway_open_events(g, err);
}

/* Calls are told that they are gone before what they point to goes; the journal tells of the last ends before the jobs
 * that wait for them go. */
static void gateway_close(trm__gateway *g) {
  struct event *const all[] = {g->on_journal, g->on_line, g->on_tick,  g->on_term,
                               g->on_int,     g->on_hup,  g->on_drain, g->on_idle};
  if (g->live) trm__live_return(g->live);
  trm__journal_close(&g->journal);
  trm__server_close(&g->server);
  trm__reload_close(&g->reload);
  trm__mcp_close(&g->mcp);
  trm__serve_pool_close(&g->pool);
  trm__live_close(&g->live);
  trm__sessions_close(&g->sessions);
  trm__router_close(&g->router);
  trm__tokens_close(&g->tokens);
  trm__telemetry_close(&g->telemetry);
  json_decref(g->openapi);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i]) event_free(all[i]);
  if (g->base) event_base_free(g->base);
}

int trm__gateway_run(const trm__serve_config *config, const trm__work_config *models, const char *folders,
                     const char *build_id, int sockets) {
  static trm__gateway g; /* large, and a process has one */
  memset(&g, 0, sizeof g);
  g.began = trm__clock();
  g.config = *config;
  g.sockets = sockets;
  trm_error err = {0};
  g.records = trm__records_open(config->log, config->log_level, "gateway");
  signal(SIGPIPE, SIG_IGN);
  trm_status status = trm__role_open(&err);
  if (!status) status = gateway_open(&g, models, folders, build_id, &err);
  if (!status) {
    trm__role_ready();
    (void)event_base_dispatch(g.base);
  } else trm__records_write(&g.records, TRM_LOG_ERROR, NULL, "%s: %s", err.where, err.message);
  int hopeless = status == TRM_E_USAGE || status == TRM_E_INPUT || status == TRM_E_BUSY;
  gateway_close(&g);
  if (status) return hopeless ? TRM__EXIT_USAGE : TRM__EXIT_FAULT;
  return g.failed ? TRM__EXIT_FAULT : TRM__EXIT_OK;
}
