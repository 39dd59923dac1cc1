/* Calls of actions on a false clock: schemas on both sides, attempts, pauses, deadlines, undoing, cancelling; and the
 * catalog with its definition files. */
#include "support/data.h"

#include "agent/action/action.h"

/* -- an agent whose time is a number, and an action that does what the test says ----------------------------------- */

static double now_s, paused_s, longest_s;
static trm__agent *agent;
static struct {
  int calls, fail_first, retryable, bad_output, undo_calls, undo_fail_first;
  double takes_s;
  atomic_int *cancels;
  trm__fault_type type;
  double last_deadline;
  int nested_attempts;
} plan;

static double false_now(void *context) {
  (void)context;
  return now_s;
}

static void false_pause(void *context, double seconds) {
  (void)context;
  now_s += seconds;
  paused_s += seconds;
  if (seconds > longest_s) longest_s = seconds;
}

static int scripted(trm__call *call, const json_t *input, json_t **output, trm__fault *fault) {
  plan.calls++;
  plan.last_deadline = call->deadline;
  if (plan.cancels) atomic_store(plan.cancels, 1);
  now_s += plan.takes_s;
  if (trm__call_over(call)) return trm__call_ended(call, fault);
  if (plan.calls <= plan.fail_first) {
    (void)trm__fault_set(fault, plan.type, "failed on purpose");
    fault->retryable = plan.retryable;
    return 1;
  }
  *output = plan.bad_output ? json_pack("{s:i}", "unknown", 1) : json_pack("{s:O}", "n", json_object_get(input, "n"));
  return 0;
}

static int scripted_undo(trm__call *call, const json_t *input, json_t **output, trm__fault *fault) {
  (void)call;
  assert_non_null(json_object_get(input, "input"));
  assert_non_null(json_object_get(json_object_get(input, "error"), "type"));
  if (++plan.undo_calls <= plan.undo_fail_first)
    return trm__fault_set(fault, TRM__FAULT_EXECUTION, "cannot be undone yet");
  *output = json_object();
  return 0;
}

static int nesting(trm__call *call, const json_t *input, json_t **output, trm__fault *fault) {
  trm__called called;
  trm__call_options options = trm__call_options_default();
  options.deadline = call->deadline;
  options.retries = 5;
  options.depth = call->depth + 1;
  int failed = trm__agent_call(call->agent, "scripted", input, &options, &called);
  plan.nested_attempts = called.attempts;
  if (failed) (void)trm__fault_set(fault, called.fault.type, "%s", called.fault.message);
  else *output = json_incref(called.output);
  trm__called_clear(&called);
  return failed;
}

static void add(const char *text, trm__action_fn run, trm__action_fn undo) {
  trm_error err = {0};
  CHECK_OK(trm__agent_add(agent, json_loads(text, 0, NULL), run, undo, "test", &err), err);
}

static int open_agent(void **state) {
  (void)state;
  trm_error err = {0};
  const trm__agent_config config = {
      .folders = "", .definitions = "", .clock = {.now = false_now, .pause = false_pause}, .seed = 7};
  now_s = 1000;
  paused_s = longest_s = 0;
  memset(&plan, 0, sizeof plan);
  CHECK_OK(trm__agent_open(&agent, &config, &err), err);
  add("{\"name\": \"scripted\", \"idempotent\": true, \"timeout_s\": 10, \"retries\": 3, \"input\": {\"type\": "
      "\"object\", "
      "\"required\": [\"n\"], \"properties\": {\"n\": {\"type\": \"integer\"}}, \"additionalProperties\": false}, "
      "\"output\": {\"type\": \"object\", \"properties\": {\"n\": {\"type\": \"integer\"}}, \"additionalProperties\": "
      "false}}",
      scripted, scripted_undo);
  add("{\"name\": \"nesting\", \"timeout_s\": 4}", nesting, NULL);
  return 0;
}

static int close_agent(void **state) {
  (void)state;
  trm__agent_close(&agent);
  return 0;
}

