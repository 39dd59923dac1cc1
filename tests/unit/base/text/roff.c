/* Escapes for man pages. */
#include "support/check.h"

#include "base/text/roff.h"

static void expect_roff(char c, int line_start, const char *expected) {
  char escaped[4];
  assert_string_equal(trm__roff_char(c, line_start, escaped), expected);
}

static void what_roff_would_take_is_escaped(void **state) {
  (void)state;
  expect_roff('a', 1, "a");
  expect_roff('-', 0, "\\-");
  expect_roff('\\', 1, "\\e");
  expect_roff('.', 0, ".");
  expect_roff('.', 1, "\\&.");
  expect_roff('\'', 0, "'");
  expect_roff('\'', 1, "\\&'");
  expect_roff('\n', 0, "\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(what_roff_would_take_is_escaped)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
