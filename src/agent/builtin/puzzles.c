/* Built-in actions that reason: solve, check, generate, hint. */
#include <math.h>
#include <string.h>

#include "agent/action/agent.h"
#include "agent/builtin/solving.h"
#include "base/mem.h"
#include "base/status.h"

static const char *puzzles_text(const json_t *input, const char *key) {
  const char *text = json_string_value(json_object_get(input, key));
  return text ? text : "";
}

static json_t *puzzles_real(double number) {
  return isfinite(number) ? json_real(number) : json_null();
}

static int puzzles_fail(trm__fault *fault, const trm_error *err) {
  (void)trm__fault_error(fault, err);
  return 1;
}

/* A puzzle of the input: text as it is, rows of numbers as JSON. Freed with free. */
static char *puzzles_as_text(const json_t *value) {
  return json_is_string(value) ? strdup(json_string_value(value)) : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}

static json_t *puzzles_cells(const trm_task *task, const int32_t *tokens) {
  size_t cells = (size_t)task->width * (size_t)task->height;
  char *text = trm__calloc(cells + 1, 1);
  json_t *o = text && !trm_task_render(task, tokens, text, cells + 1, NULL) ? json_string(text) : NULL;
  trm__free(text);
  return o;
}

/* {"verdict", "correct", "fault"} of an answer. */
static json_t *puzzles_verdict(const trm_task *task, const int32_t *question, const int32_t *answer) {
  char words[256];
  trm_task_verdict v = trm_task_judge(task, question, answer);
  const char *fault = trm_task_fault(task, question, answer, words, sizeof words);
  int checked = v.keeps_rules >= 0, right = v.keeps_rules == 1 && v.keeps_clues == 1;
  return json_pack("{s:s, s:b, s:o, s:s*}", "verdict",
                   !checked ? "no rules known"
                   : right  ? "right"
                            : "wrong",
                   "checked", checked, "correct", checked ? json_boolean(right) : json_null(), "fault",
                   *fault ? fault : NULL);
}

/* -- solve --------------------------------------------------------------------------------------------------------- */

typedef struct solve_watch {
  trm__call *call;
  json_t *steps; /* NULL: not wanted */
  const trm__solving_puzzle *puzzle;
} solve_watch;

static int solve_watch_step(void *context, const trm_step *step) {
  solve_watch *w = context;
  const trm__solving_puzzle *p = w->puzzle;
  if (trm__call_over(w->call)) return TRM_STEP_STOP;
  if (!w->steps || step->chain != 1) return TRM_STEP_ON;
  int32_t *own = trm__calloc((size_t)p->task.width * (size_t)p->task.height, sizeof *own);
  if (!own) return TRM_STEP_STOP;
  trm_task_unframe(&p->task, &p->larger, step->answer, own);
  (void)json_array_append_new(w->steps, json_pack("{s:i, s:o, s:o, s:b}", "step", (int)json_array_size(w->steps) + 1,
                                                  "answer", puzzles_cells(&p->task, own), "q",
                                                  puzzles_real((double)step->q), "correct", step->correct));
  trm__free(own);
  return TRM_STEP_ON;
}

