/* Losses and metrics: against the formulas written out naively, against central differences of them, and at the edges:
 * nothing labelled, labels outside the vocabulary, large logits, ties. */
#include "unit/backend/support.h"

#include <float.h>

typedef struct problem {
  bench t;
  int b;
  size_t tokens;
  trm__real *logits, *q, *dlogits, *dq;
  int32_t *labels;
  const int32_t *steps; /* NULL: none yet */
  trm__example_stats stats[8];
} problem;

static void open_problem(problem *p, int b, int S, int V, double scale) {
  p->steps = NULL;
  trm__dims dims = make_dims(1, S, 1, 4, 0, V, TRM_POS_NONE);
  open_backend(&p->t, "auto", 2);
  open_weights(&p->t, &dims, 1, b);
  p->b = b;
  p->tokens = (size_t)(b * S);
  p->logits = numbers(p->tokens * (size_t)V, 61, scale);
  p->q = numbers(2 * (size_t)b, 62, 3);
  p->dlogits = numbers(p->tokens * (size_t)V, 63, 1);
  p->dq = numbers(2 * (size_t)b, 64, 1);
  p->labels = trm__calloc(p->tokens, sizeof *p->labels);
  trm__rng rng = trm__rng_make(65, TRM__RNG_TEST, 0);
  for (size_t i = 0; i < p->tokens; i++)
    p->labels[i] = trm__rng_below(&rng, 4) == 0 ? -100 : (int32_t)trm__rng_below(&rng, (uint32_t)V);
}

static void close_problem(problem *p) {
  trm__free(p->logits);
  trm__free(p->q);
  trm__free(p->dlogits);
  trm__free(p->dq);
  trm__free(p->labels);
  close_bench(&p->t);
}

static void evaluate(problem *p, const trm__loss *loss) {
  const trm__heads heads = {.logits = p->logits,
                            .q = p->q,
                            .labels = p->labels,
                            .loss = *loss,
                            .steps = p->steps,
                            .stats = p->stats,
                            .dlogits = p->dlogits,
                            .dq = p->dq};
  p->t.be->heads(p->t.be, p->t.w, p->b, &heads);
}

/* -- the formulas ----------------------------------------------------------------------------------------------- */

static double plain_score(trm_loss_type kind, double a) {
  if (kind == TRM_LOSS_SOFTMAX) return exp(a);
  return a >= 0 ? a + 1 : 1 / (1 - a + 1e-30);
}

/* lm loss of one example from logits in double. */
static double plain_lm(const problem *p, const trm__loss *loss, int example, const double *logits) {
  int S = p->t.dims.S, V = p->t.dims.V, labelled = 0;
  double total = 0;
  for (int i = 0; i < S; i++) {
    int32_t label = p->labels[example * S + i];
    const double *a = logits + (size_t)(example * S + i) * (size_t)V;
    double sum = 0, mean = 0;
    if (label < 0 || label >= V) continue;
    labelled++;
    for (int k = 0; k < V; k++) sum += plain_score(loss->kind, a[k]);
    for (int k = 0; k < V; k++) mean -= log(plain_score(loss->kind, a[k]) / sum) / V;
    total -= (1 - loss->label_smoothing) * log(plain_score(loss->kind, a[label]) / sum);
    total += loss->label_smoothing * mean;
  }
  return labelled ? total / labelled : 0;
}

static double plain_halt(double q, int target) {
  double p = 1 / (1 + exp(-q));
  return target ? -log(p) : -log(1 - p);
}

