/* One formatted line to the callback. Built on the stack, so that logging works when memory is out; a longer line is
 * cut and ends in "...". */
#include "base/log.h"

#include <stdarg.h>
#include <string.h>

#include "base/text/numbers.h"

void trm__log_write(const trm__log *log, trm_log_level level, const char *format, ...) {
  if (!log || !log->fn) return;
  char line[2048];
  va_list args;
  va_start(args, format);
  int length = trm__vprint(line, sizeof line, format, args);
  va_end(args);
  if (length < 0) return;
  if ((size_t)length >= sizeof line) memcpy(line + sizeof line - 4, "...", 4);
  log->fn(log->context, level, line);
}
