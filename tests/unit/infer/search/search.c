/* A search gives the same answers and counts at any batch and thread count, through arrays, sources and queues; its
 * first chain is the plain trajectory; a budget holds; and what ends one puzzle early changes nothing for the others.
 * Builds with tests check the lists of search.h and wave.h after every round. */
#include "unit/infer/search/turns.h"

#include "infer/engine.h"
#include "infer/search/search.h"

enum { N = 30, STEPS = 4, BUDGET = 41 };

static int32_t inputs[N * CELLS], identifiers[N];
static fixture fix[2]; /* with one thread, with two */

typedef struct outcome {
  int32_t answers[N * CELLS];
  trm_solution solutions[N];
} outcome;

static trm_solver_config search_config(int64_t batch) {
  trm_solver_config config = trm_solver_config_default();
  config.batch = batch;
  config.max_steps = STEPS;
  config.rules_halt = 1;
  config.search = BUDGET;
  config.chains = 5;
  config.chain_steps = 3;
  config.guesses = 2;
  return config;
}

static trm_solver *open_config(int threads, const trm_solver_config *config) {
  trm_error err = {0};
  trm_solver *solver = NULL;
  CHECK_OK(trm_solver_open(&solver, fix[threads - 1].runtime, fix[threads - 1].model, config, &err), err);
  return solver;
}

static void solve_with(int threads, const trm_solver_config *config, outcome *out) {
  trm_error err = {0};
  trm_solver *solver = open_config(threads, config);
  CHECK_OK(trm_solve(solver, N, inputs, identifiers, out->answers, out->solutions, NULL, NULL, &err), err);
  trm_solver_close(&solver);
}

static void assert_same(const outcome *a, const outcome *b, int i) {
  const trm_solution *x = &a->solutions[i], *y = &b->solutions[i];
  assert_memory_equal(a->answers + i * CELLS, b->answers + i * CELLS, CELLS * sizeof(int32_t));
  assert_int_equal(x->steps, y->steps);
  assert_int_equal(x->chain, y->chain);
  assert_int_equal(x->chains, y->chains);
  assert_int_equal(x->chain_steps, y->chain_steps);
  assert_int_equal(x->correct, y->correct);
  assert_true(x->q == y->q && x->least == y->least && x->cancelled == y->cancelled);
}

static void same_at_any_batch(void **state) {
  (void)state;
  static outcome first, other, plain;
  static const int64_t batches[] = {1, 3, 8, 64, 0};
  trm_solver_config config = search_config(2);
  solve_with(1, &config, &first);
  for (size_t b = 0; b < 2 * sizeof batches / sizeof *batches; b++) {
    config = search_config(batches[b / 2]);
    solve_with(1 + b % 2, &config, &other);
    for (int i = 0; i < N; i++) assert_same(&first, &other, i);
  }
  config = search_config(8);
  config.search = 0;
  solve_with(1, &config, &plain);
  int at_once = 0, later = 0, never = 0;
  for (int i = 0; i < N; i++) {
    const trm_solution *s = &first.solutions[i];
    assert_true(s->checked && s->steps <= BUDGET && s->correct == turns_right(first.answers + i * CELLS));
    assert_true(s->chain >= 1 && s->chain <= s->chains && s->chain_steps <= s->steps);
    if (plain.solutions[i].correct) assert_same(&first, &plain, i);
    else assert_true(s->chains > 1 && (s->correct || s->steps == BUDGET));
    at_once += s->correct && s->chain == 1, later += s->correct && s->chain > 1, never += !s->correct;
  }
  assert_true(at_once && later && never);
}

static void another_seed_another_search(void **state) {
  (void)state;
  static outcome first, other;
  trm_solver_config config = search_config(8);
  solve_with(1, &config, &first);
  config.seed = 1;
  solve_with(1, &config, &other);
  int different = 0;
  for (int i = 0; i < N; i++) {
    if (first.solutions[i].chains == 1) assert_same(&first, &other, i);
    different += memcmp(first.answers + i * CELLS, other.answers + i * CELLS, CELLS * sizeof(int32_t)) != 0;
  }
  assert_true(different > 0);
}

/* -- steps and what ends a puzzle early ---------------------------------------------------------------------------- */