static int solve_compute(trm__call *call, const trm__solving_puzzle *p, int wants_steps, json_t **output,
                     trm__fault *fault) {
  size_t cells = (size_t)p->larger.width * (size_t)p->larger.height;
  trm_error err = {.code = TRM_OK};
  trm_solution s;
  int32_t *framed = trm__calloc(3 * cells, sizeof *framed);
  if (!framed) return trm__fault_set(fault, TRM__FAULT_INTERNAL, "no memory for a puzzle of %zu cells", cells);
  int32_t *answer = framed + cells, *own = framed + 2 * cells;
  solve_watch watch = {call, wants_steps ? json_array() : NULL, p};
  trm_task_frame(&p->task, &p->larger, p->tokens, framed);
  trm_status status = trm_solve(p->solver, 1, framed, NULL, answer, &s, solve_watch_step, &watch, &err);
  trm_task_unframe(&p->task, &p->larger, answer, own);
  json_t *verdict = status ? NULL : puzzles_verdict(&p->task, p->tokens, own), *o = NULL;
  if (verdict)
    o = json_pack("{s:s, s:s, s:o, s:o, s:i, s:o, s:o, s:o*}", "model", p->model, "task", trm_task_name(&p->task),
                  "question", puzzles_cells(&p->task, p->tokens), "answer", puzzles_cells(&p->task, own), "steps",
                  s.steps, "q", puzzles_real((double)s.q), "confidence", puzzles_real((double)s.confidence), "history",
                  watch.steps);
  else json_decref(watch.steps);
  if (o && json_object_update(o, verdict)) {
    json_decref(o);
    o = NULL;
  }
  json_decref(verdict);
  trm__free(framed);
  *output = o;
  if (status == TRM_E_STOPPED) return trm__call_ended(call, fault);
  return status ? trm__fault_error(fault, &err) : 0;
}

static int puzzles_solve(trm__call *call, const json_t *input, json_t **output, trm__fault *fault) {
  trm_error err = {.code = TRM_OK};
  trm__solving_puzzle p;
  const json_t *search = json_object_get(input, "search");
  char *text = puzzles_as_text(json_object_get(input, "puzzle"));
  if (!text) return trm__fault_set(fault, TRM__FAULT_INTERNAL, "no memory for the puzzle");
  trm_status status = trm__solving_take(call->agent->solving, text, strlen(text), puzzles_text(input, "model"),
                                        json_integer_value(json_object_get(input, "max_steps")),
                                        search ? json_integer_value(search) : TRM_SEARCH_USUAL, &p, &err);
  free(text);
  if (status) return puzzles_fail(fault, &err);
  int failed = solve_compute(call, &p, json_is_true(json_object_get(input, "history")), output, fault);
  trm__solving_give(call->agent->solving, &p);
  return failed;
}

/* -- check, hint, generate ----------------------------------------------------------------------------------------- */

static int puzzles_check(trm__call *call, const json_t *input, json_t **output, trm__fault *fault) {
  (void)call;
  trm_error err = {.code = TRM_OK};
  trm_task task;
  int32_t *question = NULL, *answer = NULL;
  char *first = puzzles_as_text(json_object_get(input, "puzzle"));
  char *second = puzzles_as_text(json_object_get(input, "answer"));
  trm_status status = first && second ? TRM_OK : trm__fail_memory(&err, "puzzle", 0);
  if (!status) status = trm__solving_task(first, strlen(first), &task, &err);
  if (!status) status = trm__solving_read(&task, first, strlen(first), &question, &err);
  if (!status) status = trm__solving_read(&task, second, strlen(second), &answer, &err);
  if (!status) *output = puzzles_verdict(&task, question, answer);
  trm__free(question);
  trm__free(answer);
  free(first);
  free(second);
  return status ? puzzles_fail(fault, &err) : 0;
}

static const char *hint_by(int by) {
  static const char *const words[] = {[TRM_HINT_NONE] = "none",
                                      [TRM_HINT_FULL] = "full",
                                      [TRM_HINT_RULES] = "rules",
                                      [TRM_HINT_NETWORK] = "network",
                                      [TRM_HINT_CHECKED] = "checked"};
  return words[by];
}

