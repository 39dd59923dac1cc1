/* What systemd wants to know (sd_notify): datagrams of lines such as "READY=1" to the socket that NOTIFY_SOCKET names,
 * a path or, where it begins with '@', an abstract name. Nothing is allocated, and nothing waits: where the socket
 * takes no more, a message is lost. */
#ifndef TRM_PROC_NOTIFY_H
#define TRM_PROC_NOTIFY_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <trm/error.h>

typedef struct trm__notify {
  int socket; /* negative: nobody listens */
  struct sockaddr_un address;
  socklen_t length;
} trm__notify;

/* name: what NOTIFY_SOCKET says; NULL or empty: nobody listens. */
trm_status trm__notify_open(trm__notify *n, const char *name, trm_error *err);
void trm__notify_close(trm__notify *n);

/* One message, at most 1000 bytes: "STATUS=%s", "READY=1". */
void trm__notify_send(const trm__notify *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What WATCHDOG_USEC and WATCHDOG_PID say (NULL: they are not set): milliseconds between two "WATCHDOG=1", half of what
 * is allowed. 0: none is expected of this process. */
int64_t trm__notify_watchdog_ms(const char *usec, const char *pid);

#endif
