/* The files that commands write: what is told of them before the work and after it. The library follows links and
 * writes to devices and pipes; see base/os/file.h. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/file.h"
#include "cli/cli.h"

int cli_may_write(const cli_command *command, const char *path, int force) {
  trm__path_kind kind;
  trm_error error = {0};
  if (trm__path_find(&kind, path, &error)) return cli_error(command, &error);
  if (kind == TRM__PATH_FOLDER) return cli_bad_input(command, "%s: is a folder, expected the name of a file", path);
  if (kind == TRM__PATH_FILE && !force) return cli_usage(command, "%s exists; --force replaces it", path);
  return CLI_CONTINUE;
}

int cli_is_stdout(const char *path) {
  struct stat named, output;
  return stat(path, &named) == 0 && fstat(STDOUT_FILENO, &output) == 0 && named.st_dev == output.st_dev &&
         named.st_ino == output.st_ino;
}

void cli_print_written(const char *path) {
  if (!cli_is_stdout(path)) printf("%s\n", path);
}
