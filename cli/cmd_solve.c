/* trm solve: puzzles in, answers out, while they arrive. It is a source of the engine: puzzles are read when a slot is
 * free, wait in a window for their answers, and are printed in their order. */
#include <stdlib.h>
#include <string.h>

#include "cli/events.h"
#include "cli/judge.h"
#include "cli/remote.h"
#include "cli/solver_options.h"
#include "cli/solving.h"
#include "cli/ui/animation.h"
#include "cli/ui/values.h"
#include "cli/voters.h"

/* Puzzles that are read but not yet printed: as many as fit in WINDOW_MEMORY, in these bounds. That bounds memory
 * however many there are, and is enough to keep the engine's slots full while the first of them takes its steps. */
#define WINDOW_MEMORY ((size_t)64 << 20) /* bytes of tokens and answers */
#define WINDOW_LEAST ((size_t)64)
#define WINDOW_MOST ((size_t)4096)

static struct {
  char model[1100], device[CLI_DEVICE], events[CLI_EVENTS], server[600], token_file[1100], judge[256];
  double judge_seconds;
  int explain, color, json, verbose, strict, force;
  int64_t identifier, threads;
} opt;
enum { EXPLAIN_NO, EXPLAIN_CHANGES, EXPLAIN_ALL }; /* values of opt.explain */
static trm_solver_config solve_config;

static const trm_option solve_options[] = {
    CLI_MODEL_OPTION(
        "; given again: models of the same puzzles, which vote in place of a search (--json: \"answered_by\")",
        .group = "Solve"),
    {.name = "explain",
     .type = TRM_OPT_ENUM,
     FIELD(explain),
     .default_text = "no",
     .choices = "no|changes|all",
     .help = "show the answer after every supervision step, changed cells marked: on a terminal one over the other, "
             "elsewhere beside each other and only those that change it; all: every one. --explain alone: changes"},
    CLI_COLOR_OPTION,
    CLI_JSON_OPTION(.help = "print one JSON object a puzzle, one a line"),
    CLI_VERBOSE_OPTION,
    {.name = "strict",
     .type = TRM_OPT_BOOL,
     FIELD(strict),
     .help = "read no further than the first puzzle that cannot be read"},
    CLI_JUDGE_OPTIONS,
    CLI_IDENTIFIER_OPTION,
    CLI_EVENTS_OPTION,
    CLI_EVENTS_FORCE_OPTION,
    CLI_DEVICE_OPTION,
    CLI_THREADS_OPTION(.help = "computing threads; 0: all cores"),
    CLI_SERVER_OPTIONS,
};

static size_t solve_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){solve_options, sizeof solve_options / sizeof *solve_options, &opt};
  t[1] = cli_solving_table(&solve_config);
  return 2;
}

/* A place of the window. */
typedef struct entry {
  cli_puzzle puzzle;
  trm_task_solutions solutions;
  trm_solution solution;
  int left; /* it is bad, or has its answer */
} entry;

/* Entries are numbered as they are read, bad ones too. The window is a ring; of its entries [printed, read) those below
 * `entered` were bad or given to the engine, which numbers them for itself. */
typedef struct session {
  const cli_command *command;
  trm_solver *solver;
  cli_remote *remote;       /* in its place, with --server */
  int level;                /* a remote's trm_search_level in force */
  trm_solver_values values; /* a remote's in force */
  cli_solving with;         /* the model */
  cli_voters voters;
  trm_task task; /* of the puzzles */
  size_t S;      /* their cells */
  cli_puzzles puzzles;
  int ended; /* nothing is left to read */
  int begun; /* 1: there is something to solve */
  size_t window;
  entry *entry;              /* [window] */
  int32_t *tokens, *answers; /* [window][S] */
  size_t *number;            /* [window]: the entry of the engine's puzzle */
  cli_events events;
  size_t printed, entered, read;
  int64_t good, given, left;      /* read; given to the engine; answered */
  int alone;                      /* 1: a single puzzle, which is shown as a grid; negative: not known yet */
  cli_animation animation;        /* of that puzzle */
  cli_trace trace;                /* with --explain, when one puzzle is at work at a time */
  size_t solved, total, cut, bad; /* printed: solved, with an answer, of these interrupted; bad ones */
  size_t compared, exact;         /* of the answers those that the data has too; of these the same */
  size_t lost;                    /* begun by a server that was not waited for */
  int64_t steps;
  int fewest;           /* clues of the unsolved puzzle with the fewest; 0: none, or its kind has none */
  trm_task_cell *cells; /* [S], room to work in */
} session;

