/* One solved puzzle for people: see solved.h. What is to be known first comes first: whether the answer is right. */
#include "cli/ui/solved.h"

#include <stdlib.h>
#include <string.h>

#include "cli/ui/grid.h"

cli_verdict cli_solved_verdict(const cli_solved *r) {
  if (r->solutions.count == 0) return CLI_NO_SOLUTION;
  if (r->solutions.count > 1 && r->solutions.single) return CLI_SEVERAL_SOLUTIONS;
  if (r->judged.keeps_rules < 0) return CLI_UNCHECKED;
  return r->judged.keeps_rules && r->judged.keeps_clues ? CLI_CORRECT : CLI_WRONG;
}

int64_t cli_solved_differs(const cli_solved *r, size_t S) {
  int64_t differs = 0;
  if (!r->right) return -1;
  for (size_t i = 0; i < S; i++) differs += r->right[i] > 0 && r->right[i] != r->answer[i]; /* padding is not scored */
  return differs;
}

/* A search that ended without a right answer: what is shown is the surest of its chains' answers. */
static int solved_is_unknown(const cli_solved *r) {
  return cli_solved_verdict(r) == CLI_WRONG && r->solution.chains > 1;
}

/* The verdict in a word, as wide in each line of a list. */
static const char *solved_word(const cli_solved *r) {
  static const char *const words[] = {[CLI_CORRECT] = "correct",
                                      [CLI_WRONG] = "wrong",
                                      [CLI_NO_SOLUTION] = "no solution",
                                      [CLI_SEVERAL_SOLUTIONS] = "several",
                                      [CLI_UNCHECKED] = "unchecked"};
  return solved_is_unknown(r) ? "don't know" : words[cli_solved_verdict(r)];
}

/* Green what is right, red what is wrong, yellow what nobody can know. */
static const char *solved_color(const cli_solved *r) {
  static const char *const colors[] = {[CLI_CORRECT] = "\033[1;32m",
                                       [CLI_WRONG] = "\033[1;31m",
                                       [CLI_NO_SOLUTION] = "\033[1;31m",
                                       [CLI_SEVERAL_SOLUTIONS] = "\033[1;31m",
                                       [CLI_UNCHECKED] = "\033[1;33m"};
  return cli_color(stdout) ? colors[cli_solved_verdict(r)] : "";
}

/* The model's answer to a question without the one right answer is shown only where it was asked for. */
static int solved_has_answer(const cli_solved *r) {
  cli_verdict verdict = cli_solved_verdict(r);
  return verdict != CLI_NO_SOLUTION && verdict != CLI_SEVERAL_SOLUTIONS;
}

/* -- one puzzle ---------------------------------------------------------------------------------------------------- */

/* What the verdict is, and behind it the reason; both fit into one line. */
static const char *solved_head(const cli_solved *r) {
  static const char *const heads[] = {[CLI_CORRECT] = "correct:",
                                      [CLI_WRONG] = "wrong:",
                                      [CLI_NO_SOLUTION] = "no solution:",
                                      [CLI_SEVERAL_SOLUTIONS] = "several solutions:",
                                      [CLI_UNCHECKED] = "not checked:"};
  return solved_is_unknown(r) ? "don't know:" : heads[cli_solved_verdict(r)];
}

static const char *solved_rest(const trm_task *task, const cli_solved *r, char text[CLI_SENTENCE]) {
  char fault[160], remark[160], by[160] = "";
  text[0] = 0;
  switch (cli_solved_verdict(r)) {
  case CLI_CORRECT:
    if (r->solution.chain > 1 || r->model)
      (void)snprintf(by, sizeof by, ", solved by chain %d%s%.80s in %d steps%s", r->solution.chain,
                     r->model ? " of " : "", r->model ? r->model : "", r->solution.steps,
                     r->level == TRM_LEVEL_E ? " (hybrid: rules filled in what followed from guesses)" : "");
    (void)trm_task_remark(task, r->question, r->answer, remark, sizeof remark);
    (void)snprintf(text, CLI_SENTENCE, " %s%s%s", remark[0] ? remark : "all rules hold", by,
                   r->solutions.single && r->solutions.count < 0 ? "; whether another answer does too was not decided"
                                                                 : "");
    break;
  case CLI_WRONG:
    if (solved_is_unknown(r))
      (void)snprintf(by, sizeof by, " %d steps, %d chains; surest:", r->solution.steps, r->solution.chains);
    (void)snprintf(text, CLI_SENTENCE, "%s %s", by, trm_task_fault(task, r->question, r->answer, fault, sizeof fault));
    break;
  case CLI_NO_SOLUTION:
    return " no answer keeps all rules and clues";
  case CLI_SEVERAL_SOLUTIONS:
    return " the clues leave more than one answer";
  case CLI_UNCHECKED:
    (void)snprintf(text, CLI_SENTENCE, " no rules known; %.80s takes its answer for %s",
                   r->model ? r->model : "the network", r->solved ? "right" : "wrong");
    break;
  }
  return text;
}

const char *cli_solved_sentence(const trm_task *task, const cli_solved *r, char text[CLI_SENTENCE]) {
  char rest[CLI_SENTENCE];
  (void)snprintf(text, CLI_SENTENCE, "%s%.270s", solved_head(r), solved_rest(task, r, rest));
  return text;
}

