/* trm data: make, import, info, check. Options of make and import are the library's tables. */
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <trm/data.h>

#include "cli/data.h"

static struct {
  int json, quiet;
  int64_t threads;
} opt;
static trm_make_config data_making;
static trm_import_config data_importing;

static const trm_option data_options[] = {
    CLI_JSON_OPTION(.group = "Output", .help = "print one JSON object"),
    CLI_QUIET_OPTION,
};
#define REPORTING (sizeof data_options / sizeof *data_options)

static size_t data_report_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){data_options, REPORTING, &opt};
  return 1;
}

static size_t data_make_tables(cli_table t[CLI_TABLES]) {
  t[0].items = trm_make_options(&t[0].count);
  t[0].config = &data_making;
  t[1] = (cli_table){data_options, REPORTING, &opt};
  return 2;
}

static size_t data_import_tables(cli_table t[CLI_TABLES]) {
  t[0].items = trm_import_options(&t[0].count);
  t[0].config = &data_importing;
  t[1] = (cli_table){data_options, REPORTING, &opt};
  return 2;
}

/* -- info ---------------------------------------------------------------------------------------------------------- */

static json_t *data_split_json(const trm_dataset_info *d) {
  return json_pack("{s:I, s:I, s:I, s:I, s:o}", "examples", (json_int_t)d->examples, "puzzles", (json_int_t)d->puzzles,
                   "groups", (json_int_t)d->groups, "identifiers", (json_int_t)d->identifiers, "ratings",
                   d->has_ratings ? json_string(d->rating_name) : json_null());
}

static json_t *data_task_json(const trm_dataset_info *d) {
  return json_pack("{s:s, s:i, s:i, s:s}", "kind", trm_task_name(&d->task), "width", d->task.width, "height",
                   d->task.height, "alphabet", d->task.alphabet);
}

static void data_print_split(const char *split, const trm_dataset_info *d) {
  char a[32], b[32], c[32], e[32];
  printf("%-8s %12s %12s %12s %12s", split, cli_thousands(d->examples, a), cli_thousands(d->puzzles, b),
         cli_thousands(d->groups, c), cli_thousands(d->identifiers, e));
  printf("   %s\n", d->has_ratings ? d->rating_name : "-");
}

/* The first question as one line, to look at and to solve; malloc'd, NULL where the data has none or without memory. */
static char *data_first_question(const trm_dataset *dataset, const trm_dataset_info *d) {
  if (!d->examples || d->seq_len != (int64_t)d->task.width * d->task.height) return NULL;
  int32_t *tokens = malloc((size_t)d->seq_len * sizeof *tokens);
  char *text = malloc((size_t)d->seq_len + 1);
  if (tokens && text) {
    trm_dataset_example(dataset, 0, tokens, NULL, NULL, NULL);
    (void)trm_task_render(&d->task, tokens, text, (size_t)d->seq_len + 1, NULL);
  } else {
    free(text), text = NULL;
  }
  free(tokens);
  return text;
}

/* What the path holds: the splits of a directory, in this order, or one file. */
enum { SPLITS = 2 };
static const char *const data_splits[SPLITS] = {"train", "test"};

static int data_has_split(const char *path, const char *split) {
  char name[1200];
  struct stat info;
  int length = snprintf(name, sizeof name, "%s/%s", path, split);
  return length > 0 && (size_t)length < sizeof name && stat(name, &info) == 0;
}

/* Opens, and so checks, all that there is: a split that cannot be read must not be passed over. Of a directory without
 * any, the first split's error says what is missing. */
static int data_open_all(const cli_command *self, const char *path, int file, trm_dataset *dataset[SPLITS]) {
  int present[SPLITS] = {1, 0};
  trm_error error = {0};
  if (!file) {
    for (int i = 0; i < SPLITS; i++) present[i] = data_has_split(path, data_splits[i]);
    if (!present[1]) present[0] = 1;
  }
  for (int i = 0; i < SPLITS; i++)
    if (present[i] && trm_dataset_open(&dataset[i], path, data_splits[i], NULL, &error)) return cli_error(self, &error);
  if (!dataset[0] || !dataset[1]) return CLI_CONTINUE;
  trm_dataset_info a = trm_dataset_describe(dataset[0]), b = trm_dataset_describe(dataset[1]);
  if (a.seq_len == b.seq_len && a.vocab_size == b.vocab_size) return CLI_CONTINUE;
  return cli_bad_input(self, "%s: train and test differ in seq_len or vocab_size, expected equal ones", path);
}

