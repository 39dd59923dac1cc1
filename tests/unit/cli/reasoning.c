/* The object that trm explain writes: which steps are in it, what is said of each, and that no text in it can end the
 * script that holds it in a page. */
#include "support/check.h"

#include "cli/ui/reasoning.h"

#include <math.h>

enum { S = 16 };

/* A 4x4 Sudoku whose first row is given, and its answer. */
static const int32_t question[S] = {2, 3, 4, 5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const int32_t right[S] = {2, 3, 4, 5, 4, 5, 2, 3, 3, 2, 5, 4, 5, 4, 3, 2};

typedef struct fixture {
  trm_task task;
  cli_trace trace;
  cli_solved solved;
  cli_show show;
} fixture;

static void add_step(fixture *f, int chain, int number, float q, int32_t last) {
  int32_t answer[S];
  float confidence[S];
  for (int i = 0; i < S; i++) answer[i] = right[i], confidence[i] = 0.75F;
  answer[S - 1] = last;
  confidence[3] = 0.123456F;
  const trm_step step = {.step = number,
                         .chain = chain,
                         .answer = answer,
                         .confidence = confidence,
                         .q = q,
                         .change = number == 1 ? NAN : 0.5F};
  cli_trace_add(&f->trace, S, &step);
}

static void open_fixture(fixture *f, const char *where) {
  *f = (fixture){.task = trm_task_sudoku(4)};
  f->solved = (cli_solved){.question = question,
                           .answer = right,
                           .where = where,
                           .solution = {.steps = 5, .chain = 1, .chains = 3},
                           .judged = trm_task_judge(&f->task, question, right),
                           .solutions = {.count = 1, .single = 1},
                           .solved = 1};
  f->show = (cli_show){
      .task = &f->task, .S = S, .trace = &f->trace, .level = TRM_LEVEL_A, .halt_threshold = 1.5, .recursion = "trm"};
}

static void close_fixture(fixture *f) {
  cli_trace_clear(&f->trace);
  free(f->trace.step);
}

static json_t *at(json_t *array, size_t i) {
  assert_true(json_is_array(array) && i < json_array_size(array));
  return json_array_get(array, i);
}

static int64_t whole(json_t *object, const char *name) {
  assert_true(json_is_integer(json_object_get(object, name)));
  return json_integer_value(json_object_get(object, name));
}

static void assert_cells(json_t *object, const char *name, size_t count, int64_t first) {
  json_t *cells = json_object_get(object, name);
  if (json_array_size(cells) != count) fail_msg("%s: %zu cells, expected %zu", name, json_array_size(cells), count);
  if (count) assert_int_equal(json_integer_value(at(cells, 0)), first);
}

/* Of three chains, which take turns, the first is there and then the one that answered; each begins with the question.
 */
static void test_steps(void **state) {
  (void)state;
  fixture f;
  open_fixture(&f, "argument 1");
  f.solved.solution.chain = 3;
  add_step(&f, 1, 1, -2, 3);
  add_step(&f, 3, 1, 0, 5);
  add_step(&f, 2, 1, -1, 4);
  add_step(&f, 3, 2, 3, right[S - 1]);
  add_step(&f, 2, 2, -1, 4);
  json_t *o = cli_reasoning_json(&f.show, &f.solved), *steps = json_object_get(o, "steps");
  assert_int_equal(json_array_size(steps), 3);
  static const int64_t expected[3][3] = {{1, 1, 12}, {1, 3, 12}, {2, 3, 1}};
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(whole(at(steps, i), "step"), expected[i][0]);
    assert_int_equal(whole(at(steps, i), "chain"), expected[i][1]);
    assert_cells(at(steps, i), "changed", (size_t)expected[i][2], i == 2 ? S - 1 : 4);
  }
  json_t *wrong = at(steps, 0), *good = at(steps, 2);
  assert_true(json_is_false(json_object_get(wrong, "correct")) && json_is_true(json_object_get(good, "correct")));
  assert_true(json_array_size(json_object_get(wrong, "broken")) > 1);
  assert_cells(good, "broken", 0, 0);
  assert_true(json_string_length(json_object_get(wrong, "fault")) > 10);
  assert_string_equal(json_string_value(json_object_get(good, "fault")), "");
  assert_true(json_real_value(json_object_get(good, "least_confidence")) == 0.1235);
  assert_true(json_real_value(at(json_object_get(good, "confidence"), 3)) == 0.1235);
  assert_true(json_real_value(json_object_get(good, "says_right")) == 0.9526);
  assert_true(json_is_null(json_object_get(wrong, "change")));
  assert_true(json_real_value(json_object_get(good, "change")) == 0.5);
  json_decref(o);
  close_fixture(&f);
}

