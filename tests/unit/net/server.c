/* Exchanges on real sockets: order, bodies, streams, their back-pressure both ways, and peers that go away or half
 * away. */
#include "unit/net/support.h"

#include <sys/un.h>

#include "net/stream.h"

#define H "Host: a\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" H "\r\n"

static void test_pipelined_answers_keep_their_order(void **state) {
  (void)state;
  static char heard[65536];
  world w = {0};
  trm__server_config config = world_config(&w);
  world_open(&w, &config);
  int fd = client_open(&w);
  client_say(&w, fd, GET("/hold") "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc" GET("/last"));
  world_turn_for(&w, 0.05);
  assert_int_equal(w.handled, 1); /* the next ones wait */
  world_answer(w.held, "first");
  client_hear(&w, fd, heard, sizeof heard, "\r\n\r\nok");
  assert_int_equal(w.handled, 3);
  assert_true(strstr(heard, "first") < strstr(heard, "abc"));
  assert_int_equal(count_of(heard, "HTTP/1.1 200 OK"), 3);
  assert_int_equal(w.accesses, 3);
  assert_int_equal(w.gone, 0);
  close(fd);
  world_turn_for(&w, 0.02);
  assert_int_equal(trm__server_statistics(w.server).connections, 0);
  world_close(&w);
}

/* Thousands at once: no recursion, no more than a piece of them kept. */
static void test_many_pipelined(void **state) {
  (void)state;
  world w = {0};
  trm__server_config config = world_config(&w);
  world_open(&w, &config);
  enum { COUNT = 5000 };
  const char one[] = GET("/");
  char *all = malloc(COUNT * sizeof one), *heard = malloc(4 << 20);
  all[0] = '\0';
  for (int i = 0; i < COUNT; i++) memcpy(all + (size_t)i * (sizeof one - 1), one, sizeof one);
  int fd = client_open(&w);
  size_t size = COUNT * (sizeof one - 1), sent = 0, got = 0, least = trm__mem_used(), most = 0;
  for (double end = trm__clock() + 30; trm__clock() < end && w.handled < COUNT;) {
    ssize_t n = sent < size ? send(fd, all + sent, size - sent, MSG_NOSIGNAL) : 0;
    if (n > 0) sent += (size_t)n;
    world_turn(&w);
    if (trm__mem_used() > most) most = trm__mem_used();
    n = recv(fd, heard + got, (4 << 20) - 1 - got, 0);
    if (n > 0) got += (size_t)n;
  }
  assert_int_equal(w.handled, COUNT);
  assert_true(most < least + 200000);
  close(fd);
  free(all);
  free(heard);
  world_close(&w);
}

static void test_gone_is_told(void **state) {
  (void)state;
  world w = {0};
  trm__server_config config = world_config(&w);
  world_open(&w, &config);
  struct linger hard = {1, 0}; /* a close that resets */
  int fd = client_open(&w);
  client_say(&w, fd, GET("/hold"));
  world_turn_for(&w, 0.02);
  assert_non_null(w.held);
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
  close(fd);
  world_turn_for(&w, 0.05);
  assert_int_equal(w.gone, 1);
  assert_int_equal(w.last.outcome, TRM__GONE);
  fd = client_open(&w); /* in the middle of a body: there is nothing to answer any more */
  client_say(&w, fd, "POST /echo HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nabc");
  world_turn_for(&w, 0.02);
  close(fd);
  world_turn_for(&w, 0.05);
  assert_int_equal(w.gone, 2);
  assert_int_equal(trm__server_statistics(w.server).connections, 0);
  world_close(&w);
}

/* A reset is noticed although a next request fills what the server keeps, so that it does not read. */
static void test_gone_behind_a_full_stash(void **state) {
  (void)state;
  world w = {0};
  trm__server_config config = world_config(&w);
  config.idle_s = config.head_s = 0.2;
  world_open(&w, &config);
  struct linger hard = {1, 0};
  int fd = client_open(&w);
  client_say(&w, fd, GET("/hold") GET("/next"));
  world_turn_for(&w, 0.02);
  assert_non_null(w.held);
  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
  close(fd);
  world_turn_for(&w, 0.3);
  assert_int_equal(w.gone, 1);
  world_close(&w);
}

