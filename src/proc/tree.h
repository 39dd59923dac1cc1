/* What the files of the root share: a supervisor for each group, with a row for each of its places, and the walk that
 * carries orders out. From below: process.c starts processes, tree.c knows groups, hear.c hears of children, root.c has
 * the loop. */
#ifndef TRM_PROC_TREE_H
#define TRM_PROC_TREE_H

#include <poll.h>
#include <sys/types.h>

#include "proc/notify.h"
#include "proc/root.h"

/* A place of a group. A role that does not run has pid 0, line and link -1. */
typedef struct trm__row {
  int node;        /* negative: the place is free */
  int group;       /* of a node that is a group: its number; otherwise -1 */
  uint32_t serial; /* no two children of a run of the root have the same */
  uint32_t starts;
  pid_t pid;
  int line; /* our end */
  int link; /* the hub's end of its channel, until that has it */
} trm__row;

typedef struct trm__group {
  int node;
  int above, place; /* where it stands: a group's number, negative for the top, and its place there */
  trm__supervisor supervisor;
  trm__row row[TRM__PLACES];
} trm__group;

struct trm__root {
  trm__root_config config;
  trm__group *group; /* [groups], the top first */
  int groups;
  uint32_t serials;
  trm__notify notify;
  int signals; /* a signalfd */
  int64_t now;
  int stops;         /* signals that asked to stop */
  int told_ready;    /* READY=1 was sent, and no RELOADING=1 after it */
  int reloading;     /* the hub was told to read again, and has not said that it did */
  int hopeless_exit; /* with which a child said that it has no hope */
  int64_t next_watchdog;
  int links_wait;      /* 1: the hub's line was full, and links are still to be sent */
  struct pollfd *poll; /* [1 + groups * TRM__PLACES] */
};

/* process.c */
void trm__process_start(trm__root *root, int group, int place); /* tells the supervisor where it fails */
void trm__process_signal(const trm__row *row, int number);      /* SIGKILL: its process group */
void trm__process_drop(trm__row *row);                          /* closes what the root holds of it */

/* tree.c */
void trm__tree_settle(trm__root *root); /* carries out all orders, until nothing is left to do now */
int64_t trm__tree_due(const trm__root *root);
void trm__tree_log_given_up(const trm__root *root, int group);
int trm__tree_is_idle(const trm__root *root);            /* nobody runs, nobody is to be started */
int trm__tree_add(trm__root *root, int node);            /* one more like a node; 0: it cannot be */
void trm__tree_retire(trm__root *root, uint32_t serial); /* a child that has gone already is ignored */
trm__row *trm__tree_hub(trm__root *root);                /* NULL: it does not run, or nobody hears it */

/* hear.c */
void trm__hear_line(trm__root *root, int group, int place);
void trm__hear_ends(trm__root *root);
int trm__tell_links(trm__root *root); /* gives the hub the ends that it has not got; 0: its line is full */

#endif
