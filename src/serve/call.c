#include "serve/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text/json.h"
#include "net/hosts.h"
#include "net/media.h"
#include "net/stream.h"

typedef struct call_reading {
  trm__call *call;
  trm__call_handler handle;
} call_reading;

static void call_free(trm__call *call) {
  json_decref(call->body);
  trm__free(call);
}

static void call_on_gone(trm__exchange *exchange, void *context) {
  trm__call *call = context;
  (void)exchange;
  call->exchange = NULL;
  if (call->gone) call->gone(call, call->own);
  call_free(call);
}

/* -- who ----------------------------------------------------------------------------------------------------------- */

static void call_challenge(trm__call *call, trm__problem_kind kind, const char *challenge, const char *detail) {
  trm__problem_send(call->exchange, kind, NULL, detail, challenge);
  call_free(call);
}

/* Whether it is us that the client means, and no page of somebody else that asks. Where a token is needed, a name that
 * leads here gains nobody anything. */
static int call_means_us(trm__call *call) {
  const trm__serve_config *c = &call->gateway->config;
  const trm__request *request = trm__exchange_request(call->exchange);
  const char *origin = trm__request_field(request, "origin", NULL);
  const char *authority = request->authority ? request->authority : "";
  int named = call->gateway->tokens || c->open || strcmp(trm__exchange_peer(call->exchange), "unix") == 0 ||
              trm__host_is_ours(authority, c->hosts);
  if (named && (!origin || trm__origin_is_ours(origin, authority, c->hosts))) return 1;
  trm__problem_send(call->exchange, TRM__PROBLEM_FORBIDDEN, NULL,
                    named ? "a page of another host asks (Origin); hosts of the configuration says whose may"
                          : "the Host field names another host; hosts of the configuration says how this one is called",
                    NULL);
  call_free(call);
  return 0;
}

/* 1: the client may. */
static int call_admit(trm__call *call, unsigned scope) {
  const trm__request *request = trm__exchange_request(call->exchange);
  const char *peer = trm__exchange_peer(call->exchange), *port = strrchr(peer, ':');
  snprintf(call->client, sizeof call->client, "%.*s", port ? (int)(port - peer) : (int)strlen(peer), peer);
  call->scopes = ~0u;
  if (scope && !call_means_us(call)) return 0;
  if (!call->gateway->tokens || !scope) return 1;
  trm__bearer bearer = {0};
  trm__token_found found = trm__token_check(call->gateway->tokens, request, &bearer);
  if (found != TRM__TOKEN_GOOD) {
    call_challenge(call, TRM__PROBLEM_UNAUTHORIZED, trm__token_challenge(found),
                   found == TRM__TOKEN_ABSENT ? "send the field Authorization: Bearer TOKEN"
                                              : "the token is not one of this server's");
    return 0;
  }
  if (!(bearer.scopes & scope)) {
    call_challenge(call, TRM__PROBLEM_FORBIDDEN, trm__token_challenge(found),
                   "the token's scopes do not include what this needs");
    return 0;
  }
  snprintf(call->client, sizeof call->client, "token %.100s", bearer.name);
  call->scopes = bearer.scopes;
  return 1;
}

static void call_trace(trm__call *call) {
  const char *parent = trm__request_field(trm__exchange_request(call->exchange), "traceparent", NULL);
  int known = trm__trace_parse(&call->trace, parent) ? trm__trace_span(&call->trace) : trm__trace_begin(&call->trace);
  if (known) trm__trace_format(&call->trace, call->traceparent);
  call->note = trm__calloc(1, sizeof *call->note);
  if (call->note && known) memcpy(call->note->trace_id, call->trace.trace_id, sizeof call->note->trace_id);
  trm__exchange_tag(call->exchange, call->note);
}

/* -- what ---------------------------------------------------------------------------------------------------------- */

