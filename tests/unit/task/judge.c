/* Judges: what they are asked and what their answers become; every way to fail ends with one sentence, which stays. */
#include "support/check.h"

#include "task/judge.h"
#include "task/puzzle.h"
#include "task/task.h"

/* Right is an answer whose first row is the second of its question, in these symbols. */
#define COMPARE                                                                                                        \
  "while IFS= read -r line; do case \"$line\" in "                                                                     \
  "'{\"question\": [\"ab\",\"\\\"\\\\\"], \"answer\": [\"ba\",\"\\\"\\\\\"]}') echo '{\"right\": true}';; "            \
  "*) echo '{\"right\": false, \"why\": \"not ba\"}';; esac; done"

static trm_task two_rows(void) {
  return trm__task_generic(4, 2, 5, "ab\"\\");
}

static void it_judges_in_place_of_rules(void **state) {
  (void)state;
  trm_task task = two_rows();
  trm_judge *judge = NULL;
  trm_error err = {0};
  char text[100];
  uint8_t has[8] = {0};
  const int32_t question[] = {1, 2, 3, 4}, right[] = {2, 1, 3, 4}, wrong[] = {1, 1, 3, 4};
  assert_null(trm_task_rules(&task));
  assert_int_equal(trm_task_judge(&task, question, right).keeps_rules, -1);
  CHECK_OK(trm_judge_open(&judge, COMPARE, 60, &err), err);
  CHECK_OK(trm_task_set_judge(&task, judge, &err), err);
  assert_non_null(trm_task_rules(&task));
  for (int i = 0; i < 3; i++) {
    trm_task_verdict verdict = trm_task_judge(&task, question, right);
    CHECK_OK(trm_judge_status(judge, &err), err);
    assert_int_equal(verdict.keeps_rules, 1);
    assert_int_equal(verdict.keeps_clues, 1);
    assert_int_equal(trm_task_judge(&task, question, wrong).keeps_rules, 0);
    assert_int_equal(trm_task_faults(&task, question, right), 0);
    assert_int_equal(trm_task_faults(&task, question, wrong), 1);
    assert_string_equal(trm_task_fault(&task, question, wrong, text, sizeof text), "not ba");
    assert_string_equal(trm_task_fault(&task, question, right, text, sizeof text), "");
    assert_string_equal(trm_task_remark(&task, question, right, text, sizeof text), "the judge says so");
    assert_string_equal(trm_task_remark(&task, question, wrong, text, sizeof text), "");
    assert_string_equal(trm_task_fault(&task, question, wrong, text, 4), "not");
  }
  assert_string_equal(trm__task_metrics(&task)[0], "judged");
  trm__task_grade(&task, question, right, has);
  assert_int_equal(has[0], 1);
  trm__task_grade(&task, question, wrong, has);
  assert_int_equal(has[0], 0);
  CHECK_OK(trm_task_set_judge(&task, NULL, &err), err);
  assert_null(trm_task_rules(&task));
  trm_judge_close(&judge);
  trm_judge_close(&judge);
}

static void tokens_without_symbols_are_numbers(void **state) {
  (void)state;
  trm_task task = trm__task_generic(2, 2, 300, "");
  trm_judge *judge = NULL;
  trm_error err = {0};
  const int32_t question[] = {0, 299}, answer[] = {17, 299};
  CHECK_OK(trm_judge_open(&judge,
                          "read -r l; [ \"$l\" = '{\"question\": [[0,299]], \"answer\": [[17,299]]}' ] && echo "
                          "'{\"right\": true, \"by\": [1]}'; read -r l",
                          60, &err),
           err);
  CHECK_OK(trm_task_set_judge(&task, judge, &err), err);
  int kept = trm_task_judge(&task, question, answer).keeps_rules;
  CHECK_OK(trm_judge_status(judge, &err), err);
  assert_int_equal(kept, 1);
  trm_judge_close(&judge);
}

