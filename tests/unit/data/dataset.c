/* Dataset directories: written and read back, arrays of every integer type, several sets, other people's odd values,
 * each inconsistency named, and nothing left behind when the disk is full or memory runs out. */
#include "support/data.h"

#include <trm/data.h>

#include "data/format/dataset_dir.h"
#include "data/format/npy.h"

/* -- a directory to break: 3 examples of 4 cells, 2 puzzles, 1 group -- */

static const char good_json[] =
    "{\"pad_id\": 0, \"ignore_label_id\": 0, \"blank_identifier_id\": 0, \"vocab_size\": 5, \"seq_len\": 4,\n"
    " \"num_puzzle_identifiers\": 3, \"total_groups\": 1, \"mean_puzzle_examples\": 1.5, \"total_puzzles\": 2,\n"
    " \"sets\": [\"all\"]}";

static void put_array(const char *name, trm__npy_type type, int64_t rows, int64_t columns, const void *data) {
  char path[256];
  trm_error err = {0};
  const int64_t shape[2] = {rows, columns};
  snprintf(path, sizeof path, "%s/set/train/%s.npy", folder, name);
  CHECK_OK(trm__npy_write(path, type, columns > 0 ? 2 : 1, shape, data, &err), err);
}

static void put_good(void) {
  trm_error err = {0};
  const uint8_t inputs[12] = {1, 2, 3, 4, 0, 0, 1, 1, 4, 4, 4, 4}, labels[12] = {4, 3, 2, 1, 0, 2, 0, 3, 1, 1, 1, 1};
  const int32_t ids[2] = {2, 1}, puzzles[3] = {0, 2, 3}, groups[2] = {0, 2};
  CHECK_OK(trm__dir_remove(check_path(folder, "set"), &err), err);
  CHECK_OK(trm__dir_make(check_path(folder, "set/train"), &err), err);
  put_text("set/train/dataset.json", good_json);
  put_array("all__inputs", TRM__NPY_U8, 3, 4, inputs);
  put_array("all__labels", TRM__NPY_U8, 3, 4, labels);
  put_array("all__puzzle_identifiers", TRM__NPY_I32, 2, 0, ids);
  put_array("all__puzzle_indices", TRM__NPY_I32, 3, 0, puzzles);
  put_array("all__group_indices", TRM__NPY_I32, 2, 0, groups);
}

static trm_dataset *open_set(void) {
  trm_dataset *d = NULL;
  trm_error err = {0};
  CHECK_OK(trm_dataset_open(&d, check_path(folder, "set"), "train", NULL, &err), err);
  return d;
}

/* where: the end of the error's place. */
static void refuse(const char *where, const char *message) {
  trm_dataset *d = NULL;
  trm_error err = {0};
  size_t used = trm__mem_used();
  CHECK_FAILS(trm_dataset_open(&d, check_path(folder, "set"), "train", NULL, &err), TRM_E_INPUT, err, message);
  if (!strstr(err.where, where)) fail_msg("error at %s, expected %s (%s)", err.where, where, err.message);
  assert_null(d);
  assert_int_equal(trm__mem_used(), used);
}

static void test_read(void **state) {
  (void)state;
  put_good();
  trm_dataset *d = open_set();
  trm_dataset_info info = trm_dataset_describe(d);
  assert_int_equal(info.examples, 3);
  assert_int_equal(info.puzzles, 2);
  assert_int_equal(info.groups, 1);
  assert_int_equal(info.identifiers, 3);
  assert_int_equal(info.task.kind, TRM_TASK_GENERIC);
  assert_int_equal(info.has_ratings, 0);
  int32_t q[4], a[4], id;
  double rating = 0;
  trm_dataset_example(d, 1, q, a, &id, &rating);
  const int32_t expected_q[4] = {0, 0, 1, 1}, expected_a[4] = {-100, 2, -100, 3};
  assert_memory_equal(q, expected_q, sizeof q);
  assert_memory_equal(a, expected_a, sizeof a);
  assert_int_equal(id, 2);
  assert_true(isnan(rating));
  trm_dataset_example(d, 2, NULL, NULL, &id, NULL);
  assert_int_equal(id, 1);
  trm_dataset_close(&d);
  trm_dataset_close(&d);
  trm_dataset_close(NULL);
}

