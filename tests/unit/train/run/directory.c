/* Whole runs through the public functions: what a run directory holds, refusals, resuming past damaged checkpoints,
 * stopping, early ends, a full disk, divergence, and memory as predicted. */
#include "unit/train/run/bench.h"

#include <errno.h>
#include <time.h>

#include "base/text/json.h"
#include "base/text/options.h"
#include "data/dataset.h"
#include "data/format/dataset_dir.h"
#include "train/session.h"

static trm_status start(bench *b, trm_train_fn fn, void *context, trm_error *err) {
  return trm_train_start(b->runtime, &b->model, &b->train, fn, context, &b->result, err);
}

static trm_status resume(bench *b, trm_error *err) {
  b->log[0] = 0;
  return trm_train_resume(b->runtime, b->run, NULL, 0, NULL, NULL, &b->result, err);
}

static void write_text(const char *path, const char *text) {
  trm_error err = {0};
  CHECK_OK(trm__file_write(path, text, strlen(text), &err), err);
}

static size_t size_of(const char *path) {
  struct stat info;
  assert_int_equal(stat(path, &info), 0);
  return (size_t)info.st_size;
}

static void flip_byte(const char *path, size_t at) {
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  fseek(file, (long)at, SEEK_SET);
  int c = fgetc(file);
  fseek(file, (long)at, SEEK_SET);
  fputc(c ^ 1, file);
  fclose(file);
}

/* -- a run and its directory --------------------------------------------------------------------------------------- */

typedef struct seen {
  int64_t updates, stop_at;
  trm_train_progress last;
} seen;

static int watch(void *context, const trm_train_progress *progress) {
  seen *s = context;
  if (progress->choosing) {
    assert_true(progress->step == 12 && s->last.step == 12);
    return 0;
  }
  s->updates++;
  assert_int_equal(progress->step, s->last.step + 1);
  assert_int_equal(progress->steps, 12);
  assert_true(isfinite(progress->loss) && progress->grad_norm > 0 && progress->seconds >= 0);
  assert_true(fabs(progress->loss - (progress->lm_loss + 0.5 * progress->halt_loss)) <= 1e-9);
  assert_int_equal(progress->evaluated, progress->step % 5 == 0 || progress->step == 12);
  s->last = *progress;
  return progress->step == s->stop_at;
}

static void test_whole_run(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  seen s = {0};
  open_bench(&b);
  snprintf(b.train.valid, sizeof b.train.valid, "%s/data", b.dir);
  b.train.eval_every = 5;
  CHECK_OK(start(&b, watch, &s, &err), err);
  assert_int_equal(s.updates, 12);
  assert_int_equal(b.result.step, 12);
  assert_int_equal(b.result.micro_batch, 4);
  assert_true(b.result.best_exact == s.last.best_exact && b.result.best_step == s.last.best_step);
  assert_string_equal(b.result.model, check_path(b.run, "best.safetensors"));
  assert_string_equal(b.result.checkpoint, check_path(b.run, "checkpoints/step-12"));
  assert_true(exists(&b, "checkpoints/step-8") && !exists(&b, "checkpoints/step-4")); /* keep = 2 */
  assert_true(exists(&b, "last.safetensors") && exists(&b, "metrics.jsonl"));
  trm_model *model = NULL;
  CHECK_OK(trm_model_open(&model, b.result.model, &err), err);
  assert_string_equal(trm_model_get_metadata(model, "trm.variant"), "ema");
  assert_non_null(strstr(trm_model_get_metadata(model, "trm.task"), "sudoku"));
  assert_int_equal(trm_model_get_config(model)->seq_len, 16);
  trm_model_close(&model);
  CHECK_FAILS(start(&b, NULL, NULL, &err), TRM_E_USAGE, err, "--resume");
  close_bench(&b);
}

