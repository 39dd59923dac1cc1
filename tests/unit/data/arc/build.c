/* ARC's datasets: what is refused and how it is told, images that are distinct and all of them where there are few, the
 * same bytes with any number of threads, full disks and failing allocations. That every grid maps back is tested by
 * e2e/arc, with another implementation. */
#include "support/data.h"

#include <trm/arc.h>

#include "data/arc/names.h"
#include "data/dataset.h"

#define PAIR "{\"input\": [[1, 0]], \"output\": [[0, 1]]}"
#define TASK "{\"train\": [" PAIR "], \"test\": [{\"input\": [[0, 0, 1]], \"output\": [[1, 0, 0]]}]}"
#define OTHER "{\"train\": [{\"input\": [[2, 3], [4, 5]], \"output\": [[5]]}], \"test\": [{\"input\": [[1, 2]]}]}"

static void refuse(const char *text, const char *message) {
  trm__arc_tasks tasks = {0};
  trm_error err;
  CHECK_FAILS(trm__arc_tasks_parse(&tasks, text, strlen(text), "x.json", 0, &err), TRM_E_INPUT, err, message);
  assert_string_equal(err.where, "x.json");
  trm__arc_tasks_free(&tasks);
}

#define WITH(grid) "{\"t\": {\"train\": [{\"input\": " grid ", \"output\": [[1]]}], \"test\": [{\"input\": [[1]]}]}}"

static void test_refused(void **state) {
  (void)state;
  char wide[400] = "{\"t\": {\"train\": [{\"input\": [[0", *p = wide + strlen(wide);
  for (int i = 0; i < 30; i++) p += sprintf(p, ",0");
  strcpy(p, "]], \"output\": [[1]]}], \"test\": [{\"input\": [[1]]}]}}");
  refuse(wide, "task t, \"input\" of pair 1 of \"train\": 31 columns, expected 1 to 30");
  refuse(WITH("[[1, 2], [3]]"), "row 2 has 1 cells, expected 2 as in row 1");
  refuse(WITH("[[1], 2]"), "row 2 is a whole number, expected an array");
  refuse(WITH("[]"), "0 rows, expected 1 to 30");
  refuse(WITH("[[]]"), "0 columns, expected 1 to 30");
  refuse(WITH("[[1, 10]]"), "row 1, column 2: found 10, expected a colour 0 to 9");
  refuse(WITH("[[-1]]"), "found -1, expected a colour 0 to 9");
  refuse(WITH("[[1.0]]"), "expected a colour 0 to 9");
  refuse(WITH("7"), "expected a grid: an array of rows");
  refuse("{\"t\": {\"train\": [], \"test\": [" PAIR "]}}", "task t, \"train\": 0 pairs, expected 1 to 1000");
  refuse("{\"t\": {\"train\": [" PAIR "]}}", "\"test\": found nothing, expected an array");
  refuse("{\"t\": {\"train\": [{\"input\": [[1]]}], \"test\": [" PAIR "]}}", "\"output\" of pair 1 of \"train\"");
  refuse("{\"t\": 3}", "task t: found a whole number, expected an object");
  refuse("{\"a|||b\": " TASK "}", "not usable as an ID");
  refuse("{\"\": " TASK "}", "not usable as an ID");
  refuse("{}", "an empty object");
  refuse("[]", "expected an ARC task");
}

