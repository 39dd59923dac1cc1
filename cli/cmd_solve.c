/* trm solve: puzzles in, answers out - as grids, as lines or as JSON - and on request every supervision step. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/puzzles.h"
#include "cli/ui/grid.h"

#define CHUNK 4096 /* puzzles of one call: bounds memory, and is enough to keep the engine's slots full */

static struct {
  char model[1100], device[CLI_DEVICE];
  int explain, json;
  int64_t identifier, threads;
} opt;
static trm_solver_config solve_config;

static const trm_option solve_options[] = {
    {.name = "model",
     .type = TRM_OPT_STRING,
     FIELD(model),
     .size = sizeof opt.model,
     .metavar = "FILE",
     .group = "Solve",
     .help = "model file or run directory; default: an installed one that fits"},
    {.name = "explain",
     .type = TRM_OPT_BOOL,
     FIELD(explain),
     .help = "show the answer after every supervision step, changed cells marked"},
    CLI_JSON_OPTION(.help = "print one JSON object a puzzle, one a line"),
    {.name = "identifier",
     .type = TRM_OPT_INT,
     FIELD(identifier),
     .default_text = "0",
     .min = 0,
     .max = INT32_MAX,
     .help = "puzzle identifier: row of the model's puzzle embedding, for all puzzles"},
    CLI_DEVICE_OPTION,
    CLI_THREADS_OPTION(.help = "computing threads; 0: all cores"),
};

static size_t solve_tables(cli_table t[CLI_TABLES]) {
  t[0] = (cli_table){solve_options, sizeof solve_options / sizeof *solve_options, &opt};
  t[1].items = trm_solver_options(&t[1].count);
  t[1].config = &solve_config;
  return 2;
}

/* One puzzle with what became of it. */
typedef struct result {
  const int32_t *question, *answer;
  const char *where;
  size_t number;
  trm_solution solution;
  trm_task_verdict verdict;
  int solved;
} result;

/* The steps of one puzzle. */
typedef struct trace_step {
  int step;
  float q, least;
  int32_t *answer;
  float *confidence;
} trace_step;
typedef struct trace {
  size_t count, room;
  trace_step *step;
} trace;

typedef struct session {
  const cli_command *command;
  trm_solver *solver;
  trm_task task;
  size_t S;
  trace trace;                /* with --explain, which solves one puzzle a call */
  const cli_puzzles *puzzles; /* all */
  size_t first, count, next;  /* those of this call, and the next of them to print */
  int32_t *answers;           /* [CHUNK][S] */
  trm_solution *solutions;    /* [CHUNK] */
  int32_t *identifiers;       /* [CHUNK] */
  size_t solved, total, cut;  /* printed: solved, all, interrupted */
  int64_t steps;
} session;

static void trace_add(trace *t, size_t S, const trm_step *step) {
  if (t->count == t->room) {
    t->room = 2 * t->room + 16;
    t->step = cli_grow(t->step, t->room, sizeof *t->step);
  }
  trace_step *s = &t->step[t->count++];
  *s = (trace_step){.step = step->step, .q = step->q, .least = INFINITY};
  s->answer = cli_alloc(S, sizeof *s->answer);
  s->confidence = cli_alloc(S, sizeof *s->confidence);
  memcpy(s->answer, step->answer, S * sizeof *s->answer);
  memcpy(s->confidence, step->confidence, S * sizeof *s->confidence);
  for (size_t i = 0; i < S; i++)
    if (!(s->confidence[i] >= s->least)) s->least = s->confidence[i];
}

static void trace_clear(trace *t) {
  for (size_t i = 0; i < t->count; i++) {
    free(t->step[i].answer);
    free(t->step[i].confidence);
  }
  t->count = 0;
}

/* A puzzle is solved when its rules and clues say so; where trm knows no rules, when the halting head says so. */
static int solve_is_right(const result *r) {
  if (r->verdict.keeps_rules < 0) return r->solution.q > solve_config.halt_threshold;
  return r->verdict.keeps_rules > 0 && r->verdict.keeps_clues;
}