static void check_example(problem *p, const trm__loss *loss, int example, double *logits) {
  int S = p->t.dims.S, V = p->t.dims.V;
  const trm__example_stats *s = &p->stats[example];
  double q = (double)p->q[2 * example];
  assert_true(fabs(s->lm_loss - plain_lm(p, loss, example, logits)) < 1e-9);
  assert_true(fabs(s->halt_loss - plain_halt(q, s->exact)) < 1e-9);
  assert_true(s->q_halt == q);
  double slope = loss->grad_scale * loss->halt_weight * (1 / (1 + exp(-q)) - s->exact);
  assert_true(fabs((double)p->dq[2 * example] - slope) < 1e-6);
  assert_true((double)p->dq[2 * example + 1] == 0);
  for (size_t i = (size_t)(example * S * V); i < (size_t)((example + 1) * S * V); i++) {
    double middle = logits[i], step = 1e-6;
    if (fabs(middle) < 2 * step) continue;
    logits[i] = middle + step;
    double above = plain_lm(p, loss, example, logits);
    logits[i] = middle - step;
    double expected = loss->grad_scale * (above - plain_lm(p, loss, example, logits)) / (2 * step);
    logits[i] = middle;
    if (!(fabs((double)p->dlogits[i] - expected) <= 1e-7 + 1e-5 * fabs(expected)))
      fail_msg("gradient of logit %zu is %g, expected %g", i, (double)p->dlogits[i], expected);
  }
}

static void losses_and_gradients(void **state) {
  (void)state;
  const trm__loss losses[] = {{TRM_LOSS_STABLEMAX, 0, 0.5, 0.25, 0},
                              {TRM_LOSS_STABLEMAX, 0.1, 0.7, 1, 0},
                              {TRM_LOSS_SOFTMAX, 0, 0.5, 1, 0},
                              {TRM_LOSS_SOFTMAX, 0.2, 0, 0.5, 0}};
  for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
    problem p;
    open_problem(&p, 5, 7, 6, 4);
    double *logits = to_double(p.logits, p.tokens * 6);
    evaluate(&p, &losses[i]);
    for (int k = 0; k < p.b; k++) check_example(&p, &losses[i], k, logits);
    trm__free(logits);
    close_problem(&p);
  }
}

/* -- metrics ---------------------------------------------------------------------------------------------------- */

static void metrics_count(void **state) {
  (void)state;
  const trm__loss loss = {TRM_LOSS_STABLEMAX, 0, 0.5, 1, 0};
  problem p;
  open_problem(&p, 4, 3, 3, 1);
  static const int32_t labels[] = {2, 0, -100, /* all right */ 1, 1, 1, /* tie loses */ -1, -100, -7, 3, 0, 100};
  static const double logits[] = {0, 1, 2, 5, 1,  1, 9, 0, 0, 1, 1, 0, 0, 2, 0, -2, -1, -3,
                                  0, 0, 0, 1, -1, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 3,  0,  0};
  memcpy(p.labels, labels, sizeof labels);
  for (size_t i = 0; i < 36; i++) p.logits[i] = (trm__real)logits[i];
  evaluate(&p, &loss);
  static const int expected[4][3] = {{2, 2, 1}, {3, 2, 0}, {0, 0, 1}, {1, 1, 1}};
  for (int i = 0; i < 4; i++) {
    assert_int_equal(p.stats[i].labelled, expected[i][0]);
    assert_int_equal(p.stats[i].right, expected[i][1]);
    assert_int_equal(p.stats[i].exact, expected[i][2]);
  }
  assert_true(p.stats[2].lm_loss == 0);
  for (size_t i = 18; i < 27; i++) assert_true((double)p.dlogits[i] == 0); /* nothing labelled */
  for (size_t i = 33; i < 36; i++) assert_true((double)p.dlogits[i] == 0); /* label outside the vocabulary */
  assert_true((double)p.dlogits[0] != 0);
  close_problem(&p);
}

