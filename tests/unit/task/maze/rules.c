/* Shortest paths of mazes: counted as a slow search that follows each of them counts, given up at the bound, and
 * without memory. What the rules allow is in tests/unit/task/task.c. */
#include "support/check.h"

#include <math.h>

#include "base/rng.h"
#include "task/maze/maze.h"
#include "task/maze/rules.h"

enum { MOST = 64 };

static trm_task small_maze(int width, int height) {
  trm_task task = trm_task_maze();
  task.width = width, task.height = height;
  return task;
}

static void read_maze(const trm_task *task, const char *text, int32_t *tokens) {
  trm_error err = {0};
  CHECK_OK(trm_task_parse(task, text, strlen(text), tokens, MOST, &err), err);
}

/* Paths of so many steps from `at` to goal that visit no cell twice. Of the least such number all are shortest. */
static int follow(const trm_task *task, int32_t *tokens, int at, int steps) {
  static const int down[4] = {1, -1, 0, 0}, right[4] = {0, 0, 1, -1};
  int found = 0, row = at / task->width, column = at % task->width;
  if (tokens[at] == TRM__MAZE_GOAL) return steps == 0;
  if (steps == 0) return 0;
  int32_t kept = tokens[at];
  tokens[at] = TRM__MAZE_WALL;
  for (int k = 0; k < 4; k++) {
    int r = row + down[k], c = column + right[k], to = r * task->width + c;
    if (r < 0 || r >= task->height || c < 0 || c >= task->width) continue;
    if (tokens[to] == TRM__MAZE_FREE || tokens[to] == TRM__MAZE_GOAL) found += follow(task, tokens, to, steps - 1);
  }
  tokens[at] = kept;
  return found;
}

static int slow_count(const trm_task *task, int32_t *tokens, int start) {
  for (int steps = 1; steps < task->width * task->height; steps++) {
    int found = follow(task, tokens, start, steps);
    if (found) return found;
  }
  return 0;
}

static void test_against_slow(void **state) {
  (void)state;
  int seen[3] = {0};
  for (uint64_t i = 0; i < 3000; i++) {
    int32_t tokens[MOST];
    trm__rng rng = trm__rng_make(31, TRM__RNG_TEST, i);
    trm_task task = small_maze(2 + (int)trm__rng_below(&rng, 4), 2 + (int)trm__rng_below(&rng, 3));
    uint32_t cells = (uint32_t)(task.width * task.height), start = trm__rng_below(&rng, cells), goal = start;
    for (uint32_t k = 0; k < cells; k++) tokens[k] = trm__rng_below(&rng, 4) ? TRM__MAZE_FREE : TRM__MAZE_WALL;
    while (goal == start) goal = trm__rng_below(&rng, cells);
    tokens[start] = TRM__MAZE_START, tokens[goal] = TRM__MAZE_GOAL;
    int want = slow_count(&task, tokens, (int)start);
    assert_int_equal(trm__maze_unique(&task, tokens, 1000, 0).count, want);
    assert_int_equal(trm_task_unique(&task, tokens, 0).count, want > 2 ? 2 : want);
    seen[want > 2 ? 2 : want]++;
  }
  assert_true(seen[0] > 200 && seen[1] > 200 && seen[2] > 200);
}

/* An open grid has more shortest paths than fit a number; both ends must be there; several are usual. */
static void test_many_and_none(void **state) {
  (void)state;
  int32_t tokens[MOST];
  trm_task task = small_maze(8, 8);
  for (int i = 0; i < MOST; i++) tokens[i] = TRM__MAZE_FREE;
  tokens[0] = TRM__MAZE_START, tokens[63] = TRM__MAZE_GOAL;
  assert_int_equal(trm__maze_unique(&task, tokens, 100000, 0).count, 3432); /* 14 over 7 */
  assert_int_equal(trm__maze_unique(&task, tokens, 1000, 0).count, 1000);
  assert_int_equal(trm_task_unique(&task, tokens, 0).count, 2);
  assert_int_equal(trm_task_unique(&task, tokens, 0).single, 0);
  assert_true(isnan(trm_task_unique(&task, tokens, 0).effort));
  assert_int_equal(trm_task_unique(&task, tokens, 62).count, TRM_SOLUTIONS_UNDECIDED);
  assert_int_equal(trm_task_unique(&task, tokens, 63).count, 2);
  tokens[63] = TRM__MAZE_FREE;
  assert_int_equal(trm_task_unique(&task, tokens, 0).count, 0);
  tokens[63] = TRM__MAZE_GOAL, tokens[1] = TRM__MAZE_START;
  assert_int_equal(trm_task_unique(&task, tokens, 0).count, 0);
}

/* Without memory nothing is claimed. */
static void test_without_memory(void **state) {
  (void)state;
  int32_t question[MOST], answer[MOST];
  trm_task_cell cells[MOST];
  trm_error err = {0};
  trm_task task = small_maze(4, 2);
  read_maze(&task, "S#G     ", question);
  read_maze(&task, "S#Go o  ", answer);
  trm__mem_fail_at(1);
  assert_int_equal(trm_task_unique(&task, question, 0).count, TRM_SOLUTIONS_UNDECIDED);
  trm__mem_fail_at(1);
  assert_int_equal(trm_task_judge(&task, question, answer).keeps_rules, -1);
  trm__mem_fail_at(1);
  CHECK_FAILS(trm_task_check_question(&task, question, &err), TRM_E_MEMORY, err, NULL);
  trm__mem_fail_at(1);
  assert_int_equal(trm_task_draw(&task, question, answer, cells).wrong, 0);
  trm__mem_fail_at(1);
  CHECK_FAILS(trm_generate(&task, 1, 1, NULL, question, answer, &err), TRM_E_MEMORY, err, NULL);
  trm__mem_fail_at(0);
  assert_int_equal(trm_task_unique(&task, question, 0).count, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_against_slow),
      cmocka_unit_test(test_many_and_none),
      cmocka_unit_test(test_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
