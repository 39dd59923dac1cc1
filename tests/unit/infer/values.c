/* Which of a model's own values are in force: every combination of option, model file and default, by themselves and
 * through a solver, where another n, T and step limit must change what is computed. */
#include "unit/infer/support.h"

#include "infer/values.h"

/* -- the rule ------------------------------------------------------------------------------------------------------ */

static void check_count(trm_counted_value v, int64_t option, int64_t model, int64_t usual) {
  assert_int_equal(v.value, option ? option : model ? model : usual);
  assert_int_equal(v.origin, option ? TRM_VALUE_OPTION : model ? TRM_VALUE_MODEL : TRM_VALUE_DEFAULT);
}

/* Bit 2k of mask: value k is given as an option; bit 2k + 1: the model has it. */
static void every_combination(void **state) {
  (void)state;
  for (int mask = 0; mask < 256; mask++) {
    trm_error err = {0};
    trm_solver_values v;
    trm_solver_config o = trm_solver_config_default();
    trm__model_says m = {.halt_threshold = (double)NAN};
    if (mask & 1) o.max_steps = 5;
    if (mask & 2) m.max_steps = 7;
    if (mask & 4) o.H_cycles = 4;
    if (mask & 8) m.H_cycles = 2;
    if (mask & 16) o.L_cycles = 9;
    if (mask & 32) m.L_cycles = 1;
    if (mask & 64) o.halt_threshold = -1.5;
    if (mask & 128) m.halt_threshold = 2.25;
    CHECK_OK(trm__values_resolve(&v, &o, &m, &err), err);
    check_count(v.max_steps, o.max_steps, m.max_steps, 16);
    check_count(v.H_cycles, o.H_cycles, m.H_cycles, 3);
    check_count(v.L_cycles, o.L_cycles, m.L_cycles, 6);
    assert_true(v.halt_threshold.value == (mask & 64 ? -1.5 : mask & 128 ? 2.25 : 0));
    assert_int_equal(v.halt_threshold.origin, mask & 64    ? TRM_VALUE_OPTION
                                              : mask & 128 ? TRM_VALUE_MODEL
                                                           : TRM_VALUE_DEFAULT);
  }
}

/* An option that asks for what holds anyway was given all the same. A threshold of 0 is one, and not "none". */
static void zero_is_a_threshold(void **state) {
  (void)state;
  trm_error err = {0};
  trm_solver_values v;
  trm_solver_config o = trm_solver_config_default();
  trm__model_says m = {.max_steps = 16, .halt_threshold = 0};
  CHECK_OK(trm__values_resolve(&v, &o, &m, &err), err);
  assert_int_equal(v.halt_threshold.origin, TRM_VALUE_MODEL);
  m.halt_threshold = 3;
  o.halt_threshold = 0;
  o.max_steps = 16;
  CHECK_OK(trm__values_resolve(&v, &o, &m, &err), err);
  assert_true(v.halt_threshold.value == 0);
  assert_int_equal(v.halt_threshold.origin, TRM_VALUE_OPTION);
  assert_int_equal(v.max_steps.origin, TRM_VALUE_OPTION);
}

static void options_out_of_range_are_refused(void **state) {
  (void)state;
  static const struct {
    int64_t steps, H, L;
    double threshold;
    const char *field;
  } bad[] = {{-1, 0, 0, 0, "max_steps"},          {100001, 0, 0, 0, "max_steps"},
             {0, -1, 0, 0, "H_cycles"},           {0, 1025, 0, 0, "H_cycles"},
             {0, 0, -1, 0, "L_cycles"},           {0, 0, INT64_MAX, 0, "L_cycles"},
             {0, 0, 0, 1000.5, "halt_threshold"}, {0, 0, 0, (double)-INFINITY, "halt_threshold"}};
  fixture f;
  fixture_open(&f, 1, 1, NULL);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    trm_error err = {0};
    trm_solver *solver = NULL;
    trm_solver_values v = {.max_steps = {-7, -7}};
    trm_solver_config o = trm_solver_config_default();
    o.max_steps = bad[i].steps, o.H_cycles = bad[i].H, o.L_cycles = bad[i].L, o.halt_threshold = bad[i].threshold;
    CHECK_FAILS(trm_model_values(f.model, &o, &v, &err), TRM_E_USAGE, err, bad[i].field);
    assert_int_equal(v.max_steps.value, -7);
    CHECK_FAILS(trm_solver_open(&solver, f.runtime, f.model, &o, &err), TRM_E_USAGE, err, bad[i].field);
    assert_null(solver);
  }
  fixture_close(&f);
}

/* -- a model's file and a solver ----------------------------------------------------------------------------------- */

/* Writes the fixture's model with these values of its own, and opens that. */
static void give_values(fixture *f, double threshold, int64_t max_steps) {
  trm_error err = {0};
  trm_model_conversion what = trm_model_conversion_default();
  what.halt_threshold = threshold;
  what.max_steps = max_steps;
  CHECK_OK(trm_model_convert(f->model, check_path(f->dir, "own.safetensors"), &what, &err), err);
  trm_model_close(&f->model);
  CHECK_OK(trm_model_open(&f->model, check_path(f->dir, "own.safetensors"), &err), err);
}

