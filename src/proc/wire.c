/* The binding of channels to libevent: one event to read, one to write, and one that tells what was noticed in a call
 * of the owner, so that handlers are called from the loop alone. */
#include "proc/wire.h"

#include <event2/event.h>

#include "base/mem.h"
#include "base/status.h"

#define TURN 64 /* frames */

struct trm__wire {
  trm__channel *channel;
  struct event *readable, *writable, *later;
  trm__wire_handlers handlers;
  void *context;
  size_t most;
  int refused, paused, ended;
  int busy, closed; /* busy: a handler is running; closed then: to be freed after it */
};

static void wire_free(trm__wire *w) {
  if (w->readable) event_free(w->readable);
  if (w->writable) event_free(w->writable);
  if (w->later) event_free(w->later);
  trm__channel_close(&w->channel);
  trm__free(w);
}

/* 0: the wire is gone. */
static int wire_leave(trm__wire *w) {
  w->busy = 0;
  if (!w->closed) return 1;
  wire_free(w);
  return 0;
}

static int wire_end(trm__wire *w, trm_status status, const trm_error *err) {
  w->ended = 1;
  event_del(w->readable);
  event_del(w->writable);
  w->busy = 1;
  w->handlers.ended(w->context, status, err);
  return wire_leave(w);
}

static void wire_on_read(evutil_socket_t socket, short what, void *context) {
  trm__wire *w = context;
  trm__frame frame;
  trm_error err = {0};
  int got = 1;
  (void)socket, (void)what;
  for (int turn = 0; turn < TURN && !w->paused && !w->ended; turn++) {
    trm_status status = trm__channel_read(w->channel, &frame, &got, &err);
    if (status) {
      wire_end(w, status, &err);
      return;
    }
    if (!got) return;
    w->busy = 1;
    w->handlers.frame(w->context, &frame);
    if (!wire_leave(w)) return;
  }
}

/* Sends what waits, and tells of room. A side that has ended is noticed in reading, after its last frames, so a failure
 * to write is told only where nobody reads. */
static void wire_on_write(evutil_socket_t socket, short what, void *context) {
  trm__wire *w = context;
  trm_error err = {0};
  (void)socket, (void)what;
  if (w->ended) return;
  trm_status status = trm__channel_flush(w->channel, &err);
  size_t queued = trm__channel_queued(w->channel);
  if (!queued) event_del(w->writable);
  if (status && w->paused) {
    wire_end(w, status, &err);
    return;
  }
  if (status || !w->refused || queued > w->most / 2) return;
  w->refused = 0;
  if (!w->handlers.room) return;
  w->busy = 1;
  w->handlers.room(w->context);
  wire_leave(w);
}

static trm_status wire_make_events(trm__wire *w, struct event_base *base) {
  int socket = trm__channel_socket(w->channel);
  w->readable = event_new(base, socket, EV_READ | EV_PERSIST, wire_on_read, w);
  w->writable = event_new(base, socket, EV_WRITE | EV_PERSIST, wire_on_write, w);
  w->later = event_new(base, -1, 0, wire_on_write, w);
  if (!w->readable || !w->writable || !w->later || event_add(w->readable, NULL)) return TRM_E_MEMORY;
  if (trm__channel_queued(w->channel) && event_add(w->writable, NULL)) return TRM_E_MEMORY;
  return TRM_OK;
}

trm_status trm__wire_open(trm__wire **out, struct event_base *base, int socket, const trm__channel_config *config,
                          const trm__wire_handlers *handlers, void *context, trm_error *err) {
  trm__channel *channel = NULL;
  trm_status status = trm__channel_open(&channel, socket, config, err);
  if (status) return status;
  trm__wire *w = trm__calloc(1, sizeof *w);
  if (!w) {
    trm__channel_close(&channel);
    return trm__fail_memory(err, config->name, sizeof *w);
  }
  *w = (trm__wire){.channel = channel, .handlers = *handlers, .context = context, .most = config->queue_most};
  if (wire_make_events(w, base)) {
    wire_free(w);
    return trm__fail(err, TRM_E_MEMORY, config->name, "out of memory: no event for the channel");
  }
  *out = w;
  return TRM_OK;
}

void trm__wire_close(trm__wire **wire) {
  trm__wire *w = *wire;
  *wire = NULL;
  if (!w) return;
  if (w->busy) w->closed = w->ended = 1;
  else wire_free(w);
}

trm_status trm__wire_send(trm__wire *wire, const trm__frame *frame, trm_error *err) {
  if (wire->ended) return trm__fail(err, TRM_E_IO, NULL, "the channel has ended");
  trm_status status = trm__channel_send(wire->channel, frame, err);
  if (status == TRM_E_BUSY) wire->refused = 1;
  if (trm__channel_queued(wire->channel)) event_add(wire->writable, NULL);
  else if (wire->refused || status == TRM_E_IO) event_active(wire->later, EV_WRITE, 0);
  return status;
}

void trm__wire_pause(trm__wire *wire, int paused) {
  if (wire->ended || wire->paused == !!paused) return;
  wire->paused = !!paused;
  if (paused) event_del(wire->readable);
  else event_add(wire->readable, NULL);
}

const trm__channel *trm__wire_channel(const trm__wire *wire) {
  return wire->channel;
}
