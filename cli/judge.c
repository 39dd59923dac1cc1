/* --judge: see judge.h. A task only names its judge; which program runs is what the user typed. */
#include "cli/judge.h"

int cli_judge_open(const cli_command *self, const char *text, double seconds, trm_solver_config *solver,
                   trm_task *task) {
  trm_error error = {0};
  if (!text[0]) return CLI_CONTINUE;
  trm_status status = trm_judge_open(&solver->judge, text, seconds, &error);
  if (!status) status = trm_task_set_judge(task, solver->judge, &error);
  if (status == TRM_E_USAGE) return cli_usage(self, "--judge: %s", error.message);
  return status ? cli_error(self, &error) : CLI_CONTINUE;
}

int cli_judge_close(const cli_command *self, trm_solver_config *solver, int code) {
  trm_error error = {0};
  if (trm_judge_status(solver->judge, &error) && code != CLI_INPUT) code = cli_error(self, &error);
  trm_judge_close(&solver->judge);
  return code;
}

void cli_judge_note(const trm_task *task) {
  if (task->judge[0] && !task->asked) cli_note("the task's judge is %s; --judge COMMAND runs one", task->judge);
}
