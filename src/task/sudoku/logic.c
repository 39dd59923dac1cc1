/* The techniques of logic.h. A step that takes candidates is a claim (these digits, these places, this unit), and one
 * function checks the claim and draws its conclusion. Searching is trying claims; and a chain of steps is checked, and
 * freed of needless ones, by drawing the same conclusions again. */
#include "task/sudoku/logic.h"

#include <string.h>

const char *trm__technique_name(trm__technique technique) {
  static const char *const names[TRM__TECHNIQUES] = {"",           "naked single", "hidden single", "locked candidates",
                                                     "naked pair", "hidden pair",  "naked triple",  "hidden triple"};
  return technique > TRM__NO_TECHNIQUE && technique < TRM__TECHNIQUES ? names[technique] : "";
}

int trm__logic_cell(const trm__sudoku_geometry *g, int unit, int position) {
  int n = g->size, index = unit % n;
  if (unit < n) return index * n + position;
  if (unit < 2 * n) return position * n + index;
  int across = n / g->box_width;
  int row = index / across * g->box_height + position / g->box_width;
  return row * n + index % across * g->box_width + position % g->box_width;
}

static int logic_count(unsigned mask) {
  int count = 0;
  for (; mask; mask &= mask - 1) count++;
  return count;
}

static int logic_is_in(const trm__sudoku_geometry *g, int cell, int unit) {
  int n = g->size, index = unit % n;
  return (unit < n ? g->row[cell] : unit < 2 * n ? g->column[cell] : g->box[cell]) == index;
}

void trm__logic_begin(trm__logic *logic, const trm__sudoku_geometry *g, const uint8_t *cells) {
  uint16_t full = (uint16_t)((1u << g->size) - 1);
  logic->geometry = g;
  logic->open = g->cells;
  memset(logic->cell, 0, sizeof logic->cell);
  for (int i = 0; i < g->cells; i++) logic->candidates[i] = full;
  for (int i = 0; i < g->cells; i++)
    if (cells[i]) trm__logic_place(logic, i, cells[i]);
}

void trm__logic_place(trm__logic *logic, int cell, int digit) {
  const trm__sudoku_geometry *g = logic->geometry;
  logic->cell[cell] = (uint8_t)digit;
  logic->candidates[cell] = 0;
  logic->open--;
  for (int k = 0; k < g->peers; k++) {
    uint16_t *peer = &logic->candidates[g->peer[cell][k]];
    *peer = (uint16_t)(*peer & ~(1u << (digit - 1)));
  }
}

/* Positions of the unit's cells that may hold one of the digits. */
static uint16_t logic_places(const trm__logic *logic, int unit, unsigned digits) {
  unsigned places = 0;
  for (int p = 0; p < logic->geometry->size; p++)
    if (logic->candidates[trm__logic_cell(logic->geometry, unit, p)] & digits) places |= 1u << p;
  return (uint16_t)places;
}

static int logic_position(unsigned mask) {
  int position = 0;
  while (!(mask >> position & 1)) position++;
  return position;
}

/* -- singles ------------------------------------------------------------------------------------------------------- */

int trm__logic_single(const trm__logic *logic, trm__logic_step *step) {
  const trm__sudoku_geometry *g = logic->geometry;
  int n = g->size;
  for (int i = 0; i < g->cells; i++) {
    if (logic_count(logic->candidates[i]) != 1) continue;
    *step = (trm__logic_step){.technique = TRM__NAKED_SINGLE, .digits = logic->candidates[i], .cell = i};
    return 1;
  }
  for (int k = 0; k < 3 * n; k++) {
    int unit = (k + 2 * n) % (3 * n);
    for (int d = 0; d < n; d++) {
      uint16_t digit = (uint16_t)(1u << d), places = logic_places(logic, unit, digit);
      if (logic_count(places) != 1) continue;
      *step = (trm__logic_step){.technique = TRM__HIDDEN_SINGLE, .unit = unit, .digits = digit, .places = places};
      step->cell = trm__logic_cell(g, unit, logic_position(places));
      return 1;
    }
  }
  return 0;
}