/* Solutions stand beside challenges, and both files are named. */
static void test_solutions(void **state) {
  (void)state;
  trm__arc_tasks tasks = {0};
  trm_error err;
  const char *path = put_text("c_challenges.json", "{\"a\": " TASK ", \"b\": " OTHER "}");
  put_text("c_solutions.json", "{\"b\": [[[2, 1]]]}");
  CHECK_OK(trm__arc_tasks_read(&tasks, path, 1, &err), err);
  assert_int_equal(tasks.count, 2);
  assert_true(tasks.item[0].known && tasks.item[1].known && tasks.item[1].evaluated);
  assert_int_equal(tasks.item[1].pair[1].output.cell[0], 2);
  CHECK_FAILS(trm__arc_tasks_read(&tasks, path, 1, &err), TRM_E_INPUT, err, "task a is also in");
  trm__arc_tasks_free(&tasks);
  put_text("c_solutions.json", "{\"b\": [[[2, 1]], [[1]]]}");
  CHECK_FAILS(trm__arc_tasks_read(&tasks, path, 1, &err), TRM_E_INPUT, err, "task b: 2 solutions, expected 1");
  assert_non_null(strstr(err.where, "c_solutions.json"));
  trm__arc_tasks_free(&tasks);
  put_text("c_solutions.json", "{\"b\": [[[2, 11]]]}");
  CHECK_FAILS(trm__arc_tasks_read(&tasks, path, 1, &err), TRM_E_INPUT, err, "task b, solution 1: row 1, column 2");
  trm__arc_tasks_free(&tasks);
}

static trm_arc_config config_of(const char *out, const char *const *test, int64_t augment, int64_t threads) {
  trm_arc_config config = trm_arc_config_default();
  snprintf(config.out, sizeof config.out, "%s", check_path(folder, out));
  config.test = test, config.tests = 1;
  config.augment = augment, config.threads = threads, config.side = 6;
  return config;
}

/* 36 images, as mirroring is among the turns: nine colours, four places. */
static void test_few_images(void **state) {
  (void)state;
  trm_error err;
  trm_arc_report report;
  trm_dataset *d = NULL;
  trm__arc_tasks tasks = {0};
  trm__arc_name *names = NULL;
  size_t count;
  char path[128];
  snprintf(path, sizeof path, "%s", put_text("mirror.json", TASK));
  const char *const test[] = {path};
  trm_arc_config config = config_of("few", test, 1000, 1);
  CHECK_OK(trm_data_arc(&config, &report, NULL, NULL, NULL, &err), err);
  assert_int_equal(report.identifiers, 37);
  assert_int_equal(report.lacking, 1);
  assert_int_equal(report.shared, 0);
  CHECK_OK(trm_dataset_open(&d, config.out, "test", NULL, &err), err);
  assert_int_equal(trm_dataset_describe(d).examples, 36);
  assert_int_equal(trm_dataset_describe(d).groups, 1);
  for (int a = 0; a < 36; a++)
    for (int b = 0; b < a; b++) assert_true(memcmp(d->inputs + 36 * a, d->inputs + 36 * b, 36) != 0);
  trm_dataset_close(&d);
  CHECK_OK(trm__arc_tasks_read(&tasks, check_path(folder, "few/test_puzzles.json"), 1, &err), err);
  CHECK_OK(trm__arc_names_read(&names, &count, check_path(folder, "few/identifiers.json"), &tasks, &err), err);
  assert_int_equal(count, 37);
  assert_int_equal(names[0].task, -1);
  for (size_t i = 1; i < count; i++)
    assert_true(names[i].task == 0 && trm__arc_image_is_none(&names[i].image) == (i == 1));
  trm__free(names);
  trm__arc_tasks_free(&tasks);
  CHECK_FAILS(trm_data_arc(&config, &report, NULL, NULL, NULL, &err), TRM_E_USAGE, err, "not empty");
  config = config_of("none", test, 1, 1);
  config.side = 2;
  CHECK_FAILS(trm_data_arc(&config, &report, NULL, NULL, NULL, &err), TRM_E_INPUT, err, "more than 2 rows or columns");
  config.tests = 0;
  CHECK_FAILS(trm_data_arc(&config, &report, NULL, NULL, NULL, &err), TRM_E_USAGE, err, "no tasks");
}

/* In the folders "one" and "four". */
static void same_file(const char *name) {
  trm_error err;
  char *text[2], path[2][200];
  size_t size[2];
  snprintf(path[0], sizeof path[0], "%s/one/%.80s", folder, name);
  snprintf(path[1], sizeof path[1], "%s/four/%.80s", folder, name);
  for (int i = 0; i < 2; i++) CHECK_OK(trm__file_read(path[i], 1 << 24, &text[i], &size[i], &err), err);
  assert_int_equal(size[0], size[1]);
  assert_memory_equal(text[0], text[1], size[0]);
  trm__free(text[0]);
  trm__free(text[1]);
}

