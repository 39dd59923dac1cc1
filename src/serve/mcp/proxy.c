#include "serve/mcp/proxy.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/json.h"
#include "serve/mcp/mcp.h"

enum { HEAD_MOST = 65536, BODY_MOST = 64 << 20 };

typedef struct proxy_sent proxy_sent;
struct proxy_sent {
  trm__mcp_proxy *proxy;
  proxy_sent *next;
  struct bufferevent *connection;
  json_t *message;
  json_t *id;                     /* of it; NULL: a notification */
  int connected, status, streams; /* status 0: the head has not come */
  int answered;
  struct evbuffer *event; /* data of the event that has begun */
};

struct trm__mcp_proxy {
  struct event_base *base;
  trm__mcp_proxy_handlers on;
  char host[256]; /* or the path of a Unix socket */
  int port;       /* 0: a Unix socket */
  char token[4100], version[16];
  proxy_sent *first;
};

/* -- ends ---------------------------------------------------------------------------------------------------------- */

static void sent_free(proxy_sent *s) {
  proxy_sent **at = &s->proxy->first;
  while (*at != s) at = &(*at)->next;
  *at = s->next;
  if (s->connection) bufferevent_free(s->connection);
  if (s->event) evbuffer_free(s->event);
  json_decref(s->message);
  trm__free(s);
}

static void sent_error(const proxy_sent *s, const char *detail) {
  if (!s->id || s->answered) return;
  json_t *error = trm__mcp_error_json(s->id, TRM__MCP_INTERNAL, NULL, detail);
  char *text = error ? trm__json_text(error, JSON_COMPACT) : NULL;
  if (text) s->proxy->on.message(s->proxy->on.context, text, strlen(text));
  free(text);
  json_decref(error);
}

static void sent_end(proxy_sent *s) {
  trm__mcp_proxy *proxy = s->proxy;
  sent_free(s);
  if (!proxy->first) proxy->on.idle(proxy->on.context);
}

/* -- answers ------------------------------------------------------------------------------------------------------- */

/* What `initialize` has agreed on goes with every later request. */
static void sent_learn(proxy_sent *s, const json_t *answer) {
  const char *version = json_string_value(json_object_get(json_object_get(answer, "result"), "protocolVersion"));
  const char *method = json_string_value(json_object_get(s->message, "method"));
  if (version && method && strcmp(method, "initialize") == 0)
    (void)snprintf(s->proxy->version, sizeof s->proxy->version, "%.15s", version);
}

/* One message of the server, in any spelling of JSON: a line of ours. */
static void sent_tell(proxy_sent *s, const char *data, size_t size) {
  json_t *message = NULL;
  if (trm__json_parse(&message, data, size, "the server", NULL)) return;
  const json_t *id = json_object_get(message, "id");
  if (json_object_get(message, "jsonrpc")) {
    sent_learn(s, message);
    if (!json_object_get(message, "method") && (!s->id || json_equal(id, s->id))) s->answered = 1;
    char *text = trm__json_text(message, JSON_COMPACT);
    if (text) s->proxy->on.message(s->proxy->on.context, text, strlen(text));
    free(text);
  } else {
    char detail[1200];
    const char *said = json_string_value(json_object_get(message, "detail"));
    (void)snprintf(detail, sizeof detail, "the server answers %d: %.1000s%s", s->status, said ? said : "",
                   s->status == 401 ? " (trm mcp --token-file FILE)" : "");
    sent_error(s, detail);
    s->answered = 1;
  }
  json_decref(message);
}

/* The lines of server-sent events that are whole. */
static void sent_read_events(proxy_sent *s, struct evbuffer *in) {
  size_t length;
  char *line;
  while ((line = evbuffer_readln(in, &length, EVBUFFER_EOL_LF))) {
    if (length && line[length - 1] == '\r') line[--length] = 0;
    if (length >= 5 && strncmp(line, "data:", 5) == 0) {
      (void)evbuffer_add(s->event, line + 5, length - 5);
    } else if (!length && evbuffer_get_length(s->event)) {
      size_t size = evbuffer_get_length(s->event);
      sent_tell(s, (const char *)evbuffer_pullup(s->event, -1), size);
      (void)evbuffer_drain(s->event, size);
    }
    free(line);
  }
}

/* 1: the head was read. */
static int sent_read_head(proxy_sent *s, struct evbuffer *in) {
  struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
  size_t length;
  char *line;
  if (end.pos < 0) return 0;
  while ((line = evbuffer_readln(in, &length, EVBUFFER_EOL_CRLF)) && length) {
    if (!s->status) s->status = strncmp(line, "HTTP/1.", 7) == 0 && length > 9 ? atoi(line + 9) : 599;
    if (strncasecmp(line, "content-type:", 13) == 0 && strstr(line, "text/event-stream")) s->streams = 1;
    free(line);
  }
  free(line);
  return 1;
}

