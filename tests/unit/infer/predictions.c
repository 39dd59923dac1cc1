/* Predictions: what is kept of each puzzle, against labels that are known, the order of the worst, and the files. */
#include "unit/infer/labelled.h"

#include <jansson.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os/file.h"
#include "infer/predictions.h"

static trm_predictions *each_of(setup *t, int64_t limit) {
  trm_predictions *p = NULL;
  CHECK_OK(trm_evaluate_each(&p, t->solver, &data.dataset, limit, &t->r, NULL, NULL, &t->err), t->err);
  return p;
}

static void each_puzzle_is_kept_in_order(void **state) {
  (void)state;
  setup t;
  static const int64_t batches[] = {1, 7, 64};
  setup_open(&t, 1); /* halting: puzzles leave in another order than they entered */
  for (int b = 0; b < 3; b++) {
    setup_solver(&t, batches[b], 1);
    trm_predictions *p = each_of(&t, 0);
    assert_int_equal(trm_predictions_count(p), N);
    for (int i = 0; i < N; i++) {
      trm_prediction r = trm_predictions_at(p, i);
      assert_int_equal(r.example, i);
      assert_memory_equal(r.question, inputs + i * CELLS, CELLS * sizeof *inputs);
      assert_memory_equal(r.answer, answers + i * CELLS, CELLS * sizeof *answers);
      for (int c = 0; c < CELLS; c++) assert_int_equal(r.labels[c], data.labels[i * CELLS + c]);
      assert_int_equal(r.cells, 13);
      assert_int_equal(r.wrong, i % 3 == 0);
      assert_int_equal(r.exact, i % 3 != 0);
      assert_true(r.rating == data.ratings[i]);
      assert_int_equal(r.solution.steps, solutions[i].steps);
      assert_true(r.solution.q == solutions[i].q && r.solution.least == solutions[i].least);
      assert_memory_equal(&r.verdict,
                          &(trm_task_verdict[]){trm_task_judge(&data.dataset.info.task, r.question, r.answer)}[0],
                          sizeof r.verdict);
    }
    trm_predictions_close(&p);
    assert_null(p);
  }
  setup_close(&t);
}

/* The same as without them, and a limit holds. */
static void the_result_is_that_of_evaluating(void **state) {
  (void)state;
  setup t;
  trm_eval_result plain;
  setup_open(&t, 0);
  CHECK_OK(trm_evaluate(t.solver, &data.dataset, 10, &plain, NULL, NULL, &t.err), t.err);
  trm_predictions *p = each_of(&t, 10);
  assert_int_equal(trm_predictions_count(p), 10);
  assert_int_equal(t.r.exact, plain.exact);
  assert_true(t.r.lm_loss == plain.lm_loss);
  trm_predictions_close(&p);
  CHECK_OK(trm_evaluate_each(NULL, t.solver, &data.dataset, 10, &t.r, NULL, NULL, &t.err), t.err);
  assert_int_equal(t.r.exact, plain.exact);
  setup_close(&t);
}

static int stop_at_third(void *context, double fraction, const char *what) {
  int *calls = context;
  (void)fraction, (void)what;
  return ++*calls == 3;
}

/* Stopped after the third round of seven puzzles: those seven are done, and nobody else is told of. */
static void a_stopped_one_has_what_was_finished(void **state) {
  (void)state;
  setup t;
  int calls = 0;
  trm_predictions *p = NULL;
  setup_open(&t, 0);
  setup_solver(&t, 7, 0);
  CHECK_FAILS(trm_evaluate_each(&p, t.solver, &data.dataset, 0, &t.r, stop_at_third, &calls, &t.err), TRM_E_STOPPED,
              t.err, "of 60");
  assert_int_equal(trm_predictions_count(p), 7);
  assert_int_equal(trm_predictions_at(p, 6).example, 6);
  trm_predictions_close(&p);
  trm_predictions_close(&p);
  setup_close(&t);
}

/* Of what is not exact: first what the rules do not allow; then larger q, NaN last; then more wrong cells; then order.
 */
