/* Declared symmetries: which words fit which task, that draws are what was declared and nothing else, and that keys are
 * equal for images and different for other grids. */
#include "support/check.h"

#include "base/rng.h"
#include "task/augment.h"
#include "task/generic/symmetry.h"
#include "task/keys.h"
#include "task/task.h"

static trm_task task_of(int width, int height, const char *symmetries) {
  trm_task task = trm__task_generic((int64_t)width * height, width, 7, ".abcde");
  task.width = width, task.height = height;
  (void)snprintf(task.symmetries, sizeof task.symmetries, "%s", symmetries);
  return task;
}

static void words_fit_the_task_or_are_named(void **state) {
  (void)state;
  static const struct {
    int width, height, pad;
    const char *words, *wrong; /* "": they fit */
  } cases[] = {
      {6, 6, 0, "", ""},
      {6, 6, 0, "  ", ""},
      {6, 6, 0, "symbols:ab", ""},
      {6, 6, 0, " symbols:ab  symbols:cde ", ""},
      {6, 6, 0, "dihedral", ""},
      {6, 6, 0, "dihedral rows columns", ""},
      {6, 6, 0, "bands:2 stacks:3", ""},
      {6, 6, 0, "dihedral bands:3 stacks:3", ""},
      {6, 4, 0, "dihedral rows", ""}, /* it cannot be turned, only mirrored */
      {8, 1, 0, "columns", ""},
      {6, 6, 0, "mirror", "\"mirror\" is not known"},
      {6, 6, 0, "dihedrel", "did you mean dihedral?"},
      {6, 6, 0, "symbols:", "not known"},
      {6, 6, 0, "bands:", "not known"},
      {6, 6, 0, "row", "did you mean rows?"},
      {6, 6, 0, "rowsx", "not known"},
      {6, 6, 0, "symbols:a", "has one symbol"},
      {6, 6, 0, "symbols:ax", "has 'x', which is no symbol"},
      {6, 6, 0, "symbols:aba", "has 'a', which stands in it before"},
      {6, 6, 0, "symbols:ab symbols:bc", "has 'b', which stands in it before"},
      {6, 6, 1, "symbols:.a", "has '.', which fills the grid"},
      {6, 6, 0, "dihedral dihedral", "stands twice"},
      {6, 6, 0, "rows bands:2", "once more"},
      {6, 6, 0, "stacks:2 columns", "once more"},
      {6, 6, 0, "rows rows", "once more"},
      {6, 6, 0, "bands:4", "does not fit a grid of 6 rows"},
      {6, 6, 0, "bands:0", "does not fit"},
      {6, 6, 0, "bands:1", "does not fit"},
      {6, 6, 0, "bands:6", "does not fit"},
      {6, 6, 0, "bands:-2", "does not fit"},
      {6, 6, 0, "stacks:2x", "does not fit a grid of 6 columns"},
      {6, 6, 0, "stacks:99999999999999999999", "does not fit"},
      {8, 1, 0, "rows", "does not fit a grid of 1 row"},
      {6, 6, 0, "dihedral rows", "turns rows into columns"},
      {6, 6, 0, "dihedral bands:2 stacks:3", "turns rows into columns"},
      {100, 100, 0, "dihedral", "10000 cells"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_task task = task_of(cases[i].width, cases[i].height, cases[i].words);
    trm__declared declared;
    trm_error err = {0};
    task.pad = cases[i].pad;
    if (!cases[i].wrong[0]) {
      CHECK_OK(trm__declared_read(&declared, &task, "here", &err), err);
      CHECK_OK(trm__task_check(&task, "here", &err), err);
      continue;
    }
    CHECK_FAILS(trm__declared_read(&declared, &task, "here", &err), TRM_E_INPUT, err, cases[i].wrong);
    assert_string_equal(err.where, "here");
    CHECK_FAILS(trm__task_check(&task, "here", &err), TRM_E_INPUT, err, cases[i].wrong);
  }
}

static void only_generic_tasks_declare(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(9);
  trm_error err = {0};
  strcpy(task.symmetries, "rows");
  CHECK_FAILS(trm__task_check(&task, "here", &err), TRM_E_INPUT, err, "symmetries: found in a task of kind sudoku");
  task = trm_task_maze();
  strcpy(task.judge, "true");
  CHECK_FAILS(trm__task_check(&task, "here", &err), TRM_E_INPUT, err, "judge: found in a task of kind maze");
  task = task_of(2, 2, "");
  task.pad = 7;
  CHECK_FAILS(trm__task_check(&task, "here", &err), TRM_E_INPUT, err, "pad: found token 7, expected 0 to 6");
}

static const char *const groups[] = {"symbols:abc symbols:de",
                                     "dihedral",
                                     "rows",
                                     "columns",
                                     "rows columns symbols:abcde",
                                     "bands:2",
                                     "stacks:3",
                                     "bands:3 stacks:2",
                                     "dihedral rows columns",
                                     "dihedral bands:2 stacks:2 symbols:abc"};
#define GROUPS (sizeof groups / sizeof *groups)
enum { SIDE = 6, CELLS = SIDE * SIDE };

static void draw_grid(trm__rng *rng, int32_t *tokens) {
  for (int i = 0; i < CELLS; i++) tokens[i] = 1 + (int32_t)trm__rng_below(rng, 6);
}

static void images_have_the_key_and_are_undone(void **state) {
  (void)state;
  trm__rng rng = trm__rng_make(1, TRM__RNG_TEST, 0);
  int32_t tokens[CELLS], image[CELLS], back[CELLS], labels[CELLS];
  for (size_t g = 0; g < GROUPS; g++) {
    trm_task task = task_of(SIDE, SIDE, groups[g]);
    assert_true(trm__symmetry_known(&task));
    int moved = 0;
    for (int k = 0; k < 200; k++) {
      trm__symmetry symmetry;
      draw_grid(&rng, tokens);
      uint64_t key = trm__question_key(&task, tokens, CELLS);
      trm__symmetry_draw(&task, &rng, &symmetry);
      trm__symmetry_apply(&symmetry, tokens, image);
      moved += memcmp(tokens, image, sizeof tokens) != 0;
      assert_true(trm__question_key(&task, image, CELLS) == key);
      trm__symmetry_undo(&symmetry, image, back);
      assert_memory_equal(tokens, back, sizeof tokens);
      memcpy(image, tokens, sizeof image);
      memcpy(labels, tokens, sizeof labels);
      trm__augment(&task, &rng, image, labels);
      assert_memory_equal(image, labels, sizeof image);
      assert_true(trm__question_key(&task, image, CELLS) == key);
      image[trm__rng_below(&rng, CELLS)] = 0;
      assert_true(trm__question_key(&task, image, CELLS) != key);
    }
    assert_true(moved > 150);
  }
}

/* What is not declared makes another puzzle. */
static void other_changes_change_the_key(void **state) {
  (void)state;
  static const struct {
    const char *words;
    int rows[2], columns[2]; /* exchanged */
    int same;
  } cases[] = {
      {"rows", {0, 5}, {0, 0}, 1},     {"rows", {0, 0}, {0, 1}, 0},     {"columns", {0, 0}, {1, 4}, 1},
      {"columns", {0, 1}, {0, 0}, 0},  {"bands:2", {0, 1}, {0, 0}, 1},  {"bands:2", {1, 2}, {0, 0}, 0},
      {"stacks:3", {0, 0}, {3, 5}, 1}, {"stacks:3", {0, 0}, {2, 3}, 0}, {"symbols:abc", {0, 1}, {0, 0}, 0},
      {"dihedral", {0, 1}, {0, 0}, 0},
  };
  trm__rng rng = trm__rng_make(2, TRM__RNG_TEST, 0);
  int32_t tokens[CELLS], image[CELLS];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int k = 0; k < 20; k++) {
      trm_task task = task_of(SIDE, SIDE, cases[i].words);
      draw_grid(&rng, tokens);
      for (int r = 0; r < SIDE; r++)
        for (int c = 0; c < SIDE; c++) {
          int from = r == cases[i].rows[0] ? cases[i].rows[1] : r == cases[i].rows[1] ? cases[i].rows[0] : r;
          int at = c == cases[i].columns[0] ? cases[i].columns[1] : c == cases[i].columns[1] ? cases[i].columns[0] : c;
          image[r * SIDE + c] = tokens[from * SIDE + at];
        }
      int same = trm__question_key(&task, image, CELLS) == trm__question_key(&task, tokens, CELLS);
      if (same != cases[i].same) fail_msg("%s: case %zu", cases[i].words, i);
    }
}