/* The same data in every integer type gives the same dataset. */
static void test_types(void **state) {
  (void)state;
  put_good();
  trm_dataset *reference = open_set();
  const int32_t values[12] = {1, 2, 3, 4, 0, 0, 1, 1, 4, 4, 4, 4}, offsets[3] = {0, 2, 3};
  for (int type = TRM__NPY_U8; type <= TRM__NPY_U64; type++) {
    size_t item = trm__npy_item((trm__npy_type)type);
    unsigned char cells[12 * 8] = {0}, puzzles[3 * 8] = {0};
    for (size_t i = 0; i < 12; i++) cells[i * item] = (unsigned char)values[i];
    for (size_t i = 0; i < 3; i++) puzzles[i * item] = (unsigned char)offsets[i];
    put_array("all__inputs", (trm__npy_type)type, 3, 4, cells);
    put_array("all__puzzle_indices", (trm__npy_type)type, 3, 0, puzzles);
    trm_dataset *d = open_set();
    assert_memory_equal(d->inputs, reference->inputs, 12);
    assert_memory_equal(d->puzzle_indices, reference->puzzle_indices, 3 * sizeof(int64_t));
    trm_dataset_close(&d);
  }
  trm_dataset_close(&reference);
}

/* A .npy file as another tool may write it: header and elements as they are given. */
static void put_raw(const char *name, const char *type, const char *order, const char *shape, const void *data,
                    size_t size) {
  char path[320], header[128], bytes[512] = "\x93NUMPY\x01";
  trm_error err = {0};
  int length =
      snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", type, order, shape);
  bytes[8] = (char)length;
  memcpy(bytes + 10, header, (size_t)length);
  memcpy(bytes + 10 + length, data, size);
  snprintf(path, sizeof path, "%s/set/train/%s.npy", folder, name);
  CHECK_OK(trm__file_write(path, bytes, 10 + (size_t)length + size, &err), err);
}

/* The same data in Fortran order, in big endian and with byte order marks before the JSON. */
static void test_foreign_arrays(void **state) {
  (void)state;
  put_good();
  trm_dataset *reference = open_set();
  const uint8_t inputs[12] = {1, 0, 4, 2, 0, 4, 3, 1, 4, 4, 1, 4}; /* columns one after the other */
  const uint8_t labels[24] = {0, 4, 0, 3, 0, 2, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 1, 0, 1, 0, 1, 0, 1};
  const uint8_t puzzles[12] = {0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3};
  char json[600];
  put_raw("all__inputs", "|u1", "True", "(3, 4)", inputs, sizeof inputs);
  put_raw("all__labels", ">i2", "False", "(3, 4)", labels, sizeof labels);
  put_raw("all__puzzle_indices", ">u4", "True", "(3,)", puzzles, sizeof puzzles);
  snprintf(json, sizeof json, "\xef\xbb\xbf%s", good_json);
  put_text("set/train/dataset.json", json);
  put_text("set/identifiers.json", "\xef\xbb\xbf[\"<blank>\", \"a\", \"b\"]");
  trm_dataset *d = open_set();
  assert_memory_equal(d->inputs, reference->inputs, 12);
  assert_memory_equal(d->labels, reference->labels, 12);
  assert_memory_equal(d->puzzle_indices, reference->puzzle_indices, 3 * sizeof(int64_t));
  trm_dataset_close(&d);
  trm_dataset_close(&reference);
}

