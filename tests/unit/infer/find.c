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

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(finding)};
  char folder[64];
  check_temp_dir(folder);
  if (chdir(folder)) return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  if (chdir("..")) return 1;
  check_remove(folder);
  return failed;
}
