/* A temporary folder for the tests of a program about files, and the content of a file. */
#ifndef TRM_TESTS_UNIT_BASE_OS_FOLDER_H
#define TRM_TESTS_UNIT_BASE_OS_FOLDER_H

#include "support/check.h"

static char dir[64];

static inline int make_folder(void **state) {
  (void)state;
  check_temp_dir(dir);
  return 0;
}

static inline int remove_folder(void **state) {
  (void)state;
  trm__file_ops_set(NULL);
  check_remove(dir);
  return 0;
}

static inline void expect_content(const char *path, const char *text) {
  trm_error err = {0};
  char *data;
  size_t size;
  CHECK_OK(trm__file_read(path, 1 << 20, &data, &size, &err), err);
  assert_string_equal(data, text);
  assert_int_equal(size, strlen(text));
  trm__free(data);
}

#endif
