/* Waves against the plain meaning of their counts: chains that step together. Random schedules let the engine compute
 * chains of a wave in any order and drop what is not wanted; winner and counts must be those of stepping together, and
 * the list of what always holds must hold after every call. */
#include "support/check.h"

#include "base/rng.h"
#include "infer/search/wave.h"

enum { MOST = 9, SCHEDULES = 4000 };

/* When chain i of a wave would be right, or end by itself, alone; 0: never. */
typedef struct fate {
  int64_t right, end;
} fate;

typedef struct meant {
  int winner;
  int64_t steps;
} meant;

/* Stepping together: at each step the chains in order, until one is right or none is left. */
static meant together(const fate *fates, int count, int64_t limit) {
  meant m = {-1, 0};
  int64_t last = limit;
  for (int64_t t = 1; t <= limit && m.winner < 0; t++)
    for (int i = 0; i < count && m.winner < 0; i++)
      if (fates[i].right == t) m.winner = i, last = t;
  for (int i = 0; i < count; i++) {
    int64_t own = fates[i].end && fates[i].end < last ? fates[i].end : last;
    m.steps += own;
  }
  return m;
}

static void holds(const trm__wave *w, uint64_t seed) {
  const char *broken = trm__wave_check(w);
  if (broken) fail_msg("seed %llu: %s", (unsigned long long)seed, broken);
}

/* One step of a chain that is at work, or its leaving. */
static void advance(trm__wave *w, const fate *fates, int i) {
  trm__chain *c = &w->chain[i];
  if (!trm__wave_wants(w, i)) {
    trm__wave_drop(w, i);
    return;
  }
  int64_t steps = c->steps + 1;
  trm__wave_step(w, i, steps, fates[i].right == steps);
  if (c->state == TRM__CHAIN_WORKS && fates[i].end == steps) trm__wave_end(w, i);
}

/* Computes a wave with `slots` places, in an order of chance. */
static void play(trm__wave *w, const fate *fates, int slots, trm__rng *rng, uint64_t seed) {
  int working = 0;
  while (!trm__wave_is_over(w)) {
    int waiting = trm__wave_waiting(w, 0, w->count);
    if (waiting >= 0 && working < slots && (working == 0 || trm__rng_below(rng, 2))) {
      trm__wave_enter(w, waiting);
      working++;
    }
    int i = (int)trm__rng_below(rng, (uint32_t)w->count);
    if (w->chain[i].state != TRM__CHAIN_WORKS) continue;
    advance(w, fates, i);
    working -= w->chain[i].state != TRM__CHAIN_WORKS;
    holds(w, seed);
  }
}

static void draw_fates(trm__rng *rng, fate *fates, int64_t limit) {
  uint32_t seldom = 1 + trm__rng_below(rng, 12);
  for (int i = 0; i < MOST; i++) {
    fates[i] = (fate){0, 0};
    if (trm__rng_below(rng, seldom) == 0) fates[i].right = 1 + (int64_t)trm__rng_below(rng, (uint32_t)limit);
    else if (trm__rng_below(rng, 3) == 0) fates[i].end = 1 + (int64_t)trm__rng_below(rng, (uint32_t)limit);
  }
}

static void as_if_they_stepped_together(void **state) {
  (void)state;
  int won = 0, lost = 0;
  for (uint64_t seed = 0; seed < SCHEDULES; seed++) {
    trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, 0);
    trm__chain chains[MOST];
    trm__wave w = {.chain = chains};
    fate fates[MOST];
    int count = 1 + (int)trm__rng_below(&rng, MOST), slots = 1 + (int)trm__rng_below(&rng, MOST);
    int64_t limit = 1 + (int64_t)trm__rng_below(&rng, 6), budget = limit + (int64_t)trm__rng_below(&rng, 90), spent = 0;
    trm__wave_first(&w, budget, 1, limit);
    for (;;) {
      holds(&w, seed);
      int64_t of_one = w.chain[0].limit;
      draw_fates(&rng, fates, of_one);
      meant want = together(fates, w.count, of_one);
      play(&w, fates, slots, &rng, seed);
      spent += want.steps;
      assert_int_equal(w.winner, want.winner);
      assert_int_equal(trm__wave_total(&w), spent);
      assert_true(spent <= budget);
      if (w.winner >= 0 || !trm__wave_next(&w, count, limit)) break;
    }
    won += w.winner >= 0, lost += w.winner < 0;
    assert_true(w.winner >= 0 || spent == budget); /* nothing is left unspent */
  }
  assert_true(won > 100 && lost > 100);
}

static void a_budget_is_cut_to_size(void **state) {
  (void)state;
  trm__chain chains[MOST];
  trm__wave w = {.chain = chains};
  trm__wave_first(&w, 30, 1, 16);
  trm__wave_enter(&w, 0);
  for (int step = 1; step <= 16; step++) trm__wave_step(&w, 0, step, 0);
  assert_true(trm__wave_is_over(&w) && trm__wave_next(&w, 8, 6));
  assert_int_equal(w.count, 2); /* 14 are left */
  for (int i = 0; i < 2; i++) {
    trm__wave_enter(&w, i);
    for (int step = 1; step <= 6; step++) trm__wave_step(&w, i, step, 0);
  }
  assert_true(trm__wave_next(&w, 8, 6));
  assert_true(w.count == 1 && w.chain[0].limit == 2 && w.begun == 3);
  trm__wave_enter(&w, 0);
  trm__wave_step(&w, 0, 1, 0);
  trm__wave_step(&w, 0, 2, 0);
  assert_int_equal(trm__wave_next(&w, 8, 6), 0);
  assert_int_equal(trm__wave_total(&w), 30);
}

/* A list that could not find anything would be no list. */
static void the_list_finds_what_is_wrong(void **state) {
  (void)state;
  trm__chain chains[MOST];
  trm__wave w = {.chain = chains};
  trm__wave_first(&w, 20, 2, 4);
  assert_null(trm__wave_check(&w));
  w.budget = 7;
  assert_string_equal(trm__wave_check(&w), "1: more steps than the budget has");
  w.budget = 20;
  chains[0] = (trm__chain){.state = TRM__CHAIN_ENDED, .limit = 4, .steps = 3, .found = 3};
  assert_non_null(trm__wave_check(&w)); /* found, and nobody has won */
  w.winner = 0;
  assert_null(trm__wave_check(&w));
  chains[1] = (trm__chain){.state = TRM__CHAIN_DROPPED, .limit = 4, .steps = 1};
  assert_non_null(trm__wave_check(&w)); /* it could have been first */
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(as_if_they_stepped_together),
                                     cmocka_unit_test(a_budget_is_cut_to_size),
                                     cmocka_unit_test(the_list_finds_what_is_wrong)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
