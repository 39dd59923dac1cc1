/* The machine as the user wants it used: threads, device and kernels from options and environment; the library's log.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os/machine.h"
#include "cli/ranks.h"

static const cli_command *runtime_user;
static int runtime_warns_only;

/* What cli_note_ahead was given and has not appeared yet: lines. */
static char runtime_ahead[4096];

void cli_note_ahead(const char *format, ...) {
  size_t used = strlen(runtime_ahead);
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(runtime_ahead + used, sizeof runtime_ahead - used - 1, format, arguments);
  va_end(arguments);
  (void)strcat(runtime_ahead, "\n");
}

static void runtime_show_ahead(void) {
  for (char *line = runtime_ahead; *line;) {
    size_t length = strcspn(line, "\n");
    cli_note("%.*s", (int)length, line);
    line += length + (line[length] == '\n');
  }
  runtime_ahead[0] = 0;
}

static void runtime_log(void *context, trm_log_level level, const char *line) {
  (void)context;
  if (level == TRM_LOG_INFO) runtime_show_ahead();
  if (level == TRM_LOG_DEBUG || (runtime_warns_only && level == TRM_LOG_INFO)) return;
  cli_note("%s%s%s%s", level <= TRM_LOG_WARN ? "trm " : "", level <= TRM_LOG_WARN ? runtime_user->name : "",
           level == TRM_LOG_ERROR  ? ": "
           : level == TRM_LOG_WARN ? ": warning: "
                                   : "",
           line);
}

int cli_threads(const cli_command *command, int64_t threads, int64_t *out) {
  const char *text = cli_environment("TRM_THREADS");
  *out = threads;
  if (threads || !text) return CLI_CONTINUE;
  char *end;
  long long value = strtoll(text, &end, 10);
  if (*end || value < 1 || value > 1024)
    return cli_usage(command, "TRM_THREADS: found \"%s\", expected 1 to 1024", text);
  *out = value;
  return CLI_CONTINUE;
}

/* Ranks that may run on all cores of a machine share them; one that is bound to some has these. */
static int64_t runtime_share(int64_t threads) {
  int here = cli_ranks_here(), cores = trm__cores();
  if (threads || here == 1 || cores < sysconf(_SC_NPROCESSORS_ONLN)) return threads;
  return cores > here ? cores / here : 1;
}

int cli_runtime_open(const cli_command *command, trm_runtime **runtime, const char *device, int64_t threads,
                     int quiet) {
  trm_error error = {0};
  trm_runtime_config config = trm_runtime_config_default();
  int code = cli_threads(command, threads, &threads);
  if (code != CLI_CONTINUE) return code;
  const char *isa = cli_environment("TRM_ISA"), *usual = cli_environment("TRM_DEVICE");
  int from_environment = !device[0] && usual;
  if (from_environment) device = usual;
  runtime_user = command;
  runtime_warns_only = quiet;
  config.threads = (int)runtime_share(threads);
  config.isa = isa;
  config.device = *device ? device : NULL;
  config.log = runtime_log;
  if (!trm_runtime_open(runtime, &config, &error)) return CLI_CONTINUE;
  if (config.isa && !strcmp(error.where, "isa")) (void)snprintf(error.where, sizeof error.where, "TRM_ISA");
  if (from_environment && !strcmp(error.where, "device")) (void)snprintf(error.where, sizeof error.where, "TRM_DEVICE");
  return cli_error(command, &error);
}
