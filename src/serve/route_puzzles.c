/* POST /v1/check, /v1/hint, /v1/generate: what is asked about one puzzle beside its solution. Rules are asked here;
 * hints and new puzzles, which may take a while, come from an engine. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text/json.h"
#include "base/text/options.h"
#include "serve/answer.h"
#include "serve/routes.h"

#define CHECK_BOUND 2000 /* guesses of the exact solver: some milliseconds */

/* Reads the body's puzzle, from the key; otherwise the call has ended, 0. */
static int body_puzzle(trm__call *call, const trm__ask_item *item, const json_t *value, const char *key,
                       trm__ask_puzzle *puzzle) {
  int count;
  trm__ask_fault fault = {0};
  trm__ask_item of = *item;
  const trm__work_model *models = trm__serve_pool_models(call->gateway->pool, &count);
  of.puzzle = value;
  of.is_answer = strcmp(key, "answer") == 0;
  trm_status status = TRM_E_INPUT;
  if (value) status = trm__ask_puzzle_read(puzzle, &of, models, count, &fault);
  else snprintf(fault.detail, sizeof fault.detail, "is missing");
  if (!status) return 1;
  if (!*fault.pointer || strcmp(fault.pointer, "/puzzle") == 0)
    snprintf(fault.pointer, sizeof fault.pointer, "/%s", key);
  trm__call_status(call, status, &fault);
  return 0;
}

static int body_options(trm__call *call, const char *const *names, trm__ask_item *item) {
  trm__ask_fault fault = {0};
  trm_status status = trm__ask_read_one(item, call->body, names, &call->gateway->config, &fault);
  if (status) trm__call_status(call, status, &fault);
  return !status;
}

/* -- check --------------------------------------------------------------------------------------------------------- */

static json_t *check_question(const trm__ask_puzzle *puzzle) {
  uint8_t *marks = trm__calloc((size_t)puzzle->task.width * (size_t)puzzle->task.height, 1);
  if (!marks) return NULL;
  trm_task_finding finding = trm_task_inspect(&puzzle->task, puzzle->own, CHECK_BOUND, marks);
  trm__free(marks);
  return json_pack("{s:o, s:s*}", "solutions", finding.solutions < 0 ? json_null() : json_integer(finding.solutions),
                   "fault", *finding.what ? finding.what : NULL);
}

void trm__route_check(trm__call *call) {
  static const char *const names[] = {"puzzle", "answer", NULL};
  trm__ask_item item;
  trm__ask_puzzle question, answer;
  const json_t *given = json_object_get(call->body, "answer");
  if (!body_options(call, names, &item)) return;
  if (!body_puzzle(call, &item, item.puzzle, "puzzle", &question)) return;
  json_t *o = json_pack("{s:s, s:o}", "task", trm_task_name(&question.task), "question", check_question(&question));
  if (given) {
    if (!body_puzzle(call, &item, given, "answer", &answer)) {
      json_decref(o);
      trm__ask_puzzle_clear(&question);
      return;
    }
    int same = answer.task.width == question.task.width && answer.task.height == question.task.height;
    json_t *verdict = same ? trm__answer_verdict(&question.task, question.own, answer.own) : NULL;
    if (verdict) (void)json_object_update(o, verdict);
    json_decref(verdict);
    trm__ask_puzzle_clear(&answer);
    if (!same) {
      json_decref(o);
      trm__ask_puzzle_clear(&question);
      trm__call_problem(call, TRM__PROBLEM_INVALID, "/answer", "is not of the puzzle's size");
      return;
    }
  }
  trm__ask_puzzle_clear(&question);
  trm__call_answer(call, 200, o);
}

/* -- hint and generate --------------------------------------------------------------------------------------------- */

typedef struct puzzle_asking {
  trm__call *call; /* NULL: its client is gone */
  trm__gateway *gateway;
  trm__ask_puzzle puzzle;
  uint64_t work;
} puzzle_asking;

static void asking_on_gone(trm__call *call, void *own) {
  puzzle_asking *a = own;
  (void)call;
  a->call = NULL;
  trm__serve_pool_cancel(a->gateway->pool, a->work);
}

