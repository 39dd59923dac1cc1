/* A channel on libevent's loop: frames come as calls, and what waits is sent when the socket has room.
 *
 * Who calls whom. All handlers are called from the loop, never from within a function of this file; each may call any
 * of them, trm__wire_close too. A frame's data is valid until its handler returns; its descriptor, where it has one, is
 * the handler's to close. `room` comes once after a refused send, when at most half of the bound waits. `ended` comes
 * once, after the last frame: the other side has closed (TRM_E_STOPPED), is of another build, or something broke; then
 * nothing follows, sends fail, and the wire is still to be closed. At most 64 frames a wire are handled before others
 * have their turn. A paused wire does not notice that the other side has ended, unless it sends. Ownership: the wire
 * owns its channel, the caller the loop, which outlives the wire. Threads: the loop's alone. */
#ifndef TRM_PROC_WIRE_H
#define TRM_PROC_WIRE_H

#include "proc/channel.h"

struct event_base;

typedef struct trm__wire trm__wire;

typedef struct trm__wire_handlers {
  void (*frame)(void *context, const trm__frame *frame);
  void (*room)(void *context); /* may be NULL */
  void (*ended)(void *context, trm_status status, const trm_error *err);
} trm__wire_handlers;

/* Takes the socket, also on failure, as trm__channel_open does. */
trm_status trm__wire_open(trm__wire **out, struct event_base *base, int socket, const trm__channel_config *config,
                          const trm__wire_handlers *handlers, void *context, trm_error *err);
void trm__wire_close(trm__wire **wire); /* accepts NULL inside; no handler is called any more */

trm_status trm__wire_send(trm__wire *wire, const trm__frame *frame, trm_error *err); /* as trm__channel_send */
void trm__wire_pause(trm__wire *wire, int paused); /* 1: frames are left where they are, and the other side feels it */
const trm__channel *trm__wire_channel(const trm__wire *wire);

#endif
