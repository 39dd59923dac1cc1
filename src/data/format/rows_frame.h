/* Smaller puzzles in the grid of their task, for the collector of rows. */
#ifndef TRM_DATA_FORMAT_ROWS_FRAME_H
#define TRM_DATA_FORMAT_ROWS_FRAME_H

#include "data/format/rows.h"

/* Where there is a frame and the puzzle is smaller, *cells and *length become those of the grid, valid until the next
 * call. expected [size]: what its size should be, "" when it is right. */
trm_status trm__rows_fill(trm__rows *rows, int answer, const uint8_t **cells, size_t *length, char *expected,
                          size_t size, trm_error *err);
void trm__rows_frame_free(trm__rows_frame *frame);

#endif
