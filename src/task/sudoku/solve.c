/* The exact Sudoku solver: depth-first search over candidate masks. Between guesses it draws every conclusion from
 * naked singles (a queue of solved cells), hidden singles and locked candidates. The last two come from one pass over
 * a chute, the rows of a band or the columns of a stack: for each line and box it takes the set of values seen once and
 * more than once in their intersection, from which line, box and both directions of locking follow by set operations.
 * A guess takes a cell with the fewest candidates; when it fails, its value is removed and the search concludes again
 * before it chooses anew, so a forced alternative is never counted as a guess. */
#include "task/sudoku/sudoku.h"

#include <pthread.h>
#include <string.h>

typedef struct grid {
  uint16_t row_done[TRM__SUDOKU_MAX], column_done[TRM__SUDOKU_MAX], box_done[TRM__SUDOKU_MAX]; /* placed values */
  uint16_t bands, stacks; /* chutes that changed since they were scanned */
  int unsolved;
  uint16_t cell[TRM__SUDOKU_CELLS];
} grid;

typedef struct search {
  const trm__sudoku_geometry *geometry;
  trm__sudoku_limits limits;
  trm__sudoku_outcome out;
  uint8_t *solution;
  int queued;
  uint8_t queue[TRM__SUDOKU_CELLS]; /* solved cells whose value their peers may still have as a candidate */
} search;

static trm__sudoku_geometry geometries[4];
static pthread_once_t geometries_once = PTHREAD_ONCE_INIT;

static void build_geometry(trm__sudoku_geometry *g, int size, int box_width, int box_height) {
  g->size = size, g->box_width = box_width, g->box_height = box_height, g->cells = size * size,
  g->words = (size * size + 63) / 64;
  for (int i = 0; i < g->cells; i++) {
    int r = i / size, c = i % size;
    g->row[i] = (uint8_t)r, g->column[i] = (uint8_t)c;
    g->box[i] = (uint8_t)(r / box_height * (size / box_width) + c / box_width);
  }
  for (int i = 0; i < g->cells; i++) {
    g->peers = 0;
    for (int j = 0; j < g->cells; j++)
      if (j != i && (g->row[j] == g->row[i] || g->column[j] == g->column[i] || g->box[j] == g->box[i]))
        g->peer[i][g->peers++] = (uint8_t)j, g->peer_set[i][j >> 6] |= (uint64_t)1 << (j & 63);
  }
}

static void build_geometries(void) {
  build_geometry(&geometries[0], 4, 2, 2);
  build_geometry(&geometries[1], 6, 3, 2);
  build_geometry(&geometries[2], 9, 3, 3);
  build_geometry(&geometries[3], 16, 4, 4);
}

const trm__sudoku_geometry *trm__sudoku_geometry_of(int size) {
  int index = size == 4 ? 0 : size == 6 ? 1 : size == 9 ? 2 : size == 16 ? 3 : -1;
  if (index < 0) return NULL;
  pthread_once(&geometries_once, build_geometries);
  return &geometries[index];
}

static inline int is_single(unsigned mask) {
  return (mask & (mask - 1)) == 0;
}

static inline int count_bits(unsigned v) {
  v = v - ((v >> 1) & 0x5555);
  v = (v & 0x3333) + ((v >> 2) & 0x3333);
  v = (v + (v >> 4)) & 0x0f0f;
  return (int)((v + (v >> 8)) & 31);
}

static inline int count_bits64(uint64_t v) {
  v = v - ((v >> 1) & 0x5555555555555555u);
  v = (v & 0x3333333333333333u) + ((v >> 2) & 0x3333333333333333u);
  v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  return (int)((v * 0x0101010101010101u) >> 56);
}

/* Takes values from a cell; 0 when none is left. */
static inline int sudoku_eliminate(search *s, grid *g, int i, unsigned values, int bw, int bh) {
  unsigned old = g->cell[i], left = old & ~values;
  if (left == old) return 1;
  if (left == 0) return 0;
  g->cell[i] = (uint16_t)left;
  g->bands = (uint16_t)(g->bands | 1u << (s->geometry->row[i] / bh));
  g->stacks = (uint16_t)(g->stacks | 1u << (s->geometry->column[i] / bw));
  if (is_single(left)) s->queue[s->queued++] = (uint8_t)i;
  return 1;
}

