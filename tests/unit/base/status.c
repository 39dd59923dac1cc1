/* Statuses, errors, log lines, clocks and the version text. */
#include "support/check.h"

#include <errno.h>
#include <trm/trm.h>

#include "base/clock.h"
#include "base/log.h"

static void names_are_stable(void **state) {
  (void)state;
  assert_string_equal(trm_status_name(TRM_OK), "ok");
  assert_string_equal(trm_status_name(TRM_E_INPUT), "input");
  assert_string_equal(trm_status_name(TRM_E_INTERNAL), "internal");
  assert_string_equal(trm_status_name((trm_status)-1), "unknown");
  assert_string_equal(trm_status_name((trm_status)10), "unknown");
}

static void fail_fills_everything(void **state) {
  (void)state;
  trm_error err;
  memset(&err, 'x', sizeof err);
  assert_int_equal(trm__fail(&err, TRM_E_INPUT, "a.csv:3", "found %d", 7), TRM_E_INPUT);
  assert_int_equal(err.code, TRM_E_INPUT);
  assert_string_equal(err.where, "a.csv:3");
  assert_string_equal(err.message, "found 7");
  assert_int_equal(trm__fail(NULL, TRM_E_BUSY, "x", "y"), TRM_E_BUSY);
  trm__fail(&err, TRM_E_USAGE, NULL, "z");
  assert_string_equal(err.where, "");
}

static void long_texts_are_cut(void **state) {
  (void)state;
  trm_error err;
  char text[4000];
  memset(text, 'a', sizeof text);
  text[sizeof text - 1] = 0;
  trm__fail(&err, TRM_E_INPUT, text, "%s", text);
  assert_int_equal(strlen(err.where), sizeof err.where - 1);
  assert_int_equal(strlen(err.message), sizeof err.message - 1);
  errno = ENOSPC;
  trm__fail_errno(&err, text, "%s", text);
  assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

static void an_error_can_be_reported_anew(void **state) {
  (void)state;
  trm_error err;
  trm__fail(&err, TRM_E_INPUT, "inner", "the cause");
  trm__fail(&err, TRM_E_USAGE, err.where, "outer: %s", err.message);
  assert_string_equal(err.where, "inner");
  assert_string_equal(err.message, "outer: the cause");
}

static void errno_becomes_words(void **state) {
  (void)state;
  trm_error err;
  errno = ENOSPC;
  assert_int_equal(trm__fail_errno(&err, "f", "cannot be written"), TRM_E_IO);
  assert_string_equal(err.message, "cannot be written: No space left on device");
  assert_int_equal(errno, ENOSPC);
  assert_int_equal(trm__fail_memory(&err, "f", 12), TRM_E_MEMORY);
  assert_non_null(strstr(err.message, "12 bytes"));
}

static char logged[4096];
static trm_log_level logged_level;

static void keep_line(void *context, trm_log_level level, const char *line) {
  ++*(int *)context;
  logged_level = level;
  snprintf(logged, sizeof logged, "%s", line);
}

static void log_lines_reach_the_callback(void **state) {
  (void)state;
  int calls = 0;
  trm__log log = {keep_line, &calls};
  trm__log_write(&log, TRM_LOG_WARN, "step %d", 3);
  assert_int_equal(calls, 1);
  assert_int_equal(logged_level, TRM_LOG_WARN);
  assert_string_equal(logged, "step 3");
  trm__log_write(&log, TRM_LOG_INFO, "%3000d", 1);
  assert_int_equal(strlen(logged), 2047);
  assert_string_equal(logged + 2044, "...");
  trm__log_write(&(trm__log){0}, TRM_LOG_INFO, "nobody listens");
  trm__log_write(NULL, TRM_LOG_INFO, "nobody listens");
  assert_int_equal(calls, 2);
}

static void clocks_run(void **state) {
  (void)state;
  double before = trm__clock();
  usleep(2000);
  double passed = trm__clock() - before;
  assert_true(passed >= 0.002 && passed < 60);
  assert_true(trm__wall_clock() > 1.6e9);
}

static void version_is_the_headers(void **state) {
  (void)state;
  char text[32];
  snprintf(text, sizeof text, "%d.%d.%d", TRM_VERSION_MAJOR, TRM_VERSION_MINOR, TRM_VERSION_PATCH);
  assert_string_equal(trm_version(), text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_stable),    cmocka_unit_test(fail_fills_everything),
      cmocka_unit_test(long_texts_are_cut),  cmocka_unit_test(an_error_can_be_reported_anew),
      cmocka_unit_test(errno_becomes_words), cmocka_unit_test(log_lines_reach_the_callback),
      cmocka_unit_test(clocks_run),          cmocka_unit_test(version_is_the_headers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