typedef struct watched {
  trm_solver *solver;
  int32_t last[N][CELLS];
  int chain[N], step[N], told, broken;
  int cancel_at; /* puzzle 0, after so many steps of any of its chains; 0: never */
  int stop_at;   /* the call, after so many steps of any puzzle */
} watched;

static int watch_step(void *context, const trm_step *step) {
  watched *w = context;
  w->told++;
  w->broken += step->correct != turns_right(step->answer) || (step->chain > 1) != (step->place == NULL);
  if (step->correct) {
    memcpy(w->last[step->puzzle], step->answer, sizeof w->last[0]);
    w->chain[step->puzzle] = step->chain, w->step[step->puzzle] = step->step;
  }
  if (w->stop_at && w->told >= w->stop_at) return TRM_STEP_STOP;
  return w->cancel_at && step->puzzle == 0 && w->told >= w->cancel_at ? TRM_STEP_CANCEL : TRM_STEP_ON;
}

static void steps_are_told_as_of_the_question(void **state) {
  (void)state;
  static outcome out;
  static watched w;
  trm_error err = {0};
  trm_solver_config config =
      search_config(1); /* one slot: a right answer that is told is the winner's, or stays behind */
  trm_solver *solver = open_config(1, &config);
  memset(&w, 0, sizeof w);
  CHECK_OK(trm_solve(solver, N, inputs, identifiers, out.answers, out.solutions, watch_step, &w, &err), err);
  assert_int_equal(w.broken, 0);
  for (int i = 0; i < N; i++) {
    const trm_solution *s = &out.solutions[i];
    if (!s->correct || w.chain[i] != s->chain) continue;
    assert_int_equal(w.step[i], s->chain_steps);
    assert_memory_equal(w.last[i], out.answers + i * CELLS, sizeof w.last[0]);
  }
  trm_solver_close(&solver);
}

static void one_is_cancelled(void **state) {
  (void)state;
  static outcome first, other;
  static watched w;
  trm_error err = {0};
  trm_solver_config config = search_config(8);
  solve_with(1, &config, &first);
  trm_solver *solver = open_config(1, &config);
  memset(&w, 0, sizeof w);
  w.cancel_at = 1;
  CHECK_OK(trm_solve(solver, N, inputs, identifiers, other.answers, other.solutions, watch_step, &w, &err), err);
  assert_true(other.solutions[0].cancelled || first.solutions[0].steps == 1);
  for (int i = 1; i < N; i++) assert_same(&first, &other, i);
  trm_cancel *marks = NULL;
  CHECK_OK(trm_cancel_open(&marks, N, &err), err);
  trm_solver_set_cancel(solver, marks);
  trm_cancel_puzzle(marks, 3);
  CHECK_OK(trm_solve(solver, N, inputs, identifiers, other.answers, other.solutions, NULL, NULL, &err), err);
  assert_true(other.solutions[3].cancelled && other.solutions[3].steps == 0);
  for (int i = 0; i < N; i++)
    if (i != 3) assert_same(&first, &other, i);
  trm_cancel_reset(marks);
  trm_cancel_all(marks);
  trm_status status = trm_solve(solver, N, inputs, identifiers, other.answers, other.solutions, NULL, NULL, &err);
  assert_int_equal(status, TRM_E_STOPPED);
  trm_solver_set_cancel(solver, NULL);
  trm_cancel_close(&marks);
  trm_solver_close(&solver);
}

static void the_call_is_stopped_anywhere(void **state) {
  (void)state;
  static outcome first, other;
  trm_error err = {0};
  trm_solver_config config = search_config(4);
  solve_with(1, &config, &first);
  trm_solver *solver = open_config(1, &config);
  for (int at = 1; at < 200; at += 13) {
    static watched w;
    memset(&w, 0, sizeof w);
    w.stop_at = at;
    trm_status status = trm_solve(solver, N, inputs, identifiers, other.answers, other.solutions, watch_step, &w, &err);
    assert_int_equal(status, TRM_E_STOPPED);
    assert_int_equal(w.told, at);
    int finished = 0, named = 0;
    for (int i = 0; i < N; i++) {
      if (!other.solutions[i].cancelled) assert_same(&first, &other, i);
      finished += !other.solutions[i].cancelled;
    }
    assert_int_equal(sscanf(err.message, "stopped after %d of 30 puzzles", &named), 1);
    assert_true(named <= finished);
  }
  trm_solver_close(&solver);
}

