/* What the first record of a CSV file says of all others: the separator, and which field is what. */
#ifndef TRM_DATA_FORMAT_CSV_COLUMNS_H
#define TRM_DATA_FORMAT_CSV_COLUMNS_H

#include "data/format/csv.h"
#include "data/format/csv_rows.h"

/* Length of a first line "sep=;" with its end, and the separator that it names; 0 when there is none. */
size_t trm__csv_separator_line(const char *data, size_t size, char *separator);
/* The separator with which the first record makes most sense: alone 1: the very first; 0: that is no comment. */
char trm__csv_separator(const trm__column_names *names, const char *path, const char *data, size_t size, int alone);

/* 1 when the record is a line that begins with # and has letters that no maze has. */
int trm__csv_is_comment(const trm__csv *csv);
/* The columns that a header names. 0 when it names no question. */
int trm__csv_header(const trm__column_names *names, const trm__csv *csv, trm__csv_columns *found);
/* 1 when the record has a question and an answer of equal length by position; *found is written in any case. */
int trm__csv_by_position(const trm__csv *csv, trm__csv_columns *found);
/* 1 when every field is a word or empty: what headers are made of. */
int trm__csv_is_names(const trm__csv *csv);

#endif
