/* The choice of a batch size, from costs made up: no clock is read here. */
#include "support/check.h"

#include "infer/batch.h"

/* Plays a run's measuring: a step of b puzzles takes fixed + b * each seconds, and from `edge` on twice as much each.
 */
typedef struct machine {
  double fixed, each;
  int edge;
} machine;

static double step_time(const machine *m, int b) {
  return m->fixed + b * m->each * (m->edge && b >= m->edge ? 2 : 1);
}

static int play(trm__batch_costs *costs, const machine *m, int largest, int *steps) {
  int b, last = 0;
  for (*steps = 0; (b = trm__batch_next(costs, largest)) > 0; ++*steps) {
    assert_true(b >= last && b <= largest && *steps < 100);
    last = b;
    /* Noise only makes a step slower. */
    trm__batch_record(costs, b, step_time(m, b) * (*steps % 3 == 1 ? 1 : 1.7));
  }
  return last;
}

static void sizes_fit_the_job(void **state) {
  (void)state;
  static const struct {
    long long puzzles;
    int slots, largest;
  } cases[] = {
      {0, 32, 0},    {1, 32, 0},     {31, 32, 0},    {32, 32, 8},           {63, 32, 8},           {64, 32, 16},
      {128, 32, 32}, {1000, 32, 32}, {1000, 20, 16}, {1000000000000, 1, 1}, {1000000000000, 3, 2}, {1000, 65536, 128}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_int_equal(trm__batch_largest(cases[i].puzzles, cases[i].slots), cases[i].largest);
}

static void all_sizes_are_tried_a_few_times(void **state) {
  (void)state;
  machine m = {.fixed = 1e-2, .each = 1e-2};
  trm__batch_costs costs = {0};
  int steps;
  assert_int_equal(play(&costs, &m, 32, &steps), 32);
  assert_int_equal(steps, 18);
  assert_int_equal(costs.count, 6);
  for (int i = 0; i < 6; i++) {
    assert_int_equal(costs.at[i].batch, 1 << i);
    assert_int_equal(costs.at[i].samples, 3);
    assert_true(fabs(costs.at[i].seconds / step_time(&m, 1 << i) - 1) < 1e-12); /* the least counts */
  }
  assert_int_equal(trm__batch_next(&costs, 32), 0);
  /* A larger job later goes on where this one ended; a smaller one has nothing to try. */
  assert_int_equal(trm__batch_next(&costs, 64), 64);
  assert_int_equal(trm__batch_next(&costs, 8), 0);
  assert_int_equal(trm__batch_next(&costs, 0), 0);
}

/* What measuring costs beyond a perfect choice: less than a few steps of the largest size tried, whatever the machine.
 */
static void measuring_is_cheap(void **state) {
  (void)state;
  static const machine machines[] = {{0, 1e-2, 0},     {1e-2, 1e-2, 0}, {1e-2, 1e-4, 0},
                                     {3e-3, 1e-2, 16}, {0, 1e-2, 2},    {0.1, 0.2, 0}};
  for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
    const machine *m = &machines[i];
    trm__batch_costs costs = {0};
    double lost = 0, longest = 0, best = step_time(m, 32) / 32;
    for (int k = 1; k < 32; k *= 2) best = fmin(best, step_time(m, k) / k);
    int b;
    while ((b = trm__batch_next(&costs, 32)) > 0) {
      trm__batch_record(&costs, b, step_time(m, b));
      lost += step_time(m, b) - b * best;
      longest = fmax(longest, step_time(m, b));
    }
    if (!(lost <= 5 * longest)) fail_msg("machine %zu: %g s lost, the longest step took %g s", i, lost, longest);
    assert_true(longest <= 4);
  }
}

/* A device: a kernel for small batches, another that is slow at first and far better in the end. */
static void a_rise_does_not_end_a_thorough_search(void **state) {
  (void)state;
  trm__batch_costs hasty = {0}, costs = {.thorough = 1};
  int b;
  for (int i = 0; i < 2; i++)
    while ((b = trm__batch_next(i ? &costs : &hasty, trm__batch_largest(2048, 1024))) > 0)
      trm__batch_record(i ? &costs : &hasty, b, b <= 8 ? 1e-3 : 6e-3 + b * 2e-5);
  assert_int_equal(trm__batch_choose(&hasty, 1024), 8);
  assert_int_equal(costs.at[costs.count - 1].batch, 512);
  assert_int_equal(trm__batch_choose(&costs, 1024), 512);
}