/* -- a source: budgets, deadlines, queues -------------------------------------------------------------------------- */

typedef struct feed {
  outcome out;
  int given, left;
  int64_t budget; /* of every second puzzle; 0: the solver's */
  double deadline;
  int early; /* 1: every second puzzle leaves after its first step, whatever rules say */
} feed;

static double ticks;

static double tick(void) {
  return ticks += 1;
}

static trm_source_answer feed_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  feed *f = context;
  (void)wait;
  if (f->given == N) return TRM_SOURCE_END;
  memcpy(puzzle->tokens, inputs + number * CELLS, CELLS * sizeof *puzzle->tokens);
  puzzle->identifier = identifiers[number];
  if (number % 2) puzzle->search = f->budget;
  if (number % 2 && f->early) puzzle->rules = TRM_RULES_IGNORE, puzzle->halt_threshold = -INFINITY;
  if (number == 4) puzzle->deadline = f->deadline;
  if (number == 6) puzzle->identifier = f->deadline != 0 ? -1 : puzzle->identifier; /* refused */
  f->given++;
  return TRM_SOURCE_PUZZLE;
}

static void feed_leave(void *context, const trm_leave *leave) {
  feed *f = context;
  f->left++;
  if (leave->answer) memcpy(f->out.answers + leave->puzzle * CELLS, leave->answer, CELLS * sizeof(int32_t));
  f->out.solutions[leave->puzzle] = *leave->solution;
  assert_true(!leave->solution->refused == !leave->error);
}

static void each_puzzle_has_its_wishes(void **state) {
  (void)state;
  static outcome first, plain;
  static feed f;
  trm_error err = {0};
  trm_solver_config config = search_config(8);
  solve_with(1, &config, &first);
  trm_solver *solver = open_config(1, &config);
  config.search = 0;
  solve_with(1, &config, &plain);
  trm_source source = trm_source_default();
  source.context = &f;
  source.next = feed_next;
  source.leave = feed_leave;
  f.budget = TRM_SEARCH_OFF;
  CHECK_OK(trm_solve_source(solver, &source, NULL, NULL, &err), err);
  assert_int_equal(f.left, N);
  for (int i = 0; i < N; i++) assert_same(&f.out, i % 2 ? &plain : &first, i);
  memset(&f, 0, sizeof f);
  f.budget = TRM_SEARCH_OFF;
  f.early = 1;
  CHECK_OK(trm_solve_source(solver, &source, NULL, NULL, &err), err);
  for (int i = 1; i < N; i += 2) assert_true(f.out.solutions[i].steps == 1 && f.out.solutions[i].chains == 1);
  memset(&f, 0, sizeof f);
  f.budget = STEPS + 2;
  f.deadline = 3;
  ticks = 0;
  solver->clock = tick;
  CHECK_OK(trm_solve_source(solver, &source, NULL, NULL, &err), err);
  assert_true(f.left == N && f.out.solutions[4].expired && f.out.solutions[6].refused);
  for (int i = 1; i < N; i += 2) assert_true(f.out.solutions[i].steps <= STEPS + 2);
  for (int i = 8; i < N; i += 2) assert_same(&f.out, &first, i);
  trm_solver_close(&solver);
}

static void queue_leave_one(void *context, const trm_leave *leave) {
  feed_leave(context, leave);
}

static void a_queue_is_searched(void **state) {
  (void)state;
  static outcome first;
  static feed f;
  trm_error err = {0};
  trm_queue *queue = NULL;
  trm_solver_config config = search_config(3);
  solve_with(1, &config, &first);
  trm_solver *solver = open_config(2, &config);
  memset(&f, 0, sizeof f);
  CHECK_OK(trm_queue_open(&queue, solver, N, queue_leave_one, &f, &err), err);
  for (int i = 0; i < N; i++) {
    trm_puzzle puzzle = trm_puzzle_default();
    puzzle.tokens = inputs + i * CELLS;
    puzzle.identifier = identifiers[i];
    puzzle.priority = i % 3;
    CHECK_OK(trm_queue_push(queue, &puzzle, NULL, &err), err);
  }
  trm_queue_end(queue);
  CHECK_OK(trm_queue_solve(queue, solver, &err), err);
  for (int i = 0; i < N; i++) assert_same(&f.out, &first, i);
  trm_queue_close(&queue);
  trm_solver_close(&solver);
}

