/* One request on its way to its handler: who sent it, whether that client may, and its body as JSON. A handler that is
 * declared in serve/routes.h gets a call whose token was checked and whose body, where the route has one, was read.
 * The call ends with the exchange, and may be kept until then. */
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
struct trm__call {
  trm__gateway *gateway;
  trm__exchange *exchange;  /* NULL: it has ended */
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
