/* Numbers as text, the same whatever locale the program around the library has set: with a decimal point, never
 * grouped. What the library writes into files and messages, and what it reads, goes through here: printf and strtod
 * follow the locale, and one with a decimal comma would make files that others cannot read. */
#ifndef TRM_BASE_TEXT_NUMBERS_H
#define TRM_BASE_TEXT_NUMBERS_H

#include <locale.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* snprintf and vsnprintf in the C locale. "%.9g" gives a float's digits back, "%.17g" a double's. */
int trm__print(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int trm__vprint(char *text, size_t size, const char *format, va_list args) __attribute__((format(printf, 3, 0)));

/* The shortest decimal text that reads back to the same bits; returns its length as snprintf does. */
int trm__real_text(double value, char *text, size_t size);

/* All of text is one number: nothing before or behind it, no hexadecimal, no "inf" or "nan". *out is written on
 * success. */
typedef enum trm__number { TRM__NUMBER_OK, TRM__NUMBER_BAD, TRM__NUMBER_TOO_LARGE } trm__number;
trm__number trm__int_read(const char *text, int64_t *out);
trm__number trm__real_read(const char *text, double *out); /* too large gives infinity, not TRM__NUMBER_TOO_LARGE */

/* The same for length bytes of a larger text, of the plainest form alone: a sign, digits and at most one point, up to
 * 18 digits. */
trm__number trm__decimal_read(const char *text, size_t length, double *out);

/* The calling thread has the C locale between the two, other threads keep theirs: around calls of libraries that format
 * or read numbers. jansson copies the first byte alone of a longer decimal point (Pashto's), and then aborts. */
locale_t trm__c_locale_enter(void); /* what leave must be given */
void trm__c_locale_leave(locale_t before);

#endif
