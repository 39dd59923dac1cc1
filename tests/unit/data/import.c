/* Importing and checking: no puzzle, not even a transformed one, on both sides; groups; copies; options; and a checker
 * that finds what was planted. */
#include "support/data.h"

#include <trm/data.h>

#include "base/text/options.h"
#include "data/format/dataset_dir.h"
#include "task/augment.h"
#include "task/keys.h"
#include "task/maze/maze.h"
#include "task/sudoku/rules.h"

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
    CHECK_OK(trm_data_import(&config, NULL, NULL, NULL, &err), err);
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
    CHECK_OK(trm_data_import(&config, NULL, NULL, NULL, &err), err);
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
  CHECK_OK(trm_data_import(&config, NULL, NULL, NULL, &err), err);
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

/* Copies of a puzzle whose guesses are the solver's are counted too; another's count, or a rating, is that of all
 * copies. */
static void test_ratings_of_copies(void **state) {
  (void)state;
  static const char question[] = ".7..28..3..3.5....62.......196.....8...9.6....5......1.....78.55....47...1..3...9";
  static const char answer[] = "971628453843751296625349187196475328382916574457283961264197835539864712718532649";
  enum { COPIES = 12 };
  trm_error err = {0};
  trm_task task = trm_task_sudoku(9);
  int32_t q[81];
  uint8_t cells[81];
  CHECK_OK(trm_task_parse(&task, question, 81, q, 81, &err), err);
  trm__sudoku_cells(q, 81, cells);
  double guesses = (double)trm_sudoku_solve(9, cells, 1, NULL).guesses;
  const struct {
    const char *name;
    double rating;
    int counted;
  } cases[] = {{"guesses", guesses, 1}, {"guesses", guesses + 1, 0}, {"rating", guesses, 0}};
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    char text[256];
    int others = 0;
    snprintf(text, sizeof text, "question,answer,%s\n%s,%s,%.0f\n", cases[k].name, question, answer, cases[k].rating);
    put_text("one.csv", text);
    trm_import_config config = config_for(check_path(folder, "one.csv"), "one");
    config.augment = COPIES, config.test_fraction = 0;
    CHECK_OK(trm_data_import(&config, NULL, NULL, NULL, &err), err);
    trm_dataset *d = open_split("one", "train");
    assert_int_equal(d->info.examples, COPIES + 1);
    for (int64_t i = 0; i <= COPIES; i++) {
      double rating = 0;
      trm_dataset_example(d, i, q, NULL, NULL, &rating);
      trm__sudoku_cells(q, 81, cells);
      double counted = (double)trm_sudoku_solve(9, cells, 1, NULL).guesses;
      assert_true(rating == (cases[k].counted ? counted : cases[k].rating));
      others += counted != guesses;
    }
    assert_true(others > 0);
    trm_dataset_close(&d);
    CHECK_OK(trm__dir_remove(config.out, &err), err);
  }
}

static void test_second_file(void **state) {
  (void)state;
  trm_error err = {0};
  put_sudoku("train.csv", 40, 2);
  put_sudoku("test.csv", 8, 3); /* its bases are among the first file's */
  trm_import_config config = config_for(check_path(folder, "train.csv"), "second");
  snprintf(config.test_input, sizeof config.test_input, "%s/test.csv", folder);
  CHECK_OK(trm_data_import(&config, NULL, NULL, NULL, &err), err);
  trm_dataset *train = open_split("second", "train"), *test = open_split("second", "test");
  assert_int_equal(test->info.examples, 24);
  assert_true(train->info.examples > 0 && train->info.examples <= 80 - 16);
  assert_int_equal(shared_keys(train, test), 0);
  trm_dataset_close(&train);
  trm_dataset_close(&test);
  config = config_for(check_path(folder, "test.csv"), "none-left");
  snprintf(config.test_input, sizeof config.test_input, "%s/train.csv", folder);
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, NULL, &err), TRM_E_INPUT, err, "every puzzle is equivalent");
  assert_false(trm__path_exists(config.out));
}

