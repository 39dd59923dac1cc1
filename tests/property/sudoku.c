/* What must hold of every Sudoku, over many random ones: the solver counts as plain backtracking does, symmetries keep
 * grids valid and invert, the invariant is blind to them and to nothing else, augmented examples stay puzzles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "support/puzzles.h"
#include "task/augment.h"
#include "task/sudoku/rules.h"
#include "task/sudoku/sudoku.h"
#include "task/symmetry.h"

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

/* Random partial grids, solvable, ambiguous and contradictory ones: the same count as plain backtracking. */
static void test_against_brute_force(void **state) {
  (void)state;
  int kinds[3] = {0};
  for (int k = 0; k < 3; k++)
    for (uint64_t i = 0; i < 300; i++) {
      const trm__sudoku_geometry *g = trm__sudoku_geometry_of(sizes[k]);
      trm__rng rng = trm__rng_make(7, TRM__RNG_TEST, i * 4 + (uint64_t)k);
      uint8_t cells[TRM__SUDOKU_CELLS];
      random_grid(g, &rng, cells);
      uint32_t keep = 30 + trm__rng_below(&rng, 40);
      for (int c = 0; c < g->cells; c++)
        if (trm__rng_below(&rng, 100) >= keep) cells[c] = 0;
      int at = (int)trm__rng_below(&rng, (uint32_t)g->cells), v = 1 + (int)trm__rng_below(&rng, (uint32_t)g->size);
      cells[at] = 0;
      if (i % 3 == 0 && brute_allowed(g->size, g->box_width, g->box_height, cells, at, v)) cells[at] = (uint8_t)v;
      uint8_t copy[TRM__SUDOKU_CELLS];
      memcpy(copy, cells, sizeof copy);
      int want = brute_count(g->size, g->box_width, g->box_height, copy, 20);
      trm_sudoku_result got = trm_sudoku_solve(g->size, cells, 20, NULL);
      assert_int_equal(got.solutions, want);
      assert_true(got.complete);
      kinds[want > 1 ? 2 : want]++;
    }
  assert_true(kinds[0] > 20 && kinds[1] > 20 && kinds[2] > 20);
}

static void test_symmetries(void **state) {
  (void)state;
  int transposed = 0;
  for (int k = 0; k < 4; k++)
    for (uint64_t i = 0; i < 50; i++) {
      const trm__sudoku_geometry *g = trm__sudoku_geometry_of(sizes[k]);
      trm__rng rng = trm__rng_make(8, TRM__RNG_TEST, i * 4 + (uint64_t)k);
      uint8_t cells[TRM__SUDOKU_CELLS], image[TRM__SUDOKU_CELLS], back[TRM__SUDOKU_CELLS];
      random_grid(g, &rng, cells);
      trm__sudoku_symmetry s = trm__sudoku_symmetry_random(g, &rng), inverse = trm__sudoku_symmetry_inverse(&s);
      trm__sudoku_symmetry_apply(&s, cells, image);
      assert_true(grid_valid(g->size, g->box_width, g->box_height, image));
      trm__sudoku_symmetry_apply(&inverse, image, back);
      assert_memory_equal(back, cells, (size_t)g->cells);
      transposed += s.transpose;
      assert_false(g->size == 6 && s.transpose);
    }
  assert_true(transposed > 40 && transposed < 110);
}

/* A partial grid and a moved clue: equal under symmetries, different otherwise. */
static void test_invariant(void **state) {
  (void)state;
  int different = 0, tried = 0;
  for (int k = 0; k < 4; k++)
    for (uint64_t i = 0; i < 200; i++) {
      const trm__sudoku_geometry *g = trm__sudoku_geometry_of(sizes[k]);
      trm__rng rng = trm__rng_make(9, TRM__RNG_TEST, i * 4 + (uint64_t)k);
      uint8_t cells[TRM__SUDOKU_CELLS], image[TRM__SUDOKU_CELLS];
      random_grid(g, &rng, cells);
      for (int c = 0; c < g->cells; c++)
        if (trm__rng_below(&rng, 3) > 0) cells[c] = 0;
      trm__sudoku_symmetry s = trm__sudoku_symmetry_random(g, &rng);
      trm__sudoku_symmetry_apply(&s, cells, image);
      uint64_t hash = trm_sudoku_invariant(g->size, cells);
      assert_true(hash == trm_sudoku_invariant(g->size, image));
      int from = (int)trm__rng_below(&rng, (uint32_t)g->cells), to = (int)trm__rng_below(&rng, (uint32_t)g->cells);
      if (g->size < 9 || !image[from] || image[to]) continue;
      image[to] = image[from], image[from] = 0;
      tried++, different += hash != trm_sudoku_invariant(g->size, image);
    }
  assert_true(tried > 50);
  assert_true(different > tried - 2); /* a move may be a symmetry, but hardly ever is */
}

