/* The generator: uniqueness by an independent solver, wanted ranges, minimality and repeatability at any number
 * of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "support/puzzles.h"
#include "task/sudoku/generate.h"

static trm__generate_config wanted(int size, int64_t count) {
  return (trm__generate_config){.size = size, .count = count, .max_guesses = -1, .minimal = 1, .seed = 5, .threads = 2};
}

static trm__puzzles generate(const trm__generate_config *config) {
  trm__puzzles puzzles;
  trm_error err;
  if (trm__generate(&puzzles, config, NULL, NULL, &err)) fail_msg("%s: %s", err.where, err.message);
  assert_int_equal(puzzles.count, config->count);
  return puzzles;
}

static int clues_of(const uint8_t *cells, int count) {
  int clues = 0;
  for (int i = 0; i < count; i++) clues += cells[i] != 0;
  return clues;
}

static int compare_hashes(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* What must hold of every puzzle made, checked without the solver under test (but for its guesses). */
static void check_puzzles(const trm__puzzles *puzzles, const trm__generate_config *config, int64_t brute) {
  int n = puzzles->size, cells = n * n;
  uint64_t *hashes = malloc(sizeof *hashes * (size_t)puzzles->count);
  for (int64_t p = 0; p < puzzles->count; p++) {
    const uint8_t *question = puzzles->questions + p * cells, *answer = puzzles->answers + p * cells;
    uint8_t copy[TRM__SUDOKU_CELLS];
    memcpy(copy, question, (size_t)cells);
    assert_true(grid_valid(n, box_width_of(n), box_height_of(n), answer));
    int clues = clues_of(question, cells);
    assert_true(clues >= config->min_clues && (!config->max_clues || clues <= config->max_clues));
    for (int i = 0; i < cells; i++) assert_true(question[i] == 0 || question[i] == answer[i]);
    hashes[p] = trm_sudoku_invariant(n, question);
    int64_t guesses = trm_sudoku_solve(n, question, 1, NULL).guesses;
    assert_int_equal(guesses, puzzles->guesses[p]);
    assert_true(guesses >= config->min_guesses && (config->max_guesses < 0 || guesses <= config->max_guesses));
    if (p >= brute) continue;
    assert_int_equal(brute_count(n, box_width_of(n), box_height_of(n), copy, 2), 1);
    for (int i = 0; i < cells && config->minimal; i++) {
      if (!question[i]) continue;
      memcpy(copy, question, (size_t)cells);
      copy[i] = 0;
      assert_int_equal(brute_count(n, box_width_of(n), box_height_of(n), copy, 2), 2);
    }
  }
  qsort(hashes, (size_t)puzzles->count, sizeof *hashes, compare_hashes);
  for (int64_t p = 1; p < puzzles->count; p++) assert_true(hashes[p] != hashes[p - 1]);
  free(hashes);
}

static void test_sizes(void **state) {
  (void)state;
  static const int sizes[3] = {4, 6, 9};
  static const int64_t counts[3] = {25, 2000, 150}, brute[3] = {25, 300, 15};
  for (int k = 0; k < 3; k++) {
    trm__generate_config config = wanted(sizes[k], counts[k]);
    double start = trm__clock();
    trm__puzzles puzzles = generate(&config);
    printf("%dx%d: %.0f minimal puzzles a second\n", sizes[k], sizes[k], (double)counts[k] / (trm__clock() - start));
    check_puzzles(&puzzles, &config, brute[k]);
    trm__puzzles_free(&puzzles);
  }
}

static void test_ranges(void **state) {
  (void)state;
  trm__generate_config config = wanted(6, 300);
  config.minimal = 0, config.min_clues = 12, config.max_clues = 16;
  trm__puzzles puzzles = generate(&config);
  check_puzzles(&puzzles, &config, 100);
  int seen[64] = {0};
  for (int64_t p = 0; p < puzzles.count; p++) seen[clues_of(puzzles.questions + p * 36, 36)]++;
  for (int clues = 12; clues <= 16; clues++) assert_true(seen[clues] > 20); /* spread over the range */
  trm__puzzles_free(&puzzles);
  config = wanted(9, 100);
  config.min_clues = 23, config.max_clues = 24, config.max_guesses = 0;
  puzzles = generate(&config);
  check_puzzles(&puzzles, &config, 5);
  trm__puzzles_free(&puzzles);
  config = wanted(6, 4); /* bred, then filled up */
  config.minimal = 0, config.min_clues = 13, config.max_clues = 13, config.min_guesses = 1;
  puzzles = generate(&config);
  check_puzzles(&puzzles, &config, 4);
  trm__puzzles_free(&puzzles);
}

