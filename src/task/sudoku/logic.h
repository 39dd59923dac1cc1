/* Sudoku as people solve it: one step after the other, each by a technique that has a name and a reason. A step either
 * decides a cell (a single) or takes candidates from cells. No technique guesses, so whatever it says holds in every
 * solution.
 *
 * The units of a grid of side n are numbered: rows 0 to n-1, columns n to 2n-1, boxes 2n to 3n-1. A unit's cells have
 * positions, 0 to n-1, row by row. Masks of digits have bit v - 1 for digit v, masks of positions bit p. */
#ifndef TRM_TASK_SUDOKU_LOGIC_H
#define TRM_TASK_SUDOKU_LOGIC_H

#include "task/sudoku/sudoku.h"

/* From easy to hard, which is the order in which they are tried. */
typedef enum trm__technique {
  TRM__NO_TECHNIQUE,
  TRM__NAKED_SINGLE,  /* a cell has one candidate */
  TRM__HIDDEN_SINGLE, /* a digit has one place in a unit */
  TRM__LOCKED,        /* a digit's places in a unit all lie in another one, whose other cells lose it */
  TRM__NAKED_PAIR,    /* two cells of a unit have two candidates between them, which the unit's other cells lose */
  TRM__HIDDEN_PAIR,   /* two digits have two places in a unit, which lose all others */
  TRM__NAKED_TRIPLE,
  TRM__HIDDEN_TRIPLE,
  TRM__TECHNIQUES
} trm__technique;

/* "hidden single"; "" for none. */
const char *trm__technique_name(trm__technique technique);

typedef struct trm__logic_step {
  trm__technique technique;
  int unit;        /* where it is seen; of a naked single 0 */
  int other;       /* locked: the unit whose cells lose the digit */
  uint16_t digits; /* the digit, the pair or the triple */
  uint16_t places; /* positions in unit: of the digits, or of the cells that have them */
  int cell;        /* of a single: the cell that it decides */
} trm__logic_step;

typedef struct trm__logic {
  const trm__sudoku_geometry *geometry;
  int open;                               /* empty cells */
  uint8_t cell[TRM__SUDOKU_CELLS];        /* 0 blank */
  uint16_t candidates[TRM__SUDOKU_CELLS]; /* of empty cells; 0 of others */
} trm__logic;

/* The cell at a position of a unit. */
int trm__logic_cell(const trm__sudoku_geometry *geometry, int unit, int position);

/* An empty cell's candidates are what its peers leave. The clues should not contradict each other. */
void trm__logic_begin(trm__logic *logic, const trm__sudoku_geometry *geometry, const uint8_t *cells);
/* digit 1..size into an empty cell; its peers lose it. */
void trm__logic_place(trm__logic *logic, int cell, int digit);

/* The first naked single, else the first hidden one, boxes before rows before columns; 0 when there is none. Changes
 * nothing. */
int trm__logic_single(const trm__logic *logic, trm__logic_step *step);
/* Finds the first step of the easiest technique that takes candidates, and takes them; 0 when there is none. */
int trm__logic_reduce(trm__logic *logic, trm__logic_step *step);

/* An empty cell without candidates (*cell), or a digit without a place in a unit (*cell -1): the grid has no solution.
 * 0 when neither is found. */
int trm__logic_fault(const trm__logic *logic, int *cell, int *unit, int *digit);

/* A cell's digit with all that leads to it. */
#define TRM__LOGIC_MOST 64
typedef struct trm__logic_chain {
  trm__logic_step single; /* technique NONE: logic ends here */
  int count;              /* of steps that come before it, none of which can be left out */
  trm__logic_step step[TRM__LOGIC_MOST];
  trm__technique hardest; /* of single and steps */
} trm__logic_chain;

/* The next cell that logic decides; logic itself is not changed. */
void trm__logic_next(const trm__logic *logic, trm__logic_chain *chain);

#endif