static void a_failure_is_said_and_stays(void **state) {
  (void)state;
  static const struct {
    const char *command, *want;
    double seconds;
  } cases[] = {
      {"exit 3", "ended with exit code 3", 60},
      {"sleep 60", "has not answered for 0.1 seconds", 0.1},
      {"echo yes", "", 60}, /* before or after it is asked */
      {"read l; echo yes; read l", "answered yes, expected {\"right\": true}", 60},
      {"read l; echo; read l", "answered , expected", 60},
      {"read l; echo '{\"right\": 1}'; read l", "answered {\"right\": 1}, expected", 60},
      {"read l; echo '{\"right\": true'; read l", "expected {\"right\": true}", 60},
      {"read l; echo '[true]'; read l", "answered [true], expected", 60},
      {"read l; echo '{\"right\": true, \"right\": false}'; read l", "expected {\"right\": true}", 60},
      {"read l; echo '{\"right\": false, \"why\": 3}'; read l", "expected {\"right\": true}", 60},
      {"read l; printf '\\033[2J\\377\\n'; read l", "answered ?[2J?, expected", 60},
      {"read l; printf '\\000\\n'; read l", "expected {\"right\": true}", 60},
      {"read l; printf '{\"right\": true}\\n{\"right\": true}\\n'; read l", "more than one line", 60},
      {"read l; head -c 3000 /dev/zero | tr '\\0' '['; echo; read l", "[..., expected", 60},
  };
  const int32_t tokens[] = {1, 2, 3, 4};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_task task = two_rows();
    trm_judge *judge = NULL;
    trm_error err = {0}, again = {0};
    char text[100] = "x";
    CHECK_OK(trm_judge_open(&judge, cases[i].command, cases[i].seconds, &err), err);
    CHECK_OK(trm_task_set_judge(&task, judge, &err), err);
    assert_int_equal(trm_task_judge(&task, tokens, tokens).keeps_rules, -1);
    CHECK_FAILS(trm_judge_status(judge, &err), TRM_E_INPUT, err, cases[i].want);
    assert_non_null(strstr(err.where, "judge \""));
    assert_int_equal(trm_task_faults(&task, tokens, tokens), -1);
    assert_string_equal(trm_task_fault(&task, tokens, tokens, text, sizeof text), "");
    assert_true(trm_judge_status(judge, &again) == TRM_E_INPUT);
    assert_string_equal(again.message, err.message);
    trm_judge_close(&judge);
  }
}

static void what_cannot_be_is_refused(void **state) {
  (void)state;
  char command[300];
  trm_judge *judge = NULL;
  trm_task sudoku = trm_task_sudoku(4);
  trm_error err = {0};
  CHECK_FAILS(trm_judge_open(&judge, "", 1, &err), TRM_E_USAGE, err, "no command");
  CHECK_FAILS(trm_judge_open(&judge, "  ", 1, &err), TRM_E_USAGE, err, "no command");
  CHECK_FAILS(trm_judge_open(&judge, "cat", 0, &err), TRM_E_USAGE, err, "found 0");
  CHECK_FAILS(trm_judge_open(&judge, "cat", (double)NAN, &err), TRM_E_USAGE, err, "expected more than 0");
  memset(command, 'x', sizeof command - 1);
  command[sizeof command - 1] = '\0';
  CHECK_FAILS(trm_judge_open(&judge, command, 1, &err), TRM_E_USAGE, err, "299 bytes");
  assert_null(judge);
  CHECK_OK(trm_judge_status(NULL, &err), err);
  CHECK_OK(trm_judge_open(&judge, "cat", 1, &err), err);
  CHECK_FAILS(trm_task_set_judge(&sudoku, judge, &err), TRM_E_USAGE, err, "sudoku");
  assert_null(sudoku.asked);
  trm_judge_close(&judge);
}

static trm_status open_and_ask(void *context, trm_error *err) {
  trm_task task = two_rows();
  trm_judge *judge = NULL;
  const int32_t tokens[] = {1, 2, 3, 4};
  (void)context;
  trm_status status = trm_judge_open(&judge, COMPARE, 60, err);
  if (!status) status = trm_task_set_judge(&task, judge, err);
  if (!status) (void)trm_task_judge(&task, tokens, tokens);
  if (!status) status = trm_judge_status(judge, err);
  trm_judge_close(&judge);
  return status;
}

static void each_allocation_may_fail(void **state) {
  (void)state;
  assert_true(check_each_allocation(open_and_ask, NULL) >= 4);
}

/* A task that names a judge says so in its file and gets it back; nothing is run. */
static void a_file_names_it_and_runs_nothing(void **state) {
  (void)state;
  trm_task task = two_rows(), back;
  trm_error err = {0};
  char path[64];
  check_temp_dir(path);
  (void)snprintf(task.judge, sizeof task.judge, "touch %s/ran; cat", path);
  strcpy(task.symmetries, "rows symbols:ab");
  task.pad = 3;
  json_t *json = trm__task_to_json(&task);
  assert_non_null(json);
  CHECK_OK(trm__task_from_json(&back, json, "here", &err), err);
  json_decref(json);
  assert_string_equal(back.judge, task.judge);
  assert_string_equal(back.symmetries, task.symmetries);
  assert_int_equal(back.pad, 3);
  assert_null(back.asked);
  const int32_t tokens[] = {1, 2, 3, 4};
  assert_int_equal(trm_task_judge(&back, tokens, tokens).keeps_rules, -1);
  assert_false(trm__path_exists(check_path(path, "ran")));
  check_remove(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_judges_in_place_of_rules), cmocka_unit_test(tokens_without_symbols_are_numbers),
      cmocka_unit_test(a_failure_is_said_and_stays), cmocka_unit_test(what_cannot_be_is_refused),
      cmocka_unit_test(each_allocation_may_fail),    cmocka_unit_test(a_file_names_it_and_runs_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
