/* The calls about one puzzle, for the kinds that are built in: counting solutions, making puzzles, drawing grids, and
 * what is said where nothing is known. tests/unit/task/toy_kind.c shows the same for a kind that is added. */
#include "support/check.h"

#include <math.h>

#include "task/kind.h"
#include "task/puzzle.h"
#include "task/task.h"

enum { MOST = 900 };
static int32_t question[MOST], answer[MOST], other[MOST];
static trm_task_cell cells[MOST];

static void read_puzzle(const trm_task *task, const char *text, int32_t *tokens) {
  trm_error err = {0};
  CHECK_OK(trm_task_parse(task, text, strlen(text), tokens, MOST, &err), err);
}

/* Numbers of the public header and rows of the table are in one order; a row lacks no function that it must have. */
static void test_table(void **state) {
  (void)state;
  static const char *const names[] = {
      [TRM_TASK_GENERIC] = "generic", [TRM_TASK_SUDOKU] = "sudoku", [TRM_TASK_MAZE] = "maze", [TRM_TASK_ARC] = "arc"};
  char list[100], cut[12];
  for (int i = 0; i < 4; i++) {
    const trm__kind *kind = trm__kind_find(i);
    assert_non_null(kind);
    assert_string_equal(kind->name, names[i]);
    assert_int_equal(trm__kind_named(names[i]), i);
    assert_true(kind->title && kind->parse && kind->render && kind->infer && kind->first_number >= 1);
    assert_int_equal(!kind->rules, !kind->judge);
    assert_int_equal(!kind->symmetric, !kind->augment);
  }
  assert_null(trm__kind_find(4));
  assert_int_equal(trm__kind_named("chess"), -1);
  trm__kind_list(list, sizeof list);
  assert_string_equal(list, "generic, sudoku, maze or arc");
  trm__kind_list(cut, sizeof cut);
  assert_string_equal(cut, "generic, su");
}

static void test_names(void **state) {
  (void)state;
  char text[64];
  trm_task sudoku = trm_task_sudoku(6), maze = trm_task_maze(), arc = trm__task_arc(),
           plain = trm__task_generic(35, 5, 5, "abcd");
  assert_string_equal(trm_task_title(&sudoku, text, sizeof text), "Sudoku 6x6");
  assert_string_equal(trm_task_title(&maze, text, sizeof text), "maze 30x30");
  assert_string_equal(trm_task_title(&arc, text, sizeof text), "ARC grid 30x30");
  assert_string_equal(trm_task_title(&plain, text, sizeof text), "grid 5x7 of 4 symbols");
  assert_string_equal(trm_task_title(&plain, text, 9), "grid 5x7");
  assert_string_equal(trm_task_name(&arc), "arc");
  assert_non_null(trm_task_rules(&sudoku));
  assert_non_null(trm_task_rules(&maze));
  assert_null(trm_task_rules(&arc));
  assert_null(trm_task_rules(&plain));
}

/* A kind without rules judges nothing, clues included, and finds no question wrong. */
static void test_no_rules_known(void **state) {
  (void)state;
  trm_task plain = trm__task_generic(9, 3, 5, "abcd"), arc = trm__task_arc();
  trm_error err = {0};
  read_puzzle(&plain, "aaaaaaaaa", question);
  read_puzzle(&plain, "bbbbbbbbb", answer);
  const trm_task *tasks[] = {&plain, &arc};
  for (int i = 0; i < 2; i++) {
    assert_int_equal(trm_task_judge(tasks[i], question, answer).keeps_rules, -1);
    assert_int_equal(trm_task_judge(tasks[i], question, answer).keeps_clues, -1);
    CHECK_OK(trm_task_check_question(tasks[i], question, &err), err);
    assert_int_equal(trm_task_unique(tasks[i], question, 0).count, TRM_SOLUTIONS_UNKNOWN);
    assert_int_equal(trm_task_unique(tasks[i], question, 0).single, 0);
    CHECK_FAILS(trm_generate(tasks[i], 0, 0, NULL, question, answer, &err), TRM_E_UNSUPPORTED, err, "cannot make");
    trm_task_drawing drawing = trm_task_draw(tasks[i], question, answer, cells);
    assert_true(drawing.clues == 0 && drawing.wrong == 0 && drawing.box_width == 0 && drawing.cell_width == 1);
  }
}

