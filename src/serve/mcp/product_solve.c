/* solve_sudoku, solve_maze, reason and explain: POST /v1/solve, each with what its name promises. */
#include <stdio.h>
#include <string.h>
#include <trm/task.h>

#include "base/mem.h"
#include "serve/mcp/product.h"
#include "serve/routes.h"
#include "serve/schemas.h"

/* -- what is asked ------------------------------------------------------------------------------------------------- */

static const char *const usual_options[] = {"puzzle", "model", "max_steps", "search", "seed", "timeout_s", NULL};
static const char *const all_options[] = {
    "puzzle",     "model",    "max_steps", "search",    "level",    "votes",      "seed",   "halt", "halt_threshold",
    "rules_halt", "H_cycles", "L_cycles",  "timeout_s", "priority", "identifier", "number", NULL};
static const char *const need_puzzle[] = {"puzzle", NULL};

static json_t *solve_input(const char *const *names, const char *puzzle) {
  json_t *schema = trm__mcp_schema_pick(trm__schema_needs_puzzle(), names, need_puzzle);
  if (puzzle) trm__schema_property(schema, "puzzle", trm__mcp_puzzle_text(puzzle));
  return schema;
}

json_t *trm__mcp_solve_input(void) {
  return solve_input(usual_options, "the cells row by row, . or 0 for an empty one; spaces and line breaks may stand "
                                    "between them. 81 cells: 9x9; also 4x4, 6x6 and 16x16 where a model is loaded");
}

json_t *trm__mcp_maze_input(void) {
  return solve_input(usual_options, "a line for each row: # a wall, a space a way, S the start, G the goal");
}

json_t *trm__mcp_reason_input(void) {
  return solve_input(all_options, NULL);
}

json_t *trm__mcp_explain_input(void) {
  return solve_input(usual_options, "as for solve_sudoku or solve_maze");
}

/* -- what comes out ------------------------------------------------------------------------------------------------ */

static json_t *solve_properties(void) {
  return json_pack(
      "{s:{s:s, s:s}, s:{s:s, s:[s, s, s]}, s:{s:s}, s:{}, s:{s:s}, s:{}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, "
      "s:{s:s}}",
      "solved", "type", "boolean", "description", "right by the rules; where there are none, the network says so",
      "verdict", "type", "string", "enum", "right", "wrong", "no rules known", "fault", "type", "string", "question",
      "task", "type", "string", "answer", "solutions", "type", "integer", "model", "type", "string", "model_version",
      "type", "string", "halted_by", "type", "string", "expired", "type", "boolean");
}

json_t *trm__mcp_solve_output(void) {
  return trm__mcp_result_schema(solve_properties(),
                                json_pack("[s, s, s, s, s]", "solved", "verdict", "task", "question", "answer"));
}

json_t *trm__mcp_explain_output(void) {
  json_t *properties = solve_properties();
  (void)json_object_set_new(
      properties, "trace",
      json_pack("{s:s, s:{s:s, s:{s:{s:s}, s:{s:s}, s:{}, s:{s:s}, s:{s:[s, s]}, s:{s:[s, s]}, s:{s:s}}, s:[s, s, s]}}",
                "type", "array", "items", "type", "object", "properties", "step", "type", "integer", "chain", "type",
                "integer", "answer", "changed", "type", "integer", "correct", "type", "boolean", "null", "confidence",
                "type", "number", "null", "halted", "type", "boolean", "required", "step", "answer", "changed"));
  return trm__mcp_result_schema(
      properties, json_pack("[s, s, s, s, s, s]", "solved", "verdict", "task", "question", "answer", "trace"));
}

/* -- one call ------------------------------------------------------------------------------------------------------ */

typedef struct solve_call {
  int explain;
  double steps; /* told so far */
  json_t *last; /* of a stream: the event that has the end */
  int good;     /* 1: that is an answer */
} solve_call;

static void solve_forget(trm__mcp_request *r) {
  solve_call *call = r->own;
  json_decref(call->last);
  trm__free(call);
}

