/* trm mcp: the protocol on standard input and output. Through the server that runs with the same configuration, whose
 * socket is in its data_dir, or through one that is named; else alone (alone.h). The end of the input, SIGTERM and
 * SIGINT end it with 0. */
#ifndef TRM_SERVE_MCP_STDIO_H
#define TRM_SERVE_MCP_STDIO_H

#include "serve/config.h"
#include "serve/work.h"

typedef struct trm__mcp_stdio {
  const trm__serve_config *config;
  const char *server, *token; /* "": none */
  int alone;                  /* 1: no server is looked for */
  const char *program;        /* this one */
  /* Which models an engine of our own loads: asked when there is one. */
  trm_status (*models)(trm__work_config *models, trm_error *err);
} trm__mcp_stdio;

/* Returns the exit status. */
int trm__mcp_stdio_run(const trm__mcp_stdio *options);

#endif