static int puzzles_hint(trm__call *call, const json_t *input, json_t **output, trm__fault *fault) {
  trm_error err = {.code = TRM_OK};
  trm__solving_puzzle p;
  trm_hint_result hint;
  char *text = puzzles_as_text(json_object_get(input, "puzzle"));
  if (!text) return trm__fault_set(fault, TRM__FAULT_INTERNAL, "no memory for the puzzle");
  trm_status status = trm__solving_take(call->agent->solving, text, strlen(text), "", 0, 0, &p, &err);
  free(text);
  if (status) return puzzles_fail(fault, &err);
  status = trm_hint(p.solver, &p.task, p.tokens, &hint, &err);
  int width = p.task.width;
  if (!status && hint.cell < 0) *output = json_pack("{s:s, s:s}", "by", hint_by(hint.by), "reason", hint.reason);
  else if (!status)
    *output =
        json_pack("{s:s, s:s, s:i, s:i, s:s%, s:s*}", "by", hint_by(hint.by), "reason", hint.reason, "row",
                  hint.cell / width + 1, "column", hint.cell % width + 1, "value", &p.task.alphabet[hint.token - 1],
                  (size_t)1, "technique", *hint.technique ? hint.technique : NULL);
  trm__solving_give(call->agent->solving, &p);
  return status ? puzzles_fail(fault, &err) : 0;
}

static int generate_progress(void *context, int64_t tried) {
  (void)tried;
  return trm__call_over(context);
}

static int puzzles_generate(trm__call *call, const json_t *input, json_t **output, trm__fault *fault) {
  const json_t *size = json_object_get(input, "size"), *clues = json_object_get(input, "clues");
  int maze = !strcmp(puzzles_text(input, "task"), "maze");
  int side = size ? (int)json_integer_value(size) : 9;
  trm_error err = {.code = TRM_OK};
  trm_task task = maze ? trm_task_maze() : trm_task_sudoku(side);
  if (!maze && !task.width) return trm__fault_set(fault, TRM__FAULT_VALIDATION, "/size: expected 4, 6, 9 or 16");
  if (maze) task.width = task.height = side;
  size_t cells = (size_t)task.width * (size_t)task.height;
  trm_wanted wanted = trm_wanted_default();
  wanted.progress = generate_progress;
  wanted.context = call;
  if (clues) wanted.min_clues = wanted.max_clues = json_integer_value(clues);
  int32_t *tokens = trm__calloc(2 * cells, sizeof *tokens);
  if (!tokens) return trm__fault_set(fault, TRM__FAULT_INTERNAL, "no memory for a puzzle of %zu cells", cells);
  trm_status status = trm_generate(&task, (uint64_t)json_integer_value(json_object_get(input, "seed")),
                                   (uint64_t)json_integer_value(json_object_get(input, "number")), &wanted, tokens,
                                   tokens + cells, &err);
  if (!status)
    *output = json_pack("{s:s, s:o, s:o}", "task", trm_task_name(&task), "question", puzzles_cells(&task, tokens),
                        "answer", puzzles_cells(&task, tokens + cells));
  trm__free(tokens);
  if (status == TRM_E_STOPPED) return trm__call_ended(call, fault);
  if (status == TRM_E_USAGE) err.code = TRM_E_INPUT;
  return status ? puzzles_fail(fault, &err) : 0;
}

/* -- declarations -------------------------------------------------------------------------------------------------- */

#define PUZZLE                                                                                                         \
  "{\"type\":[\"string\",\"array\"],\"maxLength\":20000,\"maxItems\":64,\"description\":\"The puzzle in any usual "    \
  "notation, such as 81 characters of a Sudoku with . for blanks, or rows.\"}"
#define JUDGED                                                                                                         \
  "\"verdict\":{\"enum\":[\"right\",\"wrong\",\"no rules known\"]},\"checked\":{\"type\":\"boolean\"},\"correct\":{"   \
  "\"type\":[\"boolean\",\"null\"]},\"fault\":{\"type\":\"string\"}"

