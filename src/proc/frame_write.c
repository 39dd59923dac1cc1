/* The writing half of proc/frame.h: a list of frames, each one block of memory, sent from the first on. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"
#include "proc/frame.h"

struct trm__frame_queued {
  trm__frame_queued *next;
  size_t size, sent;
  int fd; /* our own copy; negative: none, or sent */
  unsigned char bytes[];
};

void trm__frame_writer_init(trm__frame_writer *w, int socket, size_t most) {
  *w = (trm__frame_writer){.socket = socket, .most = most};
}

static void writer_drop_first(trm__frame_writer *w) {
  trm__frame_queued *q = w->first;
  w->first = q->next;
  if (!w->first) w->last = NULL;
  w->queued -= q->size;
  if (q->fd >= 0) close(q->fd);
  trm__free(q);
}

void trm__frame_writer_free(trm__frame_writer *w) {
  while (w->first) writer_drop_first(w);
}

trm_status trm__frame_queue(trm__frame_writer *w, const trm__frame *frame, const char *where, trm_error *err) {
  size_t size = TRM__FRAME_HEADER + (size_t)frame->size;
  int full = w->first && w->queued + size > w->most;
#ifdef TRM_PLANT_121
  full = w->first && w->queued > w->most;
#endif
  if (full)
    return trm__fail(err, TRM_E_BUSY, where, "%zu bytes wait to be sent, at most %zu may: %zu more do not fit",
                     w->queued, w->most, size);
  trm__frame_queued *q = trm__realloc(NULL, sizeof *q + size, 1);
  if (!q) return trm__fail_memory(err, where, sizeof *q + size);
  *q = (trm__frame_queued){.size = size, .fd = -1};
  if (frame->flags & TRM__FRAME_FD && (q->fd = fcntl(frame->fd, F_DUPFD_CLOEXEC, 3)) < 0) {
    trm__free(q);
    return trm__fail_errno(err, where, "a descriptor cannot be copied");
  }
  trm__frame_pack(frame, q->bytes);
  if (frame->size) memcpy(q->bytes + TRM__FRAME_HEADER, frame->data, frame->size);
  if (w->last) w->last->next = q;
  else w->first = q;
  w->last = q;
  w->queued += size;
  return TRM_OK;
}

trm_status trm__frame_flush(trm__frame_writer *w, const char *where, trm_error *err) {
  while (w->first) {
    trm__frame_queued *q = w->first;
    ptrdiff_t sent = trm__frame_put(w->socket, q->bytes + q->sent, q->size - q->sent, q->fd);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return TRM_OK;
    if (sent < 0) return trm__fail_errno(err, where, "the channel cannot be written");
#ifndef TRM_PLANT_123
    if (q->fd >= 0) close(q->fd); /* it went with the first byte */
#endif
    q->fd = -1;
    q->sent += (size_t)sent;
#ifdef TRM_PLANT_120
    q->sent = q->size; /* a short write taken for a whole one */
#endif
    if (q->sent == q->size) writer_drop_first(w);
  }
  return TRM_OK;
}