/* Every image of the group is drawn, as often as any other: rows of three in all six orders, a square in all eight. */
static void draws_are_even(void **state) {
  (void)state;
  enum { DRAWS = 6000 };
  static const struct {
    const char *words;
    int width, height, images;
  } cases[] = {{"rows", 1, 3, 6},    {"dihedral", 2, 2, 8},    {"dihedral", 3, 2, 4},    {"columns", 3, 1, 6},
               {"bands:2", 1, 4, 8}, {"symbols:abc", 6, 1, 6}, {"rows columns", 2, 2, 4}};
  trm__rng rng = trm__rng_make(3, TRM__RNG_TEST, 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_task task = task_of(cases[i].width, cases[i].height, cases[i].words);
    int32_t seen[16][6], tokens[6] = {2, 3, 4, 5, 6, 1}, image[6];
    int count[16] = {0}, images = 0, cells = cases[i].width * cases[i].height;
    for (int k = 0; k < DRAWS; k++) {
      trm__symmetry symmetry;
      int at = 0;
      trm__symmetry_draw(&task, &rng, &symmetry);
      trm__symmetry_apply(&symmetry, tokens, image);
      while (at < images && memcmp(seen[at], image, (size_t)cells * sizeof *image) != 0) at++;
      assert_true(at < 16);
      if (at == images) memcpy(seen[images++], image, (size_t)cells * sizeof *image);
      count[at]++;
    }
    if (images != cases[i].images) fail_msg("%s: %d images, expected %d", cases[i].words, images, cases[i].images);
    for (int k = 0; k < images; k++)
      if (count[k] < DRAWS / images * 3 / 4) fail_msg("%s: image %d was drawn %d times", cases[i].words, k, count[k]);
  }
}

