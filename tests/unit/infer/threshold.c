/* The choice of a halting threshold by solving, against evaluations that really halt: whatever the curve says of a
 * threshold is what trm_evaluate finds with it. */
#include "unit/infer/support.h"

#include "data/dataset.h"
#include "model/halting.h"

enum { N = 48, STEPS = 5 };

static int32_t inputs[N * CELLS], identifiers[N], answers[N * CELLS], labels[N * CELLS];
static int64_t indices[N + 1];

/* Labels are what the model answers after its first, its third or all steps, and for some never; every fifth cell has
 * none. So answers get right and wrong at different steps. */
static trm_dataset make_dataset(const fixture *f) {
  static const int64_t limits[] = {1, 3, STEPS, STEPS};
  for (int k = 0; k < 4; k++) {
    trm_error err = {0};
    trm_solver *solver = fixture_solver(f, 8, limits[k], 0, 0);
    CHECK_OK(trm_solve(solver, N, inputs, identifiers, answers, NULL, NULL, NULL, &err), err);
    trm_solver_close(&solver);
    for (int i = k; i < N; i += 4) memcpy(labels + i * CELLS, answers + i * CELLS, CELLS * sizeof *labels);
  }
  for (int i = 0; i < N; i++) {
    for (int s = 4; s < CELLS; s += 5) labels[i * CELLS + s] = -100;
    if (i % 8 == 7) labels[i * CELLS] = (labels[i * CELLS] + 1) % TOKENS;
    indices[i + 1] = i + 1;
  }
  return (trm_dataset){.ignore_label_id = -100,
                       .info = {.examples = N,
                                .puzzles = N,
                                .groups = N,
                                .identifiers = IDENTIFIERS,
                                .seq_len = CELLS,
                                .vocab_size = TOKENS,
                                .task = trm_task_sudoku(4)},
                       .inputs32 = inputs,
                       .labels32 = labels,
                       .identifiers = identifiers,
                       .puzzle_indices = indices,
                       .group_indices = indices};
}

static trm_eval_result evaluate(const fixture *f, const trm_dataset *d, int halt, double threshold, int64_t limit) {
  trm_error err = {0};
  trm_eval_result r;
  trm_solver *solver = fixture_solver(f, 8, STEPS, halt, threshold);
  CHECK_OK(trm_evaluate(solver, d, limit, &r, NULL, NULL, &err), err);
  trm_solver_close(&solver);
  return r;
}

static void check_point(const trm_halting_point *p, trm_eval_result r) {
  if (p->exact != r.exact || !(fabs(p->mean_steps - r.mean_steps) < 1e-12))
    fail_msg("threshold %g: %d right after %g steps, but evaluating gives %d after %g", p->threshold, (int)p->exact,
             p->mean_steps, (int)r.exact, r.mean_steps);
}

static void check_curve(int64_t batch, int64_t limit) {
  fixture f;
  trm_error err = {0};
  trm_halting_choice c;
  fixture_open(&f, 1, 2, NULL);
  trm_dataset d = make_dataset(&f);
  trm_solver *solver = fixture_solver(&f, batch, STEPS, 0, 0);
  CHECK_OK(trm_choose_threshold(solver, &d, limit, &c, NULL, NULL, &err), err);
  trm_eval_result all = evaluate(&f, &d, 0, 0, limit);
  assert_int_equal(c.puzzles, limit ? limit : N);
  assert_int_equal(c.max_steps, STEPS);
  assert_int_equal(c.exact, all.exact);
  assert_true(all.exact > 0 && all.exact < c.puzzles && c.points > 1); /* else little was tested */
  for (int i = 0; i < c.points; i++) check_point(&c.point[i], evaluate(&f, &d, 1, c.point[i].threshold, limit));
  const trm_halting_point *last = &c.point[c.points - 1];
  assert_true(last->threshold == c.threshold && last->exact >= c.exact - 1);
  assert_true(last[-1].exact < c.exact - 1);
  trm_solver_close(&solver);
  fixture_close(&f);
}

static void the_curve_is_what_evaluating_finds(void **state) {
  (void)state;
  check_curve(1, 0);
  check_curve(7, 0);
  check_curve(0, 0);
  check_curve(8, 30);
}

static void a_solver_that_halts_is_refused(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  trm_halting_choice c = {.points = -1};
  fixture_open(&f, 1, 1, NULL);
  trm_dataset d = make_dataset(&f);
  trm_solver *solver = fixture_solver(&f, 8, STEPS, 1, 0);
  CHECK_FAILS(trm_choose_threshold(solver, &d, 0, &c, NULL, NULL, &err), TRM_E_USAGE, err, "halt");
  trm_solver_close(&solver);
  solver = fixture_solver(&f, 8, STEPS, 0, 0);
  d.info.seq_len--;
  CHECK_FAILS(trm_choose_threshold(solver, &d, 0, &c, NULL, NULL, &err), TRM_E_INPUT, err, "dataset");
  assert_int_equal(c.points, -1);
  trm_solver_close(&solver);
  fixture_close(&f);
}

typedef struct watch {
  double last;
  int calls, stop_at;
} watch;

static int on_progress(void *context, double fraction, const char *what) {
  watch *w = context;
  assert_true(fraction > w->last && fraction <= 1);
  assert_non_null(what);
  w->last = fraction;
  return ++w->calls == w->stop_at;
}

static void progress_is_told_and_may_stop(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  trm_halting_choice c = {.points = -1};
  fixture_open(&f, 1, 1, NULL);
  trm_dataset d = make_dataset(&f);
  trm_solver *solver = fixture_solver(&f, 4, STEPS, 0, 0);
  watch stopped = {.stop_at = 5}, whole = {0};
  CHECK_FAILS(trm_choose_threshold(solver, &d, 0, &c, on_progress, &stopped, &err), TRM_E_STOPPED, err, "stopped");
  assert_true(c.points == -1 && stopped.calls == 5);
  watch late = {.stop_at = N};
  CHECK_FAILS(trm_choose_threshold(solver, &d, 0, &c, on_progress, &late, &err), TRM_E_STOPPED, err, "48 puzzles");
  assert_int_equal(c.points, -1);
  CHECK_OK(trm_choose_threshold(solver, &d, 0, &c, on_progress, &whole, &err), err);
  assert_true(whole.calls == N && whole.last == 1 && c.points > 0);
  trm_solver_close(&solver);
  fixture_close(&f);
}

typedef struct again {
  trm_solver *solver;
  const trm_dataset *dataset;
} again;

static trm_status choose_again(void *context, trm_error *err) {
  const again *a = context;
  trm_halting_choice c;
  return trm_choose_threshold(a->solver, a->dataset, 3, &c, NULL, NULL, err);
}

static void without_memory(void **state) {
  (void)state;
  fixture f;
  fixture_open(&f, 1, 1, NULL);
  trm_dataset d = make_dataset(&f);
  again a = {fixture_solver(&f, 4, STEPS, 0, 0), &d};
  assert_true(check_each_allocation(choose_again, &a) >= 6);
  trm_solver_close(&a.solver);
  fixture_close(&f);
}

int main(void) {
  test_puzzles(inputs, identifiers, N, 11);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_curve_is_what_evaluating_finds),
      cmocka_unit_test(a_solver_that_halts_is_refused),
      cmocka_unit_test(progress_is_told_and_may_stop),
      cmocka_unit_test(without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
