/* What one line is: see text_line.h. */
#include "task/text_line.h"

#include <string.h>

/* A line on its way to being understood: [begin, end) without white space around. */
typedef struct subject {
  const trm_task *task;
  const trm__text *t;
  const char *line;
  size_t begin, end;
  size_t width, all; /* cells of a row and of a puzzle */
} subject;

size_t trm__text_mark(const char *text, size_t length) {
  return length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
}

int trm__text_depth(const trm__text *t, const char *line, size_t length) {
  int depth = 0;
  for (size_t i = 0; i < length; i++) {
    if (!line[i] || t->map[(unsigned char)line[i]] >= 0) continue;
    if (strchr("[({", line[i])) depth++;
    if (strchr("])}", line[i])) depth--;
  }
  return depth;
}

static int line_is_symbol(const subject *s, size_t at) {
  return s->line[at] != ' ' && s->t->map[(unsigned char)s->line[at]] >= 0;
}

/* 1 when [begin, end) are cells, as many as a row or a puzzle has. */
static int line_is_row(const subject *s, size_t begin, size_t end, trm__row *row) {
  trm__text_row(s->task, s->t, s->line + begin, end - begin, NULL, 0, row);
  return !row->problem[0] && (row->cells == s->width || row->cells == s->all);
}

/* -- comments ------------------------------------------------------------------------------------------------------ */

/* Bytes of the mark of a comment that begins at `at`. */
static size_t line_note_mark(const subject *s, size_t at) {
  char c = s->line[at];
  if (c && strchr("#;%", c) && !line_is_symbol(s, at)) return 1;
  return c == '/' && at + 1 < s->end && s->line[at + 1] == '/' && !line_is_symbol(s, at) ? 2 : 0;
}

/* A row whose first cell became the mark of a comment is a bad row. */
static int line_is_note(const subject *s) {
  trm__row row;
  size_t mark = line_note_mark(s, s->begin);
  if (!mark) return 0;
  (void)line_is_row(s, s->begin + mark, s->end, &row);
  return row.problem[0] || (row.cells + 1 != s->width && row.cells + 1 != s->all) ||
         (row.cells == s->width || row.cells == s->all);
}

/* -- drawn lines --------------------------------------------------------------------------------------------------- */

/* 1 when a symbol of the task's own stands there, which is never drawing; other notations of a blank may be. */
static int line_is_own(const subject *s, size_t at) {
  return s->line[at] && s->line[at] != ' ' && strchr(s->task->alphabet, s->line[at]) && s->line[at] != '.';
}

/* A bar, which stands beside cells: | ! : and the upright ones of box drawing. */
static int line_is_upright(const char *p, size_t size) {
  return size == 1 || !memcmp(p, "\xe2\x94\x82", 3) || !memcmp(p, "\xe2\x94\x83", 3) || !memcmp(p, "\xe2\x95\x91", 3);
}

/* Strokes, with few other marks for corners and crossings. *own: the alphabet has its dot. */
static int line_is_drawn(const subject *s, int *certain) {
  size_t strokes = 0, corners = 0, size;
  *certain = 0;
  for (size_t at = s->begin; at < s->end; at += size) {
    int box = trm__text_byte(s->t, s->line + at, s->end - at, &size) == TRM__BYTE_BAR;
    char c = s->line[at];
    if (line_is_own(s, at) || (c == '.' && !s->t->blank && line_is_symbol(s, at))) return 0;
    if (box ? !line_is_upright(s->line + at, size) : c && strchr("-=+~", c)) strokes++;
    else if (c && strchr(".*'`_", c)) corners++;
    else if (!box && c != ' ' && c != '\t') return 0;
    if ((box && size > 1) || (c && strchr("=+~'`", c))) *certain = 1;
  }
  return strokes > 0 && strokes >= corners;
}

static trm__line_kind line_drawn(const subject *s) {
  int certain;
  trm__row row;
  if (!line_is_drawn(s, &certain)) return TRM__LINE_CELLS;
  if (certain || !line_is_row(s, s->begin, s->end, &row)) return TRM__LINE_FRAME;
  return TRM__LINE_DASHES;
}

/* -- lists --------------------------------------------------------------------------------------------------------- */

/* Where a list may begin: behind a name and =, or a name and a bracket: int grid[9][9] = {, np.array([. */
static size_t line_behind_name(const subject *s) {
  size_t at = s->begin;
  const char *equals = memchr(s->line + at, '=', s->end - at);
  if (at < s->end && !trm__text_is_letter(s->line[at]) && s->line[at] != '_') return at;
  if (equals) at = (size_t)(equals - s->line) + 1;
  else
    while (at < s->end && (trm__text_is_letter(s->line[at]) || s->line[at] == '_' || s->line[at] == '.')) at++;
  while (at < s->end && s->line[at] == ' ' && equals) at++;
  return at;
}

/* [[5, 3, ...], or board = [[...: no "[Puzzle]". *begin: its first bracket. */
static int line_is_list(const subject *s, size_t *begin) {
  size_t at = *begin = line_behind_name(s);
  if (at == s->end || !strchr("[({", s->line[at]) || line_is_symbol(s, at)) return 0;
  while (at < s->end && strchr("[({ \"'", s->line[at])) at++;
  if (at == s->end || line_is_symbol(s, at)) return 1;
  return s->line[at] == '-' ||
         (s->end - at >= 4 && (!memcmp(s->line + at, "None", 4) || !memcmp(s->line + at, "null", 4)));
}

