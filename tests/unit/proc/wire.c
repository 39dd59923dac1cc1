/* Channels on libevent's loop: frames and their end as calls, room after a refusal, pauses, and wires that are closed
 * by their own handlers. */
#include "support/check.h"

#include <event2/event.h>
#include <sys/socket.h>

#include "proc/wire.h"
#include "unit/proc/descriptors.h"

#define TYPE 20

typedef struct side {
  trm__wire *wire;
  long frames, rooms, ends;
  uint64_t last;
  trm_status status;
  int close_at, answer, close_at_end; /* close_at: in the handler of this frame */
} side;

static struct event_base *base;
static side a, b;

static void on_frame(void *context, const trm__frame *frame) {
  side *s = context;
  trm_error err = {0};
  assert_int_equal(s->ends, 0);
  assert_int_equal(frame->request, s->last + 1);
  s->last = frame->request;
  s->frames++;
  trm__frame back = {.type = TYPE, .request = frame->request, .data = frame->data, .size = frame->size};
  if (s->answer) CHECK_OK(trm__wire_send(s->wire, &back, &err), err);
  if (s->frames == s->close_at) trm__wire_close(&s->wire);
}

static void on_room(void *context) {
  side *s = context;
  s->rooms++;
  assert_true(trm__channel_queued(trm__wire_channel(s->wire)) <= 5000);
}

static void on_ended(void *context, trm_status status, const trm_error *err) {
  side *s = context;
  assert_true(status && err->code == status && err->message[0]);
  s->ends++;
  s->status = status;
  if (s->close_at_end) trm__wire_close(&s->wire);
}

static const trm__wire_handlers handlers = {on_frame, on_room, on_ended};

static void open_side(side *s, int socket, const char *build) {
  trm_error err = {0};
  trm__channel_config config = trm__channel_config_default("the other", build);
  config.queue_most = 10000;
  CHECK_OK(trm__wire_open(&s->wire, base, socket, &config, &handlers, s, &err), err);
}

static void begin(const char *build_of_b) {
  int sockets[2];
  trm_error err = {0};
  memset(&a, 0, sizeof a);
  memset(&b, 0, sizeof b);
  base = event_base_new();
  CHECK_OK(trm__channel_pair(sockets, &err), err);
  open_side(&a, sockets[0], "one");
  open_side(&b, sockets[1], build_of_b);
}

static void turn(int times) {
  while (times-- > 0) event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void end(void) {
  trm__wire_close(&a.wire);
  trm__wire_close(&b.wire);
  event_base_free(base);
}

static trm_status send_to(side *to, uint64_t request, uint32_t size) {
  static const char data[1000];
  trm_error err = {0};
  trm__frame frame = {.type = TYPE, .request = request, .data = data, .size = size};
  return trm__wire_send(to->wire, &frame, &err);
}

static void test_conversation(void **state) {
  (void)state;
  begin("one");
  b.answer = 1;
  for (uint64_t i = 1; i <= 500; i++) {
    assert_int_equal(send_to(&a, i, 100), TRM_OK);
    turn(2);
  }
  turn(20);
  assert_true(a.frames == 500 && b.frames == 500 && !a.ends && !b.ends && !a.rooms);
  end();
}

static void test_other_build(void **state) {
  (void)state;
  begin("two");
  turn(5);
  assert_true(a.ends == 1 && b.ends == 1 && a.status == TRM_E_UNSUPPORTED && !a.frames);
  assert_int_equal(send_to(&a, 1, 0), TRM_E_IO);
  trm__wire_pause(a.wire, 1);
  turn(5);
  assert_int_equal(a.ends, 1);
  end();
}

/* A refused send is followed by room once the other side reads, and by no more rooms than refusals. */
static void test_back_pressure(void **state) {
  (void)state;
  begin("one");
  turn(3);
  trm__wire_pause(b.wire, 1);
  uint64_t sent = 0;
  for (int round = 1; round <= 3; round++) {
    trm_status status;
    while (!(status = send_to(&a, sent + 1, 1000))) assert_true(++sent < 10000);
    assert_int_equal(status, TRM_E_BUSY);
    assert_int_equal(send_to(&a, sent + 1, 1000), TRM_E_BUSY);
    turn(5);
    assert_int_equal(a.rooms, round - 1);
    trm__wire_pause(b.wire, 0);
    turn(200);
    trm__wire_pause(b.wire, 1);
    assert_int_equal(a.rooms, round);
    assert_int_equal(b.last, sent);
  }
  end();
}

static void test_last_frames(void **state) {
  (void)state;
  begin("one");
  turn(3);
  for (uint64_t i = 1; i <= 150; i++) assert_int_equal(send_to(&a, i, 10), TRM_OK); /* more than one turn's */
  trm__wire_close(&a.wire);
  turn(1);
  assert_true(b.frames < 150 && !b.ends);
  turn(5);
  assert_true(b.frames == 150 && b.ends == 1 && b.status == TRM_E_STOPPED);
  end();
}

static void test_closed_by_handlers(void **state) {
  (void)state;
  begin("one");
  b.close_at = 3;
  b.answer = 1;
  a.close_at_end = 1;
  for (uint64_t i = 1; i <= 5; i++) assert_int_equal(send_to(&a, i, 10), TRM_OK);
  turn(10);
  assert_true(!b.wire && b.frames == 3 && !b.ends);
  assert_true(!a.wire && a.ends == 1);
  end();
}

/* Who does not read is told of the end by a send. */
static void test_paused_end(void **state) {
  (void)state;
  begin("one");
  turn(3);
  trm__wire_pause(a.wire, 1);
  trm__wire_close(&b.wire);
  turn(3);
  assert_int_equal(a.ends, 0);
  assert_int_equal(send_to(&a, 1, 10), TRM_E_IO);
  assert_int_equal(a.ends, 0); /* from the loop alone */
  turn(3);
  assert_true(a.ends == 1 && a.status == TRM_E_IO);
  end();
}

static trm_status open_and_close(void *context, trm_error *err) {
  int sockets[2];
  trm__wire *wire = NULL;
  trm__channel_config config = trm__channel_config_default("the other", "one");
  (void)context;
  trm_status status = trm__channel_pair(sockets, err);
  if (status) return status;
  status = trm__wire_open(&wire, base, sockets[0], &config, &handlers, &a, err);
  close(sockets[1]);
  trm__wire_close(&wire);
  return status;
}

static void test_allocations(void **state) {
  (void)state;
  base = event_base_new();
  int before = descriptors_open();
  assert_true(check_each_allocation(open_and_close, NULL) >= 3);
  assert_int_equal(descriptors_open(), before);
  event_base_free(base);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_conversation),       cmocka_unit_test(test_other_build),
      cmocka_unit_test(test_back_pressure),      cmocka_unit_test(test_last_frames),
      cmocka_unit_test(test_closed_by_handlers), cmocka_unit_test(test_paused_end),
      cmocka_unit_test(test_allocations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
