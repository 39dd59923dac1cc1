/* What the server bounds: time, connections, memory; draining; and that memory stays flat. */
#include "unit/net/support.h"

#define H "Host: a\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" H "\r\n"

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

/* Who asks and asks and never reads has to wait: answers are not piled up. */
static void test_pipelining_without_reading(void **state) {
  (void)state;
  enum { BODY = 50000 };
  world w = {0};
  trm__server_config config = world_config(&w);
  world_open(&w, &config);
  static char request[BODY + 100];
  size_t size = (size_t)snprintf(request, 100, "POST /echo HTTP/1.1\r\n" H "Content-Length: %d\r\n\r\n", BODY);
  memset(request + size, 'x', BODY);
  size += BODY;
  int fd = client_open(&w);
  size_t sent = 0, before = trm__mem_used(), most = 0;
  double quiet = trm__clock() + 0.3;
  while (trm__clock() < quiet && sent < ((size_t)100 << 20)) {
    ssize_t n = send(fd, request + sent % size, size - sent % size, MSG_NOSIGNAL);
    if (n > 0) {
      sent += (size_t)n;
      quiet = trm__clock() + 0.3;
    }
    world_turn(&w);
    if (trm__mem_used() > most) most = trm__mem_used();
  }
  assert_true(sent < ((size_t)100 << 20));
  assert_true(most < before + 500000);
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

static void test_connections_of_one_address_are_bounded(void **state) {
  (void)state;
  char heard[4096];
  world w = {0};
  trm__server_config config = world_config(&w);
  config.max_of_address = 2;
  world_open(&w, &config);
  int a = client_open(&w), b = client_open(&w);
  client_say(&w, a, GET("/"));
  client_hear(&w, a, heard, sizeof heard, "ok");
  int c = client_open(&w);
  assert_int_equal(client_hear(&w, c, heard, sizeof heard, NULL), 1);
  assert_non_null(strstr(heard, "HTTP/1.1 503 "));
  assert_non_null(strstr(heard, "this address"));
  assert_int_equal(trm__server_statistics(w.server).turned_away, 1);
  close(c);
  close(b);
  world_turn_for(&w, 0.05);
  c = client_open(&w);
  client_say(&w, c, GET("/again"));
  client_hear(&w, c, heard, sizeof heard, "ok");
  close(c);
  close(a);
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
    assert_int_not_equal(client_hear(&w, many[i], heard, sizeof heard, NULL), 0);
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
    assert_int_not_equal(ended, 0);
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
      cmocka_unit_test(test_a_hundred_slow_clients),
      cmocka_unit_test(test_slow_reader_is_cut),
      cmocka_unit_test(test_pipelining_without_reading),
      cmocka_unit_test(test_idle_connections_are_closed),
      cmocka_unit_test(test_connections_of_one_address_are_bounded),
      cmocka_unit_test(test_connections_over_the_limit_get_503),
      cmocka_unit_test(test_draining),
      cmocka_unit_test(test_closing_tells_handlers),
      cmocka_unit_test(test_memory_is_flat),
      cmocka_unit_test(test_failing_allocations),
      cmocka_unit_test(test_bodies_share_their_room),
      cmocka_unit_test(test_no_descriptor_left),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
