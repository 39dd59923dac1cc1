/* From CSV records to rows: the first record says which column is what, by its names or by how many there are. */
#include "data/format/csv_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/text/numbers.h"
#include "data/format/csv.h"

typedef struct plain_text {
  uint8_t *cells[2];
  size_t size[2];
} plain_text;

/* Of ASCII's letters. tolower would follow the locale, and in Turkish the small letter of I is not i. */
static char csv_lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int csv_is_named(const trm__csv_field *field, const char *const *names) {
  size_t begin = 0, end = field->length;
  while (begin < end && field->text[begin] == ' ') begin++;
  while (end > begin && field->text[end - 1] == ' ') end--;
  for (; *names; names++) {
    size_t i = 0, length = strlen(*names);
    while (i < length && i < end - begin && csv_lower(field->text[begin + i]) == (*names)[i]) i++;
    if (i == length && i == end - begin) return 1;
  }
  return 0;
}

/* 1 when the record is a header. */
static int csv_read_header(const trm__csv *csv, trm__csv_columns *found) {
  static const char *const question[] = {"question", "puzzle", "quiz", "quizzes", "input", NULL};
  static const char *const answer[] = {"answer", "solution", "solutions", "output", NULL};
  static const char *const rating[] = {"rating", "difficulty", NULL}, *const guesses[] = {"guesses", NULL};
  trm__csv_columns c = {1, -1, -1, -1, "rating"};
  for (int i = 0; i < csv->count; i++) {
    if (c.question < 0 && csv_is_named(&csv->field[i], question)) c.question = i;
    else if (c.answer < 0 && csv_is_named(&csv->field[i], answer)) c.answer = i;
    else if (c.rating < 0 && csv_is_named(&csv->field[i], rating)) c.rating = i;
    else if (c.rating < 0 && csv_is_named(&csv->field[i], guesses)) c.rating = i, c.rating_name = "guesses";
  }
  if (c.question < 0) return 0;
  *found = c;
  return 1;
}

/* The orders of data/format/csv_rows.h. */
static trm__csv_columns csv_columns_by_position(const trm__csv *csv) {
  trm__csv_columns c = {1, 0, 1, -1, "rating"};
  int source = csv->count >= 4 || (csv->count == 3 && csv->field[1].length == csv->field[2].length);
  c.question += source;
  c.answer += source;
  if (csv->count > c.answer + 1) c.rating = c.answer + 1;
  return c;
}

static trm_status csv_fail_record(const trm__csv *csv, const trm__csv_field *field, trm_error *err,
                                  const char *message) {
  char where[512];
  snprintf(where, sizeof where, "%.440s:%" PRIu64 ":%" PRIu64, csv->path, field->line, field->column);
  return trm__fail(err, TRM_E_INPUT, where, "%s", message);
}

/* A field's cells: its text, or a copy without line ends when it has several lines; *width is the length of the first
 * line, or 0. */
static trm_status csv_cells(const trm__csv_field *field, plain_text *copy, int which, const uint8_t **cells,
                            size_t *length, size_t *width, trm_error *err) {
  *cells = (const uint8_t *)field->text;
  *length = field->length;
  *width = 0;
  const char *newline = memchr(field->text, '\n', field->length);
  if (!newline) return TRM_OK;
  if (copy->size[which] < field->length) {
    uint8_t *larger = trm__realloc(copy->cells[which], field->length, 1);
    if (!larger) return trm__fail_memory(err, "CSV field", field->length);
    copy->cells[which] = larger;
    copy->size[which] = field->length;
  }
  size_t used = 0;
  for (size_t i = 0; i < field->length; i++) {
    char c = field->text[i];
    if (c == '\n' && *width == 0) *width = used;
    if (c != '\n' && c != '\r') copy->cells[which][used++] = (uint8_t)c;
  }
  *cells = copy->cells[which];
  *length = used;
  return TRM_OK;
}