static void sent_on_read(struct bufferevent *connection, void *context) {
  proxy_sent *s = context;
  struct evbuffer *in = bufferevent_get_input(connection);
  if (!s->status && !sent_read_head(s, in)) {
    if (evbuffer_get_length(in) <= HEAD_MOST) return;
  } else {
    if (s->streams) sent_read_events(s, in);
    if (evbuffer_get_length(in) <= BODY_MOST) return;
  }
  sent_error(s, "the server's answer is too long, or no HTTP");
  sent_end(s);
}

/* The connection has ended, so the answer is whole, or will not be. */
static void sent_finish(proxy_sent *s) {
  struct evbuffer *in = bufferevent_get_input(s->connection);
  size_t size = evbuffer_get_length(in);
  if (s->status && !s->streams && size) sent_tell(s, (const char *)evbuffer_pullup(in, -1), size);
  sent_error(s, "the server ended before its answer did");
  sent_end(s);
}

static void sent_on_event(struct bufferevent *connection, short what, void *context) {
  proxy_sent *s = context;
  (void)connection;
  if (what & BEV_EVENT_CONNECTED) {
    s->connected = 1;
    return;
  }
  if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT))) return;
  if (s->connected) {
    sent_finish(s);
    return;
  }
  trm__mcp_proxy *proxy = s->proxy;
  if (proxy->on.lost) proxy->on.lost(proxy->on.context, json_incref(s->message));
  else sent_error(s, "the server cannot be reached; does trm serve run?");
  sent_end(s);
}

/* -- requests ------------------------------------------------------------------------------------------------------ */

static void put_base64(struct evbuffer *out, const char *text) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t length = strlen(text);
  for (size_t i = 0; i < length; i += 3) {
    unsigned bits = 0;
    char four[4];
    for (size_t k = 0; k < 3; k++) bits = bits << 8 | (i + k < length ? (unsigned char)text[i + k] : 0u);
    for (size_t k = 0; k < 4; k++) four[k] = i + k > length ? '=' : digits[bits >> (18 - 6 * k) & 63];
    (void)evbuffer_add(out, four, 4);
  }
}

/* A field whose value is any text: what a field cannot hold is encoded. */
static void put_field(struct evbuffer *out, const char *name, const char *value) {
  int plain = *value && *value != ' ' && value[strlen(value) - 1] != ' ' && strncmp(value, "=?", 2) != 0;
  for (const char *p = value; *p; p++) plain &= *p >= ' ' && *p < 0x7f;
  (void)evbuffer_add_printf(out, "%s: ", name);
  if (plain) (void)evbuffer_add(out, value, strlen(value));
  else {
    (void)evbuffer_add(out, "=?base64?", 9);
    put_base64(out, value);
    (void)evbuffer_add(out, "?=", 2);
  }
  (void)evbuffer_add(out, "\r\n", 2);
}

static void put_fields(struct evbuffer *out, const trm__mcp_proxy *proxy, const json_t *message) {
  const json_t *params = json_object_get(message, "params");
  const char *method = json_string_value(json_object_get(message, "method"));
  const char *version =
      json_string_value(json_object_get(json_object_get(params, "_meta"), "io.modelcontextprotocol/protocolVersion"));
  const char *named = json_string_value(json_object_get(params, "name"));
  if (method && strcmp(method, "resources/read") == 0) named = json_string_value(json_object_get(params, "uri"));
  if (version) {
    put_field(out, "MCP-Protocol-Version", version);
    if (method) put_field(out, "Mcp-Method", method);
    if (named) put_field(out, "Mcp-Name", named);
  } else if (*proxy->version && !(method && strcmp(method, "initialize") == 0))
    put_field(out, "MCP-Protocol-Version", proxy->version);
}

static int sent_write(proxy_sent *s) {
  const trm__mcp_proxy *proxy = s->proxy;
  struct evbuffer *out = bufferevent_get_output(s->connection);
  char *body = trm__json_text(s->message, JSON_COMPACT);
  if (!body) return 0;
  (void)evbuffer_add_printf(out,
                            "POST /mcp HTTP/1.0\r\nHost: localhost\r\nUser-Agent: trm/%s\r\nTrm-Cancel: close\r\n"
                            "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
                            "Content-Length: %zu\r\n",
                            trm_version(), strlen(body));
  if (*proxy->token) (void)evbuffer_add_printf(out, "Authorization: Bearer %s\r\n", proxy->token);
  put_fields(out, proxy, s->message);
  (void)evbuffer_add(out, "\r\n", 2);
  (void)evbuffer_add(out, body, strlen(body));
  free(body);
  return 1;
}

