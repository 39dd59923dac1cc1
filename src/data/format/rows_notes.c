/* What is said of a file besides its puzzles: notes, and ratings, of which none stops the reading. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text/numbers.h"
#include "data/format/rows.h"

void trm__rows_note(trm__rows *rows, const char *format, ...) {
  size_t used = strlen(rows->notes), room = sizeof rows->notes - used;
  va_list args;
  va_start(args, format);
  int length = trm__vprint(rows->notes + used, room, format, args);
  va_end(args);
  if (length < 0 || (size_t)length + 1 >= room) rows->notes[used] = '\0';
  else memcpy(rows->notes + used + length, "\n", 2);
}

/* What files hold where there is no number. */
static int rows_is_missing(const char *text, size_t length) {
  static const char *const words[] = {"", "nan", "na", "n/a", "null", "none", "-", "?"};
  for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
    size_t i = 0;
    while (i < length && words[w][i] && (text[i] | (text[i] >= 'A' && text[i] <= 'Z' ? 0x20 : 0)) == words[w][i]) i++;
    if (i == length && !words[w][i]) return 1;
  }
  return 0;
}

/* A number in any usual form; a comma may be its point. */
static int rows_number(const char *text, size_t length, double *number) {
  char plain[64];
  if (length >= sizeof plain) return 0;
  memcpy(plain, text, length);
  plain[length] = '\0';
  char *comma = memchr(plain, ',', length);
  if (comma && !memchr(plain, '.', length)) *comma = '.';
  return trm__real_read(plain, number) == TRM__NUMBER_OK && isfinite(*number);
}

double trm__rows_rating(trm__rows *rows, const char *name, size_t name_length, const char *text, size_t length,
                        uint64_t line) {
  trm__rows_ratings *rated = &rows->rated;
  double number = 0;
  while (length > 0 && (text[0] == ' ' || text[0] == '\t')) text++, length--;
  while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t')) length--;
  if (rows_is_missing(text, length)) {
    rated->missing++;
    return (double)NAN;
  }
  if (rows_number(text, length, &number)) {
    if (!rows->has_ratings)
      snprintf(rows->rating_name, sizeof rows->rating_name, "%s", trm__column_rating(name, name_length));
    rows->has_ratings = 1;
    rated->numbers++;
    return number;
  }
  if (rated->texts++ == 0) {
    rated->line = line;
    snprintf(rated->text, sizeof rated->text, "%.*s", (int)(length < 20 ? length : 20), text);
    for (char *c = rated->text; *c; c++)
      if (*c < 0x20 || *c > 0x7e) *c = '?';
  }
  return (double)NAN;
}

void trm__rows_note_ratings(trm__rows *rows) {
  const trm__rows_ratings *u = &rows->rated;
  if (u->texts > 0)
    trm__rows_note(rows,
                   "%" PRId64 " of %zu ratings are no numbers and were left out, the first in line %" PRIu64 ": \"%s\"",
                   u->texts, rows->count, u->line, u->text);
  if (u->missing > 0 && rows->has_ratings)
    trm__rows_note(rows, "%" PRId64 " of %zu ratings are missing", u->missing, rows->count);
  if (rows->unanswered > 0)
    trm__rows_note(rows, "%" PRId64 " questions have no answer and were left out", rows->unanswered);
}

int trm__rows_expect_mark(trm__rows *rows, trm__mark mark, int has) {
  if (rows->count == 0) rows->marks->seen[mark] = has;
  return rows->marks->seen[mark] == has;
}

trm__column trm__mark_column(trm__mark mark) {
  return mark == TRM__MARK_GROUP ? TRM__GROUP : TRM__IDENTIFIER;
}

const char *trm__mark_given(const trm__rows *rows, trm__mark mark) {
  const char *name = mark == TRM__MARK_GROUP ? rows->names.group : rows->names.identifier;
  return name && name[0] && strcmp(name, "-") != 0 ? name : NULL;
}

void trm__rows_note_marks(trm__rows *rows) {
  if (!rows->marks || !rows->marks->seen[TRM__MARK_IDENTIFIER] || trm__mark_given(rows, TRM__MARK_IDENTIFIER)) return;
  trm__rows_note(rows, "%" PRId64 " puzzle identifiers are taken from a column (--identifier-column - takes none)",
                 trm__marks_count(rows->marks, TRM__MARK_IDENTIFIER));
}
