/* Everything that happens to a connection begins in one of the loop's callbacks here: bytes came (or a handler's call
 * asked to go on), room to write, the clock's tick. Each ends in conn_settle, which alone decides what to wait for. */
#include "net/connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/send.h"

#define HIGH_WATER ((size_t)65536) /* of output: over it no next request of the connection is begun */
#define LOW_WATER ((size_t)16384)  /* under it `drained` is told */
#define LINGER_S 2.0

/* ---- the end of exchanges and connections ---- */

static void conn_tell_access(trm__connection *c, trm__outcome outcome, const char *reason) {
  const trm__server_config *config = &c->core->config;
  const trm__exchange *x = &c->exchange;
  if (!config->access) return;
  trm__access access = {.request = c->active ? &c->reader.request : NULL,
                        .route = c->active && x->match.route ? x->match.route->pattern : NULL,
                        .peer = c->peer,
                        .status = x->status,
                        .bytes_in = x->bytes_in,
                        .bytes_out = x->bytes_out,
                        .seconds = c->active ? trm__clock() - x->begun : 0,
                        .outcome = outcome,
                        .reason = reason,
                        .tag = x->tag};
  config->access(&access, config->access_context);
}

static void conn_exchange_over(trm__connection *c, trm__outcome outcome, const char *reason) {
  conn_tell_access(c, outcome, reason);
  trm__free(c->exchange.whole);
  c->core->stats.body_bytes -= c->exchange.whole_room;
  c->core->stats.active -= c->active != 0;
  memset(&c->exchange, 0, sizeof c->exchange);
  c->exchange.connection = c;
  c->active = 0;
  c->since = trm__clock();
}

/* The handler loses its exchange. */
static void conn_tell_gone(trm__connection *c) {
  trm__exchange *x = &c->exchange;
  if (!c->active || x->answered) return;
  x->answered = 1; /* whatever the handler calls from here does nothing */
  if (x->watch.gone) x->watch.gone(x, x->watch.context);
}

static void conn_unlink(trm__connection *c) {
  trm__net_core *core = c->core;
  if (c->previous) c->previous->next = c->next;
  else core->first = c->next;
  if (c->next) c->next->previous = c->previous;
  c->next = core->dead;
  core->dead = c;
  core->stats.connections--;
}

void trm__connection_drop(trm__connection *c) {
  if (c->dead) return;
  c->dead = 1;
  trm__outcome outcome = c->exchange.aborted ? TRM__ABORTED : c->exchange.answered ? TRM__ANSWERED : TRM__GONE;
  conn_tell_gone(c);
  if (c->active) conn_exchange_over(c, outcome, NULL);
  event_del(c->read_event);
  event_del(c->write_event);
  close(c->fd);
  conn_unlink(c);
  event_active(c->core->reaper, EV_TIMEOUT, 0);
}

static void conn_free(trm__connection *c) {
  if (c->read_event) event_free(c->read_event);
  if (c->write_event) event_free(c->write_event);
  if (c->out) evbuffer_free(c->out);
  trm__http1_close(&c->reader);
  trm__free(c->stash);
  trm__free(c->exchange.whole);
  trm__free(c);
}

void trm__connection_reap(trm__net_core *core) {
  while (core->dead) {
    trm__connection *c = core->dead;
    core->dead = c->next;
    conn_free(c);
  }
}

void trm__connection_refuse(trm__connection *c, int status, const char *reason) {
  int cut = c->active && c->exchange.started;
  c->closing = 1;
  conn_tell_gone(c);
  trm__problem problem = {.status = status, .detail = reason};
  c->core->stats.refused++;
  if (!cut && trm__send_problem(c, &problem, NULL, 0, NULL)) cut = 1;
  conn_exchange_over(c, TRM__REFUSED, reason);
  if (cut) trm__connection_drop(c);
}

/* ---- reading ---- */

