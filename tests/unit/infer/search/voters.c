/* Models that vote: each gets the chains that it would have alone, so that what they come to together follows from
 * what each says alone; the same at any batch and thread count; and what ends a puzzle early ends it for all. */
#include "unit/infer/search/turns.h"

#include "base/mem.h"
#include "infer/engine.h"
#include "infer/search/search.h"

enum { N = 24, MODELS = 3, VOTES = 2, ROLLOUTS = 2, SHARE = VOTES * ROLLOUTS };

/* Steps that the models' files say, and the width and cycles by which they differ. */
static const int64_t own_steps[MODELS] = {4, 6, 3};

static int32_t inputs[N * CELLS], identifiers[N];
static char dir[64];
static trm_runtime *runtime[2]; /* with one thread, with two */
static const trm_model *model[MODELS];

typedef struct outcome {
  int32_t answers[N * CELLS];
  trm_solution solutions[N];
} outcome;

static trm_model *write_model(int which, const trm_model_config *config, const char *task, int64_t max_steps) {
  trm_error err = {0};
  trm_model *plain = NULL, *out = NULL;
  char name[64], path[256], copy[256];
  snprintf(name, sizeof name, "%d.safetensors", which);
  snprintf(path, sizeof path, "%s", check_path(dir, "plain.safetensors"));
  snprintf(copy, sizeof copy, "%s", check_path(dir, name));
  test_model_write_seed(path, config, task, TRM_LOSS_STABLEMAX, 7 + (uint64_t)which);
  CHECK_OK(trm_model_open(&plain, path, &err), err);
  trm_model_conversion how = trm_model_conversion_default();
  how.max_steps = max_steps;
  CHECK_OK(trm_model_convert(plain, copy, &how, &err), err);
  trm_model_close(&plain);
  CHECK_OK(trm_model_open(&out, copy, &err), err);
  return out;
}

static trm_model_config other_config(int which) {
  trm_model_config config = test_config(which != 1);
  if (which == 1) config.hidden_size = 16;
  if (which == 2) config.L_cycles = 1;
  return config;
}

static trm_solver_config vote_config(int64_t batch, int level, int by) {
  trm_solver_config config = trm_solver_config_default();
  config.batch = batch;
  config.halt_threshold = 1;
  config.level = level;
  config.vote_by = by;
  config.votes = VOTES;
  config.rollouts = ROLLOUTS;
  config.noise = 0.5;
  return config;
}

static trm_solver *open_voters(int threads, const trm_model *const *models, int count,
                               const trm_solver_config *config) {
  trm_error err = {0};
  trm_solver *solver = NULL;
  CHECK_OK(trm_solver_open_voters(&solver, runtime[threads - 1], models, count, config, &err), err);
  return solver;
}

static void solve_with(int threads, const trm_model *const *models, int count, const trm_solver_config *config,
                       outcome *out) {
  trm_error err = {0};
  trm_solver *solver = open_voters(threads, models, count, config);
  CHECK_OK(trm_solve(solver, N, inputs, identifiers, out->answers, out->solutions, NULL, NULL, &err), err);
  trm_solver_close(&solver);
}

static void assert_same(const outcome *a, const outcome *b, int i) {
  const trm_solution *x = &a->solutions[i], *y = &b->solutions[i];
  assert_memory_equal(a->answers + i * CELLS, b->answers + i * CELLS, CELLS * sizeof(int32_t));
  assert_true(x->steps == y->steps && x->chain == y->chain && x->chains == y->chains && x->voter == y->voter);
  assert_true(x->chain_steps == y->chain_steps && x->correct == y->correct && x->halted == y->halted);
  assert_true(x->q == y->q && x->cancelled == y->cancelled && x->refused == y->refused);
}

/* -- what follows from each alone ---------------------------------------------------------------------------------- */

static outcome alone[MODELS], together;

static void solve_alone_and_together(const trm_solver_config *config) {
  for (int m = 0; m < MODELS; m++) solve_with(1, &model[m], 1, config, &alone[m]);
  solve_with(2, model, MODELS, config, &together);
}

