/* trm: the program. Dispatches to a subcommand and makes sure that what was printed arrived. It never calls setlocale,
 * so what it prints has decimal points everywhere. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text/nearest.h"
#include "cli/commands.h"
#include "cli/ui/completion.h"

/* A closed standard stream must not become the next file that is opened. The substitutes fail on use. */
static void guard_streams(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd) _exit(CLI_FAULT);
}

static int is_help(const char *word) {
  return !strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help");
}

/* The command that was meant, of those whose name has the group before, or, with "", of a group's own too; NULL when
 * none is near, nor one that the word begins with. */
static const cli_command *main_nearest(const char *group, const char *word) {
  const cli_command *near = NULL, *begun = NULL;
  trm__nearest nearest = trm__nearest_to(word);
  for (int inner = 0; inner < 2; inner++)
    for (const cli_command *const *c = cli_commands; *c; c++) {
      const char *name = cli_command_tail(*c, group), *space = name ? strchr(name, ' ') : NULL;
      size_t before = nearest.distance;
      if (!name || !space != !inner) continue;
      if (space) name = space + 1;
      trm__nearest_offer(&nearest, name, strlen(name));
      if (nearest.distance < before) near = *c;
      if (!begun && !strncmp(word, name, strlen(name))) begun = *c;
    }
  return near ? near : begun;
}

/* word stands where a command of the group was expected ("": of all). */
static int refuse_command(const char *group, const char *word) {
  const char *space = *group ? " " : "";
  const cli_command *nearest = main_nearest(group, word);
  trm__nearest help = trm__nearest_to(word);
  trm__nearest_offer(&help, "help", 4);
  for (const cli_group *g = cli_groups; g->name && !*group; g++) trm__nearest_offer(&help, g->name, strlen(g->name));
  if (nearest) cli_note("trm: %s%s%s: unknown command; did you mean %s?", group, space, word, nearest->name);
  else if (help.name[0])
    cli_note("trm: %s%s%s: unknown command; did you mean %s%s%s?", group, space, word, group, space, help.name);
  else cli_note("trm: %s%s%s: unknown command; 'trm%s%s --help' lists them", group, space, word, space, group);
  return CLI_USAGE;
}

/* A group's name alone, with a word that is none of its commands, or with help. */
static int run_group(const cli_group *group, int argc, char **argv) {
  if (argc >= 2 && !is_help(argv[1])) return refuse_command(group->name, argv[1]);
  if (argc >= 2) {
    cli_print_group_overview(group, stdout);
    return CLI_OK;
  }
  char names[200] = "";
  for (const cli_command *const *c = cli_commands; *c; c++) {
    const char *tail = cli_command_tail(*c, group->name), *next = c[1] ? cli_command_tail(c[1], group->name) : NULL;
    size_t used = strlen(names);
    if (tail) (void)snprintf(names + used, sizeof names - used, "%s%s", used ? next ? ", " : " or " : "", tail);
  }
  cli_note("trm %s: expected %s; 'trm %s --help' says more", group->name, names, group->name);
  return CLI_USAGE;
}

/* trm help [COMMAND]; for those who package, trm help --man PAGE and trm help --completion SHELL. */
static int run_help(int argc, char **argv) {
  int used;
  if (argc >= 2 && !strcmp(argv[1], "--man")) {
    char page[64] = "trm";
    if (argc > 2) (void)snprintf(page, sizeof page, "%s%s%s", argv[2], argc > 3 ? " " : "", argc > 3 ? argv[3] : "");
    if (cli_print_man(page, stdout) == 0) return CLI_OK;
    cli_note("trm help: no man page \"%s\"", page);
    return CLI_USAGE;
  }
  if (argc >= 2 && !strcmp(argv[1], "--completion")) {
    if (argc > 2 && cli_print_completion(argv[2], stdout) == 0) return CLI_OK;
    cli_note("trm help: expected --completion bash, zsh or fish");
    return CLI_USAGE;
  }
  if (argc < 2) {
    cli_print_overview(stdout);
    return CLI_OK;
  }
  const cli_command *command = cli_command_find(argc - 1, argv + 1, &used);
  if (command) {
    cli_print_help(command, 0, stdout);
    return CLI_OK;
  }
  const cli_group *group = cli_group_find(argv[1]);
  if (!group) return refuse_command("", argv[1]);
  if (argc > 2) return run_group(group, argc - 1, argv + 1);
  cli_print_group_overview(group, stdout);
  return CLI_OK;
}

static int run_program(int argc, char **argv) {
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
  const cli_command *command = cli_command_find(argc, argv, &used);
  if (command) return command->run(command, argc - used, argv + used);
  const cli_group *group = cli_group_find(argv[0]);
  if (group) return run_group(group, argc, argv);
  if (argv[0][0] == '-') {
    cli_note("trm: %s: unknown option; 'trm --help' lists the commands", argv[0]);
    return CLI_USAGE;
  }
  return refuse_command("", argv[0]);
}

int main(int argc, char **argv) {
  guard_streams();
  (void)signal(SIGPIPE, SIG_IGN);
  (void)signal(SIGXFSZ, SIG_IGN); /* over the file size limit, writes fail with a message instead */
  return cli_finish(run_program(argc - 1, argv + 1));
}
