/* The exact solver: sizes, contradictions, the real files and its limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "support/puzzles.h"
#include "task/sudoku/sudoku.h"

static const int sizes[4] = {4, 6, 9, 16};

/* A filled grid, by the solver with random guesses; checked by grid_valid. */
static void random_grid(const trm__sudoku_geometry *g, trm__rng *rng, uint8_t *cells) {
  uint8_t blank[TRM__SUDOKU_CELLS] = {0};
  uint16_t candidates[TRM__SUDOKU_CELLS];
  trm__sudoku_candidates(g, blank, candidates);
  for (int tries = 0; tries < 100; tries++) {
    trm__sudoku_limits limits = {.solutions = 1, .guesses = 3000, .rng = rng};
    if (trm__sudoku_search(g, candidates, &limits, cells).solutions == 1) break;
  }
  assert_true(grid_valid(g->size, g->box_width, g->box_height, cells));
}

static void test_sizes(void **state) {
  (void)state;
  const uint8_t blank[TRM__SUDOKU_CELLS] = {0};
  uint8_t solution[TRM__SUDOKU_CELLS];
  for (int k = 0; k < 4; k++) {
    int n = sizes[k];
    assert_int_equal(trm_sudoku_solve(n, blank, 3, solution).solutions, 3);
    assert_true(grid_valid(n, box_width_of(n), box_height_of(n), solution));
    assert_int_equal(trm_sudoku_solve(n, solution, 2, NULL).solutions, 1);
    assert_int_equal((int)trm_sudoku_solve(n, solution, 2, NULL).guesses, 0);
  }
  assert_int_equal(trm_sudoku_solve(4, blank, 1000, NULL).solutions, 288); /* all 4x4 grids */
  const int unknown[] = {-1, 0, 1, 5, 8, 25};
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
    assert_int_equal(trm_sudoku_solve(unknown[i], blank, 1, solution).solutions, 0);
}

static void test_contradictions(void **state) {
  (void)state;
  for (int k = 0; k < 4; k++) {
    int n = sizes[k];
    uint8_t cells[TRM__SUDOKU_CELLS] = {0}, solution[TRM__SUDOKU_CELLS];
    cells[0] = cells[n - 1] = 1; /* a row */
    assert_int_equal(trm_sudoku_solve(n, cells, 2, solution).solutions, 0);
    cells[n - 1] = 0, cells[n * (n - 1)] = 1; /* a column */
    assert_int_equal(trm_sudoku_solve(n, cells, 2, solution).solutions, 0);
    cells[n * (n - 1)] = 0, cells[n + 1] = 1; /* a box */
    assert_int_equal(trm_sudoku_solve(n, cells, 2, solution).solutions, 0);
    cells[n + 1] = (uint8_t)(n + 1); /* no such value */
    assert_int_equal(trm_sudoku_solve(n, cells, 2, solution).solutions, 0);
    cells[n + 1] = 255;
    assert_int_equal(trm_sudoku_solve(n, cells, 2, solution).solutions, 0);
  }
}

/* Every answer of a real file is found, alone; returns the mean of guesses. */
static double check_file(const puzzle_file *file) {
  double guesses = 0;
  for (int i = 0; i < file->count; i++) {
    uint8_t question[81], answer[81], solution[81];
    puzzle_cells(puzzle_text(file, i, 0), 81, question);
    puzzle_cells(puzzle_text(file, i, 1), 81, answer);
    trm_sudoku_result result = trm_sudoku_solve(9, question, 2, solution);
    assert_int_equal(result.solutions, 1);
    assert_memory_equal(solution, answer, sizeof answer);
    guesses += (double)result.guesses;
  }
  return guesses / file->count;
}

static void test_real_puzzles(void **state) {
  (void)state;
  static const char *names[2] = {"train", "valid"};
  for (int f = 0; f < 2; f++) {
    char path[512];
    puzzle_file file;
    snprintf(path, sizeof path, "%s/../shared/data/sudoku/%s.csv", TRM_SOURCE_DIR, names[f]);
    if (!puzzle_file_read(&file, path, 81)) continue;
    double start = trm__clock(), guesses = check_file(&file), rating = 0;
    for (int i = 0; i < file.count; i++) rating += file.rating[i] / file.count;
    printf("%s.csv: %d puzzles, mean guesses %.1f (the file's mean rating %.1f), %.0f us a puzzle\n", names[f],
           file.count, guesses, rating, (trm__clock() - start) / file.count * 1e6);
    assert_true(guesses > rating / 2 && guesses < rating * 2);
    puzzle_file_free(&file);
  }
}

/* A hostile 16x16 grid ends by itself. */
static void test_gives_up(void **state) {
  (void)state;
  const trm__sudoku_geometry *g = trm__sudoku_geometry_of(16);
  int gave_up = 0;
  for (uint64_t i = 0; i < 20; i++) {
    trm__rng rng = trm__rng_make(11, TRM__RNG_TEST, i);
    uint8_t cells[TRM__SUDOKU_CELLS];
    uint16_t candidates[TRM__SUDOKU_CELLS];
    random_grid(g, &rng, cells);
    for (int c = 0; c < g->cells; c++)
      if (trm__rng_below(&rng, 100) < 66) cells[c] = 0;
    trm__sudoku_candidates(g, cells, candidates);
    trm__sudoku_limits limits = {.solutions = 1 << 30, .guesses = 2000};
    trm__sudoku_outcome out = trm__sudoku_search(g, candidates, &limits, NULL);
    assert_true(out.all_guesses <= 2000);
    gave_up += !out.complete;
  }
  assert_true(gave_up > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes), cmocka_unit_test(test_contradictions),
                                     cmocka_unit_test(test_real_puzzles), cmocka_unit_test(test_gives_up)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
