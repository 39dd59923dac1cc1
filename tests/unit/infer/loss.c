/* A model is judged by the loss that it was trained with, which its file names: the confidence of cells, in every step
 * and in the solution, and the loss of an evaluation. */
#include "data/dataset.h"
#include "infer/engine.h"
#include "unit/infer/support.h"

enum { STEPS = 3 };

static int32_t inputs[CELLS], identifiers[1];

/* The probability of token `of` among a position's logits, from the formulas of docs/spec.md. */
static double probability(trm_loss_type loss, const trm__real *logits, int of) {
  double score[TOKENS], sum = 0;
  for (int v = 0; v < TOKENS; v++) {
    double a = (double)logits[v];
    score[v] = loss == TRM_LOSS_SOFTMAX ? exp(a) : a >= 0 ? a + 1 : 1 / (1 - a);
    sum += score[v];
  }
  return score[of] / sum;
}

typedef struct watcher {
  const trm_solver *solver;
  trm_loss_type loss;
  int calls;
  float least;
  double other; /* how far the other loss's confidence was off */
} watcher;

static int watch(void *context, const trm_step *step) {
  watcher *w = context;
  w->calls++;
  w->least = 1;
  for (int p = 0; p < CELLS; p++) {
    const trm__real *logits = w->solver->logits_host + p * TOKENS;
    double expected = probability(w->loss, logits, step->answer[p]);
    double other =
        probability(w->loss == TRM_LOSS_SOFTMAX ? TRM_LOSS_STABLEMAX : TRM_LOSS_SOFTMAX, logits, step->answer[p]);
    if (!(fabs((double)step->confidence[p] - expected) <= 1e-6))
      fail_msg("position %d: confidence %g, expected %g", p, (double)step->confidence[p], expected);
    w->other = fmax(w->other, fabs(expected - other));
    w->least = fminf(w->least, step->confidence[p]);
  }
  return TRM_STEP_ON;
}

static void check_loss(trm_loss_type loss, const char *name) {
  fixture f;
  trm_error err = {0};
  fixture_open(&f, 1, 1, NULL);
  trm_model_config config = test_config(1);
  const char *path = check_path(f.dir, "other.safetensors");
  test_model_write_loss(path, &config, NULL, loss);
  trm_model_close(&f.model);
  CHECK_OK(trm_model_open(&f.model, path, &err), err);
  assert_string_equal(trm_model_get_loss(f.model), name);
  trm_solver *solver = fixture_solver(&f, 1, STEPS, 0, 0);
  watcher w = {.solver = solver, .loss = loss};
  int32_t answer[CELLS];
  trm_solution solution;
  CHECK_OK(trm_solve(solver, 1, inputs, identifiers, answer, &solution, watch, &w, &err), err);
  assert_int_equal(w.calls, STEPS);
  assert_true(w.other > 1e-3); /* else nothing was told apart */
  assert_true(solution.least == w.least);

  /* The loss of an evaluation: the first half is labelled with the answer, the second not at all. */
  int32_t labels[CELLS];
  double expected = 0;
  for (int p = 0; p < CELLS; p++) labels[p] = p < CELLS / 2 ? answer[p] : -100;
  for (int p = 0; p < CELLS / 2; p++)
    expected -= log(probability(loss, solver->logits_host + p * TOKENS, answer[p])) / (CELLS / 2);
  int64_t indices[2] = {0, 1};
  trm_dataset data = {.ignore_label_id = -100,
                      .info = {.examples = 1,
                               .puzzles = 1,
                               .groups = 1,
                               .identifiers = IDENTIFIERS,
                               .seq_len = CELLS,
                               .vocab_size = TOKENS,
                               .task = trm_task_sudoku(4)},
                      .inputs32 = inputs,
                      .labels32 = labels,
                      .identifiers = identifiers,
                      .puzzle_indices = indices,
                      .group_indices = indices};
  trm_eval_result result;
  CHECK_OK(trm_evaluate(solver, &data, 0, &result, NULL, NULL, &err), err);
  if (!(fabs(result.lm_loss - expected) <= 1e-6 * expected))
    fail_msg("%s: loss %.9g, expected %.9g", name, result.lm_loss, expected);
  trm_solver_close(&solver);
  fixture_close(&f);
}

static void test_softmax(void **state) {
  (void)state;
  check_loss(TRM_LOSS_SOFTMAX, "softmax");
}

static void test_stablemax(void **state) {
  (void)state;
  check_loss(TRM_LOSS_STABLEMAX, "stablemax");
}

int main(void) {
  test_puzzles(inputs, identifiers, 1, 3);
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_softmax), cmocka_unit_test(test_stablemax)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