static void test_unique_sudoku(void **state) {
  (void)state;
  static const char hard[] = "8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4..";
  trm_task task = trm_task_sudoku(9), large = trm_task_sudoku(16);
  read_puzzle(&task, hard, question);
  trm_task_solutions found = trm_task_unique(&task, question, 0);
  assert_int_equal(found.count, 1);
  assert_int_equal(found.single, 1);
  assert_true(found.effort > 5);
  assert_int_equal(trm_task_unique(&task, question, 1).count, TRM_SOLUTIONS_UNDECIDED);
  assert_true(isnan(trm_task_unique(&task, question, 1).effort));
  question[0] = 1; /* without the 8 there are more */
  assert_int_equal(trm_task_unique(&task, question, 0).count, 2);
  assert_int_equal(trm__task_count_solutions(&task, question, 1, 0).count, 1);
  question[0] = 2;
  found = trm_task_unique(&task, question, 0);
  assert_int_equal(found.count, 0);
  assert_true(isnan(found.effort));
  for (int i = 0; i < 256; i++) question[i] = 1;
  assert_int_equal(trm_task_unique(&large, question, 0).count, 2);
}

static int32_t cells_of(const trm_task *task) {
  return task->width * task->height;
}

/* A puzzle is sound, depends on seed and number alone, and is another one for another number or seed. */
static void check_made(const trm_task *task, uint64_t number) {
  size_t bytes = (size_t)cells_of(task) * sizeof *question;
  trm_error err = {0};
  CHECK_OK(trm_generate(task, 3, number, NULL, question, answer, &err), err);
  CHECK_OK(trm_task_check_question(task, question, &err), err);
  trm_task_verdict verdict = trm_task_judge(task, question, answer);
  assert_true(verdict.keeps_clues == 1 && verdict.keeps_rules == 1);
  trm_task_solutions found = trm_task_unique(task, question, 0);
  assert_true(found.count == 1 || (found.count > 1 && !found.single));
  CHECK_OK(trm_generate(task, 3, number, NULL, other, answer, &err), err);
  assert_memory_equal(other, question, bytes);
  CHECK_OK(trm_generate(task, 3, number + 1, NULL, other, answer, &err), err);
  assert_memory_not_equal(other, question, bytes);
  CHECK_OK(trm_generate(task, 4, number, NULL, other, answer, &err), err);
  assert_memory_not_equal(other, question, bytes);
}

static void test_made_sudoku(void **state) {
  (void)state;
  static const int sizes[] = {4, 6, 9, 16}, counts[] = {20, 20, 10, 2};
  for (int k = 0; k < 4; k++) {
    trm_task task = trm_task_sudoku(sizes[k]);
    for (int i = 0; i < counts[k]; i++) check_made(&task, (uint64_t)i * 2);
  }
  trm_task task = trm_task_sudoku(9), bad = task;
  trm_error err = {0};
  CHECK_OK(trm_generate(&task, 3, 0, NULL, question, answer, &err), err);
  for (int i = 0; i < 81; i++) { /* no clue can go */
    int32_t clue = question[i];
    question[i] = 1;
    assert_int_equal(trm_task_unique(&task, question, 0).count, clue == 1 ? 1 : 2);
    question[i] = clue;
  }
  bad.width = 8;
  CHECK_FAILS(trm_generate(&bad, 3, 0, NULL, question, answer, &err), TRM_E_INPUT, err, "4, 6, 9 or 16");
}

static void test_made_mazes(void **state) {
  (void)state;
  static const int shapes[][2] = {{3, 3}, {10, 10}, {30, 30}, {17, 4}};
  for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
    trm_task task = trm_task_maze();
    task.width = shapes[k][0], task.height = shapes[k][1];
    for (uint64_t i = 0; i < 20; i++) {
      trm_error err = {0};
      CHECK_OK(trm_generate(&task, 3, i, NULL, question, answer, &err), err);
      trm_task_verdict verdict = trm_task_judge(&task, question, answer);
      assert_true(verdict.keeps_clues == 1 && verdict.keeps_rules == 1);
      assert_true(trm_task_unique(&task, question, 0).count >= 1);
      CHECK_OK(trm_task_check_question(&task, question, &err), err);
    }
    if (cells_of(&task) >= 100) check_made(&task, 0);
  }
  trm_task task = trm_task_maze();
  trm_error err = {0};
  task.width = 2, task.height = 1; /* the least */
  CHECK_OK(trm_generate(&task, 3, 0, NULL, question, answer, &err), err);
  assert_int_equal(question[0] + question[1], 7);
  task.width = 1;
  CHECK_FAILS(trm_generate(&task, 3, 0, NULL, question, answer, &err), TRM_E_UNSUPPORTED, err, "one cell");
}