static void the_worst_come_first(void **state) {
  (void)state;
  setup t;
  trm_error err = {0};
  int64_t list[N], count;
  setup_open(&t, 0);
  trm_predictions *p = each_of(&t, 0);
  for (int i = 0; i < N; i++) p->solutions[i].q = -1;
  p->solutions[30].q = p->solutions[3].q = 5;
  p->solutions[1].q = 9; /* exact */
  p->solutions[6].q = (float)NAN;
  data.labels[30 * CELLS + 1] = (answers[30 * CELLS + 1] + 1) % TOKENS; /* one more */
  /* Of example 9 the model's answer is a right one, and the data has another. */
  static const int32_t right[CELLS] = {2, 3, 4, 5, 4, 5, 2, 3, 3, 2, 5, 4, 5, 4, 3, 2};
  memcpy(p->answers + 9 * CELLS, right, sizeof right);
  memcpy(data.inputs + 9 * CELLS, right, sizeof right);
  memcpy(data.labels + 9 * CELLS, right, sizeof right);
  data.labels[9 * CELLS] = 3;
  p->solutions[9].q = 100;
  assert_int_equal(trm_predictions_at(p, 9).verdict.keeps_rules, 1);
  CHECK_OK(trm_predictions_worst(p, N, list, &count, &err), err);
  assert_int_equal(count, N / 3);
  assert_int_equal(list[0], 30);
  assert_int_equal(list[1], 3);
  assert_int_equal(list[2], 0);
  assert_int_equal(list[3], 12);
  assert_int_equal(list[count - 2], 6);
  assert_int_equal(list[count - 1], 9);
  CHECK_OK(trm_predictions_worst(p, 2, list, &count, &err), err);
  assert_int_equal(count, 2);
  CHECK_OK(trm_predictions_worst(p, 0, list, &count, &err), err);
  assert_int_equal(count, 0);
  trm_predictions_close(&p);
  setup_close(&t);
}

/* -- files --------------------------------------------------------------------------------------------------------- */

static char *file_text(const char *path) {
  char *text = NULL;
  size_t size;
  trm_error err = {0};
  CHECK_OK(trm__file_read(path, 1 << 20, &text, &size, &err), err);
  return text;
}

static void files_have_a_line_a_puzzle(void **state) {
  (void)state;
  setup t;
  trm_error err = {0};
  setup_open(&t, 0);
  trm_predictions *p = each_of(&t, 3);
  CHECK_OK(trm_predictions_write(p, "predictions.jsonl", &err), err);
  char *text = file_text("predictions.jsonl"), *line = text, question[CELLS + 1];
  for (int i = 0; i < 3; i++) {
    json_t *o = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(o);
    assert_int_equal(json_integer_value(json_object_get(o, "example")), i + 1);
    CHECK_OK(trm_task_render(&p->task, inputs + i * CELLS, question, sizeof question, &err), err);
    assert_string_equal(json_string_value(json_object_get(o, "question")), question);
    assert_int_equal(json_integer_value(json_object_get(o, "wrong_cells")), i == 0);
    assert_int_equal(json_is_true(json_object_get(o, "exact")), i != 0);
    assert_true(fabs(json_number_value(json_object_get(o, "q")) - (double)solutions[i].q) < 1e-6);
    json_decref(o);
    line = strchr(line, '\n') + 1;
  }
  assert_string_equal(line, "");
  *strchr(text, '\n') = 0;
  char again[1000], cut[9];
  assert_int_equal(trm_predictions_json(p, 0, again, sizeof again), strlen(text));
  assert_string_equal(again, text);
  assert_int_equal(trm_predictions_json(p, 0, cut, sizeof cut), strlen(text));
  assert_memory_equal(cut, text, sizeof cut - 1);
  assert_int_equal(trm_predictions_json(p, 0, NULL, 0), strlen(text));
  trm__free(text);
  p->solutions[1].q = (float)NAN;
  p->task.alphabet[0] = 0; /* tokens without symbols */
  CHECK_OK(trm_predictions_write(p, "predictions.csv", &err), err);
  text = file_text("predictions.csv");
  assert_memory_equal(text, "example,question,right_answer,given_answer,exact,wrong_cells,cells,steps,q,", 75);
  assert_non_null(strstr(text, "\n1,\"["));
  assert_non_null(strstr(text, ",-100,"));
  assert_non_null(strstr(text, ",true,0,13,3,,")); /* q is absent */
  trm__free(text);
  trm_predictions_close(&p);
  setup_close(&t);
}

