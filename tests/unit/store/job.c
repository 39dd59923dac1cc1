/* The words for states, both ways. */
#include "store/job.h"
#include "support/check.h"

static void states_have_words(void **state) {
  (void)state;
  for (int i = TRM__JOB_SUBMITTED; i < TRM__JOB_STATES; i++)
    assert_int_equal(trm__job_state_find(trm__job_state_name((trm__job_state)i)), i);
  assert_string_equal(trm__job_state_name(TRM__JOB_CANCELLED), "cancelled");
  assert_string_equal(trm__job_state_name((trm__job_state)0), "unknown");
  assert_string_equal(trm__job_state_name((trm__job_state)-1), "unknown");
  assert_string_equal(trm__job_state_name((trm__job_state)TRM__JOB_STATES), "unknown");
  assert_int_equal(trm__job_state_find("unknown"), 0);
  assert_int_equal(trm__job_state_find(""), 0);
  assert_int_equal(trm__job_state_find("DONE"), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(states_have_words)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
