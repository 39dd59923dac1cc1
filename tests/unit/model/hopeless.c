/* Bounds of the learned stop, on curves that are made by hand, and as text. */
#include "support/check.h"

#include "model/hopeless.h"

enum { STEPS = 3 };

/* q after each step, and the first right one (0: none). */
typedef struct puzzle {
  double q[STEPS];
  int right_from;
  int64_t times;
} puzzle;

static trm_halting_choice learn(const puzzle *p, int kinds) {
  trm_error err = {0};
  trm__halting h;
  trm_halting_choice choice;
  int64_t count = 0, at = 0;
  for (int i = 0; i < kinds; i++) count += p[i].times;
  CHECK_OK(trm__halting_open(&h, count, STEPS, &err), err);
  for (int i = 0; i < kinds; i++)
    for (int64_t k = 0; k < p[i].times; k++, at++)
      for (int s = 1; s <= STEPS; s++)
        trm__halting_note(&h, at, s, p[i].q[s - 1], p[i].right_from && s >= p[i].right_from);
  trm__halting_choose(&h, &choice);
  trm__halting_close(&h);
  return choice;
}

static void under_all_that_were_solved(void **state) {
  (void)state;
  /* Of 500, 100 are right at once, 100 after two steps, 100 after three, 200 never. */
  static const puzzle p[] = {
      {{5, 5, 5}, 1, 100}, {{-2.1, 5, 5}, 2, 100}, {{-1, -3.6, 5}, 3, 100}, {{-4, -3, -9}, 0, 200}};
  trm_halting_choice c = learn(p, 4);
  assert_int_equal(c.hopeless.count, STEPS - 1);
  assert_true(c.hopeless.bound[0] == -2.25 && c.hopeless.bound[1] == -3.75); /* rounded down */
  assert_int_equal(c.hopeless_lost, 0);
  assert_true(c.solved_steps == (100 * 1 + 100 * 2 + 100 * 3 + 200 * 3) / 500.0);
  assert_true(c.hopeless_steps == (100 * 1 + 100 * 2 + 100 * 3 + 200 * 1) / 500.0);
}

/* Of 2000 two may be lost, over all steps together. */
static void one_of_a_thousand_may_be_lost(void **state) {
  (void)state;
  static const puzzle two[] = {{{-8, 5, 5}, 2, 2}, {{-2, 5, 5}, 2, 1000}, {{-4, -4, -4}, 0, 998}};
  trm_halting_choice c = learn(two, 3);
  assert_true(c.hopeless.bound[0] == -2 && isnan(c.hopeless.bound[1])); /* nobody was solved at the third step */
  assert_int_equal(c.hopeless_lost, 2);
  static const puzzle three[] = {{{-8, 5, 5}, 2, 3}, {{-2, 5, 5}, 2, 999}, {{-4, -4, -4}, 0, 998}};
  c = learn(three, 3);
  assert_true(c.hopeless.bound[0] == -8 && c.hopeless_lost == 0);
  static const puzzle apart[] = {
      {{-8, 5, 5}, 2, 2}, {{-1, -8, 5}, 3, 1}, {{-2, -1, 5}, 3, 999}, {{-4, -4, -4}, 0, 998}};
  c = learn(apart, 4); /* three would be lost with rank 2: two after the first step, one after the second */
  assert_true(c.hopeless_lost <= 2 && c.hopeless.bound[0] == -8);
}

static void nothing_to_learn_from(void **state) {
  (void)state;
  static const puzzle none[] = {{{-1, -1, -1}, 0, 100}}, at_once[] = {{{5, 5, 5}, 1, 50}, {{-5, -5, -5}, 0, 50}};
  static const puzzle odd[] = {{{NAN, -1, 5}, 3, 50}, {{-5, NAN, -5}, 0, 50}};
  assert_int_equal(learn(none, 1).hopeless.count, 0);
  assert_int_equal(learn(at_once, 2).hopeless.count, 0);
  trm_halting_choice c = learn(odd, 2);
  assert_true(isnan(c.hopeless.bound[0]) && c.hopeless.bound[1] == -1 && c.hopeless_lost == 0);
}

static void when_it_is_hopeless(void **state) {
  (void)state;
  static const trm_hopeless h = {3, {-2, (double)NAN, -1}};
  assert_true(trm__hopeless_is(&h, 1, 4, -2.01) && !trm__hopeless_is(&h, 1, 4, -2));
  assert_false(trm__hopeless_is(&h, 2, 4, -100));
  assert_true(trm__hopeless_is(&h, 3, 4, -1.5) && trm__hopeless_is(&h, 1, 2, -3));
  assert_false(trm__hopeless_is(&h, 1, 5, -3)); /* a larger limit than it was learned with */
  assert_false(trm__hopeless_is(&h, 4, 4, -3) || trm__hopeless_is(&h, 0, 4, -3));
  assert_false(trm__hopeless_is(&h, 1, 4, (double)NAN));
  static const trm_hopeless none = {0};
  assert_false(trm__hopeless_is(&none, 1, 1, -1000));
}

static void as_text(void **state) {
  (void)state;
  static const trm_hopeless h = {3, {-2.25, (double)NAN, 0}};
  static const char *const bad[] = {"",     "[]",        "{}",      "[1,",     "[\"x\"]", "[true]",
                                    "[[]]", "[-1000.5]", "[1e999]", "[1] [2]", "3"};
  trm_hopeless back = {0};
  trm_error err = {0};
  char text[TRM__HOPELESS_TEXT], many[4 * (TRM_HOPELESS_MOST + 2)] = "[0";
  trm__hopeless_text(&h, text);
  assert_string_equal(text, "[-2.25,null,0]");
  CHECK_OK(trm__hopeless_read(&back, text, "m", &err), err);
  assert_true(back.count == 3 && back.bound[0] == -2.25 && isnan(back.bound[1]) && back.bound[2] == 0);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(trm__hopeless_read(&back, bad[i], "m", &err), TRM_E_INPUT);
  for (int i = 0; i < TRM_HOPELESS_MOST; i++) strcat(many, ",0");
  strcat(many, "]");
  CHECK_FAILS(trm__hopeless_read(&back, many, "m", &err), TRM_E_INPUT, err, "1 to 64 numbers");
  assert_int_equal(back.count, 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(under_all_that_were_solved),
      cmocka_unit_test(one_of_a_thousand_may_be_lost),
      cmocka_unit_test(nothing_to_learn_from),
      cmocka_unit_test(when_it_is_hopeless),
      cmocka_unit_test(as_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
