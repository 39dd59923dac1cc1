/* Each technique: where it applies it takes exactly what it says, and where its condition fails by one candidate
 * nothing is found. Chains: the order of techniques, and that no step can be left out. */
#include "support/check.h"

#include "task/sudoku/logic.h"

enum { ROW1 = 0, COLUMN1 = 9, BOX1 = 18 };
#define D(digit) (1u << ((digit)-1))

/* An empty 9x9 grid, in which every cell may hold every digit; tests take candidates away. */
static trm__logic logic;
static trm__logic_step step;

static int set_up(void **state) {
  (void)state;
  const uint8_t blank[81] = {0};
  trm__logic_begin(&logic, trm__sudoku_geometry_of(9), blank);
  return 0;
}

static int at(int row, int column) {
  return (row - 1) * 9 + column - 1;
}

static void lose(int unit, int position, unsigned digits) {
  uint16_t *candidates = &logic.candidates[trm__logic_cell(logic.geometry, unit, position)];
  *candidates = (uint16_t)(*candidates & ~digits);
}

static void hold(int row, int column, unsigned digits) {
  logic.candidates[at(row, column)] = (uint16_t)digits;
}

/* Cells that lose exactly these digits by the next step. */
static int taken_by_step(unsigned digits) {
  trm__logic before = logic;
  int cells = 0;
  assert_int_equal(trm__logic_reduce(&logic, &step), 1);
  for (int i = 0; i < 81; i++) {
    unsigned gone = before.candidates[i] & (unsigned)~logic.candidates[i];
    if (!gone) continue;
    assert_int_equal(gone, before.candidates[i] & digits);
    cells++;
  }
  return cells;
}

static void assert_nothing(void) {
  assert_int_equal(trm__logic_single(&logic, &step), 0);
  assert_int_equal(trm__logic_reduce(&logic, &step), 0);
}

static void test_units(void **state) {
  (void)state;
  const trm__sudoku_geometry *g = trm__sudoku_geometry_of(9), *six = trm__sudoku_geometry_of(6);
  assert_int_equal(trm__logic_cell(g, ROW1 + 3, 6), at(4, 7));
  assert_int_equal(trm__logic_cell(g, COLUMN1 + 6, 3), at(4, 7));
  assert_int_equal(trm__logic_cell(g, BOX1 + 5, 0), at(4, 7));
  for (int unit = 12; unit < 18; unit++) /* boxes of two rows by three columns */
    for (int p = 0; p < 6; p++) assert_int_equal(six->box[trm__logic_cell(six, unit, p)], unit - 12);
}

static void test_nothing(void **state) {
  (void)state;
  assert_nothing();
  assert_int_equal(logic.open, 81);
}

static void test_naked_single(void **state) {
  (void)state;
  hold(4, 7, D(5) | D(6));
  assert_int_equal(trm__logic_single(&logic, &step), 0);
  hold(4, 7, D(5));
  assert_int_equal(trm__logic_single(&logic, &step), 1);
  assert_int_equal(step.technique, TRM__NAKED_SINGLE);
  assert_int_equal(step.cell, at(4, 7));
  assert_int_equal(step.digits, D(5));
}

static void test_hidden_single(void **state) {
  (void)state;
  for (int unit = 0; unit < 27; unit += 9) {
    (void)set_up(NULL);
    for (int p = 0; p < 9; p++)
      if (p != 4 && p != 8) lose(unit, p, D(5));
    assert_int_equal(trm__logic_single(&logic, &step), 0);
    lose(unit, 8, D(5));
    assert_int_equal(trm__logic_single(&logic, &step), 1);
    assert_int_equal(step.technique, TRM__HIDDEN_SINGLE);
    assert_int_equal(step.unit, unit);
    assert_int_equal(step.cell, trm__logic_cell(logic.geometry, unit, 4));
    assert_int_equal(step.digits, D(5));
  }
}

/* Box 1 holds 5 in its first row only, so the rest of row 1 loses it; and the other way round. */
static void test_locked(void **state) {
  (void)state;
  for (int p = 3; p < 8; p++) lose(BOX1, p, D(5));
  assert_nothing();
  lose(BOX1, 8, D(5));
  assert_int_equal(taken_by_step(D(5)), 6);
  assert_int_equal(step.technique, TRM__LOCKED);
  assert_int_equal(step.unit, BOX1);
  assert_int_equal(step.other, ROW1);
  assert_int_equal(logic.candidates[at(1, 9)], 0x1ff & ~D(5));
  assert_nothing();

  (void)set_up(NULL);
  for (int p = 3; p < 8; p++) lose(COLUMN1, p, D(5));
  assert_nothing();
  lose(COLUMN1, 8, D(5));
  assert_int_equal(taken_by_step(D(5)), 6);
  assert_int_equal(step.unit, COLUMN1);
  assert_int_equal(step.other, BOX1);
  assert_nothing();
}

