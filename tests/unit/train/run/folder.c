/* The folder of a run: what others keep there stays as it is, whether a run begins in it, goes on in it or is refused.
 */
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "unit/train/run/bench.h"

#include "train/run/directory.h"

static trm_status start(bench *b, trm_error *err) {
  return trm_train_start(b->runtime, &b->model, &b->train, NULL, NULL, NULL, err);
}

static trm_status resume(bench *b, trm_error *err) {
  return trm_train_resume(b->runtime, b->run, NULL, 0, NULL, NULL, NULL, err);
}

static void put(const bench *b, const char *name, const char *text) {
  trm_error err = {0};
  CHECK_OK(trm__file_write(check_path(b->run, name), text, strlen(text), &err), err);
}

static void check_holds(const bench *b, const char *name, const char *text) {
  trm_error err = {0};
  char *found = NULL;
  size_t size;
  CHECK_OK(trm__file_read(check_path(b->run, name), 1 << 20, &found, &size, &err), err);
  assert_string_equal(found, text);
  trm__free(found);
}

static size_t count_names(const bench *b) {
  trm_error err = {0};
  char **names;
  size_t count;
  CHECK_OK(trm__dir_list(b->run, &names, &count, &err), err);
  trm__dir_list_free(names, count);
  return count;
}

/* A new run in a folder with a file that it would write to: refused by name, and nothing is left behind. */
static void test_records_of_others(void **state) {
  (void)state;
  static const char *const records[] = {"metrics.jsonl", "events.out.tfevents.1.host", "events.out.tfevents.1.trm",
                                        "best.safetensors", "mine.safetensors"};
  bench b;
  open_bench(&b);
  for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
    trm_error err = {0};
    CHECK_OK(trm__dir_make(b.run, &err), err);
    put(&b, records[i], "mine\n");
    CHECK_FAILS(start(&b, &err), TRM_E_USAGE, err, records[i]);
    check_holds(&b, records[i], "mine\n");
    assert_int_equal(count_names(&b), 1);
    check_remove(b.run);
  }
  trm_error err = {0};
  CHECK_OK(trm__dir_make(check_path(b.run, "checkpoints"), &err), err);
  CHECK_FAILS(start(&b, &err), TRM_E_USAGE, err, "checkpoints");
  assert_int_equal(count_names(&b), 1);
  check_remove(b.run);
  CHECK_OK(trm__dir_make(b.run, &err), err);
  put(&b, "lock", "the key is under the mat\n");
  CHECK_FAILS(start(&b, &err), TRM_E_USAGE, err, "was not written by a run");
  check_holds(&b, "lock", "the key is under the mat\n");
  close_bench(&b);
}

/* Files whose names a run does not use: it writes beside them, when it begins and when it goes on. */
static void test_writes_beside(void **state) {
  (void)state;
  static const char *const others[] = {"notes.txt", "draft.tmp", "config.json.tmp", "config.json.1.x.tmp",
                                       "metrics.jsonl.tmp"};
  const size_t count = sizeof others / sizeof *others;
  bench b;
  trm_error err = {0};
  open_bench(&b);
  CHECK_OK(trm__dir_make(b.run, &err), err);
  for (size_t i = 0; i < count; i++) put(&b, others[i], "mine\n");
  CHECK_OK(start(&b, &err), err);
  put(&b, "events.out.tfevents.1.host", "mine\n"); /* sorts before the run's own */
  CHECK_OK(trm__dir_make(check_path(b.run, "checkpoints/.tmp-notes"), &err), err);
  CHECK_OK(resume(&b, &err), err);
  for (size_t i = 0; i < count; i++) check_holds(&b, others[i], "mine\n");
  check_holds(&b, "events.out.tfevents.1.host", "mine\n");
  assert_true(exists(&b, "checkpoints/.tmp-notes"));
  close_bench(&b);
}

/* What an interrupted write left goes when nobody holds its lock (base/os/file.h), and stays while it is being written.
 */
static void test_leftovers(void **state) {
  (void)state;
  static const char gone[] = "config.json.trm-1-0.tmp", written[] = "best.safetensors.trm-1-3.tmp";
  bench b;
  trm_error err = {0};
  open_bench(&b);
  CHECK_OK(start(&b, &err), err);
  put(&b, gone, "half");
  put(&b, written, "half");
  int writer = open(check_path(b.run, written), O_RDWR);
  assert_true(writer >= 0 && flock(writer, LOCK_EX) == 0);
  CHECK_OK(trm__dir_make(check_path(b.run, "checkpoints/step-9.trm-1-0.tmp"), &err), err);
  CHECK_OK(resume(&b, &err), err);
  assert_false(exists(&b, gone));
  assert_false(exists(&b, "checkpoints/step-9.trm-1-0.tmp"));
  check_holds(&b, written, "half");
  close(writer);
  close_bench(&b);
}

/* A run that cannot start takes back what it made, and only that. */
static void test_refused_start(void **state) {
  (void)state;
  bench b;
  trm_error err = {0};
  open_bench(&b);
  CHECK_OK(trm__dir_make(b.run, &err), err);
  snprintf(b.train.data, sizeof b.train.data, "%s/nowhere", b.dir);
  assert_int_not_equal(start(&b, &err), TRM_OK);
  assert_int_equal(count_names(&b), 0);
  close_bench(&b);
}

/* -- the checksum of a configuration ------------------------------------------------------------------------------- */