static void test_half_closed_client_gets_its_answer(void **state) {
  (void)state;
  char heard[4096];
  world w = {0};
  trm__server_config config = world_config(&w);
  world_open(&w, &config);
  int fd = client_open(&w);
  client_say(&w, fd, GET("/a") GET("/hold"));
  shutdown(fd, SHUT_WR);
  world_turn_for(&w, 0.05);
  assert_non_null(w.held);
  assert_int_equal(w.finished, 1);
  assert_int_equal(w.gone, 0);
  world_answer(w.held, "late");
  assert_int_equal(client_hear(&w, fd, heard, sizeof heard, NULL), 1);
  assert_non_null(strstr(heard, "late"));
  close(fd);
  fd = client_open(&w); /* half a request */
  client_say(&w, fd, "GET /a HTTP/1.1\r\nHo");
  shutdown(fd, SHUT_WR);
  assert_int_equal(client_hear(&w, fd, heard, sizeof heard, NULL), 1);
  assert_non_null(strstr(heard, "HTTP/1.1 400 "));
  close(fd);
  fd = client_open(&w); /* nothing at all */
  shutdown(fd, SHUT_WR);
  assert_int_equal(client_hear(&w, fd, heard, sizeof heard, NULL), 1);
  assert_string_equal(heard, "");
  close(fd);
  world_close(&w);
}

/* A client that reads nothing: the queue ends at max_pending, and `drained` tells when there is room again. */
static void test_back_pressure_on_answers(void **state) {
  (void)state;
  static char block[50000], heard[200000];
  world w = {0};
  trm_error err = {0};
  trm__server_config config = world_config(&w);
  config.max_pending = 200000;
  world_open(&w, &config);
  int fd = client_open(&w);
  client_say(&w, fd, GET("/hold"));
  world_turn_for(&w, 0.02);
  trm__response response = {.status = 200, .type = "text/plain"};
  CHECK_OK(trm__exchange_start(w.held, &response, &err), err);
  memset(block, 'x', sizeof block);
  int writes = 0;
  trm_status status = TRM_OK;
  while (!status && writes < 10000) {
    status = trm__exchange_write(w.held, block, sizeof block, &err);
    writes += !status;
    world_turn(&w);
  }
  assert_int_equal(status, TRM_E_BUSY);
  assert_true(trm__exchange_pending(w.held) <= 200000);
  assert_int_equal(w.drains, 0);
  size_t got = 0;
  int ended = 0;
  for (double end = trm__clock() + 20; trm__clock() < end;) {
    world_turn(&w);
    ssize_t n = recv(fd, heard, sizeof heard, 0);
    if (n > 0) got += (size_t)n;
    if (w.drains && ended < 5 && ++ended == 5) trm__exchange_end(w.held);
    else if (w.drains && ended < 5)
      CHECK_OK(trm__exchange_write(w.held, "x", 1, &err), err); /* told once, not each time */
    if (ended == 5 && n < 0 && got > (size_t)writes * sizeof block) break;
  }
  assert_int_equal(w.drains, 1);
  assert_true(got > (size_t)writes * sizeof block);
  close(fd);
  world_close(&w);
}

/* A handler that pauses: the client has to wait, and the body is not kept meanwhile. */
static void test_back_pressure_on_bodies(void **state) {
  (void)state;
  static char block[100000];
  char heard[4096];
  world w = {.paused = 1};
  trm__server_config config = world_config(&w);
  world_open(&w, &config);
  int fd = client_open(&w);
  client_say(&w, fd, "POST /count HTTP/1.1\r\n" H "Content-Length: 8000000\r\n\r\n");
  size_t sent = 0, most = 0, before = trm__mem_used();
  for (double end = trm__clock() + 0.5; trm__clock() < end && sent < 8000000;) {
    ssize_t n = send(fd, block, sizeof block < 8000000 - sent ? sizeof block : 8000000 - sent, MSG_NOSIGNAL);
    if (n > 0) sent += (size_t)n;
    world_turn(&w);
    if (trm__mem_used() > most) most = trm__mem_used();
  }
  assert_true(w.taken <= 65536);
  assert_true(most < before + 200000);
  w.paused = 0;
  trm__exchange_resume(w.held);
  for (double end = trm__clock() + 20; trm__clock() < end && sent < 8000000;) {
    ssize_t n = send(fd, block, sizeof block < 8000000 - sent ? sizeof block : 8000000 - sent, MSG_NOSIGNAL);
    if (n > 0) sent += (size_t)n;
    world_turn(&w);
  }
  client_hear(&w, fd, heard, sizeof heard, "counted");
  assert_int_equal(w.taken, 8000000);
  assert_int_equal(w.ended, 1);
  close(fd);
  world_close(&w);
}