/* Halting logits of any size, and logits at the limit of fp32, give finite numbers; NaN stays visible. */
static void extremes_are_finite(void **state) {
  (void)state;
  problem p;
  open_problem(&p, 2, 2, 3, 1);
  for (int kind = 0; kind < 2; kind++) {
    const trm__loss loss = {kind ? TRM_LOSS_SOFTMAX : TRM_LOSS_STABLEMAX, 0.1, 0.5, 1, 0};
    for (int sign = -1; sign <= 1; sign += 2) {
      for (size_t i = 0; i < 12; i++) p.logits[i] = (trm__real)(i % 3 ? sign * 1e30 : -sign * 1e30);
      p.q[0] = (trm__real)(sign * 1e6);
      p.q[2] = (trm__real)(-sign * 1e30);
      for (size_t i = 0; i < 4; i++) p.labels[i] = (int32_t)(i % 3);
      evaluate(&p, &loss);
      for (int i = 0; i < 2; i++) {
        assert_true(isfinite(p.stats[i].lm_loss) && p.stats[i].lm_loss >= 0);
        assert_true(isfinite(p.stats[i].halt_loss) && p.stats[i].halt_loss >= 0);
        assert_true(isfinite((double)p.dq[2 * i]));
      }
      for (size_t i = 0; i < 12; i++) assert_true(isfinite((double)p.dlogits[i]));
    }
    p.logits[1] = (trm__real)NAN;
    evaluate(&p, &loss);
    assert_true(isnan(p.stats[0].lm_loss));
    assert_true(!isnan(p.stats[1].lm_loss));
  }
  close_problem(&p);
}

static void gradients_are_optional(void **state) {
  (void)state;
  const trm__loss loss = {TRM_LOSS_STABLEMAX, 0, 0.5, 1, 0};
  problem p;
  open_problem(&p, 3, 5, 4, 2);
  evaluate(&p, &loss);
  trm__example_stats again[3];
  const trm__heads heads = {.logits = p.logits, .q = p.q, .labels = p.labels, .loss = loss, .stats = again};
  p.t.be->heads(p.t.be, p.t.w, 3, &heads);
  for (int i = 0; i < 3; i++) {
    assert_true(again[i].lm_loss == p.stats[i].lm_loss && again[i].halt_loss == p.stats[i].halt_loss);
    assert_int_equal(again[i].right, p.stats[i].right);
  }
  close_problem(&p);
}

/* Gradients of an example with k steps behind it count decay^k; its loss and the metrics stay. */
static void later_steps_count_less(void **state) {
  (void)state;
  static const int32_t steps[] = {0, 1, 3};
  trm__loss loss = {TRM_LOSS_STABLEMAX, 0.1, 0.5, 0.25, 0};
  problem plain, decayed;
  open_problem(&plain, 3, 5, 4, 2);
  open_problem(&decayed, 3, 5, 4, 2);
  evaluate(&plain, &loss);
  decayed.steps = steps;
  evaluate(&decayed, &loss);
  assert_memory_equal(plain.dlogits, decayed.dlogits, plain.tokens * 4 * sizeof(trm__real));
  loss.step_decay = 0.5;
  evaluate(&decayed, &loss);
  for (int i = 0; i < 3; i++) {
    assert_true(plain.stats[i].lm_loss == decayed.stats[i].lm_loss);
    assert_true(plain.stats[i].halt_loss == decayed.stats[i].halt_loss);
  }
  int moved = 0;
  for (size_t i = 0; i < plain.tokens * 4; i++) { /* powers of two: exact */
    double factor = pow(0.5, steps[i / 20]), expected = (double)plain.dlogits[i] * factor;
    assert_true((double)decayed.dlogits[i] == expected);
    moved += expected != 0 && factor != 1;
  }
  for (int i = 0; i < 3; i++) assert_true((double)decayed.dq[2 * i] == (double)plain.dq[2 * i] * pow(0.5, steps[i]));
  assert_true(moved > 5);
  close_problem(&plain);
  close_problem(&decayed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(losses_and_gradients),   cmocka_unit_test(metrics_count),
      cmocka_unit_test(extremes_are_finite),    cmocka_unit_test(gradients_are_optional),
      cmocka_unit_test(later_steps_count_less),
  };
  return cmocka_run_group_tests_name("backend losses", tests, NULL, NULL);
}
