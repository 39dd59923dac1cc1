/* Hints with a network behind the rules: who said so, what the exact solver refutes, and what is refused. */
#include "unit/infer/support.h"

#include <math.h>

static const char easy[] = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79";
static const char hard[] = "8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4..";

static trm_runtime *runtime;
static trm_model *model;
static trm_solver *solver;
static trm_task task;
static int32_t question[81];

static int open_model(void **state) {
  (void)state;
  trm_error err = {0};
  trm_runtime_config rc = trm_runtime_config_default();
  trm_solver_config sc = trm_solver_config_default();
  rc.threads = 1, sc.puzzles = 1;
  CHECK_OK(trm_runtime_open(&runtime, &rc, &err), err);
  CHECK_OK(trm_model_open(&model, TRM_SOURCE_DIR "/models/sudoku-9x9.safetensors", &err), err);
  CHECK_OK(trm_solver_open(&solver, runtime, model, &sc, &err), err);
  task = trm_task_sudoku(9);
  return 0;
}

static int close_model(void **state) {
  (void)state;
  trm_solver_close(&solver);
  trm_model_close(&model);
  trm_runtime_close(&runtime);
  return 0;
}

static void read_as(const char *text) {
  trm_error err = {0};
  CHECK_OK(trm_task_parse(&task, text, strlen(text), question, 81, &err), err);
}

/* Logic has the first word, with and without a network. */
static void test_rules(void **state) {
  (void)state;
  trm_hint_result hint;
  trm_error err = {0};
  read_as(easy);
  for (int with = 0; with < 2; with++) {
    CHECK_OK(trm_hint(with ? solver : NULL, &task, question, &hint, &err), err);
    assert_true(hint.by == TRM_HINT_RULES && hint.cell == 40 && hint.token == 6);
  }
  read_as(hard);
  CHECK_OK(trm_hint(NULL, &task, question, &hint, &err), err);
  assert_true(hint.by == TRM_HINT_NONE && hint.cell == -1);
}

static void check_network(const trm_hint_result *hint, const int32_t *solution) {
  char text[32];
  assert_int_equal(hint->by, TRM_HINT_CHECKED);
  assert_int_equal(question[hint->cell], 1);
  assert_int_equal(hint->token, solution[hint->cell]);
  assert_true(hint->probability > 1.0 / 9 && hint->probability <= 1);
  (void)snprintf(text, sizeof text, " is %d: ", (int)hint->token - 1);
  assert_non_null(strstr(hint->reason, text));
  assert_non_null(strstr(hint->reason, "and the only solution has it there"));
}

/* Where logic ends the digit is that of the only solution, since the exact solver was asked. Hint by hint hard puzzles
 * are filled. Some of the network's surest cells are wrong. */
static void test_network(void **state) {
  (void)state;
  int checked = 0, refuted = 0, filled = 0;
  trm_wanted wanted = trm_wanted_default();
  wanted.min_guesses = 3;
  for (uint64_t i = 0; i < 40; i++) {
    trm_hint_result hint = {0};
    trm_error err = {0};
    int32_t solution[81];
    CHECK_OK(trm_generate(&task, 5, i, &wanted, question, solution, &err), err);
    for (;;) {
      CHECK_OK(trm_hint(solver, &task, question, &hint, &err), err);
      if (hint.by == TRM_HINT_FULL || hint.by == TRM_HINT_NONE) break;
      if (hint.by != TRM_HINT_RULES) check_network(&hint, solution), checked++, refuted += hint.refuted;
      question[hint.cell] = hint.token;
    }
    filled += hint.by == TRM_HINT_FULL;
  }
  assert_true(checked > 40);
  assert_true(refuted > 0);
  assert_true(filled > 30);
}

/* A kind without rules: nobody can check. */
static void test_unchecked(void **state) {
  (void)state;
  trm_task plain = {.kind = TRM_TASK_GENERIC, .width = 9, .height = 9, .vocab_size = 11, .alphabet = ".123456789"};
  trm_hint_result hint;
  trm_error err = {0};
  read_as(easy);
  CHECK_OK(trm_hint(solver, &plain, question, &hint, &err), err);
  assert_int_equal(hint.by, TRM_HINT_NETWORK);
  assert_int_equal(question[hint.cell], 1);
  assert_non_null(strstr(hint.reason, "probably"));
  assert_non_null(strstr(hint.reason, "which nobody checked"));
}

static void test_refused(void **state) {
  (void)state;
  trm_hint_result hint = {.cell = 77};
  trm_task six = trm_task_sudoku(6),
           plain = {.kind = TRM_TASK_GENERIC, .width = 3, .height = 1, .vocab_size = 4, .alphabet = "abc"};
  trm_error err = {0};
  read_as(easy);
  question[1] = question[0];
  CHECK_FAILS(trm_hint(solver, &task, question, &hint, &err), TRM_E_INPUT, err, "stands twice in row 1");
  assert_string_equal(err.where, "row 1, column 1");
  for (int i = 0; i < 81; i++) question[i] = 1;
  CHECK_FAILS(trm_hint(solver, &task, question, &hint, &err), TRM_E_INPUT, err, "more than one solution");
  CHECK_FAILS(trm_hint(solver, &six, question, &hint, &err), TRM_E_INPUT, err, "more than one solution");
  CHECK_FAILS(trm_hint(solver, &plain, question, &hint, &err), TRM_E_INPUT, err, "the model is for 81 cells");
  question[80] = 12;
  CHECK_FAILS(trm_hint(solver, &task, question, &hint, &err), TRM_E_INPUT, err, "token 12 in cell 80");
  six.width = 5;
  CHECK_FAILS(trm_hint(solver, &six, question, &hint, &err), TRM_E_INPUT, err, "4, 6, 9 or 16");
  assert_int_equal(hint.cell, 77);
}

static trm_status ask(void *context, trm_error *err) {
  (void)context;
  trm_hint_result hint;
  return trm_hint(solver, &task, question, &hint, err);
}

static void test_memory(void **state) {
  (void)state;
  read_as(hard);
  assert_true(check_each_allocation(ask, NULL) >= 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_rules),   cmocka_unit_test(test_network), cmocka_unit_test(test_unchecked),
      cmocka_unit_test(test_refused), cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests(tests, open_model, close_model);
}
