/* trm-server: one program, four roles. Without --role it is the root, which starts itself again as gateway and engines;
 * --role mcp is trm mcp. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trm/trm.h>
#include <unistd.h>

#include "base/status.h"
#include "base/text/options.h"
#include "net/listen.h"
#include "proc/notify.h"
#include "proc/role.h"
#include "serve/engine.h"
#include "serve/gateway.h"
#include "serve/mcp/stdio.h"
#include "serve/model_files.h"
#include "serve/tree.h"

/* trm-server --role engine [--device NAME] [--channel FD]. With a channel it is on its own, without a root process: for
 * tests, and for programs that want an engine and no server. */
static int main_engine(int argc, char **argv) {
  trm__serve_engine_options options = {
      .channel = TRM__ROLE_CHANNEL, .build_id = trm_version(), .device = NULL, .supervised = 1};
  trm_error err = {.code = TRM_OK};
  for (int i = 0; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--device") == 0) options.device = argv[i + 1];
    if (strcmp(argv[i], "--channel") == 0) options.channel = atoi(argv[i + 1]), options.supervised = 0;
  }
  if (options.supervised && trm__role_open(&err)) {
    (void)fprintf(stderr, "trm-server: --role engine: %s; it is started by the server, or with --channel FD\n",
                  err.message);
    return TRM__EXIT_USAGE;
  }
  return trm__serve_engine_run(&options);
}

/* -- root and gateway ---------------------------------------------------------------------------------------------- */

/* What trm serve was given: options of serve/config.h, "--config FILE", and "--folders DIR:DIR", where models are. */
typedef struct main_arguments {
  trm__serve_config config;
  const char *file, *folders;
} main_arguments;

static const char *main_environment(const char *name) {
  return getenv(name);
}

/* trm serve has looked at the same words before, so mistakes are rare here; the file may have changed since. */
static trm_status main_configure(main_arguments *a, int argc, char **argv, trm_error *err) {
  size_t count;
  const trm_option *table = trm__serve_options(&count), *option;
  trm__serve_config scratch = trm__serve_config_default();
  *a = (main_arguments){.config = scratch, .file = "", .folders = ""};
  for (int pass = 0; pass < 2; pass++) {
    for (int i = 0; i < argc;) {
      const char **own = strcmp(argv[i], "--config") == 0    ? &a->file
                         : strcmp(argv[i], "--folders") == 0 ? &a->folders
                                                             : NULL;
      if (own && i + 1 < argc) {
        *own = argv[i + 1];
        i += 2;
        continue;
      }
      trm_status status = trm__options_parse(table, count, pass ? &a->config : &scratch, argc, argv, &i, &option, err);
      if (!status && !option) status = trm__fail(err, TRM_E_USAGE, argv[i], "is no option of the server");
      if (status) return status;
    }
    trm_status status = pass ? TRM_OK : trm__serve_config_read(&a->config, a->file, main_environment, err);
    if (status) return status;
  }
  return trm__serve_config_check(&a->config, main_environment, err);
}

static int main_fail(const trm_error *err) {
  (void)fprintf(stderr, "trm serve: %s%s%s\n", err->where, *err->where ? ": " : "", err->message);
  return err->code == TRM_E_USAGE ? TRM__EXIT_USAGE : TRM__EXIT_INPUT;
}

/* trm-server --role gateway [--sockets N] OPTIONS: see tree.c. */
static int main_gateway(int argc, char **argv) {
  static main_arguments a;
  static trm__work_config models;
  trm_error err = {0};
  int given = argc >= 2 && strcmp(argv[0], "--sockets") == 0 ? 2 : 0;
  trm_status status = main_configure(&a, argc - given, argv + given, &err);
  if (!status) status = trm__model_files(&models, &a.config, a.folders, &err);
  if (status) return main_fail(&err);
  return trm__gateway_run(&a.config, &models, a.folders, trm_version(), given ? atoi(argv[1]) : 0);
}

