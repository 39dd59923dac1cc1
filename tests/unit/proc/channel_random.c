/* Channels against a queue in the test: random frames both ways over sockets with little room, directly or through a
 * relay that passes a few bytes at a time, read and flushed at random moments, with descriptors, ended at random. What
 * arrives must be what was taken, in order, whole; what is refused must not have fitted; at the end no memory and no
 * descriptor is left.
 *
 * SEQUENCES=20000 runs as many (1,000 by default), SEED=n those from n on. A failure prints its seed. */
#include "support/check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/rng.h"
#include "proc/channel.h"
#include "unit/proc/descriptors.h"

enum { STEPS = 120, QUEUE = 40000, LARGE = 30000, SENT = STEPS + 1 };

static uint64_t seed;
static trm__rng rng;
static long refused, arrived, passed, torn;

#define EXPECT(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) fail_msg("SEED=%llu: %s", (unsigned long long)seed, #condition);                                 \
  } while (0)

typedef struct sent {
  uint16_t type, flags;
  uint64_t request;
  uint32_t size;
} sent;

/* One direction: what end k has sent and the other has read. */
static struct {
  trm__channel *channel;
  sent frame[SENT];
  int taken, read;
} end[2];
static int relay[2]; /* its ends towards 0 and 1; negative: there is none */
static unsigned char bytes[LARGE];

static uint32_t below(uint32_t n) {
  return trm__rng_below(&rng, n);
}

/* Content that depends on the frame's request and the place in it. */
static unsigned char byte_at(uint64_t request, uint32_t i) {
  return (unsigned char)(request * 31 + i * 7 + (i >> 8));
}

/* A descriptor that one can know again: a pipe that holds the request. */
static int token_make(uint64_t request) {
  int ends[2];
  EXPECT(!pipe2(ends, O_CLOEXEC));
  EXPECT(write(ends[1], &request, sizeof request) == sizeof request);
  close(ends[1]);
  return ends[0];
}

static void token_check(int fd, uint64_t request) {
  uint64_t held = 0;
  EXPECT(read(fd, &held, sizeof held) == sizeof held && held == request);
  EXPECT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  close(fd);
}

static void send_one(int k) {
  uint32_t size = below(3) == 0 ? below(LARGE) : below(40);
  sent s = {.type = (uint16_t)(TRM__FRAME_FREE + below(9)), .flags = (uint16_t)below(16), .size = size};
  s.request = trm__rng_u64(&rng);
  trm__frame frame = {.type = s.type, .request = s.request, .data = bytes, .size = size};
  if (relay[0] < 0 && below(4) == 0) s.flags |= TRM__FRAME_FD, frame.fd = token_make(s.request);
  frame.flags = s.flags;
  for (uint32_t i = 0; i < size; i++) bytes[i] = byte_at(s.request, i);
  size_t queued = trm__channel_queued(end[k].channel);
  int fits = !queued || queued + TRM__FRAME_HEADER + size <= QUEUE;
  trm_error err = {0};
  trm_status status = trm__channel_send(end[k].channel, &frame, &err);
  if (s.flags & TRM__FRAME_FD) close(frame.fd);
  EXPECT(status == (fits ? TRM_OK : TRM_E_BUSY));
  if (status) refused++;
  else end[k].frame[end[k].taken++] = s;
}

/* Reads what is there at end k; 0 when the other side has ended. */
static int read_some(int k, int most) {
  trm__frame frame;
  trm_error err = {0};
  int got = 1;
  while (most-- > 0) {
    trm_status status = trm__channel_read(end[k].channel, &frame, &got, &err);
    if (status) {
      EXPECT(status == TRM_E_STOPPED || status == TRM_E_IO);
      torn += status == TRM_E_IO;
      return 0;
    }
    if (!got) return 1;
    EXPECT(end[!k].read < end[!k].taken);
    const sent *s = &end[!k].frame[end[!k].read++];
    EXPECT(frame.type == s->type && frame.flags == s->flags && frame.request == s->request && frame.size == s->size);
    for (uint32_t i = 0; i < s->size; i++) EXPECT(((const unsigned char *)frame.data)[i] == byte_at(s->request, i));
    if (s->flags & TRM__FRAME_FD) token_check(frame.fd, s->request), passed++;
    arrived++;
  }
  return 1;
}