/* The answer is that of model m, from the chain that took it alone. */
static void assert_is_of(int i, int m) {
  const trm_solution *s = &together.solutions[i], *own = &alone[m].solutions[i];
  assert_int_equal(s->voter, m);
  assert_int_equal(s->chain, m * SHARE + own->chain);
  assert_int_equal(s->chain_steps, own->chain_steps);
  assert_true(s->q == own->q && s->correct == own->correct);
  assert_memory_equal(together.answers + i * CELLS, alone[m].answers + i * CELLS, CELLS * sizeof(int32_t));
}

static void the_surest_of_all(void **state) {
  (void)state;
  int counts[MODELS] = {0};
  trm_solver_config config = vote_config(5, TRM_LEVEL_B, TRM_VOTE_CONFIDENT);
  config.halt = 0;
  solve_alone_and_together(&config);
  for (int i = 0; i < N; i++) {
    int best = 0, steps = 0;
    for (int m = 0; m < MODELS; m++) {
      if (alone[m].solutions[i].q > alone[best].solutions[i].q) best = m;
      assert_int_equal(alone[m].solutions[i].steps, SHARE * own_steps[m]);
      steps += alone[m].solutions[i].steps;
    }
    assert_int_equal(together.solutions[i].steps, steps);
    assert_int_equal(together.solutions[i].chains, MODELS * SHARE);
    assert_is_of(i, best);
    counts[best]++;
  }
  for (int m = 0; m < MODELS; m++) assert_true(counts[m] > 0);
}

/* By the rules (level C), or by the halting head, also when single trajectories take all their steps. */
static void the_first_of_all(void **state) {
  (void)state;
  for (int level = TRM_LEVEL_B; level <= TRM_LEVEL_C; level++) {
    int won = 0, later = 0;
    trm_solver_config config = vote_config(5, level, TRM_VOTE_FIRST);
    config.halt = 0;
    solve_alone_and_together(&config);
    for (int i = 0; i < N; i++) {
      int first = -1;
      for (int m = 0; m < MODELS; m++) {
        const trm_solution *s = &alone[m].solutions[i];
        if (s->halted && (first < 0 || s->chain_steps < alone[first].solutions[i].chain_steps)) first = m;
      }
      assert_int_equal(together.solutions[i].halted, first < 0              ? TRM_HALT_NONE
                                                     : level == TRM_LEVEL_B ? TRM_HALT_HEAD
                                                                            : TRM_HALT_RULES);
      if (first < 0) continue;
      assert_is_of(i, first);
      won++, later += first > 0;
    }
    assert_true(won > later && later > 0);
  }
}

/* Twice the same model says twice the same. */
static void a_model_beside_itself(void **state) {
  (void)state;
  const trm_model *const twice[] = {model[0], model[0]};
  for (int by = TRM_VOTE_FIRST; by <= TRM_VOTE_MAJORITY; by++) {
    trm_solver_config config = vote_config(3, TRM_LEVEL_B, by);
    solve_with(1, twice, 1, &config, &alone[0]);
    solve_with(1, twice, 2, &config, &together);
    for (int i = 0; i < N; i++) {
      assert_int_equal(together.solutions[i].steps, 2 * alone[0].solutions[i].steps);
      assert_is_of(i, 0);
    }
  }
}

/* -- batch, threads, what ends a puzzle ---------------------------------------------------------------------------- */

static void same_at_any_batch(void **state) {
  (void)state;
  static outcome first, other;
  static const int64_t batches[] = {3, 64, 0};
  for (int by = TRM_VOTE_FIRST; by <= TRM_VOTE_MAJORITY; by++)
    for (int level = TRM_LEVEL_B; level <= TRM_LEVEL_C; level++) {
      trm_solver_config config = vote_config(1, level, by);
      solve_with(1, model, MODELS, &config, &first);
      for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        config.batch = batches[b];
        solve_with(1 + b % 2, model, MODELS, &config, &other);
        for (int i = 0; i < N; i++) assert_same(&first, &other, i);
      }
    }
}

