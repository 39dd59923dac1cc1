/* One pass over text that is known to be JSON: values are stepped over until the one that the pointer names. */
#include "agent/define/place.h"

#include <stdlib.h>
#include <string.h>

typedef struct place_reader {
  const char *at, *end;
} place_reader;

static void place_space(place_reader *r) {
  while (r->at < r->end && strchr(" \t\r\n", *r->at)) r->at++;
}

static void place_text(place_reader *r) { /* from its quote to behind the other */
  for (r->at++; r->at < r->end && *r->at != '"'; r->at++)
    if (*r->at == '\\' && r->at + 1 < r->end) r->at++;
  if (r->at < r->end) r->at++;
}

static void place_skip(place_reader *r) { /* a whole value */
  int depth = 0;
  do {
    place_space(r);
    if (r->at >= r->end) return;
    char c = *r->at;
    if (c == '"') {
      place_text(r);
    } else if (strchr("{[", c)) {
      depth++;
      r->at++;
    } else if (strchr("}]", c)) {
      depth--;
      r->at++;
    } else if (strchr(",:", c)) {
      r->at++;
    } else {
      while (r->at < r->end && !strchr(",:{}[]\" \t\r\n", *r->at)) r->at++;
    }
  } while (depth > 0);
}

/* Whether the key whose quote is at `at` is the pointer's next step; escapes of JSON are compared as they stand. */
static int place_is_key(const char *at, const char *end, const char *step, size_t length) {
  at++;
  for (size_t i = 0; i < length; i++, at++) {
    char c = step[i];
    if (c == '~' && i + 1 < length) c = step[++i] == '1' ? '/' : '~';
    if (at < end && *at == '\\' && at + 1 < end && strchr("\"\\/", at[1])) at++;
    if (at >= end || *at != c) return 0;
  }
  return at < end && *at == '"';
}

/* From the beginning of an object or an array to that of the value of one step; 0: there is none. line: where its key
 * or value begins. */
static int place_enter(place_reader *r, const char *step, size_t length, const char **found) {
  char open = r->at < r->end ? *r->at : 0;
  if (open != '{' && open != '[') return 0;
  unsigned long number = strtoul(step, NULL, 10), index = 0;
  for (r->at++;; index++) {
    place_space(r);
    if (r->at < r->end && *r->at == ',') {
      r->at++;
      place_space(r);
    }
    if (r->at >= r->end || *r->at == '}' || *r->at == ']') return 0;
    const char *begin = r->at;
    int here = open == '[' ? index == number : place_is_key(begin, r->end, step, length);
    if (open == '{') {
      place_text(r);
      place_space(r);
      if (r->at < r->end && *r->at == ':') r->at++;
      place_space(r);
    }
    if (here) {
      *found = begin;
      return 1;
    }
    place_skip(r);
  }
}

size_t trm__place_line(const char *text, size_t size, const char *pointer) {
  place_reader r = {text, text + size};
  if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) r.at += 3;
  place_space(&r);
  const char *found = r.at;
  while (*pointer == '/') {
    const char *step = pointer + 1;
    size_t length = strcspn(step, "/");
    if (!place_enter(&r, step, length, &found)) break;
    pointer = step + length;
  }
  size_t line = 1;
  for (const char *c = text; c < found; c++) line += *c == '\n';
  return line;
}
