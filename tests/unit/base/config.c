/* Configurations by their size: not filled, of this version, of an earlier and of a later one. */
#include "support/check.h"

#include "base/config.h"

/* What an earlier version had, and what this one has. */
typedef struct earlier_config {
  uint32_t size;
  int threads;
  double rate;
} earlier_config;

typedef struct today_config {
  uint32_t size;
  int threads;
  double rate;
  int64_t added;
} today_config;

static const trm__config_form form = TRM__CONFIG_FORM(today_config, rate);

static today_config defaults(void) {
  return (today_config){.size = sizeof(today_config), .threads = 1, .rate = 0.5, .added = 7};
}

static void this_version_is_copied(void **state) {
  (void)state;
  trm_error err = {0};
  today_config whole = defaults(), given = {.size = sizeof given, .threads = 3, .rate = 2, .added = 9};
  CHECK_OK(trm__config_read(&whole, &given, &form, &err), err);
  assert_memory_equal(&whole, &given, sizeof given);
}

static void an_earlier_one_gets_defaults(void **state) {
  (void)state;
  trm_error err = {0};
  struct {
    earlier_config config;
    int64_t behind; /* of the caller's stack: no field of his */
  } caller = {{.size = sizeof(earlier_config), .threads = 3, .rate = 2}, 12345};
  today_config whole = defaults();
  CHECK_OK(trm__config_read(&whole, &caller.config, &form, &err), err);
  assert_int_equal(whole.size, sizeof whole);
  assert_int_equal(whole.threads, 3);
  assert_true(whole.rate == 2);
  assert_int_equal(whole.added, 7);
}

static void others_are_refused_and_change_nothing(void **state) {
  (void)state;
  trm_error err = {0};
  const uint32_t sizes[] = {0, 1, sizeof(earlier_config) - 1, sizeof(today_config) + 1, UINT32_MAX};
  const today_config before = defaults();
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    today_config whole = before, given = {.size = sizes[i], .threads = 3};
    CHECK_FAILS(trm__config_read(&whole, &given, &form, &err), TRM_E_USAGE, err, "today_config_default()");
    assert_string_equal(err.where, "today_config");
    assert_memory_equal(&whole, &before, sizeof whole);
  }
  today_config whole = before;
  CHECK_FAILS(trm__config_read(&whole, NULL, &form, &err), TRM_E_USAGE, err, "today_config_default()");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(this_version_is_copied),
      cmocka_unit_test(an_earlier_one_gets_defaults),
      cmocka_unit_test(others_are_refused_and_change_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
