/* The client: see http.h. */
#include "cli/http.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_S 10.0 /* for a connection, and for the server to take a request */
#define ANSWER_S 660.0 /* until an answer begins: a server may be asked to solve for ten minutes */
#define SILENT_S 60.0  /* within an answer */
#define PIECE ((size_t)64 << 10)

static trm_status http_fail(trm_error *err, trm_status code, const char *where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static trm_status http_fail(trm_error *err, trm_status code, const char *where, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  *err = (trm_error){.code = code};
  (void)snprintf(err->where, sizeof err->where, "%s", where);
  (void)vsnprintf(err->message, sizeof err->message, format, arguments);
  va_end(arguments);
  return code;
}

/* -- addresses and tokens ------------------------------------------------------------------------------------------ */

static trm_status address_unix(cli_http_address *a, const char *path, trm_error *err) {
  size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
  if (!*path || strlen(path) > most)
    return http_fail(err, TRM_E_USAGE, "--server", "found a path of %zu bytes behind unix:, expected 1 to %zu",
                     strlen(path), most);
  (void)snprintf(a->host, sizeof a->host, "%s", path);
  return TRM_OK;
}

static trm_status address_port(cli_http_address *a, const char *port, trm_error *err) {
  size_t digits = strspn(port, "0123456789");
  if (port[digits] || digits == 0 || digits > 5 || atoi(port) < 1 || atoi(port) > 65535)
    return http_fail(err, TRM_E_USAGE, "--server", "found port \"%.40s\", expected 1 to 65535", port);
  (void)snprintf(a->port, sizeof a->port, "%s", port);
  return TRM_OK;
}

trm_status cli_http_address_read(cli_http_address *a, const char *url, trm_error *err) {
  static const char http[] = "http://", tls[] = "https://", local[] = "unix:";
  size_t size = strlen(url);
  *a = (cli_http_address){0};
  if (strncmp(url, http, sizeof http - 1) == 0 && size > sizeof http && url[size - 1] == '/') size--;
  if (size >= sizeof a->url)
    return http_fail(err, TRM_E_USAGE, "--server", "found %zu bytes, expected fewer than %zu", size, sizeof a->url);
  memcpy(a->url, url, size);
  if (strncmp(a->url, local, sizeof local - 1) == 0) return address_unix(a, a->url + sizeof local - 1, err);
  if (strncmp(a->url, tls, sizeof tls - 1) == 0)
    return http_fail(err, TRM_E_USAGE, "--server",
                     "https is not known yet; use http://, over a tunnel where others could listen (ssh -L)");
  if (strncmp(a->url, http, sizeof http - 1) != 0)
    return http_fail(err, TRM_E_USAGE, "--server", "found \"%.200s\", expected http://HOST:PORT or unix:PATH", url);
  const char *host = a->url + sizeof http - 1, *rest = host;
  size_t bracket = *host == '[', length;
  rest += bracket ? strcspn(host, "]") : strcspn(host, ":/?#");
  length = (size_t)(rest - host) - bracket;
  if (bracket && *rest++ != ']') length = 0;
  for (const char *p = host; p < rest; p++)
    if (*p <= ' ' || *p >= 0x7f || *p == '@') length = 0;
  if (length == 0 || length >= sizeof a->host || (*rest && *rest != ':'))
    return http_fail(err, TRM_E_USAGE, "--server", "found \"%.200s\", expected http://HOST:PORT and nothing more", url);
  memcpy(a->host, host + bracket, length);
  return address_port(a, *rest ? rest + 1 : "80", err);
}

trm_status cli_http_token_check(const char *token, const char *where, trm_error *err) {
  size_t size = strlen(token);
  for (size_t i = 0; i < size; i++)
    if (token[i] <= ' ' || token[i] >= 0x7f)
      return http_fail(err, TRM_E_INPUT, where, "byte %zu cannot be part of a token, expected the token alone", i + 1);
  if (size > 0 && size < CLI_HTTP_TOKEN) return TRM_OK;
  return http_fail(err, TRM_E_INPUT, where, "found %zu bytes, expected a token of 1 to %d", size, CLI_HTTP_TOKEN - 1);
}

trm_status cli_http_token_load(char token[CLI_HTTP_TOKEN], const char *path, trm_error *err) {
  FILE *file = fopen(path, "re");
  if (!file) return http_fail(err, TRM_E_INPUT, path, "cannot open: %s", strerror(errno));
  size_t size = fread(token, 1, CLI_HTTP_TOKEN, file);
  int broken = ferror(file);
  (void)fclose(file);
  if (broken) return http_fail(err, TRM_E_INPUT, path, "cannot read: %s", strerror(EIO));
  while (size && strchr(" \t\r\n", token[size - 1])) size--;
  if (size == CLI_HTTP_TOKEN || memchr(token, 0, size))
    return http_fail(err, TRM_E_INPUT, path, "is no token, expected a file that holds one of at most %d bytes",
                     CLI_HTTP_TOKEN - 1);
  token[size] = 0;
  return cli_http_token_check(token, path, err);
}

/* -- connecting ---------------------------------------------------------------------------------------------------- */

void cli_http_close(cli_http *http) {
  if (http->fd >= 0) (void)close(http->fd);
  free(http->in);
  http->fd = -1;
  http->in = NULL;
  http->used = http->room = 0;
  http->again = 0;
}

/* Waits until the descriptor can be read or written, or until a time. TRM_E_BUSY: the time is over. */
static trm_status http_wait(int fd, short what, double until) {
  for (;;) {
    struct pollfd watched[] = {{.fd = fd, .events = what}, {.fd = cli_signal_descriptor(), .events = POLLIN}};
    double left = until - trm_clock();
    if (cli_interrupted()) return TRM_E_STOPPED;
    if (left <= 0) return TRM_E_BUSY;
    int ready = poll(watched, 2, (int)fmin(ceil(1e3 * left), 1e6));
    if (ready < 0 && errno != EINTR) return TRM_E_IO;
    if (ready > 0 && watched[0].revents) return TRM_OK;
  }
}

/* Connects to one of the host's addresses. 0, or errno. */
static int http_connect_to(cli_http *http, int family, const struct sockaddr *to, socklen_t size) {
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), problem = 0, on = 1;
  socklen_t length = sizeof problem;
  if (fd < 0) return errno;
  if (connect(fd, to, size) != 0 && errno != EINPROGRESS) problem = errno;
  if (!problem) {
    trm_status status = http_wait(fd, POLLOUT, trm_clock() + CONNECT_S);
    if (status) problem = status == TRM_E_BUSY ? ETIMEDOUT : status == TRM_E_STOPPED ? EINTR : errno;
    else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &length) != 0) problem = errno;
  }
  if (problem) {
    (void)close(fd);
    return problem;
  }
  (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  if (family != AF_UNIX) (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  http->fd = fd;
  return 0;
}

static int http_connect_unix(cli_http *http) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  (void)snprintf(to.sun_path, sizeof to.sun_path, "%.*s", (int)sizeof to.sun_path - 1, http->address->host);
  return http_connect_to(http, AF_UNIX, (const struct sockaddr *)&to, sizeof to);
}