static int cell_differs(const json_t *a, const json_t *b, size_t i) {
  if (json_is_string(a) && json_is_string(b)) return json_string_value(a)[i] != json_string_value(b)[i];
  return !json_equal(json_array_get(a, i), json_array_get(b, i));
}

/* In how many cells two answers of one grid differ; a is NULL before the first. */
static int64_t cells_changed(const json_t *a, const json_t *b) {
  size_t cells = json_is_string(b) ? json_string_length(b) : json_array_size(b);
  int64_t changed = 0;
  if (a && json_is_string(a) && json_string_length(a) != cells) return (int64_t)cells;
  for (size_t i = 0; a && i < cells; i++) changed += cell_differs(a, b, i);
  return a ? changed : (int64_t)cells;
}

/* Of each step what a reader wants: what changed, and how sure the network is of all cells together. */
static json_t *solve_trace(const json_t *answer) {
  const json_t *trace = json_object_get(answer, "trace"), *before = json_object_get(answer, "question");
  json_t *list = json_array();
  for (size_t i = 0; list && i < json_array_size(trace); i++) {
    const json_t *step = json_array_get(trace, i), *cells = json_object_get(step, "cell_confidence");
    json_t *now = json_object_get(step, "answer");
    double sum = 0;
    size_t count = json_array_size(cells);
    for (size_t k = 0; k < count; k++) sum += json_number_value(json_array_get(cells, k));
    int checked = json_is_true(json_object_get(step, "checked"));
    (void)json_array_append_new(
        list,
        json_pack("{s:O, s:O, s:O, s:I, s:o, s:o, s:O}", "step", json_object_get(step, "step"), "chain",
                  json_object_get(step, "chain"), "answer", now, "changed", (json_int_t)cells_changed(before, now),
                  "correct", checked ? json_incref(json_object_get(step, "correct")) : json_null(), "confidence",
                  count ? json_real(sum / (double)count) : json_null(), "halted", json_object_get(step, "halted")));
    before = now;
  }
  return list;
}

static void solve_summary(const json_t *a, const char *by, char *text, size_t size) {
  const char *fault = json_string_value(json_object_get(a, "fault"));
  long long steps = json_integer_value(json_object_get(a, "steps"));
  double ms = 1e3 * json_number_value(json_object_get(a, "solve_s"));
  int checked = json_is_true(json_object_get(a, "checked")), solved = json_is_true(json_object_get(a, "solved"));
  const char *what = solved && checked ? "Solved: the rules say that it is right"
                     : solved          ? "The network says that it is solved; no rules of such puzzles are known"
                     : checked ? "Not solved: this is the network's best try, and the rules say that it is wrong"
                               : "Not solved: the network itself is not sure, and no rules are known";
  (void)snprintf(text, size, "%s%s%s. By %s, %lld step%s, %.1f ms.", what, fault && !solved ? ": " : "",
                 fault && !solved ? fault : "", by, steps, steps == 1 ? "" : "s", ms);
}

static void solve_then(trm__mcp_request *r, int status, const json_t *body) {
  static const char *const names[] = {"solved", "verdict",       "fault",     "question", "task", "solutions",
                                      "model",  "model_version", "halted_by", "expired",  NULL};
  const solve_call *call = r->own;
  char by[160], summary[700];
  if (status != 200 || !body) {
    trm__mcp_tool_problem(r, body);
    return;
  }
  if (!json_is_string(json_object_get(body, "verdict"))) {
    trm__mcp_tool_error(r, "There is no answer: the time was over before the first step. Give more with timeout_s.");
    return;
  }
  json_t *o = json_object();
  trm__mcp_copy(o, body, names);
  (void)json_object_set(o, "answer", json_object_get(body, "answer"));
  (void)snprintf(by, sizeof by, "%s %s", json_string_value(json_object_get(body, "model")),
                 json_string_value(json_object_get(body, "model_version")));
  solve_summary(body, by, summary, sizeof summary);
  trm__mcp_result_add(o, summary, json_is_true(json_object_get(body, "checked")), by,
                      json_integer_value(json_object_get(body, "steps")),
                      json_number_value(json_object_get(body, "queued_s")) +
                          json_number_value(json_object_get(body, "solve_s")));
  if (call->explain) (void)json_object_set_new(o, "trace", solve_trace(body));
  trm__mcp_tool_result(r, o);
}

