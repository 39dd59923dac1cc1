/* Single fields of a struct that a table describes: default, set from text, get as text. Everything else that tables do
 * (JSON, command lines, help) goes through these. */
#include "base/text/options.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "base/text/numbers.h"
#include "base/text/options_internal.h"

int trm__option_limited(const trm_option *option) {
  return option->min != 0 || option->max != 0;
}

/* A default may lie outside the range ("0: automatic" beside 1 to 100) and must be read back from config.json. */
static int option_in_range(const trm_option *option, double value) {
  if (!trm__option_limited(option) || (value >= option->min && value <= option->max)) return 1;
  double usual;
  return option->default_text && !trm__real_read(option->default_text, &usual) && usual == value;
}

const char *trm__option_unset_word(const trm_option *option) {
  double number;
  const char *word = option->default_text;
  return option->type == TRM_OPT_REAL && word && *word && trm__real_read(word, &number) ? word : NULL;
}

static trm_status option_bad(const trm_option *option, const char *text, const char *expected, trm_error *err) {
  return trm__fail(err, TRM_E_USAGE, option->name, "found \"%.80s\", expected %s", text, expected);
}

static trm_status option_out_of_range(const trm_option *option, const char *text, trm_error *err) {
  return trm__fail(err, TRM_E_USAGE, option->name, "found %.80s, expected %.15g to %.15g", text, option->min,
                   option->max);
}

trm_status trm__option_put_int(const trm_option *option, void *config, int64_t value, trm_error *err) {
  if (!option_in_range(option, (double)value)) {
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return option_out_of_range(option, text, err);
  }
  memcpy((char *)config + option->offset, &value, sizeof value);
  return TRM_OK;
}

trm_status trm__option_put_real(const trm_option *option, void *config, double value, trm_error *err) {
  char text[32];
  if (!isfinite(value)) return option_bad(option, isnan(value) ? "nan" : "inf", "a finite number", err);
  if (!option_in_range(option, value)) {
    trm__real_text(value, text, sizeof text);
    return option_out_of_range(option, text, err);
  }
  memcpy((char *)config + option->offset, &value, sizeof value);
  return TRM_OK;
}

void trm__option_put_flag(const trm_option *option, void *config, int value) {
  memcpy((char *)config + option->offset, &value, sizeof value);
}

void trm__option_flip(const trm_option *option, void *config) {
  int value;
  memcpy(&value, (char *)config + option->offset, sizeof value);
  trm__option_put_flag(option, config, !value);
}

static trm_status option_set_int(const trm_option *option, void *config, const char *text, trm_error *err) {
  int64_t value = 0;
  switch (trm__int_read(text, &value)) {
  case TRM__NUMBER_OK:
    return trm__option_put_int(option, config, value, err);
  case TRM__NUMBER_BAD:
    return option_bad(option, text, "a whole number", err);
  case TRM__NUMBER_TOO_LARGE:
    break;
  }
  return option_bad(option, text, "a whole number of 64 bits", err);
}

static trm_status option_set_real(const trm_option *option, void *config, const char *text, trm_error *err) {
  double value = (double)NAN;
  const char *unset = trm__option_unset_word(option);
  if (unset && strcmp(text, unset) == 0) {
    memcpy((char *)config + option->offset, &value, sizeof value);
    return TRM_OK;
  }
  if (trm__real_read(text, &value)) return option_bad(option, text, "a number", err);
  return trm__option_put_real(option, config, value, err);
}

static trm_status option_set_flag(const trm_option *option, void *config, const char *text, trm_error *err) {
  static const char *const words[2][4] = {{"false", "0", "no", "off"}, {"true", "1", "yes", "on"}};
  for (int value = 0; value < 2; value++) {
    for (int i = 0; i < 4; i++) {
      if (strcmp(text, words[value][i])) continue;
      trm__option_put_flag(option, config, value);
      return TRM_OK;
    }
  }
  return option_bad(option, text, "true or false", err);
}

const char *trm__option_choice(const trm_option *option, int index, size_t *length) {
  const char *p = option->choices;
  while (p && index-- > 0) {
    p = strchr(p, '|');
    if (p) p++;
  }
  if (p) *length = strcspn(p, "|");
  return p;
}

static trm_status option_set_choice(const trm_option *option, void *config, const char *text, trm_error *err) {
  size_t length;
  const char *choice;
  for (int i = 0; (choice = trm__option_choice(option, i, &length)); i++) {
    if (strlen(text) != length || !trm__option_same_name(choice, text, length)) continue;
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

static trm_status option_set_string(const trm_option *option, void *config, const char *text, trm_error *err) {
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
    return option_set_flag(option, config, text, err);
  case TRM_OPT_INT:
    return option_set_int(option, config, text, err);
  case TRM_OPT_REAL:
    return option_set_real(option, config, text, err);
  case TRM_OPT_ENUM:
    return option_set_choice(option, config, text, err);
  case TRM_OPT_STRING:
    return option_set_string(option, config, text, err);
  }
  return trm__fail(err, TRM_E_INTERNAL, option->name, "option type %d does not exist", (int)option->type);
}

trm_status trm_options_set(const trm_option *table, size_t count, void *config, const char *name, const char *text,
                           trm_error *err) {
  trm__option_name named = trm__option_lookup(table, count, name, strlen(name));
  if (!named.option) return trm__option_unknown(table, count, name, TRM_E_USAGE, name, err);
  trm_status status = trm__option_set(named.option, config, text, err);
  if (!status && named.inverse) trm__option_flip(named.option, config);
  return status;
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

int trm_options_get(const trm_option *table, size_t count, const void *config, const char *name, char *text,
                    size_t size) {
  trm__option_name named = trm__option_lookup(table, count, name, strlen(name));
  const trm_option *option = named.option;
  if (!option) return -1;
  const char *field = (const char *)config + option->offset;
  int number = 0;
  int64_t whole;
  double real;
  size_t length = 0;
  switch (option->type) {
  case TRM_OPT_BOOL:
    memcpy(&number, field, sizeof number);
    return snprintf(text, size, "%s", number != named.inverse ? "true" : "false");
  case TRM_OPT_INT:
    memcpy(&whole, field, sizeof whole);
    return snprintf(text, size, "%lld", (long long)whole);
  case TRM_OPT_REAL:
    memcpy(&real, field, sizeof real);
    if (isnan(real) && trm__option_unset_word(option)) return snprintf(text, size, "%s", option->default_text);
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
