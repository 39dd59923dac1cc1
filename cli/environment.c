/* The environment variables that the program obeys: every one is in the table, which is also what the man pages say,
 * and is read through cli_environment. The library reads none. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const cli_variable environment[] = {
    {"TRM_THREADS", "computing threads, where --threads does not say; default: all cores that the process may use"},
    {"TRM_DEVICE", "what computes, where --device does not say; its names are in trm solve --help=all; default: cpu"},
    {"TRM_ISA", "the kernels: auto (the best of all that the machine has), ref (plain C), or instruction sets that trm "
                "doctor lists, "
                "joined by +, such as avx512vnni; each brings what it needs"},
    {"TRM_MPIRUN", "the command that --ranks starts ranks with, and options of its own before ours; default: mpirun"},
    {"OMPI_COMM_WORLD_SIZE", "set by mpirun: this process is one of several ranks"},
    {"OMPI_COMM_WORLD_LOCAL_SIZE", "set by mpirun: ranks on this machine, which share its cores"},
    {"OMPI_COMM_WORLD_RANK", "set by mpirun: which rank this is"},
    {"PMIX_RANK", "set by srun --mpi=pmix: this process is one of several ranks"},
    {"OMPI_ALLOW_RUN_AS_ROOT", "with OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: mpirun starts jobs of root"},
    {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "see OMPI_ALLOW_RUN_AS_ROOT"},
    {"TRM_TOKEN", "what trm solve --server and trm mcp show a server, where --token-file does not say"},
    {"TRM_MODELS", "a folder of models that is looked into first when no model is named"},
    {"LC_ALL", "with LC_CTYPE and LANG: whether the terminal shows UTF-8, so that two rows of a large maze fit a line"},
    {"LC_CTYPE", "see LC_ALL"},
    {"LANG", "see LC_ALL"},
    {"NO_COLOR", "set and not empty: no colours, unless --color says otherwise"},
    {"TERM", "dumb or not set: no colours, and no line that is written over"},
    {"TMPDIR", "where quantize measures a copy that goes to a pipe or device; default: /tmp"},
    {"PATH", "where doctor looks for programs"},
    {"HOME", "of trm serve and trm mcp, where neither XDG_CONFIG_HOME nor XDG_STATE_HOME is set: .config and "
             ".local/state in it"},
    {"XDG_CONFIG_HOME", "where trm serve looks for trm/trm.json"},
    {"XDG_STATE_HOME", "where trm serve keeps trm/, its journal"},
    {"STATE_DIRECTORY", "the same, set by systemd; it goes before XDG_STATE_HOME"},
    {"CUDACXX", "the CUDA compiler, nvcc, which doctor shows first"},
};

const cli_variable *cli_variables(size_t *count) {
  *count = sizeof environment / sizeof *environment;
  return environment;
}

const char *cli_environment(const char *name) {
  for (size_t i = 0; i < sizeof environment / sizeof *environment; i++) {
    if (strcmp(environment[i].name, name) != 0) continue;
    const char *value = getenv(name);
    return value && *value ? value : NULL;
  }
  abort(); /* a name that is not in the table is a defect */
}

const char *cli_environment_option(const char *name) {
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

int cli_is_rank(void) {
  return cli_environment("OMPI_COMM_WORLD_SIZE") || cli_environment("PMIX_RANK");
}
