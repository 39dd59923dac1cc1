/* A run that is killed again and again, at random moments and inside the writing of its checkpoints, must end with the
 * same bytes as one that was never stopped: weights, optimizer, EMA, carry, loader position, best and last model, and
 * the record apart from its times. Every trainer runs in a child process; the parent kills and compares. ROUNDS=40
 * makes more runs that are killed inside writes (1). */
#include "unit/train/support.h"

#include <jansson.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/text/json.h"

#define STEPS 24
#define NONE INT64_MAX

/* What one child does: start or resume `run` below dir; and the number of the system call at which it dies. */
typedef struct job {
  const char *dir, *run;
  int threads, resume;
  int64_t die_at;
  int die_choosing; /* the call of the progress function, while thresholds are chosen, in which it dies; 0: none */
} job;

/* -- dying inside a write ------------------------------------------------------------------------------------------ */

static int64_t calls_left = NONE;

static int dies(void) {
  return --calls_left == 0;
}

static ssize_t dying_write(int fd, const void *data, size_t size) {
  if (!dies()) return write(fd, data, size);
  ssize_t half = write(fd, data, size / 2); /* a torn write */
  (void)half;
  raise(SIGKILL);
  return -1;
}

static int dying_fsync(int fd) {
  if (dies()) raise(SIGKILL);
  return fsync(fd);
}

static int dying_rename(const char *from, const char *to) {
  if (dies()) raise(SIGKILL);
  return rename(from, to);
}

static const trm__file_ops dying_ops = {dying_write, dying_fsync, dying_rename};

/* -- one trainer --------------------------------------------------------------------------------------------------- */

static trm_train_config config_of(const char *dir, const char *run) {
  trm_train_config config = tiny_train(dir, run);
  snprintf(config.init_from, sizeof config.init_from, "%s/start.safetensors", dir);
  snprintf(config.valid, sizeof config.valid, "%s/data", dir);
  config.steps = STEPS;
  config.save_every = 3;
  config.eval_every = 5;
  config.keep = 2;
  return config;
}

static int choosing_left;

static int die_choosing(void *context, const trm_train_progress *progress) {
  (void)context;
  if (progress->choosing && --choosing_left == 0) raise(SIGKILL);
  return 0;
}

static int train(void *context) {
  const job *j = context;
  trm_error err = {0};
  trm_train_config config = config_of(j->dir, j->run);
  trm_model_config model = tiny_model();
  trm_runtime_config runtime_config = trm_runtime_config_default();
  runtime_config.threads = j->threads;
  trm_runtime *runtime = NULL;
  if (trm_runtime_open(&runtime, &runtime_config, &err)) return 2;
  calls_left = j->die_at;
  choosing_left = j->die_choosing;
  trm__file_ops_set(&dying_ops);
  trm_status status = j->resume ? trm_train_resume(runtime, config.run, NULL, 0, die_choosing, NULL, NULL, &err)
                                : trm_train_start(runtime, &model, &config, die_choosing, NULL, NULL, &err);
  trm_runtime_close(&runtime);
  if (status) fprintf(stderr, "%s: %s: %s\n", trm_status_name(status), err.where, err.message);
  return !status ? 0 : 1;
}

/* Runs a child; after wait_us microseconds (0: never) kills it. Returns 1 when it finished. */
static int run_child(job *j, useconds_t wait_us) {
  fflush(stdout);
  fflush(stderr);
  pid_t child = fork();
  if (child == 0) _exit(train(j));
  assert_true(child > 0);
  if (wait_us) {
    usleep(wait_us);
    kill(child, SIGKILL);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) {
    assert_int_equal(WTERMSIG(status), SIGKILL);
    return 0;
  }
  assert_int_equal(WEXITSTATUS(status), 0);
  return 1;
}

/* -- comparing runs ------------------------------------------------------------------------------------------------ */

static char *read_file(const char *path, size_t *size) {
  char *data = NULL;
  trm_error err = {0};
  CHECK_OK(trm__file_read(path, (size_t)1 << 26, &data, size, &err), err);
  return data;
}

static void same_file(const char *a, const char *b, const char *name) {
  size_t na, nb;
  char pa[512], pb[512];
  snprintf(pa, sizeof pa, "%s/%s", a, name);
  snprintf(pb, sizeof pb, "%s/%s", b, name);
  char *da = read_file(pa, &na), *db = read_file(pb, &nb);
  if (na != nb || memcmp(da, db, na) != 0) fail_msg("%s and %s differ", pa, pb);
  trm__free(da);
  trm__free(db);
}

static json_t *load_json(const char *dir, const char *name) {
  json_t *json = NULL;
  trm_error err = {0};
  char path[512];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  CHECK_OK(trm__json_load(&json, path, 1 << 24, &err), err);
  return json;
}