static trm_status http_connect(cli_http *http, trm_error *err) {
  const cli_http_address *a = http->address;
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
  int problem = ECONNREFUSED, unknown = 0;
  if (!*a->port) problem = http_connect_unix(http);
  else if ((unknown = getaddrinfo(a->host, a->port, &hints, &found)) != 0)
    return http_fail(err, TRM_E_IO, a->url, "the host is not known (%s)", gai_strerror(unknown));
  for (const struct addrinfo *i = found; i && problem && problem != EINTR; i = i->ai_next)
    problem = http_connect_to(http, i->ai_family, i->ai_addr, i->ai_addrlen);
  if (found) freeaddrinfo(found);
  if (!problem) return TRM_OK;
  if (problem == EINTR && cli_interrupted()) return http_fail(err, TRM_E_STOPPED, a->url, "interrupted");
  return http_fail(err, TRM_E_IO, a->url, "cannot connect: %s; is that the server's address, and does it run?",
                   strerror(problem));
}

/* -- one request --------------------------------------------------------------------------------------------------- */

static char *http_request(const cli_http *http, const char *method, const char *path, const char *body, size_t *size) {
  const cli_http_address *a = http->address;
  size_t length = body ? strlen(body) : 0, room = 1024 + strlen(path) + CLI_HTTP_TOKEN + sizeof a->url + length;
  char *text = cli_alloc(room, 1);
  int used = snprintf(text, room,
                      "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: trm/%s\r\nAccept: application/json, "
                      "application/problem+json\r\n",
                      method, path, *a->port ? a->url + strlen("http://") : "localhost", trm_version());
  if (*http->token) used += snprintf(text + used, room - (size_t)used, "Authorization: Bearer %s\r\n", http->token);
  if (body)
    used +=
        snprintf(text + used, room - (size_t)used, "Content-Type: application/json\r\nContent-Length: %zu\r\n", length);
  used += snprintf(text + used, room - (size_t)used, "\r\n%s", body ? body : "");
  *size = (size_t)used;
  return text;
}

