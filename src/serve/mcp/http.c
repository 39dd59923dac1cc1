#include "serve/mcp/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text/json.h"
#include "net/media.h"
#include "net/stream.h"
#include "serve/mcp/mcp.h"

enum { FORM_JSON = 1, FORM_STREAM = 2 }; /* that the client takes */

/* One message and its answer. The call frees what is not ended with it. */
typedef struct http_answer {
  trm__call *call;
  trm__mcp_request *request; /* NULL: it has ended */
  unsigned forms;
  int streams; /* 1: the stream has begun */
  int legacy;  /* 1: who hangs up does not cancel */
  int ended;
} http_answer;

/* -- who ----------------------------------------------------------------------------------------------------------- */

/* "localhost:8080", "[::1]": a name of this machine for itself. */
static int host_is_loopback(const char *host, size_t length) {
  static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    size_t size = strlen(names[i]);
    if (length >= size && strncasecmp(host, names[i], size) == 0 && (length == size || host[size] == ':')) return 1;
  }
  return 0;
}

/* A page of somewhere else must not use a server that only this machine reaches, through a name that leads here. Where
 * others reach the server too, its name is not known here, and a token is needed (or open was said). */
static int http_is_from_here(const trm__call *call) {
  const trm__request *request = trm__exchange_request(call->exchange);
  const char *origin = trm__request_field(request, "origin", NULL);
  const char *scheme = origin ? strstr(origin, "://") : NULL;
  if (origin && (!scheme || !host_is_loopback(scheme + 3, strlen(scheme + 3)))) return 0;
  if (!trm__serve_is_private(call->gateway->config.listen)) return 1;
  if (strncmp(trm__exchange_peer(call->exchange), "unix", 4) == 0) return 1;
  return host_is_loopback(request->authority, strlen(request->authority));
}

static int http_accepts(const trm__request *request, const char *type) {
  const char *const offers[] = {type, NULL};
  return trm__accept_choose(request, offers) == 0;
}

/* -- answers ------------------------------------------------------------------------------------------------------- */

static void http_send_text(trm__call *call, int status, const json_t *message) {
  char *text = message ? trm__json_text(message, JSON_COMPACT) : NULL;
  if (text) trm__call_text(call, status, "application/json", text, strlen(text));
  else trm__call_problem(call, TRM__PROBLEM_INTERNAL, NULL, "out of memory");
  free(text);
}

static void http_send_event(http_answer *a, const json_t *message) {
  char *text = trm__json_text(message, JSON_COMPACT);
  trm__sse_event event = {.data = text, .size = text ? strlen(text) : 0};
  if (!a->streams) trm__call_stream(a->call);
  a->streams = 1;
  if (text) (void)trm__stream_send(a->call->exchange, &event, NULL);
  free(text);
}

static void http_end(http_answer *a) {
  trm__call *call = a->call;
  a->ended = 1;
  if (call) call->gone = NULL, call->own = NULL;
  a->call = NULL;
}

/* message NULL: it was cancelled, and nothing is said of it. */
static void http_send(void *context, const json_t *message, int last, int status) {
  http_answer *a = context;
  trm__call *call = a->call;
  if (!last) {
    if (call && (a->forms & FORM_STREAM)) http_send_event(a, message);
    return;
  }
  a->request = NULL;
  if (call && !message && !a->streams) trm__call_stream(call), a->streams = 1;
  if (call && (a->streams || !(a->forms & FORM_JSON))) {
    if (message) http_send_event(a, message);
    http_end(a);
    trm__call_end(call);
  } else if (call) {
    http_end(a);
    http_send_text(call, status, message);
  }
  trm__free(a);
}

static void http_on_gone(trm__call *call, void *own) {
  http_answer *a = own;
  (void)call;
  a->call = NULL;
  if (a->legacy) return; /* it goes on, and its end is told to nobody */
  trm__mcp_drop(&a->request);
  trm__free(a);
}

/* -- messages ------------------------------------------------------------------------------------------------------ */

static void http_take(trm__call *call, json_t *message, unsigned forms) {
  http_answer *a = trm__calloc(1, sizeof *a);
  trm__mcp_request *request;
  int silent;
  if (!a) {
    json_decref(message);
    trm__call_problem(call, TRM__PROBLEM_INTERNAL, NULL, "out of memory");
    return;
  }
  *a = (http_answer){.call = call, .forms = forms};
  const trm__mcp_way way = {http_send, a};
  const trm__mcp_from from = {
      .client = call->client, .scopes = call->scopes, .head = trm__exchange_request(call->exchange)};
  call->own = a;
  call->gone = http_on_gone;
  trm__mcp_take(call->gateway->mcp, message, &from, &way, &request, &silent);
  if (silent) {
    http_end(a);
    trm__free(a);
    trm__call_text(call, 202, NULL, NULL, 0);
  } else if (request) {
    a->request = request;
    a->legacy = request->era == TRM__MCP_LEGACY && !trm__call_field(call, "trm-cancel", NULL);
  }
}

static void http_on_body(trm__exchange *exchange, const char *data, size_t size, void *context) {
  trm__call *call = context;
  const trm__request *request = trm__exchange_request(exchange);
  trm_error err = {0};
  json_t *message = NULL;
  unsigned forms = (http_accepts(request, "application/json") ? FORM_JSON : 0u) |
                   (http_accepts(request, TRM__SSE_TYPE) ? FORM_STREAM : 0u);
  if (!forms) {
    trm__call_problem(call, TRM__PROBLEM_NOT_ACCEPTABLE, NULL, "accept application/json and text/event-stream");
    return;
  }
  if (!trm__json_parse(&message, data, size, "the message", &err)) {
    http_take(call, message, forms);
    return;
  }
  json_t *error = trm__mcp_error_json(NULL, TRM__MCP_PARSE, NULL, err.message);
  http_send_text(call, 400, error);
  json_decref(error);
}

static int http_is_json(const trm__request *request) {
  char type[TRM__MEDIA_TYPE];
  const char *value = trm__request_field(request, "content-type", NULL);
  return value && trm__media_type(value, type) && strcmp(type, "application/json") == 0;
}

void trm__route_mcp(trm__call *call) {
  if (!http_is_from_here(call))
    trm__call_problem(call, TRM__PROBLEM_FORBIDDEN, NULL,
                      "Host and Origin must name this machine (localhost, 127.0.0.1 or [::1])");
  else if (!http_is_json(trm__exchange_request(call->exchange)))
    trm__call_problem(call, TRM__PROBLEM_MEDIA_TYPE, NULL, "send JSON, with Content-Type: application/json");
  else trm__exchange_read_whole(call->exchange, (size_t)call->gateway->config.body_bytes, http_on_body, call);
}
