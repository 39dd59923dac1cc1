/* Frames byte by byte, and what a channel says to another side that is wrong, slow, of another build, or gone. */
#include "support/check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "proc/channel.h"
#include "unit/proc/descriptors.h"

#define BUILD "0.1.0-test"
#define TYPE 17

static const unsigned char hello[] = {10, 0, 0, 0,   1,   0,   0,   0,   0,   0,   0,   0,   0,
                                      0,  0, 0, '0', '.', '1', '.', '0', '-', 't', 'e', 's', 't'};

/* A channel, and the other end of its socket as it is. */
static trm__channel *channel;
static int other = -1;

static void begin_with(uint32_t frame_most, size_t queue_most) {
  trm_error err = {0};
  int sockets[2];
  trm__channel_config config = trm__channel_config_default("engine 0", BUILD);
  config.frame_most = frame_most;
  config.queue_most = queue_most;
  CHECK_OK(trm__channel_pair(sockets, &err), err);
  CHECK_OK(trm__channel_open(&channel, sockets[0], &config, &err), err);
  other = sockets[1];
}

static void begin(void) {
  begin_with(1000, 4000);
}

static void end(void) {
  trm__channel_close(&channel);
  assert_null(channel);
  trm__channel_close(&channel);
  if (other >= 0) close(other);
  other = -1;
}

static void say(const void *bytes, size_t size) {
  assert_int_equal(send(other, bytes, size, MSG_NOSIGNAL), size);
}

static void say_hello(void) {
  say(hello, sizeof hello);
}

static void say_header(uint32_t size, uint16_t type, uint16_t flags, int fd) {
  unsigned char header[TRM__FRAME_HEADER];
  trm__frame frame = {.size = size, .type = type, .flags = flags, .request = 5};
  trm__frame_pack(&frame, header);
  assert_int_equal(trm__frame_put(other, header, sizeof header, fd), sizeof header);
}

static int read_frame(trm__frame *frame) {
  trm_error err = {0};
  int got = -1;
  CHECK_OK(trm__channel_read(channel, frame, &got, &err), err);
  return got;
}

/* The channel fails so, now and whenever it is asked again. */
static void check_broken(trm_status status, const char *text) {
  trm__frame frame;
  trm_error err;
  int got = -1;
  for (int i = 0; i < 3; i++) {
    CHECK_FAILS(trm__channel_read(channel, &frame, &got, &err), status, err, text);
    assert_string_equal(err.where, "engine 0");
    assert_int_equal(got, 0);
  }
  assert_int_equal(trm__channel_wants(channel) & POLLIN, 0);
}

static void test_bytes(void **state) {
  (void)state;
  unsigned char got[64], header[TRM__FRAME_HEADER];
  static const unsigned char expected[] = {3, 0, 0, 0, 0x34, 0x12, 0x21, 0x43, 8, 7, 6, 5, 4, 3, 2, 1};
  trm__frame frame = {.type = 0x1234, .flags = 0x4321, .request = 0x0102030405060708, .data = "abc", .size = 3};
  begin();
  assert_int_equal(recv(other, got, sizeof got, 0), sizeof hello);
  assert_memory_equal(got, hello, sizeof hello);
  trm_error err = {0};
  CHECK_OK(trm__channel_send(channel, &frame, &err), err);
  assert_int_equal(recv(other, got, sizeof got, 0), 19);
  assert_memory_equal(got, expected, 16);
  assert_memory_equal(got + 16, "abc", 3);
  trm__frame_pack(&frame, header);
  trm__frame back = trm__frame_unpack(header);
  assert_true(back.size == 3 && back.type == 0x1234 && back.flags == 0x4321 && back.request == frame.request);
  end();
}

static void test_slow(void **state) {
  (void)state;
  trm__frame frame;
  unsigned char bytes[sizeof hello + 21];
  memcpy(bytes, hello, sizeof hello);
  trm__frame_pack(&(trm__frame){.size = 5, .type = TYPE, .request = 9}, bytes + sizeof hello);
  memcpy(bytes + sizeof hello + 16, "slow!", 5);
  begin();
  for (size_t i = 0; i < sizeof bytes; i++) {
    assert_int_equal(trm__channel_met(channel), i >= sizeof hello);
    say(bytes + i, 1);
    assert_int_equal(read_frame(&frame), i + 1 == sizeof bytes);
  }
  assert_true(frame.type == TYPE && frame.request == 9 && frame.size == 5 && !memcmp(frame.data, "slow!", 5));
  assert_int_equal(read_frame(&frame), 0);
  end();
}

