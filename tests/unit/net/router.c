/* Routes: what fits, which goes first, what a path is refused for, and the answers where no route is (dispatch). */
#include "unit/net/support.h"

static void show_name(trm__exchange *x, void *context) {
  const trm__match *match = trm__exchange_match(x);
  char text[200];
  snprintf(text, sizeof text, "%s [%s] [%s]", (const char *)context, trm__match_get(match, "id"),
           trm__match_get(match, "v"));
  world_answer(x, text);
}

static const trm__route routes[] = {
    {TRM__GET, "/", show_name, "root"},
    {TRM__GET, "/v1/jobs", show_name, "jobs"},
    {TRM__POST, "/v1/jobs", show_name, "new"},
    {TRM__GET, "/v1/jobs/{id}", show_name, "job"},
    {TRM__GET, "/v1/jobs/latest", show_name, "latest"},
    {TRM__DELETE, "/v1/jobs/{id}", show_name, "delete"},
    {TRM__POST, "/v1/jobs/{id}:cancel", show_name, "cancel"},
    {TRM__GET, "/v2/models/{id}/versions/{v}/ready", show_name, "ready"},
    {TRM__HEAD, "/head", show_name, "head"},
    {TRM__GET, "/head", show_name, "get"},
    {TRM__OPTIONS, "/events", show_name, "options"},
};
#define COUNT (sizeof routes / sizeof *routes)

static void expect(const trm__router *router, trm__method method, const char *path, int found, const char *name,
                   const char *id) {
  trm__match match;
  int got = (int)trm__router_find(router, method, path, &match);
  if (got != found) fail_msg("%s: %d instead of %d", path, got, found);
  if (found) return;
  if (strcmp(match.route->context, name) != 0 || strcmp(trm__match_get(&match, "id"), id) != 0)
    fail_msg("%s: %s [%s]", path, (const char *)match.route->context, trm__match_get(&match, "id"));
}

static void test_find(void **state) {
  (void)state;
  trm_error err = {0};
  trm__router *router = NULL;
  CHECK_OK(trm__router_open(&router, routes, COUNT, &err), err);
  expect(router, TRM__GET, "/", 0, "root", "");
  expect(router, TRM__GET, "/v1/jobs", 0, "jobs", "");
  expect(router, TRM__POST, "/v1/jobs", 0, "new", "");
  expect(router, TRM__GET, "/v1/jobs/7", 0, "job", "7");
  expect(router, TRM__GET, "/v1/jobs/latest", 0, "latest", "");
  expect(router, TRM__DELETE, "/v1/jobs/latest", 0, "delete", "latest");
  expect(router, TRM__POST, "/v1/jobs/7:cancel", 0, "cancel", "7");
  expect(router, TRM__POST, "/v1/jobs/7%3Acancel", 0, "cancel", "7");
  expect(router, TRM__GET, "/v1/jobs/7:cancel", 0, "job", "7:cancel");
  expect(router, TRM__GET, "/v1/jobs/a%2Fb%20c", 0, "job", "a/b c");
  expect(router, TRM__GET, "/v%31/jobs", 0, "jobs", "");
  expect(router, TRM__HEAD, "/v1/jobs", 0, "jobs", "");
  expect(router, TRM__HEAD, "/head", 0, "head", "");
  expect(router, TRM__GET, "/head", 0, "get", "");
  expect(router, TRM__POST, "/v1/jobs/:cancel", TRM__ROUTE_NO_METHOD, NULL, NULL); /* a name is not empty */
  expect(router, TRM__PUT, "/v1/jobs", TRM__ROUTE_NO_METHOD, NULL, NULL);
  expect(router, TRM__GET, "/v1/jobs/", TRM__ROUTE_NO_PATH, NULL, NULL);
  expect(router, TRM__GET, "//v1/jobs", TRM__ROUTE_NO_PATH, NULL, NULL);
  expect(router, TRM__GET, "/V1/jobs", TRM__ROUTE_NO_PATH, NULL, NULL);
  expect(router, TRM__GET, "/a/b/c/d/e/f/g/h/i/j/k/l/m", TRM__ROUTE_NO_PATH, NULL, NULL);
  static const char *const bad[] = {"/v1/../jobs", "/v1/%2e%2E/jobs", "/.", "/v1/jobs/.", "/%zz", "/%00",
                                    "/%ff",        "/%0d%0a"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) expect(router, TRM__GET, bad[i], TRM__ROUTE_BAD, NULL, NULL);
  expect(router, TRM__POST, "/v1/jobs/%2e.:cancel", TRM__ROUTE_BAD, NULL, NULL); /* the name would be ".." */
  char longest[2000] = "/v1/jobs/";
  memset(longest + 9, 'a', 1014);
  expect(router, TRM__GET, longest, 0, "job", longest + 9);
  longest[1023] = 'a';
  expect(router, TRM__GET, longest, TRM__ROUTE_NO_PATH, NULL, NULL);
  trm__router_close(&router);
  trm__router_close(&router);
}

