/* One request on its way to its handler: who sent it, whether that client may, and its body as JSON. A handler that is
 * declared in serve/routes.h gets a call whose token was checked and whose body, where the route has one, was read.
 * The call ends with the exchange, and may be kept until then.
 *
 * A call may also come from within, without an exchange: then a sink gets what the handler answers. So what is asked in
 * another protocol (serve/mcp) is done, bounded and refused by the handlers of the routes. */
#ifndef TRM_SERVE_CALL_H
#define TRM_SERVE_CALL_H

#include "net/trace.h"
#include "serve/gateway.h"

#define TRM__CLIENT 128

/* What the log says of a request when its exchange is over, which is after its call: the exchange's tag, of
 * trm__calloc, freed by who hears of that (gateway.c). */
typedef struct trm__call_note {
  char trace_id[33], job[40]; /* "": none */
} trm__call_note;

typedef struct trm__call trm__call;

/* What a handler answers to a call from within. */
typedef struct trm__call_sink {
  void (*event)(void *context, const char *event, const json_t *data); /* of a stream; data is borrowed */
  /* The end, after which the call is gone. body: borrowed, of a problem its object; NULL: none, and after events. */
  void (*end)(void *context, int status, const json_t *body);
} trm__call_sink;

struct trm__call {
  trm__gateway *gateway;
  trm__exchange *exchange; /* NULL: it has ended, or there is a sink */
  const trm__call_sink *sink;
  void *sink_context;
  const char *id;           /* of a call from within: what {id} of the path stands for; its life is the sink's matter */
  int stream;               /* of a call from within: events are wanted */
  json_t *body;             /* NULL: none, or taken by the handler */
  char client[TRM__CLIENT]; /* the token's name, or the peer's address */
  unsigned scopes;
  trm__trace trace;
  char traceparent[TRM__TRACEPARENT];
  trm__call_note *note;                     /* NULL: there was no memory for it */
  void (*gone)(trm__call *call, void *own); /* NULL, or called when the client is gone; the call is then freed */
  void *own;                                /* the handler's */
};

typedef void (*trm__call_handler)(trm__call *call);

typedef struct trm__call_rule {
  unsigned scope; /* that the token needs; 0: none */
  int has_body;
  trm__call_handler handle;
} trm__call_rule;

/* Begins a call for the exchange: answers it itself, or hands it to the rule's handler, now or later. */
void trm__call_begin(trm__gateway *gateway, trm__exchange *exchange, const trm__call_rule *rule);

/* A call from within: whose, and what is asked. body is taken; NULL: none. The sink may be called before this returns.
 * *out is written before the handler is called, and is the caller's to clear in `end`. */
typedef struct trm__call_inside {
  trm__gateway *gateway;
  const char *client; /* as trm__call has it */
  unsigned scopes;
  const char *id;
  int stream;
  json_t *body;
  trm__call_handler handle;
  const trm__call_sink *sink;
  void *context;
} trm__call_inside;
trm_status trm__call_inside_begin(trm__call **out, const trm__call_inside *inside);
/* Nobody wants its answer any more: as when a client is gone. Accepts NULL inside. */
void trm__call_drop(trm__call **call);

/* What the request says beside its body, "" or NULL where it says nothing. */
const char *trm__call_id(const trm__call *call);                                     /* {id} of the path */
const char *trm__call_field(const trm__call *call, const char *name, size_t *count); /* of its head */
const char *trm__call_query(const trm__call *call);
int trm__call_form(const trm__call *call, const char *const *offers); /* as trm__accept_choose; the second: a stream */

/* Each ends the exchange and frees the call. body is taken. */
void trm__call_answer(trm__call *call, int status, json_t *body);
void trm__call_answer_at(trm__call *call, int status, const char *location, json_t *body);
void trm__call_text(trm__call *call, int status, const char *type, const char *text, size_t size);
void trm__call_problem(trm__call *call, trm__problem_kind kind, const char *pointer, const char *detail);
void trm__call_fault(trm__call *call, const trm__ask_fault *fault);                     /* INVALID */
void trm__call_status(trm__call *call, trm_status status, const trm__ask_fault *fault); /* of a refused request */

/* A stream of server-sent events: begun once, events in order, then ended. Nothing happens once the client is gone. */
void trm__call_stream(trm__call *call);
void trm__call_event(trm__call *call, int64_t id, const char *event, const json_t *data);
void trm__call_end(trm__call *call);

#endif
