/* A server and its clients on one thread: a client sends, then turns the server's loop until it has heard enough. The
 * handler counts what reaches it and does what the path says. */
#ifndef TRM_TESTS_UNIT_NET_SUPPORT_H
#define TRM_TESTS_UNIT_NET_SUPPORT_H

#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "support/check.h"

#include "base/clock.h"
#include "net/dispatch.h"
#include "net/server.h"

typedef struct world {
  struct event_base *base;
  trm__server *server;
  int handled, gone, finished, drains, accesses, port;
  trm__exchange *held; /* of /hold and /stream, which the test answers */
  size_t taken;        /* bytes of /count's body */
  int ended, paused;
  char body[4096], path[256];
  trm__access last; /* texts in it are gone */
  char last_reason[128];
} world;

/* Out of memory, which tests cause, is no failure of theirs. */
static inline void world_answer_bytes(trm__exchange *x, const char *type, const void *data, size_t size) {
  trm__response response = {.status = 200, .type = type};
  trm_error err = {0};
  trm_status status = trm__exchange_answer(x, &response, data, size, &err);
  if (status && status != TRM_E_MEMORY) fail_msg("%s: %s", err.where, err.message);
}

static inline void world_answer(trm__exchange *x, const char *text) {
  world_answer_bytes(x, "text/plain", text, strlen(text));
}

static inline void world_echo(trm__exchange *x, const char *data, size_t size, void *context) {
  world *w = context;
  memcpy(w->body, data, size < sizeof w->body - 1 ? size : sizeof w->body - 1);
  w->body[size < sizeof w->body - 1 ? size : sizeof w->body - 1] = '\0';
  world_answer_bytes(x, "application/octet-stream", data, size);
}

static inline void world_count(trm__exchange *x, const char *data, size_t size, void *context) {
  world *w = context;
  (void)data;
  w->taken += size;
  if (w->paused) trm__exchange_pause(x);
  if (size) return;
  w->ended++;
  world_answer(x, "counted");
}

static inline void world_gone(trm__exchange *x, void *context) {
  world *w = context;
  w->gone++;
  if (w->held == x) w->held = NULL;
}

static inline void world_finished(trm__exchange *x, void *context) {
  (void)x;
  ((world *)context)->finished++;
}

static inline void world_drained(trm__exchange *x, void *context) {
  (void)x;
  ((world *)context)->drains++;
}

static inline void world_handle(trm__exchange *x, void *context) {
  world *w = context;
  const trm__request *r = trm__exchange_request(x);
  trm__exchange_watch watch = {world_gone, world_finished, world_drained, w};
  w->handled++;
  snprintf(w->path, sizeof w->path, "%s%s%s", r->path, r->query ? "?" : "", r->query ? r->query : "");
  trm__exchange_watch_set(x, &watch);
  if (!strcmp(r->path, "/echo")) trm__exchange_read_whole(x, 1 << 20, world_echo, w);
  else if (!strcmp(r->path, "/small")) trm__exchange_read_whole(x, 10, world_echo, w);
  else if (!strcmp(r->path, "/count")) {
    w->held = x;
    trm__exchange_read(x, world_count, w);
  } else if (!strcmp(r->path, "/hold")) w->held = x;
  else world_answer(x, "ok");
}

static inline void world_access(const trm__access *access, void *context) {
  world *w = context;
  w->accesses++;
  w->last = *access;
  snprintf(w->last_reason, sizeof w->last_reason, "%s", access->reason ? access->reason : "");
}

static inline trm__server_config world_config(world *w) {
  trm__server_config config = trm__server_config_default();
  config.handle = world_handle;
  config.context = w;
  config.access = world_access;
  config.access_context = w;
  return config;
}

static inline void world_open(world *w, const trm__server_config *config) {
  trm_error err = {0};
  w->base = event_base_new();
  assert_non_null(w->base);
  CHECK_OK(trm__server_open(&w->server, w->base, config, &err), err);
  CHECK_OK(trm__server_listen(w->server, "127.0.0.1:0", &err), err);
  w->port = atoi(strrchr(trm__server_address(w->server, 0), ':') + 1);
}

static inline void world_close(world *w) {
  trm__server_close(&w->server);
  event_base_free(w->base);
}

static inline void world_turn(world *w) {
  event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static inline void world_turn_for(world *w, double seconds) {
  for (double end = trm__clock() + seconds; trm__clock() < end; usleep(500)) world_turn(w);
}

static inline int client_open(const world *w) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)w->port)};
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof name)) fail_msg("no connection: %s", strerror(errno));
  assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
  return fd;
}

/* All of it, turning the server's loop as long as it does not take more. */
static inline void client_say_bytes(world *w, int fd, const char *text, size_t size) {
  for (double end = trm__clock() + 10; size && trm__clock() < end;) {
    ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return; /* the server has closed: what it answered is heard */
    if (sent > 0) text += sent, size -= (size_t)sent;
    else world_turn(w);
  }
}

static inline void client_say(world *w, int fd, const char *text) {
  client_say_bytes(w, fd, text, strlen(text));
}

/* Hears until the server closes (1) or resets (2), or `until` is in what was heard (0); fails after seconds. */
static inline int client_hear(world *w, int fd, char *heard, size_t size, const char *until) {
  size_t n = 0;
  heard[0] = '\0';
  for (double end = trm__clock() + 10; trm__clock() < end;) {
    world_turn(w);
    ssize_t got = recv(fd, heard + n, size - 1 - n, 0);
    if (got == 0) return 1;
    if (got < 0 && errno == ECONNRESET) return 2;
    if (got > 0) n += (size_t)got;
    else usleep(200);
    heard[n] = '\0';
    if (until && strstr(heard, until)) return 0;
  }
  fail_msg("the server neither closed nor said \"%s\"; heard: %s", until ? until : "", heard);
  return 0;
}

static inline int count_of(const char *text, const char *part) {
  int n = 0;
  for (; (text = strstr(text, part)); text += strlen(part)) n++;
  return n;
}

#endif
