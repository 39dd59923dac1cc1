/* One puzzle as people write it. Its lines are sorted (text_line.h), those that hold cells are its rows, and each row
 * is read by itself (text_row.h), so that a cell can never move into another row. What only the whole can tell is
 * decided last: whether a line of dashes is drawn, whether spaces are blanks, and what a 0 means beside another blank.
 */
#include "task/text.h"

#include <stdio.h>
#include <string.h>

#include "base/status.h"
#include "task/text_line.h"

/* A line of the text, or a part of a list that its brackets close. */
typedef struct piece {
  size_t begin, end; /* in the text */
  trm__line line;
} piece;

/* Invariants: after `rows` rows were read, tokens [rows][width] are theirs, and zeros and blanks were counted in them.
 */
typedef struct reading {
  const trm_task *task;
  trm__text *text;
  int32_t *tokens;
  size_t width, height;
  size_t at;            /* where the next piece begins */
  int list;             /* 1: pieces end at closing brackets */
  size_t begun;         /* where cells begin: behind titles */
  size_t rows, dashes;  /* in the text; lines that may be rows */
  int dashes_are_rows;  /* decided by how many there are */
  int numbers, letters; /* cells are numbers of several digits; letters */
  size_t near;          /* of a drawn line that is nearly a row: its begin + 1 */
} reading;

/* -- errors -------------------------------------------------------------------------------------------------------- */

static void reading_where(const reading *r, size_t at, char where[64]) {
  size_t line = 1, start = 0;
  for (size_t i = 0; i < at; i++)
    if (r->text->text[i] == '\n') line++, start = i + 1;
  (void)snprintf(where, 64, "line %zu, column %zu", line, at - start + 1);
}

/* row: counted from 1; 0: the puzzle stands on one line, where rows cannot be seen. */
static trm_status reading_fail(const reading *r, size_t at, size_t row, const char *problem, int expect,
                               trm_error *err) {
  char where[64], prefix[32] = "";
  reading_where(r, at, where);
  if (row) (void)snprintf(prefix, sizeof prefix, "row %zu: ", row);
  return trm__fail(err, TRM_E_INPUT, where, "%s%s%s%s", prefix, problem, expect ? ", expected " : "",
                   expect ? r->text->expected : "");
}

static trm_status reading_fail_count(const reading *r, size_t found, trm_error *err) {
  return trm__fail(err, TRM_E_INPUT, "puzzle", "found %zu cell%s, expected %zu (%zu rows of %zu): %s", found,
                   found == 1 ? "" : "s", r->width * r->height, r->height, r->width, r->text->expected);
}

static trm_status reading_fail_row(const reading *r, size_t at, size_t row, size_t cells, trm_error *err) {
  char problem[96];
  (void)snprintf(problem, sizeof problem, "%zu cell%s, expected %zu", cells, cells == 1 ? "" : "s", r->width);
  return reading_fail(r, at, row, problem, 0, err);
}

static trm_status reading_fail_rows(const reading *r, size_t rows, trm_error *err) {
  char problem[96];
  (void)snprintf(problem, sizeof problem, "%zu row%s of %zu cells, expected %zu", rows, rows == 1 ? "" : "s", r->width,
                 r->height);
  return reading_fail(r, r->begun, 0, problem, 0, err);
}

/* -- pieces -------------------------------------------------------------------------------------------------------- */

static size_t reading_line_end(const reading *r, size_t at) {
  const char *newline = memchr(r->text->text + at, '\n', r->text->length - at);
  return newline ? (size_t)(newline - r->text->text) : r->text->length;
}

static int reading_closes(const reading *r, size_t at) {
  char c = r->text->text[at];
  return c && strchr("])}", c) && r->text->map[(unsigned char)c] < 0;
}