/* -- for people ---------------------------------------------------------------------------------------------------- */

static const char *solve_ending(const trm_solution *s) {
  return s->cancelled ? "interrupted" : s->halted ? "halted" : "step limit";
}

static void solve_print_verdict(const result *r) {
  char a[32], b[32];
  const char *on = cli_color(stdout) ? r->solved ? "\033[1;32m" : "\033[1;31m" : "", *off = *on ? "\033[0m" : "";
  printf("%s%s%s after %d step%s (%s), confidence %s, least certain cell %s\n", on, r->solved ? "solved" : "not solved",
         off, r->solution.steps, r->solution.steps == 1 ? "" : "s", solve_ending(&r->solution),
         cli_percent((double)r->solution.confidence, a), cli_percent((double)r->solution.least, b));
  if (r->verdict.keeps_rules >= 0)
    printf("rules %s, clues %s\n", r->verdict.keeps_rules ? "kept" : "broken",
           r->verdict.keeps_clues ? "kept" : "changed");
  else printf("trm knows no rules of this task; the halting head says %s\n", r->solved ? "right" : "wrong");
}

static void solve_print_line(const session *s, const result *r) {
  char *text = cli_alloc(s->S + 1, 1), a[32];
  (void)trm_task_render(&s->task, r->answer, text, s->S + 1, NULL);
  printf("%s  %-10s  %2d step%s  %s%s\n", text, r->solved ? "solved" : "not solved", r->solution.steps,
         r->solution.steps == 1 ? " " : "s", cli_percent((double)r->solution.confidence, a),
         r->solution.cancelled ? "  interrupted" : "");
  free(text);
}

static void solve_print_grid(const session *s, const result *r) {
  cli_grid grid;
  cli_grid_style style = {.question = r->question, .color = cli_color(stdout)};
  if (cli_grid_open(&grid, &s->task, r->answer, &style)) cli_grids_print(stdout, &grid, NULL, 1, cli_columns(stdout));
  else solve_print_line(s, r);
  cli_grid_close(&grid);
}

/* Every step beside the one before; the question comes first, so step 1 marks what was filled in. */
static void solve_print_steps(const session *s, const result *r) {
  const trace *t = &s->trace;
  int n = (int)t->count + 1, color = cli_color(stdout);
  cli_grid *grid = cli_alloc((size_t)n, sizeof *grid);
  char **caption = cli_alloc((size_t)n, sizeof *caption);
  const int32_t *before = r->question;
  int fits = 1;
  for (int i = 0; i < n && fits; i++) {
    const trace_step *step = i ? &t->step[i - 1] : NULL;
    const int32_t *now = step ? step->answer : r->question;
    cli_grid_style style = {.question = r->question, .previous = before, .color = color};
    fits = cli_grid_open(&grid[i], &s->task, now, &style);
    char text[80] = "question";
    if (step)
      (void)snprintf(text, sizeof text, "step %d: q %.1f\n%d changed", step->step, (double)step->q,
                     cli_changed(&s->task, before, now));
    caption[i] = cli_copy_text(text, strlen(text));
    before = now;
  }
  if (fits) {
    cli_grids_print(stdout, grid, caption, n, cli_columns(stdout));
    printf("\n%s; the puzzle halts when q > %g\n\n",
           color ? "\033[1;32mgreen\033[0m: changed in this step" : "*: changed in this step",
           solve_config.halt_threshold);
  } else {
    solve_print_line(s, r);
  }
  for (int i = 0; i < n; i++) {
    cli_grid_close(&grid[i]);
    free(caption[i]);
  }
  free(grid);
  free(caption);
}

