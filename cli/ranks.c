/* This process as a rank: mpirun tells it so by variables of the environment. MPI is in trm-mpi.so, which is looked for
 * beside this program, where a build folder has it, and in libexec/trm beside the installed bin. */
#include "cli/ranks.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os/file.h"
#include "base/os/machine.h"

int cli_ranks_here(void) {
  const char *text = cli_environment("OMPI_COMM_WORLD_LOCAL_SIZE");
  int here = text ? atoi(text) : 1;
  return here > 1 ? here : 1;
}

static void ranks_module(char *path, size_t size) {
  static const char *const places[] = {"trm-mpi.so", "../libexec/trm/trm-mpi.so"};
  char program[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  program[length > 0 ? length : 0] = 0;
  if (strrchr(program, '/')) *strrchr(program, '/') = 0;
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    (void)snprintf(path, size, "%s/%s", program, places[i]);
    if (access(path, F_OK) == 0) return;
  }
  path[0] = 0;
}

int64_t cli_newest_checkpoint(const char *run, char *path, size_t size) {
  char folder[CLI_RANKS_PATH + 32];
  char **names;
  size_t count;
  int64_t newest = 0;
  (void)snprintf(folder, sizeof folder, "%s/checkpoints", run);
  if (trm__dir_list(folder, &names, &count, NULL)) return 0;
  for (size_t i = 0; i < count; i++) {
    int64_t number = 0;
    int used = 0;
    if (sscanf(names[i], "step-%" SCNd64 "%n", &number, &used) == 1 && !names[i][used] && number > newest)
      newest = number;
  }
  trm__dir_list_free(names, count);
  (void)snprintf(path, size, "%s/step-%" PRId64, folder, newest);
  return newest;
}

/* Told once: mpirun ends a job by a signal when a rank is gone, and rank 0 may have no other time to say what is left.
 */
static void ranks_waiting(void *context, int rank, double seconds) {
  static int told;
  char path[CLI_RANKS_PATH + 64];
  const char *run = context;
  (void)seconds;
  if (!run || told || !cli_interrupted()) return;
  told = 1;
  if (cli_newest_checkpoint(run, path, sizeof path))
    cli_note("stopping, but rank %d is busy or gone; the last whole checkpoint is %s", rank, path);
  else cli_note("stopping, but rank %d is busy or gone; there is no checkpoint yet", rank);
}

int cli_ranks_join(const cli_command *command, trm_ranks **out, const cli_ranks_options *options, const char *run) {
  char module[PATH_MAX + 64];
  trm_error error = {0};
  trm_ranks_config config = trm_ranks_config_default();
  if (!cli_is_rank()) return CLI_CONTINUE;
  ranks_module(module, sizeof module);
  if (!module[0]) {
    (void)cli_usage(command, "this build has no MPI: trm-mpi.so is neither beside the program nor in ../libexec/trm; "
                             "build trm where Open MPI is installed (tools/setup --mpi)");
    return CLI_FAULT;
  }
  config.any_number = options->any_ranks;
  config.module = module;
  config.timeout = options->rank_timeout;
  config.waiting = ranks_waiting;
  config.context = (void *)(uintptr_t)run;
  if (!trm_ranks_open(out, &config, &error)) return CLI_CONTINUE;
  const char *rank = cli_environment("OMPI_COMM_WORLD_RANK");
  int all_know = error.code == TRM_E_USAGE && rank && strcmp(rank, "0") != 0;
  return all_know ? cli_exit_code(error.code) : cli_error(command, &error);
}

int cli_ranks_speaks(const trm_ranks *ranks) {
  return !ranks || trm_ranks_describe(ranks).rank == 0;
}

int cli_ranks_error(const cli_command *command, trm_ranks *ranks, const trm_error *error) {
  if (!ranks) return cli_error(command, error);
  trm_ranks_abandon(ranks, error);
  trm_ranks_info info = trm_ranks_describe(ranks);
  int code = cli_exit_code(error->code);
  if (info.rank == 0 || info.lost) code = cli_error(command, error);
  return info.lost ? CLI_LOST : code;
}