static void conn_begin_exchange(trm__connection *c) {
  trm__exchange *x = &c->exchange;
  c->active = 1;
  c->head_begun = 0;
  c->requests++;
  c->core->stats.requests++;
  c->core->stats.active++;
  x->begun = x->body_begun = x->written = trm__clock();
  c->core->config.handle(x, c->core->config.context);
}

static void conn_take_body(trm__connection *c, const char *data, size_t size) {
  trm__exchange *x = &c->exchange;
  x->bytes_in += size;
  if (!x->answered && x->data) x->data(x, data, size, x->data_context);
}

/* The end of a body is told to who asks for it, also when it came before that. */
static void conn_tell_end(trm__connection *c) {
  trm__exchange *x = &c->exchange;
  if (!c->active || !x->received || x->answered || x->end_told || x->paused || !x->data) return;
  x->end_told = 1;
  x->data(x, "", 0, x->data_context);
}

/* Whether the reader may go on; ends the exchange that is through. */
static int conn_may_read(trm__connection *c) {
  trm__exchange *x = &c->exchange;
  conn_tell_end(c);
  if (c->active && !c->dead && x->refuse && !x->answered) {
    int status = x->refuse;
    trm__connection_refuse(c, status,
                           status == 413 ? "the body is larger than this request may have"
                                         : "the server has no room for the body at the moment");
  }
  if (c->active && !c->dead && x->aborted) trm__connection_drop(c);
  if (c->active && !c->dead && x->answered && (x->received || !c->keep)) {
    c->closing = !c->keep || c->core->last_answers;
    conn_exchange_over(c, TRM__ANSWERED, NULL);
  }
  if (c->closing || c->dead || c->broken) return 0;
  if (!c->active) return evbuffer_get_length(c->out) <= HIGH_WATER;
  if (x->received) return 0; /* the answer is waited for */
  int empty = !c->reader.request.chunked && !c->reader.request.length;
  return empty || x->answered || (x->reading && !x->paused);
}

static void conn_take_event(trm__connection *c, trm__http1_event event) {
  switch (event) {
  case TRM__HTTP1_HEAD:
    conn_begin_exchange(c);
    break;
  case TRM__HTTP1_BODY:
    conn_take_body(c, c->reader.body, c->reader.body_size);
    break;
  case TRM__HTTP1_END:
    c->exchange.received = 1;
    break;
  default:
    trm__connection_refuse(c, c->reader.status, c->reader.reason);
  }
}

/* Gives bytes to the reader as long as it may go on; returns how many it took. */
static size_t conn_feed(trm__connection *c, const char *data, size_t size) {
  size_t at = 0, used;
  while (conn_may_read(c)) {
    trm__http1_event event = trm__http1_read(&c->reader, data + at, size - at, &used);
    at += used;
    if (event == TRM__HTTP1_MORE) break;
    conn_take_event(c, event);
  }
  return at;
}

static void conn_free_stash(trm__connection *c) {
  trm__free(c->stash);
  c->stash = NULL;
  c->stash_at = c->stash_size = 0;
}

static void conn_feed_stash(trm__connection *c) {
  if (!c->stash) {
    (void)conn_feed(c, "", 0); /* an END that is still to be told, an exchange that is through */
    return;
  }
  size_t used = conn_feed(c, c->stash + c->stash_at, c->stash_size);
  c->stash_at += used;
  c->stash_size -= used;
  if (!c->stash_size) conn_free_stash(c);
}

static void conn_take(trm__connection *c, const char *data, size_t size) {
  c->core->stats.bytes_in += size;
  size_t used = conn_feed(c, data, size);
  if (used == size || c->dead || c->closing) return;
  c->stash = trm__calloc(size - used, 1);
  if (!c->stash) {
    trm__connection_drop(c);
    return;
  }
  c->stash_size = size - used;
  memcpy(c->stash, data + used, c->stash_size);
}

static void conn_take_end(trm__connection *c) {
  trm__exchange *x = &c->exchange;
  c->peer_finished = 1;
  if (c->lingering || (c->active && !x->received)) {
    trm__connection_drop(c);
    return;
  }
  if (c->active && !x->answered && !x->told_finished++ && x->watch.finished) x->watch.finished(x, x->watch.context);
}

