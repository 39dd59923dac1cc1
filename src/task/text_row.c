/* Cells of one row: see text_row.h. The line is looked through once to count fields and groups, which decides how it is
 * written, and then once more for its cells. */
#include "task/text_row.h"

#include <stdio.h>
#include <string.h>

/* What a line is made of. */
typedef struct survey {
  size_t fields, shortest, longest; /* cells of a field */
  size_t groups, narrow, wide;      /* cells of a group */
  size_t cells;
  size_t others, other_at; /* bytes that are neither cells nor decoration */
} survey;

int trm__text_is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int trm__text_is_spaced(const trm_task *task) {
  return strchr(task->alphabet, ' ') != NULL;
}

/* Bars are | ! : and Unicode's box drawing (U+2500 to U+257F). */
trm__byte_class trm__text_byte(const trm__text *t, const char *p, size_t left, size_t *size) {
  const unsigned char *u = (const unsigned char *)p;
  *size = 1;
  if (*u != ' ' && t->map[*u] >= 0) return TRM__BYTE_CELL;
  if (*p && strchr(" \t\r\n,;[](){}\"'", *p)) return TRM__BYTE_GAP;
  if (*p == '|' || *p == '!' || *p == ':') return TRM__BYTE_BAR;
  if (left > 1 && u[0] == 0xc2 && u[1] == 0xa0) return *size = 2, TRM__BYTE_GAP; /* a space that does not break */
  if (left < 3 || u[0] != 0xe2 || (u[1] != 0x94 && u[1] != 0x95)) return TRM__BYTE_OTHER;
  *size = 3;
  return TRM__BYTE_BAR;
}

static void survey_end(size_t *count, size_t *least, size_t *most, size_t cells) {
  if (!cells) return;
  if (!*count || cells < *least) *least = cells;
  if (!*count || cells > *most) *most = cells;
  ++*count;
}

static survey survey_line(const trm__text *t, const char *line, size_t length) {
  survey s = {0};
  size_t field = 0, group = 0, size;
  for (size_t at = 0; at < length; at += size) {
    trm__byte_class found = trm__text_byte(t, line + at, length - at, &size);
    if (found == TRM__BYTE_CELL || found == TRM__BYTE_OTHER) field++, group++;
    if (found == TRM__BYTE_CELL) s.cells++;
    if (found == TRM__BYTE_OTHER && !s.others++) s.other_at = at;
    if (found == TRM__BYTE_GAP || found == TRM__BYTE_BAR)
      survey_end(&s.fields, &s.shortest, &s.longest, field), field = 0;
    if (found == TRM__BYTE_BAR) survey_end(&s.groups, &s.narrow, &s.wide, group), group = 0;
  }
  survey_end(&s.fields, &s.shortest, &s.longest, field);
  survey_end(&s.groups, &s.narrow, &s.wide, group);
  return s;
}

/* Fields may each be a cell: rows of a puzzle on one line are longer. */
static int survey_is_separate(const survey *s, size_t width) {
  return s->shortest == 1 || s->longest <= (width > 9 ? 4 : 3) || !s->cells;
}

/* -- cells --------------------------------------------------------------------------------------------------------- */

static void row_put(const trm__text *t, trm__row *row, char symbol, int32_t token, int32_t *tokens, size_t room) {
  int undecided = symbol == '0' && t->blank && token == t->blank;
  if (token != t->blank && trm__text_is_letter(symbol)) row->letters = 1;
  if (row->cells < room) tokens[row->cells] = undecided ? TRM__TEXT_ZERO : token;
  row->cells++;
}

static void row_fail(trm__row *row, size_t at, const char *text, size_t length) {
  unsigned char byte = (unsigned char)text[0];
  size_t shown = length < 12 ? length : 12;
  int printable = 1;
  for (size_t i = 0; i < shown; i++) printable &= (unsigned char)text[i] >= 0x20 && (unsigned char)text[i] < 0x7f;
  row->at = at;
  row->expect = 1;
  if (printable) (void)snprintf(row->problem, sizeof row->problem, "found '%.*s'", (int)shown, text);
  else (void)snprintf(row->problem, sizeof row->problem, "found byte 0x%02x", byte);
}

/* Rule 2: every symbol is a cell. */
static void row_symbols(const trm__text *t, const char *line, size_t length, int32_t *tokens, size_t room,
                        trm__row *row) {
  size_t size;
  row->cells = 0;
  for (size_t at = 0; at < length; at += size)
    if (trm__text_byte(t, line + at, length - at, &size) == TRM__BYTE_CELL)
      row_put(t, row, line[at], t->map[(unsigned char)line[at]], tokens, room);
}

/* The value of a field of digits; 256 when it is none, greater, or begins with a needless 0. */
static size_t row_number(const char *field, size_t length) {
  size_t value = 0;
  if (length > 2 && !memcmp(field + length - 2, ".0", 2)) length -= 2; /* as floating-point arrays are written */
  for (size_t i = 0; i < length; i++) {
    if (field[i] < '0' || field[i] > '9' || value > 255 || (i && !value)) return 256;
    value = 10 * value + (size_t)(field[i] - '0');
  }
  return length && value < 256 ? value : 256;
}

