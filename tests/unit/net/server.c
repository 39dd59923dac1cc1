/* Exchanges and connections: order, streams and their back-pressure, peers that go away, half-closed ones, slow ones,
 * limits, draining, and memory that stays flat. */
#include "unit/net/support.h"

#include <poll.h>
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
    if (w.drains && !ended++) trm__exchange_end(w.held);
    if (ended && n < 0 && got > (size_t)writes * sizeof block) break;
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
  client_say_bytes(&w, fd, body, sizeof body); /* the answer survives that nobody reads it */
  assert_int_equal(client_hear(&w, fd, heard, sizeof heard, NULL), 1);
  assert_non_null(strstr(heard, "Connection: close\r\n"));
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

static trm__server_config hasty_config(world *w) {
  trm__server_config config = world_config(w);
  config.head_s = config.body_s = config.write_s = config.idle_s = 0.3;
  config.min_rate = 1e6;
  return config;
}

/* A hundred clients that send a byte now and then: all are cut in time, and another one is served meanwhile. */
static void test_a_hundred_slow_clients(void **state) {
  (void)state;
  enum { SLOW = 100 };
  char heard[4096];
  world w = {0};
  trm__server_config config = hasty_config(&w);
  world_open(&w, &config);
  int slow[SLOW], closed = 0;
  const char *const parts[] = {"GET / HTTP/1.1\r\nX: ", "POST /echo HTTP/1.1\r\n" H "Content-Length: 1000\r\n\r\n", ""};
  for (int i = 0; i < SLOW; i++) {
    slow[i] = client_open(&w);
    client_say(&w, slow[i], parts[i % 3]);
    if (i % 10 == 0) world_turn(&w);
  }
  int fd = client_open(&w);
  client_say(&w, fd, GET("/quick"));
  client_hear(&w, fd, heard, sizeof heard, "ok");
  for (double end = trm__clock() + 5; closed < SLOW && trm__clock() < end;) {
    for (int i = 0; i < SLOW; i++) {
      if (slow[i] < 0) continue;
      if (i % 3 != 2) (void)!send(slow[i], "a", 1, MSG_NOSIGNAL);
      ssize_t n = recv(slow[i], heard, sizeof heard - 1, 0);
      if (n > 0 && memcmp(heard, "HTTP/1.1 408 ", 13) != 0) fail_msg("%d heard %.*s", i, (int)n, heard);
      if (n > 0 || (n < 0 && errno == EAGAIN)) continue;
      close(slow[i]);
      slow[i] = -1;
      closed++;
    }
    world_turn_for(&w, 0.02);
  }
  assert_int_equal(closed, SLOW);
  assert_int_equal(w.gone, SLOW / 3);
  close(fd);
  world_turn_for(&w, 0.05);
  assert_int_equal(trm__server_statistics(w.server).connections, 0);
  world_close(&w);
}

