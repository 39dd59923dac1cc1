/* The choice of a halting threshold on curves that are made by hand, so that the answer is known. */
#include "support/check.h"

#include "model/halting.h"

/* Puzzles of up to four steps: q after each, and from which step on the answer is right (0: never), up to which (0: to
 * the end). */
typedef struct puzzle {
  double q[4];
  int right_from, right_to;
} puzzle;

static trm_halting_choice choose(const puzzle *p, int64_t count, int64_t times, int steps) {
  trm_error err = {0};
  trm__halting h;
  trm_halting_choice choice;
  CHECK_OK(trm__halting_open(&h, count * times, steps, &err), err);
  for (int64_t i = 0; i < count * times; i++) {
    const puzzle *one = &p[i % count];
    for (int s = 1; s <= steps; s++) {
      int right = one->right_from && s >= one->right_from && (!one->right_to || s <= one->right_to);
      trm__halting_note(&h, i, s, one->q[s - 1], right);
    }
  }
  trm__halting_choose(&h, &choice);
  trm__halting_close(&h);
  return choice;
}

/* Threshold t and what the last point of the curve says of it. */
static void check_choice(trm_halting_choice c, double t, int64_t exact, double steps) {
  assert_true(c.threshold == t);
  assert_true(c.points > 0 && c.points <= TRM_HALTING_POINTS);
  const trm_halting_point *last = &c.point[c.points - 1];
  assert_true(last->threshold == t && last->mean_steps == steps);
  assert_int_equal(last->exact, exact);
  for (int i = 0; i + 1 < c.points; i++) assert_true(c.point[i].threshold < c.point[i + 1].threshold);
}

/* Half of the puzzles are right at once, half say 1.1 too early: anything from 1.25 on costs nothing. */
static void the_smallest_that_costs_nothing(void **state) {
  (void)state;
  static const puzzle p[] = {{{3, 3, 3}, 1, 0}, {{1.1, 2, 2}, 2, 0}};
  trm_halting_choice c = choose(p, 2, 500, 3);
  assert_true(c.puzzles == 1000 && c.exact == 1000 && c.max_steps == 3);
  check_choice(c, 1.25, 1000, 1.5);
  assert_int_equal(c.points, 6);
  assert_true(c.point[0].threshold == 0 && c.point[0].exact == 500 && c.point[0].mean_steps == 1);
}

/* q must exceed the threshold: a q of exactly 1.25 does not. */
static void a_tie_does_not_halt(void **state) {
  (void)state;
  static const puzzle p[] = {{{1.25, 2}, 2, 0}};
  check_choice(choose(p, 1, 3000, 2), 1.25, 3000, 2);
  static const puzzle above[] = {{{1.2500001, 2}, 2, 0}};
  check_choice(choose(above, 1, 3000, 2), 1.5, 3000, 2);
}

static void all_right_at_once(void **state) {
  (void)state;
  static const puzzle sure[] = {{{5, 5, 5}, 1, 0}}, unsure[] = {{{-5, -5, -5}, 1, 0}};
  check_choice(choose(sure, 1, 10, 3), 0, 10, 1);
  check_choice(choose(unsure, 1, 10, 3), 0, 10, 3); /* none below 0: the head calls them wrong */
}

static void all_wrong_gives_none(void **state) {
  (void)state;
  static const puzzle p[] = {{{5, 5, 5}, 0, 0}}, lost[] = {{{5, 5, 5}, 1, 2}};
  trm_halting_choice c = choose(p, 1, 2000, 3);
  assert_true(isnan(c.threshold) && c.points == 0 && c.exact == 0 && c.puzzles == 2000);
  c = choose(lost, 1, 2000, 3); /* right on the way, not at the end: by all steps there is nothing to lose */
  assert_true(isnan(c.threshold) && c.points == 0);
}

/* NaN exceeds nothing, and halts nobody. */
static void a_q_that_is_no_number(void **state) {
  (void)state;
  static const puzzle p[] = {{{(double)NAN, (double)NAN, (double)NAN}, 3, 0}, {{1, 1, 1}, 1, 0}};
  check_choice(choose(p, 2, 50, 3), 0, 100, 2);
}

/* Of n puzzles max(1, n / 1000) may be lost: so many say 7.9 too early, all others are right at once. */
static void what_may_be_lost(void **state) {
  (void)state;
  static const struct {
    int64_t puzzles, early;
    double threshold;
  } cases[] = {{10, 1, 0},   {10, 2, 8},   {999, 1, 0},  {1999, 1, 0}, {1999, 2, 8},
               {2000, 2, 0}, {2000, 3, 8}, {4096, 4, 0}, {4096, 5, 8}, {1, 1, 8}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    trm_error err = {0};
    trm__halting h;
    trm_halting_choice c;
    CHECK_OK(trm__halting_open(&h, cases[k].puzzles, 2, &err), err);
    for (int64_t i = 0; i < cases[k].puzzles; i++) {
      int early = i >= cases[k].puzzles - cases[k].early;
      trm__halting_note(&h, i, 1, early ? 7.9 : 20, !early);
      trm__halting_note(&h, i, 2, 20, 1);
    }
    trm__halting_choose(&h, &c);
    if (c.threshold != cases[k].threshold) fail_msg("case %d: %g", (int)k, c.threshold);
    trm__halting_close(&h);
  }
}

/* Over 16 the candidates double, and end at 1000, which is taken even where it costs something. */
static void heads_that_are_wrongly_sure(void **state) {
  (void)state;
  static const puzzle high[] = {{{70, 300}, 2, 0}}, endless[] = {{{5000, 1e30}, 2, 0}};
  check_choice(choose(high, 1, 100, 2), 128, 100, 2);
  trm_halting_choice c = choose(endless, 1, 100, 2);
  check_choice(c, 1000, 0, 1);
  assert_int_equal(c.points, TRM_HALTING_POINTS);
}

/* Halting may be better than all steps, where a right answer is left again. */
static void more_right_than_all_steps(void **state) {
  (void)state;
  static const puzzle p[] = {{{2, 1, 1}, 1, 1}, {{1, 1, 1}, 1, 0}};
  check_choice(choose(p, 2, 500, 3), 0, 1000, 1);
}

static void no_more_than_some_thousand_are_looked_at(void **state) {
  (void)state;
  static const puzzle p[] = {{{2, 3}, 1, 0}};
  trm_halting_choice c = choose(p, 1, TRM__HALTING_PUZZLES + 7, 2);
  assert_true(c.puzzles == TRM__HALTING_PUZZLES && c.exact == TRM__HALTING_PUZZLES);
  c = choose(p, 1, 0, 2);
  assert_true(c.puzzles == 0 && isnan(c.threshold));
}

static trm_status open_and_close(void *context, trm_error *err) {
  trm__halting h;
  (void)context;
  trm_status status = trm__halting_open(&h, 100, 16, err);
  if (!status) trm__halting_close(&h);
  return status;
}

static void without_memory(void **state) {
  (void)state;
  assert_int_equal(check_each_allocation(open_and_close, NULL), 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_smallest_that_costs_nothing),
      cmocka_unit_test(a_tie_does_not_halt),
      cmocka_unit_test(all_right_at_once),
      cmocka_unit_test(all_wrong_gives_none),
      cmocka_unit_test(a_q_that_is_no_number),
      cmocka_unit_test(what_may_be_lost),
      cmocka_unit_test(heads_that_are_wrongly_sure),
      cmocka_unit_test(more_right_than_all_steps),
      cmocka_unit_test(no_more_than_some_thousand_are_looked_at),
      cmocka_unit_test(without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
