/* One solved puzzle for people and for programs: see solved.h. */
#include "cli/ui/solved.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ui/grid.h"

void cli_trace_add(cli_trace *t, size_t S, const trm_step *step) {
  if (t->count == t->room) {
    t->room = 2 * t->room + 16;
    t->step = cli_grow(t->step, t->room, sizeof *t->step);
  }
  cli_trace_step *s = &t->step[t->count++];
  *s = (cli_trace_step){.step = step->step, .q = step->q, .least = INFINITY};
  s->answer = cli_alloc(S, sizeof *s->answer);
  s->confidence = cli_alloc(S, sizeof *s->confidence);
  memcpy(s->answer, step->answer, S * sizeof *s->answer);
  memcpy(s->confidence, step->confidence, S * sizeof *s->confidence);
  for (size_t i = 0; i < S; i++)
    if (!(s->confidence[i] >= s->least)) s->least = s->confidence[i];
}

void cli_trace_clear(cli_trace *t) {
  for (size_t i = 0; i < t->count; i++) {
    free(t->step[i].answer);
    free(t->step[i].confidence);
  }
  t->count = 0;
}

/* -- for people ---------------------------------------------------------------------------------------------------- */

static const char *solved_ending(const trm_solution *s) {
  return s->cancelled ? "interrupted" : s->halted ? "halted" : "step limit";
}

static void solved_print_verdict(const cli_solved *r) {
  char a[32], b[32];
  const char *on = cli_color(stdout) ? r->solved ? "\033[1;32m" : "\033[1;31m" : "", *off = *on ? "\033[0m" : "";
  printf("%s%s%s after %d step%s (%s), confidence %s, least certain cell %s\n", on, r->solved ? "solved" : "not solved",
         off, r->solution.steps, r->solution.steps == 1 ? "" : "s", solved_ending(&r->solution),
         cli_percent((double)r->solution.confidence, a), cli_percent((double)r->solution.least, b));
  if (r->verdict.keeps_rules >= 0)
    printf("rules %s, clues %s\n", r->verdict.keeps_rules ? "kept" : "broken",
           r->verdict.keeps_clues ? "kept" : "changed");
  else printf("no rules known: nothing is checked; the halting head says %s\n", r->solved ? "right" : "wrong");
}

static void solved_print_line(const cli_show *s, const cli_solved *r) {
  char *text = cli_alloc(s->S + 1, 1), a[32];
  (void)trm_task_render(s->task, r->answer, text, s->S + 1, NULL);
  printf("%s  %-10s  %2d step%s  %s%s%s\n", text, r->solved ? "solved" : "not solved", r->solution.steps,
         r->solution.steps == 1 ? " " : "s", cli_percent((double)r->solution.confidence, a),
         r->verdict.keeps_rules < 0 ? "  no rules known" : "", r->solution.cancelled ? "  interrupted" : "");
  free(text);
}

static void solved_print_grid(const cli_show *s, const cli_solved *r) {
  cli_grid grid;
  cli_grid_style style = {.question = r->question, .wrong = 1, .color = cli_color(stdout)};
  if (cli_grid_open(&grid, s->task, r->answer, &style)) cli_grids_print(stdout, &grid, NULL, 1, cli_columns(stdout));
  else solved_print_line(s, r);
  if (grid.wrong)
    printf("\n%s: breaks a rule or changes a clue (%d cell%s)\n", style.color ? "\033[1;31mred\033[0m" : "!",
           grid.wrong, grid.wrong == 1 ? "" : "s");
  cli_grid_close(&grid);
}

/* Every step beside the one before; the question comes first, so step 1 marks what was filled in. */
static void solved_print_steps(const cli_show *s, const cli_solved *r) {
  const cli_trace *t = s->trace;
  int n = (int)t->count + 1, color = cli_color(stdout);
  cli_grid *grid = cli_alloc((size_t)n, sizeof *grid);
  char **caption = cli_alloc((size_t)n, sizeof *caption);
  const int32_t *before = r->question;
  int fits = 1;
  for (int i = 0; i < n && fits; i++) {
    const cli_trace_step *step = i ? &t->step[i - 1] : NULL;
    const int32_t *now = step ? step->answer : r->question;
    cli_grid_style style = {.question = r->question, .previous = before, .color = color};
    fits = cli_grid_open(&grid[i], s->task, now, &style);
    char text[80] = "question";
    if (step)
      (void)snprintf(text, sizeof text, "step %d: q %.1f\n%d changed", step->step, (double)step->q,
                     cli_changed(s->task, before, now));
    caption[i] = cli_copy_text(text, strlen(text));
    before = now;
  }
  if (fits) {
    cli_grids_print(stdout, grid, caption, n, cli_columns(stdout));
    printf("\n%s; the puzzle halts when q > %g\n\n",
           color ? "\033[1;32mgreen\033[0m: changed in this step" : "*: changed in this step", s->halt_threshold);
  } else {
    solved_print_line(s, r);
  }
  for (int i = 0; i < n; i++) {
    cli_grid_close(&grid[i]);
    free(caption[i]);
  }
  free(grid);
  free(caption);
}

