/* What people are told of a Sudoku: hints in words, what is wrong with a puzzle and where, how hard it is; and puzzles
 * made to wishes. */
#include "support/check.h"

#include <math.h>

#include <trm/task.h>

static const char easy[] = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79";
static const char hard[] = "8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4..";

static int32_t question[256], answer[256], again[256];
static uint8_t marks[256];

static void read_as(const trm_task *task, const char *text) {
  trm_error err = {0};
  CHECK_OK(trm_task_parse(task, text, strlen(text), question, 256, &err), err);
}

static int marked(int cells) {
  int count = 0;
  for (int i = 0; i < cells; i++) count += marks[i];
  return count;
}

/* -- hints --------------------------------------------------------------------------------------------------------- */

static void test_singles(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9);
  read_as(&task, easy);
  trm_hint_result hint = trm_task_hint(&task, question);
  assert_int_equal(hint.by, TRM_HINT_RULES);
  assert_int_equal(hint.cell, 40);
  assert_int_equal(hint.token, 6);
  assert_true(isnan(hint.probability));
  assert_string_equal(hint.technique, "naked single");
  assert_string_equal(hint.reason, "r5c5 is 5: its row, column and box leave no other digit");
  assert_string_equal(hint.before, "");

  read_as(&task, ".........1...............1.............1...........................1.............");
  hint = trm_task_hint(&task, question);
  assert_string_equal(hint.technique, "hidden single");
  assert_string_equal(hint.reason, "r1c6 is 1: the only place for 1 in box 2");
}

static void test_pair_in_words(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9);
  read_as(&task, "..4.....223....4....842...7.435..2.1.5..72.64...9.4..846..9.7....7..5.49.8..4..2.");
  trm_hint_result hint = trm_task_hint(&task, question);
  assert_string_equal(hint.technique, "naked pair");
  assert_string_equal(hint.before,
                      "naked pair: in row 4, r4c5 and r4c6 can only hold 6 and 8, so no other cell of row 4 does");
  assert_string_equal(hint.reason, "r5c1 is 8: the only place for 8 in box 4, after a naked pair");
}

/* Whatever the chain: the digit is right, the technique is named in the sentence, and each step has its line. */
static void test_steps_before(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9);
  trm_error err = {0};
  int chains = 0;
  for (uint64_t i = 0; i < 300; i++) {
    CHECK_OK(trm_generate(&task, 2, i, NULL, question, answer, &err), err);
    for (;;) {
      trm_hint_result hint = trm_task_hint(&task, question);
      if (hint.by != TRM_HINT_RULES) break;
      assert_int_equal(hint.token, answer[hint.cell]);
      question[hint.cell] = hint.token;
      if (!hint.before[0]) continue;
      assert_non_null(strstr(hint.reason, hint.technique));
      assert_non_null(strstr(hint.reason, ", after "));
      assert_non_null(strstr(hint.before, ": in "));
      chains++;
    }
  }
  assert_true(chains > 100);
}

static void test_no_hint(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9), maze = trm_task_maze();
  trm_error err = {0};
  read_as(&task, hard);
  trm_hint_result hint = trm_task_hint(&task, question);
  assert_true(hint.by == TRM_HINT_NONE && hint.cell == -1);
  assert_string_equal(hint.reason, "logic ends here");
  CHECK_OK(trm_generate(&task, 1, 1, NULL, question, answer, &err), err);
  assert_int_equal(trm_task_hint(&task, answer).by, TRM_HINT_FULL);
  static int32_t path[900], labels[900];
  CHECK_OK(trm_generate(&maze, 1, 1, NULL, path, labels, &err), err);
  hint = trm_task_hint(&maze, path);
  assert_int_equal(hint.by, TRM_HINT_NONE);
  assert_string_equal(hint.reason, "no logic is known for it");
}

/* -- what is wrong ------------------------------------------------------------------------------------------------- */

static void assert_found(const char *text, int solutions, const char *what, int cells) {
  trm_task task = trm_task_sudoku(9);
  read_as(&task, text);
  trm_task_finding found = trm_task_inspect(&task, question, 0, marks);
  assert_string_equal(found.what, what);
  assert_int_equal(found.solutions, solutions);
  assert_int_equal(marked(81), cells);
}

static void test_inspect(void **state) {
  (void)state;
  assert_found(easy, 1, "", 0);
  assert_found("55..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79", 0,
               "clue 5 stands twice in row 1, expected each digit at most once", 2);
  assert_int_equal(marks[0] + marks[1], 2);
  assert_found("12345678.........9...............................................................", 0,
               "no solution: no digit for r1c9", 1);
  assert_int_equal(marks[8], 1);
  assert_found("1...........1.............5......1...........................1...................", 0,
               "no solution: no place for 1 in box 3", 8);
}

