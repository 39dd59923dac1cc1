/* Messages of the Model Context Protocol, one after the other to one server without an engine: each request is answered
 * once, with its id, and by nothing but an object of JSON-RPC; what is no request is not answered. Lines are messages.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text/json.h"
#include "serve/mcp/mcp.h"
#include "serve/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static trm__gateway gateway;
static int answers;
static const json_t *wanted; /* the id of the request at work */

static void on_send(void *context, const json_t *message, int last, int status) {
  (void)context, (void)status;
  if (!message) return; /* it was cancelled */
  const json_t *version = json_object_get(message, "jsonrpc");
  if (!version || strcmp(json_string_value(version), "2.0") != 0) abort();
  char *text = json_dumps(message, 0); /* that is JSON whatever came in */
  if (!text) abort();
  free(text);
  if (!last) return;
  answers++;
  const json_t *id = json_object_get(message, "id");
  if (!json_object_get(message, "result") == !json_object_get(message, "error")) abort();
  if (wanted && !json_equal(id, wanted)) abort();
}

static void open_gateway(void) {
  static trm__serve_pool_config pool;
  trm_error err = {0};
  if (gateway.base) return;
  gateway.base = event_base_new();
  gateway.config = trm__serve_config_default();
  gateway.config.sessions_limit = 4;
  gateway.started = 1;
  pool = trm__serve_pool_config_default();
  pool.base = gateway.base;
  pool.build_id = trm_version();
  pool.engine.models = 1; /* which no engine will load */
  (void)snprintf(pool.engine.model[0].name, sizeof pool.engine.model[0].name, "none");
  if (trm__serve_pool_open(&gateway.pool, &pool, &err) || trm__sessions_open(&gateway.sessions, &gateway, &err) ||
      trm__mcp_open(&gateway.mcp, &gateway, &err))
    abort();
}

static void take(json_t *message) {
  static const trm__mcp_from from = {.client = "fuzz", .scopes = ~0u};
  static const trm__mcp_way way = {on_send, NULL};
  trm__mcp_request *request;
  int silent;
  json_t *id = json_object_get(message, "id");
  int is_request =
      json_is_object(message) && json_object_get(message, "method") && (json_is_string(id) || json_is_integer(id));
  wanted = is_request ? json_incref(id) : NULL;
  answers = 0;
  trm__mcp_take(gateway.mcp, message, &from, &way, &request, &silent);
  if (silent && answers) abort();
  if (!silent && !request && answers != 1) abort();
  if (request && answers) abort();
  wanted = NULL;
  if (request) trm__mcp_drop(&request);
  if (is_request) json_decref(id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *at = (const char *)data, *end = at + size;
  open_gateway();
  while (at < end) {
    const char *line = memchr(at, '\n', (size_t)(end - at));
    json_t *message = NULL;
    size_t length = line ? (size_t)(line - at) : (size_t)(end - at);
    if (!trm__json_parse(&message, at, length, "line", NULL)) take(message);
    at += length + 1;
  }
  event_base_loop(gateway.base, EVLOOP_NONBLOCK);
  return 0;
}
