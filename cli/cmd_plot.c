/* trm plot: the curves of one or more runs as a picture. */
#include <string.h>
#include <trm/train.h>

#include "cli/cli.h"
#include "cli/picture.h"

static struct {
  char out[1024];
  double smooth;
} opt;

#define TEXT_OF(number) #number
#define DEFAULT_OF(number) TEXT_OF(number)

static const trm_option plot_options[] = {
    CLI_OUT_OPTION(.default_text = "curves.svg", .group = "Plot",
                   .help = "picture to write (also -o FILE): SVG, or PNG where its name ends in .png"),
    {.name = "smooth",
     .type = TRM_OPT_REAL,
     FIELD(smooth),
     .default_text = DEFAULT_OF(TRM_PLOT_SMOOTH),
     .min = 0,
     .max = 50,
     .metavar = "PERCENT",
     .help = "draw means over so much of the width, above the faint curves as they were; 0: these alone"},
};

static size_t plot_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){plot_options, sizeof plot_options / sizeof *plot_options, &opt};
  return 1;
}

static trm_status plot_draw(void *context, const char *path, trm_error *err) {
  const cli_arguments *a = context;
  return trm_plot(a->positional, a->positionals, opt.smooth, path, err);
}

static int plot_runs(const cli_command *self, cli_arguments *a) {
  trm_error error = {0};
  int code = CLI_OK;
  if (cli_picture_is_png(opt.out)) code = cli_picture_png(self, opt.out, plot_draw, a);
  else if (plot_draw(a, opt.out, &error)) code = cli_error(self, &error);
  if (code == CLI_OK) cli_print_written(opt.out);
  return code;
}

static int plot_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 1, 64, "at least one run directory");
  if (code == CLI_CONTINUE) code = cli_may_write(self, opt.out, 1);
  if (code == CLI_CONTINUE) code = plot_runs(self, &a);
  cli_arguments_free(&a);
  return code;
}

const cli_command cli_plot = {
    .name = "plot",
    .synopsis = "RUN... [-o curves.svg]",
    .summary = "draw the curves of training runs as a picture",
    .description =
        "Draws loss, accuracies, steps to halt and learning rate of the runs' metrics.jsonl over their updates, in one "
        "picture: an SVG, which any browser shows, or a PNG of 2160 pixels, for which rsvg-convert must be "
        "installed.\n\n"
        "What is measured on single updates is noisy: it is drawn in faint, and over it the mean of what lies around "
        "each point, as far as --smooth says. Validation and learning rate are drawn as they are. Runs are named by "
        "what their paths do not share." CLI_OUT_NOTE,
    .examples = "trm plot runs/4x4 -o curves.svg\ntrm plot runs/a runs/b runs/c -o compare.png\n"
                "trm plot runs/9x9 --smooth 10\n",
    .tables = plot_tables,
    .run = plot_run,
};
