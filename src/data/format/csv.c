/* The CSV reader: one pass over bytes in memory. Fields point into the file, only quoted fields that hold "" are
 * copied. */
#include "data/format/csv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

static const char csv_nul_byte[] = "found a NUL byte, expected text";

static trm_status csv_fail_at(const trm__csv *csv, size_t at, const char *message, trm_error *err) {
  char where[512];
  snprintf(where, sizeof where, "%.440s:%" PRIu64 ":%zu", csv->path, csv->line, at - csv->line_start + 1);
  return trm__fail(err, TRM_E_INPUT, where, "%s", message);
}

void trm__csv_init(trm__csv *csv, const char *path, const char *data, size_t size, char separator) {
  memset(csv, 0, sizeof *csv);
  csv->path = path;
  csv->data = data;
  csv->size = size;
  csv->separator = separator;
  csv->line = 1;
  if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) csv->at = csv->line_start = 3;
}

void trm__csv_free(trm__csv *csv) {
  trm__free(csv->plain);
  csv->plain = NULL;
}

/* Makes room for need bytes of unescaped text. Earlier fields of the record point into the buffer and move along. */
static trm_status csv_reserve(trm__csv *csv, size_t need, trm_error *err) {
  if (need <= csv->plain_size) return TRM_OK;
  char *larger = trm__calloc(2 * need, 1);
  if (!larger) return trm__fail_memory(err, csv->path, 2 * need);
  if (csv->plain_used > 0) memcpy(larger, csv->plain, csv->plain_used);
  for (int i = 0; i < csv->count; i++)
    if (csv->field[i].copied) csv->field[i].text = larger + (csv->field[i].text - csv->plain);
  trm__free(csv->plain);
  csv->plain = larger;
  csv->plain_size = 2 * need;
  return TRM_OK;
}

/* Copies a quoted field with its "" made single into the reserved room. */
static void csv_unescape(trm__csv *csv, trm__csv_field *field, size_t begin, size_t end) {
  char *out = csv->plain + csv->plain_used;
  size_t length = 0;
  for (size_t at = begin; at < end; at++) {
    if (csv->data[at] == '"') at++;
    out[length++] = csv->data[at];
  }
  csv->plain_used += length;
  field->text = out;
  field->copied = 1;
  field->length = length;
}

static int csv_at_line_end(const trm__csv *csv, size_t at) {
  if (at >= csv->size || csv->data[at] == '\n') return 1;
  return csv->data[at] == '\r' && at + 1 < csv->size && csv->data[at + 1] == '\n';
}

static trm_status csv_read_quoted(trm__csv *csv, trm__csv_field *field, trm_error *err) {
  size_t begin = ++csv->at, doubled = 0, open_column = begin - csv->line_start;
  uint64_t open_line = csv->line;
  field->column++;
  for (;; csv->at++) {
    if (csv->at >= csv->size) {
      char where[512];
      snprintf(where, sizeof where, "%.440s:%" PRIu64 ":%zu", csv->path, open_line, open_column);
      return trm__fail(err, TRM_E_INPUT, where, "this quote is never closed, expected '\"' before the file's end");
    }
    char c = csv->data[csv->at];
    if (c == '"') {
      if (csv->at + 1 >= csv->size || csv->data[csv->at + 1] != '"') break;
      doubled++;
      csv->at++;
    } else if (c == '\n') {
      csv->line++;
      csv->line_start = csv->at + 1;
    } else if (c == '\0') return csv_fail_at(csv, csv->at, csv_nul_byte, err);
    if (csv->at - begin > TRM__CSV_FIELD_LIMIT)
      return csv_fail_at(csv, csv->at, "this field is longer than 1 MiB; is a closing quote missing?", err);
  }
  size_t end = csv->at++;
  field->text = csv->data + begin;
  field->length = end - begin;
  if (!csv_at_line_end(csv, csv->at) && csv->data[csv->at] != csv->separator)
    return csv_fail_at(csv, csv->at, "found text after a closing quote, expected a separator or the line's end", err);
  if (doubled == 0) return TRM_OK;
  trm_status status = csv_reserve(csv, csv->plain_used + field->length, err);
  if (status) return status;
  csv_unescape(csv, field, begin, end);
  return TRM_OK;
}

static trm_status csv_read_plain(trm__csv *csv, trm__csv_field *field, trm_error *err) {
  size_t begin = csv->at;
  for (; csv->at < csv->size; csv->at++) {
    char c = csv->data[csv->at];
    if (c == csv->separator || c == '\n') break;
    if (c == '\0') return csv_fail_at(csv, csv->at, csv_nul_byte, err);
    if (c == '\r' && csv_at_line_end(csv, csv->at)) break;
    if (c == '\r')
      return csv_fail_at(csv, csv->at, "found a carriage return without a line feed, expected \\n or \\r\\n", err);
    if (csv->at - begin > TRM__CSV_FIELD_LIMIT)
      return csv_fail_at(csv, csv->at, "this field is longer than 1 MiB", err);
  }
  field->text = csv->data + begin;
  field->length = csv->at - begin;
  return TRM_OK;
}

static void csv_end_line(trm__csv *csv) {
  if (csv->at < csv->size && csv->data[csv->at] == '\r') csv->at++;
  if (csv->at < csv->size) csv->at++;
  csv->line++;
  csv->line_start = csv->at;
}

/* One record, or an empty line, whose one field has no text. */
static trm_status csv_read_record(trm__csv *csv, trm_error *err) {
  csv->count = 0;
  csv->plain_used = 0;
  for (;;) {
    if (csv->count == TRM__CSV_FIELDS)
      return csv_fail_at(csv, csv->at, "more than 64 fields, expected at most 64", err);
    trm__csv_field *field = &csv->field[csv->count];
    field->copied = 0;
    field->line = csv->line;
    field->column = csv->at - csv->line_start + 1;
    int quoted = csv->at < csv->size && csv->data[csv->at] == '"';
    trm_status status = quoted ? csv_read_quoted(csv, field, err) : csv_read_plain(csv, field, err);
    if (status) return status;
    csv->count++;
    if (csv->at < csv->size && csv->data[csv->at] == csv->separator) {
      csv->at++;
      continue;
    }
    csv_end_line(csv);
    return TRM_OK;
  }
}

/* One field of spaces is an empty line too, but several are not: the space is a symbol of mazes. */
static int csv_is_empty(const trm__csv *csv) {
  for (int i = 0; i < csv->count; i++)
    for (size_t k = 0; k < csv->field[i].length; k++)
      if (csv->count > 1 || (csv->field[i].text[k] != ' ' && csv->field[i].text[k] != '\t')) return 0;
  return 1;
}

trm_status trm__csv_next(trm__csv *csv, trm_error *err) {
  while (csv->at < csv->size) {
    trm_status status = csv_read_record(csv, err);
    if (status || !csv_is_empty(csv)) return status;
  }
  csv->count = 0;
  return TRM_OK;
}
