/* Solving on a card: answers, halting and confidence as on the CPU; the kernel of whole recursion cycles against
 * separate kernels; and the same answers however puzzles are batched. */
#include "unit/infer/support.h"

#ifdef TRM_EMULATE
#include "emulate_control.h"
#else
#define emulate_launches() 0L
#define emulate_calls() 0L
#define emulate_device_bytes() ((size_t)0)
#define emulate_host_bytes() ((size_t)0)
#endif

enum { N = 5, STEPS = 3 };

typedef struct solved {
  int32_t answers[N * CELLS];
  trm_solution solutions[N];
  long launches, calls; /* of the runtime */
} solved;

/* A model that the kernel of whole cycles covers, unless it is of attention. */
static trm_model_config wide_config(int mixer, int bf16) {
  trm_model_config c = test_config(mixer);
  if (mixer) c.hidden_size = 128;
  if (mixer) c.puzzle_emb_ndim = 128;
  c.puzzle_emb_len = 1;
  c.forward_dtype = bf16 ? TRM_BFLOAT16 : TRM_FLOAT32;
  return c;
}

/* The first `count` puzzles, at most `batch` at once. */
static void solve(const char *path, const char *device, int count, int batch, solved *out) {
  trm_error err = {0};
  trm_runtime *runtime = NULL;
  trm_model *model = NULL;
  trm_solver *solver = NULL;
  trm_runtime_config on = trm_runtime_config_default();
  trm_solver_config config = trm_solver_config_default();
  int32_t inputs[N * CELLS], identifiers[N];
  trm__rng rng = trm__rng_make(3, TRM__RNG_TEST, 9);
  for (int i = 0; i < N * CELLS; i++) inputs[i] = (int32_t)trm__rng_below(&rng, TOKENS);
  for (int i = 0; i < N; i++) identifiers[i] = i % IDENTIFIERS;
  on.threads = 1;
  on.device = device;
  config.max_steps = STEPS;
  config.batch = batch;
  config.puzzles = count;
  CHECK_OK(trm_runtime_open(&runtime, &on, &err), err);
  CHECK_OK(trm_model_open(&model, path, &err), err);
  CHECK_OK(trm_solver_open(&solver, runtime, model, &config, &err), err);
  long before = emulate_launches(), calls = emulate_calls();
  CHECK_OK(trm_solve(solver, count, inputs, identifiers, out->answers, out->solutions, NULL, NULL, &err), err);
  out->launches = emulate_launches() - before;
  out->calls = emulate_calls() - calls;
  trm_solver_close(&solver);
  trm_model_close(&model);
  trm_runtime_close(&runtime);
  assert_int_equal(emulate_device_bytes() + emulate_host_bytes(), 0);
}

/* Steps and halting equal, q near, and of the answers all (fp32) or nearly all. */
static void compare(const solved *a, const solved *b, int count, double tolerance, int differing) {
  int different = 0;
  for (int i = 0; i < count * CELLS; i++) different += a->answers[i] != b->answers[i];
  if (different > differing) fail_msg("%d of %d cells differ", different, count * CELLS);
  for (int i = 0; i < count; i++) {
    assert_int_equal(a->solutions[i].steps, b->solutions[i].steps);
    assert_int_equal(a->solutions[i].halted, b->solutions[i].halted);
    if (!(fabs((double)a->solutions[i].q - (double)b->solutions[i].q) <=
          tolerance * (1 + fabs((double)b->solutions[i].q))))
      fail_msg("puzzle %d: q is %g, expected %g", i, (double)a->solutions[i].q, (double)b->solutions[i].q);
  }
}

static void answers_match(void **state) {
  (void)state;
  char dir[64];
  check_temp_dir(dir);
  const char *path = check_path(dir, "model.safetensors");
  for (int k = 0; k < 2; k++) {
    trm_model_config config = wide_config(k, 0);
    solved cpu, cuda, alone;
    test_model_write(path, &config, NULL);
    solve(path, "cpu", N, 3, &cpu);
    solve(path, "cuda", N, 3, &cuda);
    solve(path, "cuda", N, 1, &alone);
    compare(&cuda, &cpu, N, 1e-3, 0);
    compare(&alone, &cpu, N, 1e-3, 0);
  }
  check_remove(dir);
}

