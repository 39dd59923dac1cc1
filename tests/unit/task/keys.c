/* Which puzzles are the same: keys that only a symmetry of the task shares, and classes numbered as they are met. */
#include "support/check.h"

#include "base/mem.h"
#include "base/rng.h"
#include "task/keys.h"
#include "task/sudoku/rules.h"
#include "task/sudoku/sudoku.h"

static void sudoku_is_the_same_up_to_symmetry(void **state) {
  (void)state;
  static const char text[] = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79";
  const trm__sudoku_geometry *geometry = trm__sudoku_geometry_of(9);
  trm_task task = trm_task_sudoku(9), plain = task;
  trm_error err = {0};
  int32_t tokens[81], image_tokens[81];
  uint8_t cells[81], image[81];
  plain.kind = TRM_TASK_GENERIC;
  CHECK_OK(trm_task_parse(&task, text, 81, tokens, 81, &err), err);
  trm__sudoku_cells(tokens, 81, cells);
  uint64_t key = trm__question_key(&task, tokens, 81), exact = trm__question_key(&plain, tokens, 81);
  assert_true(key == trm_sudoku_invariant(9, cells));
  trm__rng rng = trm__rng_make(1, TRM__RNG_TEST, 0);
  for (int k = 0; k < 20; k++) {
    trm__sudoku_symmetry symmetry = trm__sudoku_symmetry_random(geometry, &rng);
    trm__sudoku_symmetry_apply(&symmetry, cells, image);
    for (int i = 0; i < 81; i++) image_tokens[i] = image[i] + 1;
    assert_true(trm__question_key(&task, image_tokens, 81) == key);
    assert_true(trm__question_key(&plain, image_tokens, 81) != exact); /* another task compares the exact question */
  }
  tokens[0] = 1; /* a clue less */
  assert_true(trm__question_key(&task, tokens, 81) != key);
}

/* Keys that begin their search at the same slot, at both ends of the table, and the key 0. */
static void classes_are_numbered_as_they_are_met(void **state) {
  (void)state;
  enum { MOST = 300 };
  static uint64_t keys[MOST];
  trm__classes classes = {0};
  trm_error err = {0};
  size_t before = trm__mem_used();
  CHECK_OK(trm__classes_open(&classes, MOST, &err), err);
  assert_true(classes.mask + 1 >= 2 * MOST);
  for (uint64_t i = 0; i < MOST; i++) keys[i] = i < 100 ? i << 32 : i < 200 ? i << 32 | classes.mask : i;
  for (uint32_t i = 0; i < MOST; i++) {
    assert_int_equal(trm__classes_find(&classes, keys[i]), -1);
    assert_int_equal(trm__classes_add(&classes, keys[i]), i);
    assert_int_equal(trm__classes_add(&classes, keys[i / 2]), i / 2);
    assert_int_equal(classes.count, i + 1);
  }
  for (uint32_t i = 0; i < MOST; i++) assert_int_equal(trm__classes_find(&classes, keys[i]), i);
  assert_int_equal(trm__classes_find(&classes, (uint64_t)1 << 63), -1);
  assert_int_equal(classes.count, MOST);
  trm__classes_close(&classes);
  trm__classes_close(&classes);
  assert_true(trm__mem_used() == before);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sudoku_is_the_same_up_to_symmetry),
      cmocka_unit_test(classes_are_numbered_as_they_are_met),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
