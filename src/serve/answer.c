#include "serve/answer.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/text/json.h"

static json_t *answer_real(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

json_t *trm__answer_cells(const trm_task *task, const int32_t *tokens) {
  size_t cells = (size_t)task->width * (size_t)task->height;
  if (task->alphabet[0]) {
    char *text = trm__calloc(cells + 1, 1);
    if (!text) return NULL;
    (void)trm_task_render(task, tokens, text, cells + 1, NULL);
    json_t *value = json_string(text);
    trm__free(text);
    return value;
  }
  json_t *list = json_array();
  for (size_t i = 0; list && i < cells; i++)
    if (json_array_append_new(list, json_integer(tokens[i])) != 0) {
      json_decref(list);
      return NULL;
    }
  return list;
}

/* The part of the model's grid that is the puzzle's own; trm__free. */
static int32_t *answer_own(const trm__ask_puzzle *puzzle, const int32_t *tokens) {
  int32_t *own = trm__calloc((size_t)puzzle->task.width * (size_t)puzzle->task.height, sizeof *own);
  if (own) trm_task_unframe(&puzzle->task, &puzzle->by.task, tokens, own);
  return own;
}

static json_t *answer_confidence(const trm__ask_puzzle *puzzle, const float *confidence) {
  json_t *list = json_array();
  for (int r = 0; list && r < puzzle->task.height; r++)
    for (int c = 0; c < puzzle->task.width; c++)
      if (json_array_append_new(list, answer_real((double)confidence[r * puzzle->by.task.width + c])) != 0) {
        json_decref(list);
        return NULL;
      }
  return list;
}

/* -- verdict ------------------------------------------------------------------------------------------------------- */

static json_t *answer_kept(int kept) {
  return kept < 0 ? json_null() : json_boolean(kept);
}

json_t *trm__answer_verdict(const trm_task *task, const int32_t *question, const int32_t *answer) {
  char text[256];
  trm_task_verdict v = trm_task_judge(task, question, answer);
  int checked = v.keeps_rules >= 0, right = v.keeps_rules == 1 && v.keeps_clues == 1;
  const char *fault = trm_task_fault(task, question, answer, text, sizeof text);
  return json_pack("{s:s, s:o, s:o, s:b, s:o, s:s*}", "verdict",
                   !checked ? "no rules known"
                   : right  ? "right"
                            : "wrong",
                   "keeps_rules", answer_kept(v.keeps_rules), "keeps_clues", answer_kept(v.keeps_clues), "checked",
                   checked, "correct", checked ? json_boolean(right) : json_null(), "fault", *fault ? fault : NULL);
}

int trm__answer_is_solved(const trm__ask_puzzle *puzzle, const trm__serve_pool_end *end) {
  if (end->done.status || !end->done.answer) return 0;
  int32_t *own = answer_own(puzzle, end->done.answer);
  if (!own) return 0;
  trm_task_verdict v = trm_task_judge(&puzzle->task, puzzle->own, own);
  trm__free(own);
  return v.keeps_rules < 0 ? end->done.solution.halted == TRM_HALT_HEAD : v.keeps_rules && v.keeps_clues == 1;
}

/* -- a solved puzzle ----------------------------------------------------------------------------------------------- */

static json_t *answer_halt(int halt) {
  return halt == TRM_HALT_NONE ? json_null() : json_string(trm_halt_name((trm_halt)halt));
}

static json_t *answer_work(const trm__serve_pool_end *end) {
  const trm_solution *s = &end->done.solution;
  int level = end->done.level >= TRM_LEVEL_A && end->done.level <= TRM_LEVEL_E ? end->done.level : TRM_LEVEL_A;
  return json_pack("{s:i, s:b, s:o, s:b, s:b, s:o, s:o, s:o, s:s%, s:i, s:i, s:i, s:i, s:o, s:o}", "steps", s->steps,
                   "halted", s->halted != TRM_HALT_NONE, "halted_by", answer_halt(s->halted), "interrupted",
                   s->cancelled, "expired", s->expired, "q", answer_real((double)s->q), "confidence",
                   answer_real((double)s->confidence), "least_confidence", answer_real((double)s->least), "level",
                   &"_ABCDE"[level], (size_t)1, "chain", s->chain, "chain_steps", s->chain_steps, "chains", s->chains,
                   "answer_step", s->answer_step, "queued_s", answer_real(end->queued), "solve_s",
                   answer_real(end->worked));
}

json_t *trm__answer_json(const trm__ask_item *item, const trm__ask_puzzle *puzzle, const trm__serve_pool_end *end) {
  const trm__ask_solver *model = &puzzle->by;
  int32_t *own = end->done.answer ? answer_own(puzzle, end->done.answer) : NULL;
  if (end->done.answer && !own) return NULL;
  json_t *o =
      json_pack("{s:s*, s:s, s:s, s:s, s:s, s:b, s:o, s:o}", "id", item->id, "model", model->name, "model_version",
                model->id, "recursion", model->recursion, "task", trm_task_name(&puzzle->task), "solved",
                trm__answer_is_solved(puzzle, end), "question", trm__answer_cells(&puzzle->task, puzzle->own), "answer",
                own ? trm__answer_cells(&puzzle->task, own) : json_null());
  json_t *verdict = own ? trm__answer_verdict(&puzzle->task, puzzle->own, own) : json_object();
  json_t *work = answer_work(end);
  int failed = !o || !verdict || !work || json_object_update(o, verdict) != 0 || json_object_update(o, work) != 0;
  if (!failed && end->done.solutions >= 0)
    failed = json_object_set_new(o, "solutions", json_integer(end->done.solutions)) != 0;
  if (!failed && end->done.confidence)
    failed = json_object_set_new(o, "cell_confidence", answer_confidence(puzzle, end->done.confidence)) != 0;
  json_decref(verdict);
  json_decref(work);
  trm__free(own);
  if (!failed) return o;
  json_decref(o);
  return NULL;
}

json_t *trm__answer_step_json(const trm__ask_puzzle *puzzle, const trm__work_step *step) {
  int32_t *own = answer_own(puzzle, step->answer);
  if (!own) return NULL;
  json_t *o = json_pack("{s:i, s:i, s:o, s:o, s:b, s:b, s:b, s:o}", "step", step->step, "chain", step->chain, "answer",
                        trm__answer_cells(&puzzle->task, own), "q", answer_real((double)step->q), "halted",
                        step->halted, "checked", step->checked, "correct", step->correct, "cell_confidence",
                        answer_confidence(puzzle, step->confidence));
  trm__free(own);
  return o;
}

/* -- models -------------------------------------------------------------------------------------------------------- */

/* How its puzzles are written: as the alphabet says, token t is symbol t - 1 and token 0 is padding. */
static json_t *answer_grid(const trm_task *task) {
  return json_pack("{s:i, s:i, s:i, s:i, s:i, s:s}", "width", task->width, "height", task->height, "box_width",
                   task->box_width, "box_height", task->box_height, "vocab_size", task->vocab_size, "alphabet",
                   task->alphabet);
}

static const char *answer_origin(int origin) {
  return origin == TRM_VALUE_MODEL ? "model" : "default";
}

json_t *trm__answer_model(const trm__work_model *m) {
  char title[64];
  if (!m->loaded)
    return json_pack("{s:s, s:b, s:{s:s, s:s}}", "name", m->name, "loaded", 0, "error", "where", m->where, "detail",
                     m->error);
  json_t *config = NULL;
  (void)trm__json_parse(&config, m->config, strlen(m->config), m->name, NULL);
  json_t *o =
      json_pack("{s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:{s:I, s:I, s:I, s:o, s:I}, s:o}", "name",
                m->name, "loaded", 1, "version", m->id, "fingerprint", m->checksum, "variant", m->variant, "recursion",
                m->recursion, "task", trm_task_name(&m->task), "title", trm_task_title(&m->task, title, sizeof title),
                "cells", (json_int_t)m->cells, "parameters", (json_int_t)m->parameters, "grid", answer_grid(&m->task),
                "values", "max_steps", (json_int_t)m->values.max_steps.value, "recursion_cycles",
                (json_int_t)m->values.H_cycles.value, "latent_cycles", (json_int_t)m->values.L_cycles.value,
                "halt_threshold", answer_real(m->values.halt_threshold.value), "search", (json_int_t)m->search,
                "model_config", config ? config : json_null());
  json_t *from =
      json_pack("{s:s, s:s, s:s, s:s}", "max_steps", answer_origin(m->values.max_steps.origin), "recursion_cycles",
                answer_origin(m->values.H_cycles.origin), "latent_cycles", answer_origin(m->values.L_cycles.origin),
                "halt_threshold", answer_origin(m->values.halt_threshold.origin));
  (void)json_object_set_new(o, "values_from", from);
  (void)json_object_set_new(o, "identifiers", json_integer((json_int_t)m->identifiers));
  return o;
}
