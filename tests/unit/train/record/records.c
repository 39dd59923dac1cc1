/* The record of a run: event files read back by a reader of their own (its CRC-32C from the polynomial's other form),
 * cutting both files at an update, metrics.jsonl as JSON, and the picture as well-formed XML. */
#include "unit/train/support.h"

#include "base/text/json.h"
#include "train/record/metrics.h"
#include "train/record/plot.h"

/* -- an independent reader of event files -------------------------------------------------------------------------- */

/* CRC-32C by long division over bits in transmission order, with the unreflected polynomial 0x1edc6f41. */
static uint32_t crc32c_by_division(const unsigned char *data, size_t size) {
  uint32_t rest = 0xffffffffu, reversed = 0;
  for (size_t i = 0; i < size * 8; i++) {
    uint32_t bit = (uint32_t)(data[i / 8] >> i % 8 & 1), top = rest >> 31;
    rest <<= 1;
    if (top != bit) rest ^= 0x1edc6f41u;
  }
  for (int i = 0; i < 32; i++) reversed |= (rest >> i & 1) << (31 - i);
  return reversed ^ 0xffffffffu;
}

static uint32_t masked(uint32_t crc) {
  return (uint32_t)(((uint64_t)crc >> 15 | (uint64_t)crc << 17) + 0xa282ead8u);
}

static uint64_t number(const unsigned char *p, int bytes) {
  uint64_t value = 0;
  while (bytes--) value = value << 8 | p[bytes];
  return value;
}

static uint64_t varint(const unsigned char **p) {
  uint64_t value = 0;
  int shift = 0;
  do value |= (uint64_t)(**p & 0x7f) << shift, shift += 7;
  while (*(*p)++ & 0x80);
  return value;
}

typedef struct event {
  double wall;
  int64_t step;
  char version[32];
  int scalars;
  char tag[TRM__EVENT_SCALARS][64];
  float value[TRM__EVENT_SCALARS];
} event;

static void parse_value(event *e, const unsigned char *p, const unsigned char *end) {
  while (p < end) {
    uint64_t field = varint(&p);
    if (field >> 3 == 1) {
      size_t n = (size_t)varint(&p);
      assert_true(n < 64);
      memcpy(e->tag[e->scalars], p, n);
      p += n;
    } else {
      uint32_t bits = (uint32_t)number(p, 4);
      assert_int_equal(field, 2 << 3 | 5);
      memcpy(&e->value[e->scalars], &bits, 4);
      p += 4;
    }
  }
  assert_true(p == end);
  e->scalars++;
}

static void parse_event(event *e, const unsigned char *p, const unsigned char *end) {
  *e = (event){.step = -1};
  while (p < end) {
    uint64_t field = varint(&p), n;
    switch (field) {
    case 1 << 3 | 1:
      n = number(p, 8);
      memcpy(&e->wall, &n, 8);
      p += 8;
      break;
    case 2 << 3:
      e->step = (int64_t)varint(&p);
      break;
    case 3 << 3 | 2:
      n = varint(&p);
      assert_true(n < 32);
      memcpy(e->version, p, n);
      p += n;
      break;
    default:
      assert_int_equal(field, 5 << 3 | 2);
      n = varint(&p);
      for (const unsigned char *stop = p + n; p < stop;) {
        assert_int_equal(varint(&p), 1 << 3 | 2);
        size_t size = (size_t)varint(&p);
        parse_value(e, p, p + size);
        p += size;
      }
    }
  }
  assert_true(p == end);
}

/* Every record of a file, checked; returns how many. */
static int read_events(const char *path, event *events, int room) {
  char *text = NULL;
  size_t size;
  trm_error err = {0};
  CHECK_OK(trm__file_read(path, 1 << 24, &text, &size, &err), err);
  const unsigned char *p = (unsigned char *)text, *end = p + size;
  int count = 0;
  while (p < end) {
    assert_true(end - p >= 16);
    uint64_t n = number(p, 8);
    assert_true(n <= (uint64_t)(end - p) - 16);
    assert_int_equal(number(p + 8, 4), masked(crc32c_by_division(p, 8)));
    assert_int_equal(number(p + 12 + n, 4), masked(crc32c_by_division(p + 12, (size_t)n)));
    assert_true(count < room);
    parse_event(&events[count++], p + 12, p + 12 + n);
    p += 16 + n;
  }
  trm__free(text);
  return count;
}

