/* The options of the recipes (winner takes all, rms-gated activation, growing cycles, damping and noise), each alone
 * and all together: a run that is stopped and resumed ends with the same bytes, threads change no bit, slices change no
 * bit of the forward pass, learning happens, and a checkpoint of another configuration is refused. */
#include "unit/train/support.h"

#include "base/text/json.h"

typedef struct method {
  const char *name;
  int activation, muon, latents;
  double damping, latent_noise, start_noise, step_decay;
  const char *cycles;
} method;

static const method methods[] = {
    {"best of three", TRM_ACT_SILU, 0, 3, 0, 0, 0, 1, ""},
    {"rms-gated, with muon", TRM_ACT_RMS_GATE, 1, 1, 0, 0, 0, 1, ""},
    {"growing cycles", TRM_ACT_SILU, 0, 1, 0, 0, 0, 0.7, "0:1x1,0.25:2x1,0.6:2x2"},
    {"damped and noisy", TRM_ACT_SILU, 0, 1, 0.05, 0.01, 0.3, 1, ""},
    {"all", TRM_ACT_RMS_GATE, 1, 2, 0.1, 0.05, 0.3, 0.8, "0:1x1,0.6:2x2"},
};
enum { METHODS = sizeof methods / sizeof *methods };

static void apply(const method *m, trm_model_config *model, trm_train_config *train) {
  model->activation = m->activation;
  model->damping = m->damping;
  model->L_cycles = 2;
  train->optimizer = m->muon ? TRM_MUON : TRM_ADAMW;
  train->muon_lr = 0.01;
  train->latents = m->latents;
  train->latent_noise = m->latent_noise;
  train->start_noise = m->start_noise;
  train->step_decay = m->step_decay;
  strcpy(train->cycles_schedule, m->cycles);
}

/* -- resuming ------------------------------------------------------------------------------------------------------ */

static int stop_at_seven(void *context, const trm_train_progress *progress) {
  (void)context;
  return progress->step == 7;
}

static trm_status train(const char *dir, const char *run, const method *m, int threads, trm_train_fn fn,
                        trm_error *err) {
  trm_model_config model = tiny_model();
  trm_train_config config = tiny_train(dir, run);
  apply(m, &model, &config);
  snprintf(config.valid, sizeof config.valid, "%s/data", dir);
  config.eval_every = 5; /* evaluations in between must leave no trace */
  snprintf(config.init_from, sizeof config.init_from, "%s/start.safetensors", dir);
  trm_runtime *runtime = tiny_runtime(threads);
  trm_status status = trm_train_start(runtime, &model, &config, fn, NULL, NULL, err);
  trm_runtime_close(&runtime);
  return status;
}

static trm_status resume(const char *dir, const char *run, int threads, trm_error *err) {
  char path[200];
  snprintf(path, sizeof path, "%s/%s", dir, run);
  trm_runtime *runtime = tiny_runtime(threads);
  trm_status status = trm_train_resume(runtime, path, NULL, 0, NULL, NULL, NULL, err);
  trm_runtime_close(&runtime);
  return status;
}

static void check_same_file(const char *dir, const char *run, const char *other, const char *name) {
  char path[2][300], *text[2];
  size_t size[2];
  trm_error err = {0};
  for (int i = 0; i < 2; i++) {
    snprintf(path[i], sizeof path[i], "%s/%s/%s", dir, i ? other : run, name);
    CHECK_OK(trm__file_read(path[i], 1 << 26, &text[i], &size[i], &err), err);
  }
  assert_int_equal(size[0], size[1]);
  if (memcmp(text[0], text[1], size[0]) != 0) fail_msg("%s and %s differ", path[0], path[1]);
  trm__free(text[0]);
  trm__free(text[1]);
}

