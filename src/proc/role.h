/* What a process that the root has started needs of it: the descriptors it finds, what it says on its line, and the
 * exit statuses that the root understands.
 *
 *     trm__role_open(&err) at the beginning; trm__role_ready() when it can work; from then on trm__role_beat() from the
 *     very loop that does the work, never from a thread of its own, several times in its heartbeat_ms.
 *
 * A role ends at SIGTERM, within its shutdown time. Where its channel ends first, it waits for that: the root stops who
 * belongs to the other side, and an end of its own would count as a failure. It dies with the root (SIGKILL from the
 * kernel), so it needs no care for that; who changes his user id loses this. It is the leader of a process group, and
 * whatever it has started in that group is killed when it ends.
 * Threads: any of these from one thread at a time. */
#ifndef TRM_PROC_ROLE_H
#define TRM_PROC_ROLE_H

#include <stdint.h>
#include <trm/error.h>

#define TRM__ROLE_LINE 3    /* the line to the root */
#define TRM__ROLE_CHANNEL 4 /* its channel, where it is linked: for trm__channel_open */
#define TRM__ROLE_GIVEN 5   /* from here on: the descriptors that its node names */

/* As of all commands. USAGE and INPUT before it was ready: another start would not help, and the root gives up. */
enum trm__exit {
  TRM__EXIT_OK = 0,      /* it ended as it should */
  TRM__EXIT_STOPPED = 1, /* the root: a second signal killed what was running */
  TRM__EXIT_USAGE = 2,
  TRM__EXIT_INPUT = 3,
  TRM__EXIT_FAULT = 4,    /* the root: it has given up */
  TRM__EXIT_ORPHAN = 125, /* the root was gone before the child could be bound to it */
  TRM__EXIT_PROGRAM = 127 /* the program could not be run */
};

/* TRM_E_USAGE: descriptor 3 is no line, so this process was not started by the root. */
trm_status trm__role_open(trm_error *err);
void trm__role_ready(void);
void trm__role_beat(void); /* may be lost when the root is slow: it reads others first */

/* For the hub. Requests may be lost when the line is full (0): ask again later. Answers come as messages. */
int trm__role_add(int node);
int trm__role_retire(uint64_t id);
int trm__role_reloaded(void); /* what SIGHUP asked for is done */

typedef struct trm__role_message {
  int refused; /* 1: an ADD of `node`; 0: a link */
  int node;
  uint64_t id; /* of the child that the channel leads to */
  int channel; /* the caller's to close, or for trm__channel_open */
} trm__role_message;
/* 1: a message. 0: none; descriptor TRM__ROLE_LINE can be read when there is one. Negative: the root is gone. */
int trm__role_next(trm__role_message *message);

#endif