/* -- tests --------------------------------------------------------------------------------------------------------- */

static void test_crc(void **state) {
  (void)state;
  assert_int_equal(trm__crc32c("123456789", 9), 0xe3069283u); /* the published check value */
  assert_int_equal(crc32c_by_division((const unsigned char *)"123456789", 9), 0xe3069283u);
  assert_int_equal(trm__crc32c("", 0), 0);
  assert_int_equal(trm__crc32c_masked("123456789", 9), masked(0xe3069283u));
}

static void test_events(void **state) {
  (void)state;
  char dir[64];
  trm_error err = {0};
  trm__events events;
  static event read[64];
  check_temp_dir(dir);
  CHECK_OK(trm__events_open(&events, dir, 0, &err), err);
  assert_non_null(strstr(events.path, "tfevents"));
  for (int64_t step = 1; step <= 300; step += 23) {
    trm__scalar scalar[] = {{"train/loss", 1.5 / (double)step}, {"train/none", NAN}, {"valid/exact", (double)step}};
    CHECK_OK(trm__events_add(&events, step, scalar, 3, &err), err);
  }
  trm__events_close(&events);
  assert_int_equal(read_events(events.path, read, 64), 15);
  assert_string_equal(read[0].version, "brain.Event:2");
  assert_true(read[0].wall > 1.6e9 && read[0].step == -1 && read[0].scalars == 0);
  for (int i = 1; i < 15; i++) {
    assert_int_equal(read[i].step, 1 + 23 * (i - 1)); /* one and two bytes */
    assert_int_equal(read[i].scalars, 2);
    assert_string_equal(read[i].tag[0], "train/loss");
    assert_true(read[i].value[0] == (float)(1.5 / (double)read[i].step));
    assert_string_equal(read[i].tag[1], "valid/exact");
    assert_true(read[i].value[1] == (float)read[i].step);
  }
  check_remove(dir);
}

/* Opened at an update, the file keeps what came up to it; a torn end goes too. */
static void test_cut_events(void **state) {
  (void)state;
  char dir[64];
  trm_error err = {0};
  trm__events events;
  static event read[64];
  trm__scalar scalar = {"train/loss", 1};
  check_temp_dir(dir);
  CHECK_OK(trm__events_open(&events, dir, 0, &err), err);
  for (int64_t step = 100; step <= 200; step += 10) CHECK_OK(trm__events_add(&events, step, &scalar, 1, &err), err);
  trm__events_close(&events);
  CHECK_OK(trm__events_open(&events, dir, 150, &err), err);
  CHECK_OK(trm__events_add(&events, 151, &scalar, 1, &err), err);
  trm__events_close(&events);
  assert_int_equal(read_events(events.path, read, 64), 8);
  assert_int_equal(read[6].step, 150);
  assert_int_equal(read[7].step, 151);
  struct stat info;
  assert_int_equal(stat(events.path, &info), 0);
  assert_int_equal(truncate(events.path, info.st_size - 3), 0);
  CHECK_OK(trm__events_open(&events, dir, 1000, &err), err);
  trm__events_close(&events);
  assert_int_equal(read_events(events.path, read, 64), 7);
  assert_int_equal(truncate(events.path, 5), 0); /* not even the first one is left */
  CHECK_OK(trm__events_open(&events, dir, 1000, &err), err);
  trm__events_close(&events);
  assert_int_equal(read_events(events.path, read, 64), 1);
  assert_string_equal(read[0].version, "brain.Event:2");
  check_remove(dir);
}