/* -- cells and words ----------------------------------------------------------------------------------------------- */

static int line_has_blank(const subject *s, size_t begin, size_t end) {
  for (size_t i = begin; i < end; i++)
    if (s->t->map[(unsigned char)s->line[i]] == s->t->blank) return 1;
  return 0;
}

/* A field that is a whole puzzle, among others that are not: a name, a rating, the solution. */
static int line_find_field(const subject *s, trm__line *found) {
  size_t puzzles = 0;
  trm__line field = {0};
  for (size_t begin = s->begin, end; begin < s->end; begin = end + 1) {
    size_t cells = 0;
    for (end = begin; end < s->end && !strchr(" \t,;:#|\"'", s->line[end]); end++)
      cells += (size_t)line_is_symbol(s, end);
    if (end - begin != s->all || cells != s->all) continue;
    if (puzzles && line_has_blank(s, begin, end)) return 0;
    if (!puzzles++) field = (trm__line){.begin = begin, .end = end};
  }
  if (puzzles) found->begin = field.begin, found->end = field.end;
  return puzzles > 0;
}

/* Nothing but letters, at least three different ones: no row of blanks with a mark of their own. */
static int line_is_word(const subject *s) {
  char different[3] = {0};
  size_t found = 0;
  for (size_t at = s->begin; at < s->end && found < 3; at++) {
    if (at + 1 < s->end && !trm__text_is_letter(s->line[at])) return 0;
    if (!memchr(different, s->line[at], found)) different[found++] = s->line[at];
  }
  return found == 3;
}

/* Words: letters that are no cells, two in a row, or one in a line that is mostly no cells. A text without gaps that is
 * as long as a row or a puzzle is meant as such, and so is one letter among as many fields as a row has. */
static int line_is_title(const subject *s) {
  size_t cells = 0, bytes = 0, letters = 0, pairs = 0, gaps = 0, marks = 0, size;
  int before = 0;
  for (size_t at = s->begin; at < s->end; at += size) {
    int symbol = line_is_symbol(s, at), gap = s->line[at] == ' ' || s->line[at] == '\t';
    int bar = trm__text_byte(s->t, s->line + at, s->end - at, &size) == TRM__BYTE_BAR;
    int letter = !symbol && !bar && (trm__text_is_letter(s->line[at]) || (unsigned char)s->line[at] >= 0x80);
    cells += (size_t)symbol;
    bytes += (size_t)!gap;
    marks += s->line[at] == ',' || s->line[at] == ';' || s->line[at] == '\t';
    gaps += (size_t)gap;
    letters += (size_t)letter;
    pairs += (size_t)(letter && before);
    before = letter;
  }
  size_t length = trm__text_is_spaced(s->task) ? s->end - s->begin : gaps ? 0 : bytes;
  if ((length == s->width || length == s->all) && (cells || !line_is_word(s))) return 0;
  if (letters == 1 && marks + 1 == s->width) return 0;
  return pairs > 0 || (letters > 0 && 2 * cells < bytes);
}

static int line_has_bar(const subject *s) {
  for (size_t at = s->begin, size; at < s->end; at += size)
    if (trm__text_byte(s->t, s->line + at, s->end - at, &size) == TRM__BYTE_BAR) return 1;
  return 0;
}

/* The line as a row or a puzzle, perhaps with a note behind it. */
static trm__line line_cells(const subject *s) {
  trm__line found = {.kind = TRM__LINE_CELLS, .begin = s->begin, .end = s->end};
  trm__row row, cut;
  int good = line_is_row(s, s->begin, s->end, &row);
  for (size_t at = s->begin + 1; !good && at < s->end; at++) {
    if (!line_note_mark(s, at) || (s->line[at - 1] && strchr(",;\t", s->line[at - 1]))) continue;
    good = line_is_row(s, s->begin, at, &cut);
    if (good || s->line[at] != ';') found.end = at, row = cut;
    break;
  }
  if (!good && s->all >= 16 && s->all > s->width && line_find_field(s, &found))
    good = line_is_row(s, found.begin, found.end, &row);
  if (!good && line_is_title(s)) found.kind = TRM__LINE_TITLE;
  if (!row.cells && !row.problem[0] && !line_has_bar(s)) found.kind = TRM__LINE_FRAME; /* quotes or brackets alone */
  found.cells = row.cells;
  found.whole = good && row.cells == s->all;
  return found;
}

trm__line trm__text_line(const trm_task *task, const trm__text *t, const char *line, size_t length) {
  subject s = {task, t, line, 0, length, (size_t)task->width, (size_t)task->width * (size_t)task->height};
  trm__line found = {.kind = TRM__LINE_EMPTY};
  while (s.end > 0 && !trm__text_is_spaced(task) && (line[s.end - 1] == ' ' || line[s.end - 1] == '\t')) s.end--;
  while (s.begin < s.end && !trm__text_is_spaced(task) && (line[s.begin] == ' ' || line[s.begin] == '\t')) s.begin++;
  if (s.begin == s.end) return found;
  found.begin = s.begin, found.end = s.end;
  found.kind = line_drawn(&s);
  if (found.kind != TRM__LINE_CELLS) return found;
  if (line_is_note(&s)) found.kind = TRM__LINE_NOTE;
  else if (!trm__text_is_spaced(task) && line_is_list(&s, &found.begin)) {
    found.kind = TRM__LINE_LIST;
    for (size_t at = found.begin; at < found.end; at++) found.cells += (size_t)line_is_symbol(&s, at);
  } else found = line_cells(&s);
  return found;
}
