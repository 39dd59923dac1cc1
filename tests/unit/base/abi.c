/* The description of the public headers is JSON, says what the compiler says, and is cut as snprintf cuts. That no row
 * is missing, house/check_abi sees. */
#include "support/check.h"

#include <jansson.h>
#include <trm/abi.h>
#include <trm/solve.h>

static char text[1 << 18];
static json_t *whole;

static json_t *row_find(const char *what, const char *of, const char *name) {
  size_t i;
  json_t *row;
  json_array_foreach(json_object_get(whole, "rows"), i, row) {
    const char *words[3];
    for (size_t k = 0; k < 3; k++) words[k] = json_string_value(json_array_get(row, k));
    if (!strcmp(words[0], what) && !strcmp(words[1], of) && !strcmp(words[2], name)) return row;
  }
  fail_msg("no row %s %s %s", what, of, name);
  return NULL;
}

static void row_says(const char *what, const char *of, const char *name, const char *type, size_t value, size_t size) {
  json_t *row = row_find(what, of, name);
  assert_string_equal(json_string_value(json_array_get(row, 3)), type);
  assert_int_equal(json_integer_value(json_array_get(row, 4)), value);
  assert_int_equal(json_integer_value(json_array_get(row, 5)), size);
}

static void rows(void **state) {
  (void)state;
  assert_string_equal(json_string_value(json_object_get(whole, "version")), trm_version());
  assert_int_equal(json_integer_value(json_object_get(whole, "pointer")), sizeof(void *));
  row_says("struct", "", "trm_solver_config", "", 0, sizeof(trm_solver_config));
  row_says("field", "trm_error", "where", "char (*)[512]", offsetof(trm_error, where), 512);
  row_says("field", "trm_solver_config", "seed", "int64_t (*)", offsetof(trm_solver_config, seed), 8);
  row_says("value", "trm_status", "TRM_E_STOPPED", "", TRM_E_STOPPED, 0);
  row_says("type", "", "trm_task_kind", "signed", 0, sizeof(trm_task_kind));
  row_says("callback", "", "trm_step_fn", "int (*)(void *context, const trm_step *step)", 0, sizeof(trm_step_fn));
  row_says("call", "", "trm_version", "const char * (*)(void)", 0, 0);
}

static void cut(void **state) {
  (void)state;
  char some[40];
  memset(some, '#', sizeof some);
  int length = trm_abi_json(NULL, 0);
  assert_int_equal(length, strlen(text));
  assert_int_equal(trm_abi_json(some, 20), length);
  assert_int_equal(strlen(some), 19);
  assert_memory_equal(some, text, 19);
  assert_int_equal(some[20], '#');
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(rows), cmocka_unit_test(cut)};
  (void)trm_abi_json(text, sizeof text);
  whole = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  if (!whole) return 1;
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  json_decref(whole);
  return failed;
}