static trm__record record_of(int64_t step) {
  return (trm__record){
      .step = step,
      .update = {.loss = 3.0 / (double)step, .lr = 1e-4, .grad_norm = 2},
      .recent = {.examples = step > 3 ? 4 : 0, .exact = 1, .labelled = step > 3 ? 64 : 0, .right = 40, .steps = 10},
      .evaluated = step % 4 == 0,
      .valid_exact = 0.5,
      .valid_token = 0.75,
      .best_exact = NAN,
      .seconds = (double)step,
      .examples_per_second = 100};
}

static int lines_of(const char *path) {
  int lines = 0;
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  for (int c; (c = fgetc(file)) != EOF;) lines += c == '\n';
  fclose(file);
  return lines;
}

static void test_recorder(void **state) {
  (void)state;
  trm__run run = {.lock = -1};
  trm__recorder recorder;
  trm__log log = {0};
  trm_error err = {0};
  check_temp_dir(run.path);
  CHECK_OK(trm__recorder_open(&recorder, &run, 0, &log, &err), err);
  for (int64_t step = 1; step <= 9; step++) {
    trm__record record = record_of(step);
    CHECK_OK(trm__recorder_add(&recorder, &record, &err), err);
  }
  CHECK_OK(trm__recorder_sync(&recorder, &err), err);
  trm__recorder_close(&recorder);
  const char *path = check_path(run.path, "metrics.jsonl");
  FILE *file = fopen(path, "a");
  fputs("{\"step\": 10, \"lo", file); /* torn by a crash */
  fclose(file);
  CHECK_OK(trm__recorder_open(&recorder, &run, 12, &log, &err), err);
  trm__recorder_close(&recorder);
  assert_int_equal(lines_of(path), 9);
  CHECK_OK(trm__recorder_open(&recorder, &run, 6, &log, &err), err);
  trm__record record = record_of(7);
  CHECK_OK(trm__recorder_add(&recorder, &record, &err), err);
  trm__recorder_close(&recorder);
  assert_int_equal(lines_of(path), 7);

  char line[4096];
  file = fopen(path, "r");
  for (int step = 1; fgets(line, sizeof line, file); step++) {
    json_t *json = NULL;
    CHECK_OK(trm__json_parse(&json, line, strlen(line) - 1, path, &err), err);
    assert_int_equal(json_integer_value(json_object_get(json, "step")), step);
    assert_true(fabs(json_number_value(json_object_get(json, "loss")) - 3.0 / step) <= 1e-8);
    assert_int_equal(json_is_null(json_object_get(json, "exact_accuracy")), step <= 3);
    if (step > 3) assert_true(json_number_value(json_object_get(json, "mean_steps")) == 2.5);
    assert_int_equal(json_object_get(json, "valid_exact") != NULL, step % 4 == 0);
    json_decref(json);
  }
  fclose(file);
  check_remove(run.path);
}

/* -- the picture --------------------------------------------------------------------------------------------------- */

static void write_text(const char *path, const char *text) {
  trm_error err = {0};
  CHECK_OK(trm__file_write(path, text, strlen(text), &err), err);
}

/* Counts elements of an SVG and checks that tags nest. */
static int count_elements(const char *svg, const char *name) {
  int depth = 0, count = 0;
  size_t length = strlen(name);
  for (const char *p = svg; (p = strchr(p, '<')); p++) {
    const char *end = strchr(p, '>');
    assert_non_null(end);
    if (p[1] == '/') depth--;
    else if (end[-1] != '/') depth++;
    assert_true(depth >= 0);
    count += strncmp(p + 1, name, length) == 0 && (p[1 + length] == ' ' || p[1 + length] == '>');
  }
  assert_int_equal(depth, 0);
  return count;
}

