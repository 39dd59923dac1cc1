/* Importing and checking: no puzzle, not even a transformed one, on both sides; groups; copies; options; and a checker
 * that finds what was planted. */
#include "support/data.h"

#include <trm/data.h>

#include "base/text/options.h"
#include "data/format/dataset_dir.h"
#include "task/augment.h"
#include "task/keys.h"

static trm_import_config config_for(const char *input, const char *out) {
  trm_import_config config = trm_import_config_default();
  snprintf(config.input, sizeof config.input, "%s", input);
  snprintf(config.out, sizeof config.out, "%s/%s", folder, out);
  return config;
}

static trm_dataset *open_split(const char *out, const char *split) {
  trm_dataset *d = NULL;
  trm_error err = {0};
  CHECK_OK(trm_dataset_open(&d, check_path(folder, out), split, NULL, &err), err);
  return d;
}

/* A file of 4x4 puzzles: bases solutions with different clues, each in copies of which all but the first are images. */
static void put_sudoku(const char *name, int bases, int copies) {
  static const int32_t solved[2][16] = {{2, 3, 4, 5, 4, 5, 2, 3, 3, 2, 5, 4, 5, 4, 3, 2},
                                        {2, 3, 4, 5, 4, 5, 2, 3, 3, 4, 5, 2, 5, 2, 3, 4}};
  trm_task task = trm_task_sudoku(4);
  char *text = calloc(1, (size_t)(bases * copies) * 64 + 64), *p = text;
  p += sprintf(p, "question,answer,rating\n");
  for (int b = 0; b < bases; b++)
    for (int k = 0; k < copies; k++) {
      int32_t q[16], a[16];
      char line[2][17];
      trm_error err = {0};
      for (int c = 0; c < 16; c++) {
        a[c] = solved[b & 1][c];
        q[c] = ((unsigned)(b + 1) * 2654435761u >> (c + 7) & 1) != 0 ? a[c] : 1;
      }
      trm__rng rng = trm__rng_make(1, TRM__RNG_TEST, (uint64_t)(b * copies + k));
      if (k > 0) trm__augment(&task, &rng, q, a);
      CHECK_OK(trm_task_render(&task, q, line[0], sizeof line[0], &err), err);
      CHECK_OK(trm_task_render(&task, a, line[1], sizeof line[1], &err), err);
      p += sprintf(p, "%s,%s,%d\n", line[0], line[1], b);
    }
  put_text(name, text);
  free(text);
}

