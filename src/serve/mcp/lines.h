/* A message a line on standard input and output: the protocol over stdio. Nothing but messages goes to standard output.
 * Input is read as it comes, from a pipe, a terminal or a file; a line over the limit is passed over and told. */
#ifndef TRM_SERVE_MCP_LINES_H
#define TRM_SERVE_MCP_LINES_H

#include <event2/event.h>
#include <jansson.h>
#include <stddef.h>
#include <trm/error.h>

typedef struct trm__mcp_lines trm__mcp_lines;

typedef struct trm__mcp_lines_handlers {
  /* One line without its end; not empty, with a NUL behind it. May be called many times in one turn of the loop. */
  void (*line)(void *context, const char *text, size_t size);
  void (*too_long)(void *context);
  void (*ended)(void *context); /* of the input; called once */
  void *context;
} trm__mcp_lines_handlers;

/* limit: bytes of a line. */
trm_status trm__mcp_lines_open(trm__mcp_lines **out, struct event_base *base, size_t limit,
                               const trm__mcp_lines_handlers *handlers, trm_error *err);
void trm__mcp_lines_close(trm__mcp_lines **lines);

/* Writes a line and waits until it is taken: 0 when nobody reads any more. */
int trm__mcp_lines_put(const json_t *message);
int trm__mcp_lines_put_text(const char *text, size_t size); /* without line ends in it */

#endif