/* A stream of steps: each is progress, and the last event has the end, which is told when the stream ends. */
static void solve_event(trm__mcp_request *r, const char *event, const json_t *data) {
  solve_call *call = r->own;
  char text[120];
  if (strcmp(event, "step") != 0) {
    json_decref(call->last);
    call->last = json_incref((json_t *)(uintptr_t)data);
    call->good = strcmp(event, "done") == 0;
    return;
  }
  int checked = json_is_true(json_object_get(data, "checked")), right = json_is_true(json_object_get(data, "correct"));
  (void)snprintf(text, sizeof text, "step %lld of trajectory %lld: %s",
                 (long long)json_integer_value(json_object_get(data, "step")),
                 (long long)json_integer_value(json_object_get(data, "chain")),
                 !checked ? "improved"
                 : right  ? "all rules hold"
                          : "not right yet");
  trm__mcp_progress(r, ++call->steps, 0, text);
}

static void solve_stream_then(trm__mcp_request *r, int status, const json_t *body) {
  const solve_call *call = r->own;
  if (body) solve_then(r, status, body); /* refused before it began */
  else solve_then(r, call->good ? 200 : 500, call->last);
}

/* 1: the puzzle is of this kind; otherwise the request has ended. */
static int solve_is_kind(trm__mcp_request *r, const json_t *arguments, const char *kind) {
  int count;
  trm__ask_puzzle puzzle;
  trm__ask_fault fault = {0};
  trm__ask_item item = {.puzzle = json_object_get(arguments, "puzzle")};
  const char *model = json_string_value(json_object_get(arguments, "model"));
  trm__gateway *g = trm__mcp_gateway(r->mcp);
  const trm__work_model *models = trm__serve_pool_models(g->pool, &count);
  (void)snprintf(item.options.model, sizeof item.options.model, "%s", model ? model : "");
  if (!kind || !count || trm__ask_puzzle_read(&puzzle, &item, models, count, &fault)) return 1; /* the route says why */
  const char *found = trm_task_name(&puzzle.task);
  int same = strcmp(found, kind) == 0;
  if (!same)
    trm__mcp_tool_error(r, "puzzle: is read as %s, expected %s; %s solves it", found, kind,
                        strcmp(found, "maze") == 0     ? "solve_maze"
                        : strcmp(found, "sudoku") == 0 ? "solve_sudoku"
                                                       : "reason");
  trm__ask_puzzle_clear(&puzzle);
  return same;
}

static void solve_ask(trm__mcp_request *r, const json_t *arguments, const char *kind, int explain) {
  solve_call *s = trm__calloc(1, sizeof *s);
  json_t *body = json_copy((json_t *)(uintptr_t)arguments);
  if (!s || !body) {
    trm__free(s);
    json_decref(body);
    trm__mcp_fail(r, TRM__MCP_INTERNAL, NULL, "out of memory");
    return;
  }
  s->explain = explain;
  r->own = s;
  r->forget = solve_forget;
  if (!solve_is_kind(r, arguments, kind)) {
    json_decref(body);
    return;
  }
  if (explain) (void)json_object_set_new(body, "explain", json_true());
  trm__mcp_ask(r, trm__route_solve, NULL, body, r->token ? solve_event : NULL, solve_stream_then);
}

void trm__mcp_solve_sudoku(trm__mcp_request *r, const json_t *arguments) {
  solve_ask(r, arguments, "sudoku", 0);
}

void trm__mcp_solve_maze(trm__mcp_request *r, const json_t *arguments) {
  solve_ask(r, arguments, "maze", 0);
}

void trm__mcp_reason(trm__mcp_request *r, const json_t *arguments) {
  solve_ask(r, arguments, NULL, 0);
}

void trm__mcp_explain(trm__mcp_request *r, const json_t *arguments) {
  solve_ask(r, arguments, NULL, 1);
}
