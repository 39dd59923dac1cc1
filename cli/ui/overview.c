/* What lists all commands: trm --help, trm data --help and their man pages. */
#include <string.h>

#include "cli/commands.h"
#include "cli/ui/man.h"

void cli_print_overview(FILE *file) {
  fprintf(file, "trm %s - Tiny Recursion Models: small networks that solve hard puzzles\n", trm_version());
  fputs("\nusage: trm COMMAND [options]          'trm COMMAND --help' says more\n\n", file);
  for (const cli_command *const *c = cli_commands; *c; c++)
    if (!(*c)->minor) fprintf(file, "  %-12s  %s\n", (*c)->name, (*c)->summary);
    else if (!c[1]->minor) fputs("  data          and info, show, export, augment: 'trm data --help'\n", file);
  fputs("\nA first run, a few minutes:\n"
        "  trm data make --size 6 --train 20000 --test 1000 --out data/6x6\n"
        "  trm train data/6x6 --run runs/6x6\n"
        "  trm eval runs/6x6 data/6x6\n"
        "  trm solve --model runs/6x6 --explain PUZZLE\n"
        "\nTRM_THREADS=N sets the threads, TRM_ISA=ref|avx2|... chooses the kernels.\n",
        file);
}

void cli_print_data_overview(FILE *file) {
  fputs("usage: trm data COMMAND [options]     'trm data COMMAND --help' says more\n\n", file);
  for (const cli_command *const *c = cli_commands; *c; c++)
    if (cli_command_tail(*c, "data")) fprintf(file, "  %-8s  %s\n", cli_command_tail(*c, "data"), (*c)->summary);
  fputs("\nA dataset is a directory with train/ and test/ in the original trainer's format,\n"
        "or one CSV or JSON file with columns such as question, answer and rating.\n",
        file);
}

/* The page of trm itself ("") or of trm data ("data"): their commands. */
static void man_overview(FILE *file, const char *group) {
  int data = *group != 0;
  cli_man_head(file, group, data ? "make, import, describe and check puzzle datasets" : "Tiny Recursion Models");
  fprintf(file, ".B trm%s\n\\fICOMMAND\\fR [options]\n.SH DESCRIPTION\n", data ? " data" : "");
  cli_man_paragraphs(
      file, data ? "A dataset is a directory with train/ and test/ in the original trainer's format (.npy arrays and "
                   "dataset.json), or one CSV or JSON file with columns such as question, answer and rating."
                 : "trm trains small networks that solve puzzles by applying one two-layer network to its own answer "
                   "again and again, measures them on puzzles they have not seen, and solves puzzles with every "
                   "step shown.\n\nResults go to standard output and messages to standard error. With --json, "
                   "standard output holds JSON and nothing else.\n\nSIGINT and SIGTERM stop train, eval, solve, "
                   "quantize, data make, data import and data check between two steps of their work. They say so and "
                   "end with exit code 1: eval and solve with the results of what is finished, the others without "
                   "having written anything. Train saves, and its exit code is 0. A second signal ends them at once, "
                   "as the first does any other command; a file is then the old one or the new one, never half of it.");
  fputs(".SH COMMANDS\n", file);
  for (const cli_command *const *c = cli_commands; *c; c++) {
    if (!cli_command_tail(*c, group)) continue;
    fputs(".TP\n\\fB", file);
    cli_man_name(file, (*c)->name);
    fputs("\\fR(1)\n", file);
    cli_man_text(file, (*c)->summary);
    fputc('\n', file);
  }
  cli_man_tail(file, NULL);
}

int cli_print_man(const char *page, FILE *file) {
  if (!strcmp(page, "trm") || !strcmp(page, "data")) {
    man_overview(file, strcmp(page, "trm") ? "data" : "");
    return 0;
  }
  for (const cli_command *const *c = cli_commands; *c; c++) {
    if (strcmp((*c)->name, page) != 0) continue;
    cli_man_command(file, *c);
    return 0;
  }
  return -1;
}
