/* From CSV records to rows. The first record says which column is what (csv_columns.c), all others are puzzles. */
#include "data/format/csv_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "data/format/cells.h"
#include "data/format/csv.h"
#include "data/format/csv_columns.h"

#define ALONE SIZE_MAX /* cells: not known, and no other record may be looked at */

static trm_status csv_fail_record(const trm__csv *csv, const trm__csv_field *field, size_t at, trm_error *err,
                                  const char *message) {
  char where[512];
  if (message == trm__cells_no_memory) return trm__fail_memory(err, csv->path, TRM__CSV_FIELD_LIMIT);
  snprintf(where, sizeof where, "%.440s:%" PRIu64 ":%" PRIu64, csv->path, field->line, field->column + at);
  return trm__fail(err, TRM_E_INPUT, where, "%s", message);
}

/* -- the first record ---------------------------------------------------------------------------------------------- */

/* The names that a header has, for messages. */
static void csv_list_names(const trm__csv *csv, char text[160]) {
  size_t used = 0;
  text[0] = '\0';
  for (int i = 0; i < csv->count && used < 120; i++)
    used += (size_t)snprintf(text + used, 160 - used, "%s%.*s", i > 0 ? ", " : "",
                             (int)(csv->field[i].length < 30 ? csv->field[i].length : 30), csv->field[i].text);
}

static trm_status csv_fail_header(const trm__rows *rows, const trm__csv *csv, trm__column column, trm_error *err) {
  const trm__column_names *names = &rows->names;
  const char *const whats[TRM__COLUMNS] = {"question", "answer", "rating", "group", "identifier"};
  const char *what = whats[column];
  char found[160], message[480];
  csv_list_names(csv, found);
  snprintf(message, sizeof message,
           "the header has no %s column: found %s; expected %.100s (--%s-column names another)", what, found,
           trm__column_list(names, column), what);
  return csv_fail_record(csv, &csv->field[0], 0, err, message);
}

/* Whether a record that names no known column is a header all the same: names that do not have the length of a question
 * where that is known, or of the next record's, and that are no question and answer of one length themselves where
 * nothing else is known. */
static int csv_is_unknown_header(const trm__csv *csv, const trm__csv_columns *c, int pair, size_t cells) {
  size_t length = csv->field[c->question].length;
  if (!trm__csv_is_names(csv)) return 0;
  if (cells == ALONE) return !pair;
  if (cells > 0) return length != cells;
  trm__csv next;
  trm__csv_columns its;
  trm__csv_init(&next, csv->path, csv->data, csv->size, csv->separator);
  next.at = next.line_start = csv->at;
  int others = !trm__csv_next(&next, NULL) && next.count > 0;
  if (others) {
    (void)trm__csv_by_position(&next, &its);
    others = next.field[its.question].length != length && !trm__csv_is_names(&next);
  }
  trm__csv_free(&next);
  return others || !pair;
}

/* The longest field, where there are no answers to find it by. */
static void csv_longest(const trm__csv *csv, trm__csv_columns *c) {
  for (int i = c->question = 0; i < csv->count; i++)
    if (csv->field[i].length > csv->field[c->question].length) c->question = i;
  c->answer = c->rating = -1;
}

/* A column that the caller names has to be there. */
static trm_status csv_check_marks(const trm__rows *rows, const trm__csv *csv, const trm__csv_columns *c,
                                  trm_error *err) {
  for (int mark = 0; rows->marks && mark < TRM__MARKS; mark++)
    if (c->mark[mark] < 0 && trm__mark_given(rows, (trm__mark)mark))
      return csv_fail_header(rows, csv, trm__mark_column((trm__mark)mark), err);
  return TRM_OK;
}

