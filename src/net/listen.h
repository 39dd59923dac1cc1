/* Sockets that listen. An address is one of
 *
 *     127.0.0.1:8080   [::1]:8080   localhost:8080      numbers alone (localhost is 127.0.0.1); port 0: any free one
 *     unix:/run/trm/trm.sock
 *
 * A Unix socket's file that nobody listens at any more, left by a process that was killed, is replaced. */
#ifndef TRM_NET_LISTEN_H
#define TRM_NET_LISTEN_H

#include <time.h>
#include <trm/error.h>

#define TRM__ADDRESS 128

typedef struct trm__listen {
  int fd;
  char address[TRM__ADDRESS]; /* as above, with the port that it got */
  char *path;                 /* of a Unix socket that was made here, else NULL */
  unsigned long inode;        /* of that file, and since when: another in its place is not removed */
  struct timespec made;
} trm__listen;

/* TRM_E_BUSY: somebody listens there. unix_mode: of the file. */
trm_status trm__listen_open(trm__listen *out, const char *address, int unix_mode, trm_error *err);
/* A socket that listens already. */
trm_status trm__listen_take(trm__listen *out, int fd, trm_error *err);
void trm__listen_close(trm__listen *listen); /* and removes the file that it made */

/* Whether only this machine can connect: for who decides whether a token is needed. */
int trm__listen_is_local(const char *address);

/* How many sockets systemd hands over, from descriptor 3 on: what the environment says in LISTEN_PID and LISTEN_FDS
 * (each NULL when unset), which concern this process only if LISTEN_PID is its id. TRM_E_INPUT: they are not numbers.
 */
#define TRM__LISTEN_FIRST 3
trm_status trm__listen_inherited(int *count, const char *listen_pid, const char *listen_fds, trm_error *err);

#endif
