/* What the tests of src/infer share: a small random model whose halting head says different things about different
 * puzzles, and random puzzles. */
#ifndef TRM_TESTS_UNIT_INFER_SUPPORT_H
#define TRM_TESTS_UNIT_INFER_SUPPORT_H

#include "support/check.h"

#include <trm/solve.h>

#include "backend/runtime.h"
#include "base/rng.h"
#include "model/file/model_file.h"
#include "model/network.h"

#define CELLS 16
#define TOKENS 6
#define IDENTIFIERS 3

static inline trm_model_config test_config(int mixer) {
  trm_model_config c = trm_model_config_default();
  c.seq_len = CELLS;
  c.vocab_size = TOKENS;
  c.num_puzzle_identifiers = IDENTIFIERS;
  c.puzzle_emb_ndim = 32;
  c.puzzle_emb_len = 2;
  c.hidden_size = 32;
  c.num_heads = 2;
  c.L_layers = 1;
  c.H_cycles = 2;
  c.L_cycles = 2;
  c.expansion = 2;
  c.mlp_t = mixer;
  c.pos_encodings = mixer ? TRM_POS_NONE : TRM_POS_ROPE;
  c.forward_dtype = TRM_FLOAT32;
  return c;
}

/* Untrained weights would say q = -5 everywhere: the halting head and the puzzle rows get random numbers. */
static inline void test_fill(trm__weight_set *set, const trm__params *params, uint64_t seed) {
  trm__weight_set_init(set, params, seed);
  trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, 0);
  for (int i = 0; i < params->count; i++) {
    const trm__param *p = &params->item[i];
    int head = strstr(p->name, "q_head.weight") != NULL;
    if (!head && p->kind != TRM__PARAM_PUZZLE) continue;
    trm__real *x = trm__weight_set_tensor(set, params, i);
    for (int k = 0; k < p->rows * p->cols; k++) x[k] = (trm__real)trm__rng_normal(&rng);
  }
  trm__weights_view view = trm__params_view(params, set->flat);
  view.q_bias[0] = 0;
}

/* Writes a model file. task: JSON text or NULL. */
static inline void test_model_write_seed(const char *path, const trm_model_config *config, const char *task,
                                         trm_loss_type loss, uint64_t seed) {
  trm_error err = {0};
  trm__params params = {0};
  trm__weight_set set = {0};
  CHECK_OK(trm__params_open(&params, config, &err), err);
  CHECK_OK(trm__weight_set_open(&set, &params, &err), err);
  test_fill(&set, &params, seed);
  trm__model_write what = {.config = config,
                           .params = &params,
                           .weights = &set,
                           .variant = "raw",
                           .task = task,
                           .dtype = TRM__ST_F32,
                           .loss = loss};
  CHECK_OK(trm__model_save(path, &what, NULL, &err), err);
  trm__weight_set_close(&set);
  trm__params_close(&params);
}

static inline void test_model_write_loss(const char *path, const trm_model_config *config, const char *task,
                                         trm_loss_type loss) {
  test_model_write_seed(path, config, task, loss, 7);
}

static inline void test_model_write(const char *path, const trm_model_config *config, const char *task) {
  test_model_write_loss(path, config, task, TRM_LOSS_STABLEMAX);
}

/* One open model on a runtime. */
typedef struct fixture {
  char dir[64];
  trm_runtime *runtime;
  trm_model *model;
} fixture;

static inline void fixture_open(fixture *f, int mixer, int threads, const char *task) {
  trm_error err = {0};
  trm_model_config config = test_config(mixer);
  trm_runtime_config runtime = trm_runtime_config_default();
  memset(f, 0, sizeof *f);
  check_temp_dir(f->dir);
  const char *path = check_path(f->dir, "model.safetensors");
  test_model_write(path, &config, task);
  runtime.threads = threads;
  CHECK_OK(trm_runtime_open(&f->runtime, &runtime, &err), err);
  CHECK_OK(trm_model_open(&f->model, path, &err), err);
}

static inline void fixture_close(fixture *f) {
  trm_model_close(&f->model);
  trm_runtime_close(&f->runtime);
  check_remove(f->dir);
}

static inline trm_solver *fixture_solver(const fixture *f, int64_t batch, int64_t max_steps, int halt,
                                         double threshold) {
  trm_error err = {0};
  trm_solver *solver = NULL;
  trm_solver_config config = trm_solver_config_default();
  config.batch = batch;
  config.max_steps = max_steps;
  config.halt = halt;
  config.halt_threshold = threshold;
  CHECK_OK(trm_solver_open(&solver, f->runtime, f->model, &config, &err), err);
  return solver;
}

static inline void test_puzzles(int32_t *inputs, int32_t *identifiers, int n, uint64_t seed) {
  for (int i = 0; i < n; i++) {
    trm__rng rng = trm__rng_make(seed, TRM__RNG_TEST, (uint64_t)i + 1);
    for (int s = 0; s < CELLS; s++) inputs[i * CELLS + s] = (int32_t)trm__rng_below(&rng, TOKENS);
    if (identifiers) identifiers[i] = (int32_t)trm__rng_below(&rng, IDENTIFIERS);
  }
}

/* A threshold between the q of different puzzles, so that they halt at different steps. */
static inline double fixture_threshold(const fixture *f, const int32_t *inputs, const int32_t *identifiers, int n) {
  trm_error err = {0};
  int32_t *answers = trm__calloc((size_t)n * CELLS, sizeof *answers);
  trm_solution *solutions = trm__calloc((size_t)n, sizeof *solutions);
  assert_true(answers && solutions);
  trm_solver *solver = fixture_solver(f, 8, 2, 0, 0);
  CHECK_OK(trm_solve(solver, n, inputs, identifiers, answers, solutions, NULL, NULL, &err), err);
  trm_solver_close(&solver);
  double low = (double)solutions[0].q, high = low;
  for (int i = 1; i < n; i++) {
    low = fmin(low, (double)solutions[i].q);
    high = fmax(high, (double)solutions[i].q);
  }
  assert_true(high > low);
  trm__free(answers);
  trm__free(solutions);
  return low + 0.7 * (high - low);
}

#endif
