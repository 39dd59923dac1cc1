/* The product's own tools, resources and prompts: the table is product.c, each part in the file of its subject.
 *
 * Every tool's result is an object that says, whatever else it holds: `summary`, a sentence; `checked`, whether the
 * puzzle's own rules (or the exact solver) were asked; `by`, who it comes from; `cost` {steps of the network, seconds}.
 */
#ifndef TRM_SERVE_MCP_PRODUCT_H
#define TRM_SERVE_MCP_PRODUCT_H

#include "serve/mcp/registry.h"

#define TRM__MCP_PAGE "ui://trm/board"

/* A result's schema with what all have, and one without: properties (taken) and required ones of this tool's own. */
json_t *trm__mcp_result_schema(json_t *properties, json_t *required);
/* Adds what all have. summary: UTF-8. */
void trm__mcp_result_add(json_t *result, const char *summary, int checked, const char *by, int64_t steps,
                         double seconds);
/* The schema of a text that is a puzzle, with what it looks like. */
json_t *trm__mcp_puzzle_text(const char *description);
/* Those of the properties of schema (taken) that names lists, with what is required: NULL ends both. */
json_t *trm__mcp_schema_pick(json_t *schema, const char *const *names, const char *const *required);

/* A member's copy under the same name, where it is there and not null. */
void trm__mcp_copy(json_t *to, const json_t *from, const char *const *names);

json_t *trm__mcp_solve_input(void);
json_t *trm__mcp_maze_input(void);
json_t *trm__mcp_reason_input(void);
json_t *trm__mcp_explain_input(void);
json_t *trm__mcp_solve_output(void);
json_t *trm__mcp_explain_output(void);
void trm__mcp_solve_sudoku(trm__mcp_request *request, const json_t *arguments);
void trm__mcp_solve_maze(trm__mcp_request *request, const json_t *arguments);
void trm__mcp_reason(trm__mcp_request *request, const json_t *arguments);
void trm__mcp_explain(trm__mcp_request *request, const json_t *arguments);

json_t *trm__mcp_check_input(void);
json_t *trm__mcp_check_output(void);
void trm__mcp_check(trm__mcp_request *request, const json_t *arguments);
json_t *trm__mcp_hint_input(void);
json_t *trm__mcp_hint_output(void);
void trm__mcp_hint(trm__mcp_request *request, const json_t *arguments);
json_t *trm__mcp_generate_output(void);
void trm__mcp_generate(trm__mcp_request *request, const json_t *arguments);
json_t *trm__mcp_models_input(void);
json_t *trm__mcp_models_output(void);
void trm__mcp_models(trm__mcp_request *request, const json_t *arguments);

json_t *trm__mcp_advance_input(void);
json_t *trm__mcp_advance_output(void);
void trm__mcp_advance(trm__mcp_request *request, const json_t *arguments);

void trm__mcp_read_model(trm__mcp_request *request, const char *uri, const char *variable);
void trm__mcp_list_models(trm__mcp *mcp, json_t *list);
void trm__mcp_complete_model(trm__mcp *mcp, const char *begun, json_t *values);
void trm__mcp_read_jobs(trm__mcp_request *request, const char *uri, const char *variable);
void trm__mcp_read_job(trm__mcp_request *request, const char *uri, const char *variable);
void trm__mcp_pose(trm__mcp_request *request, const json_t *arguments);
void trm__mcp_explain_prompt(trm__mcp_request *request, const json_t *arguments);
void trm__mcp_pose_complete(trm__mcp *mcp, const char *argument, const char *begun, json_t *values);

#endif
