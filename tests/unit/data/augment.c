/* Augmenting and exporting: all images of a maze, the same ones from the same seed, groups, ratings, and a file that
 * reads back the same. */
#include "support/data.h"

#include <trm/data.h>

#include "data/dataset.h"
#include "task/keys.h"

#define MAZES "question,answer,rating\n\"S  \n # \n#G \",\"Soo\n #o\n#Go\",5\n\"S G\n###\n   \",\"SoG\n###\n   \",\n"
#define SUDOKU "question,answer,guesses\n1.3.3.....2....3,1234341243212143,0\n.2..3....1.....1,1234341221434321,1e3\n"

static trm_augment_config config_of(const char *input, const char *out, int64_t copies) {
  trm_augment_config config = trm_augment_config_default();
  snprintf(config.input, sizeof config.input, "%s", input);
  snprintf(config.out, sizeof config.out, "%s", check_path(folder, out));
  config.copies = copies;
  return config;
}

static trm_dataset *augmented(const char *input, const char *out, int64_t copies, int64_t seed, char notes[TRM_NOTES]) {
  trm_error err = {0};
  trm_dataset *d = NULL;
  trm_augment_config config = config_of(input, out, copies);
  config.seed = seed;
  CHECK_OK(trm_data_augment(&config, notes, NULL, NULL, &err), err);
  CHECK_OK(trm_dataset_open(&d, config.out, "train", NULL, &err), err);
  return d;
}

static int same_examples(const trm_dataset *d, int64_t a, int64_t b) {
  int32_t tokens[4][256];
  size_t bytes = (size_t)trm_dataset_describe(d).seq_len * sizeof tokens[0][0];
  trm_dataset_example(d, a, tokens[0], tokens[1], NULL, NULL);
  trm_dataset_example(d, b, tokens[2], tokens[3], NULL, NULL);
  return !memcmp(tokens[0], tokens[2], bytes) && !memcmp(tokens[1], tokens[3], bytes);
}

/* A maze without symmetry has each of its eight images once, in one group; one that is its own mirror image has four.
 */
static void test_mazes(void **state) {
  (void)state;
  char notes[TRM_NOTES];
  trm_dataset *d = augmented(put_text("m.csv", MAZES), "m8", 7, 0, notes);
  trm_dataset_info info = trm_dataset_describe(d);
  int32_t question[9], answer[9];
  double rating;
  assert_int_equal(info.task.kind, TRM_TASK_MAZE);
  assert_int_equal(info.examples, 16);
  assert_int_equal(info.groups, 2);
  assert_int_equal(d->group_indices[1], 8);
  assert_string_equal(notes, "");
  uint64_t key[2];
  for (int64_t i = 0; i < 16; i++) {
    trm_dataset_example(d, i, question, answer, NULL, &rating);
    for (int k = 0; k < 9; k++) assert_true(answer[k] > 0);
    trm_task_verdict verdict = trm_task_judge(&info.task, question, answer);
    assert_true(verdict.keeps_clues == 1 && verdict.keeps_rules == 1);
    assert_true(i < 8 ? rating == 5 : isnan(rating));
    uint64_t its = trm__question_key(&info.task, question, 9);
    if (i % 8 == 0) key[i / 8] = its;
    assert_int_equal(its, key[i / 8]);
    for (int64_t k = i - i % 8; k < i; k++) assert_int_equal(same_examples(d, i, k), 0);
  }
  trm_dataset_close(&d);
  put_text("mirror.csv", "question,answer\n\"#S#\n# #\n#G#\",\"#S#\n#o#\n#G#\"\n");
  d = augmented(check_path(folder, "mirror.csv"), "m4", 7, 0, notes);
  assert_int_equal(trm_dataset_describe(d).examples, 4);
  assert_string_equal(notes, "4 images fewer than asked for: not every puzzle has 7 different ones\n");
  trm_dataset_close(&d);
}

/* Seeds decide; the test split stays; a rating that is the solver's count is counted again, another one is kept. */
static void test_sudoku(void **state) {
  (void)state;
  char path[128], notes[TRM_NOTES];
  trm_error err = {0};
  snprintf(path, sizeof path, "%s", put_text("s.csv", SUDOKU));
  trm_dataset *a = augmented(path, "a", 20, 1, notes), *b = augmented(path, "b", 20, 1, NULL);
  trm_dataset *other = augmented(path, "c", 20, 2, NULL), *more = augmented(path, "e", 30, 1, NULL);
  assert_int_equal(trm_dataset_describe(a).examples, 42);
  assert_memory_equal(a->inputs, b->inputs, 42 * 16);
  assert_memory_equal(a->labels, b->labels, 42 * 16);
  assert_memory_not_equal(a->inputs, other->inputs, 42 * 16);
  assert_memory_equal(a->inputs, more->inputs, 21 * 16); /* more copies begin with the same */
  for (int64_t i = 21; i < 42; i++) assert_true(a->ratings[i] == 1000);
  trm_check_report report;
  CHECK_OK(trm_data_check(check_path(folder, "a"), &report, NULL, NULL, &err), err);
  assert_int_equal(report.bad_answers + report.bad_questions + report.duplicates + report.conflicts, 0);
  trm_dataset_close(&a);
  trm_dataset_close(&b);
  trm_dataset_close(&other);
  trm_dataset_close(&more);
  trm_import_config import = trm_import_config_default();
  snprintf(import.input, sizeof import.input, "%s", path);
  snprintf(import.out, sizeof import.out, "%s", check_path(folder, "split"));
  import.test_fraction = 0.5;
  CHECK_OK(trm_data_import(&import, NULL, NULL, NULL, &err), err);
  a = augmented(import.out, "split-3", 3, 0, NULL);
  assert_int_equal(trm_dataset_describe(a).examples, 4);
  trm_dataset_close(&a);
  CHECK_OK(trm_dataset_open(&a, check_path(folder, "split-3"), "test", NULL, &err), err);
  assert_int_equal(trm_dataset_describe(a).examples, 1);
  trm_dataset_close(&a);
}

