/* The maze labelling rule against hand-made mazes and the published labels, and the symmetries of a square. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/puzzles.h"
#include "task/augment.h"
#include "task/maze/maze.h"

enum { SIDE = 30, CELLS = SIDE * SIDE };

static int32_t queue[CELLS], parent[CELLS];

static void tokens_of(const char *text, int cells, int32_t *tokens) {
  for (int i = 0; i < cells; i++) tokens[i] = (int32_t)(strchr("# SGo", text[i]) - "# SGo") + 1;
}

static void assert_label(int width, int height, const char *question, const char *answer) {
  int32_t in[64], want[64], got[64];
  tokens_of(question, width * height, in);
  tokens_of(answer, width * height, want);
  assert_true(trm__maze_label(width, height, in, got, queue, parent));
  assert_memory_equal(got, want, sizeof(int32_t) * (size_t)(width * height));
}

static void test_ties(void **state) {
  (void)state;
  assert_label(3, 3,
               "S  "
               "   "
               "  G",
               "S  "
               "o  "
               "ooG"); /* down before right */
  assert_label(3, 3,
               "  S"
               "   "
               "G  ",
               "  S"
               "  o"
               "Goo"); /* down before left */
  assert_label(3, 3,
               "G  "
               "   "
               "  S",
               "G  "
               "o  "
               "ooS"); /* left before up */
  assert_label(2, 1, "SG", "SG");
  assert_label(4, 1, "S  G", "SooG");
}

static void test_refuses(void **state) {
  (void)state;
  static const char *bad[] = {"S#G", "S  ", "  G", "SSG", "SGG", "   "};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    int32_t in[3], out[3] = {7, 8, 9};
    tokens_of(bad[i], 3, in);
    assert_false(trm__maze_label(3, 1, in, out, queue, parent));
    assert_int_equal(out[0], 7);
    assert_int_equal(out[2], 9);
  }
}

static void test_dihedral(void **state) {
  (void)state;
  const int32_t grid[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  static const int32_t want[8][9] = {{1, 2, 3, 4, 5, 6, 7, 8, 9}, {3, 6, 9, 2, 5, 8, 1, 4, 7},
                                     {9, 8, 7, 6, 5, 4, 3, 2, 1}, {7, 4, 1, 8, 5, 2, 9, 6, 3},
                                     {3, 2, 1, 6, 5, 4, 9, 8, 7}, {7, 8, 9, 4, 5, 6, 1, 2, 3},
                                     {1, 4, 7, 2, 5, 8, 3, 6, 9}, {9, 6, 3, 8, 5, 2, 7, 4, 1}};
  for (int t = 0; t < 8; t++) {
    int32_t image[9], back[9];
    trm__grid_dihedral(t, 3, 3, grid, image);
    assert_memory_equal(image, want[t], sizeof image);
    trm__grid_dihedral(trm__dihedral_inverse(t), 3, 3, image, back);
    assert_memory_equal(back, grid, sizeof back);
  }
  const int32_t wide[6] = {1, 2, 3, 4, 5, 6}, turned[6] = {6, 5, 4, 3, 2, 1}, flipped[6] = {3, 2, 1, 6, 5, 4};
  int32_t image[6];
  trm__grid_dihedral(2, 3, 2, wide, image);
  assert_memory_equal(image, turned, sizeof image);
  trm__grid_dihedral(4, 3, 2, wide, image);
  assert_memory_equal(image, flipped, sizeof image);
}

static int path_length(const int32_t *labels) {
  int length = 0;
  for (int i = 0; i < CELLS; i++) length += labels[i] == TRM__MAZE_PATH;
  return length;
}

static trm_task maze_task(void) {
  trm_task task = {.kind = TRM_TASK_MAZE, .width = SIDE, .height = SIDE, .vocab_size = 6, .alphabet = "# SGo"};
  return task;
}

/* Every published label follows the rule, and an augmented one still does and is as long. */
static void test_published(void **state) {
  (void)state;
  puzzle_file file;
  if (!puzzle_file_read(&file, TRM_SOURCE_DIR "/../shared/data/maze/train.csv", CELLS)) return;
  static int32_t in[CELLS], want[CELLS], got[CELLS];
  trm_task task = maze_task();
  int moved = 0;
  for (int i = 0; i < file.count; i++) {
    tokens_of(puzzle_text(&file, i, 0), CELLS, in);
    tokens_of(puzzle_text(&file, i, 1), CELLS, want);
    assert_true(trm__maze_label(SIDE, SIDE, in, got, queue, parent));
    assert_memory_equal(got, want, sizeof got);
    int length = path_length(got);
    static int32_t before[CELLS];
    memcpy(before, in, sizeof in);
    trm__rng rng = trm__rng_make(1, TRM__RNG_AUGMENT, (uint64_t)i);
    trm__augment(&task, &rng, in, want);
    moved += memcmp(before, in, sizeof in) != 0;
    assert_true(trm__maze_label(SIDE, SIDE, in, got, queue, parent));
    assert_memory_equal(got, want, sizeof got);
    assert_int_equal(path_length(got), length);
  }
  assert_true(moved > file.count / 2);
  assert_int_equal(file.count, 1000);
  puzzle_file_free(&file);
}

static void test_known(void **state) {
  (void)state;
  trm_task task = maze_task();
  assert_true(trm__augment_known(&task));
  task.width = 1000, task.height = 1000;
  assert_false(trm__augment_known(&task));
  task.kind = TRM_TASK_GENERIC;
  assert_false(trm__augment_known(&task));
}

/* A maze without a path is returned as it was. */
static void test_unsolvable_untouched(void **state) {
  (void)state;
  trm_task task = {.kind = TRM_TASK_MAZE, .width = 3, .height = 1, .vocab_size = 6, .alphabet = "# SGo"};
  for (uint64_t i = 0; i < 20; i++) {
    int32_t in[3] = {3, 1, 4}, labels[3] = {3, -100, 4};
    trm__rng rng = trm__rng_make(2, TRM__RNG_AUGMENT, i);
    trm__augment(&task, &rng, in, labels);
    assert_int_equal(in[0], 3);
    assert_int_equal(labels[1], -100);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ties),      cmocka_unit_test(test_refuses), cmocka_unit_test(test_dihedral),
      cmocka_unit_test(test_published), cmocka_unit_test(test_known),   cmocka_unit_test(test_unsolvable_untouched),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
