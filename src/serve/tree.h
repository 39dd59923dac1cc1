/* The tree of processes of a server, for the root (proc/root.h):
 *
 *     server (one_for_all)
 *       engines (the configured strategy)
 *         engine 0, engine 1, ...            linked: each has a channel whose other end the gateway gets
 *       gateway                              the hub
 *
 * The gateway is started when the engines are, and stopped before them: what it drains still finds them. An engine that
 * dies is replaced alone, unless the strategy says otherwise. A gateway that dies takes the engines with it, because
 * their channels end with it; what they were solving is in the journal, or nobody waits for it any more. Sockets that
 * were handed over live in the root: who connects while the gateway is started again waits, and is not refused. */
#ifndef TRM_SERVE_TREE_H
#define TRM_SERVE_TREE_H

#include "base/log.h"
#include "proc/supervisor.h"

#define TRM__TREE_ENGINES 120
#define TRM__TREE_ARGUMENTS 64
#define TRM__TREE_SOCKETS 16

typedef struct trm__tree_config {
  int engines;                /* 1 to TRM__TREE_ENGINES */
  const char *const *devices; /* [engines] NULL: all on the device that the gateway says */
  const char *const *gateway; /* its arguments behind "--role gateway", ended by NULL; at most TRM__TREE_ARGUMENTS */
  const int *sockets;         /* [socket_count] that listen already: the gateway's, and kept over its deaths */
  int socket_count;
  trm__strategy strategy;        /* of the engines */
  int restarts;                  /* in a period, of one group; one more, and the server gives up */
  int64_t period_ms;             /* of counting them */
  int64_t heartbeat_ms;          /* the longest silence of an engine and of the gateway */
  int64_t gateway_ms, engine_ms; /* from TERM to KILL: for a drain; for the steps at hand */
  const char *notify_socket;     /* NOTIFY_SOCKET; NULL: none */
  int64_t watchdog_ms;           /* trm__notify_watchdog_ms; 0: none */
  trm__log log;
} trm__tree_config;

trm__tree_config trm__tree_config_default(void);

/* The node of engine i, for trm__role_add: one more like it. */
int trm__tree_engine_node(int i);

/* Runs until all has ended; *code: the exit status of the program (proc/role.h). TRM_E_USAGE names what is out of
 * range. The calling process has one thread. */
trm_status trm__tree_run(const trm__tree_config *config, int *code, trm_error *err);

#endif
