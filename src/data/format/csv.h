/* Separated values (RFC 4180): fields between commas, semicolons or tabs, with "..." quotes, "" for a quote inside,
 * line ends \n or \r\n, a byte order mark skipped. A line in which nothing but separators and spaces stands is no
 * record. What a record means, and whether it is a comment, is csv_rows.h's. Limits: 64 fields a record, 1 MiB a field.
 */
#ifndef TRM_DATA_FORMAT_CSV_H
#define TRM_DATA_FORMAT_CSV_H

#include <stddef.h>
#include <stdint.h>
#include <trm/error.h>

#define TRM__CSV_FIELDS 64
#define TRM__CSV_FIELD_LIMIT ((size_t)1 << 20)

typedef struct trm__csv_field {
  const char *text; /* not terminated; valid until the next record */
  size_t length;
  int copied;            /* into plain */
  uint64_t line, column; /* of its first byte, the quote excluded; 1-based */
} trm__csv_field;

typedef struct trm__csv {
  const char *path, *data;
  char separator;
  size_t size, at, line_start;
  uint64_t line;
  trm__csv_field field[TRM__CSV_FIELDS];
  int count;
  char *plain; /* unescaped text of quoted fields of this record */
  size_t plain_used, plain_size;
} trm__csv;

void trm__csv_init(trm__csv *csv, const char *path, const char *data, size_t size, char separator);
/* The next record that is not empty; count 0 at the end. */
trm_status trm__csv_next(trm__csv *csv, trm_error *err);
void trm__csv_free(trm__csv *csv);

#endif
