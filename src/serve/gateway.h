/* The gateway: the process that clients talk to. One event loop has the HTTP server (net/server.h), the pool of engines
 * (serve/pool.h), the journal's answers (store/journal.h), the sessions, and the line to the root process. Nothing in
 * it waits: puzzles are solved by engines, and disks are the journal's thread's.
 *
 * Phases, each of which leads to the next:
 *   STARTING   no engine has every model yet: /readyz 503, solving 503 model_not_loaded
 *   SERVING    (again STARTING when the last engine is lost; what was accepted waits)
 *   LEAVING    SIGTERM: /readyz 503, new work is taken for drain_delay_s still
 *   DRAINING   new work 503; what runs has drain_s; then what is journaled is handed back, the rest cancelled
 *   ENDED      the loop is left, exit 0. A second SIGTERM leads here at once */
#ifndef TRM_SERVE_GATEWAY_H
#define TRM_SERVE_GATEWAY_H

#include <event2/event.h>

#include "net/token.h"
#include "serve/records.h"
#include "serve/run.h"

typedef enum trm__phase { TRM__STARTING, TRM__SERVING, TRM__LEAVING, TRM__DRAINING, TRM__ENDED } trm__phase;

typedef struct trm__live_jobs trm__live_jobs;
typedef struct trm__session_table trm__session_table;
typedef struct trm__reload trm__reload;
typedef struct trm__mcp trm__mcp;

typedef struct trm__gateway {
  trm__serve_config config;
  trm__records records;
  trm__telemetry telemetry;
  struct event_base *base;
  trm__serve_pool *pool;
  trm__journal *journal;
  trm__server *server;
  trm__router *router;
  trm__tokens *tokens; /* NULL: nobody needs one */
  trm__live_jobs *live;
  trm__session_table *sessions;
  trm__reload *reload;
  trm__mcp *mcp;
  trm__phase phase;
  int started; /* 1: it has been ready once */
  double began;
  /* waiting solves, which hold the end of a drain back */
  size_t waiting;
  json_t *openapi;       /* what GET /v1/openapi.json answers */
  struct event *on_idle; /* that trm__gateway_idle makes active */
  /* private to gateway.c */
  struct event *on_journal, *on_line, *on_tick, *on_term, *on_int, *on_hup, *on_drain;
  int failed;  /* 1: the loop ended for a fault */
  int sockets; /* that listened before it began, and are not its own to open */
} trm__gateway;

/* What the gateway process does until it ends; the configuration is checked. Returns its exit status. models: what the
 * engines are told. folders: of models, beside the configuration's. build_id: the engines'. sockets: how many that listen
 * it was given, from TRM__ROLE_GIVEN on; with some of these the configuration's addresses are not opened. */
int trm__gateway_run(const trm__serve_config *config, const trm__work_config *models, const char *folders,
                     const char *build_id, int sockets);

/* What a run needs. */
trm__run_place trm__gateway_place(trm__gateway *gateway);
/* TRM__PROBLEM_NONE: new work is taken now. Otherwise why not, and *detail says it. */
trm__problem_kind trm__gateway_refusal(const trm__gateway *gateway, const char **detail);
/* Work that was waited for has ended: a drain may be over. */
void trm__gateway_idle(trm__gateway *gateway);

#endif
