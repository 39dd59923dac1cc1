/* What a server says of models and puzzles, one field changed after the other: what does not hold together is refused.
 */
#include "support/check.h"

#include "cli/remote_answer.h"

#define MODEL                                                                                                          \
  "{\"task\": \"sudoku\", \"grid\": {\"width\": 4, \"height\": 4, \"box_width\": 2, \"box_height\": 2, "               \
  "\"vocab_size\": 6, \"alphabet\": \".1234\"}, \"values\": {\"max_steps\": 9, \"recursion_cycles\": 3, "              \
  "\"latent_cycles\": 6, \"halt_threshold\": 0.5}, \"values_from\": {\"max_steps\": \"model\"}}"
#define SOLVED                                                                                                         \
  "{\"answer\": \"1234341221434321\", \"steps\": 3, \"interrupted\": false, \"expired\": false, \"halted_by\": "       \
  "\"rules\", \"level\": \"C\", \"q\": 1.5, \"confidence\": 0.5, \"least_confidence\": null, \"chain\": 1, "           \
  "\"chain_steps\": 3, \"chains\": 1, \"answer_step\": 3}"

static json_t *parsed(const char *text) {
  json_t *o = json_loads(text, 0, NULL);
  assert_non_null(o);
  return o;
}

static void test_models(void **state) {
  static const char *const wrong[] = {"{\"width\": 5}",
                                      "{\"width\": 0}",
                                      "{\"width\": 70000}",
                                      "{\"width\": 1.5}",
                                      "{\"height\": 3}",
                                      "{\"box_width\": 3}",
                                      "{\"vocab_size\": 7}",
                                      "{\"alphabet\": 5}",
                                      "{\"alphabet\": \"\"}",
                                      "{\"width\": -4}",
                                      "{\"alphabet\": \".123\"}",
                                      "{\"height\": 1e99}",
                                      "{\"alphabet\": \".12\\u00004\"}"};
  trm_task task;
  trm_solver_config config = trm_solver_config_default();
  (void)state;
  json_t *o = parsed(MODEL);
  assert_true(cli_remote_task(o, &task));
  assert_int_equal(task.kind, TRM_TASK_SUDOKU);
  trm_solver_values v = cli_remote_model_values(o, &config);
  assert_true(v.max_steps.value == 9 && v.max_steps.origin == TRM_VALUE_MODEL && v.halt_threshold.value == 0.5);
  config.max_steps = 4;
  v = cli_remote_model_values(o, &config);
  assert_true(v.max_steps.value == 4 && v.max_steps.origin == TRM_VALUE_OPTION);
  json_decref(o);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    o = parsed(MODEL);
    json_t *change = json_loads(wrong[i], JSON_ALLOW_NUL, NULL);
    json_object_update(json_object_get(o, "grid"), change);
    if (cli_remote_task(o, &task)) fail_msg("taken: %s", wrong[i]);
    json_decref(change);
    json_decref(o);
  }
  static const char *const none[] = {"{}", "[]", "{\"task\": \"chess\"}", "{\"task\": \"sudoku\"}", "{\"task\": 5}"};
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
    o = parsed(none[i]);
    assert_false(cli_remote_task(o, &task));
    json_decref(o);
  }
}

static int solved(const json_t *o, trm_solution *s, int *level, int *has_answer) {
  const trm_task task = trm_task_sudoku(4);
  int32_t answer[16];
  return cli_remote_solution(o, &task, answer, has_answer, s, level);
}

static void test_solutions(void **state) {
  static const char *const wrong[] = {"{\"answer\": \"123\"}",   "{\"answer\": [1]}",      "{\"answer\": null}",
                                      "{\"steps\": -1}",         "{\"steps\": 1e10}",      "{\"steps\": 3000000000}",
                                      "{\"interrupted\": null}", "{\"halted_by\": \"x\"}", "{\"halted_by\": 1}",
                                      "{\"level\": \"F\"}",      "{\"level\": \"CC\"}",    "{\"level\": null}",
                                      "{\"q\": \"1\"}",          "{\"chain\": null}",      "{\"answer_step\": false}"};
  trm_solution s;
  int level, has;
  (void)state;
  json_t *o = parsed(SOLVED);
  assert_true(solved(o, &s, &level, &has));
  assert_true(has && s.steps == 3 && s.halted == TRM_HALT_RULES && level == TRM_LEVEL_C && s.q == 1.5F);
  assert_true(s.least != s.least);
  json_object_set_new(o, "answer", json_null());
  json_object_set_new(o, "steps", json_integer(0));
  assert_true(solved(o, &s, &level, &has) && !has);
  json_decref(o);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    o = parsed(SOLVED);
    json_t *change = parsed(wrong[i]);
    json_object_update(o, change);
    if (solved(o, &s, &level, &has)) fail_msg("taken: %s", wrong[i]);
    json_decref(change);
    json_decref(o);
  }
  const char *key;
  json_t *value, *whole = parsed(SOLVED);
  json_object_foreach(whole, key, value) {
    o = json_copy(whole);
    json_object_del(o, key);
    if (solved(o, &s, &level, &has)) fail_msg("taken without %s", key);
    json_decref(o);
  }
  json_decref(whole);
  assert_false(solved(NULL, &s, &level, &has));
}

static void test_problems(void **state) {
  char text[700];
  static const char whole[] = "{\"title\": \"A field is wrong\", \"detail\": \"is over 64\", \"errors\": "
                              "[{\"pointer\": \"/max_steps\", \"detail\": \"is over 64\"}]}";
  (void)state;
  cli_remote_problem(whole, sizeof whole - 1, text);
  assert_string_equal(text, "A field is wrong: is over 64, at /max_steps");
  cli_remote_problem("<html>\033[2J", 10, text);
  assert_null(strchr(text, '\033'));
  cli_remote_problem("", 0, text);
  assert_string_equal(text, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_models), cmocka_unit_test(test_solutions),
                                     cmocka_unit_test(test_problems)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