static void test_inspect_follows(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9), six = trm_task_sudoku(6);
  read_as(&task, easy);
  question[2] = 1 + 2; /* no clue forbids the 2 there, but the solution has a 4 */
  trm_task_finding found = trm_task_inspect(&task, question, 0, marks);
  assert_int_equal(found.solutions, 0);
  assert_non_null(strstr(found.what, "no solution: what follows from it leaves no "));
  assert_true(marked(81) > 0);

  read_as(&task, easy);
  for (int i = 0; i < 81; i++)
    if (question[i] == 2 || question[i] == 3) question[i] = 1; /* 1 and 2 can be exchanged */
  found = trm_task_inspect(&task, question, 0, marks);
  assert_int_equal(found.solutions, 2);
  assert_non_null(strstr(found.what, "more than one solution: two differ in "));
  assert_non_null(strstr(found.what, " or "));
  assert_true(marked(81) > 3);

  read_as(&task, hard);
  found = trm_task_inspect(&task, question, 1, marks);
  assert_int_equal(found.solutions, TRM_SOLUTIONS_UNDECIDED);
  assert_string_equal(found.what, "");
  for (int i = 0; i < 36; i++) question[i] = 1;
  assert_int_equal(trm_task_inspect(&six, question, 0, marks).solutions, 2);
}

/* A kind without a function of its own is asked by check and unique. */
static void test_inspect_others(void **state) {
  (void)state;
  trm_task maze = trm_task_maze();
  maze.width = 3, maze.height = 1;
  read_as(&maze, "S#G");
  trm_task_finding found = trm_task_inspect(&maze, question, 0, marks);
  assert_int_equal(found.solutions, 0);
  assert_string_equal(found.what, "row 1, column 1: no way leads from S to G in row 1, column 3, expected one: walls shut it off");
  read_as(&maze, "S G");
  assert_int_equal(trm_task_inspect(&maze, question, 0, marks).solutions, 1);
  read_as(&maze, "S S");
  found = trm_task_inspect(&maze, question, 0, marks);
  assert_int_equal(found.solutions, 0);
  assert_true(found.what[0] != 0);
}

/* -- ratings ------------------------------------------------------------------------------------------------------- */

static trm_sudoku_rating rate(const char *text) {
  uint8_t cells[81];
  for (int i = 0; i < 81; i++) cells[i] = (uint8_t)(text[i] == '.' ? 0 : text[i] - '0');
  return trm_sudoku_rate(9, cells);
}

static void test_rating(void **state) {
  (void)state;
  uint8_t cells[81] = {0};
  trm_sudoku_rating r = rate(easy);
  assert_true(r.clues == 30 && r.solutions == 1 && r.guesses == 0 && r.left == 0);
  assert_string_equal(r.hardest, "naked single");
  r = rate(hard);
  assert_true(r.clues == 21 && r.solutions == 1 && r.needless == 0 && r.left == 60);
  assert_string_equal(r.hardest, "");
  for (int i = 0; i < 81; i++) cells[i] = (uint8_t)(hard[i] == '.' ? 0 : hard[i] - '0');
  assert_int_equal(r.guesses, trm_sudoku_solve(9, cells, 1, NULL).guesses);
  memset(cells, 0, sizeof cells);
  r = trm_sudoku_rate(9, cells);
  assert_true(r.clues == 0 && r.solutions == 2 && r.needless == -1 && r.left == -1);
  cells[0] = cells[1] = 1;
  r = trm_sudoku_rate(9, cells);
  assert_true(r.solutions == 0 && r.guesses == -1);
  assert_int_equal(trm_sudoku_rate(5, cells).solutions, 0);
}

/* Clues that are not needed are counted one by one. */
static void test_needless(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9);
  trm_error err = {0};
  uint8_t cells[81];
  CHECK_OK(trm_generate(&task, 4, 4, NULL, question, answer, &err), err);
  for (int i = 0; i < 81; i++) cells[i] = (uint8_t)(question[i] - 1);
  assert_int_equal(trm_sudoku_rate(9, cells).needless, 0);
  int at = 0;
  while (cells[at]) at++;
  cells[at] = (uint8_t)(answer[at] - 1);
  assert_true(trm_sudoku_rate(9, cells).needless > 0);
}

/* -- wishes -------------------------------------------------------------------------------------------------------- */

static int clues(void) {
  int count = 0;
  for (int i = 0; i < 81; i++) count += question[i] > 1;
  return count;
}

static int count_and_stop(void *context, int64_t tried) {
  int64_t *most = context;
  return tried >= *most;
}

