/* Cells of a field or a JSON value: see cells.h. A list in a field is read by a small reader of its own, since it is no
 * JSON when Python or NumPy wrote it. Depth is at most two, so nothing recurses. */
#include "data/format/cells.h"

#include <string.h>

#include "base/mem.h"
#include "data/format/cells_drawn.h"
#include "task/task.h"

#define NUMBER_LIMIT 254

const char trm__cells_no_memory[] = "no memory for its cells";

void trm__cells_free(trm__cells *cells) {
  trm__free(cells->own);
  *cells = (trm__cells){0};
}

static void cells_begin(trm__cells *c) {
  *c = (trm__cells){.own = c->own, .room = c->room};
}

static const char *cells_add(trm__cells *c, uint8_t cell) {
  if (c->length == TRM__SEQ_LIMIT) return "more than 65536 cells, expected at most that";
  if (c->length == c->room) {
    size_t room = c->room ? 2 * c->room : 256;
    uint8_t *larger = trm__realloc(c->own, room, 1);
    if (!larger) return trm__cells_no_memory;
    c->own = larger;
    c->room = room;
  }
  c->own[c->length++] = cell;
  c->cells = c->own;
  return NULL;
}

static const char *cells_add_text(trm__cells *c, const char *text, size_t length) {
  size_t begin = c->length;
  const char *problem = NULL;
  c->texts = 1;
  for (size_t i = 0; i < length && !problem; i++) {
    if (text[i] == '\n' && c->width == 0) c->width = c->length - begin;
    if (text[i] != '\n' && text[i] != '\r') problem = cells_add(c, (uint8_t)text[i]);
  }
  return problem;
}

static const char *cells_add_number(trm__cells *c, int64_t number) {
  c->numbers = 1;
  if (number < 0 || number > NUMBER_LIMIT) return "a number outside 0 to 254";
  return cells_add(c, (uint8_t)number);
}

int trm__cells_apart(const char *text, size_t length) {
  if (length < 31 || length % 2 == 0 || (text[1] != ' ' && text[1] != ',')) return 0;
  for (size_t i = 0; i < length; i++)
    if ((i % 2 == 1) != (text[i] == text[1])) return 0;
  return 1;
}

static const char *cells_add_drawn(trm__cells *c, const char *text, size_t length) {
  uint8_t row[TRM__DRAWN_MOST];
  const char *problem = NULL;
  c->texts = 1;
  for (size_t cells; !problem && (cells = trm__cells_drawn_row(&text, &length, row)) > 0; c->width = cells)
    for (size_t i = 0; i < cells && !problem; i++) problem = cells_add(c, row[i]);
  return problem;
}

/* Brackets may be symbols of a puzzle: a list goes on with a number or a text. */
static int cells_are_list(const char *text, size_t length) {
  size_t at = 0;
  while (at < length && memchr("[( \t\r\n", text[at], 6)) at++;
  return at > 0 && text[0] == '[' && at < length && memchr("0123456789-\"'", text[at], 13) && memchr(text, ']', length);
}

/* -- JSON ---------------------------------------------------------------------------------------------------------- */

static const char *cells_add_value(trm__cells *c, const json_t *value, int depth) {
  if (json_is_string(value) && depth < 2) return cells_add_text(c, json_string_value(value), json_string_length(value));
  if (json_is_integer(value) && depth > 0) return cells_add_number(c, json_integer_value(value));
  if (!json_is_array(value) || depth == 2)
    return "expected a text, an array of texts, an array of whole numbers or an array of such rows";
  size_t index, row = 0;
  const json_t *item;
  json_array_foreach(value, index, item) {
    size_t before = c->length;
    const char *problem = cells_add_value(c, item, depth + 1);
    if (problem) return problem;
    if (json_is_integer(item)) continue;
    if (index == 0) row = c->length - before;
    else if (depth == 0 && c->length - before != row) return "rows of different lengths, expected equal ones";
  }
  if (depth == 0 && row > 0) c->width = row;
  return NULL;
}

const char *trm__cells_read_json(trm__cells *c, const json_t *value) {
  cells_begin(c);
  const char *text = json_string_value(value);
  size_t at, length = json_string_length(value);
  if (text && (trm__cells_apart(text, length) || cells_are_list(text, length) || trm__cells_drawn(text, length)))
    return trm__cells_read_field(c, text, length, &at);
  return cells_add_value(c, value, 0);
}

/* -- lists in a field ---------------------------------------------------------------------------------------------- */

/* A list being read. Its rows have a beginning, and all the same number of cells. */
typedef struct list {
  const char *text;
  size_t length, at;
  int depth;
  size_t row_begin, row; /* cells before this row; cells of the first */
  int rows;
} list;

