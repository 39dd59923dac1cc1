#include "serve/mcp/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text/json.h"
#include "serve/mcp/state.h"

/* -- ends ---------------------------------------------------------------------------------------------------------- */

static void request_free(trm__mcp_request *r) {
  trm__mcp_request **at = &r->mcp->first;
  while (*at && *at != r) at = &(*at)->next;
  if (*at) *at = r->next;
  trm__call_drop(&r->call);
  if (r->forget) r->forget(r);
  json_decref(r->message);
  trm__free(r);
}

/* message is taken; without memory the way is told of an error that needs none. */
static void request_end(trm__mcp_request *r, json_t *message, int status) {
  trm__mcp_way way = r->way;
  if (!message) {
    message = trm__mcp_error_json(r->id, TRM__MCP_INTERNAL, NULL, "out of memory");
    status = 200;
  }
  request_free(r);
  way.send(way.context, message, 1, status);
  json_decref(message);
}

static int request_add_current(const trm__mcp_request *r, json_t *result) {
  int failed = 0;
  if (!json_object_get(result, "resultType"))
    failed |= json_object_set_new(result, "resultType", json_string("complete"));
  json_t *meta = json_object_get(result, "_meta");
  if (!meta) failed |= json_object_set_new(result, "_meta", meta = json_object());
  failed |= json_object_set_new(meta, "io.modelcontextprotocol/serverInfo", trm__mcp_server_info());
  int complete = strcmp(json_string_value(json_object_get(result, "resultType")), "complete") == 0;
  if (r->rule && r->rule->ttl_ms >= 0 && complete) {
    failed |= json_object_set_new(result, "ttlMs", json_integer(r->rule->ttl_ms));
    failed |= json_object_set_new(result, "cacheScope", json_string(r->rule->scope));
  }
  return failed;
}

void trm__mcp_answer(trm__mcp_request *r, json_t *result) {
  if (result && r->era == TRM__MCP_CURRENT && request_add_current(r, result)) {
    json_decref(result);
    result = NULL;
  }
  request_end(r, result ? json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", r->id, "result", result) : NULL, 200);
}

json_t *trm__mcp_error_json(const json_t *id, int code, json_t *data, const char *message) {
  return json_pack("{s:s, s:O?, s:{s:i, s:s, s:o*}}", "jsonrpc", "2.0", "id", id, "error", "code", code, "message",
                   message, "data", data);
}

int trm__mcp_error_status(int code) {
  switch (code) {
  case TRM__MCP_NO_METHOD:
    return 404;
  case TRM__MCP_INTERNAL:
  case TRM__MCP_PARAMS:
    return 200; /* a request that was understood; what is missing of _meta is a matter of its own */
  default:
    return 400;
  }
}

void trm__mcp_fail(trm__mcp_request *r, int code, json_t *data, const char *format, ...) {
  char message[1200];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  int status = trm__mcp_error_status(code);
  if (r->era == TRM__MCP_LEGACY && code != TRM__MCP_INVALID && code != TRM__MCP_VERSION) status = 200;
  if (code == TRM__MCP_PARAMS && !r->rule) status = 400; /* before its method was looked for */
  request_end(r, trm__mcp_error_json(r->id, code, data, message), status);
}

void trm__mcp_drop(trm__mcp_request **rp) {
  trm__mcp_request *r = *rp;
  *rp = NULL;
  if (r) request_free(r);
}

/* -- before the end ------------------------------------------------------------------------------------------------ */

void trm__mcp_notify(trm__mcp_request *r, const char *method, json_t *params) {
  json_t *message = json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", method, "params", params);
  if (message) r->way.send(r->way.context, message, 0, 0);
  json_decref(message);
}

void trm__mcp_progress(trm__mcp_request *r, double progress, double total, const char *text) {
  if (!r->token || !(progress > r->progress)) return;
  r->progress = progress;
  json_t *params = json_pack("{s:O, s:f, s:s*}", "progressToken", r->token, "progress", progress, "message", text);
  if (params && total > 0) (void)json_object_set_new(params, "total", json_real(total));
  if (params) trm__mcp_notify(r, "notifications/progress", params);
}

const json_t *trm__mcp_meta(const trm__mcp_request *r, const char *key) {
  return json_object_get(json_object_get(r->params, "_meta"), key);
}

/* -- asking a route ------------------------------------------------------------------------------------------------ */

static void request_on_event(void *context, const char *event, const json_t *data) {
  trm__mcp_request *r = context;
  if (r->event) r->event(r, event, data);
}

static void request_on_end(void *context, int status, const json_t *body) {
  trm__mcp_request *r = context;
  r->call = NULL;
  r->then(r, status, body);
}

void trm__mcp_ask(trm__mcp_request *r, trm__call_handler handle, const char *id, json_t *body, trm__mcp_event event,
                  trm__mcp_then then) {
  static const trm__call_sink sink = {request_on_event, request_on_end};
  r->then = then;
  r->event = event;
  trm__call_inside inside = {.gateway = r->mcp->gateway,
                             .client = r->client,
                             .scopes = r->scopes,
                             .id = id,
                             .stream = event != NULL,
                             .body = body ? body : json_object(),
                             .handle = handle,
                             .sink = &sink,
                             .context = r};
  if (trm__call_inside_begin(&r->call, &inside)) trm__mcp_fail(r, TRM__MCP_INTERNAL, NULL, "out of memory");
}
