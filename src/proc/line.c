/* Messages of a line: one header of a frame each, by proc/line.h. */
#include "proc/line.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/status.h"

trm_status trm__line_pair(int sockets[2], trm_error *err) {
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) < 0)
    return trm__fail_errno(err, NULL, "no pair of sockets for a line");
  return TRM_OK;
}

int trm__line_send(int socket, enum trm__frame_type type, uint64_t request, int fd) {
  unsigned char header[TRM__FRAME_HEADER];
  trm__frame message = {.type = (uint16_t)type, .flags = fd < 0 ? 0 : TRM__FRAME_FD, .request = request};
  trm__frame_pack(&message, header);
  return trm__frame_put(socket, header, sizeof header, fd) == (ptrdiff_t)sizeof header;
}

int trm__line_read(int socket, trm__frame *message) {
  unsigned char bytes[TRM__FRAME_HEADER + 1] = {0}; /* one more, to see what is too long */
  int fd = -1, surplus = 0;
  ptrdiff_t got = trm__frame_get(socket, bytes, sizeof bytes, &fd, &surplus);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
  if (got <= 0) return -1;
  *message = trm__frame_unpack(bytes);
  message->fd = fd;
  if (got == TRM__FRAME_HEADER && !message->size && !surplus && !(message->flags & TRM__FRAME_FD) == (fd < 0)) return 1;
  if (fd >= 0) close(fd);
  *message = (trm__frame){.fd = -1};
  return 1;
}