/* Whether a single that was found in another state of the same grid is one in this. */
static int logic_single_holds(const trm__logic *logic, const trm__logic_step *single) {
  if (single->technique == TRM__NAKED_SINGLE) return logic->candidates[single->cell] == single->digits;
  return logic_places(logic, single->unit, single->digits) == single->places;
}

/* -- steps that take candidates ------------------------------------------------------------------------------------ */

static int logic_take(trm__logic *logic, int cell, unsigned digits) {
  int taken = (logic->candidates[cell] & digits) != 0;
  logic->candidates[cell] = (uint16_t)(logic->candidates[cell] & ~digits);
  return taken;
}

/* Whether what the step says is so. */
static int logic_holds(const trm__logic *logic, const trm__logic_step *s) {
  const trm__sudoku_geometry *g = logic->geometry;
  for (int p = 0; p < g->size; p++) {
    int cell = trm__logic_cell(g, s->unit, p), inside = s->places >> p & 1;
    unsigned has = logic->candidates[cell];
    if (s->technique == TRM__LOCKED && (has & s->digits) && !logic_is_in(g, cell, s->other)) return 0;
    if ((s->technique == TRM__NAKED_PAIR || s->technique == TRM__NAKED_TRIPLE) && inside &&
        (!has || (has & (unsigned)~s->digits)))
      return 0;
    if ((s->technique == TRM__HIDDEN_PAIR || s->technique == TRM__HIDDEN_TRIPLE) && !inside && (has & s->digits))
      return 0;
  }
  return 1;
}

/* Takes the candidates that the step rules out; how many cells lose some, -1 when what it says is not so. */
static int logic_apply(trm__logic *logic, const trm__logic_step *s) {
  const trm__sudoku_geometry *g = logic->geometry;
  int taken = 0;
  if (!logic_holds(logic, s)) return -1;
  for (int p = 0; p < g->size; p++) {
    int cell = trm__logic_cell(g, s->technique == TRM__LOCKED ? s->other : s->unit, p), inside = s->places >> p & 1;
    if (s->technique == TRM__LOCKED) taken += !logic_is_in(g, cell, s->unit) && logic_take(logic, cell, s->digits);
    else if (s->technique == TRM__NAKED_PAIR || s->technique == TRM__NAKED_TRIPLE)
      taken += !inside && logic_take(logic, cell, s->digits);
    else taken += inside && logic_take(logic, cell, (unsigned)~s->digits);
  }
  return taken;
}

static int logic_reduce_locked(trm__logic *logic, trm__logic_step *step) {
  const trm__sudoku_geometry *g = logic->geometry;
  int n = g->size;
  for (int k = 0; k < 3 * n; k++)
    for (int d = 0; d < n; d++) {
      trm__logic_step s = {.technique = TRM__LOCKED, .unit = (k + 2 * n) % (3 * n), .digits = (uint16_t)(1u << d)};
      s.places = logic_places(logic, s.unit, s.digits);
      if (!s.places) continue;
      int first = trm__logic_cell(g, s.unit, logic_position(s.places));
      /* a box is locked into a row or a column, these into a box */
      int others[2] = {2 * n + g->box[first], -1};
      if (s.unit >= 2 * n) others[0] = g->row[first], others[1] = n + g->column[first];
      for (int o = 0; o < 2 && others[o] >= 0; o++) {
        s.other = others[o];
        if (logic_apply(logic, &s) <= 0) continue;
        *step = s;
        return 1;
      }
    }
  return 0;
}

/* The next larger mask with as many bits, or one beyond the limit. */
static unsigned logic_next_mask(unsigned mask) {
  unsigned low = mask & (~mask + 1), carried = mask + low;
  return carried | (((mask ^ carried) / low) >> 2);
}

