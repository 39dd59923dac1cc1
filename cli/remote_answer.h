/* What a server answers, taken apart: models and solved puzzles. Nothing is taken on trust: what a task's functions
 * would stumble over is refused here. */
#ifndef TRM_CLI_REMOTE_ANSWER_H
#define TRM_CLI_REMOTE_ANSWER_H

#include "cli/cli.h"

#include <trm/solve.h>

#define CLI_REMOTE_CELLS 65536 /* of a puzzle, at most */

/* The task of a model as GET /v1/models describes it. 0 when it is none that this program knows. */
int cli_remote_task(const json_t *model, trm_task *task);
/* Its values, or what config says in their place. */
trm_solver_values cli_remote_model_values(const json_t *model, const trm_solver_config *config);

/* A solved puzzle. cells of task; answer [cells], *has_answer 0: it took no step. 0 when it is no such object. */
int cli_remote_solution(const json_t *object, const trm_task *task, int32_t *answer, int *has_answer,
                        trm_solution *solution, int *level);
/* A step of its trace. answer, confidence: [cells], to which step points. */
int cli_remote_step(const json_t *object, const trm_task *task, int32_t *answer, float *confidence, trm_step *step);

/* What a problem document says, for people: "invalid: /max_steps: is over 64, ..."; else the body's beginning. */
void cli_remote_problem(const char *body, size_t size, char text[700]);

#endif