/* What systemd, or another that starts us so, has opened: nobody else is to find these descriptors. */
static trm_status main_take_sockets(int sockets[TRM__TREE_SOCKETS], int *count, trm_error *err) {
  trm_status status = trm__listen_inherited(count, getenv("LISTEN_PID"), getenv("LISTEN_FDS"), err);
  if (!status && *count > TRM__TREE_SOCKETS)
    status = trm__fail(err, TRM_E_INPUT, "LISTEN_FDS", "%d sockets, expected at most %d", *count, TRM__TREE_SOCKETS);
  for (int i = 0; !status && i < *count; i++) {
    sockets[i] = TRM__LISTEN_FIRST + i;
    if (fcntl(sockets[i], F_SETFD, FD_CLOEXEC) < 0)
      status = trm__fail(err, TRM_E_INPUT, "LISTEN_FDS", "says %d sockets, and descriptor %d is not open", *count,
                         sockets[i]);
  }
  (void)unsetenv("LISTEN_PID"), (void)unsetenv("LISTEN_FDS"), (void)unsetenv("LISTEN_FDNAMES");
  return status;
}

static int main_root(int argc, char **argv) {
  static main_arguments a;
  trm_error err = {0};
  int code = TRM__EXIT_FAULT, sockets[TRM__TREE_SOCKETS];
  trm__tree_config tree = trm__tree_config_default();
  trm_status status = main_configure(&a, argc, argv, &err);
  if (!status) status = main_take_sockets(sockets, &tree.socket_count, &err);
  if (status) return main_fail(&err);
  const trm__serve_config *c = &a.config;
  trm__records records = trm__records_open(c->log, c->log_level, "root");
  tree.sockets = sockets;
  tree.engines = c->pool_size ? (int)c->pool_size : 1;
  tree.gateway = (const char *const *)argv;
  tree.strategy = (trm__strategy)c->strategy;
  tree.restarts = (int)c->restarts;
  tree.period_ms = (int64_t)(c->period_s * 1000);
  tree.heartbeat_ms = (int64_t)(c->heartbeat_s * 1000);
  tree.gateway_ms = (int64_t)((c->drain_delay_s + c->drain_s + 5) * 1000);
  tree.notify_socket = getenv("NOTIFY_SOCKET");
  tree.watchdog_ms = trm__notify_watchdog_ms(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
  tree.log = trm__records_log(&records);
  status = trm__tree_run(&tree, &code, &err);
  return status ? main_fail(&err) : code;
}

/* -- trm mcp ------------------------------------------------------------------------------------------------------- */

static main_arguments main_mcp_arguments;

static trm_status main_mcp_models(trm__work_config *models, trm_error *err) {
  return trm__model_files(models, &main_mcp_arguments.config, main_mcp_arguments.folders, err);
}

/* trm-server --role mcp URL ALONE OPTIONS: URL "" for none, ALONE 0 or 1. The token is in TRM_TOKEN, where nobody sees
 * it in a list of processes. */
static int main_mcp(int argc, char **argv) {
  static char program[TRM__WORK_PATH];
  trm_error err = {0};
  if (argc < 2) return TRM__EXIT_USAGE;
  if (main_configure(&main_mcp_arguments, argc - 2, argv + 2, &err)) return main_fail(&err);
  const char *token = getenv("TRM_TOKEN");
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  program[length > 0 ? length : 0] = 0;
  const trm__mcp_stdio options = {.config = &main_mcp_arguments.config,
                                  .server = argv[0],
                                  .token = token ? token : "",
                                  .alone = strcmp(argv[1], "1") == 0,
                                  .program = program,
                                  .models = main_mcp_models};
  return trm__mcp_stdio_run(&options);
}

int main(int argc, char **argv) {
  const char *role = argc >= 3 && strcmp(argv[1], "--role") == 0 ? argv[2] : NULL;
  if (role && strcmp(role, "engine") == 0) return main_engine(argc - 3, argv + 3);
  if (role && strcmp(role, "gateway") == 0) return main_gateway(argc - 3, argv + 3);
  if (role && strcmp(role, "mcp") == 0) return main_mcp(argc - 3, argv + 3);
  if (!role) return main_root(argc - 1, argv + 1);
  (void)fprintf(stderr, "trm-server: --role %s: expected engine, gateway or mcp\n", role);
  return TRM__EXIT_USAGE;
}