/* config.json holds every value, and a run started from it equals the first. */
static void test_config_reproduces(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  json_t *json = NULL;
  size_t n;
  open_bench(&b);
  CHECK_OK(start(&b, NULL, NULL, &err), err);
  CHECK_OK(trm__json_load(&json, check_path(b.run, "config.json"), 1 << 20, &err), err);
  b.model = trm_model_config_default();
  b.train = trm_train_config_default();
  const trm_option *table = trm_model_options(&n);
  CHECK_OK(trm__options_from_json(table, n, &b.model, json_object_get(json, "model"), 0, "config.json", &err), err);
  table = trm_train_options(&n);
  CHECK_OK(trm__options_from_json(table, n, &b.train, json_object_get(json, "train"), 0, "config.json", &err), err);
  json_decref(json);
  char again[100], last[140];
  snprintf(again, sizeof again, "%s/again", b.dir);
  snprintf(last, sizeof last, "%s/last.safetensors", again);
  strcpy(b.train.run, again);
  CHECK_OK(start(&b, NULL, NULL, &err), err);
  char *one = NULL, *two = NULL;
  size_t ones, twos;
  CHECK_OK(trm__file_read(check_path(b.run, "last.safetensors"), 1 << 26, &one, &ones, &err), err);
  CHECK_OK(trm__file_read(last, 1 << 26, &two, &twos, &err), err);
  assert_int_equal(ones, twos);
  assert_memory_equal(one, two, ones);
  trm__free(one);
  trm__free(two);
  close_bench(&b);
}

/* last.safetensors holds the averaged weights of this update. */
static void check_last(const bench *b, const char *step) {
  trm_error err = {0};
  trm_model *model = NULL;
  CHECK_OK(trm_model_open(&model, check_path(b->run, "last.safetensors"), &err), err);
  assert_string_equal(trm_model_get_metadata(model, "trm.variant"), "ema");
  assert_string_equal(trm_model_get_metadata(model, "trm.step"), step);
  trm_model_close(&model);
}

static void test_stop_and_resume(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  seen s = {.stop_at = 6};
  open_bench(&b);
  snprintf(b.train.valid, sizeof b.train.valid, "%s/data", b.dir);
  b.train.eval_every = 5;
  CHECK_FAILS(start(&b, watch, &s, &err), TRM_E_STOPPED, err, "step-6");
  assert_int_equal(s.updates, 6);
  assert_true(exists(&b, "checkpoints/step-6"));
  check_last(&b, "6");
  assert_string_equal(b.result.checkpoint, check_path(b.run, "checkpoints/step-6"));
  s.stop_at = 0;
  static const char *const left[] = {"best.safetensors.trm-1-0.tmp", "checkpoints/step-7.trm-1-0.tmp"};
  for (int i = 0; i < 2; i++) CHECK_OK(trm__file_write(check_path(b.run, left[i]), "torn", 4, &err), err);
  CHECK_OK(trm__file_write(check_path(b.run, "notes.tmp"), "mine", 4, &err), err);
  CHECK_OK(trm_train_resume(b.runtime, b.run, NULL, 0, watch, &s, &b.result, &err), err);
  assert_true(!exists(&b, left[0]) && !exists(&b, left[1]) && exists(&b, "notes.tmp"));
  assert_int_equal(s.updates, 12);
  check_last(&b, "12");
  const char *longer[] = {"steps", "14", "keep", "1"}, *other[] = {"lr", "1"}, *unknown[] = {"stepz", "1"};
  CHECK_OK(trm_train_resume(b.runtime, b.run, longer, 2, NULL, NULL, &b.result, &err), err);
  assert_int_equal(b.result.step, 14);
  assert_true(!exists(&b, "checkpoints/step-12"));
  CHECK_FAILS(trm_train_resume(b.runtime, b.run, other, 1, NULL, NULL, NULL, &err), TRM_E_USAGE, err, "lr");
  CHECK_FAILS(trm_train_resume(b.runtime, b.run, unknown, 1, NULL, NULL, NULL, &err), TRM_E_USAGE, err, "steps");
  close_bench(&b);
}

static void test_time_limit(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  open_bench(&b);
  b.train.max_minutes = 1e-9;
  CHECK_FAILS(start(&b, NULL, NULL, &err), TRM_E_STOPPED, err, "after update 1 of 12");
  const char *none[] = {"max_minutes", "0"};
  CHECK_OK(trm_train_resume(b.runtime, b.run, none, 1, NULL, NULL, &b.result, &err), err);
  assert_int_equal(b.result.step, 12);
  close_bench(&b);
}

