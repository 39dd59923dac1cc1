/* Hard puzzles by breeding. Random minimal puzzles are rarely hard, but a hard one's neighbours, some clues removed and
 * others put in until the solution is unique again, often are (the vicinity search by which the known hardest puzzles
 * were collected). An island starts from its own random puzzles, keeps the hardest few as parents, and collects what is
 * wanted. Islands share nothing: that makes them parallel, repeatable, and unrelated to each other. Hardness is the
 * mean of guesses over some images of the puzzle, because the count for one image is partly luck. */
#include <string.h>

#include "base/mem.h"
#include "task/sudoku/generate.h"

enum {
  SEEDS = 8,       /* random puzzles to start from */
  PARENTS = 12,    /* the hardest so far */
  FAMILIES = 3000, /* that an island may try */
  CHILDREN = 8,    /* of a family */
  MOST_OUT = 2,    /* clues that a family exchanges */
  SOLUTIONS = 256, /* at most, of a puzzle without its last clue */
  IMAGES = 3       /* random images that hardness is averaged over */
};

typedef struct parent {
  double hardness;
  trm__puzzle puzzle;
} parent;

typedef struct island {
  const trm__generate_config *config;
  const trm__sudoku_geometry *geometry;
  trm__rng rng;
  int parents;
  parent parent[PARENTS]; /* hardest first */
  trm__puzzle *found;
  int count, room;
  uint32_t ending[TRM__SUDOKU_CELLS * TRM__SUDOKU_MAX]; /* of the family at work: island_find_endings */
  uint16_t tally[TRM__SUDOKU_CELLS * TRM__SUDOKU_MAX];
} island;

/* Takes k clues out at random. */
static void island_remove_clues(island *w, trm__puzzle *puzzle, uint32_t k) {
  uint32_t clue[TRM__SUDOKU_CELLS], count = 0;
  for (int i = 0; i < w->geometry->cells; i++)
    if (puzzle->question[i]) clue[count++] = (uint32_t)i;
  for (; k > 0 && count > 0; k--) {
    uint32_t at = trm__rng_below(&w->rng, count);
    puzzle->question[clue[at]] = 0;
    clue[at] = clue[--count];
  }
}

/* Adds a value of a random solution in a random blank cell. */
static int island_add_clue(island *w, trm__puzzle *puzzle) {
  const trm__sudoku_geometry *g = w->geometry;
  uint16_t candidates[TRM__SUDOKU_CELLS];
  uint32_t blank[TRM__SUDOKU_CELLS], count = 0;
  trm__sudoku_limits limits = {.solutions = 1, .guesses = trm__generate_patience(g), .rng = &w->rng};
  trm__sudoku_candidates(g, puzzle->question, candidates);
  if (trm__sudoku_search(g, candidates, &limits, puzzle->answer).solutions == 0) return 0;
  for (int i = 0; i < g->cells; i++)
    if (!puzzle->question[i]) blank[count++] = (uint32_t)i;
  if (count == 0) return 0;
  uint32_t i = blank[trm__rng_below(&w->rng, count)];
  puzzle->question[i] = puzzle->answer[i];
  return 1;
}

/* Lists the single values that make the puzzle unique: those that exactly one of its solutions has. w->ending
 * receives cell * size + value - 1; returns how many, 0 when the puzzle has too many solutions. */
static uint32_t island_find_endings(island *w, const trm__puzzle *puzzle) {
  const trm__sudoku_geometry *g = w->geometry;
  uint16_t candidates[TRM__SUDOKU_CELLS];
  int pairs = g->cells * g->size;
  memset(w->tally, 0, sizeof(w->tally[0]) * (size_t)pairs);
  trm__sudoku_limits limits = {.solutions = SOLUTIONS, .guesses = trm__generate_patience(g), .tally = w->tally};
  trm__sudoku_candidates(g, puzzle->question, candidates);
  trm__sudoku_outcome out = trm__sudoku_search(g, candidates, &limits, NULL);
  if (!out.complete || out.solutions >= SOLUTIONS) return 0;
  uint32_t count = 0;
  for (int i = 0; i < pairs; i++)
    if (w->tally[i] == 1 && !puzzle->question[i / g->size]) w->ending[count++] = (uint32_t)i;
  return count;
}

static int island_knows(const island *w, uint64_t invariant) {
  for (int i = 0; i < w->parents; i++)
    if (w->parent[i].puzzle.invariant == invariant) return 1;
  for (int i = 0; i < w->count; i++)
    if (w->found[i].invariant == invariant) return 1;
  return 0;
}

static void island_keep_parent(island *w, const trm__puzzle *puzzle, double hardness) {
  if (w->parents == PARENTS && hardness <= w->parent[PARENTS - 1].hardness) return;
  int at = w->parents < PARENTS ? w->parents++ : PARENTS - 1;
  for (; at > 0 && w->parent[at - 1].hardness < hardness; at--) w->parent[at] = w->parent[at - 1];
  w->parent[at] = (parent){hardness, *puzzle};
}