/* A header that promises the most there may be costs no memory before its data comes. */
static void test_promise(void **state) {
  (void)state;
  trm__frame frame;
  begin_with(TRM__FRAME_MOST, 1000);
  say_hello();
  say_header(TRM__FRAME_MOST, TYPE, 0, -1);
  size_t used = trm__mem_used();
  assert_int_equal(read_frame(&frame), 0);
  assert_true(trm__mem_used() - used <= 128 << 10);
  end();
}

static void test_largest(void **state) {
  (void)state;
  trm_error err = {0};
  trm__frame frame = {.type = TYPE, .size = TRM__FRAME_MOST}, got;
  unsigned char *data = trm__calloc(TRM__FRAME_MOST, 1);
  memset(data, 0xa5, TRM__FRAME_MOST);
  frame.data = data;
  trm__channel *far = NULL;
  trm__channel_config config = trm__channel_config_default("far", BUILD);
  begin_with(TRM__FRAME_MOST, 1000);
  CHECK_OK(trm__channel_open(&far, other, &config, &err), err);
  other = -1;
  CHECK_OK(trm__channel_send(channel, &frame, &err), err); /* an empty queue takes it, whatever its bound */
  int arrived = 0;
  for (int i = 0; i < 100000 && !arrived; i++) {
    CHECK_OK(trm__channel_flush(channel, &err), err);
    CHECK_OK(trm__channel_read(far, &got, &arrived, &err), err);
  }
  assert_int_equal(arrived, 1);
  assert_int_equal(got.size, TRM__FRAME_MOST);
  assert_memory_equal(got.data, data, TRM__FRAME_MOST);
  size_t used = trm__mem_used();
  CHECK_OK(trm__channel_read(far, &got, &arrived, &err), err);
  assert_true(used - trm__mem_used() >= TRM__FRAME_MOST); /* and what it needed is given back */
  trm__channel_close(&far);
  trm__free(data);
  end();
}

static void test_first_frame(void **state) {
  (void)state;
  begin();
  say_header(0, TYPE, 0, -1);
  check_broken(TRM_E_INPUT, "its first frame has type 17, expected HELLO");
  end();
  begin();
  say_header(10, TRM__FRAME_HELLO, 0, -1);
  say("0.2.0-test", 10);
  check_broken(TRM_E_UNSUPPORTED, "it is of build 0.2.0-test, this process of 0.1.0-test: restart the server");
  assert_int_equal(trm__channel_met(channel), 0);
  end();
  begin();
  say_header(0, TRM__FRAME_HELLO, 0, -1);
  check_broken(TRM_E_UNSUPPORTED, "it is of build , ");
  end();
  begin();
  say_header(900, TRM__FRAME_HELLO, 0, -1);
  char much[900];
  memset(much, 'x', sizeof much);
  say(much, sizeof much);
  check_broken(TRM_E_UNSUPPORTED, "restart");
  end();
}

static void test_wrong_frames(void **state) {
  (void)state;
  static const struct {
    uint32_t size;
    uint16_t type, flags;
    const char *text;
  } wrong[] = {
      {1001, TYPE, 0, "promises 1001 bytes, at most 1000"},
      {UINT32_MAX, TYPE, 0, "promises 4294967295 bytes"},
      {0, 0, 0, "type 0"},
      {0, TRM__FRAME_HELLO, 0, "type 1, expected 16 or more"},
      {0, TRM__FRAME_FREE - 1, 0, "type 15, expected 16 or more"},
      {0, TYPE, TRM__FRAME_FD, "no descriptor, and announces one"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    begin();
    say_hello();
    say_header(wrong[i].size, wrong[i].type, wrong[i].flags, -1);
    check_broken(TRM_E_INPUT, wrong[i].text);
    end();
  }
}

static void say_two_descriptors(void) {
  unsigned char header[TRM__FRAME_HEADER];
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(2 * sizeof(int))];
  } control = {0};
  int two[2] = {0, 1};
  trm__frame_pack(&(trm__frame){.type = TYPE, .flags = TRM__FRAME_FD}, header);
  struct iovec vector = {header, sizeof header};
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  struct cmsghdr *c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof two);
  memcpy(CMSG_DATA(c), two, sizeof two);
  assert_int_equal(sendmsg(other, &message, 0), sizeof header);
}

