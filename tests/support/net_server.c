/* A small server over src/net for tests with real clients (tests/e2e/net_curl.sh), and its API in use: routes, whole
 * and streamed bodies, answers that come later, events, tokens, metrics, a drain on SIGTERM.
 *
 *     net_server ADDRESS [TOKENS]      ADDRESS "inherited": the sockets of LISTEN_FDS; prints where it listens */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/dispatch.h"
#include "net/listen.h"
#include "net/metrics.h"
#include "net/server.h"
#include "net/stream.h"
#include "net/token.h"
#include "net/trace.h"

static struct event_base *base;
static trm__server *server;
static trm__tokens *tokens;
static trm__histogram seconds;
static uint64_t answered;

static void answer_text(trm__exchange *x, const char *text, size_t size) {
  trm__response response = {.status = 200, .type = "text/plain"};
  (void)trm__exchange_answer(x, &response, text, size, NULL);
}

static void show_root(trm__exchange *x, void *context) {
  (void)context;
  answer_text(x, "hello\n", 6);
}

static void echo_whole(trm__exchange *x, const char *data, size_t size, void *context) {
  (void)context;
  answer_text(x, data, size);
}

static void echo(trm__exchange *x, void *context) {
  (void)context;
  trm__exchange_read_whole(x, 8 << 20, echo_whole, NULL);
}

/* The number of a body's bytes, of which none is kept. */
static void count_data(trm__exchange *x, const char *data, size_t size, void *context) {
  size_t *bytes = context;
  char text[32];
  (void)data;
  *bytes += size;
  if (size) return;
  int n = snprintf(text, sizeof text, "%zu\n", *bytes);
  free(bytes);
  answer_text(x, text, (size_t)n);
}

static void count_gone(trm__exchange *x, void *context) {
  (void)x;
  free(context);
}

static void count_body(trm__exchange *x, void *context) {
  size_t *bytes = calloc(1, sizeof *bytes);
  trm__exchange_watch watch = {.gone = count_gone, .context = bytes};
  (void)context;
  if (!bytes) {
    trm__exchange_abort(x);
    return;
  }
  trm__exchange_watch_set(x, &watch);
  trm__exchange_read(x, count_data, bytes);
}

/* Five events, one every 50 ms, from the one behind Last-Event-ID on. */
typedef struct ticker {
  trm__exchange *exchange;
  struct event *timer;
  int number;
} ticker;

static void ticker_free(trm__exchange *x, void *context) {
  ticker *t = context;
  (void)x;
  event_free(t->timer);
  free(t);
}

static void ticker_tick(evutil_socket_t fd, short what, void *context) {
  ticker *t = context;
  char id[16], data[32];
  (void)fd;
  (void)what;
  snprintf(id, sizeof id, "%d", ++t->number);
  snprintf(data, sizeof data, "{\"step\": %d}", t->number);
  trm__sse_event event = {.id = id, .event = "step", .data = data, .size = strlen(data)};
  if (trm__stream_send(t->exchange, &event, NULL)) trm__exchange_abort(t->exchange);
  else if (t->number < 5) return;
  else trm__exchange_end(t->exchange);
  ticker_free(NULL, t);
}

static void show_events(trm__exchange *x, void *context) {
  struct timeval time = {0, 50000};
  const char *last = trm__request_field(trm__exchange_request(x), "last-event-id", NULL);
  ticker *t = calloc(1, sizeof *t);
  (void)context;
  if (!t || trm__stream_start(x, NULL, 0, NULL)) {
    free(t);
    return;
  }
  *t = (ticker){x, event_new(base, -1, EV_PERSIST, ticker_tick, t), last ? atoi(last) : 0};
  trm__exchange_watch watch = {.gone = ticker_free, .context = t};
  trm__exchange_watch_set(x, &watch);
  event_add(t->timer, &time);
}

static void late_answer(evutil_socket_t fd, short what, void *context) {
  ticker *t = context;
  (void)fd;
  (void)what;
  answer_text(t->exchange, "late\n", 5);
  ticker_free(NULL, t);
}

/* An answer after half a second. */
static void show_late(trm__exchange *x, void *context) {
  struct timeval time = {0, 500000};
  ticker *t = calloc(1, sizeof *t);
  (void)context;
  if (!t) {
    trm__exchange_abort(x);
    return;
  }
  *t = (ticker){x, event_new(base, -1, 0, late_answer, t), 0};
  trm__exchange_watch watch = {.gone = ticker_free, .context = t};
  trm__exchange_watch_set(x, &watch);
  event_add(t->timer, &time);
}

