/* What lists all commands: trm --help, the --help of a group such as trm data, and their man pages. */
#include <string.h>

#include "cli/commands.h"
#include "cli/ui/man.h"

void cli_print_overview(FILE *file) {
  fprintf(file, "trm %s - Tiny Recursion Models: small networks that solve hard puzzles\n", trm_version());
  fputs("usage: trm COMMAND [options]          'trm COMMAND --help' says more\n\n", file);
  const cli_group *last = NULL; /* a group is one line, which stands for its commands */
  for (const cli_command *const *c = cli_commands; *c; c++) {
    const cli_group *group = cli_group_of(*c);
    if (group && group == last) continue;
    fprintf(file, "  %-10s  %s\n", group ? group->name : (*c)->name, group ? group->summary : (*c)->summary);
    last = group;
  }
  fputs("try: trm data make --size 6 --out d; trm train d --run r; trm solve --model r P\n", file);
}

void cli_print_group_overview(const cli_group *group, FILE *file) {
  int columns = cli_columns(file);
  fprintf(file, "usage: trm %s COMMAND [options]     'trm %s COMMAND --help' says more\n\n", group->name, group->name);
  for (const cli_command *const *c = cli_commands; *c; c++) {
    const char *tail = cli_command_tail(*c, group->name);
    if (tail) fprintf(file, "  %-8s  %s\n", tail, (*c)->summary);
  }
  fputc('\n', file);
  cli_print_wrapped(file, group->description, columns < 100 ? (size_t)columns : 100);
}

/* The page of a group's commands; of all with the group "". */
static void man_overview(FILE *file, const cli_group *group) {
  cli_man_head(file, group->name, group->summary);
  fprintf(file, ".B trm%s%s\n\\fICOMMAND\\fR [options]\n.SH DESCRIPTION\n", *group->name ? " " : "", group->name);
  cli_man_paragraphs(file, group->description);
  fputs(".SH COMMANDS\n", file);
  for (const cli_command *const *c = cli_commands; *c; c++) {
    if (!cli_command_tail(*c, group->name)) continue;
    fputs(".TP\n\\fB", file);
    cli_man_name(file, (*c)->name);
    fputs("\\fR(1)\n", file);
    cli_man_text(file, (*c)->summary);
    fputc('\n', file);
  }
  cli_man_tail(file, NULL);
}

static const cli_group overview_all = {
    .name = "",
    .summary = "Tiny Recursion Models",
    .description =
        "trm trains small networks that solve puzzles by applying one two-layer network to its own answer again and "
        "again, measures them on puzzles they have not seen, and solves puzzles with every step shown.\n\n"
        "Results go to standard output and messages to standard error. With --json, standard output holds JSON and "
        "nothing else.\n\n"
        "SIGINT and SIGTERM stop train, eval, solve, quantize, data make, data import, data check and the commands of "
        "sudoku between two steps of their work. They say so and end with exit code 1: eval, solve and sudoku with the "
        "results of what is finished, the others without having written anything. Train saves, and its exit code is 0. "
        "A second signal ends them at once, as the first does any other command; a file is then the old one or the new "
        "one, never half of it.",
};

int cli_print_man(const char *page, FILE *file) {
  const cli_group *group = strcmp(page, "trm") ? cli_group_find(page) : &overview_all;
  if (group) {
    man_overview(file, group);
    return 0;
  }
  for (const cli_command *const *c = cli_commands; *c; c++) {
    if (strcmp((*c)->name, page) != 0) continue;
    cli_man_command(file, *c);
    return 0;
  }
  return -1;
}
