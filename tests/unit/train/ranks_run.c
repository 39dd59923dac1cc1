/* Whole runs of several ranks, as threads of this process over one run directory: the files are the same for any number
 * of ranks; runs are stopped by one rank and gone on with by another number; a rank that fails ends the run
 * of all, and nobody waits for it. */
#include "unit/train/support.h"

#include "base/log.h"
#include "support/thread_comm.h"
#include "train/loop.h"

enum { MOST = 4 };

/* What one rank is told and what becomes of it. */
typedef struct rank {
  trm_model_config model;
  trm_train_config train;
  int resume;
  const char *const *overrides;
  size_t count;
  int64_t stop_at; /* update after which it asks to stop; 0: never */
  trm_train_result result;
  int64_t told; /* updates that it was told of */
  int warnings, lines;
  char warning[1024]; /* the last */
} rank;

static void note_log(void *context, trm_log_level level, const char *text) {
  rank *r = context;
  r->lines++;
  if (level != TRM_LOG_WARN) return;
  r->warnings++;
  snprintf(r->warning, sizeof r->warning, "%s", text);
}

static int note_progress(void *context, const trm_train_progress *progress) {
  rank *r = context;
  if (progress->choosing) return 0; /* of the first rank alone, after the last update */
  r->told++;
  return r->stop_at && progress->step == r->stop_at;
}

static trm_status run_rank(trm__comm *comm, void *context, trm_error *err) {
  rank *r = context;
  trm_runtime *runtime = NULL;
  trm_runtime_config config = trm_runtime_config_default();
  config.threads = 1;
  config.log = note_log;
  config.log_context = r;
  trm_status status = trm_runtime_open(&runtime, &config, err);
  if (status) trm__comm_abandon(comm, err);
  if (status) return status;
  status = r->resume ? trm__train_resume(runtime, comm, r->train.run, r->overrides, r->count, note_progress, r,
                                         &r->result, err)
                     : trm__train_start(runtime, comm, &r->model, &r->train, note_progress, r, &r->result, err);
  trm_runtime_close(&runtime);
  return status;
}

static char folder[80];
static trm_status status_of[THREAD_RANKS];
static trm_error error_of[THREAD_RANKS];

static rank plain_rank(const char *run) {
  rank r = {.model = tiny_model(), .train = tiny_train(folder, run)};
  snprintf(r.train.valid, sizeof r.train.valid, "%s/data", folder);
  r.train.batch = 7;
  r.train.slices = 4;
  r.train.micro_batch = 2;
  r.train.eval_every = 3;
  r.train.keep = 10;
  r.train.log_every = 1;
  r.train.latents = 2;
  r.train.start_noise = 0.1;
  return r;
}

/* The same for all ranks; *r becomes the one of rank 0. */
static void run_alike(rank *r, int size, trm_status expected) {
  rank all[MOST];
  r->told = r->lines = r->warnings = 0;
  for (int i = 0; i < size; i++) all[i] = *r;
  thread_ranks(size, 0, run_rank, all, sizeof *all, status_of, error_of);
  for (int i = 0; i < size; i++)
    if (status_of[i] != expected)
      fail_msg("rank %d of %d: %s: %s: %s", i, size, trm_status_name(status_of[i]), error_of[i].where,
               error_of[i].message);
  for (int i = 1; i < size; i++) {
    assert_int_equal(all[i].lines, 0); /* rank 0 alone speaks */
    assert_int_equal(all[i].told, all[0].told);
    assert_int_equal(all[i].result.step, all[0].result.step);
    assert_string_equal(all[i].result.checkpoint, all[0].result.checkpoint);
  }
  *r = all[0];
}

/* -- comparing run directories ------------------------------------------------------------------------------------ */

static char *read_text(const char *run, const char *name, size_t *size) {
  trm_error err = {0};
  char path[256], *text = NULL;
  snprintf(path, sizeof path, "%s/%s/%s", folder, run, name);
  CHECK_OK(trm__file_read(path, 1 << 26, &text, size, &err), err);
  return text;
}

static void same_file(const char *a, const char *b, const char *name) {
  size_t n, m;
  char *x = read_text(a, name, &n), *y = read_text(b, name, &m);
  if (n != m || memcmp(x, y, n) != 0) fail_msg("%s of the runs %s and %s differs", name, a, b);
  trm__free(x);
  trm__free(y);
}