static void show_secret(trm__exchange *x, void *context) {
  trm__bearer bearer = {0};
  (void)context;
  trm__token_found found = tokens ? trm__token_check(tokens, trm__exchange_request(x), &bearer) : TRM__TOKEN_UNKNOWN;
  if (found == TRM__TOKEN_GOOD && (bearer.scopes & TRM__SCOPE_ADMIN)) {
    answer_text(x, bearer.name, strlen(bearer.name));
    return;
  }
  trm__field field = {"WWW-Authenticate", trm__token_challenge(found)};
  trm__problem problem = {.status = found == TRM__TOKEN_GOOD ? 403 : 401, .detail = "the scope admin is needed"};
  (void)trm__exchange_problem(x, &problem, &field, 1, NULL);
}

/* The path's name and the trace that the request belongs to. */
static void show_item(trm__exchange *x, void *context) {
  trm__trace trace;
  char text[1200], parent[TRM__TRACEPARENT];
  (void)context;
  if (!trm__trace_parse(&trace, trm__request_field(trm__exchange_request(x), "traceparent", NULL)) &&
      !trm__trace_begin(&trace))
    trace = (trm__trace){0};
  trm__trace_format(&trace, parent);
  int n = snprintf(text, sizeof text, "%s %s\n", trm__match_get(trm__exchange_match(x), "id"), parent);
  answer_text(x, text, (size_t)n);
}

static void show_metrics(trm__exchange *x, void *context) {
  trm__metrics *m = NULL;
  const char *text;
  size_t size;
  trm__label label = {"outcome", "answered"};
  (void)context;
  trm__problem problem = {.status = 500};
  if (!trm__metrics_open(&m, NULL)) {
    trm__metrics_family(m, TRM__METRIC_COUNTER, "net_requests_total", "Requests by outcome.");
    trm__metrics_sample(m, &label, 1, (double)answered);
    trm__metrics_family(m, TRM__METRIC_HISTOGRAM, "net_request_seconds", "Time from head to answer.");
    trm__metrics_histogram(m, NULL, 0, &seconds);
    trm__response response = {.status = 200, .type = TRM__METRICS_TYPE};
    if (!trm__metrics_text(m, &text, &size, NULL)) (void)trm__exchange_answer(x, &response, text, size, NULL);
    else (void)trm__exchange_problem(x, &problem, NULL, 0, NULL);
  }
  trm__metrics_close(&m);
}

static const trm__route routes[] = {
    {TRM__GET, "/", show_root, NULL},           {TRM__POST, "/echo", echo, NULL},
    {TRM__POST, "/count", count_body, NULL},    {TRM__GET, "/events", show_events, NULL},
    {TRM__GET, "/late", show_late, NULL},       {TRM__GET, "/secret", show_secret, NULL},
    {TRM__GET, "/items/{id}", show_item, NULL}, {TRM__GET, "/metrics", show_metrics, NULL},
};

static void on_access(const trm__access *a, void *context) {
  (void)context;
  answered += a->outcome == TRM__ANSWERED;
  trm__histogram_observe(&seconds, a->seconds);
  fprintf(stderr, "%s %s %d\n", a->request ? trm__method_name(a->request->method) : "-", a->route ? a->route : "-",
          a->status);
}

static void on_drained(void *context) {
  event_base_loopbreak(context);
}

static void on_term(evutil_socket_t fd, short what, void *context) {
  (void)fd;
  (void)what;
  (void)context;
  trm__server_drain(server, 0);
}

static trm_status listen_at(const char *address, trm_error *err) {
  int count = 0;
  if (strcmp(address, "inherited") != 0) return trm__server_listen(server, address, err);
  trm_status status = trm__listen_inherited(&count, getenv("LISTEN_PID"), getenv("LISTEN_FDS"), err);
  for (int i = 0; i < count && !status; i++) status = trm__server_listen_fd(server, TRM__LISTEN_FIRST + i, err);
  return status;
}

int main(int argc, char **argv) {
  trm_error err = {0};
  trm__router *router = NULL;
  trm__server_config config = trm__server_config_default();
  if (argc < 2) return fprintf(stderr, "usage: net_server ADDRESS [TOKENS]\n"), 2;
  base = event_base_new();
  seconds = trm__histogram_seconds();
  trm_status status = trm__router_open(&router, routes, sizeof routes / sizeof *routes, &err);
  if (!status && argc > 2) status = trm__tokens_open(&tokens, argv[2], &err);
  config.handle = trm__dispatch;
  config.context = router;
  config.access = on_access;
  config.drained = on_drained;
  config.drained_context = base;
  if (!status) status = trm__server_open(&server, base, &config, &err);
  if (!status) status = listen_at(argv[1], &err);
  if (status) return fprintf(stderr, "%s: %s\n", err.where, err.message), 1;
  struct event *term = evsignal_new(base, SIGTERM, on_term, NULL);
  event_add(term, NULL);
  for (size_t i = 0; trm__server_address(server, i); i++) printf("%s\n", trm__server_address(server, i));
  fflush(stdout);
  event_base_dispatch(base);
  event_free(term);
  trm__server_close(&server);
  trm__router_close(&router);
  trm__tokens_close(&tokens);
  event_base_free(base);
  return 0;
}
