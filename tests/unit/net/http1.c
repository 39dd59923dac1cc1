/* The request reader: every split of a corpus gives the same events, limits hold on the byte, what is refused says why.
 */
#include "support/check.h"

#include "net/http1.h"

#define LOG_BYTES 65536

/* What a reader told, as text: two logs are equal when the events are. Bodies are put together. */
typedef struct told {
  char text[LOG_BYTES];
  size_t used;
  int in_body;
} told;

static void tell(told *t, const char *format, ...) {
  va_list args;
  va_start(args, format);
  t->used += (size_t)vsnprintf(t->text + t->used, sizeof t->text - t->used, format, args);
  va_end(args);
  assert_true(t->used < sizeof t->text);
}

static void tell_head(told *t, const trm__request *r) {
  tell(t, "HEAD %s %s ? %s @ %s 1.%d c%d l%llu k%d e%d\n", trm__method_name(r->method), r->path,
       r->query ? r->query : "-", r->authority, r->minor, r->chunked, (unsigned long long)r->length, r->keep_alive,
       r->expects_continue);
  for (size_t i = 0; i < r->field_count; i++) tell(t, "  %s=%s\n", r->fields[i].name, r->fields[i].value);
}

/* Reads size bytes, which come in one piece; returns 0 after an error. */
static int take(trm__http1 *reader, told *t, const char *data, size_t size) {
  for (size_t at = 0, used;; at += used) {
    trm__http1_event event = trm__http1_read(reader, data + at, size - at, &used);
    assert_true(used <= size - at);
    if (event != TRM__HTTP1_BODY && t->in_body && event != TRM__HTTP1_MORE) tell(t, "\n"), t->in_body = 0;
    switch (event) {
    case TRM__HTTP1_MORE:
      assert_int_equal(used, size - at);
      return 1;
    case TRM__HTTP1_HEAD:
      tell_head(t, &reader->request);
      break;
    case TRM__HTTP1_BODY:
      assert_true(reader->body >= data + at && reader->body + reader->body_size <= data + size);
      tell(t, "%s%.*s", t->in_body ? "" : "BODY ", (int)reader->body_size, reader->body);
      t->in_body = 1;
      break;
    case TRM__HTTP1_END:
      tell_head(t, &reader->request); /* it is still what it was */
      tell(t, "END\n");
      break;
    default:
      tell(t, "ERROR %d %s\n", reader->status, reader->reason);
      assert_int_equal(trm__http1_read(reader, data, size, &used), TRM__HTTP1_ERROR);
      assert_int_equal(used, 0);
      return 0;
    }
  }
}

/* bytes in pieces that end at cut and cut2. */
static void read_split(told *t, const trm__http1_limits *limits, const char *bytes, size_t size, size_t cut,
                       size_t cut2) {
  trm__http1 reader;
  t->used = 0;
  t->in_body = 0;
  t->text[0] = '\0';
  trm__http1_open(&reader, limits);
  size_t ends[] = {cut, cut2, size}, at = 0;
  for (int i = 0; i < 3; i++) {
    char *piece = malloc(ends[i] - at + 1); /* exactly these bytes, so that sanitizers see one read too many */
    memcpy(piece, bytes + at, ends[i] - at);
    int more = take(&reader, t, piece, ends[i] - at);
    free(piece);
    if (!more) break;
    at = ends[i];
  }
  trm__http1_close(&reader);
}

static void read_whole(told *t, const char *text) {
  trm__http1_limits limits = trm__http1_limits_default();
  read_split(t, &limits, text, strlen(text), 0, 0);
}

