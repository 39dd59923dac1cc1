/* Solving and evaluating on a device whose memory the host cannot touch (device_backend.h): the same answers, logits
 * and accuracies as on the CPU, with puzzles that halt at different steps and take each other's places. */
#include "unit/infer/support.h"

#include "data/dataset.h"
#include "infer/batch.h"
#include "support/device_backend.h"

#define N 23

static int32_t inputs[N * CELLS], identifiers[N];

typedef struct outcome {
  int32_t answers[N * CELLS];
  trm_solution solutions[N];
  trm_eval_result accuracy;
  double q[N], change[N]; /* sums over the steps watched */
} outcome;

static int watch(void *context, const trm_step *step) {
  outcome *o = context;
  o->q[step->puzzle] += (double)step->q * step->step;
  o->change[step->puzzle] += (double)step->change * step->step;
  return TRM_STEP_ON;
}

static trm_dataset *make_dataset(void) {
  trm_dataset *d = NULL;
  trm_error err = {0};
  const trm_task task = {.kind = TRM_TASK_GENERIC, .width = 4, .height = 4, .vocab_size = TOKENS};
  CHECK_OK(trm__dataset_new(&d, &task, N, 1, NULL, &err), err);
  for (int i = 0; i < N * CELLS; i++) d->inputs[i] = (uint8_t)inputs[i], d->labels[i] = (uint8_t)(i * 5 % TOKENS);
  for (int i = 0; i < N; i++) d->identifiers[i] = identifiers[i];
  return d;
}

static void work(const fixture *f, double threshold, int noisy, int64_t batch, outcome *o) {
  trm_error err = {0};
  trm_solver *solver = NULL;
  trm_solver_config config = trm_solver_config_default();
  memset(o, 0, sizeof *o);
  config.batch = batch;
  config.max_steps = 5;
  config.halt_threshold = threshold;
  config.change = 1;
  config.keep = noisy ? TRM_KEEP_BEST : TRM_KEEP_LAST;
  if (noisy) config.parallel_latents = 2, config.merge = TRM_MERGE_WEIGHTED;
  if (noisy) config.start_noise = 0.3, config.latent_noise = 0.05, config.damping = 0.1;
  CHECK_OK(trm_solver_open(&solver, f->runtime, f->model, &config, &err), err);
  trm_dataset *data = make_dataset();
  CHECK_OK(trm_solve(solver, N, inputs, identifiers, o->answers, o->solutions, watch, o, &err), err);
  CHECK_OK(trm_evaluate(solver, data, 0, &o->accuracy, NULL, NULL, &err), err);
  trm_dataset_close(&data);
  trm_solver_close(&solver);
}

static void same_outcome(const outcome *a, const outcome *b) {
  assert_memory_equal(a->answers, b->answers, sizeof a->answers);
  for (int i = 0; i < N; i++) {
    assert_int_equal(a->solutions[i].steps, b->solutions[i].steps);
    assert_int_equal(a->solutions[i].halted, b->solutions[i].halted);
    assert_true(a->solutions[i].q == b->solutions[i].q && a->solutions[i].least == b->solutions[i].least);
    assert_true(a->q[i] == b->q[i] && a->change[i] == b->change[i] && a->change[i] > 0);
  }
  assert_int_equal(a->accuracy.puzzles, b->accuracy.puzzles);
  assert_int_equal(a->accuracy.right_tokens, b->accuracy.right_tokens);
  assert_true(a->accuracy.lm_loss == b->accuracy.lm_loss && a->accuracy.mean_steps == b->accuracy.mean_steps);
  assert_int_equal(a->accuracy.said_right_is_wrong, b->accuracy.said_right_is_wrong);
}

/* records: whether the device offers recordings. */
static void check_kind(int mixer, int noisy, int records) {
  static outcome cpu, device_outcome;
  fixture f;
  fixture_open(&f, mixer, 2, NULL);
  test_puzzles(inputs, identifiers, N, 5);
  double threshold = fixture_threshold(&f, inputs, identifiers, N);
  work(&f, threshold, noisy, 4, &cpu);
  int differ = 0;
  for (int i = 1; i < N; i++) differ += cpu.solutions[i].steps != cpu.solutions[0].steps;
  assert_true(differ > 0 && cpu.accuracy.puzzles == N && cpu.accuracy.lm_loss > 0);
  trm__backend *inner = f.runtime->backend;
  f.runtime->backend = device_open(inner, records);
  for (int64_t batch = 0; batch <= 7; batch += 7) { /* 0: sizes are measured */
    work(&f, threshold, noisy, batch, &device_outcome);
    same_outcome(&cpu, &device_outcome);
  }
  const device *d = (device *)f.runtime->backend;
  assert_true(d->deferred > 100);
  assert_true(records ? d->recordings > 0 && d->replays > d->recordings : !d->replays);
  trm__backend_close(&f.runtime->backend);
  f.runtime->backend = inner;
  fixture_close(&f);
}

static void mixer(void **state) {
  (void)state;
  for (int records = 0; records < 2; records++) {
    check_kind(1, 0, records);
    check_kind(1, 1, records);
  }
}

static void attention(void **state) {
  (void)state;
  check_kind(0, 0, 0);
  check_kind(0, 0, 1);
}

/* 2,048 puzzles at the default batch: sizes far beyond those of the CPU are tried, unless a step is slow by then, as
 * under a sanitizer. */
static void many_at_once(void **state) {
  (void)state;
  enum { MANY = 2048 };
  fixture f;
  trm_error err = {0};
  trm_solver *solver = NULL;
  trm_solver_config config = trm_solver_config_default();
  int32_t *many = calloc(MANY * CELLS, sizeof *many), *names = calloc(MANY, sizeof *names);
  int32_t *answers = calloc(MANY * CELLS, sizeof *answers);
  assert_true(many && names && answers);
  fixture_open(&f, 1, 1, NULL);
  test_puzzles(many, names, MANY, 5);
  trm__backend *inner = f.runtime->backend;
  f.runtime->backend = device_open(inner, 0);
  config.max_steps = 4;
  config.halt = 0;
  CHECK_OK(trm_solver_open(&solver, f.runtime, f.model, &config, &err), err);
  CHECK_OK(trm_solve(solver, MANY, many, names, answers, NULL, NULL, NULL, &err), err);
  trm_solve_stats run = trm_solver_last_stats(solver);
  assert_int_equal(run.origin, TRM_BATCH_MEASURED);
  assert_true(run.costs > 0);
  trm_solve_cost last = run.cost[run.costs - 1];
  assert_true(last.batch > 32 || 2 * last.seconds > TRM__BATCH_LONGEST_STEP);
  trm_solver_close(&solver);
  trm__backend_close(&f.runtime->backend);
  f.runtime->backend = inner;
  fixture_close(&f);
  free(many), free(names), free(answers);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(mixer), cmocka_unit_test(attention),
                                     cmocka_unit_test(many_at_once)};
  return cmocka_run_group_tests_name("engine on a device", tests, NULL, NULL);
}
