/* One solved puzzle for programs, as a JSON object in a line: see solved.h. */
#include "cli/ui/solved.h"

#include <stdlib.h>

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
    if (i && step->chain != step[-1].chain) before = r->question;
    json_array_append_new(steps, json_pack("{s:i, s:i, s:o, s:o, s:o, s:o}", "step", step->step, "chain", step->chain,
                                           "answer", solved_cells_json(s, step->answer), "changed",
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

/* null: by nothing but its limit or a signal. */
static json_t *solved_halt_json(int halt) {
  return halt == TRM_HALT_NONE ? json_null() : json_string(trm_halt_name((trm_halt)halt));
}

void cli_solved_add_verdict(json_t *o, const cli_solved *r) {
  int checked = r->judged.keeps_rules >= 0;
  json_object_set_new(o, "solved", json_boolean(r->solved));
  json_object_set_new(o, "verdict", json_string(solved_verdict(&r->judged)));
  json_object_set_new(o, "keeps_rules", solved_kept_json(r->judged.keeps_rules));
  json_object_set_new(o, "keeps_clues", solved_kept_json(r->judged.keeps_clues));
  json_object_set_new(o, "checked", json_boolean(checked));
  json_object_set_new(o, "correct",
                      checked ? json_boolean(r->judged.keeps_rules && r->judged.keeps_clues) : json_null());
  json_object_set_new(o, "solutions", r->solutions.count < 0 ? json_null() : json_integer(r->solutions.count));
  json_object_set_new(o, "halted_by", solved_halt_json(r->solution.halted));
  json_object_set_new(o, "level", json_stringn(&"_ABCDE"[r->level], 1));
  json_object_set_new(o, "chain", json_integer(r->solution.chain));
  json_object_set_new(o, "chain_steps", json_integer(r->solution.chain_steps));
  json_object_set_new(o, "chains", json_integer(r->solution.chains));
  json_object_set_new(o, "answer_step", json_integer(r->solution.answer_step));
  if (r->model) json_object_set_new(o, "answered_by", cli_path(r->model));
}

void cli_solved_print_json(const cli_show *s, const cli_solved *r) {
  json_t *o = json_pack("{s:I, s:o, s:O*, s:s, s:o, s:o}", "puzzle", (json_int_t)r->number, "where", cli_path(r->where),
                        "model", s->model, "task", trm_task_name(s->task), "question",
                        solved_cells_json(s, r->question), "answer", solved_cells_json(s, r->answer));
  json_t *work = json_pack("{s:i, s:b, s:b, s:o, s:o, s:o, s:s}", "steps", r->solution.steps, "halted",
                           r->solution.halted != TRM_HALT_NONE, "interrupted", r->solution.cancelled, "q",
                           cli_real((double)r->solution.q), "confidence", cli_real((double)r->solution.confidence),
                           "least_confidence", cli_real((double)r->solution.least), "recursion", s->recursion);
  if (o) cli_solved_add_verdict(o, r);
  json_object_update(o, work);
  json_decref(work);
  if (r->right && o) {
    int64_t differs = cli_solved_differs(r, s->S);
    json_object_set_new(o, "right_answer", solved_cells_json(s, r->right));
    json_object_set_new(o, "exact", json_boolean(!differs));
    json_object_set_new(o, "wrong_cells", json_integer(differs));
  }
  if (s->trace && o) {
    json_object_set_new(o, "trace", solved_trace_json(s, r));
    json_object_set_new(o, "cell_confidence", solved_confidence_json(s));
  }
  cli_json_print(o, 1);
}