#define H "Host: a\r\n"
static const char *const corpus[] = {
    "GET / HTTP/1.1\r\n" H "\r\n",
    "\r\nGET /a/b?c=d&e HTTP/1.1\r\nhOsT: [::1]:80\r\nX-Empty:\r\nX-Space: \t \r\nAccept: a/b,\t c/d \r\n\r\n",
    "POST /p HTTP/1.1\r\n" H
    "Content-Length: 11\r\n\r\nhello worldGET /next HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "POST /p HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTrailer: x\r\n\r\n"
    "5;a=b;c=\"d\\\"t;\";e\r\nhello\r\n00006 \t; x = y\r\n world\r\n0;last\r\nX-Sum: 1\r\nY:\r\n\r\n"
    "OPTIONS * HTTP/1.1\r\n" H "\r\n",
    "POST /p HTTP/1.1\r\n" H
    "Transfer-Encoding: ChunKED\r\nExpect: 100-Continue\r\n\r\nA;q=\"x;y=\\\\z\"\r\n0123456789\r\n0\r\n\r\n",
    "HEAD http://Example.com:8080?q=1 HTTP/1.1\r\nHost: other\r\n\r\nDELETE https://h/x HTTP/1.1\r\n" H
    "Connection: foo, Close\r\n\r\n",
    "PUT /%41%zz HTTP/1.9\r\n" H "Content-Length: 0\r\n\r\n",
    "GET / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\n",
    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 4\r\n\r\n",
};

static void test_every_split_gives_the_same_events(void **state) {
  (void)state;
  static told whole, split;
  trm__http1_limits limits = trm__http1_limits_default();
  for (size_t i = 0; i < sizeof corpus / sizeof *corpus; i++) {
    size_t size = strlen(corpus[i]);
    read_split(&whole, &limits, corpus[i], size, 0, 0);
    assert_true(whole.used > 0);
    for (size_t cut = 0; cut <= size; cut++)
      for (size_t cut2 = cut; cut2 <= size; cut2 += cut2 > cut + 8 ? 6 : 1) {
        read_split(&split, &limits, corpus[i], size, cut, cut2);
        if (strcmp(whole.text, split.text) != 0)
          fail_msg("split at %zu, %zu of %zu:\n%s\ninstead of\n%s", cut, cut2, i, split.text, whole.text);
      }
  }
}

static void expect_told(const char *request, const char *part) {
  static told t;
  read_whole(&t, request);
  if (!strstr(t.text, part)) fail_msg("%s\ntold\n%s\nwithout\n%s", request, t.text, part);
}

static void test_legal_rare_forms(void **state) {
  (void)state;
  expect_told("\r\nGET / HTTP/1.1\r\n" H "\r\n", "HEAD GET / ? - @ a 1.1 c0 l0 k1 e0\n  host=a\n");
  expect_told("GET /a?b?c HTTP/1.1\r\n" H "Empty:\r\n\r\n",
              "HEAD GET /a ? b?c @ a 1.1 c0 l0 k1 e0\n  host=a\n  empty=\n");
  expect_told("GET http://b:1/x HTTP/1.1\r\n" H "\r\n", "HEAD GET /x ? - @ b:1 ");
  expect_told("GET HTTPS://b?x HTTP/1.1\r\n" H "\r\n", "HEAD GET / ? x @ b ");
  expect_told("GET http://b HTTP/1.1\r\n" H "\r\n", "HEAD GET / ? - @ b ");
  expect_told("OPTIONS * HTTP/1.1\r\n" H "\r\n", "HEAD OPTIONS * ? - @ a ");
  expect_told("GET / HTTP/1.0\r\n\r\n", "@  1.0 c0 l0 k0 ");
  expect_told("GET / HTTP/1.0\r\nConnection: x , Keep-Alive\r\n\r\n", "@  1.0 c0 l0 k1 ");
  expect_told("GET / HTTP/1.1\r\n" H "Connection: keep-alive\r\nConnection: close\r\n\r\n", "1.1 c0 l0 k0 ");
  expect_told("GET / HTTP/1.7\r\n" H "\r\n", "1.1 c0 l0 k1 ");
  expect_told("POST / HTTP/1.1\r\n" H "Content-Length: 003\r\n\r\nabc", "BODY abc\n");
  expect_told("POST / HTTP/1.1\r\n" H "Content-Length:\t3 \r\nExpect: 100-continue\r\n\r\nabc", "l3 k1 e1\n");
  expect_told("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3;a=\"\\\";\"\r\nabc\r\n0\r\nT: 1\r\n\r\n",
              "BODY abc\n");
  expect_told("POST / HTTP/1.1\r\n" H
              "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0f\r\n0123456789abcde\r\n000\r\n\r\n",
              "BODY a0123456789abcde\n");
  expect_told("GET / HTTP/1.1\r\n" H "X: a\xc3\xa9\tb\r\n\r\n", "  x=a\xc3\xa9\tb\n");
  expect_told("GET /a[?b=[1]|{} HTTP/1.1\r\n" H "\r\n", "ERROR 400");
  expect_told("GET /a?b=[1]|{} HTTP/1.1\r\n" H "\r\n", "? b=[1]|{} @");
}

