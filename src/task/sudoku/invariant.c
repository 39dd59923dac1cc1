/* A hash that a puzzle shares with all its images under the symmetries of the grid. It is colour refinement
 * (Weisfeiler and Leman, 1968) on the graph of clues, lines, boxes, chutes and values: each node's colour is mixed
 * again and again with its neighbours' colours, added up so that no order enters. Rows and columns are told apart only
 * where boxes are not square, because otherwise transposition exchanges them. Two puzzles that no symmetry connects get
 * equal hashes only by chance or in very regular patterns. */
#include <string.h>

#include "task/sudoku/sudoku.h"

enum { ROUNDS = 6, NODES = TRM__SUDOKU_MAX };

/* Colours of the nodes of one kind; [0] are rows and bands, [1] columns and stacks. */
typedef struct colours {
  uint64_t line[2][NODES], chute[2][NODES], box[NODES], value[NODES], clue[TRM__SUDOKU_CELLS];
} colours;

/* A bijection with full avalanche: the finalizer of splitmix64 (Steele, Lea and Flood, 2014). */
static inline uint64_t invariant_mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

typedef struct clue {
  uint8_t line[2], chute[2], box, value;
} clue;

static int invariant_find_clues(const trm__sudoku_geometry *g, const uint8_t *cells, clue *clues) {
  int count = 0;
  for (int i = 0; i < g->cells; i++) {
    if (cells[i] == 0 || cells[i] > g->size) continue;
    clue *c = &clues[count++];
    c->line[0] = g->row[i], c->line[1] = g->column[i], c->box = g->box[i], c->value = (uint8_t)(cells[i] - 1);
    c->chute[0] = (uint8_t)(g->row[i] / g->box_height), c->chute[1] = (uint8_t)(g->column[i] / g->box_width);
  }
  return count;
}

/* Clues take in the colours of their line, box and value nodes, and those the colours of their clues. */
static void refine_clues(colours *now, const clue *clues, int count, uint64_t kind) {
  colours next = {0};
  for (int i = 0; i < count; i++) {
    const clue *c = &clues[i];
    uint64_t lines = invariant_mix(now->line[0][c->line[0]]) + invariant_mix(now->line[1][c->line[1]] + kind);
    uint64_t colour = invariant_mix(now->clue[i] + 3 * lines + invariant_mix(now->box[c->box] + 5) +
                                    invariant_mix(now->value[c->value] + 7));
    now->clue[i] = colour;
    next.line[0][c->line[0]] += colour, next.line[1][c->line[1]] += colour;
    next.box[c->box] += colour, next.value[c->value] += colour;
  }
  for (int i = 0; i < NODES; i++) {
    for (int d = 0; d < 2; d++) now->line[d][i] = invariant_mix(now->line[d][i] + invariant_mix(next.line[d][i]));
    now->box[i] = invariant_mix(now->box[i] + invariant_mix(next.box[i]));
    now->value[i] = invariant_mix(now->value[i] + invariant_mix(next.value[i]));
  }
}

/* Chutes take in the colours of their lines, and lines and boxes those of their chutes, so that empty lines and boxes
 * count as well. */
static void refine_chutes(const trm__sudoku_geometry *g, colours *now, uint64_t kind) {
  const int height[2] = {g->box_height, g->box_width};
  for (int d = 0; d < 2; d++) {
    uint64_t sum[NODES] = {0};
    for (int i = 0; i < g->size; i++) sum[i / height[d]] += invariant_mix(now->line[d][i] + 11);
    for (int i = 0; i < g->size / height[d]; i++)
      now->chute[d][i] = invariant_mix(now->chute[d][i] + invariant_mix(sum[i]));
    for (int i = 0; i < g->size; i++) now->line[d][i] += invariant_mix(now->chute[d][i / height[d]] + 13);
  }
  int across = g->size / g->box_width;
  for (int b = 0; b < g->size; b++)
    now->box[b] += invariant_mix(now->chute[0][b / across]) + invariant_mix(now->chute[1][b % across] + kind);
}

uint64_t trm_sudoku_invariant(int size, const uint8_t *cells) {
  const trm__sudoku_geometry *g = trm__sudoku_geometry_of(size);
  if (!g) return 0;
  clue clues[TRM__SUDOKU_CELLS];
  int count = invariant_find_clues(g, cells, clues);
  uint64_t kind = g->box_width == g->box_height ? 0 : 17; /* non-zero: columns are another kind of node than rows */
  colours now;
  memset(&now, 0, sizeof now);
  for (int round = 0; round < ROUNDS; round++) {
    refine_clues(&now, clues, count, kind);
    refine_chutes(g, &now, kind);
  }
  uint64_t clue_sum = 0, line_sum = 0, value_sum = 0;
  for (int i = 0; i < count; i++) clue_sum += invariant_mix(now.clue[i]);
  for (int i = 0; i < g->size; i++) {
    line_sum += invariant_mix(now.line[0][i]) + invariant_mix(now.line[1][i] + kind) + invariant_mix(now.box[i] + 19);
    value_sum += invariant_mix(now.value[i]);
  }
  return invariant_mix((uint64_t)size + invariant_mix(clue_sum) + invariant_mix(line_sum + 23) +
                       invariant_mix(value_sum + 29));
}
