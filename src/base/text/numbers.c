/* Numbers as text in the C locale: see numbers.h. The calling thread has that locale for the length of one call of the
 * C library; other threads keep theirs. */
#include "base/text/numbers.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DECIMAL_DIGITS = 18 };

static locale_t c_locale; /* 0, which changes nothing, when it cannot be had */
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;

static void c_locale_make(void) {
  c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

locale_t trm__c_locale_enter(void) {
  pthread_once(&c_locale_once, c_locale_make);
  return uselocale(c_locale);
}

void trm__c_locale_leave(locale_t before) {
  uselocale(before);
}

int trm__vprint(char *text, size_t size, const char *format, va_list args) {
  locale_t before = trm__c_locale_enter();
  int length = vsnprintf(text, size, format, args);
  trm__c_locale_leave(before);
  return length;
}

int trm__print(char *text, size_t size, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int length = trm__vprint(text, size, format, args);
  va_end(args);
  return length;
}

int trm__real_text(double value, char *text, size_t size) {
  char shortest[40];
  locale_t before = trm__c_locale_enter();
  for (int digits = 1; digits <= 17; digits++) {
    snprintf(shortest, sizeof shortest, "%.*g", digits, value);
    if (!isfinite(value) || strtod(shortest, NULL) == value) break;
  }
  if (fabs(value) < 1e15 && strstr(shortest, "e+")) snprintf(shortest, sizeof shortest, "%.0f", value);
  trm__c_locale_leave(before);
  return snprintf(text, size, "%s", shortest);
}

trm__number trm__int_read(const char *text, int64_t *out) {
  const char *digits = text + (*text == '-' || *text == '+');
  char *end;
  if (!isdigit((unsigned char)*digits)) return TRM__NUMBER_BAD;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (*end) return TRM__NUMBER_BAD;
  if (errno == ERANGE) return TRM__NUMBER_TOO_LARGE;
  *out = value;
  return TRM__NUMBER_OK;
}

trm__number trm__real_read(const char *text, double *out) {
  const char *digits = text + (*text == '-' || *text == '+'), *behind_zeros = text + strspn(text, "+-0");
  char *end;
  if ((!isdigit((unsigned char)*digits) && *digits != '.') || *behind_zeros == 'x' || *behind_zeros == 'X')
    return TRM__NUMBER_BAD;
  locale_t before = trm__c_locale_enter();
  double value = strtod(text, &end);
  trm__c_locale_leave(before);
  if (end == text || *end) return TRM__NUMBER_BAD;
  *out = value;
  return TRM__NUMBER_OK;
}

trm__number trm__decimal_read(const char *text, size_t length, double *out) {
  char plain[24]; /* a sign, DECIMAL_DIGITS, a point, a zero byte */
  size_t at = length > 0 && (text[0] == '-' || text[0] == '+'), digits = 0, points = 0;
  for (; at < length; at++) {
    if (text[at] == '.' && points == 0) points++;
    else if (text[at] < '0' || text[at] > '9') return TRM__NUMBER_BAD;
    else if (++digits > DECIMAL_DIGITS) return TRM__NUMBER_TOO_LARGE;
  }
  if (digits == 0) return TRM__NUMBER_BAD;
  memcpy(plain, text, length);
  plain[length] = 0;
  return trm__real_read(plain, out); /* not by our own arithmetic: digits beyond 2^53 would be rounded twice */
}
