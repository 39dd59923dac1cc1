/* The Model Context Protocol (modelcontextprotocol.io) in both of its eras: what hosts of language models speak to
 * tools. This is the part that does not know what carries the messages; serve/mcp/http.c is the endpoint /mcp of the
 * gateway, serve/mcp/lines.c a line a message for `trm mcp`.
 *
 *     trm__mcp_open(&mcp, gateway, &err);
 *     trm__mcp_take(mcp, message, &from, &way, &request);     and way.send is called, now or later
 *     trm__mcp_close(&mcp);
 *
 * What there is to be called stands in sets (registry.h), the product's own in product.c. A tool's work is done by the
 * handlers of the HTTP routes, called from within (serve/call.h). */
#ifndef TRM_SERVE_MCP_H
#define TRM_SERVE_MCP_H

#include "serve/mcp/registry.h"
#include "serve/mcp/request.h"

#define TRM__MCP_NEWEST "2026-07-28"
#define TRM__MCP_LEGACY_NEWEST "2025-11-25"
#define TRM__MCP_LEGACY_ASSUMED "2025-03-26" /* of HTTP without the field MCP-Protocol-Version */

trm_status trm__mcp_open(trm__mcp **out, trm__gateway *gateway, trm_error *err);
void trm__mcp_close(trm__mcp **mcp); /* requests at work are dropped */

/* Adds a set to the product's; names must not be in it. */
void trm__mcp_add(trm__mcp *mcp, const trm__mcp_set *set);
/* Requests that need an engine wait until trm__mcp_ready, instead of failing while there is none. */
void trm__mcp_be_patient(trm__mcp *mcp);
void trm__mcp_ready(trm__mcp *mcp);

/* Tells those who listen that lists have changed: bits of trm__mcp_lists. */
typedef enum trm__mcp_lists { TRM__MCP_TOOLS = 1, TRM__MCP_PROMPTS = 2, TRM__MCP_RESOURCES = 4 } trm__mcp_lists;
void trm__mcp_changed(trm__mcp *mcp, unsigned lists);
/* Who listens is told that it is over: the server ends, or its input has. */
void trm__mcp_end_listening(trm__mcp *mcp);

/* message is taken. *request: at work, for trm__mcp_drop, or NULL: it has ended, or it was no request; then *silent
 * says 1 when nothing was sent and nothing will be (a notification, an answer of the client). */
void trm__mcp_take(trm__mcp *mcp, json_t *message, const trm__mcp_from *from, const trm__mcp_way *way,
                   trm__mcp_request **request, int *silent);

/* 1: a version of the legacy era. */
int trm__mcp_is_legacy(const char *version);

#endif