/* -- threads ------------------------------------------------------------------------------------------------------- */

static size_t threads_now(void) {
  trm_error err = {0};
  char **names;
  size_t count;
  CHECK_OK(trm__dir_list("/proc/self/task", &names, &count, &err), err);
  trm__dir_list_free(names, count);
  return count;
}

static int keep_threads(void *context, const trm_train_progress *progress) {
  (void)progress;
  *(size_t *)context = threads_now();
  return 0;
}

/* Training computes on the runtime's threads and opens none beside them. */
static void test_threads(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  size_t before, during = 0;
  open_bench(&b);
  before = threads_now();
  assert_true(before >= 2); /* this one, and the runtime's second */
  CHECK_OK(start(&b, keep_threads, &during, &err), err);
  assert_int_equal(during, before);
  close_bench(&b);
}

/* -- time ---------------------------------------------------------------------------------------------------------- */

static int sleep_and_stop(void *context, const trm_train_progress *progress) {
  const struct timespec fifth = {0, 200000000};
  nanosleep(&fifth, NULL);
  return progress->step == *(int64_t *)context;
}

/* A call counts its own time and updates; the run's time has those of earlier calls too. */
static void test_seconds(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  int64_t stop_at = 3;
  open_bench(&b);
  CHECK_FAILS(start(&b, sleep_and_stop, &stop_at, &err), TRM_E_STOPPED, err, NULL);
  assert_int_equal(b.result.updates, 3);
  assert_true(b.result.seconds >= 0.6 && fabs(b.result.run_seconds - b.result.seconds) < 0.01);
  CHECK_OK(resume(&b, &err), err);
  assert_int_equal(b.result.updates, 9);
  assert_true(b.result.run_seconds - b.result.seconds >= 0.59);
  double whole = b.result.run_seconds;
  CHECK_OK(resume(&b, &err), err); /* it is finished: nothing is done, and nothing claimed */
  assert_int_equal(b.result.updates, 0);
  assert_int_equal(b.result.step, 12);
  double earlier = b.result.run_seconds - b.result.seconds;
  assert_true(earlier >= 0.59 && earlier <= whole + 0.01);
  close_bench(&b);
}

/* The accuracy of an untrained model does not improve, so patience ends the run at its third evaluation. */
static void test_patience(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  open_bench(&b);
  snprintf(b.train.valid, sizeof b.train.valid, "%s/data", b.dir);
  b.train.lr = b.train.puzzle_emb_lr = 0;
  b.train.eval_every = 2;
  b.train.patience = 2;
  CHECK_OK(start(&b, NULL, NULL, &err), err);
  assert_int_equal(b.result.step, 6);
  assert_int_equal(b.result.best_step, 2);
  CHECK_OK(resume(&b, &err), err); /* it has ended, and stays so */
  assert_int_equal(b.result.step, 6);
  close_bench(&b);
}

/* -- refusals ------------------------------------------------------------------------------------------------------ */

static int second_trainer(void *context) {
  bench *b = context;
  trm_error err = {0};
  trm_runtime *runtime = NULL;
  trm_runtime_config config = {.size = sizeof(trm_runtime_config), .threads = 1};
  if (trm_runtime_open(&runtime, &config, &err)) return 9;
  trm_status resumed = trm_train_resume(runtime, b->run, NULL, 0, NULL, NULL, NULL, &err);
  trm_status started = trm_train_start(runtime, &b->model, &b->train, NULL, NULL, NULL, &err);
  trm_runtime_close(&runtime);
  return resumed == TRM_E_BUSY && started == TRM_E_BUSY ? 0 : 1;
}

static int try_second(void *context, const trm_train_progress *progress) {
  if (progress->step == 3) assert_int_equal(check_in_child(second_trainer, context), 0);
  return 0;
}

static void test_busy(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  open_bench(&b);
  CHECK_OK(start(&b, try_second, &b, &err), err);
  close_bench(&b);
}