/* Some bytes from one side of the relay to the other; 0: there were none. */
static int relay_some(int from, size_t most) {
  unsigned char some[4096];
  if (relay[0] < 0) return 0;
  struct pollfd room = {.fd = relay[!from], .events = POLLOUT};
  if (poll(&room, 1, 0) != 1 || !(room.revents & POLLOUT)) return 0;
  if (most > 1000) most = 1000; /* what a socket that can be written takes */
  ssize_t got = recv(relay[from], some, most, MSG_DONTWAIT);
  if (got <= 0) return 0;
  ssize_t put = send(relay[!from], some, (size_t)got, MSG_NOSIGNAL | MSG_DONTWAIT);
  EXPECT(put == got || put < 0);
  return put > 0;
}

static void socket_pair(int sockets[2]) {
  trm_error err = {0};
  int room = 2048; /* the system doubles it, and has a least size */
  CHECK_OK(trm__channel_pair(sockets, &err), err);
  for (int i = 0; i < 2; i++) setsockopt(sockets[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

static void begin(void) {
  int near[2], far[2] = {-1, -1};
  memset(end, 0, sizeof end);
  socket_pair(near);
  relay[0] = relay[1] = -1;
  if (below(2)) {
    socket_pair(far);
    relay[0] = near[1], relay[1] = far[0];
    near[1] = far[1];
  }
  trm__channel_config config = trm__channel_config_default("the other", "0.1.0-test");
  config.queue_most = QUEUE;
  config.frame_most = LARGE;
  for (int k = 0; k < 2; k++) {
    trm_error err = {0};
    CHECK_OK(trm__channel_open(&end[k].channel, near[k], &config, &err), err);
  }
}

/* Everything that was taken arrives. */
static void drain(void) {
  int most = 100000;
  while ((end[0].read < end[0].taken || end[1].read < end[1].taken) && most-- > 0)
    for (int k = 0; k < 2; k++) {
      trm_error err = {0};
      CHECK_OK(trm__channel_flush(end[k].channel, &err), err);
      while (relay_some(k, 4000)) continue;
      EXPECT(read_some(k, 1000));
    }
  EXPECT(most > 0 && !trm__channel_queued(end[0].channel) && !trm__channel_queued(end[1].channel));
}

/* End k closes with whatever it still had to send; the other reads some of it, whole frames only, and is told. */
static void end_early(int k) {
  trm__channel_close(&end[k].channel);
  if (relay[0] >= 0) {
    int most = 100000;
    while (relay_some(k, 4000) && most-- > 0) read_some(!k, 1000);
    close(relay[!k]);
    relay[!k] = -1;
  }
  EXPECT(!read_some(!k, 1000));
}

static void one_sequence(void) {
  int descriptors = descriptors_open();
  size_t used = trm__mem_used();
  rng = trm__rng_make(seed, TRM__RNG_TEST, 1);
  begin();
  for (int step = 0; step < STEPS; step++) {
    int k = (int)below(2);
    trm_error err = {0};
    switch (below(4)) {
    case 0:
      send_one(k);
      break;
    case 1:
      EXPECT(read_some(k, 1 + (int)below(5)));
      break;
    case 2:
      CHECK_OK(trm__channel_flush(end[k].channel, &err), err);
      break;
    default:
      relay_some(k, 1 + below(below(2) ? 3 : 1000));
      break;
    }
  }
  if (below(2)) drain();
  else end_early((int)below(2));
  for (int k = 0; k < 2; k++) {
    trm__channel_close(&end[k].channel);
    if (relay[k] >= 0) close(relay[k]);
  }
  EXPECT(descriptors_open() == descriptors);
  EXPECT(trm__mem_used() == used);
}

static uint64_t number_from(const char *name, uint64_t otherwise) {
  const char *text = getenv(name);
  return text ? strtoull(text, NULL, 10) : otherwise;
}

static void test_random(void **state) {
  (void)state;
  uint64_t first = number_from("SEED", 1), count = number_from("SEQUENCES", 1000);
  for (seed = first; seed < first + count; seed++) one_sequence();
  print_message(
      "SEED=%llu to %llu: %ld frames arrived, %ld with descriptors, %ld refused, %ld channels torn in a frame\n",
      (unsigned long long)first, (unsigned long long)(seed - 1), arrived, passed, refused, torn);
  if (count >= 1000) assert_true(arrived > 1000 && passed > 100 && refused > 100 && torn > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