static void test_plot(void **state) {
  (void)state;
  char dir[64], folder[2][100], out[100];
  trm_error err = {0};
  check_temp_dir(dir);
  for (int i = 0; i < 2; i++) {
    snprintf(folder[i], sizeof folder[i], "%.60s/%s", dir, i ? "second<&>" : "first");
    trm__run run = {.lock = -1};
    strcpy(run.path, folder[i]);
    CHECK_OK(trm__dir_make(run.path, &err), err);
    trm__recorder recorder;
    trm__log log = {0};
    CHECK_OK(trm__recorder_open(&recorder, &run, 0, &log, &err), err);
    for (int64_t step = 1; step <= (i ? 5000 : 1); step++) {
      trm__record record = record_of(step);
      CHECK_OK(trm__recorder_add(&recorder, &record, &err), err);
    }
    trm__recorder_close(&recorder);
  }
  snprintf(out, sizeof out, "%.60s/out.svg", dir);
  const char *runs[] = {folder[0], folder[1]};
  CHECK_OK(trm_plot(runs, 2, TRM_PLOT_SMOOTH, out, &err), err);
  char *svg = NULL;
  size_t size;
  CHECK_OK(trm__file_read(out, 1 << 24, &svg, &size, &err), err);
  assert_int_equal(strncmp(svg, "<svg ", 5), 0);
  assert_int_equal(count_elements(svg, "svg"), 1);
  assert_true(count_elements(svg, "path") >= 2 * 6 + 4);
  assert_true(size < 200000); /* 5,000 points are thinned */
  assert_non_null(strstr(svg, "second&lt;&amp;&gt;"));
  assert_non_null(strstr(svg, ">Learning rate<"));
  assert_null(strstr(svg, "nan"));
  assert_null(strstr(svg, "inf"));
  trm__free(svg);
  check_remove(dir);
}

/* Means of what lies at most so far away, on both sides alike: against the definition, point by point. */
static void test_smooth(void **state) {
  (void)state;
  enum { N = 400 };
  double step[N], value[N], smooth[N];
  static const double reaches[] = {0, 0.5, 1, 7.25, 60, 1e9};
  for (int i = 0; i < N; i++) {
    step[i] = i ? step[i - 1] + (i * 7919 % 13) : 1; /* of unequal distances, some 0 */
    value[i] = i % 17 == 3 || i < 2 ? (double)NAN : sin(i) + i * 0.01;
  }
  value[50] = INFINITY;
  for (size_t r = 0; r < sizeof reaches / sizeof *reaches; r++) {
    trm__plot_smooth(step, value, N, reaches[r], smooth);
    for (int i = 0; i < N; i++) {
      double sum = 0, window = fmin(reaches[r], fmin(step[i] - step[2], step[N - 1] - step[i]));
      int count = 0;
      for (int k = 0; k < N; k++)
        if (isfinite(value[k]) && fabs(step[k] - step[i]) <= window) sum += value[k], count++;
      if (!isfinite(value[i])) assert_true(isnan(smooth[i]));
      else if (!(fabs(smooth[i] - sum / count) < 1e-9)) fail_msg("reach %g, point %d: %g", reaches[r], i, smooth[i]);
    }
  }
  /* A line stays a line, up to its ends. */
  for (int i = 0; i < N; i++) step[i] = i, value[i] = 3 - 0.5 * i;
  trm__plot_smooth(step, value, N, 25, smooth);
  for (int i = 0; i < N; i++) assert_true(fabs(smooth[i] - value[i]) < 1e-9);
  /* Steps that fall, which no run writes, and nothing at all are no reason to crash. */
  for (int i = 0; i < N; i++) step[i] = i * 37 % N;
  trm__plot_smooth(step, value, N, 25, smooth);
  for (int i = 0; i < N; i++) assert_true(isfinite(smooth[i]));
  for (int i = 0; i < N; i++) value[i] = (double)NAN;
  trm__plot_smooth(step, value, N, 25, smooth);
  for (int i = 0; i < N; i++) assert_true(isnan(smooth[i]));
  trm__plot_smooth(step, value, 0, 25, smooth);
}

