/* Evaluation: what it counts, against labels made from the model's own answers, so that every number is known. */
#include "infer_support.h"

#include "data/dataset.h"

enum { N = 60, STEPS = 3 };

static int32_t inputs[N * CELLS], identifiers[N], answers[N * CELLS];
static trm_solution solutions[N];

typedef struct labelled {
  trm_dataset dataset;
  int32_t inputs[N * CELLS], labels[N * CELLS], identifiers[N];
  int64_t indices[N + 1];
  double ratings[N];
} labelled;

/* Every third puzzle has one wrong label, every fifth cell of all has none. Ratings run over all bands. */
static void make_dataset(labelled *d) {
  static const double ratings[] = {0, 1, 10, 10.5, 25, 26, 50, 51, 100, 101, 1e6};
  memset(d, 0, sizeof *d);
  memcpy(d->inputs, inputs, sizeof inputs);
  memcpy(d->labels, answers, sizeof answers);
  memcpy(d->identifiers, identifiers, sizeof identifiers);
  for (int i = 0; i < N; i++) {
    for (int s = 4; s < CELLS; s += 5) d->labels[i * CELLS + s] = -100;
    if (i % 3 == 0) d->labels[i * CELLS] = (answers[i * CELLS] + 1) % TOKENS;
    d->ratings[i] = ratings[i % 11];
    d->indices[i + 1] = i + 1;
  }
  d->dataset = (trm_dataset){.ignore_label_id = -100,
                             .info = {.examples = N,
                                      .puzzles = N,
                                      .groups = N,
                                      .identifiers = IDENTIFIERS,
                                      .seq_len = CELLS,
                                      .vocab_size = TOKENS,
                                      .task = trm_task_sudoku(4),
                                      .has_ratings = 1,
                                      .rating_name = "rating"},
                             .inputs32 = d->inputs,
                             .labels32 = d->labels,
                             .identifiers = d->identifiers,
                             .puzzle_indices = d->indices,
                             .group_indices = d->indices,
                             .ratings = d->ratings};
}

static void open_with_answers(fixture *f, int halt, double threshold) {
  trm_error err = {0};
  fixture_open(f, 1, 2, NULL);
  trm_solver *solver = fixture_solver(f, 4, STEPS, halt, threshold);
  CHECK_OK(trm_solve(solver, N, inputs, identifiers, answers, solutions, NULL, NULL, &err), err);
  trm_solver_close(&solver);
}

static void counts_are_exact(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  static labelled d;
  trm_eval_result r;
  open_with_answers(&f, 0, 0);
  make_dataset(&d);
  static const int64_t batches[] = {1, 7, 64};
  for (int b = 0; b < 3; b++) {
    trm_solver *solver = fixture_solver(&f, batches[b], STEPS, 0, 0);
    CHECK_OK(trm_evaluate(solver, &d.dataset, 0, &r, NULL, NULL, &err), err);
    assert_int_equal(r.puzzles, N);
    assert_int_equal(r.exact, N - N / 3);
    assert_int_equal(r.tokens, N * 13);
    assert_int_equal(r.right_tokens, N * 13 - N / 3);
    assert_true(fabs(r.exact_accuracy - 2.0 / 3) < 1e-12);
    assert_true(fabs(r.token_accuracy - (double)r.right_tokens / (double)r.tokens) < 1e-12);
    /* Wilson's interval of 40 of 60, computed by hand. */
    assert_true(fabs(r.interval_low - 0.5405687) < 1e-5 && fabs(r.interval_high - 0.7727074) < 1e-5);
    assert_true(r.mean_steps == STEPS);
    assert_true(r.lm_loss > 0 && r.lm_loss < 10);
    assert_true(r.seconds >= 0);
    trm_solver_close(&solver);
  }
  fixture_close(&f);
}

static void the_halting_head_is_judged_for_both_words(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  static labelled d;
  trm_eval_result r;
  open_with_answers(&f, 0, 0);
  make_dataset(&d);
  trm_solver *solver = fixture_solver(&f, 8, STEPS, 0, 0);
  CHECK_OK(trm_evaluate(solver, &d.dataset, 0, &r, NULL, NULL, &err), err);
  int64_t table[2][2] = {{0}};
  for (int i = 0; i < N; i++) table[solutions[i].q > 0][i % 3 != 0]++;
  assert_int_equal(r.said_right_is_right, table[1][1]);
  assert_int_equal(r.said_right_is_wrong, table[1][0]);
  assert_int_equal(r.said_wrong_is_right, table[0][1]);
  assert_int_equal(r.said_wrong_is_wrong, table[0][0]);
  assert_true(table[1][1] && table[0][0]); /* else nothing was tested */
  assert_true(fabs(r.halt_precision - (double)table[1][1] / (double)(table[1][1] + table[1][0])) < 1e-12);
  assert_true(fabs(r.halt_recall - (double)table[1][1] / (double)(table[1][1] + table[0][1])) < 1e-12);
  assert_true(fabs(r.wrong_precision - (double)table[0][0] / (double)(table[0][0] + table[0][1])) < 1e-12);
  assert_true(fabs(r.wrong_recall - (double)table[0][0] / (double)(table[0][0] + table[1][0])) < 1e-12);
  trm_solver_close(&solver);
  fixture_close(&f);
}

