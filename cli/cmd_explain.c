/* trm explain: one puzzle is solved with every step kept, and what the steps did is written as a page for browsers, or
 * as the object that the page is made of. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/file.h"
#include "cli/solver_options.h"
#include "cli/solving.h"
#include "cli/ui/reasoning.h"
#include "cli/voters.h"

#define PAGE "explain.html" /* the page's name unless one is given */

static struct {
  char model[1100], device[CLI_DEVICE], out[1024];
  int json, force;
  int64_t puzzle, identifier, threads;
} opt;
static trm_solver_config explain_config;

static const trm_option explain_options[] = {
    CLI_MODEL_OPTION("", .group = "Explain"),
    CLI_OUT_OPTION(.help = "page to write (also -o FILE), - for standard output; default: " PAGE
                           ", with --json standard output"),
    {.name = "force", .type = TRM_OPT_BOOL, FIELD(force), .help = "replace a file that exists"},
    CLI_JSON_OPTION(.help = "write what the page shows as one JSON object"),
    {.name = "puzzle",
     .type = TRM_OPT_INT,
     FIELD(puzzle),
     .default_text = "1",
     .min = 1,
     .max = 1e15,
     .help = "of several puzzles, which: 1, 2, ... as they stand there"},
    CLI_IDENTIFIER_OPTION,
    CLI_DEVICE_OPTION,
    CLI_THREADS_OPTION(.help = "computing threads; 0: all cores"),
};

static size_t explain_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){explain_options, sizeof explain_options / sizeof *explain_options, &opt};
  t[1] = cli_solving_table(&explain_config);
  return 2;
}

/* The puzzle and what becomes of it. */
typedef struct explanation {
  const cli_command *command;
  cli_puzzles puzzles;
  cli_puzzle puzzle;
  cli_solving with;
  int32_t *question, *answer; /* [S] */
  int32_t *grid;              /* the question, then the answer, in the model's grid */
  cli_trace trace;
  trm_solution solution;
  trm_task_solutions solutions;
  trm_solver_values values; /* in force */
  int level;                /* of the search in force */
  double threshold;         /* q over which the halting head ends the puzzle; NaN where it is not asked */
} explanation;

/* -- the puzzle ---------------------------------------------------------------------------------------------------- */

/* Reads on to the puzzle that is wanted; those before it may be bad. */
static int explain_read(explanation *e) {
  for (int64_t number = 1;; number++) {
    if (cli_puzzles_next(&e->puzzles, &e->with.task, 1, e->question, &e->puzzle) != CLI_PUZZLES_ONE)
      return cli_interrupted() ? CLI_UNSOLVED
                               : cli_usage(e->command, "--puzzle: found %lld, there are %lld", (long long)opt.puzzle,
                                           (long long)number - 1);
    if (number == opt.puzzle) break;
    cli_puzzle_free(&e->puzzle);
  }
  return e->puzzle.error ? cli_bad_input(e->command, "%s: %s", e->puzzle.where, e->puzzle.error) : CLI_CONTINUE;
}

/* -- solving ------------------------------------------------------------------------------------------------------- */

static int explain_on_step(void *context, const trm_step *step) {
  explanation *e = context;
  trm_step own = cli_framed_step(&e->with.framed, step);
  cli_trace_add(&e->trace, e->with.S, &own);
  return cli_interrupted() ? TRM_STEP_STOP : TRM_STEP_ON;
}

/* Rules end the puzzle where they are known and heeded, by a search as well; and all steps are taken without --halt. */
static double explain_threshold(const explanation *e) {
  int rules = explain_config.rules_halt || e->level >= TRM_LEVEL_C;
  return explain_config.halt && !(rules && trm_task_rules(&e->with.task)) ? e->values.halt_threshold.value : NAN;
}

static int explain_solve(explanation *e, trm_runtime *runtime) {
  trm_error error = {0};
  trm_solver *solver = NULL;
  int32_t identifier = (int32_t)opt.identifier;
  e->solutions = cli_solutions(&e->with.task, e->question);
  if (cli_is_hopeless(&e->solutions)) explain_config.search = 0;
  explain_config.puzzles = 1;
  explain_config.change = 1;
  trm_status status = trm_solver_open(&solver, runtime, e->with.model, &explain_config, &error);
  if (!status) {
    e->values = trm_solver_get_values(solver);
    e->level = trm_solver_get_level(solver);
    e->threshold = explain_threshold(e);
    trm_task_frame(&e->with.task, &e->with.framed.grid, e->question, e->grid);
    status = trm_solve(solver, 1, e->grid, &identifier, e->grid, &e->solution, explain_on_step, e, &error);
    trm_task_unframe(&e->with.task, &e->with.framed.grid, e->grid, e->answer);
  }
  trm_solver_close(&solver);
  if (status == TRM_E_STOPPED) cli_warn(e->command, "interrupted: nothing is written");
  return status == TRM_E_STOPPED ? CLI_UNSOLVED : status ? cli_error(e->command, &error) : CLI_CONTINUE;
}

/* -- writing ------------------------------------------------------------------------------------------------------- */

/* Where to: NULL is standard output. */
static const char *explain_out(void) {
  if (!strcmp(opt.out, "-") || (opt.json && !opt.out[0])) return NULL;
  return opt.out[0] ? opt.out : PAGE;
}