static void solve_print(const session *s, const result *r, int alone) {
  if (!alone && !opt.explain) {
    solve_print_line(s, r);
    return;
  }
  if (!alone) printf("%s%s:\n\n", r->number ? "\n" : "", r->where);
  if (opt.explain) solve_print_steps(s, r);
  else {
    solve_print_grid(s, r);
    fputc('\n', stdout);
  }
  solve_print_verdict(r);
}

/* -- for programs -------------------------------------------------------------------------------------------------- */

static json_t *solve_cells_json(const session *s, const int32_t *tokens) {
  char *text = cli_alloc(s->S + 1, 1);
  json_t *array = NULL;
  if (s->task.alphabet[0]) {
    (void)trm_task_render(&s->task, tokens, text, s->S + 1, NULL);
    array = json_string(text);
  } else { /* tokens without symbols: numbers */
    array = json_array();
    for (size_t i = 0; i < s->S; i++) json_array_append_new(array, json_integer(tokens[i]));
  }
  free(text);
  return array;
}

static json_t *solve_changed_json(const session *s, const int32_t *before, const int32_t *now) {
  json_t *cells = json_array();
  for (size_t i = 0; i < s->S; i++)
    if (before[i] != now[i]) json_array_append_new(cells, json_integer((json_int_t)i));
  return cells;
}

static json_t *solve_trace_json(const session *s, const result *r) {
  json_t *steps = json_array();
  const int32_t *before = r->question;
  for (size_t i = 0; i < s->trace.count; i++) {
    const trace_step *step = &s->trace.step[i];
    json_array_append_new(steps, json_pack("{s:i, s:o, s:o, s:o, s:o}", "step", step->step, "answer",
                                           solve_cells_json(s, step->answer), "changed",
                                           solve_changed_json(s, before, step->answer), "q", cli_real((double)step->q),
                                           "least_confidence", cli_real((double)step->least)));
    before = step->answer;
  }
  return steps;
}

static json_t *solve_confidence_json(const session *s) {
  json_t *cells = json_array();
  if (!s->trace.count) return json_null();
  const trace_step *last = &s->trace.step[s->trace.count - 1];
  for (size_t i = 0; i < s->S; i++) json_array_append_new(cells, cli_real((double)last->confidence[i]));
  return cells;
}

static void solve_print_json(const session *s, const result *r) {
  json_t *rules = r->verdict.keeps_rules < 0 ? json_null() : json_boolean(r->verdict.keeps_rules);
  json_t *o = json_pack("{s:I, s:s, s:s, s:o, s:o, s:b, s:o, s:b, s:i, s:b, s:b, s:o, s:o, s:o}", "puzzle",
                        (json_int_t)r->number, "where", r->where, "task", cli_task_word(s->task.kind), "question",
                        solve_cells_json(s, r->question), "answer", solve_cells_json(s, r->answer), "solved", r->solved,
                        "keeps_rules", rules, "keeps_clues", r->verdict.keeps_clues, "steps", r->solution.steps,
                        "halted", r->solution.halted, "interrupted", r->solution.cancelled, "q",
                        cli_real((double)r->solution.q), "confidence", cli_real((double)r->solution.confidence),
                        "least_confidence", cli_real((double)r->solution.least));
  if (opt.explain && o) {
    json_object_set_new(o, "trace", solve_trace_json(s, r));
    json_object_set_new(o, "cell_confidence", solve_confidence_json(s));
  }
  cli_json_print(o, 1);
}

/* -- solving ------------------------------------------------------------------------------------------------------- */

/* Sudoku: an exact solver knows whether the question has one solution. */
static void solve_warn_unless_unique(const session *s, const int32_t *question, const char *where) {
  uint8_t cells[256];
  if (s->task.kind != TRM_TASK_SUDOKU || s->task.width > 9) return; /* 16x16 with few clues may take forever */
  for (size_t i = 0; i < s->S; i++) cells[i] = (uint8_t)(question[i] > 1 ? question[i] - 1 : 0);
  trm_sudoku_result r = trm_sudoku_solve(s->task.width, cells, 2, NULL);
  if (r.solutions == 0) cli_warn(s->command, "%s: the puzzle has no solution", where);
  if (r.solutions > 1) cli_warn(s->command, "%s: the puzzle has more than one solution", where);
}

