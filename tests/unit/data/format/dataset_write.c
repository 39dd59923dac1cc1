/* Whether a dataset can be written is found out by making a folder: a kill in that moment leaves it, and the next try,
 * like every writer, removes what the one before left. */
#include "data/format/dataset_dir.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "support/data.h"

static int dies_after_mkdir;

int mkdir(const char *path, mode_t mode) { /* in place of the C library's, for this program */
  int result = mkdirat(AT_FDCWD, path, mode);
  if (dies_after_mkdir) raise(SIGKILL);
  return result;
}

static int try_and_die(void *out) {
  dies_after_mkdir = 1;
  return (int)trm__dataset_can_write(out, NULL);
}

static void expect_nothing_in(const char *path) {
  trm_error err = {0};
  char **names;
  size_t count;
  CHECK_OK(trm__dir_list(path, &names, &count, &err), err);
  if (count > 0) fail_msg("\"%s\" was left behind", names[0]);
  trm__dir_list_free(names, count);
}

static void check_killed(const char *out) {
  trm_error err = {0};
  char **names;
  size_t count;
  assert_int_equal(check_in_child(try_and_die, (void *)out), 1000 + SIGKILL);
  CHECK_OK(trm__dir_list(folder, &names, &count, &err), err);
  assert_int_equal(count, 1); /* the kill came in that moment */
  trm__dir_list_free(names, count);
  CHECK_OK(trm__dataset_can_write(out, &err), err);
  expect_nothing_in(folder);
}

static void a_kill_leaves_nothing(void **state) {
  (void)state;
  char out[128];
  snprintf(out, sizeof out, "%s/set", folder);
  check_killed(out);
  snprintf(out, sizeof out, "%s/missing/too/set", folder); /* tried for in the nearest folder that exists */
  check_killed(out);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_kill_leaves_nothing)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
