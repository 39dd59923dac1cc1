/* What must hold of every maze, over many random ones: all images of a maze have one key, and different mazes have
 * different keys, also where the choice of an image is not easy: no start or goal, several, or one on an axis. */
#include "support/check.h"

#include <trm/data.h>

#include "base/rng.h"
#include "task/augment.h"
#include "task/keys.h"
#include "task/maze/maze.h"
#include "task/symmetry.h"

enum { MOST = 30 * 30, MAZES = 3000 };

/* Walls at random. Every second maze has its start, and every third its goal, on an axis; every tenth has no goal, and
 * every eleventh two starts. */
static trm_task random_maze(uint64_t number, int32_t *tokens) {
  trm__rng rng = trm__rng_make(21, TRM__RNG_TEST, number);
  trm_task task = trm_task_maze();
  task.width = number % 7 == 0 ? 30 : 5 + (int)trm__rng_below(&rng, 8);
  task.height = number % 4 ? task.width : 5 + (int)trm__rng_below(&rng, 8);
  int cells = task.width * task.height, middle = task.height / 2 * task.width;
  uint32_t walls = 10 + trm__rng_below(&rng, 60);
  for (int i = 0; i < cells; i++) tokens[i] = trm__rng_below(&rng, 100) < walls ? TRM__MAZE_WALL : TRM__MAZE_FREE;
  int start = number % 2 ? middle + task.width / 2 : (int)trm__rng_below(&rng, (uint32_t)cells), goal = start;
  while (goal == start)
    goal = number % 3 ? (int)trm__rng_below(&rng, (uint32_t)cells)
                      : middle + (int)trm__rng_below(&rng, (uint32_t)task.width);
  tokens[start] = TRM__MAZE_START;
  if (number % 10) tokens[goal] = TRM__MAZE_GOAL;
  if (number % 11 == 0) tokens[goal] = TRM__MAZE_START;
  return task;
}

static uint64_t key_of(const trm_task *task, const int32_t *tokens) {
  return trm__question_key(task, tokens, (size_t)task->width * (size_t)task->height);
}

static void test_images_have_one_key(void **state) {
  (void)state;
  int32_t maze[MOST], image[MOST];
  for (uint64_t i = 0; i < MAZES; i++) {
    trm_task task = random_maze(i, maze);
    int transforms[8], count = trm__grid_transforms(task.width, task.height, transforms);
    assert_int_equal(count, task.width == task.height ? 8 : 4);
    for (int k = 0; k < count; k++) {
      trm__grid_dihedral(transforms[k], task.width, task.height, maze, image);
      assert_true(key_of(&task, image) == key_of(&task, maze));
    }
  }
}

/* The symmetries of the key are those of augmentation. */
static void test_augmented_has_the_key(void **state) {
  (void)state;
  int32_t maze[MOST], image[MOST], labels[MOST];
  int changed = 0;
  for (uint64_t i = 0; i < MAZES; i++) {
    trm_task task = random_maze(i, maze);
    size_t bytes = sizeof *maze * (size_t)(task.width * task.height);
    memcpy(image, maze, bytes);
    memcpy(labels, maze, bytes);
    trm__rng rng = trm__rng_make(22, TRM__RNG_AUGMENT, i);
    trm__augment(&task, &rng, image, labels);
    changed += memcmp(image, maze, bytes) != 0;
    assert_true(key_of(&task, image) == key_of(&task, maze));
  }
  assert_true(changed > MAZES / 2);
}