/* Rule 3: the field is one cell. 0: it is none. */
static int row_field(const trm__text *t, const char *field, size_t length, int32_t *tokens, size_t room,
                     trm__row *row) {
  size_t value = row_number(field, length);
  int nothing = !length || (length == 4 && (!memcmp(field, "None", 4) || !memcmp(field, "null", 4)));
  int32_t token = -1;
  char symbol = 0;
  if (length == 1 && field[0] != ' ' && t->map[(unsigned char)field[0]] >= 0)
    token = t->map[(unsigned char)(symbol = field[0])];
  else if (value < 256 && t->numbers[value] >= 0) token = t->numbers[value], symbol = value ? '9' : '0';
  else if (nothing && t->blank) token = t->blank;
  if (token < 0) return 0;
  if (length > 1 && value < 256) row->numbers = 1;
  row_put(t, row, symbol, token, tokens, room);
  return 1;
}

/* Each field is a cell; empty ones are passed over. */
static void row_fields(const trm__text *t, const char *line, size_t length, int32_t *tokens, size_t room,
                       trm__row *row) {
  size_t size, begin = 0;
  row->cells = 0;
  for (size_t at = 0; at <= length; at += size) {
    trm__byte_class found = at < length ? trm__text_byte(t, line + at, length - at, &size) : TRM__BYTE_GAP;
    if (at == length) size = 1;
    if (found != TRM__BYTE_GAP && found != TRM__BYTE_BAR) continue;
    if (at > begin && !row_field(t, line + begin, at - begin, tokens, room, row)) {
      if (!row->problem[0]) row_fail(row, begin, line + begin, at - begin);
      row->cells++;
    }
    begin = at + size;
  }
}

/* [*begin, *end) without white space or what else may stand around. */
static void row_trim(const char *line, const char *around, size_t *begin, size_t *end) {
  while (*begin < *end && line[*begin] && strchr(around, line[*begin])) ++*begin;
  while (*end > *begin && line[*end - 1] && strchr(around, line[*end - 1])) --*end;
}

/* A field without white space around, and without its pair of quotes. 1 when there is nothing, not even quotes. */
static int row_trim_field(const char *line, size_t *begin, size_t *end) {
  row_trim(line, " \t\r\n", begin, end);
  if (*end < *begin + 2 || line[*begin] != line[*end - 1] || !strchr("\"'", line[*begin])) return *begin == *end;
  ++*begin, --*end;
  row_trim(line, " ", begin, end);
  return 0;
}

/* Rule 3 where fields between `mark` may be empty: 1 when there are `wanted`, each of a cell at most. */
static int row_delimited(const trm__text *t, const char *line, size_t length, char mark, size_t wanted, int32_t *tokens,
                         size_t room, trm__row *row) {
  trm__row found = {0};
  size_t marks = 0, begin = 0;
  if (t->map[(unsigned char)mark] >= 0 || !t->blank) return 0;
  if (mark != '\t') row_trim(line, " \t\r\n", &begin, &length);
  if (mark == '|' && begin < length && line[begin] == mark) begin++;
  if (mark == '|' && begin < length && line[length - 1] == mark) length--;
  for (size_t i = begin; i < length; i++) marks += line[i] == mark;
  if (marks + 1 != wanted) return 0;
  for (size_t end = begin; end <= length; end++) {
    if (end < length && line[end] != mark) continue;
    size_t from = begin, to = end;
    if (row_trim_field(line, &from, &to) && t->list) return 0;
    if (!row_field(t, line + from, to - from, tokens, room, &found)) return 0;
    begin = end + 1;
  }
  *row = found;
  return 1;
}

void trm__text_columns(const trm__text *t, const char *line, size_t length, int32_t *tokens, size_t room,
                       trm__row *row) {
  *row = (trm__row){0};
  for (size_t at = 0, size; at < length; at += size) {
    trm__byte_class found = trm__text_byte(t, line + at, length - at, &size);
    if (found == TRM__BYTE_BAR) continue;
    int32_t token = t->map[(unsigned char)line[at]];
    if (token < 0 && !row->problem[0]) row_fail(row, at, line + at, 1);
    if (row->cells < room && token >= 0) tokens[row->cells] = token;
    row->cells++;
  }
}

void trm__text_row(const trm_task *task, const trm__text *t, const char *line, size_t length, int32_t *tokens,
                   size_t room, trm__row *row) {
  size_t width = (size_t)task->width, all = width * (size_t)task->height;
  *row = (trm__row){0};
  if (trm__text_is_spaced(task)) {
    trm__text_columns(t, line, length, tokens, room, row);
    return;
  }
  survey s = survey_line(t, line, length);
  if (!s.others && (s.cells == all || s.cells == width) && s.shortest == s.longest && s.narrow == s.wide) {
    row_symbols(t, line, length, tokens, room, row);
    return;
  }
  if (width > 1 && (s.fields == width || s.fields == all) && survey_is_separate(&s, width)) {
    row_fields(t, line, length, tokens, room, row);
    return;
  }
  for (const char *mark = ",;\t|"; *mark; mark++)
    if (width > 1 && (row_delimited(t, line, length, *mark, width, tokens, room, row) ||
                      row_delimited(t, line, length, *mark, all, tokens, room, row)))
      return;
  row_symbols(t, line, length, tokens, room, row);
  if (s.others) row_fail(row, s.other_at, line + s.other_at, 1);
  else if (s.cells == all || s.cells == width)
    (void)snprintf(row->problem, sizeof row->problem, "its groups hold %zu and %zu cells, expected equally many",
                   s.narrow == s.wide ? s.shortest : s.narrow, s.narrow == s.wide ? s.longest : s.wide);
}