/* state.json apart from the time and the CRC that covers it. */
static void same_state(const char *a, const char *b, const char *name) {
  json_t *one = load_json(a, name), *two = load_json(b, name);
  json_object_del(json_object_get(one, "history"), "seconds");
  json_object_del(json_object_get(two, "history"), "seconds");
  json_object_del(one, "crc32");
  json_object_del(two, "crc32");
  if (!json_equal(one, two)) fail_msg("%s of %s and %s differ", name, a, b);
  json_decref(one);
  json_decref(two);
}

/* Lines of metrics.jsonl up to the times, which come last. */
static void same_metrics(const char *a, const char *b) {
  size_t na, nb;
  char pa[512], pb[512];
  snprintf(pa, sizeof pa, "%s/metrics.jsonl", a);
  snprintf(pb, sizeof pb, "%s/metrics.jsonl", b);
  char *da = read_file(pa, &na), *db = read_file(pb, &nb), *x = da, *y = db;
  int lines = 0;
  while (*x && *y) {
    char *ex = strstr(x, ", \"seconds\""), *ey = strstr(y, ", \"seconds\"");
    assert_non_null(ex);
    assert_non_null(ey);
    if (ex - x != ey - y || memcmp(x, y, (size_t)(ex - x)) != 0)
      fail_msg("line %d differs:\n%.*s\n%.*s", lines + 1, (int)(ex - x), x, (int)(ey - y), y);
    x = strchr(ex, '\n') + 1;
    y = strchr(ey, '\n') + 1;
    lines++;
  }
  assert_true(!*x && !*y);
  assert_int_equal(lines, STEPS + 2); /* and a line for the threshold of each model */
  trm__free(da);
  trm__free(db);
}

static size_t events_size(const char *run) {
  char **names;
  size_t count, size = 0;
  trm_error err = {0};
  CHECK_OK(trm__dir_list(run, &names, &count, &err), err);
  for (size_t i = 0; i < count; i++) {
    if (strncmp(names[i], "events.out.tfevents.", 20) != 0) continue;
    struct stat info;
    assert_int_equal(size, 0); /* one file only */
    assert_int_equal(stat(check_path(run, names[i]), &info), 0);
    size = (size_t)info.st_size;
  }
  trm__dir_list_free(names, count);
  assert_true(size > 0);
  return size;
}

static void same_names(const char *a, const char *b, const char *name, int skip_events) {
  char **one, **two;
  size_t ones, twos;
  trm_error err = {0};
  CHECK_OK(trm__dir_list(check_path(a, name), &one, &ones, &err), err);
  CHECK_OK(trm__dir_list(check_path(b, name), &two, &twos, &err), err);
  assert_int_equal(ones, twos);
  for (size_t i = 0; i < ones; i++)
    if (!skip_events || strncmp(one[i], "events.", 7) != 0) assert_string_equal(one[i], two[i]);
  trm__dir_list_free(one, ones);
  trm__dir_list_free(two, twos);
}

static void same_runs(const char *a, const char *b) {
  static const char *const checkpoints[] = {"checkpoints/step-21", "checkpoints/step-24"};
  static const char *const files[] = {"model.safetensors", "optimizer.safetensors", "carry.safetensors"};
  char name[128];
  same_names(a, b, ".", 1);
  same_names(a, b, "checkpoints", 0);
  for (size_t i = 0; i < 2; i++) {
    for (size_t k = 0; k < 3; k++) {
      snprintf(name, sizeof name, "%s/%s", checkpoints[i], files[k]);
      same_file(a, b, name);
    }
    snprintf(name, sizeof name, "%s/state.json", checkpoints[i]);
    same_state(a, b, name);
  }
  same_file(a, b, "best.safetensors");
  same_file(a, b, "last.safetensors");
  same_metrics(a, b);
  assert_int_equal(events_size(a), events_size(b));
}

/* The test is worth something only if slots really halt at different steps. */
static void check_slots_differ(const char *run) {
  trm__safetensors st;
  trm_error err = {0};
  CHECK_OK(trm__st_open(&st, check_path(run, "checkpoints/step-21/carry.safetensors"), &err), err);
  const trm__st_tensor *steps = trm__st_find(&st, "steps");
  double step[6], low = 99, high = 0;
  assert_int_equal(steps->elements, 6);
  trm__st_read_double(steps, step);
  for (int i = 0; i < 6; i++) low = fmin(low, step[i]), high = fmax(high, step[i]);
  assert_true(low < high);
  trm__st_close(&st);
}

/* -- tests --------------------------------------------------------------------------------------------------------- */

static char folder[64], reference[128];
static double reference_seconds;