static void test_wrong_descriptors(void **state) {
  (void)state;
  int before = descriptors_open();
  begin();
  say_hello();
  say_header(0, TYPE, 0, 1);
  check_broken(TRM_E_INPUT, "a descriptor that it does not announce");
  end();
  begin();
  say_hello();
  say_two_descriptors();
  check_broken(TRM_E_INPUT, "more than one descriptor");
  end();
  trm__frame frame;
  begin(); /* in the data the system drops it */
  say_hello();
  say_header(4, TYPE, 0, -1);
  assert_int_equal(trm__frame_put(other, "data", 4, 1), 4);
  assert_int_equal(read_frame(&frame), 1);
  end();
  begin(); /* a frame with one, of which the end is still to come */
  say_hello();
  say_header(4, TYPE, TRM__FRAME_FD, 1);
  assert_int_equal(read_frame(&frame), 0);
  end();
  assert_int_equal(descriptors_open(), before);
}

static void test_ends(void **state) {
  (void)state;
  for (size_t cut = 0; cut <= sizeof hello; cut++) {
    begin();
    if (cut) say(hello, cut);
    close(other);
    other = -1;
    int whole = cut == 0 || cut == sizeof hello;
    check_broken(whole ? TRM_E_STOPPED : TRM_E_IO, whole ? "has closed the channel" : "within a frame");
    end();
  }
}

/* What the other side said before it went can be read after writing has failed. */
static void test_last_words(void **state) {
  (void)state;
  trm_error err = {0};
  trm__frame frame = {.type = TYPE};
  begin();
  say_hello();
  say_header(0, TYPE, 0, -1);
  close(other);
  other = -1;
  CHECK_FAILS(trm__channel_send(channel, &frame, &err), TRM_E_IO, err, "cannot be written");
  CHECK_FAILS(trm__channel_send(channel, &frame, &err), TRM_E_IO, err, "cannot be written");
  CHECK_FAILS(trm__channel_flush(channel, &err), TRM_E_IO, err, "cannot be written");
  assert_int_equal(trm__channel_wants(channel), POLLIN);
  assert_int_equal(read_frame(&frame), 1);
  assert_int_equal(frame.request, 5);
  check_broken(TRM_E_STOPPED, "has closed");
  end();
}

