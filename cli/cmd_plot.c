/* trm plot: the curves of one or more runs as a picture. */
#include <string.h>
#include <trm/train.h>

#include "cli/cli.h"

static struct { char out[1024]; } opt;

static const trm_option plot_options[] = {
    CLI_OUT_OPTION(.default_text = "curves.svg", .group = "Plot", .help = "SVG picture to write (also -o FILE)"),
};

static size_t plot_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){plot_options, sizeof plot_options / sizeof *plot_options, &opt};
  return 1;
}

static int plot_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  trm_error error = {0};
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 1, 64, "at least one run directory");
  if (code == CLI_CONTINUE) code = cli_may_write(self, opt.out, 1);
  if (code == CLI_CONTINUE) {
    if (trm_plot(a.positional, a.positionals, opt.out, &error)) {
      code = cli_error(self, &error);
    } else {
      cli_print_written(opt.out);
      code = CLI_OK;
    }
  }
  cli_arguments_free(&a);
  return code;
}

const cli_command cli_plot = {
    .name = "plot",
    .synopsis = "RUN... [-o curves.svg]",
    .summary = "draw the curves of training runs as an SVG picture",
    .description = "Draws loss, accuracies, steps to halt and learning rate of the runs' metrics.jsonl over their "
                   "updates, in one picture that any browser shows." CLI_OUT_NOTE,
    .examples = "trm plot runs/4x4 -o curves.svg\ntrm plot runs/a runs/b runs/c -o compare.svg\n",
    .tables = plot_tables,
    .run = plot_run,
};
