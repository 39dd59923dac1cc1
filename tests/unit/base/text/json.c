/* JSON from outside: limits, positions in errors, and saving. */
#include "support/check.h"

#include "base/text/json.h"

static void expect_refused(const char *text, size_t size, const char *message) {
  trm_error err;
  json_t *value = NULL;
  CHECK_FAILS(trm__json_parse(&value, text, size, "f.json", &err), TRM_E_INPUT, err, message);
  assert_null(value);
}

static void good_values_are_read(void **state) {
  (void)state;
  trm_error err = {0};
  json_t *value;
  CHECK_OK(trm__json_parse(&value, "{\"a\": [1, 2.5, \"]}{[\\\"\"]}", 25, "f", &err), err);
  assert_int_equal(json_array_size(json_object_get(value, "a")), 3);
  json_decref(value);
  CHECK_OK(trm__json_parse(&value, " 7 ", 3, NULL, &err), err);
  assert_int_equal(json_integer_value(value), 7);
  json_decref(value);
}

/* As some editors save it. */
static void a_byte_order_mark_is_skipped(void **state) {
  (void)state;
  trm_error err = {0};
  json_t *value;
  CHECK_OK(trm__json_parse(&value, "\xef\xbb\xbf[1]", 6, "f", &err), err);
  assert_int_equal(json_array_size(value), 1);
  json_decref(value);
  expect_refused("\xef\xbb\xbf[1,]", 7, "f.json:1:4"); /* the column that the editor shows */
  expect_refused("\xef\xbb\xbf", 3, "f.json:1:");
  expect_refused("\xef\xbb", 2, "f.json:1:");
  expect_refused("[\xef\xbb\xbf]", 5, "f.json:1:");
}

static void malformed_texts_name_their_place(void **state) {
  (void)state;
  expect_refused("", 0, "f.json:1:");
  expect_refused("{\"a\": 1,\n \"b\" 2}", 17, "f.json:2:");
  expect_refused("{\"a\": 1, \"a\": 2}", 16, "duplicate");
  expect_refused("{} {}", 5, "end of file");
  expect_refused("{\"a\": tru}", 10, "tru");
  expect_refused("[1,]", 4, "f.json:1:4");
  expect_refused("\"abc", 4, "f.json:1:");
  expect_refused("\"\\", 2, "f.json:1:");
  expect_refused("[1e999]", 7, "real number overflow");
  expect_refused("[99999999999999999999]", 22, "too big integer");
  expect_refused("\"\xff\"", 3, "unable to decode byte 0xff");
}

static void nul_bytes_are_refused(void **state) {
  (void)state;
  expect_refused("{\"a\":\n 1\0}", 10, "f.json:2:3");
  expect_refused("\"a\0b\"", 5, "NUL");
  expect_refused("\"\\\0\"", 4, "NUL");
  expect_refused("\"a\\u0000b\"", 10, "f.json:1:");
  expect_refused("{\"a\\u0000\": 1}", 14, "NUL");
}

static void deep_nesting_is_refused(void **state) {
  (void)state;
  trm_error err = {0};
  json_t *value;
  static char text[200001];
  memset(text, '[', 64);
  memset(text + 64, ']', 64);
  CHECK_OK(trm__json_parse(&value, text, 128, "f", &err), err);
  json_decref(value);
  memset(text, '[', 65);
  memset(text + 65, ']', 65);
  expect_refused(text, 130, "f.json:1:65");
  memset(text, '[', 200000);
  expect_refused(text, 200000, "64 levels");
  for (size_t i = 0; i + 5 <= 200000; i += 5) memcpy(text + i, "{\"a\":", 5);
  expect_refused(text, 200000, "64 levels");
}

static void fields_are_checked(void **state) {
  (void)state;
  trm_error err = {0};
  int64_t number = -5;
  const char *text = NULL;
  json_t *value = json_pack("{s:i, s:s, s:f, s:n}", "i", 7, "s", "word", "f", 1.5, "n");
  CHECK_OK(trm__json_int(value, "i", 0, 7, &number, "f", &err), err);
  assert_int_equal(number, 7);
  CHECK_FAILS(trm__json_int(value, "i", 0, 6, &number, "f", &err), TRM_E_INPUT, err, "found 7, expected 0 to 6");
  CHECK_FAILS(trm__json_int(value, "i", 8, 9, &number, "f", &err), TRM_E_INPUT, err, "\"i\"");
  CHECK_FAILS(trm__json_int(value, "f", 0, 9, &number, "f", &err), TRM_E_INPUT, err, "with a fraction");
  CHECK_FAILS(trm__json_int(value, "absent", 0, 9, &number, "f", &err), TRM_E_INPUT, err, "found nothing");
  CHECK_FAILS(trm__json_int(NULL, "i", 0, 9, &number, "f", &err), TRM_E_INPUT, err, "found nothing");
  CHECK_OK(trm__json_string(value, "s", &text, "f", &err), err);
  assert_string_equal(text, "word");
  CHECK_FAILS(trm__json_string(value, "n", &text, "place", &err), TRM_E_INPUT, err, "null");
  assert_string_equal(err.where, "place");
  json_decref(value);
}