static int setup(void **state) {
  (void)state;
  char path[128];
  check_temp_dir(folder);
  tiny_data(folder);
  snprintf(path, sizeof path, "%s/start.safetensors", folder);
  tiny_start(path, 3);
  snprintf(reference, sizeof reference, "%s/reference", folder);
  job j = {.dir = folder, .run = "reference", .threads = 2, .die_at = NONE};
  double begin = trm__clock();
  assert_int_equal(run_child(&j, 0), 1);
  reference_seconds = trm__clock() - begin;
  check_slots_differ(reference);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  check_remove(folder);
  return 0;
}

/* Whether anything of a run is there to be resumed. */
static int has_begun(const char *run) {
  return access(check_path(run, "config.json"), R_OK) == 0;
}

static void test_repeatable(void **state) {
  (void)state;
  char run[128];
  for (int threads = 1; threads <= 3; threads += 2) {
    snprintf(run, sizeof run, "threads%d", threads);
    job j = {.dir = folder, .run = run, .threads = threads, .die_at = NONE};
    assert_int_equal(run_child(&j, 0), 1);
    snprintf(run, sizeof run, "%s/threads%d", folder, threads);
    same_runs(reference, run);
  }
}

/* Killed from outside, at moments that have nothing to do with what it is doing. */
static void test_killed_at_random(void **state) {
  (void)state;
  char run[128];
  snprintf(run, sizeof run, "%s/random", folder);
  trm__rng rng = trm__rng_make(1, TRM__RNG_TEST, 0);
  int kills = 0;
  double seconds = reference_seconds;
  for (int finished = 0; !finished && kills < 200;) {
    job j = {.dir = folder, .run = "random", .threads = 1 + kills % 3, .resume = has_begun(run), .die_at = NONE};
    useconds_t wait = (useconds_t)(1e6 * seconds * (0.05 + 0.4 * trm__rng_unit(&rng))) + 1000;
    finished = run_child(&j, kills < 12 ? wait : 0);
    kills += !finished;
    if (!finished || kills || seconds < 0.01) continue;
    check_remove(run); /* the machine was busier when the reference was made: kill sooner */
    seconds /= 4;
    finished = 0;
  }
  print_message("killed %d times\n", kills);
  assert_true(kills > 0);
  same_runs(reference, run);
}

/* One run, killed at the n-th write, fsync or rename again and again: some hit the record, most the inside of a
 * checkpoint. Each attempt has another number of threads and finds the run in another folder. */
static void kill_inside_writes(uint64_t seed) {
  char name[32], run[128], next[128];
  trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, 0);
  int kills = 0;
  snprintf(name, sizeof name, "inside");
  snprintf(run, sizeof run, "%s/%s", folder, name);
  for (int finished = 0; !finished;) {
    int64_t at = kills < 30 ? 5 + (int64_t)trm__rng_below(&rng, 60) : NONE;
    job j = {.dir = folder, .run = name, .threads = 1 + kills % 3, .resume = has_begun(run), .die_at = at};
    finished = run_child(&j, 0);
    kills += !finished;
    snprintf(name, sizeof name, "inside%d", kills);
    snprintf(next, sizeof next, "%s/%s", folder, name);
    if (strcmp(run, next) != 0) assert_int_equal(rename(run, next), 0);
    memcpy(run, next, sizeof run);
  }
  print_message("killed %d times with seed %d\n", kills, (int)seed);
  assert_true(kills > 5);
  same_runs(reference, run);
  check_remove(run);
}

/* Killed while thresholds are chosen: at each puzzle of both models in turn, in one run. */
static void test_killed_while_choosing(void **state) {
  (void)state;
  char run[128];
  int kills = 0;
  snprintf(run, sizeof run, "%s/choosing", folder);
  for (int finished = 0; !finished; kills += !finished) {
    job j = {.dir = folder, .run = "choosing", .threads = 1 + kills % 3, .resume = has_begun(run), .die_at = NONE};
    j.die_choosing = kills + 1;
    finished = run_child(&j, 0);
  }
  assert_int_equal(kills, 2 * 6); /* validation puzzles of best and last model */
  same_runs(reference, run);
}

static void test_killed_inside_writes(void **state) {
  (void)state;
  const char *rounds = getenv("ROUNDS");
  int count = rounds ? atoi(rounds) : 1;
  assert_true(count > 0);
  for (int i = 0; i < count; i++) kill_inside_writes(2 + (uint64_t)i);
}

/* Resuming a finished run changes nothing. */
static void test_finished(void **state) {
  (void)state;
  job j = {.dir = folder, .run = "finished", .threads = 2, .die_at = NONE};
  char run[128];
  assert_int_equal(run_child(&j, 0), 1);
  j.resume = 1;
  assert_int_equal(run_child(&j, 0), 1);
  snprintf(run, sizeof run, "%s/finished", folder);
  same_runs(reference, run);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_repeatable),
      cmocka_unit_test(test_killed_at_random),
      cmocka_unit_test(test_killed_while_choosing),
      cmocka_unit_test(test_killed_inside_writes),
      cmocka_unit_test(test_finished),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