static void test_wishes(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9);
  trm_error err = {0};
  trm_wanted wanted = trm_wanted_default();
  wanted.min_clues = wanted.max_clues = 33;
  CHECK_OK(trm_generate(&task, 1, 5, &wanted, question, answer, &err), err);
  assert_int_equal(clues(), 33);
  assert_int_equal(trm_task_unique(&task, question, 0).count, 1);
  CHECK_OK(trm_generate(&task, 1, 5, &wanted, again, answer, &err), err);
  assert_memory_equal(again, question, sizeof question);
  CHECK_OK(trm_generate(&task, 1, 6, &wanted, again, answer, &err), err);
  assert_memory_not_equal(again, question, sizeof question);

  wanted = trm_wanted_default();
  wanted.min_guesses = 4, wanted.max_guesses = 6;
  CHECK_OK(trm_generate(&task, 1, 5, &wanted, question, answer, &err), err);
  double effort = trm_task_unique(&task, question, 0).effort;
  assert_true(effort >= 4 && effort <= 6);
  assert_int_equal(trm_task_judge(&task, question, answer).keeps_rules, 1);
}

static void test_refused_wishes(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9), maze = trm_task_maze();
  trm_error err = {0};
  int64_t most = 100;
  trm_wanted wanted = trm_wanted_default();
  wanted.min_clues = wanted.max_clues = 17, wanted.tries = 3;
  CHECK_FAILS(trm_generate(&task, 1, 5, &wanted, question, answer, &err), TRM_E_INPUT, err, "none of 3 puzzles");
  wanted.min_clues = 18;
  CHECK_FAILS(trm_generate(&task, 1, 5, &wanted, question, answer, &err), TRM_E_USAGE, err, "18 to 17 clues");
  wanted.min_clues = wanted.max_clues = 16;
  CHECK_FAILS(trm_generate(&task, 1, 5, &wanted, question, answer, &err), TRM_E_USAGE, err, "has 17 or more");
  wanted = trm_wanted_default();
  wanted.min_guesses = 5, wanted.max_guesses = 4;
  CHECK_FAILS(trm_generate(&task, 1, 5, &wanted, question, answer, &err), TRM_E_USAGE, err, "5 to 4 guesses");
  wanted.min_guesses = 100000, wanted.max_guesses = -1, wanted.progress = count_and_stop, wanted.context = &most;
  CHECK_FAILS(trm_generate(&task, 1, 5, &wanted, question, answer, &err), TRM_E_STOPPED, err, "stopped after 1");
  wanted.progress = NULL, wanted.tries = 200;
  CHECK_FAILS(trm_generate(&task, 1, 5, &wanted, question, answer, &err), TRM_E_INPUT, err, "puzzles was as wanted");
  wanted.tries = 0;
  CHECK_FAILS(trm_generate(&task, 1, 5, &wanted, question, answer, &err), TRM_E_USAGE, err, "1 or more");
  wanted.size = 0;
  CHECK_FAILS(trm_generate(&task, 1, 5, &wanted, question, answer, &err), TRM_E_USAGE, err, "trm_wanted_default");
  wanted = trm_wanted_default();
  wanted.max_clues = 20;
  CHECK_FAILS(trm_generate(&maze, 1, 5, &wanted, question, answer, &err), TRM_E_USAGE, err, "clues and guesses");
  wanted = trm_wanted_default();
  wanted.min_path = 3;
  CHECK_FAILS(trm_generate(&task, 1, 5, &wanted, question, answer, &err), TRM_E_USAGE, err, "paths and sides");
  trm_task generic = {.kind = TRM_TASK_GENERIC, .width = 2, .height = 2, .vocab_size = 3, .alphabet = "ab"};
  CHECK_FAILS(trm_generate(&generic, 1, 5, &wanted, question, answer, &err), TRM_E_UNSUPPORTED, err, "to wishes");
}

static trm_status breed(void *context, trm_error *err) {
  const trm_wanted *wanted = context;
  trm_task task = trm_task_sudoku(9);
  return trm_generate(&task, 1, 5, wanted, question, answer, err);
}

/* The one allocation is that of an island. */
static void test_memory(void **state) {
  (void)state;
  trm_wanted wanted = trm_wanted_default();
  wanted.min_guesses = 12;
  assert_int_equal(check_each_allocation(breed, &wanted), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_singles),        cmocka_unit_test(test_pair_in_words),
      cmocka_unit_test(test_steps_before),   cmocka_unit_test(test_no_hint),
      cmocka_unit_test(test_inspect),        cmocka_unit_test(test_inspect_follows),
      cmocka_unit_test(test_inspect_others), cmocka_unit_test(test_rating),
      cmocka_unit_test(test_needless),       cmocka_unit_test(test_wishes),
      cmocka_unit_test(test_refused_wishes), cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
