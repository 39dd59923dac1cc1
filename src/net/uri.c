/* Decoding happens once, after a path was cut at its slashes and a query at its ampersands: an escaped slash is part of
 * a name. */
#include "net/uri.h"

#include <string.h>

#include "net/grammar.h"

/* The character that begins at text; *used: how many bytes stand for it. -1: none. */
static int uri_character(const char *text, size_t left, int plus, size_t *used) {
  *used = 1;
  if (plus && text[0] == '+') return ' ';
  if (text[0] != '%') return (unsigned char)text[0];
  int high = left > 1 ? trm__hex_digit((unsigned char)text[1]) : -1;
  int low = left > 2 ? trm__hex_digit((unsigned char)text[2]) : -1;
  *used = 3;
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

int trm__uri_decode(const char *text, size_t length, int plus, char *out, size_t size) {
  size_t n = 0, used;
  for (size_t i = 0; i < length; i += used) {
    int c = uri_character(text + i, length - i, plus, &used);
    if (c < ' ' || c == 0x7f || n + 1 >= size) return 0;
    out[n++] = (char)c;
  }
  if (n >= size || !trm__is_utf8(out, n)) return 0;
  out[n] = '\0';
  return 1;
}

int trm__query_next(const char **query, trm__query_part *part) {
  const char *begin = *query;
  while (begin && *begin == '&') begin++;
  if (!begin || !*begin) return 0;
  size_t length = strcspn(begin, "&");
  const char *equals = memchr(begin, '=', length);
  part->name = begin;
  part->name_length = equals ? (size_t)(equals - begin) : length;
  part->value = equals ? equals + 1 : begin + length;
  part->value_length = length - part->name_length - (equals != NULL);
  *query = begin + length;
  return 1;
}

/* Whether a part has that name; -1 when its name is not well formed. A name longer than any that is asked for is none.
 */
static int query_is(const trm__query_part *part, const char *name) {
  char decoded[128];
  if (part->name_length >= 3 * sizeof decoded) return 0;
  if (!trm__uri_decode(part->name, part->name_length, 1, decoded, sizeof decoded)) return -1;
  return !strcmp(decoded, name);
}

trm__query_found trm__query_get(const char *query, const char *name, char *out, size_t size) {
  trm__query_part part;
  trm__query_found found = TRM__QUERY_ABSENT;
  while (trm__query_next(&query, &part)) {
    int is = query_is(&part, name);
    if (!is) continue;
    if (is < 0 || found || !trm__uri_decode(part.value, part.value_length, 1, out, size)) return TRM__QUERY_BAD;
    found = TRM__QUERY_ONE;
  }
  return found;
}
