/* Puzzles as people write them: one line or rows on lines, with or without a drawn frame. Sudoku first reads spaces as
 * decoration and, when that leaves too few cells, as blanks; tasks whose alphabet has a space count every column. */
#include <stdio.h>
#include <string.h>
#include <trm/task.h>

#include "base/status.h"
#include "task/task.h"

typedef struct cursor {
  const trm_task *task;
  const char *text;
  size_t length;
  size_t cells; /* wanted */
  int32_t *tokens;
  int16_t map[256];
} cursor;

static trm_status parse_fail_at(const cursor *c, size_t at, const char *problem, trm_error *err) {
  size_t line = 1, start = 0;
  for (size_t i = 0; i < at; i++)
    if (c->text[i] == '\n') line++, start = i + 1;
  char where[64], expected[400], found[16];
  unsigned char byte = (unsigned char)c->text[at];
  snprintf(where, sizeof where, "line %zu, column %zu", line, at - start + 1);
  if (problem) return trm__fail(err, TRM_E_INPUT, where, "%s", problem);
  trm__task_expected(c->task, expected, sizeof expected);
  if (byte >= 0x20 && byte < 0x7f) snprintf(found, sizeof found, "'%c'", byte);
  else snprintf(found, sizeof found, "byte 0x%02x", byte);
  return trm__fail(err, TRM_E_INPUT, where, "found %s, expected %s", found, expected);
}

static trm_status parse_fail_count(const cursor *c, size_t found, trm_error *err) {
  char expected[400];
  trm__task_expected(c->task, expected, sizeof expected);
  return trm__fail(err, TRM_E_INPUT, "puzzle", "found %zu cells, expected %zu (%d rows of %d): %s", found, c->cells,
                   c->task->height, c->task->width, expected);
}

/* Bytes of decoration at p: a drawing character of ASCII, or one of Unicode's box drawing block (U+2500 to U+257F). */
static size_t parse_decoration(const char *p, size_t left) {
  if (memchr("|-+=, \t\r\n", *p, 9)) return 1;
  const unsigned char *u = (const unsigned char *)p;
  if (left >= 3 && u[0] == 0xe2 && (u[1] == 0x94 || u[1] == 0x95)) return 3;
  return 0;
}

/* Every symbol but the space is a cell, decoration is skipped. *found counts cells, also beyond those wanted. */
static trm_status parse_marked(const cursor *c, size_t *found, trm_error *err) {
  size_t cells = 0;
  for (size_t at = 0; at < c->length;) {
    unsigned char byte = (unsigned char)c->text[at];
    int is_space = byte == ' ' && c->task->kind == TRM_TASK_SUDOKU; /* a blank in parse_columns alone */
    if (c->map[byte] >= 0 && !is_space) {
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

trm_status trm_task_parse(const trm_task *task, const char *text, size_t length, int32_t *tokens, size_t capacity,
                          trm_error *err) {
  cursor c = {.task = task, .text = text, .length = length, .tokens = tokens};
  c.cells = (size_t)task->width * (size_t)task->height;
  if (capacity < c.cells)
    return trm__fail(err, TRM_E_USAGE, "tokens", "there is room for %zu, but a puzzle of %d x %d has %zu", capacity,
                     task->width, task->height, c.cells);
  if (task->alphabet[0] == '\0')
    return trm__fail(err, TRM_E_INPUT, "puzzle", "the tokens of this task have no symbols, so text cannot be read");
  trm__task_symbols(task, c.map);
  size_t found = 0;
  trm_status status;
  if (task->kind != TRM_TASK_SUDOKU && c.map[' '] >= 0) {
    status = parse_columns(&c, 0, &found, err);
    if (status) return status;
    return found == c.cells ? TRM_OK : parse_fail_count(&c, found, err);
  }
  status = parse_marked(&c, &found, err);
  if (status || found == c.cells) return status;
  size_t spaced = 0;
  if (task->kind == TRM_TASK_SUDOKU && found < c.cells && !parse_columns(&c, 1, &spaced, NULL) && spaced == c.cells)
    return TRM_OK;
  return parse_fail_count(&c, found, err);
}
