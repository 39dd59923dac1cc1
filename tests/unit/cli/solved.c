/* Which verdict a puzzle gets: whether it has one right answer is asked before whether that was found. And what its
 * steps look like where those that change nothing are folded. */
#include "support/check.h"

#include "cli/ui/solved.h"

static void check_verdict(int count, int single, int keeps_rules, int keeps_clues, cli_verdict expected) {
  cli_solved r = {.judged = {keeps_clues, keeps_rules}, .solutions = {.count = count, .single = single}};
  if (cli_solved_verdict(&r) != expected)
    fail_msg("%d solutions, rules %d, clues %d: found %d, expected %d", count, keeps_rules, keeps_clues,
             (int)cli_solved_verdict(&r), (int)expected);
}

static void test_verdicts(void **state) {
  (void)state;
  check_verdict(1, 1, 1, 1, CLI_CORRECT);
  check_verdict(1, 1, 1, 0, CLI_WRONG);
  check_verdict(1, 1, 0, 1, CLI_WRONG);
  check_verdict(0, 1, 0, 1, CLI_NO_SOLUTION);
  check_verdict(0, 0, -1, -1, CLI_NO_SOLUTION);
  check_verdict(2, 1, 1, 1, CLI_SEVERAL_SOLUTIONS);
  check_verdict(2, 1, 0, 1, CLI_SEVERAL_SOLUTIONS);
  check_verdict(2, 0, 1, 1, CLI_CORRECT); /* a maze may have several ways */
  check_verdict(2, 0, 0, 1, CLI_WRONG);
  check_verdict(TRM_SOLUTIONS_UNDECIDED, 1, 1, 1, CLI_CORRECT);
  check_verdict(TRM_SOLUTIONS_UNDECIDED, 1, 0, 0, CLI_WRONG);
  check_verdict(TRM_SOLUTIONS_UNKNOWN, 0, -1, -1, CLI_UNCHECKED);
}

/* What is printed to standard output meanwhile. */
static void printed(const trm_task *task, const int32_t *question, const cli_trace *trace, int all, char text[8000]) {
  FILE *file = tmpfile();
  int kept = dup(STDOUT_FILENO);
  assert_true(file && kept >= 0);
  (void)fflush(stdout);
  assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
  cli_explain_print(task, question, trace, all);
  cli_explain_summary(task, question, trace);
  (void)fflush(stdout);
  assert_true(dup2(kept, STDOUT_FILENO) >= 0);
  (void)close(kept);
  rewind(file);
  text[fread(text, 1, 7999, file)] = 0;
  (void)fclose(file);
}

/* Steps 1 and 2 give the same answer, step 3 another. */
static void test_folded_steps(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(4);
  int32_t question[16], answer[16];
  float confidence[16] = {0};
  char text[8000];
  cli_trace trace = {0};
  for (int i = 0; i < 16; i++) question[i] = 1, answer[i] = 2;
  for (int step = 1; step <= 3; step++) {
    if (step == 3) answer[0] = 3;
    const trm_step told = {
        .step = step, .chain = 1, .answer = answer, .confidence = confidence, .q = step == 2 ? 1.F : 0};
    cli_trace_add(&trace, 16, &told);
  }
  cli_set_color(CLI_COLOR_NEVER);
  printed(&task, question, &trace, 0, text);
  assert_non_null(strstr(text, "steps 1-2: 73.1 %"));
  assert_non_null(strstr(text, "16 changed, then none"));
  assert_non_null(strstr(text, "step 3: 50.0 %"));
  assert_non_null(strstr(text, "*2 1"));
  assert_non_null(strstr(text, "cells changed by each step: 16 0 1\n"));
  printed(&task, question, &trace, 1, text);
  assert_non_null(strstr(text, "step 1: 50.0 %"));
  assert_non_null(strstr(text, "step 2: 73.1 %"));
  cli_trace_clear(&trace);
  free(trace.step);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_verdicts), cmocka_unit_test(test_folded_steps)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
