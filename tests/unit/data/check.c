/* Checking: one question with two answers, in every place that it can stand, and what cannot be checked. */
#include "support/data.h"

#include <trm/data.h>

static trm_check_report checked(const char *text) {
  trm_check_report report;
  trm_error err = {0};
  CHECK_OK(trm_data_check(put_text("c.csv", text), &report, NULL, NULL, &err), err);
  return report;
}

static void test_conflicts(void **state) {
  (void)state;
  trm_check_report r = checked("question,answer\nab,ba\nba,ab\nab,ba\n");
  assert_int_equal(r.conflicts, 0);
  r = checked("question,answer\nab,ba\nba,ab\nab,bb\nab,aa\n");
  assert_int_equal(r.conflicts, 2);
  assert_string_equal(r.first_problem, "example 3: its question has another answer in example 1");
  r = checked("question,answer\nS  G #   ,SooG #   \nS  G #   ,S  G#o oo\n");
  assert_int_equal(r.conflicts, 1); /* of which the second is no answer at all */
  assert_int_equal(r.bad_answers, 1);
  assert_int_equal(r.single, 0);
  assert_non_null(r.rules);
  r = checked("question,answer\n1.3..2....4....1,1234341243212143\n");
  assert_int_equal(r.single, 1);
}

/* Both splits are asked together. */
static void test_across_splits(void **state) {
  (void)state;
  trm_check_report r;
  trm_error err = {0};
  trm_import_config config = trm_import_config_default();
  put_text("a.csv", "question,answer\nab,ba\nba,ab\n");
  put_text("b.csv", "question,answer\nbb,ba\n");
  snprintf(config.input, sizeof config.input, "%s", check_path(folder, "a.csv"));
  snprintf(config.test_input, sizeof config.test_input, "%s", check_path(folder, "b.csv"));
  snprintf(config.out, sizeof config.out, "%s", check_path(folder, "both"));
  CHECK_OK(trm_data_import(&config, NULL, NULL, NULL, &err), err);
  CHECK_OK(trm_data_check(config.out, &r, NULL, NULL, &err), err);
  assert_int_equal(r.conflicts, 0);
  char *data = NULL;
  size_t size;
  char path[1200];
  snprintf(path, sizeof path, "%s/test/all__inputs.npy", config.out);
  CHECK_OK(trm__file_read(path, 1 << 20, &data, &size, &err), err);
  data[size - 2] = 1; /* "bb" becomes "ab" */
  CHECK_OK(trm__file_write(path, data, size, &err), err);
  trm__free(data);
  snprintf(path, sizeof path, "%s/test/all__labels.npy", config.out);
  CHECK_OK(trm__file_read(path, 1 << 20, &data, &size, &err), err);
  data[size - 1] = 2; /* and its answer "bb" */
  CHECK_OK(trm__file_write(path, data, size, &err), err);
  trm__free(data);
  CHECK_OK(trm_data_check(config.out, &r, NULL, NULL, &err), err);
  assert_int_equal(r.conflicts, 1);
  assert_string_equal(r.first_problem, "test, example 1: its question has another answer in train, example 1");
}

static void test_notes(void **state) {
  (void)state;
  trm_check_report r = checked("question,answer\n1?3??2????4????1,1234341243212143\n");
  assert_string_equal(r.notes, "'?' is taken for a blank\n");
  r = checked("question,answer\nab,ba\n");
  assert_null(r.rules);
  assert_int_equal(r.unjudged, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_conflicts),
      cmocka_unit_test(test_across_splits),
      cmocka_unit_test(test_notes),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
