/* sd_notify by hand, of which the protocol is a datagram to a socket. */
#include "proc/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"
#include "base/text/numbers.h"

trm_status trm__notify_open(trm__notify *n, const char *name, trm_error *err) {
  size_t length = name ? strlen(name) : 0;
  *n = (trm__notify){.socket = -1};
  if (!length) return TRM_OK;
  if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof n->address.sun_path)
    return trm__fail(err, TRM_E_USAGE, "NOTIFY_SOCKET",
                     "is \"%s\", expected a path or '@' and a name, of 2 to %zu bytes", name,
                     sizeof n->address.sun_path - 1);
  n->address.sun_family = AF_UNIX;
  memcpy(n->address.sun_path, name, length);
  if (name[0] == '@') n->address.sun_path[0] = 0; /* an abstract name has no NUL at its end */
  n->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '/'));
  n->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (n->socket < 0) return trm__fail_errno(err, "NOTIFY_SOCKET", "no socket");
  return TRM_OK;
}

void trm__notify_close(trm__notify *n) {
  if (n->socket >= 0) close(n->socket);
  n->socket = -1;
}

void trm__notify_send(const trm__notify *n, const char *format, ...) {
  char text[1001];
  va_list args;
  if (n->socket < 0) return;
  va_start(args, format);
  int length = trm__vprint(text, sizeof text, format, args);
  va_end(args);
  if (length < 0) return;
  if ((size_t)length >= sizeof text) length = (int)sizeof text - 1;
  ssize_t sent;
  do sent = sendto(n->socket, text, (size_t)length, MSG_NOSIGNAL, (const struct sockaddr *)&n->address, n->length);
  while (sent < 0 && errno == EINTR);
}

int64_t trm__notify_watchdog_ms(const char *usec, const char *pid) {
  int64_t time = 0, who = 0;
  if (!usec || trm__int_read(usec, &time) != TRM__NUMBER_OK || time <= 0) return 0;
  if (pid && (trm__int_read(pid, &who) != TRM__NUMBER_OK || who != getpid())) return 0;
  return time < 2000 ? 1 : time / 2000;
}
