/* References and conditions of definitions. */
#include "support/check.h"

#include "agent/flow/expr.h"

static json_t *parse(const char *text) {
  json_error_t error;
  json_t *value = json_loads(text, JSON_DECODE_ANY, &error);
  if (!value) fail_msg("%s: %s", text, error.text);
  return value;
}

#define ROOT "{\"input\": {\"n\": 4, \"a/b\": [1, {\"c\": null}], \"t\": \"m\"}, \"steps\": {\"s\": {\"result\": 2.0}}}"

static void references_are_filled(void **state) {
  (void)state;
  static const struct {
    const char *value, *filled; /* NULL: nothing is there */
  } cases[] = {
      {"{\"a\": {\"$from\": \"/input/n\"}, \"b\": [{\"$from\": \"/steps/s/result\"}, 7]}",
       "{\"a\": 4, \"b\": [2.0, 7]}"},
      {"{\"$from\": \"/input/a~1b/1/c\"}", "null"},
      {"{\"$from\": \"/input/a~1b/2\"}", NULL},
      {"{\"$from\": \"/input/a~1b/x\"}", NULL},
      {"{\"$from\": \"/input/n/x\"}", NULL},
      {"{\"$from\": \"input\"}", NULL},
      {"{\"$from\": 7}", "{\"$from\": 7}"},
      {"{\"$from\": \"/input/n\", \"other\": 1}", "{\"$from\": \"/input/n\", \"other\": 1}"},
  };
  json_t *root = parse(ROOT);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    json_t *value = parse(cases[i].value), *filled = NULL;
    trm_error err = {0};
    if (!cases[i].filled) {
      CHECK_FAILS(trm__expr_fill(&filled, value, root, &err), TRM_E_INPUT, err, "not there");
      assert_null(filled);
    } else {
      json_t *expected = parse(cases[i].filled);
      CHECK_OK(trm__expr_fill(&filled, value, root, &err), err);
      if (!json_equal(filled, expected)) fail_msg("%s", cases[i].value);
      json_decref(expected);
    }
    json_decref(filled);
    json_decref(value);
  }
  json_decref(root);
}

static void conditions_hold_or_not(void **state) {
  (void)state;
  static const struct {
    const char *condition;
    int holds;
  } cases[] = {
      {"{\"op\": \"eq\", \"path\": \"/steps/s/result\", \"value\": 2}", 1}, /* 2.0 is 2 */
      {"{\"op\": \"ne\", \"path\": \"/input/n\", \"value\": 4}", 0},
      {"{\"op\": \"ne\", \"path\": \"/input/absent\", \"value\": 4}", 0}, /* nothing is compared */
      {"{\"op\": \"lt\", \"path\": \"/input/n\", \"value\": 4.5}", 1},
      {"{\"op\": \"le\", \"path\": \"/input/n\", \"value\": 4}", 1},
      {"{\"op\": \"gt\", \"path\": \"/input/n\", \"value\": 4}", 0},
      {"{\"op\": \"ge\", \"path\": \"/input/t\", \"value\": \"k\"}", 1},
      {"{\"op\": \"lt\", \"path\": \"/input/t\", \"value\": 9}", 0}, /* a text and a number have no order */
      {"{\"op\": \"in\", \"path\": \"/input/t\", \"value\": [1, \"m\"]}", 1},
      {"{\"op\": \"exists\", \"path\": \"/input/a~1b/1/c\"}", 1},
      {"{\"op\": \"not\", \"value\": {\"op\": \"exists\", \"path\": \"/steps/t\"}}", 1},
      {"{\"op\": \"and\", \"value\": [{\"op\": \"exists\", \"path\": \"/input\"}, {\"op\": \"exists\", \"path\": "
       "\"/x\"}]}",
       0},
      {"{\"op\": \"or\", \"value\": [{\"op\": \"exists\", \"path\": \"/x\"}, {\"op\": \"exists\", \"path\": "
       "\"/input\"}]}",
       1},
  };
  json_t *root = parse(ROOT);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_error err = {0};
    int holds = -1;
    json_t *condition = parse(cases[i].condition);
    CHECK_OK(trm__expr_holds(condition, root, &holds, &err), err);
    if (holds != cases[i].holds) fail_msg("%s: %d", cases[i].condition, holds);
    json_decref(condition);
  }
  json_decref(root);
}

static void malformed_conditions_are_refused(void **state) {
  (void)state;
  static const char *const wrong[][2] = {
      {"{\"op\": \"equal\", \"path\": \"/a\", \"value\": 1}", "expected eq"},
      {"{\"op\": \"eq\", \"path\": \"/a\"}", "needs \"value\""},
      {"{\"op\": \"eq\", \"value\": 1}", "needs \"path\""},
      {"{\"op\": \"exists\", \"path\": \"/a\", \"value\": 1}", "takes no \"value\""},
      {"{\"op\": \"in\", \"path\": \"/a\", \"value\": 1}", "an array"},
      {"{\"op\": \"and\", \"value\": []}", "array of conditions"},
      {"{\"op\": \"or\", \"value\": [7]}", "expected a condition"},
      {"{\"op\": \"not\"}", "expected a condition"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    trm_error err;
    json_t *condition = parse(wrong[i][0]);
    CHECK_FAILS(trm__expr_check(condition, &err), TRM_E_INPUT, err, wrong[i][1]);
    json_decref(condition);
  }
  char deep[600] = "";
  for (int i = 0; i < 17; i++) strcat(deep, "{\"op\": \"not\", \"value\": ");
  strcat(deep, "{\"op\": \"exists\", \"path\": \"/a\"}");
  for (int i = 0; i < 17; i++) strcat(deep, "}");
  trm_error err;
  json_t *condition = parse(deep);
  CHECK_FAILS(trm__expr_check(condition, &err), TRM_E_INPUT, err, "nested deeper than 16");
  json_decref(condition);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(references_are_filled),
      cmocka_unit_test(conditions_hold_or_not),
      cmocka_unit_test(malformed_conditions_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
