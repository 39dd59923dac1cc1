/* A locale whose numbers have a decimal comma, for tests that such a locale changes nothing. */
#ifndef TRM_TESTS_SUPPORT_LOCALE_H
#define TRM_TESTS_SUPPORT_LOCALE_H

#include "support/check.h"

#include <locale.h>

/* Sets it: an installed one, or one that localedef makes in folder. 0: there is neither. Until check_plain_locale. */
static inline int check_comma_locale(const char *folder) {
  static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "sv_SE.UTF-8", "de_DE.ISO-8859-1", "comma"};
  char command[1200], path[600];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!strcmp(names[i], "comma")) {
      if (!realpath(folder, path)) return 0;
      snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 --no-archive %s/comma >/dev/null 2>&1", path);
      if (system(command) != 0 || setenv("LOCPATH", path, 1)) return 0;
    }
    if (setlocale(LC_ALL, names[i]) && *localeconv()->decimal_point == ',') return 1;
  }
  return 0;
}

static inline void check_plain_locale(void) {
  setlocale(LC_ALL, "C");
  unsetenv("LOCPATH");
}

#endif
