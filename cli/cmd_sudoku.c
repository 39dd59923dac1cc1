/* trm sudoku: check, hint, rate. Each reads puzzles as trm solve does and says something about one after the other; all
 * that they say comes from the library. */
#include <math.h>
#include <string.h>

#include "cli/puzzles.h"
#include "cli/ui/grid.h"
#include "cli/voters.h"

#define CELLS 256
#define BOUND 1000000    /* guesses that counting a puzzle's solutions may take */
#define HINT_BOUND 20000 /* the same before a hint, which holds in every solution */

static struct {
  char model[1100], device[CLI_DEVICE];
  int json, network;
  int64_t threads;
} opt;

static const trm_option sudoku_options[] = {
    CLI_JSON_OPTION(.group = "Output", .help = "print one JSON object a puzzle, one a line"),
};

static const trm_option sudoku_hint_options[] = {
    {.name = "network",
     .type = TRM_OPT_BOOL,
     FIELD(network),
     .default_text = "true",
     .group = "Hint",
     .help = "ask a network where logic ends"},
    {.name = "model",
     .type = TRM_OPT_STRING,
     FIELD(model),
     .size = sizeof opt.model,
     .metavar = "FILE",
     .help = "model file or run directory; default: an installed one that fits"},
    CLI_DEVICE_OPTION,
    CLI_THREADS_OPTION(.help = "computing threads; 0: all cores"),
};

static size_t sudoku_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){sudoku_options, sizeof sudoku_options / sizeof *sudoku_options, &opt};
  return 1;
}

static size_t sudoku_hint_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){sudoku_hint_options, sizeof sudoku_hint_options / sizeof *sudoku_hint_options, &opt};
  t[1] = (cli_table){sudoku_options, sizeof sudoku_options / sizeof *sudoku_options, &opt};
  return 2;
}

/* -- puzzles ------------------------------------------------------------------------------------------------------- */

/* One run of a command: its puzzles, and for hints the network, opened when it is needed first. */
typedef struct sudoku_run {
  const cli_command *command;
  cli_puzzles puzzles;
  trm_task task;
  int named;             /* 1: puzzles come with the name of their place */
  int32_t tokens[CELLS]; /* of the puzzle at hand */
  const char *where;
  trm_runtime *runtime;
  trm_model *model;
  trm_solver *solver;
  int no_solver; /* 1: there is none to open */
} sudoku_run;

/* Says something about the puzzle at hand; an exit code. */
typedef int (*sudoku_fn)(sudoku_run *run);

static json_t *sudoku_json(const sudoku_run *run) {
  char text[CELLS + 1];
  (void)trm_task_render(&run->task, run->tokens, text, sizeof text, NULL);
  return json_pack("{s:o, s:s}", "where", cli_path(run->where), "question", text);
}

static int sudoku_refuse(const sudoku_run *run, const cli_puzzle *puzzle) {
  if (!opt.json) return cli_bad_input(run->command, "%s: %s", puzzle->where, puzzle->error);
  cli_json_print(json_pack("{s:o, s:o}", "where", cli_path(puzzle->where), "error", cli_path(puzzle->error)), 1);
  return CLI_INPUT;
}

/* A puzzle that could be read, though its clues contradict each other. */
static int sudoku_is_read(const sudoku_run *run, const cli_puzzle *puzzle) {
  int cells = run->task.width * run->task.height;
  if (!puzzle->error) return 1;
  for (int i = 0; i < cells; i++)
    if (run->tokens[i] < 0) return 0;
  return trm_task_check_question(&run->task, run->tokens, NULL) != TRM_OK;
}

static int sudoku_choose_task(sudoku_run *run) {
  char problem[CLI_PROBLEM];
  int code = cli_puzzles_check(&run->puzzles, NULL);
  if (code != CLI_CONTINUE) return code;
  trm_puzzle_kind kind;
  cli_puzzles_kind(&run->puzzles, &kind, problem);
  for (int size = 4; size <= 16; size++) {
    if ((size_t)(size * size) != kind.cells) continue;
    run->task = trm_task_sudoku(size);
    char title[32];
    if (size == 4 || size == 6 || size == 9 || size == 16) return CLI_CONTINUE;
    return cli_bad_input(run->command, "a grid of %s: expected a size of 4, 6, 9 or 16",
                         trm_task_title(&run->task, title, sizeof title));
  }
  if (problem[0]) return cli_bad_input(run->command, "%s", problem);
  return cli_bad_input(run->command, "the first puzzle has %zu cells, expected 16, 36, 81 or 256", kind.cells);
}

