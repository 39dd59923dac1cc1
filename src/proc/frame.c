/* Frames on a socket: sixteen bytes packed and unpacked, and the two system calls with a descriptor beside them. */
#include "proc/frame.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void frame_put_number(unsigned char *at, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) at[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t frame_get_number(const unsigned char *at, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint64_t)at[i] << 8 * i;
  return value;
}

void trm__frame_pack(const trm__frame *frame, unsigned char header[TRM__FRAME_HEADER]) {
  frame_put_number(header, frame->size, 4);
  frame_put_number(header + 4, frame->type, 2);
  frame_put_number(header + 6, frame->flags, 2);
  frame_put_number(header + 8, frame->request, 8);
}

trm__frame trm__frame_unpack(const unsigned char header[TRM__FRAME_HEADER]) {
  return (trm__frame){.size = (uint32_t)frame_get_number(header, 4),
                      .type = (uint16_t)frame_get_number(header + 4, 2),
                      .flags = (uint16_t)frame_get_number(header + 6, 2),
                      .request = frame_get_number(header + 8, 8),
                      .fd = -1};
}

/* Room for more than one descriptor, so that the surplus is seen and closed by us. */
typedef union frame_control {
  struct cmsghdr align;
  char bytes[CMSG_SPACE(4 * sizeof(int))];
} frame_control;

ptrdiff_t trm__frame_put(int socket, const void *bytes, size_t size, int fd) {
  frame_control control = {0};
  struct iovec vector = {(void *)(uintptr_t)bytes, size};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
  if (fd >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof fd);
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  ptrdiff_t sent;
  do sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent;
}

static void frame_take_descriptors(struct msghdr *message, int *fd, int *surplus) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof *fd;
    for (size_t i = 0; i < count; i++) {
      int one;
      memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
      if (*fd < 0) {
        *fd = one;
        continue;
      }
      *surplus = 1;
      close(one);
    }
  }
  if (message->msg_flags & MSG_CTRUNC) *surplus = 1;
}

ptrdiff_t trm__frame_get(int socket, void *bytes, size_t size, int *fd, int *surplus) {
  frame_control control;
  struct iovec vector = {bytes, size};
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ptrdiff_t got;
  do got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got >= 0) frame_take_descriptors(&message, fd, surplus);
  return got;
}
