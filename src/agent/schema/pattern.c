/* An expression is rewritten into PCRE2's dialect, escape by escape, and what has no counterpart is refused on the way:
 *   \p{Letter}    long names of general categories become short ones
 *   \s \S         ECMAScript's spaces, which are more than PCRE2's
 *   \cA \uXXXX \u{X} \xXX \0   a character by its number
 *   (?...)        only (?: (?= (?! (?<= (?<! (?<name>; not (*VERB), recursion, callouts, options
 * Options take care of the rest: $ only at the very end, . everything but ends of lines, \d and \w ASCII's. */
#include "agent/schema/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

#define MAX_PATTERN 4096    /* bytes */
#define MATCH_LIMIT 1000000 /* PCRE2's own measure: about 50 ms on one core */
#define HEAP_LIMIT 20000    /* KiB */
#define SPACES                                                                                                         \
  "\\t\\n\\x{b}\\f\\r\\x20\\xa0\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}"

struct trm__pattern {
  pcre2_code *code;
};

typedef struct pattern_writer {
  const char *text;
  size_t length, at;
  char *out;
  size_t used;
  int in_class;
  const char *where;
  trm_error *err;
} pattern_writer;

static void pattern_put(pattern_writer *w, const char *text, size_t length) {
  memcpy(w->out + w->used, text, length);
  w->used += length;
}

static void pattern_words(pattern_writer *w, const char *words) {
  pattern_put(w, words, strlen(words));
}

static trm_status pattern_refuse(const pattern_writer *w, const char *what) {
  return trm__fail(w->err, TRM_E_INPUT, w->where, "pattern \"%.*s\", byte %zu: %s",
                   (int)(w->length < 200 ? w->length : 200), w->text, w->at + 1, what);
}

static int pattern_is(const pattern_writer *w, size_t ahead, const char *set) {
  return w->at + ahead < w->length && w->text[w->at + ahead] && strchr(set, w->text[w->at + ahead]);
}

static int pattern_hex(const pattern_writer *w, size_t ahead, size_t digits, unsigned *value) {
  *value = 0;
  for (size_t i = 0; i < digits; i++) {
    if (!pattern_is(w, ahead + i, "0123456789abcdefABCDEF")) return 0;
    char c = w->text[w->at + ahead + i];
    *value = *value * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  }
  return 1;
}

static trm_status pattern_number(pattern_writer *w, unsigned value, size_t used) {
  char text[16];
  if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
    return pattern_refuse(w, "no character has this number");
  pattern_put(w, text, (size_t)snprintf(text, sizeof text, "\\x{%x}", value));
  w->at += used;
  return TRM_OK;
}

/* \uXXXX, also as two surrogates, and \u{X...}. w->at is at the backslash. */
static trm_status pattern_unicode(pattern_writer *w) {
  unsigned value, low;
  if (pattern_is(w, 2, "{")) {
    size_t digits = 0;
    while (pattern_is(w, 3 + digits, "0123456789abcdefABCDEF") && digits < 6) digits++;
    if (!digits || !pattern_is(w, 3 + digits, "}")) return pattern_refuse(w, "expected \\u{1 to 6 hexadecimal digits}");
    (void)pattern_hex(w, 3, digits, &value);
    return pattern_number(w, value, 4 + digits);
  }
  if (!pattern_hex(w, 2, 4, &value)) return pattern_refuse(w, "expected \\u with four hexadecimal digits");
  if (value >= 0xd800 && value < 0xdc00 && pattern_is(w, 6, "\\") && pattern_is(w, 7, "u") &&
      pattern_hex(w, 8, 4, &low) && low >= 0xdc00 && low < 0xe000)
    return pattern_number(w, 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00), 12);
  return pattern_number(w, value, 6);
}

