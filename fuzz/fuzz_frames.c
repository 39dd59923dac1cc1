/* What the other side of a channel may send: the first byte says how many bytes come at a time and whether it says
 * HELLO first. What must hold is that reading ends, that a frame keeps to its limits, that what was read again makes
 * the bytes that came, and that a broken channel stays broken. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proc/channel.h"

#define BUILD "fuzz"
#define MOST 5000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t hello[] = {4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'f', 'u', 'z', 'z'};

typedef struct stream {
  const uint8_t *bytes;
  size_t sent, used, size; /* used: of these bytes, in frames that were read */
} stream;

static void check_frame(stream *s, const trm__frame *frame) {
  unsigned char header[TRM__FRAME_HEADER];
  if (frame->size > MOST || frame->type < TRM__FRAME_FREE || frame->flags & TRM__FRAME_FD) abort();
  trm__frame_pack(frame, header);
  if (s->used + sizeof header + frame->size > s->sent) abort();
  if (memcmp(s->bytes + s->used, header, sizeof header) != 0) abort();
  s->used += sizeof header;
  if (frame->size && memcmp(s->bytes + s->used, frame->data, frame->size) != 0) abort();
  s->used += frame->size;
}

/* Reads all that is there; 0 when the channel is broken. */
static int read_all(trm__channel *channel, stream *s) {
  for (;;) {
    trm__frame frame;
    trm_error err = {0}, again = {0};
    int got = 0;
    trm_status status = trm__channel_read(channel, &frame, &got, &err);
    if (status) {
      if (got || !err.message[0] || status != trm__channel_read(channel, &frame, &got, &again)) abort();
      return memcmp(&err, &again, sizeof err) == 0 ? 0 : (abort(), 0);
    }
    if (!got) return 1;
    check_frame(s, &frame);
  }
}

static void feed(trm__channel *channel, int socket, stream *s, size_t step) {
  while (s->sent < s->size) {
    size_t now = s->size - s->sent < step ? s->size - s->sent : step;
    if (send(socket, s->bytes + s->sent, now, MSG_NOSIGNAL) != (ssize_t)now) abort();
    s->sent += now;
    if (!read_all(channel, s)) return;
  }
  shutdown(socket, SHUT_WR);
  if (read_all(channel, s)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int sockets[2];
  trm__channel *channel = NULL;
  trm_error err = {0};
  if (size < 1 || size > 60000) return 0;
  trm__channel_config config = trm__channel_config_default("fuzz", BUILD);
  config.frame_most = MOST;
  if (trm__channel_pair(sockets, &err) || trm__channel_open(&channel, sockets[0], &config, &err)) abort();
  stream s = {.bytes = data + 1, .size = size - 1};
  stream met = {.bytes = hello, .size = sizeof hello};
  if (data[0] & 1) {
    while (met.sent < met.size && send(sockets[1], hello + met.sent, 1, 0) == 1) met.sent++;
  } else {
    s.used = sizeof hello; /* where a frame is read, these said HELLO */
  }
  feed(channel, sockets[1], &s, data[0] & 2 ? 4096 : 1 + (data[0] >> 2));
  trm__channel_close(&channel);
  close(sockets[1]);
  return 0;
}
