/* Starting trm-server: see server_program.h. */
#include "cli/server_program.h"

#include <stdlib.h>
#include <string.h>

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
  int count = 0, words = 0;
  while (before && before[words]) words++;
  char **all = cli_alloc((size_t)(words + argc) + 1, sizeof *all);
  for (; count < words; count++) all[count] = (char *)(uintptr_t)before[count];
  for (int i = 0; i < argc; i++) all[count++] = argv[i];
  int code = cli_become(self, "trm-server", count, all, "libevent and SQLite are installed");
  free(all);
  return code;
}
