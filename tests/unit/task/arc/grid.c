/* ARC's grids: turns as NumPy names them, images undone, placing and cropping, names, and the key of a pair. */
#include "task/arc/grid.h"

#include "support/check.h"

static trm__arc_grid grid_of(int height, int width, const char *cells) {
  trm__arc_grid grid = {.height = (uint8_t)height, .width = (uint8_t)width};
  for (int i = 0; i < height * width; i++) grid.cell[i] = (uint8_t)(cells[i] - '0');
  return grid;
}

static void check_grid(const trm__arc_grid *grid, int height, int width, const char *cells) {
  trm__arc_grid expected = grid_of(height, width, cells);
  assert_int_equal(grid->height, height);
  assert_int_equal(grid->width, width);
  assert_true(trm__arc_equal(grid, &expected));
}

/* What numpy.rot90 and its like give for [[1 2 3] [4 5 6]]. */
static void test_turns(void **state) {
  (void)state;
  static const struct {
    int height, width;
    const char *cells;
  } turned[TRM__ARC_TURNS] = {{2, 3, "123456"}, {3, 2, "362514"}, {2, 3, "654321"}, {3, 2, "415263"},
                              {2, 3, "321654"}, {2, 3, "456123"}, {3, 2, "142536"}, {3, 2, "635241"}};
  trm__arc_grid grid = grid_of(2, 3, "123456"), image;
  for (int t = 0; t < TRM__ARC_TURNS; t++) {
    trm__arc_image turn = trm__arc_image_none();
    turn.turn = (uint8_t)t;
    trm__arc_apply(&turn, &grid, &image);
    check_grid(&image, turned[t].height, turned[t].width, turned[t].cells);
  }
}

static void test_undo(void **state) {
  (void)state;
  trm__rng rng = trm__rng_make(1, TRM__RNG_TEST, 0);
  for (int n = 0; n < 500; n++) {
    trm__arc_image image = trm__arc_image_draw(&rng), read;
    trm__arc_grid grid = {.height = (uint8_t)(1 + trm__rng_below(&rng, 30)),
                          .width = (uint8_t)(1 + trm__rng_below(&rng, 30))};
    trm__arc_grid turned, back;
    char name[64], suffix[TRM__ARC_SUFFIX];
    for (int i = 0; i < grid.height * grid.width; i++) grid.cell[i] = (uint8_t)trm__rng_below(&rng, 10);
    trm__arc_apply(&image, &grid, &turned);
    trm__arc_undo(&image, &turned, &back);
    assert_true(trm__arc_equal(&grid, &back));
    assert_true(trm__arc_hash(&grid) == trm__arc_hash(&back));
    assert_int_equal(image.colour[0], 0);
    assert_true(trm__arc_pair_key(&grid, &back) == trm__arc_pair_key(&turned, &turned));
    trm__arc_suffix(&image, suffix);
    snprintf(name, sizeof name, "a|b%s", suffix);
    assert_int_equal(trm__arc_name_read(name, &read), 3);
    assert_memory_equal(&read, &image, sizeof read);
  }
}

static void test_key(void **state) {
  (void)state;
  trm__arc_grid a = grid_of(1, 3, "120"), b = grid_of(1, 3, "210"), c = grid_of(3, 1, "078"), d = grid_of(3, 1, "087");
  assert_true(trm__arc_pair_key(&a, &b) == trm__arc_pair_key(&d, &c)); /* 1 2 0 with other colours, upright */
  assert_true(trm__arc_pair_key(&a, &b) != trm__arc_pair_key(&a, &a));
  assert_true(trm__arc_pair_key(&a, &b) != trm__arc_pair_key(&a, &c));
}

static void test_tokens(void **state) {
  (void)state;
  uint8_t tokens[16];
  int32_t wide[16];
  trm__arc_grid grid = grid_of(2, 3, "019280"), back;
  static const uint8_t corner[16] = {2, 3, 11, 1, 4, 10, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0};
  static const uint8_t moved[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 11, 0, 4, 10, 2};
  trm__arc_place(&grid, 4, 0, 0, tokens);
  assert_memory_equal(tokens, corner, sizeof corner);
  for (int i = 0; i < 16; i++) wide[i] = tokens[i];
  trm__arc_crop(wide, 4, &back);
  assert_true(trm__arc_equal(&grid, &back));
  trm__arc_place(&grid, 4, 2, 1, tokens);
  assert_memory_equal(tokens, moved, sizeof moved);
  for (int i = 0; i < 16; i++) wide[i] = tokens[i];
  trm__arc_crop(wide, 4, &back);
  check_grid(&back, 0, 0, "");
}

/* The largest rectangle, whatever else a network paints. */
static void test_crop(void **state) {
  (void)state;
  trm__arc_grid grid;
  static const int32_t stairs[16] = {2, 3, 4, 5, 2, 3, 4, 0, 2, 3, 0, 2, 2, 0, 2, 2}; /* 4, 6, 6, 4 cells */
  static const int32_t wild[16] = {5, 12, 5, 5, 5, -1, 5, 5, 5, 900, 0, 5, 1, 5, 5, 5};
  trm__arc_crop(stairs, 4, &grid);
  check_grid(&grid, 2, 3, "012012");
  trm__arc_crop(wild, 4, &grid);
  check_grid(&grid, 3, 1, "333");
}

static void test_names(void **state) {
  (void)state;
  static const char *const refused[] = {"a|||",
                                        "a|||t8|||0123456789",
                                        "a|||t1|||0123456788",
                                        "a|||t1|||012345678x",
                                        "|||t1|||0123456789",
                                        "a|||t1||0123456789",
                                        "a|||x1|||0123456789"};
  trm__arc_image image;
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    assert_int_equal(trm__arc_name_read(refused[i], &image), 0);
  assert_int_equal(trm__arc_name_read("007bbfb7", &image), 8);
  assert_true(trm__arc_image_is_none(&image));
  assert_int_equal(trm__arc_name_read("x|||t3|||0987654321", &image), 1);
  assert_int_equal(image.turn, 3);
  assert_int_equal(image.colour[1], 9);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_turns), cmocka_unit_test(test_undo),
                                     cmocka_unit_test(test_key),   cmocka_unit_test(test_tokens),
                                     cmocka_unit_test(test_crop),  cmocka_unit_test(test_names)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