/* Faint curves are there with smoothing alone, and runs are named by what their paths do not share. */
static void test_plot_names(void **state) {
  (void)state;
  char dir[64], folder[2][100], out[100];
  trm_error err = {0};
  check_temp_dir(dir);
  snprintf(out, sizeof out, "%.60s/out.svg", dir);
  for (int i = 0; i < 2; i++) {
    snprintf(folder[i], sizeof folder[i], "%.60s/%s/best", dir, i ? "long-run" : "a");
    CHECK_OK(trm__dir_make(folder[i], &err), err);
    char path[120];
    snprintf(path, sizeof path, "%.100s/metrics.jsonl", folder[i]);
    write_text(path, "{\"step\": 1, \"loss\": 2}\n{\"step\": 2, \"loss\": 1}\n{\"step\": 3, \"loss\": 1.5}\n");
  }
  const char *runs[] = {folder[0], folder[1]};
  for (int smooth = 0; smooth <= 50; smooth += 25) {
    char *svg = NULL;
    size_t size;
    CHECK_OK(trm_plot(runs, 2, smooth, out, &err), err);
    CHECK_OK(trm__file_read(out, 1 << 20, &svg, &size, &err), err);
    assert_int_equal(strstr(svg, "class=\"line faint\"") != NULL, smooth > 0);
    assert_non_null(strstr(svg, ">a/best<"));
    assert_non_null(strstr(svg, ">long-run/best<"));
    trm__free(svg);
  }
  CHECK_FAILS(trm_plot(runs, 2, -1, out, &err), TRM_E_USAGE, err, "0 to 50 percent");
  CHECK_FAILS(trm_plot(runs, 2, 51, out, &err), TRM_E_USAGE, err, "0 to 50 percent");
  CHECK_FAILS(trm_plot(runs, 2, (double)NAN, out, &err), TRM_E_USAGE, err, "0 to 50 percent");
  check_remove(dir);
}

static void test_plot_refuses(void **state) {
  (void)state;
  char dir[64], path[100];
  trm_error err;
  check_temp_dir(dir);
  const char *runs[] = {dir};
  CHECK_FAILS(trm_plot(runs, 0, TRM_PLOT_SMOOTH, "x.svg", &err), TRM_E_USAGE, err, NULL);
  CHECK_FAILS(trm_plot(runs, 1, TRM_PLOT_SMOOTH, "x.svg", &err), TRM_E_IO, err, "metrics.jsonl");
  snprintf(path, sizeof path, "%.60s/metrics.jsonl", dir);
  write_text(path, "");
  CHECK_FAILS(trm_plot(runs, 1, TRM_PLOT_SMOOTH, "x.svg", &err), TRM_E_INPUT, err, "no updates");
  write_text(path, "{\"step\": 1, \"loss\": 2}\n{\"step\": \"x\"}\n");
  CHECK_FAILS(trm_plot(runs, 1, TRM_PLOT_SMOOTH, "x.svg", &err), TRM_E_INPUT, err, "metrics.jsonl:2");
  write_text(path, "{\"step\": 1, \"loss\": 2}\nrubbish\n");
  CHECK_FAILS(trm_plot(runs, 1, TRM_PLOT_SMOOTH, "x.svg", &err), TRM_E_INPUT, err, "metrics.jsonl:2");
  write_text(path, "{\"step\": 1, \"loss\": 2}\n{\"step\": 2, \"lo");
  CHECK_FAILS(trm_plot(runs, 1, TRM_PLOT_SMOOTH, "nowhere/x.svg", &err), TRM_E_IO, err, "nowhere");
  CHECK_OK(trm_plot(runs, 1, TRM_PLOT_SMOOTH, path, &err), err); /* even over its own input */
  check_remove(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_crc),      cmocka_unit_test(test_events),     cmocka_unit_test(test_cut_events),
      cmocka_unit_test(test_recorder), cmocka_unit_test(test_plot),       cmocka_unit_test(test_plot_refuses),
      cmocka_unit_test(test_smooth),   cmocka_unit_test(test_plot_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