/* -- solving ------------------------------------------------------------------------------------------------------- */

static const int32_t *solve_question(const session *s, size_t number) {
  return s->tokens + number % s->window * s->S;
}

static void solve_print_bad(session *s, const cli_puzzle *puzzle, size_t number) {
  s->bad++;
  if (opt.json)
    cli_json_print(json_pack("{s:I, s:o, s:o}", "puzzle", (json_int_t)number, "where", cli_path(puzzle->where), "error",
                             cli_path(puzzle->error)),
                   1);
  else (void)cli_bad_input(s->command, "%s: %s", puzzle->where, puzzle->error);
}

static void solve_count(session *s, const cli_solved *r) {
  s->solved += (size_t)r->solved;
  s->steps += r->solution.steps;
  s->total++;
  s->cut += r->solution.cancelled != 0;
  s->compared += r->right != NULL;
  s->exact += !cli_solved_differs(r, s->S);
  if (cli_solved_verdict(r) != CLI_WRONG || r->solution.cancelled) return;
  int clues = trm_task_draw(&s->task, r->question, r->question, s->cells).clues;
  if (clues && (!s->fewest || clues < s->fewest)) s->fewest = clues;
}

static void solve_print_answer(session *s, const entry *e, size_t number) {
  cli_solved r = {.question = solve_question(s, number),
                  .answer = s->answers + number % s->window * s->S,
                  .right = e->puzzle.right,
                  .where = e->puzzle.where,
                  .number = number,
                  .solution = e->solution,
                  .solutions = e->solutions,
                  .level = s->remote ? s->level : trm_solver_get_level(s->solver),
                  .model = s->remote ? NULL : cli_voters_winner(&s->voters, &e->solution)};
  s->lost += s->remote && !r.solution.steps;
  if (!r.solution.steps) return;
  r.judged = trm_task_judge(&s->task, r.question, r.answer);
  const trm_solver_values values =
      s->remote ? s->values : trm_solver_get_values(trm_solver_voter(s->solver, r.solution.voter));
  r.solved = cli_is_solved(&r, &values);
  solve_count(s, &r);
  const cli_show show = {.task = &s->task,
                         .S = s->S,
                         .trace = opt.explain ? &s->trace : NULL,
                         .all = opt.explain == EXPLAIN_ALL,
                         .animated = cli_animation_end(&s->animation),
                         .verbose = opt.verbose,
                         .recursion = s->with.recursion,
                         .halt_threshold = values.halt_threshold.value,
                         .model = s->with.installed};
  if (opt.json) cli_solved_print_json(&show, &r);
  else cli_solved_print(&show, &r, s->alone);
}

/* Reads one entry if there is one, and if it has a place. */
static cli_puzzles_answer solve_read(session *s, int wait) {
  if (s->ended) return CLI_PUZZLES_END;
  if (s->read - s->printed == s->window) return CLI_PUZZLES_NONE;
  entry *e = &s->entry[s->read % s->window];
  *e = (entry){0};
  int32_t *tokens = s->tokens + s->read % s->window * s->S;
  cli_puzzles_answer answer = cli_puzzles_next(&s->puzzles, &s->task, wait, tokens, &e->puzzle);
  s->ended = answer == CLI_PUZZLES_END;
  if (answer != CLI_PUZZLES_ONE) return answer;
  e->left = e->puzzle.error != NULL;
  if (e->left && opt.strict) s->ended = 1;
  s->good += !e->left;
  s->read++;
  return CLI_PUZZLES_ONE;
}

