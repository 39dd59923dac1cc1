/* A channel: one end of a stream socket between two processes of a server, over which frames go both ways
 * (proc/frame.h). It needs no event loop: poll its socket as trm__channel_wants says, then read and flush. proc/wire.h
 * does that on libevent's loop.
 *
 *     trm__channel_open(&c, fd, &config, &err);                           HELLO is on its way
 *     trm__channel_send(c, &frame, &err);                                 TRM_E_BUSY: full; wait for room, or refuse
 * work while (!trm__channel_read(c, &frame, &got, &err) && got) ...        when it can be read trm__channel_flush(c,
 * &err);                                        when it can be written trm__channel_close(&c);
 *
 * Back-pressure. What waits to be sent is bounded in bytes; over it a frame is refused whole, and nothing of it is
 * sent. Who cannot send should stop reading what makes it want to: the socket fills, and the other side feels it.
 * Descriptors travel with a frame that has TRM__FRAME_FD: a model's file, for an engine that may not open any.
 * A broken channel stays broken: reading, or writing, fails again with what it failed with first. What the other side
 * sent before it ended can still be read after writing has failed.
 * Threads: one at a time for each channel. A program should ignore nothing for this: no SIGPIPE comes of it. */
#ifndef TRM_PROC_CHANNEL_H
#define TRM_PROC_CHANNEL_H

#include "proc/frame.h"

typedef struct trm__channel trm__channel;

typedef struct trm__channel_config {
  const char *name;     /* of the other side, for errors: "engine 0" */
  const char *build_id; /* 1 to 64 bytes; the same on both sides */
  uint32_t frame_most;  /* bytes of data in a frame that is read or sent, at most TRM__FRAME_MOST */
  size_t queue_most;    /* bytes that may wait to be sent */
} trm__channel_config;

trm__channel_config trm__channel_config_default(const char *name, const char *build_id); /* 16 MiB, 32 MiB */

/* Takes the socket, also on failure; it becomes non-blocking and close-on-exec. Texts are copied. */
trm_status trm__channel_open(trm__channel **out, int socket, const trm__channel_config *config, trm_error *err);
void trm__channel_close(trm__channel **channel); /* accepts NULL inside; what waits to be sent is lost */

/* Takes a copy of the frame, and of its descriptor, or nothing, and sends what can be sent at once. TRM_E_BUSY: no
 * room; an empty queue takes any frame. TRM_E_USAGE: a type that is not free, or too much data. TRM_E_IO: broken. */
trm_status trm__channel_send(trm__channel *channel, const trm__frame *frame, trm_error *err);
trm_status trm__channel_flush(trm__channel *channel, trm_error *err);

/* As trm__frame_read, but HELLO is done here: TRM_E_UNSUPPORTED where the other side is of another build, TRM_E_INPUT
 * where its first frame is another one. Frames have free types. */
trm_status trm__channel_read(trm__channel *channel, trm__frame *frame, int *got, trm_error *err);

int trm__channel_met(const trm__channel *channel); /* 1: the other side has said HELLO */
size_t trm__channel_queued(const trm__channel *channel);
int trm__channel_socket(const trm__channel *channel); /* for poll alone */
int trm__channel_wants(const trm__channel *channel);  /* POLLIN, POLLOUT or both */

/* A pair of connected stream sockets, close-on-exec. */
trm_status trm__channel_pair(int sockets[2], trm_error *err);

#endif
