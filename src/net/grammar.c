/* Letters are compared as ASCII: a locale that folds others would read other names than the peer wrote. */
#include "net/grammar.h"

#include <string.h>

int trm__is_token(unsigned char byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
         (byte && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
}

int trm__is_field_text(unsigned char byte) {
  return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

int trm__hex_digit(unsigned char byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

char trm__ascii_lower(char c) {
  return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

int trm__ascii_is(const char *text, size_t length, const char *word) {
  if (strlen(word) != length) return 0;
  for (size_t i = 0; i < length; i++)
    if (trm__ascii_lower(text[i]) != trm__ascii_lower(word[i])) return 0;
  return 1;
}

static int list_is_space(char c) {
  return c == ' ' || c == '\t';
}

/* Where the member that begins at text ends. */
static const char *list_end(const char *text) {
  int quoted = 0;
  for (; *text && (quoted || *text != ','); text++) {
    if (*text == '"') quoted = !quoted;
    else if (quoted && *text == '\\' && text[1]) text++;
  }
  return text;
}

const char *trm__list_next(const char **list, size_t *length) {
  const char *begin = *list;
  while (*begin == ',' || list_is_space(*begin)) begin++;
  if (!*begin) return NULL;
  const char *end = list_end(begin);
  *list = end;
  while (end > begin && list_is_space(end[-1])) end--;
  *length = (size_t)(end - begin);
  return begin;
}

/* The bytes of the character at text, of which left are there; 0 for none. */
static size_t utf8_character(const unsigned char *text, size_t left) {
  static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t size = text[0] < 0x80   ? 1
                : text[0] < 0xc0 ? 0
                : text[0] < 0xe0 ? 2
                : text[0] < 0xf0 ? 3
                : text[0] < 0xf8 ? 4
                                 : 0;
  if (size <= 1) return size;
  if (size > left) return 0;
  unsigned code = text[0] & (0x7fu >> size);
  for (size_t i = 1; i < size; i++) {
    if ((text[i] & 0xc0) != 0x80) return 0;
    code = code << 6 | (text[i] & 0x3f);
  }
  return code < least[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? 0 : size;
}

int trm__is_utf8(const char *text, size_t length) {
  for (size_t at = 0, size; at < length; at += size)
    if (!(size = utf8_character((const unsigned char *)text + at, length - at))) return 0;
  return 1;
}