static void data_print_splits(const char *path, int file, trm_dataset *const dataset[SPLITS]) {
  char text[96];
  int titled = 0;
  for (int i = 0; i < SPLITS; i++) {
    if (!dataset[i]) continue;
    trm_dataset_info d = trm_dataset_describe(dataset[i]);
    if (!titled++) {
      printf("data      %s\ntask      %s, symbols \"%s\"\nshape     %lld tokens of a vocabulary of %lld\n\n", path,
             trm_task_title(&d.task, text, sizeof text), d.task.alphabet, (long long)d.seq_len,
             (long long)d.vocab_size);
      printf("%-8s %12s %12s %12s %12s   %s\n", "split", "examples", "puzzles", "groups", "identifiers", "rating");
    }
    data_print_split(file ? "file" : data_splits[i], &d);
  }
}

static void data_print_json(const char *path, int file, trm_dataset *const dataset[SPLITS]) {
  json_t *json = json_object(), *parts = json_object();
  for (int i = 0; i < SPLITS; i++) {
    if (!dataset[i]) continue;
    trm_dataset_info d = trm_dataset_describe(dataset[i]);
    char *question = data_first_question(dataset[i], &d);
    json_object_set_new(json, "task", data_task_json(&d));
    json_object_set_new(json, "seq_len", json_integer(d.seq_len));
    json_object_set_new(json, "vocab_size", json_integer(d.vocab_size));
    json_t *part = data_split_json(&d);
    if (question) json_object_set_new(part, "first_question", json_string(question));
    json_object_set_new(parts, file ? "file" : data_splits[i], part);
    free(question);
  }
  json_object_set_new(json, "data", cli_path(path));
  json_object_set_new(json, "splits", parts);
  cli_json_print(json, 0);
}

static void data_note_shape(const trm_dataset *dataset, int64_t width) {
  trm_dataset_info d = trm_dataset_describe(dataset);
  cli_note_shape(&d.task, width);
}

static int data_describe(const cli_command *self, const char *path) {
  trm_dataset *dataset[SPLITS] = {NULL, NULL};
  int file = trm_dataset_is_text_file(path), code = data_open_all(self, path, file, dataset);
  if (code == CLI_CONTINUE) {
    for (int i = 0; i < SPLITS; i++)
      if (dataset[i]) cli_data_say(self, path, trm_dataset_describe(dataset[i]).notes);
    for (int i = 0; i < SPLITS && file; i++)
      if (dataset[i]) data_note_shape(dataset[i], 0);
    (opt.json ? data_print_json : data_print_splits)(path, file, dataset);
    code = CLI_OK;
  }
  for (int i = 0; i < SPLITS; i++) trm_dataset_close(&dataset[i]);
  return code;
}

static int data_run_info(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 1, 1, "a dataset");
  if (code == CLI_CONTINUE) code = data_describe(self, cli_data_path(a.positional[0]));
  cli_arguments_free(&a);
  return code;
}

/* What makes a dataset unfit for use, or keeps it from being known to be fit. */
static int64_t data_problems(const trm_check_report *r) {
  return r->bad_questions + r->bad_answers + r->not_unique + r->undecided + r->conflicts + r->shared;
}

/* -- make and import ----------------------------------------------------------------------------------------------- */

static int data_finish(const cli_command *self, trm_status status, const trm_error *error, const char *out,
                       cli_progress *progress) {
  cli_progress_clear(progress);
  return status ? cli_error(self, error) : data_describe(self, out);
}

static int data_run_make(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  trm_error error = {0};
  data_making = trm_make_config_default();
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 0, 0, "no argument but options");
  if (code == CLI_CONTINUE && !data_making.out[0]) code = cli_usage(self, "--out DIR is needed");
  if (code == CLI_CONTINUE) code = cli_threads(self, data_making.threads, &data_making.threads);
  if (code == CLI_CONTINUE) {
    cli_progress progress = cli_progress_open(opt.quiet);
    cli_catch_signals();
    trm_status status = trm_data_make(&data_making, cli_progress_fraction, &progress, &error);
    code = data_finish(self, status, &error, data_making.out, &progress);
  }
  cli_arguments_free(&a);
  return code;
}

#define CHECKED_IMPORT 100000 /* examples; beyond it the user has to ask */

static int data_progress_stop(void *context, double fraction, const char *what) {
  (void)context, (void)fraction, (void)what;
  return cli_interrupted();
}