/* Symbols that end a field of CSV, and those that JSON escapes, come back. */
static void symbols_are_quoted(void **state) {
  (void)state;
  setup t;
  trm_error err = {0};
  setup_open(&t, 0);
  trm_predictions *p = each_of(&t, 1);
  strcpy(p->task.alphabet, ",\"\\x ");
  CHECK_OK(trm_predictions_write(p, "predictions.csv", &err), err);
  CHECK_OK(trm_predictions_write(p, "predictions", &err), err);
  char *csv = file_text("predictions.csv"), *lines = file_text("predictions"), quoted[3 * CELLS] = "1,\"", *at;
  json_t *o = json_loads(lines, 0, NULL);
  at = quoted + 3;
  for (int i = 0; i < CELLS; i++) {
    char symbol = inputs[i] ? p->task.alphabet[inputs[i] - 1] : '_';
    assert_int_equal(json_string_value(json_object_get(o, "question"))[i], symbol);
    *at++ = symbol;
    if (symbol == '"') *at++ = symbol;
  }
  *at = 0;
  assert_non_null(strstr(csv, quoted));
  json_decref(o);
  trm__free(csv);
  trm__free(lines);
  trm_predictions_close(&p);
  setup_close(&t);
}

static void other_names_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *path;
    int refused;
  } cases[] = {{"a.csv", 0},   {"A.CSV", 0},  {"a.jsonl", 0},  {"a.NDJSON", 0}, {"/dev/stderr", 0},
               {"a.b/c", 0},   {"a.json", 1}, {"a.csv.gz", 1}, {"a.txt", 1},    {"a.", 1},
               {".hidden", 1}, {"csv", 0},    {"a.b/c.tsv", 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_error err = {0};
    trm_status status = trm_predictions_check_path(cases[i].path, &err);
    if (cases[i].refused != (status == TRM_E_USAGE)) fail_msg("%s: %s", cases[i].path, err.message);
  }
}

/* A failed write leaves what was there; a missing folder is told. */
static ssize_t no_write(int fd, const void *bytes, size_t size) {
  (void)fd, (void)bytes, (void)size;
  errno = ENOSPC;
  return -1;
}

static void nothing_is_half_written(void **state) {
  (void)state;
  setup t;
  trm_error err = {0};
  setup_open(&t, 0);
  trm_predictions *p = each_of(&t, 2);
  CHECK_OK(trm__file_write("predictions.jsonl", "before", 6, &err), err);
  trm__file_ops_set(&(trm__file_ops){.write = no_write, .fsync = fsync, .rename = rename});
  CHECK_FAILS(trm_predictions_write(p, "predictions.jsonl", &err), TRM_E_IO, err, "No space");
  trm__file_ops_set(NULL);
  char *text = file_text("predictions.jsonl");
  assert_string_equal(text, "before");
  trm__free(text);
  CHECK_FAILS(trm_predictions_write(p, "absent/folder/p.csv", &err), TRM_E_IO, err, NULL);
  trm_predictions_close(&p);
  setup_close(&t);
}

static void memory_may_run_out(void **state) {
  (void)state;
  setup t;
  setup_open(&t, 0);
  for (size_t at = 1, done = 0; !done; at++) {
    trm_predictions *p = NULL;
    trm_error err = {0};
    int64_t list[3], count = 0;
    trm__mem_fail_at(at);
    trm_status status = trm_evaluate_each(&p, t.solver, &data.dataset, 3, &t.r, NULL, NULL, &err);
    if (!status) status = trm_predictions_worst(p, 3, list, &count, &err);
    if (!status) status = trm_predictions_write(p, "predictions.csv", &err);
    done = trm__mem_fail_at(0) < at;
    if (done) CHECK_OK(status, err);
    trm_predictions_close(&p);
    assert_null(p);
  }
  setup_close(&t);
}

static char folder[64];

static int enter_folder(void **state) {
  (void)state;
  check_temp_dir(folder);
  return chdir(folder);
}

static int leave_folder(void **state) {
  (void)state;
  if (chdir("..") != 0) return 1;
  check_remove(folder);
  return 0;
}

int main(void) {
  test_puzzles(inputs, identifiers, N, 4);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_puzzle_is_kept_in_order),
      cmocka_unit_test(the_result_is_that_of_evaluating),
      cmocka_unit_test(a_stopped_one_has_what_was_finished),
      cmocka_unit_test(the_worst_come_first),
      cmocka_unit_test(files_have_a_line_a_puzzle),
      cmocka_unit_test(symbols_are_quoted),
      cmocka_unit_test(other_names_are_refused),
      cmocka_unit_test(nothing_is_half_written),
      cmocka_unit_test(memory_may_run_out),
  };
  return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