/* Notes that cell i holds its value; 0 when a peer already does. */
static inline int sudoku_settle(search *s, grid *g, int i) {
  const trm__sudoku_geometry *t = s->geometry;
  unsigned value = g->cell[i];
  uint16_t *row = &g->row_done[t->row[i]], *column = &g->column_done[t->column[i]], *box = &g->box_done[t->box[i]];
  if (value & (unsigned)(*row | *column | *box)) return 0;
  *row = (uint16_t)(*row | value), *column = (uint16_t)(*column | value), *box = (uint16_t)(*box | value);
  g->unsolved--;
  return 1;
}

/* Removes the values of solved cells from their peers: cell by cell when few are queued, otherwise in one pass over the
 * grid. 0 on contradiction. */
static inline int sudoku_drain_queue(search *s, grid *g, int bw, int bh) {
  const trm__sudoku_geometry *t = s->geometry;
  while (s->queued > 0) {
    if (s->queued > 8) {
      while (s->queued > 0)
        if (!sudoku_settle(s, g, s->queue[--s->queued])) return 0;
      for (int i = 0; i < t->cells; i++) {
        unsigned gone = (unsigned)(g->row_done[t->row[i]] | g->column_done[t->column[i]] | g->box_done[t->box[i]]);
        unsigned m = g->cell[i];
        if ((m & gone) && !is_single(m) && !sudoku_eliminate(s, g, i, gone, bw, bh)) return 0;
      }
      continue;
    }
    int i = s->queue[--s->queued];
    unsigned value = g->cell[i];
    if (!sudoku_settle(s, g, i)) return 0;
    for (int k = 0; k < t->peers; k++) {
      int p = t->peer[i][k];
      if ((g->cell[p] & value) && !sudoku_eliminate(s, g, p, value, bw, bh)) return 0;
    }
  }
  return 1;
}

/* Where each value may stand in one chute: `lines` lines of `segments` segments of `length` cells. */
typedef struct chute {
  int first, line_step, cell_step; /* cell (line l, place k): first + l * line_step + k * cell_step */
  int lines, segments, length;
} chute;

/* The cell of a line or box that alone holds a value of `wanted` keeps only that value. */
static inline int place_hidden(search *s, grid *g, int i, unsigned wanted, int bw, int bh) {
  unsigned hit = g->cell[i] & wanted;
  if (hit == 0 || hit == g->cell[i]) return 1;
  if (!is_single(hit)) return 0; /* two values that both have no other cell */
  return sudoku_eliminate(s, g, i, ~hit, bw, bh);
}

/* Hidden singles of the lines (and of the boxes when boxes is set) and locked candidates; 0 on contradiction. */
static inline __attribute__((always_inline)) int sudoku_scan_chute(search *s, grid *g, const chute h, int boxes, int bw,
                                                                   int bh) {
  unsigned full = (1u << (h.segments * h.length)) - 1;
  unsigned one[4][4], line_hidden[4], line_shared[4], box_once[4], box_twice[4], box_shared[4];
  for (int x = 0; x < h.segments; x++) box_once[x] = box_twice[x] = box_shared[x] = 0;
  for (int l = 0; l < h.lines; l++) {
    unsigned once = 0, twice = 0, shared = 0;
    const uint16_t *cell = g->cell + h.first + l * h.line_step;
    for (int x = 0; x < h.segments; x++) {
      unsigned a = 0, b = 0;
      for (int k = 0; k < h.length; k++) {
        unsigned m = cell[(x * h.length + k) * h.cell_step];
        b |= a & m, a |= m;
      }
      one[l][x] = a;
      shared |= once & a, twice |= b | (once & a), once |= a;
      box_shared[x] |= box_once[x] & a, box_twice[x] |= b | (box_once[x] & a), box_once[x] |= a;
    }
    if (once != full) return 0;
    line_hidden[l] = full & ~twice, line_shared[l] = shared;
  }
  unsigned claimed[4];
  for (int x = 0; x < h.segments; x++) {
    if (box_once[x] != full) return 0;
    claimed[x] = 0;
    for (int l = 0; l < h.lines; l++) claimed[x] |= one[l][x] & ~line_shared[l]; /* the line has it in this box only */
  }
  for (int l = 0; l < h.lines; l++) {
    unsigned pointed = 0; /* the box has it in this line only */
    for (int x = 0; x < h.segments; x++) pointed |= one[l][x] & ~box_shared[x];
    int first = h.first + l * h.line_step;
    unsigned done = h.cell_step == 1 ? g->row_done[first / (h.segments * h.length)]
                                     : g->column_done[first % (h.segments * h.length)];
    unsigned hidden = line_hidden[l] & ~done;
    for (int x = 0; x < h.segments; x++) {
      unsigned gone = one[l][x] & ((claimed[x] & line_shared[l]) | (pointed & box_shared[x]));
      unsigned wanted = hidden & one[l][x];
      if (boxes) wanted |= box_once[x] & ~box_twice[x] & one[l][x] & ~done;
      if (!(gone | wanted)) continue;
      for (int k = 0; k < h.length; k++) {
        int i = first + (x * h.length + k) * h.cell_step;
        if (gone && !sudoku_eliminate(s, g, i, gone, bw, bh)) return 0;
        if (wanted && !place_hidden(s, g, i, wanted, bw, bh)) return 0;
      }
    }
  }
  return 1;
}

