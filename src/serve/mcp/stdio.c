#include "serve/mcp/stdio.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "base/text/json.h"
#include "proc/role.h"
#include "serve/mcp/alone.h"
#include "serve/mcp/lines.h"
#include "serve/mcp/proxy.h"
#include "serve/records.h"
#include "serve/socket.h"

#define LAST_S 10 /* what is at work at the end of the input may take so long */

typedef struct stdio_host {
  const trm__mcp_stdio *options;
  struct event_base *base;
  trm__mcp_lines *lines;
  trm__mcp_alone *alone;
  trm__mcp_proxy *proxy;
  trm__records records;
  char version[16]; /* that `initialize` has agreed on */
  size_t at_work;   /* of alone */
  int ended;        /* 1: of the input */
  int code;
  struct event *on_last, *on_term, *on_int;
} stdio_host;

static void stdio_stop(stdio_host *h, int code) {
  h->code = code;
  (void)event_base_loopbreak(h->base);
}

static void stdio_on_idle(void *context) {
  stdio_host *h = context;
  if (h->ended && !h->at_work && (!h->proxy || !trm__mcp_proxy_count(h->proxy))) stdio_stop(h, TRM__EXIT_OK);
}

static void stdio_put_error(stdio_host *h, int code, const char *message) {
  json_t *error = trm__mcp_error_json(NULL, code, NULL, message);
  if (!trm__mcp_lines_put(error)) stdio_stop(h, TRM__EXIT_OK);
  json_decref(error);
}

/* -- alone --------------------------------------------------------------------------------------------------------- */

/* message NULL: it was cancelled. */
static void stdio_on_send(void *context, const json_t *message, int last, int status) {
  stdio_host *h = context;
  (void)status;
  const char *version = json_string_value(json_object_get(json_object_get(message, "result"), "protocolVersion"));
  if (version) (void)snprintf(h->version, sizeof h->version, "%.15s", version);
  if (message && !trm__mcp_lines_put(message)) stdio_stop(h, TRM__EXIT_OK); /* the host is gone */
  if (last && h->at_work) h->at_work--;
  if (last) stdio_on_idle(h);
}

static void stdio_on_failed(void *context) {
  stdio_stop(context, TRM__EXIT_FAULT);
}

static trm_status stdio_open_alone(stdio_host *h, trm_error *err) {
  static trm__work_config models;
  trm_status status = h->options->models(&models, err);
  if (status) return status;
  return trm__mcp_alone_open(&h->alone, h->base, h->options->config, &models, h->options->program, stdio_on_failed, h,
                             err);
}

static void stdio_take_alone(stdio_host *h, json_t *message) {
  trm__mcp_request *request;
  int silent;
  const trm__mcp_from from = {.client = "stdio", .scopes = ~0u, .version = *h->version ? h->version : NULL};
  const trm__mcp_way way = {stdio_on_send, h};
  h->at_work++;
  trm__mcp_take(trm__mcp_alone_server(h->alone), message, &from, &way, &request, &silent);
  if (silent) h->at_work--;
}

/* -- through a server ---------------------------------------------------------------------------------------------- */

static void stdio_on_message(void *context, const char *text, size_t size) {
  if (!trm__mcp_lines_put_text(text, size)) stdio_stop(context, TRM__EXIT_OK);
}

/* The server that was found has ended: from now on it goes without. */
static void stdio_on_lost(void *context, json_t *message) {
  stdio_host *h = context;
  trm_error err = {0};
  if (!h->alone) {
    trm__records_write(&h->records, TRM_LOG_WARN, NULL, "the server has ended; going on without one");
    if (stdio_open_alone(h, &err)) {
      trm__records_write(&h->records, TRM_LOG_ERROR, NULL, "%s: %s", err.where, err.message);
      json_decref(message);
      stdio_stop(h, TRM__EXIT_FAULT);
      return;
    }
  }
  (void)snprintf(h->version, sizeof h->version, "%s", TRM__MCP_LEGACY_NEWEST);
  stdio_take_alone(h, message);
}

