/* The line between the root process and one child: a socket pair that keeps messages apart (SOCK_SEQPACKET), over which
 * only headers of frames travel (proc/frame.h), sixteen bytes each, never data. So the root reads without memory of its
 * own and has nothing to parse. No HELLO is said on it: the root starts its own program, and channels check the build.
 *
 *     type     from   request                 meaning
 *     READY    child  0                       it does its work from now on
 *     BEAT     child  0                       its loop turns
 *     ADD      hub    number of a node        start one more like this
 *     RETIRE   hub    id                      stop that one, and do not start it again
 *     RELOADED hub    0                       it has read again what SIGHUP told it to read
 *     LINK     root   id                      with a descriptor: the other end of that child's channel
 *     REFUSED  root   number of a node        there is no place for one more, or nothing to start like this
 *
 * An id names one run of a child: its serial number in the upper, the number of its start, from 1, in the lower 32
 * bits. RETIRE looks at the serial number alone. The hub is the one child that gets links and may ADD and RETIRE. */
#ifndef TRM_PROC_LINE_H
#define TRM_PROC_LINE_H

#include "proc/frame.h"

trm_status trm__line_pair(int sockets[2], trm_error *err); /* non-blocking, close-on-exec */

/* 1: sent. 0: not, the line is full or its other end is gone. fd is not taken; negative: none. */
int trm__line_send(int socket, enum trm__frame_type type, uint64_t request, int fd);

/* 1: a message; its descriptor, where it has one, is the caller's. What came and is no message of a line has type 0.
 * 0: nothing at the moment. Negative: the other end is gone. */
int trm__line_read(int socket, trm__frame *message);

#endif
