/* POST /mcp: the protocol over HTTP ("Streamable HTTP"). One message a request; the answer is JSON, or a stream of
 * server-sent events as soon as there is something to tell before it. */
#ifndef TRM_SERVE_MCP_HTTP_H
#define TRM_SERVE_MCP_HTTP_H

#include "serve/call.h"

void trm__route_mcp(trm__call *call);

#endif
