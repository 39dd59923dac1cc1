/* Media types, their parameters, and which offer a client wants most. */
#include "support/check.h"

#include "net/media.h"

static void test_types(void **state) {
  (void)state;
  char type[TRM__MEDIA_TYPE], value[16];
  assert_int_equal(trm__media_type("Application/JSON; charset=utf-8", type), 1);
  assert_string_equal(type, "application/json");
  assert_int_equal(trm__media_type("a/b+c ;x", type), 1);
  assert_string_equal(type, "a/b+c");
  static const char *const bad[] = {NULL, "", "a", "a/", "/b", "a/b c", "a b/c", "a/b,c/d"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(trm__media_type(bad[i], type), 0);
  assert_int_equal(trm__media_parameter("a/b; x=1 ; Charset=\"ut\\f-8\"", "charset", value, sizeof value), 1);
  assert_string_equal(value, "utf-8");
  assert_int_equal(trm__media_parameter("a/b; x=1", "charset", value, sizeof value), 0);
  assert_int_equal(trm__media_parameter("a/b; charset=", "charset", value, sizeof value), 0);
  assert_int_equal(trm__media_parameter("a/b; charset=\"x", "charset", value, sizeof value), 0);
  assert_int_equal(trm__media_parameter("a/b; charset=0123456789012345", "charset", value, sizeof value), 0);
}

static int choose(const char *first, const char *second, const char *const *offers) {
  trm__field fields[] = {{"accept", first}, {"accept", second}};
  trm__request request = {.fields = fields, .field_count = first ? second ? 2 : 1 : 0};
  return trm__accept_choose(&request, offers);
}

static void test_accept(void **state) {
  (void)state;
  static const char *const offers[] = {"application/json", "text/event-stream", NULL};
  assert_int_equal(choose(NULL, NULL, offers), 0);
  assert_int_equal(choose("*/*", NULL, offers), 0);
  assert_int_equal(choose("text/event-stream", NULL, offers), 1);
  assert_int_equal(choose("application/json, text/event-stream", NULL, offers), 0);
  assert_int_equal(choose("application/json;q=0.5, text/event-stream;q=0.8", NULL, offers), 1);
  assert_int_equal(choose("application/json;q=0.5", "Text/*", offers), 1);
  assert_int_equal(choose("*/*;q=1, application/json;q=0.1", NULL, offers), 1);
  assert_int_equal(choose("text/html", NULL, offers), -1);
  assert_int_equal(choose("application/json;q=0", NULL, offers), -1);
  assert_int_equal(choose("*/*, application/json;q=0.000", NULL, offers), 1);
  assert_int_equal(choose("", NULL, offers), -1);
  assert_int_equal(choose("garbage, , application", NULL, offers), -1);
  assert_int_equal(choose("application/json;q=x", NULL, offers), -1);
  assert_int_equal(choose("application/json; profile=\"a,b\"; q=0.3, */*;q=0.2", NULL, offers), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_types), cmocka_unit_test(test_accept)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