/* The first record that is no comment; *header: 1 when it is one. */
static trm_status csv_first_record(trm__rows *rows, const trm__csv *csv, trm__csv_columns *c, int *header, size_t cells,
                                   trm_error *err) {
  *header = trm__csv_header(&rows->names, csv, c);
  if (*header && c->answer < 0 && !rows->questions_only) return csv_fail_header(rows, csv, TRM__ANSWER, err);
  if (!*header) {
    trm__column_names usual = {0};
    trm__csv_columns other;
    int pair = trm__csv_by_position(csv, c), named = rows->names.question && rows->names.question[0] != '\0';
    if (!pair && rows->questions_only) csv_longest(csv, c);
    if (csv->count == 1 && !rows->questions_only)
      return csv_fail_record(csv, &csv->field[0], 0, err,
                             "one field, expected question,answer or source,question,answer,rating");
    if (named || trm__csv_header(&usual, csv, &other) || csv_is_unknown_header(csv, c, pair, cells))
      return csv_fail_header(rows, csv, TRM__QUESTION, err);
    if (c->answer < 0 && !rows->questions_only) return csv_fail_header(rows, csv, TRM__ANSWER, err);
  }
  rows->has_ratings = c->rating >= 0;
  snprintf(rows->rating_name, sizeof rows->rating_name, "%s", c->rating_name);
  return csv_check_marks(rows, csv, c, err);
}

/* -- records ------------------------------------------------------------------------------------------------------- */

/* Spaces around a field are no cells when without them, and only then, question and answer have one length, and no
 * spaces are left. */
static void csv_trim_pair(trm__csv_field *question, trm__csv_field *answer) {
  if (question->length == answer->length) return;
  trm__csv_field plain[2] = {*question, *answer};
  for (int i = 0; i < 2; i++) {
    trm__csv_field *f = &plain[i];
    for (; f->length > 0 && (f->text[0] == ' ' || f->text[0] == '\t'); f->text++, f->column++) f->length--;
    while (f->length > 0 && (f->text[f->length - 1] == ' ' || f->text[f->length - 1] == '\t')) f->length--;
    if (memchr(f->text, ' ', f->length)) return;
  }
  if (plain[0].length != plain[1].length) return;
  *question = plain[0];
  *answer = plain[1];
}

/* The cells of question and, unless it is not wanted, answer: of one kind, in the row and in the file. */
static trm_status csv_read_pair(trm__rows *rows, const trm__csv *csv, const trm__csv_field field[2],
                                trm__cells cells[2], trm_error *err) {
  int wanted = rows->questions_only ? 1 : 2, numbers = rows->count > 0 && rows->numbers;
  for (int i = 0; i < wanted; i++) {
    size_t at;
    const char *problem = trm__cells_read_field(&cells[i], field[i].text, field[i].length, &at);
    if (!problem && cells[i].numbers && cells[i].texts) problem = "texts and numbers are mixed, expected one kind";
    if (problem) return csv_fail_record(csv, &field[i], at, err, problem);
    if (rows->count == 0 && cells[i].numbers) numbers = 1;
  }
  rows->numbers = numbers;
  for (int i = 0; i < wanted; i++) {
    const char *problem = NULL;
    if (numbers && !cells[i].numbers) problem = trm__cells_make_numbers(&cells[i]);
    else if (!numbers && cells[i].numbers) problem = "texts and numbers are mixed, expected one kind in the whole file";
    if (problem) return csv_fail_record(csv, &field[i], 0, err, problem);
  }
  return TRM_OK;
}

static trm_status csv_read_marks(trm__rows *rows, const trm__csv *csv, const trm__csv_columns *c, trm_error *err) {
  for (int mark = 0; rows->marks && mark < TRM__MARKS; mark++) {
    int at = c->mark[mark];
    char message[160];
    (void)trm__rows_expect_mark(rows, (trm__mark)mark, at >= 0);
    if (at < 0) continue;
    int here = at < csv->count;
    const trm__csv_field *field = &csv->field[here ? at : 0];
    const char *problem = "is missing, expected it in each line (empty: none)";
    if (here) problem = trm__marks_number(rows->marks, (trm__mark)mark, field->text, field->length, &rows->mark[mark]);
    if (problem == trm__cells_no_memory) return csv_fail_record(csv, field, 0, err, problem);
    (void)snprintf(message, sizeof message, "the %s %s", trm__mark_word((trm__mark)mark), problem ? problem : "");
    if (problem) return csv_fail_record(csv, field, 0, err, message);
  }
  return TRM_OK;
}