/* A drawn symmetry can be undone, and an image of a right answer is right. */
static void test_symmetry(void **state) {
  (void)state;
  for (uint64_t i = 0; i < 200; i++) {
    trm__rng rng = trm__rng_make(23, TRM__RNG_TEST, i);
    trm_task task = trm_task_maze();
    task.width = task.height = 5 + (int)(i % 12);
    int32_t question[MOST], answer[MOST], x[MOST], y[MOST], back[MOST];
    trm_error err = {0};
    if (trm_generate(&task, 23, i, NULL, question, answer, &err)) fail_msg("%s", err.message);
    size_t bytes = sizeof *x * (size_t)(task.width * task.height);
    trm__symmetry symmetry;
    trm__symmetry_draw(&task, &rng, &symmetry);
    trm__symmetry_apply(&symmetry, question, x);
    trm__symmetry_apply(&symmetry, answer, y);
    trm_task_verdict v = trm_task_judge(&task, x, y);
    assert_true(v.keeps_rules == 1 && v.keeps_clues == 1);
    trm__symmetry_undo(&symmetry, y, back);
    assert_memory_equal(back, answer, bytes);
    y[0] = y[0] == 1 ? 2 : 1; /* what is not right is not made so */
    trm__symmetry_undo(&symmetry, y, back);
    v = trm_task_judge(&task, question, back);
    assert_true(v.keeps_rules != 1 || v.keeps_clues != 1);
  }
}

/* The least of a maze's images as arrays: equal for two mazes exactly when they are images of each other. */
static void canonical(const trm_task *task, const int32_t *maze, int32_t *least) {
  int32_t image[MOST];
  size_t bytes = sizeof *maze * (size_t)(task->width * task->height);
  int transforms[8], count = trm__grid_transforms(task->width, task->height, transforms);
  memcpy(least, maze, bytes);
  for (int k = 0; k < count; k++) {
    trm__grid_dihedral(transforms[k], task->width, task->height, maze, image);
    if (memcmp(image, least, bytes) < 0) memcpy(least, image, bytes);
  }
}

/* One cell changed, or two cells exchanged: another key, unless that is an image of the same maze. */
static void test_others_have_another_key(void **state) {
  (void)state;
  int32_t maze[MOST], other[MOST], a[MOST], b[MOST];
  int compared = 0;
  for (uint64_t i = 0; i < MAZES; i++) {
    trm_task task = random_maze(i, maze);
    size_t cells = (size_t)(task.width * task.height), bytes = sizeof *maze * cells;
    trm__rng rng = trm__rng_make(23, TRM__RNG_TEST, i);
    uint32_t x = trm__rng_below(&rng, (uint32_t)cells), y = trm__rng_below(&rng, (uint32_t)cells);
    memcpy(other, maze, bytes);
    if (i % 2) other[x] = maze[x] == TRM__MAZE_WALL ? TRM__MAZE_FREE : TRM__MAZE_WALL;
    else other[x] = maze[y], other[y] = maze[x];
    canonical(&task, maze, a);
    canonical(&task, other, b);
    int same = memcmp(a, b, bytes) == 0;
    compared += !same;
    assert_int_equal(key_of(&task, maze) == key_of(&task, other), same);
  }
  assert_true(compared > MAZES / 2);
}

static int compare_keys(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* Every 3x3 grid of walls, free cells, starts and goals: as many keys as there are classes, counted with Burnside's
 * lemma: (4^9 + 2 * 4^3 + 4^5 + 4 * 4^6) / 8. */
static void test_all_small_mazes(void **state) {
  (void)state;
  enum { GRIDS = 1 << 18 };
  trm_task task = trm_task_maze();
  task.width = task.height = 3;
  uint64_t *keys = malloc(GRIDS * sizeof *keys);
  assert_non_null(keys);
  for (int g = 0; g < GRIDS; g++) {
    int32_t maze[9];
    for (int i = 0; i < 9; i++) maze[i] = TRM__MAZE_WALL + (g >> 2 * i & 3);
    keys[g] = key_of(&task, maze);
  }
  qsort(keys, GRIDS, sizeof *keys, compare_keys);
  int classes = 1;
  for (int g = 1; g < GRIDS; g++) classes += keys[g] != keys[g - 1];
  assert_int_equal(classes, (262144 + 2 * 64 + 1024 + 4 * 4096) / 8);
  free(keys);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_images_have_one_key),
      cmocka_unit_test(test_augmented_has_the_key),
      cmocka_unit_test(test_symmetry),
      cmocka_unit_test(test_others_have_another_key),
      cmocka_unit_test(test_all_small_mazes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
