/* trm data arc: the dataset that the published ARC models are trained on, from the tasks' own files. */
#include <string.h>
#include <trm/data.h>

#include "cli/data.h"

static struct {
  char test[1024];
  int json, quiet;
} opt;
static trm_arc_config arc_building;

static const trm_option arc_lists[] = {
    {.name = "test",
     .type = TRM_OPT_STRING,
     FIELD(test),
     .size = sizeof opt.test,
     .metavar = "PATH",
     .group = "Tasks",
     .help = "tasks whose demonstrations are trained on and whose tests are the test split; may be repeated"},
};
static const trm_option arc_output[] = {
    CLI_JSON_OPTION(.group = "Output", .help = "print one JSON object"),
    CLI_QUIET_OPTION,
};

static size_t arc_tables(cli_table t[CLI_TABLES]) {
  t[0].items = trm_arc_options(&t[0].count);
  t[0].config = &arc_building;
  t[1] = (cli_table){arc_lists, sizeof arc_lists / sizeof *arc_lists, &opt};
  t[2] = (cli_table){arc_output, sizeof arc_output / sizeof *arc_output, &opt};
  return 3;
}

/* Told before the long part, so that a disk or a memory too small is seen in time. */
static int arc_planned(void *context, const trm_arc_report *r) {
  char a[32], b[32], c[32];
  cli_progress_clear(context);
  if (opt.quiet) return 0;
  cli_note("%s puzzles, %s examples: %s on disk", cli_thousands(r->identifiers - 1, a),
           cli_thousands(r->train_examples + r->test_examples, b), cli_bytes((double)r->disk_bytes, c));
  cli_note("memory    %s", cli_bytes((double)r->memory_bytes, a));
  return 0;
}

static void arc_say(const cli_command *self, const trm_arc_report *r) {
  if (r->left_out)
    cli_warn(self, "%lld tasks have a grid larger than %lld x %lld and are left out", (long long)r->left_out,
             (long long)arc_building.side, (long long)arc_building.side);
  if (r->unknown)
    cli_warn(self, "%lld tests have no solution: they are predicted, but neither trained on nor scored",
             (long long)r->unknown);
  if (r->shared)
    cli_warn(self,
             "%lld training pairs are an image of a test pair, the first in task %s: accuracy on those is no proof",
             (long long)r->shared, r->first_shared);
}

static void data_arc_print(const trm_arc_report *r) {
  char a[32], b[32], c[32];
  printf("data      %s\n", arc_building.out);
  printf("tasks     %s, of which %s with tests to evaluate\n", cli_thousands(r->tasks, a),
         cli_thousands(r->evaluated, b));
  printf("puzzles   %s", cli_thousands(r->identifiers - 1, a));
  if (r->lacking)
    printf("; %s tasks have fewer than %s images", cli_thousands(r->lacking, b),
           cli_thousands(arc_building.augment, c));
  printf("\nexamples  %s to train on, %s to test on\n", cli_thousands(r->train_examples, a),
         cli_thousands(r->test_examples, b));
}

static void data_arc_print_json(const trm_arc_report *r) {
  cli_json_print(json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "data",
                           cli_path(arc_building.out), "tasks", (json_int_t)r->tasks, "evaluated",
                           (json_int_t)r->evaluated, "left_out", (json_int_t)r->left_out, "lacking",
                           (json_int_t)r->lacking, "unknown", (json_int_t)r->unknown, "shared", (json_int_t)r->shared,
                           "identifiers", (json_int_t)r->identifiers, "train_examples", (json_int_t)r->train_examples,
                           "test_examples", (json_int_t)r->test_examples, "memory_bytes", (json_int_t)r->memory_bytes,
                           "disk_bytes", (json_int_t)r->disk_bytes),
                 0);
}

static int arc_build(const cli_command *self) {
  trm_error error = {0};
  trm_arc_report report;
  cli_progress progress = cli_progress_open(opt.quiet);
  cli_catch_signals();
  trm_status status = trm_data_arc(&arc_building, &report, arc_planned, cli_progress_fraction, &progress, &error);
  cli_progress_clear(&progress);
  if (status) return cli_error(self, &error);
  arc_say(self, &report);
  (opt.json ? data_arc_print_json : data_arc_print)(&report);
  return CLI_OK;
}

static int arc_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  arc_building = trm_arc_config_default();
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  const char **tests = code == CLI_CONTINUE ? cli_alloc(a.givens + 1, sizeof *tests) : NULL;
  if (code == CLI_CONTINUE) {
    arc_building.tests = cli_texts(&a, "test", tests);
    arc_building.test = tests;
    arc_building.trains = a.positionals;
    arc_building.train = a.positional;
    if (!arc_building.out[0]) code = cli_usage(self, "--out DIR is needed");
    else if (!a.positionals && !arc_building.tests)
      code = cli_usage(self, "no tasks: name a file or folder of ARC tasks, or --test PATH");
  }
  if (code == CLI_CONTINUE) code = cli_threads(self, arc_building.threads, &arc_building.threads);
  if (code == CLI_CONTINUE) code = arc_build(self);
  free(tests);
  cli_arguments_free(&a);
  return code;
}

const cli_command cli_data_arc = {
    .name = "data arc",
    .synopsis = "[TASKS]... [--test TASKS]... --out DIR [options]",
    .summary = "turn ARC tasks into a dataset with images and identifiers",
    .description =
        "TASKS is a file of challenges (ARC-AGI-1, ARC-AGI-2; NAME_solutions.json is read beside "
        "NAME_challenges.json), a file with one task, or a folder of such files (ConceptARC, and the tasks' own "
        "repositories). All pairs of TASKS are trained on; of --test TASKS the demonstrations are, and their test "
        "pairs become the test split.\n\n"
        "Each task has up to --augment images: colours 1 to 9 are exchanged and the grids turned or mirrored, and no "
        "two images are the same. Every image is a puzzle with an identifier of its own, so that a model learns an "
        "embedding for it; trm eval lets the images of a task vote. In the training split all pairs of a puzzle but "
        "one are moved to a random place in the square. The folder is that of the original implementation: "
        "identifiers.json has the names, test_puzzles.json the tasks to evaluate.\n\n"
        "The same seed gives the same bytes with any number of threads. What will be written, and the memory that it "
        "takes, is told before. With --side N only tasks whose grids are at most N x N are taken, and grids stand in "
        "N x N cells instead of 30 x 30, which computes faster: this is for small experiments.",
    .examples = "trm data arc training_challenges.json --test eval_challenges.json --out arc1\n"
                "trm data arc --test training_challenges.json --side 10 --limit 40 --out small\n"
                "trm data arc tasks/ --out data/mine\n",
    .exits = "0\twritten\n1\tstopped by a signal; nothing is written\n",
    .usual = "out test augment side limit seed json",
    .tables = arc_tables,
    .run = arc_run,
};
