/* The reading half of proc/frame.h: first the rest of the header, then the rest of the data, whatever has come. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"
#include "proc/frame.h"

#define FIRST_ROOM (64u << 10)
#define KEPT_ROOM (256u << 10) /* more is given back after the frame that needed it */

void trm__frame_reader_init(trm__frame_reader *r, int socket, uint32_t most) {
  *r = (trm__frame_reader){.socket = socket, .most = most, .fd = -1};
}

static void reader_drop_data(trm__frame_reader *r) {
  trm__free(r->data);
  r->data = NULL;
  r->room = 0;
}

void trm__frame_reader_free(trm__frame_reader *r) {
  reader_drop_data(r);
  if (r->fd >= 0) close(r->fd);
  r->fd = -1;
}

/* What a call of recv came to: 1 bytes, 0 none at the moment; a failure in *status. */
static int reader_judge(const trm__frame_reader *r, ptrdiff_t got, trm_status *status, const char *where,
                        trm_error *err) {
  *status = TRM_OK;
  if (got > 0) return 1;
  if (got == 0 || errno == ECONNRESET) /* the latter: without having read all that we sent */
    *status = r->have ? trm__fail(err, TRM_E_IO, where, "the other side has closed the channel within a frame")
                      : trm__fail(err, TRM_E_STOPPED, where, "the other side has closed the channel");
  else if (errno != EAGAIN && errno != EWOULDBLOCK) *status = trm__fail_errno(err, where, "the channel cannot be read");
  return 0;
}

static trm_status reader_check_header(const trm__frame_reader *r, const char *where, trm_error *err) {
  trm__frame frame = trm__frame_unpack(r->header);
  if (frame.size > r->most)
    return trm__fail(err, TRM_E_INPUT, where, "a frame of type %u promises %u bytes, at most %u are allowed",
                     frame.type, frame.size, r->most);
  if (!frame.type) return trm__fail(err, TRM_E_INPUT, where, "a frame has type 0, which no frame has");
  if (!(frame.flags & TRM__FRAME_FD) != (r->fd < 0) || r->surplus)
    return trm__fail(err, TRM_E_INPUT, where, "a frame of type %u came with %s", frame.type,
                     r->surplus   ? "more than one descriptor"
                     : r->fd >= 0 ? "a descriptor that it does not announce"
                                  : "no descriptor, and announces one");
  return TRM_OK;
}

/* Room for some of what is still to come: all that came, twice, but no more than the frame has. */
static trm_status reader_grow(trm__frame_reader *r, uint32_t have, uint32_t size, const char *where, trm_error *err) {
  if (have < r->room || have == size) return TRM_OK;
  uint32_t room = have < FIRST_ROOM / 2 ? FIRST_ROOM : 2 * have;
  if (room > size && size > FIRST_ROOM) room = size;
  unsigned char *data = trm__realloc(r->data, room, 1);
  if (!data) return trm__fail_memory(err, where, room);
  r->data = data;
  r->room = room;
  return TRM_OK;
}

static trm_status reader_fill(trm__frame_reader *r, const char *where, trm_error *err) {
  trm_status status = TRM_OK;
  while (r->have < TRM__FRAME_HEADER) {
    ptrdiff_t got = trm__frame_get(r->socket, r->header + r->have, TRM__FRAME_HEADER - r->have, &r->fd, &r->surplus);
    if (!reader_judge(r, got, &status, where, err)) return status;
    r->have += (uint32_t)got;
    if (r->have == TRM__FRAME_HEADER) status = reader_check_header(r, where, err);
    if (status) return status;
  }
  uint32_t size = trm__frame_unpack(r->header).size;
  while (r->have - TRM__FRAME_HEADER < size) {
    uint32_t have = r->have - TRM__FRAME_HEADER;
    status = reader_grow(r, have, size, where, err);
    if (status) return status;
    uint32_t want = (size < r->room ? size : r->room) - have;
#ifdef TRM_PLANT_122
    want = r->room - have; /* into the next frame */
#endif
    ptrdiff_t got;
    do got = recv(r->socket, r->data + have, want, MSG_DONTWAIT); /* the system closes descriptors that come here */
    while (got < 0 && errno == EINTR);
    if (!reader_judge(r, got, &status, where, err)) return status;
    r->have += (uint32_t)got;
  }
  return TRM_OK;
}

trm_status trm__frame_read(trm__frame_reader *r, trm__frame *frame, int *got, const char *where, trm_error *err) {
  *got = 0;
  if (r->room > KEPT_ROOM && !r->have) reader_drop_data(r);
  trm_status status = reader_fill(r, where, err);
  if (status || r->have < TRM__FRAME_HEADER) return status;
  trm__frame whole = trm__frame_unpack(r->header);
  if (r->have - TRM__FRAME_HEADER < whole.size) return TRM_OK;
  whole.data = r->data;
  whole.fd = r->fd;
  r->fd = -1;
  r->surplus = 0;
  r->have = 0;
  *frame = whole;
  *got = 1;
  return TRM_OK;
}
