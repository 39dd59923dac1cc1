/* The library in a few lines: solve one puzzle with a trained model and print the answer, if it keeps the rules. Exits
 * with 1 when it does not, or when trm knows no rules of the task, with 2 or more when something failed.
 *   cc solve.c $(pkg-config --cflags --libs trm) -o solve && ./solve MODEL.safetensors PUZZLE */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <trm/solve.h>

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: solve MODEL PUZZLE\n"), 2;
  trm_error err = {TRM_OK, "", ""};
  trm_runtime_config rc = trm_runtime_config_default();
  trm_solver_config sc = trm_solver_config_default();
  trm_runtime *runtime = NULL;
  trm_model *model = NULL;
  trm_solver *solver = NULL;
  trm_task task;
  int32_t question[1024], answer[1024];
  char text[1025];
  int solved = 0;
  if (trm_runtime_open(&runtime, &rc, &err) || trm_model_open(&model, argv[1], &err) ||
      trm_solver_open(&solver, runtime, model, &sc, &err) || trm_solver_task(solver, &task, &err) ||
      trm_task_parse(&task, argv[2], strlen(argv[2]), question, 1024, &err) ||
      trm_solve(solver, 1, question, NULL, answer, NULL, NULL, NULL, &err) ||
      trm_task_render(&task, answer, text, sizeof text, &err)) {
    fprintf(stderr, "%s: %s\n", err.where, err.message);
  } else {
    trm_task_verdict verdict = trm_task_judge(&task, question, answer);
    solved = verdict.keeps_clues && verdict.keeps_rules == 1;
    if (solved) puts(text);
    else fprintf(stderr, "not solved: %s\n", text);
  }
  trm_solver_close(&solver);
  trm_model_close(&model);
  trm_runtime_close(&runtime);
  return err.code ? 4 : !solved;
}
