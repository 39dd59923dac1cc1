/* Messages to a server that runs: each is a request of HTTP/1.0 of its own, so that an answer's end is the
 * connection's, and what comes back is handed on as it comes. Closing the connection is how a request is cancelled, in
 * either era: the field Trm-Cancel says that it is meant so. */
#ifndef TRM_SERVE_MCP_PROXY_H
#define TRM_SERVE_MCP_PROXY_H

#include <event2/event.h>
#include <jansson.h>
#include <trm/error.h>

typedef struct trm__mcp_proxy trm__mcp_proxy;

typedef struct trm__mcp_proxy_handlers {
  void (*message)(void *context, const char *text, size_t size); /* for the client, one line */
  /* The server cannot be reached, and the message was not sent: it is given back, and is the handler's to free. NULL:
   * the client gets an error. */
  void (*lost)(void *context, json_t *message);
  void (*idle)(void *context); /* nothing is at work any more */
  void *context;
} trm__mcp_proxy_handlers;

/* address: "http://HOST:PORT" or "unix:PATH". token: "" for none. */
trm_status trm__mcp_proxy_open(trm__mcp_proxy **out, struct event_base *base, const char *address, const char *token,
                               const trm__mcp_proxy_handlers *handlers, trm_error *err);
void trm__mcp_proxy_close(trm__mcp_proxy **proxy);

void trm__mcp_proxy_take(trm__mcp_proxy *proxy, json_t *message); /* taken */
size_t trm__mcp_proxy_count(const trm__mcp_proxy *proxy);         /* at work */

/* 1: somebody listens at this Unix socket. */
int trm__mcp_proxy_finds(const char *path);

#endif