/* A test without a solution is predicted and has no labels; a task to train on leaves such a pair out. */
static void test_threads(void **state) {
  (void)state;
  trm_error err;
  trm_arc_report report;
  trm_dataset *d = NULL;
  char train[128], path[128];
  snprintf(train, sizeof train, "%s", put_text("train.json", "{\"a\": " TASK ", \"c\": " OTHER "}"));
  snprintf(path, sizeof path, "%s", put_text("tests.json", "{\"b\": " OTHER "}"));
  const char *const test[] = {path}, *const trained[] = {train};
  trm_arc_config one = config_of("one", test, 200, 1), four = config_of("four", test, 200, 4);
  one.train = four.train = trained, one.trains = four.trains = 1;
  CHECK_OK(trm_data_arc(&one, &report, NULL, NULL, NULL, &err), err);
  CHECK_OK(trm_data_arc(&four, &report, NULL, NULL, NULL, &err), err);
  assert_int_equal(report.tasks, 3);
  assert_int_equal(report.evaluated, 1);
  assert_int_equal(report.unknown, 2);
  assert_int_equal(report.identifiers, 1 + 36 + 201 + 201);
  assert_int_equal(report.train_examples, 2 * 36 + 201 + 201);
  assert_int_equal(report.test_examples, 201);
  static const char *const files[] = {"identifiers.json",
                                      "test_puzzles.json",
                                      "task.json",
                                      "train/all__inputs.npy",
                                      "train/all__labels.npy",
                                      "train/all__puzzle_identifiers.npy",
                                      "test/all__inputs.npy",
                                      "train/all__puzzle_indices.npy",
                                      "train/all__group_indices.npy",
                                      "test/dataset.json"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) same_file(files[i]);
  CHECK_OK(trm_dataset_open(&d, one.out, "test", NULL, &err), err);
  for (int i = 0; i < 201 * 36; i++) assert_int_equal(d->labels[i], 0);
  trm_dataset_close(&d);
}

static int stop_at_once(void *context, const trm_arc_report *report) {
  *(trm_arc_report *)context = *report;
  return 1;
}

/* Nothing is left of a build that did not end. */
static void test_unfinished(void **state) {
  (void)state;
  trm_error err;
  trm_arc_report planned = {0};
  char path[128];
  snprintf(path, sizeof path, "%s", put_text("mirror.json", TASK));
  const char *const test[] = {path};
  trm_arc_config config = config_of("unfinished", test, 10, 1);
  CHECK_FAILS(trm_data_arc(&config, NULL, stop_at_once, NULL, &planned, &err), TRM_E_STOPPED, err, "stopped");
  assert_int_equal(planned.identifiers, 12);
  assert_true(planned.memory_bytes > 0 && planned.disk_bytes > 2 * 22 * 36);
  assert_false(trm__path_exists(config.out));
  for (long n = 1; n < 200; n++) {
    check_disk_fail_at(n, ENOSPC);
    trm_status status = trm_data_arc(&config, NULL, NULL, NULL, NULL, &err);
    if (!status) break;
    assert_int_equal(status, TRM_E_IO);
    check_disk_fail_at(0, 0);
    assert_false(trm__path_exists(config.out));
    assert_true(n < 199);
  }
  check_disk_fail_at(0, 0);
}

static trm_status everything(void *path, trm_error *err) {
  trm_error ignored;
  const char *const test[] = {path};
  trm_arc_config config = config_of("each", test, 3, 1);
  (void)trm__dir_remove(config.out, &ignored);
  return trm_data_arc(&config, NULL, NULL, NULL, NULL, err);
}

static void test_allocations(void **state) {
  (void)state;
  char path[128];
  snprintf(path, sizeof path, "%s", put_text("mirror.json", TASK));
  assert_true(check_each_allocation(everything, path) >= 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_refused),    cmocka_unit_test(test_solutions),
                                     cmocka_unit_test(test_few_images), cmocka_unit_test(test_threads),
                                     cmocka_unit_test(test_unfinished), cmocka_unit_test(test_allocations)};
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
