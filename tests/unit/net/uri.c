/* Strict decoding of paths and queries. */
#include "support/check.h"

#include "net/grammar.h"
#include "net/uri.h"

static void expect(const char *text, int plus, const char *want) {
  char out[32] = "untouched";
  int good = trm__uri_decode(text, strlen(text), plus, out, sizeof out);
  if (good != (want != NULL) || (want && strcmp(out, want) != 0)) fail_msg("\"%s\" gave %d \"%s\"", text, good, out);
}

static void test_decode(void **state) {
  (void)state;
  expect("", 0, "");
  expect("a%20b%2Fc%2f", 0, "a b/c/");
  expect("a+b", 0, "a+b");
  expect("a+b%2B", 1, "a b+");
  expect("%C3%A9", 0, "\xc3\xa9");
  static const char *const bad[] = {"%",      "%4",     "%4g", "%g4",          "%%41",      "%00",          "%0a",
                                    "%7F",    "a\tb",   "%C3", "%C0%80",       "%ED%A0%80", "%F5%80%80%80", "%A9",
                                    "%u0041", "%E2%82", "%+1", "%F4%90%80%80", "\xff"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) expect(bad[i], 0, NULL);
  expect("0123456789012345678901234567890", 0, "0123456789012345678901234567890");
  expect("01234567890123456789012345678901", 0, NULL); /* does not fit */
  char none[1];
  assert_int_equal(trm__uri_decode("", 0, 0, none, 0), 0);
  assert_int_equal(trm__uri_decode("%41", 1, 0, none, 1), 0);
}

static void test_query(void **state) {
  (void)state;
  const char *query = "&a=1&&b&=c&d=e=f&";
  trm__query_part part;
  char all[64] = "";
  while (trm__query_next(&query, &part)) {
    strncat(all, part.name, part.name_length);
    strcat(all, ":");
    strncat(all, part.value, part.value_length);
    strcat(all, ";");
  }
  assert_string_equal(all, "a:1;b:;:c;d:e=f;");
  query = NULL;
  assert_int_equal(trm__query_next(&query, &part), 0);
}

static void test_query_get(void **state) {
  (void)state;
  char out[8];
  assert_int_equal(trm__query_get(NULL, "a", out, sizeof out), TRM__QUERY_ABSENT);
  assert_int_equal(trm__query_get("b=1", "a", out, sizeof out), TRM__QUERY_ABSENT);
  assert_int_equal(trm__query_get("b=1&%61=x+y&c", "a", out, sizeof out), TRM__QUERY_ONE);
  assert_string_equal(out, "x y");
  assert_int_equal(trm__query_get("a", "a", out, sizeof out), TRM__QUERY_ONE);
  assert_string_equal(out, "");
  assert_int_equal(trm__query_get("a=1&a=1", "a", out, sizeof out), TRM__QUERY_BAD);
  assert_int_equal(trm__query_get("a=%zz", "a", out, sizeof out), TRM__QUERY_BAD);
  assert_int_equal(trm__query_get("%zz=1&a=1", "a", out, sizeof out), TRM__QUERY_BAD);
  assert_int_equal(trm__query_get("a=12345678", "a", out, sizeof out), TRM__QUERY_BAD);
}

static void test_lists(void **state) {
  (void)state;
  const char *list = " , a ,\"b, \\\" c\" ;q=1,, d", *member;
  char all[64] = "";
  size_t length;
  while ((member = trm__list_next(&list, &length))) {
    strncat(all, member, length);
    strcat(all, "|");
  }
  assert_string_equal(all, "a|\"b, \\\" c\" ;q=1|d|");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_decode),
      cmocka_unit_test(test_query),
      cmocka_unit_test(test_query_get),
      cmocka_unit_test(test_lists),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
