/* trm sudoku new: random puzzles to wishes, a line each. */
#include <string.h>
#include <time.h>
#include <trm/task.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/ui/grid.h"

#define CELLS 256
#define TRIES 200000     /* puzzles to look at; a few minutes where none fits */
#define TRIES_LARGE 2000 /* of 16x16, which take longer */

static struct {
  char guesses[48], clues[48];
  int64_t count, size, seed, tries;
  int json, quiet;
} opt;

static const trm_option new_options[] = {
    {.name = "guesses",
     .type = TRM_OPT_STRING,
     FIELD(guesses),
     .size = sizeof opt.guesses,
     .metavar = "A-B",
     .group = "Puzzle",
     .help = "cells that the exact solver has to guess: 0 for logic alone, 5-20, 50- for very hard ones; default: any"},
    {.name = "clues",
     .type = TRM_OPT_STRING,
     FIELD(clues),
     .size = sizeof opt.clues,
     .metavar = "N",
     .help = "so many clues, or A-B; default: as few as can be, so that each clue is needed"},
    {.name = "size",
     .type = TRM_OPT_INT,
     FIELD(size),
     .default_text = "9",
     .min = 4,
     .max = 16,
     .help = "side of the grid: 4, 6, 9 or 16"},
    {.name = "count", .type = TRM_OPT_INT, FIELD(count), .default_text = "1", .min = 1, .max = 1e9, .help = "puzzles"},
    {.name = "seed",
     .type = TRM_OPT_INT,
     FIELD(seed),
     .default_text = "-1",
     .min = -1,
     .max = 9e15,
     .help = "the same seed gives the same puzzles; -1: others each time"},
    {.name = "tries",
     .type = TRM_OPT_INT,
     FIELD(tries),
     .default_text = "0",
     .min = 0,
     .max = 1e12,
     .help = "puzzles to look at for each wanted one before giving up; 0: 200,000, of 16x16 2,000"},
    CLI_JSON_OPTION(.group = "Output", .help = "print one JSON object a puzzle, one a line"),
    CLI_QUIET_OPTION,
};

static size_t new_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){new_options, sizeof new_options / sizeof *new_options, &opt};
  return 1;
}

/* -- wishes -------------------------------------------------------------------------------------------------------- */

/* A number below a billion; the text behind it, or NULL when there is none. */
static const char *new_number(const char *text, int64_t *number) {
  int64_t value = 0;
  if (*text < '0' || *text > '9') return NULL;
  for (; *text >= '0' && *text <= '9'; text++) {
    value = 10 * value + (*text - '0');
    if (value >= 1000000000) return NULL;
  }
  *number = value;
  return text;
}

/* "7", "5-20", "50-" or "-9"; an open end is 0 and `open`. */
static int new_range(const cli_command *self, const char *option, const char *text, int64_t open, int64_t *least,
                     int64_t *most) {
  const char *rest = text;
  if (!*text) return CLI_CONTINUE;
  *least = 0, *most = open;
  if (*rest != '-') rest = new_number(rest, least);
  if (rest && *rest == '\0') *most = *least;
  else if (rest && *rest == '-') rest = rest[1] ? new_number(rest + 1, most) : rest + 1;
  if (!rest || *rest || !strcmp(text, "-"))
    return cli_usage(self, "--%s: found \"%s\", expected a number or a range such as 5-20, 50- or -9", option, text);
  if (*most != -1 && *most < *least)
    return cli_usage(self, "--%s: found %s, expected the smaller number first", option, text);
  return CLI_CONTINUE;
}

static int new_wishes(const cli_command *self, trm_wanted *wanted) {
  *wanted = trm_wanted_default();
  wanted->tries = opt.tries ? opt.tries : opt.size > 9 ? TRIES_LARGE : TRIES;
  int code = new_range(self, "guesses", opt.guesses, -1, &wanted->min_guesses, &wanted->max_guesses);
  if (code == CLI_CONTINUE)
    code = new_range(self, "clues", opt.clues, opt.size * opt.size, &wanted->min_clues, &wanted->max_clues);
  if (code == CLI_CONTINUE && opt.size != 4 && opt.size != 6 && opt.size != 9 && opt.size != 16)
    code = cli_usage(self, "--size: found %lld, expected 4, 6, 9 or 16", (long long)opt.size);
  return code;
}

/* Another one each time, and small enough to be typed again. */
static uint64_t new_seed(void) {
  struct timespec now = {0};
  if (opt.seed >= 0) return (uint64_t)opt.seed;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return ((uint64_t)now.tv_nsec / 1000 * 1009 + (uint64_t)now.tv_sec * 7919 + (uint64_t)getpid()) % 1000000000;
}

