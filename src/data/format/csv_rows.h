/* Puzzles in CSV files. The columns are source,question,answer,rating; a header line may name them in any order and
 * leave out all but question and answer. Without a header they are taken by position: question,answer |
 * question,answer,rating | source,question,answer | source,question,answer,rating where three fields of which the last
 * two are of equal length begin with the source. A field of several lines holds a row of the grid on each. */
#ifndef TRM_DATA_FORMAT_CSV_ROWS_H
#define TRM_DATA_FORMAT_CSV_ROWS_H

#include "data/format/rows.h"

/* Appends all puzzles of the file with these bytes, which are borrowed. */
trm_status trm__csv_rows(trm__rows *rows, const char *data, size_t size, trm_error *err);

#endif
