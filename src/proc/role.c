/* A child's side of its line. */
#include "proc/role.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/status.h"
#include "proc/line.h"

trm_status trm__role_open(trm_error *err) {
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(TRM__ROLE_LINE, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET)
    return trm__fail(err, TRM_E_USAGE, "--role",
                     "descriptor %d leads to no root process: roles are started by `trm serve`", TRM__ROLE_LINE);
  fcntl(TRM__ROLE_LINE, F_SETFD, FD_CLOEXEC);
  return TRM_OK;
}

void trm__role_ready(void) {
  trm__line_send(TRM__ROLE_LINE, TRM__FRAME_READY, 0, -1);
}

void trm__role_beat(void) {
  trm__line_send(TRM__ROLE_LINE, TRM__FRAME_BEAT, 0, -1);
}

int trm__role_add(int node) {
  return trm__line_send(TRM__ROLE_LINE, TRM__FRAME_ADD, (uint64_t)node, -1);
}

int trm__role_retire(uint64_t id) {
  return trm__line_send(TRM__ROLE_LINE, TRM__FRAME_RETIRE, id, -1);
}

int trm__role_reloaded(void) {
  return trm__line_send(TRM__ROLE_LINE, TRM__FRAME_RELOADED, 0, -1);
}

int trm__role_next(trm__role_message *message) {
  trm__frame frame;
  int got = trm__line_read(TRM__ROLE_LINE, &frame);
  if (got <= 0) return got;
  if (frame.type != TRM__FRAME_REFUSED && frame.type != TRM__FRAME_LINK) return -1;
  *message = (trm__role_message){.refused = frame.type == TRM__FRAME_REFUSED, .channel = frame.fd};
  if (message->refused) message->node = (int)frame.request;
  else message->id = frame.request;
  return 1;
}