static void expect_refused(int status, const char *request) {
  static told t;
  char want[32];
  snprintf(want, sizeof want, "ERROR %d ", status);
  read_whole(&t, request);
  if (!strstr(t.text, want)) fail_msg("%s\ntold\n%s\ninstead of %s", request, t.text, want);
}

static void test_refused(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *request;
  } cases[] = {
      {400, " GET / HTTP/1.1\r\n" H "\r\n"},
      {400, "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"},
      {400, "\nGET / HTTP/1.1\r\n" H "\r\n"},
      {400, "GET  / HTTP/1.1\r\n" H "\r\n"},
      {400, "GET /  HTTP/1.1\r\n" H "\r\n"},
      {400, "GET / HTTP/1.1 \r\n" H "\r\n"},
      {400, "GET /\r\n\r\n"},
      {400, "GET / http/1.1\r\n" H "\r\n"},
      {400, "GET / HTTP/1.10\r\n" H "\r\n"},
      {400, "GET / HTTP/11\r\n" H "\r\n"},
      {505, "GET / HTTP/2.0\r\n" H "\r\n"},
      {505, "GET / HTTP/0.9\r\n" H "\r\n"},
      {501, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {501, "CONNECT a:1 HTTP/1.1\r\n" H "\r\n"},
      {501, "TRACE / HTTP/1.1\r\n" H "\r\n"},
      {501, "get / HTTP/1.1\r\n" H "\r\n"},
      {501, "GETTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT"},
      {400, "\x16\x03\x01\x02"},
      {400, "GET * HTTP/1.1\r\n" H "\r\n"},
      {400, "GET a HTTP/1.1\r\n" H "\r\n"},
      {400, "GET ftp://a/ HTTP/1.1\r\n" H "\r\n"},
      {400, "GET http:///x HTTP/1.1\r\n" H "\r\n"},
      {400, "GET http://u@a/ HTTP/1.1\r\n" H "\r\n"},
      {400, "GET /#x HTTP/1.1\r\n" H "\r\n"},
      {400, "GET /\x7f HTTP/1.1\r\n" H "\r\n"},
      {400, "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n"},
      {400, "GET / HTTP/1.1\n" H "\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: a\n\r\n"},
      {400, "GET / HTTP/1.1\r\n" H "\n"},
      {400, "GET / HTTP/1.1\rX\n" H "\r\n"},
      {400, "GET / HTTP/1.1\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\n" H H "\r\n"},
      {400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: a:x\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\n" H " folded\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\n X: first\r\n" H "\r\n"},
      {400, "GET / HTTP/1.1\r\n" H "X : a\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\n" H ": a\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\n" H "X\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\n" H "Content-Length: 1 1\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"},
      {413, "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999999\r\n\r\n"},
      {413, "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551616\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n"},
      {400, "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) expect_refused(cases[i].status, cases[i].request);
}

#define CHUNKED "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"

static void test_refused_chunks(void **state) {
  (void)state;
  static const char *const bodies[] = {"0x5\r\nhello",
                                       "+5\r\nhello",
                                       "-5\r\n",
                                       "5\nhello",
                                       " 5\r\nhello",
                                       "5 \r\nhello",
                                       "\r\n",
                                       ";a\r\n",
                                       "g\r\n",
                                       "5\rhello",
                                       "5\r\nhello5\r\n",
                                       "5\r\nhello\n0\r\n",
                                       "5\r\nhello\r0\r\n",
                                       "5\r\nhel\r\n0\r\n\r\n",
                                       "5;\r\nhello",
                                       "5;a=\r\nhello",
                                       "5;a b\r\n",
                                       "5;a=\"\r\n",
                                       "5;a=\"b\r\n\"\r\n",
                                       "5;a=\"\\\r\n\"\r\n",
                                       "5;a=\"b\"c\r\n",
                                       "5;a\nb\r\nhello",
                                       "5;a\x01\r\n",
                                       "5;a=b \r\n",
                                       "5;\"a\"\r\n",
                                       "FFFFFFFFFFFFFFFFF\r\n",
                                       "0000000000000005\r\nhello",
                                       "0\r\nX\r\n\r\n",
                                       "0\r\n X: a\r\n\r\n",
                                       "0\r\nX: a\n\r\n",
                                       "0\r\nTransfer-Encoding: x\r\n\r\n",
                                       "0\r\nHost: b\r\n\r\n",
                                       "0\r\ncontent-LENGTH: 1\r\n\r\n",
                                       "0\r\n\n",
                                       "0\n\r\n"};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    char request[512];
    snprintf(request, sizeof request, CHUNKED "%s", bodies[i]);
    expect_refused(400, request);
  }
  expect_refused(413, CHUNKED "FFFFFFF\r\n");
}

static void test_nul_is_refused_everywhere(void **state) {
  (void)state;
  static told t;
  static const char request[] =
      "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"b\"\r\nx\r\n0\r\nT: u\r\n\r\n";
  trm__http1_limits limits = trm__http1_limits_default();
  for (size_t i = 0; i < sizeof request - 1; i++) {
    char bytes[sizeof request];
    memcpy(bytes, request, sizeof request);
    bytes[i] = '\0';
    read_split(&t, &limits, bytes, sizeof request - 1, 0, 0);
    int in_data = strstr(request, "\r\nx\r\n") + 2 == request + i; /* a body may hold any byte */
    if ((strstr(t.text, "ERROR") == NULL) != in_data) fail_msg("NUL at %zu: %s", i, t.text);
  }
}

/* One byte under the limit is taken, the limit's next byte is not. */
static void test_limits(void **state) {
  (void)state;
  static told t;
  trm__http1_limits limits = {.line = 42, .head = 60, .fields = 3, .body = 10, .extensions = 8};
  static const struct {
    const char *good, *bad, *error;
  } cases[] = {
      {"GET /45678901234567890123456789 HTTP/1.1\r\n" H "\r\n",
       "GET /456789012345678901234567890 HTTP/1.1\r\n" H "\r\n", "414"},
      {"GET / HTTP/1.1\r\n" H "X: 01234567890123456789012345678901234567890123\r\n\r\n",
       "GET / HTTP/1.1\r\n" H "X: 012345678901234567890123456789012345678901234\r\n\r\n", "431"},
      {"GET / HTTP/1.1\r\n" H "A: 1\r\nB: 2\r\n\r\n", "GET / HTTP/1.1\r\n" H "A: 1\r\nB: 2\r\nC: 3\r\n\r\n", "431"},
      {"POST / HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\n0123456789",
       "POST / HTTP/1.1\r\n" H "Content-Length: 11\r\n\r\n", "413"},
      {CHUNKED "5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", CHUNKED "5\r\n01234\r\n6\r\n56789a\r\n0\r\n\r\n", "413"},
      {CHUNKED "1;abc\r\na\r\n1;abc\r\nb\r\n0\r\n\r\n", CHUNKED "1;abc\r\na\r\n1;abc\r\nb\r\n0;a\r\n\r\n", "400"},
      {CHUNKED "0\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n", CHUNKED "0\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n", "431"},
      {CHUNKED "0\r\nA: 0123456789012345678901234567890123456789\r\n\r\n",
       CHUNKED "0\r\nA: 01234567890123456789012345678901234567890123456789012345678\r\n\r\n", "431"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char want[32];
    snprintf(want, sizeof want, "ERROR %s ", cases[i].error);
    read_split(&t, &limits, cases[i].good, strlen(cases[i].good), 0, 0);
    if (!strstr(t.text, "END\n") || strstr(t.text, "ERROR")) fail_msg("%zu: %s", i, t.text);
    read_split(&t, &limits, cases[i].bad, strlen(cases[i].bad), 0, 0);
    if (!strstr(t.text, want)) fail_msg("%zu: %s", i, t.text);
  }
  limits.line = 17; /* just this line, its end included */
  read_split(&t, &limits, "GET /a HTTP/1.1\r\n" H "\r\n", 28, 0, 0);
  assert_non_null(strstr(t.text, "END\n"));
  limits.line = 16;
  read_split(&t, &limits, "GET /a HTTP/1.1\r\n" H "\r\n", 28, 0, 0);
  assert_non_null(strstr(t.text, "ERROR 414"));
}

/* Memory grows with a request up to the limits and is given back with the next. */
static void test_memory_keeps_to_the_limits(void **state) {
  (void)state;
  trm__http1_limits limits = trm__http1_limits_default();
  trm__http1 reader;
  size_t before = trm__mem_used(), used;
  trm__http1_open(&reader, &limits);
  char *large = malloc(limits.head);
  size_t n = (size_t)sprintf(large, "GET / HTTP/1.1\r\n" H "X: ");
  memset(large + n, 'x', limits.head - n);
  assert_int_equal(trm__http1_read(&reader, large, limits.head, &used), TRM__HTTP1_MORE);
  for (int i = 0; i < 100; i++) (void)trm__http1_read(&reader, large + n, 1000, &used);
  assert_int_equal(reader.status, 431);
  assert_true(trm__mem_used() - before <= 65536 + 100 * 32);
  trm__http1_close(&reader);
  assert_int_equal(trm__mem_used(), before);

  trm__http1_open(&reader, &limits);
  memcpy(large + limits.head / 2, "\r\n\r\n", 4);
  assert_int_equal(trm__http1_read(&reader, large, limits.head, &used), TRM__HTTP1_HEAD);
  assert_int_equal(trm__http1_read(&reader, "", 0, &used), TRM__HTTP1_END);
  assert_true(trm__mem_used() - before > 16000);
  assert_int_equal(trm__http1_read(&reader, "GET / HTTP/1.1\r\n" H "\r\n", 27, &used), TRM__HTTP1_HEAD);
  assert_true(trm__mem_used() - before < 4096);
  trm__http1_close(&reader);
  assert_int_equal(trm__mem_used(), before);
  free(large);
}

static void test_failing_allocations(void **state) {
  (void)state;
  static told whole, t;
  char request[8192];
  size_t n = (size_t)sprintf(request, "GET /a HTTP/1.1\r\n" H);
  for (int i = 0; i < 60; i++) n += (size_t)sprintf(request + n, "Field-%d: %040d\r\n", i, i);
  n += (size_t)sprintf(request + n, "\r\n");
  (void)trm__mem_fail_at(0);
  read_whole(&whole, request);
  size_t count = trm__mem_fail_at(0);
  assert_true(count >= 5);
  for (size_t i = 1; i <= count; i++) {
    (void)trm__mem_fail_at(i);
    read_whole(&t, request);
    (void)trm__mem_fail_at(0);
    if (strcmp(t.text, "ERROR 503 out of memory\n") != 0) fail_msg("%zu: %s", i, t.text);
  }
  read_whole(&t, request);
  assert_string_equal(t.text, whole.text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_split_gives_the_same_events),
      cmocka_unit_test(test_legal_rare_forms),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_refused_chunks),
      cmocka_unit_test(test_nul_is_refused_everywhere),
      cmocka_unit_test(test_limits),
      cmocka_unit_test(test_memory_keeps_to_the_limits),
      cmocka_unit_test(test_failing_allocations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