static int call_with(const char *name, const char *input_text, const trm__call_options *options, trm__called *called) {
  json_t *input = json_loads(input_text, JSON_DECODE_ANY, NULL);
  int failed = trm__agent_call(agent, name, input, options, called);
  json_decref(input);
  return failed;
}

/* -- tests --------------------------------------------------------------------------------------------------------- */

static void schemas_hold_on_both_sides(void **state) {
  (void)state;
  trm__called called;
  assert_int_equal(call_with("scripted", "{\"n\": 4}", NULL, &called), 0);
  assert_int_equal(json_integer_value(json_object_get(called.output, "n")), 4);
  assert_int_equal(called.attempts, 1);
  trm__called_clear(&called);
  assert_int_equal(call_with("scripted", "{\"n\": 4, \"m\": 1}", NULL, &called), 1);
  assert_int_equal(called.fault.type, TRM__FAULT_VALIDATION);
  assert_int_equal(called.attempts, 0);
  assert_int_equal(called.undone, 0); /* nothing was done */
  assert_string_equal(json_string_value(json_object_get(called.fault.details, "pointer")), "/m");
  assert_int_equal(plan.calls, 1);
  trm__called_clear(&called);
  plan.bad_output = 1;
  assert_int_equal(call_with("scripted", "{\"n\": 4}", NULL, &called), 1);
  assert_int_equal(called.fault.type, TRM__FAULT_INTERNAL);
  assert_int_equal(called.attempts, 1); /* a defect is not repeated */
  assert_int_equal(called.undone, 1);   /* but it may have done something */
  trm__called_clear(&called);
  assert_int_equal(call_with("scriptet", "{}", NULL, &called), 1);
  assert_int_equal(called.fault.type, TRM__FAULT_CONFIGURATION);
  assert_non_null(strstr(called.fault.message, "did you mean scripted?"));
  trm__called_clear(&called);
}

static void only_an_explicit_yes_is_repeated(void **state) {
  (void)state;
  static const trm__fault_type types[] = {TRM__FAULT_EXECUTION, TRM__FAULT_INTERNAL, TRM__FAULT_CONFIGURATION,
                                          TRM__FAULT_VALIDATION};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    for (int yes = 0; yes < 2; yes++) {
      trm__called called;
      memset(&plan, 0, sizeof plan);
      plan.fail_first = 2;
      plan.type = types[i];
      plan.retryable = yes;
      assert_int_equal(call_with("scripted", "{\"n\": 1}", NULL, &called), !yes);
      assert_int_equal(called.attempts, yes ? 3 : 1);
      assert_int_equal(plan.undo_calls, !yes); /* once, and only after the last attempt */
      trm__called_clear(&called);
    }
}

static void pauses_are_jittered_and_bounded(void **state) {
  (void)state;
  double least = 1e9, most = 0;
  for (int i = 0; i < 50; i++) {
    trm__called called;
    memset(&plan, 0, sizeof plan);
    plan.fail_first = 4;
    plan.type = TRM__FAULT_EXECUTION;
    plan.retryable = 1;
    paused_s = 0;
    assert_int_equal(call_with("scripted", "{\"n\": 1}", NULL, &called), 1);
    assert_int_equal(called.attempts, 4);
    assert_int_equal(called.undone, 1);
    if (paused_s < least) least = paused_s;
    if (paused_s > most) most = paused_s;
    trm__called_clear(&called);
  }
  assert_true(most <= 0.25 + 0.5 + 1 + 1e-9); /* the bounds of three pauses */
  assert_true(least < 0.6 && most > 0.9);     /* anything below them */
}