static const char *list_end_row(trm__cells *c, list *l) {
  size_t cells = c->length - l->row_begin;
  if (l->rows++ == 0) l->row = cells;
  else if (cells != l->row) return "rows of different lengths, expected equal ones";
  return NULL;
}

/* A whole number, also as 4.0 or 4. */
static const char *list_number(trm__cells *c, list *l) {
  int64_t number = 0;
  size_t begin = l->at;
  while (l->at < l->length && l->text[l->at] >= '0' && l->text[l->at] <= '9' && number <= NUMBER_LIMIT)
    number = 10 * number + (l->text[l->at++] - '0');
  if (l->at == begin || (number > NUMBER_LIMIT)) {
    l->at = begin;
    return l->text[begin] == '-' || number > NUMBER_LIMIT
               ? "a number outside 0 to 254"
               : "expected a list of whole numbers or of texts, such as [5, 3, 0] or [\"53.\", \"6..\"]";
  }
  if (l->at < l->length && l->text[l->at] == '.') {
    l->at++;
    while (l->at < l->length && l->text[l->at] == '0') l->at++;
  }
  if (l->at < l->length && !memchr(" ,\t\r\n])", l->text[l->at], 7)) return "expected a whole number";
  return cells_add_number(c, number);
}

/* A text between quotes, which has no quotes in it: a row, or in a row one cell. */
static const char *list_text(trm__cells *c, list *l) {
  char quote = l->text[l->at++];
  const char *begin = l->text + l->at, *end = memchr(begin, quote, l->length - l->at);
  if (!end) return "this quote is never closed";
  if (memchr(begin, '\n', (size_t)(end - begin))) return "a text of several lines in a list, expected one line a row";
  l->at += (size_t)(end - begin) + 1;
  if (l->depth == 1) l->row_begin = c->length;
  const char *problem = cells_add_text(c, begin, (size_t)(end - begin));
  return problem || l->depth != 1 || end - begin == 1 ? problem : list_end_row(c, l);
}

static const char *list_step(trm__cells *c, list *l) {
  char at = l->text[l->at];
  if (memchr(" ,\t\r\n", at, 5)) {
    l->at++;
    return NULL;
  }
  if (at == '[' || at == '(') {
    if (l->depth == 2) return "a list of lists of lists, expected a grid";
    l->depth++, l->at++;
    l->row_begin = c->length;
    return NULL;
  }
  if (at == ']' || at == ')') {
    l->at++;
    return l->depth-- == 2 ? list_end_row(c, l) : NULL;
  }
  return at == '"' || at == '\'' ? list_text(c, l) : list_number(c, l);
}

static const char *cells_read_list(trm__cells *c, list *l) {
  do {
    const char *problem = list_step(c, l);
    if (problem) return problem;
  } while (l->depth > 0 && l->at < l->length);
  if (l->depth > 0) return "this list is never closed, expected ']'";
  while (l->at < l->length && memchr(" \t\r\n", l->text[l->at], 4)) l->at++;
  if (l->at < l->length) return "text behind the list";
  if (l->rows > 0 && l->row * (size_t)l->rows != c->length) return "rows beside single cells, expected a grid";
  if (l->rows > 0) c->width = l->row;
  return NULL;
}

const char *trm__cells_read_field(trm__cells *c, const char *text, size_t length, size_t *at) {
  const char *problem = NULL;
  cells_begin(c);
  *at = 0;
  if (cells_are_list(text, length)) {
    list l = {.text = text, .length = length};
    problem = cells_read_list(c, &l);
    *at = l.at;
  } else if (trm__cells_apart(text, length)) {
    c->texts = 1;
    for (size_t i = 0; i < length && !problem; i += 2) problem = cells_add(c, (uint8_t)text[i]);
  } else if (trm__cells_drawn(text, length)) {
    problem = cells_add_drawn(c, text, length);
  } else if (memchr(text, '\n', length)) {
    problem = cells_add_text(c, text, length);
  } else {
    c->cells = (const uint8_t *)text;
    c->length = length;
    c->texts = 1;
  }
  return problem;
}

const char *trm__cells_make_numbers(trm__cells *c) {
  for (size_t i = 0; i < c->length; i++)
    if (c->cells[i] != '.' && (c->cells[i] < '0' || c->cells[i] > '9'))
      return "texts and numbers are mixed, expected one kind in the whole file";
  trm__cells copy = {.own = c->own, .room = c->room, .width = c->width, .numbers = 1};
  const uint8_t *from = c->cells;
  const char *problem = NULL;
  for (size_t i = 0, length = c->length; i < length && !problem; i++)
    problem = cells_add(&copy, (uint8_t)(from[i] == '.' ? 0 : from[i] - '0'));
  *c = copy;
  return problem;
}