typedef struct watched {
  int told, cancel_at, stop_at;
} watched;

static int watch_step(void *context, const trm_step *step) {
  watched *w = context;
  w->told++;
  assert_true((step->chain > 1) == (step->place == NULL) && step->chain <= MODELS * SHARE);
  if (w->stop_at && w->told >= w->stop_at) return TRM_STEP_STOP;
  return w->cancel_at && step->puzzle == 0 && w->told >= w->cancel_at ? TRM_STEP_CANCEL : TRM_STEP_ON;
}

static void ended_early(void **state) {
  (void)state;
  static outcome first, other;
  trm_error err = {0};
  trm_solver_config config = vote_config(4, TRM_LEVEL_B, TRM_VOTE_CONFIDENT);
  config.halt = 0;
  solve_with(1, model, MODELS, &config, &first);
  trm_solver *solver = open_voters(1, model, MODELS, &config);
  for (int at = 1; at < 60; at += 11) {
    watched w = {.stop_at = at};
    trm_status status = trm_solve(solver, N, inputs, identifiers, other.answers, other.solutions, watch_step, &w, &err);
    assert_int_equal(status, TRM_E_STOPPED);
    assert_int_equal(w.told, at);
    for (int i = 0; i < N; i++)
      if (!other.solutions[i].cancelled) assert_same(&first, &other, i);
    w = (watched){.cancel_at = at};
    CHECK_OK(trm_solve(solver, N, inputs, identifiers, other.answers, other.solutions, watch_step, &w, &err), err);
    for (int i = 1; i < N; i++) assert_same(&first, &other, i);
  }
  trm_cancel *marks = NULL;
  CHECK_OK(trm_cancel_open(&marks, N, &err), err);
  trm_solver_set_cancel(solver, marks);
  trm_cancel_puzzle(marks, 3);
  CHECK_OK(trm_solve(solver, N, inputs, identifiers, other.answers, other.solutions, NULL, NULL, &err), err);
  assert_true(other.solutions[3].cancelled && other.solutions[3].steps == 0);
  for (int i = 0; i < N; i++)
    if (i != 3) assert_same(&first, &other, i);
  trm_cancel_all(marks);
  trm_status status = trm_solve(solver, N, inputs, identifiers, other.answers, other.solutions, NULL, NULL, &err);
  assert_int_equal(status, TRM_E_STOPPED);
  trm_solver_set_cancel(solver, NULL);
  trm_cancel_close(&marks);
  trm_solver_close(&solver);
}

typedef struct feed {
  outcome out;
  int given, left, refused;
  trm_state *state; /* of puzzle 0 */
} feed;

/* Now and then the source has none; one puzzle wants one trajectory, one has an identifier that nobody knows. */
static trm_source_answer feed_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  feed *f = context;
  static int asked;
  if (f->given == N) return TRM_SOURCE_END;
  if (!wait && asked++ % 3) return TRM_SOURCE_NONE;
  memcpy(puzzle->tokens, inputs + number * CELLS, CELLS * sizeof *puzzle->tokens);
  puzzle->identifier = number == 5 ? IDENTIFIERS : identifiers[number];
  if (number == 0) puzzle->state = f->state;
  if (number == 7) puzzle->search = TRM_SEARCH_OFF;
  f->given++;
  return TRM_SOURCE_PUZZLE;
}

static void feed_leave(void *context, const trm_leave *leave) {
  feed *f = context;
  f->left++;
  f->refused += leave->solution->refused;
  assert_true(!leave->solution->refused == !leave->error);
  if (leave->answer) memcpy(f->out.answers + leave->puzzle * CELLS, leave->answer, CELLS * sizeof(int32_t));
  f->out.solutions[leave->puzzle] = *leave->solution;
}

static int take_state(void *context, const trm_step *step) {
  feed *f = context;
  trm_error err = {0};
  if (step->puzzle == 0 && step->chain == 1 && step->step == 1)
    CHECK_OK(trm_state_take(step->place, &f->state, &err), err);
  return TRM_STEP_ON;
}

