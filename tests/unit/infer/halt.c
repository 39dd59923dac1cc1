/* Who ends a puzzle: the decisions as a table; and the engine, with rules that it heeds or not, against what it gives
 * when nothing ends a puzzle before its limit - at any batch, in arrays, by a source and in an evaluation. */
#include "unit/infer/fifths.h"

#include "infer/engine.h"

enum { N = 40, STEPS = 6 };

static int32_t inputs[N * CELLS], identifiers[N];

/* What all steps of each puzzle give. */
static struct {
  int32_t answer[CELLS];
  float q;
} known[N][STEPS];

static void decisions(void **state) {
  (void)state;
  static const struct {
    trm__stand stand; /* rules, correct, says_right, at_rest, hopeless */
    trm_halt why;
  } cases[] = {
      {{0, 0, 0, 0, 0}, TRM_HALT_NONE},        {{0, 0, 1, 0, 0}, TRM_HALT_HEAD},
      {{0, 1, 0, 0, 0}, TRM_HALT_NONE},                                          /* nobody asked the rules */
      {{1, 0, 0, 0, 0}, TRM_HALT_NONE},        {{1, 0, 1, 0, 0}, TRM_HALT_NONE}, /* whatever the head says */
      {{1, 1, 0, 0, 0}, TRM_HALT_RULES},       {{1, 1, 1, 0, 0}, TRM_HALT_RULES},
      {{0, 0, 0, 1, 0}, TRM_HALT_FIXED_POINT}, {{0, 0, 1, 1, 0}, TRM_HALT_HEAD},
      {{1, 0, 1, 1, 0}, TRM_HALT_FIXED_POINT}, {{1, 1, 0, 1, 0}, TRM_HALT_RULES},
      {{0, 0, 0, 0, 1}, TRM_HALT_HOPELESS},    {{1, 1, 0, 0, 1}, TRM_HALT_RULES},
      {{0, 0, 1, 0, 1}, TRM_HALT_HEAD},        {{1, 0, 1, 0, 1}, TRM_HALT_HOPELESS},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (trm__halt_why(&cases[i].stand) != cases[i].why) fail_msg("case %zu", i);
}

static trm_solver *open_solver(const fixture *f, int64_t batch, int rules_halt, double threshold) {
  trm_error err = {0};
  trm_solver *solver = NULL;
  trm_solver_config config = trm_solver_config_default();
  assert_int_equal(config.rules_halt, 0);
  config.batch = batch;
  config.max_steps = STEPS;
  config.halt_threshold = threshold;
  config.rules_halt = rules_halt;
  CHECK_OK(trm_solver_open(&solver, f->runtime, f->model, &config, &err), err);
  return solver;
}

static int know_step(void *context, const trm_step *step) {
  (void)context;
  memcpy(known[step->puzzle][step->step - 1].answer, step->answer, CELLS * sizeof *step->answer);
  known[step->puzzle][step->step - 1].q = step->q;
  return TRM_STEP_ON;
}

static void know_all(const fixture *f) {
  static int32_t answers[N * CELLS];
  trm_error err = {0};
  trm_solver *solver = fixture_solver(f, 8, STEPS, 0, 0);
  CHECK_OK(trm_solve(solver, N, inputs, identifiers, answers, NULL, know_step, NULL, &err), err);
  trm_solver_close(&solver);
}

/* What puzzle i's solution must be. */
static trm_solution expected(int i, int rules, double threshold) {
  trm_solution s = {.checked = rules};
  while (s.halted == TRM_HALT_NONE && s.steps < STEPS) {
    s.q = known[i][s.steps].q;
    s.correct = rules && fifths_right(known[i][s.steps].answer);
    s.steps++;
    if (s.correct) s.halted = TRM_HALT_RULES;
    else if (!rules && (double)s.q > threshold) s.halted = TRM_HALT_HEAD;
  }
  return s;
}

static void check_solution(int i, const trm_solution *s, const int32_t *answer, int rules, double threshold) {
  trm_solution want = expected(i, rules, threshold);
  assert_int_equal(s->steps, want.steps);
  assert_int_equal(s->halted, want.halted);
  assert_int_equal(s->checked, want.checked);
  assert_int_equal(s->correct, want.correct);
  assert_true(s->q == want.q && !s->cancelled);
  assert_memory_equal(answer, known[i][want.steps - 1].answer, CELLS * sizeof *answer);
}

static int check_step(void *context, const trm_step *step) {
  const trm_solver *solver = context;
  const char *fault = trm__engine_check(solver);
  if (fault) fail_msg("%s", fault);
  assert_int_equal(step->checked, solver->config.rules_halt);
  assert_int_equal(step->correct, step->checked && fifths_right(step->answer));
  assert_true(!step->correct || step->halted);
  return TRM_STEP_ON;
}

static void rules_or_the_head(void **state) {
  (void)state;
  static int32_t answers[N * CELLS];
  static trm_solution solutions[N];
  static const int64_t batches[] = {1, 3, 7, 64, 0};
  fixture f;
  trm_error err = {0};
  fixture_open(&f, 1, 2, FIFTHS_TASK);
  know_all(&f);
  double threshold = fixture_threshold(&f, inputs, identifiers, N);
  int ends[3] = {0}, overruled = 0;
  for (int i = 0; i < N; i++) {
    trm_solution rules = expected(i, 1, threshold), head = expected(i, 0, threshold);
    ends[rules.halted]++;
    ends[TRM_HALT_HEAD] += head.halted == TRM_HALT_HEAD;
    overruled += head.halted == TRM_HALT_HEAD && rules.steps > head.steps;
  }
  assert_true(ends[TRM_HALT_NONE] && ends[TRM_HALT_HEAD] && ends[TRM_HALT_RULES] && overruled);
  for (size_t b = 0; b < 2 * sizeof batches / sizeof *batches; b++) {
    int rules = b % 2;
    trm_solver *solver = open_solver(&f, batches[b / 2], rules, threshold);
    CHECK_OK(trm_solve(solver, N, inputs, identifiers, answers, solutions, check_step, solver, &err), err);
    for (int i = 0; i < N; i++) check_solution(i, &solutions[i], answers + i * CELLS, rules, threshold);
    trm_solver_close(&solver);
  }
  fixture_close(&f);
}

/* -- what a puzzle asks for ---------------------------------------------------------------------------------------- */

typedef struct few {
  double threshold;
  int solver_rules, refused;
} few;

static const int wishes[] = {TRM_RULES_SOLVER, TRM_RULES_HALT, TRM_RULES_IGNORE, 3};

static trm_source_answer few_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  (void)context, (void)wait;
  if (number == N) return TRM_SOURCE_END;
  puzzle->tokens = inputs + number * CELLS;
  puzzle->identifier = identifiers[number];
  puzzle->rules = wishes[number % 4];
  return TRM_SOURCE_PUZZLE;
}

