/* The server's configuration: which place wins, and what each mistake is told. */
#include "serve/config.h"

#include "support/check.h"

static const char *variables[8][2];

static const char *environment_false(const char *name) {
  for (size_t i = 0; i < 8 && variables[i][0]; i++)
    if (strcmp(variables[i][0], name) == 0) return variables[i][1];
  return NULL;
}

static void environment_set(const char *const pairs[][2], size_t count) {
  memset(variables, 0, sizeof variables);
  for (size_t i = 0; i < count; i++) variables[i][0] = pairs[i][0], variables[i][1] = pairs[i][1];
}

static char folder[64];

static const char *file_make(const char *path, const char *text) {
  trm_error err = {0};
  CHECK_OK(trm__file_write(path, text, strlen(text), &err), err);
  return path;
}

static void later_places_win(void **state) {
  (void)state;
  trm_error err = {0};
  trm__serve_config config = trm__serve_config_default();
  assert_string_equal(config.listen, "127.0.0.1:8080");
  assert_int_equal(config.pool_size, 0);
  environment_set((const char *const[][2]){{"TRM_POOL_SIZE", "3"}, {"TRM_KEEP_S", "5"}}, 2);
  const char *file = file_make(check_path(folder, "trm.json"),
                               "{\"pool_size\": 2, \"queue_limit\": 9, \"keep_s\": 7, \"strategy\": \"one_for_all\"}");
  CHECK_OK(trm__serve_config_read(&config, file, environment_false, &err), err);
  assert_int_equal(config.pool_size, 3);
  assert_int_equal(config.queue_limit, 9);
  assert_true(config.keep_s == 5);
  assert_int_equal(config.strategy, 2);
}

static void usual_place(void **state) {
  (void)state;
  trm_error err = {0};
  trm__serve_config config = trm__serve_config_default();
  char here[400], absolute[512];
  assert_non_null(getcwd(here, sizeof here));
  snprintf(absolute, sizeof absolute, "%s/%s", here, folder);
  CHECK_OK(trm__dir_make(check_path(folder, "trm"), &err), err);
  file_make(check_path(folder, "trm/trm.json"), "{\"restarts\": 8}");
  environment_set((const char *const[][2]){{"XDG_CONFIG_HOME", absolute}}, 1);
  CHECK_OK(trm__serve_config_read(&config, "", environment_false, &err), err);
  assert_int_equal(config.restarts, 8);
}

static void mistakes_are_named(void **state) {
  (void)state;
  static const struct {
    const char *text, *where, *message;
  } cases[] = {{"{\"pool_sise\": 2}", "trm.json", "pool_size"},
               {"{\"pool_size\": \"many\"}", "trm.json", "pool_size"},
               {"{\"pool_size\": 65}", "trm.json", "64"},
               {"[1]", "trm.json", "an object"},
               {"{\"pool_size\": 1, \"pool_size\": 2}", "trm.json", "duplicate"},
               {"{", "trm.json", ""}};
  environment_set(NULL, 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_error err = {0};
    trm__serve_config config = trm__serve_config_default();
    assert_int_equal(trm__serve_config_read(&config, file_make(check_path(folder, "trm.json"), cases[i].text),
                                            environment_false, &err),
                     TRM_E_INPUT);
    if (!strstr(err.where, cases[i].where) || !strstr(err.message, cases[i].message))
      fail_msg("%s: %s: %s", cases[i].text, err.where, err.message);
  }
  trm_error err = {0};
  trm__serve_config config = trm__serve_config_default();
  environment_set((const char *const[][2]){{"TRM_QUEUE_LIMIT", "0"}}, 1);
  assert_int_equal(
      trm__serve_config_read(&config, file_make(check_path(folder, "trm.json"), "{}"), environment_false, &err),
      TRM_E_USAGE);
  assert_string_equal(err.where, "TRM_QUEUE_LIMIT");
}

static void addresses_for_others(void **state) {
  (void)state;
  assert_true(trm__serve_is_private("127.0.0.1:8080"));
  assert_true(trm__serve_is_private("[::1]:80,unix:/run/trm.sock,localhost:1"));
  assert_false(trm__serve_is_private("0.0.0.0:8080"));
  assert_false(trm__serve_is_private("127.0.0.1:80,[::]:80"));
  assert_false(trm__serve_is_private("127.example.org:80"));
  environment_set((const char *const[][2]){{"HOME", "/home/me"}}, 1);
  trm_error err = {0};
  trm__serve_config config = trm__serve_config_default();
  strcpy(config.listen, "0.0.0.0:80");
  assert_int_equal(trm__serve_config_check(&config, environment_false, &err), TRM_E_USAGE);
  assert_non_null(strstr(err.message, "--token-file"));
  config.open = 1;
  CHECK_OK(trm__serve_config_check(&config, environment_false, &err), err);
  assert_string_equal(config.data_dir, "/home/me/.local/state/trm");
  config = trm__serve_config_default();
  environment_set((const char *const[][2]){{"STATE_DIRECTORY", "/var/lib/trm:/var/lib/other"}, {"HOME", "/x"}}, 2);
  CHECK_OK(trm__serve_config_check(&config, environment_false, &err), err);
  assert_string_equal(config.data_dir, "/var/lib/trm");
  config = trm__serve_config_default();
  environment_set(NULL, 0);
  assert_int_equal(trm__serve_config_check(&config, environment_false, &err), TRM_E_USAGE);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(later_places_win), cmocka_unit_test(usual_place),
                                     cmocka_unit_test(mistakes_are_named), cmocka_unit_test(addresses_for_others)};
  check_temp_dir(folder);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  check_remove(folder);
  return failed;
}
