/* A puzzle's steps as one object: see reasoning.h. */
#include "cli/ui/reasoning.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <trm/trm.h>

#define DIGITS 1e4 /* confidences are told to this part of one */

/* -- cells --------------------------------------------------------------------------------------------------------- */

static json_t *reasoning_tokens(size_t S, const int32_t *tokens) {
  json_t *array = json_array();
  for (size_t i = 0; i < S; i++) json_array_append_new(array, json_integer(tokens[i]));
  return array;
}

static json_t *reasoning_changed(size_t S, const int32_t *before, const int32_t *now) {
  json_t *array = json_array();
  for (size_t i = 0; i < S; i++)
    if (before[i] != now[i]) json_array_append_new(array, json_integer((json_int_t)i));
  return array;
}

/* The cells that break a rule or change a clue, or with clues those that are given. */
static json_t *reasoning_marked(const cli_show *s, const int32_t *question, const int32_t *tokens, int clues) {
  trm_task_cell *cells = cli_alloc(s->S, sizeof *cells);
  json_t *array = json_array();
  (void)trm_task_draw(s->task, question, tokens, cells);
  for (size_t i = 0; i < s->S; i++)
    if (clues ? cells[i].clue : cells[i].wrong) json_array_append_new(array, json_integer((json_int_t)i));
  free(cells);
  return array;
}

static double reasoning_rounded(double fraction) {
  return round(fraction * DIGITS) / DIGITS;
}

static json_t *reasoning_confidence(size_t S, const float *confidence) {
  json_t *array = json_array();
  for (size_t i = 0; i < S; i++) json_array_append_new(array, cli_real(reasoning_rounded((double)confidence[i])));
  return array;
}

static double reasoning_mean(size_t S, const float *confidence) {
  double sum = 0;
  for (size_t i = 0; i < S; i++) sum += (double)confidence[i];
  return reasoning_rounded(sum / (double)S);
}

/* -- steps --------------------------------------------------------------------------------------------------------- */

/* before: the answer that the step found, which is the question in the first of a chain. */
static json_t *reasoning_step(const cli_show *s, const int32_t *question, const int32_t *before,
                              const cli_trace_step *step) {
  char fault[160];
  const char *what = trm_task_fault(s->task, question, step->answer, fault, sizeof fault);
  trm_task_verdict v = trm_task_judge(s->task, question, step->answer);
  json_t *keeps = v.keeps_rules < 0 ? json_null() : json_boolean(v.keeps_rules && v.keeps_clues);
  return json_pack(
      "{s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "step", step->step, "chain", step->chain,
      "answer", reasoning_tokens(s->S, step->answer), "confidence", reasoning_confidence(s->S, step->confidence),
      "mean_confidence", cli_real(reasoning_mean(s->S, step->confidence)), "least_confidence",
      cli_real(reasoning_rounded((double)step->least)), "q", cli_real((double)step->q), "change",
      cli_real((double)step->change), "says_right", cli_real(reasoning_rounded(1 / (1 + exp(-(double)step->q)))),
      "changed", reasoning_changed(s->S, before, step->answer), "broken",
      reasoning_marked(s, question, step->answer, 0), "correct", keeps, "fault", what);
}

/* Of the chains of a search, which take their steps in turns, one. */
static void reasoning_add_chain(json_t *steps, const cli_show *s, const int32_t *question, int chain) {
  const int32_t *before = question;
  for (size_t i = 0; i < s->trace->count; i++) {
    const cli_trace_step *step = &s->trace->step[i];
    if (step->chain != chain) continue;
    json_array_append_new(steps, reasoning_step(s, question, before, step));
    before = step->answer;
  }
}

static json_t *reasoning_steps(const cli_show *s, const cli_solved *r) {
  json_t *steps = json_array();
  reasoning_add_chain(steps, s, r->question, 1);
  if (r->solution.chain > 1) reasoning_add_chain(steps, s, r->question, r->solution.chain);
  return steps;
}

/* -- the whole ----------------------------------------------------------------------------------------------------- */

/* What the tokens mean: token t is alphabet[t-1], 0 is padding; without an alphabet it is the number itself. */
static json_t *reasoning_task(const trm_task *task) {
  char title[80];
  return json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:o, s:s?}", "name", trm_task_name(task), "title",
                   trm_task_title(task, title, sizeof title), "width", task->width, "height", task->height, "box_width",
                   task->box_width, "box_height", task->box_height, "alphabet", cli_path(task->alphabet), "rules",
                   trm_task_rules(task));
}

json_t *cli_reasoning_json(const cli_show *s, const cli_solved *r) {
  char sentence[CLI_SENTENCE];
  json_t *o = json_pack("{s:s, s:o, s:O*, s:s, s:o, s:o, s:o, s:o}", "trm", trm_version(), "where", cli_path(r->where),
                        "model", s->model, "recursion", s->recursion, "task", reasoning_task(s->task), "question",
                        reasoning_tokens(s->S, r->question), "clues", reasoning_marked(s, r->question, r->question, 1),
                        "steps", reasoning_steps(s, r));
  json_t *end = json_pack("{s:o, s:i, s:b, s:o, s:s}", "answer", reasoning_tokens(s->S, r->answer), "steps_taken",
                          r->solution.steps, "halted", r->solution.halted != TRM_HALT_NONE, "halt_threshold",
                          cli_real(s->halt_threshold), "message", cli_solved_sentence(s, r, sentence));
  cli_solved_add_verdict(o, s, r);
  json_object_update(o, end);
  json_decref(end);
  return o;
}

/* Letters that HTML or the older JavaScript read as more than letters; in JSON all of them stand inside strings. */
static const char *reasoning_escape(const char *p, size_t *length) {
  static const struct {
    const char *text, *escape;
  } letters[] = {
      {"<", "\\u003c"}, {">", "\\u003e"}, {"&", "\\u0026"}, {"\xe2\x80\xa8", "\\u2028"}, {"\xe2\x80\xa9", "\\u2029"}};
  for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
    *length = strlen(letters[i].text);
    if (!strncmp(p, letters[i].text, *length)) return letters[i].escape;
  }
  return NULL;
}

char *cli_reasoning_text(json_t *object) {
  char *plain = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
  char *text = cli_alloc(plain ? 6 * strlen(plain) + 1 : 0, 1), *to = text;
  for (const char *p = plain; p && *p;) {
    size_t length;
    const char *escape = reasoning_escape(p, &length);
    if (escape) to = stpcpy(to, escape), p += length;
    else *to++ = *p++;
  }
  free(plain);
  json_decref(object);
  return text;
}