enum { N = 12 };
static int32_t inputs[N * CELLS], identifiers[N], answers[N * CELLS];

typedef struct outcome {
  trm_solver_values values;
  trm_model_config model;
  trm_solution solution[N];
} outcome;

static void solve(const fixture *f, const trm_solver_config *config, outcome *o) {
  trm_error err = {0};
  trm_solver *solver = NULL;
  CHECK_OK(trm_solver_open(&solver, f->runtime, f->model, config, &err), err);
  CHECK_OK(trm_solve(solver, N, inputs, identifiers, answers, o->solution, NULL, NULL, &err), err);
  o->values = trm_solver_get_values(solver);
  o->model = *trm_solver_model_config(solver);
  trm_solver_close(&solver);
}

/* What is in force is what is done: no puzzle goes on over the threshold or beyond the limit. */
static void check_done(const outcome *o) {
  for (int i = 0; i < N; i++) {
    const trm_solution *s = &o->solution[i];
    assert_in_range(s->steps, 1, o->values.max_steps.value);
    assert_int_equal(s->halted, (double)s->q > o->values.halt_threshold.value);
    assert_true(s->halted || s->steps == o->values.max_steps.value);
  }
}

static void solving_uses_what_is_in_force(void **state) {
  (void)state;
  fixture f;
  outcome o;
  fixture_open(&f, 1, 1, NULL);
  trm_solver_config none = trm_solver_config_default(), some = none;
  solve(&f, &none, &o);
  assert_int_equal(o.values.halt_threshold.origin, TRM_VALUE_DEFAULT);
  assert_int_equal(o.values.max_steps.origin, TRM_VALUE_DEFAULT);
  assert_int_equal(o.values.H_cycles.origin, TRM_VALUE_MODEL);
  assert_true(o.values.H_cycles.value == 2 && o.values.L_cycles.value == 2 && o.values.max_steps.value == 16);
  check_done(&o);
  double threshold = fixture_threshold(&f, inputs, identifiers, N);
  give_values(&f, threshold, 3);
  solve(&f, &none, &o);
  assert_true(o.values.halt_threshold.value == threshold);
  assert_int_equal(o.values.halt_threshold.origin, TRM_VALUE_MODEL);
  assert_int_equal(o.values.max_steps.origin, TRM_VALUE_MODEL);
  check_done(&o);
  some.halt_threshold = 1000;
  some.max_steps = 5;
  solve(&f, &some, &o);
  assert_int_equal(o.values.halt_threshold.origin, TRM_VALUE_OPTION);
  for (int i = 0; i < N; i++) assert_int_equal(o.solution[i].steps, 5);
  check_done(&o);
  fixture_close(&f);
}

/* A model whose file has n and T as an option asks for gives the same bits, and another number gives others. */
static void other_cycles_are_really_run(void **state) {
  (void)state;
  fixture f, g;
  outcome asked, own, before;
  trm_error err = {0};
  fixture_open(&f, 1, 1, NULL);
  fixture_open(&g, 1, 1, NULL);
  trm_model_config config = test_config(1);
  config.H_cycles = 3;
  config.L_cycles = 1;
  test_model_write(check_path(g.dir, "other.safetensors"), &config, NULL);
  trm_model_close(&g.model);
  CHECK_OK(trm_model_open(&g.model, check_path(g.dir, "other.safetensors"), &err), err);
  trm_solver_config c = trm_solver_config_default();
  c.halt = 0;
  c.max_steps = 2;
  solve(&f, &c, &before);
  solve(&g, &c, &own);
  c.H_cycles = 3;
  c.L_cycles = 1;
  solve(&f, &c, &asked);
  assert_true(asked.model.H_cycles == 3 && asked.model.L_cycles == 1);
  assert_int_equal(asked.values.L_cycles.origin, TRM_VALUE_OPTION);
  int differ = 0;
  for (int i = 0; i < N; i++) {
    assert_true(asked.solution[i].q == own.solution[i].q);
    differ += asked.solution[i].q != before.solution[i].q;
  }
  assert_int_equal(differ, N);
  fixture_close(&f);
  fixture_close(&g);
}

static void a_configuration_of_an_earlier_version_gives_no_cycles(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  trm_solver_values v;
  fixture_open(&f, 1, 1, NULL);
  trm_solver_config c = trm_solver_config_default();
  c.size = offsetof(trm_solver_config, H_cycles);
  c.H_cycles = c.L_cycles = 77; /* what lies behind an older struct */
  CHECK_OK(trm_model_values(f.model, &c, &v, &err), err);
  assert_true(v.H_cycles.value == 2 && v.L_cycles.origin == TRM_VALUE_MODEL);
  c.size = 4;
  CHECK_FAILS(trm_model_values(f.model, &c, &v, &err), TRM_E_USAGE, err, "trm_solver_config_default()");
  fixture_close(&f);
}

int main(void) {
  test_puzzles(inputs, identifiers, N, 3);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_combination),
      cmocka_unit_test(zero_is_a_threshold),
      cmocka_unit_test(options_out_of_range_are_refused),
      cmocka_unit_test(solving_uses_what_is_in_force),
      cmocka_unit_test(other_cycles_are_really_run),
      cmocka_unit_test(a_configuration_of_an_earlier_version_gives_no_cycles),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