/* What the server does not want to read it need not: its answer, or the end, is found when that is looked for. */
static trm_status http_write(cli_http *http, const char *bytes, size_t size, trm_error *err) {
  double until = trm_clock() + CONNECT_S;
  while (size) {
    ssize_t sent = send(http->fd, bytes, size, MSG_NOSIGNAL);
    if (sent > 0) bytes += sent, size -= (size_t)sent;
    else if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return TRM_OK;
    trm_status status = size ? http_wait(http->fd, POLLOUT, until) : TRM_OK;
    if (status == TRM_E_STOPPED) return http_fail(err, status, http->address->url, "interrupted");
    if (status) return http_fail(err, TRM_E_IO, http->address->url, "the server takes no request; is it overloaded?");
  }
  return TRM_OK;
}

trm_status cli_http_send(cli_http *http, const char *method, const char *path, const char *body, trm_error *err) {
  size_t size;
  http->used = 0;
  trm_status status = http->fd < 0 ? http_connect(http, err) : TRM_OK;
  if (status) return status;
  char *text = http_request(http, method, path, body, &size);
  status = http_write(http, text, size, err);
  free(text);
  http->until = trm_clock() + ANSWER_S;
  if (status) cli_http_close(http);
  return status;
}

/* -- its answer ---------------------------------------------------------------------------------------------------- */

/* Reads what is there: 1 more may come, 0 it has ended, negative: errno. */
static int http_fill(cli_http *http) {
  for (;;) {
    if (http->room - http->used < PIECE) {
      http->room = 2 * http->room + PIECE;
      http->in = cli_grow(http->in, http->room, 1);
    }
    ssize_t got = recv(http->fd, http->in + http->used, http->room - http->used, 0);
    if (got == 0) return 0;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? 1 : -errno;
    http->used += (size_t)got;
    http->until = trm_clock() + SILENT_S;
    if (http->used > CLI_HTTP_HEAD + CLI_HTTP_BODY) return 1; /* which the reader refuses */
  }
}

static cli_http_event http_give_up(cli_http *http, trm_error *err, const char *what) {
  (void)http_fail(err, TRM_E_IO, http->address->url, "%s", what);
  cli_http_close(http);
  return CLI_HTTP_FAILED;
}

cli_http_event cli_http_receive(cli_http *http, cli_http_answer *answer, trm_error *err) {
  int state = http_fill(http), over = state <= 0;
  cli_http_found found = CLI_HTTP_MORE;
  if (http->used) found = cli_http_answer_read(answer, http->in, http->used, state == 0);
  if (found == CLI_HTTP_WHOLE) {
    http->again = 1;
    if (over || !answer->keep) (void)close(http->fd), http->fd = -1, http->again = 0;
    return CLI_HTTP_ANSWER;
  }
  if (over && !http->used && http->again) {
    cli_http_close(http);
    return CLI_HTTP_STALE;
  }
  if (over) return http_give_up(http, err, "the connection ended before the answer did; does the server still run?");
  if (found == CLI_HTTP_BAD)
    return http_give_up(http, err, "what answers there is no server of trm: it is no proper HTTP/1.1");
  if (trm_clock() > http->until) return http_give_up(http, err, "the server has been silent for too long");
  return CLI_HTTP_WAITING;
}

trm_status cli_http_ask(cli_http *http, const char *method, const char *path, cli_http_answer *answer, trm_error *err) {
  trm_status status = cli_http_send(http, method, path, NULL, err);
  while (!status) {
    cli_http_event event = cli_http_receive(http, answer, err);
    if (event == CLI_HTTP_ANSWER) return TRM_OK;
    if (event == CLI_HTTP_FAILED) return err->code;
    if (event == CLI_HTTP_STALE) status = cli_http_send(http, method, path, NULL, err);
    else if (http_wait(http->fd, POLLIN, http->until) == TRM_E_STOPPED)
      status = http_fail(err, TRM_E_STOPPED, http->address->url, "interrupted");
  }
  return status;
}