const trm__builtin trm__builtin_puzzles[] = {
    {"{\"trm\":1,\"kind\":\"action\",\"name\":\"solve\",\"description\":\"Solves a Sudoku or a maze with a trained "
     "network and checks the answer by the puzzle's rules: correct is true only when they hold.\","
     "\"category\":\"reasoning\",\"tags\":[\"puzzle\",\"network\"],\"version\":\"1.0\",\"idempotent\":true,"
     "\"input\":{\"type\":\"object\",\"required\":[\"puzzle\"],\"additionalProperties\":false,\"properties\":{"
     "\"puzzle\":" PUZZLE ",\"model\":{\"type\":\"string\",\"maxLength\":64},\"max_steps\":{\"type\":\"integer\","
     "\"minimum\":1,\"maximum\":1024},\"search\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000,"
     "\"description\":\"Steps that a search may take; 0: one trajectory.\"},\"history\":{\"type\":\"boolean\","
     "\"description\":\"Tell the answer after every step.\"}}},"
     "\"output\":{\"type\":\"object\",\"required\":[\"answer\",\"correct\"],\"additionalProperties\":false,"
     "\"properties\":{\"model\":{\"type\":\"string\"},\"task\":{\"type\":\"string\"},\"question\":{\"type\":\"string\"}"
     ",\"answer\":{\"type\":\"string\"},\"steps\":{\"type\":\"integer\"},\"q\":{\"type\":[\"number\",\"null\"]},"
     "\"confidence\":{\"type\":[\"number\",\"null\"]},\"history\":{\"type\":\"array\"}," JUDGED "}}}",
     puzzles_solve},
    {"{\"trm\":1,\"kind\":\"action\",\"name\":\"check\",\"description\":\"Judges an answer to a Sudoku or a maze by "
     "the "
     "puzzle's rules.\",\"category\":\"reasoning\",\"tags\":[\"puzzle\",\"rules\"],\"version\":\"1.0\","
     "\"idempotent\":true,\"input\":{\"type\":\"object\",\"required\":[\"puzzle\",\"answer\"],"
     "\"additionalProperties\":false,\"properties\":{\"puzzle\":" PUZZLE ",\"answer\":" PUZZLE "}},"
     "\"output\":{\"type\":\"object\",\"required\":[\"verdict\",\"correct\"],\"additionalProperties\":false,"
     "\"properties\":{" JUDGED "}}}",
     puzzles_check},
    {"{\"trm\":1,\"kind\":\"action\",\"name\":\"hint\",\"description\":\"The next cell of a puzzle, and why: by logic, "
     "or by the network, checked by rules.\",\"category\":\"reasoning\",\"tags\":[\"puzzle\",\"network\",\"rules\"],"
     "\"version\":\"1.0\",\"idempotent\":true,\"input\":{\"type\":\"object\",\"required\":[\"puzzle\"],"
     "\"additionalProperties\":false,\"properties\":{\"puzzle\":" PUZZLE "}},"
     "\"output\":{\"type\":\"object\",\"required\":[\"by\",\"reason\"],\"additionalProperties\":false,\"properties\":{"
     "\"by\":{\"enum\":[\"none\",\"full\",\"rules\",\"network\",\"checked\"]},\"reason\":{\"type\":\"string\"},"
     "\"row\":{\"type\":\"integer\"},\"column\":{\"type\":\"integer\"},\"value\":{\"type\":\"string\"},"
     "\"technique\":{\"type\":\"string\"}}}}",
     puzzles_hint},
    {"{\"trm\":1,\"kind\":\"action\",\"name\":\"generate\",\"description\":\"A new Sudoku with exactly one solution, "
     "or "
     "a new maze, with its answer; the same for the same seed and number.\",\"category\":\"reasoning\","
     "\"tags\":[\"puzzle\"],\"version\":\"1.0\",\"idempotent\":true,"
     "\"input\":{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{"
     "\"task\":{\"enum\":[\"sudoku\",\"maze\"]},\"size\":{\"type\":\"integer\",\"minimum\":4,\"maximum\":64},"
     "\"seed\":{\"type\":\"integer\",\"minimum\":0},\"number\":{\"type\":\"integer\",\"minimum\":0},"
     "\"clues\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":256}}},"
     "\"output\":{\"type\":\"object\",\"required\":[\"question\",\"answer\"],\"additionalProperties\":false,"
     "\"properties\":{\"task\":{\"type\":\"string\"},\"question\":{\"type\":\"string\"},\"answer\":{\"type\":"
     "\"string\"}"
     "}}}",
     puzzles_generate},
    {NULL, NULL},
};