static int compare_keys(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* Sorted keys of all examples; the caller frees them. */
static uint64_t *keys_of(const trm_dataset *d) {
  uint64_t *keys = calloc((size_t)d->info.examples, sizeof *keys);
  for (int64_t i = 0; i < d->info.examples; i++) {
    int32_t q[900];
    trm_dataset_example(d, i, q, NULL, NULL, NULL);
    keys[i] = trm__question_key(&d->info.task, q, (size_t)d->info.seq_len);
  }
  qsort(keys, (size_t)d->info.examples, sizeof *keys, compare_keys);
  return keys;
}

static int64_t shared_keys(const trm_dataset *a, const trm_dataset *b) {
  uint64_t *x = keys_of(a), *y = keys_of(b);
  int64_t shared = 0;
  for (int64_t i = 0; i < a->info.examples; i++)
    shared += bsearch(&x[i], y, (size_t)b->info.examples, sizeof *y, compare_keys) != NULL;
  free(x);
  free(y);
  return shared;
}

static void test_split(void **state) {
  (void)state;
  trm_error err = {0};
  put_sudoku("s.csv", 60, 4);
  for (int64_t seed = 0; seed < 5; seed++) {
    char out[16];
    snprintf(out, sizeof out, "split%lld", (long long)seed);
    trm_import_config config = config_for(check_path(folder, "s.csv"), out);
    config.seed = seed;
    config.test_fraction = 0.25;
    CHECK_OK(trm_data_import(&config, NULL, NULL, &err), err);
    trm_dataset *train = open_split(out, "train"), *test = open_split(out, "test");
    assert_int_equal(train->info.examples + test->info.examples, 240);
    assert_true(test->info.examples >= 60 && test->info.examples <= 60 + 40);
    assert_int_equal(shared_keys(train, test), 0);
    assert_true(train->info.groups < train->info.examples); /* the images of a base are one group */
    assert_int_equal(train->info.puzzles, train->info.examples);
    for (int64_t g = 0; g < train->info.groups; g++) {
      int32_t first[16], other[16];
      trm_dataset_example(train, train->group_indices[g], first, NULL, NULL, NULL);
      for (int64_t i = train->group_indices[g]; i < train->group_indices[g + 1]; i++) {
        trm_dataset_example(train, i, other, NULL, NULL, NULL);
        assert_true(trm__question_key(&train->info.task, first, 16) == trm__question_key(&train->info.task, other, 16));
      }
    }
    assert_string_equal(train->info.rating_name, "rating");
    trm_check_report report;
    CHECK_OK(trm_data_check(check_path(folder, out), &report, NULL, NULL, &err), err);
    assert_int_equal(report.shared, 0);
    assert_int_equal(report.duplicates, 0);
    assert_int_equal(report.examples, 240);
    trm_dataset_close(&train);
    trm_dataset_close(&test);
  }
}

static void read_all(const char *path, char **data, size_t *size) {
  trm_error err = {0};
  CHECK_OK(trm__file_read(path, 1 << 24, data, size, &err), err);
}

static void assert_same_file(const char *a, const char *b, int same) {
  char *x, *y;
  size_t m, n;
  read_all(a, &x, &m);
  read_all(b, &y, &n);
  assert_int_equal(m == n && memcmp(x, y, n) == 0, same);
  trm__free(x);
  trm__free(y);
}

static void test_seed(void **state) {
  (void)state;
  trm_error err = {0};
  put_sudoku("d.csv", 50, 1);
  const char *const names[] = {"seed-a", "seed-b", "seed-c"};
  for (int i = 0; i < 3; i++) {
    trm_import_config config = config_for(check_path(folder, "d.csv"), names[i]);
    config.seed = i / 2;
    config.augment = 2;
    CHECK_OK(trm_data_import(&config, NULL, NULL, &err), err);
  }
  const char *const files[] = {"train/all__inputs.npy", "train/all__labels.npy", "test/all__inputs.npy"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char a[256], b[256], c[256];
    snprintf(a, sizeof a, "%s/seed-a/%s", folder, files[i]);
    snprintf(b, sizeof b, "%s/seed-b/%s", folder, files[i]);
    snprintf(c, sizeof c, "%s/seed-c/%s", folder, files[i]);
    assert_same_file(a, b, 1);
    assert_same_file(a, c, 0);
  }
}

static void test_copies(void **state) {
  (void)state;
  trm_error err = {0};
  put_sudoku("c.csv", 20, 1);
  trm_import_config config = config_for(check_path(folder, "c.csv"), "copies");
  config.augment = 5;
  CHECK_OK(trm_data_import(&config, NULL, NULL, &err), err);
  trm_dataset *train = open_split("copies", "train"), *test = open_split("copies", "test");
  assert_int_equal(train->info.examples % 6, 0);
  assert_int_equal(train->info.examples / 6 + test->info.examples, 20);
  int different = 0;
  for (int64_t i = 0; i < train->info.examples; i++) {
    int32_t base[16], q[16], a[16];
    double rating, base_rating;
    trm_dataset_example(train, i / 6 * 6, base, NULL, NULL, &base_rating);
    trm_dataset_example(train, i, q, a, NULL, &rating);
    different += memcmp(base, q, sizeof q) != 0;
    assert_true(rating == base_rating);
    assert_true(trm__question_key(&train->info.task, base, 16) == trm__question_key(&train->info.task, q, 16));
    trm_task_verdict v = trm_task_judge(&train->info.task, q, a);
    assert_true(v.keeps_clues == 1 && v.keeps_rules == 1);
  }
  assert_true(different > train->info.examples / 2);
  trm_dataset_close(&train);
  trm_dataset_close(&test);
}

static void test_second_file(void **state) {
  (void)state;
  trm_error err = {0};
  put_sudoku("train.csv", 40, 2);
  put_sudoku("test.csv", 8, 3); /* its bases are among the first file's */
  trm_import_config config = config_for(check_path(folder, "train.csv"), "second");
  snprintf(config.test_input, sizeof config.test_input, "%s/test.csv", folder);
  CHECK_OK(trm_data_import(&config, NULL, NULL, &err), err);
  trm_dataset *train = open_split("second", "train"), *test = open_split("second", "test");
  assert_int_equal(test->info.examples, 24);
  assert_true(train->info.examples > 0 && train->info.examples <= 80 - 16);
  assert_int_equal(shared_keys(train, test), 0);
  trm_dataset_close(&train);
  trm_dataset_close(&test);
  config = config_for(check_path(folder, "test.csv"), "none-left");
  snprintf(config.test_input, sizeof config.test_input, "%s/train.csv", folder);
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, &err), TRM_E_INPUT, err, "every puzzle is equivalent");
  assert_false(trm__path_exists(config.out));
}

