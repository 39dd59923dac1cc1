/* The server's tree as a list of nodes: see tree.h. */
#include "serve/tree.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "proc/root.h"

#define PROGRAM "/proc/self/exe" /* this very file, even when it has been replaced since */
#define START_MS 30000           /* until a process says that it works; models are loaded later */
#define BACKOFF_MS 100
#define BACKOFF_MOST_MS 5000
enum { NODE_TOP, NODE_ENGINES, NODE_FIRST };

/* All that the root reads while it runs. */
typedef struct tree {
  trm__node node[NODE_FIRST + TRM__TREE_ENGINES + 1];
  char name[TRM__TREE_ENGINES][16];
  const char *engine[TRM__TREE_ENGINES][6];
  const char *gateway[TRM__TREE_ARGUMENTS + 6];
  char sockets[16]; /* how many, for the gateway */
} tree;

trm__tree_config trm__tree_config_default(void) {
  return (trm__tree_config){.engines = 1,
                            .strategy = TRM__ONE_FOR_ONE,
                            .restarts = 10,
                            .period_ms = 60000,
                            .heartbeat_ms = 30000,
                            .gateway_ms = 40000,
                            .engine_ms = 10000};
}

int trm__tree_engine_node(int i) {
  return NODE_FIRST + i;
}

static trm__supervisor_config tree_supervisor(const trm__tree_config *c, trm__strategy strategy) {
  return (trm__supervisor_config){.strategy = strategy,
                                  .restarts = c->restarts,
                                  .period_ms = c->period_ms,
                                  .backoff_ms = BACKOFF_MS,
                                  .backoff_most_ms = BACKOFF_MOST_MS,
                                  .seed = (uint64_t)(trm__wall_clock() * 1e6)};
}

static void tree_add_engine(tree *t, const trm__tree_config *c, int i) {
  const char **argv = t->engine[i];
  int count = 0;
  (void)snprintf(t->name[i], sizeof t->name[i], "engine %d", i);
  argv[count++] = PROGRAM;
  argv[count++] = "--role";
  argv[count++] = "engine";
  if (c->devices) argv[count++] = "--device";
  if (c->devices) argv[count++] = c->devices[i];
  argv[count] = NULL;
  t->node[NODE_FIRST + i] = (trm__node){.name = t->name[i],
                                        .group = NODE_ENGINES,
                                        .argv = argv,
                                        .linked = 1,
                                        .rule = {.restart = TRM__PERMANENT,
                                                 .start_ms = START_MS,
                                                 .shutdown_ms = c->engine_ms,
                                                 .heartbeat_ms = c->heartbeat_ms}};
}

static trm_status tree_add_gateway(tree *t, const trm__tree_config *c, trm_error *err) {
  int count = 0;
  t->gateway[count++] = PROGRAM;
  t->gateway[count++] = "--role";
  t->gateway[count++] = "gateway";
  if (c->socket_count) {
    (void)snprintf(t->sockets, sizeof t->sockets, "%d", c->socket_count);
    t->gateway[count++] = "--sockets";
    t->gateway[count++] = t->sockets;
  }
  for (int i = 0; c->gateway && c->gateway[i]; i++) {
    if (i == TRM__TREE_ARGUMENTS)
      return trm__fail(err, TRM_E_USAGE, "arguments", "more than %d, expected fewer; a configuration file has room",
                       TRM__TREE_ARGUMENTS);
    t->gateway[count++] = c->gateway[i];
  }
  t->node[NODE_FIRST + c->engines] = (trm__node){.name = "gateway",
                                                 .group = NODE_TOP,
                                                 .argv = t->gateway,
                                                 .given = c->sockets,
                                                 .given_count = c->socket_count,
                                                 .rule = {.restart = TRM__PERMANENT,
                                                          .start_ms = START_MS,
                                                          .shutdown_ms = c->gateway_ms,
                                                          .heartbeat_ms = c->heartbeat_ms}};
  return TRM_OK;
}

static trm_status tree_fill(tree *t, const trm__tree_config *c, trm_error *err) {
  if (c->engines < 1 || c->engines > TRM__TREE_ENGINES)
    return trm__fail(err, TRM_E_USAGE, "pool_size", "found %d engines, expected 1 to %d", c->engines,
                     TRM__TREE_ENGINES);
  t->node[NODE_TOP] = (trm__node){.name = "server", .group = -1, .supervisor = tree_supervisor(c, TRM__ONE_FOR_ALL)};
  t->node[NODE_ENGINES] =
      (trm__node){.name = "engines", .group = NODE_TOP, .supervisor = tree_supervisor(c, c->strategy)};
  for (int i = 0; i < c->engines; i++) tree_add_engine(t, c, i);
  return tree_add_gateway(t, c, err);
}

trm_status trm__tree_run(const trm__tree_config *c, int *code, trm_error *err) {
  trm__root *root = NULL;
  tree *t = trm__calloc(1, sizeof *t);
  if (!t) return trm__fail_memory(err, "server", sizeof *t);
  trm_status status = tree_fill(t, c, err);
  const trm__root_config config = {.node = t->node,
                                   .nodes = NODE_FIRST + c->engines + 1,
                                   .hub = NODE_FIRST + c->engines,
                                   .log = c->log,
                                   .notify_socket = c->notify_socket,
                                   .watchdog_ms = c->watchdog_ms};
  if (!status) status = trm__root_open(&root, &config, err);
  if (!status) *code = trm__root_run(root);
  trm__root_close(&root);
  trm__free(t);
  return status;
}
