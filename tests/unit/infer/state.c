/* States: taken out after every step, written to disk, and put back into another slot, batch and number of threads,
 * puzzles end with the bits of those that never left. And what is refused. */
#include "unit/infer/support.h"

#include <stdio.h>

#include "base/os/file.h"
#include "infer/engine.h"
#include "infer/state.h"

enum { N = 200, STEPS = 5 };

static int32_t inputs[N * CELLS], identifiers[N];

/* Everything that a step reports. */
typedef struct shown {
  int32_t answer[CELLS];
  float confidence[CELLS], q;
} shown;

/* One call: puzzles that start where `from` says, and what their steps give. */
typedef struct call {
  int64_t count, given;
  const int *order;       /* [count] puzzles; NULL: 0, 1, 2, ... */
  trm_state *const *from; /* [count] or NULL */
  shown (*seen)[STEPS];   /* [N] */
  const char *save;       /* folder: states of all steps are saved there; or NULL */
  int refused;
  trm_error error;
} call;

static trm_source_answer call_next(void *context, int64_t number, int wait, trm_puzzle *puzzle) {
  call *c = context;
  (void)wait;
  if (number == c->count) return TRM_SOURCE_END;
  int p = c->order ? c->order[number] : (int)number;
  memcpy(puzzle->tokens, inputs + p * CELLS, CELLS * sizeof *puzzle->tokens);
  puzzle->identifier = identifiers[p];
  puzzle->max_steps = STEPS;
  puzzle->halt_threshold = (double)INFINITY;
  puzzle->state = c->from ? c->from[number] : NULL;
  if (!c->from) puzzle->noise_name = (uint64_t)p; /* a state brings its own */
  return TRM_SOURCE_PUZZLE;
}

static void state_path(char *path, size_t size, const char *folder, int puzzle, int step) {
  (void)snprintf(path, size, "%s/%d-%d.state", folder, puzzle, step);
}

static int call_step(void *context, const trm_step *step) {
  const call *c = context;
  int p = c->order ? c->order[step->puzzle] : (int)step->puzzle;
  shown *s = &c->seen[p][step->step - 1];
  memcpy(s->answer, step->answer, sizeof s->answer);
  memcpy(s->confidence, step->confidence, sizeof s->confidence);
  s->q = step->q;
  if (!c->save) return TRM_STEP_ON;
  trm_error err = {0};
  trm_state *state = NULL;
  char path[128];
  CHECK_OK(trm_state_take(step->place, &state, &err), err);
  trm_state_info info = trm_state_describe(state);
  assert_true(info.cells == CELLS && info.steps == step->step && info.identifier == identifiers[p]);
  assert_true(info.q == step->q && info.noise_name == (uint64_t)p);
  assert_memory_equal(info.question, inputs + p * CELLS, sizeof s->answer);
  assert_memory_equal(info.answer, step->answer, sizeof s->answer);
  assert_memory_equal(info.confidence, step->confidence, sizeof s->confidence);
  state_path(path, sizeof path, c->save, p, step->step);
  CHECK_OK(trm_state_save(state, path, &err), err);
  trm_state_close(&state);
  return TRM_STEP_ON;
}

static void call_leave(void *context, const trm_leave *leave) {
  call *c = context;
  c->refused += leave->solution->refused;
  if (leave->error) c->error = *leave->error;
}

static void run_call(trm_solver *solver, call *c) {
  trm_error err = {0};
  trm_source source = trm_source_default();
  source.puzzles = c->count;
  source.context = c;
  source.next = call_next;
  source.leave = call_leave;
  CHECK_OK(trm_solve_source(solver, &source, call_step, c, &err), err);
}

static trm_solver *open_solver(trm_runtime *runtime, const trm_model *model, int64_t batch, int dtype, double noise) {
  trm_error err = {0};
  trm_solver *solver = NULL;
  trm_solver_config config = trm_solver_config_default();
  config.batch = batch;
  config.dtype = dtype;
  config.start_noise = config.latent_noise = noise;
  CHECK_OK(trm_solver_open(&solver, runtime, model, &config, &err), err);
  return solver;
}

/* Loads the states of step k of all puzzles, in the order given. */
static void load_states(trm_state **states, const int *order, int count, const char *folder, int step) {
  trm_error err = {0};
  char path[128];
  for (int i = 0; i < count; i++) {
    state_path(path, sizeof path, folder, order[i], step);
    CHECK_OK(trm_state_load(&states[i], path, &err), err);
  }
}

static void check_model(int count, int mixer, int dtype, double noise) {
  fixture f;
  trm_error err = {0};
  static shown stayed[N][STEPS], moved[N][STEPS];
  static trm_state *states[N];
  static int order[N];
  fixture_open(&f, mixer, 1, NULL);
  trm_runtime *threads = NULL;
  trm_runtime_config config = trm_runtime_config_default();
  config.threads = 3;
  CHECK_OK(trm_runtime_open(&threads, &config, &err), err);
  trm_solver *solver = open_solver(f.runtime, f.model, 8, dtype, noise);
  run_call(solver, &(call){.count = count, .seen = stayed, .save = f.dir});
  trm_solver_close(&solver);
  for (int step = 1; step < STEPS; step++) {
    for (int i = 0; i < count; i++) order[i] = (i * 7 + 11 * step) % count; /* 7 divides no count */
    load_states(states, order, count, f.dir, step);
    memset(moved, 0, sizeof moved);
    solver = open_solver(step % 2 ? threads : f.runtime, f.model, step, dtype, noise);
    run_call(solver, &(call){.count = count, .order = order, .from = states, .seen = moved});
    trm_solver_close(&solver);
    for (int i = 0; i < count; i++)
      assert_memory_equal(&moved[i][step], &stayed[i][step], (size_t)(STEPS - step) * sizeof(shown));
    for (int i = 0; i < count; i++) trm_state_close(&states[i]);
  }
  trm_runtime_close(&threads);
  fixture_close(&f);
}