/* What precedes the time in each line. */
static void same_metrics(const char *a, const char *b) {
  size_t n, m;
  char *x = read_text(a, "metrics.jsonl", &n), *y = read_text(b, "metrics.jsonl", &m), *p = x, *q = y;
  int lines = 0;
  for (; *p && *q; lines++) {
    char *p_time = strstr(p, "\"seconds\""), *q_time = strstr(q, "\"seconds\"");
    assert_true(p_time && q_time && p_time - p == q_time - q);
    assert_memory_equal(p, q, (size_t)(p_time - p));
    p = strchr(p, '\n') + 1;
    q = strchr(q, '\n') + 1;
  }
  assert_int_equal(lines, 14); /* of 12 updates and of the two models whose threshold was chosen */
  assert_true(!*p && !*q);
  trm__free(x);
  trm__free(y);
}

static void same_runs(const char *a, const char *b) {
  static const char *const names[] = {"checkpoints/step-8/model.safetensors",
                                      "checkpoints/step-12/model.safetensors",
                                      "checkpoints/step-12/optimizer.safetensors",
                                      "checkpoints/step-12/carry.safetensors",
                                      "best.safetensors",
                                      "last.safetensors"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) same_file(a, b, names[i]);
  same_metrics(a, b);
}

/* -- tests -------------------------------------------------------------------------------------------------------- */

/* Any number of ranks, twice: the same files. */
static void test_same_files(void **state) {
  (void)state;
  char name[32];
  for (int size = 1; size <= MOST; size++) {
    snprintf(name, sizeof name, "ranks-%d", size);
    rank r = plain_rank(name);
    run_alike(&r, size, TRM_OK);
    assert_int_equal(r.result.step, 12);
    assert_int_equal(r.told, 12);
    if (size > 1) same_runs(name, "ranks-1");
  }
  rank again = plain_rank("again-3");
  run_alike(&again, 3, TRM_OK);
  same_runs("again-3", "ranks-2");
  rank other = plain_rank("other-2");
  other.train.seed++;
  run_alike(&other, 2, TRM_OK);
  size_t n, m;
  char *x = read_text("other-2", "last.safetensors", &n), *y = read_text("ranks-2", "last.safetensors", &m);
  assert_true(n != m || memcmp(x, y, n) != 0);
  trm__free(x);
  trm__free(y);
}

/* One rank asks to stop: all do after that update. Another number of ranks goes on to the same end. */
static void test_stop_and_resume(void **state) {
  (void)state;
  for (int size = 2; size <= MOST; size++) {
    char name[32];
    rank all[MOST];
    snprintf(name, sizeof name, "stopped-%d", size);
    for (int i = 0; i < size; i++) {
      all[i] = plain_rank(name);
      all[i].stop_at = i == size - 1 ? 5 : 0;
    }
    thread_ranks(size, 0, run_rank, all, sizeof *all, status_of, error_of);
    for (int i = 0; i < size; i++) {
      assert_int_equal(status_of[i], TRM_E_STOPPED);
      assert_int_equal(all[i].result.step, 5);
      assert_non_null(strstr(error_of[i].message, "step-5"));
    }
    rank r = plain_rank(name);
    r.resume = 1;
    run_alike(&r, 2 + (size - 1) % 3, TRM_OK);
    assert_int_equal(r.warnings, 0);
    assert_int_equal(r.told, 7);
    same_runs(name, "ranks-2");
  }
}

/* A run of one rank goes on with several, and the other way round. */
static void test_one_and_several(void **state) {
  (void)state;
  for (int first = 1; first <= 2; first++) {
    rank r = plain_rank(first == 1 ? "one-two" : "two-one");
    r.stop_at = 5;
    run_alike(&r, first, TRM_E_STOPPED);
    r.stop_at = 0;
    r.resume = 1;
    run_alike(&r, 3 - first, TRM_OK);
    assert_int_equal(r.warnings, 0);
    assert_int_equal(r.result.step, 12);
    same_runs(first == 1 ? "one-two" : "two-one", "ranks-2");
  }
}

