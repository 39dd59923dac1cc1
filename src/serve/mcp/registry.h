/* What can be called, read and asked for: tables of tools, resources and prompts, in sets. A set is static. */
#ifndef TRM_SERVE_MCP_REGISTRY_H
#define TRM_SERVE_MCP_REGISTRY_H

#include "serve/mcp/request.h"

enum { TRM__MCP_READS = 0, TRM__MCP_CHANGES = 1 };

typedef struct trm__mcp_tool {
  const char *name, *title, *description;
  json_t *(*input)(void);  /* JSON Schema of its arguments, an object */
  json_t *(*output)(void); /* of its structured content; NULL: it has none */
  /* Ends the request. arguments: checked against input; an object, borrowed as long as the request lives. */
  void (*run)(trm__mcp_request *request, const json_t *arguments);
  int changes;      /* TRM__MCP_CHANGES: something is kept of a call */
  int engine;       /* 1: it needs one */
  const char *page; /* the ui:// resource that shows its results; NULL: none */
} trm__mcp_tool;

typedef struct trm__mcp_resource {
  const char *uri; /* with "{name}": a template, whose name stands for one part without '/' */
  const char *name, *title, *description, *type;
  /* Ends the request. variable: what the name stands for; "" without one. */
  void (*read)(trm__mcp_request *request, const char *uri, const char *variable);
  void (*list)(trm__mcp *mcp, json_t *list); /* of a template: adds {uri, name, ...} of what there is; NULL: nothing */
  void (*complete)(trm__mcp *mcp, const char *begun, json_t *values); /* values of its name; NULL: none known */
  int durable;                                                        /* 1: needs a journal */
  int watched;                                                        /* 1: clients may subscribe to it */
} trm__mcp_resource;

typedef struct trm__mcp_argument {
  const char *name, *description;
  int required;
} trm__mcp_argument;

typedef struct trm__mcp_prompt {
  const char *name, *title, *description;
  trm__mcp_argument argument[4]; /* ends with a NULL name */
  /* Ends the request. arguments: an object of texts, or NULL. */
  void (*get)(trm__mcp_request *request, const json_t *arguments);
  void (*complete)(trm__mcp *mcp, const char *argument, const char *begun, json_t *values); /* NULL: none known */
} trm__mcp_prompt;

typedef struct trm__mcp_set {
  const trm__mcp_tool *tool;
  size_t tools;
  const trm__mcp_resource *resource;
  size_t resources;
  const trm__mcp_prompt *prompt;
  size_t prompts;
} trm__mcp_set;

/* The sets of a server, one after the other; NULL after the last. */
const trm__mcp_set *trm__mcp_set_at(const trm__mcp *mcp, size_t index);
trm__gateway *trm__mcp_gateway(const trm__mcp *mcp);

extern const trm__mcp_set trm__mcp_product; /* product.c */

/* -- results of tools ---------------------------------------------------------------------------------------------- */

/* Ends the request: structured is taken, and mirrored as text; NULL: no memory. */
void trm__mcp_tool_result(trm__mcp_request *request, json_t *structured);
/* Ends the request: a result with isError, whose text says what is right. */
void trm__mcp_tool_error(trm__mcp_request *request, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same from the problem that a route has answered. */
void trm__mcp_tool_problem(trm__mcp_request *request, const json_t *problem);

#endif
