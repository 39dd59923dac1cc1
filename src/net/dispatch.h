/* The server's handler that calls a router's: its context is a trm__router. It answers itself where no route does: 400
 * for a path that is not well formed, 404, 405 with Allow, OPTIONS with 204 and Allow. HEAD runs GET's handler, whose
 * body is not sent. */
#ifndef TRM_NET_DISPATCH_H
#define TRM_NET_DISPATCH_H

#include "net/exchange.h"

void trm__dispatch(trm__exchange *exchange, void *router);

#endif