/* A puzzle is alone when the input is known to have no other when its answer is there. */
static void solve_settle_alone(session *s) {
  if (s->alone >= 0) return;
  while (s->read < 2 && solve_read(s, 0) == CLI_PUZZLES_ONE) {
  }
  s->alone = s->read == 1 && s->ended;
}

/* Prints in the order of reading what is there with all before it. */
static void solve_print_ready(session *s) {
  while (s->printed < s->read && !cli_stdout_broken()) {
    entry *e = &s->entry[s->printed % s->window];
    if (!e->left) break;
    solve_settle_alone(s);
    if (e->puzzle.error) solve_print_bad(s, &e->puzzle, s->printed);
    else solve_print_answer(s, e, s->printed);
    (void)fflush(stdout);
    cli_puzzle_free(&e->puzzle);
    if (s->entered == s->printed) s->entered++;
    s->printed++;
  }
}

/* -- the engine's source ------------------------------------------------------------------------------------------- */

static trm_source_answer solve_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  session *s = context;
  if (opt.explain && s->given > s->left) return TRM_SOURCE_NONE; /* one at a time */
  for (;;) {
    if (cli_interrupted() || cli_stdout_broken()) return TRM_SOURCE_END;
    solve_print_ready(s);
    while (s->entered < s->read && s->entry[s->entered % s->window].left) s->entered++;
    if (s->entered < s->read) break;
    cli_puzzles_answer answer = solve_read(s, wait);
    if (answer == CLI_PUZZLES_END) return TRM_SOURCE_END;
    if (answer == CLI_PUZZLES_NONE) return TRM_SOURCE_NONE;
  }
  entry *e = &s->entry[s->entered % s->window];
  e->solutions = cli_solutions(&s->task, solve_question(s, s->entered));
  trm_task_frame(&s->task, &s->with.framed.grid, solve_question(s, s->entered), puzzle->tokens);
  puzzle->identifier = (int32_t)opt.identifier;
  if (cli_is_hopeless(&e->solutions)) puzzle->search = TRM_SEARCH_OFF;
  s->number[(size_t)number % s->window] = s->entered++;
  s->given++;
  cli_trace_clear(&s->trace);
  return TRM_SOURCE_PUZZLE;
}

static void solve_leave(void *context, const trm_leave *leave) {
  session *s = context;
  size_t at = s->number[(size_t)leave->puzzle % s->window] % s->window;
  if (leave->answer) trm_task_unframe(&s->task, &s->with.framed.grid, leave->answer, s->answers + at * s->S);
  s->entry[at].solution = *leave->solution;
  if (!leave->answer)
    s->entry[at].solution.steps = 0; /* chains may have taken some before the device or judge failed */
  s->entry[at].left = 1;
  s->left++;
  if (opt.explain) cli_trace_keep(&s->trace, leave->solution->chain);
  solve_print_ready(s);
}

static int solve_on_step(void *context, const trm_step *step) {
  session *s = context;
  if (opt.explain) {
    trm_step own = cli_framed_step(&s->with.framed, step);
    cli_trace_add(&s->trace, s->S, &own);
  }
  if (opt.explain == EXPLAIN_CHANGES && !opt.json && step->chain == 1)
    cli_animation_show(&s->animation, &s->task, solve_question(s, s->number[(size_t)step->puzzle % s->window]),
                       &s->trace);
  return cli_interrupted() || cli_stdout_broken() ? TRM_STEP_STOP : TRM_STEP_ON;
}

/* In events a puzzle has the number that --json prints. */
static int64_t solve_number(void *context, int64_t puzzle) {
  const session *s = context;
  return (int64_t)s->number[(size_t)puzzle % s->window];
}

/* -- the whole ----------------------------------------------------------------------------------------------------- */