static void whole_cycles_match_as(trm_activation activation) {
  char dir[64];
  check_temp_dir(dir);
  const char *path = check_path(dir, "model.safetensors");
  trm_model_config config = wide_config(1, 1);
  solved separate, whole, cpu;
  config.activation = activation;
  test_model_write(path, &config, NULL);
  solve(path, "cpu", 2, 2, &cpu);
  solve(path, "cuda:0,separate", 2, 2, &separate);
  solve(path, "cuda", 2, 2, &whole);
  compare(&whole, &separate, 2, 0.1, 2);
  compare(&whole, &cpu, 2, 0.1, 2);
#ifdef TRM_EMULATE
  solved refused; /* a card without room for the kernel's grid */
  assert_true(whole.launches < separate.launches);
  emulate_resident(0);
  solve(path, "cuda", 2, 2, &refused);
  emulate_reset();
  assert_int_equal(refused.launches, separate.launches);
  assert_memory_equal(refused.answers, separate.answers, 2 * CELLS * sizeof(int32_t));
  compare(&refused, &separate, 2, 0, 0);
#endif
  check_remove(dir);
}

static void whole_cycles_match(void **state) {
  (void)state;
  whole_cycles_match_as(TRM_ACT_SILU);
  whole_cycles_match_as(TRM_ACT_RMS_GATE);
}

/* Steps that were recorded have the bits of those that were not: check leaves recording out. */
static void recorded_steps_match(void **state) {
  (void)state;
  char dir[64];
  check_temp_dir(dir);
  const char *path = check_path(dir, "model.safetensors");
  long spared = 0;
  for (int k = 0; k < 3; k++) {
    trm_model_config config = wide_config(k != 1, k > 0);
    solved recorded, direct;
    test_model_write(path, &config, NULL);
    solve(path, "cuda", N, 3, &recorded);
    solve(path, "cuda:0,check", N, 3, &direct);
    assert_memory_equal(recorded.answers, direct.answers, sizeof direct.answers);
    compare(&recorded, &direct, N, 0, 0);
#ifdef TRM_EMULATE
    assert_int_equal(recorded.launches, direct.launches);
    spared += direct.calls - direct.launches - recorded.calls; /* check waits once a launch */
#endif
  }
#ifdef TRM_EMULATE
  assert_true(spared > 50);
#endif
  (void)spared;
  check_remove(dir);
}

static void what_a_card_lacks(void **state) {
  (void)state;
  char dir[64];
  check_temp_dir(dir);
  const char *path = check_path(dir, "model.safetensors");
  trm_error err = {0};
  trm_runtime *runtime = NULL;
  trm_model *model = NULL;
  trm_solver *solver = NULL;
  trm_runtime_config on = trm_runtime_config_default();
  trm_solver_config config = trm_solver_config_default();
  trm_model_config shape = wide_config(1, 1);
  on.device = "cuda";
  config.dtype = TRM_SOLVE_INT8;
  test_model_write(path, &shape, NULL);
  CHECK_OK(trm_runtime_open(&runtime, &on, &err), err);
  CHECK_OK(trm_model_open(&model, path, &err), err);
  CHECK_FAILS(trm_solver_open(&solver, runtime, model, &config, &err), TRM_E_UNSUPPORTED, err, "use bfloat16");
#ifdef TRM_EMULATE
  emulate_memory((size_t)12 << 20);
  config.dtype = TRM_SOLVE_MODEL;
  config.batch = 4096;
  CHECK_FAILS(trm_solver_open(&solver, runtime, model, &config, &err), TRM_E_MEMORY, err, "are free");
  emulate_reset();
#endif
  trm_model_close(&model);
  trm_runtime_close(&runtime);
  check_remove(dir);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_match),
      cmocka_unit_test(whole_cycles_match),
      cmocka_unit_test(recorded_steps_match),
      cmocka_unit_test(what_a_card_lacks),
  };
  return cmocka_run_group_tests_name("cuda solving", tests, NULL, NULL);
}
