/* Listeners, the limits on connections, and the clock: one timer for all of them, which ticks while there are any. */
#include "net/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "base/text/numbers.h"
#include "net/connection.h"
#include "net/listen.h"

#define LISTENERS 64
#define ACCEPTS 16 /* at one time, so that other connections get their turn */
#define EXTRA 64   /* connections over the limit that are told so; further ones are closed without a word */

typedef struct server_listener {
  trm__listen socket;
  struct event *event;
  trm__server *server;
} server_listener;

struct trm__server {
  trm__net_core core;
  server_listener listeners[LISTENERS];
  size_t count;
  struct event *clock;
  double tick_s;
  int ticking, stopped, drained, full; /* full: no descriptor was left; accepting begins again with the next tick */
};

trm__server_config trm__server_config_default(void) {
  return (trm__server_config){.limits = trm__http1_limits_default(),
                              .max_connections = 1024,
                              .max_pending = 1 << 20,
                              .max_bodies = 256 << 20,
                              .head_s = 10,
                              .body_s = 20,
                              .write_s = 20,
                              .idle_s = 60,
                              .min_rate = 1000,
                              .unix_mode = 0600};
}

static void server_accept_again(trm__server *server, int on) {
  for (size_t i = 0; i < server->count; i++) {
    if (!server->listeners[i].event) continue;
    if (on) event_add(server->listeners[i].event, NULL);
    else event_del(server->listeners[i].event);
  }
}

static void server_start_clock(trm__server *server) {
  double whole = (double)(long)server->tick_s;
  struct timeval tick = {(time_t)whole, (suseconds_t)((server->tick_s - whole) * 1e6)};
  if (server->ticking) return;
  server->ticking = !event_add(server->clock, &tick);
}

static void server_on_clock(evutil_socket_t fd, short what, void *context) {
  trm__server *server = context;
  double now = trm__clock();
  (void)fd;
  (void)what;
  server->ticking = 0;
  for (trm__connection *c = server->core.first, *next; c; c = next) {
    next = c->next;
    trm__connection_tick(c, now);
  }
  if (server->full && !server->stopped) server_accept_again(server, 1);
  server->full = 0;
  if (server->core.first) server_start_clock(server);
}

static void server_look_drained(trm__server *server) {
  const trm__server_config *config = &server->core.config;
  if (!server->stopped || server->drained || server->core.stats.connections) return;
  server->drained = 1;
  if (config->drained) config->drained(config->drained_context);
}

static void server_on_reap(evutil_socket_t fd, short what, void *context) {
  trm__server *server = context;
  (void)fd;
  (void)what;
  trm__connection_reap(&server->core);
  server_look_drained(server);
}

/* ---- accepting ---- */

static void server_show_peer(const struct sockaddr_storage *name, char out[TRM__PEER]) {
  char host[INET6_ADDRSTRLEN] = "?";
  if (name->ss_family == AF_INET) {
    struct sockaddr_in in;
    memcpy(&in, name, sizeof in);
    inet_ntop(AF_INET, &in.sin_addr, host, sizeof host);
    trm__print(out, TRM__PEER, "%s:%d", host, ntohs(in.sin_port));
  } else if (name->ss_family == AF_INET6) {
    struct sockaddr_in6 in;
    memcpy(&in, name, sizeof in);
    inet_ntop(AF_INET6, &in.sin6_addr, host, sizeof host);
    trm__print(out, TRM__PEER, "[%s]:%d", host, ntohs(in.sin6_port));
  } else {
    trm__print(out, TRM__PEER, "unix");
  }
}

/* Connections of the same address, whatever their ports. */
static size_t server_count_address(const trm__net_core *core, const char *peer) {
  const char *port = strrchr(peer, ':');
  size_t count = 0;
  for (const trm__connection *c = core->first; port && c; c = c->next)
    count += !c->dead && strncmp(c->peer, peer, (size_t)(port + 1 - peer)) == 0;
  return count;
}