static void test_full(void **state) {
  (void)state;
  char data[1000] = {0};
  trm_error err = {0};
  trm__frame frame = {.type = TYPE, .data = data, .size = sizeof data};
  begin();
  int room = 1;
  setsockopt(trm__channel_socket(channel), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  trm_status status;
  int taken = 0;
  while (!(status = trm__channel_send(channel, &frame, &err))) assert_true(++taken < 1000);
  assert_int_equal(status, TRM_E_BUSY);
  assert_non_null(strstr(err.message, "at most 4000 may"));
  assert_true(trm__channel_queued(channel) <= 4000);
  assert_int_equal(trm__channel_wants(channel), POLLIN | POLLOUT);
  while (trm__channel_queued(channel)) {
    char sink[512];
    assert_true(recv(other, sink, sizeof sink, 0) > 0);
    CHECK_OK(trm__channel_flush(channel, &err), err);
  }
  assert_int_equal(trm__channel_wants(channel), POLLIN);
  CHECK_OK(trm__channel_send(channel, &frame, &err), err);
  end();
}

static void test_usage(void **state) {
  (void)state;
  int before = descriptors_open(), sockets[2];
  char data[1001] = {0}, longest[66];
  trm_error err = {0};
  trm__channel *none = NULL;
  memset(longest, 'b', 65);
  longest[65] = 0;
  begin();
  trm__frame frame = {.type = TRM__FRAME_FREE - 1, .data = data};
  CHECK_FAILS(trm__channel_send(channel, &frame, &err), TRM_E_USAGE, err, "expected 16 or more");
  frame = (trm__frame){.type = TYPE, .data = data, .size = 1001};
  CHECK_FAILS(trm__channel_send(channel, &frame, &err), TRM_E_USAGE, err, "at most 1000");
  frame = (trm__frame){.type = TYPE, .flags = TRM__FRAME_FD, .fd = -1};
  CHECK_FAILS(trm__channel_send(channel, &frame, &err), TRM_E_IO, err, "descriptor cannot be copied");
  end();
  static const trm__channel_config wrong[] = {
      {"x", "", 1000, 1000}, {"x", NULL, 1000, 1000}, {"x", BUILD, TRM__FRAME_MOST + 1, 1000}, {"x", BUILD, 5, 1000}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK_OK(trm__channel_pair(sockets, &err), err);
    CHECK_FAILS(trm__channel_open(&none, sockets[0], &wrong[i], &err), TRM_E_USAGE, err, "expected 1");
    close(sockets[1]);
  }
  trm__channel_config config = trm__channel_config_default("x", longest);
  CHECK_FAILS(trm__channel_open(&none, -1, &config, &err), TRM_E_USAGE, err, "has 65 bytes");
  config = trm__channel_config_default("x", BUILD);
  CHECK_FAILS(trm__channel_open(&none, -1, &config, &err), TRM_E_IO, err, "cannot be a channel");
  assert_null(none);
  assert_int_equal(descriptors_open(), before);
}

/* A conversation, for each allocation that may fail in it. */
static trm_status converse(void *context, trm_error *err) {
  int sockets[2], got = 0;
  trm__channel *pair[2] = {NULL, NULL};
  trm__channel_config config = trm__channel_config_default("far", BUILD);
  trm__frame frame = {.type = TYPE, .flags = TRM__FRAME_FD, .data = context, .size = 100000, .fd = 1}, read;
  trm_status status = trm__channel_pair(sockets, err);
  if (status) return status;
  status = trm__channel_open(&pair[0], sockets[0], &config, err);
  if (status) close(sockets[1]);
  else status = trm__channel_open(&pair[1], sockets[1], &config, err);
  if (!status) status = trm__channel_send(pair[0], &frame, err);
  while (!status && !got) {
    status = trm__channel_flush(pair[0], err);
    if (!status) status = trm__channel_read(pair[1], &read, &got, err);
  }
  if (got && memcmp(read.data, context, 100000) != 0) status = TRM_E_INTERNAL;
  if (got) close(read.fd);
  trm__channel_close(&pair[0]);
  trm__channel_close(&pair[1]);
  return status;
}

static void test_allocations(void **state) {
  (void)state;
  static char data[100000] = {7, 8, 9};
  int before = descriptors_open();
  assert_true(check_each_allocation(converse, data) >= 5);
  assert_int_equal(descriptors_open(), before);
}

/* After a read that lacked memory the same frame is read, as if nothing had been. */
static void test_memory_again(void **state) {
  (void)state;
  trm_error err = {0};
  trm__frame frame;
  int got;
  begin();
  say_hello();
  assert_int_equal(read_frame(&frame), 0);
  trm__channel_close(&channel);
  close(other);
  begin();
  say_hello();
  trm__mem_fail_at(1);
  CHECK_FAILS(trm__channel_read(channel, &frame, &got, &err), TRM_E_MEMORY, err, NULL);
  trm__mem_fail_at(0);
  say_header(0, TYPE, 0, -1);
  assert_int_equal(read_frame(&frame), 1);
  end();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bytes),        cmocka_unit_test(test_slow),
      cmocka_unit_test(test_promise),      cmocka_unit_test(test_largest),
      cmocka_unit_test(test_first_frame),  cmocka_unit_test(test_wrong_frames),
      cmocka_unit_test(test_ends),         cmocka_unit_test(test_wrong_descriptors),
      cmocka_unit_test(test_last_words),   cmocka_unit_test(test_full),
      cmocka_unit_test(test_usage),        cmocka_unit_test(test_allocations),
      cmocka_unit_test(test_memory_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