static json_t *hint_json(const puzzle_asking *a, const trm_hint_result *hint) {
  static const char *const words[] = {[TRM_HINT_NONE] = "none",
                                      [TRM_HINT_FULL] = "full",
                                      [TRM_HINT_RULES] = "rules",
                                      [TRM_HINT_NETWORK] = "network",
                                      [TRM_HINT_CHECKED] = "checked"};
  const trm_task *task = &a->puzzle.task, *larger = &a->puzzle.by.task;
  if (hint->cell < 0) return json_pack("{s:s, s:n, s:s}", "by", words[hint->by], "cell", "reason", hint->reason);
  int row = hint->cell / larger->width, column = hint->cell % larger->width;
  char value[2] = {hint->token > 0 ? task->alphabet[hint->token - 1] : 0, 0};
  return json_pack(
      "{s:s, s:i, s:i, s:i, s:s, s:i, s:o, s:s*, s:s, s:s*}", "by", words[hint->by], "cell", row * task->width + column,
      "row", row + 1, "column", column + 1, "value", value, "token", (int)hint->token, "probability",
      isfinite(hint->probability) ? json_real(hint->probability) : json_null(), "technique",
      *hint->technique ? hint->technique : NULL, "reason", hint->reason, "before", *hint->before ? hint->before : NULL);
}

static json_t *generated_json(const puzzle_asking *a, const trm__work_done *done) {
  const trm_task *task = &a->puzzle.by.task;
  return json_pack("{s:s, s:s, s:o, s:o}", "task", trm_task_name(task), "model", a->puzzle.by.name, "puzzle",
                   trm__answer_cells(task, done->question), "answer", trm__answer_cells(task, done->answer));
}

static void asking_on_done(void *context, uint64_t id, const trm__serve_pool_end *end) {
  puzzle_asking *a = context;
  const trm__work_done *done = &end->done;
  trm__call *call = a->call;
  (void)id;
  if (call) {
    call->gone = NULL;
    if (done->status)
      trm__call_problem(call,
                        end->poison                                                  ? TRM__PROBLEM_POISON
                        : done->status == TRM_E_INPUT || done->status == TRM_E_USAGE ? TRM__PROBLEM_INVALID
                        : done->status == TRM_E_STOPPED                              ? TRM__PROBLEM_DRAINING
                                                                                     : TRM__PROBLEM_INTERNAL,
                        NULL, done->error.message);
    else if (done->kind == TRM__WORK_HINT) trm__call_answer(call, 200, hint_json(a, &done->hint));
    else if (done->question && done->answer) trm__call_answer(call, 200, generated_json(a, done));
    else trm__call_problem(call, TRM__PROBLEM_INTERNAL, NULL, "it was not done in time");
  }
  a->gateway->waiting--;
  trm__gateway_idle(a->gateway);
  trm__ask_puzzle_clear(&a->puzzle);
  trm__free(a);
}

/* puzzle is taken. */
static void asking_submit(trm__call *call, const trm__work *work, trm__ask_puzzle *puzzle) {
  static const trm__serve_pool_handlers handlers = {NULL, asking_on_done};
  trm__ask_fault fault = {0};
  trm_error err = {0};
  puzzle_asking *a = trm__calloc(1, sizeof *a);
  trm_status status = TRM_E_MEMORY;
  if (a) {
    *a = (puzzle_asking){.call = call, .gateway = call->gateway, .puzzle = *puzzle};
    status = trm__serve_pool_submit(call->gateway->pool, work, call->client, &handlers, a, &a->work, &err);
  }
  if (status) {
    trm__free(a);
    trm__ask_puzzle_clear(puzzle);
    snprintf(fault.detail, sizeof fault.detail, "%s", err.message);
    trm__call_status(call, status, &fault);
    return;
  }
  call->gateway->waiting++;
  call->own = a;
  call->gone = asking_on_gone;
}

static int call_is_taken(trm__call *call) {
  const char *detail = NULL;
  trm__problem_kind refusal = trm__gateway_refusal(call->gateway, &detail);
  if (refusal) trm__call_problem(call, refusal, NULL, detail);
  return !refusal;
}

void trm__route_hint(trm__call *call) {
  static const char *const names[] = {"puzzle", NULL};
  trm__ask_item item;
  trm__ask_puzzle puzzle;
  if (!call_is_taken(call) || !body_options(call, names, &item)) return;
  if (!body_puzzle(call, &item, item.puzzle, "puzzle", &puzzle)) return;
  trm__work work = trm__ask_work(&item, &puzzle, &call->gateway->config, trm_clock());
  work.kind = TRM__WORK_HINT;
  asking_submit(call, &work, &puzzle);
}

/* -- generate ------------------------------------------------------------------------------------------------------ */

typedef struct generate_wish {
  char model[TRM__WORK_NAME], task[32];
  int64_t side, seed, number, min_clues, max_clues, min_guesses, max_guesses, min_path;
} generate_wish;

