/* Single fields of a struct that a table describes: find, default, set from text, get as text. Everything else that
 * tables do (JSON, command lines, help) goes through these. Numbers are read and written in the C locale, whatever the
 * program has set. */
#include "base/text/options.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text/options_internal.h"

static char plain(char c) {
  return c == '-' ? '_' : c;
}

static int same_name(const char *a, size_t length, const char *b) {
  for (size_t i = 0; i < length; i++)
    if (plain(a[i]) != plain(b[i])) return 0; /* stops at b's NUL, which no name contains */
  return b[length] == 0;
}

const trm_option *trm__option_find_n(const trm_option *table, size_t count, const char *name, size_t length) {
  for (size_t i = 0; i < count; i++)
    if (same_name(name, length, table[i].name)) return &table[i];
  return NULL;
}

const trm_option *trm__option_find(const trm_option *table, size_t count, const char *name) {
  return trm__option_find_n(table, count, name, strlen(name));
}

/* Optimal string alignment distance: insert, delete, replace, swap neighbours. Names of 63 letters at most. */
static size_t edit_distance(const char *a, const char *b) {
  size_t rows[3][64], n = strlen(a), m = strlen(b);
  if (n > 63 || m > 63) return SIZE_MAX;
  size_t *before = rows[0], *last = rows[1], *now = rows[2];
  for (size_t j = 0; j <= m; j++) last[j] = j;
  for (size_t i = 1; i <= n; i++) {
    now[0] = i;
    for (size_t j = 1; j <= m; j++) {
      size_t best = last[j - 1] + (plain(a[i - 1]) != plain(b[j - 1]));
      if (last[j] + 1 < best) best = last[j] + 1;
      if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
      if (i > 1 && j > 1 && plain(a[i - 1]) == plain(b[j - 2]) && plain(a[i - 2]) == plain(b[j - 1]) &&
          before[j - 2] + 1 < best)
        best = before[j - 2] + 1;
      now[j] = best;
    }
    size_t *oldest = before;
    before = last;
    last = now;
    now = oldest;
  }
  return last[m];
}

const char *trm__option_nearest(const trm_option *table, size_t count, const char *name) {
  const char *nearest = NULL;
  size_t best = strlen(name) / 3 + 1; /* further away is another word, not a slip */
  for (size_t i = 0; i < count; i++) {
    size_t distance = edit_distance(name, table[i].name);
    if (distance <= best && (!nearest || distance < best)) {
      best = distance;
      nearest = table[i].name;
    }
  }
  return nearest;
}

trm_status trm__option_unknown(const trm_option *table, size_t count, const char *name, trm_status code,
                               const char *where, trm_error *err) {
  const char *nearest = trm__option_nearest(table, count, name);
  if (nearest) return trm__fail(err, code, where, "unknown option \"%.80s\"; did you mean \"%s\"?", name, nearest);
  return trm__fail(err, code, where, "unknown option \"%.80s\"", name);
}

int trm__option_limited(const trm_option *option) {
  return option->min != 0 || option->max != 0;
}

/* A default may lie outside the range ("0: automatic" beside 1 to 100) and must be read back from config.json. */
static int in_range(const trm_option *option, double value) {
  if (!trm__option_limited(option) || (value >= option->min && value <= option->max)) return 1;
  return option->default_text && strtod(option->default_text, NULL) == value;
}

static trm_status bad(const trm_option *option, const char *text, const char *expected, trm_error *err) {
  return trm__fail(err, TRM_E_USAGE, option->name, "found \"%.80s\", expected %s", text, expected);
}

static trm_status out_of_range(const trm_option *option, const char *text, trm_error *err) {
  return trm__fail(err, TRM_E_USAGE, option->name, "found %.80s, expected %.15g to %.15g", text, option->min,
                   option->max);
}

trm_status trm__option_put_int(const trm_option *option, void *config, int64_t value, trm_error *err) {
  if (!in_range(option, (double)value)) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return out_of_range(option, text, err);
  }
  memcpy((char *)config + option->offset, &value, sizeof value);
  return TRM_OK;
}

trm_status trm__option_put_real(const trm_option *option, void *config, double value, trm_error *err) {
  char text[32];
  if (!isfinite(value)) return bad(option, isnan(value) ? "nan" : "inf", "a finite number", err);
  if (!in_range(option, value)) {
    trm__real_text(value, text, sizeof text);
    return out_of_range(option, text, err);
  }
  memcpy((char *)config + option->offset, &value, sizeof value);
  return TRM_OK;
}

void trm__option_put_flag(const trm_option *option, void *config, int value) {
  memcpy((char *)config + option->offset, &value, sizeof value);
}

static int starts_like_number(const char *text) {
  return isdigit((unsigned char)text[*text == '-' || *text == '+']) || text[*text == '-' || *text == '+'] == '.';
}

static trm_status set_int(const trm_option *option, void *config, const char *text, trm_error *err) {
  char *end;
  errno = 0;
  long long value = starts_like_number(text) ? strtoll(text, &end, 10) : (end = NULL, 0);
  if (!end || end == text || *end) return bad(option, text, "a whole number", err);
  if (errno == ERANGE) return bad(option, text, "a whole number of 64 bits", err);
  return trm__option_put_int(option, config, value, err);
}

