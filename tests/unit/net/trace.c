/* traceparent: what is valid, what is not, and that ids are new ones. */
#include "support/check.h"

#include "net/trace.h"

#define ID "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static void test_parse(void **state) {
  (void)state;
  trm__trace trace;
  char text[TRM__TRACEPARENT];
  assert_int_equal(trm__trace_parse(&trace, "00-" ID "-" SPAN "-01"), 1);
  assert_string_equal(trace.trace_id, ID);
  assert_string_equal(trace.span_id, SPAN);
  trm__trace_format(&trace, text);
  assert_string_equal(text, "00-" ID "-" SPAN "-01");
  assert_int_equal(trm__trace_parse(&trace, "cc-" ID "-" SPAN "-00-what comes later"), 1);
  assert_int_equal(trace.flags, 0);
  assert_int_equal(trm__trace_parse(&trace, "01-" ID "-" SPAN "-ff"), 1);
  assert_int_equal(trace.flags, 1); /* the other flags mean nothing in version 00, which is what we write */
  trm__trace before = trace;
  static const char *const bad[] = {NULL,
                                    "",
                                    "00",
                                    "ff-" ID "-" SPAN "-01",
                                    "00-" ID "-" SPAN "-01-x",
                                    "cc-" ID "-" SPAN "-01x",
                                    "00-" ID "-" SPAN "-0",
                                    "00-" ID "-" SPAN "-0g",
                                    "0-" ID "-" SPAN "-01x",
                                    "00_" ID "-" SPAN "-01",
                                    "00-" ID "_" SPAN "-01",
                                    "00-" ID "-" SPAN "_01",
                                    "00-00000000000000000000000000000000-" SPAN "-01",
                                    "00-" ID "-0000000000000000-01",
                                    "00-0AF7651916cd43dd8448eb211c80319c-" SPAN "-01",
                                    "0G-" ID "-" SPAN "-01"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    if (trm__trace_parse(&trace, bad[i])) fail_msg("%s was taken", bad[i]);
  assert_memory_equal(&before, &trace, sizeof trace);
}

static void test_new_ids(void **state) {
  (void)state;
  trm__trace a, b, parsed;
  char text[TRM__TRACEPARENT];
  assert_int_equal(trm__trace_begin(&a), 1);
  assert_int_equal(trm__trace_begin(&b), 1);
  assert_string_not_equal(a.trace_id, b.trace_id);
  b = a;
  assert_int_equal(trm__trace_span(&b), 1);
  assert_string_equal(a.trace_id, b.trace_id);
  assert_string_not_equal(a.span_id, b.span_id);
  trm__trace_format(&b, text);
  assert_int_equal(trm__trace_parse(&parsed, text), 1);
  assert_string_equal(parsed.span_id, b.span_id);
  assert_int_equal(parsed.flags, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_new_ids)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