static void test_slow_reader_is_cut(void **state) {
  (void)state;
  static char block[900000];
  world w = {0};
  trm_error err = {0};
  trm__server_config config = hasty_config(&w);
  world_open(&w, &config);
  int fd = client_open(&w), small = 4096;
  (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  client_say(&w, fd, GET("/hold"));
  world_turn_for(&w, 0.02);
  trm__response response = {.status = 200, .type = "text/plain"};
  CHECK_OK(trm__exchange_start(w.held, &response, &err), err);
  char byte;
  while (w.held && !trm__exchange_write(w.held, block, sizeof block, &err)) world_turn(&w);
  for (double end = trm__clock() + 20; !w.gone && trm__clock() < end; world_turn_for(&w, 0.05))
    (void)!recv(fd, &byte, 1, 0);
  assert_int_equal(w.gone, 1);
  close(fd);
  world_close(&w);
}

static void test_idle_connections_are_closed(void **state) {
  (void)state;
  char heard[4096];
  world w = {0};
  trm__server_config config = hasty_config(&w);
  world_open(&w, &config);
  int fd = client_open(&w);
  client_say(&w, fd, GET("/"));
  client_hear(&w, fd, heard, sizeof heard, "ok");
  double begun = trm__clock();
  assert_int_equal(client_hear(&w, fd, heard, sizeof heard, NULL), 1);
  assert_string_equal(heard, "");
  assert_true(trm__clock() - begun > 0.2);
  close(fd);
  world_close(&w);
}

static void test_connections_over_the_limit_get_503(void **state) {
  (void)state;
  char heard[4096];
  world w = {0};
  trm__server_config config = world_config(&w);
  config.max_connections = 2;
  world_open(&w, &config);
  int a = client_open(&w), b = client_open(&w);
  client_say(&w, a, GET("/"));
  client_hear(&w, a, heard, sizeof heard, "ok");
  int c = client_open(&w);
  client_say(&w, c, GET("/secret")); /* it is there before the server looks */
  assert_int_equal(client_hear(&w, c, heard, sizeof heard, NULL), 1);
  assert_non_null(strstr(heard, "HTTP/1.1 503 "));
  assert_non_null(strstr(heard, "Retry-After: 1\r\n"));
  assert_string_equal(w.path, "/");
  assert_int_equal(trm__server_statistics(w.server).turned_away, 1);
  close(c);
  close(b);
  world_turn_for(&w, 0.05);
  c = client_open(&w);
  client_say(&w, c, GET("/again"));
  client_hear(&w, c, heard, sizeof heard, "ok");
  int many[200]; /* far over it: all are closed, whether told or not */
  for (int i = 0; i < 200; i++) many[i] = client_open(&w), world_turn(&w);
  for (int i = 0; i < 200; i++) {
    assert_int_equal(client_hear(&w, many[i], heard, sizeof heard, NULL), 1);
    close(many[i]);
  }
  close(a);
  close(c);
  world_close(&w);
}

static void note_drained(void *context) {
  ++*(int *)context;
}

static void test_draining(void **state) {
  (void)state;
  char heard[4096];
  world w = {0};
  int drained = 0;
  trm__server_config config = world_config(&w);
  config.drained = note_drained;
  config.drained_context = &drained;
  world_open(&w, &config);
  int idle = client_open(&w), busy = client_open(&w);
  client_say(&w, idle, GET("/"));
  client_hear(&w, idle, heard, sizeof heard, "ok");
  client_say(&w, busy, GET("/hold") GET("/secret"));
  world_turn_for(&w, 0.02);
  trm__server_drain(w.server, 1); /* still accepts, each answer is the last */
  int late = client_open(&w);
  client_say(&w, late, GET("/late"));
  assert_int_equal(client_hear(&w, late, heard, sizeof heard, NULL), 1);
  assert_non_null(strstr(heard, "Connection: close\r\n"));
  close(late);
  trm__server_drain(w.server, 0);
  assert_null(trm__server_address(w.server, 0));
  assert_int_equal(client_hear(&w, idle, heard, sizeof heard, NULL), 1);
  close(idle);
  world_turn_for(&w, 0.02);
  assert_int_equal(drained, 0);
  world_answer(w.held, "the last");
  assert_int_equal(client_hear(&w, busy, heard, sizeof heard, NULL), 1);
  assert_non_null(strstr(heard, "the last"));
  assert_non_null(strstr(heard, "Connection: close\r\n"));
  assert_string_not_equal(w.path, "/secret");
  close(busy);
  world_turn_for(&w, 0.05);
  assert_int_equal(drained, 1);
  world_close(&w);
}

static void test_closing_tells_handlers(void **state) {
  (void)state;
  world w = {0};
  trm__server_config config = world_config(&w);
  world_open(&w, &config);
  int fd = client_open(&w);
  client_say(&w, fd, GET("/hold"));
  world_turn_for(&w, 0.02);
  world_close(&w);
  assert_int_equal(w.gone, 1);
  close(fd);
}

/* 20,000 requests, a tenth on connections of their own: not a byte more is in use behind them. */
static void test_memory_is_flat(void **state) {
  (void)state;
  char heard[4096];
  world w = {0};
  trm__server_config config = world_config(&w);
  world_open(&w, &config);
  size_t before = 0;
  const int rounds = CHECK_SANITIZER || check_under_valgrind() ? 200 : 2000;
  for (int i = 0; i < rounds; i++) {
    int fd = client_open(&w);
    for (int k = 0; k < 5; k++) {
      client_say(&w, fd,
                 GET("/a") "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nend\r\n0\r\n\r\n");
      client_hear(&w, fd, heard, sizeof heard, "\r\n\r\nend");
    }
    close(fd);
    for (int k = 0; k < 3; k++) world_turn(&w);
    if (i == 20) before = trm__mem_used();
  }
  world_turn_for(&w, 0.02);
  assert_int_equal(w.handled, rounds * 10);
  assert_int_equal(trm__mem_used(), before);
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

/* Each allocation fails once, libevent's too: no answer, a 503 or the right one, never a crash, and the next client is
 * served. */
static void test_failing_allocations(void **state) {
  (void)state;
  char heard[8192];
  world w = {0};
  trm__server_config config = world_config(&w);
  config.head_s = config.body_s = config.write_s = config.idle_s = 0.3; /* a connection that nothing wakes is closed */
  world_open(&w, &config);
  int answered = 0;
  for (size_t i = 1; i < 60; i++) {
    int fd = client_open(&w);
    (void)trm__mem_fail_at(i);
    client_say(&w, fd, "POST /echo HTTP/1.1\r\n" H "Connection: close\r\nContent-Length: 3\r\n\r\nabc" GET("/rest"));
    int ended = client_hear(&w, fd, heard, sizeof heard, NULL);
    (void)trm__mem_fail_at(0);
    assert_int_equal(ended, 1);
    answered += strstr(heard, "\r\n\r\nabc") != NULL;
    if (heard[0] && !strstr(heard, "abc") && !strstr(heard, "503") && !strstr(heard, "500"))
      fail_msg("%zu: %s", i, heard);
    close(fd);
  }
  assert_in_range(answered, 10, 50); /* the later ones are beyond what an exchange allocates */
  int fd = client_open(&w);
  client_say(&w, fd, GET("/"));
  client_hear(&w, fd, heard, sizeof heard, "ok");
  close(fd);
  world_close(&w);
}

/* Whole bodies share one budget; who finds none left may come again. */
static void test_bodies_share_their_room(void **state) {
  (void)state;
  static char body[6000];
  char heard[16384];
  world w = {0};
  trm__server_config config = world_config(&w);
  config.max_bodies = 12000;
  world_open(&w, &config);
  memset(body, 'b', sizeof body);
  const char head[] = "POST /echo HTTP/1.1\r\n" H "Content-Length: 6000\r\n\r\n";
  int a = client_open(&w), b = client_open(&w);
  client_say(&w, a, head);
  client_say_bytes(&w, a, body, 5999);
  world_turn_for(&w, 0.02);
  assert_int_equal(trm__server_statistics(w.server).body_bytes, 8192);
  client_say(&w, b, head);
  client_say_bytes(&w, b, body, 6000);
  assert_int_equal(client_hear(&w, b, heard, sizeof heard, NULL), 1);
  assert_non_null(strstr(heard, "HTTP/1.1 503 "));
  assert_non_null(strstr(heard, "Retry-After: "));
  client_say_bytes(&w, a, body, 1);
  client_hear(&w, a, heard, sizeof heard, "bbb");
  close(b);
  b = client_open(&w);
  client_say(&w, b, head);
  client_say_bytes(&w, b, body, 6000);
  client_hear(&w, b, heard, sizeof heard, "bbb");
  assert_int_equal(trm__server_statistics(w.server).body_bytes, 0);
  close(a);
  close(b);
  world_close(&w);
}

/* No descriptor is left: the loop does not spin, and who waits is served when there is one again. */
static void test_no_descriptor_left(void **state) {
  (void)state;
  char heard[4096];
  world w = {0};
  trm__server_config config = world_config(&w);
  config.head_s = 0.4; /* a tick every 0.1 s */
  world_open(&w, &config);
  int a = client_open(&w), b = client_open(&w);
  struct rlimit before, few;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  few = before;
  few.rlim_cur = (rlim_t)b + 1;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
  client_say(&w, a, GET("/a"));
  client_say(&w, b, GET("/b"));
  int turns = 0;
  for (double end = trm__clock() + 0.35; trm__clock() < end; turns++) event_base_loop(w.base, EVLOOP_ONCE);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_in_range(turns, 1, 20);
  assert_int_equal(w.handled, 0);
  client_hear(&w, a, heard, sizeof heard, "ok");
  client_hear(&w, b, heard, sizeof heard, "ok");
  close(a);
  close(b);
  world_close(&w);
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

/* libevent's memory is counted, and fails, as the rest does. */
static void *counted_malloc(size_t size) {
  return trm__calloc(size, 1);
}

static void *counted_realloc(void *p, size_t size) {
  return trm__realloc(p, size, 1);
}

int main(void) {
  event_set_mem_functions(counted_malloc, counted_realloc, trm__free);
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
      cmocka_unit_test(test_a_hundred_slow_clients),
      cmocka_unit_test(test_slow_reader_is_cut),
      cmocka_unit_test(test_idle_connections_are_closed),
      cmocka_unit_test(test_connections_over_the_limit_get_503),
      cmocka_unit_test(test_draining),
      cmocka_unit_test(test_closing_tells_handlers),
      cmocka_unit_test(test_memory_is_flat),
      cmocka_unit_test(test_unix_socket),
      cmocka_unit_test(test_failing_allocations),
      cmocka_unit_test(test_answer_survives_a_bad_rest),
      cmocka_unit_test(test_bodies_share_their_room),
      cmocka_unit_test(test_no_descriptor_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