static void test_ignored_labels(void **state) {
  (void)state;
  const struct {
    const char *json;
    int32_t zero;
  } cases[] = {{"null", 0}, {"0", -100}, {"-100", 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char json[512];
    put_good();
    snprintf(json, sizeof json,
             "{\"pad_id\": 0, \"ignore_label_id\": %s, \"blank_identifier_id\": 0, \"vocab_size\": 5, \"seq_len\": 4,"
             "\"num_puzzle_identifiers\": 3, \"total_groups\": 1, \"mean_puzzle_examples\": 1, \"sets\": [\"all\"]}",
             cases[i].json);
    put_text("set/train/dataset.json", json);
    const int32_t labels[12] = {4, 3, 2, 1, 0, 2, 0, 3, 1, 1, 1, strcmp(cases[i].json, "-100") == 0 ? -100 : 1};
    put_array("all__labels", TRM__NPY_I32, 3, 4, labels);
    trm_dataset *d = open_set();
    int32_t a[4];
    trm_dataset_example(d, 1, NULL, a, NULL, NULL);
    assert_int_equal(a[0], cases[i].zero);
    trm_dataset_example(d, 2, NULL, a, NULL, NULL);
    assert_int_equal(a[3], labels[11]);
    trm_dataset_close(&d);
  }
}

static void test_wide_and_sets(void **state) {
  (void)state;
  put_good();
  put_text("set/train/dataset.json",
           "{\"pad_id\": 0, \"ignore_label_id\": 0, \"blank_identifier_id\": 0, \"vocab_size\": 70, \"seq_len\": 4,"
           "\"num_puzzle_identifiers\": 3, \"total_groups\": 2, \"mean_puzzle_examples\": 1.5, \"sets\": [\"all\", "
           "\"more\"]}");
  const int32_t cells[4] = {69, 2, 68, 1}, id[1] = {0}, offsets[2] = {0, 1};
  const double rating[1] = {3};
  put_array("more__inputs", TRM__NPY_I32, 1, 4, cells);
  put_array("more__labels", TRM__NPY_I32, 1, 4, cells);
  put_array("more__puzzle_identifiers", TRM__NPY_I32, 1, 0, id);
  put_array("more__puzzle_indices", TRM__NPY_I32, 2, 0, offsets);
  put_array("more__group_indices", TRM__NPY_I32, 2, 0, offsets);
  put_array("more__ratings", TRM__NPY_F64, 1, 0, rating); /* one set without: none */
  trm_dataset *d = open_set();
  trm_dataset_info info = trm_dataset_describe(d);
  assert_int_equal(info.examples, 4);
  assert_int_equal(info.puzzles, 3);
  assert_int_equal(info.groups, 2);
  assert_int_equal(info.has_ratings, 0);
  assert_int_equal(d->puzzle_indices[3], 4);
  assert_int_equal(d->group_indices[2], 3);
  int32_t q[4], number;
  trm_dataset_example(d, 3, q, NULL, &number, NULL);
  assert_memory_equal(q, cells, sizeof q);
  assert_int_equal(number, 0);
  trm_dataset_close(&d);
  char json[512];
  snprintf(json, sizeof json,
           "{\"pad_id\": 0, \"ignore_label_id\": 0, \"blank_identifier_id\": 0, \"vocab_size\": 5000, \"seq_len\": 4,"
           "\"num_puzzle_identifiers\": 3, \"total_groups\": 1, \"mean_puzzle_examples\": 1.5, \"sets\": [\"more\"]}");
  put_text("set/train/dataset.json", json);
  const int32_t large[4] = {4999, 0, 256, 255};
  put_array("more__inputs", TRM__NPY_I32, 1, 4, large);
  d = open_set();
  assert_null(d->inputs);
  int32_t a[4];
  double number_of = 0;
  trm_dataset_example(d, 0, q, a, NULL, &number_of);
  assert_memory_equal(q, large, sizeof q);
  assert_memory_equal(a, cells, sizeof a);
  assert_true(number_of == 3);
  trm_dataset_close(&d);
}

/* -- inconsistencies -- */

static void replace_json(const char *from, const char *to) {
  char json[1024];
  const char *at = strstr(good_json, from);
  assert_non_null(at);
  snprintf(json, sizeof json, "%.*s%s%s", (int)(at - good_json), good_json, to, at + strlen(from));
  put_text("set/train/dataset.json", json);
}

static void test_bad_json(void **state) {
  (void)state;
  const struct {
    const char *from, *to, *message;
  } cases[] = {
      {"\"pad_id\": 0", "\"pad_id\": 5", "\"pad_id\": found 5, expected 0 to 4"},
      {"\"pad_id\": 0, ", "", "\"pad_id\": found nothing"},
      {"\"vocab_size\": 5", "\"vocab_size\": 1e9", "\"vocab_size\""},
      {"\"vocab_size\": 5", "\"vocab_size\": 1", "\"vocab_size\": found 1"},
      {"\"vocab_size\": 5", "\"vocab_size\": \"5\"", "\"vocab_size\""},
      {"\"seq_len\": 4", "\"seq_len\": 0", "\"seq_len\": found 0"},
      {"\"seq_len\": 4", "\"seq_len\": 99999999999", "\"seq_len\""},
      {"\"seq_len\": 4", "\"seq_len\": 99999999999999999999999999", ""},
      {"\"blank_identifier_id\": 0", "\"blank_identifier_id\": 3", "found 3, expected 0 to 2"},
      {"\"ignore_label_id\": 0", "\"ignore_label_id\": \"x\"", "ignore_label_id"},
      {"\"num_puzzle_identifiers\": 3", "\"num_puzzle_identifiers\": 0", "num_puzzle_identifiers"},
      {"\"total_groups\": 1", "\"total_groups\": 2", "\"total_groups\": found 2, the arrays have 1"},
      {"\"mean_puzzle_examples\": 1.5", "\"mean_puzzle_examples\": 0", "mean_puzzle_examples"},
      {"\"mean_puzzle_examples\": 1.5", "\"mean_puzzle_examples\": \"1\"", "mean_puzzle_examples"},
      {"\"total_puzzles\": 2", "\"total_puzzles\": -1", "total_puzzles"},
      {"[\"all\"]", "[]", "\"sets\""},
      {"[\"all\"]", "\"all\"", "\"sets\""},
      {"[\"all\"]", "[5]", "\"sets\": name 1"},
      {"[\"all\"]", "[\"../train/all\"]", "\"sets\": name 1"},
      {"[\"all\"]", "[\"..\"]", "\"sets\": name 1"},
      {"[\"all\"]}", "[\"all\"]} x", ""},
      {"{", "[", ""},
  };
  put_good();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    replace_json(cases[i].from, cases[i].to);
    refuse("train/dataset.json", cases[i].message);
  }
  trm_error err = {0};
  trm_dataset *d = NULL;
  put_good();
  CHECK_FAILS(trm_dataset_open(&d, check_path(folder, "set"), "test", NULL, &err), TRM_E_INPUT, err,
              "test/dataset.json");
  CHECK_FAILS(trm_dataset_open(&d, check_path(folder, "set/train"), "train", NULL, &err), TRM_E_INPUT, err,
              "no train/dataset.json in it");
  CHECK_FAILS(trm_dataset_open(&d, check_path(folder, "set"), "../set/train", NULL, &err), TRM_E_USAGE, err, "split");
  CHECK_FAILS(trm_dataset_open(&d, check_path(folder, "absent"), "train", NULL, &err), TRM_E_IO, err, "does not exist");
}

