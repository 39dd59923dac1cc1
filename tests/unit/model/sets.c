/* What happens to candidate sets after a pass, on states small enough to see. */
#include "support/check.h"

#include "model/sets.h"

enum { S = 4, C = 4 };
static const int32_t question[S] = {2, 1, 1, 5};
static const trm__sets_of of = {S, C, question};

/* keep then digit */
static const trm__real logits[S * 2 * C] = {-9, -9, -9, -9, 0, 0, 0, 0, /* given: nothing leaves */
                                            1,  -3, 1,  -9, 3, 9, 5, 9, /* values 1 and 3 leave */
                                            -3, -3, -3, -3, 1, 2, 2, 0, /* all leave */
                                            9,  9,  9,  9,  0, 0, 0, 0};

static void states_begin(void **state) {
  (void)state;
  int32_t sets[S];
  trm__sets_begin(&of, sets);
  assert_int_equal(sets[0], 1);
  assert_int_equal(sets[1], 15);
  assert_int_equal(sets[2], 15);
  assert_int_equal(sets[3], 8);
}

static void values_leave(void **state) {
  (void)state;
  int32_t sets[S], dropped[S];
  trm__sets_begin(&of, sets);
  assert_int_equal(trm__sets_drop(&of, logits, -2, sets, dropped), 6);
  assert_int_equal(sets[0], 1);
  assert_int_equal(dropped[0], 0);
  assert_int_equal(sets[1], 5);
  assert_int_equal(dropped[1], 10);
  assert_int_equal(sets[2], 0);
  trm__sets_count count = trm__sets_look(&of, sets);
  assert_int_equal(count.empty, 1);
  assert_int_equal(count.open, 1);
  assert_int_equal(trm__sets_drop(&of, logits, -2, sets, NULL), 0);
}

static void best_digits(void **state) {
  (void)state;
  const trm__real *digits = logits + 2 * C + C; /* 3 9 5 9 */
  assert_int_equal(trm__sets_best(C, 15, digits), 1);
  assert_int_equal(trm__sets_best(C, 5, digits), 2);
  assert_int_equal(trm__sets_best(C, 0, digits), 1);
  int seen[C] = {0};
  for (uint64_t i = 0; i < 2000; i++) {
    trm__rng rng = trm__rng_make(1, TRM__RNG_TEST, i);
    seen[trm__sets_sample(C, 7, digits, 4, &rng)]++;
  }
  assert_int_equal(seen[3], 0);
  assert_true(seen[1] > seen[2] && seen[2] > seen[0] && seen[0] > 100);
}

static void guesses_are_uniform(void **state) {
  (void)state;
  int seen[S] = {0};
  for (uint64_t i = 0; i < 1000; i++) {
    int32_t sets[S] = {3, 0, 4, 6};
    trm__rng rng = trm__rng_make(2, TRM__RNG_TEST, i);
    trm__sets_guess(&of, logits, 0, &rng, sets);
    assert_true((sets[0] == 1) + (sets[3] == 2) == 1 && !sets[1] && sets[2] == 4);
    seen[0] += sets[0] == 1;
  }
  assert_in_range(seen[0], 430, 570);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(states_begin), cmocka_unit_test(values_leave),
                                     cmocka_unit_test(best_digits), cmocka_unit_test(guesses_are_uniform)};
  return cmocka_run_group_tests_name("sets", tests, NULL, NULL);
}