/* The model that the method's run starts from: a halting head that says yes, so that slots halt at different steps. */
static void write_start(const char *dir, const method *m) {
  trm_error err = {0};
  char plain[200], path[200];
  snprintf(plain, sizeof plain, "%s/plain.safetensors", dir);
  snprintf(path, sizeof path, "%s/start.safetensors", dir);
  tiny_start(plain, 1);
  trm_model *model = NULL;
  CHECK_OK(trm_model_open(&model, plain, &err), err);
  trm_model_config config = *trm_model_get_config(model);
  trm__weight_set set;
  trm_train_config unused = trm_train_config_default();
  CHECK_OK(trm__weight_set_open(&set, &model->params, &err), err);
  trm__model_read(model, &set);
  apply(m, &config, &unused);
  trm__model_write what = {
      .config = &config, .params = &model->params, .weights = &set, .variant = "raw", .dtype = TRM__ST_F32};
  CHECK_OK(trm__model_save(path, &what, NULL, &err), err);
  trm__weight_set_close(&set);
  trm_model_close(&model);
}

static void test_resume(void **state) {
  (void)state;
  static const char *const files[] = {"last.safetensors", "best.safetensors", "checkpoints/step-12/model.safetensors",
                                      "checkpoints/step-12/optimizer.safetensors",
                                      "checkpoints/step-12/carry.safetensors"};
  for (int i = 0; i < METHODS; i++) {
    char dir[64];
    trm_error err = {0};
    check_temp_dir(dir);
    tiny_data(dir);
    write_start(dir, &methods[i]);
    CHECK_OK(train(dir, "whole", &methods[i], 1, NULL, &err), err);
    CHECK_FAILS(train(dir, "parts", &methods[i], 3, stop_at_seven, &err), TRM_E_STOPPED, err, "step-7");
    CHECK_OK(resume(dir, "parts", 2, &err), err);
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) check_same_file(dir, "whole", "parts", files[f]);
    trm_model *model = NULL; /* the model file says what the network's arithmetic is */
    CHECK_OK(trm_model_open(&model, check_path(dir, "whole/last.safetensors"), &err), err);
    assert_int_equal(trm_model_get_config(model)->activation, methods[i].activation);
    assert_true(trm_model_get_config(model)->damping == methods[i].damping);
    trm_model_close(&model);
    check_remove(dir);
  }
}

/* -- refusals ------------------------------------------------------------------------------------------------------ */

/* Sets a value of config.json's part and resumes: the file's own sum notices, and without it the checkpoint's does. */
static void check_refused(const char *dir, const char *part, const char *key, json_t *value) {
  trm_error err = {0};
  json_t *json = NULL, *kept;
  const char *path = check_path(dir, "whole/config.json");
  CHECK_OK(trm__json_load(&json, path, 1 << 20, &err), err);
  kept = json_deep_copy(json);
  assert_non_null(json_object_get(json_object_get(json, part), key));
  json_object_set_new(json_object_get(json, part), key, value);
  CHECK_OK(trm__json_save(json, path, &err), err);
  CHECK_FAILS(resume(dir, "whole", 1, &err), TRM_E_INPUT, err, "edited");
  json_object_del(json, "crc32");
  CHECK_OK(trm__json_save(json, path, &err), err);
  CHECK_FAILS(resume(dir, "whole", 1, &err), TRM_E_INPUT, err, "another configuration");
  CHECK_OK(trm__json_save(kept, path, &err), err);
  json_decref(json);
  json_decref(kept);
}