static void solve_print_summary(const session *s) {
  char steps[32], bad[64] = "";
  (void)snprintf(steps, sizeof steps, "%.1f", (double)s->steps / (double)(s->total ? s->total : 1));
  if (s->bad) (void)snprintf(bad, sizeof bad, "; %zu could not be read", s->bad);
  printf("\nsolved %zu of %zu puzzles, %s steps on average%s\n", s->solved, s->total, steps, bad);
  if (s->compared) printf("the same answer as the data has: %zu of %zu\n", s->exact, s->compared);
  if (!opt.explain) puts("%: confidence, " CLI_CONFIDENCE);
  if (trm_task_rules(&s->task)) return;
  puts("not checked, as no rules are known: solved means that the network says right");
}

static int solve_end(session *s) {
  if (s->total + s->bad > 1 && s->total && !opt.json) solve_print_summary(s);
  if (cli_interrupted() && (s->cut || s->lost || !s->ended || s->entered < s->read))
    cli_warn(s->command, "interrupted: %zu puzzles finished, %zu begun", s->total - s->cut, s->cut + s->lost);
  if (s->bad) return CLI_INPUT;
  return s->ended && s->solved == s->read ? CLI_OK : CLI_UNSOLVED;
}

/* The window, and in it what the input has at once: that may be all, and then its number is known. */
static int solve_begin(session *s) {
  size_t room = WINDOW_MEMORY / (2 * s->S * sizeof *s->tokens), slots = 2 * (size_t)solve_config.batch;
  s->window = room < WINDOW_LEAST ? WINDOW_LEAST : room > WINDOW_MOST ? WINDOW_MOST : room;
  if (s->window < slots) s->window = slots;
  s->alone = -1;
  s->entry = cli_alloc(s->window, sizeof *s->entry);
  s->number = cli_alloc(s->window, sizeof *s->number);
  s->tokens = cli_alloc(s->window * s->S, sizeof *s->tokens);
  s->answers = cli_alloc(s->window * s->S, sizeof *s->answers);
  s->cells = cli_alloc(s->S, sizeof *s->cells);
  cli_catch_signals();
  while (solve_read(s, 0) == CLI_PUZZLES_ONE) {
  }
  return s->good > 0 || !s->ended;
}

static int solve_open_solver(session *s, const cli_arguments *a, trm_runtime *runtime) {
  trm_error error = {0};
  solve_config.puzzles = opt.explain ? 1 : s->ended ? s->good : 0;
  if (s->remote) {
    char line[CLI_VALUES];
    s->values = cli_remote_values(s->remote);
    if (opt.verbose) cli_note("values: %s", cli_values_text(&s->values, line));
    return CLI_CONTINUE;
  }
  if (trm_solver_open_voters(&s->solver, runtime, s->voters.model, (int64_t)s->voters.count, &solve_config, &error))
    return cli_error(s->command, &error);
  cli_solver_say_level(s->command, a, &solve_config, s->solver);
  for (size_t i = 0; i < s->voters.count && opt.verbose; i++) {
    char line[CLI_VALUES];
    const trm_solver_values values = trm_solver_get_values(trm_solver_voter(s->solver, (int64_t)i));
    cli_note("values%s%s: %s", i ? " of " : "", i ? s->voters.path[i] : "", cli_values_text(&values, line));
  }
  return CLI_CONTINUE;
}

static int solve_all(session *s) {
  trm_error error = {0};
  trm_source source = trm_source_default();
  source.puzzles = s->ended ? s->good : -1;
  source.context = s;
  source.next = solve_next;
  source.leave = solve_leave;
  trm_status status = s->remote ? cli_remote_solve(s->remote, &source, opt.explain, solve_on_step, s, &s->level, &error)
                                : trm_solve_source(s->solver, &source, solve_on_step, s, &error);
  solve_print_ready(s);
  return status && status != TRM_E_STOPPED ? cli_error(s->command, &error) : CLI_CONTINUE;
}

static void solve_close(session *s) {
  cli_trace_clear(&s->trace);
  free(s->trace.step);
  for (size_t i = s->printed; i < s->read; i++) cli_puzzle_free(&s->entry[i % s->window].puzzle);
  free(s->entry);
  free(s->number);
  free(s->tokens);
  free(s->answers);
  free(s->cells);
  trm_solver_close(&s->solver);
  cli_remote_close(&s->remote);
  cli_voters_close(&s->voters);
  cli_puzzles_close(&s->puzzles);
}