static void test_refusals(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  open_bench(&b);
  CHECK_FAILS(resume(&b, &err), TRM_E_INPUT, err, "does not exist");
  CHECK_OK(trm__dir_make(b.run, &err), err);
  CHECK_FAILS(resume(&b, &err), TRM_E_INPUT, err, "is no run directory");
  check_remove(b.run);
  CHECK_OK(trm__file_write(b.run, "", 0, &err), err);
  CHECK_FAILS(resume(&b, &err), TRM_E_INPUT, err, "is a file");
  assert_int_equal(remove(b.run), 0);
  strcpy(b.train.frozen, "inner.nothing");
  CHECK_FAILS(start(&b, NULL, NULL, &err), TRM_E_USAGE, err, "inner.nothing");
  assert_false(trm__path_exists(b.run)); /* a run that could not start leaves nothing */
  b.train.frozen[0] = 0;
  snprintf(b.train.data, sizeof b.train.data, "%s/nowhere", b.dir);
  assert_int_not_equal(start(&b, NULL, NULL, &err), TRM_OK);
  assert_false(trm__path_exists(b.run));
  snprintf(b.train.data, sizeof b.train.data, "%s/data", b.dir);
  b.model.hidden_size = 30; /* not divisible by 4 heads */
  b.model.mlp_t = 0;
  assert_int_equal(start(&b, NULL, NULL, &err), TRM_E_INPUT);
  assert_false(trm__path_exists(b.run));
  b.model = tiny_model();
  b.train.steps = 0;
  b.train.epochs = 1;
  b.train.batch = 21;
  CHECK_FAILS(start(&b, NULL, NULL, &err), TRM_E_USAGE, err, "less than one batch");
  close_bench(&b);
}

/* The data set at dir/NAME: 4x4 puzzles with identifiers below so many. */
static void write_identified(const bench *b, const char *name, int identifiers, const char *alphabet, char *path) {
  trm_error err = {0};
  trm_dataset *train = NULL, *test = NULL, **part[] = {&train, &test};
  char from[200];
  snprintf(from, sizeof from, "%s/data", b->dir);
  snprintf(path, 300, "%s/%s", b->dir, name);
  CHECK_OK(trm_dataset_open(&train, from, "train", NULL, &err), err);
  CHECK_OK(trm_dataset_open(&test, from, "test", NULL, &err), err);
  for (int i = 0; i < 2; i++) {
    trm_dataset *d = *part[i];
    d->info.identifiers = identifiers;
    strcpy(d->info.task.alphabet, alphabet);
    for (int64_t k = 0; k < d->info.puzzles; k++) d->identifiers[k] = (int32_t)(k % identifiers);
  }
  CHECK_OK(trm__dataset_write(path, train, test, &err), err);
  trm_dataset_close(&train);
  trm_dataset_close(&test);
}

/* Validation refuses what evaluation would: identifiers that the puzzle embedding has no row for, and other symbols. A
 * run that began before that was checked goes on, with a warning. */
static void test_validation_that_does_not_fit(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  char few[300], many[300], letters[300];
  open_bench(&b);
  write_identified(&b, "few", 2, ".1234", few);
  write_identified(&b, "many", 3, ".1234", many);
  write_identified(&b, "letters", 2, ".abcd", letters);
  b.train.steps = 2;
  strcpy(b.train.data, few);
  strcpy(b.train.valid, many);
  CHECK_FAILS(start(&b, NULL, NULL, &err), TRM_E_INPUT, err, "3 puzzle identifiers");
  assert_non_null(strstr(err.where, "many"));
  strcpy(b.train.valid, letters);
  CHECK_FAILS(start(&b, NULL, NULL, &err), TRM_E_INPUT, err, "alphabet");
  assert_false(trm__path_exists(b.run));
  strcpy(b.train.valid, many); /* no row to be missing without a puzzle embedding */
  b.model.puzzle_emb_ndim = b.model.puzzle_emb_len = 0;
  CHECK_OK(start(&b, NULL, NULL, &err), err);
  check_remove(b.run);
  b.model = tiny_model();
  strcpy(b.train.valid, few);
  CHECK_OK(start(&b, NULL, NULL, &err), err);
  /* What the old run had: the data that its config.json names and sums, with more identifiers than it trains on. */
  json_t *json = NULL;
  CHECK_OK(trm__json_load(&json, check_path(b.run, "config.json"), 1 << 20, &err), err);
  trm_dataset *d = NULL;
  CHECK_OK(trm_dataset_open(&d, many, "test", NULL, &err), err);
  json_object_set_new(json_object_get(json, "train"), "valid", json_string(many));
  json_object_set_new(json_object_get(json, "resolved"), "valid_crc32", json_integer(trm__session_data_crc(d)));
  assert_int_equal(json_object_del(json, "crc32"), 0);
  CHECK_OK(trm__json_save(json, check_path(b.run, "config.json"), &err), err);
  trm_dataset_close(&d);
  json_decref(json);
  CHECK_OK(resume(&b, &err), err);
  assert_non_null(strstr(b.log, "3 puzzle identifiers"));
  assert_non_null(strstr(b.log, "no halting threshold is chosen"));
  assert_true(isnan(b.result.halt_threshold));
  close_bench(&b);
}

