/* trm data: show, export, augment, which bring a dataset to people, to other programs, and to more puzzles. */
#include <math.h>
#include <string.h>

#include "cli/data.h"
#include "cli/ui/grid.h"

static struct {
  int json, quiet, force;
  char split[16], out[1024];
  int64_t count;
} opt;
static trm_augment_config data_augmenting;

#define DATA_SPLIT                                                                                                     \
  {                                                                                                                    \
    .name = "split", .type = TRM_OPT_STRING, FIELD(split), .size = sizeof opt.split, .default_text = "train",          \
    .metavar = "NAME", .group = "Data", .help = "part of a dataset directory to use: train or test"                    \
  }

static const trm_option show_options[] = {
    DATA_SPLIT,
    {.name = "count",
     .type = TRM_OPT_INT,
     FIELD(count),
     .default_text = "1",
     .min = 1,
     .max = 1e15,
     .metavar = "N",
     .help = "how many examples"},
    CLI_JSON_OPTION(.group = "Output", .help = "print one JSON object a line"),
};

static const trm_option export_options[] = {
    DATA_SPLIT,
    CLI_OUT_OPTION(.help = "CSV file to write (also -o FILE)"),
    {.name = "force", .type = TRM_OPT_BOOL, FIELD(force), .help = "replace FILE when it exists"},
};

static const trm_option augment_output[] = {
    CLI_JSON_OPTION(.group = "Output", .help = "print one JSON object"),
    CLI_QUIET_OPTION,
};

static size_t show_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){show_options, sizeof show_options / sizeof *show_options, &opt};
  return 1;
}

static size_t export_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){export_options, sizeof export_options / sizeof *export_options, &opt};
  return 1;
}

static size_t augment_tables(cli_table t[CLI_TABLES]) {
  t[0].items = trm_augment_options(&t[0].count);
  t[0].config = &data_augmenting;
  t[1] = (cli_table){augment_output, sizeof augment_output / sizeof *augment_output, &opt};
  return 2;
}

/* The split of the dataset at path. CLI_CONTINUE or an exit code. */
static int data_open_split(const cli_command *self, const char *path, trm_dataset **dataset) {
  trm_error error = {0};
  if (strcmp(opt.split, "train") != 0 && strcmp(opt.split, "test") != 0)
    return cli_usage(self, "--split: found \"%s\", expected train or test", opt.split);
  if (trm_dataset_open(dataset, path, opt.split, NULL, &error)) return cli_error(self, &error);
  cli_data_say(self, path, trm_dataset_describe(*dataset).notes);
  return CLI_CONTINUE;
}

/* -- show ---------------------------------------------------------------------------------------------------------- */

/* One example, and room for it. */
typedef struct shown {
  trm_dataset_info info;
  int64_t number; /* from 1 */
  int32_t *question, *answer;
  char *text[2];
  double rating;
} shown;

/* As two grids side by side, or as two lines where these are too large. */
static void show_print(const shown *s) {
  char number[32], of[32], question[] = "question\n", answer[] = "answer\n";
  char *captions[2] = {question, answer};
  cli_grid grid[2];
  cli_grid_style plain = {.color = cli_color(stdout)}, changed = {.question = s->question, .color = plain.color};
  printf("example %s of %s", cli_thousands(s->number, number), cli_thousands(s->info.examples, of));
  if (isfinite(s->rating)) printf(", %s %g", s->info.rating_name, s->rating);
  putchar('\n');
  int first = cli_grid_open(&grid[0], &s->info.task, s->question, &plain);
  int both = first && cli_grid_open(&grid[1], &s->info.task, s->answer, &changed);
  if (both) cli_grids_print(stdout, grid, captions, 2, cli_columns(stdout));
  else printf("question  %s\nanswer    %s\n", s->text[0], s->text[1]);
  if (first) cli_grid_close(&grid[0]);
  if (both) cli_grid_close(&grid[1]);
}

static void show_print_json(const shown *s) {
  cli_json_print(json_pack("{s:I, s:s, s:s, s:o}", "example", (json_int_t)s->number, "question", s->text[0], "answer",
                           s->text[1], "rating", cli_real(s->rating)),
                 1);
}

static void show_one(const trm_dataset *dataset, shown *s) {
  size_t cells = (size_t)s->info.seq_len;
  trm_dataset_example(dataset, s->number - 1, s->question, s->answer, NULL, &s->rating);
  for (size_t i = 0; i < cells; i++)
    if (s->answer[i] < 0) s->answer[i] = 0; /* not scored */
  (void)trm_task_render(&s->info.task, s->question, s->text[0], cells + 1, NULL);
  (void)trm_task_render(&s->info.task, s->answer, s->text[1], cells + 1, NULL);
  (opt.json ? show_print_json : show_print)(s);
}

static int show_examples(const cli_command *self, const char *path, int64_t first) {
  trm_dataset *dataset = NULL;
  shown s = {0};
  int code = data_open_split(self, path, &dataset);
  if (code != CLI_CONTINUE) return code;
  s.info = trm_dataset_describe(dataset);
  size_t cells = (size_t)s.info.seq_len;
  if (first > s.info.examples) {
    code = cli_usage(self, "found example %lld, expected 1 to %lld", (long long)first, (long long)s.info.examples);
  } else if (s.info.seq_len != (int64_t)s.info.task.width * s.info.task.height) {
    code = cli_bad_input(self, "%s: its examples are no grids", path);
  } else {
    s.question = cli_alloc(2 * cells, sizeof *s.question), s.answer = s.question + cells;
    for (int i = 0; i < 2; i++) s.text[i] = cli_alloc(cells + 1, 1);
    for (s.number = first; s.number <= s.info.examples && s.number - first < opt.count; s.number++) {
      if (s.number > first && !opt.json) putchar('\n');
      show_one(dataset, &s);
    }
    code = CLI_OK;
  }
  free(s.question);
  free(s.text[0]);
  free(s.text[1]);
  trm_dataset_close(&dataset);
  return code;
}