/* A file of 30x30 mazes with labels by the published rule: bases mazes, numbered from first on, each in copies of which
 * all but the first are other images. */
static void put_mazes(const char *name, int first, int bases, int copies) {
  enum { SIDE = 30, CELLS = SIDE * SIDE };
  trm_task task = trm_task_maze();
  char *text = malloc((size_t)(bases * copies) * (2 * CELLS + 2) + 64), *p = text;
  assert_non_null(text);
  p += sprintf(p, "question,answer\n");
  for (int b = first; b < first + bases; b++)
    for (int k = 0; k < copies; k++) {
      int32_t q[CELLS], image[CELLS], a[CELLS], queue[CELLS], parent[CELLS];
      trm__rng rng = trm__rng_make(2, TRM__RNG_TEST, (uint64_t)b);
      for (int i = 0; i < CELLS; i++)
        q[i] = i / SIDE > 0 && i % SIDE > 0 && trm__rng_below(&rng, 3) == 0 ? TRM__MAZE_WALL : TRM__MAZE_FREE;
      q[trm__rng_below(&rng, SIDE)] = TRM__MAZE_START; /* the first row and column are free: there is a way */
      q[SIDE * (1 + trm__rng_below(&rng, SIDE - 1))] = TRM__MAZE_GOAL;
      trm__grid_dihedral((b + k) % 8, SIDE, SIDE, q, image);
      assert_true(trm__maze_label(SIDE, SIDE, image, a, queue, parent));
      assert_false(trm_task_render(&task, image, p, CELLS + 1, NULL));
      p[CELLS] = ',';
      assert_false(trm_task_render(&task, a, p + CELLS + 1, CELLS + 1, NULL));
      p += 2 * CELLS + 1;
      *p++ = '\n';
    }
  *p = '\0';
  put_text(name, text);
  free(text);
}

static void test_mazes_do_not_leak(void **state) {
  (void)state;
  trm_error err = {0};
  trm_check_report report;
  put_mazes("mazes.csv", 0, 20, 3);
  trm_import_config config = config_for(check_path(folder, "mazes.csv"), "mazes");
  config.test_fraction = 0.4;
  CHECK_OK(trm_data_import(&config, NULL, NULL, NULL, &err), err);
  trm_dataset *train = open_split("mazes", "train"), *test = open_split("mazes", "test");
  assert_int_equal(train->info.task.kind, TRM_TASK_MAZE);
  assert_int_equal(train->info.examples, 3 * train->info.groups); /* the images of a maze are one group */
  assert_int_equal(test->info.examples, 3 * test->info.groups);
  assert_int_equal(train->info.groups + test->info.groups, 20);
  trm_dataset_close(&train);
  trm_dataset_close(&test);
  CHECK_OK(trm_data_check(check_path(folder, "mazes"), &report, NULL, NULL, &err), err);
  assert_int_equal(report.shared + report.duplicates + report.bad_questions + report.bad_answers, 0);
  put_mazes("test-mazes.csv", 15, 10, 1); /* five of them are among the first file's, as another image */
  config = config_for(check_path(folder, "mazes.csv"), "mazes-2");
  snprintf(config.test_input, sizeof config.test_input, "%s/test-mazes.csv", folder);
  CHECK_OK(trm_data_import(&config, NULL, NULL, NULL, &err), err);
  train = open_split("mazes-2", "train");
  assert_int_equal(train->info.groups, 15);
  trm_dataset_close(&train);
  CHECK_OK(trm_data_check(check_path(folder, "mazes-2"), &report, NULL, NULL, &err), err);
  assert_int_equal(report.shared, 0);
}

