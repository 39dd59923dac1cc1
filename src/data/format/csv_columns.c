/* Separator and columns of a CSV file: see csv_columns.h. */
#include "data/format/csv_columns.h"

#include <string.h>

enum { NAME_MOST = 40, QUESTION_LEAST = 16 };

size_t trm__csv_separator_line(const char *data, size_t size, char *separator) {
  size_t at = size > 0 && data[0] == '"';
  if (size < at + 5 || memcmp(data + at, "sep=", 4) != 0 || !memchr(",;\t", data[at + 4], 3)) return 0;
  char found = data[at + 4];
  at = 2 * at + 5;
  if (at < size && data[at] == '\r') at++;
  if (at < size && data[at] != '\n') return 0;
  *separator = found;
  return at < size ? at + 1 : size;
}

/* A number for how well the first record (alone) or the first that is no comment goes with the separator. */
static int csv_sense(const trm__column_names *names, const char *path, const char *data, size_t size, int alone,
                     char separator) {
  trm__csv csv;
  trm__csv_columns columns;
  int sense = 0;
  trm__csv_init(&csv, path, data, size, separator);
  do {
    trm_status status = trm__csv_next(&csv, NULL);
    sense = csv.count;
    if (status || csv.count == 0) break;
    if (trm__csv_header(names, &csv, &columns)) sense = columns.answer >= 0 ? 4000 : 3000;
    else if (trm__csv_by_position(&csv, &columns)) sense = 2000;
  } while (!alone && sense < 2000 && trm__csv_is_comment(&csv));
  trm__csv_free(&csv);
  return sense;
}

char trm__csv_separator(const trm__column_names *names, const char *path, const char *data, size_t size, int alone) {
  char best = ',';
  int most = -1;
  for (const char *separator = ",;\t"; *separator; separator++) {
    int sense = csv_sense(names, path, data, size, alone, *separator);
    if (sense > most) most = sense, best = *separator;
  }
  return best;
}

static int csv_is_quoted(const trm__csv *csv, const trm__csv_field *field) {
  return field->copied || (field->text > csv->data && field->text[-1] == '"');
}

int trm__csv_is_comment(const trm__csv *csv) {
  const trm__csv_field *first = &csv->field[0];
  if (first->length == 0 || first->text[0] != '#' || csv_is_quoted(csv, first)) return 0;
  for (int i = 0; i < csv->count; i++)
    for (size_t k = 0; k < csv->field[i].length; k++) {
      char c = csv->field[i].text[k];
      if (((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) && !strchr("SGo", c)) return 1;
    }
  return 0;
}

static int csv_find(const trm__column_names *names, const trm__csv *csv, trm__column column) {
  int best = 0, found = -1;
  for (int i = 0; i < csv->count; i++) {
    int rank = trm__column_rank(names, column, csv->field[i].text, csv->field[i].length);
    if (rank > 0 && (best == 0 || rank < best)) best = rank, found = i;
  }
  return found;
}

int trm__csv_header(const trm__column_names *names, const trm__csv *csv, trm__csv_columns *found) {
  trm__csv_columns c = {.separator = csv->separator, .known = 1, .fields = csv->count, .rating_name = "rating"};
  c.question = csv_find(names, csv, TRM__QUESTION);
  if (c.question < 0) return 0;
  c.answer = csv_find(names, csv, TRM__ANSWER);
  c.rating = csv_find(names, csv, TRM__RATING);
  for (int mark = 0; mark < TRM__MARKS; mark++) c.mark[mark] = csv_find(names, csv, trm__mark_column((trm__mark)mark));
  if (c.answer == c.question) c.answer = -1;
  if (c.rating >= 0) c.rating_name = trm__column_rating(csv->field[c.rating].text, csv->field[c.rating].length);
  *found = c;
  return 1;
}

/* The orders of data/format/csv_rows.h. */
int trm__csv_by_position(const trm__csv *csv, trm__csv_columns *found) {
  trm__csv_columns c = {.separator = csv->separator, .known = 1, .fields = csv->count, .rating = -1, .mark = {-1, -1}};
  const trm__csv_field *field = csv->field;
  int count = csv->count;
  c.rating_name = "rating";
  while (count > 1 && field[count - 1].length == 0) count--;
  int source = count >= 4 || (count == 3 && field[1].length == field[2].length);
  if (count >= 4 && field[1].length != field[2].length && field[0].length == field[1].length) source = 0;
  c.question = source;
  c.answer = source + 1;
  if (count == 1) c.answer = -1;
  if (count > c.answer + 1 && c.answer > 0) c.rating = c.answer + 1;
  *found = c;
  return c.answer > 0 && field[c.question].length == field[c.answer].length && field[c.question].length > 0;
}

int trm__csv_is_names(const trm__csv *csv) {
  int letters = 0;
  for (int i = 0; i < csv->count; i++) {
    const trm__csv_field *field = &csv->field[i];
    int here = 0;
    if (field->length > NAME_MOST) return 0;
    for (size_t k = 0; k < field->length; k++) {
      char c = field->text[k];
      int letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
      if (!letter && !(c >= '0' && c <= '9') && !memchr(" _-()/:\"'", c, 9)) return 0;
      here |= letter;
    }
    if (field->length > 0 && !here) return 0;
    letters |= here;
  }
  return letters;
}

int trm__csv_begins(const trm__column_names *names, const char *data, size_t size, size_t cells) {
  char separator;
  if (trm__csv_separator_line(data, size, &separator)) return 1;
  trm__csv csv;
  trm__csv_columns columns;
  int begins = 0, comment = 0;
  trm__csv_init(&csv, "", data, size, trm__csv_separator(names, "", data, size, 0));
  do {
    if (trm__csv_next(&csv, NULL) || csv.count == 0) break;
    begins = trm__csv_header(names, &csv, &columns) && !(csv.count == 1 && csv.field[0].length == cells);
    comment = !begins && trm__csv_is_comment(&csv);
  } while (comment);
  if (!begins && !comment && csv.count > 1 && trm__csv_by_position(&csv, &columns))
    begins = cells ? csv.field[columns.question].length == cells : csv.field[columns.question].length >= QUESTION_LEAST;
  trm__csv_free(&csv);
  return begins;
}
