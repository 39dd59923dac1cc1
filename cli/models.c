/* The model to use when none is named: installed ones lie in models/ folders, and the one whose puzzles have the right
 * number of cells is taken. */
#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "puzzles.h"

/* The folders, the program's own neighbourhood included, as one glob each. */
static int find_models(glob_t *found) {
  static const char *const patterns[] = {"models/*.safetensors", NULL, "/usr/local/share/trm/models/*.safetensors",
                                         "/usr/share/trm/models/*.safetensors"};
  char own[1200], program[1024];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  int flags = 0;
  memset(found, 0, sizeof *found);
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    const char *pattern = patterns[i];
    if (!pattern) {
      program[length > 0 ? length : 0] = 0;
      char *slash = strrchr(program, '/');
      if (!slash) continue;
      *slash = 0;
      (void)snprintf(own, sizeof own, "%s/../share/trm/models/*.safetensors", program);
      pattern = own;
    }
    if (glob(pattern, flags, NULL, found) == 0) flags = GLOB_APPEND;
  }
  return (int)found->gl_pathc;
}

static int open_installed(const cli_command *command, char path[1100], size_t cells, trm_model **model) {
  glob_t found;
  int count = find_models(&found), code = CLI_CONTINUE;
  for (int i = 0; i < count && !*model; i++) {
    if (trm_model_open(model, found.gl_pathv[i], NULL)) continue;
    if ((size_t)trm_model_get_config(*model)->seq_len != cells) trm_model_close(model);
    if (*model) (void)snprintf(path, 1100, "%s", found.gl_pathv[i]);
  }
  if (!*model && count)
    code = cli_usage(command, "none of the %d installed models solves puzzles of %zu cells; name one with --model FILE",
                     count, cells);
  else if (!*model)
    code = cli_usage(command, "no model is installed; train one with 'trm train DATA --run RUN', then give "
                              "--model RUN");
  globfree(&found);
  return code;
}

int cli_model_open(const cli_command *command, char path[1100], size_t cells, trm_model **model) {
  trm_error error = {0};
  if (!path[0]) return open_installed(command, path, cells, model);
  static const char *const names[] = {"best.safetensors", "last.safetensors"};
  for (size_t i = 0; i < 2; i++) { /* a run directory stands for its best model */
    char file[1200];
    (void)snprintf(file, sizeof file, "%s/%s", path, names[i]);
    if (access(file, F_OK) != 0) continue;
    (void)snprintf(path, 1100, "%.1099s", file);
    break;
  }
  return trm_model_open(model, path, &error) ? cli_error(command, &error) : CLI_CONTINUE;
}
