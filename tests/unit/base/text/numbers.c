/* Numbers as text: what is read and what is refused, the shortest text, and the same under a decimal comma. */
#include "support/locale.h"

#include "base/text/numbers.h"

static void whole_numbers_are_read_whole(void **state) {
  (void)state;
  int64_t value = 7;
  assert_int_equal(trm__int_read("-9223372036854775808", &value), TRM__NUMBER_OK);
  assert_true(value == INT64_MIN);
  assert_int_equal(trm__int_read("+007", &value), TRM__NUMBER_OK);
  assert_int_equal(value, 7);
  const char *const bad[] = {"", "-", " 1", "1 ", "1.5", "1e3", "0x10", "--1", "x", ".5"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (trm__int_read(bad[i], &value) != TRM__NUMBER_BAD) fail_msg("\"%s\" was taken", bad[i]);
  assert_int_equal(trm__int_read("9223372036854775808", &value), TRM__NUMBER_TOO_LARGE);
  assert_int_equal(value, 7);
}

static void reals_are_read_whole(void **state) {
  (void)state;
  double value = 7;
  const struct {
    const char *text;
    double value;
  } good[] = {{"0.1", 0.1}, {"-.5e3", -500}, {"1.", 1}, {"+2E-2", 0.02}, {"1e999", (double)INFINITY}, {"00", 0}};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    if (trm__real_read(good[i].text, &value) || value != good[i].value) fail_msg("\"%s\" is %g", good[i].text, value);
  value = 7;
  const char *const bad[] = {"", " 1", "1 ", "1,5", "nan", "inf", "-infinity", "0x1p3", "-0X1", "1e", "e5", ".", "-"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (trm__real_read(bad[i], &value) != TRM__NUMBER_BAD || value != 7) fail_msg("\"%s\" was taken", bad[i]);
}

static trm__number read_decimal(const char *text, double *out) {
  return trm__decimal_read(text, strlen(text), out);
}

static void decimals_are_the_plainest_form(void **state) {
  (void)state;
  double value = 7;
  assert_int_equal(trm__decimal_read("2.50,3", 4, &value), TRM__NUMBER_OK); /* not terminated */
  assert_true(value == 2.5);
  assert_int_equal(read_decimal("-.125", &value), TRM__NUMBER_OK);
  assert_true(value == -0.125);
  assert_int_equal(read_decimal("+3.", &value), TRM__NUMBER_OK);
  assert_true(value == 3);
  assert_int_equal(read_decimal("000123456789012345", &value), TRM__NUMBER_OK);
  assert_true(value == 123456789012345.0);
  assert_int_equal(read_decimal("-.22222222222222201", &value), TRM__NUMBER_OK);
  assert_true(value == -.22222222222222201); /* 17 digits are more than a double has, and still round once */
  value = 7;
  const char *const bad[] = {"", ".", "-", "1.2.3", "1e3", "1 ", "x"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (read_decimal(bad[i], &value) != TRM__NUMBER_BAD) fail_msg("\"%s\" was taken", bad[i]);
  assert_int_equal(read_decimal("1234567890123456789", &value), TRM__NUMBER_TOO_LARGE);
  assert_true(value == 7);
}

static void expect_text(double value, const char *text) {
  char got[40], cut[3];
  assert_int_equal(trm__real_text(value, got, sizeof got), strlen(text));
  assert_string_equal(got, text);
  assert_int_equal(trm__real_text(value, cut, sizeof cut), strlen(text)); /* cut as snprintf does */
}

static void the_shortest_text_comes_back_to_the_same_bits(void **state) {
  (void)state;
  expect_text(0.1, "0.1");
  expect_text(1.0 / 3, "0.3333333333333333");
  expect_text(-0.0, "-0");
  expect_text(100000, "100000");
  expect_text(1e22, "1e+22");
  expect_text(5e-324, "5e-324");
  const double values[] = {1.7976931348623157e308, 123456789.123456789, 2.0 / 3, 1e23, 0x1.fffffffffffffp-3};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    char text[40];
    double back;
    trm__real_text(values[i], text, sizeof text);
    assert_int_equal(trm__real_read(text, &back), TRM__NUMBER_OK);
    assert_true(back == values[i]);
  }
}

static void expect_points(void) {
  char text[80];
  double value = 0;
  assert_int_equal(trm__print(text, sizeof text, "%.9g %d %.1f %s", 0.1, 1234567, 2.25, "a,b"), 19);
  assert_string_equal(text, "0.1 1234567 2.2 a,b");
  expect_text(0.25, "0.25");
  assert_int_equal(trm__real_read("0.25", &value), TRM__NUMBER_OK);
  assert_true(value == 0.25);
  assert_int_equal(trm__real_read("0,25", &value), TRM__NUMBER_BAD);
  assert_int_equal(read_decimal("0.75", &value), TRM__NUMBER_OK);
  assert_true(value == 0.75);
  trm_error err;
  trm__fail(&err, TRM_E_INPUT, "x", "is %g", 1.5); /* messages too */
  assert_string_equal(err.message, "is 1.5");
  char *formatted = trm__format("%g", 2.5);
  assert_string_equal(formatted, "2.5");
  trm__free(formatted);
}

static void a_decimal_comma_changes_nothing(void **state) {
  (void)state;
  char dir[64], text[16];
  expect_points();
  check_temp_dir(dir);
  int comma = check_comma_locale(dir);
  if (comma) {
    snprintf(text, sizeof text, "%g", 0.5);
    assert_string_equal(text, "0,5"); /* the locale is at work */
    expect_points();
    snprintf(text, sizeof text, "%g", 0.5);
    assert_string_equal(text, "0,5"); /* and was given back */
  }
  check_plain_locale();
  check_remove(dir);
  if (!comma) {
    print_message("skipped: no locale with a decimal comma, and localedef makes none\n");
    skip();
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(whole_numbers_are_read_whole),
      cmocka_unit_test(reals_are_read_whole),
      cmocka_unit_test(decimals_are_the_plainest_form),
      cmocka_unit_test(the_shortest_text_comes_back_to_the_same_bits),
      cmocka_unit_test(a_decimal_comma_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
