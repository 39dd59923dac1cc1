/* The client of HTTP: what is an answer, wherever its bytes are cut, what is none; what is an address and a token. */
#include "support/check.h"

#include "cli/http.h"

static cli_http_found read_of(const char *text, size_t size, int ended, cli_http_answer *answer, char *body) {
  char *bytes = malloc(size + 1); /* exactly so large, that reading past the end is noticed */
  assert_non_null(bytes);
  memcpy(bytes, text, size);
  cli_http_found found = cli_http_answer_read(answer, bytes, size, ended);
  if (found == CLI_HTTP_WHOLE) memcpy(body, answer->body, answer->size), body[answer->size] = 0;
  free(bytes);
  return found;
}

/* Whole with these bytes, and at no place before. */
static void check_whole(const char *text, int status, double retry_after, int keep, const char *wanted) {
  cli_http_answer answer;
  char body[4096];
  size_t size = strlen(text);
  for (size_t part = 0; part < size; part++)
    if (read_of(text, part, 0, &answer, body) != CLI_HTTP_MORE)
      fail_msg("whole or bad after %zu bytes: %s", part, text);
  for (size_t part = 0; part < size; part++)
    if (read_of(text, part, 1, &answer, body) != CLI_HTTP_BAD) fail_msg("%zu bytes are no answer: %s", part, text);
  assert_int_equal(read_of(text, size, 0, &answer, body), CLI_HTTP_WHOLE);
  assert_int_equal(answer.status, status);
  assert_true(answer.retry_after == retry_after);
  assert_int_equal(answer.keep, keep);
  assert_string_equal(body, wanted);
}

static void test_answers(void **state) {
  (void)state;
  check_whole("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, -1, 1, "hello");
  check_whole("HTTP/1.1 200\r\ncontent-length:0\r\n\r\n", 200, -1, 1, "");
  check_whole("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", 200, -1, 0, "a");
  check_whole("HTTP/1.1 429 No\r\nRetry-After: 12\r\nConnection: x, Close\r\nContent-Length: 2 \r\n\r\n{}", 429, 12, 0,
              "{}");
  check_whole("HTTP/1.1 503 No\r\nRetry-After: Mon, 1 Jan\r\nContent-Length: 0\r\n\r\n", 503, -1, 1, "");
  check_whole("HTTP/1.1 204 None\r\n\r\n", 204, -1, 1, "");
  check_whole("HTTP/1.1 100 Go on\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", 200, -1, 1, "a");
  check_whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
              "5;x=y\r\nhello\r\n00A\r\n0123456789\r\n0\r\nLast: 1\r\n\r\n",
              200, -1, 1, "hello0123456789");
}

static void test_answer_to_the_end(void **state) {
  static const char text[] = "HTTP/1.1 200 OK\r\n\r\nall of it";
  cli_http_answer answer;
  char body[100];
  (void)state;
  assert_int_equal(read_of(text, sizeof text - 1, 0, &answer, body), CLI_HTTP_MORE);
  assert_int_equal(read_of(text, sizeof text - 1, 1, &answer, body), CLI_HTTP_WHOLE);
  assert_string_equal(body, "all of it");
  assert_int_equal(answer.keep, 0);
}

static void test_no_answers(void **state) {
  static const char *const texts[] = {
      "SSH-2.0-x\r\n",
      "\r\nHTTP/1.1 200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
      "HTTP/2.0 200 OK\r\n\r\n",
      "HTTP/1.1  200 OK\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 2000\r\n\r\n",
      "HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 101 Other\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na",
      "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
      "HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
      "HTTP/1.1 200 OK\r\nno field\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP",
  };
  cli_http_answer answer;
  char body[4096];
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (read_of(texts[i], strlen(texts[i]), 0, &answer, body) != CLI_HTTP_BAD) fail_msg("taken: %s", texts[i]);
}

/* A head and a chunk's line that do not end are refused before they fill the memory. */
static void test_endless(void **state) {
  static char bytes[CLI_HTTP_HEAD + 100];
  cli_http_answer answer;
  (void)state;
  memset(bytes, 'a', sizeof bytes);
  assert_int_equal(cli_http_answer_read(&answer, bytes, sizeof bytes, 0), CLI_HTTP_BAD);
  int used = snprintf(bytes, sizeof bytes, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  memset(bytes + used, '0', 500);
  assert_int_equal(cli_http_answer_read(&answer, bytes, (size_t)used + 500, 0), CLI_HTTP_BAD);
}

static void check_address(const char *url, const char *host, const char *port) {
  cli_http_address a;
  trm_error err = {0};
  trm_status status = cli_http_address_read(&a, url, &err);
  if (!host) {
    assert_int_equal(status, TRM_E_USAGE);
    assert_string_equal(err.where, "--server");
    return;
  }
  if (status) fail_msg("%s: %s", url, err.message);
  assert_string_equal(a.host, host);
  assert_string_equal(a.port, port);
}

static void test_addresses(void **state) {
  (void)state;
  check_address("http://127.0.0.1:8080", "127.0.0.1", "8080");
  check_address("http://127.0.0.1:8080/", "127.0.0.1", "8080");
  check_address("http://example.org", "example.org", "80");
  check_address("http://[::1]:9", "::1", "9");
  check_address("http://[::1]", "::1", "80");
  check_address("unix:/run/trm.sock", "/run/trm.sock", "");
  static const char *const none[] = {"",           "8080",          "https://a",     "http://",        "http:///",
                                     "http://:1",  "http://a:",     "http://a:0",    "http://a:65536", "http://a:1x",
                                     "http://a//", "http://a/b",    "http://a?b",    "http://u@a",     "http://[::1",
                                     "http://[]",  "http://[::1]x", "http://a\r\nb", "unix:",          "HTTP://a"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) check_address(none[i], NULL, NULL);
  char path[200] = "unix:";
  memset(path + 5, 'x', 107);
  check_address(path, path + 5, "");
  path[112] = 'x';
  check_address(path, NULL, NULL);
}

static void test_tokens(void **state) {
  trm_error err = {0};
  static char token[CLI_HTTP_TOKEN + 1];
  (void)state;
  assert_int_equal(cli_http_token_check("abc-._~+/=", "x", &err), TRM_OK);
  assert_int_equal(cli_http_token_check("", "x", &err), TRM_E_INPUT);
  assert_int_equal(cli_http_token_check("a b", "x", &err), TRM_E_INPUT);
  assert_int_equal(cli_http_token_check("a\r\nb", "x", &err), TRM_E_INPUT);
  memset(token, 'a', CLI_HTTP_TOKEN);
  assert_int_equal(cli_http_token_check(token, "x", &err), TRM_E_INPUT);
  token[CLI_HTTP_TOKEN - 1] = 0;
  assert_int_equal(cli_http_token_check(token, "x", &err), TRM_OK);
  assert_int_equal(cli_http_token_load(token, "/", &err), TRM_E_INPUT);
  assert_int_equal(cli_http_token_load(token, "/dev/zero", &err), TRM_E_INPUT);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers),    cmocka_unit_test(test_answer_to_the_end),
                                     cmocka_unit_test(test_no_answers), cmocka_unit_test(test_endless),
                                     cmocka_unit_test(test_addresses),  cmocka_unit_test(test_tokens)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