static int compare_hashes(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* No two real puzzles are equivalent, within and across the files. */
static void test_invariant_real(void **state) {
  (void)state;
  static uint64_t hashes[8192];
  size_t count = 0;
  static const char *names[2] = {"train", "valid"};
  for (int f = 0; f < 2; f++) {
    char path[512];
    puzzle_file file;
    snprintf(path, sizeof path, "%s/../shared/data/sudoku/%s.csv", TRM_SOURCE_DIR, names[f]);
    if (!puzzle_file_read(&file, path, 81)) continue;
    double start = trm__clock();
    for (int i = 0; i < file.count; i++) {
      uint8_t cells[81];
      puzzle_cells(puzzle_text(&file, i, 0), 81, cells);
      hashes[count++] = trm_sudoku_invariant(9, cells);
    }
    printf("%s.csv: %.1f us an invariant\n", names[f], (trm__clock() - start) / file.count * 1e6);
    puzzle_file_free(&file);
  }
  qsort(hashes, count, sizeof *hashes, compare_hashes);
  for (size_t i = 1; i < count; i++) assert_true(hashes[i] != hashes[i - 1]);
}

static trm_task sudoku_task(const trm__sudoku_geometry *g) {
  trm_task task = {.kind = TRM_TASK_SUDOKU, .width = g->size, .height = g->size, .vocab_size = g->size + 2};
  task.box_width = g->box_width, task.box_height = g->box_height;
  return task;
}

/* An augmented example is still a puzzle with its solution; masked labels and padding stay what they are. */
static void test_augment(void **state) {
  (void)state;
  for (int k = 0; k < 4; k++)
    for (uint64_t i = 0; i < 50; i++) {
      const trm__sudoku_geometry *g = trm__sudoku_geometry_of(sizes[k]);
      trm_task task = sudoku_task(g);
      assert_true(trm__augment_known(&task));
      trm__rng rng = trm__rng_make(10, TRM__RNG_AUGMENT, i * 4 + (uint64_t)k);
      uint8_t cells[TRM__SUDOKU_CELLS], image[TRM__SUDOKU_CELLS];
      int32_t inputs[TRM__SUDOKU_CELLS], labels[TRM__SUDOKU_CELLS];
      random_grid(g, &rng, cells);
      int clues = 0, after = 0;
      for (int c = 0; c < g->cells; c++) {
        int clue = trm__rng_below(&rng, 3) == 0;
        inputs[c] = clue ? cells[c] + 1 : 1, labels[c] = clue ? -100 : cells[c] + 1, clues += clue;
      }
      trm__augment(&task, &rng, inputs, labels);
      for (int c = 0; c < g->cells; c++) {
        assert_true((inputs[c] == 1) == (labels[c] != -100));
        image[c] = (uint8_t)((inputs[c] == 1 ? labels[c] : inputs[c]) - 1), after += inputs[c] != 1;
      }
      assert_int_equal(after, clues);
      assert_true(grid_valid(g->size, g->box_width, g->box_height, image));
    }
  trm_task odd = sudoku_task(trm__sudoku_geometry_of(9));
  odd.box_width = 9, odd.box_height = 1;
  assert_false(trm__augment_known(&odd));
}

/* A drawn symmetry can be undone; the image of a puzzle's solution judges right, and is another. */
static void test_drawn_symmetry(void **state) {
  (void)state;
  int moved = 0;
  for (int k = 0; k < 4; k++)
    for (uint64_t i = 0; i < 50; i++) {
      const trm__sudoku_geometry *g = trm__sudoku_geometry_of(sizes[k]);
      trm_task task = sudoku_task(g);
      trm__rng rng = trm__rng_make(11, TRM__RNG_TEST, i * 4 + (uint64_t)k);
      uint8_t cells[TRM__SUDOKU_CELLS];
      int32_t question[TRM__SUDOKU_CELLS], answer[TRM__SUDOKU_CELLS], x[TRM__SUDOKU_CELLS], y[TRM__SUDOKU_CELLS],
          back[TRM__SUDOKU_CELLS];
      size_t bytes = sizeof *x * (size_t)g->cells;
      random_grid(g, &rng, cells);
      for (int c = 0; c < g->cells; c++) answer[c] = cells[c] + 1, question[c] = c % 3 ? 1 : answer[c];
      trm__symmetry symmetry;
      trm__symmetry_draw(&task, &rng, &symmetry);
      trm__symmetry_apply(&symmetry, question, x);
      trm__symmetry_apply(&symmetry, answer, y);
      moved += memcmp(y, answer, bytes) != 0;
      trm_task_verdict v = trm_task_judge(&task, x, y);
      assert_true(v.keeps_rules == 1 && v.keeps_clues == 1);
      trm__symmetry_undo(&symmetry, x, back);
      assert_memory_equal(back, question, bytes);
      trm__symmetry_undo(&symmetry, y, back);
      assert_memory_equal(back, answer, bytes);
    }
  assert_true(moved > 190);
}

/* What follows from the clues of a puzzle is its solution's; a wrong digit beside a lone place is a contradiction. */
static void test_deduce(void **state) {
  (void)state;
  int filled = 0;
  for (uint64_t i = 0; i < 20; i++) {
    trm_task task = trm_task_sudoku(9);
    int32_t question[81], answer[81], tokens[81];
    trm_error err = {0};
    if (trm_generate(&task, 12, i, NULL, question, answer, &err)) fail_msg("%s", err.message);
    memcpy(tokens, question, sizeof tokens);
    assert_int_equal(trm__sudoku_deduce(&task, tokens), 1);
    for (int c = 0; c < 81; c++) {
      assert_true(tokens[c] == 1 || tokens[c] == answer[c]);
      filled += tokens[c] != question[c];
    }
    memcpy(tokens, answer, sizeof tokens);
    for (int c = 0; c < 9; c++) tokens[c] = 1; /* each cell of the row has one place left: the column tells */
    assert_int_equal(trm__sudoku_deduce(&task, tokens), 1);
    assert_memory_equal(tokens, answer, sizeof tokens);
    for (int c = 0; c < 9; c++) tokens[c] = 1;
    tokens[0] = answer[1];
    assert_int_equal(trm__sudoku_deduce(&task, tokens), 0);
  }
  assert_true(filled > 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_brute_force),
                                     cmocka_unit_test(test_symmetries),
                                     cmocka_unit_test(test_invariant),
                                     cmocka_unit_test(test_invariant_real),
                                     cmocka_unit_test(test_augment),
                                     cmocka_unit_test(test_drawn_symmetry),
                                     cmocka_unit_test(test_deduce)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
