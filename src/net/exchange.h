/* An exchange: one request and its answer, as a handler sees it.
 *
 * Life. The server calls the handler when a request's head is read. From then on the exchange is the handler's, which
 * ends it, now or later, by exactly one of
 *
 *     trm__exchange_answer, _problem          a whole answer
 *     trm__exchange_start, _write..., _end    a streamed one
 *     trm__exchange_abort                     cuts the connection
 *
 * or loses it: `gone` says that nobody is there to read an answer. After either the pointer is not used any more.
 * `gone` comes from the event loop, never inside a call below. A call on an exchange whose connection has broken, and
 * whose `gone` is still to come, does nothing.
 *
 * The body is not read before the handler asks for it: streamed (`trm__exchange_read`, which can pause), or whole. A
 * client that waits for "100 Continue" gets it then; answering first spares it the body. What is left of a body when
 * the answer has been written is dropped when it is short, otherwise the connection is closed behind the answer.
 *
 * A client that closes its sending side only is still answered: TCP does not show whether it has closed the other side
 * too. `finished` tells of it, so that a handler may give up costly work (trm__exchange_abort).
 *
 * Answers of one connection go out in the order of its requests: the next request's handler is called when this
 * exchange has ended.
 *
 * Threads: all of it happens on the thread of the server's event loop. Texts that are passed are copied. */
#ifndef TRM_NET_EXCHANGE_H
#define TRM_NET_EXCHANGE_H

#include <stddef.h>
#include <trm/error.h>

#include "net/problem.h"
#include "net/response.h"
#include "net/router.h"

const trm__request *trm__exchange_request(const trm__exchange *exchange); /* until the exchange ends */
const trm__match *trm__exchange_match(const trm__exchange *exchange);     /* filled by net/dispatch.h */
const char *trm__exchange_peer(const trm__exchange *exchange);            /* "127.0.0.1:40110", "unix" */
void trm__exchange_tag(trm__exchange *exchange, void *tag);               /* what the access hook gets to see */

typedef struct trm__exchange_watch {
  void (*gone)(trm__exchange *exchange, void *context);
  void (*finished)(trm__exchange *exchange, void *context); /* the peer sends no more */
  void (*drained)(trm__exchange *exchange, void *context);  /* after TRM_E_BUSY: the queue is short again */
  void *context;
} trm__exchange_watch;
void trm__exchange_watch_set(trm__exchange *exchange, const trm__exchange_watch *watch); /* NULL members: not told */

/* The body in pieces, then size 0 for its end; data is valid during the call. */
typedef void (*trm__exchange_data)(trm__exchange *exchange, const char *data, size_t size, void *context);
void trm__exchange_read(trm__exchange *exchange, trm__exchange_data data, void *context);
void trm__exchange_pause(trm__exchange *exchange); /* no data until trm__exchange_resume: the client has to wait */
void trm__exchange_resume(trm__exchange *exchange);

/* The body as a whole, at most limit bytes: one call, data is valid until the exchange ends, with a NUL behind it. A
 * larger body is answered with 413 and no memory with 503, and then gone is called. */
void trm__exchange_read_whole(trm__exchange *exchange, size_t limit, trm__exchange_data whole, void *context);

/* A whole answer. Ends the exchange in any case: when the response is refused (TRM_E_INPUT, a field with CR LF) the
 * client gets a 500. HEAD gets the fields without the body. */
trm_status trm__exchange_answer(trm__exchange *exchange, const trm__response *response, const void *body, size_t size,
                                trm_error *err);
/* The same with a problem, fields as in trm__response; 401's WWW-Authenticate is among them. */
trm_status trm__exchange_problem(trm__exchange *exchange, const trm__problem *problem, const trm__field *fields,
                                 size_t field_count, trm_error *err);

/* A streamed answer. On failure of start the exchange has ended as above. */
trm_status trm__exchange_start(trm__exchange *exchange, const trm__response *response, trm_error *err);
/* Queues all of it, or nothing and TRM_E_BUSY when the client reads too slowly (server's max_pending): wait for
 * drained, or abort. */
trm_status trm__exchange_write(trm__exchange *exchange, const void *data, size_t size, trm_error *err);
size_t trm__exchange_pending(const trm__exchange *exchange); /* bytes that the client has not taken yet */
void trm__exchange_heartbeat(trm__exchange *exchange, double seconds,
                             const char *text); /* static text, when idle so long */
void trm__exchange_end(trm__exchange *exchange);
void trm__exchange_abort(trm__exchange *exchange); /* no last chunk: the client sees that the answer is cut */

#endif