/* A grid that needs memory for its key, which may lack: then all keys are one. */
static void large_grids_have_keys(void **state) {
  (void)state;
  trm_task task = task_of(64, 64, "dihedral rows columns");
  static int32_t tokens[4096], image[4096];
  trm__rng rng = trm__rng_make(4, TRM__RNG_TEST, 0);
  for (int i = 0; i < 4096; i++) tokens[i] = 1 + (int32_t)trm__rng_below(&rng, 6);
  trm__symmetry symmetry;
  trm__symmetry_draw(&task, &rng, &symmetry);
  trm__symmetry_apply(&symmetry, tokens, image);
  uint64_t key = trm__question_key(&task, tokens, 4096);
  size_t before = trm__mem_used();
  assert_true(key == trm__question_key(&task, image, 4096));
  image[7] = image[7] == 1 ? 2 : 1;
  assert_true(key != trm__question_key(&task, image, 4096));
  trm__mem_fail_at(1);
  assert_true(trm__question_key(&task, tokens, 4096) == 0);
  trm__mem_fail_at(0);
  assert_true(trm__mem_used() == before);
  tokens[0] = -100;
  assert_true(trm__question_key(&task, tokens, 4096) != key);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_fit_the_task_or_are_named),
      cmocka_unit_test(only_generic_tasks_declare),
      cmocka_unit_test(images_have_the_key_and_are_undone),
      cmocka_unit_test(other_changes_change_the_key),
      cmocka_unit_test(draws_are_even),
      cmocka_unit_test(large_grids_have_keys),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
