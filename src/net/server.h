/* The HTTP server on a libevent loop: listeners, connections, their limits and times. What it calls, and how answers
 * are given, is in net/exchange.h.
 *
 *     trm__server_config config = trm__server_config_default();
 *     config.handle = trm__dispatch;                  (net/dispatch.h: calls a router's handlers)
 *     config.context = router;
 *     trm__server_open(&server, base, &config, err);
 *     trm__server_listen(server, "127.0.0.1:8080", err);
 *     event_base_dispatch(base);
 *
 * Ownership: the server owns its listeners and connections, not the loop, the handler's context or the router. Close it
 * before the loop is freed, from outside of its callbacks.
 * Threads: all calls come from the loop's thread, and so do all callbacks. It sets no signal handler and no timer while
 * it has no connection.
 *
 * Slow clients. A head must be whole within head_s of its first byte. A body, and the reading of an answer, may take
 * body_s or write_s, and a second more for each min_rate bytes that have gone. Who keeps a connection open without a
 * request is cut after idle_s. Over max_connections a client gets 503 and is closed, without a byte of it being read.
 */
#ifndef TRM_NET_SERVER_H
#define TRM_NET_SERVER_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>

#include "net/http1.h"
#include "net/router.h"

/* How an exchange, or a request that never became one, ended: for access logs and metrics. */
typedef enum trm__outcome {
  TRM__ANSWERED,
  TRM__REFUSED, /* by the server itself: malformed, too large, too slow, too many */
  TRM__ABORTED, /* by the handler */
  TRM__GONE     /* by the client or the network */
} trm__outcome;

typedef struct trm__access {
  const trm__request *request; /* NULL: its head was never whole */
  const char *route;           /* the pattern; NULL: none was found */
  const char *peer;
  int status;                   /* 0: nothing was answered */
  uint64_t bytes_in, bytes_out; /* of the bodies */
  double seconds;               /* from the head's end to the end of the exchange */
  trm__outcome outcome;
  const char *reason; /* of REFUSED, otherwise NULL */
  void *tag;          /* trm__exchange_tag */
} trm__access;

typedef struct trm__server_config {
  trm__handler handle;
  void *context;
  void (*access)(const trm__access *access, void *context); /* once for each; NULL: nobody listens */
  void *access_context;
  void (*drained)(void *context); /* after trm__server_drain: no connection is left */
  void *drained_context;
  trm__http1_limits limits;
  size_t max_connections;
  size_t max_of_address; /* connections of one address; over it: 503. 0: no bound; Unix sockets have none */
  size_t max_pending;    /* bytes of a streamed answer that wait for the client */
  size_t max_bodies;     /* bytes of whole bodies that are kept at one time, all exchanges together; over it: 503 */
  double head_s, body_s, write_s, idle_s;
  double min_rate; /* bytes a second */
  int unix_mode;   /* of a Unix socket's file */
} trm__server_config;
trm__server_config trm__server_config_default(void);

typedef struct trm__server trm__server;
trm_status trm__server_open(trm__server **out, struct event_base *base, const trm__server_config *config,
                            trm_error *err);
void trm__server_close(trm__server **server); /* cuts what is open; gone is told */

/* Begins to accept at an address (net/listen.h), or at a socket that listens already and is the server's from then on.
 */
trm_status trm__server_listen(trm__server *server, const char *address, trm_error *err);
trm_status trm__server_listen_fd(trm__server *server, int fd, trm_error *err);
const char *trm__server_address(const trm__server *server, size_t index); /* with its port; NULL after the last */

/* Every answer from now on closes its connection. With accept, new connections still come in and are served; without,
 * none do, idle ones are closed at once and `drained` is called when the last is gone. Both may follow each other. */
void trm__server_drain(trm__server *server, int accept);

typedef struct trm__server_stats {
  uint64_t accepted, turned_away; /* connections; of these over the limit */
  uint64_t requests, refused;     /* heads read; requests that the server itself refused */
  uint64_t bytes_in, bytes_out;   /* all of them */
  size_t body_bytes;              /* of whole bodies, now */
  size_t connections, active;     /* now; those with an exchange */
} trm__server_stats;
trm__server_stats trm__server_statistics(const trm__server *server);

#endif