void cli_solved_print(const cli_show *s, const cli_solved *r, int alone) {
  if (!alone && !s->trace) {
    solved_print_line(s, r);
    return;
  }
  if (!alone) printf("%s%s:\n\n", r->number ? "\n" : "", r->where);
  if (s->trace) solved_print_steps(s, r);
  else {
    solved_print_grid(s, r);
    fputc('\n', stdout);
  }
  solved_print_verdict(r);
}

/* -- for programs -------------------------------------------------------------------------------------------------- */

static json_t *solved_cells_json(const cli_show *s, const int32_t *tokens) {
  char *text = cli_alloc(s->S + 1, 1);
  json_t *array = NULL;
  if (s->task->alphabet[0]) {
    (void)trm_task_render(s->task, tokens, text, s->S + 1, NULL);
    array = json_string(text);
  } else { /* tokens without symbols: numbers */
    array = json_array();
    for (size_t i = 0; i < s->S; i++) json_array_append_new(array, json_integer(tokens[i]));
  }
  free(text);
  return array;
}

static json_t *solved_changed_json(const cli_show *s, const int32_t *before, const int32_t *now) {
  json_t *cells = json_array();
  for (size_t i = 0; i < s->S; i++)
    if (before[i] != now[i]) json_array_append_new(cells, json_integer((json_int_t)i));
  return cells;
}

static json_t *solved_trace_json(const cli_show *s, const cli_solved *r) {
  json_t *steps = json_array();
  const int32_t *before = r->question;
  for (size_t i = 0; i < s->trace->count; i++) {
    const cli_trace_step *step = &s->trace->step[i];
    json_array_append_new(steps, json_pack("{s:i, s:o, s:o, s:o, s:o}", "step", step->step, "answer",
                                           solved_cells_json(s, step->answer), "changed",
                                           solved_changed_json(s, before, step->answer), "q", cli_real((double)step->q),
                                           "least_confidence", cli_real((double)step->least)));
    before = step->answer;
  }
  return steps;
}

static json_t *solved_confidence_json(const cli_show *s) {
  json_t *cells = json_array();
  if (!s->trace->count) return json_null();
  const cli_trace_step *last = &s->trace->step[s->trace->count - 1];
  for (size_t i = 0; i < s->S; i++) json_array_append_new(cells, cli_real((double)last->confidence[i]));
  return cells;
}

static json_t *solved_kept_json(int kept) {
  return kept < 0 ? json_null() : json_boolean(kept);
}

static const char *solved_verdict(const trm_task_verdict *v) {
  return v->keeps_rules < 0 ? "no rules known" : v->keeps_rules && v->keeps_clues ? "right" : "wrong";
}

void cli_solved_print_json(const cli_show *s, const cli_solved *r) {
  json_t *o = json_pack(
      "{s:I, s:o, s:O*, s:s, s:o, s:o, s:b, s:s, s:o, s:o, s:i, s:b, s:b, s:o, s:o, s:o}", "puzzle",
      (json_int_t)r->number, "where", cli_path(r->where), "model", s->model, "task", trm_task_name(s->task), "question",
      solved_cells_json(s, r->question), "answer", solved_cells_json(s, r->answer), "solved", r->solved, "verdict",
      solved_verdict(&r->verdict), "keeps_rules", solved_kept_json(r->verdict.keeps_rules), "keeps_clues",
      solved_kept_json(r->verdict.keeps_clues), "steps", r->solution.steps, "halted", r->solution.halted, "interrupted",
      r->solution.cancelled, "q", cli_real((double)r->solution.q), "confidence",
      cli_real((double)r->solution.confidence), "least_confidence", cli_real((double)r->solution.least));
  if (s->trace && o) {
    json_object_set_new(o, "trace", solved_trace_json(s, r));
    json_object_set_new(o, "cell_confidence", solved_confidence_json(s));
  }
  cli_json_print(o, 1);
}
