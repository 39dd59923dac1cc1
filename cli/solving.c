/* The model for puzzles and what counts as solved: see solving.h. */
#include "cli/solving.h"

#include <unistd.h>

#include "cli/solver_options.h"
#include "cli/voters.h"

#define UNIQUE_BOUND 20000 /* guesses that counting a puzzle's solutions may take */

cli_table cli_solving_table(trm_solver_config *config) {
  static const cli_other others[] = {
      {"halt", "true",
       "stop as soon as the answer is right, as known rules say or else the halting head; --no-halt: take all steps"},
      {"rules_halt", "true", NULL},
      {"search", "-1", "network steps in which to find a right answer; 0: one trajectory; -1: about a second's"}};
  static trm_option *items;
  return cli_solver_table(&items, others, sizeof others / sizeof *others, config);
}

int cli_solving_settle(const cli_command *self, const cli_arguments *a, trm_solver_config *config) {
  if (!config->halt && !cli_is_given(a, "rules_halt")) config->rules_halt = 0;
  if (!config->rules_halt && !cli_is_given(a, "search")) config->search = 0;
  return cli_solver_check(self, a, config);
}

/* -- the model ----------------------------------------------------------------------------------------------------- */

/* An installed model. When there is none for a puzzle that is wrong, it is that which is said. */
static int solving_find_model(const cli_command *self, char path[1100], cli_puzzles *puzzles, trm_puzzle_kind *kind,
                              trm_model **model) {
  char problem[CLI_PROBLEM];
  int code = cli_puzzles_check(puzzles, NULL);
  if (code != CLI_CONTINUE) return code;
  cli_puzzles_kind(puzzles, kind, problem);
  if (kind->cells && cli_model_find(path, kind, model)) return CLI_CONTINUE;
  if (problem[0]) return cli_bad_input(self, "%s", problem);
  return cli_model_open(self, path, kind, model);
}

int cli_solving_open(const cli_command *self, cli_solving *s, char path[1100], cli_puzzles *puzzles,
                     int64_t identifier) {
  trm_error error = {0};
  trm_task grid;
  trm_puzzle_kind kind = {0};
  int named = path[0] != 0;
  int code =
      named ? cli_model_open(self, path, NULL, &s->model) : solving_find_model(self, path, puzzles, &kind, &s->model);
  if (code == CLI_CONTINUE) code = cli_model_check_identifier(self, path, identifier, s->model);
  if (code != CLI_CONTINUE) return code;
  if (trm_model_task(s->model, &grid, &error)) return cli_error(self, &error);
  if (named && (code = cli_puzzles_check(puzzles, &grid)) != CLI_CONTINUE) return code;
  code = cli_framed_open(&s->framed, self, puzzles, named ? NULL : &kind, &grid);
  if (code != CLI_CONTINUE) return code;
  s->task = s->framed.task;
  s->S = s->framed.S;
  s->recursion = trm_model_get_config(s->model)->recursion == TRM_RECURSION_LATTICE ? "lattice" : "trm";
  if (!named) s->installed = cli_path(path);
  if (!named && isatty(STDERR_FILENO)) cli_note("model %s", path);
  return CLI_CONTINUE;
}

void cli_solving_close(cli_solving *s) {
  json_decref(s->installed);
  cli_framed_close(&s->framed);
  trm_model_close(&s->model);
  *s = (cli_solving){0};
}

/* -- what counts as solved ----------------------------------------------------------------------------------------- */

trm_task_solutions cli_solutions(const trm_task *task, const int32_t *question) {
  return trm_task_unique(task, question, UNIQUE_BOUND);
}

int cli_is_hopeless(const trm_task_solutions *s) {
  return s->count == 0 || (s->single && s->count > 1);
}

int cli_is_solved(const cli_solved *r, const trm_solver_values *values) {
  cli_verdict verdict = cli_solved_verdict(r);
  if (verdict == CLI_UNCHECKED) return (double)r->solution.q > values->halt_threshold.value;
  return verdict == CLI_CORRECT;
}