static void test_other_versions(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  json_t *json = NULL;
  open_bench(&b);
  CHECK_OK(start(&b, NULL, NULL, &err), err);
  const char *path = check_path(b.run, "config.json");
  CHECK_OK(trm__json_load(&json, path, 1 << 20, &err), err);
  json_object_set_new(json, "format", json_integer(2));
  CHECK_OK(trm__json_save(json, path, &err), err);
  CHECK_FAILS(resume(&b, &err), TRM_E_INPUT, err, "format 2, this version of trm reads 1");
  json_object_set_new(json, "format", json_integer(1));
  json_object_set_new(json_object_get(json, "resolved"), "schedule_steps",
                      json_integer(1000)); /* no checkpoint sums it */
  CHECK_OK(trm__json_save(json, path, &err), err);
  CHECK_FAILS(resume(&b, &err), TRM_E_INPUT, err, "damaged, or something other than a path was edited");
  json_object_set_new(json, "crc32", json_string("none"));
  CHECK_OK(trm__json_save(json, path, &err), err);
  CHECK_FAILS(resume(&b, &err), TRM_E_INPUT, err, "crc32");
  json_object_del(json, "crc32");
  json_object_set_new(json_object_get(json, "train"), "lr", json_real(0.5));
  CHECK_OK(trm__json_save(json, path, &err), err);
  CHECK_FAILS(resume(&b, &err), TRM_E_INPUT, err, "another configuration");
  json_object_del(json_object_get(json, "train"), "nonsense");
  json_object_set_new(json_object_get(json, "train"), "nonsense", json_true());
  CHECK_OK(trm__json_save(json, path, &err), err);
  CHECK_FAILS(resume(&b, &err), TRM_E_INPUT, err, "nonsense");
  json_decref(json);
  write_text(path, "{\"format\": 1");
  CHECK_FAILS(resume(&b, &err), TRM_E_INPUT, err, "config.json");
  close_bench(&b);
}

/* Data that changed behind a run's back would break its promise of exactness. */
static void test_other_data(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  open_bench(&b);
  CHECK_OK(start(&b, NULL, NULL, &err), err);
  char path[200];
  snprintf(path, sizeof path, "%s/data", b.dir);
  check_remove(path);
  trm_make_config make = trm_make_config_default();
  snprintf(make.out, sizeof make.out, "%s", path);
  make.side = 4, make.train = 20, make.test = 6, make.threads = 1, make.seed = 99;
  CHECK_OK(trm_data_make(&make, NULL, NULL, &err), err);
  CHECK_FAILS(resume(&b, &err), TRM_E_INPUT, err, "is not the data");
  close_bench(&b);
}

/* -- damaged checkpoints ------------------------------------------------------------------------------------------- */