/* The models, and the task that puzzles are read by. */
static int solve_open_models(session *s, const cli_arguments *a) {
  int code;
  cli_voters_begin(&s->voters, a, NULL);
  if (s->remote && s->voters.count > 1) return cli_usage(s->command, "--model: several do not vote with --server");
  if (s->voters.count) (void)snprintf(opt.model, sizeof opt.model, "%s", s->voters.path[0]);
  if (s->remote) {
    code = cli_remote_choose(s->remote, &s->with, opt.model, &s->puzzles, opt.identifier);
  } else {
    code = cli_solving_open(s->command, &s->with, opt.model, &s->puzzles, opt.identifier);
    if (code == CLI_CONTINUE) code = cli_voters_open(s->command, &s->voters, s->with.model, opt.model, opt.identifier);
  }
  s->task = s->with.task;
  s->S = s->with.S;
  return code;
}

static int solve_arguments(const cli_command *self, const cli_arguments *a) {
  session s = {.command = self};
  cli_set_color(opt.color);
  trm_runtime *runtime = NULL;
  int code = cli_events_check(self, opt.events, opt.force);
  if (code == CLI_CONTINUE) code = cli_puzzles_open(self, a->positional, a->positionals, &s.puzzles);
  if (code == CLI_CONTINUE && opt.server[0] && opt.judge[0])
    code = cli_usage(self, "--judge: is not for --server, where no judge runs");
  if (code == CLI_CONTINUE && opt.server[0])
    code = cli_remote_open(self, &s.remote, opt.server, opt.token_file, a, &solve_config);
  else if (code == CLI_CONTINUE && opt.token_file[0]) code = cli_usage(self, "--token-file: is for --server alone");
  if (code == CLI_CONTINUE) code = solve_open_models(&s, a);
  if (code == CLI_CONTINUE) code = cli_judge_open(self, opt.judge, opt.judge_seconds, &solve_config, &s.task);
  if (code == CLI_CONTINUE) cli_solver_say_idle(self, a, &solve_config, &s.task);
  if (code == CLI_CONTINUE && !s.remote) code = cli_runtime_open(self, &runtime, opt.device, opt.threads, 1);
  if (code == CLI_CONTINUE) s.begun = solve_begin(&s);
  if (code == CLI_CONTINUE && s.begun) code = solve_open_solver(&s, a, runtime);
  if (code == CLI_CONTINUE) code = cli_events_open(&s.events, self, opt.events, solve_number, &s);
  if (code == CLI_CONTINUE && s.begun) code = solve_all(&s);
  else if (code == CLI_CONTINUE) solve_print_ready(&s);
  if (code == CLI_CONTINUE) {
    code = solve_end(&s);
    if (!opt.json && s.total) cli_judge_note(&s.task);
    if (!opt.json && s.with.model) cli_model_hint(s.with.model, opt.model, s.fewest);
  }
  code = cli_events_close(&s.events, code);
  solve_close(&s);
  code = cli_judge_close(self, &solve_config, code);
  trm_runtime_close(&runtime);
  cli_solving_close(&s.with);
  return code;
}

static int solve_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  solve_config = trm_solver_config_default();
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = cli_solving_settle(self, &a, &solve_config);
  if (code == CLI_CONTINUE) code = solve_arguments(self, &a);
  cli_arguments_free(&a);
  return code;
}

