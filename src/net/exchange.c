/* What handlers call. Nothing is written or read here: output is queued, what is asked for is noted, and the loop goes
 * on with the connection (trm__connection_kick). So no callback comes inside a call. */
#include "net/exchange.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "net/connection.h"
#include "net/send.h"

const trm__request *trm__exchange_request(const trm__exchange *x) {
  return &x->connection->reader.request;
}

const trm__match *trm__exchange_match(const trm__exchange *x) {
  return &x->match;
}

const char *trm__exchange_peer(const trm__exchange *x) {
  return x->connection->peer;
}

void trm__exchange_tag(trm__exchange *x, void *tag) {
  x->tag = tag;
}

void trm__exchange_watch_set(trm__exchange *x, const trm__exchange_watch *watch) {
  x->watch = *watch;
}

/* ---- the body ---- */

static void exchange_wait_for_body(trm__exchange *x) {
  x->body_begun = trm__clock();
  x->body_from = x->bytes_in;
  trm__connection_kick(x->connection);
}

void trm__exchange_read(trm__exchange *x, trm__exchange_data data, void *context) {
  static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
  trm__connection *c = x->connection;
  x->data = data;
  x->data_context = context;
  x->reading = 1;
  if (c->reader.request.expects_continue && !x->continued && !x->received && !x->started && !x->refuse &&
      !x->bytes_in) {
    if (evbuffer_add(c->out, line, sizeof line - 1)) c->broken = 1;
    x->continued = 1;
  }
  exchange_wait_for_body(x);
}

void trm__exchange_pause(trm__exchange *x) {
  x->paused = 1;
}

void trm__exchange_resume(trm__exchange *x) {
  x->paused = 0;
  exchange_wait_for_body(x);
}

/* Room for size bytes more and a NUL, out of what all exchanges share. */
static int exchange_grow(trm__exchange *x, size_t size) {
  trm__net_core *core = x->connection->core;
  size_t room = x->whole_room ? x->whole_room : 1024, most = core->config.max_bodies;
  while (room <= x->whole_size + size) room *= 2;
  if (room == x->whole_room) return 1;
  if (core->stats.body_bytes > most || room - x->whole_room > most - core->stats.body_bytes) return 0;
  char *whole = trm__realloc(x->whole, room, 1);
  if (!whole) return 0;
  core->stats.body_bytes += room - x->whole_room;
  x->whole = whole;
  x->whole_room = room;
  return 1;
}

static void exchange_collect(trm__exchange *x, const char *data, size_t size, void *context) {
  (void)context;
  if (x->refuse) return;
  if (!size) {
    x->whole_done(x, x->whole ? x->whole : "", x->whole_size, x->whole_context);
    return;
  }
  if (size > x->whole_limit - x->whole_size) x->refuse = 413;
  else if (!exchange_grow(x, size)) x->refuse = 503;
  if (x->refuse) return;
  memcpy(x->whole + x->whole_size, data, size);
  x->whole_size += size;
  x->whole[x->whole_size] = '\0';
}

void trm__exchange_read_whole(trm__exchange *x, size_t limit, trm__exchange_data whole, void *context) {
  x->whole_limit = limit;
  x->whole_done = whole;
  x->whole_context = context;
  if (x->connection->reader.request.length > limit) x->refuse = 413;
  trm__exchange_read(x, exchange_collect, NULL);
}

/* ---- the answer ---- */

/* The exchange has ended; what a failed answer leaves to the client is a 500, or a cut connection. */
static trm_status exchange_close(trm__exchange *x, trm_status status) {
  trm__connection *c = x->connection;
  trm__problem problem = {.status = 500, .detail = "the server made an answer that it must not send"};
  if (status && !c->broken && trm__send_problem(c, &problem, NULL, 0, NULL)) c->broken = 1;
  x->answered = 1;
  trm__connection_kick(c);
  return status;
}

trm_status trm__exchange_answer(trm__exchange *x, const trm__response *response, const void *body, size_t size,
                                trm_error *err) {
  if (x->answered) return TRM_OK;
  if (x->started) return trm__fail(err, TRM_E_USAGE, "answer", "the answer has begun already; end or abort it");
  return exchange_close(x, trm__send_whole(x->connection, response, body, size, err));
}

trm_status trm__exchange_problem(trm__exchange *x, const trm__problem *problem, const trm__field *fields,
                                 size_t field_count, trm_error *err) {
  if (x->answered) return TRM_OK;
  if (x->started) return trm__fail(err, TRM_E_USAGE, "answer", "the answer has begun already; end or abort it");
  return exchange_close(x, trm__send_problem(x->connection, problem, fields, field_count, err));
}

trm_status trm__exchange_start(trm__exchange *x, const trm__response *response, trm_error *err) {
  trm__connection *c = x->connection;
  if (x->answered) return TRM_OK;
  if (x->started) return trm__fail(err, TRM_E_USAGE, "answer", "the answer has begun already");
  trm__response_end end = c->reader.request.minor ? TRM__END_CHUNKS : TRM__END_CLOSE;
  trm_status status = trm__send_head(c, response, end, 0, err);
  if (status) return exchange_close(x, status);
  x->written = trm__clock();
  trm__connection_kick(c);
  return TRM_OK;
}

trm_status trm__exchange_write(trm__exchange *x, const void *data, size_t size, trm_error *err) {
  trm__connection *c = x->connection;
  size_t most = c->core->config.max_pending, waits = evbuffer_get_length(c->out);
  if (x->answered || c->broken) return TRM_OK;
  if (!x->started) return trm__fail(err, TRM_E_USAGE, "answer", "the answer has not begun");
  if (size > most || waits > most - size) {
    x->full = 1;
    return trm__fail(err, TRM_E_BUSY, "answer", "%zu bytes wait for the client, at most %zu may", waits + size, most);
  }
  trm__send_data(c, data, size);
  trm__connection_kick(c);
  return TRM_OK;
}

size_t trm__exchange_pending(const trm__exchange *x) {
  return evbuffer_get_length(x->connection->out);
}

void trm__exchange_heartbeat(trm__exchange *x, double seconds, const char *text) {
  x->heartbeat = text;
  x->heartbeat_s = seconds;
}

void trm__exchange_end(trm__exchange *x) {
  trm__connection *c = x->connection;
  if (x->answered) return;
  if (!x->started) x->aborted = 1;
  if (x->started && x->chunks && !x->silent && evbuffer_add(c->out, "0\r\n\r\n", 5)) c->broken = 1;
  x->answered = 1;
  trm__connection_kick(c);
}

void trm__exchange_abort(trm__exchange *x) {
  if (x->answered) return;
  x->answered = 1;
  x->aborted = 1;
  trm__connection_kick(x->connection);
}