/* A question with two solutions teaches nothing sure: say so once the data is written. */
static int data_warn_about(const cli_command *self, const char *out) {
  trm_check_report r = {0};
  trm_dataset *dataset = NULL;
  if (trm_dataset_open(&dataset, out, "train", NULL, NULL)) return CLI_OK;
  int64_t examples = trm_dataset_describe(dataset).examples;
  data_note_shape(dataset, data_importing.alphabet[0] ? 1 : data_importing.width);
  trm_dataset_close(&dataset);
  if (examples > CHECKED_IMPORT) return CLI_OK;
  trm_status status = trm_data_check(out, &r, data_progress_stop, NULL, NULL);
  if (status == TRM_E_STOPPED) {
    cli_warn(self, "stopped: %s is written, but its puzzles are not checked; see 'trm data check %s'", out, out);
    return cli_exit_code(status);
  }
  if (!status && data_problems(&r))
    cli_warn(self, "%s; problems in all: %lld ('trm data check %s' tells them apart)", r.first_problem,
             (long long)data_problems(&r), out);
  return CLI_OK;
}

static int data_run_import(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  trm_error error = {0};
  char notes[TRM_NOTES] = "";
  data_importing = trm_import_config_default();
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, data_importing.input[0] ? 0 : 1, 1, "a file of CSV or JSON");
  if (code == CLI_CONTINUE && !data_importing.out[0]) code = cli_usage(self, "--out DIR is needed");
  if (code == CLI_CONTINUE) {
    cli_progress progress = cli_progress_open(opt.quiet);
    if (a.positionals)
      (void)snprintf(data_importing.input, sizeof data_importing.input, "%s", cli_data_path(a.positional[0]));
    cli_catch_signals();
    trm_status status = trm_data_import(&data_importing, notes, cli_progress_fraction, &progress, &error);
    cli_progress_clear(&progress);
    cli_data_say(self, data_importing.input, notes);
    code = data_finish(self, status, &error, data_importing.out, &progress);
    if (code == CLI_OK) code = data_warn_about(self, data_importing.out);
  }
  cli_arguments_free(&a);
  return code;
}

/* -- check --------------------------------------------------------------------------------------------------------- */

/* judged: 1 for what rules are needed to find. */
static void data_print_count(const trm_check_report *r, const char *what, int64_t number, int judged) {
  char a[32];
  printf("%-46s %14s\n", what, judged && !r->rules ? "no rules known" : cli_thousands(number, a));
}

static void data_print_check(const trm_check_report *r) {
  data_print_count(r, "examples", r->examples, 0);
  data_print_count(r, "puzzles", r->puzzles, 0);
  data_print_count(r, "groups", r->groups, 0);
  data_print_count(r, "questions that contradict themselves", r->bad_questions, 0);
  data_print_count(r, "answers that break rules or change clues", r->bad_answers, 1);
  if (r->rules && !r->single) printf("%-46s %14s\n", "questions with more than one solution", "not counted");
  else data_print_count(r, "questions with more than one solution", r->not_unique, 1);
  data_print_count(r, "questions not decided: the solver gave up", r->undecided, 1);
  data_print_count(r, "questions that have another answer elsewhere", r->conflicts, 0);
  data_print_count(r, "equivalent puzzles inside a split", r->duplicates, 0);
  data_print_count(r, "puzzles equivalent to one of the other split", r->shared, 0);
  if (isfinite(r->mean_guesses)) printf("%-46s %14.1f\n", "mean guesses of the exact solver", r->mean_guesses);
  if (isfinite(r->mean_rating)) printf("%-46s %14.1f\n", "mean rating that the data states", r->mean_rating);
  if (data_problems(r) > r->undecided) puts("\nproblems were found");
  else if (r->undecided) puts("\nno problem was found, but not every question was decided");
  else if (r->unjudged) puts("\nno rules known: no answer was judged; apart from that no problem was found");
  else puts("\nno problem was found");
}

static void data_print_check_json(const trm_check_report *r) {
  cli_json_print(json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:o, s:o, s:o, s:b}",
                           "examples", (json_int_t)r->examples, "puzzles", (json_int_t)r->puzzles, "groups",
                           (json_int_t)r->groups, "bad_questions", (json_int_t)r->bad_questions, "bad_answers",
                           (json_int_t)r->bad_answers, "not_unique", (json_int_t)r->not_unique, "undecided",
                           (json_int_t)r->undecided, "duplicates", (json_int_t)r->duplicates, "conflicts",
                           (json_int_t)r->conflicts, "shared", (json_int_t)r->shared, "unjudged",
                           (json_int_t)r->unjudged, "rules", r->rules ? r->rules : "no rules known", "mean_guesses",
                           cli_real(r->mean_guesses), "mean_rating", cli_real(r->mean_rating), "first_problem",
                           cli_path(r->first_problem), "ok", data_problems(r) == 0),
                 0);
}

static int data_check(const cli_command *self, const char *path) {
  trm_error error = {0};
  trm_check_report report = {0};
  cli_progress progress = cli_progress_open(opt.quiet);
  cli_catch_signals();
  trm_status status = trm_data_check(path, &report, cli_progress_fraction, &progress, &error);
  cli_progress_clear(&progress);
  if (status) return cli_error(self, &error);
  cli_data_say(self, path, report.notes);
  (opt.json ? data_print_check_json : data_print_check)(&report);
  return data_problems(&report) ? cli_bad_input(self, "%s: %s", path, report.first_problem) : CLI_OK;
}

