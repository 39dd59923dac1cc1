/* Whole updates on a card against the CPU's: losses, gradients' norm, halting and what the weights become, for mixer
 * and attention, both types, kept and recomputed, slices of the batch; and on the card alone the same bits from the
 * same seed, recorded or launched one by one, and from a run that was resumed. */
#include "unit/train/support.h"

#ifdef TRM_EMULATE
#include "cublaslt.h"
#include "emulate_control.h"
#else
#define emulate_seed(seed) ((void)(seed))
#define emulate_device_bytes() ((size_t)0)
#define emulate_host_bytes() ((size_t)0)
#endif

enum { UPDATES = 3, BATCH = 5 };

typedef struct bench {
  trm_runtime *runtime;
  trm__comm *comm;
  trm__trainer trainer;
  trm__update seen[UPDATES];
} bench;

typedef struct setting {
  const char *name;
  int attention, bf16, recompute, micro_batch, rms_gate, optimizer;
  double clip, damping, noise;
  int latents;
} setting;

static trm_runtime *runtime_of(const char *device) {
  trm_error err = {0};
  trm_runtime *runtime = NULL;
  trm_runtime_config config = trm_runtime_config_default();
  config.threads = 1;
  config.device = device;
  CHECK_OK(trm_runtime_open(&runtime, &config, &err), err);
  return runtime;
}

static trm_model_config model_of(const setting *s) {
  trm_model_config model = tiny_model();
  model.num_puzzle_identifiers = 3;
  model.mlp_t = !s->attention;
  model.pos_encodings = s->attention ? TRM_POS_ROPE : TRM_POS_NONE;
  model.forward_dtype = s->bf16 ? TRM_BFLOAT16 : TRM_FLOAT32;
  model.activation = s->rms_gate ? TRM_ACT_RMS_GATE : TRM_ACT_SILU;
  model.damping = s->damping;
  return model;
}

static trm_train_config train_of(const setting *s) {
  trm_train_config train = tiny_train(".", "none");
  train.batch = BATCH;
  train.recompute = s->recompute;
  train.optimizer = s->optimizer;
  train.clip = s->clip;
  train.latents = s->latents ? s->latents : 1;
  train.start_noise = train.latent_noise = s->noise;
  return train;
}

/* Random examples for every slot, the same for the same step. */
static void offer(trm__trainer *t, int step) {
  const trm__slots *c = &t->carry.slots;
  for (int i = 0; i < c->count; i++) {
    trm__rng rng = trm__rng_make(1, TRM__RNG_TEST, (uint64_t)(step * 1000 + i));
    for (int j = 0; j < c->seq_len; j++) {
      t->offer.inputs[i * c->seq_len + j] = 1 + (int32_t)trm__rng_below(&rng, 5);
      t->offer.labels[i * c->seq_len + j] = j % 5 ? 2 + (int32_t)trm__rng_below(&rng, 4) : -100;
    }
    t->offer.ids[i] = (int32_t)trm__rng_below(&rng, 3);
  }
}

static void open_bench(bench *b, const char *device, const setting *s) {
  trm_error err = {0};
  trm_model_config model = model_of(s);
  trm_train_config train = train_of(s);
  b->runtime = runtime_of(device);
  CHECK_OK(trm__comm_self(&b->comm, &err), err);
  trm__trainer_config config = {.runtime = b->runtime,
                                .comm = b->comm,
                                .model = &model,
                                .train = &train,
                                .updates = 20,
                                .micro_batch = s->micro_batch ? s->micro_batch : BATCH};
  CHECK_OK(trm__trainer_open(&b->trainer, &config, &err), err);
}

static void run(bench *b) {
  trm_error err = {0};
  for (int i = 0; i < UPDATES; i++) {
    offer(&b->trainer, i);
    CHECK_OK(trm__update_run(&b->trainer, &b->seen[i], &err), err);
  }
}

static void close_bench(bench *b) {
  trm__trainer_close(&b->trainer);
  trm__comm_close(&b->comm);
  trm_runtime_close(&b->runtime);
  assert_int_equal(emulate_device_bytes() + emulate_host_bytes(), 0);
}

/* Device numbers in host memory; trm__free. */
static trm__real *numbers_of(bench *b, const trm__real *device, size_t n) {
  trm__real *host = trm__calloc(n, sizeof *host);
  b->trainer.backend->copy(b->trainer.backend, host, device, n * sizeof *host, TRM__COPY_TO_HOST);
  return host;
}

static trm__real *state_of(bench *b, const trm__act *device) {
  const trm__dims *d = &b->trainer.params.dims;
  size_t n = (size_t)BATCH * (size_t)d->L * (size_t)d->D;
  trm__real *host = trm__calloc(n, sizeof *host);
  b->trainer.backend->act_read(b->trainer.backend, d, host, device, n);
  return host;
}