/* Naked sets go over places and ask for their digits, hidden ones over digits and ask for their places. */
static int logic_reduce_set(trm__logic *logic, trm__technique technique, int many, trm__logic_step *step) {
  const trm__sudoku_geometry *g = logic->geometry;
  int naked = technique == TRM__NAKED_PAIR || technique == TRM__NAKED_TRIPLE;
  for (int unit = 0; unit < 3 * g->size; unit++) {
    uint16_t has[TRM__SUDOKU_MAX];
    for (int k = 0; k < g->size; k++)
      has[k] = naked ? logic->candidates[trm__logic_cell(g, unit, k)] : logic_places(logic, unit, 1u << k);
    for (unsigned set = (1u << many) - 1; set < 1u << g->size; set = logic_next_mask(set)) {
      unsigned all = 0;
      int whole = 1;
      for (int k = 0; k < g->size; k++)
        if (set >> k & 1) all |= has[k], whole &= has[k] != 0;
      if (!whole || logic_count(all) != many) continue;
      trm__logic_step s = {.technique = technique, .unit = unit};
      s.digits = (uint16_t)(naked ? all : set), s.places = (uint16_t)(naked ? set : all);
      if (logic_apply(logic, &s) <= 0) continue;
      *step = s;
      return 1;
    }
  }
  return 0;
}

int trm__logic_reduce(trm__logic *logic, trm__logic_step *step) {
  return logic_reduce_locked(logic, step) || logic_reduce_set(logic, TRM__NAKED_PAIR, 2, step) ||
         logic_reduce_set(logic, TRM__HIDDEN_PAIR, 2, step) || logic_reduce_set(logic, TRM__NAKED_TRIPLE, 3, step) ||
         logic_reduce_set(logic, TRM__HIDDEN_TRIPLE, 3, step);
}

/* -- contradictions ------------------------------------------------------------------------------------------------ */

static unsigned logic_placed(const trm__logic *logic, int unit) {
  unsigned placed = 0;
  for (int p = 0; p < logic->geometry->size; p++) {
    int value = logic->cell[trm__logic_cell(logic->geometry, unit, p)];
    if (value) placed |= 1u << (value - 1);
  }
  return placed;
}

int trm__logic_fault(const trm__logic *logic, int *cell, int *unit, int *digit) {
  const trm__sudoku_geometry *g = logic->geometry;
  for (int i = 0; i < g->cells; i++) {
    if (logic->cell[i] || logic->candidates[i]) continue;
    *cell = i, *unit = *digit = 0;
    return 1;
  }
  for (int k = 0; k < 3 * g->size; k++)
    for (int d = 0; d < g->size; d++) {
      int u = (k + 2 * g->size) % (3 * g->size);
      if ((logic_placed(logic, u) >> d & 1) || logic_places(logic, u, 1u << d)) continue;
      *cell = -1, *unit = u, *digit = d + 1;
      return 1;
    }
  return 0;
}

/* -- chains -------------------------------------------------------------------------------------------------------- */

/* Whether the chain still decides its cell without step `without`. */
static int chain_holds(const trm__logic *logic, const trm__logic_chain *chain, int without) {
  trm__logic l = *logic;
  for (int i = 0; i < chain->count; i++)
    if (i != without && logic_apply(&l, &chain->step[i]) < 0) return 0;
  return logic_single_holds(&l, &chain->single);
}

static void chain_shorten(const trm__logic *logic, trm__logic_chain *chain) {
  for (int i = chain->count - 1; i >= 0; i--) {
    if (!chain_holds(logic, chain, i)) continue;
    chain->count--;
    memmove(&chain->step[i], &chain->step[i + 1], sizeof chain->step[0] * (size_t)(chain->count - i));
  }
}

void trm__logic_next(const trm__logic *logic, trm__logic_chain *chain) {
  trm__logic l = *logic;
  chain->single = (trm__logic_step){.technique = TRM__NO_TECHNIQUE};
  chain->hardest = TRM__NO_TECHNIQUE;
  for (chain->count = 0; !trm__logic_single(&l, &chain->single); chain->count++)
    if (chain->count == TRM__LOGIC_MOST || !trm__logic_reduce(&l, &chain->step[chain->count])) {
      chain->count = 0;
      return;
    }
  chain_shorten(logic, chain);
  chain->hardest = chain->single.technique;
  for (int i = 0; i < chain->count; i++)
    if (chain->step[i].technique > chain->hardest) chain->hardest = chain->step[i].technique;
}