static void server_take(trm__server *server, int fd, const struct sockaddr_storage *name) {
  trm__net_core *core = &server->core;
  char peer[TRM__PEER];
  int one = 1;
  server_show_peer(name, peer);
  core->stats.accepted++;
  if (name->ss_family != AF_UNIX) (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  int over = core->stats.connections >= core->config.max_connections;
  size_t most = core->config.max_of_address;
  int many = !over && most && server_count_address(core, peer) >= most;
  core->stats.turned_away += (uint64_t)(over || many);
  if (core->stats.connections >= core->config.max_connections + EXTRA) {
    close(fd);
    return;
  }
  trm__connection *c = trm__connection_open(core, fd, peer);
  if (c && (over || many)) {
    trm__connection_refuse(c, 503,
                           over ? "the server has as many connections as it may"
                                : "this address has as many connections as one may");
    trm__connection_kick(c);
  }
  if (c) server_start_clock(server);
}

static void server_on_accept(evutil_socket_t fd, short what, void *context) {
  server_listener *listener = context;
  trm__server *server = listener->server;
  (void)what;
  for (int i = 0; i < ACCEPTS; i++) {
    struct sockaddr_storage name = {0};
    socklen_t size = sizeof name;
    int got = accept4(fd, (struct sockaddr *)&name, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (got >= 0) {
      server_take(server, got, &name);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      server->full = 1; /* the listener would wake the loop again and again */
      server_accept_again(server, 0);
      server_start_clock(server);
    }
    return;
  }
}

/* ---- opening and closing ---- */

static double server_tick(const trm__server_config *config) {
  double least = 4;
  const double times[] = {config->head_s, config->body_s, config->write_s, config->idle_s};
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) least = times[i] < least ? times[i] : least;
  return least / 4 > 0.01 ? least / 4 : 0.01;
}

static trm_status server_check(const trm__server_config *config, trm_error *err) {
  const double times[] = {config->head_s, config->body_s, config->write_s, config->idle_s, config->min_rate};
  const char *const names[] = {"head_s", "body_s", "write_s", "idle_s", "min_rate"};
  for (size_t i = 0; i < sizeof times / sizeof *times; i++)
    if (!(times[i] > 0)) return trm__fail(err, TRM_E_USAGE, names[i], "%g is not above 0", times[i]);
  if (!config->handle) return trm__fail(err, TRM_E_USAGE, "handle", "the server needs a handler");
  if (!config->max_connections) return trm__fail(err, TRM_E_USAGE, "max_connections", "0 connections serve nobody");
  return TRM_OK;
}

trm_status trm__server_open(trm__server **out, struct event_base *base, const trm__server_config *config,
                            trm_error *err) {
  trm_status status = server_check(config, err);
  if (status) return status;
  trm__server *server = trm__calloc(1, sizeof *server);
  if (!server) return trm__fail_memory(err, "server", sizeof *server);
  server->core.base = base;
  server->core.config = *config;
  server->tick_s = server_tick(config);
  server->core.receive = trm__calloc(TRM__RECEIVE_BYTES, 1);
  server->clock = event_new(base, -1, 0, server_on_clock, server);
  server->core.reaper = event_new(base, -1, 0, server_on_reap, server);
  if (!server->core.receive || !server->clock || !server->core.reaper) {
    trm__server_close(&server);
    return trm__fail_memory(err, "server", TRM__RECEIVE_BYTES);
  }
  *out = server;
  return TRM_OK;
}

static void server_stop_listening(trm__server *server) {
  for (size_t i = 0; i < server->count; i++) {
    if (server->listeners[i].event) event_free(server->listeners[i].event);
    server->listeners[i].event = NULL;
    trm__listen_close(&server->listeners[i].socket);
  }
  server->count = 0;
}

void trm__server_close(trm__server **out) {
  trm__server *server = *out;
  if (!server) return;
  server_stop_listening(server);
  while (server->core.first) trm__connection_drop(server->core.first);
  trm__connection_reap(&server->core);
  if (server->clock) event_free(server->clock);
  if (server->core.reaper) event_free(server->core.reaper);
  trm__free(server->core.receive);
  trm__free(server);
  *out = NULL;
}

static trm_status server_add(trm__server *server, trm__listen *socket, trm_error *err) {
  server_listener *listener = &server->listeners[server->count];
  *listener = (server_listener){.socket = *socket, .server = server};
  listener->event = event_new(server->core.base, socket->fd, EV_READ | EV_PERSIST, server_on_accept, listener);
  if (listener->event && !event_add(listener->event, NULL)) {
    server->count++;
    return TRM_OK;
  }
  if (listener->event) event_free(listener->event);
  return trm__fail_memory(err, socket->address, sizeof *listener);
}

static trm_status server_room(const trm__server *server, const char *address, trm_error *err) {
  if (server->stopped) return trm__fail(err, TRM_E_USAGE, address, "the server drains and listens no more");
  if (server->count < LISTENERS) return TRM_OK;
  return trm__fail(err, TRM_E_USAGE, address, "at most %d addresses can be listened at", LISTENERS);
}

trm_status trm__server_listen(trm__server *server, const char *address, trm_error *err) {
  trm__listen socket;
  trm_status status = server_room(server, address, err);
  if (!status) status = trm__listen_open(&socket, address, server->core.config.unix_mode, err);
  if (status) return status;
  status = server_add(server, &socket, err);
  if (status) trm__listen_close(&socket);
  return status;
}

trm_status trm__server_listen_fd(trm__server *server, int fd, trm_error *err) {
  trm__listen socket;
  trm_status status = server_room(server, "descriptor", err);
  if (!status) status = trm__listen_take(&socket, fd, err);
  return status ? status : server_add(server, &socket, err);
}

const char *trm__server_address(const trm__server *server, size_t index) {
  return index < server->count ? server->listeners[index].socket.address : NULL;
}

void trm__server_drain(trm__server *server, int accept) {
  server->core.last_answers = 1;
  if (accept || server->stopped) return;
  server->stopped = 1;
  server_stop_listening(server);
  for (trm__connection *c = server->core.first; c; c = c->next) trm__connection_close_idle(c);
  event_active(server->core.reaper, EV_TIMEOUT, 0); /* drained is told from the loop, also when none is open */
}

trm__server_stats trm__server_statistics(const trm__server *server) {
  return server->core.stats;
}
