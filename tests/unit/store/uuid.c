/* UUIDv7: its form, its order within a millisecond, over a clock that is set back, and over processes. */
#include "store/uuid.h"
#include "support/check.h"

static void names_have_the_form_of_version_7(void **state) {
  (void)state;
  trm__uuids uuids = {0};
  char text[TRM__UUID_TEXT];
  assert_int_equal(trm__uuid_next(&uuids, 0x17f22e279b0, text, NULL), TRM_OK); /* the time of RFC 9562, appendix A.6 */
  assert_memory_equal(text, "017f22e2-79b0-7", 15);
  assert_int_equal(strlen(text), 36);
  assert_true(trm__uuid_is(text));
}

static void names_never_go_backwards(void **state) {
  (void)state;
  trm__uuids uuids = {0};
  char text[2][TRM__UUID_TEXT] = {"", ""};
  for (int i = 0; i < 20000; i++) {
    int64_t now = i < 10000 ? 1700000000000 : 1600000000000 + i; /* set back by years */
    assert_int_equal(trm__uuid_next(&uuids, now, text[i & 1], NULL), TRM_OK);
    if (strcmp(text[i & 1], text[~i & 1]) <= 0) fail_msg("%s after %s", text[i & 1], text[~i & 1]);
  }
  trm__uuids later = {0}; /* of a new process, whose clock is behind */
  trm__uuid_after(&later, text[1]);
  assert_int_equal(trm__uuid_next(&later, 5, text[0], NULL), TRM_OK);
  assert_true(strcmp(text[0], text[1]) > 0);
  assert_int_equal(trm__uuid_next(&later, -5, text[1], NULL), TRM_OK);
  assert_true(strcmp(text[1], text[0]) > 0);
}

static void other_texts_are_no_names(void **state) {
  (void)state;
  static const char *const others[] = {"",
                                       "x",
                                       "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
                                       "017f22e2-79b0-7cc3-98c4-dc0c0c07398ff",
                                       "017F22E2-79b0-7cc3-98c4-dc0c0c07398f",
                                       "017f22e2-79b0-4cc3-98c4-dc0c0c07398f",
                                       "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f",
                                       "017f22e2079b0-7cc3-98c4-dc0c0c07398f",
                                       "017f22e2-79b0-7cc3-98c4-dc0c0c0739'f",
                                       "../../../../../../../../../etc/passw"};
  trm__uuids uuids = {0};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    assert_false(trm__uuid_is(others[i]));
    trm__uuid_after(&uuids, others[i]);
  }
  assert_true(uuids.last == 0);
  assert_true(trm__uuid_is("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(names_have_the_form_of_version_7),
                                     cmocka_unit_test(names_never_go_backwards),
                                     cmocka_unit_test(other_texts_are_no_names)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