/* \p{...}: general categories by their long names too. */
static trm_status pattern_property(pattern_writer *w) {
  static const char *const names[][2] = {
      {"Letter", "L"},     {"Uppercase_Letter", "Lu"}, {"Lowercase_Letter", "Ll"}, {"Titlecase_Letter", "Lt"},
      {"Mark", "M"},       {"Modifier_Letter", "Lm"},  {"Other_Letter", "Lo"},     {"Number", "N"},
      {"digit", "Nd"},     {"Decimal_Number", "Nd"},   {"Letter_Number", "Nl"},    {"Other_Number", "No"},
      {"Separator", "Z"},  {"Space_Separator", "Zs"},  {"Punctuation", "P"},       {"punct", "P"},
      {"Symbol", "S"},     {"Math_Symbol", "Sm"},      {"Currency_Symbol", "Sc"},  {"Other", "C"},
      {"Control", "Cc"},   {"Format", "Cf"},           {"Nonspacing_Mark", "Mn"},  {"Spacing_Mark", "Mc"},
      {"Alphabetic", "L"}, {"Script=Latin", "Latin"},
  };
  size_t length = 0;
  while (w->at + 3 + length < w->length && w->text[w->at + 3 + length] != '}') length++;
  if (!pattern_is(w, 2, "{") || w->at + 3 + length >= w->length || !length || length > 40)
    return pattern_refuse(w, "expected \\p{NAME}");
  const char *name = w->text + w->at + 3;
  size_t used = length;
  for (const char *prefix = "General_Category="; length > strlen(prefix) && !memcmp(name, prefix, strlen(prefix));) {
    name += strlen(prefix);
    length -= strlen(prefix);
  }
  pattern_put(w, w->text + w->at, 2);
  pattern_words(w, "{");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strlen(names[i][0]) == length && !memcmp(names[i][0], name, length)) {
      name = names[i][1];
      length = strlen(name);
    }
  for (const char *prefix = "Script="; length > strlen(prefix) && !memcmp(name, prefix, strlen(prefix));) {
    name += strlen(prefix);
    length -= strlen(prefix);
  }
  pattern_put(w, name, length);
  pattern_words(w, "}");
  w->at += used + 4;
  return TRM_OK;
}

static trm_status pattern_escape(pattern_writer *w) {
  unsigned value;
  if (w->at + 1 >= w->length) return pattern_refuse(w, "nothing behind the backslash");
  char c = w->text[w->at + 1];
  switch (c) {
  case 'u':
    return pattern_unicode(w);
  case 'p':
  case 'P':
    return pattern_property(w);
  case 'x':
    if (!pattern_hex(w, 2, 2, &value)) return pattern_refuse(w, "expected \\x with two hexadecimal digits");
    return pattern_number(w, value, 4);
  case 'c':
    if (w->at + 2 >= w->length || (w->text[w->at + 2] | 32) < 'a' || (w->text[w->at + 2] | 32) > 'z')
      return pattern_refuse(w, "expected a letter behind \\c");
    return pattern_number(w, (unsigned)w->text[w->at + 2] & 31, 3);
  case '0':
    if (pattern_is(w, 2, "0123456789")) return pattern_refuse(w, "no octal escapes");
    return pattern_number(w, 0, 2);
  case 'v':
    return pattern_number(w, 11, 2);
  case 's':
    pattern_words(w, w->in_class ? SPACES : "[" SPACES "]");
    break;
  case 'S':
    if (w->in_class) return pattern_refuse(w, "\\S in a class is not supported; write [^\\s...] instead");
    pattern_words(w, "[^" SPACES "]");
    break;
  case 'b':
    pattern_words(w, w->in_class ? "\\x{8}" : "\\b");
    break;
  case 'k':
    if (!pattern_is(w, 2, "<")) return pattern_refuse(w, "expected \\k<name>");
    pattern_put(w, w->text + w->at, 2);
    break;
  default:
    if (((c | 32) >= 'a' && (c | 32) <= 'z' && !strchr("dDwWBtnrf", c)) || c < 0)
      return pattern_refuse(w, "ECMAScript has no such escape");
    if (c < ' ') return pattern_refuse(w, "a control character behind the backslash");
    pattern_put(w, w->text + w->at, 2);
  }
  w->at += 2;
  return TRM_OK;
}