/* A run stopped after update 9 with checkpoints of 8 and 9. */
static void stopped_run(bench *b) {
  trm_error err = {0};
  seen s = {.stop_at = 9};
  open_bench(b);
  b->train.eval_every = 5;
  snprintf(b->train.valid, sizeof b->train.valid, "%s/data", b->dir);
  CHECK_FAILS(start(b, watch, &s, &err), TRM_E_STOPPED, err, "step-9");
  assert_true(exists(b, "checkpoints/step-8") && exists(b, "checkpoints/step-9"));
}

static void check_skipped(bench *b, const char *why) {
  trm_error err = {0};
  CHECK_OK(resume(b, &err), err);
  assert_int_equal(b->result.step, 12);
  if (!strstr(b->log, "skipping the damaged checkpoint") || !strstr(b->log, why))
    fail_msg("the log does not say \"%s\":\n%s", why, b->log);
  assert_non_null(strstr(b->log, "step-8"));
  close_bench(b);
}

static void test_damaged(void **state) {
  (void)state;
  static const char *const files[] = {"model.safetensors", "optimizer.safetensors", "carry.safetensors"};
  bench b;
  char path[300];
  for (int i = 0; i < 3; i++) {
    stopped_run(&b);
    snprintf(path, sizeof path, "%s/checkpoints/step-9/%s", b.run, files[i]);
    if (i == 0) flip_byte(path, size_of(path) - 5);
    else if (i == 1) assert_int_equal(truncate(path, (off_t)size_of(path) - 4), 0);
    else assert_int_equal(remove(path), 0);
    check_skipped(&b, files[i]);
  }
}

static void test_damaged_state(void **state) {
  (void)state;
  bench b;
  char path[300];
  trm_error err = {0};
  stopped_run(&b);
  snprintf(path, sizeof path, "%s/checkpoints/step-9/state.json", b.run);
  char *text = NULL;
  size_t size;
  CHECK_OK(trm__file_read(path, 1 << 20, &text, &size, &err), err);
  char *digit = strstr(text, "\"batches\": 9");
  assert_non_null(digit);
  digit[11] = '8'; /* well-formed, but not what was written */
  CHECK_OK(trm__file_write(path, text, size, &err), err);
  trm__free(text);
  check_skipped(&b, "CRC-32");

  stopped_run(&b);
  snprintf(path, sizeof path, "%s/checkpoints/step-9/state.json", b.run);
  write_text(path, "{\"format\": 7}");
  check_skipped(&b, "format 7");
}

static void test_all_damaged(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  stopped_run(&b);
  for (int i = 8; i <= 9; i++) {
    char path[300];
    snprintf(path, sizeof path, "%s/checkpoints/step-%d/carry.safetensors", b.run, i);
    flip_byte(path, 3);
  }
  CHECK_FAILS(resume(&b, &err), TRM_E_INPUT, err, "none of the 2 checkpoints is whole");
  close_bench(&b);
}

/* -- a disk that fills up ------------------------------------------------------------------------------------------ */

static int64_t writes_left;

static ssize_t full_write(int fd, const void *data, size_t size) {
  if (writes_left-- > 0) return write(fd, data, size);
  errno = ENOSPC;
  return -1;
}

static void check_no_leftovers(const bench *b) {
  char **names;
  size_t count;
  trm_error err = {0};
  CHECK_OK(trm__dir_list(check_path(b->run, "checkpoints"), &names, &count, &err), err);
  for (size_t i = 0; i < count; i++) assert_true(strncmp(names[i], "step-", 5) == 0 && !strstr(names[i], ".tmp"));
  trm__dir_list_free(names, count);
}

/* Whichever write fails first: TRM_E_IO naming the path, earlier checkpoints whole, and the run ends well later. */
static void test_full_disk(void **state) {
  (void)state;
  static const trm__file_ops ops = {full_write, fsync, rename};
  for (int64_t room = 14; room < 60; room += 9) {
    bench b;
    trm_error err = {0};
    open_bench(&b);
    writes_left = room;
    trm__file_ops_set(&ops);
    trm_status status = start(&b, NULL, NULL, &err);
    trm__file_ops_set(NULL);
    if (!status) { /* it had room enough */
      close_bench(&b);
      break;
    }
    if (status != TRM_E_IO || !strstr(err.where, b.run) || !strstr(err.message, "No space left"))
      fail_msg("%d writes: %s: %s: %s", (int)room, trm_status_name(status), err.where, err.message);
    if (exists(&b, "checkpoints")) check_no_leftovers(&b);
    CHECK_OK(resume(&b, &err), err);
    assert_int_equal(b.result.step, 12);
    assert_null(strstr(b.log, "damaged"));
    close_bench(&b);
  }
}

