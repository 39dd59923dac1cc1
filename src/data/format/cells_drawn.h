/* A square grid in a text of several lines in which more stands than cells: spaces between them, bars, drawn lines.
 *
 *     +-----+-----+
 *     | 1 . | 3 . |      Bars are | and the upright ones of Unicode's box drawing, drawn lines are of - = + | and the
 *     | . 2 | . . |      rest of box drawing. Nothing is left to guess: without these there are as many rows as cells
 *     +-----+-----+      in each row, 4 to 64, and of what spaces and bars part in a row all have the same length.
 *
 * A text in which nothing stands but cells is no such grid. */
#ifndef TRM_DATA_FORMAT_CELLS_DRAWN_H
#define TRM_DATA_FORMAT_CELLS_DRAWN_H

#include <stddef.h>
#include <stdint.h>

#define TRM__DRAWN_MOST 64 /* cells of a row */

/* Its rows, or 0: it is none. */
size_t trm__cells_drawn(const char *text, size_t length);
/* The cells of its first row, and moves *text and *length behind it; returns how many, 0 where there is none. */
size_t trm__cells_drawn_row(const char **text, size_t *length, uint8_t row[TRM__DRAWN_MOST]);

#endif