/* The worst of the exit codes is that of the run. */
static int sudoku_each(sudoku_run *run, sudoku_fn say) {
  int code = sudoku_choose_task(run), worst = CLI_OK;
  if (code != CLI_CONTINUE) return code;
  cli_catch_signals();
  for (size_t count = 0; !cli_interrupted() && !cli_stdout_broken(); count++) {
    cli_puzzle puzzle = {0};
    for (int i = 0; i < CELLS; i++) run->tokens[i] = -1;
    if (cli_puzzles_next(&run->puzzles, &run->task, 1, run->tokens, &puzzle) != CLI_PUZZLES_ONE) break;
    run->where = puzzle.where;
    int read = sudoku_is_read(run, &puzzle);
    if (read && run->named && !opt.json) printf("%s%s:\n", count ? "\n" : "", puzzle.where);
    code = read ? say(run) : sudoku_refuse(run, &puzzle);
    if (code > worst) worst = code;
    (void)fflush(stdout);
    cli_puzzle_free(&puzzle);
  }
  return cli_interrupted() && worst == CLI_OK ? CLI_UNSOLVED : worst;
}

static int sudoku_start(const cli_command *self, int argc, char **argv, sudoku_fn say) {
  cli_arguments a;
  sudoku_run run = {.command = self};
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_voters_refuse(self, &a);
  if (code == CLI_CONTINUE) code = cli_puzzles_open(self, a.positional, a.positionals, &run.puzzles);
  if (code == CLI_CONTINUE) {
    run.named = a.positionals > 1;
    code = sudoku_each(&run, say);
    cli_puzzles_close(&run.puzzles);
  }
  trm_solver_close(&run.solver);
  trm_runtime_close(&run.runtime);
  trm_model_close(&run.model);
  cli_arguments_free(&a);
  return code;
}

static void sudoku_print_grid(const sudoku_run *run, const int32_t *tokens, const int32_t *previous) {
  cli_grid grid;
  cli_grid_style style = {.question = run->tokens, .previous = previous, .wrong = 1, .color = cli_color(stdout)};
  if (cli_grid_open(&grid, &run->task, tokens, &style)) cli_grids_print(stdout, &grid, NULL, 1, cli_columns(stdout));
  cli_grid_close(&grid);
}

/* -- what is wrong ------------------------------------------------------------------------------------------------- */

/* ": r1c1, r1c2", ending with "..." behind 12 of them. */
static void sudoku_print_cells(const sudoku_run *run, const uint8_t *marks) {
  int shown = 0;
  for (int i = 0; i < run->task.width * run->task.height && shown <= 12; i++) {
    if (!marks[i]) continue;
    if (shown++ == 12) fputs(", ...", stdout);
    else printf("%sr%dc%d", shown == 1 ? ": " : ", ", i / run->task.width + 1, i % run->task.width + 1);
  }
}

static json_t *sudoku_json_cells(const sudoku_run *run, const uint8_t *marks) {
  json_t *cells = json_array();
  for (int i = 0; i < run->task.width * run->task.height; i++)
    if (marks[i])
      json_array_append_new(cells, json_sprintf("r%dc%d", i / run->task.width + 1, i % run->task.width + 1));
  return cells;
}

static json_t *sudoku_json_count(int solutions) {
  return solutions < 0 ? json_null() : json_integer(solutions);
}

static const char *sudoku_problem(const trm_task_finding *found, int64_t bound) {
  if (found->what[0]) return found->what;
  return found->solutions == 1 || bound < BOUND ? NULL
                                                : "not decided: the exact solver gave up after a million guesses";
}