static void call_on_body(trm__exchange *exchange, const char *data, size_t size, void *context) {
  call_reading reading = *(call_reading *)context;
  trm__call *call = reading.call;
  trm_error err = {0};
  (void)exchange;
  trm__free(context);
  call->own = NULL;
  call->gone = NULL;
  trm_status status = trm__json_parse(&call->body, data, size, "the body", &err);
  if (!status) reading.handle(call);
  else
    trm__call_problem(call, status == TRM_E_MEMORY ? TRM__PROBLEM_INTERNAL : TRM__PROBLEM_MALFORMED, NULL, err.message);
}

static void call_reading_gone(trm__call *call, void *own) {
  (void)call;
  trm__free(own);
}

static int call_is_json(const trm__request *request) {
  char type[TRM__MEDIA_TYPE];
  const char *value = trm__request_field(request, "content-type", NULL);
  if (!value || !trm__media_type(value, type)) return 0;
  size_t length = strlen(type);
  return strcmp(type, "application/json") == 0 || (length > 5 && strcmp(type + length - 5, "+json") == 0);
}

static void call_read(trm__call *call, trm__call_handler handle) {
  if (!call_is_json(trm__exchange_request(call->exchange))) {
    trm__call_problem(call, TRM__PROBLEM_MEDIA_TYPE, NULL, "send JSON, with Content-Type: application/json");
    return;
  }
  call_reading *reading = trm__calloc(1, sizeof *reading);
  if (!reading) {
    trm__call_problem(call, TRM__PROBLEM_INTERNAL, NULL, "out of memory");
    return;
  }
  *reading = (call_reading){call, handle};
  call->own = reading;
  call->gone = call_reading_gone;
  trm__exchange_read_whole(call->exchange, (size_t)call->gateway->config.body_bytes, call_on_body, reading);
}

/* -- from within --------------------------------------------------------------------------------------------------- */

trm_status trm__call_inside_begin(trm__call **out, const trm__call_inside *inside) {
  trm__call *call = trm__calloc(1, sizeof *call);
  if (!call) {
    json_decref(inside->body);
    return TRM_E_MEMORY;
  }
  call->gateway = inside->gateway;
  call->sink = inside->sink;
  call->sink_context = inside->context;
  call->scopes = inside->scopes;
  call->id = inside->id;
  call->stream = inside->stream;
  call->body = inside->body;
  snprintf(call->client, sizeof call->client, "%s", inside->client);
  *out = call;
  inside->handle(call);
  return TRM_OK;
}

void trm__call_drop(trm__call **callp) {
  trm__call *call = *callp;
  *callp = NULL;
  if (!call) return;
  if (call->gone) call->gone(call, call->own);
  call_free(call);
}

const char *trm__call_id(const trm__call *call) {
  return call->exchange ? trm__match_get(trm__exchange_match(call->exchange), "id") : call->id ? call->id : "";
}

const char *trm__call_field(const trm__call *call, const char *name, size_t *count) {
  if (call->exchange) return trm__request_field(trm__exchange_request(call->exchange), name, count);
  if (count) *count = 0;
  return NULL;
}

const char *trm__call_query(const trm__call *call) {
  return call->exchange ? trm__exchange_request(call->exchange)->query : NULL;
}

int trm__call_form(const trm__call *call, const char *const *offers) {
  return call->exchange ? trm__accept_choose(trm__exchange_request(call->exchange), offers) : call->stream;
}

/* The end of a call from within, with a status and a body, which is taken. */
static void call_sink_end(trm__call *call, int status, json_t *body) {
  call->sink->end(call->sink_context, status, body);
  json_decref(body);
  call_free(call);
}

/* -- the beginning ------------------------------------------------------------------------------------------------- */

void trm__call_begin(trm__gateway *gateway, trm__exchange *exchange, const trm__call_rule *rule) {
  trm__call *call = trm__calloc(1, sizeof *call);
  if (!call) {
    trm__problem_send(exchange, TRM__PROBLEM_INTERNAL, NULL, "out of memory", NULL);
    return;
  }
  call->gateway = gateway;
  call->exchange = exchange;
  call_trace(call);
  trm__exchange_watch watch = {.gone = call_on_gone, .context = call};
  trm__exchange_watch_set(exchange, &watch);
  if (!call_admit(call, rule->scope)) return;
  if (rule->has_body) call_read(call, rule->handle);
  else rule->handle(call);
}

