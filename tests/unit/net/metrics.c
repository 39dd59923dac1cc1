/* Prometheus' text, byte by byte, and what is refused. */
#include "support/check.h"

#include "net/metrics.h"

static void test_text(void **state) {
  (void)state;
  trm_error err = {0};
  trm__metrics *m = NULL;
  const char *text;
  size_t size;
  CHECK_OK(trm__metrics_open(&m, &err), err);
  trm__label labels[] = {{"route", "/v1/{id}"}, {"what", "a\\b\"c\nd"}};
  trm__metrics_family(m, TRM__METRIC_COUNTER, "trm_requests_total", "Answered.\nAll \\ of them.");
  trm__metrics_sample(m, labels, 2, 17);
  trm__metrics_sample(m, NULL, 0, 0.5);
  trm__metrics_family(m, TRM__METRIC_GAUGE, "trm_memory_bytes", "Resident.");
  trm__metrics_sample(m, NULL, 0, 1e10);
  trm__histogram h = {.buckets = 2, .bounds = {0.5, 1}};
  const double seen[] = {0.5, 0.25, 0.75, 3, NAN};
  for (size_t i = 0; i < 5; i++) trm__histogram_observe(&h, seen[i]);
  trm__metrics_family(m, TRM__METRIC_HISTOGRAM, "trm_seconds", "Took.");
  trm__metrics_histogram(m, labels, 1, &h);
  trm__metrics_histogram(m, NULL, 0, &h);
  CHECK_OK(trm__metrics_text(m, &text, &size, &err), err);
  const char want[] =
      "# HELP trm_requests_total Answered.\\nAll \\\\ of them.\n# TYPE trm_requests_total counter\n"
      "trm_requests_total{route=\"/v1/{id}\",what=\"a\\\\b\\\"c\\nd\"} 17\ntrm_requests_total 0.5\n"
      "# HELP trm_memory_bytes Resident.\n# TYPE trm_memory_bytes gauge\ntrm_memory_bytes 10000000000\n"
      "# HELP trm_seconds Took.\n# TYPE trm_seconds histogram\n"
      "trm_seconds_bucket{route=\"/v1/{id}\",le=\"0.5\"} 2\n"
      "trm_seconds_bucket{route=\"/v1/{id}\",le=\"1\"} 3\n"
      "trm_seconds_bucket{route=\"/v1/{id}\",le=\"+Inf\"} 4\n"
      "trm_seconds_sum{route=\"/v1/{id}\"} 4.5\ntrm_seconds_count{route=\"/v1/{id}\"} 4\n"
      "trm_seconds_bucket{le=\"0.5\"} 2\ntrm_seconds_bucket{le=\"1\"} 3\ntrm_seconds_bucket{le=\"+Inf\"} 4\n"
      "trm_seconds_sum 4.5\ntrm_seconds_count 4\n";
  char *copy = calloc(size + 1, 1);
  memcpy(copy, text, size);
  assert_string_equal(copy, want);
  free(copy);
  trm__metrics_close(&m);
  trm__metrics_close(&m);
}

typedef void (*wrong)(trm__metrics *m);
static void wrong_name(trm__metrics *m) {
  trm__metrics_family(m, TRM__METRIC_GAUGE, "1a", "");
}
static void wrong_dash(trm__metrics *m) {
  trm__metrics_family(m, TRM__METRIC_GAUGE, "a-b", "");
}
static void wrong_counter(trm__metrics *m) {
  trm__metrics_family(m, TRM__METRIC_COUNTER, "a", "");
}
static void wrong_gauge(trm__metrics *m) {
  trm__metrics_family(m, TRM__METRIC_GAUGE, "a_total", "");
}
static void wrong_twice(trm__metrics *m) {
  trm__metrics_family(m, TRM__METRIC_GAUGE, "a", "");
  trm__metrics_family(m, TRM__METRIC_GAUGE, "b", "");
  trm__metrics_family(m, TRM__METRIC_GAUGE, "a", "");
}
static void wrong_order(trm__metrics *m) {
  trm__metrics_sample(m, NULL, 0, 1);
}
static void wrong_kind(trm__metrics *m) {
  trm__histogram h = trm__histogram_seconds();
  trm__metrics_family(m, TRM__METRIC_GAUGE, "a", "");
  trm__metrics_histogram(m, NULL, 0, &h);
}
static void wrong_value(trm__metrics *m) {
  trm__metrics_family(m, TRM__METRIC_GAUGE, "a", "");
  trm__metrics_sample(m, NULL, 0, NAN);
}
static void wrong_label(trm__metrics *m) {
  trm__metrics_family(m, TRM__METRIC_GAUGE, "a", "");
  trm__metrics_sample(m, &(trm__label){"a:b", "c"}, 1, 1);
}
static void wrong_own_label(trm__metrics *m) {
  trm__metrics_family(m, TRM__METRIC_GAUGE, "a", "");
  trm__metrics_sample(m, &(trm__label){"__name__", "c"}, 1, 1);
}
static void wrong_many(trm__metrics *m) {
  char name[32];
  for (int i = 0; i < 300; i++) {
    snprintf(name, sizeof name, "a%d", i);
    trm__metrics_family(m, TRM__METRIC_GAUGE, name, "");
  }
}

static void test_wrong_use(void **state) {
  (void)state;
  static const wrong all[] = {wrong_name, wrong_dash,  wrong_counter, wrong_gauge,     wrong_twice, wrong_order,
                              wrong_kind, wrong_value, wrong_label,   wrong_own_label, wrong_many};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    trm_error err = {0};
    trm__metrics *m = NULL;
    const char *text;
    size_t size;
    CHECK_OK(trm__metrics_open(&m, &err), err);
    all[i](m);
    CHECK_FAILS(trm__metrics_text(m, &text, &size, &err), TRM_E_USAGE, err, NULL);
    trm__metrics_close(&m);
  }
}

static void test_seconds(void **state) {
  (void)state;
  trm__histogram h = trm__histogram_seconds();
  assert_int_equal(h.buckets, 14);
  for (size_t i = 1; i < h.buckets; i++) assert_true(h.bounds[i] > h.bounds[i - 1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_text),
      cmocka_unit_test(test_wrong_use),
      cmocka_unit_test(test_seconds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
