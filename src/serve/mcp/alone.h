/* Tools without a server: what the gateway has for /mcp, without HTTP and without a journal, and one engine, which is a
 * child of this process and is replaced when it ends. Any number of these live side by side. */
#ifndef TRM_SERVE_MCP_ALONE_H
#define TRM_SERVE_MCP_ALONE_H

#include "serve/mcp/mcp.h"

typedef struct trm__mcp_alone trm__mcp_alone;

/* program: this one, for the engine. failed: called once, from the loop, when engines end again and again. */
trm_status trm__mcp_alone_open(trm__mcp_alone **out, struct event_base *base, const trm__serve_config *config,
                               const trm__work_config *models, const char *program, void (*failed)(void *context),
                               void *context, trm_error *err);
void trm__mcp_alone_close(trm__mcp_alone **alone); /* the engine ends with it */
trm__mcp *trm__mcp_alone_server(trm__mcp_alone *alone);

#endif
