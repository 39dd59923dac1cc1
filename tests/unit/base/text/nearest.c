/* Edit distance and the nearest name. */
#include "support/check.h"

#include "base/text/nearest.h"

static void distances_count_slips(void **state) {
  (void)state;
  const struct {
    const char *a, *b;
    size_t distance;
  } cases[] = {
      {"", "", 0},         {"seed", "seed", 0},   {"seed", "sed", 1},      {"seed", "seeed", 1}, {"seed", "sead", 1},
      {"seed", "esed", 1}, {"seed", "", 4},       {"a-b", "a_b", 0},       {"a-b", "a_c", 1},    {"ab_", "a-b", 1},
      {"ca", "abc", 3},    {"solve", "sovle", 1}, {"kitten", "sitting", 3}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    size_t there = trm__edit_distance(cases[i].a, cases[i].b), back = trm__edit_distance(cases[i].b, cases[i].a);
    if (there != cases[i].distance || back != there)
      fail_msg("%s and %s: %zu and %zu, expected %zu", cases[i].a, cases[i].b, there, back, cases[i].distance);
  }
  char longest[64], too_long[65];
  memset(longest, 'a', sizeof longest);
  memset(too_long, 'a', sizeof too_long);
  longest[63] = too_long[64] = 0;
  assert_int_equal(trm__edit_distance(longest, longest), 0);
  assert_true(trm__edit_distance(longest, too_long) == SIZE_MAX);
}

static const char *nearest_of(trm__nearest *nearest, const char *typed, const char *const *names) {
  *nearest = trm__nearest_to(typed);
  for (; *names; names++) trm__nearest_offer(nearest, *names, strlen(*names));
  return nearest->name;
}

static void the_first_of_the_nearest_is_named(void **state) {
  (void)state;
  trm__nearest nearest;
  const char *const names[] = {"solve", "train", "trail", "info", NULL};
  assert_string_equal(nearest_of(&nearest, "slove", names), "solve");
  assert_string_equal(nearest_of(&nearest, "train", names), "train");
  assert_string_equal(nearest_of(&nearest, "traim", names), "train");
  assert_string_equal(nearest_of(&nearest, "temperature", names), "");
  assert_string_equal(nearest_of(&nearest, "", names), "");
  char text[200];
  memset(text, 'a', sizeof text);
  text[199] = 0;
  const char *const same[] = {text, NULL};
  assert_string_equal(nearest_of(&nearest, text, same), "");
  nearest = trm__nearest_to("solve");
  trm__nearest_offer(&nearest, "solvent", 5); /* length bytes of the name count */
  assert_string_equal(nearest.name, "solve");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(distances_count_slips),
      cmocka_unit_test(the_first_of_the_nearest_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