/* A test split whose first maze is the mirror of a training maze, as a program that knows no leak rule writes it. */
static void test_planted_mirror(void **state) {
  (void)state;
  trm_error err = {0};
  trm_check_report report;
  trm_dataset *train = NULL, *test = NULL;
  put_mazes("a.csv", 0, 6, 1);
  put_mazes("b.csv", 5, 4, 2); /* its first two are images of the other file's last */
  CHECK_OK(trm_dataset_open(&train, check_path(folder, "a.csv"), NULL, NULL, &err), err);
  CHECK_OK(trm_dataset_open(&test, check_path(folder, "b.csv"), NULL, NULL, &err), err);
  CHECK_OK(trm__dataset_write(check_path(folder, "mirror"), train, test, &err), err);
  trm_dataset_close(&train);
  trm_dataset_close(&test);
  CHECK_OK(trm_data_check(check_path(folder, "mirror"), &report, NULL, NULL, &err), err);
  assert_int_equal(report.shared, 2);
  assert_int_equal(report.duplicates, 4);
  assert_non_null(strstr(report.first_problem, "test, example 1: is equivalent to a training puzzle"));
}

static void test_generic(void **state) {
  (void)state;
  trm_error err = {0};
  put_text("g.jsonl", "{\"question\": \"ab?\", \"answer\": \"abc\"}\n{\"question\": \"ab?\", \"answer\": \"abb\"}\n"
                      "{\"question\": \"b??\", \"answer\": \"bcc\"}\n{\"question\": \"c??\", \"answer\": \"bcc\"}\n");
  trm_import_config config = config_for(check_path(folder, "g.jsonl"), "generic");
  snprintf(config.alphabet, sizeof config.alphabet, "?abcz");
  config.width = 3;
  CHECK_OK(trm_data_import(&config, NULL, NULL, NULL, &err), err);
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
  CHECK_OK(trm_data_import(&config, NULL, NULL, NULL, &err), err);
  assert_false(trm__path_exists(check_path(folder, "whole/test")));
  config = config_for(check_path(folder, "g.jsonl"), "limited");
  config.limit = 3;
  config.test_fraction = 0;
  CHECK_OK(trm_data_import(&config, NULL, NULL, NULL, &err), err);
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
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, NULL, &err), TRM_E_USAGE, err, "no file to import");
  config = config_for(check_path(folder, "absent.csv"), "x");
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, NULL, &err), TRM_E_IO, err, "absent.csv");
  config = config_for(folder, "x");
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, NULL, &err), TRM_E_INPUT, err, "is a folder");
  config = config_for(check_path(folder, "g.csv"), "x");
  config.augment = 1;
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, NULL, &err), TRM_E_INPUT, err, "no known symmetries");
  config.augment = 0;
  config.width = 3;
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, NULL, &err), TRM_E_INPUT, err, "rows of 3");
  config.width = 0;
  strcpy(config.alphabet, "xyz");
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, NULL, &err), TRM_E_INPUT, err, "one of \"xyz\"");
  strcpy(config.alphabet, "aba");
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, NULL, &err), TRM_E_INPUT, err, "'a' appears twice");
  config.alphabet[0] = '\0';
  config.test_fraction = 1;
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, NULL, &err), TRM_E_USAGE, err, "test_fraction");
  config = config_for(check_path(folder, "same.csv"), "x");
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, NULL, &err), TRM_E_INPUT, err, "cannot be split");
  config = config_for(check_path(folder, "g.csv"), ".");
  CHECK_FAILS(trm_data_import(&config, NULL, NULL, NULL, &err), TRM_E_USAGE, err, "not empty");
  for (int calls = 0; calls < 4; calls++) {
    int left = calls;
    config = config_for(check_path(folder, "g.csv"), "x");
    CHECK_FAILS(trm_data_import(&config, NULL, stop_at_once, &left, &err), TRM_E_STOPPED, err, "stopped");
    assert_false(trm__path_exists(config.out));
  }
}

