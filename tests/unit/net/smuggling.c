/* Requests that two programs could read differently, raw over a socket. Behind each stands a second request, which a
 * program that reads the first one otherwise would see: it must never reach the handler, and the connection must end.
 */
#include "unit/net/support.h"

#define H "Host: a\r\n"
#define SECOND "GET /secret HTTP/1.1\r\n" H "\r\n"
#define POST "POST /echo HTTP/1.1\r\n" H
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

#define CASE(status, text)                                                                                             \
  { status, text, sizeof(text) - 1 } /* a NUL may be in it */

static const struct {
  int status;
  const char *request;
  size_t size;
} cases[] = {
    /* two framings */
    CASE(400, POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    CASE(400, POST "Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello"),
    CASE(400, POST "Content-Length: 5, 5\r\n\r\nhello"),
    CASE(400, POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    CASE(400, POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    CASE(400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    CASE(400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    /* lengths that are not digits */
    CASE(400, POST "Content-Length : 5\r\n\r\nhello"),
    CASE(400, POST "Content-Length: +5\r\n\r\nhello"),
    CASE(400, POST "Content-Length: -0\r\n\r\n"),
    CASE(400, POST "Content-Length: 0x5\r\n\r\nhello"),
    CASE(400, POST "Content-Length: 5 5\r\n\r\nhello"),
    CASE(400, POST "Content-Length: 5.0\r\n\r\nhello"),
    CASE(400, POST "Content-Length: 5;a=b\r\n\r\nhello"),
    CASE(400, POST "Content-Length:\r\n\r\n"),
    CASE(400, POST "Content-Length: \v5\r\n\r\nhello"),
    CASE(413, POST "Content-Length: 18446744073709551621\r\n\r\nhello"),
    /* codings that are not exactly chunked */
    CASE(400, POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    CASE(400, POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    CASE(400, POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    CASE(400, POST "Transfer-Encoding: gzip, chunked\r\nContent-Length: 5\r\n\r\nhello"),
    CASE(400, POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    CASE(400, POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    CASE(400, POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
    CASE(400, POST "Transfer-Encoding: \x0b"
                   "chunked\r\n\r\n0\r\n\r\n"),
    CASE(400, POST "Transfer-Encoding: chunked\x00\r\n\r\n0\r\n\r\n"),
    CASE(400, POST "Transfer-Encoding: 'chunked'\r\n\r\n0\r\n\r\n"),
    CASE(400, POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
    CASE(400, "POST /echo HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    CASE(400, POST "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    CASE(400, POST "\tTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    /* chunks */
    CASE(400, CHUNKED "0x5\r\nhello\r\n0\r\n\r\n"),
    CASE(400, CHUNKED "+5\r\nhello\r\n0\r\n\r\n"),
    CASE(400, CHUNKED " 5\r\nhello\r\n0\r\n\r\n"),
    CASE(400, CHUNKED "5 \r\nhello\r\n0\r\n\r\n"),
    CASE(400, CHUNKED "5\nhello\n0\n\n"),
    CASE(400, CHUNKED "5\r\nhello\n0\r\n\r\n"),
    CASE(400, CHUNKED "5\r\nhelloXX0\r\n\r\n"),
    CASE(400, CHUNKED "5;a\nb\r\nhello\r\n0\r\n\r\n"),
    CASE(400, CHUNKED "5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n"),
    CASE(400, CHUNKED "5;\r\nhello\r\n0\r\n\r\n"),
    CASE(400, CHUNKED "5\rX\nhello\r\n0\r\n\r\n"),
    CASE(400, CHUNKED "5\rXhello\r\n0\r\n\r\n"),
    CASE(400, CHUNKED "5\r\nhelloX\n0\r\n\r\n"),
    CASE(400, CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n"),
    CASE(400, CHUNKED "0\r\nContent-Length: 30\r\n\r\n"),
    CASE(400, CHUNKED "0\r\nTransfer-Encoding: chunked\r\n\r\n"),
    CASE(400, CHUNKED "0\n\r\n"),
    CASE(400, CHUNKED "\r\n0\r\n\r\n"),
    /* lines and names */
    CASE(400, "POST /echo HTTP/1.1\n" H "Content-Length: 0\r\n\r\n"),
    CASE(400, POST "X: a\nContent-Length: 5\r\n\r\nhello"),
    CASE(400, POST "X: a\rContent-Length: 5\r\n\r\nhello"),
    CASE(400, POST "X: a\r\r\nContent-Length: 5\r\n\r\nhello"),
    CASE(400, POST "X\x00: a\r\n\r\n"),
    CASE(400, POST "X: a\x00"
                   "b\r\n\r\n"),
    CASE(400, POST "Content-Length\x00: 5\r\n\r\nhello"),
    CASE(400, POST "X y: a\r\n\r\n"),
    CASE(400, POST "X(y): a\r\n\r\n"),
    CASE(400, POST ": a\r\n\r\n"),
    CASE(400, POST "no colon\r\n\r\n"),
    CASE(400, POST "\x85X: a\r\n\r\n"),
    /* hosts and targets */
    CASE(400, "GET / HTTP/1.1\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
    CASE(400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    CASE(400, "GET http://a@b/ HTTP/1.1\r\n" H "\r\n"),
    CASE(400, "GET  / HTTP/1.1\r\n" H "\r\n"),
    CASE(400, "GET / x HTTP/1.1\r\n" H "\r\n"),
    CASE(400, "GET /\tHTTP/1.1\r\n" H "\r\n"),
    CASE(400, "GET / HTTP/1.1 HTTP/1.1\r\n" H "\r\n"),
    CASE(400, "GET /\r\n\r\n"),
    CASE(501, "CONNECT a:80 HTTP/1.1\r\n" H "\r\n"),
    CASE(400, "GET\x0b/ HTTP/1.1\r\n"),
    CASE(505, "GET / HTTP/3.0\r\n" H "\r\n"),
};

static void send_case(world *w, size_t i, int in_pieces) {
  char bytes[1024], heard[4096], want[32];
  size_t size = cases[i].size;
  memcpy(bytes, cases[i].request, size);
  memcpy(bytes + size, SECOND, sizeof SECOND);
  int before = w->handled, fd = client_open(w);
  w->path[0] = '\0';
  if (in_pieces)
    for (size_t k = 0; k < size + sizeof SECOND - 1; k++) client_say_bytes(w, fd, bytes + k, 1), world_turn(w);
  else client_say_bytes(w, fd, bytes, size + sizeof SECOND - 1);
  assert_int_equal(client_hear(w, fd, heard, sizeof heard, NULL), 1);
  close(fd);
  snprintf(want, sizeof want, "HTTP/1.1 %d ", cases[i].status);
  if (strncmp(heard, want, strlen(want)) != 0 || count_of(heard, "HTTP/1.1 ") != 1 ||
      !strstr(heard, "\r\nConnection: close\r\n") || !strstr(heard, "application/problem+json"))
    fail_msg("case %zu, %s\nheard %s", i, cases[i].request, heard);
  if (!strcmp(w->path, "/secret") || w->handled > before + 1) fail_msg("case %zu: the second request was handled", i);
  assert_int_equal(w->last.outcome, TRM__REFUSED);
}

static void test_no_second_request(void **state) {
  (void)state;
  world w = {0};
  trm__server_config config = world_config(&w);
  world_open(&w, &config);
  const size_t count = sizeof cases / sizeof *cases;
  assert_true(count >= 60);
  for (size_t i = 0; i < count; i++) send_case(&w, i, 0);
  for (size_t i = 0; i < count; i++) send_case(&w, i, 1);
  world_turn(&w);
  assert_int_equal(trm__server_statistics(w.server).connections, 0);
  world_close(&w);
}

/* The same connection with requests that are merely rare: the second one is answered. */
static void test_legal_rare_forms(void **state) {
  (void)state;
  static const struct {
    const char *request, *body;
  } legal[] = {
      {"\r\nGET / HTTP/1.1\r\n" H "\r\n", "ok"},
      {"GET http://b/ HTTP/1.1\r\n" H "\r\n", "ok"},
      {"OPTIONS * HTTP/1.1\r\n" H "\r\n", "ok"},
      {"GET / HTTP/1.1\r\nhOST:a\r\nEmpty:\r\n\r\n", "ok"},
      {"GET / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", "ok"},
      {"GET /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", "hello"},
      {POST "Content-Length: 0005\r\n\r\nhello", "hello"},
      {CHUNKED "5;x=y;\"z\r\n", NULL},
      {CHUNKED "5;x=y;z=\"\\\"\" ; w\r\nhello\r\n0;end\r\nT: 1\r\nU:\r\n\r\n", "hello"},
      {CHUNKED "005\r\nhello\r\n00\r\n\r\n", "hello"},
      {POST "TRANSFER-ENCODING: ChUnKeD\r\n\r\n1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", "hello"},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "ok"},
      {"HEAD / HTTP/1.1\r\n" H "\r\n", ""},
      {POST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", "hello"},
  };
  world w = {0};
  trm__server_config config = world_config(&w);
  world_open(&w, &config);
  for (size_t i = 0; i < sizeof legal / sizeof *legal; i++) {
    char heard[4096];
    int fd = client_open(&w);
    client_say(&w, fd, legal[i].request);
    client_say(&w, fd, "GET /last HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    assert_int_equal(client_hear(&w, fd, heard, sizeof heard, NULL), 1);
    close(fd);
    if (!legal[i].body) {
      assert_int_equal(count_of(heard, "HTTP/1.1 400 "), 1);
      continue;
    }
    if (count_of(heard, "HTTP/1.1 200 OK\r\n") != 2 || strcmp(w.path, "/last") != 0)
      fail_msg("%zu: %s\nheard %s", i, legal[i].request, heard);
    const char *body = strstr(strstr(heard, "HTTP/1.1 200"), "\r\n\r\n") + 4;
    if (strncmp(body, legal[i].body, strlen(legal[i].body)) != 0) fail_msg("%zu: heard %s", i, heard);
    if (strstr(legal[i].request, "Expect")) assert_memory_equal(heard, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200", 37);
  }
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_no_second_request),
      cmocka_unit_test(test_legal_rare_forms),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