/* -- answers ------------------------------------------------------------------------------------------------------- */

static void call_send(trm__call *call, int status, const char *type, const char *location, const char *text,
                      size_t size) {
  if (call->sink) {
    call_sink_end(call, status, text ? json_stringn(text, size) : NULL);
    return;
  }
  trm__field fields[3];
  size_t count = 0;
  if (location) fields[count++] = (trm__field){"Location", location};
  if (*call->traceparent) fields[count++] = (trm__field){"Traceparent", call->traceparent};
  fields[count++] = (trm__field){"Cache-Control", "no-store"};
  trm__response response = {.status = status, .type = type, .fields = fields, .field_count = count};
  (void)trm__exchange_answer(call->exchange, &response, text, size, NULL);
  call_free(call);
}

void trm__call_text(trm__call *call, int status, const char *type, const char *text, size_t size) {
  call_send(call, status, type, NULL, text, size);
}

void trm__call_answer_at(trm__call *call, int status, const char *location, json_t *body) {
  if (call->sink && body) {
    call_sink_end(call, status, body);
    return;
  }
  char *text = body ? trm__json_text(body, JSON_COMPACT) : NULL;
  json_decref(body);
  if (!text) {
    trm__call_problem(call, TRM__PROBLEM_INTERNAL, NULL, "out of memory");
    return;
  }
  call_send(call, status, "application/json", location, text, strlen(text));
  free(text);
}

void trm__call_answer(trm__call *call, int status, json_t *body) {
  trm__call_answer_at(call, status, NULL, body);
}

void trm__call_problem(trm__call *call, trm__problem_kind kind, const char *pointer, const char *detail) {
  if (call->sink) {
    call_sink_end(call, trm__problem_of(kind)->status, trm__problem_json(kind, pointer, detail));
    return;
  }
  trm__problem_send(call->exchange, kind, pointer, detail, NULL);
  call_free(call);
}

void trm__call_fault(trm__call *call, const trm__ask_fault *fault) {
  trm__call_problem(call, TRM__PROBLEM_INVALID, fault->pointer, fault->detail);
}

void trm__call_status(trm__call *call, trm_status status, const trm__ask_fault *fault) {
  if (status == TRM_E_INPUT || status == TRM_E_USAGE) trm__call_fault(call, fault);
  else if (status == TRM_E_BUSY)
    trm__call_problem(call, TRM__PROBLEM_BUSY, NULL, "too many puzzles wait; nothing of this was accepted: try again");
  else if (status == TRM_E_UNSUPPORTED)
    trm__call_problem(call, TRM__PROBLEM_MODEL_NOT_LOADED, NULL, "the model is not loaded");
  else trm__call_problem(call, TRM__PROBLEM_INTERNAL, NULL, trm_status_name(status));
}

/* -- streams ------------------------------------------------------------------------------------------------------- */

void trm__call_stream(trm__call *call) {
  if (call->sink) return;
  trm__field field = {"Traceparent", call->traceparent};
  (void)trm__stream_start(call->exchange, &field, *call->traceparent != 0, NULL);
}

/* An event that a slow client has no room for is left out; its id shows the gap. */
void trm__call_event(trm__call *call, int64_t id, const char *event, const json_t *data) {
  char name[32];
  if (call->sink) {
    call->sink->event(call->sink_context, event, data);
    return;
  }
  snprintf(name, sizeof name, "%lld", (long long)id);
  char *text = trm__json_text(data, JSON_COMPACT);
  trm__sse_event e = {.id = name, .event = event, .data = text, .size = text ? strlen(text) : 0};
  if (text) (void)trm__stream_send(call->exchange, &e, NULL);
  free(text);
}

void trm__call_end(trm__call *call) {
  if (call->sink) {
    call_sink_end(call, 200, NULL);
    return;
  }
  trm__exchange_end(call->exchange);
  call_free(call);
}