static void test_whole(void **state) {
  (void)state;
  fixture f;
  open_fixture(&f, "argument 1");
  add_step(&f, 1, 1, 3, right[S - 1]);
  json_t *o = cli_reasoning_json(&f.show, &f.solved), *task = json_object_get(o, "task");
  assert_string_equal(json_string_value(json_object_get(task, "name")), "sudoku");
  assert_string_equal(json_string_value(json_object_get(task, "alphabet")), ".1234");
  assert_int_equal(whole(task, "width") * whole(task, "height"), S);
  assert_int_equal(whole(task, "box_width"), 2);
  assert_cells(o, "clues", 4, 0);
  assert_int_equal(json_array_size(json_object_get(o, "question")), S);
  for (size_t i = 0; i < S; i++) assert_int_equal(json_integer_value(at(json_object_get(o, "answer"), i)), right[i]);
  assert_string_equal(json_string_value(json_object_get(o, "message")), "correct: all rules hold");
  assert_string_equal(json_string_value(json_object_get(o, "verdict")), "right");
  assert_true(json_is_true(json_object_get(o, "solved")));
  assert_int_equal(whole(o, "chain"), 1);
  json_decref(o);
  close_fixture(&f);
}

/* What HTML would read is escaped, in a path and in an alphabet, and JSON reads it as it was. */
static void test_escapes(void **state) {
  (void)state;
  static const char where[] = "</script><!-- & \"\\ \xe2\x80\xa8 -->.txt:1";
  fixture f;
  open_fixture(&f, where);
  f.task.kind = TRM_TASK_GENERIC;
  f.task.box_width = f.task.box_height = 0;
  (void)snprintf(f.task.alphabet, sizeof f.task.alphabet, "<>&'\"");
  add_step(&f, 1, 1, 3, right[S - 1]);
  char *text = cli_reasoning_text(cli_reasoning_json(&f.show, &f.solved));
  for (const char *p = "<>&\n"; *p; p++) assert_null(strchr(text, *p));
  assert_null(strstr(text, "\xe2\x80\xa8"));
  json_t *o = json_loads(text, 0, NULL);
  assert_non_null(o);
  assert_string_equal(json_string_value(json_object_get(o, "where")), where);
  assert_string_equal(json_string_value(json_object_get(json_object_get(o, "task"), "alphabet")), "<>&'\"");
  assert_true(json_is_null(json_object_get(json_object_get(o, "task"), "rules")));
  assert_true(json_is_null(json_object_get(at(json_object_get(o, "steps"), 0), "correct")));
  json_decref(o);
  free(text);
  close_fixture(&f);
}

/* The page is whole around the object. */
static void test_page(void **state) {
  (void)state;
  assert_true(strlen(cli_page_head) + strlen(cli_page_tail) < 40000);
  assert_true(!strncmp(cli_page_head, "<!doctype html>", 15));
  const char *end = strstr(cli_page_head, "id=\"data\">");
  assert_non_null(end);
  assert_string_equal(end, "id=\"data\">");
  assert_true(!strncmp(cli_page_tail, "</script>", 9));
  static const char *const absent[] = {"/*", "import ", "src=", "href=", "url(http", "innerHTML", "localStorage"};
  for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
    if (strstr(cli_page_head, absent[i]) || strstr(cli_page_tail, absent[i])) fail_msg("the page has %s", absent[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_steps), cmocka_unit_test(test_whole),
                                     cmocka_unit_test(test_escapes), cmocka_unit_test(test_page)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