static void test_generic(void **state) {
  (void)state;
  trm_error err = {0};
  put_text("g.jsonl", "{\"question\": \"ab?\", \"answer\": \"abc\"}\n{\"question\": \"ab?\", \"answer\": \"abb\"}\n"
                      "{\"question\": \"b??\", \"answer\": \"bcc\"}\n{\"question\": \"c??\", \"answer\": \"bcc\"}\n");
  trm_import_config config = config_for(check_path(folder, "g.jsonl"), "generic");
  snprintf(config.alphabet, sizeof config.alphabet, "?abcz");
  config.width = 3;
  CHECK_OK(trm_data_import(&config, NULL, NULL, &err), err);
  trm_dataset *train = open_split("generic", "train"), *test = open_split("generic", "test");
  assert_string_equal(train->info.task.alphabet, "?abcz");
  assert_int_equal(train->info.vocab_size, 6);
  assert_int_equal(train->info.examples + test->info.examples, 4);
  assert_int_equal(shared_keys(train, test), 0);
  assert_int_equal(train->info.has_ratings, 0);
  trm_dataset_close(&train);
  trm_dataset_close(&test);
  config = config_for(check_path(folder, "g.jsonl"), "whole");
  config.test_fraction = 0;
  CHECK_OK(trm_data_import(&config, NULL, NULL, &err), err);
  assert_false(trm__path_exists(check_path(folder, "whole/test")));
  config = config_for(check_path(folder, "g.jsonl"), "limited");
  config.limit = 3;
  config.test_fraction = 0;
  CHECK_OK(trm_data_import(&config, NULL, NULL, &err), err);
  train = open_split("limited", "train");
  assert_int_equal(train->info.examples, 3);
  trm_dataset_close(&train);
}

static int stop_at_once(void *context, double fraction, const char *what) {
  int *calls = context;
  assert_true(fraction >= 0 && fraction <= 1 && what[0] != '\0');
  return --*calls < 0;
}

static void test_import_refused(void **state) {
  (void)state;
  trm_error err = {0};
  put_text("g.csv", "question,answer\nab,ba\nba,ab\n");
  put_text("same.csv", "question,answer\nab,ba\nab,ab\n");
  trm_import_config config = config_for("", "x");
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, &err), TRM_E_USAGE, err, "no file to import");
  config = config_for(check_path(folder, "absent.csv"), "x");
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, &err), TRM_E_IO, err, "absent.csv");
  config = config_for(folder, "x");
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, &err), TRM_E_INPUT, err, "unknown kind of file");
  config = config_for(check_path(folder, "g.csv"), "x");
  config.augment = 1;
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, &err), TRM_E_INPUT, err, "no known symmetries");
  config.augment = 0;
  config.width = 3;
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, &err), TRM_E_INPUT, err, "rows of 3");
  config.width = 0;
  strcpy(config.alphabet, "xyz");
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, &err), TRM_E_INPUT, err, "one of \"xyz\"");
  strcpy(config.alphabet, "aba");
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, &err), TRM_E_INPUT, err, "'a' appears twice");
  config.alphabet[0] = '\0';
  config.test_fraction = 1;
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, &err), TRM_E_USAGE, err, "test_fraction");
  config = config_for(check_path(folder, "same.csv"), "x");
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, &err), TRM_E_INPUT, err, "cannot be split");
  config = config_for(check_path(folder, "g.csv"), ".");
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, &err), TRM_E_USAGE, err, "not empty");
  for (int calls = 0; calls < 4; calls++) {
    int left = calls;
    config = config_for(check_path(folder, "g.csv"), "x");
    CHECK_FAILS(trm_data_import(&config, stop_at_once, &left, &err), TRM_E_STOPPED, err, "stopped");
    assert_false(trm__path_exists(config.out));
  }
}

static trm_status import_once(void *context, trm_error *err) {
  trm_import_config config = config_for(check_path(folder, "m.csv"), "memory");
  (void)context;
  config.augment = 1;
  snprintf(config.test_input, sizeof config.test_input, "%s/n.csv", folder);
  trm_status status = trm__dir_remove(config.out, err);
  if (!status) status = trm_data_import(&config, NULL, NULL, err);
  if (status && trm__path_exists(config.out)) return TRM_E_INTERNAL;
  trm_check_report report;
  if (!status) status = trm_data_check(config.out, &report, NULL, NULL, err);
  (void)trm__dir_remove(config.out, NULL);
  return status;
}

static void test_allocations(void **state) {
  (void)state;
  put_sudoku("m.csv", 4, 2);
  put_sudoku("n.csv", 1, 1);
  size_t failures = check_each_allocation(import_once, NULL);
  assert_true(failures > 80);
}

/* -- checking -- */