/* ---- writing ---- */

/* Sends what the socket takes. MSG_NOSIGNAL: a library must not die of SIGPIPE, and evbuffer_write would. */
static void conn_flush(trm__connection *c) {
  struct evbuffer_iovec part[8];
  while (!c->dead && !c->broken && evbuffer_get_length(c->out)) {
    struct iovec io[8];
    int count = evbuffer_peek(c->out, -1, NULL, part, 8);
    if (count > 8) count = 8;
    for (int i = 0; i < count; i++) io[i] = (struct iovec){part[i].iov_base, part[i].iov_len};
    struct msghdr message = {.msg_iov = io, .msg_iovlen = (size_t)count};
    ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      c->broken = errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS && errno != ENOMEM;
      return;
    }
    c->core->stats.bytes_out += (uint64_t)sent;
    c->write_sent += (uint64_t)sent;
    evbuffer_drain(c->out, (size_t)sent);
  }
}

static void conn_tell_drained(trm__connection *c) {
  trm__exchange *x = &c->exchange;
  if (!c->active || x->answered || !x->full || evbuffer_get_length(c->out) > LOW_WATER) return;
  x->full = 0;
  if (x->watch.drained) x->watch.drained(x, x->watch.context);
}

/* ---- what to wait for ---- */

static void conn_shut(trm__connection *c) {
  if (c->peer_finished || shutdown(c->fd, SHUT_WR)) {
    trm__connection_drop(c);
    return;
  }
  conn_free_stash(c);
  c->lingering = 1;
  c->linger_until = trm__clock() + LINGER_S;
}

static void conn_wait(trm__connection *c) {
  int reads = !c->peer_finished && !c->stash_size && (!c->closing || c->lingering);
  int writes = evbuffer_get_length(c->out) > 0;
  if (reads) event_add(c->read_event, NULL);
  else event_del(c->read_event);
  if (!writes) {
    event_del(c->write_event);
    c->write_begun = 0;
  } else {
    if (c->write_begun <= 0) {
      c->write_begun = trm__clock();
      c->write_sent = 0;
    }
    event_add(c->write_event, NULL);
  }
}

static void conn_settle(trm__connection *c) {
  if (!c->dead && c->broken) trm__connection_drop(c);
  if (c->dead) return;
  if (!c->active && !c->closing && !c->stash_size) {
    int between = trm__http1_is_between(&c->reader);
    if (!between && c->head_begun <= 0) c->head_begun = trm__clock();
    if (c->peer_finished && !between) trm__connection_refuse(c, 400, "the connection ended within the request");
    if (c->peer_finished) c->closing = 1;
    if (c->closing) conn_flush(c);
  }
  if (c->broken) trm__connection_drop(c);
  else if (c->closing && !c->lingering && !evbuffer_get_length(c->out)) conn_shut(c);
  if (!c->dead) conn_wait(c);
}

/* Reads from the stash and writes, until neither gets on. */
static void conn_go_on(trm__connection *c) {
  c->at_work = 1;
  do {
    if (!c->dead && !c->lingering) conn_feed_stash(c);
    conn_flush(c);
    conn_tell_drained(c);
  } while (!c->dead && c->stash_size && conn_may_read(c));
  conn_settle(c);
  c->at_work = 0;
}

static void conn_on_read(evutil_socket_t fd, short what, void *context) {
  trm__connection *c = context;
  (void)what;
  c->at_work = 1;
  ssize_t size = recv(fd, c->core->receive, TRM__RECEIVE_BYTES, 0);
  if (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) c->broken = 1;
  if (size > 0 && !c->lingering) conn_take(c, c->core->receive, (size_t)size);
  if (size == 0) conn_take_end(c);
  conn_go_on(c);
}

static void conn_on_write(evutil_socket_t fd, short what, void *context) {
  (void)fd;
  (void)what;
  conn_go_on(context);
}

void trm__connection_kick(trm__connection *c) {
  if (!c->dead && !c->at_work) event_active(c->write_event, EV_WRITE, 0);
}

