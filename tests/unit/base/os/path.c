/* One path as seen from another. */
#include "support/check.h"

#include <unistd.h>

#include "base/mem.h"
#include "base/os/file.h"

static char folder[64];

static void expect(const char *from, const char *to, const char *expected) {
  trm_error err = {0};
  char *out = NULL, start[128];
  snprintf(start, sizeof start, "%s", check_path(folder, from));
  CHECK_OK(trm__path_relative(&out, start, check_path(folder, to), &err), err);
  if (!out || strcmp(out, expected)) fail_msg("from %s to %s: \"%s\", expected \"%s\"", from, to, out, expected);
  trm__free(out);
}

static void test_relative(void **state) {
  (void)state;
  trm_error err = {0};
  check_temp_dir(folder);
  const char *const made[] = {"a/run", "a/running", "a/run/in", "b"};
  for (size_t i = 0; i < sizeof made / sizeof *made; i++)
    CHECK_OK(trm__dir_make(check_path(folder, made[i]), &err), err);
  CHECK_OK(trm__file_write(check_path(folder, "a/x.csv"), "x", 1, &err), err);
  expect("a/run", "a/x.csv", "../x.csv");
  expect("a/run", "a/running", "../running");
  expect("a/running", "a/run", "../run");
  expect("a/run", "a/run/in", "in");
  expect("a/run/in", "a/run", "..");
  expect("a/run/in", "a/x.csv", "../../x.csv");
  expect("a/run", "b", "../../b");
  expect("a/run", "a/run", ".");
  expect("a/./run/../run", "a//x.csv", "../x.csv");
  assert_int_equal(symlink("../a/x.csv", check_path(folder, "b/link")), 0);
  expect("b", "b/link", "../a/x.csv"); /* what it names, which is what a run reads */
  char *out = folder;
  CHECK_OK(trm__path_relative(&out, folder, check_path(folder, "gone"), &err), err);
  assert_null(out);
  CHECK_OK(trm__path_relative(&out, "/", "/dev", &err), err);
  assert_string_equal(out, "dev");
  trm__free(out);
  CHECK_OK(trm__path_relative(&out, "/dev", "/", &err), err);
  assert_string_equal(out, "..");
  trm__free(out);
  CHECK_OK(trm__path_relative(&out, "/", "/", &err), err);
  assert_string_equal(out, ".");
  trm__free(out);
  check_remove(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_relative)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