static void a_source_with_wishes(void **state) {
  (void)state;
  static outcome first;
  static feed f;
  trm_error err = {0};
  trm_solver_config config = vote_config(3, TRM_LEVEL_B, TRM_VOTE_CONFIDENT);
  config.halt = 0;
  solve_with(1, model, MODELS, &config, &first);
  trm_solver *solver = open_voters(2, model, MODELS, &config);
  trm_source source = trm_source_default();
  source.context = &f;
  source.next = feed_next;
  source.leave = feed_leave;
  for (int again = 0; again < 2; again++) { /* the second time puzzle 0 goes on from a state of the first model */
    f.given = f.left = f.refused = 0;
    CHECK_OK(trm_solve_source(solver, &source, again ? NULL : take_state, &f, &err), err);
    assert_true(f.left == N && f.refused == 1 && f.out.solutions[5].refused);
    assert_true(f.out.solutions[7].chains == 1 && f.out.solutions[7].steps == own_steps[0]);
    for (int i = 0; i < N; i++)
      if (i != 5 && i != 7) assert_same(&first, &f.out, i);
  }
  const trm_solve_stats stats = trm_solver_last_stats(solver);
  assert_true(stats.puzzles == N - 1 && stats.steps == stats.computed && stats.full == 0);
  trm_state_close(&f.state);
  trm_solver_close(&solver);
}

/* -- opening ------------------------------------------------------------------------------------------------------- */

static void each_has_its_own_values(void **state) {
  (void)state;
  trm_solver_config config = vote_config(0, TRM_LEVEL_C, TRM_VOTE_FIRST);
  trm_solver *solver = open_voters(1, model, MODELS, &config);
  for (int m = 0; m < MODELS; m++) {
    const trm_solver *one = trm_solver_voter(solver, m);
    assert_int_equal(trm_solver_get_values(one).max_steps.value, own_steps[m]);
    assert_int_equal(trm_solver_model_config(one)->hidden_size, other_config(m).hidden_size);
  }
  assert_ptr_equal(trm_solver_voter(solver, 0), solver);
  assert_true(!trm_solver_voter(solver, MODELS) && !trm_solver_voter(solver, -1));
  assert_int_equal(trm_solver_get_level(solver), TRM_LEVEL_C);
  trm_solver_close(&solver);
}

#define OTHER_TASK(kind, width, alphabet)                                                                              \
  "{\"kind\":\"" kind "\",\"width\":" width ",\"height\":4,\"box_width\":0,\"box_height\":0,"                          \
  "\"vocab_size\":6,\"alphabet\":\"" alphabet "\"}"

static void models_that_do_not_fit(void **state) {
  (void)state;
  trm_error err = {0};
  trm_solver *solver = NULL;
  const trm_solver_config config = vote_config(0, TRM_LEVEL_B, TRM_VOTE_FIRST);
  static const struct {
    const char *task, *what;
    int64_t seq_len;
  } cases[] = {{OTHER_TASK("generic", "4", "abcde"), "task: found ", CELLS},
               {OTHER_TASK("turns", "8", "abcde"), "seq_len: found 32, expected 16 as in ", 2 * CELLS},
               {OTHER_TASK("turns", "4", "abcdf"), "alphabet: found \"abcdf\", expected \"abcde\" as in ", CELLS}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trm_model_config other = test_config(1);
    other.seq_len = cases[i].seq_len;
    trm_model *bad = write_model(9, &other, cases[i].task, 2);
    const trm_model *const both[] = {model[0], bad};
    CHECK_FAILS(trm_solver_open_voters(&solver, runtime[0], both, 2, &config, &err), TRM_E_INPUT, err, cases[i].what);
    assert_non_null(strstr(err.where, "9.safetensors"));
    assert_non_null(strstr(err.message, "0.safetensors; name models of the same puzzles, or leave one of them out"));
    assert_null(solver);
    trm_model_close(&bad);
  }
}

