/* A small client of HTTP/1.1: one server, connections that are used again, one request at a time on each. It waits in
 * cli_http_send, for the connection at most; answers are taken as they come, so that many connections can be watched
 * with one poll. No TLS, no redirects, no proxies. Errors name the address and what to do. */
#ifndef TRM_CLI_HTTP_H
#define TRM_CLI_HTTP_H

#include "cli/cli.h"
#include "cli/http_answer.h"

#define CLI_HTTP_TOKEN 4097 /* bytes of a token, NUL included */

typedef struct cli_http_address {
  char url[512];  /* as it was given, without a slash at its end */
  char host[256]; /* or the path of a Unix socket */
  char port[8];   /* "": a Unix socket */
} cli_http_address;

/* "http://HOST[:PORT]" or "unix:PATH"; TRM_E_USAGE for what is neither. */
trm_status cli_http_address_read(cli_http_address *address, const char *url, trm_error *err);

/* A token from a file that holds it alone; TRM_E_INPUT. What a token is made of is checked in either. */
trm_status cli_http_token_load(char token[CLI_HTTP_TOKEN], const char *path, trm_error *err);
trm_status cli_http_token_check(const char *token, const char *where, trm_error *err);

/* A connection; zeroed with fd -1 it is one that is not there yet. */
typedef struct cli_http {
  const cli_http_address *address;
  const char *token; /* "": none */
  int fd;            /* -1: not connected */
  int again;         /* 1: it has had an answer before */
  char *in;          /* [room]: used bytes of the answer */
  size_t used, room;
  double until; /* on trm_clock(): then the server has been silent for too long */
} cli_http;
#define CLI_HTTP_CLOSED                                                                                                \
  { .fd = -1 }

typedef enum {
  CLI_HTTP_WAITING, /* not yet */
  CLI_HTTP_ANSWER,
  CLI_HTTP_STALE, /* a connection that was used before ended before the answer began: ask again on a new one */
  CLI_HTTP_FAILED /* err says why; closed */
} cli_http_event;

/* body NULL: a request without one; else JSON. TRM_E_STOPPED after a signal. */
trm_status cli_http_send(cli_http *http, const char *method, const char *path, const char *body, trm_error *err);
/* Takes what has come. answer is valid until the next call about this connection. */
cli_http_event cli_http_receive(cli_http *http, cli_http_answer *answer, trm_error *err);
/* Sends and waits. */
trm_status cli_http_ask(cli_http *http, const char *method, const char *path, cli_http_answer *answer, trm_error *err);
void cli_http_close(cli_http *http);

#endif