static void deadlines_hold(void **state) {
  (void)state;
  trm__called called;
  trm__call_options options = trm__call_options_default();
  plan.takes_s = 20; /* longer than the attempt's 10 s */
  assert_int_equal(call_with("scripted", "{\"n\": 1}", &options, &called), 1);
  assert_int_equal(called.fault.type, TRM__FAULT_TIMEOUT);
  assert_int_equal(called.attempts, 4); /* it is idempotent, so a timeout may be tried again */
  assert_int_equal(called.undone, 1);
  trm__called_clear(&called);
  plan.calls = 0;
  options.deadline = now_s + 15; /* no second attempt fits behind the first */
  assert_int_equal(call_with("scripted", "{\"n\": 1}", &options, &called), 1);
  assert_int_equal(called.attempts, 1);
  assert_int_equal(called.undone, 1);
  trm__called_clear(&called);
  options.deadline = now_s - 1;
  assert_int_equal(call_with("scripted", "{\"n\": 1}", &options, &called), 1);
  assert_int_equal(called.attempts, 0);
  assert_int_equal(called.fault.type, TRM__FAULT_TIMEOUT);
  assert_int_equal(called.undone, 0);
  trm__called_clear(&called);
}

static void nested_calls_get_the_smaller_deadline_and_one_attempt(void **state) {
  (void)state;
  trm__called called;
  plan.fail_first = 1;
  plan.type = TRM__FAULT_EXECUTION;
  plan.retryable = 1;
  assert_int_equal(call_with("nesting", "{\"n\": 1}", NULL, &called), 1);
  assert_int_equal(plan.nested_attempts, 1);
  assert_true(plan.last_deadline <= 1004); /* the outer 4 s, not the inner 10 s */
  trm__called_clear(&called);
}

static void a_cancel_ends_and_undoes(void **state) {
  (void)state;
  atomic_int cancelled = 0;
  trm__called called;
  trm__call_options options = trm__call_options_default();
  options.cancelled = &cancelled;
  plan.cancels = &cancelled;
  assert_int_equal(call_with("scripted", "{\"n\": 1}", &options, &called), 1);
  assert_int_equal(called.fault.cancelled, 1);
  assert_int_equal(called.attempts, 1);
  assert_int_equal(called.undone, 1);
  trm__called_clear(&called);
}

static void undoing_is_tried_three_times(void **state) {
  (void)state;
  trm__called called;
  plan.fail_first = 1;
  plan.type = TRM__FAULT_EXECUTION;
  plan.undo_fail_first = 2;
  assert_int_equal(call_with("scripted", "{\"n\": 1}", NULL, &called), 1);
  assert_int_equal(plan.undo_calls, 3);
  assert_int_equal(called.undone, 1);
  trm__called_clear(&called);
  plan.calls = plan.undo_calls = 0;
  plan.undo_fail_first = 9;
  assert_int_equal(call_with("scripted", "{\"n\": 1}", NULL, &called), 1);
  assert_int_equal(plan.undo_calls, 3);
  assert_int_equal(called.undone, -1);
  assert_non_null(strstr(called.undo_fault.message, "yet"));
  trm__called_clear(&called);
}

static void built_in_tools_obey_the_clock(void **state) {
  (void)state;
  trm__called called;
  trm__call_options options = trm__call_options_default();
  assert_int_equal(call_with("sleep", "{\"seconds\": 100}", NULL, &called), 0);
  assert_true(fabs(now_s - 1100) < 0.1);
  trm__called_clear(&called);
  options.deadline = now_s + 5;
  assert_int_equal(call_with("sleep", "{\"seconds\": 100}", &options, &called), 1);
  assert_int_equal(called.fault.type, TRM__FAULT_TIMEOUT);
  assert_true(now_s < options.deadline + 0.2);
  trm__called_clear(&called);
  assert_int_equal(call_with("noop", "[1]", NULL, &called), 0);
  assert_int_equal(json_array_size(called.output), 1);
  trm__called_clear(&called);
}

