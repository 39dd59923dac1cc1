/* Server-sent events as the answer of an exchange:
 *
 *     trm__stream_start(x, NULL, 0, err);          head; a comment every 15 s without an event
 *     trm__stream_send(x, &event, err);            TRM_E_BUSY: the client reads too slowly (net/exchange.h)
 *     trm__exchange_end(x);
 *
 * A client that comes back says in Last-Event-ID which event it saw last. */
#ifndef TRM_NET_STREAM_H
#define TRM_NET_STREAM_H

#include "net/exchange.h"
#include "net/sse.h"

#define TRM__STREAM_HEARTBEAT_S 14.0 /* clocks tick once a second: so at least every 15 s */

trm_status trm__stream_start(trm__exchange *exchange, const trm__field *fields, size_t count, trm_error *err);
trm_status trm__stream_send(trm__exchange *exchange, const trm__sse_event *event, trm_error *err);

#endif
