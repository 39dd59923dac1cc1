/* Sudoku inside the library: the exact solver with its limits, and the symmetries of a grid. A candidate set is a mask
 * with bit v - 1 for value v; a grid is row-major, values 1..size, 0 for a blank cell. */
#ifndef TRM_TASK_SUDOKU_SUDOKU_H
#define TRM_TASK_SUDOKU_SUDOKU_H

#include <stdint.h>
#include <trm/task.h>

#include "base/rng.h"

#define TRM__SUDOKU_MAX 16                                    /* largest side */
#define TRM__SUDOKU_CELLS (TRM__SUDOKU_MAX * TRM__SUDOKU_MAX) /* its cells */
#define TRM__SUDOKU_PEERS (3 * (TRM__SUDOKU_MAX - 1))         /* upper bound on the peers of a cell */
#define TRM__SUDOKU_WORDS (TRM__SUDOKU_CELLS / 64)            /* of a set of cells */

/* The geometry of one size: sides, units and peers; built once, then read by all threads. */
typedef struct trm__sudoku_geometry {
  int size, box_width, box_height, cells;
  int peers; /* of each cell */
  int words; /* of a set of cells in use; cell i is bit i % 64 of word i / 64 */
  uint64_t peer_set[TRM__SUDOKU_CELLS][TRM__SUDOKU_WORDS];
  uint8_t peer[TRM__SUDOKU_CELLS][TRM__SUDOKU_PEERS]; /* cells that share a row, column or box */
  uint8_t row[TRM__SUDOKU_CELLS], column[TRM__SUDOKU_CELLS], box[TRM__SUDOKU_CELLS];
} trm__sudoku_geometry;

/* NULL for a size other than 4, 6, 9, 16. */
const trm__sudoku_geometry *trm__sudoku_geometry_of(int size);

typedef struct trm__sudoku_limits {
  int solutions;   /* stop after so many */
  int64_t guesses; /* give up after so many guesses in all; 0: never */
  trm__rng *rng;   /* draws the value that a guess tries first; NULL: the smallest */
  uint16_t *tally; /* [size*size][size] adds up how many of the solutions have each value; NULL: skip */
} trm__sudoku_limits;

typedef struct trm__sudoku_outcome {
  int solutions;
  int complete;        /* 0: gave up; solutions is a lower bound */
  int64_t guesses;     /* until the first solution */
  int64_t all_guesses; /* of the whole search */
} trm__sudoku_outcome;

/* Searches the grids that take one candidate of each cell. candidates [size*size] masks; solution [size*size] or NULL
 * receives the first solution, if there is one. */
trm__sudoku_outcome trm__sudoku_search(const trm__sudoku_geometry *geometry, const uint16_t *candidates,
                                       const trm__sudoku_limits *limits, uint8_t *solution);

/* cells -> candidate masks; a blank gets all values, a value over the size none. */
void trm__sudoku_candidates(const trm__sudoku_geometry *geometry, const uint8_t *cells, uint16_t *candidates);

/* A symmetry: cell (r, c) of the image shows cell (row[r], column[c]) of the original (or (column[c], row[r]) when
 * transpose is set), its value v as value[v]. */
typedef struct trm__sudoku_symmetry {
  int size, transpose;
  uint8_t row[TRM__SUDOKU_MAX], column[TRM__SUDOKU_MAX];
  uint8_t value[TRM__SUDOKU_MAX + 1]; /* value[0] = 0 */
} trm__sudoku_symmetry;

/* Uniform over the symmetries of the size; transposition only where boxes are square. */
trm__sudoku_symmetry trm__sudoku_symmetry_random(const trm__sudoku_geometry *geometry, trm__rng *rng);
trm__sudoku_symmetry trm__sudoku_symmetry_inverse(const trm__sudoku_symmetry *symmetry);
/* The cell of the original that cell (r, c) of the image shows. */
int trm__sudoku_symmetry_source(const trm__sudoku_symmetry *symmetry, int r, int c);
void trm__sudoku_symmetry_apply(const trm__sudoku_symmetry *symmetry, const uint8_t *cells, uint8_t *image);

#endif