static trm_status import_once(void *context, trm_error *err) {
  trm_import_config config = config_for(check_path(folder, "m.csv"), "memory");
  (void)context;
  config.augment = 1;
  snprintf(config.test_input, sizeof config.test_input, "%s/n.csv", folder);
  trm_status status = trm__dir_remove(config.out, err);
  if (!status) status = trm_data_import(&config, NULL, NULL, NULL, err);
  if (status && trm__path_exists(config.out)) return TRM_E_INTERNAL;
  trm_check_report report;
  if (!status) status = trm_data_check(config.out, &report, NULL, NULL, err);
  (void)trm__dir_remove(config.out, NULL);
  return status;
}

/* The examples, puzzles and groups of a split, and each puzzle's identifier. */
static void check_split(const char *out, const char *split, int64_t groups, int64_t puzzles, const int32_t *identifiers,
                        const int64_t *group_indices, const int64_t *puzzle_indices) {
  trm_dataset *d = open_split(out, split);
  assert_int_equal(d->info.groups, groups);
  assert_int_equal(d->info.puzzles, puzzles);
  for (int64_t p = 0; p < puzzles; p++) assert_int_equal(d->identifiers[p], identifiers[p]);
  for (int64_t g = 0; g <= groups; g++) assert_int_equal(d->group_indices[g], group_indices[g]);
  for (int64_t p = 0; p <= puzzles; p++) assert_int_equal(d->puzzle_indices[p], puzzle_indices[p]);
  trm_dataset_close(&d);
}

#define A4 "1234341221434321"
static const char marked[] = "group,puzzle_id,question,answer\n"
                             "a,x,1.3..4...14.4..1," A4 "\n"
                             "b,y,12.4341221434321," A4 "\n" /* joins b with a by way of the next but one */
                             ",,1234341.21434321," A4 "\n"   /* of no group and the blank, but b's puzzle turned */
                             "a,x,1234.41221434321," A4 "\n"
                             "c,z,12..341221434321," A4 "\n"
                             "c,x,1...341221434321," A4 "\n"
                             "c,z,12..34122143.3.1," A4 "\n";

/* Units are joined by group and by symmetry at once; examples of one identifier in a unit are one puzzle. */
static void test_marks(void **state) {
  (void)state;
  trm_error err = {0};
  put_text("marks.csv", marked);
  trm_import_config config = config_for("", "marks");
  snprintf(config.input, sizeof config.input, "%s/marks.csv", folder);
  config.test_fraction = 0;
  CHECK_OK(trm_data_import(&config, NULL, NULL, NULL, &err), err);
  trm_dataset *d = open_split("marks", "train");
  assert_int_equal(d->info.identifiers, 4);
  assert_int_equal(d->info.examples, 7);
  trm_dataset_close(&d);
  /* one unit of a, b and the nameless one: blank, x twice, y; then c: x, z twice */
  check_split("marks", "train", 2, 5, (const int32_t[]){0, 1, 2, 1, 3}, (const int64_t[]){0, 3, 5},
              (const int64_t[]){0, 1, 3, 4, 5, 7});
}

