/* CSV and JSON Lines as datasets: the dialects people write, inference of the task, and every kind of broken line with
 * its position. */
#include "support/data.h"

#include <trm/data.h>

#include "data/dataset.h"
#include "data/format/csv.h"
#include "data/format/rows.h"
#include "task/task.h"

#define QUESTION "1.3..2....4....1" /* made up: only shapes matter here */
#define ANSWER "1234341243212143"

static trm_dataset *open_text(const char *name, const char *text, const trm_task *task) {
  trm_dataset *d = NULL;
  trm_error err = {0};
  CHECK_OK(trm_dataset_open(&d, put_text(name, text), NULL, task, &err), err);
  return d;
}

static void refuse_bytes(const char *name, const char *text, size_t size, const trm_task *task, const char *where,
                         const char *message) {
  trm_dataset *d = NULL;
  trm_error err = {0};
  size_t used = trm__mem_used();
  const char *path = put_bytes(name, text, size);
  CHECK_FAILS(trm_dataset_open(&d, path, NULL, task, &err), TRM_E_INPUT, err, message);
  if (strncmp(err.where, path, strlen(path)) != 0 || strcmp(err.where + strlen(path), where) != 0)
    fail_msg("error at %s, expected %s%s (%s)", err.where, path, where, err.message);
  assert_null(d);
  assert_int_equal(trm__mem_used(), used);
}

static void refuse(const char *name, const char *text, const trm_task *task, const char *where, const char *message) {
  refuse_bytes(name, text, strlen(text), task, where, message);
}

/* -- records -- */

static void test_records(void **state) {
  (void)state;
  const char *text = "\xef\xbb\xbf"
                     "a,b\r\n\n\"x,\"\"y\"\"\nz\",,\"\"\n# said later, \"raw\"\n,\n  \n , \nlast";
  const char *const expected[] = {"a",        "b",  NULL, "x,\"y\"\nz", "",   "",     NULL, "# said later",
                                  " \"raw\"", NULL, " ",  " ",          NULL, "last", NULL};
  trm__csv csv;
  trm_error err = {0};
  trm__csv_init(&csv, "t.csv", text, strlen(text), ',');
  const char *const *e = expected;
  for (;;) {
    CHECK_OK(trm__csv_next(&csv, &err), err);
    if (csv.count == 0) break;
    for (int i = 0; i < csv.count; i++, e++) {
      assert_non_null(*e);
      assert_int_equal(csv.field[i].length, strlen(*e));
      assert_memory_equal(csv.field[i].text, *e, csv.field[i].length);
    }
    assert_null(*e++);
  }
  assert_ptr_equal(e, expected + sizeof expected / sizeof *expected);
  trm__csv_free(&csv);
}

/* Several copied fields in one record: growth of the buffer must carry earlier ones along. */
static void test_copied_fields(void **state) {
  (void)state;
  char text[40000] = "", *p = text;
  for (int i = 0; i < 30; i++) {
    p += sprintf(p, "%s\"", i > 0 ? "," : "");
    for (int k = 0; k < 30 * (i + 1); k++) *p++ = (char)('a' + i % 26);
    p += sprintf(p, "\"\"\"");
  }
  trm__csv csv;
  trm_error err = {0};
  trm__csv_init(&csv, "t.csv", text, strlen(text), ',');
  CHECK_OK(trm__csv_next(&csv, &err), err);
  assert_int_equal(csv.count, 30);
  for (int i = 0; i < 30; i++) {
    assert_int_equal(csv.field[i].length, 30 * (i + 1) + 1);
    for (int k = 0; k < 30 * (i + 1); k++) assert_int_equal(csv.field[i].text[k], 'a' + i % 26);
    assert_int_equal(csv.field[i].text[30 * (i + 1)], '"');
  }
  trm__csv_free(&csv);
}

/* -- CSV datasets -- */

