/* Which model is found: the first folder that has one that fits, in it the first by name of equal ones, but before them
 * the one for extreme Sudoku; what is no model is passed over. */
#include "support/check.h"

#include <trm/solve.h>

#define MODEL TRM_SOURCE_DIR "/models/sudoku-9x9.safetensors"

static const trm_puzzle_kind nine = {.cells = 81}, six = {.cells = 36};

static void link_as(const char *name) {
  (void)unlink(name);
  if (symlink(MODEL, name)) fail_msg("cannot link %s", name);
}

static void found(const char *const *folders, size_t count, const char *path) {
  trm_model *model = NULL;
  trm_error err = {0};
  CHECK_OK(trm_model_find(&model, folders, count, &nine, NULL, &err), err);
  assert_string_equal(trm_model_get_path(model), path);
  trm_model_close(&model);
}

static void finding(void **state) {
  (void)state;
  trm_model *model = NULL;
  trm_error err = {0};
  size_t files = 99;
  const char *const folders[] = {"find-absent", "find-a", "find-b"};
  (void)mkdir("find-a", 0700), (void)mkdir("find-b", 0700);
  CHECK_FAILS(trm_model_find(&model, folders, 3, &nine, &files, &err), TRM_E_INPUT, err, "find-absent, find-a, find-b");
  assert_int_equal(files, 0);
  link_as("find-b/m.safetensors"), link_as("find-b/n.safetensors");
  FILE *broken = fopen("find-b/broken.safetensors", "w");
  assert_non_null(broken);
  (void)fputs("no model", broken);
  (void)fclose(broken);
  found(folders, 3, "find-b/m.safetensors");
  link_as("find-b/sudoku-extreme.safetensors");
  found(folders, 3, "find-b/sudoku-extreme.safetensors");
  link_as("find-a/z.safetensors");
  found(folders, 3, "find-a/z.safetensors");
  CHECK_FAILS(trm_model_find(&model, folders, 3, &six, &files, &err), TRM_E_INPUT, err, "of the 5 models");
  assert_int_equal(files, 5);
  assert_null(model);
  CHECK_FAILS(trm_model_find(&model, NULL, 0, &six, NULL, &err), TRM_E_INPUT, err, "no folder");
}

/* A strict order: of any two different ones exactly one goes before. */
static void order(void **state) {
  (void)state;
  const trm_model_rank ranks[] = {
      {"sudoku-extreme", 900, 9000000}, {"z", 16, 9}, {"b", 81, 100}, {"c", 81, 100}, {"a", 81, 200}, {"", 256, 1}};
  const int count = sizeof ranks / sizeof *ranks;
  for (int i = 0; i < count; i++)
    for (int k = 0; k < count; k++) assert_int_equal(trm_model_is_before(&ranks[i], &ranks[k]), i < k);
}

static void words_of_ends(void **state) {
  (void)state;
  static const char *const words[] = {"none", "head", "rules", "fixed_point", "hopeless"};
  for (int i = TRM_HALT_NONE; i <= TRM_HALT_HOPELESS; i++) assert_string_equal(trm_halt_name((trm_halt)i), words[i]);
  assert_string_equal(trm_halt_name((trm_halt)99), "none");
}

static void kinds_and_tasks(void **state) {
  (void)state;
  const trm_task sudoku = trm_task_sudoku(9), maze = trm_task_maze();
  const trm_puzzle_kind cells = {.cells = 81}, tokens = {.cells = 81, .vocab_size = 11},
                        other = {.cells = 81, .vocab_size = 7};
  const trm_puzzle_kind known = {.cells = 81, .task = sudoku};
  trm_task five = maze;
  five.width = five.height = 5;
  const trm_puzzle_kind small = {.cells = 25, .task = five}, large = {.cells = 900};
  assert_true(trm_puzzle_kind_fits(&cells, &sudoku) && trm_puzzle_kind_fits(&tokens, &sudoku));
  assert_true(trm_puzzle_kind_fits(&known, &sudoku) && trm_puzzle_kind_fits(&small, &maze));
  assert_false(trm_puzzle_kind_fits(&large, &maze)); /* a maze's text would have told */
  assert_false(trm_puzzle_kind_fits(&six, &sudoku) || trm_puzzle_kind_fits(&other, &sudoku));
  assert_false(trm_puzzle_kind_fits(&known, &maze) || trm_puzzle_kind_fits(&small, &sudoku));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(finding), cmocka_unit_test(order),
                                     cmocka_unit_test(words_of_ends), cmocka_unit_test(kinds_and_tasks)};
  char folder[64];
  check_temp_dir(folder);
  if (chdir(folder)) return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  if (chdir("..")) return 1;
  check_remove(folder);
  return failed;
}