static inline __attribute__((always_inline)) int sudoku_propagate_as(search *s, grid *g, int n, int bw, int bh) {
  for (;;) {
    if (!sudoku_drain_queue(s, g, bw, bh)) return 0;
    if (g->unsolved == 0) return 1;
    if (g->bands) {
      int b = __builtin_ctz(g->bands);
      g->bands = (uint16_t)(g->bands & (g->bands - 1));
      if (!sudoku_scan_chute(s, g, (chute){b * bh * n, n, 1, bh, n / bw, bw}, 1, bw, bh)) return 0;
    } else if (g->stacks) {
      int b = __builtin_ctz(g->stacks);
      g->stacks = (uint16_t)(g->stacks & (g->stacks - 1));
      if (!sudoku_scan_chute(s, g, (chute){b * bw, 1, n, bw, n / bh, bh}, 0, bw, bh)) return 0;
    } else {
      return 1;
    }
  }
}

/* All conclusions; 0 on contradiction (the queue is then empty again). One copy of the code a size, so that the
 * compiler knows every bound. */
static int sudoku_propagate(search *s, grid *g) {
  int ok = 0;
  switch (s->geometry->size) {
  case 4:
    ok = sudoku_propagate_as(s, g, 4, 2, 2);
    break;
  case 6:
    ok = sudoku_propagate_as(s, g, 6, 3, 2);
    break;
  case 9:
    ok = sudoku_propagate_as(s, g, 9, 3, 3);
    break;
  default:
    ok = sudoku_propagate_as(s, g, 16, 4, 4);
    break;
  }
  if (!ok) s->queued = 0;
  return ok;
}

/* For each value, the cells that have it among two candidates, and among three. */
typedef struct tight {
  uint64_t two[TRM__SUDOKU_MAX][TRM__SUDOKU_WORDS], three[TRM__SUDOKU_MAX][TRM__SUDOKU_WORDS];
} tight;

static inline void note_cell(uint64_t sets[][TRM__SUDOKU_WORDS], unsigned mask, int i) {
  for (; mask; mask &= mask - 1) sets[__builtin_ctz(mask)][i >> 6] |= (uint64_t)1 << (i & 63);
}

/* Peers of cell i that hold one of its values: three for each with two candidates, one for each with three. */
static inline int count_tight(const tight *near, const trm__sudoku_geometry *t, int i, unsigned mask) {
  int sum = 0;
  for (int w = 0; w < t->words; w++) {
    uint64_t two = 0, three = 0;
    for (unsigned m = mask; m; m &= m - 1)
      two |= near->two[__builtin_ctz(m)][w], three |= near->three[__builtin_ctz(m)][w];
    sum += 3 * count_bits64(two & t->peer_set[i][w]) + count_bits64(three & t->peer_set[i][w]);
  }
  return sum;
}

/* The open cell with the fewest candidates; among equals, the one that most cells with two or three candidates share a
 * value and a unit with. Not inlined, because its arrays would be on the stack once for each guess that is open. */
__attribute__((noinline)) static int choose_cell(const search *s, const grid *g) {
  const trm__sudoku_geometry *t = s->geometry;
  uint8_t fewest_cells[TRM__SUDOKU_CELLS];
  int fewest = TRM__SUDOKU_MAX + 1, count = 0, best = 0, most = -1;
  tight near;
  memset(&near, 0, sizeof near);
  for (int i = 0; i < t->cells; i++) {
    unsigned m = g->cell[i];
    if (is_single(m)) continue;
    int open = count_bits(m);
    if (open == 2) note_cell(near.two, m, i);
    if (open == 3) note_cell(near.three, m, i);
    if (open < fewest) fewest = open, count = 0;
    if (open == fewest) fewest_cells[count++] = (uint8_t)i;
  }
  for (int k = 0; k < count; k++) {
    int sum = count_tight(&near, t, fewest_cells[k], g->cell[fewest_cells[k]]);
    if (sum > most) best = fewest_cells[k], most = sum;
  }
  return best;
}