/* |a - b| / |b - origin|; frees a and b. */
static double distance(trm__real *a, trm__real *b, const trm__real *origin, size_t n) {
  double apart = 0, size = 0;
  for (size_t i = 0; i < n; i++) {
    double d = (double)a[i] - (double)b[i], s = (double)b[i] - (origin ? (double)origin[i] : 0);
    apart += d * d;
    size += s * s;
  }
  trm__free(a);
  trm__free(b);
  return sqrt(apart / size);
}

static void check_near(const char *name, const char *what, double distance, double bound) {
  if (!(distance <= bound)) fail_msg("%s: %s are %.3g apart, at most %.3g expected", name, what, distance, bound);
}

static void compare_updates(const char *name, const bench *found, const bench *expected, double tolerance) {
  for (int i = 0; i < UPDATES; i++) {
    const trm__update *a = &found->seen[i], *b = &expected->seen[i];
    double bound = tolerance * (i + 1) * (i + 1);
    if (!(fabs(a->loss - b->loss) <= bound * fabs(b->loss)) ||
        !(fabs(a->grad_norm - b->grad_norm) <= 10 * bound * b->grad_norm) || !(fabs(a->lr - b->lr) <= 1e-15))
      fail_msg("%s, update %d: loss %.9g, norm %.9g, rate %g; expected %.9g, %.9g, %g", name, i + 1, a->loss,
               a->grad_norm, a->lr, b->loss, b->grad_norm, b->lr);
  }
}

static void compare_benches(const setting *s, bench *found, bench *expected, const trm__real *origin) {
  size_t n = found->trainer.params.trained;
  double bound = s->bf16 ? 0.2 : s->optimizer == TRM_MUON ? 0.1 : 0.02;
  /* A card's Muon multiplies in bf16, as its authors do. */
  compare_updates(s->name, found, expected, s->bf16 ? 5e-3 : s->optimizer == TRM_MUON ? 1e-3 : 2e-5);
  check_near(s->name, "weights",
             distance(numbers_of(found, found->trainer.weights, n), numbers_of(expected, expected->trainer.weights, n),
                      origin, n),
             bound);
  check_near(
      s->name, "averages",
      distance(numbers_of(found, found->trainer.ema, n), numbers_of(expected, expected->trainer.ema, n), origin, n),
      bound);
  const trm__dims *d = &found->trainer.params.dims;
  size_t all = (size_t)BATCH * (size_t)d->L * (size_t)d->D;
  check_near(
      s->name, "carries",
      distance(state_of(found, found->trainer.carry.y), state_of(expected, expected->trainer.carry.y), NULL, all),
      s->bf16                    ? 0.05
      : s->optimizer == TRM_MUON ? 0.02
                                 : 2e-3);
}

static const setting settings[] = {
    {.name = "mixer, slices", .micro_batch = 3, .clip = 0.05},
    {.name = "mixer, bf16", .bf16 = 1},
    {.name = "mixer, rms gate, recomputed, bf16", .bf16 = 1, .rms_gate = 1, .recompute = 1},
    {.name = "attention, slices, recomputed, adamw",
     .attention = 1,
     .micro_batch = 3,
     .recompute = 1,
     .optimizer = TRM_ADAMW},
    {.name = "attention, muon, bf16", .attention = 1, .bf16 = 1, .optimizer = TRM_MUON},
    {.name = "mixer, muon", .optimizer = TRM_MUON},
    {.name = "latents and noise", .latents = 3, .noise = 0.1},
    {.name = "damping", .damping = 0.3, .noise = 0.05},
};

static void updates_match(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    bench found, expected;
    open_bench(&found, "cuda", &settings[i]);
    open_bench(&expected, "cpu", &settings[i]);
    size_t n = found.trainer.params.trained;
    trm__real *origin = numbers_of(&expected, expected.trainer.weights, n);
    run(&found);
    run(&expected);
    compare_benches(&settings[i], &found, &expected, origin);
    trm__free(origin);
    trm__trainer_close(&expected.trainer);
    trm__comm_close(&expected.comm);
    trm_runtime_close(&expected.runtime);
    close_bench(&found);
  }
}

static void same_bits_on(const char *const *devices, const setting *s) {
  trm__real *first = NULL, *carry = NULL;
  for (int i = 0; i < 3; i++) {
    bench b;
    emulate_seed((uint64_t)i + 1);
    open_bench(&b, devices[i], s);
    run(&b);
    size_t n = b.trainer.params.trained;
    const trm__dims *d = &b.trainer.params.dims;
    trm__real *weights = numbers_of(&b, b.trainer.weights, n), *y = state_of(&b, b.trainer.carry.y);
    if (!first) {
      first = weights;
      carry = y;
    } else {
      assert_memory_equal(weights, first, n * sizeof *first);
      assert_memory_equal(y, carry, (size_t)BATCH * (size_t)d->L * (size_t)d->D * sizeof *y);
      trm__free(weights);
      trm__free(y);
    }
    assert_true((b.trainer.recording != NULL) == (i < 2));
    close_bench(&b);
  }
  trm__free(first);
  trm__free(carry);
}