static void check_wrong(const trm_task *task, const char *asked, const char *text, const char *wrong) {
  if (asked) read_puzzle(task, asked, question);
  read_puzzle(task, text, answer);
  trm_task_drawing drawing = trm_task_draw(task, asked ? question : NULL, answer, cells);
  int count = 0;
  for (int i = 0; i < cells_of(task); i++) {
    assert_int_equal(cells[i].text[0], text[i]);
    assert_int_equal(cells[i].text[1], 0);
    if (cells[i].wrong != (wrong[i] == '!')) fail_msg("%s, cell %d: %s", text, i + 1, wrong);
    count += cells[i].wrong;
  }
  assert_int_equal(drawing.wrong, count);
}

static void test_drawn_sudoku(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(4);
  check_wrong(&task, "1...............", "1234341221434321", "                ");
  check_wrong(&task, "1....2..........", "1234341221434321", "     !          "); /* a clue is changed */
  check_wrong(&task, "................", "1234341221434322", "       !      !!"); /* twice in row, column, box */
  check_wrong(&task, NULL, "1..1............", "!  !            ");
  assert_int_equal(trm_task_draw(&task, NULL, answer, cells).clues, 0);
  trm_task_drawing drawing = trm_task_draw(&task, answer, answer, cells);
  assert_int_equal(drawing.clues, 2);
  assert_true(cells[0].clue && !cells[1].clue && cells[3].clue);
  assert_true(drawing.box_width == 2 && drawing.box_height == 2 && drawing.cell_width == 2);
  trm_task six = trm_task_sudoku(6);
  for (int i = 0; i < 36; i++) answer[i] = 1;
  drawing = trm_task_draw(&six, NULL, answer, cells);
  assert_true(drawing.width == 6 && drawing.box_width == 3 && drawing.box_height == 2);
}

static void test_drawn_mazes(void **state) {
  (void)state;
  trm_task task = trm_task_maze();
  task.width = 4, task.height = 2;
  check_wrong(&task, "S#G     ", "S#G ooo ", "        ");
  check_wrong(&task, "S#G     ", "S#Goooo ", "   !    "); /* no way leads through goal */
  check_wrong(&task, "S#G     ", "S#Go o  ", "   ! !  "); /* apart from start */
  check_wrong(&task, "S#G     ", "SoG ooo ", " !      ");
  check_wrong(&task, NULL, "S#Go o  ", "   ! !  ");
  check_wrong(&task, "S#G     ", "o#G o   ", "!       "); /* without a start nothing else is known */
}

static void check_fault(const trm_task *task, const char *asked, const char *text, const char *fault) {
  char found[80], cut[5];
  read_puzzle(task, asked, question);
  read_puzzle(task, text, answer);
  assert_string_equal(trm_task_fault(task, question, answer, found, sizeof found), fault);
  (void)trm_task_fault(task, question, answer, cut, sizeof cut);
  assert_int_equal(strlen(cut), strlen(fault) < 4 ? strlen(fault) : 4);
}

static void test_faults(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(4);
  check_fault(&task, "1...............", "1234341221434321", "");
  check_fault(&task, "................", "1234341221434322", "2 cells conflict in row 4, 3 in all");
  check_fault(&task, "1....2..........", "1234341221434321", "1 clue is changed");
  check_fault(&task, "12..............", "2134341221434321",
              "2 cells conflict in column 1, 4 in all; 2 clues are changed");
  check_fault(&task, "................", "1.34341221434321", "1 cell is empty");
  check_fault(&task, "................", "....11.1........", "3 cells conflict in row 2; 13 cells are empty");
  trm_task maze = trm_task_maze();
  maze.width = 4, maze.height = 2;
  check_fault(&maze, "S#G     ", "S#G ooo ", "");
  check_fault(&maze, "S#G     ", "SoG ooo ", "1 cell of the maze is changed");
  check_fault(&maze, "S#G     ", "S#G oo  ", "no path leads from S to G");
  check_fault(&maze, "S#G  #  ", "S#G  #  ", "no path leads from S to G");
  maze.height = 3;
  check_fault(&maze, "S#G     ####", "S#G ooo ####", "");
  check_fault(&maze, "S#G     ### ", "S#G ooo ###o", "path cells lie apart from the path");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_table),         cmocka_unit_test(test_names),       cmocka_unit_test(test_no_rules_known),
      cmocka_unit_test(test_unique_sudoku), cmocka_unit_test(test_made_sudoku), cmocka_unit_test(test_made_mazes),
      cmocka_unit_test(test_drawn_sudoku),  cmocka_unit_test(test_drawn_mazes), cmocka_unit_test(test_faults),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
