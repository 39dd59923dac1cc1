/* Parallel latents: the engine against a plain loop over the bare network that merges by hand, for each way of merging,
 * with noise and with damping, at any batch. */
#include "unit/infer/support.h"

#include "infer/request.h"

enum { N = 9, STEPS = 3, K = 3, SEED = 5, STATE = (CELLS + 2) * 32 };

static int32_t inputs[N * CELLS], identifiers[N];

typedef struct outcome {
  int32_t answer[CELLS];
  float q;
} outcome;

typedef struct bare {
  trm__backend *be;
  trm__network *net;
  trm__weight_set set;
  trm__real *y, *z; /* of one example; the CPU's activations are numbers of this type */
  double damping;
} bare;

static void bare_open(bare *b, const fixture *f) {
  trm_error err = {0};
  trm__network_plan plan = {.max_batch = 1};
  *b = (bare){.be = f->runtime->backend, .damping = f->model->config.damping};
  assert_int_equal(f->model->params.dims.L * f->model->params.dims.D, STATE);
  CHECK_OK(trm__weight_set_open(&b->set, &f->model->params, &err), err);
  trm__model_read(f->model, &b->set);
  CHECK_OK(trm__network_open(&b->net, &f->model->config, &f->model->params, b->be, &plan, &err), err);
  trm__network_prepare(b->net, b->set.flat);
  b->y = b->be->alloc(b->be, STATE * sizeof *b->y);
  b->z = b->be->alloc(b->be, STATE * sizeof *b->z);
}

static void bare_close(bare *b) {
  b->be->free(b->be, b->y);
  b->be->free(b->be, b->z);
  trm__network_close(&b->net);
  trm__weight_set_close(&b->set);
}

static void merge_by_hand(int merge, trm__real from[K][STATE], const double *q, trm__real *to) {
  double weight[K], sum = 0;
  int best = 0;
  for (int k = 1; k < K; k++)
    if (q[k] > q[best]) best = k;
  for (int k = 0; k < K; k++) {
    weight[k] = merge == TRM_MERGE_AVERAGE ? 1 : merge == TRM_MERGE_BEST ? k == best : exp(q[k] - q[best]);
    sum += weight[k];
  }
  for (int i = 0; i < STATE; i++) {
    double x = 0;
    for (int k = 0; k < K; k++) x += weight[k] / sum * (double)from[k][i];
    to[i] = (trm__real)x;
  }
}

static void bare_step(bare *b, int i, int step, const trm_solver_config *config, outcome *out) {
  static trm__real y[K][STATE], z[K][STATE];
  trm__real logits[CELLS * TOKENS], q[2];
  double says[K];
  const trm_model_config m = test_config(1);
  uint64_t index = (uint64_t)i << TRM__NOISE_STEP_BITS | (uint64_t)step;
  for (int k = 0; k < K; k++) {
    memcpy(y[k], b->y, sizeof y[k]);
    memcpy(z[k], b->z, sizeof z[k]);
    uint64_t offset = (uint64_t)(1 + m.H_cycles * m.L_cycles + k) * trm__network_noise_numbers(b->net);
    trm__network_noise noise = {config->latent_spread, SEED, &index, offset};
    if (config->latent_spread == 0) trm__network_set_damping(b->net, k / (2.0 * K));
    else if (k) trm__network_shake(b->net, 1, &noise, (trm__act *)z[k]);
    trm__network_step(b->net, 1, inputs + i * CELLS, b->set.puzzle + identifiers[i] * 32, (trm__act *)y[k],
                      (trm__act *)z[k], logits, q);
    says[k] = (double)q[0];
  }
  trm__network_set_damping(b->net, b->damping);
  merge_by_hand(config->merge, y, says, b->y);
  merge_by_hand(config->merge, z, says, b->z);
  trm__network_heads(b->net, 1, (trm__act *)b->y, NULL, NULL, logits, q, NULL);
  out->q = (float)q[0];
  for (int s = 0; s < CELLS; s++) {
    out->answer[s] = 0;
    for (int v = 1; v < TOKENS; v++)
      if (logits[s * TOKENS + v] > logits[s * TOKENS + out->answer[s]]) out->answer[s] = v;
  }
}

static void check(const fixture *f, const trm_solver_config *config) {
  static const int64_t batches[] = {1, 4, 0};
  static int32_t answers[3][N * CELLS];
  static trm_solution solutions[3][N];
  trm_error err = {0};
  for (int b = 0; b < 3; b++) {
    trm_solver *solver = NULL;
    trm_solver_config c = *config;
    c.batch = batches[b];
    CHECK_OK(trm_solver_open(&solver, f->runtime, f->model, &c, &err), err);
    CHECK_OK(trm_solve(solver, N, inputs, identifiers, answers[b], solutions[b], NULL, NULL, &err), err);
    trm_solver_close(&solver);
    assert_memory_equal(answers[0], answers[b], sizeof answers[0]);
    for (int i = 0; i < N; i++) assert_true(solutions[0][i].q == solutions[b][i].q && solutions[b][i].steps == STEPS);
  }
  bare b;
  bare_open(&b, f);
  for (int i = 0; i < N; i++) {
    const uint8_t fresh = 1;
    outcome out;
    trm__network_refill(b.net, 1, &fresh, b.set.start, (trm__act *)b.y, (trm__act *)b.z);
    for (int step = 0; step < STEPS; step++) bare_step(&b, i, step, config, &out);
    assert_true(fabs((double)out.q - (double)solutions[0][i].q) <= 1e-4);
    assert_memory_equal(answers[0] + i * CELLS, out.answer, sizeof out.answer);
  }
  bare_close(&b);
}

static void equals_a_plain_loop(void **state) {
  (void)state;
  fixture f;
  fixture_open(&f, 1, 2, NULL);
  trm_solver_config config = trm_solver_config_default();
  assert_true(config.parallel_latents == 1 && config.latent_spread > 0);
  config.parallel_latents = K;
  config.max_steps = STEPS;
  config.halt = 0;
  config.seed = SEED;
  for (int spread = 0; spread < 2; spread++)
    for (config.merge = TRM_MERGE_AVERAGE; config.merge <= TRM_MERGE_WEIGHTED; config.merge++) {
      config.latent_spread = spread ? 0.4 : 0;
      check(&f, &config);
    }
  fixture_close(&f);
}

static void what_is_refused(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  trm_solver *solver = NULL;
  fixture_open(&f, 1, 1, NULL);
  trm_solver_config config = trm_solver_config_default();
  config.parallel_latents = 0;
  CHECK_FAILS(trm_solver_open(&solver, f.runtime, f.model, &config, &err), TRM_E_USAGE, err, "0, expected 1 to 64");
  config.parallel_latents = 2;
  config.merge = 3;
  CHECK_FAILS(trm_solver_open(&solver, f.runtime, f.model, &config, &err), TRM_E_USAGE, err, "none of trm_merge");
  config.merge = 0;
  config.latent_spread = -1;
  CHECK_FAILS(trm_solver_open(&solver, f.runtime, f.model, &config, &err), TRM_E_USAGE, err, "-1, expected 0 to 100");
  fixture_close(&f);
}

int main(void) {
  test_puzzles(inputs, identifiers, N, 3);
  const struct CMUnitTest tests[] = {cmocka_unit_test(equals_a_plain_loop), cmocka_unit_test(what_is_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
