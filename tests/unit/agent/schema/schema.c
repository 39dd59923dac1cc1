/* JSON Schema without the test suite: what is valid and what is not, the words for it, and that hostile schemas and
 * values come to an end. */
#include "support/check.h"

#include "agent/schema/schema.h"
#include "base/clock.h"

static json_t *parse(const char *text) {
  json_error_t error;
  json_t *value = json_loads(text, JSON_DECODE_ANY, &error);
  if (!value) fail_msg("%s: %s", text, error.text);
  return value;
}

static trm_status check(const char *schema_text, const char *value_text, char pointer[TRM__SCHEMA_POINTER],
                        trm_error *err) {
  json_t *schema = parse(schema_text), *value = parse(value_text);
  trm__schema *opened = NULL;
  CHECK_OK(trm__schema_open(&opened, schema, NULL, "schema", err), *err);
  trm_status status = trm__schema_check(opened, value, "value", pointer, err);
  trm__schema_close(&opened);
  json_decref(schema);
  json_decref(value);
  return status;
}

#define MOVE                                                                                                           \
  "{\"type\": \"object\", \"required\": [\"puzzle\"], \"additionalProperties\": false, \"properties\": {"              \
  "\"puzzle\": {\"type\": [\"string\", \"array\"], \"pattern\": \"^[1-9.]+$\", \"items\": {\"type\": "                 \
  "\"integer\", \"minimum\": 0}}, \"device\": {\"enum\": [\"cpu\", \"cuda\"]}, \"steps\": {\"type\": "                 \
  "\"integer\", \"exclusiveMaximum\": 17, \"multipleOf\": 2}}}"

static const struct {
  const char *schema, *value;
  const char *pointer, *words; /* NULL: valid */
} cases[] = {
    {MOVE, "{\"puzzle\": \"53..7\", \"steps\": 4.0}", NULL, NULL},
    {MOVE, "[]", "", "found an array of 0, expected an object"},
    {MOVE, "{}", "", "has no \"puzzle\", which is required"},
    {MOVE, "{\"puzzel\": 1, \"puzzle\": \"1\"}", "/puzzel", "unknown key; did you mean \"puzzle\"?"},
    {MOVE, "{\"zzzzzzz\": 1, \"puzzle\": \"1\"}", "/zzzzzzz", "unknown key; known here: puzzle, device, steps"},
    {MOVE, "{\"puzzle\": 7}", "/puzzle", "found 7, expected a text or an array"},
    {MOVE, "{\"puzzle\": \"5x\"}", "/puzzle", "found \"5x\", expected a text that matches ^[1-9.]+$"},
    {MOVE, "{\"puzzle\": [1, 2.5]}", "/puzzle/1", "found 2.5, expected a whole number"},
    {MOVE, "{\"puzzle\": [1, -1]}", "/puzzle/1", "found -1, expected at least 0"},
    {MOVE, "{\"puzzle\": \"1\", \"steps\": 17}", "/steps", "found 17, expected"},
    {MOVE, "{\"puzzle\": \"1\", \"steps\": 3}", "/steps", "found 3, expected a multiple of 2"},
    {MOVE, "{\"puzzle\": \"1\", \"device\": \"gpu\"}", "/device", "found \"gpu\", expected \"cpu\" or \"cuda\""},
    {"{\"anyOf\": [{\"type\": \"string\"}, {\"properties\": {\"a\": {\"maxItems\": 1}}}]}", "{\"a\": [1, 2]}", "/a",
     "found 2 items, expected at most 1"}, /* the alternative that came furthest */
    {"{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"null\"}]}", "1", "", "one of 2 alternatives"},
    {"{\"oneOf\": [{\"type\": \"integer\"}, {\"minimum\": 2}]}", "3", "", "not both 1 and 2"},
    {"{\"not\": {\"const\": 1}}", "1.0", "", "anything but"},
    {"{\"properties\": {\"a/b~c\": false}}", "{\"a/b~c\": 1}", "/a~1b~0c", "nothing here"},
    {"{\"uniqueItems\": true}", "[1, {\"a\": 1, \"b\": 2}, {\"b\": 2.0, \"a\": 1}]", "", "items 1 and 2 are equal"},
    {"{\"maxLength\": 2}", "\"\\u00e9\\u00e9\"", NULL, NULL},
    {"{\"const\": 9007199254740993}", "9007199254740992.0", "", "expected 9007199254740993"},
    {"{\"multipleOf\": 0.0001}", "0.0075", NULL, NULL},
    {"{\"multipleOf\": 0.1}", "1.15", "", "a multiple of 0.1"},
    {"{\"allOf\": [{\"properties\": {\"a\": true}}], \"unevaluatedProperties\": false}", "{\"a\": 1, \"b\": 2}", "/b",
     "unknown key"},
    {"{\"contains\": {\"const\": 1}, \"maxContains\": 1}", "[1, 1]", "", "at most 1"},
    {"{\"if\": {\"required\": [\"a\"]}, \"then\": {\"required\": [\"b\"]}}", "{\"a\": 1}", "", "has no \"b\""},
    {"{\"propertyNames\": {\"pattern\": \"^a\"}}", "{\"b\": 1}", "/b", "a text that matches ^a"},
    {"{\"dependentRequired\": {\"a\": [\"b\"]}}", "{\"a\": 1}", "", "required beside \"a\""},
    {"{\"pattern\": \"^\\\\p{Letter}\\\\d$\"}", "\"\\u00e91\"", NULL, NULL},
    {"{\"pattern\": \"a$\"}", "\"a\\n\"", "", "a text that matches"},
};