static void test_mismatch(void **state) {
  (void)state;
  char dir[64];
  trm_error err = {0};
  const method *m = &methods[METHODS - 1];
  check_temp_dir(dir);
  tiny_data(dir);
  write_start(dir, m);
  CHECK_FAILS(train(dir, "whole", m, 1, stop_at_seven, &err), TRM_E_STOPPED, err, "step-7");
  check_refused(dir, "train", "latents", json_integer(3));
  check_refused(dir, "train", "cycles_schedule", json_string("0:2x2"));
  check_refused(dir, "train", "latent_noise", json_real(0.06));
  check_refused(dir, "train", "start_noise", json_real(0.2));
  check_refused(dir, "train", "step_decay", json_real(0.9));
  check_refused(dir, "model", "damping", json_real(0.2));
  check_refused(dir, "model", "activation", json_string("silu"));
  CHECK_OK(resume(dir, "whole", 1, &err), err);
  method wrong = *m;
  wrong.cycles = "0:3x1";
  CHECK_FAILS(train(dir, "other", &wrong, 1, NULL, &err), TRM_E_USAGE, err, "L_cycles is 2");
  assert_false(trm__path_exists(check_path(dir, "other")));
  check_remove(dir);
}

/* -- single updates ------------------------------------------------------------------------------------------------ */

typedef struct bench {
  trm_runtime *runtime;
  trm__comm *comm;
  trm__trainer trainer;
} bench;

static void open_bench(bench *b, const method *m, int threads, int batch, int micro_batch, int64_t updates) {
  trm_error err = {0};
  trm_model_config model = tiny_model();
  trm_train_config config = tiny_train(".", "none");
  apply(m, &model, &config);
  config.batch = batch;
  b->runtime = tiny_runtime(threads);
  CHECK_OK(trm__comm_self(&b->comm, &err), err);
  trm__trainer_config what = {.runtime = b->runtime,
                              .comm = b->comm,
                              .model = &model,
                              .train = &config,
                              .updates = updates,
                              .micro_batch = micro_batch};
  CHECK_OK(trm__trainer_open(&b->trainer, &what, &err), err);
}

static void close_bench(bench *b) {
  trm__trainer_close(&b->trainer);
  trm__comm_close(&b->comm);
  trm_runtime_close(&b->runtime);
}

/* Example `which`: a Latin square of order 4 whose question lacks some of its numbers. */
static void offer_one(trm__trainer *t, int slot, int which) {
  trm__rng rng = trm__rng_make(9, TRM__RNG_TEST, (uint64_t)which);
  uint32_t digits[4] = {0, 1, 2, 3};
  trm__rng_shuffle(&rng, digits, 4);
  for (int j = 0; j < 16; j++) {
    int digit = 2 + (int)digits[((uint32_t)j + (uint32_t)(j / 4)) % 4];
    t->offer.labels[slot * 16 + j] = digit;
    t->offer.inputs[slot * 16 + j] = trm__rng_below(&rng, 3) == 0 ? digit : 1;
  }
  t->offer.ids[slot] = 0;
}

static trm__update update(bench *b, int step, int examples) {
  trm__update result;
  trm_error err = {0};
  for (int i = 0; i < b->trainer.carry.slots.count; i++) offer_one(&b->trainer, i, (step * 31 + i) % examples);
  CHECK_OK(trm__update_run(&b->trainer, &result, &err), err);
  return result;
}

/* After the first update, whose forward pass has the same weights everywhere, y, z and losses do not depend on slices
 * or threads to the bit: noise is named by slot. */
static void test_slices(void **state) {
  (void)state;
  static const int sizes[] = {6, 4, 1};
  for (int i = 0; i < METHODS; i++) {
    bench whole, part;
    open_bench(&whole, &methods[i], 1, 6, 6, 20);
    update(&whole, 0, 50);
    const trm__train_slots *c = &whole.trainer.carry;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
      open_bench(&part, &methods[i], 3, 6, sizes[k], 20);
      update(&part, 0, 50);
      const trm__train_slots *p = &part.trainer.carry;
      assert_memory_equal(c->y, p->y, 6 * c->slot_bytes);
      assert_memory_equal(c->z, p->z, (size_t)(methods[i].latents * 6) * c->slot_bytes);
      assert_memory_equal(whole.trainer.stats, part.trainer.stats, 6 * sizeof *part.trainer.stats);
      close_bench(&part);
    }
    close_bench(&whole);
  }
}

