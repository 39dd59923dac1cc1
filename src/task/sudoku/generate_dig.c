/* Puzzles by digging: fill a grid at random, then take clues away in random order as long as the solution stays the
 * only one. A clue may go when the puzzle with that cell barred from the clue's value has no solution, which is quicker
 * to show than counting to two. */
#include <string.h>

#include "task/sudoku/generate.h"

int64_t trm__generate_patience(const trm__sudoku_geometry *geometry) {
  return geometry->size > 9 ? 200 : 100000;
}

void trm__generate_grid(const trm__sudoku_geometry *geometry, trm__rng *rng, uint8_t *cells) {
  const uint8_t blank[TRM__SUDOKU_CELLS] = {0};
  uint16_t candidates[TRM__SUDOKU_CELLS];
  trm__sudoku_candidates(geometry, blank, candidates);
  /* Starting anew costs less than a search that has gone astray. */
  trm__sudoku_limits limits = {.solutions = 1, .guesses = 4 * geometry->cells, .rng = rng};
  while (trm__sudoku_search(geometry, candidates, &limits, cells).solutions == 0) continue;
}

void trm__generate_dig(const trm__sudoku_geometry *geometry, trm__rng *rng, int target, trm__puzzle *puzzle) {
  uint32_t order[TRM__SUDOKU_CELLS];
  uint16_t candidates[TRM__SUDOKU_CELLS];
  uint16_t full = (uint16_t)((1u << geometry->size) - 1);
  trm__sudoku_limits limits = {.solutions = 1, .guesses = trm__generate_patience(geometry)};
  trm__sudoku_candidates(geometry, puzzle->question, candidates);
  puzzle->clues = 0;
  for (int i = 0; i < geometry->cells; i++)
    if (puzzle->question[i]) order[puzzle->clues++] = (uint32_t)i;
  int clues = puzzle->clues;
  trm__rng_shuffle(rng, order, (uint32_t)clues);
  for (int k = 0; k < clues && puzzle->clues > target; k++) {
    uint32_t i = order[k];
    uint16_t clue = candidates[i];
    candidates[i] = (uint16_t)(full & ~clue);
    trm__sudoku_outcome other = trm__sudoku_search(geometry, candidates, &limits, NULL);
    int removable = other.solutions == 0 && other.complete;
    candidates[i] = removable ? full : clue;
    if (removable) puzzle->question[i] = 0, puzzle->clues--;
  }
}

int trm__generate_rate(const trm__sudoku_geometry *geometry, trm__puzzle *puzzle) {
  uint16_t candidates[TRM__SUDOKU_CELLS];
  trm__sudoku_candidates(geometry, puzzle->question, candidates);
  trm__sudoku_limits limits = {.solutions = 2, .guesses = 100 * trm__generate_patience(geometry)};
  trm__sudoku_outcome out = trm__sudoku_search(geometry, candidates, &limits, puzzle->answer);
  puzzle->guesses = out.guesses;
  return out.solutions == 1 && out.complete;
}

int trm__generate_wanted(const trm__generate_config *config, const trm__puzzle *puzzle) {
  return puzzle->clues >= config->min_clues && (config->max_clues == 0 || puzzle->clues <= config->max_clues) &&
         puzzle->guesses >= config->min_guesses && (config->max_guesses < 0 || puzzle->guesses <= config->max_guesses);
}

/* How many clues to stop at: as few as can be, or a number from the wanted range. */
static int dig_draw_target(const trm__generate_config *config, trm__rng *rng) {
  if (config->minimal || config->max_clues == 0) return (int)(config->minimal ? 0 : config->min_clues);
  return (int)config->min_clues + (int)trm__rng_below(rng, (uint32_t)(config->max_clues - config->min_clues + 1));
}

int trm__generate_attempt(const trm__generate_config *config, uint64_t index, trm__puzzle *puzzle) {
  const trm__sudoku_geometry *geometry = trm__sudoku_geometry_of(config->size);
  trm__rng rng = trm__rng_make(config->seed, TRM__RNG_GENERATE, 2 * index);
  int target = dig_draw_target(config, &rng);
  trm__generate_grid(geometry, &rng, puzzle->answer);
  memcpy(puzzle->question, puzzle->answer, sizeof puzzle->question);
  trm__generate_dig(geometry, &rng, target, puzzle);
  if (config->max_clues > 0 && puzzle->clues > config->max_clues) return 0;
  if (!trm__generate_rate(geometry, puzzle) || !trm__generate_wanted(config, puzzle)) return 0;
  puzzle->invariant = trm_sudoku_invariant(config->size, puzzle->question);
  return 1;
}