/* config.json of a run of version 0.1.0, and the config_crc32 of its checkpoints. */
static const char config_0_1_0[] =
    "{\"format\": 1, \"trm\": \"0.1.0\", \"model\": {\"seq_len\": 16, \"vocab_size\": 6, \"num_puzzle_identifiers\": "
    "1, "
    "\"puzzle_emb_ndim\": 0, \"puzzle_emb_len\": 0, \"hidden_size\": 32, \"num_heads\": 4, \"L_layers\": 1, "
    "\"H_cycles\": 2, "
    "\"L_cycles\": 2, \"damping\": 0.0, \"expansion\": 2.0, \"activation\": \"rms_gate\", \"mlp_t\": true, "
    "\"pos_encodings\": \"none\", \"rms_norm_eps\": 1e-05, \"rope_theta\": 10000.0, \"halt_max_steps\": 16, "
    "\"halt_exploration_prob\": 0.1, \"forward_dtype\": \"float32\"}, \"train\": {\"data\": \"six.csv\", \"valid\": "
    "\"\", "
    "\"run\": \"run\", \"init_from\": \"\", \"frozen\": \"\", \"seed\": 0, \"batch\": 12, \"micro_batch\": 0, "
    "\"memory\": 0, "
    "\"recompute\": false, \"steps\": 6, \"epochs\": 1000, \"max_minutes\": 0.0, \"augment\": false, \"optimizer\": "
    "\"muon\", "
    "\"lr\": 0.004, \"lr_min_ratio\": 0.1, \"beta1\": 0.9, \"beta2\": 0.99, \"weight_decay\": 0.01, "
    "\"lr_warmup_steps\": 5, "
    "\"muon_lr\": 0.02, \"muon_momentum\": 0.95, \"muon_weight_decay\": 0.005, \"puzzle_emb_lr\": 0.0001, "
    "\"puzzle_emb_weight_decay\": 1.0, \"ema_decay\": 0.98, \"ema_from\": 0, \"clip\": 1.0, \"loss\": \"stablemax\", "
    "\"label_smoothing\": 0.0, \"halt_weight\": 0.5, \"step_decay\": 1.0, \"max_loss\": 1000.0, \"latents\": 1, "
    "\"cycles_schedule\": \"\", \"start_noise\": 0.0, \"latent_noise\": 0.0, \"eval_every\": 0, \"eval_limit\": 0, "
    "\"patience\": 0, \"stop_at\": 0.0, \"save_every\": 3, \"keep\": 2, \"log_every\": 1}, \"task\": {\"kind\": "
    "\"sudoku\", "
    "\"width\": 4, \"height\": 4, \"box_width\": 2, \"box_height\": 2, \"vocab_size\": 6, \"alphabet\": \".1234\"}, "
    "\"resolved\": {\"steps\": 6, \"micro_batch\": 12, \"isa\": \"avx512bf16\", \"train_crc32\": 1511609946, "
    "\"valid_crc32\": 0}}";
#define CRC_0_1_0 3361593669u

/* Its checkpoints are still of this configuration, whatever options have come since. */
static void test_config_of_0_1_0(void **state) {
  (void)state;
  char dir[64];
  trm_error err = {0};
  trm__run run = {.lock = -1};
  trm__run_config config;
  check_temp_dir(dir);
  snprintf(run.path, sizeof run.path, "%s", dir);
  CHECK_OK(trm__file_write(check_path(dir, "config.json"), config_0_1_0, strlen(config_0_1_0), &err), err);
  CHECK_OK(trm__run_load(&run, &config, &err), err);
  assert_int_equal(trm__run_config_crc(&config), CRC_0_1_0);
  config.train.steps = 9; /* resume may change it */
  assert_int_equal(trm__run_config_crc(&config), CRC_0_1_0);
  config.train.eval_limit = 1;
  assert_int_not_equal(trm__run_config_crc(&config), CRC_0_1_0);
  check_remove(dir);
}

/* An option of tomorrow is part of the checksum only where it is used. */
static void test_later_option(void **state) {
  (void)state;
  static const trm_option table[] = {
      {.name = "lr", .type = TRM_OPT_REAL, .offset = 0, .default_text = "1e-4", .max = 10},
      {.name = "of_tomorrow", .type = TRM_OPT_INT, .offset = 8, .default_text = "3", .max = 9},
      {.name = "name_of_tomorrow", .type = TRM_OPT_STRING, .offset = 16, .size = 8},
  };
  struct {
    double lr;
    int64_t number;
    char name[8];
  } config = {1e-4, 3, ""}, defaults = config;
  json_t *json = trm__run_summed_options(table, 3, &config, &defaults);
  assert_int_equal(json_object_size(json), 1); /* lr, which was there from the beginning, counts at its default too */
  assert_non_null(json_object_get(json, "lr"));
  json_decref(json);
  config.number = 4;
  strcpy(config.name, "a");
  json = trm__run_summed_options(table, 3, &config, &defaults);
  assert_int_equal(json_integer_value(json_object_get(json, "of_tomorrow")), 4);
  assert_int_equal(json_object_size(json), 3);
  json_decref(json);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_records_of_others), cmocka_unit_test(test_writes_beside),
      cmocka_unit_test(test_leftovers),         cmocka_unit_test(test_refused_start),
      cmocka_unit_test(test_config_of_0_1_0),   cmocka_unit_test(test_later_option),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