/* Starts: latents differ from each other; with noise slots do too, and differently in every update. */
static void test_starts(void **state) {
  (void)state;
  for (int noisy = 0; noisy < 2; noisy++) {
    method m = methods[0];
    m.start_noise = noisy ? 0.5 : 0;
    bench b;
    open_bench(&b, &m, 2, 3, 2, 20);
    trm__trainer *t = &b.trainer;
    size_t d = (size_t)t->params.dims.D, n = t->carry.slot_bytes / sizeof(trm__real);
    assert_memory_not_equal(t->start + d, t->start + 2 * d, d * sizeof *t->start);
    assert_memory_not_equal(t->start + 2 * d, t->start + 3 * d, d * sizeof *t->start);
    trm__real *z = (trm__real *)(void *)t->carry.z, *first = trm__calloc(9 * n, sizeof *first);
    for (uint64_t index = 3; index < 9; index += 3) {
      const uint64_t names[] = {index, index + 1, index + 2};
      const trm__network_noise noise = {m.start_noise, 7, names, 0};
      memset(t->carry.slots.halted, 1, 3);
      trm__train_slots_refill(&t->carry, t->net, 3, 2, t->start, &noise);
      double squares = 0;
      for (size_t k = 0; k < 3; k++) {
        for (size_t j = 0; j < 3 * n; j++) {
          double off = (double)z[k * 3 * n + j] - (double)t->start[(1 + k) * d + j % d];
          if (!noisy) assert_true(off == 0);
          squares += off * off / (double)(9 * n);
        }
        for (size_t i = 1; i < 3 && noisy; i++)
          assert_memory_not_equal(z + k * 3 * n, z + (k * 3 + i) * n, n * sizeof *z);
      }
      if (noisy && !(fabs(sqrt(squares) - 0.5) < 0.02)) fail_msg("deviation of the noise is %g", sqrt(squares));
      if (noisy && index > 3) assert_memory_not_equal(z, first, 9 * n * sizeof *z);
      memcpy(first, z, 9 * n * sizeof *z);
    }
    trm__free(first);
    close_bench(&b);
  }
}

/* n and T of each update. */
static void test_phases(void **state) {
  (void)state;
  bench b;
  open_bench(&b, &methods[2], 1, 3, 3, 8);
  static const int expected[8][2] = {{1, 1}, {1, 1}, {2, 1}, {2, 1}, {2, 1}, {2, 2}, {2, 2}, {2, 2}};
  for (int i = 0; i < 8; i++) {
    int n, T;
    update(&b, i, 50);
    trm__network_cycles(b.trainer.net, &n, &T);
    assert_int_equal(n, expected[i][0]);
    assert_int_equal(T, expected[i][1]);
  }
  close_bench(&b);
}

/* Sixteen examples are learned by heart: in the last updates most answers are right, in the first hardly any. */
static void test_learns(void **state) {
  (void)state;
  enum { UPDATES = 160, EXAMPLES = 16, BATCH = 16, LAST = 20 };
  for (int i = 0; i < METHODS; i++) {
    bench b;
    int early = 0, late = 0;
    open_bench(&b, &methods[i], 2, BATCH, BATCH, UPDATES);
    b.trainer.config.lr = 5e-3;
    for (int t = 0; t < UPDATES; t++) {
      update(&b, t, EXAMPLES);
      for (int k = 0; k < BATCH; k++) {
        if (t < LAST) early += b.trainer.stats[k].exact;
        if (t >= UPDATES - LAST) late += b.trainer.stats[k].exact;
      }
    }
    if (!(early < LAST * BATCH / 4 && late > LAST * BATCH * 3 / 4))
      fail_msg("%s: %d answers were right in the first updates and %d in the last, of %d", methods[i].name, early, late,
               LAST * BATCH);
    close_bench(&b);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_resume), cmocka_unit_test(test_mismatch), cmocka_unit_test(test_slices),
      cmocka_unit_test(test_starts), cmocka_unit_test(test_phases),   cmocka_unit_test(test_learns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