/* -- making -------------------------------------------------------------------------------------------------------- */

static int new_progress(void *context, int64_t tried) {
  cli_progress *progress = context;
  char line[80], number[32];
  if (cli_interrupted()) return 1;
  if (tried < 100 || !cli_progress_due(progress)) return 0;
  (void)snprintf(line, sizeof line, "searching: %s puzzles looked at", cli_thousands(tried, number));
  cli_progress_show(progress, line);
  return 0;
}

static void new_print(const trm_task *task, const int32_t *question, const int32_t *answer, uint64_t seed,
                      int64_t number) {
  char asked[CELLS + 1], solved[CELLS + 1];
  int clues = 0;
  double guesses = trm_task_unique(task, question, 0).effort;
  for (int i = 0; i < task->width * task->height; i++) clues += question[i] > 1;
  (void)trm_task_render(task, question, asked, sizeof asked, NULL);
  (void)trm_task_render(task, answer, solved, sizeof solved, NULL);
  if (opt.json) {
    cli_json_print(json_pack("{s:s, s:s, s:i, s:i, s:I, s:I, s:I}", "question", asked, "answer", solved, "size",
                             task->width, "clues", clues, "guesses", (json_int_t)guesses, "seed", (json_int_t)seed,
                             "number", (json_int_t)number),
                   1);
    return;
  }
  puts(asked);
  if (opt.count > 1 || !isatty(STDOUT_FILENO)) return;
  cli_grid grid;
  cli_grid_style style = {.question = question, .color = cli_color(stdout)};
  putchar('\n');
  if (cli_grid_open(&grid, task, question, &style)) cli_grids_print(stdout, &grid, NULL, 1, cli_columns(stdout));
  cli_grid_close(&grid);
  printf("\n%d clues, %.0f guesses of the exact solver, seed %llu\n", clues, guesses, (unsigned long long)seed);
}

static int new_make(const cli_command *self) {
  trm_wanted wanted;
  trm_error error = {0};
  cli_progress progress = cli_progress_open(opt.quiet);
  int32_t question[CELLS], answer[CELLS];
  int code = new_wishes(self, &wanted);
  if (code != CLI_CONTINUE) return code;
  trm_task task = trm_task_sudoku((int)opt.size);
  uint64_t seed = new_seed();
  wanted.progress = new_progress, wanted.context = &progress;
  cli_catch_signals();
  for (int64_t i = 0; i < opt.count && !cli_stdout_broken(); i++) {
    if (cli_interrupted()) {
      cli_note("trm %s: stopped after %lld of %lld puzzles", self->name, (long long)i, (long long)opt.count);
      return CLI_UNSOLVED;
    }
    trm_status status = trm_generate(&task, seed, (uint64_t)i, &wanted, question, answer, &error);
    cli_progress_clear(&progress);
    if (status) return cli_error(self, &error);
    new_print(&task, question, answer, seed, i);
    (void)fflush(stdout);
  }
  return CLI_OK;
}

static int new_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_expect(self, &a, 0, 0, "no argument");
  if (code == CLI_CONTINUE) code = new_make(self);
  cli_arguments_free(&a);
  return code;
}

const cli_command cli_sudoku_new = {
    .name = "sudoku new",
    .synopsis = "[--guesses A-B] [--clues N] [options]",
    .summary = "make a puzzle, as hard and with as many clues as wanted",
    .description =
        "Makes Sudoku puzzles with exactly one solution and prints a line each; on a terminal a single one is also "
        "drawn. Difficulty is what the exact solver has to guess: puzzles of 0 guesses are solved by singles and "
        "locked candidates alone, most published ones take less than 5. Easy ones come at once. Few clues or many "
        "guesses are searched for, which takes seconds to minutes; after so many puzzles that were looked at in vain "
        "(--tries) it gives up and says so.\n\n"
        "With --json a puzzle is an object with question, answer, size, clues, guesses, seed and number: the puzzle's "
        "in this run, from 0.",
    .examples = "trm sudoku new\n"
                "trm sudoku new --clues 30 --guesses 0\n"
                "trm sudoku new --guesses 50- --json\n"
                "trm sudoku new --count 100 | trm solve -\n",
    .exits = "0\tmade\n1\tstopped by a signal; what was printed is whole\n3\tno puzzle was as wanted\n",
    .tables = new_tables,
    .run = new_run,
};
