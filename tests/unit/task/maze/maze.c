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

/* The symmetry that an augmentation of this size draws from this stream, by what it does to a grid whose cells all
 * differ. */
static int drawn_transform(const trm_task *task, uint64_t index) {
  int32_t numbers[CELLS], moved[CELLS], image[CELLS], labels[CELLS];
  int cells = task->width * task->height, transforms[8];
  int count = trm__grid_transforms(task->width, task->height, transforms);
  for (int i = 0; i < cells; i++) moved[i] = numbers[i] = labels[i] = 10 + i;
  trm__rng rng = trm__rng_make(2, TRM__RNG_AUGMENT, index);
  trm__augment(task, &rng, moved, labels);
  assert_memory_equal(moved, labels, sizeof *moved * (size_t)cells);
  for (int k = 0; k < count; k++) {
    trm__grid_dihedral(transforms[k], task->width, task->height, numbers, image);
    if (memcmp(image, moved, sizeof *image * (size_t)cells) == 0) return transforms[k];
  }
  fail_msg("augmentation %d is none of the symmetries", (int)index);
  return -1;
}

/* Under every symmetry: the question moves, and the labels are want_rule's for the image or the moved ones. */
static void assert_augmented(int width, int height, const char *question, const int32_t *labels, int want_rule) {
  trm_task task = {.kind = TRM_TASK_MAZE, .width = width, .height = height, .vocab_size = 6, .alphabet = "# SGo"};
  size_t bytes = sizeof *labels * (size_t)(width * height);
  int seen[8] = {0}, kinds = 0;
  for (uint64_t i = 0; i < 100; i++) {
    int32_t in[64], out[64], image[64], want[64];
    int transform = drawn_transform(&task, i);
    kinds += !seen[transform]++;
    tokens_of(question, width * height, in);
    memcpy(out, labels, bytes);
    trm__grid_dihedral(transform, width, height, in, image);
    trm__grid_dihedral(transform, width, height, labels, want);
    if (want_rule) {
      int32_t rule[64];
      assert_true(trm__maze_label(width, height, image, rule, queue, parent));
      for (int k = 0; k < width * height; k++) want[k] = want[k] == -100 ? -100 : rule[k];
    }
    trm__rng rng = trm__rng_make(2, TRM__RNG_AUGMENT, i);
    trm__augment(&task, &rng, in, out);
    assert_memory_equal(in, image, bytes);
    assert_memory_equal(out, want, bytes);
  }
  assert_int_equal(kinds, width == height ? 8 : 4);
}

static void assert_kind(int width, int height, const char *question, const char *answer, int want_rule) {
  int32_t labels[64];
  tokens_of(answer, width * height, labels);
  assert_augmented(width, height, question, labels, want_rule);
}

/* Labels of the rule are computed again; others stay their author's under all eight symmetries. */
static void test_labels_stay_of_one_kind(void **state) {
  (void)state;
  assert_kind(3, 3, "S      G ", "S  o  oG ", 1);
  assert_kind(3, 3, "S       G", "S  o  ooG", 1);
  assert_kind(3, 3, "S       G", "Soo  o  G", 0);       /* the other shortest path */
  assert_kind(3, 3, "S   #  G ", "Soo #o Go", 0);       /* a detour */
  assert_kind(3, 3, "S   #  G ", "S   #  G ", 0);       /* no path drawn */
  assert_kind(4, 3, "S   # #    G", "So  #o#  ooG", 1); /* a grid that is not square */
  assert_kind(4, 3, "S   # #    G", "So  #o#  o G", 0);
  assert_kind(4, 2, "S      G", "SoooooGo", 0); /* labels that change the question */
  assert_kind(3, 2, "S####G", "S####G", 0);     /* no way */
  assert_kind(3, 2, "SS    ", "SSo  o", 0);     /* two starts */
}

/* Labels of the rule that leave walls unscored stay unscored there; where free cells are unscored, what is scored is
 * the author's choice, and moves. */
static void test_unscored_labels_move(void **state) {
  (void)state;
  int32_t labels[9];
  const char *question = "S #   # G";
  tokens_of(question, 9, labels);
  assert_true(trm__maze_label(3, 3, labels, labels, queue, parent));
  for (int i = 0; i < 9; i++)
    if (question[i] != ' ') labels[i] = -100;
  assert_augmented(3, 3, question, labels, 1);
  for (int i = 0; i < 9; i++)
    if (labels[i] == TRM__MAZE_FREE) labels[i] = -100;
  assert_augmented(3, 3, question, labels, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_ties),
      cmocka_unit_test(test_refuses),
      cmocka_unit_test(test_dihedral),
      cmocka_unit_test(test_published),
      cmocka_unit_test(test_known),
      cmocka_unit_test(test_labels_stay_of_one_kind),
      cmocka_unit_test(test_unscored_labels_move),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