static int stop_at_once(void *context, double fraction, const char *what) {
  (void)context, (void)fraction, (void)what;
  return 1;
}

static void test_refused(void **state) {
  (void)state;
  trm_error err = {0};
  char path[128];
  snprintf(path, sizeof path, "%s", put_text("s.csv", SUDOKU));
  trm_augment_config config = config_of(path, "x", 0);
  CHECK_FAILS(trm_data_augment(&config, NULL, NULL, NULL, &err), TRM_E_USAGE, err, "expected 1 or more");
  config = config_of("", "x", 1);
  CHECK_FAILS(trm_data_augment(&config, NULL, NULL, NULL, &err), TRM_E_USAGE, err, "no dataset");
  config = config_of(put_text("g.csv", "question,answer\nab,ba\n"), "x", 1);
  CHECK_FAILS(trm_data_augment(&config, NULL, NULL, NULL, &err), TRM_E_INPUT, err, "no known symmetries");
  config = config_of(path, "x", 1);
  CHECK_FAILS(trm_data_augment(&config, NULL, stop_at_once, NULL, &err), TRM_E_STOPPED, err, "stopped");
  config = config_of(path, "a", 1);
  CHECK_FAILS(trm_data_augment(&config, NULL, NULL, NULL, &err), TRM_E_USAGE, err, "not empty");
  config.size = 0;
  CHECK_FAILS(trm_data_augment(&config, NULL, NULL, NULL, &err), TRM_E_USAGE, err, "trm_augment_config_default()");
  assert_int_equal(trm__path_exists(check_path(folder, "x")), 0);
}

/* -- export -- */

static void test_export(void **state) {
  (void)state;
  static const char *const texts[] = {
      MAZES,
      SUDOKU,
      "question,answer\n\"a,\"\"b\",\"\"\"b,a\"\nbbbb,aaaa\n",
      "question,answer\n# ab,b a#\n",
      "{\"train\": [{\"input\": [[0, 9]], \"output\": [[3], [7]]}]}",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    trm_dataset *d = NULL, *back = NULL;
    trm_error err = {0};
    char out[128];
    CHECK_OK(trm_dataset_open(&d, put_text("in", texts[i]), NULL, NULL, &err), err);
    snprintf(out, sizeof out, "%s", check_path(folder, "out.csv"));
    CHECK_OK(trm_data_export(d, "in", out, &err), err);
    CHECK_OK(trm_dataset_open(&back, out, NULL, NULL, &err), err);
    trm_dataset_info a = trm_dataset_describe(d), b = trm_dataset_describe(back);
    assert_int_equal(a.examples, b.examples);
    assert_int_equal(a.task.kind, b.task.kind);
    assert_string_equal(a.task.alphabet, b.task.alphabet);
    assert_memory_equal(d->inputs, back->inputs, (size_t)(a.examples * a.seq_len));
    assert_memory_equal(d->labels, back->labels, (size_t)(a.examples * a.seq_len));
    assert_int_equal(a.has_ratings, b.has_ratings);
    assert_string_equal(a.rating_name, b.rating_name);
    for (int64_t k = 0; k < a.examples && a.has_ratings; k++)
      assert_true(d->ratings[k] == back->ratings[k] || (isnan(d->ratings[k]) && isnan(back->ratings[k])));
    trm_dataset_close(&d);
    trm_dataset_close(&back);
  }
}

static void test_export_refused(void **state) {
  (void)state;
  trm_dataset *d = NULL;
  trm_error err = {0};
  CHECK_OK(trm_dataset_open(&d, put_text("in", "question,answer\nab,ba\n"), NULL, NULL, &err), err);
  d->labels[1] = 0;
  CHECK_FAILS(trm_data_export(d, "in", check_path(folder, "no.csv"), &err), TRM_E_INPUT, err, "no symbol for that");
  assert_int_equal(trm__path_exists(check_path(folder, "no.csv")), 0);
  d->info.task.alphabet[0] = '\0';
  CHECK_FAILS(trm_data_export(d, "in", check_path(folder, "no.csv"), &err), TRM_E_INPUT, err, "no symbols");
  trm_dataset_close(&d);
}

static trm_status everything(void *path, trm_error *err) {
  trm_dataset *d = NULL;
  trm_augment_config config = config_of(path, "each", 2);
  trm_error ignored;
  (void)trm__dir_remove(config.out, &ignored);
  trm_status status = trm_data_augment(&config, NULL, NULL, NULL, err);
  if (!status) status = trm_dataset_open(&d, path, NULL, NULL, err);
  if (!status) status = trm_data_export(d, path, check_path(folder, "each.csv"), err);
  trm_dataset_close(&d);
  return status;
}

static void test_allocations(void **state) {
  (void)state;
  char path[128];
  snprintf(path, sizeof path, "%s", put_text("m.csv", MAZES));
  assert_true(check_each_allocation(everything, path) >= 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_mazes),  cmocka_unit_test(test_sudoku),         cmocka_unit_test(test_refused),
      cmocka_unit_test(test_export), cmocka_unit_test(test_export_refused), cmocka_unit_test(test_allocations),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
