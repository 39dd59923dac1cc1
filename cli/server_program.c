/* Starting trm-server: see server_program.h. */
#include "cli/server_program.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/puzzles.h"

trm__serve_config cli_served;

/* Each option of the server is a variable too; the others are in the program's table. */
static const char *server_environment(const char *name) {
  size_t count;
  char variable[64];
  const trm_option *table = trm__serve_options(&count);
  for (size_t i = 0; i < count; i++) {
    trm__serve_variable(table[i].name, variable, sizeof variable);
    if (!strcmp(variable, name)) return cli_environment_option(name);
  }
  return cli_environment(name);
}

trm_status cli_serve_configure(const cli_arguments *a, const char *file, trm_error *err) {
  char text[TRM__SERVE_PATH + 16];
  size_t count;
  const trm_option *table = trm__serve_options(&count);
  trm__serve_config whole = trm__serve_config_default();
  trm_status status = trm__serve_config_read(&whole, file, server_environment, err);
  for (size_t i = 0; i < a->givens && !status; i++) {
    if (a->given[i].table->config != &cli_served) continue;
    const char *name = a->given[i].option->name;
    (void)trm_options_get(table, count, &cli_served, name, text, sizeof text);
    status = trm_options_set(table, count, &whole, name, text, err);
  }
  if (!status) status = trm__serve_config_check(&whole, server_environment, err);
  if (!status) cli_served = whole;
  return status;
}

int cli_serve_exec(const cli_command *self, const char *const *before, int argc, char **argv) {
  static const char *const places[] = {"%s/trm-server", "%s/../libexec/trm/trm-server"};
  char program[PATH_MAX], file[PATH_MAX + 64];
  char **arguments = cli_alloc((size_t)argc + 8, sizeof *arguments);
  char *folders = cli_model_folders();
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  program[length > 0 ? length : 0] = 0;
  if (strrchr(program, '/')) *strrchr(program, '/') = 0;
  arguments[0] = (char *)(uintptr_t) "trm-server";
  int count = 1;
  for (; before && *before; before++) arguments[count++] = (char *)(uintptr_t)*before;
  for (int i = 0; i < argc; i++) arguments[count++] = argv[i];
  arguments[count++] = (char *)(uintptr_t) "--folders";
  arguments[count] = folders;
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(file, sizeof file, places[i], program);
#pragma GCC diagnostic pop
    (void)execv(file, arguments);
    if (errno != ENOENT && errno != ENOTDIR) break;
  }
  int missing = errno == ENOENT || errno == ENOTDIR;
  free(arguments);
  free(folders);
  if (missing)
    return cli_usage(self,
                     "this build has no server: trm-server is neither in %s nor in ../libexec/trm; build trm "
                     "where libevent and SQLite are installed (tools/setup --server)",
                     program);
  return cli_bad_input(self, "%s cannot be started: %s", file, strerror(errno));
}