/* The next line, or in a list what the next closing bracket ends; 0 at the end. */
static int reading_next(reading *r, piece *p) {
  const char *text = r->text->text;
  if (r->at >= r->text->length) return 0;
  p->begin = p->end = r->at;
  if (!r->list) {
    p->end = reading_line_end(r, r->at);
    r->at = p->end + 1;
    if (p->end > p->begin && text[p->end - 1] == '\r') p->end--;
    p->line = trm__text_line(r->task, r->text, text + p->begin, p->end - p->begin);
    return 1;
  }
  while (p->end < r->text->length && !reading_closes(r, p->end)) p->end++;
  r->at = p->end + 1;
  while (p->begin < p->end && text[p->begin] && strchr(" \t\r\n,[({", text[p->begin]) &&
         r->text->map[(unsigned char)text[p->begin]] < 0)
    p->begin++;
  p->line = (trm__line){.kind = TRM__LINE_EMPTY, .end = p->end - p->begin};
  for (size_t i = p->begin, size; i < p->end; i += size) {
    trm__byte_class found = trm__text_byte(r->text, text + i, p->end - i, &size);
    if (found == TRM__BYTE_CELL || found == TRM__BYTE_OTHER) p->line.kind = TRM__LINE_CELLS;
  }
  return 1;
}

static int reading_is_row(const reading *r, const piece *p) {
  return p->line.kind == TRM__LINE_CELLS || (p->line.kind == TRM__LINE_DASHES && r->dashes_are_rows);
}

static void reading_rewind(reading *r) {
  r->at = r->begun;
}

/* Finds where cells begin, and counts rows. */
static void reading_count(reading *r) {
  piece p;
  trm__row row;
  r->at = r->begun = trm__text_mark(r->text->text, r->text->length);
  while (reading_next(r, &p)) {
    if (p.line.kind == TRM__LINE_LIST && !r->rows && !r->dashes) {
      r->at = r->begun = p.begin + p.line.begin;
      r->list = r->text->list = 1;
      continue;
    }
    if (p.line.kind == TRM__LINE_LIST) r->rows++;
    r->rows += p.line.kind == TRM__LINE_CELLS;
    r->dashes += p.line.kind == TRM__LINE_DASHES;
    if (p.line.kind != TRM__LINE_FRAME || r->near) continue;
    trm__text_row(r->task, r->text, r->text->text + p.begin, p.end - p.begin, NULL, 0, &row);
    if (!row.problem[0] && row.cells + 1 >= r->width && row.cells <= r->width + 1) r->near = p.begin + 1;
  }
  r->dashes_are_rows = r->dashes && r->rows + r->dashes == r->height;
  if (r->dashes_are_rows) r->rows = r->height;
  reading_rewind(r);
}

/* -- cells --------------------------------------------------------------------------------------------------------- */

/* A puzzle of several rows on one line: where one of them has too few or too many cells, it is that which is said. */
static trm_status reading_fail_line(const reading *r, const piece *p, const trm__row *row, trm_error *err) {
  const char *line = r->text->text + p->begin;
  size_t field = 0, cells = 0, bad = 0, bad_at = 0, bad_cells = 0, size;
  for (size_t at = p->line.begin; at <= p->line.end; at += size) {
    int end = at == p->line.end;
    trm__byte_class found = end ? TRM__BYTE_GAP : trm__text_byte(r->text, line + at, p->line.end - at, &size);
    if (end) size = 1;
    if (found == TRM__BYTE_CELL || found == TRM__BYTE_OTHER) {
      cells++;
      continue;
    }
    field += cells > 0;
    if (cells && cells != r->width && !bad) bad = field, bad_at = at - cells, bad_cells = cells;
    cells = 0;
  }
  if (bad && field == r->height && field > 1 && bad_cells > 1)
    return reading_fail_row(r, p->begin + bad_at, bad, bad_cells, err);
  if (row->problem[0]) return reading_fail(r, p->begin + p->line.begin + row->at, 0, row->problem, row->expect, err);
  return row->cells == r->width ? reading_fail_rows(r, 1, err) : reading_fail_count(r, row->cells, err);
}

static void reading_note(reading *r, const trm__row *row) {
  r->numbers |= row->numbers;
  r->letters |= row->letters;
}

/* A puzzle on one line. */
static trm_status reading_one(reading *r, trm_error *err) {
  piece p;
  trm__row row;
  size_t all = r->width * r->height;
  while (reading_next(r, &p) && !reading_is_row(r, &p)) {
  }
  const char *cells = r->text->text + p.begin + p.line.begin;
  trm__text_row(r->task, r->text, cells, p.line.end - p.line.begin, r->tokens, all, &row);
  reading_note(r, &row);
  if (!row.problem[0] && row.cells == all) return TRM_OK;
  return reading_fail_line(r, &p, &row, err);
}