static void test_naked_sets(void **state) {
  (void)state;
  hold(1, 1, D(3) | D(7));
  hold(1, 5, D(3) | D(8));
  assert_nothing();
  hold(1, 5, D(3) | D(7));
  assert_int_equal(taken_by_step(D(3) | D(7)), 7);
  assert_int_equal(step.technique, TRM__NAKED_PAIR);
  assert_int_equal(step.places, 0x11);
  assert_nothing();

  (void)set_up(NULL);
  hold(2, 1, D(3) | D(7));
  hold(2, 5, D(3) | D(8));
  hold(2, 9, D(7) | D(9));
  assert_nothing();
  hold(2, 9, D(7) | D(8)); /* no two of them are a pair */
  assert_int_equal(taken_by_step(D(3) | D(7) | D(8)), 6);
  assert_int_equal(step.technique, TRM__NAKED_TRIPLE);
  assert_nothing();
}

static void test_hidden_sets(void **state) {
  (void)state;
  for (int p = 0; p < 9; p++)
    if (p != 0 && p != 4) lose(ROW1, p, p == 8 ? D(3) : D(3) | D(7));
  assert_nothing();
  lose(ROW1, 8, D(7));
  assert_int_equal(taken_by_step(0x1ff & ~(D(3) | D(7))), 2);
  assert_int_equal(step.technique, TRM__HIDDEN_PAIR);
  assert_int_equal(step.digits, D(3) | D(7));
  assert_nothing();

  (void)set_up(NULL);
  for (int p = 0; p < 9; p++)
    if (p % 4) lose(ROW1, p, p == 7 ? D(3) | D(7) : D(3) | D(7) | D(9));
  assert_nothing();
  lose(ROW1, 7, D(9));
  assert_int_equal(taken_by_step(0x1ff & ~(D(3) | D(7) | D(9))), 3);
  assert_int_equal(step.technique, TRM__HIDDEN_TRIPLE);
  assert_nothing();
}

static void test_fault(void **state) {
  (void)state;
  int cell, unit, digit;
  assert_int_equal(trm__logic_fault(&logic, &cell, &unit, &digit), 0);
  for (int p = 0; p < 9; p++) lose(BOX1 + 2, p, D(7));
  assert_int_equal(trm__logic_fault(&logic, &cell, &unit, &digit), 1);
  assert_true(cell == -1 && unit == BOX1 + 2 && digit == 7);
  trm__logic_place(&logic, at(1, 8), 7); /* a digit that stands needs no place */
  logic.candidates[at(1, 8)] = 0;
  for (int i = 0; i < 81; i++)
    if (logic.candidates[i]) logic.candidates[i] = 0x1ff;
  assert_int_equal(trm__logic_fault(&logic, &cell, &unit, &digit), 0);
  hold(3, 4, 0);
  assert_int_equal(trm__logic_fault(&logic, &cell, &unit, &digit), 1);
  assert_int_equal(cell, at(3, 4));
}

static void next(const char *puzzle, trm__logic_chain *chain) {
  uint8_t cells[81];
  for (int i = 0; i < 81; i++) cells[i] = (uint8_t)(puzzle[i] == '.' ? 0 : puzzle[i] - '0');
  trm__logic_begin(&logic, trm__sudoku_geometry_of(9), cells);
  trm__logic_next(&logic, chain);
}

/* A single as such; with a step before it; and no single, in a puzzle that logic of this kind does not solve. */
static void test_chains(void **state) {
  (void)state;
  trm__logic_chain chain;
  next("53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79", &chain);
  assert_int_equal(chain.hardest, TRM__NAKED_SINGLE);
  assert_true(chain.count == 0 && chain.single.cell == at(5, 5) && chain.single.digits == D(5));
  next("8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4..", &chain);
  assert_int_equal(chain.hardest, TRM__NO_TECHNIQUE);
  assert_true(chain.count == 0 && chain.single.technique == TRM__NO_TECHNIQUE);

  /* Of two naked pairs only the one in row 9 is needed for r9c9. */
  (void)set_up(NULL);
  hold(1, 1, D(1) | D(2));
  hold(1, 5, D(1) | D(2));
  hold(9, 1, D(3) | D(4));
  hold(9, 5, D(3) | D(4));
  hold(9, 9, D(3) | D(6));
  trm__logic_next(&logic, &chain);
  assert_int_equal(chain.hardest, TRM__NAKED_PAIR);
  assert_int_equal(chain.count, 1);
  assert_int_equal(chain.step[0].unit, ROW1 + 8);
  assert_int_equal(chain.single.cell, at(9, 9));
  assert_int_equal(chain.single.digits, D(6));
}

static void test_names(void **state) {
  (void)state;
  for (int i = 0; i < TRM__TECHNIQUES; i++)
    assert_int_equal(trm__technique_name((trm__technique)i)[0] != 0, i != TRM__NO_TECHNIQUE);
  assert_string_equal(trm__technique_name(TRM__LOCKED), "locked candidates");
  assert_string_equal(trm__technique_name(TRM__TECHNIQUES), "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(test_units, set_up),        cmocka_unit_test_setup(test_nothing, set_up),
      cmocka_unit_test_setup(test_naked_single, set_up), cmocka_unit_test_setup(test_hidden_single, set_up),
      cmocka_unit_test_setup(test_locked, set_up),       cmocka_unit_test_setup(test_naked_sets, set_up),
      cmocka_unit_test_setup(test_hidden_sets, set_up),  cmocka_unit_test_setup(test_fault, set_up),
      cmocka_unit_test_setup(test_chains, set_up),       cmocka_unit_test(test_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