/* Adds clues up to min_clues to a puzzle that need not be minimal; 0 when the rating fails. */
static int island_add_spare_clues(island *w, trm__puzzle *puzzle) {
  const trm__sudoku_geometry *g = w->geometry;
  if (w->config->minimal || puzzle->clues >= w->config->min_clues) return 1;
  while (puzzle->clues < w->config->min_clues) {
    uint32_t i = trm__rng_below(&w->rng, (uint32_t)g->cells);
    if (puzzle->question[i]) continue;
    puzzle->question[i] = puzzle->answer[i];
    puzzle->clues++;
  }
  puzzle->invariant = trm_sudoku_invariant(g->size, puzzle->question);
  return trm__generate_rate(g, puzzle);
}

/* Rates some random images of a puzzle, adds the first image to the puzzles found when it is wanted, and keeps the
 * puzzle as a parent when it is among the hardest. */
static void island_judge(island *w, trm__puzzle *puzzle) {
  puzzle->invariant = trm_sudoku_invariant(w->geometry->size, puzzle->question);
  if (island_knows(w, puzzle->invariant)) return;
  double hardness = 0;
  trm__puzzle image = *puzzle, first = *puzzle;
  for (int k = 0; k < IMAGES; k++) {
    trm__sudoku_symmetry symmetry = trm__sudoku_symmetry_random(w->geometry, &w->rng);
    trm__sudoku_symmetry_apply(&symmetry, puzzle->question, image.question);
    if (!trm__generate_rate(w->geometry, &image)) return;
    hardness += (double)image.guesses / IMAGES;
    if (k == 0) first = image;
  }
  if (w->count < w->room && island_add_spare_clues(w, &first) && trm__generate_wanted(w->config, &first))
    w->found[w->count++] = first;
  /* With an upper bound, climbing beyond its middle would lead away from what is wanted. */
  double most = w->config->max_guesses < 0 ? 1e9 : 0.5 * (double)(w->config->min_guesses + w->config->max_guesses);
  island_keep_parent(w, puzzle, hardness <= most ? hardness : 2 * most - hardness);
}

/* A child with fewer guesses than this, counted before its needless clues are removed, is dropped. */
static int64_t island_least_guesses(const island *w) {
  double least = w->parents < PARENTS ? 0 : w->parent[PARENTS - 1].hardness;
  return (int64_t)(0.5 * (least < (double)w->config->min_guesses ? least : (double)w->config->min_guesses));
}

static void island_seed(island *w) {
  for (int k = 0; k < SEEDS; k++) {
    trm__puzzle puzzle = {0};
    trm__generate_grid(w->geometry, &w->rng, puzzle.answer);
    memcpy(puzzle.question, puzzle.answer, sizeof puzzle.question);
    trm__generate_dig(w->geometry, &w->rng, 0, &puzzle);
    island_judge(w, &puzzle);
  }
}

/* A family: takes some clues out of a parent and adds all but one again at random; each child then gets another last
 * clue, one that makes its solution unique. */
static void island_breed(island *w) {
  uint32_t a = trm__rng_below(&w->rng, (uint32_t)w->parents), b = trm__rng_below(&w->rng, (uint32_t)w->parents);
  trm__puzzle stem = w->parent[a < b ? a : b].puzzle;
  uint32_t out = 1 + trm__rng_below(&w->rng, MOST_OUT);
  island_remove_clues(w, &stem, out);
  for (uint32_t k = 1; k < out; k++)
    if (!island_add_clue(w, &stem)) return;
  uint32_t count = island_find_endings(w, &stem);
  for (int k = 0; k < CHILDREN && count > 0 && w->count < w->room; k++) {
    uint32_t at = trm__rng_below(&w->rng, count), pair = w->ending[at], size = (uint32_t)w->geometry->size;
    trm__puzzle child = stem;
    w->ending[at] = w->ending[--count];
    child.question[pair / size] = (uint8_t)(pair % size + 1);
    if (!trm__generate_rate(w->geometry, &child) || child.guesses < island_least_guesses(w)) continue;
    trm__generate_dig(w->geometry, &w->rng, 0, &child);
    island_judge(w, &child);
  }
}

int trm__generate_island(const trm__generate_config *config, uint64_t index, trm__puzzle *found, int room) {
  island *w = trm__calloc(1, sizeof *w);
  if (!w) return -1;
  w->config = config;
  w->geometry = trm__sudoku_geometry_of(config->size);
  w->found = found;
  w->room = room;
  w->rng = trm__rng_make(config->seed, TRM__RNG_GENERATE, 2 * index + 1);
  island_seed(w);
  for (int k = 0; k < FAMILIES && w->count < w->room && w->parents > 0; k++) {
    if (config->watch && config->watch(config->watch_context)) break;
    island_breed(w);
  }
  int count = w->count;
  trm__free(w);
  return count;
}
