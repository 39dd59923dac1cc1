/* Mazes that are made: of the published kind, as wanted, labelled by the rule, and the same again from the same seed. */
#include "support/check.h"

#include <trm/task.h>

#include "task/maze/maze.h"

enum { MOST = 900 };

static int32_t question[MOST], answer[MOST], label[MOST], queue[MOST], parent[MOST];

static trm_task square(int side) {
  trm_task task = trm_task_maze();
  task.width = task.height = side;
  return task;
}

static int count_of(const int32_t *tokens, int cells, int32_t token) {
  int count = 0;
  for (int i = 0; i < cells; i++) count += tokens[i] == token;
  return count;
}

static void check_made(const trm_task *task, uint64_t number, const trm_wanted *wanted) {
  int cells = task->width * task->height;
  trm_error err = {0};
  CHECK_OK(trm_generate(task, 5, number, wanted, question, answer, &err), err);
  CHECK_OK(trm_task_check_question(task, question, &err), err);
  assert_true(trm__maze_label(task->width, task->height, question, label, queue, parent));
  assert_memory_equal(label, answer, sizeof *label * (size_t)cells);
  assert_true(count_of(answer, cells, TRM__MAZE_PATH) + 1 >= wanted->min_path || wanted->max_side);
}

/* Walls are scattered as in the published set: 30 to 50 % over all. */
static void test_kind(void **state) {
  (void)state;
  trm_task task = square(30);
  trm_wanted wanted = trm_wanted_default();
  double walls = 0, least = 1, most = 0;
  for (uint64_t i = 0; i < 200; i++) {
    check_made(&task, i, &wanted);
    double share = count_of(question, 900, TRM__MAZE_WALL) / 900.0;
    walls += share / 200;
    least = share < least ? share : least;
    most = share > most ? share : most;
  }
  assert_true(walls > 0.36 && walls < 0.42);
  assert_true(least > 0.25 && least < 0.33 && most > 0.46 && most < 0.55);
}

static void test_paths(void **state) {
  (void)state;
  static const struct {
    int side, moves;
  } cases[] = {{5, 8}, {9, 20}, {15, 30}, {30, 70}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    trm_task task = square(cases[k].side);
    trm_wanted wanted = trm_wanted_default();
    wanted.min_path = cases[k].moves;
    for (uint64_t i = 0; i < 5; i++) check_made(&task, i, &wanted);
  }
}

/* Smaller mazes stand in the upper left corner, and all sizes come. */
static void test_sides(void **state) {
  (void)state;
  trm_task task = square(12);
  trm_wanted wanted = trm_wanted_default();
  int seen_row[12] = {0}, seen_column[12] = {0};
  wanted.min_side = 5, wanted.max_side = 9, wanted.min_path = 9;
  for (uint64_t i = 0; i < 400; i++) {
    check_made(&task, i, &wanted);
    int rows = 0, columns = 0;
    for (int at = 0; at < 144; at++) {
      if (question[at] == TRM__MAZE_WALL) continue;
      if (at / 12 > rows) rows = at / 12;
      if (at % 12 > columns) columns = at % 12;
    }
    assert_true(rows < 9 && columns < 9);
    seen_row[rows]++, seen_column[columns]++;
  }
  for (int last = 4; last < 9; last++) assert_true(seen_row[last] > 10 && seen_column[last] > 10);
}

static void test_again(void **state) {
  (void)state;
  int32_t before[225];
  trm_task task = square(15);
  trm_wanted wanted = trm_wanted_default();
  wanted.min_path = 20;
  check_made(&task, 7, &wanted);
  memcpy(before, question, sizeof before);
  check_made(&task, 8, &wanted);
  assert_memory_not_equal(before, question, sizeof before);
  check_made(&task, 7, &wanted);
  assert_memory_equal(before, question, sizeof before);
}

static int stop_at_second(void *context, int64_t tried) {
  (void)tried;
  return ++*(int *)context == 2;
}

static void test_refused(void **state) {
  (void)state;
  int calls = 0;
  trm_task task = square(5);
  trm_error err = {0};
  trm_wanted wanted = trm_wanted_default();
  wanted.min_path = 25;
  CHECK_FAILS(trm_generate(&task, 1, 0, &wanted, question, answer, &err), TRM_E_USAGE, err, "0 to 24 in a grid of 5");
  wanted.min_path = 24, wanted.tries = 1000;
  CHECK_FAILS(trm_generate(&task, 1, 0, &wanted, question, answer, &err), TRM_E_INPUT, err, "none of 1000 random mazes");
  wanted.progress = stop_at_second, wanted.context = &calls;
  CHECK_FAILS(trm_generate(&task, 1, 0, &wanted, question, answer, &err), TRM_E_STOPPED, err, "after 512 tries");
  wanted = trm_wanted_default();
  wanted.max_side = 6;
  CHECK_FAILS(trm_generate(&task, 1, 0, &wanted, question, answer, &err), TRM_E_USAGE, err, "some of 2 to 5");
  wanted.min_side = 4, wanted.max_side = 3;
  CHECK_FAILS(trm_generate(&task, 1, 0, &wanted, question, answer, &err), TRM_E_USAGE, err, "sides of 4 to 3");
  wanted = trm_wanted_default();
  wanted.min_clues = 3;
  CHECK_FAILS(trm_generate(&task, 1, 0, &wanted, question, answer, &err), TRM_E_USAGE, err, "clues and guesses");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_kind), cmocka_unit_test(test_paths),
                                     cmocka_unit_test(test_sides), cmocka_unit_test(test_again),
                                     cmocka_unit_test(test_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