static trm_status csv_read_rating(const trm__csv *csv, const trm__csv_columns *c, double *rating, trm_error *err) {
  *rating = (double)NAN;
  if (c->rating < 0 || c->rating >= csv->count || csv->field[c->rating].length == 0) return TRM_OK;
  const trm__csv_field *field = &csv->field[c->rating];
  if (!trm__decimal_read(field->text, field->length, rating)) return TRM_OK;
  char message[96];
  snprintf(message, sizeof message, "the %s is no number, expected one such as 12 or 0.5", c->rating_name);
  return csv_fail_record(csv, field, err, message);
}

static trm_status csv_add_record(trm__rows *rows, const trm__csv *csv, const trm__csv_columns *c, plain_text *copy,
                                 trm_error *err) {
  const uint8_t *cells[2];
  size_t length[2], width[2];
  double rating;
  int last = c->question > c->answer ? c->question : c->answer;
  if (csv->count <= last) {
    char message[96];
    snprintf(message, sizeof message, "this line has %d fields, expected at least %d", csv->count, last + 1);
    return csv_fail_record(csv, &csv->field[0], err, message);
  }
  const trm__csv_field *field[2] = {&csv->field[c->question], &csv->field[c->answer]};
  trm_status status = csv_read_rating(csv, c, &rating, err);
  for (int i = 0; i < 2 && !status; i++) status = csv_cells(field[i], copy, i, &cells[i], &length[i], &width[i], err);
  if (status) return status;
  if (rows->count == 0) rows->width = width[0];
  trm__rows_place place = {field[0]->line, (uint32_t)field[0]->column, (uint32_t)field[1]->column};
  return trm__rows_add(rows, cells[0], length[0], cells[1], length[1], rating, place, err);
}

static trm_status csv_first_record(trm__rows *rows, const trm__csv *csv, trm__csv_columns *c, int *header,
                                   trm_error *err) {
  *header = csv_read_header(csv, c);
  if (*header && c->answer < 0)
    return csv_fail_record(csv, &csv->field[0], err, "the header has no answer column, expected question and answer");
  if (!*header && csv->count < 2)
    return csv_fail_record(csv, &csv->field[0], err,
                           "one field, expected question,answer or source,question,answer,rating");
  if (!*header) *c = csv_columns_by_position(csv);
  rows->has_ratings = c->rating >= 0;
  snprintf(rows->rating_name, sizeof rows->rating_name, "%s", c->rating_name);
  return TRM_OK;
}

trm_status trm__csv_rows(trm__rows *rows, const char *data, size_t size, trm_error *err) {
  trm__csv csv;
  trm__csv_columns c = {0};
  plain_text copy = {{0}, {0}};
  int header = 0;
  trm__csv_init(&csv, rows->path, data, size);
  trm_status status = trm__csv_next(&csv, err);
  if (!status && csv.count > 0) status = csv_first_record(rows, &csv, &c, &header, err);
  if (header && !status) status = trm__csv_next(&csv, err);
  while (!status && csv.count > 0) {
    status = csv_add_record(rows, &csv, &c, &copy, err);
    if (!status) status = trm__csv_next(&csv, err);
  }
  trm__free(copy.cells[0]);
  trm__free(copy.cells[1]);
  trm__csv_free(&csv);
  return status;
}

trm_status trm__csv_record(trm__rows *rows, trm__csv_columns *columns, const char *data, size_t size, uint64_t line,
                           size_t *used, trm_error *err) {
  trm__csv csv;
  plain_text copy = {{0}, {0}};
  int header = 0;
  trm__csv_init(&csv, rows->path, data, size);
  csv.line = line;
  trm_status status = trm__csv_next(&csv, err);
  *used = status ? 0 : csv.at;
  if (!status && csv.count > 0 && !columns->known) {
    trm__csv_columns found = {0};
    status = csv_first_record(rows, &csv, &found, &header, err);
    if (!status) *columns = found;
  }
  if (!status && csv.count > 0 && !header) status = csv_add_record(rows, &csv, columns, &copy, err);
  trm__free(copy.cells[0]);
  trm__free(copy.cells[1]);
  trm__csv_free(&csv);
  return status;
}