static trm_status pattern_group(pattern_writer *w) {
  if (pattern_is(w, 1, "*")) return pattern_refuse(w, "nothing in front of * to repeat");
  if (pattern_is(w, 1, "?")) {
    int behind = pattern_is(w, 2, "<") && pattern_is(w, 3, "=!");
    int named = pattern_is(w, 2, "<") && w->at + 3 < w->length;
    if (!behind && !named && !pattern_is(w, 2, ":=!"))
      return pattern_refuse(w, "expected (?:, (?=, (?!, (?<=, (?<! or (?<name>");
    pattern_words(w, "(?");
    w->at += 2;
    return TRM_OK;
  }
  pattern_words(w, "(");
  w->at++;
  return TRM_OK;
}

static trm_status pattern_rewrite(pattern_writer *w) {
  while (w->at < w->length) {
    char c = w->text[w->at];
    trm_status status = TRM_OK;
    if (c == '\\') status = pattern_escape(w);
    else if (c == '(' && !w->in_class) status = pattern_group(w);
    else if (c == '[' && w->in_class) { /* PCRE2 would look for [:class:] */ pattern_words(w, "\\[");
      w->at++;
    } else {
      if (c == '[') w->in_class = 1;
      if (c == ']') w->in_class = 0;
      pattern_put(w, &c, 1);
      w->at++;
    }
    if (status) return status;
  }
  return TRM_OK;
}

static trm_status pattern_compile(trm__pattern *pattern, const pattern_writer *w) {
  int number;
  PCRE2_SIZE offset;
  pcre2_compile_context *context = pcre2_compile_context_create(NULL);
  if (!context) return trm__fail_memory(w->err, w->where, w->used);
  (void)pcre2_set_parens_nest_limit(context, 100);
  (void)pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
  pattern->code = pcre2_compile((PCRE2_SPTR)w->out, w->used,
                                PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C | PCRE2_MATCH_UNSET_BACKREF |
                                    PCRE2_ALLOW_EMPTY_CLASS | PCRE2_NO_AUTO_POSSESS,
                                &number, &offset, context);
  pcre2_compile_context_free(context);
  if (pattern->code) return TRM_OK;
  char text[120];
  if (pcre2_get_error_message(number, (PCRE2_UCHAR *)text, sizeof text) < 0) strcpy(text, "is malformed");
  return trm__fail(w->err, TRM_E_INPUT, w->where, "pattern \"%.*s\": %s", (int)(w->length < 200 ? w->length : 200),
                   w->text, text);
}

trm_status trm__pattern_open(trm__pattern **out, const char *text, size_t length, const char *where, trm_error *err) {
  if (length > MAX_PATTERN)
    return trm__fail(err, TRM_E_INPUT, where, "a pattern of %zu bytes, expected at most %d", length, MAX_PATTERN);
  pattern_writer w = {.text = text, .length = length, .where = where, .err = err};
  trm__pattern *pattern = trm__calloc(1, sizeof *pattern);
  w.out = trm__calloc(length + 1, sizeof SPACES + 2); /* no byte becomes more */
  trm_status status = pattern && w.out ? pattern_rewrite(&w) : trm__fail_memory(err, where, length);
  if (!status) status = pattern_compile(pattern, &w);
  trm__free(w.out);
  if (status) trm__pattern_free(pattern);
  else *out = pattern;
  return status;
}

void trm__pattern_free(trm__pattern *pattern) {
  if (pattern) pcre2_code_free(pattern->code);
  trm__free(pattern);
}

trm__pattern_found trm__pattern_match(const trm__pattern *pattern, const char *text, size_t length) {
  pcre2_match_context *context = pcre2_match_context_create(NULL);
  pcre2_match_data *data = pcre2_match_data_create(1, NULL);
  int result = PCRE2_ERROR_NOMEMORY;
  if (context && data) {
    (void)pcre2_set_match_limit(context, MATCH_LIMIT);
    (void)pcre2_set_heap_limit(context, HEAP_LIMIT);
    result = pcre2_match(pattern->code, (PCRE2_SPTR)text, length, 0, 0, data, context);
  }
  pcre2_match_data_free(data);
  pcre2_match_context_free(context);
  if (result >= 0) return TRM__PATTERN_YES;
  return result == PCRE2_ERROR_NOMATCH ? TRM__PATTERN_NO : TRM__PATTERN_LIMIT;
}