/* -- votes --------------------------------------------------------------------------------------------------------- */

static void votes_and_rollouts(void **state) {
  (void)state;
  static outcome first, other;
  for (int by = TRM_VOTE_FIRST; by <= TRM_VOTE_MAJORITY; by++)
    for (int level = TRM_LEVEL_B; level <= TRM_LEVEL_C; level++) {
      trm_solver_config config = search_config(1);
      config.search = 0;
      config.votes = 3;
      config.rollouts = 2;
      config.noise = 0.5;
      config.vote_by = by;
      config.level = level;
      config.rules_halt = 0;
      solve_with(1, &config, &first);
      config.batch = 7;
      solve_with(2, &config, &other);
      for (int i = 0; i < N; i++) {
        const trm_solution *s = &first.solutions[i];
        assert_same(&first, &other, i);
        assert_true(s->chains == 6 && s->steps <= 6 * STEPS && s->checked == (level == TRM_LEVEL_C));
        if (level == TRM_LEVEL_C && s->correct) assert_true(turns_right(first.answers + i * CELLS));
      }
    }
}

/* The control runs no network, and its answers are right by chance alone. */
static void noise_control(void **state) {
  (void)state;
  static outcome first, other;
  trm_solver_config config = search_config(1);
  config.noise_control = 1;
  solve_with(1, &config, &first);
  solve_with(2, &config, &other);
  for (int i = 0; i < N; i++) {
    assert_same(&first, &other, i);
    assert_int_equal(first.solutions[i].correct, turns_right(first.answers + i * CELLS));
  }
}

/* -- options ------------------------------------------------------------------------------------------------------- */

static void options_that_cannot_be(void **state) {
  (void)state;
  trm_error err = {0};
  trm_solver *solver = NULL;
  static const struct {
    const char *field, *what;
    int64_t search, votes, rollouts;
    int level, control;
  } cases[] = {
      {"search", "step limit, 4", 3, 1, 1, 0, 0},          {"search", "expected -1 to", -2, 1, 1, 0, 0},
      {"search", "leave one out", 40, 2, 1, 0, 0},         {"votes", "expected 1 to", 0, 0, 1, 0, 0},
      {"rollouts", "expected --noise S", 0, 1, 4, 0, 0},   {"level", "no partial check", 40, 1, 1, TRM_LEVEL_D, 0},
      {"noise_control", "without a budget", 0, 1, 1, 0, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_solver_config config = search_config(1);
    config.search = cases[i].search, config.votes = cases[i].votes, config.rollouts = cases[i].rollouts;
    config.level = cases[i].level, config.noise_control = cases[i].control;
    CHECK_FAILS(trm_solver_open(&solver, fix[0].runtime, fix[0].model, &config, &err), TRM_E_USAGE, err, cases[i].what);
    assert_string_equal(err.where, cases[i].field);
  }
  trm_solver_config config = search_config(1);
  config.search = TRM_SEARCH_USUAL;
  trm_solver *usual = open_config(1, &config);
  assert_int_equal(trm_solver_get_search(usual), TRM_SEARCH_MOST); /* a tiny model */
  assert_int_equal(trm_solver_get_level(usual), TRM_LEVEL_C);
  trm_solver_close(&usual);
}

int main(void) {
  assert_true(turns_register());
  for (int threads = 1; threads <= 2; threads++) fixture_open(&fix[threads - 1], 1, threads, TURNS_TASK);
  test_puzzles(inputs, identifiers, N, 5);
  const struct CMUnitTest tests[] = {cmocka_unit_test(same_at_any_batch),
                                     cmocka_unit_test(another_seed_another_search),
                                     cmocka_unit_test(steps_are_told_as_of_the_question),
                                     cmocka_unit_test(one_is_cancelled),
                                     cmocka_unit_test(the_call_is_stopped_anywhere),
                                     cmocka_unit_test(each_puzzle_has_its_wishes),
                                     cmocka_unit_test(a_queue_is_searched),
                                     cmocka_unit_test(votes_and_rollouts),
                                     cmocka_unit_test(noise_control),
                                     cmocka_unit_test(options_that_cannot_be)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  for (int i = 0; i < 2; i++) fixture_close(&fix[i]);
  return failed;
}
