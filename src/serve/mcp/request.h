/* One request of the Model Context Protocol at work, whatever it came over: who asks, in which era of the protocol, and
 * the way its answer goes back. The two eras, which every method of the table (methods.c) says it belongs to:
 *
 *   LEGACY    2024-11-05 to 2025-11-25: `initialize` first, results as they are
 *   CURRENT   2026-07-28: no state; every request says its version and what the client can do in params._meta, every
 *             result its resultType, and lists how long they may be kept
 *
 * A request ends once: by one of the calls below that say so, or by trm__mcp_drop when nobody wants its answer any
 * more. After that it is gone. Threads: the loop's alone. */
#ifndef TRM_SERVE_MCP_REQUEST_H
#define TRM_SERVE_MCP_REQUEST_H

#include "serve/call.h"

typedef struct trm__mcp_request trm__mcp_request;

typedef enum trm__mcp_era { TRM__MCP_LEGACY = 1, TRM__MCP_CURRENT = 2 } trm__mcp_era;

/* How what is said about a request goes back. */
typedef struct trm__mcp_way {
  /* message: borrowed. last 0: a notification, or a request of ours. last 1: the answer, and nothing follows. status:
   * of HTTP, for the answer. message NULL: it was cancelled, and nothing is said of it any more. */
  void (*send)(void *context, const json_t *message, int last, int status);
  void *context;
} trm__mcp_way;

/* Who asks, and with what around the message. */
typedef struct trm__mcp_from {
  const char *client; /* as trm__call has it */
  unsigned scopes;
  const trm__request *head; /* of HTTP; NULL: there is none */
  const char *version;      /* of the legacy era, where one was agreed on; NULL: not */
} trm__mcp_from;

typedef struct trm__mcp_method {
  const char *name;
  unsigned eras;
  void (*handle)(trm__mcp_request *request);
  int ttl_ms;        /* of CURRENT: how long its result may be kept; negative: nothing is said of it */
  const char *scope; /* "public" or "private" */
  const char *named; /* the member of params that the field Mcp-Name repeats; NULL: none */
} trm__mcp_method;

enum {
  TRM__MCP_PARSE = -32700,
  TRM__MCP_INVALID = -32600,
  TRM__MCP_NO_METHOD = -32601,
  TRM__MCP_PARAMS = -32602,
  TRM__MCP_INTERNAL = -32603,
  TRM__MCP_HEADERS = -32020,
  TRM__MCP_CAPABILITY = -32021,
  TRM__MCP_VERSION = -32022
};

typedef void (*trm__mcp_then)(trm__mcp_request *request, int status, const json_t *body);
/* result: NULL where the client has answered with an error. */
typedef void (*trm__mcp_heard)(trm__mcp_request *request, const json_t *result);
typedef void (*trm__mcp_event)(trm__mcp_request *request, const char *event, const json_t *data);

struct trm__mcp_request {
  trm__mcp *mcp;
  trm__mcp_request *next;
  json_t *message;                   /* all of it */
  const json_t *id, *params, *token; /* of it; params: an object or NULL; token: of progress, or NULL */
  const char *method;
  const trm__mcp_method *rule;
  trm__mcp_era era;
  trm__mcp_way way;
  char client[TRM__CLIENT];
  unsigned scopes;
  double progress; /* that was told last */
  double began;    /* on trm_clock() */
  int held;        /* 1: it waits for an engine */
  /* a route's handler at work, and who gets its answer */
  trm__call *call;
  trm__mcp_then then;
  trm__mcp_event event;
  char asked[40]; /* the id of a request of ours to the client, LEGACY, and who gets its answer; "": none */
  trm__mcp_heard heard;
  void *own; /* the method's; freed by forget */
  void (*forget)(trm__mcp_request *request);
};

/* -- ends ---------------------------------------------------------------------------------------------------------- */

void trm__mcp_answer(trm__mcp_request *request, json_t *result); /* result is taken; NULL: no memory */
void trm__mcp_fail(trm__mcp_request *request, int code, json_t *data, const char *format, ...)
    __attribute__((format(printf, 4, 5))); /* data is taken, or NULL */
void trm__mcp_drop(trm__mcp_request **request);

/* An error without a request: of a message that is none. id: borrowed, NULL where it is not known. */
json_t *trm__mcp_error_json(const json_t *id, int code, json_t *data, const char *message);
int trm__mcp_error_status(int code); /* of HTTP */

/* -- before the end ------------------------------------------------------------------------------------------------ */

/* Where the client asked for it and it is more than before. message: NULL or what is going on. */
void trm__mcp_progress(trm__mcp_request *request, double progress, double total, const char *message);
void trm__mcp_notify(trm__mcp_request *request, const char *method, json_t *params); /* params is taken */

/* Asks a route's handler; then gets what it answers, event its events. One of them may come before this returns. body
 * is taken; id: copied into nothing, as trm__call_inside has it. */
void trm__mcp_ask(trm__mcp_request *request, trm__call_handler handle, const char *id, json_t *body,
                  trm__mcp_event event, trm__mcp_then then);

/* A member of the request's params._meta; NULL: none. */
const json_t *trm__mcp_meta(const trm__mcp_request *request, const char *key);

/* -- the client ---------------------------------------------------------------------------------------------------- */

/* 1: the client says that it can: "elicitation", "sampling", "roots". Of LEGACY, where that was said in another
 * request, 1 as well: it refuses what it cannot. */
int trm__mcp_client_can(const trm__mcp_request *request, const char *what);
/* Ends the request: it needs what the client does not say that it can. */
void trm__mcp_need_capability(trm__mcp_request *request, const char *what);

/* CURRENT: what the client has answered under this key, an object; NULL: nothing usable. */
const json_t *trm__mcp_input(const trm__mcp_request *request, const char *key);
/* 1: the client says that it can answer such a request of ours. */
int trm__mcp_may_ask(const trm__mcp_request *request, const char *method);
/* Ends the request: the client is to ask again with answers. requests: {key: {method, params}}, taken; those that it
 * says it cannot answer are left out, and where none is left the request fails. state: what is to come back, taken, or
 * NULL; it is sealed, so that nobody else can make one, and holds for ten minutes. */
void trm__mcp_need_input(trm__mcp_request *request, json_t *requests, json_t *state);
/* What came back: 1 and *state, borrowed from nobody (NULL: there was none); 0: the request has failed. */
int trm__mcp_input_state(trm__mcp_request *request, json_t **state);

/* LEGACY: asks the client while the request is at work, one thing at a time. params is taken. */
void trm__mcp_client_ask(trm__mcp_request *request, const char *method, json_t *params, trm__mcp_heard heard);

/* A line for the client's log, where it wants one. level: "info", ... */
void trm__mcp_log(trm__mcp_request *request, const char *level, const char *text);

#endif
