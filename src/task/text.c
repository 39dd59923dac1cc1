/* Puzzles as people write them: one line or rows on lines, with or without a drawn frame. Where spaces may be blanks,
 * they are first read as decoration and, when that leaves too few cells, as blanks; where the space is a symbol of its
 * own, as in mazes, every column counts. */
#include "task/text.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"

typedef struct cursor {
  const trm_task *task;
  const char *text;
  size_t length;
  size_t cells; /* wanted */
  int32_t *tokens;
  const int16_t *map;
  const char *expected;
} cursor;

static trm_status parse_fail_at(const cursor *c, size_t at, const char *problem, trm_error *err) {
  size_t line = 1, start = 0;
  for (size_t i = 0; i < at; i++)
    if (c->text[i] == '\n') line++, start = i + 1;
  char where[64], found[16];
  unsigned char byte = (unsigned char)c->text[at];
  snprintf(where, sizeof where, "line %zu, column %zu", line, at - start + 1);
  if (problem) return trm__fail(err, TRM_E_INPUT, where, "%s", problem);
  if (byte >= 0x20 && byte < 0x7f) snprintf(found, sizeof found, "'%c'", byte);
  else snprintf(found, sizeof found, "byte 0x%02x", byte);
  return trm__fail(err, TRM_E_INPUT, where, "found %s, expected %s", found, c->expected);
}

static trm_status parse_fail_count(const cursor *c, size_t found, trm_error *err) {
  return trm__fail(err, TRM_E_INPUT, "puzzle", "found %zu cells, expected %zu (%d rows of %d): %s", found, c->cells,
                   c->task->height, c->task->width, c->expected);
}

/* Bytes of decoration at p: a drawing character of ASCII, or one of Unicode's box drawing block (U+2500 to U+257F). */
static size_t parse_decoration(const char *p, size_t left) {
  if (memchr("|-+=, \t\r\n", *p, 9)) return 1;
  const unsigned char *u = (const unsigned char *)p;
  if (left >= 3 && u[0] == 0xe2 && (u[1] == 0x94 || u[1] == 0x95)) return 3;
  return 0;
}

/* Every symbol is a cell, but for the space; decoration is skipped. *found counts cells, also beyond those wanted. */
static trm_status parse_marked(const cursor *c, size_t *found, trm_error *err) {
  size_t cells = 0;
  for (size_t at = 0; at < c->length;) {
    unsigned char byte = (unsigned char)c->text[at];
    if (c->map[byte] >= 0 && byte != ' ') { /* a space is a cell in parse_columns alone */
      if (cells < c->cells) c->tokens[cells] = c->map[byte];
      cells++;
      at++;
      continue;
    }
    size_t skip = parse_decoration(c->text + at, c->length - at);
    if (skip == 0) return parse_fail_at(c, at, NULL, err);
    at += skip;
  }
  *found = cells;
  return TRM_OK;
}

/* The next line's [begin, end) without its end-of-line bytes; returns the start of the one after. */
static size_t parse_next_line(const cursor *c, size_t begin, size_t *end) {
  const char *newline = memchr(c->text + begin, '\n', c->length - begin);
  size_t stop = newline ? (size_t)(newline - c->text) : c->length;
  *end = stop > begin && c->text[stop - 1] == '\r' ? stop - 1 : stop;
  return newline ? stop + 1 : c->length;
}

/* A drawn line: nothing but frame characters, at least one of them, that are no symbols. */
static int parse_is_frame(const cursor *c, size_t begin, size_t end) {
  int drawn = 0;
  for (size_t at = begin; at < end; at++) {
    unsigned char byte = (unsigned char)c->text[at];
    if (byte == ' ' || byte == '\t') continue;
    if (!memchr("|-+=", byte, 4) || c->map[byte] >= 0) return 0;
    drawn = 1;
  }
  return drawn;
}

static size_t parse_count_rows(const cursor *c) {
  size_t rows = 0;
  for (size_t begin = 0, end; begin < c->length;) {
    size_t after = parse_next_line(c, begin, &end);
    rows += end > begin && !parse_is_frame(c, begin, end);
    begin = after;
  }
  return rows;
}

/* Spaces are cells. Rows on lines must be as long as the grid is wide; shorter ones are filled with blanks when fill.
 */
static trm_status parse_columns(const cursor *c, int fill, size_t *found, trm_error *err) {
  size_t rows = parse_count_rows(c), width = (size_t)c->task->width, cells = 0;
  for (size_t begin = 0, end; begin < c->length;) {
    size_t after = parse_next_line(c, begin, &end), first = cells;
    int skip = end == begin || parse_is_frame(c, begin, end);
    for (size_t at = begin; !skip && at < end; at++) {
      unsigned char byte = (unsigned char)c->text[at];
      if (c->map[byte] < 0 && byte == '|') continue;
      if (c->map[byte] < 0) return parse_fail_at(c, at, NULL, err);
      if (cells < c->cells) c->tokens[cells] = c->map[byte];
      cells++;
    }
    while (!skip && fill && rows > 1 && cells < first + width) {
      if (cells < c->cells) c->tokens[cells] = c->map[' '];
      cells++;
    }
    if (!skip && rows > 1 && cells - first != width) {
      char problem[160];
      snprintf(problem, sizeof problem, "this row has %zu cells, expected %zu (trailing spaces count)", cells - first,
               width);
      return parse_fail_at(c, begin, problem, err);
    }
    begin = after;
  }
  *found = cells;
  return TRM_OK;
}

static cursor parse_begin(const trm_task *task, const trm__text *text, int32_t *tokens) {
  size_t cells = (size_t)task->width * (size_t)task->height;
  return (cursor){task, text->text, text->length, cells, tokens, text->map, text->expected};
}

trm_status trm__text_parse(const trm_task *task, const trm__text *text, int32_t *tokens, trm_error *err) {
  cursor c = parse_begin(task, text, tokens);
  size_t found = 0;
  trm_status status = c.map[' '] >= 0 ? parse_columns(&c, 0, &found, err) : parse_marked(&c, &found, err);
  if (status || found == c.cells) return status;
  return parse_fail_count(&c, found, err);
}

trm_status trm__text_parse_blanks(const trm_task *task, const trm__text *text, int32_t *tokens, trm_error *err) {
  cursor c = parse_begin(task, text, tokens);
  size_t found = 0, spaced = 0;
  trm_status status = parse_marked(&c, &found, err);
  if (status || found == c.cells) return status;
  if (found < c.cells && !parse_columns(&c, 1, &spaced, NULL) && spaced == c.cells) return TRM_OK;
  return parse_fail_count(&c, found, err);
}

char trm__text_symbol(const trm_task *task, int32_t token) {
  if (token == 0) return strchr(task->alphabet, '_') ? '?' : '_';
  return token > 0 && (size_t)token <= strlen(task->alphabet) ? task->alphabet[token - 1] : '?';
}

void trm__text_render(const trm_task *task, const int32_t *tokens, char *text) {
  size_t cells = (size_t)task->width * (size_t)task->height;
  char symbol[sizeof task->alphabet + 1];
  int32_t symbols = (int32_t)strlen(task->alphabet);
  for (int32_t t = 0; t <= symbols; t++) symbol[t] = trm__text_symbol(task, t);
  for (size_t i = 0; i < cells; i++) text[i] = tokens[i] >= 0 && tokens[i] <= symbols ? symbol[tokens[i]] : '?';
  text[cells] = '\0';
}