/* The same bits twice, and when every kernel is launched by itself and waited for. */
static void bits_are_the_same(void **state) {
  (void)state;
  static const char *const devices[] = {"cuda", "cuda:0", "cuda:0,check"};
  same_bits_on(devices, &settings[2]);
}

#ifdef TRM_EMULATE
/* The same with products by a stand-in for cuBLASLt, for mixer and attention. */
static void bits_are_the_same_by_library(void **state) {
  (void)state;
  static const char *const devices[] = {"cuda,cublaslt", "cuda:0,cublaslt", "cuda:0,cublaslt,check"};
  trm__gpu_lt_stand_in(emulate_cublaslt());
  same_bits_on(devices, &settings[2]);
  same_bits_on(devices, &settings[4]);
}
#endif

/* What is allocated on the card is what was predicted, but for rounding of each array and the backend's own. */
static void memory_is_predicted(void **state) {
  (void)state;
  for (size_t i = 2; i < 5; i++) {
    bench b;
    const setting *s = &settings[i];
    trm_train_config train = train_of(s);
    trm_model_config model = model_of(s);
    trm_runtime *runtime = runtime_of("cuda");
    size_t own = runtime->backend->memory_used(runtime->backend);
    trm_runtime_close(&runtime);
    open_bench(&b, "cuda", s);
    trm__backend *be = b.trainer.backend;
    int micro = s->micro_batch ? s->micro_batch : BATCH;
    trm__network_plan plan = {.max_batch = micro, .training = 1, .recompute = s->recompute};
    size_t predicted = trm__trainer_bytes(&b.trainer.params, &train, be, b.comm, micro).device +
                       trm__network_bytes(&model, be, &plan),
           used = be->memory_used(be) - own;
    if (!(used >= predicted - 4096 && used <= predicted + 64 * 256))
      fail_msg("%s: %zu bytes were predicted, %zu are used", s->name, predicted, used);
    close_bench(&b);
  }
}

/* -- runs ---------------------------------------------------------------------------------------------------------- */

static int stop_at_2(void *context, const trm_train_progress *progress) {
  (void)context;
  return progress->step == 2;
}

/* A file of a checkpoint; trm__free. */
static char *read_part(const char *checkpoint, const char *name, size_t *size) {
  trm_error err = {0};
  char path[1200], *data = NULL;
  snprintf(path, sizeof path, "%.1099s/%s", checkpoint, name);
  CHECK_OK(trm__file_read(path, 1 << 26, &data, size, &err), err);
  return data;
}

/* 4 updates at once, and stopped after 2 and resumed: the same checkpoint. */
static void resuming_gives_the_same_bits(void **state) {
  (void)state;
  char dir[64];
  trm_error err = {0};
  trm_train_result whole, part;
  trm_model_config model = tiny_model();
  model.forward_dtype = TRM_BFLOAT16;
  check_temp_dir(dir);
  tiny_data(dir);
  trm_train_config train = tiny_train(dir, "whole");
  train.batch = train.steps = 4;
  train.save_every = 2; /* where the queue is emptied, however fast the updates are */
  trm_runtime *runtime = runtime_of("cuda");
  CHECK_OK(trm_train_start(runtime, &model, &train, NULL, NULL, &whole, &err), err);
  snprintf(train.run, sizeof train.run, "%s/part", dir);
  CHECK_FAILS(trm_train_start(runtime, &model, &train, stop_at_2, NULL, &part, &err), TRM_E_STOPPED, err, NULL);
  trm_runtime_close(&runtime);
  runtime = runtime_of("cuda");
  CHECK_OK(trm_train_resume(runtime, train.run, NULL, 0, NULL, NULL, &part, &err), err);
  assert_int_equal(part.step, whole.step);
  static const char *const files[] = {"model.safetensors", "optimizer.safetensors", "carry.safetensors"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    size_t a_size, b_size;
    char *a = read_part(whole.checkpoint, files[i], &a_size), *b = read_part(part.checkpoint, files[i], &b_size);
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a, b, a_size);
    trm__free(a);
    trm__free(b);
  }
  trm_runtime_close(&runtime);
  assert_int_equal(emulate_device_bytes() + emulate_host_bytes(), 0);
  check_remove(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(updates_match),
      cmocka_unit_test(memory_is_predicted),
      cmocka_unit_test(bits_are_the_same),
#ifdef TRM_EMULATE
      cmocka_unit_test(bits_are_the_same_by_library),
#endif
      cmocka_unit_test(resuming_gives_the_same_bits),
  };
  return cmocka_run_group_tests_name("cuda trainer", tests, NULL, NULL);
}
