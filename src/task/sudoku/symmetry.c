/* The symmetries of a Sudoku grid: values renamed, rows exchanged within a band and bands as wholes, columns and stacks
 * likewise, and transposition where boxes are square. */
#include <string.h>

#include "task/sudoku/sudoku.h"

static void draw_permutation(trm__rng *rng, uint8_t *items, int n) {
  for (int i = 0; i < n; i++) {
    int j = (int)trm__rng_below(rng, (uint32_t)i + 1);
    items[i] = items[j];
    items[j] = (uint8_t)i;
  }
}

/* Lines 0..size-1 in chutes of `height`: chutes in random order, lines in random order within each. */
static void draw_lines(trm__rng *rng, uint8_t *lines, int size, int height) {
  uint8_t chute[TRM__SUDOKU_MAX], line[TRM__SUDOKU_MAX];
  draw_permutation(rng, chute, size / height);
  for (int b = 0; b < size / height; b++) {
    draw_permutation(rng, line, height);
    for (int k = 0; k < height; k++) lines[b * height + k] = (uint8_t)(chute[b] * height + line[k]);
  }
}

trm__sudoku_symmetry trm__sudoku_symmetry_random(const trm__sudoku_geometry *geometry, trm__rng *rng) {
  trm__sudoku_symmetry s = {.size = geometry->size};
  uint8_t value[TRM__SUDOKU_MAX];
  draw_permutation(rng, value, s.size);
  for (int v = 0; v < s.size; v++) s.value[v + 1] = (uint8_t)(value[v] + 1);
  draw_lines(rng, s.row, s.size, geometry->box_height);
  draw_lines(rng, s.column, s.size, geometry->box_width);
  if (geometry->box_width == geometry->box_height) s.transpose = (int)trm__rng_below(rng, 2);
  return s;
}

trm__sudoku_symmetry trm__sudoku_symmetry_inverse(const trm__sudoku_symmetry *symmetry) {
  trm__sudoku_symmetry s = {.size = symmetry->size, .transpose = symmetry->transpose};
  const uint8_t *row = symmetry->transpose ? symmetry->column : symmetry->row;
  const uint8_t *column = symmetry->transpose ? symmetry->row : symmetry->column;
  for (int i = 0; i < s.size; i++) {
    s.row[row[i]] = s.column[column[i]] = (uint8_t)i;
    s.value[symmetry->value[i + 1]] = (uint8_t)(i + 1);
  }
  return s;
}

int trm__sudoku_symmetry_source(const trm__sudoku_symmetry *s, int r, int c) {
  return s->transpose ? s->column[c] * s->size + s->row[r] : s->row[r] * s->size + s->column[c];
}

void trm__sudoku_symmetry_apply(const trm__sudoku_symmetry *symmetry, const uint8_t *cells, uint8_t *image) {
  for (int r = 0; r < symmetry->size; r++)
    for (int c = 0; c < symmetry->size; c++)
      image[r * symmetry->size + c] = symmetry->value[cells[trm__sudoku_symmetry_source(symmetry, r, c)]];
}
