/* Launches at the sizes of real runs: grids, threads and shared memory are within what cards have, all buffers are
 * planned, and how many launches an update and a step of solving take. Nothing runs (emulate_dry), so that memory and
 * time stay small. */
#include "unit/train/support.h"

#ifndef TRM_EMULATE
int main(void) {
  return 77; /* about the emulation */
}
#else
#include "emulate_control.h"

enum { KERNELS = 64 };

typedef struct census {
  int kernels;
  long launches;
  struct {
    char name[80];
    long launches;
    double blocks;
  } of[KERNELS];
} census;

static void count(void *context, const emulate_launch *l) {
  census *c = context;
  int i = 0;
  while (i < c->kernels && strcmp(c->of[i].name, l->name) != 0) i++;
  assert_true(i < KERNELS);
  if (i == c->kernels) snprintf(c->of[c->kernels++].name, sizeof c->of[i].name, "%s", l->name);
  c->launches++;
  c->of[i].launches++;
  c->of[i].blocks += (double)l->grid[0] * l->grid[1] * l->grid[2];
}

typedef struct sizes {
  const char *preset;
  int capability, sms, memory_gib;
  int identifiers, recompute, micro_batch;
  long most_launches; /* of an update */
} sizes;

static void print(const sizes *s, const census *c) {
  print_message("%s on %d.%d: %ld launches an update\n", s->preset, s->capability / 10, s->capability % 10,
                c->launches);
  for (int i = 0; i < c->kernels && getenv("TRM_TEST_VERBOSE"); i++)
    print_message("  %6ld  %10.0f blocks each  %s\n", c->of[i].launches, c->of[i].blocks / (double)c->of[i].launches,
                  c->of[i].name);
}

static void one(const sizes *s) {
  trm_error err = {0};
  trm_model_config model;
  trm_train_config train;
  census seen = {0};
  emulate_reset();
  emulate_dry(1);
  emulate_capability(s->capability / 10, s->capability % 10);
  emulate_multiprocessors(s->sms);
  emulate_memory((size_t)s->memory_gib << 30);
  CHECK_OK(trm_preset_apply(s->preset, &model, &train, &err), err);
  model.num_puzzle_identifiers = s->identifiers;
  train.recompute = s->recompute;
  trm_runtime *runtime = NULL;
  trm_runtime_config config = trm_runtime_config_default();
  config.threads = 1;
  config.device = "cuda";
  CHECK_OK(trm_runtime_open(&runtime, &config, &err), err);
  trm__comm *comm = NULL;
  CHECK_OK(trm__comm_self(&comm, &err), err);
  trm__trainer trainer;
  trm__trainer_config job = {
      .runtime = runtime, .comm = comm, .model = &model, .train = &train, .updates = 20, .micro_batch = s->micro_batch};
  CHECK_OK(trm__trainer_open(&trainer, &job, &err), err);
  CHECK_OK(runtime->backend->synchronize(runtime->backend, &err), err);
  emulate_watch(count, &seen);
  CHECK_OK(trm__update_enqueue(&trainer, &err), err);
  CHECK_OK(runtime->backend->synchronize(runtime->backend, &err), err);
  emulate_watch(NULL, NULL);
  print(s, &seen);
  assert_true(seen.launches > 0 && seen.launches <= s->most_launches);
  trm__trainer_close(&trainer);
  trm__comm_close(&comm);
  trm_runtime_close(&runtime);
  assert_int_equal(emulate_device_bytes(), 0);
  emulate_dry(0);
}

static void real_sizes_fit_cards(void **state) {
  (void)state;
  static const sizes all[] = {
      {"sudoku-mlp", 90, 132, 78, 1, 0, 768, 1800},
      {"sudoku-mlp", 80, 108, 40, 1, 1, 768, 1900},
      {"sudoku-mlp", 86, 82, 24, 1, 1, 384, 2200},
      {"sudoku-mlp", 120, 170, 32, 1, 1, 768, 1900},
      {"sudoku-mlp-fast", 90, 132, 78, 1, 1, 384, 3600},
      {"sudoku-mlp-wta", 90, 132, 78, 1, 1, 192, 7800},
      {"sudoku-att", 90, 132, 78, 1, 1, 768, 5000},
      {"maze", 90, 132, 1000, 1, 1, 768, 33000},
      {"maze", 86, 82, 24, 1, 1, 32, 40000},
      {"arc", 90, 132, 78, 1000, 1, 64, 37000},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) one(&all[i]);
}

/* Kernels of a step of solving, and what the host calls for it: launches at first, then one replay. */
static void one_step(const char *preset, const char *device, int batch, long most_launches, int replayed) {
  trm_error err = {0};
  trm_model_config model;
  trm_train_config train;
  census seen[3] = {{0}, {0}, {0}};
  long calls[3];
  emulate_reset();
  emulate_dry(1);
  emulate_multiprocessors(132);
  emulate_memory((size_t)78 << 30);
  CHECK_OK(trm_preset_apply(preset, &model, &train, &err), err);
  model.num_puzzle_identifiers = 1;
  trm_runtime *runtime = NULL;
  trm_runtime_config config = trm_runtime_config_default();
  config.threads = 1;
  config.device = device;
  CHECK_OK(trm_runtime_open(&runtime, &config, &err), err);
  trm__backend *be = runtime->backend;
  trm__params params;
  CHECK_OK(trm__params_open(&params, &model, &err), err);
  trm__network *net = NULL;
  trm__network_plan plan = {.max_batch = batch};
  CHECK_OK(trm__network_open(&net, &model, &params, be, &plan, &err), err);
  unsigned char *memory = be->alloc(be, (size_t)6 << 30); /* 1 GiB for each array */
  assert_non_null(memory);
#define ARRAY(i) ((void *)(memory + ((size_t)(i) << 30)))
  for (int i = 0; i < 3; i++) {
    CHECK_OK(be->synchronize(be, &err), err);
    emulate_watch(count, &seen[i]);
    calls[i] = emulate_calls();
    trm__network_step(net, batch, ARRAY(0), ARRAY(1), ARRAY(2), ARRAY(3), ARRAY(4), ARRAY(5));
    calls[i] = emulate_calls() - calls[i];
    CHECK_OK(be->synchronize(be, &err), err);
    emulate_watch(NULL, NULL);
    assert_int_equal(seen[i].launches, seen[0].launches);
  }
#undef ARRAY
  print_message("%s, a step of %d on %s: %ld launches, %ld calls of the host, then %ld\n", preset, batch, device,
                seen[0].launches, calls[0], calls[2]);
  assert_true(seen[0].launches > 0 && seen[0].launches <= most_launches);
  assert_true(replayed ? calls[2] <= 2 : calls[2] == calls[0]);
  trm__network_close(&net);
  be->free(be, memory);
  trm__params_close(&params);
  trm_runtime_close(&runtime);
  assert_int_equal(emulate_device_bytes(), 0);
  emulate_dry(0);
}

static void steps_are_few_launches(void **state) {
  (void)state;
  one_step("sudoku-mlp", "cuda", 1, 3, 0);
  one_step("sudoku-mlp", "cuda", 32, 200, 1);
  one_step("sudoku-mlp", "cuda:0,separate", 1, 300, 1);
  one_step("sudoku-mlp", "cuda:0,unfused", 32, 300, 1);
  one_step("sudoku-att", "cuda", 1, 400, 1);
  one_step("maze", "cuda", 32, 1300, 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(real_sizes_fit_cards), cmocka_unit_test(steps_are_few_launches)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
