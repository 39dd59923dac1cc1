/* advance: a puzzle step by step, as a person would with the network beside him: step, pin what one knows, take back. A
 * call without a session begins one; its id is in every result. The sessions are those of /v1/sessions. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "serve/mcp/product.h"
#include "serve/routes.h"
#include "serve/schemas.h"

typedef struct advance_call {
  const json_t *arguments;
  const char *action;
  char session[64];
} advance_call;

static const char *const advance_actions[] = {"step", "pin", "clear", "back", "show", "end"};

json_t *trm__mcp_advance_input(void) {
  json_t *schema = trm__schema_object();
  trm__schema_property(schema, "session",
                       json_pack("{s:s, s:s, s:i}", "type", "string", "description",
                                 "of an earlier result; without it a new one begins with puzzle", "maxLength", 63));
  trm__schema_property(schema, "puzzle", trm__mcp_puzzle_text("begins a session, as for solve_sudoku or solve_maze"));
  trm__schema_property(schema, "model", json_pack("{s:s}", "type", "string"));
  trm__schema_property(
      schema, "action",
      json_pack("{s:s, s:[s, s, s, s, s, s], s:s, s:s}", "type", "string", "enum", advance_actions[0],
                advance_actions[1], advance_actions[2], advance_actions[3], advance_actions[4], advance_actions[5],
                "default", "step", "description",
                "step: take steps of the network; pin: cell has value from now on; clear: cell is as at the beginning; "
                "back: take steps back; show; end: forget the session"));
  json_t *steps = trm__schema_number(64), *cell = trm__schema_number(65535);
  (void)json_object_set_new(steps, "description", json_string("of step and back; default 1"));
  (void)json_object_set_new(cell, "description", json_string("of pin and clear: row by row from 0"));
  trm__schema_property(schema, "steps", steps);
  trm__schema_property(schema, "cell", cell);
  trm__schema_property(schema, "value",
                       json_pack("{s:s, s:s, s:i, s:i}", "type", "string", "description",
                                 "of pin: one symbol of the puzzle", "minLength", 1, "maxLength", 1));
  return schema;
}

json_t *trm__mcp_advance_output(void) {
  return trm__mcp_result_schema(
      json_pack("{s:{s:s}, s:{s:s}, s:{s:s}, s:{}, s:{}, s:{s:s, s:[s, s, s]}, s:{s:s}, s:{s:s}}", "session", "type",
                "string", "task", "type", "string", "steps", "type", "integer", "question", "answer", "verdict", "type",
                "string", "enum", "right", "wrong", "no rules known", "fault", "type", "string", "model", "type",
                "string"),
      json_pack("[s, s]", "session", "steps"));
}

/* -- results ------------------------------------------------------------------------------------------------------- */

static void advance_forget(trm__mcp_request *r) {
  trm__free(r->own);
}

static void advance_result(trm__mcp_request *r, int status, const json_t *body) {
  static const char *const names[] = {"task", "steps", "question", "answer", "verdict", "fault", "model", NULL};
  char summary[300], by[160];
  if (status != 200 && status != 201) {
    trm__mcp_tool_problem(r, body);
    return;
  }
  json_t *o = json_object();
  const char *verdict = json_string_value(json_object_get(body, "verdict"));
  long long steps = json_integer_value(json_object_get(body, "steps"));
  const json_t *history = json_object_get(body, "history");
  double seconds = 0;
  for (size_t i = 0; i < json_array_size(history); i++)
    seconds += json_number_value(json_object_get(json_array_get(history, i), "solve_s"));
  trm__mcp_copy(o, body, names);
  (void)json_object_set(o, "session", json_object_get(body, "id"));
  (void)snprintf(by, sizeof by, "%s %s", json_string_value(json_object_get(body, "model")),
                 json_string_value(json_object_get(body, "model_version")));
  if (!steps) (void)snprintf(summary, sizeof summary, "No step has been taken yet.");
  else (void)snprintf(summary, sizeof summary, "After %lld step%s: %s.", steps, steps == 1 ? "" : "s", verdict);
  trm__mcp_result_add(o, summary, json_is_true(json_object_get(body, "checked")), by, steps, seconds);
  trm__mcp_tool_result(r, o);
}

static void advance_ended(trm__mcp_request *r, int status, const json_t *body) {
  const advance_call *call = r->own;
  if (status != 204) {
    trm__mcp_tool_problem(r, body);
    return;
  }
  json_t *o = json_pack("{s:s, s:i}", "session", call->session, "steps", 0);
  trm__mcp_result_add(o, "The session has ended.", 0, "server", 0, 0);
  trm__mcp_tool_result(r, o);
}

/* -- calls --------------------------------------------------------------------------------------------------------- */

/* The action, on the session that there is now. */
static void advance_act(trm__mcp_request *r) {
  static const char *const counts[] = {"steps", NULL}, *const cells[] = {"cell", "value", NULL};
  static const trm__call_handler handlers[] = {trm__route_session_step,  trm__route_session_pin,
                                               trm__route_session_clear, trm__route_session_back,
                                               trm__route_session,       trm__route_session_delete};
  advance_call *call = r->own;
  size_t action = 0;
  while (strcmp(advance_actions[action], call->action) != 0) action++;
  json_t *body = json_object();
  if (body) trm__mcp_copy(body, call->arguments, action == 1 || action == 2 ? cells : counts);
  trm__mcp_ask(r, handlers[action], call->session, body, NULL, action == 5 ? advance_ended : advance_result);
}

static void advance_begun(trm__mcp_request *r, int status, const json_t *body) {
  advance_call *call = r->own;
  const char *id = json_string_value(json_object_get(body, "id"));
  if (status == 201 && id && strcmp(call->action, "show") != 0) {
    (void)snprintf(call->session, sizeof call->session, "%s", id);
    advance_act(r);
  } else advance_result(r, status, body);
}

static void advance_begin(trm__mcp_request *r, const json_t *arguments) {
  static const char *const names[] = {"puzzle", "model", NULL};
  json_t *body = json_object();
  if (body) trm__mcp_copy(body, arguments, names);
  trm__mcp_ask(r, trm__route_sessions_new, NULL, body, NULL, advance_begun);
}

void trm__mcp_advance(trm__mcp_request *r, const json_t *arguments) {
  const char *session = json_string_value(json_object_get(arguments, "session"));
  const char *action = json_string_value(json_object_get(arguments, "action"));
  const json_t *puzzle = json_object_get(arguments, "puzzle");
  if (!session == !puzzle) {
    trm__mcp_tool_error(r, "%s",
                        puzzle ? "puzzle: stands beside session; it is for a new session"
                               : "session: is missing; or begin one with puzzle");
    return;
  }
  advance_call *call = trm__calloc(1, sizeof *call);
  if (!call) {
    trm__mcp_fail(r, TRM__MCP_INTERNAL, NULL, "out of memory");
    return;
  }
  *call = (advance_call){.arguments = arguments, .action = action ? action : "step"};
  (void)snprintf(call->session, sizeof call->session, "%s", session ? session : "");
  r->own = call;
  r->forget = advance_forget;
  if (session) advance_act(r);
  else advance_begin(r, arguments);
}