static trm_status reading_rows(reading *r, trm_error *err) {
  piece p;
  trm__row row;
  size_t count = 0;
  while (reading_next(r, &p)) {
    size_t at = p.begin + p.line.begin;
    if (p.line.kind == TRM__LINE_LIST)
      return reading_fail(r, at, 0, "a list begins within the puzzle, expected rows of one kind", 0, err);
    if (!reading_is_row(r, &p)) continue;
    int32_t *tokens = count < r->height ? r->tokens + count * r->width : NULL;
    count++;
    trm__text_row(r->task, r->text, r->text->text + at, p.line.end - p.line.begin, tokens, tokens ? r->width : 0, &row);
    reading_note(r, &row);
    if (row.problem[0]) return reading_fail(r, at + row.at, count, row.problem, row.expect, err);
    if (row.cells != r->width) return reading_fail_row(r, at, count, row.cells, err);
  }
  if (count == r->height) return TRM_OK;
  if (r->near && count + 1 == r->height)
    return reading_fail(r, r->near - 1, 0, "these dashes are no drawn line nor a row of blanks", 0, err);
  return reading_fail_rows(r, count, err);
}

/* -- spaces as blanks ---------------------------------------------------------------------------------------------- */

/* What a text whose blanks are spaces may not hold, and how its lines end. */
typedef struct spaces {
  size_t rows;
  int other, bars, trailing; /* another blank; a bar; a line that ends in a space */
} spaces;

/* Lines that are columns of cells: also one of nothing but spaces. */
static int spaces_is_row(const reading *r, const piece *p) {
  return p->line.kind == TRM__LINE_CELLS || (p->line.kind == TRM__LINE_EMPTY && p->end - p->begin == r->width);
}

static spaces spaces_survey(reading *r) {
  spaces s = {0};
  piece p;
  reading_rewind(r);
  while (reading_next(r, &p)) {
    if (!spaces_is_row(r, &p)) continue;
    s.rows++;
    for (size_t at = p.begin, size; at < p.end; at += size) {
      const char *c = r->text->text + at;
      trm__byte_class found = trm__text_byte(r->text, c, p.end - at, &size);
      s.bars |= found == TRM__BYTE_BAR;
      s.other |= *c != ' ' && r->text->map[(unsigned char)*c] == r->text->blank;
      s.trailing |= at + 1 == p.end && *c == ' ';
    }
  }
  return s;
}

/* A row whose cells have a space before each, and one before each bar, as | 5 3   |   7   |: 1 when it has all. */
static int spaces_wide_row(const reading *r, const piece *p, size_t number) {
  const char *line = r->text->text + p->begin;
  size_t cells = 0, column = 0, size;
  for (size_t at = p->line.begin; at < p->line.end; at += size) {
    int bar = trm__text_byte(r->text, line + at, p->line.end - at, &size) == TRM__BYTE_BAR;
    int32_t token = r->text->map[(unsigned char)line[at]];
    if (bar && column && column % 2 == 0) return 0;
    if (!bar && (column % 2 ? token < 0 : line[at] != ' ')) return 0;
    if (!bar && column % 2) {
      if (cells == r->width) return 0;
      r->tokens[number * r->width + cells++] = token;
    }
    column = bar ? 0 : column + 1;
  }
  return cells == r->width;
}

/* One row of columns; 1 when it is as long as the puzzle wants, or may be filled with blanks. */
static int spaces_row(const reading *r, const spaces *s, const piece *p, size_t number) {
  trm__row row;
  size_t begin = p->begin, end = p->end, wanted = s->rows == 1 ? r->width * r->height : r->width;
  int32_t *tokens = r->tokens + number * r->width;
  if (s->bars) begin += p->line.begin, end = p->begin + p->line.end;
  trm__text_columns(r->text, r->text->text + begin, end - begin, tokens, wanted, &row);
  if (s->bars && row.cells != wanted) return s->rows > 1 && spaces_wide_row(r, p, number);
  if (row.problem[0] || row.cells > wanted) return 0;
  if (row.cells < wanted && (s->bars || s->trailing || s->rows == 1)) return 0;
  for (size_t i = row.cells; i < wanted; i++) tokens[i] = r->text->blank;
  return 1;
}

