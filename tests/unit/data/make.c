/* Datasets that trm data make writes: splits that share nothing, copies of one puzzle in one group, honest ratings, and
 * nothing left behind when it refuses or is stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <trm/data.h>

#include "base/os/file.h"
#include "task/keys.h"

static int compare_hashes(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static int stop_at_once(void *context, double fraction, const char *what) {
  (void)fraction, (void)what;
  ++*(int *)context;
  return 1;
}

static trm_make_config make_config(const char *out) {
  trm_make_config config = trm_make_config_default();
  config.side = 6, config.train = 300, config.test = 100, config.minimal = 1, config.augment = 2;
  config.seed = 3, config.threads = 2;
  snprintf(config.out, sizeof config.out, "%s", out);
  return config;
}

/* Adds the invariants of a split, one for each group (its copies must have the same). */
static size_t read_split(const char *path, const char *split, int64_t copies, uint64_t *hashes) {
  trm_dataset *set;
  trm_error err;
  if (trm_dataset_open(&set, path, split, NULL, &err)) fail_msg("%s: %s", err.where, err.message);
  trm_dataset_info info = trm_dataset_describe(set);
  assert_int_equal(info.task.kind, TRM_TASK_SUDOKU);
  assert_string_equal(info.rating_name, "guesses");
  assert_int_equal(info.examples, info.groups * (copies + 1));
  for (int64_t i = 0; i < info.examples; i++) {
    int32_t inputs[36], labels[36], id;
    uint8_t question[36], answer[36], solution[36];
    double rating;
    trm_dataset_example(set, i, inputs, labels, &id, &rating);
    for (int c = 0; c < 36; c++) question[c] = (uint8_t)(inputs[c] - 1), answer[c] = (uint8_t)(labels[c] - 1);
    trm_sudoku_result result = trm_sudoku_solve(6, question, 2, solution);
    assert_int_equal(result.solutions, 1);
    assert_memory_equal(solution, answer, 36);
    assert_true(rating == (double)result.guesses);
    uint64_t hash = trm_sudoku_invariant(6, question);
    if (i % (copies + 1)) assert_true(hash == hashes[i / (copies + 1)]);
    hashes[i / (copies + 1)] = hash;
  }
  trm_dataset_close(&set);
  return (size_t)info.groups;
}

static void test_make(void **state) {
  (void)state;
  char path[64];
  trm_error err;
  static uint64_t hashes[400];
  snprintf(path, sizeof path, "made-%d", (int)getpid());
  trm_make_config config = make_config(path);
  if (trm_data_make(&config, NULL, NULL, &err)) fail_msg("%s: %s", err.where, err.message);
  assert_int_equal(read_split(path, "train", 2, hashes), 300);
  assert_int_equal(read_split(path, "test", 0, hashes + 300), 100);
  qsort(hashes, 400, sizeof *hashes, compare_hashes);
  for (int i = 1; i < 400; i++) assert_true(hashes[i] != hashes[i - 1]);
  assert_int_not_equal(trm_data_make(&config, NULL, NULL, &err), TRM_OK); /* never over another */
  assert_int_equal(trm__dir_remove(path, &err), TRM_OK);
}

static void test_make_refuses(void **state) {
  (void)state;
  trm_error err;
  int calls = 0;
  trm_make_config config = make_config("");
  assert_int_equal(trm_data_make(&config, NULL, NULL, &err), TRM_E_USAGE);
  config = make_config("never-made");
  config.train = config.test = 0;
  assert_int_equal(trm_data_make(&config, NULL, NULL, &err), TRM_E_USAGE);
  config = make_config("never-made");
  config.side = 7;
  assert_int_equal(trm_data_make(&config, NULL, NULL, &err), TRM_E_USAGE);
  config = make_config("never-made");
  config.augment = 1 << 30;
  assert_int_equal(trm_data_make(&config, NULL, NULL, &err), TRM_E_USAGE);
  config = make_config("never-made");
  assert_int_equal(trm_data_make(&config, stop_at_once, &calls, &err), TRM_E_STOPPED);
  assert_false(trm__path_exists("never-made"));
}

/* Mazes share the way of all kinds whose puzzles are searched one by one: no two the same, rated, again from the seed. */
static void test_make_mazes(void **state) {
  (void)state;
  char path[64];
  trm_error err;
  uint64_t seen[90];
  int counts = 0;
  for (int threads = 1; threads <= 2; threads++) {
    trm_dataset *set;
    snprintf(path, sizeof path, "mazes-%d", (int)getpid());
    trm_make_config config = trm_make_config_default();
    snprintf(config.out, sizeof config.out, "%s", path);
    snprintf(config.task, sizeof config.task, "maze");
    config.side = 7, config.min_path = 6, config.train = 60, config.test = 30, config.augment = 1;
    config.threads = threads;
    if (trm_data_make(&config, NULL, NULL, &err)) fail_msg("%s: %s", err.where, err.message);
    for (int split = 0; split < 2; split++) {
      if (trm_dataset_open(&set, path, split ? "test" : "train", NULL, &err)) fail_msg("%s: %s", err.where, err.message);
      trm_dataset_info info = trm_dataset_describe(set);
      assert_int_equal(info.task.kind, TRM_TASK_MAZE);
      assert_true(info.task.width == 7 && info.examples == (split ? 30 : 120));
      for (int64_t i = 0; i < info.examples; i++) {
        int32_t question[49], answer[49];
        double rating;
        int moves = 1;
        trm_dataset_example(set, i, question, answer, NULL, &rating);
        for (int c = 0; c < 49; c++) moves += answer[c] == 5;
        assert_true(rating == moves && moves >= 6);
        assert_int_equal(trm_task_judge(&info.task, question, answer).keeps_rules, 1);
        uint64_t key = trm__question_key(&info.task, question, 49);
        if (!split && i % 2) {
          assert_true(key == seen[counts - 1]); /* a copy */
          continue;
        }
        if (threads == 1) {
          for (int k = 0; k < counts; k++) assert_true(seen[k] != key);
          seen[counts] = key;
        } else assert_true(seen[counts] == key);
        counts++;
      }
      trm_dataset_close(&set);
    }
    assert_int_equal(counts, 90);
    counts = 0;
    assert_int_equal(trm__dir_remove(path, &err), TRM_OK);
  }
}

static void refused_maze(const char *task, int64_t min_path, int minimal, int64_t max_clues, const char *why) {
  trm_error err = {0};
  trm_make_config config = make_config("never-made");
  snprintf(config.task, sizeof config.task, "%s", task);
  config.min_path = min_path, config.minimal = minimal, config.max_clues = max_clues;
  assert_int_equal(trm_data_make(&config, NULL, NULL, &err), TRM_E_USAGE);
  if (!strstr(err.message, why)) fail_msg("%s: %s", err.where, err.message);
  assert_false(trm__path_exists("never-made"));
}

static void test_make_refuses_other_kinds_options(void **state) {
  (void)state;
  refused_maze("arc", 0, 1, 0, "found \"arc\", expected a kind whose puzzles trm makes");
  refused_maze("mazes", 0, 1, 0, "found \"mazes\"");
  refused_maze("maze", 36, 1, 0, "0 to 35 in a grid of 6");
  refused_maze("maze", 0, 0, 0, "is of Sudoku");
  refused_maze("maze", 0, 1, 20, "clues and guesses are of Sudoku");
  refused_maze("sudoku", 5, 1, 0, "paths and sides are of mazes");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_make),
      cmocka_unit_test(test_make_refuses),
      cmocka_unit_test(test_make_mazes),
      cmocka_unit_test(test_make_refuses_other_kinds_options),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
