/* Grades of paths, what is said of them, and mazes that stand in larger ones. */
#include "support/check.h"

#include "task/puzzle.h"

enum { MOST = 64 };

static int32_t question[MOST], answer[MOST], framed[MOST];

static trm_task grid(int width, int height) {
  trm_task task = trm_task_maze();
  task.width = width, task.height = height;
  return task;
}

static void read_maze(const trm_task *task, const char *text, int32_t *tokens) {
  trm_error err = {0};
  CHECK_OK(trm_task_parse(task, text, strlen(text), tokens, MOST, &err), err);
}

static void check(const trm_task *task, const char *asked, const char *answered, int optimal, int connected,
                  const char *remark) {
  uint8_t has[2] = {0};
  char said[160];
  read_maze(task, asked, question);
  read_maze(task, answered, answer);
  trm__task_grade(task, question, answer, has);
  if (has[0] != optimal || has[1] != connected) fail_msg("%s: optimal %d, connected %d", answered, has[0], has[1]);
  assert_string_equal(trm_task_remark(task, question, answer, said, sizeof said), remark);
}

static void test_grades(void **state) {
  (void)state;
  trm_task task = grid(4, 3);
  assert_string_equal(trm__task_metrics(&task)[0], "optimal");
  assert_string_equal(trm__task_metrics(&task)[1], "connected");
  assert_null(trm__task_metrics(&task)[2]);
  check(&task, "S  G########", "SooG########", 1, 1, "a path of 3 moves, the shortest");
  check(&task, "SG##########", "SG##########", 1, 1, "a path of 1 move, the shortest");
  check(&task, "S  G    ####", "S  Goooo####", 0, 1, "a path of 5 moves, 2 longer than the shortest");
  check(&task, "S  G    ####", "SooG o  ####", 0, 1, "a path of 3 moves, the shortest; 1 cell marked beside it");
  check(&task, "S  G    ####", "SooG   o####", 0, 1, ""); /* apart: connected, yet not right */
  check(&task, "S  G    ####", "So G    ####", 0, 0, "");
  check(&task, "S  G    ####", "SooG    o###", 0, 0, ""); /* a wall is changed */
  check(&task, "S  G    ####", "ooSG    ####", 0, 0, "");
  trm_task sudoku = trm_task_sudoku(4);
  assert_null(trm__task_metrics(&sudoku)[0]);
}

static void test_frames(void **state) {
  (void)state;
  trm_task small = grid(3, 2), large = grid(5, 4), sudoku = trm_task_sudoku(4), nine = trm_task_sudoku(9);
  assert_true(trm_task_fits(&small, &large) && trm_task_fits(&small, &small) && !trm_task_fits(&large, &small));
  assert_true(trm_task_has_frame(&small) && !trm_task_has_frame(&sudoku));
  assert_true(trm_task_fits(&sudoku, &sudoku) && !trm_task_fits(&sudoku, &nine) && !trm_task_fits(&small, &sudoku));
  read_maze(&small, "S # G ", question);
  trm_task_frame(&small, &large, question, framed);
  read_maze(&large, "S ### G ############", answer);
  assert_memory_equal(framed, answer, sizeof *framed * 20);
  memset(answer, 0, sizeof answer);
  trm_task_unframe(&small, &large, framed, answer);
  assert_memory_equal(answer, question, sizeof *answer * 6);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_grades), cmocka_unit_test(test_frames)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