/* Overrides on all ranks: rank 0 writes them down, the others follow. */
static void test_longer(void **state) {
  (void)state;
  static const char *const overrides[] = {"steps", "14", "eval_every", "7"};
  rank r = plain_rank("longer");
  run_alike(&r, 2, TRM_OK);
  r.resume = 1;
  r.overrides = overrides;
  r.count = 2;
  run_alike(&r, 3, TRM_OK);
  assert_int_equal(r.result.step, 14);
  assert_int_equal(r.told, 2);
}

/* The newest checkpoint is damaged: all take the one before it. A rank that sees another one is refused. */
static void test_which_checkpoint(void **state) {
  (void)state;
  rank r = plain_rank("damaged");
  run_alike(&r, 2, TRM_OK);
  const char *file = check_path(folder, "damaged/checkpoints/step-12/carry.safetensors");
  assert_int_equal(truncate(file, 100), 0);
  r.resume = 1;
  run_alike(&r, 3, TRM_OK);
  assert_int_equal(r.told, 4);
  assert_int_equal(r.warnings, 1);
  same_runs("damaged", "ranks-2");

  rank other = plain_rank("elsewhere"), all[2];
  other.train.steps = other.train.schedule_steps = 12;
  other.train.halt_weight = 0.4; /* other weights in checkpoints of the same number */
  run_alike(&other, 2, TRM_OK);
  char config[256], target[256], *text;
  size_t size;
  trm_error err = {0};
  snprintf(config, sizeof config, "%s/damaged/config.json", folder);
  snprintf(target, sizeof target, "%s/elsewhere/config.json", folder);
  CHECK_OK(trm__file_read(config, 1 << 20, &text, &size, &err), err);
  CHECK_OK(trm__file_write(target, text, size, &err), err);
  trm__free(text);
  all[0] = plain_rank("damaged");
  all[1] = plain_rank("elsewhere");
  all[0].resume = all[1].resume = 1;
  thread_ranks(2, 0, run_rank, all, sizeof *all, status_of, error_of);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(status_of[i], TRM_E_INPUT);
    assert_non_null(strstr(error_of[i].message, "all ranks need the same run directory"));
  }
  assert_non_null(strstr(error_of[0].message, "rank 1: "));
}

/* -- ranks that do not fit ---------------------------------------------------------------------------------------- */

static void refused(rank *all, int size, trm_status expected, const char *text) {
  thread_ranks(size, 0, run_rank, all, sizeof *all, status_of, error_of);
  for (int i = 0; i < size; i++)
    if (status_of[i] != expected || !strstr(error_of[i].message, text))
      fail_msg("rank %d: %s: %s: %s", i, trm_status_name(status_of[i]), error_of[i].where, error_of[i].message);
  assert_int_not_equal(access(all[0].train.run, F_OK), 0); /* nothing is left */
}

static void test_different_ranks(void **state) {
  (void)state;
  rank all[3];
  char other[100];
  for (int i = 0; i < 3; i++) all[i] = plain_rank("refused");
  all[2].train.seed = 8;
  refused(all, 3, TRM_E_USAGE, "rank 2 has seed 8, rank 0 has seed ");
  all[2].train.seed = all[0].train.seed;
  all[1].train.save_every = 5; /* would make the ranks part */
  refused(all, 3, TRM_E_USAGE, "rank 1 has save_every 5, rank 0 has save_every ");
  all[1].train.save_every = all[0].train.save_every;
  snprintf(other, sizeof other, "%s/other", folder);
  assert_int_equal(mkdir(other, 0777), 0);
  trm_error err = {0};
  trm_make_config make = trm_make_config_default();
  snprintf(make.out, sizeof make.out, "%s/data", other);
  make.side = 4;
  make.train = 20;
  make.test = 6;
  make.threads = 1;
  make.seed = 99;
  CHECK_OK(trm_data_make(&make, NULL, NULL, &err), err);
  snprintf(all[1].train.data, sizeof all[1].train.data, "%s/data", other);
  refused(all, 3, TRM_E_USAGE, "rank 1 has other data than rank 0");
  snprintf(all[1].train.data, sizeof all[1].train.data, "%s/absent", other);
  refused(all, 3, TRM_E_IO, "does not exist");
  assert_non_null(strstr(error_of[2].message, "rank 1: "));
  all[1] = all[0];
  all[0].train.micro_batch = all[1].train.micro_batch = all[2].train.micro_batch = 4;
  all[0].train.slices = all[1].train.slices = all[2].train.slices = 2;
  refused(all, 3, TRM_E_USAGE, "3 ranks cannot share 2 slices evenly: take 1 or 2, or begin a new run");
}