static void solve_print_next(session *s) {
  size_t i = s->next++;
  result r = {.question = s->puzzles->tokens + (s->first + i) * s->S,
              .answer = s->answers + i * s->S,
              .where = s->puzzles->where[s->first + i],
              .number = s->first + i,
              .solution = s->solutions[i]};
  if (!r.solution.steps || cli_stdout_broken()) return;
  solve_warn_unless_unique(s, r.question, r.where);
  r.verdict = trm_task_judge(&s->task, r.question, r.answer);
  r.solved = solve_is_right(&r);
  s->solved += (size_t)r.solved;
  s->steps += r.solution.steps;
  s->total++;
  s->cut += r.solution.cancelled != 0;
  if (opt.json) solve_print_json(s, &r);
  else solve_print(s, &r, s->puzzles->count == 1);
  (void)fflush(stdout);
}

/* Answers are printed in the order of the puzzles, as soon as those before are there. */
static int solve_on_step(void *context, const trm_step *step) {
  session *s = context;
  if (opt.explain) trace_add(&s->trace, s->S, step);
  while (s->next < s->count && !s->solutions[s->next].cancelled) solve_print_next(s);
  return cli_interrupted() || cli_stdout_broken() ? TRM_STEP_STOP : TRM_STEP_ON;
}

static int solve_some(session *s, size_t first, size_t count) {
  trm_error error = {0};
  s->first = first;
  s->count = count;
  s->next = 0;
  trace_clear(&s->trace);
  trm_status status = trm_solve(s->solver, (int64_t)count, s->puzzles->tokens + first * s->S, s->identifiers,
                                s->answers, s->solutions, solve_on_step, s, &error);
  if (status && status != TRM_E_STOPPED) return cli_error(s->command, &error);
  while (s->next < count) solve_print_next(s);
  return CLI_CONTINUE;
}

static void solve_print_summary(const session *s) {
  char steps[32];
  (void)snprintf(steps, sizeof steps, "%.1f", (double)s->steps / (double)(s->total ? s->total : 1));
  printf("\nsolved %zu of %zu puzzles, %s steps on average\n", s->solved, s->total, steps);
}

static int solve_all(session *s) {
  size_t chunk = opt.explain ? 1 : CHUNK, count = s->puzzles->count;
  if (count < chunk) chunk = count;
  s->answers = cli_alloc(chunk * s->S, sizeof *s->answers);
  s->solutions = cli_alloc(chunk, sizeof *s->solutions);
  s->identifiers = cli_alloc(chunk, sizeof *s->identifiers);
  for (size_t i = 0; i < chunk; i++) s->identifiers[i] = (int32_t)opt.identifier;
  cli_catch_signals();
  for (size_t i = 0; i < count && !cli_stdout_broken() && !cli_interrupted(); i += chunk) {
    int code = solve_some(s, i, count - i < chunk ? count - i : chunk);
    if (code != CLI_CONTINUE) return code;
  }
  if (count > 1 && !opt.json) solve_print_summary(s);
  if (cli_interrupted() && s->total - s->cut < count)
    cli_warn(s->command, "interrupted: %zu of %zu puzzles finished, %zu begun", s->total - s->cut, count, s->cut);
  return s->solved == count ? CLI_OK : CLI_UNSOLVED;
}

static int solve_check_identifier(const cli_command *self, const trm_model *model) {
  const trm_model_config *m = trm_model_get_config(model);
  if (!opt.identifier) return CLI_CONTINUE;
  if (!m->puzzle_emb_ndim)
    return cli_usage(self, "--identifier: %s has no puzzle embedding, expected no identifier or 0", opt.model);
  if (opt.identifier < m->num_puzzle_identifiers) return CLI_CONTINUE;
  return cli_usage(self, "--identifier: found %lld, %s knows 0 to %lld", (long long)opt.identifier, opt.model,
                   (long long)m->num_puzzle_identifiers - 1);
}

