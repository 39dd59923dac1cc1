/* The root process of a server: a tree of supervisors (proc/supervisor.h) whose leaves are processes. It starts its
 * children with fork and exec, hears from them over lines (proc/line.h), reaps them, passes signals on, and tells
 * systemd how it stands. After trm__root_open it allocates nothing, and it reads nothing but sixteen-byte messages: so
 * that the one process on which all others depend has little that can go wrong.
 *
 *     trm__root_open(&root, &config, &err);
 *     status = trm__root_run(root);            until all has ended; the exit status of the program
 *     trm__root_close(&root);
 *
 * The tree is a list of nodes: first the top, a group; each other node stands in an earlier group; the order in a group
 * is the order of starting. A group that gives up has failed as a child of the group above; when the top gives up, all
 * is over. Example: top (one_for_all) of [engines (one_for_one) of [engine, engine], gateway]: the gateway is started
 * when the engines are ready, and stopped before them.
 *
 * Channels. A linked role finds one end of a new stream socket at descriptor TRM__ROLE_CHANNEL, at each of its starts;
 * the other end goes to the hub over its line, as soon as the hub runs, with an id. Where the hub is started again,
 * linked roles must be too, because their ends have gone with it: put it into a group that does that (one_for_all). The
 * hub may also have more children started like a linked node (added ones), and have linked children retired: engines
 * for a new version beside the old.
 *
 * Signals. The first SIGTERM, SIGINT or SIGQUIT stops all children in reverse order, each with its shutdown time; the
 * second kills them. SIGHUP is passed on to the hub, and systemd is
 * told that it reloads, until the hub says that it has (trm__role_reloaded). They are blocked in the process that
 * opened the root, for good.
 *
 * The end. Children die with the root, whatever ends it. trm__root_run returns TRM__EXIT_OK when it was stopped and all
 * ended, or when nobody was left to run; TRM__EXIT_STOPPED when a second signal killed somebody; TRM__EXIT_FAULT when
 * it gave up, but a child's own TRM__EXIT_USAGE or _INPUT when it gave up for that.
 *
 * Children inherit the environment and the standard descriptors, and lead process groups of their own, so that Ctrl-C
 * reaches the root alone.
 *
 * Threads: the thread that opens it runs it, and the process should have no other (the children die with the thread
 * that started them). One root a process. */
#ifndef TRM_PROC_ROOT_H
#define TRM_PROC_ROOT_H

#include "base/log.h"
#include "proc/role.h"
#include "proc/supervisor.h"

#define TRM__MOST_NODES 128
#define TRM__MOST_GROUPS 8

typedef struct trm__node {
  const char *name; /* for records: "engine 0" */
  int group;        /* the number of the group in which it stands; the top: -1 */
  /* a role: argv not NULL */
  const char *const *argv; /* "/proc/self/exe" is this program, even when its file has been replaced */
  trm__child_rule rule;
  int linked;
  const int *given; /* [given_count] descriptors that it gets, such as listening sockets, which so survive it */
  int given_count;
  /* a group */
  trm__supervisor_config supervisor;
} trm__node;

typedef struct trm__root_config {
  const trm__node *node; /* [nodes]; read while the root is there, and all that it points to */
  int nodes;
  int hub;                   /* the number of a role; negative: there is none */
  trm__log log;              /* called from trm__root_run; the root waits for it */
  const char *notify_socket; /* NOTIFY_SOCKET; NULL: none */
  int64_t watchdog_ms;       /* trm__notify_watchdog_ms; 0: none */
} trm__root_config;

typedef struct trm__root trm__root;

/* TRM_E_USAGE names the node that does not fit. */
trm_status trm__root_open(trm__root **out, const trm__root_config *config, trm_error *err);
int trm__root_run(trm__root *root);     /* once */
void trm__root_close(trm__root **root); /* accepts NULL inside */

#endif