#define WISH(field) offsetof(generate_wish, field)

static const trm_option generate_table[] = {
    {"model", TRM_OPT_STRING, WISH(model), TRM__WORK_NAME, NULL, 0, 0, NULL, NULL, NULL,
     "a puzzle that this model solves; default: task and size say which", NULL},
    {"task", TRM_OPT_STRING, WISH(task), 32, "sudoku", 0, 0, NULL, NULL, NULL, "sudoku or maze", NULL},
    {"size", TRM_OPT_INT, WISH(side), 0, "0", 0, 256, NULL, NULL, NULL, "side of the grid; 0: of the first model",
     NULL},
    {"seed", TRM_OPT_INT, WISH(seed), 0, "0", 0, 0, NULL, NULL, NULL, "the same seed and number give the same puzzle",
     NULL},
    {"number", TRM_OPT_INT, WISH(number), 0, "0", 0, 1e15, NULL, NULL, NULL, "which puzzle of the seed", NULL},
    {"min_clues", TRM_OPT_INT, WISH(min_clues), 0, "0", 0, 256, NULL, NULL, NULL, "Sudoku: fewest clues", NULL},
    {"max_clues", TRM_OPT_INT, WISH(max_clues), 0, "0", 0, 256, NULL, NULL, NULL,
     "Sudoku: most clues; 0: as few as can be", NULL},
    {"min_guesses", TRM_OPT_INT, WISH(min_guesses), 0, "0", 0, 1e9, NULL, NULL, NULL,
     "Sudoku: fewest guesses of the exact solver", NULL},
    {"max_guesses", TRM_OPT_INT, WISH(max_guesses), 0, "-1", -1, 1e9, NULL, NULL, NULL, "Sudoku: most; -1: any", NULL},
    {"min_path", TRM_OPT_INT, WISH(min_path), 0, "0", 0, 65536, NULL, NULL, NULL, "maze: fewest moves", NULL},
};

const trm_option *trm__generate_options(size_t *count) {
  *count = sizeof generate_table / sizeof *generate_table;
  return generate_table;
}

static const trm__work_model *wish_model(const trm__gateway *g, const generate_wish *w) {
  int count;
  const trm__work_model *models = trm__serve_pool_models(g->pool, &count);
  for (int i = 0; i < count; i++) {
    const trm__work_model *m = &models[i];
    int named = *w->model && ((!m->beside && strcmp(m->name, w->model) == 0) || strcmp(m->id, w->model) == 0);
    int fits = strcmp(trm_task_name(&m->task), w->task) == 0 && (!w->side || w->side == m->task.width);
    if (m->loaded && (*w->model ? named : fits && !m->beside)) return m;
  }
  return NULL;
}

void trm__route_generate(trm__call *call) {
  generate_wish w;
  trm_error err = {0};
  if (!call_is_taken(call)) return;
  memset(&w, 0, sizeof w);
  size_t count = sizeof generate_table / sizeof *generate_table;
  trm_options_default(generate_table, count, &w);
  trm_status status = json_is_object(call->body)
                          ? trm__options_from_json(generate_table, count, &w, call->body, 0, "the body", &err)
                          : TRM_E_INPUT;
  if (status) {
    trm__call_problem(call, TRM__PROBLEM_INVALID, "", *err.message ? err.message : "expected a JSON object");
    return;
  }
  const trm__work_model *model = wish_model(call->gateway, &w);
  if (!model) {
    trm__call_problem(call, TRM__PROBLEM_INVALID, *w.model ? "/model" : "/task",
                      "no model here is for such puzzles; GET /v1/models lists them");
    return;
  }
  trm__ask_puzzle puzzle = {.task = model->task};
  puzzle.by.task = model->task;
  snprintf(puzzle.by.name, sizeof puzzle.by.name, "%s", model->name);
  trm__work work = trm__work_default();
  work.kind = TRM__WORK_GENERATE;
  snprintf(work.model, sizeof work.model, "%s", model->name);
  work.deadline = trm_clock() + call->gateway->config.solve_s;
  work.solver.seed = w.seed;
  work.number = (uint64_t)w.number;
  work.wanted.min_clues = w.min_clues;
  work.wanted.max_clues = w.max_clues;
  work.wanted.min_guesses = w.min_guesses;
  work.wanted.max_guesses = w.max_guesses;
  work.wanted.min_path = w.min_path;
  asking_submit(call, &work, &puzzle);
}