static void values_are_checked(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char pointer[TRM__SCHEMA_POINTER];
    trm_error err = {0};
    trm_status status = check(cases[i].schema, cases[i].value, pointer, &err);
    if (!cases[i].words && !status) continue;
    if (status != TRM_E_INPUT || !cases[i].words || strcmp(pointer, cases[i].pointer) ||
        !strstr(err.message, cases[i].words) || strcmp(err.where, "value"))
      fail_msg("%s against %s:\n  %s: \"%s\": %s", cases[i].value, cases[i].schema, err.where, pointer, err.message);
  }
}

static void refuse(const char *text, int strict, const char *words) {
  trm__schema *opened = NULL;
  trm__schema_config config = trm__schema_config_default();
  config.strict = strict;
  json_t *schema = parse(text);
  trm_error err;
  CHECK_FAILS(trm__schema_open(&opened, schema, &config, "s.json", &err), TRM_E_INPUT, err, words);
  assert_null(opened);
  json_decref(schema);
}

static void malformed_schemas_are_refused(void **state) {
  (void)state;
  refuse("7", 0, "expected a schema");
  refuse("{\"type\": \"text\"}", 0, "\"type\": found a text, expected array, boolean");
  refuse("{\"minLength\": -1}", 0, "a whole number from 0 on");
  refuse("{\"items\": {\"required\": \"a\"}}", 0, "\"required\": found a text, expected an array of texts");
  refuse("{\"pattern\": \"(\"}", 0, "pattern \"(\"");
  refuse("{\"pattern\": \"(?R)\"}", 0, "expected (?:");
  refuse("{\"pattern\": \"(?C)a\"}", 0, "expected (?:");
  refuse("{\"pattern\": \"(*UCP)a\"}", 0, "nothing in front of *");
  refuse("{\"pattern\": \"\\\\C\"}", 0, "no such escape");
  refuse("{\"$ref\": \"#/nowhere\"}", 0, "names nothing");
  refuse("{\"$ref\": \"http://example.com/s\"}", 0, "is not there");
  refuse("{\"$schema\": \"http://json-schema.org/draft-07/schema#\"}", 0, "draft/2020-12");
  refuse("{\"$defs\": {\"a\": {\"$id\": \"x\"}, \"b\": {\"$id\": \"x\"}}}", 0, "of two schemas");
  refuse("{\"$id\": \"a#b\"}", 0, "without a fragment");
  refuse("{\"minlength\": 1}", 1, "did you mean \"minLength\"?");
}

/* The meta-schema that is built in checks other schemas, as any document can. */
static void the_meta_schema_is_built_in(void **state) {
  (void)state;
  trm_error err = {0};
  char pointer[TRM__SCHEMA_POINTER];
  assert_int_equal(check("{\"$ref\": \"https://json-schema.org/draft/2020-12/schema\"}",
                         "{\"properties\": {\"a\": {\"anyOf\": [{\"minimum\": 1}]}}}", pointer, &err),
                   TRM_OK);
  assert_int_equal(check("{\"$ref\": \"https://json-schema.org/draft/2020-12/schema\"}",
                         "{\"properties\": {\"a\": {\"anyOf\": [{\"minimum\": \"1\"}]}}}", pointer, &err),
                   TRM_E_INPUT);
  assert_string_equal(pointer, "/properties/a/anyOf/0/minimum");
}