static int data_run_check(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 1, 1, "a dataset");
  if (code == CLI_CONTINUE) code = data_check(self, cli_data_path(a.positional[0]));
  cli_arguments_free(&a);
  return code;
}

/* -- declarations -------------------------------------------------------------------------------------------------- */

const cli_command cli_data_make = {
    .name = "data make",
    .synopsis = "--out DIR [options]",
    .summary = "make Sudoku puzzles (4x4, 6x6, 9x9, 16x16) or mazes to train on",
    .description =
        "Makes Sudoku puzzles with exactly one solution, with a wanted range of clues or guesses of the exact solver, "
        "or "
        "mazes, and writes a dataset directory with a training and a test split. No test puzzle is equivalent to a "
        "training puzzle under the symmetries of its kind. The same seed makes the same puzzles.\n\n"
        "Mazes are of the published kind: each cell is a wall with a probability between 30 and 50 %, which each maze "
        "draws for itself, start and goal are free cells with a path of at least --min-path moves between them, and "
        "the "
        "answer is the shortest path that a breadth-first search in the published order finds. With --min-side and "
        "--max-side smaller mazes stand in the grid's upper left corner with walls beside them; their paths are as "
        "much "
        "shorter as they are smaller than --max-side. Ratings of mazes are moves, those of Sudoku guesses.",
    .examples = "trm data make --size 6 --train 10000 --test 1000 --out data/6x6\n"
                "trm data make --size 9 --train 1000 --test 99 --min-guesses 9 --out data/9x9\n"
                "trm data make --task maze --size 30 --min-path 109 --out data/maze\n",
    .exits = "0\tmade\n1\tstopped by a signal; nothing is written\n",
    .usual = "out task size train test min_guesses min_path augment seed",
    .tables = data_make_tables,
    .run = data_run_make,
};

const cli_command cli_data_import = {
    .name = "data import",
    .synopsis = "FILE --out DIR [options]",
    .summary = "turn a CSV or JSON file into a dataset",
    .description =
        "Reads CSV (commas, semicolons or tabs) with columns such as question and answer, puzzle and solution, or "
        "quizzes and solutions, or JSON with such keys: an object a line, or one array of objects. What a file is, its "
        "content says and not its name; it may be packed with gzip, UTF-16, or standard input (-). The alphabet and "
        "the shape of the grid are inferred unless given; Sudoku, mazes, ARC's grids of 30x30 and ARC task files are "
        "recognised. A rating that is missing or no number stops nothing; what was left out or taken for something "
        "is said.",
    .examples = "trm data import puzzles.csv --out data/mine\n"
                "trm data import t.tsv --question-column start --answer-column end --out data/t\n"
                "trm data import words.jsonl --alphabet .abcdefgh --width 8 --out data/words\n",
    .exits = "0\timported\n1\tstopped by a signal: nothing is written, or (which it says) the data is, but was not "
             "checked\n",
    .usual = "input out test_input test_fraction alphabet width symmetries judge",
    .tables = data_import_tables,
    .run = data_run_import,
};

const cli_command cli_data_info = {
    .name = "data info",
    .synopsis = "DATA [--json]",
    .summary = "show what is in a dataset",
    .description =
        "Shows the task, shape and size of a dataset directory's splits, or of a CSV or JSON file. All splits "
        "are read first: shapes, offsets, and the range of every token and identifier are checked. 'trm data check' "
        "also checks the puzzles.",
    .examples = "trm data info data/6x6\ntrm data info puzzles.csv --json\n",
    .tables = data_report_tables,
    .run = data_run_info,
};

const cli_command cli_data_check = {
    .name = "data check",
    .synopsis = "DATA [--json]",
    .summary = "check a dataset against the puzzle's rules",
    .description =
        "Checks that every question is free of contradictions, every answer keeps rules and clues, every Sudoku "
        "has one solution, no question has two answers, and no puzzle of the test split is equivalent to one of the "
        "training split. A Sudoku whose search takes more than a million guesses is reported as not decided. Where no "
        "rules are known, answers are not judged, which is said. Ratings are never checked. The exit code is 3 when a "
        "problem is found or a question is not decided.",
    .examples = "trm data check data/6x6\n",
    .exits = "1\tstopped by a signal; nothing is said about the dataset\n"
             "3\tthe dataset cannot be read, has problems, or has questions that were not decided\n",
    .tables = data_report_tables,
    .run = data_run_check,
};