static int show_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  int64_t first = 1;
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 1, 2, "a dataset and the number of an example");
  if (code == CLI_CONTINUE && a.positionals == 2) {
    char *end;
    first = strtoll(a.positional[1], &end, 10);
    if (*end || end == a.positional[1] || first < 1)
      code = cli_usage(self, "found \"%s\", expected the number of an example, from 1 on", a.positional[1]);
  }
  if (code == CLI_CONTINUE) code = show_examples(self, cli_data_path(a.positional[0]), first);
  cli_arguments_free(&a);
  return code;
}

/* -- export -------------------------------------------------------------------------------------------------------- */

static int export_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  trm_error error = {0};
  trm_dataset *dataset = NULL;
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 1, 1, "a dataset");
  if (code == CLI_CONTINUE && !opt.out[0]) code = cli_usage(self, "--out FILE is needed");
  if (code == CLI_CONTINUE) code = cli_may_write(self, opt.out, opt.force);
  if (code == CLI_CONTINUE) code = data_open_split(self, cli_data_path(a.positional[0]), &dataset);
  if (code == CLI_CONTINUE) {
    if (trm_data_export(dataset, a.positional[0], opt.out, &error)) {
      code = cli_error(self, &error);
    } else {
      cli_print_written(opt.out);
      code = CLI_OK;
    }
  }
  trm_dataset_close(&dataset);
  cli_arguments_free(&a);
  return code;
}

/* -- augment ------------------------------------------------------------------------------------------------------- */

static void augment_print(const char *out, const trm_dataset_info *info) {
  char text[96], number[32];
  if (opt.json) {
    cli_json_print(json_pack("{s:o, s:s, s:I, s:I}", "data", cli_path(out), "kind", trm_task_name(&info->task),
                             "examples", (json_int_t)info->examples, "groups", (json_int_t)info->groups),
                   0);
    return;
  }
  printf("%s: %s, %s training examples", out, trm_task_title(&info->task, text, sizeof text),
         cli_thousands(info->examples, number));
  printf(" in %s groups\n", cli_thousands(info->groups, number));
}

static int augment_do(const cli_command *self, const char *path) {
  trm_error error = {0};
  trm_dataset *made = NULL;
  char notes[TRM_NOTES] = "";
  cli_progress progress = cli_progress_open(opt.quiet);
  (void)snprintf(data_augmenting.input, sizeof data_augmenting.input, "%s", path);
  cli_catch_signals();
  trm_status status = trm_data_augment(&data_augmenting, notes, cli_progress_fraction, &progress, &error);
  cli_progress_clear(&progress);
  if (status) return cli_error(self, &error);
  cli_data_say(self, path, notes);
  if (trm_dataset_open(&made, data_augmenting.out, "train", NULL, &error)) return cli_error(self, &error);
  trm_dataset_info info = trm_dataset_describe(made);
  augment_print(data_augmenting.out, &info);
  trm_dataset_close(&made);
  return CLI_OK;
}

static int augment_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  data_augmenting = trm_augment_config_default();
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 1, 1, "a dataset");
  if (code == CLI_CONTINUE && !data_augmenting.out[0]) code = cli_usage(self, "--out DIR is needed");
  if (code == CLI_CONTINUE) code = augment_do(self, cli_data_path(a.positional[0]));
  cli_arguments_free(&a);
  return code;
}

/* -- declarations -------------------------------------------------------------------------------------------------- */

const cli_command cli_data_show = {
    .name = "data show",
    .synopsis = "DATA [N] [--count N]",
    .summary = "show examples of a dataset as grids",
    .description =
        "Shows example N (1 when absent) of a dataset directory, or of a CSV or JSON file, and those after it "
        "as --count says: question and answer side by side.",
    .examples = "trm data show data/6x6\ntrm data show puzzles.csv 17 --count 3\n",
    .tables = show_tables,
    .run = show_run,
};

const cli_command cli_data_export = {
    .name = "data export",
    .synopsis = "DATA --out FILE [--split NAME]",
    .summary = "write a dataset as CSV",
    .description =
        "Writes question, answer and, where there is one, the rating of each example as CSV, which every other "
        "program and 'trm data import' reads." CLI_OUT_NOTE,
    .examples = "trm data export data/6x6 --out 6x6.csv\ntrm data export data/6x6 --split test -o /dev/stdout\n",
    .tables = export_tables,
    .run = export_run,
};

const cli_command cli_data_augment = {
    .name = "data augment",
    .synopsis = "DATA --copies N --out DIR [options]",
    .summary = "write a dataset with images of its puzzles under symmetries",
    .description =
        "Writes a dataset in which N images follow each training puzzle, in its group: of Sudoku under exchanged "
        "digits, "
        "rows, columns, bands and stacks, of mazes under the turns and mirrors of the grid (eight of a square, itself "
        "included). All images of a puzzle are different; where it has fewer than N, that is said. The test split "
        "stays "
        "as it is. The same seed makes the same images. 'trm train' draws images on the fly and needs none written.",
    .examples = "trm data augment data/mazes --copies 7 --out data/mazes-8\n",
    .exits = "0\twritten\n1\tstopped by a signal; nothing is written\n",
    .tables = augment_tables,
    .run = augment_run,
};