static void solved_print_verdict(const cli_show *s, const cli_solved *r) {
  const char *on = solved_color(r), *off = *on ? "\033[0m" : "";
  const char *reason = cli_solved_verdict(r) == CLI_CORRECT ? "" : off; /* what holds is as green as the word */
  char rest[CLI_SENTENCE];
  printf("%s%s%s%s%s\n", on, solved_head(r), reason, solved_rest(s->task, r, rest), reason[0] ? "" : off);
}

static void solved_print_grid(const cli_show *s, const cli_solved *r) {
  cli_grid grid;
  cli_grid_style style = {.question = r->question, .wrong = 1, .color = cli_color(stdout)};
  if (cli_grid_open(&grid, s->task, r->answer, &style)) {
    cli_grids_print(stdout, &grid, NULL, 1, cli_columns(stdout));
    if (grid.wrong) printf("\n%s: breaks a rule or changes a clue\n", style.color ? "\033[1;31mred\033[0m" : "!");
    cli_grid_close(&grid);
  } else {
    char *text = cli_alloc(s->S + 1, 1);
    (void)trm_task_render(s->task, r->answer, text, s->S + 1, NULL);
    puts(text);
    free(text);
  }
}

static const char *solved_ending(const cli_solved *r) {
  static const char *const words[] = {[TRM_HALT_NONE] = "step limit",
                                      [TRM_HALT_HEAD] = "halted",
                                      [TRM_HALT_RULES] = "rules hold",
                                      [TRM_HALT_FIXED_POINT] = "fixed point",
                                      [TRM_HALT_HOPELESS] = "hopeless"};
  return r->solution.cancelled ? "interrupted" : words[r->solution.halted];
}

/* What the network thinks, on one scale; its own numbers only for those who ask. */
static void solved_print_network(const cli_show *s, const cli_solved *r) {
  char a[32];
  printf("after %d step%s (%s), confidence %s (" CLI_CONFIDENCE ")\n", r->solution.steps,
         r->solution.steps == 1 ? "" : "s", solved_ending(r), cli_percent((double)r->solution.confidence, a));
  if (s->verbose)
    printf("halting logit q %.2f, halts over %g; least certain cell %s\n", (double)r->solution.q, s->halt_threshold,
           cli_percent((double)r->solution.least, a));
}

/* Beside the verdict of the rules, which may allow several answers. */
static void solved_print_compared(const cli_show *s, const cli_solved *r) {
  int64_t differs = cli_solved_differs(r, s->S);
  if (!differs) puts("the data has the same answer");
  else printf("the data has another answer: %lld cell%s\n", (long long)differs, differs == 1 ? " differs" : "s differ");
}

static void solved_print_alone(const cli_show *s, const cli_solved *r) {
  int shown = solved_has_answer(r);
  solved_print_verdict(s, r);
  if (shown || s->trace) {
    fputc('\n', stdout);
    if (s->trace && !s->animated) cli_explain_print(s->task, r->question, s->trace, s->all);
    else solved_print_grid(s, r);
    fputc('\n', stdout);
  }
  if (s->animated) cli_explain_summary(s->task, r->question, s->trace);
  if (shown || s->trace || s->verbose) solved_print_network(s, r);
  else puts("the model's answer is not shown; --explain shows it");
  if ((shown || s->trace) && r->right) solved_print_compared(s, r);
}

/* -- a line a puzzle ----------------------------------------------------------------------------------------------- */

/* The symbols in pieces of whole rows, as many as fit; width: columns that are left beside them. */
static void solved_print_pieces(const cli_show *s, const char *text, int indent, int width) {
  int row = s->task->width, left = (int)strlen(text), rows = width / (row + 1);
  if (rows < 1) rows = 1;
  for (int printed = 0; left > 0; printed++) {
    int length = left < row ? left : row;
    if (printed && printed % rows == 0) printf("\n%*s", indent, "");
    else if (printed) fputc(' ', stdout);
    printf("%.*s", length, text);
    text += length;
    left -= length;
  }
}

/* On a terminal an answer that is too long for a line is broken between its rows; elsewhere a puzzle is one line. */
static void solved_print_line(const cli_show *s, const cli_solved *r) {
  const char *on = solved_color(r), *off = *on ? "\033[0m" : "";
  char *text = cli_alloc(s->S + 1, 1), a[32], before[80];
  const int32_t *tokens = solved_has_answer(r) ? r->answer : r->question;
  (void)trm_task_render(s->task, tokens, text, s->S + 1, NULL);
  (void)snprintf(before, sizeof before, "%4d step%s %7s%s  ", r->solution.steps, r->solution.steps == 1 ? " " : "s",
                 cli_percent((double)r->solution.confidence, a), r->solution.cancelled ? " interrupted" : "");
  printf("%s%-11s%s %s", on, solved_word(r), off, before);
  int indent = 12 + (int)strlen(before), columns = cli_columns(stdout);
  if (!cli_is_terminal(stdout) || indent + (int)strlen(text) < columns) fputs(text, stdout);
  else solved_print_pieces(s, text, indent, columns - indent);
  if (solved_has_answer(r) && r->right) {
    int64_t differs = cli_solved_differs(r, s->S);
    if (differs) printf("  data: %lld cell%s", (long long)differs, differs == 1 ? " differs" : "s differ");
    else fputs("  data: the same", stdout);
  }
  fputc('\n', stdout);
  free(text);
}

void cli_solved_print(const cli_show *s, const cli_solved *r, int alone) {
  if (!alone && !s->trace) {
    solved_print_line(s, r);
    return;
  }
  if (!alone) printf("%s%s:\n", r->number ? "\n" : "", r->where);
  solved_print_alone(s, r);
}
