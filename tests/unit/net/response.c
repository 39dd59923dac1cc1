/* Heads of answers, problems and events as text: what stands in them, and what never does. */
#include "support/check.h"

#include <jansson.h>

#include "net/problem.h"
#include "net/response.h"
#include "net/sse.h"

static const char *text_of(struct evbuffer *out) {
  evbuffer_add(out, "", 1);
  return (const char *)evbuffer_pullup(out, -1);
}

static void test_head(void **state) {
  (void)state;
  trm_error err = {0};
  struct evbuffer *out = evbuffer_new();
  trm__field fields[] = {{"X-One", "1"}, {"X-Empty", ""}};
  trm__response response = {200, "text/plain", fields, 2};
  trm__response_frame frame = {.end = TRM__END_LENGTH, .length = 12, .keep_alive = 1, .minor = 1, .now = 784111777};
  CHECK_OK(trm__response_head(out, &response, &frame, &err), err);
  assert_string_equal(text_of(out),
                      "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\n"
                      "Content-Length: 12\r\nX-One: 1\r\nX-Empty: \r\n\r\n");
  evbuffer_drain(out, evbuffer_get_length(out));
  response = (trm__response){.status = 404};
  frame = (trm__response_frame){.end = TRM__END_CHUNKS, .keep_alive = 0, .minor = 1};
  CHECK_OK(trm__response_head(out, &response, &frame, &err), err);
  assert_string_equal(text_of(out), "HTTP/1.1 404 Not Found\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                                    "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
  evbuffer_drain(out, evbuffer_get_length(out));
  response.status = 204;
  frame = (trm__response_frame){.end = TRM__END_LENGTH, .length = 5, .keep_alive = 1, .minor = 0};
  CHECK_OK(trm__response_head(out, &response, &frame, &err), err);
  assert_string_equal(text_of(out), "HTTP/1.1 204 No Content\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                                    "Connection: keep-alive\r\n\r\n");
  evbuffer_free(out);
}

static void test_guard(void **state) {
  (void)state;
  trm_error err;
  struct evbuffer *out = evbuffer_new();
  trm__response_frame frame = {.keep_alive = 1, .minor = 1};
  static const trm__field bad[] = {{"X", "a\r\nY: b"},
                                   {"X", "a\nb"},
                                   {"X", "a\rb"},
                                   {"X\r\nY", "a"},
                                   {"X:", "a"},
                                   {"", "a"},
                                   {"X Y", "a"},
                                   {"X", "\x7f"},
                                   {"X", "\x01"},
                                   {"content-length", "1"},
                                   {"Transfer-Encoding", "chunked"},
                                   {"CONNECTION", "close"},
                                   {"Date", "now"},
                                   {"Content-Type", "a/b"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    trm__field fields[] = {{"Good", "1"}, bad[i]};
    trm__response response = {200, NULL, fields, 2};
    CHECK_FAILS(trm__response_head(out, &response, &frame, &err), TRM_E_INPUT, err, "refused");
  }
  trm__response response = {200, "text/plain\r\nX: y", NULL, 0};
  CHECK_FAILS(trm__response_head(out, &response, &frame, &err), TRM_E_INPUT, err, "Content-Type");
  const int statuses[] = {0, 100, 199, 600, -1};
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
    response = (trm__response){.status = statuses[i]};
    CHECK_FAILS(trm__response_head(out, &response, &frame, &err), TRM_E_INPUT, err, "status");
  }
  assert_int_equal(evbuffer_get_length(out), 0);
  evbuffer_free(out);
}

static void test_problem(void **state) {
  (void)state;
  trm__problem_error errors[] = {{"/puzzle/3", "not a digit"}, {"", "too \"small\""}};
  trm__problem problem = {
      .status = 422, .detail = "bad \xff bytes", .errors = errors, .error_count = 2, .instance = "x"};
  char *text = trm__problem_text(&problem);
  assert_string_equal(text,
                      "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\",\"status\":422,"
                      "\"detail\":\"bad ? bytes\",\"instance\":\"x\",\"errors\":[{\"pointer\":\"/puzzle/3\",\"detail\":"
                      "\"not a digit\"},{\"pointer\":\"\",\"detail\":\"too \\\"small\\\"\"}]}");
  free(text);
  problem = (trm__problem){.status = 500, .type = "urn:x", .title = "t"};
  text = trm__problem_text(&problem);
  assert_string_equal(text, "{\"type\":\"urn:x\",\"title\":\"t\",\"status\":500}");
  free(text);
}

static void expect_event(const trm__sse_event *event, const char *want) {
  trm_error err = {0};
  struct evbuffer *out = evbuffer_new();
  CHECK_OK(trm__sse_format(out, event, &err), err);
  assert_string_equal(text_of(out), want);
  evbuffer_free(out);
}

static void test_events(void **state) {
  (void)state;
  trm_error err;
  expect_event(&(trm__sse_event){.id = "1", .event = "step", .data = "{}", .size = 2},
               "id: 1\nevent: step\ndata: {}\n\n");
  expect_event(&(trm__sse_event){.data = NULL, .size = 0}, "data: \n\n");
  expect_event(&(trm__sse_event){.data = "a\nb\r\nc\rd\n", .size = 9},
               "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
  expect_event(&(trm__sse_event){.data = "x\n\nevent: forged", .size = 16}, "data: x\ndata: \ndata: event: forged\n\n");
  struct evbuffer *out = evbuffer_new();
  trm__sse_event bad[] = {{.id = "1\n2"}, {.event = "a\rb"}, {.data = "\xff", .size = 1}, {.id = "\xff"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK_FAILS(trm__sse_format(out, &bad[i], &err), TRM_E_INPUT, err, "UTF-8");
  assert_int_equal(evbuffer_get_length(out), 0);
  evbuffer_free(out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_head),
      cmocka_unit_test(test_guard),
      cmocka_unit_test(test_problem),
      cmocka_unit_test(test_events),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
