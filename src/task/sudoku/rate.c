/* How hard a Sudoku is, by two measures: what the exact solver had to guess, which is the rating in trm's data, and the
 * hardest technique that a person needs. */
#include <stdio.h>
#include <string.h>

#include "task/sudoku/generate.h"
#include "task/sudoku/logic.h"

enum { RATE_GUESSES = 1000000 }; /* as trm_sudoku_solve */

/* Clues of which each could go alone while the solution stays the only one; -1 when a search gave up. */
static int rate_needless(const trm__sudoku_geometry *g, const uint8_t *cells) {
  uint16_t candidates[TRM__SUDOKU_CELLS], full = (uint16_t)((1u << g->size) - 1);
  trm__sudoku_limits limits = {.solutions = 1, .guesses = trm__generate_patience(g)};
  int needless = 0, undecided = 0;
  trm__sudoku_candidates(g, cells, candidates);
  for (int i = 0; i < g->cells; i++) {
    uint16_t clue = candidates[i];
    if (!cells[i]) continue;
    candidates[i] = (uint16_t)(full & ~clue); /* another solution without this clue has another digit there */
    trm__sudoku_outcome other = trm__sudoku_search(g, candidates, &limits, NULL);
    candidates[i] = clue;
    needless += !other.solutions && other.complete;
    undecided += !other.solutions && !other.complete;
  }
  return undecided ? -1 : needless;
}

static void rate_logic(const trm__sudoku_geometry *g, const uint8_t *cells, trm_sudoku_rating *rating) {
  trm__logic logic;
  trm__logic_chain chain;
  trm__technique hardest = TRM__NO_TECHNIQUE;
  trm__logic_begin(&logic, g, cells);
  while (logic.open) {
    trm__logic_next(&logic, &chain);
    if (chain.single.technique == TRM__NO_TECHNIQUE) break;
    if (chain.hardest > hardest) hardest = chain.hardest;
    int digit = 1;
    while (chain.single.digits >> digit) digit++;
    trm__logic_place(&logic, chain.single.cell, digit);
  }
  rating->left = logic.open;
  (void)snprintf(rating->hardest, sizeof rating->hardest, "%s", trm__technique_name(hardest));
}

trm_sudoku_rating trm_sudoku_rate(int size, const uint8_t *cells) {
  const trm__sudoku_geometry *g = trm__sudoku_geometry_of(size);
  trm_sudoku_rating rating = {.guesses = -1, .needless = -1, .left = -1};
  uint16_t candidates[TRM__SUDOKU_CELLS];
  if (!g) return rating;
  for (int i = 0; i < g->cells; i++) rating.clues += cells[i] != 0;
  trm__sudoku_candidates(g, cells, candidates);
  trm__sudoku_limits limits = {.solutions = 2, .guesses = RATE_GUESSES};
  trm__sudoku_outcome found = trm__sudoku_search(g, candidates, &limits, NULL);
  rating.solutions = found.complete || found.solutions == 2 ? found.solutions : TRM_SOLUTIONS_UNDECIDED;
  if (found.solutions) rating.guesses = found.guesses;
  if (rating.solutions != 1) return rating;
  rating.needless = rate_needless(g, cells);
  rate_logic(g, cells, &rating);
  return rating;
}