static void puzzles_go_on_with_the_same_bits(void **state) {
  (void)state;
  check_model(N, 1, TRM_SOLVE_FLOAT32, 0);
  check_model(30, 0, TRM_SOLVE_FLOAT32, 0.2);
  check_model(30, 1, TRM_SOLVE_BFLOAT16, 0.2);
}

/* The state of puzzle 0 after its first step. */
typedef struct taken {
  trm_state *state;
} taken;

static int take_step(void *context, const trm_step *step) {
  taken *t = context;
  trm_error err = {0};
  if (step->puzzle == 0 && step->step == 1) CHECK_OK(trm_state_take(step->place, &t->state, &err), err);
  return TRM_STEP_ON;
}

static trm_state *take_first(trm_solver *solver) {
  trm_error err = {0};
  taken t = {0};
  int32_t answers[CELLS];
  CHECK_OK(trm_solve(solver, 1, inputs, identifiers, answers, NULL, take_step, &t, &err), err);
  assert_non_null(t.state);
  return t.state;
}

static void expect_refused(trm_solver *solver, trm_state *state, const char *message) {
  static shown seen[N][STEPS];
  call c = {.count = 1, .from = &state, .seen = seen};
  trm_error err = {0};
  run_call(solver, &c);
  assert_int_equal(c.refused, 1);
  if (!strstr(c.error.message, message)) fail_msg("\"%s\" is not in \"%s\"", message, c.error.message);
  assert_int_equal(c.error.code, TRM_E_INPUT);
  (void)trm_state_check(state, solver, &err);
}

static void what_does_not_fit_is_refused(void **state) {
  (void)state;
  fixture f, other;
  fixture_open(&f, 1, 1, NULL);
  fixture_open(&other, 0, 1, NULL);
  trm_solver *solver = open_solver(f.runtime, f.model, 1, TRM_SOLVE_FLOAT32, 0);
  trm_solver *bfloat16 = open_solver(f.runtime, f.model, 1, TRM_SOLVE_BFLOAT16, 0);
  trm_solver *another = open_solver(other.runtime, other.model, 1, TRM_SOLVE_FLOAT32, 0);
  trm_state *one = take_first(solver);
  char text[64];
  (void)snprintf(text, sizeof text, "it is of model %.12s", trm_model_get_checksum(f.model));
  expect_refused(another, one, text);
  expect_refused(bfloat16, one, "it was computed in float32, but the solver computes in bfloat16");
  trm_state_close(&one);
  trm_error err = {0};
  assert_int_equal(trm_state_take(NULL, &one, &err), TRM_E_USAGE);
  assert_null(one);
  trm_solver_close(&solver);
  trm_solver_close(&bfloat16);
  trm_solver_close(&another);
  fixture_close(&f);
  fixture_close(&other);
}

static int finish(void *context, const trm_step *step) {
  trm_state **out = context;
  trm_error err = {0};
  trm_state_close(out);
  CHECK_OK(trm_state_take(step->place, out, &err), err);
  return TRM_STEP_ON;
}

static void a_state_at_its_limit_is_refused(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  trm_state *last = NULL;
  int32_t answers[CELLS];
  fixture_open(&f, 1, 1, NULL);
  trm_solver *solver = fixture_solver(&f, 1, STEPS, 0, 0);
  CHECK_OK(trm_solve(solver, 1, inputs, identifiers, answers, NULL, finish, &last, &err), err);
  expect_refused(solver, last, "its state has taken 5 steps and its limit is 5");
  trm_state_close(&last);
  trm_solver_close(&solver);
  fixture_close(&f);
}

/* Every byte is under the checksum or decides what the checksum is compared with. */
static void damage_is_found(void **state) {
  (void)state;
  fixture f;
  trm_error err = {0};
  size_t size;
  fixture_open(&f, 1, 1, NULL);
  trm_solver *solver = fixture_solver(&f, 1, 2, 0, 0);
  trm_state *one = take_first(solver), *read = NULL;
  unsigned char *bytes = trm__calloc(1, 1 << 20);
  const void *whole = trm_state_bytes(one, &size);
  assert_true(size < 1 << 20);
  memcpy(bytes, whole, size);
  CHECK_OK(trm_state_from_bytes(&read, bytes, size, &err), err);
  trm_state_close(&read);
  for (size_t i = 0; i < size; i++) {
    bytes[i] ^= 0x41;
    if (!trm_state_from_bytes(&read, bytes, size, &err)) fail_msg("byte %zu may be damaged", i);
    assert_true(err.code == TRM_E_INPUT && err.message[0]);
    bytes[i] ^= 0x41;
    if (!trm_state_from_bytes(&read, bytes, i, &err)) fail_msg("it may end after %zu bytes", i);
  }
  assert_int_equal(trm_state_from_bytes(&read, bytes, size + 1, &err), TRM_E_INPUT);
  assert_null(read);
  assert_int_equal(trm_state_load(&read, check_path(f.dir, "none.state"), &err), TRM_E_IO);
  trm__free(bytes);
  trm_state_close(&one);
  trm_solver_close(&solver);
  fixture_close(&f);
}

static int make_puzzles(void **state) {
  (void)state;
  test_puzzles(inputs, identifiers, N, 5);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(puzzles_go_on_with_the_same_bits), cmocka_unit_test(what_does_not_fit_is_refused),
      cmocka_unit_test(a_state_at_its_limit_is_refused), cmocka_unit_test(damage_is_found)};
  return cmocka_run_group_tests(tests, make_puzzles, NULL);
}