/* -- divergence, memory -------------------------------------------------------------------------------------------- */

static void test_diverged(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  open_bench(&b);
  b.train.lr_warmup_steps = 0;
  b.train.steps = 500;
  b.train.save_every = 1;
  b.train.lr = 10; /* more than it can bear */
  b.train.weight_decay = 0;
  b.train.optimizer = TRM_ADAMW;
  b.train.max_loss = 4;
  CHECK_FAILS(start(&b, NULL, NULL, &err), TRM_E_DIVERGED, err, "last good checkpoint is");
  char last[64];
  snprintf(last, sizeof last, "checkpoints/step-%d", (int)b.result.step);
  assert_non_null(strstr(err.message, last));
  assert_true(exists(&b, last));
  char *text = NULL;
  size_t size;
  CHECK_OK(trm__file_read(check_path(b.run, "metrics.jsonl"), 1 << 20, &text, &size, &err), err);
  assert_null(strstr(text, "\"loss\": null")); /* nothing of the bad update is recorded */
  trm__free(text);
  close_bench(&b);
}

/* Predicted and measured peak within five percent, for several shapes and slices. */
static void test_memory(void **state) {
  (void)state;
  for (int i = 0; i < 4; i++) {
    bench b;
    trm_error err = {0};
    open_bench(&b);
    b.train.steps = 2;
    b.train.batch = 8 << i;
    b.train.micro_batch = i % 2 ? 0 : 8;
    b.train.optimizer = i % 3;
    b.train.recompute = i == 2;
    b.model.hidden_size = 64;
    b.model.L_cycles = 1 + i;
    b.model.mlp_t = i % 2;
    snprintf(b.train.valid, sizeof b.train.valid, "%s/data", b.dir);
    CHECK_OK(start(&b, NULL, NULL, &err), err);
    double ratio = (double)b.result.peak_bytes / (double)b.result.predicted_bytes;
    if (!(ratio > 0.95 && ratio < 1.05))
      fail_msg("case %d: peak %zu bytes, predicted %zu", i, (size_t)b.result.peak_bytes,
               (size_t)b.result.predicted_bytes);
    close_bench(&b);
  }
}

/* All of it is given back, whatever fails on the way. */
typedef struct allocation_job {
  bench *b;
  int number;
} allocation_job;

static trm_status run_once(void *context, trm_error *err) {
  allocation_job *j = context;
  char name[100];
  snprintf(name, sizeof name, "%.60s/a%d", j->b->dir, j->number++);
  strcpy(j->b->train.run, name);
  return start(j->b, NULL, NULL, err);
}

static void test_allocations(void **state) {
  (void)state;
  bench b;
  open_bench(&b);
  b.train.steps = 1;
  b.train.save_every = 1;
  b.train.batch = b.train.micro_batch = 1;
  allocation_job job = {&b, 0};
  assert_true(check_each_allocation(run_once, &job) > 40);
  close_bench(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_whole_run),
      cmocka_unit_test(test_config_reproduces),
      cmocka_unit_test(test_stop_and_resume),
      cmocka_unit_test(test_time_limit),
      cmocka_unit_test(test_patience),
      cmocka_unit_test(test_busy),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_other_versions),
      cmocka_unit_test(test_other_data),
      cmocka_unit_test(test_damaged),
      cmocka_unit_test(test_damaged_state),
      cmocka_unit_test(test_all_damaged),
      cmocka_unit_test(test_full_disk),
      cmocka_unit_test(test_diverged),
      cmocka_unit_test(test_memory),
      cmocka_unit_test(test_allocations),
      cmocka_unit_test(test_threads),
      cmocka_unit_test(test_seconds),
      cmocka_unit_test(test_validation_that_does_not_fit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