static void hostile_checks_come_to_an_end(void **state) {
  (void)state;
  static const char *const hostile[][2] = {
      {"{\"$ref\": \"#\"}", "1"},
      {"{\"$defs\": {\"a\": {\"allOf\": [{\"$ref\": \"#/$defs/b\"}]}, \"b\": {\"$ref\": \"#/$defs/a\"}}, \"$ref\": "
       "\"#/$defs/a\"}",
       "{}"},
      {"{\"$dynamicAnchor\": \"x\", \"not\": {\"$dynamicRef\": \"#x\"}}", "1"},
      {"{\"pattern\": \"^(a+)+$\"}", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\""},
      {"{\"patternProperties\": {\"^(a|aa)+$\": true}}", "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\": 1}"},
      /* 2^40 ways through */
      {"{\"$defs\": {\"0\": {\"type\": \"array\"}, \"1\": {\"anyOf\": [{\"$ref\": \"#/$defs/0\"}, {\"$ref\": "
       "\"#/$defs/0\"}, {\"$ref\": \"#/$defs/1\"}, {\"$ref\": \"#/$defs/1\"}]}}, \"$ref\": \"#/$defs/1\"}",
       "1"},
  };
  for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
    trm_error err = {0};
    double start = trm__clock();
    assert_int_equal(check(hostile[i][0], hostile[i][1], NULL, &err), TRM_E_INPUT);
    if (!strstr(err.message, "the check was ended")) fail_msg("%s: %s", hostile[i][0], err.message);
    if (trm__clock() - start > 20) fail_msg("%s: took %.1f s", hostile[i][0], trm__clock() - start);
  }
}

static void limits_are_obeyed(void **state) {
  (void)state;
  trm_error err = {0};
  trm__schema *opened = NULL;
  trm__schema_config config = trm__schema_config_default();
  json_t *schema = parse("{\"items\": {\"type\": \"integer\"}}"), *value = json_array();
  for (int i = 0; i < 1000; i++) json_array_append_new(value, json_integer(i));
  config.max_steps = 900;
  CHECK_OK(trm__schema_open(&opened, schema, &config, "s", &err), err);
  CHECK_FAILS(trm__schema_check(opened, value, "v", NULL, &err), TRM_E_INPUT, err, "more steps");
  trm__schema_close(&opened);
  config.max_steps = 1 << 30;
  config.max_s = -1;
  json_array_extend(value, value); /* the clock is looked at every 2,000 steps */
  json_array_extend(value, value);
  CHECK_OK(trm__schema_open(&opened, schema, &config, "s", &err), err);
  CHECK_FAILS(trm__schema_check(opened, value, "v", NULL, &err), TRM_E_INPUT, err, "too long");
  trm__schema_close(&opened);
  config.max_schemas = 1;
  CHECK_FAILS(trm__schema_open(&opened, schema, &config, "s", &err), TRM_E_INPUT, err, "more than 1 subschemas");
  json_decref(schema);
  json_decref(value);
}

static trm_status open_and_check(void *context, trm_error *err) {
  (void)context;
  trm__schema *opened = NULL;
  json_t *schema = parse("{\"$id\": \"http://a/\", \"$defs\": {\"a\": {\"$anchor\": \"x\", \"pattern\": \"a\", "
                         "\"uniqueItems\": true}}, \"patternProperties\": {\"^b\": {\"$ref\": \"#x\"}}, "
                         "\"unevaluatedProperties\": false}");
  json_t *value = parse("{\"b\": [1, 2]}");
  trm_status status = trm__schema_open(&opened, schema, NULL, "schema", err);
  if (!status) status = trm__schema_check(opened, value, "value", NULL, err);
  trm__schema_close(&opened);
  json_decref(schema);
  json_decref(value);
  return status;
}

static void no_memory_is_survived(void **state) {
  (void)state;
  assert_true(check_each_allocation(open_and_check, NULL) >= 15);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_are_checked),          cmocka_unit_test(malformed_schemas_are_refused),
      cmocka_unit_test(the_meta_schema_is_built_in), cmocka_unit_test(hostile_checks_come_to_an_end),
      cmocka_unit_test(limits_are_obeyed),           cmocka_unit_test(no_memory_is_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
