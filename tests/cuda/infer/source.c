/* A source on a card: puzzles with n and T of their own share a round, and states are taken out after a step and put
 * back elsewhere: near the CPU, and near the card itself, whose rounds hold other puzzles then. */
#include "unit/infer/support.h"

enum { N = 5, STEPS = 3 };

typedef struct run {
  trm_state *state[N], *const *from;
  int32_t answer[N][CELLS];
  trm_solution solution[N];
} run;

static int32_t inputs[N * CELLS], identifiers[N];

static trm_source_answer run_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  run *r = context;
  (void)wait;
  if (number == N) return TRM_SOURCE_END;
  int p = r->from ? N - 1 - (int)number : (int)number; /* with states in the other order */
  memcpy(puzzle->tokens, inputs + p * CELLS, CELLS * sizeof *puzzle->tokens);
  puzzle->identifier = identifiers[p];
  puzzle->latent_cycles = p == 1 || p == 4 ? 3 : 0;
  puzzle->recursion_cycles = p == 1 ? 1 : 0;
  puzzle->max_steps = STEPS;
  puzzle->halt_threshold = (double)INFINITY;
  puzzle->state = r->from ? r->from[p] : NULL;
  puzzle->tag = &r->solution[p];
  return TRM_SOURCE_PUZZLE;
}

static int run_step(void *context, const trm_step *step) {
  run *r = context;
  trm_error err = {0};
  if (step->step == 1) CHECK_OK(trm_state_take(step->place, &r->state[step->puzzle], &err), err);
  return TRM_STEP_ON;
}

static void run_leave(void *context, const trm_leave *leave) {
  run *r = context;
  size_t p = (size_t)((trm_solution *)leave->tag - r->solution);
  assert_int_equal(leave->solution->steps, STEPS);
  r->solution[p] = *leave->solution;
  memcpy(r->answer[p], leave->answer, sizeof r->answer[p]);
}

/* From the start when from is NULL; else from its states, which came of the same device. */
static void run_on(const char *path, const char *device, trm_state *const *from, run *r) {
  trm_error err = {0};
  trm_runtime *runtime = NULL;
  trm_model *model = NULL;
  trm_solver *solver = NULL;
  trm_runtime_config on = trm_runtime_config_default();
  trm_solver_config config = trm_solver_config_default();
  trm_source source = trm_source_default();
  *r = (run){.from = from};
  on.threads = 1;
  on.device = device;
  config.batch = 3;
  CHECK_OK(trm_runtime_open(&runtime, &on, &err), err);
  CHECK_OK(trm_model_open(&model, path, &err), err);
  CHECK_OK(trm_solver_open(&solver, runtime, model, &config, &err), err);
  source.context = r;
  source.next = run_next;
  source.leave = run_leave;
  CHECK_OK(trm_solve_source(solver, &source, run_step, r, &err), err);
  trm_solver_close(&solver);
  trm_model_close(&model);
  trm_runtime_close(&runtime);
}

static void check_near(const run *a, const run *b, double tolerance, int differing) {
  int different = 0;
  for (int p = 0; p < N; p++) {
    for (int i = 0; i < CELLS; i++) different += a->answer[p][i] != b->answer[p][i];
    double q = (double)b->solution[p].q;
    if (!(fabs((double)a->solution[p].q - q) <= tolerance * (1 + fabs(q))))
      fail_msg("puzzle %d: q is %g, expected %g", p, (double)a->solution[p].q, q);
  }
  if (different > differing) fail_msg("%d of %d cells differ", different, N * CELLS);
}

static void puzzles_keep_their_own_cycles_and_states(void **state) {
  (void)state;
  char dir[64];
  check_temp_dir(dir);
  const char *path = check_path(dir, "model.safetensors");
  for (int k = 0; k < 3; k++) {
    trm_model_config config = test_config(k > 0);
    static run cpu, card, again;
    config.forward_dtype = k == 2 ? TRM_BFLOAT16 : TRM_FLOAT32;
    test_model_write(path, &config, NULL);
    run_on(path, "cpu", NULL, &cpu);
    run_on(path, "cuda", NULL, &card);
    check_near(&card, &cpu, k == 2 ? 0.1 : 1e-3, k == 2 ? 4 : 0);
    run_on(path, "cuda", card.state, &again);
    check_near(&again, &card, k == 2 ? 0.1 : 1e-3, k == 2 ? 4 : 0);
    for (int p = 0; p < N; p++) {
      trm_state_close(&cpu.state[p]);
      trm_state_close(&card.state[p]);
      assert_null(again.state[p]); /* their first step was taken before */
    }
  }
  check_remove(dir);
}

int main(void) {
  for (int i = 0; i < N; i++) identifiers[i] = i % IDENTIFIERS;
  test_puzzles(inputs, NULL, N, 3);
  const struct CMUnitTest tests[] = {cmocka_unit_test(puzzles_keep_their_own_cycles_and_states)};
  return cmocka_run_group_tests_name("a source on a card", tests, NULL, NULL);
}
