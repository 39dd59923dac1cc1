/* The files that commands write: what is told of them before the work and after it. The library follows links and
 * writes to devices and pipes; see base/os/file.h. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os/file.h"
#include "cli/cli.h"

/* The folder of what the path names takes new files. */
static int outputs_check_folder(const cli_command *command, const char *path) {
  char *target = NULL, *folder = NULL;
  int descriptor, code = CLI_CONTINUE;
  trm_error error = {0};
  if (trm__path_follow(&target, &descriptor, path, &error)) return cli_error(command, &error);
  if ((folder = trm__path_folder(target)) && access(folder, W_OK | X_OK) != 0)
    code = cli_bad_input(command, "%s: %s cannot be created: %s", path, target, strerror(errno));
  trm__free(folder);
  trm__free(target);
  return code;
}

int cli_may_write(const cli_command *command, const char *path, int force) {
  trm__path_kind kind;
  trm_error error = {0};
  if (trm__path_find(&kind, path, &error)) return cli_error(command, &error);
  if (kind == TRM__PATH_FOLDER) return cli_usage(command, "%s is a folder; name a file in it", path);
  if (kind == TRM__PATH_FILE && !force) return cli_usage(command, "%s exists; --force replaces it", path);
  return kind == TRM__PATH_SPECIAL ? CLI_CONTINUE : outputs_check_folder(command, path);
}

int cli_may_write_beside(const cli_command *command, const char *option, const char *path, int force) {
  char *target = NULL;
  int descriptor = -1, standard_output = !strcmp(path, "-");
  trm_error error = {0};
  if (!standard_output && trm__path_follow(&target, &descriptor, path, &error)) return cli_error(command, &error);
  trm__free(target);
  if (standard_output || descriptor == STDOUT_FILENO)
    return cli_usage(command, "%s: %s is standard output, which has the results; name a file or another descriptor",
                     option, path);
  return cli_may_write(command, path, force);
}

int cli_is_stdout(const char *path) {
  struct stat named, output;
  return stat(path, &named) == 0 && fstat(STDOUT_FILENO, &output) == 0 && named.st_dev == output.st_dev &&
         named.st_ino == output.st_ino;
}

void cli_print_written(const char *path) {
  if (!cli_is_stdout(path)) printf("%s\n", path);
}
