/* check_answer, hint, generate_puzzle and list_models: what is asked about puzzles beside their solution. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "serve/mcp/product.h"
#include "serve/routes.h"
#include "serve/schemas.h"

static double ask_seconds(const trm__mcp_request *r) {
  return trm__clock() - r->began;
}

static json_t *text_property(const char *description) {
  return json_pack("{s:s, s:s}", "type", "string", "description", description);
}

/* -- check_answer -------------------------------------------------------------------------------------------------- */

json_t *trm__mcp_check_input(void) {
  static const char *const names[] = {"puzzle", "answer", "model", NULL}, *const required[] = {"puzzle", NULL};
  json_t *schema = trm__mcp_schema_pick(trm__schema_check(), names, required);
  trm__schema_property(schema, "puzzle", trm__mcp_puzzle_text("the question, as for solve_sudoku or solve_maze"));
  trm__schema_property(schema, "answer",
                       trm__mcp_puzzle_text("the filled grid; without it the question alone is judged"));
  return schema;
}

json_t *trm__mcp_check_output(void) {
  return trm__mcp_result_schema(
      json_pack("{s:{s:s}, s:{s:s, s:[s, s, s]}, s:{s:[s, s]}, s:{s:s, s:s}, s:{s:s, s:{s:{s:[s, s]}, s:{s:s}}}}",
                "task", "type", "string", "verdict", "type", "string", "enum", "right", "wrong", "no rules known",
                "correct", "type", "boolean", "null", "fault", "type", "string", "description",
                "what is wrong with the answer, and where", "question", "type", "object", "properties", "solutions",
                "type", "integer", "null", "fault", "type", "string"),
      json_pack("[s, s]", "task", "question"));
}

static void check_summary(const json_t *body, char *text, size_t size) {
  const json_t *question = json_object_get(body, "question"), *solutions = json_object_get(question, "solutions");
  const char *verdict = json_string_value(json_object_get(body, "verdict"));
  const char *fault = json_string_value(json_object_get(body, "fault"));
  const char *of_question = json_string_value(json_object_get(question, "fault"));
  if (verdict && strcmp(verdict, "no rules known") == 0)
    (void)snprintf(text, size, "No rules of such puzzles are known: nothing has checked the answer.");
  else if (verdict) (void)snprintf(text, size, "The answer is %s%s%s.", verdict, fault ? ": " : "", fault ? fault : "");
  else if (json_is_integer(solutions))
    (void)snprintf(text, size, "The question has %s%s%s.",
                   json_integer_value(solutions) == 0   ? "no solution"
                   : json_integer_value(solutions) == 1 ? "exactly one solution"
                                                        : "more than one solution",
                   of_question ? ": " : "", of_question ? of_question : "");
  else (void)snprintf(text, size, "How many solutions the question has is not known.");
}

static void check_then(trm__mcp_request *r, int status, const json_t *body) {
  static const char *const names[] = {"task", "verdict", "correct", "fault", "question", NULL};
  char summary[700];
  if (status != 200) {
    trm__mcp_tool_problem(r, body);
    return;
  }
  json_t *o = json_object();
  const json_t *judged = json_object_get(body, "checked");
  int checked =
      judged ? json_is_true(judged) : json_is_integer(json_object_get(json_object_get(body, "question"), "solutions"));
  trm__mcp_copy(o, body, names);
  check_summary(body, summary, sizeof summary);
  trm__mcp_result_add(o, summary, checked, "rules", 0, ask_seconds(r));
  trm__mcp_tool_result(r, o);
}

void trm__mcp_check(trm__mcp_request *r, const json_t *arguments) {
  trm__mcp_ask(r, trm__route_check, NULL, json_copy((json_t *)(uintptr_t)arguments), NULL, check_then);
}

/* -- hint ---------------------------------------------------------------------------------------------------------- */

json_t *trm__mcp_hint_input(void) {
  static const char *const names[] = {"puzzle", "model", NULL}, *const required[] = {"puzzle", NULL};
  json_t *schema = trm__mcp_schema_pick(trm__schema_needs_puzzle(), names, required);
  trm__schema_property(schema, "puzzle", trm__mcp_puzzle_text("as for solve_sudoku; filled cells count as clues"));
  return schema;
}

json_t *trm__mcp_hint_output(void) {
  return trm__mcp_result_schema(
      json_pack("{s:{s:[s, s], s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:o, s:{s:s}, s:{s:s}}", "cell", "type",
                "integer", "null", "description", "row by row from 0; null: there is no hint", "row", "type", "integer",
                "column", "type", "integer", "value", "type", "string", "technique", "type", "string", "reason",
                text_property("why this value stands in this cell"), "probability", "type", "number", "before", "type",
                "string"),
      json_pack("[s, s]", "cell", "reason"));
}

