/* Escapes of roff (groff_char(7), "Basic Latin"): see roff.h. */
#include "base/text/roff.h"

#include <stdio.h>

const char *trm__roff_char(char c, int line_start, char escaped[4]) {
  if (c == '\\') snprintf(escaped, 4, "\\e");
  else if (c == '-') snprintf(escaped, 4, "\\-");
  else snprintf(escaped, 4, "%s%c", line_start && (c == '.' || c == '\'') ? "\\&" : "", c);
  return escaped;
}