static void test_allocations(void **state) {
  (void)state;
  put_sudoku("m.csv", 4, 2);
  put_sudoku("n.csv", 1, 1);
  size_t failures = check_each_allocation(import_once, NULL);
  assert_true(failures > 80);
  put_text("m.csv", marked);
  put_text("n.csv", "question,answer,group,puzzle_id\n1.3412..2143432.," A4 ",c,w\n");
  failures = check_each_allocation(import_once, NULL);
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

/* Answers of a task without rules are counted as not judged; of one with rules none is. */
static void test_no_rules(void **state) {
  (void)state;
  trm_error err = {0};
  trm_check_report report;
  put_text("words.csv", "question,answer\nab.d,abcd\nbc.a,bcda\nab.d,abcd\n");
  CHECK_OK(trm_data_check(check_path(folder, "words.csv"), &report, NULL, NULL, &err), err);
  assert_int_equal(report.unjudged, 3);
  assert_null(report.rules);
  assert_int_equal(report.bad_questions + report.bad_answers + report.not_unique + report.undecided, 0);
  assert_int_equal(report.duplicates, 1);
  put_text("s.csv", "question,answer\n1.3..4...14.4..1,1234341221434321\n");
  CHECK_OK(trm_data_check(check_path(folder, "s.csv"), &report, NULL, NULL, &err), err);
  assert_int_equal(report.unjudged, 0);
  assert_string_equal(report.rules, "each row, column and box holds each digit once");
}

/* A 16x16 question whose contradiction lies behind 28 independent choices between two, each of which has to be made
 * anew: the solver gives up, and so does not know whether there is a solution. It is neither good nor bad. */
static void test_undecided(void **state) {
  (void)state;
  static const char question[] = "..34.678..BC.EFG.....A.......2....BC.EFG..34.678.....2.......A.."
                                 "..45678...CDEFG.....A.CD....2.45..CDEFG...45678.....2.45....A.CD"
                                 "34...8.ABC...G.2....BC......34..BC...G.234...8.A....34......BC.."
                                 "....89ABCD....2.8..............7...F..2...6...A......5..82......";
  trm_error err = {0};
  trm_check_report report;
  uint8_t cells[256];
  char answer[257], text[600];
  for (int i = 0; i < 256; i++) answer[i] = "123456789ABCDEFG"[(4 * (i / 16 % 4) + i / 64 + i % 16) % 16];
  answer[256] = '\0';
  for (int i = 0; i < 256; i++) {
    const char *at = strchr(".123456789ABCDEFG", question[i]);
    cells[i] = (uint8_t)(at - ".123456789ABCDEFG");
  }
  trm_sudoku_result result = trm_sudoku_solve(16, cells, 2, NULL);
  assert_true(!result.complete && result.solutions < 2);
  snprintf(text, sizeof text, "question,answer\n%s,%s\n", question, answer);
  CHECK_OK(trm_data_check(put_text("hard.csv", text), &report, NULL, NULL, &err), err);
  assert_int_equal(report.undecided, 1);
  assert_int_equal(report.not_unique + report.bad_questions, 0);
  assert_true(isnan(report.mean_guesses));
  assert_int_equal(report.bad_answers, 1); /* the clue that makes the contradiction */
  assert_non_null(strstr(report.first_problem, "the answer changes a clue"));
}

/* What lies behind the first example of a group is checked as well: another puzzle with two solutions, which is also
 * the mirror of a test puzzle. */
static void test_groups_of_different_puzzles(void **state) {
  (void)state;
  trm_error err = {0};
  trm_check_report report;
  trm_dataset *plain = NULL, *train = NULL, *test = NULL;
  put_text("pair.csv", "question,answer\n1.3..4...14.4..1,1234341221434321\n1...............,1234341221434321\n");
  put_text("mirror.csv", "question,answer\n...1............,4321214334121234\n");
  CHECK_OK(trm_dataset_open(&plain, check_path(folder, "pair.csv"), NULL, NULL, &err), err);
  CHECK_OK(trm_dataset_open(&test, check_path(folder, "mirror.csv"), NULL, NULL, &err), err);
  CHECK_OK(trm__dataset_new(&train, &plain->info.task, 2, 2, NULL, &err), err);
  memcpy(train->inputs, plain->inputs, 2 * 16);
  memcpy(train->labels, plain->labels, 2 * 16);
  CHECK_OK(trm__dataset_write(check_path(folder, "pairs"), train, test, &err), err);
  CHECK_OK(trm_data_check(check_path(folder, "pairs"), &report, NULL, NULL, &err), err);
  assert_int_equal(report.groups, 2);
  assert_int_equal(report.not_unique, 2);
  assert_int_equal(report.shared, 1);
  assert_int_equal(report.duplicates, 0);
  trm_dataset_close(&plain);
  trm_dataset_close(&train);
  trm_dataset_close(&test);
}

static void test_leak(void **state) {
  (void)state;
  trm_error err = {0};
  trm_check_report report;
  trm_dataset *d = NULL;
  put_text("g.csv", "question,answer\nab,ba\nba,ab\nab,ba\n");
  CHECK_OK(trm_dataset_open(&d, check_path(folder, "g.csv"), NULL, NULL, &err), err);
  CHECK_OK(trm__dataset_write(check_path(folder, "leak"), d, d, &err), err);
  trm_dataset_close(&d);
  CHECK_OK(trm_data_check(check_path(folder, "leak"), &report, NULL, NULL, &err), err);
  assert_int_equal(report.duplicates, 2);
  assert_int_equal(report.shared, 3);
  assert_true(isnan(report.mean_guesses));
  assert_int_equal(report.bad_answers, 0);
  assert_non_null(strstr(report.first_problem, "training puzzle"));
  assert_int_equal(unlink(check_path(folder, "leak/test/dataset.json")), 0); /* it is not passed over */
  CHECK_FAILS(trm_data_check(check_path(folder, "leak"), &report, NULL, NULL, &err), TRM_E_INPUT, err,
              "no test/dataset.json");
  CHECK_OK(trm__dir_remove(check_path(folder, "leak"), &err), err);
  CHECK_OK(trm_dataset_open(&d, check_path(folder, "g.csv"), NULL, NULL, &err), err);
  CHECK_OK(trm__dataset_write(check_path(folder, "leak"), d, d, &err), err);
  trm_dataset_close(&d);
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

/* A file with the published columns: every example is the rule's, cell by cell, and rated as the file says. */
static void check_published(const char *input, const char *out, int side, int64_t examples) {
  static int32_t question[900], answer[900], label[900], queue[900], parent[900];
  trm_error err = {0};
  char notes[TRM_NOTES];
  trm_import_config config = config_for(input, out);
  config.test_fraction = 0;
  CHECK_OK(trm_data_import(&config, notes, NULL, NULL, &err), err);
  trm_dataset *d = open_split(out, "train");
  trm_dataset_info info = trm_dataset_describe(d);
  assert_int_equal(info.task.kind, TRM_TASK_MAZE);
  assert_true(info.task.width == side && info.task.height == side);
  assert_int_equal(info.examples, examples);
  for (int64_t i = 0; i < examples; i++) {
    double rating;
    int moves = 1;
    trm_dataset_example(d, i, question, answer, NULL, &rating);
    assert_true(trm__maze_label(side, side, question, label, queue, parent));
    assert_memory_equal(label, answer, sizeof *label * (size_t)(side * side));
    for (int c = 0; c < side * side; c++) moves += answer[c] == TRM__MAZE_PATH;
    assert_true(rating == moves);
  }
  trm_dataset_close(&d);
}

static void test_published_mazes(void **state) {
  (void)state;
  put_text("small.csv", "source,question,answer,rating\n"
                        "made,S     # ##  #   #      #G,S    o# ##o #  o#oooooo#G,10\n"
                        "made,S  G# # ##  #    #   #   ,SooG# # ##  #    #   #   ,3\n");
  check_published(check_path(folder, "small.csv"), "small", 5, 2);
  const char *whole = TRM_SOURCE_DIR "/../shared/data/maze/train.csv";
  if (access(whole, R_OK) != 0) print_message("%s is not there\n", whole);
  else check_published(whole, "published", 30, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_split),
      cmocka_unit_test(test_seed),
      cmocka_unit_test(test_copies),
      cmocka_unit_test(test_second_file),
      cmocka_unit_test(test_generic),
      cmocka_unit_test(test_import_refused),
      cmocka_unit_test(test_marks),
      cmocka_unit_test(test_allocations),
      cmocka_unit_test(test_planted),
      cmocka_unit_test(test_leak),
      cmocka_unit_test(test_real),
      cmocka_unit_test(test_mazes_do_not_leak),
      cmocka_unit_test(test_published_mazes),
      cmocka_unit_test(test_planted_mirror),
      cmocka_unit_test(test_ratings_of_copies),
      cmocka_unit_test(test_undecided),
      cmocka_unit_test(test_no_rules),
      cmocka_unit_test(test_groups_of_different_puzzles),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