/* Every declaration is a tool of each form, and its own schemas refuse what they should. */
static void one_declaration_has_many_forms(void **state) {
  (void)state;
  for (size_t i = 0; i < trm__agent_actions(agent); i++) {
    const trm__action *a = trm__agent_action(agent, i);
    if (i) assert_true(strcmp(trm__agent_action(agent, i - 1)->name, a->name) < 0);
    json_t *mcp = trm__action_describe(a, TRM__FORM_MCP), *openai = trm__action_describe(a, TRM__FORM_OPENAI);
    json_t *http = trm__action_describe(a, TRM__FORM_HTTP);
    assert_string_equal(json_string_value(json_object_get(mcp, "name")), a->name);
    assert_non_null(json_object_get(mcp, "inputSchema"));
    assert_string_equal(json_string_value(json_object_get(json_object_get(openai, "function"), "name")), a->name);
    assert_int_equal(json_object_size(http), 1);
    json_decref(mcp);
    json_decref(openai);
    json_decref(http);
  }
  assert_true(trm__agent_actions(agent) >= 11);
}

static trm_status open_with(const char *path, trm_error *err) {
  trm__agent *other = NULL;
  const trm__agent_config config = {.folders = "", .definitions = path};
  trm_status status = trm__agent_open(&other, &config, err);
  trm__agent_close(&other);
  return status;
}

static void definitions_are_checked_with_their_lines(void **state) {
  (void)state;
  trm_error err = {0};
#define HEAD "{\n \"trm\": 1,\n \"kind\": \"action\",\n \"name\": \"words\",\n \"description\": \"Counts.\",\n"
  CHECK_OK(open_with(put_text("good.json", HEAD " \"command\": [\"/usr/bin/wc\"]}"), &err), err);
  CHECK_FAILS(open_with(put_text("a.json", HEAD " \"comand\": [\"/usr/bin/wc\"]}"), &err), TRM_E_INPUT, err,
              "did you mean \"command\"?");
  assert_non_null(strstr(err.where, "a.json:6"));
  CHECK_FAILS(open_with(put_text("b.json", HEAD " \"plugin\": \"words.so\"}"), &err), TRM_E_INPUT, err, "^/");
  CHECK_FAILS(open_with(put_text("c.json", HEAD " \"command\": [\"/usr/bin/wc\",\n 7]}"), &err), TRM_E_INPUT, err,
              "/command/1: found 7, expected a text");
  assert_non_null(strstr(err.where, "c.json:7"));
  CHECK_FAILS(open_with(put_text("d.json", HEAD " \"command\": [\"/a\"], \"plugin\": \"/a\"}"), &err), TRM_E_INPUT, err,
              "not both");
  CHECK_FAILS(open_with(put_text("e.json", "{\"trm\": 1,\n\"kind\": \"acton\"}"), &err), TRM_E_INPUT, err,
              "did you mean action?");
  assert_non_null(strstr(err.where, "e.json:2"));
  CHECK_FAILS(open_with(put_text("f.json", "[]"), &err), TRM_E_INPUT, err, "expected an object");
  CHECK_FAILS(open_with(put_text("g.json", HEAD " \"command\": [\"/a\"], \"input\": {\"typ\": 1}}"), &err), TRM_E_INPUT,
              err, "did you mean \"type\"?");
  CHECK_FAILS(
      open_with(put_text("h.json", "{\"trm\": 1, \"kind\": \"action\", \"name\": \"solve\", \"description\": \"x\", "
                                   "\"command\": [\"/a\"]}"),
                &err),
      TRM_E_INPUT, err, "called \"solve\" already");
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_agent, close_agent)
      TEST(schemas_hold_on_both_sides),
      TEST(only_an_explicit_yes_is_repeated),
      TEST(pauses_are_jittered_and_bounded),
      TEST(deadlines_hold),
      TEST(nested_calls_get_the_smaller_deadline_and_one_attempt),
      TEST(a_cancel_ends_and_undoes),
      TEST(undoing_is_tried_three_times),
      TEST(built_in_tools_obey_the_clock),
      TEST(one_declaration_has_many_forms),
      TEST(definitions_are_checked_with_their_lines),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