static void test_planted(void **state) {
  (void)state;
  trm_error err = {0};
  trm_check_report report;
  put_text("p.csv", "question,answer\n"
                    "1.3..4...14.4..1,1234341221434321\n"   /* sound */
                    "1.3..4...14.4..1,1234341221434321\n"   /* the same again */
                    "2.4..3...23.3..2,2143432112343412\n"   /* relabelled: 1-2, 3-4 */
                    "11...4...14.4..1,1234341221434321\n"   /* two 1s in a row; the answer changes a clue */
                    "1.3..4...14.4..1,1234341221434312\n"   /* the answer breaks the rules and a clue */
                    "1...............,1234341221434321\n"); /* many solutions */
  CHECK_OK(trm_data_check(check_path(folder, "p.csv"), &report, NULL, NULL, &err), err);
  assert_int_equal(report.examples, 6);
  assert_int_equal(report.groups, 6);
  assert_int_equal(report.bad_questions, 1);
  assert_int_equal(report.bad_answers, 2);
  assert_int_equal(report.not_unique, 1);
  assert_int_equal(report.duplicates, 3);
  assert_int_equal(report.shared, 0);
  assert_true(report.mean_guesses >= 0);
  assert_true(isnan(report.mean_rating));
  assert_non_null(strstr(report.first_problem, "example 4: row 1, column 2"));
  put_text("r.csv", "question,answer,rating\n1.3..4...14.4..1,1234341221434321,3\n"
                    "2.4..3...23.3..2,2143432112343412,8\n");
  CHECK_OK(trm_data_check(check_path(folder, "r.csv"), &report, NULL, NULL, &err), err);
  assert_true(report.mean_rating == 5.5);
  put_text("q.csv", "question,answer\n123........4....,1234341221434321\n"); /* nothing fits row 1, column 4 */
  CHECK_OK(trm_data_check(check_path(folder, "q.csv"), &report, NULL, NULL, &err), err);
  assert_int_equal(report.bad_questions, 1);
  assert_int_equal(report.bad_answers, 1);
}

static void test_leak(void **state) {
  (void)state;
  trm_error err = {0};
  trm_check_report report;
  trm_dataset *d = NULL;
  put_text("g.csv", "question,answer\nab,ba\nba,ab\nab,ab\n");
  CHECK_OK(trm_dataset_open(&d, check_path(folder, "g.csv"), NULL, NULL, &err), err);
  CHECK_OK(trm__dataset_write(check_path(folder, "leak"), d, d, &err), err);
  trm_dataset_close(&d);
  CHECK_OK(trm_data_check(check_path(folder, "leak"), &report, NULL, NULL, &err), err);
  assert_int_equal(report.duplicates, 2);
  assert_int_equal(report.shared, 3);
  assert_true(isnan(report.mean_guesses));
  assert_int_equal(report.bad_answers, 0);
  assert_non_null(strstr(report.first_problem, "training puzzle"));
  CHECK_OK(trm__dir_remove(check_path(folder, "leak/train"), &err), err);
  CHECK_OK(trm_data_check(check_path(folder, "leak"), &report, NULL, NULL, &err), err);
  assert_int_equal(report.shared, 0);
  CHECK_OK(trm__dir_remove(check_path(folder, "leak/test"), &err), err);
  CHECK_FAILS(trm_data_check(check_path(folder, "leak"), &report, NULL, NULL, &err), TRM_E_INPUT, err, "neither");
  CHECK_FAILS(trm_data_check(check_path(folder, "nowhere.csv"), &report, NULL, NULL, &err), TRM_E_IO, err, "nowhere");
  int left = 0;
  CHECK_FAILS(trm_data_check(check_path(folder, "g.csv"), &report, stop_at_once, &left, &err), TRM_E_STOPPED, err,
              "stopped");
}

static void test_real(void **state) {
  (void)state;
  const struct {
    const char *name;
    int64_t examples;
    double least_guesses;
  } files[] = {{"data/sudoku/train.csv", 1000, 5}, {"data/maze/train.csv", 1000, (double)NAN}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    const char *path = check_shared(files[i].name);
    if (!path) continue;
    trm_check_report report;
    trm_error err = {0};
    CHECK_OK(trm_data_check(path, &report, NULL, NULL, &err), err);
    assert_int_equal(report.examples, files[i].examples);
    assert_int_equal(report.bad_questions + report.bad_answers + report.not_unique + report.duplicates, 0);
    if (!isnan(files[i].least_guesses)) assert_true(report.mean_guesses > files[i].least_guesses);
    assert_string_equal(report.first_problem, "");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_split),       cmocka_unit_test(test_seed),    cmocka_unit_test(test_copies),
      cmocka_unit_test(test_second_file), cmocka_unit_test(test_generic), cmocka_unit_test(test_import_refused),
      cmocka_unit_test(test_allocations), cmocka_unit_test(test_planted), cmocka_unit_test(test_leak),
      cmocka_unit_test(test_real),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