/* CLI_OK when the puzzle has exactly one solution, or with a bound below BOUND when that was not decided; otherwise
 * says what is wrong. say: 1 to say as well that nothing is. */
static int sudoku_judge(sudoku_run *run, int say, int64_t bound) {
  uint8_t marks[CELLS];
  trm_task_finding found = trm_task_inspect(&run->task, run->tokens, bound, marks);
  const char *problem = sudoku_problem(&found, bound);
  if (opt.json && (say || problem)) {
    json_t *json = sudoku_json(run);
    json_object_set_new(json, "solutions", sudoku_json_count(found.solutions));
    json_object_set_new(json, "problem", problem ? json_string(problem) : json_null());
    json_object_set_new(json, "cells", sudoku_json_cells(run, marks));
    cli_json_print(json, 1);
  } else if (problem) {
    sudoku_print_grid(run, run->tokens, NULL);
    printf("\n%s", problem);
    sudoku_print_cells(run, marks);
    putchar('\n');
  } else if (say) {
    puts("the puzzle has exactly one solution");
  }
  return problem ? CLI_INPUT : CLI_OK;
}

static int sudoku_check(sudoku_run *run) {
  return sudoku_judge(run, 1, BOUND);
}

static int sudoku_run_check(const cli_command *self, int argc, char **argv) {
  return sudoku_start(self, argc, argv, sudoku_check);
}

/* -- hints --------------------------------------------------------------------------------------------------------- */

/* The network, when there is one: CLI_CONTINUE, also without one, or an exit code. */
static int sudoku_open_solver(sudoku_run *run) {
  trm_error error = {0};
  trm_solver_config config = trm_solver_config_default();
  int named = opt.model[0] != 0;
  if (run->solver || run->no_solver || !opt.network) return CLI_CONTINUE;
  const trm_puzzle_kind kind = {.task = run->task};
  int code = cli_model_open(run->command, opt.model, &kind, &run->model);
  run->no_solver = code != CLI_CONTINUE && !named; /* which it said */
  if (code != CLI_CONTINUE) return named ? code : CLI_CONTINUE;
  code = cli_runtime_open(run->command, &run->runtime, opt.device, opt.threads, 1);
  config.puzzles = 1;
  if (code == CLI_CONTINUE && trm_solver_open(&run->solver, run->runtime, run->model, &config, &error))
    code = cli_error(run->command, &error);
  return code;
}

static const char *sudoku_by(const trm_hint_result *hint) {
  switch (hint->by) {
  case TRM_HINT_RULES:
    return "rules";
  case TRM_HINT_NETWORK:
    return "network";
  case TRM_HINT_CHECKED:
    return "network checked by rules";
  default:
    return NULL;
  }
}

static void sudoku_print_hint(const sudoku_run *run, const trm_hint_result *hint) {
  int32_t with[CELLS];
  if (hint->cell < 0) {
    printf("no hint: %s\n", hint->reason);
    return;
  }
  memcpy(with, run->tokens, sizeof with);
  with[hint->cell] = hint->token;
  sudoku_print_grid(run, with, run->tokens);
  printf("\n%s%s%s\n", hint->before, hint->before[0] ? "\n" : "", hint->reason);
  printf("by: %s%s%s%s\n", sudoku_by(hint), hint->technique[0] ? " (" : "", hint->technique,
         hint->technique[0] ? ")" : "");
  if (hint->refuted) printf("the network was surer of %d cells, which the rules found wrong\n", hint->refuted);
}

static json_t *sudoku_json_lines(const char *text) {
  json_t *lines = json_array();
  for (size_t length; *text; text += length + (text[length] == '\n')) {
    length = strcspn(text, "\n");
    json_array_append_new(lines, json_stringn(text, length));
  }
  return lines;
}