static void options_that_cannot_be(void **state) {
  (void)state;
  trm_error err = {0};
  trm_solver *solver = NULL;
  trm_solver_config config = trm_solver_config_default();
  CHECK_FAILS(trm_solver_open_voters(&solver, runtime[0], model, 0, &config, &err), TRM_E_USAGE, err, "found 0 models");
  CHECK_FAILS(trm_solver_open_voters(&solver, runtime[0], model, TRM_VOTERS_MOST + 1, &config, &err), TRM_E_USAGE, err,
              "expected 1 to 64");
  config.search = 40;
  CHECK_FAILS(trm_solver_open_voters(&solver, runtime[0], model, 2, &config, &err), TRM_E_USAGE, err,
              "beside models that vote");
  config.search = TRM_SEARCH_USUAL; /* which gives way, as it does to votes */
  config.level = TRM_LEVEL_A;
  CHECK_FAILS(trm_solver_open_voters(&solver, runtime[0], model, 2, &config, &err), TRM_E_USAGE, err, "leave it out");
  config.level = TRM_LEVEL_USUAL;
  config.votes = TRM_CHAINS_MOST;
  CHECK_FAILS(trm_solver_open_voters(&solver, runtime[0], model, 2, &config, &err), TRM_E_USAGE, err, "1024 chains");
  config.votes = 1;
  solver = open_voters(1, model, 2, &config);
  assert_int_equal(trm_solver_get_search(solver), own_steps[0] + own_steps[1]);
  trm_solver_close(&solver);
}

/* Every allocation fails once: nothing is left open, and the error says so. */
static void without_memory(void **state) {
  (void)state;
  const trm_solver_config config = vote_config(2, TRM_LEVEL_C, TRM_VOTE_FIRST);
  trm_solver *solver = open_voters(1, model, 2, &config); /* what the runtime keeps is there now */
  trm_solver_close(&solver);
  size_t used = trm__mem_used();
  (void)trm__mem_fail_at(0);
  solver = open_voters(1, model, 2, &config);
  trm_solver_close(&solver);
  size_t count = trm__mem_fail_at(0);
  assert_true(count > 50);
  for (size_t i = 1; i <= count; i++) {
    trm_error err = {0};
    (void)trm__mem_fail_at(i);
    trm_status status = trm_solver_open_voters(&solver, runtime[0], model, 2, &config, &err);
    (void)trm__mem_fail_at(0);
    if (!status) trm_solver_close(&solver); /* what failed was not needed */
    else assert_int_equal(status, TRM_E_MEMORY);
    assert_null(solver);
    assert_int_equal(trm__mem_used(), used);
  }
}

int main(void) {
  trm_error err = {0};
  assert_true(turns_register());
  check_temp_dir(dir);
  for (int i = 0; i < 2; i++) {
    trm_runtime_config config = trm_runtime_config_default();
    config.threads = i + 1;
    CHECK_OK(trm_runtime_open(&runtime[i], &config, &err), err);
  }
  for (int m = 0; m < MODELS; m++) {
    const trm_model_config config = other_config(m);
    model[m] = write_model(m, &config, TURNS_TASK, own_steps[m]);
  }
  test_puzzles(inputs, identifiers, N, 5);
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_surest_of_all),
                                     cmocka_unit_test(the_first_of_all),
                                     cmocka_unit_test(a_model_beside_itself),
                                     cmocka_unit_test(same_at_any_batch),
                                     cmocka_unit_test(ended_early),
                                     cmocka_unit_test(a_source_with_wishes),
                                     cmocka_unit_test(each_has_its_own_values),
                                     cmocka_unit_test(models_that_do_not_fit),
                                     cmocka_unit_test(options_that_cannot_be),
                                     cmocka_unit_test(without_memory)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  for (int m = 0; m < MODELS; m++) {
    trm_model *one = (trm_model *)(uintptr_t)model[m];
    trm_model_close(&one);
  }
  for (int i = 0; i < 2; i++) trm_runtime_close(&runtime[i]);
  check_remove(dir);
  return failed;
}
