/* Statuses and their text. Filling a trm_error never allocates, so that it works when memory is out, and cuts what
 * does not fit. */
#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text/numbers.h"

const char *trm_status_name(trm_status status) {
  static const char *const names[] = {"ok",   "usage",       "input",    "memory",  "io",
                                      "busy", "unsupported", "diverged", "stopped", "internal"};
  size_t i = (size_t)status;
  return i < sizeof names / sizeof names[0] ? names[i] : "unknown";
}

static void error_fill(trm_error *err, trm_status code, const char *where, const char *format, va_list args) {
  char message[sizeof err->message]; /* an argument may point into *err: build aside, then copy */
  trm__vprint(message, sizeof message, format, args);
  err->code = code;
  if (where != err->where) snprintf(err->where, sizeof err->where, "%s", where ? where : "");
  memcpy(err->message, message, sizeof message);
}

trm_status trm__fail(trm_error *err, trm_status code, const char *where, const char *format, ...) {
  if (!err) return code;
  va_list args;
  va_start(args, format);
  error_fill(err, code, where, format, args);
  va_end(args);
  return code;
}

trm_status trm__fail_errno(trm_error *err, const char *where, const char *format, ...) {
  int number = errno;
  if (!err) return TRM_E_IO;
  va_list args;
  va_start(args, format);
  error_fill(err, TRM_E_IO, where, format, args);
  va_end(args);
  char text[128];
  locale_t before = trm__c_locale_enter(); /* the sentence is English, and so is its reason */
  const char *reason = strerror_r(number, text, sizeof text);
  trm__c_locale_leave(before);
  size_t used = strlen(err->message);
  snprintf(err->message + used, sizeof err->message - used, ": %s", reason);
  errno = number;
  return TRM_E_IO;
}

trm_status trm__fail_memory(trm_error *err, const char *where, size_t bytes) {
  return trm__fail(err, TRM_E_MEMORY, where, "out of memory: %zu bytes could not be allocated", bytes);
}