static int solve_with_model(const cli_command *self, const cli_arguments *a, cli_puzzles *puzzles) {
  session s = {.command = self, .puzzles = puzzles};
  trm_model *model = NULL;
  trm_runtime *runtime = NULL;
  trm_error error = {0};
  int code = cli_puzzles_read(self, a->positional, a->positionals, puzzles);
  if (code == CLI_CONTINUE) code = cli_model_open(self, opt.model, cli_puzzles_cells(puzzles), &model);
  if (code == CLI_CONTINUE) code = solve_check_identifier(self, model);
  if (code != CLI_CONTINUE) goto done;
  if (trm_model_task(model, &s.task, &error)) {
    code = cli_error(self, &error);
    goto done;
  }
  code = cli_puzzles_parse(self, &s.task, puzzles);
  if (code == CLI_CONTINUE) code = cli_runtime_open(self, &runtime, opt.device, opt.threads, 1);
  if (code != CLI_CONTINUE) goto done;
  solve_config.puzzles = opt.explain ? 1 : (int64_t)puzzles->count;
  if (trm_solver_open(&s.solver, runtime, model, &solve_config, &error)) {
    code = cli_error(self, &error);
    goto done;
  }
  s.S = (size_t)trm_solver_model_config(s.solver)->seq_len;
  code = solve_all(&s);
done:
  trace_clear(&s.trace);
  free(s.trace.step);
  free(s.answers);
  free(s.solutions);
  free(s.identifiers);
  trm_solver_close(&s.solver);
  trm_runtime_close(&runtime);
  trm_model_close(&model);
  return code;
}

static int solve_run(const cli_command *self, int argc, char **argv) {
  cli_arguments a;
  cli_puzzles puzzles = {0};
  solve_config = trm_solver_config_default();
  cli_defaults(self);
  int code = cli_parse(self, argc, argv, &a);
  if (code == CLI_CONTINUE) code = solve_with_model(self, &a, &puzzles);
  cli_puzzles_close(&puzzles);
  cli_arguments_free(&a);
  return code;
}

const cli_command cli_solve = {
    .name = "solve",
    .synopsis = "[--model FILE] [PUZZLE | FILE | -]... [options]",
    .summary = "solve puzzles; --explain shows every step",
    .description =
        "Solves each puzzle with a trained model, one supervision step after the other, until the halting head says "
        "that the answer is right or the step limit is reached.\n\n"
        "A puzzle is given as an argument, in a file or on standard input: one line (blanks as . 0 _ or *), several "
        "puzzles one a line, or rows on lines with or without a drawn frame, puzzles separated by empty lines. CSV and "
        "JSON Lines files give their questions. Clues that contradict each other are refused.\n\n"
        "A puzzle counts as solved when the answer keeps its rules and clues; where trm knows no rules of the task, "
        "when the halting head says so. Confidence is the halting head's probability; the least certain cell is the "
        "one whose digit has the lowest probability.\n\n"
        "Many puzzles are solved together and printed in their order. SIGINT and SIGTERM end the work after the step "
        "at "
        "hand: what is finished is printed, puzzles at work with the answer they have, marked as interrupted, and "
        "those "
        "not yet begun not at all. A second signal ends at once.",
    .examples = "trm solve --model runs/4x4 4.322314...33.4.\n"
                "trm solve --model runs/9x9 puzzles.txt --json\n"
                "trm solve --model runs/9x9/best.safetensors --explain < puzzle.txt\n",
    .exits = "0\tevery puzzle is solved\n1\tat least one puzzle is not solved, or interrupted by a signal\n",
    .tables = solve_tables,
    .run = solve_run,
};