static void halting_changes_steps_and_answers(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  static labelled d;
  trm_eval_result r;
  open_with_answers(&f, 1, 0);
  make_dataset(&d);
  trm_solver *solver = fixture_solver(&f, 8, STEPS, 1, 0);
  CHECK_OK(trm_evaluate(solver, &d.dataset, 0, &r, NULL, NULL, &err), err);
  double steps = 0;
  for (int i = 0; i < N; i++) steps += solutions[i].steps;
  assert_true(fabs(r.mean_steps - steps / N) < 1e-12 && r.mean_steps < STEPS);
  assert_int_equal(r.exact, N - N / 3);
  trm_solver_close(&solver);
  fixture_close(&f);
}

static void ratings_fall_into_bands(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  static labelled d;
  trm_eval_result r;
  open_with_answers(&f, 0, 0);
  make_dataset(&d);
  trm_solver *solver = fixture_solver(&f, 8, STEPS, 0, 0);
  CHECK_OK(trm_evaluate(solver, &d.dataset, 0, &r, NULL, NULL, &err), err);
  static const double high[] = {0, 10, 25, 50, 100, INFINITY};
  int64_t puzzles[TRM_EVAL_BANDS] = {0}, exact[TRM_EVAL_BANDS] = {0};
  for (int i = 0; i < N; i++) {
    int band = 0;
    while (d.ratings[i] > high[band]) band++;
    puzzles[band]++;
    exact[band] += i % 3 != 0;
  }
  assert_int_equal(r.bands, TRM_EVAL_BANDS);
  for (int b = 0; b < TRM_EVAL_BANDS; b++) {
    assert_true(r.band[b].high == high[b]);
    assert_int_equal(r.band[b].puzzles, puzzles[b]);
    assert_int_equal(r.band[b].exact, exact[b]);
  }
  d.dataset.info.has_ratings = 0;
  CHECK_OK(trm_evaluate(solver, &d.dataset, 10, &r, NULL, NULL, &err), err);
  assert_int_equal(r.bands, 0);
  assert_int_equal(r.puzzles, 10);
  trm_solver_close(&solver);
  fixture_close(&f);
}

static void data_that_does_not_fit_is_refused(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  static labelled d;
  trm_eval_result r = {.puzzles = -7};
  open_with_answers(&f, 0, 0);
  make_dataset(&d);
  trm_solver *solver = fixture_solver(&f, 8, STEPS, 0, 0);
  trm_dataset good = d.dataset;
  d.dataset.info.seq_len = CELLS + 1;
  CHECK_FAILS(trm_evaluate(solver, &d.dataset, 0, &r, NULL, NULL, &err), TRM_E_INPUT, err, "17 cells");
  d.dataset = good;
  d.dataset.info.vocab_size = TOKENS + 1;
  CHECK_FAILS(trm_evaluate(solver, &d.dataset, 0, &r, NULL, NULL, &err), TRM_E_INPUT, err, "vocabulary");
  d.dataset = good;
  d.dataset.info.identifiers = IDENTIFIERS + 1;
  CHECK_FAILS(trm_evaluate(solver, &d.dataset, 0, &r, NULL, NULL, &err), TRM_E_INPUT, err, "identifiers");
  d.dataset = good;
  strcpy(d.dataset.info.task.alphabet, "abcde");
  CHECK_FAILS(trm_evaluate(solver, &d.dataset, 0, &r, NULL, NULL, &err), TRM_E_INPUT, err, "alphabet");
  d.dataset = good;
  d.inputs[3 * CELLS + 1] = TOKENS;
  CHECK_FAILS(trm_evaluate(solver, &d.dataset, 0, &r, NULL, NULL, &err), TRM_E_INPUT, err, "puzzle 3");
  assert_int_equal(r.puzzles, -7);
  trm_solver_close(&solver);
  fixture_close(&f);
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
  fixture f;
  trm_error err = {0};
  static labelled d;
  trm_eval_result r;
  open_with_answers(&f, 0, 0);
  make_dataset(&d);
  trm_solver *solver = fixture_solver(&f, 8, STEPS, 0, 0);
  follower all = {0}, some = {.stop_after = 2};
  CHECK_OK(trm_evaluate(solver, &d.dataset, 0, &r, follow, &all, &err), err);
  assert_true(all.last == 1 && all.calls > 1);
  CHECK_FAILS(trm_evaluate(solver, &d.dataset, 0, &r, follow, &some, &err), TRM_E_STOPPED, err, NULL);
  assert_int_equal(some.calls, 2);
  trm_solver_close(&solver);
  fixture_close(&f);
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
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
