/* trm runs: training runs beside each other: how far they are, what came of them, in which options they differ, and of
 * one configuration's seeds mean and spread. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/runs.h"

static struct { int json; } opt;

static const trm_option runs_options[] = {
    CLI_JSON_OPTION(.group = "Runs", .help = "print one JSON object, with all options of each run"),
};

static size_t runs_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){runs_options, sizeof runs_options / sizeof *runs_options, &opt};
  return 1;
}

/* 1 when no run before it is of the same configuration. */
static int runs_is_first(const cli_runs *runs, size_t i) {
  for (size_t k = 0; k < i; k++)
    if (cli_runs_are_seeds(&runs->run[k], &runs->run[i])) return 0;
  return 1;
}

/* -- JSON ---------------------------------------------------------------------------------------------------------- */

static json_t *runs_run_json(const cli_run *r) {
  return json_pack("{s:o, s:I, s:I, s:b, s:o, s:o, s:o, s:o, s:o, s:O}", "run", cli_path(r->path), "step",
                   (json_int_t)r->step, "steps", (json_int_t)r->steps, "finished", r->steps > 0 && r->step >= r->steps,
                   "best_exact", cli_real(r->best_exact), "best_step",
                   isnan(r->best_exact) ? json_null() : json_integer((json_int_t)r->best_step), "valid_exact",
                   cli_real(r->valid_exact), "loss", cli_real(r->loss), "seconds", cli_real(r->seconds), "options",
                   r->options);
}

static json_t *runs_group_json(const cli_runs *runs, size_t first) {
  cli_spread s = cli_runs_spread(runs, first);
  json_t *names = json_array(), *seeds = json_array();
  for (size_t i = first; i < runs->count; i++) {
    if (!cli_runs_are_seeds(&runs->run[first], &runs->run[i])) continue;
    (void)json_array_append_new(names, cli_path(runs->run[i].path));
    (void)json_array_append(seeds, json_object_get(runs->run[i].options, "seed"));
  }
  return json_pack("{s:o, s:o, s:{s:I, s:o, s:o, s:o, s:o}}", "runs", names, "seeds", seeds, "best_exact", "count",
                   (json_int_t)s.count, "mean", cli_real(s.mean), "deviation", cli_real(s.deviation), "least",
                   cli_real(s.least), "most", cli_real(s.most));
}

static void runs_print_json(const cli_runs *runs) {
  json_t *list = json_array(), *groups = json_array();
  for (size_t i = 0; i < runs->count; i++) {
    (void)json_array_append_new(list, runs_run_json(&runs->run[i]));
    if (runs_is_first(runs, i)) (void)json_array_append_new(groups, runs_group_json(runs, i));
  }
  cli_json_print(json_pack("{s:o, s:O, s:o}", "runs", list, "differ", runs->differ, "groups", groups), 0);
}

/* -- text ---------------------------------------------------------------------------------------------------------- */

enum { FIXED = 6, CELL = 1100 };
static const char *const headings[FIXED] = {"run", "updates", "best exact", "at step", "loss", "time"};

static void runs_cell(const cli_runs *runs, size_t i, size_t column, char text[CELL]) {
  const cli_run *r = &runs->run[i];
  char a[32], b[32];
  text[0] = 0;
  switch (column) {
  case 0:
    (void)snprintf(text, CELL, "%.1099s", r->path);
    break;
  case 1:
    if (r->step < r->steps)
      (void)snprintf(text, CELL, "%s of %s", cli_thousands(r->step, a), cli_thousands(r->steps, b));
    else (void)snprintf(text, CELL, "%s", cli_thousands(r->step, a));
    break;
  case 2:
    (void)snprintf(text, CELL, "%s", cli_percent(r->best_exact, a));
    break;
  case 3:
    (void)snprintf(text, CELL, "%s", isnan(r->best_exact) ? "-" : cli_thousands(r->best_step, a));
    break;
  case 4:
    (void)snprintf(text, CELL, isnan(r->loss) ? "-" : "%.3f", r->loss);
    break;
  case 5:
    (void)snprintf(text, CELL, "%s", isnan(r->seconds) ? "-" : cli_duration(r->seconds, a));
    break;
  default: {
    const char *name = json_string_value(json_array_get(runs->differ, column - FIXED));
    char *value = json_dumps(json_object_get(r->options, name), JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    (void)snprintf(text, CELL, "%s", value ? value : "-");
    free(value);
  }
  }
  (void)cli_plain(text);
}

static const char *runs_heading(const cli_runs *runs, size_t column) {
  return column < FIXED ? headings[column] : json_string_value(json_array_get(runs->differ, column - FIXED));
}

static void runs_print_table(const cli_runs *runs) {
  size_t columns = FIXED + json_array_size(runs->differ);
  size_t *width = cli_alloc(columns, sizeof *width);
  char text[CELL];
  for (size_t c = 0; c < columns; c++) {
    width[c] = strlen(runs_heading(runs, c));
    for (size_t i = 0; i < runs->count; i++) {
      runs_cell(runs, i, c, text);
      if (strlen(text) > width[c]) width[c] = strlen(text);
    }
  }
  for (size_t i = 0; i <= runs->count; i++)
    for (size_t c = 0; c < columns; c++) {
      if (i) runs_cell(runs, i - 1, c, text);
      else (void)snprintf(text, sizeof text, "%s", runs_heading(runs, c));
      if (c + 1 == columns) printf("%s\n", text);
      else printf("%-*s  ", (int)width[c], text);
    }
  free(width);
}

/* A line for each configuration that has several seeds with validation. */
static void runs_print_spreads(const cli_runs *runs) {
  char mean[32], least[32], most[32];
  int any = 0;
  for (size_t i = 0; i < runs->count; i++) {
    cli_spread s = cli_runs_spread(runs, i);
    if (s.count < 2 || !runs_is_first(runs, i)) continue;
    if (!any++) printf("\n");
    printf("%s and its %zu other %s: best exact %s on average, %s to %s, deviation %.1f points\n", runs->run[i].path,
           s.count - 1, s.count > 2 ? "seeds" : "seed", cli_percent(s.mean, mean), cli_percent(s.least, least),
           cli_percent(s.most, most), 100 * s.deviation);
  }
}

static int runs_run(const cli_command *self, int argc, char **argv) {
  static const char *const usual[] = {"runs"};
  cli_arguments a;
  cli_runs runs = {0};
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE)
    code = cli_runs_open(self, a.positionals ? a.positional : usual, a.positionals ? a.positionals : 1, &runs);
  if (code == CLI_CONTINUE) {
    code = CLI_OK;
    if (opt.json) {
      runs_print_json(&runs);
    } else {
      runs_print_table(&runs);
      runs_print_spreads(&runs);
    }
  }
  cli_runs_close(&runs);
  cli_arguments_free(&a);
  return code;
}

const cli_command cli_runs_command = {
    .name = "runs",
    .synopsis = "[DIR...] [--json]",
    .summary = "compare training runs: results, differences, seeds",
    .description =
        "Lists run directories, each DIR being one or a folder of them (default: runs): updates done, the best exact "
        "accuracy on the validation data and when it was reached, the last loss, the time, and the options in which "
        "the runs differ.\n\n"
        "Runs that differ by nothing but their seed are one configuration: mean, range and deviation (of a sample) of "
        "their best accuracies stand below. A run that is at work may be looked at.",
    .examples = "trm runs\ntrm runs runs/sweep --json\ntrm runs runs/a runs/b\n",
    .tables = runs_tables,
    .run = runs_run,
};
