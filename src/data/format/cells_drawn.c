/* Drawn grids in a field: see cells_drawn.h. */
#include "data/format/cells_drawn.h"

#include <string.h>

#define NO_ROW SIZE_MAX /* of cells: the line is neither drawn nor a row */

typedef enum mark { MARK_CELL, MARK_SPACE, MARK_BAR, MARK_STROKE } mark;

/* What stands at p; *size: its bytes. */
static mark drawn_mark(const char *p, size_t left, size_t *size) {
  *size = 1;
  if (*p == ' ' || *p == '\t') return MARK_SPACE;
  if (*p == '|') return MARK_BAR;
  if (*p == '-' || *p == '=' || *p == '+') return MARK_STROKE;
  if (left < 3 || (memcmp(p, "\xe2\x94", 2) != 0 && memcmp(p, "\xe2\x95", 2) != 0)) return MARK_CELL;
  *size = 3;
  int upright = !memcmp(p, "\xe2\x94\x82", 3) || !memcmp(p, "\xe2\x94\x83", 3) || !memcmp(p, "\xe2\x95\x91", 3);
  return upright ? MARK_BAR : MARK_STROKE;
}

/* A line of bars, spaces and at least one stroke. */
static int drawn_is_frame(const char *line, size_t length) {
  size_t strokes = 0, size;
  for (size_t at = 0; at < length; at += size) {
    mark found = drawn_mark(line + at, length - at, &size);
    if (found == MARK_CELL) return 0;
    strokes += found == MARK_STROKE;
  }
  return strokes > 0;
}

/* The cells of a line: 0 for one that is drawn or empty. *between: 1 when more stands in it than cells, else unchanged.
 */
static size_t drawn_line(const char *line, size_t length, uint8_t row[TRM__DRAWN_MOST], int *between) {
  size_t cells = 0, field = 0, first = 0, size;
  if (drawn_is_frame(line, length)) return *between = 1, (size_t)0;
  for (size_t at = 0; at <= length; at += size) {
    mark found = MARK_SPACE; /* the line's end closes a field too */
    size = 1;
    if (at < length) found = drawn_mark(line + at, length - at, &size);
    if (found == MARK_CELL || (found == MARK_STROKE && size == 1)) { /* '-' may be a blank */
      if (cells == TRM__DRAWN_MOST) return NO_ROW;
      row[cells++] = (uint8_t)line[at];
      field++;
      continue;
    }
    if (found == MARK_STROKE) return NO_ROW;
    if (at < length) *between = 1;
    if (!field) continue;
    if (!first) first = field;
    if (field != first) return NO_ROW;
    field = 0;
  }
  return cells;
}

/* The first line without its end, and moves *text and *length behind it. */
static size_t drawn_take_line(const char **text, size_t *length, const char **line) {
  const char *newline = memchr(*text, '\n', *length);
  size_t size = newline ? (size_t)(newline - *text) : *length, used = newline ? size + 1 : size;
  *line = *text;
  *text += used;
  *length -= used;
  return size && (*line)[size - 1] == '\r' ? size - 1 : size;
}

size_t trm__cells_drawn(const char *text, size_t length) {
  uint8_t row[TRM__DRAWN_MOST];
  size_t rows = 0, side = 0;
  int between = 0;
  while (length > 0) {
    const char *line;
    size_t size = drawn_take_line(&text, &length, &line), cells = drawn_line(line, size, row, &between);
    if (!cells) continue;
    if (!rows++) side = cells;
    if (cells == NO_ROW || cells != side || rows > side) return 0;
  }
  return between && side >= 4 && rows == side ? side : 0;
}

size_t trm__cells_drawn_row(const char **text, size_t *length, uint8_t row[TRM__DRAWN_MOST]) {
  int between = 0;
  while (*length > 0) {
    const char *line;
    size_t size = drawn_take_line(text, length, &line), cells = drawn_line(line, size, row, &between);
    if (cells && cells != NO_ROW) return cells;
  }
  return 0;
}
