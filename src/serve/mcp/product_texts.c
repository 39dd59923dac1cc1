/* Resources and prompts of the product: cards of the models, recent jobs, and how a puzzle is posed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text/json.h"
#include "serve/answer.h"
#include "serve/mcp/product.h"
#include "serve/mcp/state.h"
#include "serve/routes.h"

/* Ends the request: one text, which is taken; NULL: no memory. */
static void texts_answer(trm__mcp_request *r, const char *uri, const char *type, char *text) {
  json_t *result =
      text ? json_pack("{s:[{s:s, s:s, s:s}]}", "contents", "uri", uri, "mimeType", type, "text", text) : NULL;
  free(text);
  trm__mcp_answer(r, result);
}

static void texts_answer_json(trm__mcp_request *r, const char *uri, const json_t *value) {
  texts_answer(r, uri, "application/json", value ? trm__json_text(value, JSON_INDENT(2)) : NULL);
}

/* -- models -------------------------------------------------------------------------------------------------------- */

void trm__mcp_read_model(trm__mcp_request *r, const char *uri, const char *variable) {
  const trm__gateway *g = trm__mcp_gateway(r->mcp);
  const trm__work_model *model = trm__serve_pool_model(g->pool, variable);
  if (!model) {
    trm__mcp_no_resource(r, uri);
    return;
  }
  json_t *card = trm__answer_model(model);
  texts_answer_json(r, uri, card);
  json_decref(card);
}

void trm__mcp_list_models(trm__mcp *mcp, json_t *list) {
  int count;
  char uri[128], title[64];
  const trm__work_model *models = trm__serve_pool_models(trm__mcp_gateway(mcp)->pool, &count);
  for (int i = 0; i < count; i++) {
    (void)snprintf(uri, sizeof uri, "trm://models/%s", models[i].name);
    const char *what = models[i].loaded ? trm_task_title(&models[i].task, title, sizeof title) : "not loaded";
    (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "uri", uri, "name", models[i].name,
                                                "description", what, "mimeType", "application/json"));
  }
}

void trm__mcp_complete_model(trm__mcp *mcp, const char *begun, json_t *values) {
  int count;
  const trm__work_model *models = trm__serve_pool_models(trm__mcp_gateway(mcp)->pool, &count);
  for (int i = 0; i < count; i++)
    if (strncmp(models[i].name, begun, strlen(begun)) == 0)
      (void)json_array_append_new(values, json_string(models[i].name));
}

/* -- jobs ---------------------------------------------------------------------------------------------------------- */

static void jobs_then(trm__mcp_request *r, int status, const json_t *body) {
  const char *uri = json_string_value(json_object_get(r->params, "uri"));
  if (status == 200) texts_answer_json(r, uri, body);
  else if (status == 404) trm__mcp_no_resource(r, uri);
  else {
    const char *detail = json_string_value(json_object_get(body, "detail"));
    trm__mcp_fail(r, TRM__MCP_INTERNAL, NULL, "%s", detail ? detail : "the journal does not answer");
  }
}

void trm__mcp_read_jobs(trm__mcp_request *r, const char *uri, const char *variable) {
  (void)uri, (void)variable;
  trm__mcp_ask(r, trm__route_jobs, NULL, NULL, NULL, jobs_then);
}

/* variable: gone after this call, so the id is that of the address in the request. */
void trm__mcp_read_job(trm__mcp_request *r, const char *uri, const char *variable) {
  const char *in_request = json_string_value(json_object_get(r->params, "uri"));
  (void)uri;
  trm__mcp_ask(r, trm__route_job, in_request + strlen(in_request) - strlen(variable), NULL, NULL, jobs_then);
}

/* -- prompts ------------------------------------------------------------------------------------------------------- */

static void prompt_answer(trm__mcp_request *r, const char *description, json_t *text) {
  trm__mcp_answer(r, json_pack("{s:s, s:[{s:s, s:{s:s, s:o}}]}", "description", description, "messages", "role", "user",
                               "content", "type", "text", "text", text));
}

void trm__mcp_pose(trm__mcp_request *r, const json_t *arguments) {
  const char *text = json_string_value(json_object_get(arguments, "text"));
  const char *kind = json_string_value(json_object_get(arguments, "kind"));
  int maze = kind && strcmp(kind, "maze") == 0;
  const char *how =
      maze ? "Write it as lines of equal length: # for a wall, a space for a way, S for the start, G for the "
             "goal. Then call the tool solve_maze with these lines as puzzle."
           : "Write it row by row as 81 characters, the digit where one stands and . where the cell is empty; "
             "nine rows of nine. Count: what is left out or read twice shifts all that follows. Call "
             "check_answer with puzzle alone: it must have exactly one solution, else read the picture again. "
             "Then call solve_sudoku.";
  prompt_answer(
      r, maze ? "A maze from a picture's text" : "A Sudoku from a picture's text",
      json_sprintf("Below is what was read from a picture of a %s. %s Tell me the answer as a grid, and whether "
                   "the tool says that it was checked.\n\n%s",
                   maze ? "maze" : "Sudoku", how, text));
}

void trm__mcp_pose_complete(trm__mcp *mcp, const char *argument, const char *begun, json_t *values) {
  static const char *const kinds[] = {"sudoku", "maze"};
  (void)mcp;
  for (size_t i = 0; i < 2 && strcmp(argument, "kind") == 0; i++)
    if (strncmp(kinds[i], begun, strlen(begun)) == 0) (void)json_array_append_new(values, json_string(kinds[i]));
}

void trm__mcp_explain_prompt(trm__mcp_request *r, const json_t *arguments) {
  prompt_answer(
      r, "What the network did, step by step",
      json_sprintf("Call the tool explain with this puzzle, and tell me how the network came to its answer: which "
                   "cells changed in which step, when the rules held, and what it was least sure of.\n\n%s",
                   json_string_value(json_object_get(arguments, "puzzle"))));
}
