/* trm: the program. Dispatches to a subcommand and makes sure that what was printed arrived. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

const cli_command *const cli_commands[] = {
    &cli_data_make, &cli_data_import, &cli_data_info, &cli_data_check, &cli_train,  &cli_eval, &cli_solve,
    &cli_info,      &cli_quantize,    &cli_convert,   &cli_plot,       &cli_doctor, NULL};

/* A closed standard stream must not become the next file that is opened. The substitutes fail on use. */
static void guard_streams(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd) _exit(CLI_FAULT);
}

/* The command whose name is the first words of argv; *used: how many. */
static const cli_command *find(int argc, char **argv, int *used) {
  for (const cli_command *const *c = cli_commands; *c; c++) {
    const char *space = strchr((*c)->name, ' ');
    size_t first = space ? (size_t)(space - (*c)->name) : strlen((*c)->name);
    if (strlen(argv[0]) != first || strncmp(argv[0], (*c)->name, first) != 0) continue;
    if (space && (argc < 2 || strcmp(argv[1], space + 1) != 0)) continue;
    *used = space ? 2 : 1;
    return *c;
  }
  return NULL;
}

static int is_help(const char *word) {
  return !strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help");
}

static int unknown(const char *prefix, const char *word, const char *const *names) {
  const char *nearest = cli_nearest(names, word);
  if (nearest) cli_note("trm: %s%s: unknown command; did you mean %s%s?", prefix, word, prefix, nearest);
  else cli_note("trm: %s%s: unknown command; 'trm --help' lists them", prefix, word);
  return CLI_USAGE;
}

static int run_data(int argc, char **argv) {
  static const char *const names[] = {"make", "import", "info", "check", NULL};
  if (argc < 2) {
    cli_note("trm data: expected make, import, info or check; 'trm data --help' says more");
    return CLI_USAGE;
  }
  if (!is_help(argv[1])) return unknown("data ", argv[1], names);
  cli_print_data_overview(stdout);
  return CLI_OK;
}

/* trm help [COMMAND], and trm help --man PAGE for those who build the man pages. */
static int run_help(int argc, char **argv) {
  int used;
  if (argc >= 2 && !strcmp(argv[1], "--man")) {
    char page[64] = "trm";
    if (argc > 2) (void)snprintf(page, sizeof page, "%s%s%s", argv[2], argc > 3 ? " " : "", argc > 3 ? argv[3] : "");
    if (cli_print_man(page, stdout) == 0) return CLI_OK;
    cli_note("trm help: no man page \"%s\"", page);
    return CLI_USAGE;
  }
  if (argc < 2) {
    cli_print_overview(stdout);
    return CLI_OK;
  }
  const cli_command *command = find(argc - 1, argv + 1, &used);
  if (command) cli_print_help(command, stdout);
  else if (!strcmp(argv[1], "data"))
    return argc > 2 ? run_data(argc - 1, argv + 1) : (cli_print_data_overview(stdout), CLI_OK);
  else {
    cli_note("trm help: %s: unknown command; 'trm --help' lists them", argv[1]);
    return CLI_USAGE;
  }
  return CLI_OK;
}

static int run(int argc, char **argv) {
  static const char *const names[] = {"data", "train", "eval", "solve", "info", "plot", "doctor", "help", NULL};
  int used;
  if (argc < 1) {
    cli_print_overview(stderr);
    return CLI_USAGE;
  }
  if (!strcmp(argv[0], "--version") || !strcmp(argv[0], "-V") || !strcmp(argv[0], "version")) {
    printf("trm %s\n", trm_version());
    return CLI_OK;
  }
  if (is_help(argv[0])) return run_help(argc, argv);
  const cli_command *command = find(argc, argv, &used);
  if (command) return command->run(command, argc - used, argv + used);
  if (!strcmp(argv[0], "data")) return run_data(argc, argv);
  if (argv[0][0] == '-') {
    cli_note("trm: %s: unknown option; 'trm --help' lists the commands", argv[0]);
    return CLI_USAGE;
  }
  return unknown("", argv[0], names);
}

int main(int argc, char **argv) {
  guard_streams();
  (void)signal(SIGPIPE, SIG_IGN);
  (void)signal(SIGXFSZ, SIG_IGN); /* over the file size limit, writes fail with a message instead */
  return cli_finish(run(argc - 1, argv + 1));
}