static void sudoku_print_hint_json(const sudoku_run *run, const trm_hint_result *hint) {
  json_t *json = sudoku_json(run);
  int found = hint->cell >= 0, row = found ? hint->cell / run->task.width + 1 : 0;
  int column = found ? hint->cell % run->task.width + 1 : 0;
  char digit[2] = {found ? run->task.alphabet[hint->token - 1] : 0, 0};
  json_object_set_new(json, "cell", found ? json_sprintf("r%dc%d", row, column) : json_null());
  json_object_set_new(json, "row", found ? json_integer(row) : json_null());
  json_object_set_new(json, "column", found ? json_integer(column) : json_null());
  json_object_set_new(json, "digit", found ? json_string(digit) : json_null());
  json_object_set_new(json, "by", found ? json_string(sudoku_by(hint)) : json_null());
  json_object_set_new(json, "technique", hint->technique[0] ? json_string(hint->technique) : json_null());
  json_object_set_new(json, "probability", cli_real(hint->probability));
  json_object_set_new(json, "refuted", json_integer(hint->refuted));
  json_object_set_new(json, "reason", json_string(hint->reason));
  json_object_set_new(json, "before", sudoku_json_lines(hint->before));
  cli_json_print(json, 1);
}

static int sudoku_hint(sudoku_run *run) {
  trm_hint_result hint = {0};
  trm_error error = {0};
  int code = sudoku_judge(run, 0, HINT_BOUND);
  if (code != CLI_OK) return code;
  if (trm_hint(NULL, &run->task, run->tokens, &hint, &error)) return cli_error(run->command, &error);
  if (hint.by == TRM_HINT_NONE) {
    code = sudoku_open_solver(run);
    if (code != CLI_CONTINUE) return code;
    if (trm_hint(run->solver, &run->task, run->tokens, &hint, &error)) return cli_error(run->command, &error);
  }
  (opt.json ? sudoku_print_hint_json : sudoku_print_hint)(run, &hint);
  return hint.cell >= 0 ? CLI_OK : CLI_UNSOLVED;
}

static int sudoku_run_hint(const cli_command *self, int argc, char **argv) {
  return sudoku_start(self, argc, argv, sudoku_hint);
}

/* -- ratings ------------------------------------------------------------------------------------------------------- */

static void sudoku_print_rating(const trm_sudoku_rating *r) {
  printf("clues      %d\n", r->clues);
  printf("guesses    %lld of the exact solver, which is the rating in trm's data\n", (long long)r->guesses);
  if (r->left == 0) printf("logic      solves it; the hardest step: %s\n", r->hardest[0] ? r->hardest : "none");
  else if (!r->hardest[0]) puts("logic      decides no cell");
  else printf("logic      leaves %d cells to guessing; the hardest step: %s\n", r->left, r->hardest);
  if (r->needless < 0) puts("minimal    not decided");
  else if (r->needless == 0) puts("minimal    yes: each clue is needed");
  else printf("minimal    no: %d clues could each go\n", r->needless);
}

static void sudoku_print_rating_json(const sudoku_run *run, const trm_sudoku_rating *r) {
  json_t *json = sudoku_json(run);
  json_object_set_new(json, "clues", json_integer(r->clues));
  json_object_set_new(json, "solutions", sudoku_json_count(r->solutions));
  json_object_set_new(json, "guesses", json_integer(r->guesses));
  json_object_set_new(json, "hardest", r->hardest[0] ? json_string(r->hardest) : json_null());
  json_object_set_new(json, "left", json_integer(r->left));
  json_object_set_new(json, "minimal", r->needless < 0 ? json_null() : json_boolean(r->needless == 0));
  json_object_set_new(json, "needless", r->needless < 0 ? json_null() : json_integer(r->needless));
  cli_json_print(json, 1);
}

static int sudoku_rate(sudoku_run *run) {
  uint8_t cells[CELLS];
  int code = sudoku_judge(run, 0, BOUND);
  if (code != CLI_OK) return code;
  for (int i = 0; i < run->task.width * run->task.height; i++)
    cells[i] = (uint8_t)(run->tokens[i] > 1 ? run->tokens[i] - 1 : 0);
  trm_sudoku_rating rating = trm_sudoku_rate(run->task.width, cells);
  if (opt.json) sudoku_print_rating_json(run, &rating);
  else sudoku_print_rating(&rating);
  return CLI_OK;
}

static int sudoku_run_rate(const cli_command *self, int argc, char **argv) {
  return sudoku_start(self, argc, argv, sudoku_rate);
}

