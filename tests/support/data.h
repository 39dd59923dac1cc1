/* What the tests of datasets and their files share: a folder for the program's time, and files in it. Hundreds are
 * written, so nothing waits for the disk. */
#ifndef TRM_TESTS_SUPPORT_DATA_H
#define TRM_TESTS_SUPPORT_DATA_H

#include "support/check.h"

static char folder[64];

static inline int make_folder(void **state) {
  (void)state;
  check_temp_dir(folder);
  check_disk_fail_at(0, 0);
  return 0;
}

static inline int remove_folder(void **state) {
  (void)state;
  check_remove(folder);
  trm__file_ops_set(NULL);
  return 0;
}

/* Writes a file of the folder. Returns its path, in a buffer of check_path. */
static inline const char *put_bytes(const char *name, const char *bytes, size_t size) {
  trm_error err = {0};
  const char *path = check_path(folder, name);
  CHECK_OK(trm__file_write(path, bytes, size, &err), err);
  return path;
}

static inline const char *put_text(const char *name, const char *text) {
  return put_bytes(name, text, strlen(text));
}

#endif