static trm_status set_real(const trm_option *option, void *config, const char *text, trm_error *err) {
  int hexadecimal = text[strspn(text, "+-0")] == 'x' || text[strspn(text, "+-0")] == 'X';
  if (!starts_like_number(text) || hexadecimal) return bad(option, text, "a number", err);
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = uselocale(c);
  char *end;
  double value = strtod(text, &end);
  uselocale(before);
  freelocale(c);
  if (end == text || *end) return bad(option, text, "a number", err);
  return trm__option_put_real(option, config, value, err);
}

static trm_status set_flag(const trm_option *option, void *config, const char *text, trm_error *err) {
  static const char *const words[2][4] = {{"false", "0", "no", "off"}, {"true", "1", "yes", "on"}};
  for (int value = 0; value < 2; value++) {
    for (int i = 0; i < 4; i++) {
      if (strcmp(text, words[value][i])) continue;
      trm__option_put_flag(option, config, value);
      return TRM_OK;
    }
  }
  return bad(option, text, "true or false", err);
}

/* Choice number index of "a|b|c", not terminated; NULL after the last. */
const char *trm__option_choice(const trm_option *option, int index, size_t *length) {
  const char *p = option->choices;
  while (p && index-- > 0) {
    p = strchr(p, '|');
    if (p) p++;
  }
  if (p) *length = strcspn(p, "|");
  return p;
}

static trm_status set_choice(const trm_option *option, void *config, const char *text, trm_error *err) {
  size_t length;
  const char *choice;
  for (int i = 0; (choice = trm__option_choice(option, i, &length)); i++) {
    if (strlen(text) != length || !same_name(choice, length, text)) continue;
    trm__option_put_flag(option, config, i);
    return TRM_OK;
  }
  char list[512];
  size_t used = 0;
  for (const char *p = option->choices; p && *p && used + 3 < sizeof list; p++) {
    list[used++] = *p == '|' ? ',' : *p;
    if (*p == '|') list[used++] = ' ';
  }
  list[used] = 0;
  return trm__fail(err, TRM_E_USAGE, option->name, "found \"%.80s\", expected one of: %s", text, list);
}

static trm_status set_string(const trm_option *option, void *config, const char *text, trm_error *err) {
  size_t length = strlen(text);
  if (length >= option->size)
    return trm__fail(err, TRM_E_USAGE, option->name, "a text of %zu bytes does not fit, at most %zu", length,
                     option->size - 1);
  char *field = (char *)config + option->offset;
  memset(field, 0, option->size); /* so that equal configurations have equal bytes */
  memcpy(field, text, length);
  return TRM_OK;
}

trm_status trm__option_set(const trm_option *option, void *config, const char *text, trm_error *err) {
  switch (option->type) {
  case TRM_OPT_BOOL:
    return set_flag(option, config, text, err);
  case TRM_OPT_INT:
    return set_int(option, config, text, err);
  case TRM_OPT_REAL:
    return set_real(option, config, text, err);
  case TRM_OPT_ENUM:
    return set_choice(option, config, text, err);
  case TRM_OPT_STRING:
    return set_string(option, config, text, err);
  }
  return trm__fail(err, TRM_E_INTERNAL, option->name, "option type %d does not exist", (int)option->type);
}

trm_status trm_options_set(const trm_option *table, size_t count, void *config, const char *name, const char *text,
                           trm_error *err) {
  const trm_option *option = trm__option_find(table, count, name);
  if (!option) return trm__option_unknown(table, count, name, TRM_E_USAGE, name, err);
  return trm__option_set(option, config, text, err);
}

void trm_options_default(const trm_option *table, size_t count, void *config) {
  for (size_t i = 0; i < count; i++) {
    trm_option option = table[i];
    option.min = option.max = 0;
    const char *text = option.default_text ? option.default_text : "";
    if (!*text && option.type == TRM_OPT_ENUM) trm__option_put_flag(&option, config, 0);
    else trm__option_set(&option, config, *text || option.type == TRM_OPT_STRING ? text : "0", NULL);
  }
}

int trm__real_text(double value, char *text, size_t size) {
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), before = uselocale(c);
  char shortest[40];
  int length = 0;
  for (int digits = 1; digits <= 17; digits++) {
    length = snprintf(shortest, sizeof shortest, "%.*g", digits, value);
    if (!isfinite(value) || strtod(shortest, NULL) == value) break;
  }
  if (fabs(value) < 1e15 && strstr(shortest, "e+")) length = snprintf(shortest, sizeof shortest, "%.0f", value);
  uselocale(before);
  freelocale(c);
  snprintf(text, size, "%s", shortest);
  return length;
}

int trm_options_get(const trm_option *table, size_t count, const void *config, const char *name, char *text,
                    size_t size) {
  const trm_option *option = trm__option_find(table, count, name);
  if (!option) return -1;
  const char *field = (const char *)config + option->offset;
  int number = 0;
  int64_t whole;
  double real;
  size_t length = 0;
  switch (option->type) {
  case TRM_OPT_BOOL:
    memcpy(&number, field, sizeof number);
    return snprintf(text, size, "%s", number ? "true" : "false");
  case TRM_OPT_INT:
    memcpy(&whole, field, sizeof whole);
    return snprintf(text, size, "%lld", (long long)whole);
  case TRM_OPT_REAL:
    memcpy(&real, field, sizeof real);
    return trm__real_text(real, text, size);
  case TRM_OPT_ENUM:
    memcpy(&number, field, sizeof number);
    const char *choice = number >= 0 ? trm__option_choice(option, number, &length) : NULL;
    return choice ? snprintf(text, size, "%.*s", (int)length, choice) : -1;
  case TRM_OPT_STRING:
    return snprintf(text, size, "%s", field);
  }
  return -1;
}