static void test_bad_tables(void **state) {
  (void)state;
  trm_error err;
  trm__router *router = NULL;
  static const char *const bad[] = {
      "", "v1", "/{", "/{}", "/{a", "/a}", "/a{b}", "/{a}{b}", "/1/2/3/4/5/6/7/8/9/10/11/12/13"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    trm__route route = {TRM__GET, bad[i], show_name, NULL};
    CHECK_FAILS(trm__router_open(&router, &route, 1, &err), TRM_E_USAGE, err, "pattern");
  }
  const trm__route twice[] = {{TRM__GET, "/a/{b}:c", show_name, NULL}, {TRM__GET, "/a/{d}:c", show_name, NULL}};
  CHECK_FAILS(trm__router_open(&router, twice, 2, &err), TRM_E_USAGE, err, "second route");
  assert_null(router);
}

static void test_dispatch(void **state) {
  (void)state;
  static const struct {
    const char *line, *heard;
  } cases[] = {
      {"GET /v1/jobs/7", "job [7] []"},
      {"GET /v2/models/m%20x/versions/3/ready", "ready [m x] [3]"},
      {"GET /none", "HTTP/1.1 404 "},
      {"GET /%zz", "HTTP/1.1 400 "},
      {"PUT /v1/jobs", "\r\nAllow: GET, HEAD, POST, OPTIONS\r\n"},
      {"PUT /v1/jobs", "HTTP/1.1 405 "},
      {"OPTIONS /v1/jobs", "HTTP/1.1 204 No Content\r\n"},
      {"OPTIONS /v1/jobs", "\r\nAllow: GET, HEAD, POST, OPTIONS\r\n"},
      {"OPTIONS /events", "options [] []"},
      {"OPTIONS *", "\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"},
      {"HEAD /v1/jobs/7", "\r\nContent-Length: 10\r\n"},
  };
  world w = {0};
  char heard[4096], request[256];
  trm_error err = {0};
  trm__router *router = NULL;
  CHECK_OK(trm__router_open(&router, routes, COUNT, &err), err);
  trm__server_config config = world_config(&w);
  config.handle = trm__dispatch;
  config.context = router;
  world_open(&w, &config);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int fd = client_open(&w);
    snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", cases[i].line);
    client_say(&w, fd, request);
    assert_int_equal(client_hear(&w, fd, heard, sizeof heard, NULL), 1);
    if (!strstr(heard, cases[i].heard)) fail_msg("%s\nheard %s", cases[i].line, heard);
    if (!memcmp(cases[i].line, "HEAD", 4) || strstr(heard, " 204 "))
      assert_string_equal(strstr(heard, "\r\n\r\n"), "\r\n\r\n");
    close(fd);
  }
  world_close(&w);
  trm__router_close(&router);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_find),
      cmocka_unit_test(test_bad_tables),
      cmocka_unit_test(test_dispatch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
