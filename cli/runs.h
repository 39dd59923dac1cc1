/* What training runs say of themselves in config.json and metrics.jsonl, in what they differ, and which of them are one
 * configuration with several seeds. */
#ifndef TRM_CLI_RUNS_H
#define TRM_CLI_RUNS_H

#include "cli/cli.h"

typedef struct cli_run {
  char *path;
  json_t *options;     /* {name: value} of model and training, without what says where files lie */
  int64_t step, steps; /* updates done, and in all */
  double loss;         /* of the last update; this and what follows NaN: not known */
  double best_exact;   /* the best accuracy on the validation data, and when it was first reached */
  int64_t best_step;
  double valid_exact; /* the last */
  double seconds;
} cli_run;

typedef struct cli_runs {
  cli_run *run; /* in the order of their names */
  size_t count;
  json_t *differ; /* names of the options that differ, as in config.json: an array of text */
} cli_runs;

/* The runs that the words name: each a run, or a folder of runs. CLI_CONTINUE or an exit code. */
int cli_runs_open(const cli_command *command, const char *const *words, size_t count, cli_runs *runs);
void cli_runs_close(cli_runs *runs);

/* The runs of one configuration: the same options but the seed. */
int cli_runs_are_seeds(const cli_run *a, const cli_run *b);

/* Of the best accuracies of several runs; runs that were not validated are left out. */
typedef struct cli_spread {
  size_t count;
  double mean, deviation, least, most; /* deviation: of a sample, NaN below two; all NaN for none */
} cli_spread;
/* Of the runs that are seeds of run `first`, it included. */
cli_spread cli_runs_spread(const cli_runs *runs, size_t first);

#endif
