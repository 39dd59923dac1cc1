/* Becoming another of trm's programs, which lies beside this one in a build folder, and in libexec/trm beside the
 * installed bin: so nothing else needs its libraries. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/puzzles.h"

int cli_become(const cli_command *self, const char *name, int argc, char **argv, const char *where_built) {
  static const char *const places[] = {"", "/../libexec/trm"};
  char program[PATH_MAX], file[PATH_MAX + 64];
  char **arguments = cli_alloc((size_t)argc + 4, sizeof *arguments);
  char *folders = cli_model_folders();
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  program[length > 0 ? length : 0] = 0;
  if (strrchr(program, '/')) *strrchr(program, '/') = 0;
  arguments[0] = (char *)(uintptr_t)name;
  memcpy(arguments + 1, argv, (size_t)argc * sizeof *arguments);
  arguments[1 + argc] = (char *)(uintptr_t) "--folders";
  arguments[2 + argc] = folders;
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    (void)snprintf(file, sizeof file, "%s%s/%s", program, places[i], name);
    (void)execv(file, arguments);
    if (errno != ENOENT && errno != ENOTDIR) break;
  }
  int missing = errno == ENOENT || errno == ENOTDIR;
  free(arguments);
  free(folders);
  if (missing)
    return cli_usage(self,
                     "%s is not there, neither in %s nor in ../libexec/trm; build trm where %s "
                     "(tools/setup --server)",
                     name, program, where_built);
  return cli_bad_input(self, "%s cannot be started: %s", file, strerror(errno));
}