static void files_go_both_ways(void **state) {
  (void)state;
  char dir[64];
  trm_error err = {0};
  check_temp_dir(dir);
  const char *path = check_path(dir, "a.json");
  json_t *value =
      json_pack("{s:f, s:[f,i,b,n], s:s, s:f, s:f, s:{}, s:[], s:[{s:i},[]]}", "third", 1.0 / 3, "list", 0.1, 2, 1,
                "text", "\xc3\xbc\n\"", "rate", 1e-4, "whole", 3.0, "empty", "none", "deep", "a", 1);
  json_t *back;
  CHECK_OK(trm__json_save(value, path, &err), err);
  CHECK_OK(trm__json_load(&back, path, 1000, &err), err);
  assert_true(json_equal(value, back));
  json_decref(back);
  CHECK_FAILS(trm__json_load(&back, path, 10, &err), TRM_E_INPUT, err, "at most 10");
  char *text;
  size_t size;
  CHECK_OK(trm__file_read(path, 1000, &text, &size, &err), err);
  assert_int_equal(text[size - 1], '\n');
  assert_non_null(strstr(text, "\"list\": [0.1, 2, true, null],\n")); /* as people write it */
  assert_non_null(strstr(text, "\"whole\": 3.0,\n  \"empty\": {},\n  \"none\": [],\n"));
  trm__free(text);
  CHECK_FAILS(trm__json_save(value, check_path(dir, "no/a.json"), &err), TRM_E_IO, err, "No such file");
  json_decref(value);
  check_remove(dir);
}

static void too_deep_values_are_not_saved(void **state) {
  (void)state;
  char dir[64];
  trm_error err = {0};
  check_temp_dir(dir);
  json_t *value = json_array();
  for (int i = 0; i < 80; i++) {
    json_t *outer = json_array();
    json_array_append_new(outer, value);
    value = outer;
  }
  CHECK_FAILS(trm__json_save(value, check_path(dir, "a.json"), &err), TRM_E_INTERNAL, err, "deeper");
  assert_false(trm__path_exists(check_path(dir, "a.json")));
  json_decref(value);
  check_remove(dir);
}

static int save_past_the_limit(void *context) {
  trm_error err = {0};
  json_t *value = json_array();
  for (int i = 0; i < 20000; i++) json_array_append_new(value, json_integer(i));
  check_limit_file_size(1000);
  trm_status status = trm__json_save(value, context, &err);
  json_decref(value);
  return status == TRM_E_IO && strstr(err.message, "File too large") ? 0 : 1;
}

static void a_full_disk_is_reported(void **state) {
  (void)state;
  char dir[64], path[128];
  trm_error err = {0};
  check_temp_dir(dir);
  snprintf(path, sizeof path, "%s/a.json", dir);
  CHECK_OK(trm__file_write(path, "{}", 2, &err), err);
  assert_int_equal(check_in_child(save_past_the_limit, path), 0);
  json_t *value;
  CHECK_OK(trm__json_load(&value, path, 10, &err), err);
  assert_int_equal(json_object_size(value), 0);
  json_decref(value);
  check_remove(dir);
}

static trm_status save_and_load(void *context, trm_error *err) {
  json_t *value = json_pack("{s:[f,s]}", "a", 0.5, "text"), *back;
  trm_status status = trm__json_save(value, context, err);
  json_decref(value);
  if (!status) status = trm__json_load(&back, context, 1000, err);
  if (!status) json_decref(back);
  return status;
}

static void no_memory_is_survived(void **state) {
  (void)state;
  char dir[64], path[128];
  check_temp_dir(dir);
  snprintf(path, sizeof path, "%s/a.json", dir);
  assert_true(check_each_allocation(save_and_load, path) >= 4);
  check_remove(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_values_are_read),
      cmocka_unit_test(a_byte_order_mark_is_skipped),
      cmocka_unit_test(malformed_texts_name_their_place),
      cmocka_unit_test(nul_bytes_are_refused),
      cmocka_unit_test(deep_nesting_is_refused),
      cmocka_unit_test(fields_are_checked),
      cmocka_unit_test(files_go_both_ways),
      cmocka_unit_test(too_deep_values_are_not_saved),
      cmocka_unit_test(a_full_disk_is_reported),
      cmocka_unit_test(no_memory_is_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
