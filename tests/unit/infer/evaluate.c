/* Evaluation: what it counts, against labels made from the model's own answers, so that every number is known. */
#include "unit/infer/labelled.h"

static void evaluate(setup *t, int64_t limit) {
  CHECK_OK(trm_evaluate(t->solver, &data.dataset, limit, &t->r, NULL, NULL, &t->err), t->err);
}

static void counts_are_exact(void **state) {
  (void)state;
  setup t;
  setup_open(&t, 0);
  static const int64_t batches[] = {1, 7, 64};
  for (int b = 0; b < 3; b++) {
    setup_solver(&t, batches[b], 0);
    evaluate(&t, 0);
    assert_int_equal(t.r.puzzles, N);
    assert_int_equal(t.r.exact, N - N / 3);
    assert_int_equal(t.r.tokens, N * 13);
    assert_int_equal(t.r.right_tokens, N * 13 - N / 3);
    assert_true(fabs(t.r.exact_accuracy - 2.0 / 3) < 1e-12);
    assert_true(fabs(t.r.token_accuracy - (double)t.r.right_tokens / (double)t.r.tokens) < 1e-12);
    /* Wilson's interval of 40 of 60, computed by hand. */
    assert_true(fabs(t.r.interval_low - 0.5405687) < 1e-5 && fabs(t.r.interval_high - 0.7727074) < 1e-5);
    assert_true(t.r.mean_steps == STEPS);
    assert_true(t.r.lm_loss > 0 && t.r.lm_loss < 10);
    assert_true(t.r.seconds >= 0);
  }
  setup_close(&t);
}

static void the_halting_head_is_judged_for_both_words(void **state) {
  (void)state;
  setup t;
  setup_open(&t, 0);
  evaluate(&t, 0);
  int64_t table[2][2] = {{0}};
  for (int i = 0; i < N; i++) table[solutions[i].q > 0][i % 3 != 0]++;
  assert_int_equal(t.r.said_right_is_right, table[1][1]);
  assert_int_equal(t.r.said_right_is_wrong, table[1][0]);
  assert_int_equal(t.r.said_wrong_is_right, table[0][1]);
  assert_int_equal(t.r.said_wrong_is_wrong, table[0][0]);
  assert_true(table[1][1] && table[0][0]); /* else nothing was tested */
  assert_true(fabs(t.r.halt_precision - (double)table[1][1] / (double)(table[1][1] + table[1][0])) < 1e-12);
  assert_true(fabs(t.r.halt_recall - (double)table[1][1] / (double)(table[1][1] + table[0][1])) < 1e-12);
  assert_true(fabs(t.r.wrong_precision - (double)table[0][0] / (double)(table[0][0] + table[0][1])) < 1e-12);
  assert_true(fabs(t.r.wrong_recall - (double)table[0][0] / (double)(table[0][0] + table[1][0])) < 1e-12);
  setup_close(&t);
}

static void halting_changes_steps_and_answers(void **state) {
  (void)state;
  setup t;
  setup_open(&t, 1);
  evaluate(&t, 0);
  double steps = 0;
  for (int i = 0; i < N; i++) steps += solutions[i].steps;
  assert_true(fabs(t.r.mean_steps - steps / N) < 1e-12 && t.r.mean_steps < STEPS);
  assert_int_equal(t.r.exact, N - N / 3);
  setup_close(&t);
}

static void ratings_fall_into_bands(void **state) {
  (void)state;
  setup t;
  setup_open(&t, 0);
  evaluate(&t, 0);
  static const double high[] = {0, 10, 25, 50, 100, INFINITY};
  int64_t puzzles[TRM_EVAL_BANDS] = {0}, exact[TRM_EVAL_BANDS] = {0};
  for (int i = 0; i < N; i++) {
    int band = 0;
    while (data.ratings[i] > high[band]) band++;
    puzzles[band]++;
    exact[band] += i % 3 != 0;
  }
  assert_int_equal(t.r.bands, TRM_EVAL_BANDS);
  for (int b = 0; b < TRM_EVAL_BANDS; b++) {
    assert_true(t.r.band[b].high == high[b]);
    assert_int_equal(t.r.band[b].puzzles, puzzles[b]);
    assert_int_equal(t.r.band[b].exact, exact[b]);
  }
  data.dataset.info.has_ratings = 0;
  evaluate(&t, 10);
  assert_int_equal(t.r.bands, 0);
  assert_int_equal(t.r.puzzles, 10);
  setup_close(&t);
}