/* The page around the object's text, or that text in a line. */
static int explain_write(const explanation *e, const char *text) {
  const char *const page[] = {cli_page_head, text, cli_page_tail}, *const line[] = {text, "\n", ""};
  const char *const *parts = opt.json ? line : page, *out = explain_out();
  trm_error error = {0};
  trm__writer *writer = NULL;
  trm_status status = out ? trm__writer_open(&writer, out, &error) : TRM_OK;
  for (int i = 0; i < 3 && !status; i++) {
    if (out) status = trm__writer_write(writer, parts[i], strlen(parts[i]), &error);
    else (void)fputs(parts[i], stdout);
  }
  if (out && !status) status = trm__writer_commit(&writer, &error);
  trm__writer_abort(&writer);
  if (status) return cli_error(e->command, &error);
  if (out) cli_print_written(out);
  return CLI_CONTINUE;
}

static int explain_end(const explanation *e) {
  char sentence[CLI_SENTENCE];
  json_t *path = cli_path(opt.model);
  cli_solved r = {.question = e->question,
                  .answer = e->answer,
                  .where = e->puzzle.where,
                  .solution = e->solution,
                  .solutions = e->solutions,
                  .level = e->level};
  const cli_show show = {.task = &e->with.task,
                         .S = e->with.S,
                         .trace = &e->trace,
                         .recursion = e->with.recursion,
                         .halt_threshold = e->threshold,
                         .model = path};
  r.judged = trm_task_judge(&e->with.task, r.question, r.answer);
  r.solved = cli_is_solved(&r, &e->values);
  char *text = cli_reasoning_text(cli_reasoning_json(&show, &r));
  json_decref(path);
  int code = explain_write(e, text);
  free(text);
  if (code != CLI_CONTINUE) return code;
  cli_note("%s", cli_solved_sentence(&e->with.task, &r, sentence));
  return r.solved ? CLI_OK : CLI_UNSOLVED;
}

/* -- the whole ----------------------------------------------------------------------------------------------------- */

static void explain_close(explanation *e) {
  cli_trace_clear(&e->trace);
  free(e->trace.step);
  free(e->question);
  free(e->answer);
  free(e->grid);
  cli_puzzle_free(&e->puzzle);
  cli_puzzles_close(&e->puzzles);
  cli_solving_close(&e->with);
}

static int explain_arguments(const cli_command *self, const cli_arguments *a) {
  explanation e = {.command = self};
  trm_runtime *runtime = NULL;
  const char *out = explain_out();
  int code = out ? cli_may_write(self, out, opt.force) : CLI_CONTINUE;
  if (code == CLI_CONTINUE) code = cli_puzzles_open(self, a->positional, a->positionals, &e.puzzles);
  if (code == CLI_CONTINUE) code = cli_solving_open(self, &e.with, opt.model, &e.puzzles, opt.identifier);
  if (code == CLI_CONTINUE) cli_solver_say_idle(self, a, &explain_config, &e.with.task);
  if (code == CLI_CONTINUE) code = cli_runtime_open(self, &runtime, opt.device, opt.threads, 1);
  if (code == CLI_CONTINUE) {
    e.question = cli_alloc(e.with.S, sizeof *e.question);
    e.answer = cli_alloc(e.with.S, sizeof *e.answer);
    e.grid = cli_alloc((size_t)trm_model_get_config(e.with.model)->seq_len, sizeof *e.grid);
    cli_catch_signals();
    code = explain_read(&e);
  }
  if (code == CLI_CONTINUE) code = explain_solve(&e, runtime);
  if (code == CLI_CONTINUE) code = explain_end(&e);
  explain_close(&e);
  trm_runtime_close(&runtime);
  return code;
}

static int explain_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  explain_config = trm_solver_config_default();
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_voters_refuse(self, &a);
  if (code == CLI_CONTINUE) code = cli_solving_settle(self, &a, &explain_config);
  if (code == CLI_CONTINUE) code = explain_arguments(self, &a);
  cli_arguments_free(&a);
  return code;
}

const cli_command cli_explain = {
    .name = "explain",
    .synopsis = "[--model FILE] [PUZZLE | FILE | -] [-o page.html] [options]",
    .summary = "show how a puzzle was solved, as a page for browsers",
    .description =
        "Solves one puzzle as trm solve does and writes a page that shows the answer after every supervision step: the "
        "grid, the cells that the step changed, how sure the network is of each cell and of the whole answer, and "
        "which "
        "cells break a rule. The page needs nothing but itself: no network, no other file. Slider, curves and the keys "
        "left, right, home and end go through the steps, space plays them, and #step=3 behind its name opens it at "
        "step "
        "3.\n\n"
        "Where a search solved the puzzle, the page shows its first chain and the one that answered.\n\n"
        "--json writes what the page shows as one JSON object; docs/solve.md describes it. The puzzle is given as for "
        "trm solve; of several the first is taken, or the one that --puzzle says. The name of the written page goes to "
        "standard output, the verdict to standard error." CLI_OUT_NOTE,
    .examples = "trm explain puzzle.txt\n"
                "trm explain --model runs/9x9 puzzles.txt --puzzle 7 -o seven.html\n"
                "trm explain --json puzzle.txt | jq '.steps[].q'\n",
    .exits = "0\tthe puzzle is solved\n1\tit is not solved; the page is written and shows why. Or interrupted by a "
             "signal: then nothing is written\n",
    .usual = "model out json puzzle max_steps device",
    .tables = explain_tables,
    .run = explain_run,
};