static unsigned choose_value(search *s, unsigned mask) {
  if (!s->limits.rng) return mask & (0u - mask);
  for (uint32_t skip = trm__rng_below(s->limits.rng, (uint32_t)count_bits(mask)); skip > 0; skip--) mask &= mask - 1;
  return mask & (0u - mask);
}

static void keep_solution(search *s, const grid *g) {
  int cells = s->geometry->cells, size = s->geometry->size;
  uint16_t *tally = s->limits.tally;
  for (int i = 0; tally && i < cells; i++) tally[i * size + __builtin_ctz(g->cell[i])]++;
  if (s->out.solutions++ > 0) return;
  s->out.guesses = s->out.all_guesses;
  for (int i = 0; s->solution && i < cells; i++) s->solution[i] = (uint8_t)(__builtin_ctz(g->cell[i]) + 1);
}

/* Returns 1 when the search must stop. */
static int sudoku_descend(search *s, grid *g) {
  while (sudoku_propagate(s, g)) {
    if (g->unsolved == 0) {
      keep_solution(s, g);
      return s->out.solutions >= s->limits.solutions;
    }
    if (s->limits.guesses > 0 && s->out.all_guesses >= s->limits.guesses) {
      s->out.complete = 0;
      return 1;
    }
    int i = choose_cell(s, g);
    unsigned value = choose_value(s, g->cell[i]);
    grid next;
    memcpy(&next, g, offsetof(grid, cell) + sizeof(g->cell[0]) * (size_t)s->geometry->cells);
    s->out.all_guesses++;
    sudoku_eliminate(s, &next, i, ~value, s->geometry->box_width, s->geometry->box_height);
    if (sudoku_descend(s, &next)) return 1;
    s->queued = 0;
    sudoku_eliminate(s, g, i, value, s->geometry->box_width, s->geometry->box_height);
  }
  return 0;
}

void trm__sudoku_candidates(const trm__sudoku_geometry *geometry, const uint8_t *cells, uint16_t *candidates) {
  uint16_t full = (uint16_t)((1u << geometry->size) - 1);
  for (int i = 0; i < geometry->cells; i++)
    candidates[i] = cells[i] == 0 ? full : cells[i] > geometry->size ? 0 : (uint16_t)(1u << (cells[i] - 1));
}

trm__sudoku_outcome trm__sudoku_search(const trm__sudoku_geometry *geometry, const uint16_t *candidates,
                                       const trm__sudoku_limits *limits, uint8_t *solution) {
  search s = {.geometry = geometry, .limits = *limits, .solution = solution, .out = {.complete = 1}};
  grid g = {.unsolved = geometry->cells};
  g.bands = (uint16_t)((1u << (geometry->size / geometry->box_height)) - 1);
  g.stacks = (uint16_t)((1u << (geometry->size / geometry->box_width)) - 1);
  memcpy(g.cell, candidates, sizeof(g.cell[0]) * (size_t)geometry->cells);
  for (int i = 0; i < geometry->cells; i++) {
    if (g.cell[i] == 0) return s.out;
    if (is_single(g.cell[i])) s.queue[s.queued++] = (uint8_t)i;
  }
  if (limits->solutions > 0) sudoku_descend(&s, &g);
  if (s.out.solutions == 0) s.out.guesses = s.out.all_guesses;
  return s.out;
}

trm_sudoku_result trm_sudoku_solve(int size, const uint8_t *cells, int limit, uint8_t *solution) {
  trm_sudoku_result result = {.complete = 1};
  const trm__sudoku_geometry *geometry = trm__sudoku_geometry_of(size);
  if (!geometry) return result;
  uint16_t candidates[TRM__SUDOKU_CELLS];
  trm__sudoku_candidates(geometry, cells, candidates);
  trm__sudoku_limits limits = {.solutions = limit, .guesses = 1000000};
  trm__sudoku_outcome out = trm__sudoku_search(geometry, candidates, &limits, solution);
  result.solutions = out.solutions, result.guesses = out.guesses, result.complete = out.complete;
  return result;
}