static void test_csv_dialects(void **state) {
  (void)state;
  const struct {
    const char *text;
    int ratings;
  } cases[] = {
      {"source,question,answer,rating\nx," QUESTION "," ANSWER ",7\n", 1},
      {"\xef\xbb\xbfsource,question,answer,rating\r\nx," QUESTION "," ANSWER ",7\r\n", 1},
      {"rating,answer,extra,question\n7," ANSWER ",," QUESTION, 1},
      {" Puzzle , SOLUTION\n" QUESTION "," ANSWER "\n", 0},
      {"quizzes,solutions\n\n" QUESTION "," ANSWER "\n\n\n", 0},
      {QUESTION "," ANSWER, 0},
      {QUESTION "," ANSWER ",7", 1},
      {"anything," QUESTION "," ANSWER, 0},
      {"anything," QUESTION "," ANSWER ",7", 1},
      {"\"question\",\"answer\"\n\"" QUESTION "\",\"" ANSWER "\"", 0},
      {"question,answer\n\"1.3.\n.2..\r\n..4.\n...1\",\"1234\n3412\n4321\n2143\"", 0},
      {"question,answer\n1_3 *2....4....1," ANSWER, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_dataset *d = open_text("a.csv", cases[i].text, NULL);
    trm_dataset_info info = trm_dataset_describe(d);
    int32_t q[16], a[16], id = -1;
    char line[17];
    trm_error err = {0};
    double rating = -1;
    assert_int_equal(info.examples, 1);
    assert_int_equal(info.task.kind, TRM_TASK_SUDOKU);
    assert_int_equal(info.has_ratings, cases[i].ratings);
    trm_dataset_example(d, 0, q, a, &id, &rating);
    CHECK_OK(trm_task_render(&info.task, q, line, sizeof line, &err), err);
    assert_string_equal(line, QUESTION);
    CHECK_OK(trm_task_render(&info.task, a, line, sizeof line, &err), err);
    assert_string_equal(line, ANSWER);
    assert_int_equal(id, 0);
    if (cases[i].ratings) assert_true(rating == 7);
    else assert_true(isnan(rating));
    trm_dataset_close(&d);
    assert_null(d);
  }
}

static void test_csv_ratings(void **state) {
  (void)state;
  const char *text = "question,answer,guesses\nab,ba,0\nab,ba,\nab,ba,-2.25\nab,ba,123456789012\n";
  trm_dataset *d = open_text("a.csv", text, NULL);
  double r[4];
  for (int i = 0; i < 4; i++) trm_dataset_example(d, i, NULL, NULL, NULL, &r[i]);
  assert_string_equal(trm_dataset_describe(d).rating_name, "guesses");
  assert_true(r[0] == 0 && isnan(r[1]) && r[2] == -2.25 && r[3] == 123456789012.0);
  trm_dataset_close(&d);
}

static void test_csv_inference(void **state) {
  (void)state;
  trm_dataset *d = open_text("a.csv", "question,answer\n# |x,#|| \n    ,xxxx", NULL);
  trm_dataset_info info = trm_dataset_describe(d);
  assert_int_equal(info.task.kind, TRM_TASK_GENERIC);
  assert_string_equal(info.task.alphabet, " #x|");
  assert_int_equal(info.task.width, 2);
  assert_int_equal(info.vocab_size, 5);
  trm_dataset_close(&d);
  /* The right shape and symbols, but the answers keep no Sudoku's rules. */
  d = open_text("a.csv", "question,answer\n1.3..2....4....1,1111222233334444\n", NULL);
  assert_int_equal(trm_dataset_describe(d).task.kind, TRM_TASK_GENERIC);
  trm_dataset_close(&d);
  d = open_text("a.csv", "question,answer\n\"ab\ncd\nef\",\"ab\ncd\nef\"\n", NULL);
  assert_int_equal(trm_dataset_describe(d).task.width, 2);
  assert_int_equal(trm_dataset_describe(d).task.height, 3);
  trm_dataset_close(&d);
}

/* Every size of Sudoku is recognised, 16x16 also in small letters. */
static void test_csv_sudoku_sizes(void **state) {
  (void)state;
  static const int sizes[] = {4, 6, 9, 16};
  for (size_t k = 0; k < 4; k++) {
    trm_task task = trm_task_sudoku(sizes[k]);
    char text[1100] = "question,answer\n", *p = text + strlen(text);
    int n = sizes[k];
    for (int which = 0; which < 2; which++, *p++ = which == 1 ? ',' : '\n')
      for (int i = 0; i < n * n; i++) {
        int r = i / n, c = i % n, value = (r % task.box_height * task.box_width + r / task.box_height + c) % n;
        *p++ = which == 0 && i % 3 != 0 ? '0' : "123456789abcdefg"[value];
      }
    trm_dataset *d = open_text("a.csv", text, NULL);
    trm_dataset_info info = trm_dataset_describe(d);
    assert_memory_equal(&info.task, &task, sizeof task);
    trm_dataset_close(&d);
  }
}

static void test_csv_refused(void **state) {
  (void)state;
  trm_task task = trm_task_sudoku(4);
  refuse("a.csv", "", NULL, "", "no puzzles");
  refuse("a.csv", "question,answer\n", NULL, "", "no puzzles");
  refuse("a.csv", "question,rating\nab,1\n", NULL, ":1:1", "no answer column");
  refuse("a.csv", "abc\n", NULL, ":1:1", "one field");
  refuse("a.csv", "question,answer\nab,ab\n\nab\n", NULL, ":4:1", "1 fields, expected at least 2");
  refuse("a.csv", "question,answer\nab,ab\nabc,abc\n", NULL, ":3:1", "has 3 cells, expected 2");
  refuse("a.csv", "question,answer\nab,ab\nab,abc\n", NULL, ":3:4", "the answer has 3 cells, expected 2");
  refuse("a.csv", "question,answer\n,ab\n", NULL, ":2:1", "has 0 cells");
  refuse("a.csv", "question,answer\n,\n", NULL, "", "no puzzles");
  refuse("a.csv", "question,answer\na\tb,abc\n", NULL, ":2:2", "byte 0x09");
  refuse("a.csv", "question,answer\nabc,a\xc3\xa9\n", NULL, ":2:6", "byte 0xc3");
  refuse("a.csv", "question,answer\nab,\"ab\n", NULL, ":2:4", "never closed");
  refuse("a.csv", "question,answer\n\"ab\"x,ab\n", NULL, ":2:5", "after a closing quote");
  refuse("a.csv", "question,answer\nab,a\rb\n", NULL, ":2:5", "carriage return");
  refuse_bytes("a.csv", "question,answer\nab,a\0b\n", 23, NULL, ":2:5", "NUL");
  refuse_bytes("a.csv", "question,answer\nab,\"a\0b\"\n", 25, NULL, ":2:6", "NUL");
  /* One damaged row does not make another task of a Sudoku file. */
  refuse("a.csv", "question,answer\n" QUESTION "," ANSWER "\n" QUESTION "," ANSWER "\n1t3..2..4.3..2.1," ANSWER, NULL,
         ":4:2", "found 't'");
  refuse("a.csv", "question,answer\n" QUESTION "," ANSWER "\n" QUESTION "," ANSWER "\n" QUESTION ",.234341221434321",
         NULL, ":4:18", "a digit in every cell");
  refuse("a.csv", "question,answer\n" QUESTION "," ANSWER "\n1.3..2..5.4....1," ANSWER, &task, ":3:9",
         "found '5', expected 1-4");
  refuse("a.csv", "question,answer\n" QUESTION ",123434124321214.", &task, ":2:33", "a digit in every cell");
  refuse("a.csv", "question,answer\nab,ab", &task, "", "have 2 cells, expected 16");
  char wide[300] = "";
  for (int i = 0; i < 70; i++) strcat(wide, "x,");
  refuse("a.csv", wide, NULL, ":1:129", "64 fields");
}

static void test_csv_long_field(void **state) {
  (void)state;
  size_t size = ((size_t)1 << 20) + 100;
  char *text = malloc(size);
  memset(text, 'x', size);
  refuse_bytes("a.csv", text, size, NULL, ":1:1048578", "longer than 1 MiB");
  text[0] = '"';
  refuse_bytes("a.csv", text, size, NULL, ":1:1048579", "longer than 1 MiB");
  text[0] = 'x';
  memcpy(text + 70000, ",y\n", 3);
  refuse_bytes("a.csv", text, 70003, NULL, ":1:1", "70000 cells, expected 1 to 65536");
  free(text);
}

/* -- JSON Lines -- */

static void test_jsonl_forms(void **state) {
  (void)state;
  const char *const cases[] = {
      "{\"question\": \"" QUESTION "\", \"answer\": \"" ANSWER "\", \"rating\": 2.5}\n",
      "\xef\xbb\xbf\n  \r\n{\"answer\": \"" ANSWER "\", \"question\": \"" QUESTION
      "\", \"difficulty\": 2.5, \"id\": {}}",
      "{\"question\": [\"1.3.\",\".2..\",\"..4.\",\"...1\"], \"answer\": \"1234\\n3412\\n4321\\n2143\", \"guesses\": "
      "2.5}",
      "{\"question\": [1,0,3,0,0,2,0,0,0,0,4,0,0,0,0,1], \"answer\": [[1,2,3,4],[3,4,1,2],[4,3,2,1],[2,1,4,3]], "
      "\"rating\": 2.5}",
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_dataset *d = open_text("a.jsonl", cases[i], NULL);
    trm_dataset_info info = trm_dataset_describe(d);
    int32_t q[16], a[16];
    char line[17];
    trm_error err = {0};
    double rating;
    assert_int_equal(info.task.kind, TRM_TASK_SUDOKU);
    trm_dataset_example(d, 0, q, a, NULL, &rating);
    CHECK_OK(trm_task_render(&info.task, q, line, sizeof line, &err), err);
    assert_string_equal(line, QUESTION);
    CHECK_OK(trm_task_render(&info.task, a, line, sizeof line, &err), err);
    assert_string_equal(line, ANSWER);
    assert_true(rating == 2.5);
    trm_dataset_close(&d);
  }
  trm_dataset *d = open_text("a.jsonl", "{\"question\": [[0,5],[7,254],[1,1]], \"answer\": [0,0,0,0,0,9]}", NULL);
  trm_dataset_info info = trm_dataset_describe(d);
  int32_t q[6];
  assert_int_equal(info.vocab_size, 256);
  assert_int_equal(info.task.width, 2);
  trm_dataset_example(d, 0, q, NULL, NULL, NULL);
  assert_int_equal(q[1], 6);
  assert_int_equal(q[3], 255);
  assert_int_equal(info.has_ratings, 0);
  trm_dataset_close(&d);
}

static void test_jsonl_refused(void **state) {
  (void)state;
  const char *good = "{\"question\": \"ab\", \"answer\": \"ba\"}\n";
  const struct {
    const char *text, *where, *message;
  } cases[] = {
      {"{\"question\": \"ab\"}", ":2", "\"answer\": is missing"},
      {"{\"answer\": \"ab\"}", ":2", "\"question\": is missing"},
      {"[1]", ":2", "no object"},
      {"{\"question\": \"ab\", \"answer\": \"ba\"", ":2:33", ""},
      {"{\"question\": \"ab\", \"question\": \"ab\"}", ":2:29", "duplicate"},
      {"{\"question\": \"ab\", \"answer\": {}}", ":2", "\"answer\": expected a text"},
      {"{\"question\": \"ab\", \"answer\": [1.5]}", ":2", "expected a text"},
      {"{\"question\": \"ab\", \"answer\": [[[1]]]}", ":2", "expected a text"},
      {"{\"question\": \"ab\", \"answer\": [[\"a\"]]}", ":2", "expected a text"},
      {"{\"question\": \"ab\", \"answer\": 5}", ":2", "expected a text"},
      {"{\"question\": \"ab\", \"answer\": [1,2]}", ":2", "mixed"},
      {"{\"question\": [1,2], \"answer\": \"ab\"}", ":2", "mixed"},
      {"{\"question\": \"ab\", \"answer\": [\"a\", \"ba\"]}", ":2", "rows of different lengths"},
      {"{\"question\": \"ab\", \"answer\": \"abc\"}", ":2:1", "the answer has 3 cells"},
      {"{\"question\": \"a\\u00e9\", \"answer\": \"abc\"}", ":2:1", "3 cells"},
      {"{\"question\": \"\\u00e9\", \"answer\": \"ab\"}", ":2", "byte 0xc3"},
      {"{\"question\": \"a\xff\", \"answer\": \"ab\"}", ":2:15", "0xff"},
      {"{\"question\": \"ab\", \"answer\": \"ab\", \"rating\": 1e999}", ":2:44", ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[256];
    snprintf(text, sizeof text, "%s%s\n", good, cases[i].text);
    trm_dataset *d = NULL;
    trm_error err = {0};
    const char *path = put_text("b.jsonl", text);
    CHECK_FAILS(trm_dataset_open(&d, path, NULL, NULL, &err), TRM_E_INPUT, err, cases[i].message);
    const char *where = err.where + strlen(path);
    if (strncmp(where, cases[i].where, 2) != 0) fail_msg("case %zu: error at %s", i, err.where);
  }
  refuse("a.jsonl", "{\"question\": [1,255], \"answer\": [1,1]}", NULL, ":1", "outside 0 to 254");
  refuse("a.jsonl", "{\"question\": [1,-1], \"answer\": [1,1]}", NULL, ":1", "outside 0 to 254");
  refuse("a.jsonl", "{\"question\": [1,\"a\"], \"answer\": [1,1]}", NULL, ":1", "rows of different lengths");
  refuse("a.jsonl", "{\"question\": [\"a\",1], \"answer\": [1,1]}", NULL, ":1", "mixed");
  refuse("a.jsonl", "\n\n", NULL, "", "no puzzles");
  trm_task sudoku = trm_task_sudoku(4), arc = trm__task_arc();
  refuse("a.jsonl", "{\"question\": [1,0,3,0,0,2,0,0,0,0,4,0,0,0,0,1], \"answer\": [1,2,3,4,3,4,1,2,4,3,2,1,2,1,4,0]}",
         &sudoku, ":1", "cell 16: found 0, expected 1 to 4");
  refuse("a.jsonl", "{\"question\": [1,0,3,0,0,2,0,0,0,0,4,0,0,0,0,5], \"answer\": [1,2,3,4,3,4,1,2,4,3,2,1,2,1,4,3]}",
         &sudoku, ":1", "cell 16: found 5, expected 0 to 4");
  char colours[8000] = "{\"question\": [10", *end = colours + strlen(colours);
  for (int i = 1; i < 900; i++) end += sprintf(end, ",9");
  end += sprintf(end, "], \"answer\": [0");
  for (int i = 1; i < 900; i++) end += sprintf(end, ",0");
  strcpy(end, "]}");
  refuse("a.jsonl", colours, &arc, ":1", "cell 1: found 10, expected 0 to 9");
  char deep[5000];
  memset(deep, '[', sizeof deep - 1);
  memcpy(deep, "{\"q\":", 5);
  deep[sizeof deep - 1] = '\0';
  refuse("a.jsonl", deep, NULL, ":1:69", "64 levels");
  refuse("a.jsonl", "[[1, 2], [2, 1]]", NULL, ":1", "no object");
  refuse_bytes("a.jsonl", "{\"question\": \"a\0\"}", 18, NULL, ":1:16", "NUL");
}

/* A maze is known by start and goal, whichever way its free cells are written; numbers of the same shape are none. */
static void test_maze_notations(void **state) {
  (void)state;
  char text[4000], numbers[8000], *p = text, *n = numbers;
  for (int notation = 0; notation < 3; notation++) {
    p = text + sprintf(text, "question,answer\n");
    n = numbers + sprintf(numbers, "{\"question\": [");
    for (int answer = 0; answer < 2; answer++) {
      for (int i = 0; i < 900; i++) {
        int what = i == 31 ? 2 : i == 33 ? (notation == 2 ? 2 : 3) : i % 3 ? 1 : 0;
        *p++ = (notation ? "#.SG" : "# SG")[what];
        n += sprintf(n, "%s%d", i ? "," : "", what);
      }
      *p++ = answer ? '\n' : ',';
      n += sprintf(n, answer ? "]}" : "], \"answer\": [");
    }
    *p = '\0';
    trm_dataset *d = open_text("a.csv", text, NULL);
    assert_int_equal(trm_dataset_describe(d).task.kind, notation == 2 ? TRM_TASK_GENERIC : TRM_TASK_MAZE);
    trm_dataset_close(&d);
    d = open_text("a.jsonl", numbers, NULL);
    assert_int_equal(trm_dataset_describe(d).task.kind, TRM_TASK_GENERIC);
    trm_dataset_close(&d);
  }
}

/* -- memory, real data -- */

static trm_status open_context(void *context, trm_error *err) {
  trm_dataset *d = NULL;
  trm_status status = trm_dataset_open(&d, context, NULL, NULL, err);
  trm_dataset_close(&d);
  return status;
}

static void test_allocations(void **state) {
  (void)state;
  char text[16000] = "question,answer\n", path[128];
  for (int i = 0; i < 100; i++) strcat(text, "\"1.3.\n.2..\n..4.\n...1\",\"1234341243212143\",\"a\"\"b\"\n");
  snprintf(path, sizeof path, "%s", put_text("m.csv", text));
  assert_true(check_each_allocation(open_context, path) >= 10);
  snprintf(path, sizeof path, "%s", put_text("m.jsonl", "{\"question\": [0,1], \"answer\": [1,1]}\n"));
  assert_true(check_each_allocation(open_context, path) >= 6);
}

static void test_real(void **state) {
  (void)state;
  const struct {
    const char *name;
    int64_t examples;
    trm_task_kind kind;
    double mean;
  } files[] = {{"data/sudoku/train.csv", 1000, TRM_TASK_SUDOKU, 22.2},
               {"data/sudoku/valid.csv", 2048, TRM_TASK_SUDOKU, 20.3},
               {"data/maze/train.csv", 1000, TRM_TASK_MAZE, 114.1}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    const char *path = check_shared(files[i].name);
    if (!path) continue;
    trm_dataset *d = NULL;
    trm_error err = {0};
    CHECK_OK(trm_dataset_open(&d, path, NULL, NULL, &err), err);
    trm_dataset_info info = trm_dataset_describe(d);
    assert_int_equal(info.examples, files[i].examples);
    assert_int_equal(info.task.kind, files[i].kind);
    double sum = 0, rating;
    for (int64_t k = 0; k < info.examples; k++) {
      int32_t q[900], a[900];
      trm_dataset_example(d, k, q, a, NULL, &rating);
      sum += rating;
      trm_task_verdict v = trm_task_judge(&info.task, q, a);
      assert_true(v.keeps_clues == 1 && v.keeps_rules == 1);
      CHECK_OK(trm_task_check_question(&info.task, q, &err), err);
    }
    assert_true(fabs(sum / (double)info.examples - files[i].mean) < 0.1);
    trm_dataset_close(&d);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_records),
      cmocka_unit_test(test_copied_fields),
      cmocka_unit_test(test_csv_dialects),
      cmocka_unit_test(test_csv_ratings),
      cmocka_unit_test(test_csv_inference),
      cmocka_unit_test(test_csv_refused),
      cmocka_unit_test(test_csv_sudoku_sizes),
      cmocka_unit_test(test_csv_long_field),
      cmocka_unit_test(test_jsonl_forms),
      cmocka_unit_test(test_jsonl_refused),
      cmocka_unit_test(test_maze_notations),
      cmocka_unit_test(test_allocations),
      cmocka_unit_test(test_real),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
