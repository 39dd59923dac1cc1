/* Which answer is taken when votes are counted. */
#include "support/check.h"

#include "infer/search/vote.h"

static const int32_t a[] = {1, 2}, b[] = {1, 3}, c[] = {4, 4};

static void the_most_or_the_surest(void **state) {
  (void)state;
  const trm__ballot votes[] = {{a, 1}, {b, 3}, {b, 2}, {NULL, 9}, {a, 0}, {c, 5}};
  assert_int_equal(trm__vote(votes, 6, 2, TRM_VOTE_CONFIDENT), 5);
  assert_int_equal(trm__vote(votes, 6, 2, TRM_VOTE_FIRST), 5);
  assert_int_equal(trm__vote(votes, 6, 2, TRM_VOTE_MAJORITY), 1); /* a and b have two each, b is surer */
  assert_int_equal(trm__vote(votes, 1, 2, TRM_VOTE_MAJORITY), 0);
  assert_int_equal(trm__vote(votes + 3, 1, 2, TRM_VOTE_MAJORITY), -1);
}

static void ties_and_numbers_that_are_none(void **state) {
  (void)state;
  const trm__ballot equal[] = {{a, 2}, {b, 2}, {b, 2}}, none[] = {{a, NAN}, {b, NAN}, {c, -3}};
  assert_int_equal(trm__vote(equal, 3, 2, TRM_VOTE_CONFIDENT), 0);
  assert_int_equal(trm__vote(equal, 3, 2, TRM_VOTE_MAJORITY), 1);
  assert_int_equal(trm__vote(none, 3, 2, TRM_VOTE_CONFIDENT), 2);
  assert_int_equal(trm__vote(none, 2, 2, TRM_VOTE_CONFIDENT), 0);
  assert_int_equal(trm__vote(none, 3, 2, TRM_VOTE_MAJORITY), 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_most_or_the_surest),
                                     cmocka_unit_test(ties_and_numbers_that_are_none)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