static void data_that_does_not_fit_is_refused(void **state) {
  (void)state;
  setup t;
  setup_open(&t, 0);
  t.r.puzzles = -7;
  trm_dataset good = data.dataset;
  data.dataset.info.seq_len = CELLS + 1;
  CHECK_FAILS(trm_evaluate(t.solver, &data.dataset, 0, &t.r, NULL, NULL, &t.err), TRM_E_INPUT, t.err, "17 cells");
  data.dataset = good;
  data.dataset.info.vocab_size = TOKENS + 1;
  CHECK_FAILS(trm_evaluate(t.solver, &data.dataset, 0, &t.r, NULL, NULL, &t.err), TRM_E_INPUT, t.err, "vocabulary");
  data.dataset = good;
  data.dataset.info.identifiers = IDENTIFIERS + 1;
  CHECK_FAILS(trm_evaluate(t.solver, &data.dataset, 0, &t.r, NULL, NULL, &t.err), TRM_E_INPUT, t.err, "identifiers");
  data.dataset = good;
  strcpy(data.dataset.info.task.alphabet, "abcde");
  CHECK_FAILS(trm_evaluate(t.solver, &data.dataset, 0, &t.r, NULL, NULL, &t.err), TRM_E_INPUT, t.err, "alphabet");
  data.dataset = good;
  data.inputs[3 * CELLS + 1] = TOKENS;
  CHECK_FAILS(trm_evaluate(t.solver, &data.dataset, 0, &t.r, NULL, NULL, &t.err), TRM_E_INPUT, t.err, "puzzle 3");
  assert_int_equal(t.r.puzzles, -7);
  setup_close(&t);
}

typedef struct follower {
  double last;
  int calls, stop_after;
} follower;

static int follow(void *context, double fraction, const char *what) {
  follower *p = context;
  assert_true(fraction >= p->last && fraction <= 1);
  assert_non_null(what);
  p->last = fraction;
  return ++p->calls == p->stop_after;
}

static void progress_grows_and_can_stop(void **state) {
  (void)state;
  setup t;
  setup_open(&t, 0);
  follower all = {0}, some = {.stop_after = 2};
  CHECK_OK(trm_evaluate(t.solver, &data.dataset, 0, &t.r, follow, &all, &t.err), t.err);
  assert_true(all.last == 1 && all.calls > 1);
  CHECK_FAILS(trm_evaluate(t.solver, &data.dataset, 0, &t.r, follow, &some, &t.err), TRM_E_STOPPED, t.err, NULL);
  assert_int_equal(some.calls, 2);
  assert_int_equal(t.r.puzzles, 0); /* two rounds of three steps: nobody was done */
  setup_close(&t);
}

/* Stopped after any round, the result is about those that were finished; cancelled puzzles are not counted. */
static void a_stopped_evaluation_counts_what_it_has(void **state) {
  (void)state;
  setup t;
  trm_cancel *cancel = NULL;
  setup_open(&t, 0);
  setup_solver(&t, 7, 0);
  for (int rounds = 1; rounds < 27; rounds++) {
    follower f = {.stop_after = rounds};
    int done = rounds / STEPS * 7, exact = 0;
    CHECK_FAILS(trm_evaluate(t.solver, &data.dataset, 0, &t.r, follow, &f, &t.err), TRM_E_STOPPED, t.err, "of 60");
    for (int i = 0; i < done; i++) exact += i % 3 != 0;
    assert_int_equal(t.r.puzzles, done);
    assert_int_equal(t.r.exact, exact);
    assert_int_equal(t.r.tokens, done * 13);
    assert_int_equal(t.r.stats.rounds, rounds);
  }
  CHECK_OK(trm_cancel_open(&cancel, N, &t.err), t.err);
  trm_solver_set_cancel(t.solver, cancel);
  for (int i = 0; i < N; i += 3) trm_cancel_puzzle(cancel, i);
  evaluate(&t, 0);
  assert_int_equal(t.r.puzzles, N - N / 3);
  assert_int_equal(t.r.exact, N - N / 3);
  trm_cancel_close(&cancel);
  setup_close(&t);
}

/* Not a bit of the result depends on the batch, given or measured; and no empty slot is computed. */
static void results_do_not_depend_on_the_batch(void **state) {
  (void)state;
  static const int64_t batches[] = {1, 7, 64, 0};
  setup t;
  trm_eval_result first = {0};
  setup_open(&t, 1);
  for (int b = 0; b < 4; b++) {
    setup_solver(&t, batches[b], 1);
    evaluate(&t, 0);
    assert_int_equal(t.r.stats.computed, t.r.stats.steps);
    assert_true(fabs((double)t.r.stats.steps - t.r.mean_steps * N) < 1e-6);
    if (!b) first = t.r;
    assert_memory_equal(&t.r.lm_loss, &first.lm_loss, sizeof first.lm_loss);
    assert_true(t.r.mean_steps == first.mean_steps && t.r.halt_precision == first.halt_precision);
    assert_int_equal(t.r.exact, first.exact);
    assert_int_equal(t.r.right_tokens, first.right_tokens);
    assert_memory_equal(t.r.band, first.band, sizeof first.band);
  }
  setup_close(&t);
}

int main(void) {
  test_puzzles(inputs, identifiers, N, 4);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_are_exact),
      cmocka_unit_test(the_halting_head_is_judged_for_both_words),
      cmocka_unit_test(halting_changes_steps_and_answers),
      cmocka_unit_test(ratings_fall_into_bands),
      cmocka_unit_test(data_that_does_not_fit_is_refused),
      cmocka_unit_test(progress_grows_and_can_stop),
      cmocka_unit_test(a_stopped_evaluation_counts_what_it_has),
      cmocka_unit_test(results_do_not_depend_on_the_batch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
