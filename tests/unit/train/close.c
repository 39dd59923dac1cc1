/* Every close of the public interface accepts NULL and a pointer to NULL. A close that a header declares and this file
 * does not call fails the test. */
#include "support/check.h"

#include <trm/arc.h>
#include <trm/data.h>
#include <trm/model.h>
#include <trm/ranks.h>
#include <trm/session.h>
#include <trm/solve.h>
#include <trm/trm.h>

/* CLOSE(trm_model): both calls, and its name is noted. */
#define CLOSE(type)                                                                                                    \
  do {                                                                                                                 \
    type *nothing = NULL;                                                                                              \
    type##_close(NULL);                                                                                                \
    type##_close(&nothing);                                                                                            \
    assert_null(nothing);                                                                                              \
    closed[count++] = "void " #type "_close(";                                                                         \
  } while (0)

static const char *closed[16];
static size_t count;

static void test_close_accepts_null(void **state) {
  (void)state;
  count = 0;
  CLOSE(trm_model);
  CLOSE(trm_dataset);
  CLOSE(trm_runtime);
  CLOSE(trm_solver);
  CLOSE(trm_cancel);
  CLOSE(trm_state);
  CLOSE(trm_queue);
  CLOSE(trm_session);
  CLOSE(trm_predictions);
  CLOSE(trm_arc_votes);
  CLOSE(trm_judge);
  CLOSE(trm_ranks);
}

static int is_closed(const char *declaration) {
  for (size_t i = 0; i < count; i++)
    if (strncmp(declaration, closed[i], strlen(closed[i])) == 0) return 1;
  return 0;
}

static void test_no_close_is_forgotten(void **state) {
  (void)state;
  trm_error err;
  char **names, path[512];
  size_t files, found = 0;
  CHECK_OK(trm__dir_list(TRM_SOURCE_DIR "/include/trm", &names, &files, &err), err);
  for (size_t i = 0; i < files; i++) {
    char *text;
    size_t size;
    snprintf(path, sizeof path, "%s/include/trm/%s", TRM_SOURCE_DIR, names[i]);
    CHECK_OK(trm__file_read(path, 1 << 20, &text, &size, &err), err);
    for (const char *at = text; (at = strstr(at, "\nvoid trm_")); at++) {
      if (memchr(at, '(', 60) == NULL || strncmp(strchr(at, '(') - 6, "_close(", 7) != 0) continue;
      if (!is_closed(at + 1)) fail_msg("%s: %.60s is not tested", names[i], at + 1);
      found++;
    }
    trm__free(text);
  }
  assert_int_equal(found, count);
  trm__dir_list_free(names, files);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_close_accepts_null),
                                     cmocka_unit_test(test_no_close_is_forgotten)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