static trm_status stdio_open_proxy(stdio_host *h, trm_error *err) {
  const trm__mcp_stdio *o = h->options;
  char path[TRM__SERVE_PATH + 16], address[TRM__SERVE_PATH + 32];
  trm__mcp_proxy_handlers handlers = {stdio_on_message, NULL, stdio_on_idle, h};
  if (*o->server) return trm__mcp_proxy_open(&h->proxy, h->base, o->server, o->token, &handlers, err);
  if (o->alone || !trm__serve_socket(o->config, path, sizeof path) || !trm__mcp_proxy_finds(path)) return TRM_OK;
  handlers.lost = stdio_on_lost;
  (void)snprintf(address, sizeof address, "unix:%s", path);
  return trm__mcp_proxy_open(&h->proxy, h->base, address, o->token, &handlers, err);
}

/* -- lines --------------------------------------------------------------------------------------------------------- */

static void stdio_on_line(void *context, const char *text, size_t size) {
  stdio_host *h = context;
  json_t *message = NULL;
  trm_error err = {0};
  if (trm__json_parse(&message, text, size, "the message", &err)) stdio_put_error(h, TRM__MCP_PARSE, err.message);
  else if (h->alone) stdio_take_alone(h, message);
  else trm__mcp_proxy_take(h->proxy, message);
}

static void stdio_on_too_long(void *context) {
  char text[100];
  stdio_host *h = context;
  (void)snprintf(text, sizeof text, "a message has at most %lld bytes (body_bytes)",
                 (long long)h->options->config->body_bytes);
  stdio_put_error(h, TRM__MCP_INVALID, text);
}

static void stdio_on_ended(void *context) {
  stdio_host *h = context;
  struct timeval last = {LAST_S, 0};
  h->ended = 1;
  (void)evtimer_add(h->on_last, &last);
  if (h->alone) trm__mcp_end_listening(trm__mcp_alone_server(h->alone));
  stdio_on_idle(h);
}

static void stdio_on_last(evutil_socket_t fd, short what, void *context) {
  (void)fd, (void)what;
  stdio_stop(context, TRM__EXIT_OK);
}

/* -- the whole ----------------------------------------------------------------------------------------------------- */

/* Standard input may be a file, which not every way of watching can watch. */
static struct event_base *stdio_base(void) {
  struct event_config *config = event_config_new();
  if (config) (void)event_config_require_features(config, EV_FEATURE_FDS);
  struct event_base *base = config ? event_base_new_with_config(config) : NULL;
  if (config) event_config_free(config);
  return base;
}

static trm_status stdio_open(stdio_host *h, trm_error *err) {
  const trm__mcp_lines_handlers handlers = {stdio_on_line, stdio_on_too_long, stdio_on_ended, h};
  h->base = stdio_base();
  if (!h->base) return trm__fail(err, TRM_E_MEMORY, "trm mcp", "there is no event loop");
  h->on_last = evtimer_new(h->base, stdio_on_last, h);
  h->on_term = evsignal_new(h->base, SIGTERM, stdio_on_last, h);
  h->on_int = evsignal_new(h->base, SIGINT, stdio_on_last, h);
  if (!h->on_last || !h->on_term || !h->on_int || event_add(h->on_term, NULL) || event_add(h->on_int, NULL))
    return trm__fail(err, TRM_E_MEMORY, "trm mcp", "the event loop takes no more events");
  trm_status status = stdio_open_proxy(h, err);
  if (!status && !h->proxy) status = stdio_open_alone(h, err);
  if (status) return status;
  return trm__mcp_lines_open(&h->lines, h->base, (size_t)h->options->config->body_bytes, &handlers, err);
}

static void stdio_close(stdio_host *h) {
  struct event *const all[] = {h->on_last, h->on_term, h->on_int};
  trm__mcp_lines_close(&h->lines);
  trm__mcp_proxy_close(&h->proxy);
  trm__mcp_alone_close(&h->alone);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i]) event_free(all[i]);
  if (h->base) event_base_free(h->base);
}

int trm__mcp_stdio_run(const trm__mcp_stdio *options) {
  trm_error err = {0};
  stdio_host h = {.options = options,
                  .records = trm__records_open(options->config->log, options->config->log_level, "mcp")};
  (void)signal(SIGPIPE, SIG_IGN);
  trm_status status = stdio_open(&h, &err);
  if (!status) (void)event_base_dispatch(h.base);
  else {
    (void)fprintf(stderr, "trm mcp: %s%s%s\n", err.where, *err.where ? ": " : "", err.message);
    h.code = status == TRM_E_USAGE ? TRM__EXIT_USAGE : status == TRM_E_INPUT ? TRM__EXIT_INPUT : TRM__EXIT_FAULT;
  }
  stdio_close(&h);
  return h.code;
}
