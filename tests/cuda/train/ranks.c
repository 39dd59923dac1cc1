/* Ranks that each have the card's backend: gradients, losses and puzzle rows on the device pass through the host, and
 * every number of ranks from two on ends with the same bits, near those of a CPU; a run is gone on with by another
 * number of ranks. The ranks share one card (or the emulated one), so one runs at a time. */
#include "unit/train/support.h"

#include "support/thread_comm.h"
#include "train/loop.h"
#include "train/ranks.h"

#ifdef TRM_EMULATE
#include "emulate_control.h"
#else
#define emulate_device_bytes() ((size_t)0)
#define emulate_host_bytes() ((size_t)0)
#endif

enum { UPDATES = 3, BATCH = 5, MOST = 5, IDENTIFIERS = 3 };

typedef struct setting {
  const char *name;
  int attention, bf16, micro_batch, optimizer, latents;
  double noise;
} setting;

typedef struct outcome {
  const setting *setting;
  const char *device;
  trm__update seen[UPDATES];
  trm__real *weights, *puzzle;
  size_t trained, rows;
} outcome;

static trm_status open_runtime(trm_runtime **out, const char *device, trm_error *err) {
  trm_runtime_config config = trm_runtime_config_default();
  config.threads = 1;
  config.device = device;
  return trm_runtime_open(out, &config, err);
}

static trm_model_config model_of(const setting *s) {
  trm_model_config model = tiny_model();
  model.num_puzzle_identifiers = IDENTIFIERS;
  model.mlp_t = !s->attention;
  model.pos_encodings = s->attention ? TRM_POS_ROPE : TRM_POS_NONE;
  model.forward_dtype = s->bf16 ? TRM_BFLOAT16 : TRM_FLOAT32;
  return model;
}

static trm_train_config train_of(const setting *s) {
  trm_train_config train = tiny_train(".", "none");
  train.batch = BATCH;
  train.slices = s->micro_batch == 1 ? BATCH : 3;
  train.optimizer = s->optimizer;
  train.latents = s->latents ? s->latents : 1;
  train.start_noise = train.latent_noise = s->noise;
  return train;
}

/* Random examples for every slot, named by their place in the batch of all ranks. */
static void offer(trm__trainer *t, int step) {
  const trm__slots *c = &t->carry.slots;
  for (int i = 0; i < c->count; i++) {
    trm__rng rng = trm__rng_make(1, TRM__RNG_TEST, (uint64_t)(step * 1000 + t->first + i));
    for (int j = 0; j < c->seq_len; j++) {
      t->offer.inputs[i * c->seq_len + j] = 1 + (int32_t)trm__rng_below(&rng, 5);
      t->offer.labels[i * c->seq_len + j] = j % 5 ? 2 + (int32_t)trm__rng_below(&rng, 4) : -100;
    }
    t->offer.ids[i] = (int32_t)trm__rng_below(&rng, IDENTIFIERS);
  }
}

static trm__real *keep(trm__trainer *t, const trm__real *from, size_t n) {
  trm__real *to = trm__calloc(n, sizeof *to);
  t->backend->copy(t->backend, to, from, n * sizeof *to, TRM__COPY_TO_HOST);
  return to;
}

static trm_status update_rank(trm__comm *comm, void *context, trm_error *err) {
  outcome *o = context;
  trm_model_config model = model_of(o->setting);
  trm_train_config train = train_of(o->setting);
  trm_runtime *runtime = NULL;
  trm__trainer t;
  trm_status status = open_runtime(&runtime, o->device, err);
  if (status) return status;
  trm__trainer_config config = {.runtime = runtime,
                                .comm = comm,
                                .model = &model,
                                .train = &train,
                                .updates = 20,
                                .micro_batch = o->setting->micro_batch};
  status = trm__trainer_open(&t, &config, err);
  if (status) goto done;
  for (int i = 0; i < UPDATES && !status; i++) {
    offer(&t, i);
    status = trm__update_run(&t, &o->seen[i], err);
  }
  if (!status) status = trm__ranks_check_weights(&t, err);
  o->trained = t.params.trained;
  o->rows = t.params.puzzle;
  o->weights = keep(&t, t.weights, o->trained);
  o->puzzle = keep(&t, t.puzzle, o->rows);
  trm__trainer_close(&t);
done:
  trm_runtime_close(&runtime);
  if (status) trm__comm_abandon(comm, err);
  return status;
}

static void run_updates(const setting *s, const char *device, int size, outcome *o) {
  trm_status status[THREAD_RANKS];
  trm_error error[THREAD_RANKS];
  memset(o, 0, MOST * sizeof *o);
  for (int r = 0; r < size; r++) o[r] = (outcome){.setting = s, .device = device};
  thread_ranks(size, 1, update_rank, o, sizeof *o, status, error);
  for (int r = 0; r < size; r++)
    if (status[r]) fail_msg("%s, rank %d of %d: %s: %s", s->name, r, size, error[r].where, error[r].message);
}

