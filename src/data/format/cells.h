/* The cells of one question or answer, as a table writes them: in JSON a text, an array of texts (rows), an array of
 * whole numbers 0..254 or an array of such rows; in a field of CSV a text, in one line or with a row on each, or the
 * same arrays as Python and NumPy print them: with ' or " around texts, with or without commas. Cells of a text that
 * are all apart by one space or comma each ("5 3 . . 7") count without these, those of a drawn grid (cells_drawn.h)
 * without its frame. */
#ifndef TRM_DATA_FORMAT_CELLS_H
#define TRM_DATA_FORMAT_CELLS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

typedef struct trm__cells {
  uint8_t *own; /* [room], from base/mem.h; grows */
  size_t room;
  const uint8_t *cells; /* [length]: own, or the field itself */
  size_t length, width; /* width: of its rows; 0: none seen */
  int numbers, texts;   /* 1 where it has cells of the kind */
} trm__cells;

extern const char trm__cells_no_memory[]; /* what is wrong when memory lacked */

/* NULL, or what is wrong. *at: the byte of the field where. */
const char *trm__cells_read_field(trm__cells *cells, const char *text, size_t length, size_t *at);
const char *trm__cells_read_json(trm__cells *cells, const json_t *value);
/* A text of digits and '.' as numbers, where the other cells of its row or file are numbers. */
const char *trm__cells_make_numbers(trm__cells *cells);
/* 1 when cells are one space or comma apart each, at least 16 of them. */
int trm__cells_apart(const char *text, size_t length);
void trm__cells_free(trm__cells *cells);

#endif