static void test_large(void **state) {
  (void)state;
  trm__generate_config config = wanted(16, 4);
  config.minimal = 0, config.min_clues = 120, config.max_clues = 140;
  trm__puzzles puzzles = generate(&config);
  check_puzzles(&puzzles, &config, 0);
  for (int64_t p = 0; p < puzzles.count; p++)
    assert_int_equal(trm_sudoku_solve(16, puzzles.questions + p * 256, 2, NULL).solutions, 1);
  trm__puzzles_free(&puzzles);
}

/* A range that digging hardly ever meets: bred. */
static void test_hard(void **state) {
  (void)state;
  trm__generate_config config = wanted(9, 8);
  config.min_guesses = 8, config.max_guesses = 60;
  double start = trm__clock(), guesses = 0;
  trm__puzzles puzzles = generate(&config);
  double seconds = trm__clock() - start;
  check_puzzles(&puzzles, &config, 4);
  for (int64_t p = 0; p < puzzles.count; p++) guesses += (double)puzzles.guesses[p] / (double)puzzles.count;
  printf("9x9 bred: %.1f puzzles a second, mean guesses %.1f\n", (double)puzzles.count / seconds, guesses);
  trm__puzzles_free(&puzzles);
}

static void assert_same_at_any_threads(trm__generate_config config) {
  trm__puzzles first, other;
  config.threads = 1;
  first = generate(&config);
  size_t bytes = (size_t)(config.count * config.size * config.size);
  for (int threads = 2; threads <= 3; threads++) {
    config.threads = threads;
    other = generate(&config);
    assert_memory_equal(first.questions, other.questions, bytes);
    assert_memory_equal(first.answers, other.answers, bytes);
    assert_memory_equal(first.guesses, other.guesses, sizeof(int32_t) * (size_t)config.count);
    trm__puzzles_free(&other);
  }
  config.seed++;
  other = generate(&config);
  assert_memory_not_equal(first.questions, other.questions, bytes);
  trm__puzzles_free(&first);
  trm__puzzles_free(&other);
}

static void test_threads(void **state) {
  (void)state;
  assert_same_at_any_threads(wanted(6, 1500));
  trm__generate_config hard = wanted(6, 4); /* few 6x6 puzzles are that hard */
  hard.min_guesses = 3;
  assert_same_at_any_threads(hard);
}

static void test_impossible(void **state) {
  (void)state;
  trm__puzzles puzzles;
  trm_error err;
  trm__generate_config config = wanted(5, 1);
  assert_int_equal(trm__generate(&puzzles, &config, NULL, NULL, &err), TRM_E_USAGE);
  config = wanted(9, 1);
  config.min_clues = 30, config.max_clues = 20;
  assert_int_equal(trm__generate(&puzzles, &config, NULL, NULL, &err), TRM_E_USAGE);
  config = wanted(9, 1);
  config.min_guesses = 2, config.max_guesses = 1;
  assert_int_equal(trm__generate(&puzzles, &config, NULL, NULL, &err), TRM_E_USAGE);
  config = wanted(4, 1000); /* there are not that many minimal ones */
  assert_int_equal(trm__generate(&puzzles, &config, NULL, NULL, &err), TRM_E_INPUT);
  assert_non_null(strstr(err.message, "found only"));
}

static int stop_at_once(void *context, double fraction, const char *what) {
  (void)fraction, (void)what;
  ++*(int *)context;
  return 1;
}

static void test_stop_and_memory(void **state) {
  (void)state;
  trm__puzzles puzzles;
  trm_error err;
  int calls = 0;
  trm__generate_config config = wanted(6, 1000000);
  size_t before = trm__mem_used();
  assert_int_equal(trm__generate(&puzzles, &config, stop_at_once, &calls, &err), TRM_E_STOPPED);
  assert_int_equal(calls, 1);
  assert_true(trm__mem_used() == before);
  config.count = 10;
  for (size_t n = 1;; n++) {
    trm__mem_fail_at(n);
    trm_status status = trm__generate(&puzzles, &config, NULL, NULL, &err);
    trm__mem_fail_at(0);
    if (!status) break;
    assert_int_equal(status, TRM_E_MEMORY);
    assert_true(trm__mem_used() == before);
  }
  trm__puzzles_free(&puzzles);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sizes),           cmocka_unit_test(test_ranges),
      cmocka_unit_test(test_large),           cmocka_unit_test(test_hard),
      cmocka_unit_test(test_threads),         cmocka_unit_test(test_impossible),
      cmocka_unit_test(test_stop_and_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