static void few_leave(void *context, const trm_leave *leave) {
  few *w = context;
  int wish = wishes[leave->puzzle % 4];
  w->refused += leave->solution->refused;
  if (wish > TRM_RULES_IGNORE) return;
  int rules = wish == TRM_RULES_SOLVER ? w->solver_rules : wish == TRM_RULES_HALT;
  check_solution((int)leave->puzzle, leave->solution, leave->answer, rules, w->threshold);
}

static void a_puzzle_says_whether(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  fixture_open(&f, 1, 1, FIFTHS_TASK);
  know_all(&f);
  few w = {.threshold = fixture_threshold(&f, inputs, identifiers, N)};
  trm_source source = trm_source_default();
  source.context = &w;
  source.next = few_next;
  source.leave = few_leave;
  for (w.solver_rules = 0; w.solver_rules < 2; w.solver_rules++) {
    trm_solver *solver = open_solver(&f, 5, w.solver_rules, w.threshold);
    w.refused = 0;
    CHECK_OK(trm_solve_source(solver, &source, NULL, NULL, &err), err);
    assert_int_equal(w.refused, N / 4);
    trm_solver_close(&solver);
  }
  fixture_close(&f);
}

/* Where no rules are known the head's word counts, whatever is asked for. */
static void without_rules_the_head(void **state) {
  (void)state;
  static int32_t answers[N * CELLS];
  static trm_solution solutions[N];
  fixture f;
  trm_error err = {0};
  fixture_open(&f, 1, 1,
               "{\"kind\":\"generic\",\"width\":4,\"height\":4,\"box_width\":0,\"box_height\":0,\"vocab_size\":6,"
               "\"alphabet\":\"abcde\"}");
  know_all(&f);
  double threshold = fixture_threshold(&f, inputs, identifiers, N);
  trm_solver *solver = open_solver(&f, 4, 1, threshold);
  CHECK_OK(trm_solve(solver, N, inputs, identifiers, answers, solutions, NULL, NULL, &err), err);
  for (int i = 0; i < N; i++) check_solution(i, &solutions[i], answers + i * CELLS, 0, threshold);
  trm_solver_close(&solver);
  fixture_close(&f);
}

/* A file whose task nobody knows is refused only where its rules are wanted. */
static void an_unknown_task(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  trm_solver *solver = NULL;
  trm_solver_config config = trm_solver_config_default();
  fixture_open(&f, 1, 1, "{\"kind\":\"sixths\"}");
  CHECK_OK(trm_solver_open(&solver, f.runtime, f.model, &config, &err), err);
  trm_solver_close(&solver);
  config.rules_halt = 1;
  CHECK_FAILS(trm_solver_open(&solver, f.runtime, f.model, &config, &err), TRM_E_INPUT, err, "sixths");
  fixture_close(&f);
}

int main(void) {
  if (!fifths_register()) return 1;
  test_puzzles(inputs, identifiers, N, 3);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(decisions),
      cmocka_unit_test(rules_or_the_head),
      cmocka_unit_test(a_puzzle_says_whether),
      cmocka_unit_test(without_rules_the_head),
      cmocka_unit_test(an_unknown_task),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