static void hint_then(trm__mcp_request *r, int status, const json_t *body) {
  static const char *const names[] = {"row", "column", "value", "technique", "reason", "probability", "before", NULL};
  if (status != 200) {
    trm__mcp_tool_problem(r, body);
    return;
  }
  const char *by = json_string_value(json_object_get(body, "by"));
  const char *reason = json_string_value(json_object_get(body, "reason"));
  json_t *o = json_object();
  trm__mcp_copy(o, body, names);
  (void)json_object_set(o, "cell", json_object_get(body, "cell"));
  int by_network = by && strcmp(by, "network") == 0;
  trm__mcp_result_add(o, reason && *reason ? reason : "There is no hint.", !by_network,
                      by_network                         ? "network"
                      : by && strcmp(by, "checked") == 0 ? "network, checked by the exact solver"
                                                         : "rules",
                      by_network || (by && strcmp(by, "checked") == 0), ask_seconds(r));
  trm__mcp_tool_result(r, o);
}

void trm__mcp_hint(trm__mcp_request *r, const json_t *arguments) {
  trm__mcp_ask(r, trm__route_hint, NULL, json_copy((json_t *)(uintptr_t)arguments), NULL, hint_then);
}

/* -- generate_puzzle ----------------------------------------------------------------------------------------------- */

json_t *trm__mcp_generate_output(void) {
  return trm__mcp_result_schema(json_pack("{s:{s:s}, s:{}, s:{}}", "task", "type", "string", "puzzle", "answer"),
                                json_pack("[s, s, s]", "task", "puzzle", "answer"));
}

static void generate_then(trm__mcp_request *r, int status, const json_t *body) {
  static const char *const names[] = {"task", "puzzle", "answer", NULL};
  if (status != 200) {
    trm__mcp_tool_problem(r, body);
    return;
  }
  json_t *o = json_object();
  const char *task = json_string_value(json_object_get(body, "task"));
  int maze = task && strcmp(task, "maze") == 0;
  trm__mcp_copy(o, body, names);
  trm__mcp_result_add(o,
                      maze ? "A new maze, with a shortest way through it."
                           : "A new puzzle, which has exactly one solution: the answer.",
                      1, maze ? "exact path search" : "generator and exact solver", 0, ask_seconds(r));
  trm__mcp_tool_result(r, o);
}

void trm__mcp_generate(trm__mcp_request *r, const json_t *arguments) {
  trm__mcp_ask(r, trm__route_generate, NULL, json_copy((json_t *)(uintptr_t)arguments), NULL, generate_then);
}

/* -- list_models --------------------------------------------------------------------------------------------------- */

json_t *trm__mcp_models_input(void) {
  return trm__schema_object();
}

json_t *trm__mcp_models_output(void) {
  return trm__mcp_result_schema(
      json_pack("{s:{s:s, s:{s:s, s:{s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}, s:[s, s]}}}",
                "models", "type", "array", "items", "type", "object", "properties", "name", "type", "string", "loaded",
                "type", "boolean", "version", "type", "string", "task", "type", "string", "title", "type", "string",
                "cells", "type", "integer", "parameters", "type", "integer", "required", "name", "loaded"),
      json_pack("[s]", "models"));
}

static void models_then(trm__mcp_request *r, int status, const json_t *body) {
  static const char *const names[] = {"name", "loaded",     "version",   "task",  "title", "cells",
                                      "grid", "parameters", "recursion", "error", NULL};
  const json_t *models = json_object_get(body, "models");
  char summary[160];
  if (status != 200) {
    trm__mcp_tool_problem(r, body);
    return;
  }
  json_t *list = json_array();
  for (size_t i = 0; i < json_array_size(models); i++) {
    json_t *one = json_object();
    trm__mcp_copy(one, json_array_get(models, i), names);
    (void)json_array_append_new(list, one);
  }
  (void)snprintf(summary, sizeof summary,
                 "%zu models, in the order in which they are tried. More are trained by "
                 "\"trm data make\" and \"trm train\".",
                 json_array_size(list));
  json_t *o = json_pack("{s:o}", "models", list);
  trm__mcp_result_add(o, summary, 1, "server", 0, ask_seconds(r));
  trm__mcp_tool_result(r, o);
}

void trm__mcp_models(trm__mcp_request *r, const json_t *arguments) {
  (void)arguments;
  trm__mcp_ask(r, trm__route_models, NULL, NULL, NULL, models_then);
}
