/* One connection and the exchange on it. Used by the server's own files; handlers see net/exchange.h.
 *
 * Why not libevent's bufferevent: it reads on until a watermark whatever the reader above wants, takes the end of
 * reading for the end of the connection, and its timeouts begin anew with every byte, which is what slow clients live
 * on. So here are two plain events, one evbuffer for output, and for input no buffer but what a request left over.
 *
 * Invariants, between two calls from the loop:
 *   1. One exchange at a time. `active` from its HEAD until it has ended; the reader is not asked for more than it
 * needs.
 *   2. Bytes are received only while the stash is empty; it never holds more than one receive, RECEIVE_BYTES.
 *   3. `dead` connections have no descriptor and no events, and are freed by the reaper, from the loop: a pointer stays
 *      valid through any callback.
 *   4. A handler is told `gone` at most once, never after it ended the exchange, and never inside a call that it makes.
 *   5. `closing`: nothing more is read as a request. When output is empty the sending side is shut; then `lingering`
 * drops what still comes, so that a reset does not destroy the answer on its way, until the peer ends or linger_until.
 *   6. While output waits, the write event is added; while neither event is, the clock looks whether the peer is gone.
 */
#ifndef TRM_NET_CONNECTION_H
#define TRM_NET_CONNECTION_H

#include <event2/buffer.h>
#include <event2/event.h>

#include "net/exchange.h"
#include "net/server.h"

typedef struct trm__connection trm__connection;

/* What all connections of a server share. */
typedef struct trm__net_core {
  struct event_base *base;
  trm__server_config config;
  trm__connection *first, *dead;
  struct event *reaper; /* frees the dead */
  char *receive;        /* [TRM__RECEIVE_BYTES], in use during one call alone */
  int last_answers;     /* each answer closes its connection */
  trm__server_stats stats;
} trm__net_core;

#define TRM__RECEIVE_BYTES ((size_t)65536)
#define TRM__PEER 64

struct trm__exchange {
  trm__connection *connection;
  trm__match match;
  trm__exchange_watch watch;
  trm__exchange_data data;
  void *data_context, *tag;
  char *whole; /* of trm__exchange_read_whole */
  size_t whole_size, whole_room, whole_limit;
  trm__exchange_data whole_done;
  void *whole_context;
  int reading, paused, received; /* asked for; for the moment not; all of the body is there */
  int started, answered;         /* the head is written; the handler has ended the exchange */
  int aborted;                   /* it wants the connection cut */
  int chunks, silent;            /* how it is framed; HEAD, 204: no body goes out */
  int continued, full, told_finished, end_told;
  int refuse; /* status with which the server refuses the body: too large, no memory */
  int status;
  uint64_t bytes_in, bytes_out;
  double begun, written; /* of the head's end; of the last write */
  double body_begun;     /* since when the body is waited for, */
  uint64_t body_from;    /* of which so much was there */
  double heartbeat_s;
  const char *heartbeat;
};

struct trm__connection {
  trm__net_core *core;
  trm__connection *previous, *next;
  int fd;
  char peer[TRM__PEER];
  struct event *read_event, *write_event;
  trm__http1 reader;
  struct evbuffer *out;
  char *stash; /* stash_size bytes from stash_at on are still to be read */
  size_t stash_at, stash_size;
  trm__exchange exchange;
  int active, keep; /* keep: what the answer's head has said */
  int at_work, closing, lingering, peer_finished, broken, dead;
  uint64_t requests;
  double since, head_begun;         /* idle since; 0: no byte of a head yet */
  double write_begun, linger_until; /* the output queue was empty before */
  uint64_t write_sent;              /* bytes since then */
};

/* Takes fd. NULL without memory, fd is then closed. */
trm__connection *trm__connection_open(trm__net_core *core, int fd, const char *peer);
/* The loop soon goes on with it: writes what waits, reads what is asked for. What handlers call does no more than that.
 */
void trm__connection_kick(trm__connection *c);
void trm__connection_drop(trm__connection *c); /* at once; an exchange is told */
void trm__connection_tick(trm__connection *c, double now);
void trm__connection_close_idle(trm__connection *c); /* if it has no request */
void trm__connection_reap(trm__net_core *core);      /* frees the dead */

/* Answers with a problem and closes, whatever has come: the server's own refusals. From the loop alone. */
void trm__connection_refuse(trm__connection *c, int status, const char *reason);

#endif
