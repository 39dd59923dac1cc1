/* Logic is never wrong: in ten thousand random puzzles with one solution, no technique puts a digit that the solution
 * does not have, takes a candidate that it has, or gives a chain of which a step could go. */
#include "support/check.h"

#include "task/sudoku/generate.h"
#include "task/sudoku/logic.h"

static int64_t used[TRM__TECHNIQUES], chains;

static int digit_of(const trm__logic_step *single) {
  int digit = 1;
  while (single->digits >> digit) digit++;
  return digit;
}

static int steps_of_one_digit(const trm__logic_step *single) {
  return single->digits && !(single->digits & (single->digits - 1));
}

/* Every step that there is, until logic ends. */
static void check_steps(const trm__sudoku_geometry *g, const trm__puzzle *puzzle) {
  trm__logic logic;
  trm__logic_step step;
  trm__logic_begin(&logic, g, puzzle->question);
  for (;;) {
    if (trm__logic_single(&logic, &step)) {
      assert_true(steps_of_one_digit(&step));
      assert_int_equal(logic.cell[step.cell], 0);
      assert_int_equal(digit_of(&step), puzzle->answer[step.cell]);
      trm__logic_place(&logic, step.cell, digit_of(&step));
    } else if (trm__logic_reduce(&logic, &step)) {
      for (int i = 0; i < g->cells; i++)
        if (!logic.cell[i]) assert_true(logic.candidates[i] >> (puzzle->answer[i] - 1) & 1);
    } else {
      return;
    }
    used[step.technique]++;
  }
}

/* The chains of a whole puzzle, each from the grid as it then is. */
static void check_chains(const trm__sudoku_geometry *g, const trm__puzzle *puzzle) {
  trm__logic logic;
  trm__logic_chain chain;
  trm__logic_begin(&logic, g, puzzle->question);
  for (;;) {
    trm__logic_next(&logic, &chain);
    if (chain.single.technique == TRM__NO_TECHNIQUE) break;
    assert_int_equal(digit_of(&chain.single), puzzle->answer[chain.single.cell]);
    assert_true(chain.hardest >= chain.single.technique && (chain.count == 0) == (chain.hardest <= TRM__HIDDEN_SINGLE));
    trm__logic_place(&logic, chain.single.cell, digit_of(&chain.single));
    chains += chain.count > 0;
  }
}

static void check_size(int size, int count) {
  const trm__sudoku_geometry *g = trm__sudoku_geometry_of(size);
  for (int i = 0; i < count; i++) {
    trm__rng rng = trm__rng_make(11, TRM__RNG_TEST, (uint64_t)i);
    trm__puzzle puzzle;
    trm__generate_grid(g, &rng, puzzle.answer);
    memcpy(puzzle.question, puzzle.answer, sizeof puzzle.question);
    trm__generate_dig(g, &rng, 0, &puzzle);
    check_steps(g, &puzzle);
    if (i % 2 == 0) check_chains(g, &puzzle);
  }
}

static void test_never_wrong(void **state) {
  (void)state;
  check_size(4, 1000);
  check_size(6, 3000);
  check_size(9, 6000);
  check_size(16, 3);
  for (int t = TRM__NAKED_SINGLE; t < TRM__TECHNIQUES; t++) assert_true(used[t] > 50);
  assert_true(chains > 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_never_wrong)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