static void test_bodies_over_a_routes_limit(void **state) {
  (void)state;
  char heard[4096];
  world w = {0};
  trm__server_config config = world_config(&w);
  world_open(&w, &config);
  const char *const requests[] = {
      "POST /small HTTP/1.1\r\n" H "Content-Length: 11\r\n\r\nhello world" GET("/secret"),
      "POST /small HTTP/1.1\r\n" H "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n",
      "POST /small HTTP/1.1\r\n" H
      "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n" GET("/secret"),
  };
  for (int i = 0; i < 3; i++) {
    int fd = client_open(&w);
    client_say(&w, fd, requests[i]);
    assert_int_equal(client_hear(&w, fd, heard, sizeof heard, NULL), 1);
    assert_memory_equal(heard, "HTTP/1.1 413 Content Too Large\r\n", 32); /* and no 100 Continue before */
    assert_int_equal(count_of(heard, "HTTP/1.1 "), 1);
    assert_int_equal(w.gone, i + 1);
    assert_string_not_equal(w.path, "/secret");
    close(fd);
  }
  world_close(&w);
}

/* An answer before the body: what is left of a short one is dropped, behind a long one the connection ends. */
static void test_answers_before_the_body(void **state) {
  (void)state;
  static char body[200000];
  char heard[4096];
  world w = {0};
  trm__server_config config = world_config(&w);
  world_open(&w, &config);
  int fd = client_open(&w);
  client_say(&w, fd, "POST /x HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n");
  client_hear(&w, fd, heard, sizeof heard, "\r\n\r\nok");
  assert_null(strstr(heard, "close"));
  client_say(&w, fd, "hello" GET("/y"));
  client_hear(&w, fd, heard, sizeof heard, "\r\n\r\nok");
  assert_string_equal(w.path, "/y");
  client_say(&w, fd, "POST /z HTTP/1.1\r\n" H "Content-Length: 200000\r\n\r\n");
  client_say_bytes(&w, fd, body, sizeof body);
  assert_int_equal(client_hear(&w, fd, heard, sizeof heard, NULL), 1);
  assert_non_null(strstr(heard, "Connection: close\r\n"));
  for (int i = 0; i < 3; i++) { /* who is still sending is not reset, so that the answer gets read */
    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
    world_turn(&w);
  }
  close(fd);
  fd = client_open(&w);
  client_say(&w, fd, "POST /x HTTP/1.1\r\n" H "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  assert_int_equal(client_hear(&w, fd, heard, sizeof heard, NULL), 1);
  assert_null(strstr(heard, "100 Continue"));
  close(fd);
  world_close(&w);
}

static void test_streams(void **state) {
  (void)state;
  char heard[4096];
  world w = {0};
  trm_error err = {0};
  trm__server_config config = world_config(&w);
  config.idle_s = 0.2; /* the clock ticks often */
  world_open(&w, &config);
  int fd = client_open(&w);
  client_say(&w, fd, GET("/hold"));
  world_turn_for(&w, 0.02);
  CHECK_OK(trm__stream_start(w.held, NULL, 0, &err), err);
  trm__exchange_heartbeat(w.held, 0.05, TRM__SSE_COMMENT);
  trm__sse_event event = {.id = "7", .event = "step", .data = "a\r\nb", .size = 4};
  CHECK_OK(trm__stream_send(w.held, &event, &err), err);
  client_hear(&w, fd, heard, sizeof heard, "id: 7\nevent: step\ndata: a\ndata: b\n\n\r\n");
  assert_non_null(strstr(heard, "\r\nContent-Type: text/event-stream\r\n"));
  assert_non_null(strstr(heard, "\r\nX-Accel-Buffering: no\r\n"));
  assert_non_null(strstr(heard, "\r\nCache-Control: no-store\r\n"));
  client_hear(&w, fd, heard, sizeof heard, "3\r\n:\n\n\r\n");
  world_turn_for(&w, 0.4); /* longer than idle_s: a stream is not idle */
  trm__exchange_end(w.held);
  client_hear(&w, fd, heard, sizeof heard, "\r\n0\r\n\r\n");
  client_say(&w, fd, GET("/after"));
  client_hear(&w, fd, heard, sizeof heard, "ok");
  client_say(&w, fd, GET("/hold")); /* a cut stream has no last chunk */
  world_turn_for(&w, 0.02);
  CHECK_OK(trm__stream_start(w.held, NULL, 0, &err), err);
  world_turn_for(&w, 0.02);
  trm__exchange_abort(w.held);
  assert_int_equal(client_hear(&w, fd, heard, sizeof heard, NULL), 1);
  assert_null(strstr(heard, "0\r\n\r\n"));
  assert_int_equal(w.last.outcome, TRM__ABORTED);
  close(fd);
  fd = client_open(&w); /* HTTP/1.0 has no chunks: the end is the connection's */
  client_say(&w, fd, "GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  world_turn_for(&w, 0.02);
  trm__response response = {.status = 200};
  CHECK_OK(trm__exchange_start(w.held, &response, &err), err);
  CHECK_OK(trm__exchange_write(w.held, "tail", 4, &err), err);
  trm__exchange_end(w.held);
  assert_int_equal(client_hear(&w, fd, heard, sizeof heard, NULL), 1);
  assert_non_null(strstr(heard, "\r\n\r\ntail"));
  assert_null(strstr(heard, "chunked"));
  close(fd);
  world_close(&w);
}

/* A field with CR LF never goes out: the client gets a 500, the caller an error. */
static void test_injection_is_answered_with_500(void **state) {
  (void)state;
  char heard[4096];
  world w = {0};
  trm_error err = {0};
  trm__server_config config = world_config(&w);
  world_open(&w, &config);
  int fd = client_open(&w);
  client_say(&w, fd, GET("/hold"));
  world_turn_for(&w, 0.02);
  trm__field field = {"X-Name", "a\r\nSet-Cookie: b"};
  trm__response response = {.status = 200, .fields = &field, .field_count = 1};
  CHECK_FAILS(trm__exchange_answer(w.held, &response, "x", 1, &err), TRM_E_INPUT, err, "X-Name");
  client_hear(&w, fd, heard, sizeof heard, "}");
  assert_non_null(strstr(heard, "HTTP/1.1 500 "));
  assert_null(strstr(heard, "Set-Cookie"));
  close(fd);
  world_close(&w);
}

static void test_unix_socket(void **state) {
  (void)state;
  char dir[512], address[700], heard[4096];
  world w = {0};
  trm_error err = {0};
  trm__server_config config = world_config(&w);
  check_temp_dir(dir);
  snprintf(address, sizeof address, "unix:%s/s", dir);
  world_open(&w, &config);
  CHECK_OK(trm__server_listen(w.server, address, &err), err);
  struct stat info;
  assert_int_equal(stat(address + 5, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0600);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  strcpy(name.sun_path, address + 5);
  assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
  assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
  client_say(&w, fd, GET("/"));
  client_hear(&w, fd, heard, sizeof heard, "ok");
  close(fd);
  world_close(&w);
  assert_int_not_equal(stat(address + 5, &info), 0);
  check_remove(dir);
}

static void test_answer_survives_a_bad_rest(void **state) {
  (void)state;
  char heard[4096];
  world w = {0};
  trm__server_config config = world_config(&w);
  world_open(&w, &config);
  int fd = client_open(&w);
  client_say(&w, fd, "POST /hold HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n");
  world_turn_for(&w, 0.02);
  world_answer(w.held, "early");
  client_say(&w, fd, "nonsense" GET("/secret"));
  assert_int_equal(client_hear(&w, fd, heard, sizeof heard, NULL), 1);
  assert_non_null(strstr(heard, "early"));
  assert_int_equal(count_of(heard, "HTTP/1.1 "), 1);
  assert_string_equal(w.path, "/hold");
  close(fd);
  world_close(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pipelined_answers_keep_their_order),
      cmocka_unit_test(test_many_pipelined),
      cmocka_unit_test(test_gone_is_told),
      cmocka_unit_test(test_gone_behind_a_full_stash),
      cmocka_unit_test(test_half_closed_client_gets_its_answer),
      cmocka_unit_test(test_back_pressure_on_answers),
      cmocka_unit_test(test_back_pressure_on_bodies),
      cmocka_unit_test(test_bodies_over_a_routes_limit),
      cmocka_unit_test(test_answers_before_the_body),
      cmocka_unit_test(test_streams),
      cmocka_unit_test(test_injection_is_answered_with_500),
      cmocka_unit_test(test_unix_socket),
      cmocka_unit_test(test_answer_survives_a_bad_rest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