static void test_bad_arrays(void **state) {
  (void)state;
  const uint8_t cells[16] = {1, 2, 3, 4, 0, 0, 1, 1, 4, 4, 4, 5, 1, 1, 1, 1};
  const int32_t n[5] = {0, 2, 3, 3, 3}, bad_first[3] = {1, 2, 3}, bad_order[3] = {0, 4, 3}, equal[3] = {0, 0, 3};
  const int32_t short_end[3] = {0, 1, 2}, ids[2] = {0, 3}, negative_ids[2] = {-1, 0}, bad_group[2] = {0, 1};
  const int64_t huge[3] = {0, INT64_MAX, 3}, negative[3] = {0, -1, 3};
  const double real[12] = {0};
  const struct {
    const char *name;
    trm__npy_type type;
    int64_t rows, columns;
    const void *data;
    const char *message;
  } cases[] = {
      {"all__inputs", TRM__NPY_U8, 3, 4, cells, "example 2, cell 3: token 5, expected 0 to 4"},
      {"all__labels", TRM__NPY_U8, 3, 4, cells, "example 2, cell 3: token 5"},
      {"all__inputs", TRM__NPY_U8, 4, 3, cells, "3 columns, expected seq_len = 4"},
      {"all__inputs", TRM__NPY_U8, 12, 0, cells, "1 dimensions, expected 2"},
      {"all__inputs", TRM__NPY_U8, 0, 4, cells, "0 examples"},
      {"all__inputs", TRM__NPY_F64, 1, 4, real, "elements with fractions"},
      {"all__labels", TRM__NPY_U8, 2, 4, cells, "2 rows, expected 3"},
      {"all__puzzle_identifiers", TRM__NPY_I32, 2, 0, ids, "element 1 is 3, expected 0 to 2"},
      {"all__puzzle_identifiers", TRM__NPY_I32, 2, 0, negative_ids, "element 0 is -1"},
      {"all__puzzle_indices", TRM__NPY_I32, 4, 0, n, "4 rows, expected 3"},
      {"all__puzzle_indices", TRM__NPY_I32, 3, 0, bad_first, "element 0 is 1, expected 0"},
      {"all__puzzle_indices", TRM__NPY_I32, 3, 0, bad_order, "element 1 is 4 after 0"},
      {"all__puzzle_indices", TRM__NPY_I32, 3, 0, equal, "a puzzle without examples"},
      {"all__puzzle_indices", TRM__NPY_I32, 3, 0, short_end,
       "the last element is 2, expected the number of examples, 3"},
      {"all__puzzle_indices", TRM__NPY_I64, 3, 0, huge, "element 1 is 9223372036854775807"},
      {"all__puzzle_indices", TRM__NPY_I64, 3, 0, negative, "element 1 is -1 after 0"},
      {"all__group_indices", TRM__NPY_I32, 1, 0, n, "no groups"},
      {"all__group_indices", TRM__NPY_I32, 0, 0, n, "no groups"},
      {"all__group_indices", TRM__NPY_I32, 2, 0, bad_group, "the last element is 1, expected the number of puzzles, 2"},
      {"all__ratings", TRM__NPY_F64, 2, 0, real, "2 rows, expected 3"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    put_good();
    put_array(cases[i].name, cases[i].type, cases[i].rows, cases[i].columns, cases[i].data);
    refuse(cases[i].name, cases[i].message);
  }
}

static void test_bad_files(void **state) {
  (void)state;
  trm_error err = {0};
  trm_dataset *d = NULL;
  put_good();
  assert_int_equal(unlink(check_path(folder, "set/train/all__labels.npy")), 0);
  CHECK_FAILS(trm_dataset_open(&d, check_path(folder, "set"), "train", NULL, &err), TRM_E_IO, err, "all__labels.npy");
  assert_int_equal(mkdir(check_path(folder, "set/train/all__labels.npy"), 0700), 0);
  CHECK_FAILS(trm_dataset_open(&d, check_path(folder, "set"), "train", NULL, &err), TRM_E_INPUT, err,
              "all__labels.npy");
  put_good();
  put_text("set/train/all__labels.npy", "");
  refuse("all__labels.npy", "0 bytes");
  put_good();
  put_text("set/identifiers.json", "[\"<blank>\"]");
  refuse("identifiers.json", "1 names, expected an array of num_puzzle_identifiers = 3");
  put_text("set/identifiers.json", "{}");
  refuse("identifiers.json", "expected an array");
  put_text("set/identifiers.json", "[\"<blank>\", \"a\", 7]");
  refuse("identifiers.json", "name 2 is not a text");
  put_text("set/identifiers.json", "[\"<blank>\", \"a\", \"b\"]");
  put_text("set/task.json", "{\"kind\": \"generic\"}");
  refuse("task.json", "width");
  put_text("set/task.json",
           "{\"kind\":\"generic\",\"width\":5,\"height\":1,\"box_width\":0,\"box_height\":0,\"vocab_size\":5,"
           "\"alphabet\":\"abcd\"}");
  refuse("task.json", "do not fit");
  const char *const rating_names[] = {"5", "null", "\"stars\"", "\"\""};
  for (size_t i = 0; i < sizeof rating_names / sizeof *rating_names; i++) {
    char json[256];
    snprintf(json, sizeof json,
             "{\"kind\":\"generic\",\"width\":4,\"height\":1,\"box_width\":0,\"box_height\":0,\"vocab_size\":5,"
             "\"alphabet\":\"abcd\",\"rating_name\":%s}",
             rating_names[i]);
    put_text("set/task.json", json);
    refuse("task.json", "\"rating_name\": expected \"rating\" or \"guesses\"");
  }
  put_text("set/task.json",
           "{\"kind\":\"generic\",\"width\":4,\"height\":1,\"box_width\":0,\"box_height\":0,\"vocab_size\":5,"
           "\"alphabet\":\"abcd\"}");
  d = open_set();
  assert_string_equal(trm_dataset_describe(d).task.alphabet, "abcd");
  trm_dataset_close(&d);
  trm_task wrong = trm_task_sudoku(4), right = trm_dataset_describe(d = open_set()).task;
  trm_dataset_close(&d);
  CHECK_FAILS(trm_dataset_open(&d, check_path(folder, "set"), "train", &wrong, &err), TRM_E_INPUT, err, "do not fit");
  strcpy(right.alphabet, "wxyz");
  CHECK_OK(trm_dataset_open(&d, check_path(folder, "set"), "train", &right, &err), err);
  assert_string_equal(trm_dataset_describe(d).task.alphabet, "wxyz");
  trm_dataset_close(&d);
}

/* -- writing -- */

static trm_dataset *make_dataset(int64_t examples, int64_t group, const char *rating_name) {
  trm_dataset *d = NULL;
  trm_error err = {0};
  trm_task task = trm_task_sudoku(4);
  CHECK_OK(trm__dataset_new(&d, &task, examples, group, rating_name, &err), err);
  for (int64_t i = 0; i < examples * 16; i++) {
    d->inputs[i] = (uint8_t)(1 + i * 7 % 5);
    d->labels[i] = (uint8_t)(2 + i * 3 % 4);
  }
  for (int64_t i = 0; i < examples && rating_name; i++) d->ratings[i] = (double)i / 4;
  return d;
}

static void test_write(void **state) {
  (void)state;
  trm_error err = {0};
  trm_dataset *train = make_dataset(7, 3, "guesses"), *test = make_dataset(2, 1, NULL), *back = NULL;
  assert_int_equal(train->info.groups, 3);
  const char *const names[] = {"w1", "w2/", "w3//", "new/parents/w4"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *out = check_path(folder, names[i]);
    if (i == 1) CHECK_OK(trm__dir_make(out, &err), err); /* an empty directory is as good as none */
    CHECK_OK(trm__dataset_write(out, train, test, &err), err);
    CHECK_OK(trm_dataset_open(&back, out, "train", NULL, &err), err);
    trm_dataset_info a = trm_dataset_describe(train), b = trm_dataset_describe(back);
    assert_memory_equal(&a.task, &b.task, sizeof a.task);
    assert_int_equal(b.examples, 7);
    assert_int_equal(b.groups, 3);
    assert_string_equal(b.rating_name, "guesses");
    assert_memory_equal(back->inputs, train->inputs, 7 * 16);
    assert_memory_equal(back->labels, train->labels, 7 * 16);
    assert_memory_equal(back->ratings, train->ratings, 7 * sizeof(double));
    assert_memory_equal(back->group_indices, train->group_indices, 4 * sizeof(int64_t));
    assert_memory_equal(back->puzzle_indices, train->puzzle_indices, 8 * sizeof(int64_t));
    trm_dataset_close(&back);
    CHECK_OK(trm_dataset_open(&back, out, "test", NULL, &err), err);
    assert_int_equal(trm_dataset_describe(back).has_ratings, 0);
    trm_dataset_close(&back);
    CHECK_FAILS(trm__dataset_write(out, train, test, &err), TRM_E_USAGE, err, "not empty");
  }
  CHECK_FAILS(trm__dataset_write(check_path(folder, "w1/task.json"), train, NULL, &err), TRM_E_USAGE, err,
              "no directory");
  CHECK_FAILS(trm__dataset_write("", train, NULL, &err), TRM_E_USAGE, err, "expected a name");
  trm_dataset_close(&train);
  trm_dataset_close(&test);
}

static void test_write_wide(void **state) {
  (void)state;
  put_good();
  put_text(
      "set/train/dataset.json",
      "{\"pad_id\": 3, \"ignore_label_id\": null, \"blank_identifier_id\": 0, \"vocab_size\": 5000, \"seq_len\": 4,"
      "\"num_puzzle_identifiers\": 3, \"total_groups\": 1, \"mean_puzzle_examples\": 1.5, \"sets\": [\"all\"]}");
  trm_error err = {0};
  trm_dataset *d = open_set(), *back = NULL;
  CHECK_OK(trm__dataset_write(check_path(folder, "wide"), NULL, d, &err), err);
  CHECK_OK(trm_dataset_open(&back, check_path(folder, "wide"), "test", NULL, &err), err);
  assert_memory_equal(back->inputs32, d->inputs32, 12 * sizeof(int32_t));
  assert_int_equal(back->pad_id, 3);
  assert_int_equal(back->ignore_label_id, d->ignore_label_id);
  assert_int_equal(trm_dataset_describe(back).identifiers, 3);
  assert_memory_equal(back->identifiers, d->identifiers, 2 * sizeof(int32_t));
  trm_dataset_close(&d);
  trm_dataset_close(&back);
}

static size_t entries(const char *path) {
  char **names = NULL;
  size_t count = 0;
  trm_error err = {0};
  CHECK_OK(trm__dir_list(path, &names, &count, &err), err);
  trm__dir_list_free(names, count);
  return count;
}

/* Every write, sync and rename fails once, as on a full or broken disk. */
static void test_broken_disk(void **state) {
  (void)state;
  trm_dataset *train = make_dataset(3, 1, "rating");
  trm_error err = {0};
  char out[128];
  CHECK_OK(trm__dir_make(check_path(folder, "broken"), &err), err);
  snprintf(out, sizeof out, "%s", check_path(folder, "broken/out"));
  int failures = 0;
  for (long n = 1;; n++) {
    check_disk_fail_at(n, ENOSPC);
    trm_status status = trm__dataset_write(out, train, train, &err);
    long made = check_disk()->made;
    check_disk_fail_at(0, 0);
    if (made < n) {
      CHECK_OK(status, err);
      break;
    }
    failures++;
    assert_int_equal(status, TRM_E_IO);
    assert_int_equal(entries(check_path(folder, "broken")), 0);
  }
  assert_true(failures > 40);
  assert_int_equal(entries(check_path(folder, "broken")), 1);
  trm_dataset_close(&train);
}

static int write_with_small_files(void *context) {
  trm_dataset *d = make_dataset(1000, 1, NULL);
  trm_error err = {0};
  (void)context;
  check_limit_file_size(4096);
  int refused = trm__dataset_write(check_path(folder, "full/out"), d, NULL, &err) == TRM_E_IO;
  trm_dataset_close(&d);
  return refused ? 0 : 1;
}

static void test_full_disk(void **state) {
  (void)state;
  trm_error err = {0};
  CHECK_OK(trm__dir_make(check_path(folder, "full"), &err), err);
  assert_int_equal(check_in_child(write_with_small_files, NULL), 0);
  assert_int_equal(entries(check_path(folder, "full")), 0);
}

static trm_status write_and_open(void *context, trm_error *err) {
  trm_dataset *d = NULL;
  trm_error ignored;
  trm_task task = trm_task_sudoku(4);
  trm_status status = trm__dir_remove(check_path(folder, "memory"), err);
  (void)context;
  if (!status) status = trm__dataset_new(&d, &task, 5, 2, "guesses", err);
  for (int i = 0; i < 5 * 16 && d; i++) d->inputs[i] = d->labels[i] = 2;
  if (!status) status = trm__dataset_write(check_path(folder, "memory"), d, d, err);
  if (status && trm__path_exists(check_path(folder, "memory"))) status = TRM_E_INTERNAL;
  trm_dataset_close(&d);
  if (!status) status = trm_dataset_open(&d, check_path(folder, "memory"), "test", NULL, err);
  trm_dataset_close(&d);
  (void)trm__dir_remove(check_path(folder, "memory"), &ignored);
  return status;
}

static void test_allocations(void **state) {
  (void)state;
  size_t failures = check_each_allocation(write_and_open, NULL);
  assert_true(failures > 50);
}

static void test_limits(void **state) {
  (void)state;
  trm_dataset *d = NULL;
  trm_error err = {0};
  trm_task task = trm_task_sudoku(4);
  CHECK_FAILS(trm__dataset_new(&d, &task, 0, 1, NULL, &err), TRM_E_INPUT, err, "0 examples");
  CHECK_FAILS(trm__dataset_new(&d, &task, 3, 0, NULL, &err), TRM_E_INPUT, err, "groups of 0");
  CHECK_FAILS(trm__dataset_new(&d, &task, INT64_MAX / 2, 1, NULL, &err), TRM_E_MEMORY, err, "");
  assert_null(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_read),           cmocka_unit_test(test_types),
      cmocka_unit_test(test_foreign_arrays), cmocka_unit_test(test_ignored_labels),
      cmocka_unit_test(test_wide_and_sets),  cmocka_unit_test(test_bad_json),
      cmocka_unit_test(test_bad_arrays),     cmocka_unit_test(test_bad_files),
      cmocka_unit_test(test_write),          cmocka_unit_test(test_write_wide),
      cmocka_unit_test(test_broken_disk),    cmocka_unit_test(test_full_disk),
      cmocka_unit_test(test_allocations),    cmocka_unit_test(test_limits),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