/* Rank 0 cannot have the directory; the others learn why. */
static void test_busy(void **state) {
  (void)state;
  rank r = plain_rank("ranks-2");
  run_alike(&r, 3, TRM_E_USAGE);
  assert_non_null(strstr(error_of[0].message, "already holds a run"));
  assert_non_null(strstr(error_of[2].message, "rank 0: already holds a run"));
}

/* -- failures in the middle --------------------------------------------------------------------------------------- */

static void test_diverged(void **state) {
  (void)state;
  rank r = plain_rank("diverged");
  r.train.lr = 1e6;
  r.train.max_loss = 30;
  r.train.save_every = 1;
  run_alike(&r, 3, TRM_E_DIVERGED);
  assert_non_null(strstr(error_of[0].message, "the last good checkpoint is"));
  assert_string_equal(error_of[0].message, error_of[2].message);
}

/* Each write, sync and rename of rank 0 fails in turn; the others are told, and the run can go on. */
static void test_full_disk(void **state) {
  (void)state;
  int failures = 0;
  for (long nth = 1;; nth += 7) {
    char name[32];
    snprintf(name, sizeof name, "full-%ld", nth);
    rank all[3];
    for (int i = 0; i < 3; i++) all[i] = plain_rank(name);
    check_disk_fail_at(nth, ENOSPC);
    thread_ranks(3, 0, run_rank, all, sizeof *all, status_of, error_of);
    int hit = check_disk()->made >= nth;
    trm__file_ops_set(NULL);
    if (!hit) break;
    failures += status_of[0] != TRM_OK;
    assert_int_equal(status_of[1], status_of[0]);
    assert_int_equal(status_of[2], status_of[0]);
    if (!status_of[0]) continue; /* a temporary that could not be removed */
    assert_int_equal(status_of[0], TRM_E_IO);
    assert_non_null(strstr(error_of[1].message, "rank 0: "));
    char config[1100];
    snprintf(config, sizeof config, "%s/config.json", all[0].train.run);
    if (access(config, F_OK) != 0) continue;
    rank r = plain_rank(name);
    r.resume = 1;
    run_alike(&r, 2, TRM_OK);
    same_file(name, "ranks-2", "last.safetensors");
  }
  assert_true(failures > 5);
}

/* An allocation of some rank fails: it says so, and the others end with its error. */
static void test_memory(void **state) {
  (void)state;
  int failures = 0;
  for (size_t nth = 1;; nth += 1 + nth / 6) {
    char name[32];
    snprintf(name, sizeof name, "memory-%zu", nth);
    rank all[3];
    for (int i = 0; i < 3; i++) {
      all[i] = plain_rank(name);
      all[i].train.steps = 4;
    }
    size_t used = trm__mem_used();
    trm__mem_fail_at(nth);
    thread_ranks(3, 0, run_rank, all, sizeof *all, status_of, error_of);
    size_t counted = trm__mem_fail_at(0);
    assert_int_equal(trm__mem_used(), used);
    if (counted < nth) break;
    for (int i = 0; i < 3; i++)
      if (status_of[i] != TRM_E_MEMORY)
        fail_msg("allocation %zu, rank %d: %s: %s: %s", nth, i, trm_status_name(status_of[i]), error_of[i].where,
                 error_of[i].message);
    failures++;
  }
  assert_true(failures > 15);
}

static int set_up(void **state) {
  (void)state;
  check_temp_dir(folder);
  tiny_data(folder);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  check_remove(folder);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_same_files),
      cmocka_unit_test(test_stop_and_resume),
      cmocka_unit_test(test_one_and_several),
      cmocka_unit_test(test_longer),
      cmocka_unit_test(test_which_checkpoint),
      cmocka_unit_test(test_different_ranks),
      cmocka_unit_test(test_busy),
      cmocka_unit_test(test_diverged),
      cmocka_unit_test(test_full_disk),
      cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests_name("runs of ranks", tests, set_up, tear_down);
}