const cli_command cli_solve = {
    .name = "solve",
    .synopsis = "[--model FILE]... [PUZZLE | FILE | -]... [options]",
    .summary = "solve puzzles; --explain shows every step",
    .description =
        "Solves each puzzle with a trained model, one supervision step after the other, until the answer is right or "
        "the step limit is reached. Where trm knows the task's rules, they say whether it is right, whatever the "
        "network thinks; elsewhere and with --no-rules-halt the halting head does. The rules only judge: the answer is "
        "always the network's. With --no-halt all steps are taken (--rules-halt beside it asks the rules alone).\n\n"
        "When that trajectory ends without a right answer and the task has known symmetries and rules, chains follow: "
        "each "
        "solves a random symmetric image, with a few cells that the network has guessed, until one is right (\"solved "
        "by "
        "chain 7 in 93 steps\") or --search has no step left (\"don't know\"). --search 0 is the one "
        "trajectory. docs/solve.md has levels, votes and rollouts.\n\n"
        "A puzzle is given as an argument, in a file or on standard input: one line (blanks as . 0 _ * x or -), "
        "several "
        "puzzles one a line, rows on lines with or without a drawn frame, or a list of Python or JSON; empty lines, "
        "titles and comments may stand between puzzles. A row that is too short or too long is refused, and so is what "
        "could be read as two puzzles. CSV and JSON Lines files give their questions. A word that names no file is a "
        "puzzle itself.\n\n"
        "Puzzles are solved while they arrive, many together, and printed in their order, each as soon as it and all "
        "before it have their answers: a program that writes a puzzle to a pipe gets its answer without closing the "
        "pipe. A puzzle that cannot be read, or whose clues contradict each "
        "other, is reported with its line - on standard error, or with --json as an object with \"error\" - and the "
        "others are solved; with --strict nothing behind it is read. One puzzle alone is shown as a grid, several with "
        "a line each.\n\n"
        "The verdict comes first. A puzzle is solved when the answer keeps its rules and clues (\"correct\") and when "
        "it "
        "has no other solution. Of a wrong answer is said what it breaks, and its cells are marked. A Sudoku without a "
        "solution or with several has no right answer: that is said, the model's is not shown unless --explain or "
        "--json "
        "asks for it, and the exit code is 1. Solutions are counted by an exact solver within a bound; what it finds "
        "is "
        "never the answer. Without known rules or --judge nothing is checked: solved is what the network says so "
        "of.\n\n"
        "Confidence, from 0 to 100 %, is how sure the network is of its answer: the halting head's probability. "
        "--verbose "
        "adds the network's own numbers: the halting logit q, and the least certain cell, the one whose symbol has the "
        "lowest probability.\n\n"
        "With --json \"checked\" says whether rules are known, \"correct\" whether the answer keeps them and the clues "
        "(null: not checked), \"solutions\" how many the puzzle has (0, 1, 2 for more; null: not known or not decided; "
        "of a "
        "maze shortest paths are counted), \"solved\" what the exit code goes by, \"recursion\" how the model "
        "works, \"level\" what rules decided, and \"chain\", \"chain_steps\" and \"chains\" whose answer it is, its "
        "steps, "
        "and how many chains were begun.\n\n"
        "Answers that a table has beside its questions are compared with afterwards, and what differs is said beside "
        "the "
        "rules' verdict (JSON: \"right_answer\", \"exact\", \"wrong_cells\"); the exit code goes by the verdict.\n\n"
        "Step limit, halting threshold, T and n are the model's own unless options say otherwise; --verbose tells "
        "those in "
        "force, on standard error.\n\n"
        "SIGINT and SIGTERM end the work after the step at hand: what is finished is printed, puzzles at work with the "
        "answer they have, marked as interrupted, and those not yet begun not at all. A second signal ends at "
        "once." CLI_EVENTS_NOTE,
    .examples = "trm solve --model runs/4x4 4.322314...33.4.\n"
                "trm solve --model runs/9x9 puzzles.txt --json\n"
                "trm solve --model runs/9x9/best.safetensors --explain < puzzle.txt\n"
                "trm solve --server http://127.0.0.1:8080 puzzles.txt\n",
    .exits =
        "0\tevery puzzle is solved\n1\tat least one puzzle is not solved, as its answer is wrong or as it has no "
        "solution or several, or interrupted by a signal\n"
        "3\tbad input: at least one puzzle cannot be read, while the others are solved; or a file, model or run "
        "directory cannot be used as it is, or the operating system refuses to read or write it; or the server cannot "
        "be used\n",
    .usual = "model explain max_steps search judge json device",
    .tables = solve_tables,
    .run = solve_run,
};