/* 1 when the text is a puzzle whose blanks are spaces. */
static int reading_spaces(reading *r) {
  piece p;
  size_t number = 0;
  if (r->text->map[' '] < 0 || trm__text_is_spaced(r->task) || r->list) return 0;
  spaces s = spaces_survey(r);
  if (s.other || (s.rows != 1 && s.rows != r->height)) return 0;
  reading_rewind(r);
  while (reading_next(r, &p))
    if (spaces_is_row(r, &p) && !spaces_row(r, &s, &p, number++)) return 0;
  return 1;
}

/* -- what the whole tells ------------------------------------------------------------------------------------------ */

#define MANY 12 /* a highest token from which on people count from 0: hexadecimal digits */

/* The 0s of a puzzle, and what stands beside them. */
typedef struct zeros {
  size_t count, first;    /* of the 0s */
  size_t digits;          /* different symbols that are no blank */
  int blank, top, spread; /* there is another blank; the highest symbol; one 0 in each row */
} zeros;

static zeros zeros_survey(const reading *r) {
  zeros z = {.spread = 1};
  int32_t highest = r->task->vocab_size - 1, blank = r->text->blank;
  uint8_t seen[257] = {0};
  for (size_t row = r->height; row-- > 0;) {
    size_t here = 0;
    for (size_t i = (row + 1) * r->width; i-- > row * r->width;) {
      int32_t token = r->tokens[i];
      if (token == TRM__TEXT_ZERO) here++, z.first = i;
      else if (token <= 256 && !seen[token]) seen[token] = 1, z.digits += token != blank;
    }
    z.count += here;
    z.spread &= here == 1;
  }
  z.blank = seen[blank];
  z.top = highest <= 256 && seen[highest];
  return z;
}

/* Beside another blank a 0 may be a digit, as in 16x16 puzzles of 0-9 and A-F. Small puzzles are not written so: there
 * it is a blank when their highest digit occurs. In large ones it is the first digit when the highest symbol does not
 * occur and nearly all others do; or when there is no other blank, but one 0 in each row, as in an answer. Anywhere
 * else a 0 beside another blank is what nobody can tell. */
static trm_status reading_settle_zeros(const reading *r, trm_error *err) {
  int32_t blank = r->text->blank, values = r->task->vocab_size - 1 - blank;
  zeros z = zeros_survey(r);
  int many = r->task->vocab_size > MANY, full = many && !z.top && z.digits + 2 >= (size_t)values;
  int shift = full && (z.blank ? z.count > 1 : z.spread);
  if (z.count && z.blank && !shift && (many || !z.top))
    return trm__fail(err, TRM_E_INPUT, "puzzle",
                     "row %zu, column %zu: a 0 beside other blanks could be a blank or a digit, expected one sign for "
                     "blanks",
                     z.first / r->width + 1, z.first % r->width + 1);
  for (size_t i = 0; i < r->width * r->height && z.count; i++) {
    int32_t *token = &r->tokens[i];
    if (*token == TRM__TEXT_ZERO) *token = shift ? blank + 1 : blank;
    else if (shift && *token > blank) ++*token;
  }
  return TRM_OK;
}

static trm_status reading_nothing(const reading *r, trm_error *err) {
  for (size_t at = r->begun; at < r->text->length; at++) {
    trm__row row;
    char c = r->text->text[at];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    trm__text_row(r->task, r->text, r->text->text + at, reading_line_end(r, at) - at, NULL, 0, &row);
    if (row.problem[0]) return reading_fail(r, at + row.at, 0, row.problem, row.expect, err);
  }
  return reading_fail_count(r, 0, err);
}

trm_status trm__text_parse(const trm_task *task, trm__text *text, int32_t *tokens, trm_error *err) {
  reading r = {
      .task = task, .text = text, .tokens = tokens, .width = (size_t)task->width, .height = (size_t)task->height};
  reading_count(&r);
  if (!r.rows) return reading_spaces(&r) ? TRM_OK : reading_nothing(&r, err);
  trm_status status = r.rows == 1 ? reading_one(&r, err) : reading_rows(&r, err);
  if (status) return reading_spaces(&r) ? TRM_OK : status;
  if (r.numbers && r.letters)
    return trm__fail(err, TRM_E_INPUT, "puzzle", "found letters beside numbers of two digits, expected one of both");
  return text->blank ? reading_settle_zeros(&r, err) : TRM_OK;
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
