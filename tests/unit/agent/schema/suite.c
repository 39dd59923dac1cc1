/* The JSON Schema Test Suite, where it is there: every required test of draft 2020-12 passes; of the optional ones the
 * failures are listed, and there are no more than are named here with a reason. Documents that schemas refer to come
 * from the suite's folder, as if it were served at http://localhost:1234. */
#include "support/check.h"

#include "agent/schema/schema.h"

static char base[512]; /* the suite's folder; "" where it is not there */
static int required, passed, optional, optional_passed;

static int find_suite(void **state) {
  (void)state;
  snprintf(base, sizeof base, "%s/../shared/data/json-schema", TRM_SOURCE_DIR);
  if (!trm__path_is_dir(base)) base[0] = 0;
  return 0;
}

static trm_status remote(void *context, const char *uri, json_t **out, trm_error *err) {
  (void)context;
  (void)err;
  static const char prefix[] = "http://localhost:1234/";
  char path[1024];
  if (strncmp(uri, prefix, sizeof prefix - 1)) return TRM_OK;
  snprintf(path, sizeof path, "%s/remotes/%s", base, uri + sizeof prefix - 1);
  *out = json_load_file(path, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  return TRM_OK;
}

/* 1: as the suite says. why: what was wrong with the schema, or with the value. */
static int one_test(const json_t *schema, const json_t *test, trm_error *err) {
  trm__schema *opened = NULL;
  trm__schema_config config = trm__schema_config_default();
  config.fetch = remote;
  *err = (trm_error){0};
  int expected = json_is_true(json_object_get(test, "valid"));
  if (trm__schema_open(&opened, schema, &config, "schema", err)) return 0;
  trm_status status = trm__schema_check(opened, json_object_get(test, "data"), "value", NULL, err);
  trm__schema_close(&opened);
  if (status && status != TRM_E_INPUT) return 0;
  if (status && (!err->message[0] || strstr(err->message, "does not fit the schema") ||
                 strstr(err->message, "the check was ended")))
    return 0; /* every failure is said in words */
  return expected == !status;
}

static void one_file(const char *path, const char *name, int is_required) {
  json_t *groups = json_load_file(path, JSON_ALLOW_NUL, NULL);
  size_t i, k;
  json_t *group, *test;
  trm_error err;
  if (!groups) { /* numbers that 64 bits do not hold */
    if (is_required) fail_msg("%s: cannot be read", path);
    groups = json_load_file(path, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    if (!groups) printf("optional: %s cannot be read: a number beyond double\n", name);
    if (!groups) optional++;
  }
  json_array_foreach(groups, i, group) json_array_foreach(json_object_get(group, "tests"), k, test) {
    int ok = one_test(json_object_get(group, "schema"), test, &err);
    *(is_required ? &required : &optional) += 1;
    *(is_required ? &passed : &optional_passed) += ok;
    if (!ok)
      printf("%s: %s: %s: %s: %s (%s)\n", is_required ? "REQUIRED" : "optional", name,
             json_string_value(json_object_get(group, "description")),
             json_string_value(json_object_get(test, "description")),
             json_is_true(json_object_get(test, "valid")) ? "is valid" : "is not valid", err.message);
  }
  json_decref(groups);
}

static void whole_folder(const char *folder, int is_required) {
  char **names, path[1024];
  size_t count;
  trm_error err = {0};
  CHECK_OK(trm__dir_list(folder, &names, &count, &err), err);
  for (size_t i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    if (strstr(names[i], ".json")) one_file(path, names[i], is_required);
  }
  trm__dir_list_free(names, count);
}

static void the_suite_passes(void **state) {
  (void)state;
  char folder[600];
  if (!base[0]) {
    printf("no test suite at ../shared/data/json-schema\n");
    skip();
  }
  snprintf(folder, sizeof folder, "%s/tests", base);
  whole_folder(folder, 1);
  snprintf(folder, sizeof folder, "%s/tests/optional", base);
  whole_folder(folder, 0);
  printf("required: %d of %d passed; optional: %d of %d passed\n", passed, required, optional_passed, optional);
  assert_true(required >= 1299);
  assert_int_equal(passed, required);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_suite_passes)};
  return cmocka_run_group_tests(tests, find_suite, NULL);
}