static void drop(outcome *o) {
  for (int r = 0; r < MOST; r++) {
    trm__free(o[r].weights);
    trm__free(o[r].puzzle);
  }
}

static const setting settings[] = {
    {.name = "mixer, three slices", .micro_batch = 2},
    {.name = "attention, bf16, five slices", .attention = 1, .bf16 = 1, .micro_batch = 1},
    {.name = "muon, latents and noise", .micro_batch = 1, .optimizer = TRM_MUON, .latents = 2, .noise = 0.1},
};

static void ranks_have_the_same_bits(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    const setting *s = &settings[i];
    outcome cpu[MOST], two[MOST], more[MOST];
    run_updates(s, "cpu", 2, cpu);
    run_updates(s, "cuda", 2, two);
    for (int k = 0; k < UPDATES; k++) {
      double apart = fabs(two[0].seen[k].loss - cpu[0].seen[k].loss), bound = s->bf16 ? 0.05 : 1e-3;
      if (!(apart <= bound * cpu[0].seen[k].loss))
        fail_msg("%s, update %d: loss %.9g, on a CPU %.9g", s->name, k + 1, two[0].seen[k].loss, cpu[0].seen[k].loss);
    }
    run_updates(s, "cuda", s->micro_batch == 1 ? 5 : 3, more);
    for (int r = 0; r < MOST && more[r].weights; r++) {
      assert_memory_equal(more[r].weights, two[0].weights, two[0].trained * sizeof(trm__real));
      assert_memory_equal(more[r].puzzle, two[0].puzzle, two[0].rows * sizeof(trm__real));
      assert_memory_equal(more[r].seen, two[0].seen, sizeof two[0].seen);
    }
    drop(cpu);
    drop(two);
    drop(more);
  }
  assert_int_equal(emulate_device_bytes() + emulate_host_bytes(), 0);
}

/* -- runs ---------------------------------------------------------------------------------------------------------- */

typedef struct run {
  trm_train_config train;
  int resume;
  int64_t stop_at;
  trm_train_result result;
} run;

static int stop_run(void *context, const trm_train_progress *progress) {
  const run *r = context;
  return r->stop_at == progress->step;
}

static trm_status run_rank(trm__comm *comm, void *context, trm_error *err) {
  run *r = context;
  trm_model_config model = tiny_model();
  trm_runtime *runtime = NULL;
  trm_status status = open_runtime(&runtime, "cuda", err);
  if (status) return status;
  status = r->resume ? trm__train_resume(runtime, comm, r->train.run, NULL, 0, stop_run, r, &r->result, err)
                     : trm__train_start(runtime, comm, &model, &r->train, stop_run, r, &r->result, err);
  trm_runtime_close(&runtime);
  return status;
}

static void run_all(const run *r, int size, trm_status expected) {
  run all[MOST];
  trm_status status[THREAD_RANKS];
  trm_error error[THREAD_RANKS];
  for (int i = 0; i < size; i++) all[i] = *r;
  thread_ranks(size, 1, run_rank, all, sizeof *all, status, error);
  for (int i = 0; i < size; i++)
    if (status[i] != expected) fail_msg("rank %d of %d: %s: %s", i, size, error[i].where, error[i].message);
}

static void another_number_goes_on(void **state) {
  (void)state;
  static const char *const files[] = {"model.safetensors", "optimizer.safetensors", "carry.safetensors"};
  char dir[64];
  trm_error err = {0};
  check_temp_dir(dir);
  tiny_data(dir);
  run whole = {.train = tiny_train(dir, "whole")};
  whole.train.batch = 5;
  whole.train.slices = 4;
  whole.train.micro_batch = 2;
  whole.train.steps = 4;
  run part = whole;
  run_all(&whole, 2, TRM_OK);
  snprintf(part.train.run, sizeof part.train.run, "%s/part", dir);
  part.stop_at = 2;
  run_all(&part, 3, TRM_E_STOPPED);
  part.resume = 1;
  part.stop_at = 0;
  run_all(&part, 2, TRM_OK);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char path[2][256], *text[2];
    size_t size[2];
    for (int k = 0; k < 2; k++) {
      snprintf(path[k], sizeof path[k], "%s/%s/checkpoints/step-4/%s", dir, k ? "part" : "whole", files[i]);
      CHECK_OK(trm__file_read(path[k], 1 << 26, &text[k], &size[k], &err), err);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(text[0], text[1], size[0]);
    trm__free(text[0]);
    trm__free(text[1]);
  }
  assert_int_equal(emulate_device_bytes() + emulate_host_bytes(), 0);
  check_remove(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranks_have_the_same_bits),
      cmocka_unit_test(another_number_goes_on),
  };
  return cmocka_run_group_tests_name("cuda ranks", tests, NULL, NULL);
}