static int sent_connect(proxy_sent *s) {
  trm__mcp_proxy *proxy = s->proxy;
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  s->connection = bufferevent_socket_new(proxy->base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
  s->event = evbuffer_new();
  if (!s->connection || !s->event || !sent_write(s)) return 0;
  bufferevent_setcb(s->connection, sent_on_read, NULL, sent_on_event, s);
  (void)bufferevent_enable(s->connection, EV_READ | EV_WRITE);
  (void)snprintf(name.sun_path, sizeof name.sun_path, "%.*s", (int)sizeof name.sun_path - 1, proxy->host);
  if (proxy->port)
    return bufferevent_socket_connect_hostname(s->connection, NULL, AF_UNSPEC, proxy->host, proxy->port) == 0;
  return bufferevent_socket_connect(s->connection, (struct sockaddr *)&name, sizeof name) == 0;
}

/* A request that is cancelled is cut; the server feels it. 0: it is not one of ours. */
static int proxy_cancel(trm__mcp_proxy *proxy, const json_t *message) {
  const char *method = json_string_value(json_object_get(message, "method"));
  const json_t *id = json_object_get(json_object_get(message, "params"), "requestId");
  if (!method || strcmp(method, "notifications/cancelled") != 0) return 0;
  for (proxy_sent *s = proxy->first; s; s = s->next)
    if (s->id && json_equal(s->id, id)) {
      sent_end(s);
      break;
    }
  return 1;
}

void trm__mcp_proxy_take(trm__mcp_proxy *proxy, json_t *message) {
  if (proxy_cancel(proxy, message)) {
    json_decref(message);
    return;
  }
  proxy_sent *s = trm__calloc(1, sizeof *s);
  if (!s) {
    json_decref(message);
    return;
  }
  *s = (proxy_sent){.proxy = proxy, .message = message, .next = proxy->first};
  if (json_object_get(message, "method")) s->id = json_object_get(message, "id");
  proxy->first = s;
  if (sent_connect(s)) return;
  if (proxy->on.lost) proxy->on.lost(proxy->on.context, json_incref(message));
  else sent_error(s, "the server cannot be reached; does trm serve run?");
  sent_end(s);
}

/* -- the whole ----------------------------------------------------------------------------------------------------- */

static trm_status proxy_address(trm__mcp_proxy *proxy, const char *address, trm_error *err) {
  static const char http[] = "http://", local[] = "unix:";
  if (strncmp(address, local, sizeof local - 1) == 0) {
    (void)snprintf(proxy->host, sizeof proxy->host, "%s", address + sizeof local - 1);
    return TRM_OK;
  }
  const char *host = strncmp(address, http, sizeof http - 1) == 0 ? address + sizeof http - 1 : NULL;
  if (!host || !*host) return trm__fail(err, TRM_E_USAGE, address, "expected http://HOST:PORT or unix:PATH");
  size_t length = strcspn(host, "/"), bracket = *host == '[';
  const char *end = bracket ? strchr(host, ']') : host + strcspn(host, ":/");
  if (!end || (size_t)(end - host) > length) return trm__fail(err, TRM_E_USAGE, address, "expected http://HOST:PORT");
  (void)snprintf(proxy->host, sizeof proxy->host, "%.*s", (int)((size_t)(end - host) - bracket), host + bracket);
  const char *port = end + bracket;
  proxy->port = *port == ':' ? atoi(port + 1) : 80;
  if (proxy->port > 0 && proxy->port < 65536) return TRM_OK;
  return trm__fail(err, TRM_E_USAGE, address, "expected a port from 1 to 65535");
}

trm_status trm__mcp_proxy_open(trm__mcp_proxy **out, struct event_base *base, const char *address, const char *token,
                               const trm__mcp_proxy_handlers *handlers, trm_error *err) {
  trm__mcp_proxy *proxy = trm__calloc(1, sizeof *proxy);
  if (!proxy) return trm__fail_memory(err, address, sizeof *proxy);
  proxy->base = base;
  proxy->on = *handlers;
  (void)snprintf(proxy->token, sizeof proxy->token, "%s", token);
  trm_status status = proxy_address(proxy, address, err);
  if (status) trm__mcp_proxy_close(&proxy);
  else *out = proxy;
  return status;
}

void trm__mcp_proxy_close(trm__mcp_proxy **proxyp) {
  trm__mcp_proxy *proxy = *proxyp;
  *proxyp = NULL;
  while (proxy && proxy->first) sent_free(proxy->first);
  trm__free(proxy);
}

size_t trm__mcp_proxy_count(const trm__mcp_proxy *proxy) {
  size_t count = 0;
  for (const proxy_sent *s = proxy->first; s; s = s->next) count++;
  return count;
}

int trm__mcp_proxy_finds(const char *path) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof name.sun_path) return 0;
  strcpy(name.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int found = fd >= 0 && connect(fd, (const struct sockaddr *)&name, sizeof name) == 0;
  if (fd >= 0) close(fd);
  return found;
}