/* -- declarations -------------------------------------------------------------------------------------------------- */

#define SUDOKU_PROBLEM_NOTE                                                                                            \
  "A puzzle that contradicts itself, or has no or several solutions, is told as such, with --json as an object with "  \
  "where, question, solutions (0, 1, 2 for more, null when not decided), problem and cells (\"r4c7\" is row 4, "       \
  "column "                                                                                                            \
  "7)."

const cli_command cli_sudoku_check = {
    .name = "sudoku check",
    .synopsis = "[PUZZLE | FILE | -]... [--json]",
    .summary = "say whether a puzzle has one solution, or what is wrong",
    .description =
        "Looks for clues that contradict each other and counts solutions with the exact solver, within a million "
        "guesses. Puzzles are written as for trm solve, of 4x4, 6x6, 9x9 or 16x16 cells.\n\n" SUDOKU_PROBLEM_NOTE
        " The cells are the clues that clash, the cell without a digit or the cells without a place for one, or those "
        "in which two solutions differ. For a sound puzzle problem is null.",
    .examples = "trm sudoku check 4.322314...33.4.\n"
                "trm sudoku check puzzles.txt --json\n",
    .exits = "0\teach puzzle has exactly one solution\n1\tstopped by a signal\n"
             "3\ta puzzle cannot be read, has no or several solutions, or was not decided\n",
    .tables = sudoku_tables,
    .run = sudoku_run_check,
};

const cli_command cli_sudoku_hint = {
    .name = "sudoku hint",
    .synopsis = "[PUZZLE | FILE | -]... [options]",
    .summary = "give the next cell of a puzzle, and why",
    .description =
        "Gives one cell. First logic, from easy to hard: naked single (a cell has one candidate left), hidden single "
        "(a digit has one place left in a row, column or box), and where there is none locked candidates, pairs and "
        "triples that lead to one. Where logic of that kind ends, the network takes up to eight supervision steps, and "
        "its most certain empty cell is looked up by the exact solver: a cell that is wrong is passed over, one that "
        "is "
        "right is \"network checked by rules\", and one that could not be looked up is \"network\": a guess.\n\n"
        "With --json a hint is an object with where, question, cell (\"r4c7\"), row, column, digit, by (\"rules\", "
        "\"network\", \"network checked by rules\"), technique (null by a network), probability (of the network, else "
        "null), refuted (cells of which the network was surer, and wrong), reason (a sentence) and before (the steps "
        "before it). Without a hint cell and by are null.\n\n" SUDOKU_PROBLEM_NOTE,
    .examples = "trm sudoku hint ....1........6..3.2..5..63.1....5.6.\n"
                "trm sudoku hint --no-network < puzzle.txt\n",
    .exits = "0\teach puzzle has a hint\n1\ta puzzle has none, or stopped by a signal\n"
             "3\ta puzzle cannot be read, or has no or several solutions\n",
    .tables = sudoku_hint_tables,
    .run = sudoku_run_hint,
};

const cli_command cli_sudoku_rate = {
    .name = "sudoku rate",
    .synopsis = "[PUZZLE | FILE | -]... [--json]",
    .summary = "say how hard a puzzle is, for the exact solver and for people",
    .description =
        "Counts clues and the cells that the exact solver has to guess, which is the rating that trm data make and trm "
        "sudoku new give; looks for the hardest step that logic needs (see trm sudoku hint), how many cells logic "
        "leaves to guessing, and whether each clue is needed.\n\n"
        "With --json a rating is an object with where, question, clues, solutions, guesses, hardest (null when logic "
        "decides no cell), left, minimal and needless (clues of which each could go; both null when not "
        "decided).\n\n" SUDOKU_PROBLEM_NOTE,
    .examples = "trm sudoku rate ....1........6..3.2..5..63.1....5.6.\n",
    .exits = "0\teach puzzle is rated\n1\tstopped by a signal\n"
             "3\ta puzzle cannot be read, or does not have exactly one solution\n",
    .tables = sudoku_tables,
    .run = sudoku_run_rate,
};