static void slow_steps_end_the_search(void **state) {
  (void)state;
  machine m = {.each = 0.3};
  trm__batch_costs costs = {0};
  int steps;
  assert_int_equal(play(&costs, &m, 32, &steps), 4); /* 8 would take 2.4 s */
  assert_int_equal(trm__batch_choose(&costs, 32), 1);
}

static void the_cheapest_size_is_chosen_and_of_equals_the_smallest(void **state) {
  (void)state;
  static const struct {
    machine m;
    int slots, choice;
  } cases[] = {
      {{.fixed = 0, .each = 1e-3}, 32, 1},     {{.fixed = 1e-3, .each = 1e-3}, 32, 32},
      {{.fixed = 1e-3, .each = 1e-3}, 16, 16}, {{.fixed = 1e-3, .each = 1e-3, .edge = 16}, 32, 8},
      {{.fixed = 1e-4, .each = 1e-3}, 32, 8}, /* 1.25 % more than with 32 */
      {{.fixed = 1e-3, .each = 1e-3}, 1, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm__batch_costs costs = {0};
    int steps;
    play(&costs, &cases[i].m, 32, &steps);
    assert_int_equal(trm__batch_choose(&costs, cases[i].slots), cases[i].choice);
  }
  trm__batch_costs nothing = {0};
  assert_int_equal(trm__batch_choose(&nothing, 32), 8);
  assert_int_equal(trm__batch_choose(&nothing, 3), 3);
}

static void costs_are_predicted_between_and_beyond(void **state) {
  (void)state;
  trm__batch_costs costs = {0};
  assert_true(trm__batch_predict(&costs, 4) == 0);
  trm__batch_record(&costs, 8, 0.5);
  trm__batch_record(&costs, 2, 0.2); /* in any order */
  assert_true(fabs(trm__batch_predict(&costs, 2) - 0.2) < 1e-12);
  assert_true(fabs(trm__batch_predict(&costs, 5) - 0.35) < 1e-12);
  assert_true(fabs(trm__batch_predict(&costs, 8) - 0.5) < 1e-12);
  assert_true(fabs(trm__batch_predict(&costs, 1) - 0.1) < 1e-12);
  assert_true(fabs(trm__batch_predict(&costs, 16) - 1.0) < 1e-12);
  assert_true(trm__batch_predict(&costs, 0) == 0);
}

static void nonsense_is_not_recorded(void **state) {
  (void)state;
  trm__batch_costs costs = {0};
  trm__batch_record(&costs, 1, (double)NAN);
  trm__batch_record(&costs, 1, -1);
  trm__batch_record(&costs, 0, 1);
  assert_int_equal(costs.count, 0);
  for (int b = 1; b <= 40; b++) trm__batch_record(&costs, b, b * 1e-3);
  assert_int_equal(costs.count, TRM__BATCH_COSTS);
  assert_int_equal(trm__batch_next(&costs, 1 << 20), 16); /* the last one lacks samples */
  for (int i = 0; i < 5; i++) trm__batch_record(&costs, 16, 1);
  assert_int_equal(trm__batch_next(&costs, 1 << 20), 0);
  trm__batch_costs zero = {0}; /* a clock that stands still */
  int steps = 0, b;
  while ((b = trm__batch_next(&zero, 32)) > 0 && steps++ < 100) trm__batch_record(&zero, b, 0);
  assert_int_equal(steps, 36); /* short steps are tried more often */
  assert_int_equal(trm__batch_choose(&zero, 32), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sizes_fit_the_job),
      cmocka_unit_test(all_sizes_are_tried_a_few_times),
      cmocka_unit_test(measuring_is_cheap),
      cmocka_unit_test(a_rise_does_not_end_a_thorough_search),
      cmocka_unit_test(slow_steps_end_the_search),
      cmocka_unit_test(the_cheapest_size_is_chosen_and_of_equals_the_smallest),
      cmocka_unit_test(costs_are_predicted_between_and_beyond),
      cmocka_unit_test(nonsense_is_not_recorded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