static trm_status csv_add_record(trm__rows *rows, const trm__csv *csv, const trm__csv_columns *c, trm__cells cells[2],
                                 trm_error *err) {
  int last = c->question > c->answer || rows->questions_only ? c->question : c->answer;
  double rating = (double)NAN;
  if (csv->count <= last) {
    char message[96];
    snprintf(message, sizeof message, "this line has %d fields, expected at least %d", csv->count, last + 1);
    return csv_fail_record(csv, &csv->field[0], 0, err, message);
  }
  trm__csv_field field[2] = {csv->field[c->question], csv->field[rows->questions_only ? c->question : c->answer]};
  if (!rows->questions_only) csv_trim_pair(&field[0], &field[1]);
  if (c->rating >= 0 && c->rating < csv->count)
    rating = trm__rows_rating(rows, c->rating_name, strlen(c->rating_name), csv->field[c->rating].text,
                              csv->field[c->rating].length, csv->field[c->rating].line);
  trm_status status = csv_read_pair(rows, csv, field, cells, err);
  if (!status) status = csv_read_marks(rows, csv, c, err);
  if (status) return status;
  if (rows->count == 0) rows->width = rows->frame.width ? rows->frame.width : cells[0].width;
  rows->row_width[0] = cells[0].width, rows->row_width[1] = cells[1].width;
  trm__rows_place place = {field[0].line, (uint32_t)field[0].column, (uint32_t)field[1].column};
  if (cells[0].cells == cells[0].own) place.question = 0; /* not cell by cell as the file has it */
  if (cells[1].cells == cells[1].own) place.answer = 0;
  return trm__rows_add(rows, cells[0].cells, cells[0].length, cells[1].cells, cells[1].length, rating, place, err);
}

/* A comment has not as many fields as the records; without a header before it, the first record is no comment when it
 * is a pair of question and answer. */
static int csv_is_passed_over(const trm__rows *rows, const trm__csv *csv, const trm__csv_columns *c) {
  trm__csv_columns found;
  if (!trm__csv_is_comment(csv)) return 0;
  if (c->known) return csv->count != c->fields;
  return !trm__csv_header(&rows->names, csv, &found) && !trm__csv_by_position(csv, &found);
}

/* One record of any kind. */
static trm_status csv_take_record(trm__rows *rows, const trm__csv *csv, trm__csv_columns *c, trm__cells cells[2],
                                  size_t length, trm_error *err) {
  int header = 0;
  if (csv_is_passed_over(rows, csv, c)) return TRM_OK;
  if (!c->known) {
    trm__csv_columns found = {0};
    trm_status status = csv_first_record(rows, csv, &found, &header, length, err);
    if (status) return status;
    *c = found;
  }
  return header ? TRM_OK : csv_add_record(rows, csv, c, cells, err);
}

static void csv_free_all(trm__csv *csv, trm__cells cells[2]) {
  trm__cells_free(&cells[0]);
  trm__cells_free(&cells[1]);
  trm__csv_free(csv);
}

trm_status trm__csv_rows(trm__rows *rows, const char *data, size_t size, trm_error *err) {
  trm__csv csv;
  trm__csv_columns c = {0};
  trm__cells cells[2] = {{0}, {0}};
  char separator = 0;
  size_t begin = trm__csv_separator_line(data, size, &separator);
  if (!begin) separator = trm__csv_separator(&rows->names, rows->path, data, size, 0);
  trm__csv_init(&csv, rows->path, data, size, separator);
  if (begin) csv.at = csv.line_start = begin, csv.line = 2;
  trm_status status = trm__csv_next(&csv, err);
  while (!status && csv.count > 0) {
    status = csv_take_record(rows, &csv, &c, cells, 0, err);
    if (!status) status = trm__csv_next(&csv, err);
  }
  csv_free_all(&csv, cells);
  return status;
}

trm_status trm__csv_record(trm__rows *rows, trm__csv_columns *columns, const char *data, size_t size, uint64_t line,
                           size_t length, size_t *used, trm_error *err) {
  trm__csv csv;
  trm__cells cells[2] = {{0}, {0}};
  size_t begin = line == 1 && !columns->known ? trm__csv_separator_line(data, size, &columns->separator) : 0;
  *used = begin;
  if (begin) return TRM_OK;
  char separator = columns->separator;
  if (!separator) separator = trm__csv_separator(&rows->names, rows->path, data, size, 1);
  trm__csv_init(&csv, rows->path, data, size, separator);
  csv.line = line;
  trm_status status = trm__csv_next(&csv, err);
  *used = status ? 0 : csv.at;
  if (!status && csv.count > 0) status = csv_take_record(rows, &csv, columns, cells, length ? length : ALONE, err);
  csv_free_all(&csv, cells);
  return status;
}