trm__connection *trm__connection_open(trm__net_core *core, int fd, const char *peer) {
  trm__connection *c = trm__calloc(1, sizeof *c);
  if (c) {
    c->read_event = event_new(core->base, fd, EV_READ | EV_PERSIST, conn_on_read, c);
    c->write_event = event_new(core->base, fd, EV_WRITE | EV_PERSIST, conn_on_write, c);
    c->out = evbuffer_new();
  }
  if (!c || !c->read_event || !c->write_event || !c->out || event_add(c->read_event, NULL)) {
    if (c) conn_free(c);
    close(fd);
    return NULL;
  }
  c->core = core;
  c->fd = fd;
  strncpy(c->peer, peer, sizeof c->peer - 1);
  trm__http1_open(&c->reader, &core->config.limits);
  c->exchange.connection = c;
  c->since = trm__clock();
  c->next = core->first;
  if (c->next) c->next->previous = c;
  core->first = c;
  core->stats.connections++;
  return c;
}

/* ---- time ---- */

/* Whether bytes since begun are too few: allowed seconds, and one more for each min_rate bytes. */
static int conn_is_slow(const trm__connection *c, double now, double begun, double allowed, uint64_t bytes) {
  return now > begun + allowed + (double)bytes / c->core->config.min_rate;
}

/* Neither event is added: nobody but the clock notices a peer that is gone. */
static void conn_look_after_peer(trm__connection *c) {
  trm__exchange *x = &c->exchange;
  struct pollfd look = {.fd = c->fd, .events = POLLRDHUP};
  if (poll(&look, 1, 0) <= 0) return;
  if (look.revents & (POLLERR | POLLHUP | POLLNVAL)) trm__connection_drop(c);
  else if (c->active && x->received && !x->answered && !x->told_finished++ && x->watch.finished)
    x->watch.finished(x, x->watch.context);
}

static void conn_tick_request(trm__connection *c, double now) {
  const trm__server_config *config = &c->core->config;
  if (c->head_begun > 0 && now > c->head_begun + config->head_s)
    trm__connection_refuse(c, 408, "the head of the request did not come in time");
  else if (c->head_begun <= 0 && !evbuffer_get_length(c->out) &&
           now > c->since + (c->requests ? config->idle_s : config->head_s))
    c->closing = 1;
}

static void conn_tick_exchange(trm__connection *c, double now) {
  const trm__server_config *config = &c->core->config;
  trm__exchange *x = &c->exchange;
  int waits = !x->received && (x->answered || (x->reading && !x->paused));
  if (waits && conn_is_slow(c, now, x->body_begun, config->body_s, x->bytes_in - x->body_from)) {
    if (x->answered) trm__connection_drop(c);
    else trm__connection_refuse(c, 408, "the body of the request did not come in time");
    return;
  }
  if (x->heartbeat && x->started && !x->answered && now > x->written + x->heartbeat_s && !evbuffer_get_length(c->out))
    trm__send_data(c, x->heartbeat, strlen(x->heartbeat));
}

void trm__connection_tick(trm__connection *c, double now) {
  if (c->dead) return;
  int writes = evbuffer_get_length(c->out) > 0;
  if ((c->lingering && now > c->linger_until) ||
      (writes && c->write_begun > 0 && conn_is_slow(c, now, c->write_begun, c->core->config.write_s, c->write_sent))) {
    trm__connection_drop(c);
    return;
  }
  if (!writes && !event_pending(c->read_event, EV_READ, NULL)) conn_look_after_peer(c);
  if (c->dead || c->closing) return;
  if (c->active) conn_tick_exchange(c, now);
  else conn_tick_request(c, now);
  if (c->closing || evbuffer_get_length(c->out)) trm__connection_kick(c);
}

void trm__connection_close_idle(trm__connection *c) {
  if (c->dead || c->closing || c->active || c->stash_size || !trm__http1_is_between(&c->reader)) return;
  c->closing = 1;
  trm__connection_kick(c);
}
