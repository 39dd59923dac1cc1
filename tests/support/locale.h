/* Locales for tests that none changes anything: with a decimal comma, with a decimal point of two bytes, with other
 * letters. */
#ifndef TRM_TESTS_SUPPORT_LOCALE_H
#define TRM_TESTS_SUPPORT_LOCALE_H

#include "support/check.h"

#include <limits.h>
#include <locale.h>

/* Sets the UTF-8 locale of this name ("de_DE"), an installed one or one that localedef makes in folder. 0: there is
 * neither. Until check_plain_locale. */
static inline int check_set_locale(const char *folder, const char *name) {
  char command[1400], path[PATH_MAX], text[600];
  snprintf(text, sizeof text, "%.100s.UTF-8", name);
  if (setlocale(LC_ALL, text)) return 1;
  if (!realpath(folder, path)) return 0;
  snprintf(command, sizeof command, "localedef -i %s -f UTF-8 --no-archive '%.1000s/%s' >/dev/null 2>&1", name, path,
           name);
  return system(command) == 0 && setenv("LOCPATH", path, 1) == 0 && setlocale(LC_ALL, name);
}

static inline void check_plain_locale(void) {
  setlocale(LC_ALL, "C");
  unsetenv("LOCPATH");
}

/* One with a decimal comma. */
static inline int check_comma_locale(const char *folder) {
  if (check_set_locale(folder, "de_DE") && *localeconv()->decimal_point == ',') return 1;
  check_plain_locale();
  return 0;
}

#endif
